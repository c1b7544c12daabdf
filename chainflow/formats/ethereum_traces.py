"""The calls inside transactions, as ethereum-etl's table of traces states them: what they moved.

A call that failed moved nothing, and nothing of what it called moved either, whatever their rows say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chainflow.errors import BadInput
from chainflow.formats.accounts import Place, hash_on, party
from chainflow.formats.cells import Row
from chainflow.formats.reading import Reading
from chainflow.model import Fact, TransferKind
from chainflow.sources.accounts import NOT_MOVING, Frame, block_subject, transfer

__all__ = ["Traces"]

_Path = tuple[int, ...]
_MOVING = ("call", "create", "create2", "suicide", "selfdestruct", "daofork")


@dataclass(slots=True)
class Traces:
    """The traces of a file; they are judged together, as a call's failure undoes those below it."""

    chain: str
    rows: list[Row] = field(default_factory=list)
    failed: dict[str, set[_Path]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Keep a row for `finish`, and remember whether it failed."""
        self.rows.append(row)
        if row.has("transaction_hash") and _has_failed(row):
            self.failed.setdefault(hash_on(self.chain, row, "transaction_hash"), set()).add(_path(row))

    def finish(self, reading: Reading) -> None:
        """Add what all traces moved to the facts."""
        for row in self.rows:
            if row.text("trace_type") in _MOVING and row.text("call_type") in NOT_MOVING:
                reading.counts["calls that cannot move anything (left out)"] += 1
                reading.use(row, self._unmoved)
                continue
            reading.use(row, self._facts, kind="traces")
        if any("status" not in row.cells for row in self.rows):
            reading.note("a call succeeded if neither it nor a call above it states an error")

    def _unmoved(self, row: Row) -> Iterator[Fact]:
        """Yield that a call moved nothing, for sources that list it and do not know what it was."""
        if not row.has("transaction_hash") or not row.has("value"):
            return
        place = self._place(row)
        frame = Frame(self.chain, hash_on(self.chain, row, "transaction_hash"), **place)
        sender, recipient = (party(row, name, chain=self.chain) for name in ("from_address", "to_address"))
        at = f"trace:{'_'.join(map(str, _path(row)))}"
        yield from frame.unmoved(row.text("call_type"), sender, recipient, row.whole("value"), place=at)

    def _place(self, row: Row) -> Place:
        return {
            "height": row.whole("block_number", most=2**53),
            "block_hash": hash_on(self.chain, row, "block_hash") if row.has("block_hash") else None,
            "time": row.time("block_timestamp"),
            "position": row.whole_or_none("transaction_index", most=2**32),
        }

    def _facts(self, row: Row) -> Iterator[Fact]:
        kind = row.text("trace_type")
        height = row.whole("block_number", most=2**53)
        if kind in ("reward", "genesis") or not row.has("transaction_hash"):
            yield self._of_block(row, kind, height)
            return
        if kind not in _MOVING:
            raise row.refuse("trace_type", ", ".join((*_MOVING, "reward", "genesis")))
        txid, path = hash_on(self.chain, row, "transaction_hash"), _path(row)
        undone = self.failed.get(txid, set())
        is_undone = any(path[:depth] in undone for depth in range(len(path) + 1))
        sender = party(row, "from_address", chain=self.chain)
        if sender is None:
            raise row.refuse("from_address", "an address")
        yield transfer(
            self.chain,
            txid,
            TransferKind.INTERNAL if path else TransferKind.NATIVE,
            sender=sender,
            recipient=party(row, "to_address", chain=self.chain),
            stated_raw=row.whole("value") if row.has("value") else 0,
            ok=not is_undone,
            place=f"trace:{'_'.join(map(str, path))}" if path else "",
            **self._place(row),
        )

    def _of_block(self, row: Row, kind: str, height: int) -> Fact:
        """Return what a block itself pays: a reward, or the balances that the chain began with."""
        if kind not in ("reward", "genesis", "daofork"):
            raise BadInput(f"a trace of type {kind[:20]!r} without a transaction", hint="export it again")
        who = party(row, "to_address", chain=self.chain)
        what = row.text("reward_type") or kind
        return transfer(
            self.chain,
            block_subject(height),
            TransferKind.INTERNAL if kind == "daofork" else TransferKind.REWARD,
            sender=party(row, "from_address", chain=self.chain),
            recipient=who,
            stated_raw=row.whole("value"),
            ok=True,
            place=f"{what}:{who}",
            height=height,
            time=row.time("block_timestamp"),
        )


def _has_failed(row: Row) -> bool:
    return row.has("error") or row.whole_or_none("status", most=1) == 0


def _path(row: Row) -> _Path:
    """Return where a call stands among the calls of its transaction: () for the first, (0, 1), …"""
    stated = row.value("trace_address")
    if isinstance(stated, str):
        stated = [part.strip() for part in stated.strip("[]").split(",") if part.strip()]
    if stated is None:
        return ()
    if not isinstance(stated, (list, tuple)):
        stated = [stated]
    return tuple(Row(row.line, {"trace_address": part}).whole("trace_address", most=2**32) for part in stated)
