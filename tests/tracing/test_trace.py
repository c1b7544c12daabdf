"""`trace` by hand: where each branch ends, what is claimed, what time and order forbid."""

from __future__ import annotations

import dataclasses

import pytest

from chainflow.addresses import address_of
from chainflow.errors import AddressInvalid, BadInput, ChainflowError, PluginError, SeedUnknown
from chainflow.ledger.store import record_of
from chainflow.model import Outpoint, OutputRecord, SpendRecord
from chainflow.tags import Tags
from chainflow.tracing import Coin, Fifo, trace
from chainflow.wire import Transaction, TxInput, TxOutput
from tests.made import ledger, origin, script, tx

CHAIN = "btc-regtest"


def address(owner: str) -> str:
    found = address_of(script(owner), CHAIN)
    assert found is not None
    return found


def unspent(record, vout: int) -> SpendRecord:
    return SpendRecord(CHAIN, Outpoint(record.txid, vout), None, None)


def next_tx(record, vout: int, pays, **options):
    """Spend one output of a transaction alone."""
    value = record.outputs[vout].value_sat
    owner = bytes.fromhex(record.outputs[vout].script)[2:].decode().rstrip(".")
    return tx([(record.txid, vout, value, owner)], pays, **options)


THEFT = tx([origin(100, "victim")], [(90, "thief"), (8, "thief2")])
SEED = f"{THEFT.txid}:0"


def test_a_coin_known_to_be_unspent_ends_so():
    trail = trace(ledger(THEFT, unspent(THEFT, 0)), SEED)
    assert trail.balance == {"unspent": 90}
    assert (trail.seed_sat, len(trail.outputs), len(trail.ends)) == (90, 1, 1)


def test_a_coin_nobody_asked_about_is_unknown_not_unspent():
    assert trace(ledger(THEFT), SEED).balance == {"unknown: not in evidence": 90}


def test_a_spender_that_is_not_in_the_ledger_is_unknown():
    told = SpendRecord(CHAIN, Outpoint(THEFT.txid, 0), "f" * 64, 0)
    assert trace(ledger(THEFT, told), SEED).balance == {"unknown: not in evidence": 90}


def test_a_spender_with_an_input_of_unknown_value_is_not_guessed_at():
    spender = tx([(THEFT.txid, 0, 90, "thief"), origin(10, "x", number=2)], [(99, "y")], height=101)
    blind = dataclasses.replace(
        spender, inputs=(spender.inputs[0], dataclasses.replace(spender.inputs[1], prevout=None))
    )
    assert trace(ledger(THEFT, spender), SEED).balance == {"unknown: not in evidence": 90}
    trail = trace(ledger(THEFT, blind), SEED)
    assert trail.ends["txid"].tolist() == [THEFT.txid]


def test_fee_is_an_end_and_carries_its_share_of_taint():
    spender = next_tx(THEFT, 0, [(85, "fence")], height=101)
    trail = trace(ledger(THEFT, spender, unspent(spender, 0)), SEED)
    assert trail.balance == {"unspent": 85, "fee": 5}
    fee = trail.ends[trail.ends["reason"] == "fee"].iloc[0]
    assert (fee["txid"], fee["value_sat"], fee["tainted_sat"], fee["hop"]) == (spender.txid, 5, 5, 1)
    assert trail.ends["vout"].isna().tolist() == [False, True]


def test_a_remainder_that_is_all_fee_ends_as_fee():
    spender = next_tx(THEFT, 0, [(0, "fence")], height=101)
    assert trace(ledger(THEFT, spender), SEED).balance == {"fee": 90}


def test_a_service_ends_the_branch_and_is_named():
    spender = next_tx(THEFT, 0, [(50, "exchange"), (40, "thief")], height=101)
    later = next_tx(spender, 0, [(50, "customer")], height=102)
    tags = Tags.of_rows(
        [{"address": address("exchange"), "label": "Bitmarkt", "source": "https://example.org/tags"}]
    )
    for stop in (tags, [address("exchange")], address("exchange").upper()):
        trail = trace(ledger(THEFT, spender, later, unspent(spender, 1)), SEED, stop=stop)
        assert trail.balance == {"service": 50, "unspent": 40}
    named = trace(ledger(THEFT, spender, later), SEED, stop=tags).ends.set_index("reason")["tag"]
    assert named["service"] == "Bitmarkt"


