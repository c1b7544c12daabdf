"""The closing balance of a trace, as an accountant reads it: what was opened and where every unit is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from chainflow import cards, units
from chainflow.model import EndReason
from chainflow.tracing.asset import Asset, amount_of

if TYPE_CHECKING:
    from chainflow.tracing.result import Trace

__all__ = ["LINES", "ClosingBalance", "Line", "closing_of"]

LINES = {
    EndReason.REACHED: "reached",
    EndReason.UNSPENT: "unspent",
    EndReason.FEE: "fee",
    EndReason.SERVICE: "service",
    EndReason.CLUSTER: "service",
    EndReason.MIXER: "mixer",
    EndReason.COINJOIN: "mixer",
    EndReason.BRIDGE: "bridge or contract",
    EndReason.CONTRACT: "bridge or contract",
    EndReason.CONVERTED: "converted",
    EndReason.COINBASE: "newly made",
    EndReason.BURNT: "burnt",
    EndReason.LOST: "paid away",
    EndReason.UNKNOWN: "unknown",
    EndReason.DISPUTED: "unknown",
    EndReason.UNCONFIRMED: "unknown",
    EndReason.LIMIT: "limit",
    EndReason.DUST: "limit",
    EndReason.PURITY: "limit",
    EndReason.TIME: "limit",
    EndReason.POISON: "counted more than once",
}
"""Reason of an end → the line of the balance that it stands under."""


class Line(NamedTuple):
    """One line: which asset, which side, under what heading, what exactly, how much, in how many ends."""

    asset: Asset
    side: str
    line: str
    detail: str
    amount_raw: int
    ends: int


@dataclass(frozen=True, repr=False)
class ClosingBalance:
    """What was opened and where every base unit of it ended, asset by asset. Get one from `trail.closing()`.

    Parameters
    ----------
    trace : Trace
    lines : tuple of Line
        Per asset first the side "opening" (a line per seed, and what conversions brought), then "closing".
    """

    trace: Trace
    lines: tuple[Line, ...]

    @cached_property
    def totals(self) -> dict[Asset, tuple[int, int]]:
        """Asset → the sums of the two sides, which are equal."""
        sums: dict[Asset, list[int]] = {}
        for line in self.lines:
            sums.setdefault(line.asset, [0, 0])[line.side == "closing"] += line.amount_raw
        return {asset: (opening, closing) for asset, (opening, closing) in sums.items()}

    def to_pandas(self) -> pd.DataFrame:
        """Return the lines: asset, side, line, detail, amount_raw (exact integers), amount, ends."""
        rows = [(str(one.asset), *one[1:5], self._money(one), one.ends) for one in self.lines]
        names = ["asset", "side", "line", "detail", "amount_raw", "amount", "ends"]
        return pd.DataFrame(rows, columns=names, dtype=object)

    def _money(self, line: Line) -> str:
        return amount_of(self.trace.ledger, line.asset, line.amount_raw)

    def rows(self, asset: Asset) -> Iterator[tuple[str, str, str, str]]:
        """Yield the statement of one asset for people: line, detail, amount, share; totals included."""
        total = self.totals[asset][0]
        for side in ("opening", "closing"):
            for line in self.lines:
                if line.asset == asset and line.side == side:
                    share = units.percent(line.amount_raw, total)
                    yield line.line, line.detail, self._money(line), share
            whole = self.totals[asset][side == "closing"]
            yield f"= {side}", "", amount_of(self.trace.ledger, asset, whole), units.percent(whole, total)
        opening, closing = self.totals[asset]
        yield "difference", "", amount_of(self.trace.ledger, asset, opening - closing), ""

    def __repr__(self) -> str:
        sums = ", ".join(
            f"{amount_of(self.trace.ledger, asset, opening)} = {amount_of(self.trace.ledger, asset, closing)}"
            for asset, (opening, closing) in self.totals.items()
        )
        return f"<ClosingBalance {sums}>"

    def _repr_html_(self) -> str:
        trace = self.trace
        asked = "not told by the source" if trace.as_of is None else f"{trace.as_of:,}"
        note = (
            f"Policy {trace.policy}, a convention and not a fact of the chain, as given to this run. "
            f"{trace.direction.capitalize()} from {units.counted(len(trace.seeds), 'seed')}, {trace._reached}. "
            f"As of block: {asked}. Recipe {trace.recipe.digest[:16]}."
        )
        title = f"Trace {trace.direction} by {trace.policy}: closing balance"
        header = ("line", "came from" if trace.direction == "backward" else "ended as", "amount", "share")
        return "".join(
            cards.card(
                title if len(self.totals) == 1 else f"{title}, {asset}",
                self.rows(asset),
                header=header,
                note=note,
            )
            for asset in self.totals
        )


def closing_of(trace: Trace) -> ClosingBalance:
    """Return the closing balance of a trace."""
    return ClosingBalance(trace, tuple(line for asset in trace.assets for line in _lines(trace, asset)))


def _lines(trace: Trace, asset: Asset) -> Iterator[Line]:
    for label, amount in trace.opened[asset].items():
        # what another label had claimed before was not opened: see `trail.collisions`
        brought = min(amount, trace.converted_in.get(asset, {}).get(label, 0))
        if amount - brought or not brought:
            yield Line(asset, "opening", "seed", label, amount - brought, 0)
        if brought:
            yield Line(asset, "opening", "converted in", label, brought, 0)
    ends = Counter(end.reason for end in trace.end_rows() if end.asset == asset)
    balance = trace.balance_of(asset)
    for reason, line in sorted(LINES.items(), key=lambda item: list(LINES.values()).index(item[1])):
        if balance.get(reason.value):
            yield Line(asset, "closing", line, reason.value, balance[reason.value], ends[reason.value])
