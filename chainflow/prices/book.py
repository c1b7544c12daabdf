"""Prices as a value: rows with their origin, the nearest one to a moment, and exact amounts of money."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainflow import cards
from chainflow.errors import BadInput, SourcesDisagree
from chainflow.prices.assets import asset_of, currency_of, decimals_of
from chainflow.units import format_time

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Price", "PricePoint", "Prices", "Value"]

_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
"""Room for any amount times any price: a 256-bit amount has 78 digits."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class PricePoint:
    """One price as one source states it.

    Attributes
    ----------
    asset : str
        A ticker such as `BTC`, or `chain:contract` for a token.
    currency : str
    time : int
        The moment it is a price of, Unix seconds; of a day's or week's close, its end.
    source : str
        Who states it.
    price : Decimal
        Of one whole coin, as stated, to the last digit.
    sha256 : str
        Of the file or reply that states it.
    confidence : Decimal or None
        From 0 to 1, in the source's own opinion; `None` where it gives none.
    """

    asset: str
    currency: str
    time: int
    source: str
    price: Decimal
    sha256: str = ""
    confidence: Decimal | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Price:
    """The price found for a moment, with how far in time it is from it.

    Attributes
    ----------
    point : PricePoint
    asked : int
        The moment asked about, Unix seconds.
    """

    point: PricePoint
    asked: int

    @property
    def price(self) -> Decimal:
        """Of one whole coin, in `currency`."""
        return self.point.price

    @property
    def currency(self) -> str:
        """What it is counted in."""
        return self.point.currency

    @property
    def source(self) -> str:
        """Who states it."""
        return self.point.source

    @property
    def time(self) -> datetime:
        """The moment it is a price of."""
        return datetime.fromtimestamp(self.point.time, tz=UTC)

    @property
    def distance(self) -> timedelta:
        """From the moment asked about to the moment of the price: negative where the price is older."""
        return timedelta(seconds=self.point.time - self.asked)

    def __str__(self) -> str:
        sure = "" if self.point.confidence is None else f", confidence {self.point.confidence}"
        return (
            f"{self.price:,f} {self.currency} per {self.point.asset} ({self.source}, "
            f"{format_time(self.point.time)}, {_told(self.distance)}{sure})"
        )


@dataclass(frozen=True, slots=True)
class Value:
    """What an amount was worth, exactly, and by which price."""

    amount: Decimal
    price: Price

    @property
    def currency(self) -> str:
        """What it is counted in."""
        return self.price.currency

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency} at {self.price}"


