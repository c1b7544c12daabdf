"""Random coins for tests: transactions that add up, and entries of one account in their order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from chainflow.tracing.policies import Coin, Slice

FEW = settings(max_examples=60, deadline=None)


def tainted(coins: list[Coin]) -> list[int]:
    return [coin.tainted_sat for coin in coins]


def labels(coins: list[Coin]) -> dict[int, int]:
    """Return what each label claims of coins together."""
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
def some_coin(draw: st.DrawFn, *, most_labels: int = 3) -> Coin:
    """Return a coin with up to three slices."""
    slices, at = [], 0
    for _ in range(draw(st.integers(0, 3))):
        start = at + draw(st.integers(0, 5))
        slices.append(Slice(start, draw(st.integers(1, 9)), draw(st.integers(0, most_labels - 1))))
        at = start + slices[-1].length
    return Coin(at + draw(st.integers(0, 5)), tuple(slices))


@st.composite
def spendings(draw: st.DrawFn) -> tuple[list[Coin], list[int]]:
    """Return input coins with slices under up to three labels, and values with the same sum."""
    coins = draw(st.lists(some_coin(), min_size=1, max_size=4))
    total = sum(coin.value_sat for coin in coins)
    cuts = sorted(draw(st.lists(st.integers(0, total), max_size=4)))
    return coins, [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


@st.composite
def entries(draw: st.DrawFn, *, most_labels: int = 3) -> list[Coin | int]:
    """Return receipts (coins) and payments (base units) of one account that never holds less than nothing."""
    made: list[Coin | int] = []
    balance = 0
    for is_receipt in draw(st.lists(st.booleans(), max_size=12)):
        if is_receipt:
            made.append(draw(some_coin(most_labels=most_labels)))
            balance += made[-1].value_sat
        else:
            made.append(draw(st.integers(0, balance)))
            balance -= made[-1]
    return made
