"""What a reader gathers while it goes through a file's rows: facts, rejected rows, and the counts of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from chainflow.errors import BadInput, ChainflowError
from chainflow.formats.cells import Row
from chainflow.formats.drafts import Drafts
from chainflow.formats.shape import Parsed, RejectedRow
from chainflow.formats.tables import Table
from chainflow.model import Fact, SpendRecord, TxOutline, TxRecord

__all__ = ["Reading", "choose", "drain"]


@dataclass(slots=True)
class Reading:
    """The state of reading one file; `parsed` is what comes out."""

    facts: list[Fact] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    chains: Counter[str] = field(default_factory=Counter)
    notes: dict[str, None] = field(default_factory=dict)
    understood: dict[str, str] = field(default_factory=dict)
    rows: int = 0

    def rows_of(self, table: Table, meanings: Mapping[str, str]) -> Iterator[Row]:
        """Yield the usable rows of a table, and note what its columns were taken for."""
        self.understood.update({name: meanings[name] for name in table.columns if name in meanings})
        for row in table.rows:
            self.rows += 1
            if isinstance(row, RejectedRow):
                self.rejected.append(row)
            else:
                yield row

    def use(self, row: Row, read: Callable[[Row], Iterable[Fact]], *, kind: str = "") -> bool:
        """Take the facts of a row and return whether it could be used; if not, the row is kept as rejected."""
        try:
            facts = list(read(row))
        except ChainflowError as error:
            self.refuse(row, error)
            return False
        self.facts += facts
        if kind:
            self.counts[kind] += 1
        return True

    def refuse(self, row: Row, error: ChainflowError) -> None:
        """Keep a row as rejected."""
        self.rejected.append(RejectedRow.of(row.line, row.shown, error))

    def note(self, sentence: str) -> None:
        """Say once what the file cannot tell."""
        self.notes[sentence] = None

    def parsed(self) -> Parsed:
        """Return what was read; equal facts stay as many as they are: two equal payments are two."""
        return Parsed(
            facts=tuple(self.facts),
            rejected=tuple(sorted(self.rejected, key=lambda row: row.line)),
            understood=self.understood,
            counts={what: count for what, count in sorted(self.counts.items()) if count},
            rows=self.rows,
            notes=tuple(self.notes),
            chains=dict(sorted(self.chains.items())),
        )


def choose(options: Mapping[str, str], known: Iterable[str]) -> None:
    """Check that every option is one of the known.

    Raises
    ------
    BadInput
        If there is no such option.
    """
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise BadInput(f"no option {name[:40]!r} for this format", hint=f"there are: {listed}")


def drain(drafts: Drafts, reading: Reading) -> None:
    """Turn what was gathered of transactions into facts; refused ones become rejected rows."""
    for draft, facts in drafts.finished():
        if isinstance(facts, ChainflowError):
            reading.refuse(draft.row, facts)
            continue
        reading.facts += facts
        for fact in facts:
            reading.counts[_named(fact)] += 1
        if not facts:
            reading.counts["transactions of which too little is stated"] += 1
            reading.note(
                "tables of inputs and outputs make transactions only together: pass all files at once"
            )


def _named(fact: TxRecord | TxOutline | SpendRecord) -> str:
    match fact:
        case TxRecord():
            if fact.raw is not None:
                return "transactions whose txid was recomputed"
            return (
                "coinbase transactions" if fact.is_coinbase else "transactions as stated, without their bytes"
            )
        case TxOutline():
            return "transactions of which only the block, or the outputs, are stated"
        case SpendRecord():
            return "spent outputs, without the rest of the spender"
