"""A picture as a value: items, flows, what must always stand beside them, and how it was made.

Nothing here draws. Renderers are plug-ins of the group `chainflow.renderers`, found by the suffix of the
file that is written; this module holds the one that writes the plain JSON.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from html import escape
from typing import Any, Protocol, cast

import pandas as pd

from chainflow import registry, units
from chainflow.errors import BadInput
from chainflow.model import Recipe, canonical_json
from chainflow.writing import write_whole

__all__ = [
    "Basis",
    "End",
    "Figure",
    "Flow",
    "Item",
    "JsonRenderer",
    "Legend",
    "Payment",
    "Renderer",
    "Stated",
    "TxNote",
]

FORMAT = "chainflow-figure"
VERSION = 1
GROUP = "chainflow.renderers"


class Basis(StrEnum):
    """What the amount of a payment rests on."""

    OBSERVED = "observed"
    """On the chain: one item paid this."""
    PRO_RATA = "pro rata"
    """Several items paid together: their shares, by what each put in, are arithmetic."""
    TRACED = "traced"
    """The part of an observed payment that a trace's policy follows."""


@dataclass(frozen=True, slots=True)
class End:
    """Value that goes no further here: why (a `chainflow.model.EndReason`), and the outputs it is in."""

    reason: str
    value_sat: int
    outpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stated:
    """A tag on one of an item's addresses, as its source states it; empty where it does not."""

    address: str
    label: str
    category: str
    actor: str
    source: str
    confidence: str
    date: str
    context: str


@dataclass(frozen=True, slots=True)
class Item:
    """Something that pays or is paid, at one stretch of time.

    Attributes
    ----------
    name : str
        The address, the cluster, or what else it is.
    kind : str
        `address`, `cluster` (grouped by inference), `others` (merged to keep the picture small),
        `coinbase` (newly made coins), `unseen` (a payer that is not in evidence) or `transaction` (many
        pay many in it: who paid whom is not known).
    label, second : str
        What its box says; safe to show, not unique.
    category, letter, colour : str
        Of its strongest tag.
    part, parts : int
        Which appearance of the address this is, and of how many: later ones stand to the right.
    received_sat, sent_sat, internal_sat : int
        Drawn into it, out of it, and paid from it to itself.
    spent_sat : int or None
        What it put into its transactions, fees included, as observed; None where that is not shown.
    seed : str
        "in" or "out": the side at which a trace begins here; "" elsewhere.
    unordered : bool
        Some of what it received came after something that it paid: no path through it is claimed.
    x, y, width, height : int
        Its box; x and y are the centre.
    """

    id: str
    name: str
    kind: str
    label: str
    second: str
    addresses: tuple[str, ...]
    category: str
    letter: str
    colour: str
    part: int
    parts: int
    received_sat: int
    sent_sat: int
    internal_sat: int
    spent_sat: int | None
    seed: str
    unordered: bool
    ends: tuple[End, ...]
    tags: tuple[Stated, ...]
    coverage: str
    column: int
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Payment:
    """What one transaction adds to a flow, of how much it paid to that item in all."""

    txid: str
    value_sat: int
    paid_sat: int
    basis: Basis


@dataclass(frozen=True, slots=True)
class Flow:
    """Everything drawn from one item to another.

    Attributes
    ----------
    first, last : int or None
        Block times in Unix seconds; None where no transaction of it is in a block.
    inferred : bool
        One of its sides is a cluster: that they belong together is a rule's word, so it is dashed.
    line_width : int
        In tenths of a pixel, in proportion to the value, at least 10.
    pieces : tuple of tuple of (int, int)
        The line, left to right, each stretch a curve with level ends; two pieces where it goes on in a
        later strip, and then `joint` is the number at both ends of the break.
    label : tuple of str
        Amount and time; empty where there is no room.
    """

    id: str
    source: str
    target: str
    payments: tuple[Payment, ...]
    first: int | None
    last: int | None
    inferred: bool
    line_width: int = 10
    pieces: tuple[tuple[tuple[int, int], ...], ...] = ()
    joint: str = ""
    label: tuple[str, ...] = ()
    label_x: int = 0
    label_y: int = 0

    @property
    def value_sat(self) -> int:
        """The sum over its transactions, in base units."""
        return sum(payment.value_sat for payment in self.payments)

    @property
    def basis(self) -> Basis:
        """What its amount rests on: `pro rata` as soon as one of its payments is a share."""
        found = {payment.basis for payment in self.payments}
        return Basis.PRO_RATA if Basis.PRO_RATA in found else self.payments[0].basis

    @property
    def sign(self) -> str:
        """The key of its line in `chainflow.figures.marks.LINES`."""
        return f"grouped {self.basis}" if self.inferred else self.basis.value


