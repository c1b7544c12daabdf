"""`Hit`: one place where a pattern was found, in neutral words, with what speaks against it and its base rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from chainflow.clustering.error_rates.figure import NOT_MEASURED, number_of, wilson
from chainflow.networks import network_of
from chainflow.tracing.asset import Asset
from chainflow.typologies.payments import Payments
from chainflow.units import format_amount, format_time, ticker

__all__ = ["Amount", "BaseRate", "Hit", "hit_of", "said_amount", "said_span"]


class Amount(NamedTuple):
    """A sum in base units of one asset, and what it is a sum of."""

    what: str
    value_raw: int
    asset: str


@dataclass(frozen=True, slots=True)
class BaseRate:
    """How often a pattern is found where nothing is hidden: counted on a named population, or not at all.

    Attributes
    ----------
    kind : str
    found, of : int
        So many hits in so many; `of` 0 means that nothing could be counted.
    unit : str
        What was counted: `transactions` for patterns, `addresses` for indicators.
    population, date, reference : str
        Where, when, and how to count again.
    """

    kind: str
    found: int
    of: int
    unit: str
    population: str
    date: str
    reference: str

    @property
    def per_thousand(self) -> float | None:
        """Hits per 1,000; `None` where nothing was counted."""
        return 1000 * self.found / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson 95 % interval per 1,000; `None` where nothing, or more than one per unit, was counted."""
        if not self.of or self.found > self.of:
            return None
        low, high = wilson(self.found, self.of)
        return 1000 * low, 1000 * high

    @property
    def text(self) -> str:
        """The figure in words; `not measured` where nothing was counted."""
        if self.per_thousand is None:
            return f"{NOT_MEASURED} on {self.population}"
        between = "" if self.interval is None else "; 95 %: {:.1f} to {:.1f}".format(*self.interval)
        return (
            f"{number_of(self.found, 'hits')} in {number_of(self.of, self.unit)}, {self.per_thousand:.1f} per "
            f"1,000{between} ({self.population}, {self.date})"
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a pattern was found: a shape of payments, never a purpose, never a kind of crime.

    Attributes
    ----------
    kind : str
        The name of the pattern, one of `KINDS`.
    chain : str
    txids : tuple of str
        Its transactions in chain order.
    roles : mapping of str to tuple of str
        What a party does in it → addresses, or clusters where owners were given.
    amounts : tuple of Amount
        Base units.
    first_height, last_height : int
    first_time, last_time : int
        Of the blocks, Unix seconds.
    reading : str
        One sentence for people.
    against : tuple of str
        What speaks against reading anything into it.
    parameters : mapping of str to object
        Those that the pattern was looked for with.
    rates : tuple of BaseRate
        How often it is found where nothing is hidden; empty: not measured for these parameters.
    """

    kind: str
    chain: str
    txids: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    amounts: tuple[Amount, ...]
    first_height: int
    last_height: int
    first_time: int
    last_time: int
    reading: str
    against: tuple[str, ...]
    parameters: Mapping[str, object]
    rates: tuple[BaseRate, ...] = ()

    @property
    def base_rate(self) -> str:
        """The base rates in words; `not measured` is one."""
        return "; ".join(rate.text for rate in self.rates) or NOT_MEASURED

    @property
    def addresses(self) -> frozenset[str]:
        """All parties of it, whatever their role."""
        return frozenset(address for found in self.roles.values() for address in found)

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON-able values."""
        return {**asdict(self), "amounts": [list(amount) for amount in self.amounts]}


def hit_of(
    payments: Payments,
    kind: str,
    txs: Iterable[int],
    *,
    roles: Mapping[str, Iterable[str]],
    amounts: Sequence[Amount],
    reading: str,
    against: Sequence[str],
) -> Hit:
    """Return a hit; `{span}` in its reading becomes its times. `find` adds base rate and parameters."""
    order = sorted(set(txs), key=lambda tx: (payments.places[tx].low, tx))
    places = [payments.places[tx] for tx in order]
    heights, times = ([place.height for place in places], [place.time for place in places])
    return Hit(
        kind=kind,
        chain=places[0].chain,
        txids=tuple(place.txid for place in places),
        roles={role: tuple(dict.fromkeys(found)) for role, found in roles.items()},
        amounts=tuple(amounts),
        first_height=min(heights),
        last_height=max(heights),
        first_time=min(times),
        last_time=max(times),
        reading=reading.replace("{span}", said_span(min(times), max(times))),
        against=tuple(against),
        parameters={},
    )


def said_amount(value_raw: int, asset: Asset) -> str:
    """Return an amount for people: in coins where the decimals are certain, else in base units.

    Examples
    --------
    >>> said_amount(150_000_000, Asset("btc", None)), said_amount(7, Asset("eth", "0xab"))
    ('1.50000000 BTC', '7 base units of eth:0xab')
    """
    network = network_of(asset.chain)
    if asset.contract is not None:
        return format_amount(value_raw, None, str(asset))
    return format_amount(value_raw, 8 if network is None else network.decimals, ticker(asset.chain))


def said_span(first: int, last: int) -> str:
    """Return two Unix times for people.

    Examples
    --------
    >>> said_span(1620493977, 1620493977)
    'on 2021-05-08 17:12:57 UTC'
    """
    if first == last:
        return f"on {format_time(first)}"
    return f"from {format_time(first)} to {format_time(last)}"
