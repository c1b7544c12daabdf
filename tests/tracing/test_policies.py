"""The rules themselves: hand-computed answers, and what holds for all coins."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.tracing import Coin, Fifo, Haircut, Poison, Slice

POLICIES = (Fifo(), Haircut(), Poison())
FEW = settings(max_examples=60, deadline=None)


def tainted(coins: list[Coin]) -> list[int]:
    return [coin.tainted_sat for coin in coins]


def labels(coins: list[Coin]) -> dict[int, int]:
    total: dict[int, int] = {}
    for coin in coins:
        for label, amount in coin.by_label.items():
            total[label] = total.get(label, 0) + amount
    return total


def units(coins: list[Coin]) -> list[int | None]:
    """Write every base unit of coins out: its label, or None where it is clean."""
    written: list[int | None] = []
    for coin in coins:
        one: list[int | None] = [None] * coin.value_sat
        for start, length, label in coin.slices:
            one[start : start + length] = [label] * length
        written += one
    return written


@st.composite
def spendings(draw: st.DrawFn) -> tuple[list[Coin], list[int]]:
    """Return input coins with slices under up to three labels, and values with the same sum."""
    coins = []
    for _ in range(draw(st.integers(1, 4))):
        slices, at = [], 0
        for _ in range(draw(st.integers(0, 3))):
            start = at + draw(st.integers(0, 5))
            slices.append(Slice(start, draw(st.integers(1, 9)), draw(st.integers(0, 2))))
            at = start + slices[-1].length
        coins.append(Coin(at + draw(st.integers(0, 5)), tuple(slices)))
    total = sum(coin.value_sat for coin in coins)
    cuts = sorted(draw(st.lists(st.integers(0, total), max_size=4)))
    return coins, [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


def test_fifo_fills_outputs_in_order_and_the_fee_last():
    made = Fifo().spend([Coin(2), Coin(3, (Slice(0, 3, 7),)), Coin(3)], [3, 4, 1])
    assert made == [Coin(3, (Slice(2, 1, 7),)), Coin(4, (Slice(0, 2, 7),)), Coin(1)]


def test_fifo_keeps_whose_money_it_is():
    made = Fifo().spend([Coin(2, (Slice(0, 2, 0),)), Coin(2, (Slice(0, 2, 1),))], [3, 1])
    assert [coin.by_label for coin in made] == [{0: 2, 1: 1}, {1: 1}]


def test_haircut_spreads_pro_rata_fee_included():
    made = Haircut().spend([Coin(40, (Slice(0, 40, 0),)), Coin(60)], [50, 30, 20])
    assert tainted(made) == [20, 12, 8]


def test_haircut_divides_each_output_among_the_labels():
    made = Haircut().spend([Coin(30, (Slice(0, 30, 0),)), Coin(10, (Slice(0, 10, 1),))], [20, 20])
    assert [coin.by_label for coin in made] == [{0: 15, 1: 5}, {0: 15, 1: 5}]


def test_haircut_does_not_dump_its_rounding_into_the_fee():
    # BlockSci truncates each output: one tainted base unit of three over 1 + 1 and a fee of 1 all goes to the fee
    halves = Haircut().spend([Coin(2, (Slice(0, 2, 0),)), Coin(1)], [1, 1, 1])
    assert tainted(halves) == [0, 1, 1]


def test_poison_taints_every_output_and_the_fee_whole():
    assert tainted(Poison().spend([Coin(1, (Slice(0, 1, 0),)), Coin(9)], [8, 0, 2])) == [8, 0, 2]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_clean_inputs_stay_clean(policy):
    assert policy.spend([Coin(3), Coin(4)], [5, 1, 1]) == [Coin(5), Coin(1), Coin(1)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@FEW
@given(given_spending=spendings())
def test_every_policy_answers_with_coins_of_the_values_asked(policy, given_spending):
    inputs, values = given_spending
    made = policy.spend(inputs, values)
    assert [coin.value_sat for coin in made] == values
    for coin in made:
        assert all(piece.length > 0 for piece in coin.slices)
        ends = [0, *(piece.start + piece.length for piece in coin.slices)]
        assert all(end <= piece.start for end, piece in zip(ends, coin.slices, strict=False))
        assert ends[-1] <= coin.value_sat


@pytest.mark.parametrize("policy", [Fifo(), Haircut()], ids=lambda policy: policy.name)
@FEW
@given(given_spending=spendings())
def test_what_conserves_conserves_each_label_by_itself(policy, given_spending):
    inputs, values = given_spending
    assert labels(policy.spend(inputs, values)) == labels(inputs)


@FEW
@given(given_spending=spendings())
def test_fifo_equals_moving_unit_by_unit(given_spending):
    inputs, values = given_spending
    assert units(Fifo().spend(inputs, values)) == units(inputs)


@FEW
@given(given_spending=spendings())
def test_fifo_backward_undoes_fifo_forward(given_spending):
    inputs, values = given_spending
    back = Fifo().spend(Fifo().spend(inputs, values), [coin.value_sat for coin in inputs])
    assert units(back) == units(inputs)


@FEW
@given(given_spending=spendings())
def test_haircut_is_less_than_one_unit_off_its_exact_share(given_spending):
    inputs, values = given_spending
    whole = sum(values)
    for coin in Haircut().spend(inputs, values) if whole else ():
        exact = Fraction(sum(tainted(inputs)) * coin.value_sat, whole)
        assert abs(coin.tainted_sat - exact) < 1


@FEW
@given(given_spending=spendings())
def test_poison_taints_all_or_nothing(given_spending):
    inputs, values = given_spending
    assert tainted(Poison().spend(inputs, values)) == (values if sum(tainted(inputs)) else [0] * len(values))
