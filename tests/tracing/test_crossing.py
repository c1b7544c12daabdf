"""Conversions in a trace: what stops one, what it may not do, and how the books on both sides agree."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import chainflow as cf
from chainflow.addresses import address_of
from chainflow.errors import BadInput
from chainflow.ledger import Ledger, build
from chainflow.model import TransferRecord, TxRecord
from chainflow.tracing import Asset
from chainflow.tracing.conversions import Conversion, Conversions, Leg
from tests.clustering.account_made import ledger, pay, txid, who
from tests.ledger.moves import SCAN, move, reply
from tests.made import HERE, origin, script, tx

ETH = Asset("eth", None)


def coin(sender: str, payee: str, value: int, height: int, number: int, *, of: str = "USD") -> TransferRecord:
    """Return a transfer of a token in a transaction of its own."""
    return move(
        value,
        txid=txid(number),
        sender=who(sender),
        recipient=who(payee),
        contract=who(of),
        height=height,
        position=0,
        place="log:0",
        time=1_700_000_000 + 12 * height,
    )


def side(number: int, value: int, payee: str, *, of: str, place: str = "log:0") -> Leg:
    """Return one side of a conversion between tokens."""
    return Leg("eth", txid(number), place, Asset("eth", who(of)), who(payee), value)


def swap(paid: Leg, received: Leg, *, kind: str = "swap") -> Conversion:
    """Return a conversion that somebody's records assert."""
    return Conversion(paid, received, kind, "id", "one order", "the service's records")


SWAPPED = (
    coin("victim", "ann", 100, 100, 1),
    coin("ann", "pool", 100, 102, 3),
    coin("pool", "kraken", 90, 102, 4, of="EUR"),
    coin("other", "kraken", 50, 90, 5, of="EUR"),
    coin("kraken", "customer", 120, 110, 6, of="EUR"),
)
BY_SWAP = Conversions((swap(side(3, 100, "pool", of="USD"), side(4, 90, "kraken", of="EUR")),))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"stop": [who("kraken")]}, "service"),
        ({"targets": [who("kraken")]}, "reached"),
        ({"max_hops": 2}, "limit"),
    ],
)
def test_what_a_conversion_brings_is_stopped_like_anything_else(options, reason):
    trail = cf.trace(ledger(*SWAPPED), txid(1), conversions=BY_SWAP, contracts=(), **options)
    euro = Asset("eth", who("EUR"))
    assert trail.balance_of(euro) == {reason: 90}
    assert {end.address: end.hop for end in trail.end_rows() if end.asset == euro} == {who("kraken"): 2}


def test_hops_and_time_go_on_behind_a_conversion():
    made = ledger(*SWAPPED)
    trail = cf.trace(made, txid(1), conversions=BY_SWAP, contracts=())
    assert max(trail.ends["hop"]) == 3
    late = cf.trace(made, txid(1), conversions=BY_SWAP, contracts=(), within=60)
    assert late.balance_of(Asset("eth", who("EUR"))) == {"time": 90}


def test_a_conversion_that_the_ledger_contradicts_is_not_followed_and_is_named():
    wrong = Conversions((swap(side(3, 100, "pool", of="USD"), side(5, 50, "kraken", of="EUR")),))
    trail = cf.trace(ledger(*SWAPPED), txid(1), conversions=wrong, contracts=())
    assert trail.balance == {"unknown: not in evidence": 100}
    (row,) = trail.candidates.to_dict("records")
    assert (row["paid_raw"], row["why"].partition(":")[0]) == (100, "received before it was paid")


def test_one_receipt_is_not_claimed_by_two_conversions_however_they_write_it():
    rows = (
        coin("victim", "ann", 50, 100, 1),
        coin("victim", "ben", 50, 100, 2),
        coin("ann", "pool", 50, 101, 3),
        coin("ben", "pool", 50, 101, 4),
        coin("pool", "cat", 90, 102, 5, of="EUR"),
    )
    spelt = [side(5, 90, "cat", of="EUR", place=place) for place in ("log:0", "")]
    both = Conversions(tuple(swap(side(3 + n, 50, "pool", of="USD"), spelt[n]) for n in range(2)))
    trail = cf.trace(ledger(*rows), [txid(1), txid(2)], conversions=both, contracts=())
    assert len(trail.assets) == 1
    assert set(trail.candidates["why"]) == {"the receipt is used by another conversion too"}


def test_value_that_a_seed_claims_already_is_not_brought_a_second_time():
    rows = (*SWAPPED[:1], coin("ann", "pool", 100, 102, 3), coin("pool", "cat", 90, 102, 4, of="EUR"))
    there = Conversions((swap(side(3, 100, "pool", of="USD"), side(4, 90, "cat", of="EUR")),))
    trail = cf.trace(ledger(*rows), {"a": txid(1), "b": txid(4)}, conversions=there, contracts=())
    euro = Asset("eth", who("EUR"))
    assert trail.opened[euro] == {"a": 0, "b": 90}
    assert trail.converted_in[euro] == {"a": 0}
    assert trail.collisions.to_numpy().tolist() == [[f"{txid(4)}:log:0", "a", 90, "b"]]
    assert all(opening == closing for opening, closing in trail.closing().totals.values())


