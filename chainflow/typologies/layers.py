"""Groups that pay groups: several parties who each pay the same several others, and such groups in a row (P-7, P-8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from chainflow.typologies.hits import Amount, Hit, hit_of
from chainflow.typologies.payments import NOBODY
from chainflow.typologies.search import Search

__all__ = ["bipartites", "stacks"]

_AGAINST = (
    "customers of the same few shops make the same shape",
    "the groups are found one by one and the largest first: another division of the same payments may fit too",
)


@dataclass(frozen=True, slots=True)
class _Block:
    """Payers who each paid every one of the payees, with the first payment of each pair."""

    payers: tuple[int, ...]
    payees: tuple[int, ...]
    rows: tuple[int, ...]


def bipartites(search: Search) -> Iterator[Hit]:
    """Yield `side` or more payers who, within W, each pay the same `side` or more payees (P-7).

    Payers whose addresses are only ever spent together are one payer. Parties with more than `most`
    counterparties in a stretch of two windows are left out, and it is noted in `cut`; so are other ways to
    divide the same payments: the search is greedy.

    References
    ----------
    Altman et al. 2023, arXiv 2306.16424, for the name.
    """
    for block in _blocks(search):
        yield _hit(search, "bipartite", [block])


def stacks(search: Search) -> Iterator[Hit]:
    """Yield bipartite groups in a row, `layers` layers of parties or more, each after the one before (P-8).

    `side` or more payees of one group are payers of the next, which begins after the first payment of this one.
    """
    blocks = list(_blocks(search))
    by_payer: dict[int, list[int]] = {}
    for number, block in enumerate(blocks):
        for payer in block.payers:
            by_payer.setdefault(payer, []).append(number)
    after = {number: _next(search, blocks, by_payer, number) for number in range(len(blocks))}
    for first in sorted(set(after) - set(after.values())):
        path = [first]
        while (following := after[path[-1]]) >= 0 and following not in path:
            path.append(following)
        if len(path) + 1 >= search.parameters.layers:
            yield _hit(search, "stack", [blocks[number] for number in path])


def _next(search: Search, blocks: list[_Block], by_payer: dict[int, list[int]], number: int) -> int:
    """Return the block that most payees of a block go on with; −1: none."""
    block = blocks[number]
    shared = Counter(other for payee in block.payees for other in by_payer.get(payee, ()))
    for other, count in sorted(shared.items(), key=lambda entry: (-entry[1], entry[0])):
        if count < search.parameters.side:
            break
        if search.payments.is_before(search.row(block.rows[0]).tx, search.row(blocks[other].rows[0]).tx):
            return other
    return -1


def _blocks(search: Search) -> Iterator[_Block]:
    """Yield the groups of each asset, stretch by stretch: each lies wholly in one of two overlapping stretches."""
    stretches: dict[tuple[int, int], list[int]] = {}
    for number, row in enumerate(search.payments.rows):
        if NOBODY not in (row.payer, row.payee):
            step = search.payments.clock(number) // search.parameters.seconds
            for stretch in (step - 1, step):
                stretches.setdefault((row.asset, stretch), []).append(number)
    told: set[tuple[int, ...]] = set()
    for key in sorted(stretches):
        for block in _of_stretch(search, stretches[key]):
            if block.rows not in told:
                told.add(block.rows)
                yield block


def _of_stretch(search: Search, rows: list[int]) -> Iterator[_Block]:
    first: dict[tuple[int, int], int] = {}
    for number in rows:
        row = search.row(number)
        first.setdefault((row.payer, row.payee), number)
    pays: dict[int, set[int]] = {}
    paid_by: dict[int, set[int]] = {}
    for payer, payee in first:
        pays.setdefault(payer, set()).add(payee)
        paid_by.setdefault(payee, set()).add(payer)
    side, most = search.parameters.side, search.parameters.most
    for sides in (pays, paid_by):
        hubs = [party for party, others in sides.items() if len(others) > most]
        for party in hubs:
            del sides[party]
        if hubs:
            search.cut[f"bipartite: parties with more than {most} counterparties in a stretch"] += len(hubs)
    used: set[int] = set()
    for payer in sorted(pays, key=lambda one: (-len(pays[one]), one)):
        if payer in used or len(pays[payer]) < side:
            continue
        group, common = _grown(payer, pays, paid_by, side)
        kept = sorted(first[one, other] for one in group for other in common)
        if min(len(common), _apart(search, kept)) < side or not _is_near(search, kept):
            continue
        used |= set(group)
        yield _Block(tuple(sorted(group)), tuple(sorted(common)), tuple(kept))


def _grown(
    payer: int, pays: dict[int, set[int]], paid_by: dict[int, set[int]], side: int
) -> tuple[list[int], set[int]]:
    """Return the group that a payer belongs to: who shares most payees joins first, while `side` stay common."""
    shared = Counter(
        other for payee in sorted(pays[payer]) for other in paid_by.get(payee, ()) if other != payer
    )
    group, common = [payer], {payee for payee in pays[payer] if payee in paid_by}
    for other, count in sorted(shared.items(), key=lambda entry: (-entry[1], entry[0])):
        if count < side:
            break
        left = common & pays.get(other, set())
        if len(left) >= side:
            group.append(other)
            common = left
    return group, common - set(group)


def _apart(search: Search, rows: list[int]) -> int:
    """Return how many payers there are, those of one transaction counted once."""
    return len({search.row(row).lead for row in rows})


def _is_near(search: Search, rows: list[int]) -> bool:
    clocks = [search.payments.clock(row) for row in rows]
    return max(clocks) - min(clocks) <= search.parameters.seconds


def _hit(search: Search, kind: str, blocks: list[_Block]) -> Hit:
    layers = [blocks[0].payers, *(block.payees for block in blocks)]
    amounts = [
        Amount(f"paid by layer {place}", search.sum_of("", block.rows).value_raw, _asset(search, block))
        for place, block in enumerate(blocks, 1)
    ]
    rows = [row for block in blocks for row in block.rows]
    sizes = ", then ".join(f"{len(layer):,}" for layer in layers[1:])
    return hit_of(
        search.payments,
        kind,
        search.txs(rows),
        roles={f"layer {place}": search.names(layer) for place, layer in enumerate(layers, 1)},
        amounts=amounts,
        reading=(
            f"{len(layers[0]):,} parties each paid the same {sizes} others, {search.said(blocks[0].rows)} in "
            "the first payments of all pairs of the first two layers, {span}."
        ),
        against=_AGAINST,
    )


def _asset(search: Search, block: _Block) -> str:
    return str(search.asset(search.row(block.rows[0]).asset))
