"""The picture as one HTML page that opens offline: pyvis builds nodes and edges, our template shows them.

Nothing that comes from outside is ever markup: all of it travels as escaped JSON and is shown as text, and
the page's own policy forbids every script but the two it was written with, and every request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from markupsafe import Markup

from chainflow.errors import MissingExtra
from chainflow.figures.face import face_of
from chainflow.figures.figure import Figure, Flow, Item
from chainflow.figures.layout import ARROW
from chainflow.figures.legend import blocks
from chainflow.figures.marks import LINES, dashes_of, end_mark
from chainflow.units import format_coins, format_time

if TYPE_CHECKING:
    from pyvis.network import Network

__all__ = ["HtmlRenderer"]

_VIS = "templates/lib/vis-9.1.2/vis-network.min.js"

_NODE = ("id", "x", "y", "kind", "joint")
_EDGE = ("id", "from", "to")

_TRACED = (
    "In and Out add up the lines, each the part that the policy follows. “seed”: the trace begins there. "
    "“–”: nothing was followed there; that does not say that there was nothing."
)
_PAID = (
    "In and Out add up the lines; Spent is what it put into its transactions, fees included, as observed. "
    "“–”: nothing in this picture; that does not say that there was nothing."
)

_LEVELS = {
    0: "L0: a source says so",
    1: "L1: independent sources agree",
    2: "L2: txid recomputed from the bytes",
    3: "L3: in a block, by merkle branch and proof of work",
    4: "L4: that block chained to a checkpoint",
    5: "L5: own full node",
}


class HtmlRenderer:
    """Writes a figure as one self-contained page."""

    def render(self, figure: Figure) -> bytes:
        """Return the page as UTF-8; the same figure gives the same bytes."""
        scripts = {"vis": _vis_network(), "own": _template("picture.js") + _template("evidence.js")}
        style = _template("figure.css")
        page = Environment(autoescape=True).from_string(_template("figure.html"))
        text = page.render(
            title=figure.title,
            summary=figure.summary,
            strip=_strip(figure),
            items_note=_TRACED if any(item.seed for item in figure.items) else _PAID,
            policy=_policy(list(scripts.values()), style),
            style=Markup(style),  # noqa: S704 our own file
            content=Markup(_script_safe(_content(figure))),  # noqa: S704 escaped just here
            **{name: Markup(script) for name, script in scripts.items()},  # noqa: S704 our own and pyvis' file
        )
        return text.encode()


def _strip(figure: Figure) -> str:
    """Return the line that stays at the foot of the window."""
    said = figure.legend
    verified = said.verification.partition(" (")[0]
    return f"{said.unit} · policy {said.policy} · as of {said.as_of} · {verified} · {said.shown}"


def _policy(scripts: list[str], style: str) -> str:
    """Return the page's Content-Security-Policy: these scripts and this style, nothing else, no network."""
    hashes = " ".join(f"'{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _template(name: str) -> str:
    return files("chainflow.figures").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _vis_network() -> str:
    """Return the vis-network script that came with pyvis."""
    try:
        script = files("pyvis").joinpath(_VIS).read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        raise MissingExtra(
            "the vis-network script of pyvis 0.3.2 is not there", hint="pip install pyvis==0.3.2"
        ) from None
    return script.replace("</script", "<\\/script")


def _script_safe(content: object) -> str:
    """Return JSON that cannot end its script element, whatever text is in it."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _content(figure: Figure) -> dict[str, Any]:
    """Return the figure as JSON-able values, with what the page needs to show it."""
    content = figure.to_dict()
    for row, item in zip(content["items"], figure.items, strict=True):
        row["face"], row["cells"] = asdict(face_of(item)), _cells(item, figure.chain)
        for end, known in zip(row["ends"], item.ends, strict=True):
            end["word"] = end_mark(known.reason).word
    for row, flow in zip(content["flows"], figure.flows, strict=True):
        row["first"], row["last"] = format_time(flow.first), format_time(flow.last)
        row["dashes"] = _round_capped(dashes_of(flow.sign, flow.line_width / 10), flow.line_width / 10)
        del row["pieces"]  # the same places as those of the nodes
    for row, note in zip(content["transactions"], figure.transactions, strict=True):
        row["when"] = format_time(note.time)
        row["level"] = "not given" if note.level is None else _LEVELS.get(note.level, f"L{note.level}")
        row["evidence"] = [
            [*entry[:4], "not stated" if entry[4] is None else format_time(entry[4])]
            for entry in note.evidence
        ]
    network = _network(figure)
    content["legend_blocks"] = [asdict(block) for block in blocks(figure)]
    # what pyvis adds for its own page is left out, and what a flow says already
    content["nodes"] = [{key: node[key] for key in _NODE if key in node} for node in network.nodes]
    content["edges"] = [{key: edge[key] for key in _EDGE} for edge in network.edges]
    content["arrow"] = ARROW
    content["lines"] = {sign: mark._asdict() for sign, mark in LINES.items()}
    return content


def _round_capped(dashes: Sequence[float], width: float) -> list[float]:
    """Return dashes that look the same though vis-network adds half the width to both ends of each."""
    grown = [part + (width if rank % 2 else -width) for rank, part in enumerate(dashes)]
    return [round(max(part, 0.1), 1) for part in grown]


def _cells(item: Item, chain: str) -> dict[str, str]:
    """Return what went in, out and was spent, in words where there is no such amount in the picture."""
    values = {"in": item.received_sat, "out": item.sent_sat, "spent": item.spent_sat}
    said = {side: format_coins(value, chain) if value else "–" for side, value in values.items()}
    if item.seed:
        said[item.seed] = "seed" if said[item.seed] == "–" else f"seed, and {said[item.seed]}"
    return said


def _network(figure: Figure) -> Network:
    """Return the picture as a pyvis network: a node for each box, line end and label; all places fixed.

    vis-network leads an edge from centre to centre, so each line has small nodes of its own to begin, bend
    and end at.
    """
    from pyvis.network import Network

    network = Network(directed=True, cdn_resources="in_line")
    for item in figure.items:
        network.add_node(
            item.id, label=item.label, shape="custom", kind="item", x=item.x, y=item.y, physics=False
        )
    for flow in figure.flows:
        for number, piece in enumerate(flow.pieces):
            _add_piece(network, flow, number, piece)
        if flow.label:
            place = {"x": flow.label_x, "y": flow.label_y, "physics": False}
            network.add_node(f"{flow.id}/label", label=" ", shape="custom", kind="label", **place)
    return network


def _add_piece(network: Network, flow: Flow, number: int, piece: tuple[tuple[int, int], ...]) -> None:
    last = len(piece) - 1
    for rank, (x, y) in enumerate(piece):
        kind = "head" if rank == last else "bend"
        options: dict[str, Any] = {
            "x": x - ARROW if rank == last else x,
            "y": y,
            "physics": False,
        }
        if flow.joint and rank == (0 if number else last):
            options["joint"] = flow.joint
        network.add_node(f"{flow.id}/{number}/{rank}", label=" ", shape="custom", kind=kind, **options)
    for rank in range(last):
        network.add_edge(
            f"{flow.id}/{number}/{rank}",
            f"{flow.id}/{number}/{rank + 1}",
            id=f"{flow.id}/{number}/{rank}",
            width=flow.line_width / 10,
            dashes=bool(LINES[flow.sign].dashes),
            arrows="",
        )
