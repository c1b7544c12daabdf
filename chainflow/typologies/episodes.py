"""From the first payment in to an empty balance: pass-through and gather–scatter are read from such episodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chainflow.typologies.hits import Hit, hit_of
from chainflow.typologies.payments import NOBODY
from chainflow.typologies.search import Search
from chainflow.units import counted

__all__ = ["Episode", "episodes", "episodes_of", "gather_scatters", "pass_throughs"]


@dataclass(slots=True)
class Episode:
    """What a party received of one asset and paid out again until at most δ of it was left.

    Attributes
    ----------
    party : int
    ins, outs : list of int
        Rows, in chain order.
    """

    party: int
    ins: list[int] = field(default_factory=list)
    outs: list[int] = field(default_factory=list)


def episodes(search: Search) -> Iterator[Episode]:
    """Yield the episodes of every party that last no longer than W, in chain order of each party.

    An episode begins with a payment in while the party holds nothing in evidence, and ends with the payment
    out after which at most δ of what came in is left. What was paid out before anything came in is of an
    earlier time that is not in evidence: it counts for nothing. Linear in the payments.
    """
    for party in sorted({party for party, _ in search.payments.by_payee}):
        yield from episodes_of(search, party)


def episodes_of(search: Search, party: int) -> Iterator[Episode]:
    """Yield the episodes of one party, asset by asset."""
    payments = search.payments
    for asset in range(len(payments.assets)):
        into, out = (side.get((party, asset), []) for side in (payments.by_payee, payments.by_payer))
        if into and out:
            yield from _of_asset(search, party, into, out)


def _of_asset(search: Search, party: int, into: list[int], out: list[int]) -> Iterator[Episode]:
    events = sorted([(row, True) for row in into] + [(row, False) for row in out])
    held, received, episode = 0, 0, Episode(party)
    for row, is_in in events:
        amount = search.row(row).amount
        if is_in:
            held, received = held + amount, received + amount
            episode.ins.append(row)
        elif held:
            held = max(0, held - amount)
            episode.outs.append(row)
            if search.parameters.keeps(received, received - held):
                if _is_in_time(search, episode):
                    yield episode
                held, received, episode = 0, 0, Episode(party)


def _is_in_time(search: Search, episode: Episode) -> bool:
    first, last = episode.ins[0], episode.outs[-1]
    if search.payments.clock(last) - search.payments.clock(first) > search.parameters.seconds:
        return False
    return search.payments.is_before(search.row(first).tx, search.row(last).tx)


def pass_throughs(search: Search) -> Iterator[Hit]:
    """Yield who received `receipts` or more payments and within W passed all on but δ (P-10)."""
    for episode in episodes(search):
        if len({search.row(row).leg for row in episode.ins}) >= search.parameters.receipts:
            yield _hit(
                search,
                episode,
                "pass-through",
                "payment processors, deposit addresses and wallets that are swept daily do this all the time",
            )


def gather_scatters(search: Search) -> Iterator[Hit]:
    """Yield who was paid by `via` or more and then, within W, paid all but δ of it to `via` or more (P-5).

    The last payment in that counts is before the first payment out. Addresses spent together are one payer.

    References
    ----------
    Altman et al. 2023, arXiv 2306.16424, for the name.
    """
    for episode in episodes(search):
        payers = {search.row(row).lead for row in episode.ins} - {NOBODY}
        payees = {search.row(row).payee for row in episode.outs} - {NOBODY}
        if min(len(payers), len(payees)) < search.parameters.via or episode.ins[-1] > episode.outs[0]:
            continue
        if search.payments.is_before(search.row(episode.ins[-1]).tx, search.row(episode.outs[0]).tx):
            yield _hit(
                search,
                episode,
                "gather-scatter",
                "who collects for a group and pays its bills, and every payroll, does the same",
            )


def _hit(search: Search, episode: Episode, kind: str, against: str) -> Hit:
    ins, outs = episode.ins, episode.outs
    payers = search.names(search.row(row).payer for row in ins)
    payees = search.names(search.row(row).payee for row in outs)
    unknown = any(search.row(row).payer == NOBODY for row in ins)
    more = ["some of what came in is of payers who are not in evidence"] if unknown else []
    return hit_of(
        search.payments,
        kind,
        search.txs([*ins, *outs]),
        roles={"payers": payers, "through": search.names([episode.party]), "payees": payees},
        amounts=[search.sum_of("received", ins), search.sum_of("paid on", outs)],
        reading=(
            f"{search.payments.name(episode.party)} received {search.said(ins)} from "
            f"{counted(len(payers), 'other')} and paid {search.said(outs)} on to "
            f"{counted(len(payees), 'other')}, {{span}}."
        ),
        against=[
            against,
            "what it held before is only known as far as its history is in evidence",
            *more,
        ],
    )
