"""`draw`: a trace or a ledger as a figure; each step of the way is a function of its own module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, overload

from chainflow.clustering import Explanation
from chainflow.errors import AddressInvalid, BadInput, SeedUnknown
from chainflow.figures import beside
from chainflow.figures.caption import legend_of
from chainflow.figures.chain import ChainPicture, draw_chain
from chainflow.figures.describe import Describer, amount_and_time, room_for
from chainflow.figures.face import face_of
from chainflow.figures.figure import Figure, Flow, Item
from chainflow.figures.flow import UNSEEN, Appearance, Stage
from chainflow.figures.fold import fold
from chainflow.figures.layout import BOX_WIDTH, Line, Shape, place
from chainflow.figures.subject import LedgerSubject, Subject, TraceSubject
from chainflow.figures.text import legible
from chainflow.ledger import Ledger
from chainflow.ledger.graph import COINBASE
from chainflow.model import Recipe, digest_of
from chainflow.tracing import AccountTrace, Trace
from chainflow.units import ticker

if TYPE_CHECKING:
    from chainflow.ledger.graph import Owners
    from chainflow.tags import Tags

__all__ = ["draw"]

MAX_COLUMNS = 16
"""Up to here columns keep the order of time across the whole picture; beyond it along each path only."""

_WIDEST = 9.0


@overload
def draw(what: Explanation) -> ChainPicture: ...
@overload
def draw(
    what: Trace | Ledger,
    *,
    ledger: Ledger | None = ...,
    owners: Owners | None = ...,
    tags: Tags | None = ...,
    title: str = ...,
    focus: str | None = ...,
    max_items: int = ...,
    max_rows: int = ...,
) -> Figure: ...
def draw(
    what: Trace | Ledger | Explanation,
    *,
    ledger: Ledger | None = None,
    owners: Owners | None = None,
    tags: Tags | None = None,
    title: str = "",
    focus: str | None = None,
    max_items: int = 300,
    max_rows: int = 12,
) -> Figure | ChainPicture:
    """Draw who paid whom, how much, when, and where it ended; or why two addresses are together.

    Parameters
    ----------
    what : Trace, Ledger or Explanation
        A trace shows the traced part of each payment; a ledger shows every payment in it; an explanation
        its chain of links, and takes no options.
    ledger : Ledger, optional
        The ledger of a trace: gives each transaction its evidence.
    owners : Clustering, optional
        One item for each cluster instead of each address; what rests on it is dashed.
    tags : Tags, optional
        Names and categories.
    focus : str, optional
        An address, cluster or tag label to bring out; see `Figure.focus`.
    max_items, max_rows : int
        Draw at most so many items, and so many in one column: the smallest are merged into "N others".

    Raises
    ------
    IncompleteData
        If the ledger holds several chains, or `max_items` cannot be met.
    BadInput
        If `what` cannot be drawn (a ledger of accounts only cannot), or a limit is below 1.

    Examples
    --------
    >>> from chainflow import samples, trace
    >>> lesson = samples.peel_chain(length=2)
    >>> draw(trace(lesson.ledger, lesson.seed), ledger=lesson.ledger).legend.unit
    'tBTC'
    """
    if isinstance(what, Explanation):
        return draw_chain(what)
    if not isinstance(what, Trace | Ledger):
        raise BadInput(
            f"cannot draw a {type(what).__name__}", hint="give a Trace, a Ledger or an Explanation"
        )
    if min(max_items, max_rows) < 1:
        raise BadInput("a limit of a picture is below 1", hint="leave it out for the default")
    if isinstance(what, Ledger):
        what.refuse_accounts("drawing")
    if isinstance(what, AccountTrace):
        raise BadInput(
            f"drawing accounts ({what.chain}) is not in this version: their coins have no outputs",
            hint="trail.closing(), trail.explain(place) and trail.to_networkx() show where it went",
        )
    subject: Subject = TraceSubject(what, ledger) if isinstance(what, Trace) else LedgerSubject(what)
    owner_of = _owner_of(owners)
    stage = _staged(subject, owner_of)
    seeds = {address for _, address in subject.seeds()}
    pinned = {owner_of(name) for name in seeds | ({focus} if focus else set())} | _tagged(stage, tags)
    shown, flows = fold(stage.appearances, stage.flows, pinned, max_rows=max_rows, max_items=max_items)
    _compact(shown)
    notes = subject.notes(list(stage.txids), tags)
    describer = Describer(tags, beside.coverage_of(subject.ledger), notes, subject.chain)
    numbers = {appearance: f"i{rank}" for rank, appearance in enumerate(shown)}
    unit = ticker(subject.chain)
    items, lines, size = _placed(
        describer.items(shown, numbers), describer.flows(flows, numbers, stage), unit
    )
    known = list(notes.values())
    chosen = {"title": title, "max_items": max_items, "max_rows": max_rows}
    figure = Figure(
        title=legible(title or subject.title, limit=200),
        summary=subject.summary({item.id: item for item in items}, lines, known),
        chain=subject.chain,
        items=items,
        flows=lines,
        transactions=tuple(known),
        legend=legend_of(subject, stage, items, lines, notes=known),
        recipe=Recipe("draw", chosen, inputs=_inputs(subject, stage, owners, tags)),
        width=size[0],
        height=size[1],
    )
    return figure if focus is None else figure.focus(focus)


def _owner_of(owners: Owners | None) -> Callable[[str], str]:
    def owner(address: str) -> str:
        if owners is None or address == COINBASE or address.startswith(UNSEEN):
            return address
        try:
            return owners.of(address)
        except (SeedUnknown, AddressInvalid):  # not clustered (the ledger grew since), or a tag's label
            return address

    return owner


def _staged(subject: Subject, owner_of: Callable[[str], str]) -> Stage:
    """Return the strictest way to put the transactions in order that needs few enough columns."""
    steps, tried = list(subject.steps()), []
    for in_time, strict in ((True, True), (False, True), (False, False)):
        stage = Stage(owner_of, in_time=in_time, strict=strict)
        stage.play(steps)
        tried.append(stage)
        if stage.columns <= MAX_COLUMNS:
            break
    chosen = min(tried, key=lambda stage: max(stage.columns, MAX_COLUMNS))
    chosen.end(subject.ends())
    chosen.begin(subject.seeds(), subject.begins)
    return chosen


def _tagged(stage: Stage, tags: Tags | None) -> set[str]:
    if tags is None:
        return set()
    return {a.key for a in stage.appearances if not tags.by_address.keys().isdisjoint(a.addresses)}


def _compact(shown: list[Appearance]) -> None:
    """Close columns that nothing stands in."""
    rank = {column: place for place, column in enumerate(sorted({appearance.column for appearance in shown}))}
    for appearance in shown:
        appearance.column = rank[appearance.column]


def _placed(
    items: tuple[Item, ...], flows: tuple[Flow, ...], unit: str
) -> tuple[tuple[Item, ...], tuple[Flow, ...], tuple[int, int]]:
    """Return items and flows with their places, and the size of the picture."""
    at = {item.id: place for place, item in enumerate(items)}
    by_size = sorted(items, key=lambda item: (item.kind == "others", -max(item.received_sat, item.sent_sat)))
    rank = {item.id: place for place, item in enumerate(by_size)}
    largest = max((flow.value_sat for flow in flows), default=1)
    widths = [max(1.0, _WIDEST * flow.value_sat / largest) for flow in flows]
    labels = [amount_and_time(flow, unit) for flow in flows]
    lines = [
        Line(at[flow.source], at[flow.target], width, room_for(label), flow.value_sat)
        for flow, width, label in zip(flows, widths, labels, strict=True)
    ]
    placed = place([Shape(item.column, face_of(item).height, rank[item.id]) for item in items], lines)
    found = tuple(
        replace(item, x=x, y=y, width=BOX_WIDTH, height=height)
        for item, (x, y, height) in zip(items, placed.boxes, strict=True)
    )
    drawn, joints = [], count(1)
    for flow, width, path, label in zip(flows, widths, placed.paths, labels, strict=True):
        joint = str(next(joints)) if len(path.pieces) > 1 else ""
        line = replace(flow, line_width=round(width * 10), pieces=path.pieces, joint=joint)
        if path.label is not None:
            line = replace(line, label=label, label_x=path.label[0], label_y=path.label[1])
        drawn.append(line)
    return found, tuple(drawn), (placed.width, placed.height)


def _inputs(subject: Subject, stage: Stage, owners: Owners | None, tags: Tags | None) -> list[str]:
    grouped = [[sorted(a.addresses), a.key] for a in stage.appearances] if owners is not None else None
    named = [] if grouped is None else [digest_of(grouped)]
    return [*subject.digests, *named, *([] if tags is None else [tags.digest])]