def test_a_seed_is_not_stopped_by_its_own_tag():
    spender = next_tx(THEFT, 0, [(90, "thief")], height=101)
    trail = trace(ledger(THEFT, spender), SEED, stop=address("thief"))
    assert trail.balance == {"service": 90}
    assert trail.ends["txid"].tolist() == [spender.txid]


def test_op_return_burns_what_it_carries():
    raw = Transaction(
        2, (TxInput(THEFT.txid, 0, b"", 0),), (TxOutput(30, b"\x6a\x01x"), TxOutput(60, script("thief")))
    ).serialize()
    spender = record_of(
        raw, [OutputRecord(90, script("thief").hex())], chain=CHAIN, block=(101, "0" * 64, 0, None)
    )
    trail = trace(ledger(THEFT, spender, unspent(spender, 1)), SEED)
    assert trail.balance == {"unspent": 60, "burnt": 30}


def test_litecoins_hidden_pool_cannot_be_seen_through():
    pegged = tx([origin(100, "x")], [(100, "thief")], chain="ltc")
    pool = Transaction(
        2,
        (TxInput(pegged.txid, 0, b"", 0),),
        (TxOutput(60, b"\x58\x20" + b"p" * 32), TxOutput(40, script("out"))),
    )
    gather = record_of(pool.serialize(), [OutputRecord(100, script("thief").hex())], chain="ltc")
    made = ledger(pegged, gather)
    assert trace(made, pegged.txid).balance == {"unknown: not in evidence": 100}
    assert trace(made, f"{gather.txid}:1", direction="backward").balance == {"unknown: not in evidence": 40}


def test_dust_ends_and_counts_as_clean_where_it_is_spent():
    split = next_tx(THEFT, 0, [(4, "small"), (86, "big")], height=101)
    merge = tx([(split.txid, 0, 4, "small"), (split.txid, 1, 86, "big")], [(90, "end")], height=102)
    trail = trace(ledger(THEFT, split, merge), SEED, dust_sat=5)
    assert trail.balance == {"unknown: not in evidence": 86, "dust": 4}
    assert trail.outputs["tainted_sat"].tolist() == [90, 4, 86, 86]


def test_a_coinjoin_ends_the_branch_at_the_coin_that_entered():
    mix = tx(
        [(THEFT.txid, 0, 90, "thief"), origin(90, "other", number=2)], [(90, "a"), (90, "b")], height=101
    )
    stopped = trace(ledger(THEFT, mix), SEED, coinjoins=mix.txid)
    assert stopped.balance == {"coinjoin": 90}
    assert stopped.ends["txid"].tolist() == [THEFT.txid]
    assert trace(ledger(THEFT, mix), SEED, coinjoins=()).balance == {"unknown: not in evidence": 90}


def test_coinjoins_are_looked_for_unless_they_are_given():
    entrant = tx([origin(100_300, "x")], [(100_300, "thief")])
    others = [origin(100_000, f"r{number}", number=number) for number in range(2, 6)]
    mix = tx(
        [(entrant.txid, 0, 100_300, "thief"), *others], [(100_000, f"m{n}") for n in range(5)], height=101
    )
    assert trace(ledger(entrant, mix), entrant.txid).balance == {"coinjoin": 100_300}
    assert "coinjoin" not in trace(ledger(entrant, mix), entrant.txid, coinjoins=()).balance


def chain_of(length: int):
    facts = [THEFT]
    for number in range(length):
        facts.append(next_tx(facts[-1], 0, [(89 - number, f"hop{number}")], height=101 + number))
    return facts


def test_max_hops_counts_transactions():
    trail = trace(ledger(*chain_of(5)), SEED, max_hops=2)
    assert trail.balance == {"limit": 88, "fee": 2}
    assert trail.outputs["hop"].tolist() == [0, 1, 2]


def test_no_hop_at_all_ends_at_the_seed():
    assert trace(ledger(*chain_of(2)), SEED, max_hops=0).balance == {"limit": 90}


