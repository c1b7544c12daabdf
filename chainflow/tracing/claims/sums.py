"""Figures against each other: more out than in, one unit counted twice, sums that do not add up.

What a list leaves open is read in its favour: equal rows of two paths may be one payment told twice, or two
parts of it; only what no reading allows is a fault. A sum counts what was paid once, however often it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainflow.tracing.asset import amount_of
from chainflow.tracing.claims.judged import Judged, decimals_of, names_of
from chainflow.tracing.claims.links import Seeded
from chainflow.tracing.claims.seen import Payment, Pool

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["check_continuity", "check_sums"]


def check_continuity(rows: Sequence[Judged], ledger: Ledger, seeded: Seeded | None) -> None:
    """Note where more of the trail goes out than the list itself lets come in.

    Each payment in order: what the list says to be traced in it must have come to the transaction (or
    account) that makes it. Where nothing in the list comes to one, the list begins there.
    """
    seeds = {chain: dict(named) for chain, named in (seeded or {}).items()}
    pools = [(chain, pool, raw) for chain, named in seeds.items() for raw, pool in named.values() if pool]
    opened = {(chain, pool) for chain, pool, _ in pools if pool[0] == "account"}
    entered: dict[tuple[str, Pool], int] = {}
    for chain, pool, raw in pools:
        if pool[0] == "tx":
            entered[chain, pool] = entered.get((chain, pool), 0) + raw
    for same in _by_payment(rows):
        payment, chain = same[0].payments[0], same[0].payments[0].asset.chain
        least, most = _claimed(same, ledger, payment)
        came, left = payment.pools
        source = None if came is None else (chain, came)
        if source in entered and source not in opened:
            if least > entered[source]:
                _note_growth(same, ledger, payment, least, entered[source])
            most = min(most, max(entered[source], 0))
            entered[source] -= min(least, max(entered[source], 0))
        if left is not None:
            already = min(seeds.get(chain, {}).get(payment.key, (0, None))[0], payment.value)
            entered[chain, left] = entered.get((chain, left), 0) + min(most, payment.value - already)


def _by_payment(rows: Sequence[Judged]) -> list[list[Judged]]:
    """Return the rows that carry something, grouped by the one payment that they speak of, in order."""
    found: dict[tuple[str, tuple[int, int]], list[Judged]] = {}
    for row in rows:
        if row.carried is not None and len(row.payments) == 1 and row.evidence is not None:
            found.setdefault((row.evidence.chain, row.payments[0].order), []).append(row)
    return [found[key] for key in sorted(found)]


def _claimed(same: Sequence[Judged], ledger: Ledger, payment: Payment) -> tuple[int, int]:
    """Return the least and the most that rows say to be traced in one payment.

    Rows that name different coins as its source speak of different parts; others may speak of the same.
    """
    by_source: dict[str, list[tuple[int, int]]] = {}
    for row in same:
        if row.carried is not None:
            by_source.setdefault(str(row.hop.spends or ""), []).append(row.carried)
    parts = {source: max(raw - slack for raw, slack in some) for source, some in by_source.items()}
    unnamed = parts.pop("", 0)
    least = max(sum(parts.values()), unnamed)
    if least > payment.value >= max(parts.values(), default=least):
        told, paid = (amount_of(ledger, payment.asset, one) for one in (least, payment.value))
        same[-1].fail(
            "counted-twice", f"{told} in all is said to be traced in {payment.name}, {paid} was paid"
        )
    most = sum(raw + slack for some in by_source.values() for raw, slack in some)
    return max(0, min(least, payment.value)), min(most, payment.value)


def _note_growth(same: Sequence[Judged], ledger: Ledger, payment: Payment, least: int, entered: int) -> None:
    row = same[-1]
    came = sum(before.carried[0] for before in row.before if before.carried is not None)
    is_twice = row.carried is not None and row.before and came >= row.carried[0]
    code = "counted-twice" if is_twice else "from-nothing"
    money, left = amount_of(ledger, payment.asset, least), amount_of(ledger, payment.asset, max(entered, 0))
    why = (
        "the same units are counted in another branch already"
        if is_twice
        else "more goes out than came in: the rest comes from nothing"
    )
    row.fail(code, f"{money} is said to be traced in {payment.name}, of what came only {left} is left: {why}")


def check_sums(rows: Sequence[Judged], ledger: Ledger) -> None:
    """Compare each row that states a sum with the rows that it can be the sum of."""
    for row in rows:
        if not row.hop.is_sum:
            continue
        row.findings = [one for one in row.findings if one.code == "unread"]
        parts = [one for one in rows if not one.hop.is_sum and row.hop.path in ("", one.hop.path)]
        if row.hop.amount is None and row.hop.tainted is None:
            row.lack("sum", "it is called a sum and states none")
        for name in ("amount", "tainted"):
            _compare(row, parts, ledger, name)


def _compare(row: Judged, parts: Sequence[Judged], ledger: Ledger, name: str) -> None:
    stated = getattr(row.hop, name)
    if stated is None:
        return
    assets = {payment.asset for one in parts for payment in one.payments}
    if len(assets) != 1:
        row.lack("sum", f"what is summed is of {len(assets):,} assets in evidence: no sum can mix them")
        return
    (asset,) = assets
    if others := {row.hop.asset.lower(), stated.sign} - names_of(ledger, asset) - {""}:
        row.fail("asset", f"the sum is said to be in {', '.join(sorted(others))}: what is summed is {asset}")
        return
    last = [one for one in parts if not any(one in other.before for other in parts)]
    first = [one for one in parts if not one.before]
    choices = {"all rows": parts, "the last hops": last, "the first hops": first}
    decimals = decimals_of(ledger, asset)
    sums = {words: _sum(some, decimals, name) for words, some in choices.items()}
    known = {words: found for words, found in sums.items() if found is not None}
    fitting = [words for words, found in known.items() if stated.fits(found, decimals)]
    if fitting:
        row.notes.append(f"the {name} is the sum of {fitting[0]}")
    elif (decimals is None and not stated.is_base) or "all rows" not in known:
        row.lack("sum", f"not every row states its {name}: the sum cannot be checked")
    else:
        told = ", ".join(f"{words} {amount_of(ledger, asset, found)}" for words, found in known.items())
        row.fail("sum", f"{stated.number} is said to be the sum; {told}")


def _sum(some: Sequence[Judged], decimals: int | None, name: str) -> int | None:
    """Return what rows state together, each payment as often as it was made; `None` where one does not say."""
    total, counts = 0, dict[object, int]()
    for one in some:
        stated = getattr(one.hop, name)
        raw = None if stated is None or stated.fits(0, decimals) is None else stated.raw(decimals)
        if raw is None:
            return None
        told = (one.payments, *(() if name == "amount" else (one.hop.path, one.hop.spends, raw)))
        counts[told] = counts.get(told, 0) + 1
        if not one.payments or counts[told] <= one.choices:
            total += raw
    return total
