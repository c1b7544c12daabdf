"""The numbers of hops against the order of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chainflow.tracing.claims.judged import Judged

__all__ = ["check_numbers"]


def check_numbers(rows: Sequence[Judged]) -> None:
    """Note numbers that skip others, and fail those that the list itself contradicts.

    A list may begin at any number, in each path, and count addresses instead of transactions: 1, 3, 5.
    A number that skips others is contradicted where rows above and below have lower ones (1, 2, 7, 3), or
    where another row of the same transaction spends the same coin at another step.
    """
    numbered = [row for row in rows if row.hop.hop is not None]
    numbers = {_number(row) for row in numbered}
    steps = {after - before for before, after in pairwise(sorted(numbers))}
    lowest = {path: min(map(_number, _of(path, numbered))) for path in {row.hop.path for row in numbered}}
    spending: dict[object, set[int]] = {}
    for row in numbered:
        spending.setdefault(_spending(row), set()).add(_number(row))
    for place, row in enumerate(numbered):
        number = _number(row)
        if number == lowest[row.hop.path] or number - 1 in numbers:
            continue
        row.notes.append(f"no row is numbered {number - 1}")
        above, below = numbered[:place], numbered[place + 1 :]
        is_peak = all(any(_number(one) < number for one in some) for some in (above, below))
        if is_peak and len(steps) > 1:
            row.fail("order", f"hop {number} stands between lower ones, and no row is numbered {number - 1}")
        elif row.hop.txid and len(others := spending[_spending(row)] - {number}):
            told = ", ".join(map(str, sorted(others)))
            row.fail("order", f"hop {number} spends in {row.hop.txid} what hop {told} spends in it")


def _number(row: Judged) -> int:
    return row.hop.hop or 0


def _of(path: str, rows: Sequence[Judged]) -> list[Judged]:
    return [row for row in rows if row.hop.path == path]


def _spending(row: Judged) -> tuple[object, ...]:
    return (row.hop.path.partition(" ")[0], row.hop.txid, row.hop.spends, row.hop.payers)