def test_max_txs_ends_everything_that_still_waits():
    trail = trace(ledger(*chain_of(5)), SEED, max_txs=3)
    assert trail.balance == {"limit": 87, "fee": 3}


def test_a_payment_before_the_theft_carries_nothing():
    before = tx([origin(50, "thief", number=2)], [(50, "exchange")], height=90)
    after = next_tx(THEFT, 0, [(90, "elsewhere")], height=101)
    trail = trace(ledger(before, THEFT, after), SEED, stop=address("exchange"))
    assert "service" not in trail.balance
    assert before.txid not in trail.outputs["txid"].tolist()


@pytest.mark.parametrize(("policy", "first"), [("fifo", 0), ("haircut", 1), ("poison", 1_000)])
def test_commingling_one_in_a_thousand(policy, first):
    stolen = tx([origin(1_000, "victim")], [(1_000, "thief")])
    pool = tx(
        [origin(999_000, "exchange", number=2), (stolen.txid, 0, 1_000, "thief")],
        [(1_000, "customer"), (999_000, "exchange")],
        height=101,
    )
    trail = trace(ledger(stolen, pool), stolen.txid, policy)
    paid = trail.outputs[(trail.outputs["txid"] == pool.txid) & (trail.outputs["vout"] == 0)]
    assert paid["tainted_sat"].sum() == first


def test_change_to_the_same_address_is_claimed_once():
    first = tx([origin(100, "x")], [(100, "thief")])
    second = next_tx(first, 0, [(30, "shop"), (70, "thief")], height=101)
    third = next_tx(second, 1, [(20, "shop"), (50, "thief")], height=102)
    made = ledger(first, second, third, *(unspent(second, 0), unspent(third, 0), unspent(third, 1)))
    trail = trace(made, address("thief"))
    assert trail.seed_sat == 100
    assert trail.balance == {"unspent": 100}
    assert trail.outputs.set_index(["txid", "vout"])["hop"][third.txid].tolist() == [1, 0]


def test_a_seed_that_is_partly_tainted_is_topped_up():
    mixed = tx(
        [(THEFT.txid, 0, 90, "thief"), origin(10, "x", number=2)], [(95, "thief"), (5, "y")], height=101
    )
    made = ledger(THEFT, mixed, unspent(mixed, 0), unspent(mixed, 1))
    trail = trace(made, address("thief"), "haircut")
    assert trail.outputs["tainted_sat"].tolist() == [90, 95, 5]
    assert trail.seed_sat == 90 + (95 - 85)


def test_each_seed_keeps_its_own_books_and_the_first_claim_wins():
    second = tx(
        [origin(10, "v2", number=2), (THEFT.txid, 0, 90, "thief")], [(60, "a"), (40, "b")], height=101
    )
    made = ledger(THEFT, second, unspent(second, 0))
    trail = trace(made, [SEED, second.txid])
    unknown = "unknown: not in evidence"
    assert trail.by_seed == {SEED: {"unspent": 50, unknown: 40}, second.txid: {"unspent": 10}}


def test_self_transfers_go_round_without_growing():
    facts = [THEFT]
    for number in range(10):
        facts.append(next_tx(facts[-1], 0, [(90, "thief")], height=101 + number))
    trail = trace(ledger(*facts), SEED, "poison")
    assert trail.balance == {"unknown: not in evidence": 90}
    assert trail.outputs["hop"].tolist() == list(range(11))


def test_backward_ends_at_the_coinbase():
    mined = dataclasses.replace(tx([origin(50, "nobody")], [(50, "miner")]), inputs=(), is_coinbase=True)
    paid = next_tx(mined, 0, [(30, "shop"), (15, "miner")], height=200)
    trail = trace(ledger(mined, paid), f"{paid.txid}:0", direction="backward")
    assert trail.balance == {"coinbase": 30}
    assert trail.outputs["hop"].tolist() == [0, 1]


