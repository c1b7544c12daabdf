"""Which ends of a trace are open for want of evidence, and which question would bring it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from chainflow.model import EndReason
from chainflow.tracing.accounts import AccountTrace
from chainflow.tracing.growth import Missing, OpenEnd
from chainflow.tracing.result import Trace

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["open_ends"]


@singledispatch
def open_ends(trail: object) -> list[OpenEnd]:
    """Return what a trace lacks, each question once, the largest amount first.

    Forward, what spent an output, or the transaction that did; backward, the transaction that made it. A
    transaction that is held without the outputs that it spends is asked for again: its source, or those of
    the outputs, state them. Left out is what a stop rule would end anyway: too little for `dust_sat` or
    `min_purity_ppm`, and transactions beyond `max_hops` (whether an output at that limit is spent is asked).
    Of accounts, the history of each where value ends because it is not known.

    Parameters
    ----------
    trail : Trace
        Other kinds of trace register their own function: `@open_ends.register(Kind)`.

    Raises
    ------
    TypeError
        If nobody said how to read such a trace.
    """
    raise TypeError(f"no open ends are known of {type(trail).__name__}")


@open_ends.register(Trace)
def _(trail: Trace) -> list[OpenEnd]:
    forward = trail.direction == "forward"
    unknown = trail.ends[trail.ends["reason"] == EndReason.UNKNOWN.value].to_dict("records")
    waiting: dict[tuple[Missing, str], list[Mapping[Any, Any]]] = {}
    for end in _worth_asking(unknown, trail.recipe.parameters):
        kind, what = _question(trail.ledger, end) if forward else (Missing.TRANSACTION, end["txid"])
        if kind is Missing.SPENDERS or not _is_last_hop(end, trail):
            waiting.setdefault((kind, what), []).append(end)
    return _largest_first(
        OpenEnd(kind, what, sum(end["tainted_sat"] for end in ends), _addresses(ends))
        for (kind, what), ends in waiting.items()
    )


@open_ends.register(AccountTrace)
def _(trail: AccountTrace) -> list[OpenEnd]:
    unknown = trail.ends[(trail.ends["reason"] == EndReason.UNKNOWN.value) & trail.ends["address"].notna()]
    waiting: dict[str, list[Mapping[Any, Any]]] = {}
    for end in unknown.to_dict("records"):
        waiting.setdefault(end["address"], []).append(end)
    # amounts of several assets do not add up to anything
    is_one = len(trail.assets) == 1
    return _largest_first(
        OpenEnd(Missing.HISTORY, address, sum(int(end["tainted_raw"]) for end in ends) if is_one else None)
        for address, ends in waiting.items()
    )


def _largest_first(found: Iterable[OpenEnd]) -> list[OpenEnd]:
    return sorted(found, key=lambda one: (-(one.amount or 0), one.kind, one.what))


def _worth_asking(
    ends: Iterable[Mapping[Any, Any]], limits: Mapping[str, Any]
) -> Iterator[Mapping[Any, Any]]:
    """Yield the ends that hold enough to be followed, whatever the answer."""
    least, purity = limits.get("dust_sat") or 0, limits.get("min_purity_ppm") or 0
    for end in ends:
        tainted = end["tainted_sat"]
        if tainted >= least and tainted * 1_000_000 >= end["value_sat"] * purity:
            yield end


def _is_last_hop(end: Mapping[str, Any], trail: Trace) -> bool:
    most = trail.recipe.parameters.get("max_hops")
    return most is not None and end["hop"] >= most


def _question(ledger: Ledger, end: Mapping[str, Any]) -> tuple[Missing, str]:
    """Return which question an end of a forward trace waits for, and about which transaction."""
    rows = ledger.index.row_of_outpoint[end["txid"], end["vout"]]
    (row,) = [row for row in rows if ledger.index.output_chains[row] == end["chain"]]
    spender = ledger.outputs["spent_by"][row].as_py()
    return (Missing.SPENDERS, end["txid"]) if spender is None else (Missing.TRANSACTION, spender)


def _addresses(ends: list[Mapping[Any, Any]]) -> tuple[str, ...]:
    """Return the addresses of outputs, each once; a script without one is left out."""
    named = dict.fromkeys(end["address"] for end in ends)
    return tuple(address for address in named if not address.startswith("script:"))