def both_chains(outputs: Sequence[TxRecord], transfers: Sequence[TransferRecord]) -> Ledger:
    """Build a ledger of two chains."""
    return build([(one, HERE) for one in outputs] + reply(2, SCAN, *transfers))


def bitcoin(owner: str) -> str:
    """Return the address of an owner on the made-up chain of coins."""
    return str(address_of(script(owner), "btc-regtest"))


def test_conversions_between_two_chains_that_lead_back_in_time_are_not_followed():
    paid = [pay("victim", "ann", 10, 100), pay("bridge", "ann", 10, 101), pay("ann", "bridge", 20, 102)]
    first = tx([origin(20, "vault")], [(20, "mule")], height=100)
    second = tx([(first.txid, 0, 20, "mule")], [(20, "bridge")], height=101)
    there = Leg("btc-regtest", first.txid, "0", Asset("btc-regtest", None), bitcoin("mule"), 20)
    back = Leg("btc-regtest", second.txid, "0", Asset("btc-regtest", None), bitcoin("bridge"), 20)
    loop = Conversions(
        (
            swap(Leg("eth", paid[2].txid, "", ETH, who("bridge"), 20), there, kind="bridge"),
            swap(back, Leg("eth", paid[1].txid, "", ETH, who("ann"), 10), kind="bridge"),
        )
    )
    made = both_chains([first, second], paid)
    trail = cf.trace(made, paid[0].txid, conversions=loop, contracts=(), coinjoins=())
    assert (trail.seed_sat, trail.legs) == (10, ())
    assert set(trail.candidates["why"]) == {"with others it would lead back before it was paid"}


def test_a_trace_goes_on_from_accounts_to_coins_and_both_books_close():
    paid = pay("victim", "bridge", 100, 100)
    out = tx([origin(90, "vault")], [(90, "cat")], height=100)
    onward = Leg("btc-regtest", out.txid, "0", Asset("btc-regtest", None), bitcoin("cat"), 90)
    over = Conversions((swap(Leg("eth", paid.txid, "", ETH, who("bridge"), 100), onward, kind="bridge"),))
    trail = cf.trace(both_chains([out], [paid]), paid.txid, conversions=over, contracts=(), coinjoins=())
    (leg,) = trail.legs
    assert (trail.balance, leg.balance) == ({"converted": 100}, {"unknown: not in evidence": 90})
    assert [(line.line, line.amount_raw) for line in leg.closing().lines] == [
        ("converted in", 90),
        ("unknown", 90),
    ]
    (through,) = leg.explain(f"{out.txid}:0").through
    assert through.startswith("On this way lies a conversion (bridge, evidence: id, 1 candidate)")


def test_backward_a_conversion_leads_to_what_was_paid_for_it():
    trail = cf.trace(ledger(*SWAPPED), txid(4), conversions=BY_SWAP, contracts=(), direction="backward")
    assert trail.balance_of(Asset("eth", who("EUR"))) == {"converted": 90}
    assert trail.converted_in == {Asset("eth", who("USD")): {txid(4): 100}}


def test_an_option_of_nothing_is_an_option():
    made = ledger(*SWAPPED)
    plain, none = (cf.trace(made, txid(1), contracts=(), **some) for some in ({}, {"within": 0}))
    assert plain.recipe.digest != none.recipe.digest
    assert (plain.balance, none.balance) == ({"unknown: not in evidence": 100}, {"time": 100})


@pytest.mark.parametrize(
    "wrong",
    [
        {"coinjoins": ["zz"]},
        {"conversions": "swaps.csv"},
        {"seeds": {"": txid(1)}},
        {"seeds": None},
        {"owners": object(), "max_cluster": 3},
    ],
)
def test_what_would_silently_change_a_trace_is_refused(wrong):
    with pytest.raises(BadInput):
        cf.trace(ledger(*SWAPPED), **{"seeds": txid(1), "contracts": (), **wrong})


def test_a_transfer_without_a_time_keeps_its_place_beside_one_without_a_height():
    timeless = [
        move(
            100,
            txid=txid(n),
            sender=who(a),
            recipient=who(b),
            contract=who("USD"),
            height=h,
            position=0,
            place="log:0",
        )
        for n, a, b, h in ((1, "victim", "ann", 100), (2, "ann", "ben", 101))
    ]
    stranger = move(
        5,
        txid=txid(3),
        sender=who("x"),
        recipient=who("y"),
        contract=who("USD"),
        time=1_700_000_000,
        place="log:0",
    )
    ends = [
        next(cf.trace(ledger(*rows), txid(1), contracts=()).end_rows()).address
        for rows in (timeless, [*timeless, stranger])
    ]
    assert ends == [who("ben"), who("ben")]
