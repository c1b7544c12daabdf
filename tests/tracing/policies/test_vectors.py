"""The conformance vectors, computed by hand, under every rule, and two decided cases.

All amounts are multiplied by one number, so that what is a fraction of a base unit comes out whole.
"""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from chainflow import samples
from chainflow.tracing import trace
from chainflow.tracing.policies import (
    Coin,
    Deposit,
    LowestBalance,
    Withdrawal,
    account_policy_named,
    divide,
    policy_named,
)

SCALE = 8 * 15 * 19
"""All denominators of the vectors divide it."""

U1 = {
    "poison": "3 4 1 1 5 0",
    "haircut": "9/8 3/2 3/8 1/4 5/4 0",
    "fifo": "3 0 0 0 0 0",
    "lifo": "0 2 1 0 2 0",
    "tiho": "0 3 0 0 3 0",
    "tilo": "3 0 0 0 0 0",
    "seniority": "3 0 0 0 0 0",
}
"""Tainted a=3 beside b=2 and c=3 → x=3, y=4, fee 1; then y beside d=2 → p=1, q=5, fee 0."""
U2 = {
    "poison": "3 4 1",
    "haircut": "9/8 3/2 3/8",
    "fifo": "1 2 0",
    "lifo": "0 3 0",
    "tiho": "0 3 0",
    "tilo": "3 0 0",
    "seniority": "3 0 0",
}
"""Tainted b=3 between a=2 and c=3, the first transaction alone."""
A1 = {
    "fifo": "0 3 3",
    "lifo": "5 1 0",
    "haircut": "48/19 22/19 44/19",
    "poison": "8 5 10",
    "dirty-first": "6 0 0",
    "clean-first": "0 0 6",
}
"""+10 clean, +6 tainted, +3 clean, −8 to P, +4 clean, −5 to Q, −10 to R."""
L1 = {
    "fifo": "4 2",
    "lifo": "6 0",
    "haircut": "24/5 6/5",
    "poison": "8 7",
    "dirty-first": "6 0",
    "clean-first": "4 2",
    "libr": "0 2",
}
"""+4 clean, +6 tainted, −8 to P, +5 clean: what P got, and what is retained of 7."""
CLAIMANTS = {"pari-passu": "14/5 28/15 7/3", "rolling-charge": "6/5 4/5 5", "clayton": "0 2 5"}
"""A pays in 6, B pays in 4, 8 are withdrawn, C pays in 5: what each has of the 7 that are left."""

ROOT = "9436dbf0435b15378f309c35754a110db880fa9bb66a062160a25533bb4a212a:0"
SEIZED = ("943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a", 1)
SHARES = {"fifo": 6_146_816_619, "lifo": 6_145_827_297, "tiho": 6_369_996_546, "tilo": 5_779_577_823}
"""Of the 63.7 BTC at ROOT, what each rule finds in the 63.69996546 BTC that the FBI seized."""


def clean(value: int) -> Coin:
    return Coin(value * SCALE)


def stolen(value: int) -> Coin:
    return Coin.of(value * SCALE, {0: value * SCALE})


def exact(numbers: str) -> list[Fraction]:
    return [Fraction(number) * SCALE for number in numbers.split()]


def spent(policy: str, inputs: list[Coin], values: list[int]) -> list[Coin]:
    return policy_named(policy).spend(inputs, [value * SCALE for value in values])


@pytest.mark.parametrize("policy", U1)
def test_the_first_input_is_stolen_and_change_is_mixed_again(policy):
    first = spent(policy, [stolen(3), clean(2), clean(3)], [3, 4, 1])
    second = spent(policy, [first[1], clean(2)], [1, 5, 0])
    assert [coin.tainted_sat for coin in (*first, *second)] == exact(U1[policy])


@pytest.mark.parametrize("policy", U2)
def test_the_second_input_is_stolen(policy):
    made = spent(policy, [clean(2), stolen(3), clean(3)], [3, 4, 1])
    assert [coin.tainted_sat for coin in made] == exact(U2[policy])


@pytest.mark.parametrize("policy", A1)
def test_an_account_with_three_payments(policy):
    book, paid = account_policy_named(policy).open(), []
    for entry in (clean(10), stolen(6), clean(3), 8, clean(4), 5, 10):
        if isinstance(entry, int):
            paid.append(book.pay(entry * SCALE).tainted_sat)
        else:
            book.receive(entry)
    assert paid == exact(A1[policy])
    assert book.balance == 0
    assert book.claimed == {}


@pytest.mark.parametrize("policy", L1)
def test_an_account_that_sinks_below_what_was_stolen(policy):
    book = account_policy_named(policy).open()
    book.receive(clean(4))
    book.receive(stolen(6))
    paid = book.pay(8 * SCALE).tainted_sat
    book.receive(clean(5))
    assert [paid, book.claimed.get(0, 0)] == exact(L1[policy])
    assert book.lost == ({0: 4 * SCALE} if policy == "libr" else {})


@pytest.mark.parametrize("rule", CLAIMANTS)
def test_three_claimants_to_one_account(rule):
    events = [Deposit("A", 6), Deposit("B", 4), Withdrawal(8), Deposit("C", 5)]
    division = divide(events, rule)
    assert [part * SCALE for part in division.interests.values()] == exact(CLAIMANTS[rule])
    assert sum(division.amounts.values()) == 7


def test_the_typed_vectors_are_the_shared_ones(shared):
    recorded = json.loads((shared / "vectors" / "taint_vectors.json").read_text())
    lowest = {"libr": ["0", recorded["L1"]["expect"].pop("libr_retained")]}
    for name, mine in (("U1", U1), ("U2", U2), ("A1", A1), ("L1", L1)):
        expected = {rule.replace("_", "-"): numbers for rule, numbers in recorded[name]["expect"].items()}
        expected |= lowest if name == "L1" else {}
        assert {rule: numbers.split() for rule, numbers in mine.items() if rule != "seniority"} == expected
    names = {"pari_passu": "pari-passu", "rolling_charge": "rolling-charge", "clayton_fifo": "clayton"}
    for recorded_name, rule in names.items():
        assert list(recorded["claimants"][recorded_name].values()) == CLAIMANTS[rule].split()


@pytest.mark.parametrize("policy", SHARES)
def test_colonial_seizure_share_of_the_ransom(policy):
    """Computed by hand from the 24 inputs of the sweep and the two outputs of the seizure."""
    trail = trace(samples.load("colonial"), ROOT, policy)
    found = trail.outputs[(trail.outputs["txid"] == SEIZED[0]) & (trail.outputs["vout"] == SEIZED[1])]
    assert found["tainted_sat"].tolist() == [SHARES[policy]]
    assert sum(trail.balance.values()) == trail.seed_sat == 6_370_000_000


def test_roscoe_v_winder_leaves_the_claimant_25_pounds_of_455():
    book = LowestBalance().open()
    book.receive(Coin.of(455, {0: 455}))
    book.pay(430)
    book.receive(Coin(333))
    assert (book.balance, book.claimed, book.lost) == (358, {0: 25}, {0: 430})