@dataclass(frozen=True, repr=False)
class Prices:
    """Prices from any number of sources; immutable, `+` puts two together.

    Of several prices near a moment the nearest in time is taken, before or after; of two equally near the
    older, and of two at one time the one whose source comes first in the alphabet. `source=` takes one
    source only. Prices are never averaged, and none is made from today's exchange rates.

    Examples
    --------
    >>> point = PricePoint("BTC", "USD", 1620518400, "a notice", Decimal("58803.78"))
    >>> prices = Prices.of([point])
    >>> print(prices.at("btc", 1620493977))
    58,803.78 USD per BTC (a notice, 2021-05-09 00:00:00 UTC, 6 h 47 min after)
    >>> print(prices.at("btc", 1620493977 - 86400 * 7))
    None
    """

    rows: tuple[PricePoint, ...] = ()

    @classmethod
    def of(cls, points: Iterable[PricePoint]) -> Prices:
        """Return the prices of these rows, each once, in the order of asset, currency, time and source.

        Raises
        ------
        SourcesDisagree
            If one source states two prices for one moment.
        """
        kept: dict[tuple[str, str, int, str], PricePoint] = {}
        for point in sorted(points):
            key = (point.asset, point.currency, point.time, point.source)
            known = kept.setdefault(key, point)
            if known.price != point.price:
                raise SourcesDisagree(
                    f"{point.source} states two prices of {point.asset} in {point.currency} at "
                    f"{format_time(point.time)}: {known.price} and {point.price}",
                    hint="leave one of the two out; neither was used",
                )
        return cls(tuple(kept.values()))

    @classmethod
    def read(
        cls,
        *paths: str | Path,
        asset: str | None = None,
        currency: str | None = None,
        source: str | None = None,
    ) -> Prices:
        """Return the prices in files; see `chainflow.prices.files.read_prices` for their forms.

        Raises
        ------
        BadInput
            If a file is not of a known form; the line is named. No price of it is used.
        SourcesDisagree
            If one source states two prices for one moment.
        """
        from chainflow.prices.files import read_prices

        points = (read_prices(Path(path), asset=asset, currency=currency, source=source) for path in paths)
        return cls.of(point for file in points for point in file)

    def __add__(self, other: Prices) -> Prices:
        return Prices.of((*self.rows, *other.rows))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sources(self) -> tuple[str, ...]:
        """Who states these prices, sorted."""
        return tuple(sorted({point.source for point in self.rows}))

    def at(
        self,
        asset: str,
        time: datetime | int,
        currency: str = "USD",
        *,
        within: timedelta = DAY,
        source: str | None = None,
    ) -> Price | None:
        """Return the price nearest to a moment, `None` where none is near enough: never 0.

        Parameters
        ----------
        asset : str
            A ticker, a chain's name for its own coin, or `chain:contract` for a token.
        time : datetime or int
            The moment, aware; or Unix seconds.
        currency : str
        within : timedelta
            How far from the moment a price may be, before or after.
        source : str, optional
            Take only what this source states.

        Raises
        ------
        BadInput
            If the time has no zone, or the asset or the currency is none.
        """
        asked, span = _seconds(time), within.total_seconds()
        times, points = self._series.get((asset_of(asset), currency_of(currency), source or ""), ([], []))
        place = bisect_left(times, asked)
        near = [i for i in (place - 1, place) if 0 <= i < len(times) and abs(times[i] - asked) <= span]
        best = min(near, key=lambda i: (abs(times[i] - asked), times[i]), default=None)
        return None if best is None else Price(points[best], asked)

    def value(
        self,
        amount_raw: int,
        asset: str,
        time: datetime | int,
        currency: str = "USD",
        *,
        decimals: int | None = None,
        within: timedelta = DAY,
        source: str | None = None,
    ) -> Value | None:
        """Return what an amount in base units was worth, exactly; `None` where no price is near enough.

        Parameters
        ----------
        amount_raw : int
            Satoshi, wei, sun, or a token's base units.
        decimals : int, optional
            Of the asset; must be given for tokens, as the token states them.
        asset, time, currency, within, source
            As for `at`.

        Raises
        ------
        BadInput
            As for `at`, and if the decimals are not known.

        Examples
        --------
        >>> prices = Prices.of([PricePoint("BTC", "USD", 1620518400, "a notice", Decimal("58803.78"))])
        >>> print(prices.value(7_500_030_000, "btc", 1620493977))
        4,410,301.14 USD at 58,803.78 USD per BTC (a notice, 2021-05-09 00:00:00 UTC, 6 h 47 min after)
        """
        name = asset_of(asset)
        places = decimals_of(name) if decimals is None else decimals
        found = self.at(name, time, currency, within=within, source=source)
        if found is None:
            return None
        coins = _EXACT.scaleb(Decimal(amount_raw), -places)
        return Value(_EXACT.multiply(coins, found.price), found)

    def to_pandas(self) -> pd.DataFrame:
        """Return a row per price, `time` in aware UTC, `price` and `confidence` as exact `Decimal`."""
        import pandas as pd

        columns = ("asset", "currency", "time", "price", "source", "sha256", "confidence")
        rows: list[tuple[Any, ...]] = [tuple(getattr(row, name) for name in columns) for row in self.rows]
        table = pd.DataFrame(rows, columns=list(columns))
        table["time"] = pd.to_datetime(table["time"], unit="s", utc=True)
        return table

    def __repr__(self) -> str:
        return f"<Prices {len(self)} price(s) of {', '.join(self._assets) or 'nothing'}>"

    def _repr_html_(self) -> str:
        rows = []
        for (asset, currency, source), (times, _) in self._series.items():
            if source:
                span = f"{format_time(times[0])} – {format_time(times[-1])}"
                rows.append((f"{asset} in {currency}", f"{len(times)} by {source}, {span}"))
        return cards.card("Prices", rows)

    @property
    def _assets(self) -> Collection[str]:
        return sorted({point.asset for point in self.rows})

    @cached_property
    def _series(self) -> Mapping[tuple[str, str, str], tuple[list[int], list[PricePoint]]]:
        """Times and rows by (asset, currency, source), and for all sources together under source ""."""
        series: dict[tuple[str, str, str], tuple[list[int], list[PricePoint]]] = {}
        for point in self.rows:  # in the order of time, then source
            for source in (point.source, ""):
                key = (point.asset, point.currency, source)
                times, points = series.setdefault(key, ([], []))
                if not times or times[-1] != point.time:
                    times.append(point.time)
                    points.append(point)
        return series


def _seconds(time: datetime | int) -> int:
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise BadInput(f"a time without a zone: {time}", hint="say which: datetime(…, tzinfo=UTC)")
        return int(time.timestamp())
    if type(time) is not int:
        raise BadInput(f"not a time: {time!r}", hint="an aware datetime, or Unix seconds")
    return time


def _told(distance: timedelta) -> str:
    """Return a distance in time for people, and to which side."""
    seconds = int(abs(distance).total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [f"{days} d", f"{hours} h", f"{minutes} min"]
    shown = [part for part in parts if not part.startswith("0 ")][:2] or ([f"{seconds} s"] if seconds else [])
    return f"{' '.join(shown)} {'before' if distance < timedelta(0) else 'after'}" if shown else "that moment"
