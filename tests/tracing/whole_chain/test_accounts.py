"""Taint through all accounts at once is what the books of each say, transfer by transfer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.tracing.policies import Coin, account_policy_named
from chainflow.tracing.whole_chain.accounts import Transfers, taint_accounts

POLICIES = ("fifo", "lifo", "haircut", "poison", "dirty-first", "clean-first", "libr")
ACCOUNTS = 4
A1 = Transfers([-1, -1, -1, 0, -1, 0, 0], [0, 0, 0, 1, 0, 2, 3], [10, 6, 3, 8, 4, 5, 10])
"""+10 clean, +6 tainted, +3 clean, −8, +4 clean, −5, −10."""


@st.composite
def transfers(draw, *, scale=1):
    """Return transfers among four accounts and the outside that never overdraw, seeds, opening balances."""
    opening = [draw(st.integers(0, 9)) * scale for _ in range(ACCOUNTS)]
    held, rows = list(opening), []
    for _ in range(draw(st.integers(0, 25))):
        sender, recipient = (draw(st.integers(-1, ACCOUNTS - 1)) for _ in range(2))
        most = 12 * scale if sender < 0 else held[sender]
        value = draw(st.integers(0, most) | st.just(most))
        for account, change in ((sender, -value), (recipient, value)):
            if account >= 0:
                held[account] += change
        rows.append((sender, recipient, value))
    seeds = draw(st.lists(st.integers(0, len(rows) - 1), max_size=3, unique=True)) if rows else []
    return Transfers(*([row[side] for row in rows] for side in range(3))), seeds, opening


def by_books(moved, seeds, opening, policy):
    """Return what books say: the tainted part of each transfer, and all accounts' balance, taint and loss."""
    books = [account_policy_named(policy).open() for _ in opening]
    for book, value in zip(books, opening, strict=True):
        book.receive(Coin(value))
    parts = []
    for event, (sender, recipient, value) in enumerate(zip(*moved, strict=True)):
        coin = books[sender].pay(value) if sender >= 0 else Coin(value)
        coin = Coin.of(value, {0: value}) if event in seeds else coin
        parts.append(coin.tainted_sat)
        if recipient >= 0:
            books[recipient].receive(coin)
    return parts, [(book.balance, sum(book.claimed.values()), sum(book.lost.values())) for book in books]


@pytest.mark.parametrize("scale", [1, 2**53 + 7])
@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_it_equals_the_books(policy, scale, data):
    moved, seeds, opening = data.draw(transfers(scale=scale))
    found = taint_accounts(moved, seeds, policy=policy, opening=opening)
    states = list(zip(found.balances.tolist(), found.tainted.tolist(), found.lost.tolist(), strict=True))
    assert (found.parts.tolist(), states) == by_books(moved, seeds, opening, policy)


@pytest.mark.parametrize(
    ("policy", "paid"),
    [
        ("fifo", [0, 3, 3]),
        ("lifo", [5, 1, 0]),
        ("haircut", [2, 1, 3]),
        ("poison", [8, 5, 10]),
        ("dirty-first", [6, 0, 0]),
        ("clean-first", [0, 0, 6]),
        ("libr", [0, 0, 0]),
    ],
)
def test_the_worked_account_by_hand(policy, paid):
    assert taint_accounts(A1, [1], policy=policy).parts[[3, 5, 6]].tolist() == paid


def test_amounts_at_the_end_of_int64_are_exact():
    most = 2**63 - 1
    moved = Transfers([-1, -1, 0], [0, 0, 1], [most - 10**18, 10**18, most - 12345])
    found = taint_accounts(moved, [0], policy="haircut")
    assert found.parts[2] == (most - 10**18) * (most - 12345) // most


@pytest.mark.parametrize(
    ("moved", "options", "told"),
    [
        (Transfers([-1], [0], [2**63]), {}, "readable rule"),
        (Transfers([-1], [0], [10**31]), {}, "readable rule"),
        (Transfers([-1, -1], [0, 0], [2**62, 2**62]), {}, "readable rule"),
        (Transfers([0], [1], [5]), {}, "holds less"),
        (Transfers([-1], [0], [-5]), {}, "holds less"),
        (Transfers([-2], [0], [5]), {}, "below −1"),
        (Transfers([-1, 0], [0], [5]), {}, "unequal"),
        (Transfers([-1], [0], [0.5]), {}, "whole number"),
        (Transfers([-1], [0], [5]), {"seeds": [1]}, "not a transfer"),
        (Transfers([-1], [0], [5]), {"policy": "tiho"}, "for the outputs"),
    ],
)
def test_what_cannot_be_entered_is_refused(moved, options, told):
    with pytest.raises(BadInput, match=told):
        taint_accounts(moved, **({"seeds": [0], "policy": "fifo"} | options))
