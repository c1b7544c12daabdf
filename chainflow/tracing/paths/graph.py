"""Flows through a question's network: the graph, the flow along each arc, and the cut that bounds it.

All capacities are whole numbers of any size and stay so. Push and relabel was the fastest of networkx's
rules on networks of transactions (see `docs/concepts/paths.md`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import networkx as nx
from networkx.algorithms.flow import preflow_push

from chainflow.model import EndReason
from chainflow.tracing.paths.question import STOPS, Question

__all__ = ["ELSEWHERE", "SOURCE", "STOPPED", "TARGET", "FlowGraph"]

SOURCE, TARGET, ELSEWHERE, STOPPED = "source", "target", "elsewhere", "stopped"

Node = int | str
Edge = tuple[Node, Node]


@dataclass(slots=True)
class FlowGraph:
    """The arcs that the sources can reach, those between the same two nodes together.

    Each source begins with what is claimed of it. What arrives there from another one ends as far as the
    source is full already: its own claim makes up for just as much.
    """

    capacity: dict[Edge, int] = field(default_factory=dict)
    arcs: dict[Edge, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, question: Question) -> FlowGraph:
        """Return the graph of a question: ends other than the target lead elsewhere, stops by way of `STOPPED`."""
        graph, waiting, seen = cls(), list[int](), set[int]()
        tails: Iterable[tuple[Node, int]] = ((SOURCE, number) for number in sorted(question.sources))
        while True:
            for tail, number in tails:
                head, claimed = _head(question, number), question.claimed(number)
                left = claimed if tail == SOURCE else question.network.arcs[number].amount - claimed
                graph.add(tail, head, left, number)
                if tail != SOURCE:
                    graph.add(tail, ELSEWHERE, claimed, number)
                if head == STOPPED:
                    graph.add(STOPPED, ELSEWHERE, left)
                if isinstance(head, int) and head not in seen:
                    seen.add(head)
                    waiting.append(head)
            if not waiting:
                return graph
            node = waiting.pop()
            tails = ((node, number) for number in question.network.leaving[node])

    def add(self, tail: Node, head: Node, amount: int, number: int | None = None) -> None:
        """Add an arc, or (without a number) a way that only a bound supposes."""
        if amount:
            self.capacity[tail, head] = self.capacity.get((tail, head), 0) + amount
            if number is not None:
                self.arcs.setdefault((tail, head), []).append(number)

    @property
    def total(self) -> int:
        """What the sources hold together."""
        return sum(amount for (tail, _), amount in self.capacity.items() if tail == SOURCE)

    def most(self, sink: str) -> int:
        """Return the most that can flow from the sources to a sink."""
        return int(self.solved(sink).graph["flow_value"])

    def solved(self, sink: str) -> nx.DiGraph[Node]:
        """Return the residual network of a greatest flow to a sink."""
        graph: nx.DiGraph[Node] = nx.DiGraph()
        graph.add_nodes_from((SOURCE, sink))
        for (tail, head), amount in sorted(self.capacity.items(), key=lambda item: tuple(map(str, item[0]))):
            graph.add_edge(tail, head, capacity=amount)
        residual: nx.DiGraph[Node] = preflow_push(graph, SOURCE, sink, capacity="capacity")
        return residual


def _head(question: Question, number: int) -> Node:
    """Return where an arc leads. A token that is burnt may come back as another asset, so it has only stopped."""
    fate = question.fate(number)
    if not isinstance(fate, EndReason):
        return fate
    if fate is EndReason.REACHED:
        return TARGET
    is_burnt = fate is EndReason.BURNT and not question.network.is_outputs
    return STOPPED if is_burnt or fate in STOPS else ELSEWHERE
