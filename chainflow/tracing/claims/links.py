"""Row to row: does each hop go on with what the hop before paid, and is the coin that of who is said to pay."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from chainflow.tracing.asset import amount_of
from chainflow.tracing.claims.judged import NOBODY, Judged, addresses_of
from chainflow.tracing.claims.numbering import check_numbers
from chainflow.tracing.claims.passages import check_passages, converted
from chainflow.tracing.claims.seen import Evidence, Finding, Pool
from chainflow.tracing.conversions import Conversions
from chainflow.tracing.stops import Stops

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Seeded", "link_all"]

Seeded = Mapping[str, Mapping[int, tuple[int, Pool | None]]]
"""Chain → payment that is a seed → base units and the pool they come to."""


def link_all(
    rows: Sequence[Judged],
    ledger: Ledger,
    seeded: Seeded | None,
    *,
    stops: Mapping[str, Stops],
    coinjoins: Container[str],
    conversions: Conversions | None,
) -> None:
    """Find what each row goes on from, and note what speaks against it."""
    paths: dict[str, list[Judged]] = {}
    told = [row for row in rows if not row.hop.is_sum]
    for row in told:
        paths.setdefault(row.hop.path, []).append(row)
    check_numbers(told)
    payers = _by_place(rows)
    for path in paths.values():
        for number, row in enumerate(path):
            _before(row, path[:number], path, payers, seeded)
            if not row.before:
                _begins(row, told, seeded)
            if row.before:
                _go_on(row, conversions)
            named = (seeded or {}).get("" if row.evidence is None else row.evidence.chain, {})
            check_passages(row, stops, coinjoins, seeds=named)
            _kept(row, ledger, seeded)


def _by_place(rows: Sequence[Judged]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = {}
    for row in rows:
        named = [payment.name for payment in row.payments] or (
            [f"{row.hop.txid}:{row.hop.place}"] if row.hop.txid and row.hop.place else []
        )
        for name in named:
            found.setdefault(name, []).append(row)
    return found


def _before(
    row: Judged,
    above: Sequence[Judged],
    path: Sequence[Judged],
    payers: Mapping[str, Sequence[Judged]],
    seeded: Seeded | None,
) -> None:
    """Find the rows that a row goes on from: those that paid what it says it spends, else the hop before."""
    hop = row.hop
    if _names_coin(row) and row.evidence is not None:
        _spends(row, row.evidence, payers.get(str(hop.spends), ()), seeded)
    elif hop.hop is None:
        row.before = [*above[-1:]]
    else:
        lower = [one for one in path if one.hop.hop is not None and one.hop.hop < hop.hop]
        last = max((one.hop.hop for one in lower if one.hop.hop is not None), default=None)
        row.before = [one for one in lower if one.hop.hop == last]


def _names_coin(row: Judged) -> bool:
    """Return whether a row names the output that it spends, on a chain that has outputs."""
    return row.hop.spends is not None and row.evidence is not None and not row.evidence.is_account


def _spends(row: Judged, evidence: Evidence, before: Sequence[Judged], seeded: Seeded | None) -> None:
    """Check the output that a row says is spent: by this transaction, and paid by an earlier row or a seed."""
    hop = row.hop
    source = evidence.find(hop.spends.txid) if hop.spends else None
    spent = [one for one in source.payments if one.name == str(hop.spends)] if source else []
    if not spent:
        row.lack("link", f"{hop.spends} is not in evidence")
    elif row.seen is not None and (found := evidence.link(spent, row.seen, row.payments)):
        row.findings.append(found)
    elif row.seen is None and hop.txid and (spender := evidence.spender(spent[0])) not in (None, hop.txid):
        row.fail("link", f"{hop.spends} is spent by {spender}, not by {hop.txid}")
    _owned(row, [one.payee for one in spent if one.payee is not None])
    row.before = [one for one in before if one is not row]
    late = [one for one in row.before if (one.hop.hop or 0) >= (hop.hop or 0) and one.hop.path == hop.path]
    if hop.hop is not None and late and len(late) == len(row.before):
        row.fail("order", f"{hop.spends} is paid by {late[0].hop.title}, which the list puts later")
    if row.before or not spent:
        return
    if seeded is None:
        if hop.hop is not None and hop.hop > 1:
            row.lack("link", f"no row pays {hop.spends}: name the seeds, if it is one")
    elif spent[0].key not in seeded.get(evidence.chain, {}):
        row.fail("link", f"no row pays {hop.spends}, and it is no seed")


def _owned(row: Judged, owners: Iterable[str]) -> None:
    """Check that the coin that a row goes on with is one of those who are said to pay.

    Who spends together with others may be one person with them: a list can name them all, or the one whose
    coin it is; naming another one instead is not what the chain shows.
    """
    if row.evidence is None or row.evidence.is_account or not (coins := sorted(set(owners))):
        return
    named = sorted({*addresses_of(row, row.evidence.chain, "payer")} - {NOBODY})
    if not named:
        return
    if set(named).isdisjoint(coins):
        row.fail("payer", f"what is spent is a coin of {', '.join(coins)}, not of {', '.join(named)}")
    elif row.seen is not None and len(row.seen.payers) > len(named):
        row.notes.append(f"{named[0]} is one of {len(row.seen.payers)} payers; what is spent is a coin of "
                         f"{', '.join(coins)}")  # fmt: skip


def _begins(row: Judged, rows: Sequence[Judged], seeded: Seeded | None) -> None:
    """Find where a row begins that goes on from none of its path: at a seed, or branching from another path."""
    if row.seen is None or row.evidence is None or _names_coin(row):
        return
    evidence, seen, number = row.evidence, row.seen, row.hop.hop
    others = [one for one in rows if one.hop.path != row.hop.path and (one.hop.hop or 0) < (number or 0)]
    here = [one for one in others if one.evidence is evidence and one.payments]
    row.before = [one for one in here if evidence.link(one.payments, seen, row.payments) is None]
    if row.before:
        return
    if seeded is None:
        if others:
            row.lack("link", f"no row of another path pays what {row.hop.title} goes on with: name the seeds")
        elif len(seen.payers) > len(row.hop.payers) > 0 and not evidence.is_account:
            row.notes.append(f"{row.hop.payers[0]} is one of {len(seen.payers)} payers")
        return
    named = seeded.get(evidence.chain, {})
    spent = [
        key for key, (_, pool) in named.items() if pool and any(one.pools[0] == pool for one in seen.payments)
    ]
    if any(one.key in named for one in row.payments):
        return
    if spent:
        _owned(row, [owner for key in spent if (owner := evidence.owner(key)) is not None])
    else:
        row.fail("link", f"the first hop, {row.hop.title}, neither pays a seed nor goes on with one")


def _go_on(row: Judged, conversions: Conversions | None) -> None:
    """Check that a row goes on with what the rows before it paid."""
    if _names_coin(row) or (row.seen is None and not row.hop.txid):
        return  # checked by the coin; or that it names no transaction is said already
    before = [payment for one in row.before for payment in one.payments]
    if row.evidence is None or not before:
        title = row.before[0].hop.title
        row.lack("link", f"what {title} paid is not known, so nothing can be said of going on")
        return
    chains = {one.evidence.chain for one in row.before if one.evidence is not None}
    spenders = {payment.name: row.evidence.spender(payment) for payment in before}
    if chains != {row.evidence.chain}:
        sentence = f"{', '.join(sorted(chains))} goes on as {row.evidence.chain}"
        found: Finding | None = Finding("conversion", sentence)
    elif row.seen is None:
        known = {*spenders.values()} - {None}
        if len(known) == 1 and row.hop.txid not in known:
            row.fail("link", f"{before[0].name} is spent by {known.pop()}, not by {row.hop.txid}")
        return
    else:
        found = row.evidence.link(before, row.seen, row.payments)
        coins = [one.payee for one in before if spenders[one.name] == row.seen.txid]
        _owned(row, filter(None, coins))
    if found is not None and found.code == "conversion":
        found = converted(row, before, found, conversions)
    if found is not None:
        row.findings.append(found)


def _kept(row: Judged, ledger: Ledger, seeded: Seeded | None) -> None:
    """Check of an account that what came was not paid away before it is said to go on."""
    if row.evidence is None or row.carried is None or len(row.before) != 1 or len(row.payments) != 1:
        return
    (after,), (one,) = row.payments, row.before
    arrived = [payment for payment in one.payments if payment.payee in after.payers]
    pools = {pool for _, pool in (seeded or {}).get(row.evidence.chain, {}).values()}
    if len(arrived) != 1 or arrived[0].pools[1] in pools or arrived[0].order >= after.order:
        return
    held = row.evidence.kept(arrived[0], after)
    if held is None or row.carried[0] - row.carried[1] <= held[0]:
        return
    least, known = held
    sentence = (
        f"{arrived[0].payee} held only {amount_of(ledger, after.asset, least)} between, less than the "
        f"{amount_of(ledger, after.asset, row.carried[0])} said to have stayed there; its history: {known}"
    )
    row.findings.append(Finding("balance", sentence, is_fault=known == "complete"))
