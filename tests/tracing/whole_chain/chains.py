"""Made-up chains of numbered transactions, and taint through them by the readable rules, one at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from chainflow.tracing import Coin, Slice
from chainflow.tracing.whole_chain.columns import Columns


def columns_of(transactions: list[tuple[list[int], list[int]]]) -> Columns:
    """Return columns of transactions written as (output rows spent, output values)."""
    sources = [row for spent, _ in transactions for row in spent]
    values = [value for _, made in transactions for value in made]
    spent_by = np.full(len(values), -1, np.int32)
    for tx, (spent, _) in enumerate(transactions):
        spent_by[spent] = tx
    in_ptr, out_ptr = (np.cumsum([0, *(len(tx[side]) for tx in transactions)]) for side in (0, 1))
    return Columns(in_ptr, np.array(sources, np.int32), out_ptr, np.array(values, np.int64), spent_by)


@st.composite
def chains(draw: st.DrawFn, *, most: int = 40) -> Columns:
    """Return up to a dozen transactions that merge, split, pay fees, and outputs of 0; some coinbases."""
    transactions: list[tuple[list[int], list[int]]] = []
    values: list[int] = []
    pool: list[int] = []
    for _ in range(draw(st.integers(1, 12))):
        spent = draw(st.lists(st.sampled_from(pool), max_size=5, unique=True)) if pool else []
        pool = [row for row in pool if row not in spent]
        total = sum(values[row] for row in spent) if spent else draw(st.integers(0, most))
        cuts = sorted(draw(st.lists(st.integers(0, total), min_size=1, max_size=5)))
        made = [high - low for low, high in zip([0, *cuts], cuts, strict=False)]
        pool += range(len(values), len(values) + len(made))
        values += made
        transactions.append((spent, made))
    return columns_of(transactions)


@st.composite
def chains_with_seeds(draw: st.DrawFn) -> tuple[Columns, list[int], list[int]]:
    """Return a chain, up to four seeds in it, and their labels."""
    made = draw(chains())
    rows = st.lists(st.integers(0, len(made.value) - 1), max_size=4, unique=True)
    seeds = draw(rows) if len(made.value) else []
    return made, seeds, [draw(st.integers(0, 2)) for _ in seeds]


class Walked(NamedTuple):
    """What a walk found: the coin of every output reached, and base units by how they ended."""

    coins: dict[int, Coin]
    ended: dict[str, int]
    visited: int


def largest(columns: Columns, seeds: dict[int, int], policy, *, floor: int, most: int) -> frozenset[int]:
    """Choose transactions as `tracing.largest.largest_first` does: where most waits; ties to the earlier."""
    in_ptr, source, out_ptr, value, spent_by = (column.tolist() for column in columns)
    carried: dict[int, Coin] = {}
    waiting: dict[int, int] = {}
    chosen: set[int] = set()

    def arrive(row: int, coin: Coin) -> None:
        if row not in carried and coin.tainted_sat >= max(floor, 1) and spent_by[row] >= 0:
            carried[row] = coin
            waiting[spent_by[row]] = waiting.get(spent_by[row], 0) + coin.tainted_sat

    for row, label in seeds.items():
        arrive(row, filled(Coin(value[row]), label))
    while len(chosen) < most and (left := waiting.keys() - chosen):
        tx = min(left, key=lambda one: (-waiting[one], one))
        chosen.add(tx)
        spent, rows = source[in_ptr[tx] : in_ptr[tx + 1]], range(out_ptr[tx], out_ptr[tx + 1])
        fee = sum(value[row] for row in spent) - sum(value[row] for row in rows)
        coins = [carried.get(row) or Coin(value[row]) for row in spent]
        made = policy.spend(coins, [*(value[row] for row in rows), fee])
        for row, coin in zip(rows, made, strict=False):
            arrive(row, filled(coin, seeds[row]) if row in seeds else coin)
    return frozenset(chosen)


def walk(
    columns: Columns,
    seeds: dict[int, int],
    policy,
    *,
    floor: int = 0,
    most: int = 2**62,
    chosen: frozenset[int] | None = None,
) -> Walked:
    """Spend transaction by transaction, as `tracing.walk` does, and say where it all went."""
    coins: dict[int, Coin] = {}
    carried: dict[int, Coin] = {}
    ended = dict.fromkeys(("claimed", "unspent", "fee", "dust", "limit"), 0)
    visited = 0
    in_ptr, source, out_ptr, value, spent_by = (column.tolist() for column in columns)
    for tx in range(len(in_ptr) - 1):
        spent, rows = source[in_ptr[tx] : in_ptr[tx + 1]], range(out_ptr[tx], out_ptr[tx + 1])
        values = [value[row] for row in rows]
        made = [Coin(one) for one in values]
        if any(row in carried for row in spent):
            if visited >= most or (chosen is not None and tx not in chosen):
                ended["limit"] += sum(carried[row].tainted_sat for row in spent if row in carried)
            else:
                visited += 1
                fee = sum(value[row] for row in spent) - sum(values)
                inputs = [carried.get(row) or Coin(value[row]) for row in spent]
                *made, paid = policy.spend(inputs, [*values, fee])
                ended["fee"] += paid.tainted_sat
        for row, coin in zip(rows, made, strict=True):
            if row in seeds:
                ended["claimed"] += coin.value_sat - coin.tainted_sat
                coin = filled(coin, seeds[row])
            if not coin.slices:
                continue
            coins[row] = coin
            if spent_by[row] < 0:
                ended["unspent"] += coin.tainted_sat
            elif coin.tainted_sat < floor:
                ended["dust"] += coin.tainted_sat
            else:
                carried[row] = coin
    return Walked(coins, ended, visited)


def filled(coin: Coin, label: int) -> Coin:
    """Return a coin whose clean parts are claimed under a label."""
    slices, at = [], 0
    for start, length, claimed in (*coin.slices, Slice(coin.value_sat, 0, label)):
        slices += [Slice(at, start - at, label)] if start > at else []
        slices += [Slice(start, length, claimed)] if length else []
        at = start + length
    return Coin(coin.value_sat, tuple(slices))


def runs(coin: Coin) -> list[list[int]]:
    """Return a coin as runs of [label or −1, base units] from its beginning, neighbours differing."""
    found: list[list[int]] = []
    pieces, at = [], 0
    for start, length, label in coin.slices:
        pieces += [(-1, start - at), (label, length)]
        at = start + length
    for label, length in [*pieces, (-1, coin.value_sat - at)]:
        if length and found and found[-1][0] == label:
            found[-1][1] += length
        elif length:
            found.append([label, length])
    return found
