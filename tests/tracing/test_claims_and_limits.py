"""Seeds that are odd, limits that bite and conversions in part, by hand: each has an outcome that is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chainflow.errors import BadInput, SeedUnknown
from chainflow.model import InputRecord, Outpoint, OutputRecord, Recipe
from chainflow.tracing import Claim, trace
from chainflow.tracing.policies import Coin, Slice
from chainflow.tracing.register import claim, parted
from tests.clustering.account_made import ledger as account_ledger
from tests.clustering.account_made import pay, token, txid, who
from tests.ledger.moves import SCAN, SCOUT, ledger_of, reply
from tests.made import ledger, origin, tx
from tests.tracing.test_trace import SEED, THEFT, address, next_tx

STOLEN = pay("victim", "ann", 10, 1, txid=txid(901))
PAID = pay("ann", "ben", 10, 2, txid=txid(902))


def test_a_claim_of_more_digits_than_any_amount_has_is_refused():
    with pytest.raises(BadInput, match="no amount to claim"):
        Claim.parse(f"{SEED}={'9' * 5_000}")


def test_the_recipe_names_every_seed_of_a_label_that_reads_like_a_seed():
    trail = trace(ledger(THEFT), {SEED: [SEED, f"{THEFT.txid}:1"]})
    assert trail.recipe.parameters["seeds"] == {SEED: [SEED, f"{THEFT.txid}:1"]}
    assert trace(ledger(THEFT), trail.recipe.parameters["seeds"]).digest == trail.digest


def test_two_labels_that_read_alike_are_refused():
    with pytest.raises(BadInput, match="read alike"):
        trace(ledger(THEFT), {1: SEED, "1": f"{THEFT.txid}:1"})


def test_a_collision_names_who_was_first():
    frame = trace(ledger(THEFT), {"ann": f"{SEED}=30", "ben": SEED}).collisions
    assert frame.to_dict("records") == [
        {"place": SEED, "label": "ben", "amount_raw": 30, "claimed_by": "ann"},
    ]
    _, got, refusal = claim(Coin.of(10, {0: 4, 1: 3}), 1, None)
    assert (got, refusal.amount, refusal.holders) == (3, 4, (0,))


def test_a_seed_in_dispute_ends_as_such_and_is_not_left_out():
    made = ledger_of(reply(1, SCAN, STOLEN, PAID), reply(2, SCOUT, replace(PAID, value_raw=9, stated_raw=9)))
    trail = trace(made, PAID.txid)
    assert trail.balance == {"disputed: sources disagree": trail.seed_sat}
    assert trail.seed_sat > 0
    back = trace(made, PAID.txid, direction="backward")
    assert back.balance == trail.balance


def test_a_coin_that_two_blocks_spend_is_followed_into_neither():
    one, two = (next_tx(THEFT, 0, [(90 - n, f"x{n}")], height=101 + n) for n in (0, 1))
    trail = trace(ledger(THEFT, one, two), SEED)
    assert trail.balance == {"disputed: sources disagree": 90}
    assert trace(ledger(THEFT, one), SEED).balance == {"unknown: not in evidence": 90}


def test_burnt_tokens_are_no_seed():
    (burn,) = token("ann", "ben", 5, 3, signer=None)
    with pytest.raises(SeedUnknown):
        trace(account_ledger(STOLEN, replace(burn, recipient=None)), burn.txid)


def test_an_account_transaction_may_be_written_in_capitals():
    mixed = replace(STOLEN, txid="0x" + "ab" * 32)
    trail = trace(account_ledger(mixed, PAID), "0x" + "AB" * 32)
    assert trail.seed_sat == 10
    assert trail.explain("0x" + "AB" * 32).tainted_raw == 10


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_amounts_of_less_than_nothing_are_refused(direction):
    with pytest.raises(BadInput, match="-5"):
        trace(
            account_ledger(STOLEN, replace(PAID, value_raw=-5, stated_raw=-5)),
            STOLEN.txid,
            direction=direction,
        )
    odd = replace(
        tx([(THEFT.txid, 0, 90, "thief")], [(5, "x")], height=101),
        inputs=(InputRecord(Outpoint("9" * 64, 0), OutputRecord(-5, ""), 0),),
        raw=None,
    )
    with pytest.raises(BadInput, match="-5 base units"):
        trace(ledger(THEFT, odd), SEED, direction=direction)


def test_a_limit_on_accounts_goes_where_the_most_is_not_where_the_first_is():
    small = [pay("ann", f"p{n}", 1, 2 + n, txid=txid(910 + n)) for n in range(4)]
    large = pay("ann", "big", 6, 20, txid=txid(920))
    on = pay("big", "end", 6, 21, txid=txid(921))
    made = account_ledger(STOLEN, *small, large, on)
    assert [move.txid for move in trace(made, STOLEN.txid, max_txs=2).moves] == [large.txid, on.txid]
    back = trace(made, [on.txid, small[0].txid], direction="backward", max_txs=1)
    assert [move.txid for move in back.moves] == [on.txid]
    assert back.balance["limit"] == 7


def test_within_counts_from_the_seed_and_earlier_block_times_are_not_late():
    early = replace(next_tx(THEFT, 0, [(90, "x")], height=101), time=THEFT.time - 50)
    assert trace(ledger(THEFT, early), SEED, within=0).balance == {"unknown: not in evidence": 90}


def test_an_address_that_was_not_clustered_ends_nothing():
    class Nobody:
        recipe = Recipe("cluster", {})

        def of(self, address):
            raise SeedUnknown(f"{address} is not in this ledger")

        def members(self, cluster):
            raise AssertionError

    trail = trace(
        ledger(THEFT, next_tx(THEFT, 0, [(90, "x")], height=101)), SEED, owners=Nobody(), max_cluster=1
    )
    assert trail.balance == {"unknown: not in evidence": 90}


def test_poison_backward_divides_an_account_among_all_labels():
    rows = [STOLEN, pay("ann", "ben", 4, 2, txid=txid(930)), pay("ann", "cat", 6, 3, txid=txid(931))]
    trail = trace(account_ledger(*rows), {"ben": txid(930), "cat": txid(931)}, "poison", direction="backward")
    there = trail.shares[trail.shares["place"] == STOLEN.txid]
    assert dict(zip(there["label"], there["tainted_raw"], strict=True)) == {"ben": 5, "cat": 5}


def test_moves_by_tiho_take_label_by_label_as_the_rule_does():
    sources = [tx([origin(5, "x", number=n)], [(5, name)]) for n, name in ((1, "a"), (2, "b"), (3, "c"))]
    meet = tx(
        [(one.txid, 0, 5, name) for one, name in zip(sources, "abc", strict=True)],
        [(10, "p"), (5, "q")],
        height=101,
    )
    first, second, third = (one.txid for one in sources)
    trail = trace(ledger(*sources, meet), {"A": [first, third], "B": [second]}, "tiho")
    into = {(move.from_address, move.to_outpoint.vout) for move in trail.moves}
    assert into == {(address("a"), 0), (address("c"), 0), (address("b"), 1)}


def test_libr_ends_what_each_payment_costs_a_claim():
    rows = [
        pay("bank", "ann", 4, 0),
        STOLEN,
        pay("ann", "shop", 8, 2),
        pay("ann", "ben", 1, 3, txid=txid(940)),
    ]
    made = account_ledger(*rows)
    trail = trace(made, {"v": STOLEN.txid, "w": txid(940)}, "libr")
    assert trail.balance == {"paid away: the rule follows no payment": 5, "unknown: not in evidence": 6}


def test_a_part_of_a_coin_is_converted_pro_rata():
    coin = Coin(10, (Slice(2, 4, 0), Slice(8, 2, 1)))
    gone, rest = parted(coin, 5)
    assert (gone.by_label, rest.by_label) == ({0: 2, 1: 1}, {0: 2, 1: 1})
    assert parted(coin, 10)[1].slices == ()
    assert parted(coin, 0) == (Coin(10), coin)


def test_a_seed_that_another_label_has_is_never_a_negative_line():
    trail = trace(account_ledger(STOLEN, PAID), {"a": who("ann"), "b": STOLEN.txid})
    assert min(trail.closing().to_pandas()["amount_raw"]) >= 0


@pytest.mark.parametrize("options", [{"dust_sat": 5}, {"direction": "backward"}])
def test_a_book_in_an_explanation_adds_up_where_a_receipt_is_traced_no_further(options):
    rows = [STOLEN, pay("eve", "ann", 3, 2, txid=txid(950)), pay("ann", "ben", 13, 3, txid=txid(951))]
    made = account_ledger(*rows, pay("ben", "cat", 13, 4, txid=txid(952)))
    seeds = [STOLEN.txid, txid(950)] if "dust_sat" in options else [txid(950), txid(952)]
    trail = trace(made, seeds, "lifo", **options)
    told = trail.explain(txid(952) if "dust_sat" in options else STOLEN.txid)
    assert told.steps
    assert all(step.total(incoming=True) == step.total(incoming=False) for step in told.steps)
