"""`max_flow`: the most that can have gone from one set to another, with the cut that proves it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from chainflow import cards
from chainflow.model import Recipe, digest_of
from chainflow.tags import Tags
from chainflow.tracing.asset import Asset
from chainflow.tracing.paths.graph import SOURCE, TARGET, FlowGraph, Node
from chainflow.tracing.paths.network import OUTSIDE, Network
from chainflow.tracing.paths.question import SomePlaces, ask
from chainflow.tracing.paths.result import frame_of, step_of

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Flow", "max_flow"]


@dataclass(frozen=True, repr=False, eq=False)
class Flow:
    """The largest amount that can have gone from the sources to the targets; get one from `max_flow`.

    Parameters
    ----------
    amount : int
        Base units. No conserving rule can bring more to the targets.
    seed : int
        What the sources hold together.
    by_arc : dict of int to int
        Arc of the network → what flows along it in one flow of that amount; there can be others.
    cut : tuple of int
        Arcs that everything has to pass: their amounts add up to `amount`, which proves that no more can.
    network : Network
    as_of : int or None
    recipe : Recipe
    """

    amount: int
    seed: int
    by_arc: Mapping[int, int]
    cut: tuple[int, ...]
    network: Network
    as_of: int | None
    recipe: Recipe

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        return digest_of([self.amount, sorted(self.by_arc.items()), self.cut])

    def to_pandas(self) -> pd.DataFrame:
        """Return what flows: txid, from, to, place, amount, height, time, flow, is_cut; without what is held."""
        return self._frame(number for number in sorted(self.by_arc) if not self._is_held(number))

    @property
    def cut_table(self) -> pd.DataFrame:
        """The cut, columns as `to_pandas`; the sum of its amounts is `amount`.

        A row without a txid is what an account held between two events, or before the first.
        """
        return self._frame(self.cut)

    def _is_held(self, number: int) -> bool:
        return self.network.arcs[number].tx == OUTSIDE and not self.network.is_outputs

    def _frame(self, numbers: Iterable[int]) -> pd.DataFrame:
        return frame_of(
            ({}, step_of(self.network, number),
             {"flow": self.by_arc.get(number, 0), "is_cut": number in self.cut})
            for number in numbers
        )  # fmt: skip

    def __repr__(self) -> str:
        words = self.network.words
        return f"<Flow: at most {words(self.amount)} of {words(self.seed)}, by a cut of {len(self.cut):,}>"

    def _repr_html_(self) -> str:
        rows = [
            (step.place or "held", step.payee or "", self.network.words(step.amount))
            for step in (step_of(self.network, number) for number in self.cut[:12])
        ]
        asked = "not told by the source" if self.as_of is None else f"{self.as_of:,}"
        note = (
            "Everything has to pass this cut, whatever the rule. "
            f"As of block: {asked}. Recipe {self.recipe.digest[:16]}."
        )
        total = ("= at most", "", self.network.words(self.amount))
        return cards.card(
            "The most that can have gone there", [*rows, total], header=("where", "to", "amount"), note=note
        )


def max_flow(
    ledger: Ledger,
    sources: SomePlaces,
    targets: SomePlaces,
    *,
    stop: Tags | Collection[str] | None = None,
    coinjoins: Collection[str] | None = None,
    contracts: Collection[str] | None = None,
    after: int | None = None,
    asset: Asset | str | None = None,
) -> Flow:
    """Return the most that can have gone from the sources to the targets, forward in time.

    Parameters, names and errors are those of `paths`. Value is followed to the first target that it meets.
    A rule that conserves (every one but poison) can bring no more there; a temporal flow is found as an
    ordinary one, for the network holds one node per moment. 0 says "nothing within the evidence": see
    `paths` for where that ends.

    References
    ----------
    L. R. Ford and D. R. Fulkerson, "Maximal flow through a network", 1956 (the cut as proof).

    Examples
    --------
    >>> from chainflow import samples
    >>> lesson = samples.peel_chain(length=2)
    >>> last = lesson.ledger.txs["txid"].to_pylist()[-1]
    >>> flow = max_flow(lesson.ledger, lesson.seed, last)
    >>> flow.amount == sum(flow.cut_table["amount"])
    True
    """
    question = ask(
        ledger,
        sources,
        targets,
        stop=stop,
        coinjoins=coinjoins,
        contracts=contracts,
        after=after,
        asset=asset,
    )
    graph = FlowGraph.of(question)
    residual = graph.solved(TARGET)
    return Flow(
        int(residual.graph["flow_value"]),
        graph.total,
        _by_arc(graph, residual, question.network),
        _cut(graph, residual),
        question.network,
        ledger.as_of,
        Recipe("max_flow", question.asked, inputs=[ledger.digest]),
    )


def _by_arc(graph: FlowGraph, residual: nx.DiGraph[Node], network: Network) -> dict[int, int]:
    """Return what flows along each arc; of several between two nodes the first are filled first."""
    found: dict[int, int] = {}
    for (tail, head), numbers in graph.arcs.items():
        left = int(residual.edges[tail, head]["flow"]) if residual.has_edge(tail, head) else 0
        for number in numbers:
            flow = min(left, network.arcs[number].amount)
            left -= flow
            if flow > 0:
                found[number] = flow
    return dict(sorted(found.items()))


def _cut(graph: FlowGraph, residual: nx.DiGraph[Node]) -> tuple[int, ...]:
    """Return the arcs from what more could still flow to, to the rest: all of them are full."""
    near: set[Node] = {SOURCE}
    waiting: list[Node] = [SOURCE]
    while waiting:
        node = waiting.pop()
        for head, edge in residual.adj[node].items():
            if head not in near and edge["flow"] < edge["capacity"]:
                near.add(head)
                waiting.append(head)
    crossing = (pair for pair in graph.arcs if pair[0] in near and pair[1] not in near)
    return tuple(sorted(number for pair in crossing for number in graph.arcs[pair]))
