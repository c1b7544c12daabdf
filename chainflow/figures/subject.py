"""The two things that can be drawn, a ledger and a trace, seen the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chainflow.figures import beside
from chainflow.figures.flow import Step, ledger_ends, ledger_steps, trace_ends, trace_seeds, trace_steps
from chainflow.figures.text import legible
from chainflow.model import Outpoint
from chainflow.units import counted, format_coins

if TYPE_CHECKING:
    from chainflow.figures.figure import Flow, Item, TxNote
    from chainflow.ledger import Ledger
    from chainflow.tags import Tags
    from chainflow.tracing import Trace

__all__ = ["LedgerSubject", "Subject", "TraceSubject"]


class Subject(Protocol):
    """What `draw` needs to know of the thing it draws."""

    @property
    def chain(self) -> str:
        """The chain, "" where there is nothing."""

    @property
    def ledger(self) -> Ledger | None:
        """Where evidence, coverage and times come from."""

    @property
    def title(self) -> str:
        """The heading where the caller gives none."""

    @property
    def policy(self) -> str:
        """Which rule said what the amounts are."""

    @property
    def digests(self) -> list[str]:
        """The digests of what is drawn."""

    @property
    def begins(self) -> str:
        """At which side of its seeds a trace begins: "in" or "out"."""

    def seeds(self) -> Iterator[tuple[Outpoint, str]]:
        """Yield the outputs that a trace began at, and whose they are: these are never merged away."""

    def steps(self) -> Iterator[Step]:
        """Yield the transactions in the chain's order."""

    def ends(self) -> Iterator[tuple[Outpoint, str, int, str]]:
        """Yield what goes no further: outpoint, address, value, why."""

    def notes(self, txids: Sequence[str], tags: Tags | None) -> dict[str, TxNote]:
        """Return what is known of each transaction."""

    def conserved(self, *, shown_sat: int, internal_sat: int, fee_sat: int) -> list[tuple[str, int]]:
        """Return the balance: its first line is the sum of the others."""

    def summary(self, items: Mapping[str, Item], flows: Sequence[Flow], notes: Sequence[TxNote]) -> str:
        """Return the picture as one sentence."""

    def behind(self) -> Sequence[TxNote]:
        """Return the transactions that a picture without any rests on."""


@dataclass(frozen=True, slots=True)
class LedgerSubject:
    """Every payment of a ledger."""

    ledger: Ledger

    @property
    def chain(self) -> str:
        """The ledger's only chain."""
        return self.ledger.chain if self.ledger.chains else ""

    @property
    def title(self) -> str:
        """How much there is."""
        return f"Payments in {counted(len(self.ledger), 'transaction')}"

    @property
    def policy(self) -> str:
        """That there is none."""
        return "none: these are payments, and say nothing of whose money went on where"

    @property
    def digests(self) -> list[str]:
        """The ledger's."""
        return [self.ledger.digest]

    @property
    def begins(self) -> str:
        """Nowhere."""
        return ""

    def seeds(self) -> Iterator[tuple[Outpoint, str]]:
        """Yield nothing."""
        yield from ()

    def steps(self) -> Iterator[Step]:
        """Yield all transactions."""
        return ledger_steps(self.ledger)

    def ends(self) -> Iterator[tuple[Outpoint, str, int, str]]:
        """Yield every output that nothing in the ledger spends."""
        return ledger_ends(self.ledger)

    def notes(self, txids: Sequence[str], tags: Tags | None) -> dict[str, TxNote]:
        """Return what the ledger knows, evidence included."""
        return beside.ledger_notes(self.ledger, txids, tags)

    def conserved(self, *, shown_sat: int, internal_sat: int, fee_sat: int) -> list[tuple[str, int]]:
        """Compare what is drawn with the sums of the ledger's own table."""
        sums = [
            sum(value or 0 for value in self.ledger.txs[name].to_pylist())
            for name in ("output_sat", "fee_sat")
        ]
        parts = [("drawn as lines", shown_sat), ("inside items", internal_sat), ("fees", fee_sat)]
        return [("all outputs and known fees", sum(sums)), *((name, value) for name, value in parts if value)]

    def summary(self, items: Mapping[str, Item], flows: Sequence[Flow], notes: Sequence[TxNote]) -> str:
        """Return the largest payments."""
        if not notes:
            return "Nothing to draw: this ledger holds no transaction."
        return beside.ledger_summary(items, flows, notes, self.chain)

    def behind(self) -> Sequence[TxNote]:
        """Return nothing: all that a ledger holds is in its picture."""
        return ()


@dataclass(frozen=True, slots=True)
class TraceSubject:
    """The traced part of each payment that a trace went through."""

    trace: Trace
    ledger: Ledger | None

    @property
    def chain(self) -> str:
        """The trace's chain."""
        return self.trace.chain

    @property
    def title(self) -> str:
        """How much, which way, from where."""
        amount = format_coins(self.trace.seed_sat, self.chain)
        way = (
            f"Where {amount} went, from"
            if self.trace.direction == "forward"
            else f"Where {amount} came from, to"
        )
        seeds = ", ".join(beside.seed_name(seed) for seed in self.trace.seeds[:2])
        more = f" and {len(self.trace.seeds) - 2:,} more" if len(self.trace.seeds) > 2 else ""
        return f"{way} {seeds}{more}"

    @property
    def policy(self) -> str:
        """The policy's name, with what a reader must know of it."""
        name = legible(self.trace.policy, limit=80)
        return f"{name}, {self.trace.direction}; a convention, as given to this run"

    @property
    def digests(self) -> list[str]:
        """The trace's and, where given, its ledger's."""
        return [self.trace.digest, *([] if self.ledger is None else [self.ledger.digest])]

    @property
    def begins(self) -> str:
        """What a forward trace follows comes in at its seeds from nowhere in the picture."""
        return "in" if self.trace.direction == "forward" else "out"

    def seeds(self) -> Iterator[tuple[Outpoint, str]]:
        """Yield the outputs at hop 0."""
        return trace_seeds(self.trace)

    def steps(self) -> Iterator[Step]:
        """Yield the transactions that traced value moved in."""
        return trace_steps(self.trace)

    def ends(self) -> Iterator[tuple[Outpoint, str, int, str]]:
        """Yield where the trace ended, fees left out."""
        return trace_ends(self.trace)

    def notes(self, txids: Sequence[str], tags: Tags | None) -> dict[str, TxNote]:
        """Return what the ledger knows, or what the trace alone does."""
        if self.ledger is None:
            return beside.trace_notes(self.trace, txids)
        return beside.ledger_notes(self.ledger, txids, tags)

    def conserved(self, *, shown_sat: int, internal_sat: int, fee_sat: int) -> list[tuple[str, int]]:
        """Return the trace's own balance: the seeds are what all ends add up to."""
        return [("the seeds", self.trace.seed_sat), *self.trace.balance.items()]

    def summary(self, items: Mapping[str, Item], flows: Sequence[Flow], notes: Sequence[TxNote]) -> str:
        """Return where most of it ended."""
        return beside.trace_summary(self.trace, items, notes, self.ledger)

    def behind(self) -> Sequence[TxNote]:
        """Return the transactions of the seeds and the disputed ones at which it stopped."""
        if self.ledger is None:
            return ()
        made = [seed.txid for seed, _ in self.seeds()]
        stopped = beside.disputed_next(self.trace, self.ledger)
        return tuple(beside.ledger_notes(self.ledger, dict.fromkeys([*made, *stopped]), None).values())
