"""What may have happened outside the evidence: the widest network that is still consistent with it.

What leaves the evidence may come back wherever something comes from outside, in a block that is no earlier.
An account whose history is not whole may have held and paid more than is known.
"""

from __future__ import annotations

from itertools import pairwise

from chainflow.model import EndReason
from chainflow.tracing.paths.graph import ELSEWHERE, SOURCE, TARGET, FlowGraph, Node
from chainflow.tracing.paths.network import OUTSIDE, Arc, Network
from chainflow.tracing.paths.question import LEAVES, Question

__all__ = ["widened", "with_leaks"]

_FIRST, _LAST = -1, 2**62
"""Before every block, and after every one."""


def widened(question: Question, *, is_target_known: bool) -> FlowGraph:
    """Return the graph with what may have gone on outside; `is_target_known`: all that it received is held."""
    graph, network = FlowGraph(), question.network
    no_limit = sum(map(question.claimed, question.sources))
    heights = {_FIRST, _LAST}
    for number, arc in enumerate(network.arcs):
        fate = question.fate(number)
        leaves, enters = _height(network, arc, _FIRST), _height(network, arc, _LAST)
        heights |= {leaves, enters}
        head: Node = ELSEWHERE if isinstance(fate, EndReason) else fate
        head = TARGET if fate is EndReason.REACHED else f"outside {leaves}" if fate in LEAVES else head
        claimed = question.claimed(number)
        graph.add(SOURCE, head, claimed, number)
        if arc.tail != OUTSIDE:
            graph.add(arc.tail, head, arc.amount - claimed, number)
            graph.add(arc.tail, ELSEWHERE, claimed)
        elif _comes_from_outside(network, arc):
            graph.add(f"outside {enters}", head, arc.amount - claimed)
        if _is_open(network, arc):
            graph.add(arc.tail, f"outside {leaves}", no_limit)
            if not isinstance(fate, EndReason):
                graph.add(arc.tail, fate, no_limit)
                graph.add(f"outside {enters}", fate, no_limit)
    for before, after in pairwise(sorted(heights)):
        graph.add(f"outside {before}", f"outside {after}", no_limit)
    if not is_target_known:
        graph.add(f"outside {_LAST}", TARGET, no_limit)
    return graph


def with_leaks(graph: FlowGraph, question: Question) -> FlowGraph:
    """Return the graph in which an account whose history is not whole may keep or pay away all it gets."""
    leaking = FlowGraph(dict(graph.capacity), graph.arcs)
    for arc in question.network.arcs:
        if _is_open(
            question.network, arc
        ):  # also where it seems to hold nothing: it may have paid other money
            leaking.capacity[arc.tail, ELSEWHERE] = graph.total
    return leaking


def _is_open(network: Network, arc: Arc) -> bool:
    """Return whether an arc is what an account holds whose history is not whole."""
    is_held = arc.tail != OUTSIDE and arc.tx == OUTSIDE and arc.payee is not None
    return not network.is_outputs and is_held and not network.is_known.get(arc.payee or "", False)


def _comes_from_outside(network: Network, arc: Arc) -> bool:
    """Return whether somebody not in evidence may have paid: an account's newly made coins come from nobody."""
    return network.is_outputs or arc.tx == OUTSIDE


def _height(network: Network, arc: Arc, unknown: int) -> int:
    """Return the block an arc is of: that of its own transaction, else of the one that it leads to or from."""
    height = network.moment(arc).height
    node = arc.tail if unknown == _FIRST else arc.head
    if arc.tx == OUTSIDE and node != OUTSIDE:
        height = network.txs[network.node_txs[node]].height
    return unknown if height is None else height
