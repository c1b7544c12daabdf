"""What is said beside a picture, in sentences: how to read this one, what is in it, and that it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainflow.errors import ChainflowError
from chainflow.figures import beside
from chainflow.figures.figure import Basis, Flow, Item, Legend, TxNote
from chainflow.figures.subject import Subject, TraceSubject
from chainflow.units import counted, ticker

if TYPE_CHECKING:
    from chainflow.figures.flow import Stage

__all__ = ["legend_of"]


def legend_of(
    subject: Subject, stage: Stage, items: Sequence[Item], flows: Sequence[Flow], *, notes: Sequence[TxNote]
) -> Legend:
    """Return what must stand beside a picture, after checking that it adds up.

    Raises
    ------
    ChainflowError
        If a base unit of the raw transfers is neither shown, nor inside an item, nor a fee.
    """
    knots = {item.id for item in items if item.kind == "transaction"}
    shown_sat = sum(flow.value_sat for flow in flows if flow.target not in knots)
    internal_sat = sum(item.internal_sat for item in items)
    if stage.raw_sat != shown_sat + internal_sat + stage.fee_sat:
        raise ChainflowError(
            f"the picture is off by {stage.raw_sat - shown_sat - internal_sat - stage.fee_sat} base units",
            hint="this is an error in chainflow; nothing was drawn",
        )
    merged = sum(item.kind == "others" for item in items)
    addresses = len({address for item in items for address in item.addresses})
    transfers = sum(len(flow.payments) for flow in flows if flow.target not in knots)
    ledger = subject.ledger
    behind = () if notes else subject.behind()
    as_of = None if ledger is None else ledger.as_of
    return Legend(
        unit=ticker(subject.chain),
        policy=subject.policy,
        shown=(
            f"{counted(len(items), 'item')} ({merged:,} merged) and {counted(len(flows), 'flow')} of "
            f"{counted(addresses, 'address')} and {counted(transfers, 'transfer')} in "
            f"{counted(len(notes), 'transaction')}"
        ),
        as_of="not given"
        if ledger is None
        else "not told by the source"
        if as_of is None
        else f"block {as_of:,}",
        coverage=beside.coverage_note(ledger),
        sources=beside.sources_of(notes or behind),
        verification=beside.verified(notes or behind, of="" if notes else "at the seeds and next to them"),
        conserved=tuple(
            subject.conserved(shown_sat=shown_sat, internal_sat=internal_sat, fee_sat=stage.fee_sat)
        ),
        reading=tuple(_reading(subject, stage, items, flows)),
    )


def _reading(subject: Subject, stage: Stage, items: Sequence[Item], flows: Sequence[Flow]) -> list[str]:
    """Return how to read this picture, only what applies to it."""
    traced = isinstance(subject, TraceSubject)
    way = "went to" if subject.begins == "out" else "came from"
    shared = any(flow.basis is Basis.PRO_RATA for flow in flows)
    unlabelled = sum(not flow.label for flow in flows)
    unordered = sum(item.unordered for item in items)
    unit = ticker(subject.chain)
    says = {
        f"Each amount is the part of a payment, in {unit}, that the policy says {way} the seeds."
        if traced
        else f"Each amount is what was paid, in {unit}{', except at dotted lines' if shared else ''}.": True,
        "Dotted: some pay in one transaction, and who paid whom is not known. What it paid is shared among "
        "them by what each put in (pro rata): arithmetic, not observed.": shared,
        "“spent” in a box is what it put into its transactions, fees included: observed.": any(
            item.spent_sat is not None for item in items
        ),
        "Amounts in boxes and at lines are rounded, to four decimals or more; the tables of the HTML page "
        "hold all eight.": bool(items),
        "Left to right is time: an item stands where it was last paid before it paid."
        if stage.in_time
        else "Left to right is the order along each path; separate paths may be out of step in time.": True,
        "The picture goes on in the strip below, like a line of text; equal numbers are one line.": any(
            flow.joint for flow in flows
        ),
        "An address that is paid again after it has paid appears again, further right.": any(
            item.parts > 1 for item in items
        ),
        f"{counted(unordered, 'item')} paid and was paid in turns: a path through it may not exist.": unordered
        > 0,
        "A transaction in which many pay many is an item itself: who paid whom in it is not known.": any(
            item.kind == "transaction" for item in items
        ),
        "Merged items (double border, ×N) claim no path through themselves.": any(
            item.kind == "others" for item in items
        ),
        "Dashed: that a cluster's addresses belong together is inferred.": any(
            flow.inferred for flow in flows
        ),
        f"No room for {counted(unlabelled, 'label')}; all amounts are in those tables.": unlabelled > 0,
        f"Left out: {counted(stage.empty, 'transfer')} of 0.": stage.empty > 0,
    }
    return [sentence for sentence, applies in says.items() if applies]
