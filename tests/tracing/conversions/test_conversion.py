"""A conversion as a value, and how taint goes through it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.tracing.conversions import Conversions, convert
from tests.tracing.conversions.conversions_made import conversion

AMOUNTS = st.integers(1, 10**30)


def test_a_tenth_of_a_payment_taints_a_tenth_of_the_receipt_rounded_down():
    assert [convert(conversion(10, 7), n) for n in (0, 1, 5, 9, 10)] == [0, 0, 3, 6, 7]


@given(AMOUNTS, AMOUNTS, st.data())
@settings(max_examples=100)
def test_the_whole_becomes_the_whole_and_more_never_becomes_less(paid, received, data):
    one = conversion(paid, received)
    less, more = sorted(data.draw(st.lists(st.integers(0, paid), min_size=2, max_size=2)))
    assert (convert(one, 0), convert(one, paid)) == (0, received)
    assert convert(one, less) <= convert(one, more)
    assert convert(one, less) + convert(one, paid - less) in (received - 1, received)


@pytest.mark.parametrize("tainted", [-1, 11])
def test_more_than_was_paid_cannot_be_tainted(tainted):
    with pytest.raises(BadInput):
        convert(conversion(10, 7), tainted)


def test_only_unique_and_chosen_conversions_are_followed():
    both = [conversion(10, amount, candidates=2) for amount in (7, 8)]
    found = Conversions(tuple(both))
    assert len(found.followed) == 0
    chosen = found.choose(both[1], by="A. Analyst")
    assert [one.received.amount_raw for one in chosen.followed] == [8]
    assert [one.chosen_by for one in chosen] == ["", "A. Analyst"]
    assert chosen.digest != found.digest
    assert len(found.followed) == 0


def test_a_choice_needs_a_name_and_a_conversion_of_the_set():
    found = Conversions((conversion(candidates=2),))
    with pytest.raises(BadInput):
        found.choose(conversion(candidates=2), by=" ")
    with pytest.raises(BadInput):
        found.choose(conversion(99), by="A. Analyst")


def test_a_leg_of_two_movements_is_found_by_each_of_them():
    one = conversion()
    joined = type(one.paid)("eth", one.received.txid, "log:3+log:5", one.received.asset, "", 9)
    found = Conversions((type(one)(joined, one.received, "swap", "same transaction", "", "one transaction"),))
    assert set(found.by_paid) == {("eth", joined.txid, "log:3"), ("eth", joined.txid, "log:5")}
    assert set(found.by_received) == {("eth", one.received.txid, "")}


def test_order_and_doubles_change_nothing():
    one, other = conversion(10), conversion(11)
    assert Conversions((one, other, one)).digest == (Conversions((other,)) + Conversions((one,))).digest
    assert "2 conversions" in repr(Conversions((one, other, one)))
