"""Several claimants to one account: worked examples, and what holds for all entries."""

from __future__ import annotations

from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.tracing.policies import Deposit, Withdrawal, divide
from tests.tracing.policies.random_coins import FEW

RULES = ("clayton", "rolling-charge", "pari-passu")
EVENTS = [Deposit("A", 6), Deposit("B", 4), Withdrawal(8), Deposit("C", 5)]


@st.composite
def accounts(draw: st.DrawFn) -> list[Deposit | Withdrawal]:
    """Return entries of an account of up to four claimants."""
    made: list[Deposit | Withdrawal] = [Deposit("A", draw(st.integers(0, 50)))]
    balance = made[0].amount
    for is_deposit in draw(st.lists(st.booleans(), max_size=10)):
        if is_deposit:
            made.append(Deposit(draw(st.sampled_from("ABCD")), draw(st.integers(0, 50))))
        else:
            made.append(Withdrawal(draw(st.integers(0, balance))))
        balance += made[-1].amount if is_deposit else -made[-1].amount
    return made


def test_a_loss_of_600_is_borne_one_to_two_by_1000_and_2000():
    events = [Deposit("trust A", 1_000), Deposit("trust B", 2_000), Withdrawal(600)]
    for rule in ("rolling-charge", "pari-passu"):
        assert divide(events, rule).interests == {"trust A": 800, "trust B": 1_600}
    assert divide(events, "clayton").interests == {"trust A": 400, "trust B": 2_000}


def test_whole_amounts_go_by_largest_remainder():
    assert divide(EVENTS, "pari-passu").amounts == {"A": 3, "B": 2, "C": 2}  # 2.8, 1.87, 2.33
    assert divide(EVENTS, "rolling-charge").amounts == {"A": 1, "B": 1, "C": 5}  # 1.2, 0.8, 5


def test_equal_remainders_go_to_who_paid_in_first():
    events = [Deposit("Z", 1), Deposit("B", 1), Deposit("A", 1), Withdrawal(1)]
    assert divide(events, "pari-passu").amounts == {"Z": 1, "B": 1, "A": 0}


@pytest.mark.parametrize("rule", RULES)
@FEW
@given(events=accounts())
def test_shares_and_whole_amounts_add_up_to_what_is_left(rule, events):
    division = divide(events, rule)
    left = sum(event.amount if isinstance(event, Deposit) else -event.amount for event in events)
    assert sum(division.interests.values()) == sum(division.amounts.values()) == division.left == left
    for name, part in division.interests.items():
        assert 0 <= part <= division.paid_in[name]
        assert abs(division.amounts[name] - part) < 1
        assert 0 <= division.amounts[name] <= division.paid_in[name]


@FEW
@given(events=accounts())
def test_rolling_charge_equals_charging_withdrawal_by_withdrawal(events):
    interests: dict[str, Fraction] = {}
    for event in events:
        if isinstance(event, Deposit):
            interests[event.claimant] = interests.get(event.claimant, Fraction(0)) + event.amount
        elif event.amount:
            balance = sum(interests.values())
            interests = {name: part * (1 - event.amount / balance) for name, part in interests.items()}
    assert divide(events, "rolling-charge").interests == interests


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_lost_where_nothing_was_withdrawn(rule):
    division = divide([Deposit("A", 10**30 + 1), Deposit("B", 3), Deposit("A", 1)], rule)
    assert division.interests == division.amounts == division.paid_in == {"A": 10**30 + 2, "B": 3}


@pytest.mark.parametrize("rule", RULES)
def test_an_emptied_account_leaves_nothing_to_those_before(rule):
    division = divide([Deposit("A", 5), Withdrawal(5), Deposit("B", 4)], rule)
    if rule == "pari-passu":  # ex post: when it was paid in does not matter
        assert division.interests == {"A": Fraction(20, 9), "B": Fraction(16, 9)}
    else:
        assert division.interests == {"A": 0, "B": 4}


def test_a_division_shows_what_it_found_and_by_which_rule():
    division = divide(EVENTS, "pari-passu")
    assert repr(division) == "<Division by pari-passu: 7 base units among 3 claimants>"
    frame = division.to_pandas()
    assert frame.to_dict("list") == {
        "claimant": ["A", "B", "C"],
        "paid_in": [6, 4, 5],
        "interest": ["14/5", "28/15", "7/3"],
        "amount": [3, 2, 2],
        "not_recovered": [3, 2, 3],
    }
    page = division._repr_html_()
    assert all(text in page for text in ("Division by pari-passu", "14/5", "= all", "50.00 %"))


def test_a_name_is_never_markup():
    assert "<i>" not in divide([Deposit("<i>", 1)], "clayton")._repr_html_()


def test_recipe_and_digest_tell_rules_and_entries_apart():
    divisions = [divide(EVENTS, rule) for rule in RULES] + [divide([*EVENTS, Deposit("A", 1)], "clayton")]
    assert len({division.digest for division in divisions}) == 4
    assert len({division.recipe.digest for division in divisions}) == 4
    assert divide(list(EVENTS), "clayton").digest == divisions[0].digest


def test_fractions_of_thousands_of_digits_are_exact_and_can_be_shown():
    events = [Deposit("A", 10**30)]
    for number in range(300):
        events += [Withdrawal(10**28 + number), Deposit("B", 10**28 + 7 * number)]
    division = divide(events, "rolling-charge")
    assert division.interests["A"].denominator > 10**4_300  # what Python refuses to write out
    assert sum(division.interests.values()) == sum(division.amounts.values())
    assert division.to_pandas()["interest"][0] == f"{int(division.interests['A'])} and a part of one"
    assert "and a part of one" in division._repr_html_()
    assert isinstance(repr(division.to_pandas()), str)
    assert len(division.digest) == 64
    assert pd.api.types.is_object_dtype(division.to_pandas()["amount"])


@pytest.mark.parametrize("rule", RULES)
def test_a_withdrawal_of_more_than_there_is_is_refused(rule):
    with pytest.raises(BadInput, match="event 1 withdraws 7 base units from an account that holds 6"):
        divide([Deposit("A", 6), Withdrawal(7), Deposit("B", 9)], rule)


@pytest.mark.parametrize(
    "events", [[("A", 6)], [Deposit("A", -1)], [Deposit("A", 1.5)], [Deposit(3, 1)], [None]]
)
def test_what_is_no_entry_is_refused(events):
    with pytest.raises(BadInput, match="event 0"):
        divide(events, "clayton")


def test_nothing_to_divide_is_refused():
    for events in ([], [Withdrawal(0)]):
        with pytest.raises(BadInput, match="nothing was paid in"):
            divide(events, "pari-passu")


def test_an_unknown_rule_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="known are clayton, rolling-charge, pari-passu"):
        divide(EVENTS, "fifo")
