"""X-1: payments into a service matched with payments out of it on another chain, by amount and time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from chainflow.errors import BadInput
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions.conversion import Conversion, Leg
from chainflow.tracing.conversions.held import Held, Movement
from chainflow.tracing.conversions.rates import Rates, exact_share
from chainflow.units import whole_number

__all__ = ["Shifts", "match_shifts"]


@dataclass(frozen=True, slots=True)
class Shifts:
    """What a deposit and a withdrawal of a shifting service must have in common to be candidates.

    Parameters
    ----------
    services : mapping of str to str
        Address → name of the service, as tags assert it. Deposits and withdrawals match within one service.
    rates : Rates
        At the time of the deposit.
    window_seconds : int
        A withdrawal is in a block that is at most so much later, by block time, and not earlier.
    tolerance : Fraction, Decimal, int or str
        How far the withdrawal may be from what was expected, as a share of that.
    fee : Fraction, Decimal, int or str
        The share that the service keeps: expected is deposit × rate × (1 − fee), exactly.
    """

    services: Mapping[str, str]
    rates: Rates
    window_seconds: int = 3600
    tolerance: Fraction | Decimal | int | str = "0.01"
    fee: Fraction | Decimal | int | str = 0

    def __post_init__(self) -> None:
        if not isinstance(self.services, Mapping) or not self.services:
            raise BadInput(
                "no services", hint="{address: name of the service}: without them nothing is found"
            )
        whole_number(self.window_seconds, "seconds")
        for name in ("tolerance", "fee"):
            exact_share(getattr(self, name), name)

    @property
    def parameters(self) -> dict[str, object]:
        """What was chosen, as JSON-able values."""
        return {
            "services": dict(sorted(self.services.items())),
            "rates": self.rates.described,
            "window_seconds": self.window_seconds,
            "tolerance": str(exact_share(self.tolerance, "tolerance")),
            "fee": str(exact_share(self.fee, "fee")),
        }


class _Visit(NamedTuple):
    """A payment into or out of a service."""

    time: int
    leg: Leg


@dataclass(slots=True)
class _Visits:
    deposits: list[tuple[str, _Visit]] = field(default_factory=list)  # with the service's name
    withdrawals: dict[str, dict[Asset, list[_Visit]]] = field(default_factory=dict)
    untimed: int = 0


def match_shifts(
    held: Held, shifts: Shifts, notes: list[str], *, taken: Collection[tuple[object, ...]] = ()
) -> Iterator[Conversion]:
    """Yield each withdrawal that fits a deposit; with `candidates`, how many fit the one or the other.

    1 means that no other withdrawal fits the deposit and no other deposit fits the withdrawal, among those
    that are held: the true one may not be. Legs in `taken` (`(chain, txid, place, asset)`), whose other side
    an id has told, are left out.

    References
    ----------
    H. Yousaf, G. Kappos and S. Meiklejohn, Tracing Transactions Across Cryptocurrency Ledgers, USENIX
    Security 2019, arXiv 1810.12786. Requiring uniqueness in both directions is our own.
    """
    visits = _visits(held, shifts.services, frozenset(taken))
    pairs: list[tuple[_Visit, _Visit, Fraction]] = []
    unrated = 0
    for service, deposit in visits.deposits:
        others = {
            asset: out
            for asset, out in visits.withdrawals.get(service, {}).items()
            if asset != deposit.leg.asset
        }
        for asset, out in sorted(others.items(), key=lambda item: str(item[0])):
            near = _near(deposit, out, shifts.window_seconds)
            rate = shifts.rates.at(deposit.leg.asset, asset, deposit.time) if near else None
            unrated += bool(near) and rate is None
            if rate is not None:
                pairs += [(deposit, one, off) for one, off in _fitting(deposit, near, rate, shifts)]
    fits = Counter(one.leg for one, _, _ in pairs)
    fitted = Counter(other.leg for _, other, _ in pairs)
    for one, other, off in pairs:
        apart = f"{other.time - one.time:,} s later, {Decimal(round(off * 10**6)) / 10**4} % off what was expected"
        k = max(fits[one.leg], fitted[other.leg])
        kind = "swap" if one.leg.chain == other.leg.chain else "bridge"
        yield Conversion(one.leg, other.leg, kind, "amount and time", apart, "amount and time", k)
    if unrated:
        notes.append(f"{unrated:,} times a deposit met withdrawals of an asset for which there is no rate.")
    if visits.untimed:
        notes.append(
            f"{visits.untimed:,} payments of services have no known block time: they were not matched."
        )


def _visits(held: Held, services: Mapping[str, str], taken: frozenset[tuple[object, ...]]) -> _Visits:
    found = _Visits()
    for tx in held.values():
        for one in [] if tx.is_disputed else tx.movements:
            into, out = _sides(one, services)
            if into == out or not one.is_plain or (tx.chain, tx.txid, one.place, one.asset) in taken:
                continue
            if tx.time is None:
                found.untimed += 1
                continue
            visit = _Visit(tx.time, tx.leg([one]))
            if into:
                found.deposits.append((into, visit))
            if out:
                found.withdrawals.setdefault(out, {}).setdefault(one.asset, []).append(visit)
    for assets in found.withdrawals.values():
        for visits in assets.values():
            visits.sort(key=lambda visit: (visit.time, visit.leg.order))
    return found


def _sides(one: Movement, services: Mapping[str, str]) -> tuple[str, str]:
    """Return the service that a movement pays, and the one that pays it ("" where none, or not it alone)."""
    payers = {services.get(payer, "") for payer in one.payers}
    return services.get(one.payee, ""), payers.pop() if len(payers) == 1 else ""


def _near(deposit: _Visit, out: list[_Visit], seconds: int) -> list[_Visit]:
    """Return the withdrawals from the deposit's time on, within the window."""
    first = bisect_left(out, deposit.time, key=lambda visit: visit.time)
    last = bisect_right(out, deposit.time + seconds, key=lambda visit: visit.time)
    return out[first:last]


def _fitting(
    deposit: _Visit, near: list[_Visit], rate: Fraction, shifts: Shifts
) -> Iterator[tuple[_Visit, Fraction]]:
    """Yield the withdrawals of about the expected amount, and by which share they miss it."""
    expected = deposit.leg.amount_raw * rate * (1 - exact_share(shifts.fee, "fee"))
    tolerance = exact_share(shifts.tolerance, "tolerance")
    for one in near:
        off = abs(one.leg.amount_raw - expected) / expected
        if off <= tolerance:
            yield one, off
