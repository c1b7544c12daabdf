"""Tracing over accounts in the plainest way: every account has a purse, every payment is taken out of one.

It shares nothing with the library's walk: no books opened late, no heap, no labels; only rows in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from chainflow.ledger import Ledger

Pieces = list[list[Any]]
"""[[base units, where they are from], …] in the order in which they go."""

CLEAN = "clean"
UNKNOWN = "unknown: not in evidence"


@dataclass
class Purse:
    """What one account holds of one asset: its lots in the order in which they came."""

    lots: Pieces = field(default_factory=list)
    is_poisoned: bool = False

    @property
    def balance(self) -> int:
        return sum(amount for amount, _ in self.lots)

    def dirty(self) -> int:
        return sum(amount for amount, origin in self.lots if origin != CLEAN)

    def put(self, pieces: Pieces) -> None:
        self.lots += [[*piece] for piece in pieces if piece[0]]
        self.is_poisoned |= any(amount and origin != CLEAN for amount, origin in pieces)

    def take_in_line(self, value: int, *, newest: bool) -> Pieces:
        taken: Pieces = []
        while value:
            lot = self.lots[-1 if newest else 0]
            part = min(value, lot[0])
            taken.append([part, lot[1]])
            lot[0] -= part
            value -= part
            if not lot[0]:
                self.lots.remove(lot) if not newest else self.lots.pop()
        return taken

    def take(self, value: int, policy: str) -> tuple[Pieces, int]:
        """Return what a payment takes, and how much dirt is lost by it."""
        if policy in ("fifo", "lifo"):
            return self.take_in_line(value, newest=policy == "lifo"), 0
        balance, dirty = self.balance, self.dirty()
        part = {
            "haircut": dirty * value // balance if balance else 0,
            "poison": value if self.is_poisoned else 0,
            "dirty-first": min(value, dirty),
            "clean-first": max(0, value - (balance - dirty)),
            "libr": 0,
        }[policy]
        left = dirty - part
        lost = max(0, left - (balance - value)) if policy == "libr" else 0
        if policy == "poison":
            left = balance - value if self.is_poisoned else 0
        left -= lost
        self.lots = [[balance - value - left, CLEAN], [left, "dirty"]]
        return [[value - part, CLEAN], [part, "dirty"]], lost


def rows_of(ledger: Ledger, chain: str) -> list[Any]:
    """Return the transfers of a chain in their order; by time where a block is not told of all."""
    frame = ledger.to_pandas("transfers")
    frame = frame[frame["chain"] == chain].astype(object)
    frame = frame.where(frame.notna(), None)
    if any(height is None for height in frame["height"]):
        last = pd.Timestamp.max.tz_localize("UTC")
        times = [last if time is None else time for time in frame["time"]]
        frame = frame.assign(order=times).sort_values("order", kind="stable")
    return [row for row in frame.itertuples(index=False) if _moves(row)]


def _moves(row: Any) -> bool:
    return int(row.value_raw) > 0 and row.ok is not False and row.sender != row.recipient


def key(row: Any, address: str) -> tuple[str | None, str | None, str]:
    return row.contract, row.token_id, address


def filled(rows: list[Any], origin: str) -> dict[Any, Purse]:
    """Return each account's purse with the least that it must have held before the first row."""
    low: dict[Any, int] = {}
    held: dict[Any, int] = {}
    for row in rows:
        for address, sign in ((row.sender, -1), (row.recipient, 1)):
            if address is not None:
                at = key(row, address)
                held[at] = held.get(at, 0) + sign * int(row.value_raw)
                low[at] = min(low.get(at, 0), held[at])
    return {at: Purse([[-least, origin]] if least else []) for at, least in low.items()}


def forward(
    ledger: Ledger,
    chain: str,
    seed: str,
    policy: str,
    *,
    stops: Mapping[str, str],
    contracts: Collection[str],
) -> tuple[dict[Any, dict[str, int]], dict[Any, int]]:
    """Return asset → reason → base units, and asset → base units claimed, of all that `seed` received."""
    rows = rows_of(ledger, chain)
    purses, ends, claimed = filled(rows, CLEAN), {}, {}

    def end(row: Any, reason: str, amount: int) -> None:
        if amount:
            reasons = ends.setdefault((row.contract, row.token_id), {})
            reasons[reason] = reasons.get(reason, 0) + amount

    for at, purse in purses.items():
        if at[2] == seed and purse.balance:
            claimed[at[:2]] = purse.balance
            purse.put([[purse.balance, "dirty"]])
            del purse.lots[0]
    for row in rows:
        value, is_seed = int(row.value_raw), row.recipient == seed and row.kind != "fee"
        pieces: Pieces = [[value, CLEAN]]
        if row.sender is not None:
            pieces, lost = purses[key(row, row.sender)].take(value, policy)
            end(row, "paid away: the rule follows no payment", lost)
        dirty = sum(amount for amount, origin in pieces if origin != CLEAN)
        if is_seed:
            claimed[row.contract, row.token_id] = claimed.get((row.contract, row.token_id), 0) + value - dirty
            pieces, dirty = [[value, "dirty"]], value
        reason = reason_of(row, row.recipient, stops, contracts, is_seed=is_seed)
        if dirty and reason:
            end(row, reason, dirty)
            pieces = [[value, CLEAN]]
        if row.recipient is not None:
            purses[key(row, row.recipient)].put(pieces)
    known = {
        (row.contract if isinstance(row.contract, str) else None, row.address): row.known
        for row in ledger.balances().itertuples()
        if row.chain == chain
    }
    for (contract, token_id, address), purse in purses.items():
        amount = purse.balance if policy == "poison" and purse.is_poisoned else purse.dirty()
        if amount:
            reasons = ends.setdefault((contract, token_id), {})
            reason = "unspent" if known.get((contract, address)) == "complete" else UNKNOWN
            reasons[reason] = reasons.get(reason, 0) + amount
    return ends, claimed


def backward(
    ledger: Ledger, chain: str, chosen: Callable[[Any], bool], policy: str, *, contracts: Collection[str]
) -> dict[str, int]:
    """Return reason → base units that one transfer came from, by FIFO or LIFO: every lot knows its origin."""
    rows = rows_of(ledger, chain)
    purses = filled(rows, UNKNOWN)
    for row in rows:
        value = int(row.value_raw)
        pieces: Pieces = [[value, "coinbase"]]
        if row.sender is not None:
            pieces, _ = purses[key(row, row.sender)].take(value, policy)
            reason = reason_of(row, row.sender, {}, contracts, is_seed=False)
            pieces = [[value, reason]] if reason else pieces
        if chosen(row):
            sums: dict[str, int] = {}
            for amount, origin in pieces:
                sums[origin] = sums.get(origin, 0) + amount
            return sums
        if row.recipient is not None:
            purses[key(row, row.recipient)].put(pieces)
    raise LookupError("the transfer is not among the rows")


def reason_of(
    row: Any, address: str | None, stops: Mapping[str, str], contracts: Collection[str], *, is_seed: bool
) -> str:
    """Return why a trace ends at an address, "" where it goes on."""
    if address is None:
        return "fee" if row.kind == "fee" else "burnt"
    if not is_seed and address in stops:
        return stops[address]
    if not is_seed and address in contracts:
        return "contract: not decoded"
    if row.ok is None:
        return UNKNOWN
    return "unconfirmed" if row.height is None and row.time is None else ""
