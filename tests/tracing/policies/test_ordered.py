"""LIFO, TIHO, TILO and seniority: hand-computed answers, and what holds for all coins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.tracing.policies import Coin, Lifo, Seniority, Slice, Tiho, Tilo
from tests.tracing.policies.random_coins import FEW, spendings, tainted, units

STOLEN = Coin.of(3, {0: 3})


def test_lifo_spends_the_last_input_first_and_the_parts_of_an_output_in_that_order():
    first = Lifo().spend([STOLEN, Coin(2), Coin(3)], [3, 4, 1])
    assert first == [Coin(3), Coin(4, (Slice(2, 2, 0),)), Coin(1, (Slice(0, 1, 0),))]
    assert Lifo().spend([first[1], Coin(2)], [1, 5, 0]) == [Coin(1), Coin(5, (Slice(1, 2, 0),)), Coin(0)]


@FEW
@given(given_spending=spendings())
def test_lifo_equals_moving_unit_by_unit_from_the_far_end(given_spending):
    inputs, values = given_spending
    assert units(Lifo().spend(inputs, values)) == units(inputs)[::-1]


@FEW
@given(given_spending=spendings())
def test_lifo_backward_undoes_lifo_forward(given_spending):
    inputs, values = given_spending
    back = Lifo().spend(Lifo().spend(inputs, values), [coin.value_sat for coin in inputs])
    assert units(back) == units(inputs)


def test_tiho_fills_the_largest_output_and_tilo_the_smallest_first():
    inputs = [Coin.of(6, {0: 6}), Coin(5)]
    assert tainted(Tiho().spend(inputs, [2, 4, 3, 2])) == [0, 4, 2, 0]
    assert tainted(Tilo().spend(inputs, [2, 4, 3, 2])) == [2, 1, 3, 0]


def test_outputs_of_one_value_are_filled_in_their_order():
    inputs = [STOLEN, Coin(5)]
    assert tainted(Tiho().spend(inputs, [2, 2, 2, 2])) == [2, 1, 0, 0]
    assert tainted(Tilo().spend(inputs, [2, 2, 2, 2])) == [2, 1, 0, 0]


def test_the_fee_gets_the_remainder_even_where_it_is_the_largest_or_the_smallest():
    assert tainted(Tiho().spend([STOLEN, Coin(7)], [1, 1, 8])) == [1, 1, 1]
    assert tainted(Tilo().spend([STOLEN, Coin(7)], [4, 5, 1])) == [3, 0, 0]


def test_tiho_and_tilo_take_the_labels_in_the_order_of_the_inputs():
    inputs = [Coin.of(2, {5: 2}), Coin.of(2, {1: 2}), Coin(2)]
    assert [coin.by_label for coin in Tiho().spend(inputs, [1, 3, 2])] == [{1: 1}, {5: 2, 1: 1}, {}]
    assert [coin.by_label for coin in Tilo().spend(inputs, [1, 3, 2])] == [{5: 1}, {5: 1, 1: 2}, {}]


@FEW
@given(given_spending=spendings())
def test_tiho_puts_all_that_fits_on_the_largest_output_and_tilo_never_more(given_spending):
    inputs, values = given_spending
    if len(values) < 2:
        return
    largest = max(range(len(values) - 1), key=values.__getitem__)
    most = Tiho().spend(inputs, values)[largest].tainted_sat
    assert most == min(values[largest], sum(tainted(inputs)))
    assert most >= Tilo().spend(inputs, values)[largest].tainted_sat


def test_seniority_fills_outputs_by_rank_and_clean_value_comes_last():
    inputs = [Coin(2), Coin.of(3, {0: 3}), Coin.of(3, {1: 3}), Coin.of(1, {2: 1})]
    rule = Seniority(["Cy", "Bo"]).numbered(["Al", "Bo", "Cy"])
    assert [coin.by_label for coin in rule.spend(inputs, [3, 3, 2, 1])] == [
        {2: 1, 1: 2},
        {1: 1, 0: 2},
        {0: 1},
        {},
    ]


def test_seniority_of_a_name_that_several_numbers_bear_is_that_of_all_of_them():
    rule = Seniority(["Bo"]).numbered(["Al", "Bo", "Bo"])
    inputs = [Coin.of(2, {0: 2}), Coin.of(1, {2: 1}), Coin.of(1, {1: 1})]
    assert [coin.by_label for coin in rule.spend(inputs, [1, 1, 2])] == [{1: 1}, {2: 1}, {0: 2}]


@FEW
@given(given_spending=spendings(), order=st.permutations(["Al", "Bo", "Cy"]), named=st.integers(0, 3))
def test_seniority_is_fifo_with_the_base_units_sorted_by_rank(given_spending, order, named):
    inputs, values = given_spending
    names = ["Al", "Bo", "Cy"]
    ranks = [names.index(name) for name in order[:named]]
    ranks += [number for number in range(3) if number not in ranks]
    sorted_units = sorted(units(inputs), key=lambda label: 3 if label is None else ranks.index(label))
    assert units(Seniority(order[:named]).numbered(names).spend(inputs, values)) == sorted_units


@FEW
@given(given_spending=spendings())
def test_seniority_with_one_label_fills_from_the_front(given_spending):
    inputs = [Coin.of(coin.value_sat, {0: coin.tainted_sat}) for coin in given_spending[0]]
    left = sum(tainted(inputs))
    for coin in Seniority().spend(inputs, given_spending[1]):
        assert coin.by_label == ({0: min(left, coin.value_sat)} if min(left, coin.value_sat) else {})
        left -= coin.tainted_sat


def test_the_order_is_part_of_the_name():
    assert Seniority().name == "seniority"
    assert Seniority(["A", 'B"é']).name == 'seniority["A","B\\"é"]'
    assert Seniority(["A"]).numbered(["B", "A"]).name == 'seniority["A"]'


def test_seniority_refuses_what_is_no_order():
    for order in ("AB", ["A", "A"], [1], {"A"}):
        with pytest.raises(BadInput, match="not an order of labels"):
            Seniority(order)


def test_seniority_refuses_a_name_that_is_no_label():
    with pytest.raises(BadInput, match="names Zoe: no such label\n→ there are Al, Bo"):
        Seniority(["Bo", "Zoe"]).numbered(["Bo", "Al"])


def test_seniority_does_not_guess_which_number_a_name_is():
    with pytest.raises(BadInput, match="does not know the labels by number"):
        Seniority(["A"]).spend([STOLEN], [3])
