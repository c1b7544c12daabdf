"""The rules of UTXO chains: hand-computed answers of the first three, and what holds for all of them."""

from __future__ import annotations

import operator
from fractions import Fraction

import pytest
from hypothesis import given

from chainflow.tracing.policies import Coin, Fifo, Haircut, Lifo, Poison, Seniority, Slice, Tiho, Tilo
from tests.tracing.policies.random_coins import FEW, labels, spendings, tainted, units

POLICIES = (Fifo(), Haircut(), Poison(), Lifo(), Tiho(), Tilo(), Seniority())
CONSERVING = [policy for policy in POLICIES if policy.conserves]
NAME = operator.attrgetter("name")


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


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
def test_clean_inputs_stay_clean(policy):
    assert policy.spend([Coin(3), Coin(4)], [5, 1, 1]) == [Coin(5), Coin(1), Coin(1)]


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
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


@pytest.mark.parametrize("policy", CONSERVING, ids=NAME)
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


@pytest.mark.parametrize("policy", CONSERVING, ids=NAME)
def test_amounts_of_31_digits_are_exact(policy):
    third, rest = 10**30 + 1, 2 * 10**30 + 5
    made = policy.spend([Coin.of(third, {0: third}), Coin(rest)], [rest - 3, third, 3])
    assert sum(tainted(made)) == third
    assert [coin.value_sat for coin in made] == [rest - 3, third, 3]


@FEW
@given(given_spending=spendings())
def test_only_poison_makes_taint_appear(given_spending):
    inputs, values = given_spending
    before = sum(tainted(inputs))
    assert sum(tainted(Poison().spend(inputs, values))) == (sum(values) if before else 0) >= before
