"""The rules of accounts: what holds for all entries, and what is refused."""

from __future__ import annotations

import operator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from chainflow.errors import BadInput
from chainflow.tracing.policies import (
    AccountFifo,
    AccountHaircut,
    AccountLifo,
    AccountPoison,
    Book,
    CleanFirst,
    Coin,
    DirtyFirst,
    LowestBalance,
    Slice,
)
from tests.tracing.policies.random_coins import FEW, entries, labels, units

POLICIES = (
    AccountFifo(),
    AccountLifo(),
    DirtyFirst(),
    CleanFirst(),
    AccountHaircut(),
    LowestBalance(),
    AccountPoison(),
)
CONSERVING = [policy for policy in POLICIES if policy.conserves]
NAME = operator.attrgetter("name")


def entered(book: Book, given_entries: list[Coin | int]) -> list[Coin]:
    """Enter receipts and payments and return what was paid."""
    paid = []
    for entry in given_entries:
        if isinstance(entry, Coin):
            book.receive(entry)
        else:
            paid.append(book.pay(entry))
    return paid


def receipts(given_entries: list[Coin | int]) -> list[Coin]:
    return [entry for entry in given_entries if isinstance(entry, Coin)]


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
@FEW
@given(given_entries=entries())
def test_payments_are_coins_of_the_values_asked_and_the_balance_is_what_is_left(policy, given_entries):
    book = policy.open()
    paid = entered(book, given_entries)
    values = [entry for entry in given_entries if not isinstance(entry, Coin)]
    assert [coin.value_sat for coin in paid] == values
    assert book.balance == sum(coin.value_sat for coin in receipts(given_entries)) - sum(values)
    assert sum(book.claimed.values()) <= book.balance
    assert 0 not in book.claimed.values()
    for coin in paid:
        assert all(piece.length > 0 for piece in coin.slices)
        ends = [0, *(piece.start + piece.length for piece in coin.slices)]
        assert all(end <= piece.start for end, piece in zip(ends, coin.slices, strict=False))
        assert ends[-1] <= coin.value_sat


@pytest.mark.parametrize("policy", CONSERVING, ids=NAME)
@FEW
@given(given_entries=entries())
def test_of_each_label_what_was_received_is_paid_claimed_or_lost(policy, given_entries):
    book = policy.open()
    paid = labels(entered(book, given_entries))
    for label in range(3):
        accounted = paid.get(label, 0) + book.claimed.get(label, 0) + book.lost.get(label, 0)
        assert labels(receipts(given_entries)).get(label, 0) == accounted


def naive_payments(given_entries: list[Coin | int], policy: str) -> list[list[int | None]]:
    """Keep the base units of an account in a list and take them one by one, in the order of a rule."""
    held: list[int | None] = []
    paid = []
    for entry in given_entries:
        if isinstance(entry, Coin):
            held += units([entry])
            continue
        places = list(range(len(held)))
        if policy == "lifo":
            places.reverse()
        elif policy != "fifo":
            places.sort(key=lambda place: (held[place] is None) == (policy == "dirty-first"))
        paid.append([held[place] for place in places[:entry]])
        held = [held[place] for place in sorted(places[entry:])]
    return paid


@pytest.mark.parametrize("policy", POLICIES[:4], ids=NAME)
@FEW
@given(given_entries=entries())
def test_what_goes_by_lots_equals_a_list_of_single_base_units(policy, given_entries):
    paid = [units([coin]) for coin in entered(policy.open(), given_entries)]
    assert paid == naive_payments(given_entries, policy.name)


@FEW
@given(given_entries=entries())
def test_haircut_is_within_a_unit_per_payment_of_the_exact_share(given_entries):
    book, balance, claim, payments = AccountHaircut().open(), 0, Fraction(0), 0
    for entry in given_entries:
        held = sum(book.claimed.values())
        if isinstance(entry, Coin):
            balance, claim = balance + entry.value_sat, claim + entry.tainted_sat
            book.receive(entry)
        elif balance:
            assert 0 <= Fraction(held * entry, balance) - book.pay(entry).tainted_sat < 1
            balance, claim, payments = balance - entry, claim * (1 - Fraction(entry, balance)), payments + 1
        assert abs(sum(book.claimed.values()) - claim) <= payments


@FEW
@given(given_entries=entries())
def test_haircut_divides_a_payment_among_the_labels_to_the_unit(given_entries):
    book = AccountHaircut().open()
    for entry in given_entries:
        if isinstance(entry, Coin):
            book.receive(entry)
            continue
        held, coin = book.claimed, book.pay(entry)
        for label, claim in held.items():
            share = Fraction(coin.tainted_sat * claim, sum(held.values()))
            assert abs(coin.by_label.get(label, 0) - share) < 1


def test_a_payment_that_empties_the_account_takes_what_roundings_kept_back():
    book = AccountHaircut().open()
    book.receive(Coin.of(3, {0: 1, 1: 1}))
    assert [book.pay(1).by_label for _ in range(3)] == [{}, {1: 1}, {0: 1}]
    assert book.claimed == {}