@dataclass(frozen=True, slots=True)
class TxNote:
    """What is known of a transaction in the picture, and which replies say so.

    `evidence` rows are (log number, SHA-256 of the raw reply, source, URL, time retrieved or None).
    """

    txid: str
    time: int | None
    height: int | None
    level: int | None
    fee_sat: int | None
    payers: int | None
    tags: tuple[str, ...]
    evidence: tuple[tuple[int, str, str, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Legend:
    """What must stand beside every picture.

    Attributes
    ----------
    conserved : tuple of (str, int)
        The balance: its first line equals the sum of all others, in base units.
    reading : tuple of str
        How to read this one, sentence by sentence.
    """

    unit: str
    shown: str
    policy: str
    as_of: str
    coverage: str
    sources: tuple[str, ...]
    verification: str
    conserved: tuple[tuple[str, int], ...]
    reading: tuple[str, ...]


class Renderer(Protocol):
    """Turns a figure into the bytes of a file; registered under the file's suffix."""

    def render(self, figure: Figure) -> bytes:
        """Return the file's content; the same figure gives the same bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class Figure:
    """A picture of a ledger or a trace, drawn by `draw`.

    Examples
    --------
    >>> from chainflow import draw, samples
    >>> figure = draw(samples.peel_chain(length=2).ledger)
    >>> sum(flow.value_sat for flow in figure.flows) > 0
    True
    """

    title: str
    summary: str
    chain: str
    items: tuple[Item, ...]
    flows: tuple[Flow, ...]
    transactions: tuple[TxNote, ...]
    legend: Legend
    recipe: Recipe
    width: int
    height: int
    focused: str = ""

    def focus(self, address: str) -> Figure:
        """Return the same picture with one address (or cluster, or tag label) and its flows brought out.

        Raises
        ------
        BadInput
            If nothing in the picture goes by that name.
        """
        if not any(address in (item.name, item.label, *item.addresses) for item in self.items):
            raise BadInput(f"{address} is not in this picture", hint="see figure.items; nothing was changed")
        recipe = replace(self.recipe, parameters={**self.recipe.parameters, "focus": address})
        return replace(self, focused=address, recipe=recipe)

    @property
    def in_focus(self) -> frozenset[str]:
        """The ids of the items and flows brought out; empty where nothing is."""
        names = (
            {i.id for i in self.items if self.focused in (i.name, i.label, *i.addresses)}
            if self.focused
            else set()
        )
        flows = [flow for flow in self.flows if names & {flow.source, flow.target}]
        near = {side for flow in flows for side in (flow.source, flow.target)}
        return frozenset(names | near | {flow.id for flow in flows})

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write the picture; the suffix (`.html`, `.svg`, `.json`, a plug-in's; none: html) decides the form.

        Raises
        ------
        PluginError
            If no renderer goes by that suffix.
        """
        place = pathlib.Path(path)
        write_whole(place, self.render(place.suffix.removeprefix(".").lower() or "html"))
        return place

    def render(self, form: str) -> bytes:
        """Return the bytes of the picture as `html`, `svg`, `json`, or a plug-in's form."""
        make = cast("type[Renderer]", registry.load(GROUP, form))
        return make().render(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the picture as plain values; every amount is an exact text of base units."""
        content = _plain({name: getattr(self, name) for name in ("items", "flows", "transactions", "legend")})
        for row, flow in zip(content["flows"], self.flows, strict=True):
            row.update(value_sat=str(flow.value_sat), basis=flow.basis, sign=flow.sign)
        names = ("title", "summary", "chain", "width", "height", "focused")
        head = {"format": FORMAT, "version": VERSION, **{name: getattr(self, name) for name in names}}
        return {**head, **content, "in_focus": sorted(self.in_focus), "recipe": self.recipe.as_dict()}

    def to_json(self) -> str:
        """Return the picture as canonical JSON: what `figure.save("….json")` writes."""
        return canonical_json(self.to_dict())

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON: equal for equal pictures on every machine."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_pandas(self) -> pd.DataFrame:
        """Return the flows as a table: who paid whom, base units and their basis, how often, when (UTC)."""
        by_id = {item.id: item for item in self.items}
        rows = [
            (
                by_id[flow.source].name,
                by_id[flow.target].name,
                flow.value_sat,
                flow.basis.value,
                len(flow.payments),
                None if flow.first is None else units.to_utc(flow.first),
                None if flow.last is None else units.to_utc(flow.last),
                [payment.txid for payment in flow.payments],
            )
            for flow in self.flows
        ]
        names = ["payer", "payee", "value_sat", "basis", "transactions", "first", "last", "txids"]
        table = pd.DataFrame(rows, columns=names)
        kinds = {"value_sat": "int64[pyarrow]", "transactions": "int64[pyarrow]"}
        times = {"first": "timestamp[s, tz=UTC][pyarrow]", "last": "timestamp[s, tz=UTC][pyarrow]"}
        return table.astype({**kinds, **times})

    def __repr__(self) -> str:
        return f"<Figure {self.title!r}: {len(self.items)} items, {len(self.flows)} flows>"

    def _repr_html_(self) -> str:
        page = escape(self.render("html").decode(), quote=True)
        name = escape(self.summary, quote=True)
        return (
            f'<iframe sandbox="allow-scripts" title="{name}" width="100%" height="760" '
            f'style="border:1px solid #d5dbe1;border-radius:6px" srcdoc="{page}"></iframe>'
        )


class JsonRenderer:
    """Writes the picture as canonical JSON."""

    def render(self, figure: Figure) -> bytes:
        """Return the JSON as UTF-8, one line."""
        return f"{figure.to_json()}\n".encode()


def _plain(value: Any, name: str = "") -> Any:
    """Return nested values as JSON-able ones, every `…_sat` as text."""
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(cell, key) for key, cell in value.items()}
    if isinstance(value, list | tuple):
        return (
            [[_plain(a), str(b)] for a, b in value]
            if name == "conserved"
            else [_plain(cell) for cell in value]
        )
    return str(value) if name.endswith("_sat") and value is not None else value
