"""How many base units of one asset another is worth at a time: exact fractions, or nothing where nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from chainflow.errors import BadInput
from chainflow.prices import Prices
from chainflow.prices.assets import asset_of, decimals_of
from chainflow.tracing.asset import Asset

__all__ = ["FixedRates", "PriceRates", "Rates", "exact_share"]


class Rates(Protocol):
    """What tells rates."""

    def at(self, paid: Asset, received: Asset, time: int) -> Fraction | None:
        """Return base units of `received` per base unit of `paid`, None where nobody says."""

    @property
    def described(self) -> object:
        """What tells one table from another, as JSON-able values."""


@dataclass(frozen=True, slots=True)
class FixedRates:
    """One rate for each ordered pair of assets, at all times.

    Parameters
    ----------
    table : mapping of (Asset, Asset) to Fraction, Decimal or int
        Base units of the second per base unit of the first. A pair that is not in it has no rate, nor has its
        reverse: services quote the two apart.
    """

    table: Mapping[tuple[Asset, Asset], Fraction | Decimal | int]

    def at(self, paid: Asset, received: Asset, time: int) -> Fraction | None:
        """Return the rate of a pair."""
        del time
        rate = self.table.get((paid, received))
        if rate is None:
            return None
        if isinstance(rate, float) or rate <= 0:
            raise BadInput(
                f"a rate of {rate!r}", hint="a Fraction, Decimal or int above 0: floats are not exact"
            )
        return Fraction(rate)

    @property
    def described(self) -> object:
        """The table as texts."""
        return sorted([str(one), str(other), str(rate)] for (one, other), rate in self.table.items())


@dataclass(frozen=True, slots=True)
class PriceRates:
    """Rates from two prices of about the moment of the payment.

    Parameters
    ----------
    prices : Prices
    decimals : mapping of Asset to int
        Of tokens, as they state them; those of the chains' own coins are known.
    currency : str
    within : timedelta
        How far from the moment a price may be.
    """

    prices: Prices
    decimals: Mapping[Asset, int] = field(default_factory=dict)
    currency: str = "USD"
    within: timedelta = timedelta(days=1)

    def at(self, paid: Asset, received: Asset, time: int) -> Fraction | None:
        """Return the ratio of the two prices per base unit, None where one of them is missing."""
        worth = [self._worth(asset, time) for asset in (paid, received)]
        if worth[0] is None or worth[1] is None:
            return None
        return worth[0] / worth[1]

    def _worth(self, asset: Asset, time: int) -> Fraction | None:
        """Return what one base unit is worth."""
        name = asset_of(str(asset))
        places = self.decimals[asset] if asset in self.decimals else decimals_of(name)
        found = self.prices.at(name, time, self.currency, within=self.within)
        return None if found is None else Fraction(found.price) / 10**places

    @property
    def described(self) -> object:
        """The sources, how many prices, and what else was chosen."""
        decimals = {str(asset): number for asset, number in self.decimals.items()}
        chosen = [self.currency, int(self.within.total_seconds())]
        return [list(self.prices.sources), len(self.prices), dict(sorted(decimals.items())), *chosen]


def exact_share(value: Fraction | Decimal | int | str, name: str) -> Fraction:
    """Return a share between 0 and 1 exactly.

    Raises
    ------
    BadInput
        If it is a float, is no number, or lies outside.
    """
    try:
        share = None if isinstance(value, float) else Fraction(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        share = None
    if share is None or not 0 <= share < 1:
        raise BadInput(
            f"{name} is {value!r}", hint='a share from 0 to less than 1, as text "0.01", Decimal or Fraction'
        )
    return share