@FEW
@given(given_entries=entries(most_labels=1))
def test_lowest_balance_retains_what_clean_first_does_for_one_claimant(given_entries):
    lowest, clean_first = LowestBalance().open(), CleanFirst().open()
    entered(lowest, given_entries)
    paid = entered(clean_first, given_entries)
    assert lowest.claimed == clean_first.claimed
    assert lowest.lost == labels(paid)


@FEW
@given(given_entries=entries())
def test_lowest_balance_is_the_least_of_claim_and_balance_after_every_payment(given_entries):
    book, balance, claim = LowestBalance().open(), 0, 0
    for entry in given_entries:
        if isinstance(entry, Coin):
            balance, claim = balance + entry.value_sat, claim + entry.tainted_sat
            book.receive(entry)
        else:
            balance -= entry
            claim = min(claim, balance)
            assert book.pay(entry) == Coin(entry)
        assert sum(book.claimed.values()) == claim


def test_several_claims_lose_pro_rata_under_the_lowest_balance():
    book = LowestBalance().open()
    for coin in (Coin.of(30, {0: 30}), Coin.of(10, {1: 10}), Coin(5)):
        book.receive(coin)
    book.pay(25)
    assert (book.claimed, book.lost) == ({0: 15, 1: 5}, {0: 15, 1: 5})


@FEW
@given(given_entries=entries())
def test_poison_taints_all_that_is_paid_after_the_first_tainted_receipt(given_entries):
    book, is_poisoned = AccountPoison().open(), False
    for entry in given_entries:
        if isinstance(entry, Coin):
            is_poisoned |= entry.tainted_sat > 0
            book.receive(entry)
        else:
            assert book.pay(entry).tainted_sat == (entry if is_poisoned else 0)
        assert sum(book.claimed.values()) == (book.balance if is_poisoned else 0)


def test_poison_divides_all_among_the_labels_as_they_paid_in():
    book = AccountPoison().open()
    book.receive(Coin.of(8, {0: 3, 1: 1}))
    assert book.claimed == {0: 6, 1: 2}
    assert book.pay(4).by_label == {0: 3, 1: 1}
    book.pay(4)
    book.receive(Coin(4))
    assert book.claimed == {0: 3, 1: 1}


def test_a_payment_lies_in_the_order_in_which_it_was_taken():
    received = (Coin(2), Coin(4, (Slice(1, 2, 7),)))
    expected = {
        "fifo": (Slice(3, 2, 7),),
        "lifo": (Slice(1, 2, 7),),
        "dirty-first": (Slice(0, 2, 7),),
        "clean-first": (Slice(4, 1, 7),),
    }
    for policy in POLICIES[:4]:
        book = policy.open()
        assert entered(book, [*received, 5]) == [Coin(5, expected[policy.name])]


def test_of_several_labels_the_one_that_came_first_goes_first():
    for policy in (DirtyFirst(), CleanFirst()):
        book = policy.open()
        for coin in (Coin.of(2, {5: 2}), Coin.of(2, {1: 2}), Coin(1)):
            book.receive(coin)
        assert book.pay(3 if policy.name == "dirty-first" else 4).by_label == {5: 2, 1: 1}


@pytest.mark.parametrize("policy", CONSERVING, ids=NAME)
def test_amounts_of_31_digits_are_exact(policy):
    third, rest = 10**30 + 1, 2 * 10**30 + 5
    book = policy.open()
    paid = entered(book, [Coin(rest), Coin.of(third, {0: third}), rest + 2, Coin(7), 10**30])
    assert [coin.value_sat for coin in paid] == [rest + 2, 10**30]
    assert sum(labels(paid).values()) + sum(book.claimed.values()) + sum(book.lost.values()) == third


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
def test_a_number_of_numpy_does_not_overflow(policy):
    book = policy.open()
    for _ in range(2):
        book.receive(Coin(np.int64(2**62)))
    book.receive(Coin.of(2**62, {0: 2**62}))
    assert book.balance == 3 * 2**62
    assert book.pay(np.int64(2**62)).value_sat == 2**62


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
def test_paying_nothing_from_an_empty_account_moves_nothing(policy):
    book = policy.open()
    assert book.pay(0) == Coin(0)
    assert (book.balance, book.claimed, book.lost) == (0, {}, {})


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
def test_a_refused_entry_changes_nothing(policy):
    book = policy.open()
    book.receive(Coin.of(5, {0: 2}))
    before = book.balance, book.claimed, book.lost
    with pytest.raises(BadInput, match="a payment of 6 base units from an account that holds 5\n→ enter all"):
        book.pay(6)
    for amount in (-1, 1.5, True, None):
        with pytest.raises(BadInput, match="whole number of the smallest unit"):
            book.pay(amount)
        with pytest.raises(BadInput, match="whole number of the smallest unit"):
            book.receive(Coin(amount))
    with pytest.raises(BadInput, match="a receipt of 1 base units with 2 tainted"):
        book.receive(Coin.of(1, {0: 2}))
    assert (book.balance, book.claimed, book.lost) == before


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
def test_books_of_one_policy_know_nothing_of_each_other(policy):
    first, second = policy.open(), policy.open()
    first.receive(Coin.of(5, {0: 5}))
    assert (second.balance, second.claimed) == (0, {})
