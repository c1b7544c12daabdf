"""Pass-through, U-turn and round trip."""

import pytest

from chainflow.tracing.conversions import Conversion, Conversions, Leg, find_crossings
from tests.clustering.account_made import ledger as account_ledger
from tests.clustering.account_made import pay, txid, who
from tests.made import ledger, origin, tx
from tests.tracing.conversions.conversions_made import BTC, ETH, address

START = tx([origin(1000, "ann")], [(900, "shifter")], height=10, chain="btc")  # at 6,000 s


def back(to="ann", *, height=13, number=2):
    return tx([origin(5000, "shifter", number=number)], [(880, to)], height=height, chain="btc")


def crossings(*, sender="ben", paid=900, seconds=7000, home=None, **given):
    """Return what is found where btc went to Ben's ether, and `paid` of ether came back as btc."""
    home = home or back()
    eth = account_ledger(pay("shifter", "ben", 900, 6600 // 12, txid=txid(1)),
                         pay(sender, "shifter", paid, seconds // 12, txid=txid(2)))  # fmt: skip
    out = Conversion(Leg("btc", START.txid, "0", BTC, address("shifter"), 900), Leg("eth", txid(1), "", ETH, who("ben"), 900),
                     "bridge", "id", "", "S")  # fmt: skip
    owner = address("ann") if home.outputs[0].script == back().outputs[0].script else address("cat")
    into = Conversion(Leg("eth", txid(2), "", ETH, who("shifter"), paid), Leg("btc", home.txid, "0", BTC, owner, 880),
                      "bridge", "id", "", "S")  # fmt: skip
    both = Conversions((out, into))
    assert both.checked(ledger(START, home), eth).refused == ()
    return find_crossings(both, ledger(START, home), eth, **given)


def named(hits):
    return [(one.pattern, one.link, one.k) for one in hits]


PASS = ("pass-through", "", 1)


def test_there_and_back_to_the_first_payer_is_a_round_trip():
    assert named(crossings()) == [PASS, PASS, ("U-turn", "address", 1), ("round trip", "address", 1)]


def test_back_to_somebody_else_is_a_u_turn_only():
    assert named(crossings(home=back("cat"))) == [PASS, PASS, ("U-turn", "address", 1)]


def test_an_amount_alone_links_within_the_tolerance():
    assert ("U-turn", "amount", 1) in named(crossings(sender="dan", paid=904))
    assert named(crossings(sender="dan", paid=905)) == [PASS, PASS]
    assert ("U-turn", "amount", 1) in named(crossings(sender="dan", paid=905, tolerance="0.01"))


@pytest.mark.parametrize(("seconds", "hits"), [(6588, 2), (6600, 4), (8400, 4), (8412, 2)])
def test_the_way_back_begins_within_the_window(seconds, hits):
    assert len(crossings(seconds=seconds)) == hits


def test_a_hit_shows_its_legs_and_with_what_it_was_found():
    turn = crossings()[2]
    assert [leg.chain for leg in turn.legs] == ["btc", "eth", "eth", "btc"]
    assert (turn.window_seconds, turn.tolerance) == (1800, "0.005")


def test_candidates_make_hits_ambiguous():
    both = Conversions(
        tuple(
            Conversion(Leg("btc", START.txid, "0", BTC, "", 900), Leg("eth", txid(n), "", ETH, "", 9), "bridge",
                       "amount and time", "", "amount and time", 2)
            for n in (1, 2)
        )
    )  # fmt: skip
    assert named(find_crossings(both)) == [("pass-through", "", 2)] * 2


def test_the_very_output_that_was_spent_links_better_than_its_address():
    got = tx([origin(1000, "shifter", number=7)], [(900, "ann")], height=10, chain="btc")
    paid = tx([(got.txid, 0, 900, "ann")], [(890, "shifter")], height=11, chain="btc")
    eth = account_ledger(
        pay("ben", "shifter", 50, 480, txid=txid(1)), pay("shifter", "ben", 49, 600, txid=txid(2))
    )
    out = Conversion(Leg("eth", txid(1), "", ETH, who("shifter"), 50), Leg("btc", got.txid, "0", BTC, address("ann"), 900),
                     "bridge", "id", "", "S")  # fmt: skip
    home = Conversion(Leg("btc", paid.txid, "0", BTC, address("shifter"), 890), Leg("eth", txid(2), "", ETH, who("ben"), 49),
                      "bridge", "id", "", "S")  # fmt: skip
    hits = find_crossings(Conversions((out, home)), ledger(got, paid), eth)
    assert named(hits) == [PASS, PASS, ("U-turn", "output", 1), ("round trip", "output", 1)]


def test_wraps_are_no_way_across():
    one = Conversion(
        Leg("eth", txid(1), "", ETH, "", 9), Leg("base", txid(2), "", ETH, "", 9), "wrap", "id", "", "S"
    )
    assert find_crossings(Conversions((one,))) == ()