def test_backward_has_no_fee_end_and_stops_where_the_evidence_does():
    spender = next_tx(THEFT, 0, [(45, "a"), (40, "b")], height=101)
    trail = trace(ledger(THEFT, spender), f"{spender.txid}:1", direction="backward")
    assert trail.balance == {"unknown: not in evidence": 40}
    assert trail.outputs["tainted_sat"].tolist() == [40, 40, 40]
    assert trail.ends["height"].isna().tolist() == [True]


def test_backward_stops_at_services_coinjoins_dust_and_limits():
    made = ledger(*chain_of(3))
    last = made.txs["txid"].to_pylist()[-1]
    back = {"direction": "backward"}
    assert trace(made, last, stop=address("hop1"), **back).balance == {"service": 87}
    assert trace(made, last, coinjoins=[THEFT.txid], **back).balance == {"coinjoin": 87}
    assert trace(made, last, dust_sat=88, **back).balance == {"dust": 87}
    assert trace(made, last, max_hops=1, **back).balance == {"limit": 87}
    assert trace(made, last, max_txs=1, **back).balance == {"limit": 87}


def test_backward_claims_an_ancestor_once():
    spender = next_tx(THEFT, 0, [(60, "thief"), (20, "b")], height=101)
    trail = trace(ledger(THEFT, spender), address("thief"), direction="backward")
    assert trail.seed_sat == 60 + 30
    assert trail.balance == {"unknown: not in evidence": 90}


def test_seeds_may_be_a_txid_an_outpoint_or_an_address():
    made = ledger(THEFT)
    assert trace(made, THEFT.txid).seed_sat == 98
    assert trace(made, Outpoint(THEFT.txid, 0)).seed_sat == 90
    assert trace(made, [address("thief2"), SEED]).seed_sat == 98


@pytest.mark.parametrize(
    ("seeds", "options", "error"),
    [
        ("e" * 64, {}, SeedUnknown),
        ("not an address", {}, AddressInvalid),
        ([], {}, BadInput),
        (SEED, {"policy": "dirty-first"}, BadInput),
        (SEED, {"direction": "sideways"}, BadInput),
        (SEED, {"max_hops": -1}, BadInput),
        (SEED, {"dust_sat": -1}, BadInput),
        (SEED, {"stop": ["bc1qmistyped"]}, AddressInvalid),
    ],
)
def test_what_cannot_be_traced_is_refused(seeds, options, error):
    with pytest.raises(error):
        trace(ledger(THEFT), seeds, **options)


def test_an_unknown_policy_is_told_the_known_ones():
    with pytest.raises(BadInput, match="fifo, haircut, lifo, poison, seniority, tiho, tilo"):
        trace(ledger(THEFT), SEED, "clayton")


def test_seeds_on_two_chains_are_refused():
    other = tx([origin(5, "x")], [(5, "y")], chain="ltc-regtest")
    with pytest.raises(BadInput, match="btc-regtest and ltc-regtest"):
        trace(ledger(THEFT, other), [SEED, other.txid])


class Leaky:
    """A plug-in that loses one base unit."""

    name = "leaky"
    conserves = True

    def spend(self, inputs, values):
        made = Fifo().spend(inputs, values)
        at = next(number for number, coin in enumerate(made) if coin.slices)
        made[at] = Coin(values[at], made[at].slices[:-1])
        return made


class Swelling(Leaky):
    """A plug-in that answers with other values than it was asked."""

    def spend(self, inputs, values):
        return [Coin(value + 1) for value in values]


class Mislabelling(Leaky):
    """A plug-in that keeps the sum and loses whose it is."""

    def spend(self, inputs, values):
        made = Fifo().spend(inputs, values)
        return [
            coin._replace(slices=tuple(piece._replace(label=9) for piece in coin.slices)) for coin in made
        ]


@pytest.mark.parametrize("policy", [Leaky(), Swelling()])
def test_a_policy_that_does_not_add_up_is_refused(policy):
    with pytest.raises(PluginError, match="leaky"):
        trace(ledger(*chain_of(1)), SEED, policy)


def test_a_policy_that_mixes_up_the_seeds_is_refused():
    with pytest.raises(ChainflowError, match=f"balance of {SEED} is off by 90"):
        trace(ledger(*chain_of(1)), SEED, Mislabelling())
