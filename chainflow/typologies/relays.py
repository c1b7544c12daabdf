"""Value that passes through others and comes together again, or comes back (P-4, P-6)."""

from __future__ import annotations

from collections.abc import Iterator

from chainflow.typologies.hits import Hit, hit_of
from chainflow.typologies.payments import NOBODY
from chainflow.typologies.search import Search, dense
from chainflow.units import counted

__all__ = ["cycles", "scatter_gathers"]

_STEPS = 50
"""Candidates that a search for cycles looks at per payment of the ledger, on average."""


def scatter_gathers(search: Search) -> Iterator[Hit]:
    """Yield where one party pays `via` or more others and each of them pays one same party (P-4).

    Each passes on one payment in one payment: later, within W, less by δ at most.

    References
    ----------
    Altman et al. 2023, arXiv 2306.16424, for the name.
    """
    found: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for number, row in enumerate(search.payments.rows):
        if NOBODY in (row.payer, row.payee):
            continue
        for later in search.onward(number, search.parameters.least(row.amount), kind="scatter-gather"):
            payee = search.row(later).payee
            if payee != row.payer:
                found.setdefault((row.payer, payee, row.asset), []).append((number, later))
    for (source, sink, _), pairs in found.items():
        via = [search.row(one).payee for one, _ in pairs]
        if len(set(via)) < search.parameters.via:
            continue
        clocks = [search.payments.clock(one) for one, _ in pairs]
        stretches = dense(clocks, via, least=search.parameters.via, seconds=search.parameters.seconds)
        for stretch in stretches:
            yield _scattered(search, source, sink, pairs[stretch])


def _scattered(search: Search, source: int, sink: int, pairs: list[tuple[int, int]]) -> Hit:
    out, back = (sorted(set(rows)) for rows in zip(*pairs, strict=True))
    between = search.names(search.row(row).payee for row in out)
    against = ["a payer whose payees all use one shop or exchange makes the same shape"]
    if len(set(search.txs(back))) == 1:
        against.append("one transaction spends all intermediaries together: they look like one wallet")
    return hit_of(
        search.payments,
        "scatter-gather",
        search.txs([*out, *back]),
        roles={"source": search.names([source]), "intermediaries": between, "sink": search.names([sink])},
        amounts=[search.sum_of("paid out", out), search.sum_of("paid on", back)],
        reading=(
            f"{search.payments.name(source)} paid {search.said(out)} to {len(between):,} others, who paid "
            f"{search.said(back)} to {search.payments.name(sink)}, {{span}}."
        ),
        against=against,
    )


def cycles(search: Search) -> Iterator[Hit]:
    """Yield where value comes back to its payer through others, each payment after the one before (P-6).

    At most `cycle_length` payments, no party twice, at most δ lost in all, W between two payments. Of the
    cycles that begin with one payment the first found is told. The search ends after `_STEPS` candidates per
    payment of the ledger, and says so.

    References
    ----------
    Altman et al. 2023, arXiv 2306.16424, for the name.
    """
    budget = [_STEPS * len(search.payments) + 1000]
    for number, row in enumerate(search.payments.rows):
        if NOBODY in (row.payer, row.payee):
            continue
        path = _closed(search, [number], search.parameters.least(row.amount), budget)
        if path:
            yield _cycle(search, path)
        if budget[0] <= 0:
            search.cut["cycle: payments that no cycle was begun with, as the search was ended"] += (
                len(search.payments) - number - 1
            )
            return


def _closed(search: Search, path: list[int], least: int, budget: list[int]) -> list[int]:
    """Return a path of payments prolonged until it comes back to its first payer; empty: none found."""
    home = search.row(path[0]).payer
    seen = {home, *(search.row(row).payee for row in path)}
    for later in search.onward(path[-1], least, kind="cycle"):
        budget[0] -= 1
        if budget[0] <= 0:
            return []
        payee = search.row(later).payee
        if payee == home and len(path) >= 2:
            return [*path, later]
        if payee not in seen and len(path) + 1 < search.parameters.cycle_length:
            found = _closed(search, [*path, later], least, budget)
            if found:
                return found
    return []


def _cycle(search: Search, path: list[int]) -> Hit:
    parties = search.names(search.row(row).payer for row in path)
    return hit_of(
        search.payments,
        "cycle",
        search.txs(path),
        roles={"start": parties[:1], "through": parties[1:]},
        amounts=[search.sum_of("first payment", path[:1]), search.sum_of("last payment", path[-1:])],
        reading=(
            f"{search.said(path[:1])} that {parties[0]} paid came back as {search.said(path[-1:])} through "
            f"{counted(len(parties) - 1, 'other')}, {{span}}."
        ),
        against=[
            "loans paid back, refunds, market makers and change at a new address make the same shape",
            "amounts and times agree; that it is the same money is not shown",
        ],
    )
