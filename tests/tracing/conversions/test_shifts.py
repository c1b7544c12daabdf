"""X-1: deposits and withdrawals of a service, matched by amount and time."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.prices import PricePoint, Prices
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import FixedRates, IdRow, PriceRates, Shifts, find_conversions
from tests.clustering.account_made import ETHER, pay, txid, who
from tests.clustering.account_made import ledger as account_ledger
from tests.made import ledger, origin, tx
from tests.tracing.conversions.conversions_made import BTC, COIN, ETH, RATE, address, measured, shifts_made

SERVICES = {address("shifter"): "S", who("shifter"): "S"}
IN = tx(
    [origin(2 * COIN, "ann")], [(COIN, "shifter"), (COIN - 500, "ann")], height=2, chain="btc"
)  # at 1,200 s


def out(value=15 * ETHER, seconds=1500, *, to="ben", number=1, sender="shifter"):
    return pay(sender, to, value, seconds // 12, txid=txid(number))


def found(*payouts, deposits=(IN,), **given):
    rules = Shifts(**{"services": SERVICES, "rates": FixedRates({(BTC, ETH): RATE})} | given)
    return find_conversions((ledger(*deposits), account_ledger(payouts)), shifts=rules)


def test_one_payout_of_the_expected_amount_soon_after_is_a_match():
    (one,) = found(out())
    assert (one.evidence, one.kind, one.candidates, one.paid.place) == ("amount and time", "bridge", 1, "0")
    assert one.reason == "300 s later, 0 % off what was expected"


@pytest.mark.parametrize(
    ("value", "seconds", "count"),
    [
        (15 * ETHER * 101 // 100, 1500, 1),
        (15 * ETHER * 101 // 100 + 1, 1500, 0),
        (15 * ETHER * 99 // 100, 1500, 1),
        (15 * ETHER * 99 // 100 - 1, 1500, 0),
        (15 * ETHER, 1200, 1),
        (15 * ETHER, 1188, 0),
        (15 * ETHER, 4800, 1),
        (15 * ETHER, 4812, 0),
    ],
)
def test_window_and_tolerance_are_exact_and_include_their_ends(value, seconds, count):
    assert len(found(out(value, seconds))) == count


def test_the_fee_is_taken_off_what_is_expected():
    assert len(found(out(15 * ETHER * 98 // 100), fee="0.02", tolerance=0)) == 1
    assert len(found(out(), fee="0.02", tolerance=0)) == 0


def test_two_payouts_that_fit_are_both_shown_and_none_is_chosen():
    made = found(out(), out(15 * ETHER + 7, number=2, to="cat"))
    assert [one.candidates for one in made] == [2, 2]
    assert len(made.followed) == 0


def test_two_deposits_that_fit_one_payout_are_no_match_either():
    other = tx([origin(2 * COIN, "dan", number=9)], [(COIN, "shifter")], height=2, chain="btc")
    assert [one.candidates for one in found(out(), deposits=(IN, other))] == [2, 2]


def test_services_are_kept_apart_and_their_own_payments_are_no_shift():
    assert len(found(out(sender="rival"), services={**SERVICES, who("rival"): "R"})) == 0
    assert len(found(out(to="shifter 2"), services={**SERVICES, who("shifter 2"): "S"})) == 0
    assert len(found(out(sender="stranger"))) == 0


def test_without_a_rate_nothing_is_matched_and_that_is_said():
    made = found(out(), rates=FixedRates({}))
    assert len(made) == 0
    assert "there is no rate" in made.notes[0]


def test_what_an_id_has_joined_is_not_matched_again():
    both = (ledger(IN), account_ledger([out(), out(number=2)]))
    rules = Shifts(SERVICES, FixedRates({(BTC, ETH): RATE}))
    ids = [IdRow("7", "btc", IN.txid, "paid", "S", "0"), IdRow("7", "eth", txid(1), "received", "S")]
    assert [one.evidence for one in find_conversions(both, shifts=rules, ids=ids)] == ["id"]


def test_prices_give_the_exact_rate_of_base_units():
    rows = [
        PricePoint("BTC", "USD", 1000, "x", Decimal("30000")),
        PricePoint("ETH", "USD", 1000, "x", Decimal("2000")),
    ]
    rates = PriceRates(Prices.of(rows), {Asset("eth", "0x" + "a" * 40): 6}, within=timedelta(hours=1))
    assert rates.at(BTC, ETH, 2000) == RATE
    assert rates.at(ETH, BTC, 2000) == 1 / RATE
    assert rates.at(BTC, ETH, 10_000) is None
    assert rates.at(BTC, Asset("eth", "0x" + "a" * 40), 2000) is None


@pytest.mark.parametrize(
    "given",
    [
        {"services": {}},
        {"tolerance": 0.01},
        {"tolerance": "1"},
        {"fee": "-0.1"},
        {"fee": "x"},
        {"window_seconds": -1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(given):
    with pytest.raises(BadInput):
        Shifts(**{"services": SERVICES, "rates": FixedRates({})} | given)
    with pytest.raises(BadInput, match="a rate of"):
        FixedRates({(BTC, ETH): 1.5}).at(BTC, ETH, 0)


AMOUNTS = st.lists(st.tuples(st.integers(95, 105), st.integers(0, 40)), min_size=1, max_size=5)


@given(AMOUNTS, AMOUNTS, st.sampled_from(["0", "0.01", "0.05"]))
@settings(max_examples=50, deadline=None)
def test_the_pairs_are_those_that_comparing_each_with_each_gives(deposits, payouts, tolerance):
    ins = [
        tx([origin(10**9, "ann", number=n + 1)], [(v, "shifter")], height=h, chain="btc")
        for n, (v, h) in enumerate(deposits)
    ]
    outs = [out(v, h * 600, number=n) for n, (v, h) in enumerate(payouts)]
    made = found(*outs, deposits=ins, rates=FixedRates({(BTC, ETH): 1}), tolerance=tolerance)
    pairs = {
        (ins[n].txid, txid(m))
        for n, (v, h) in enumerate(deposits)
        for m, (w, g) in enumerate(payouts)
        if 0 <= (g - h) * 600 <= 3600 and abs(w - v) <= Fraction(tolerance) * v
    }
    assert {(one.paid.txid, one.received.txid) for one in made} == pairs
    for one in made:
        fits = [sum(one.paid.txid == a for a, _ in pairs), sum(one.received.txid == b for _, b in pairs)]
        assert one.candidates == max(fits)


@pytest.mark.parametrize(
    ("background", "window_seconds", "tolerance", "counts"),
    [
        (100, 900, "0.005", (80, 2, 10, 2)),
        (100, 3600, "0.0005", (29, 0, 11, 0)),
        (100, 3600, "0.005", (159, 0, 41, 0)),
        (100, 3600, "0.02", (143, 0, 57, 1)),
        (1000, 900, "0.005", (67, 2, 31, 26)),
        (1000, 3600, "0.0005", (27, 2, 23, 7)),
        (1000, 3600, "0.005", (127, 0, 73, 41)),
        (1000, 3600, "0.02", (87, 0, 113, 102)),
    ],
)
def test_the_table_of_the_page_is_what_is_measured(background, window_seconds, tolerance, counts):
    made = shifts_made(1, shifts=200, background=background, hours=24)
    assert measured(made, window_seconds=window_seconds, tolerance=tolerance) == counts
