"""Prices from files: daily tables as exchanges and Yahoo export them, Mt. Gox's weeks, and tables of your own."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from chainflow.errors import BadInput, BadResponse
from chainflow.prices.assets import asset_of, currency_of
from chainflow.prices.book import PricePoint
from chainflow.prices.numbers import as_price, price_of
from chainflow.sources.strict import Field, loads_strict

__all__ = ["read_prices"]

_PAIR = re.compile(r"(?:^|[^A-Za-z])([A-Z]{2,6})-([A-Z]{3})(?![A-Za-z])")
_MOMENTS = ("date", "time", "timestamp")
_PRICES = ("close", "price")
_BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NONE = ("", "null", "none", "nan", "n/a", "-")
_MOST_BYTES = 200 * 2**20
_DAY = timedelta(days=1)


def read_prices(
    path: Path, *, asset: str | None = None, currency: str | None = None, source: str | None = None
) -> tuple[PricePoint, ...]:
    """Return the prices in one file (`.csv` or `.json`, also with `.gz`).

    A table has a column `date`, `time` or `timestamp` and a column `close` or `price` (in any case). The
    close of a bare date is the price at the end of that UTC day; a `price` of a bare date, which may be of
    any moment of it, is put at its noon. Times without a zone are UTC; whole numbers are Unix seconds. A
    cell without a price, or with 0, is no price. JSON is a list of `{"ct": seconds, "c": "price"}`: the
    closes of weeks, as `mtgox-weekly.json` of the mempool project has them.

    Parameters
    ----------
    asset, currency : str, optional
        Of the whole file. Without them the table's columns of these names, or the file's name, as
        `BTC-USD_daily.csv`; for the JSON list, BTC and USD.
    source : str, optional
        Who states the prices; without it the file's name.

    Raises
    ------
    BadInput
        If the file cannot be read, or one row of it; it is named, and no price of the file is used.
    """
    raw = _content(path)
    name = path.name.removesuffix(".gz")
    origin = (source or name, hashlib.sha256(path.read_bytes()).hexdigest())
    pair = _PAIR.search(name)
    if name.endswith(".json"):
        whole = (asset or "BTC", currency or "USD")
        return tuple(_weekly(path, raw, (asset_of(whole[0]), currency_of(whole[1])), origin))
    told = {
        "asset": asset or (pair[1] if pair else None),
        "currency": currency or (pair[2] if pair else None),
    }
    return tuple(_table(path, raw, told, origin))


def _content(path: Path) -> bytes:
    """Return a file's content, unpacked."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{path.name} is too large for a file of prices", hint="give one asset's prices")
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as packed:
            raw = packed.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise BadInput(f"cannot read {path.name}: {reason}", hint="check the file") from None
    if len(raw) > _MOST_BYTES:
        raise BadInput(f"{path.name} is too large for a file of prices", hint="give one asset's prices")
    return raw


def _weekly(path: Path, raw: bytes, pair: tuple[str, str], origin: tuple[str, str]) -> Iterator[PricePoint]:
    try:
        for row in Field(loads_strict(raw, what=path.name), path.name).items():
            price = as_price(row["c"])
            moment = row["ct"].integer(0, 2**33)
            if price is not None:
                yield PricePoint(*pair, moment, origin[0], price, origin[1])
    except BadResponse as error:
        raise BadInput(error.message, hint='prices in JSON are [{"ct": seconds, "c": "price"}, …]') from None


def _table(
    path: Path, raw: bytes, told: Mapping[str, str | None], origin: tuple[str, str]
) -> Iterator[PricePoint]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path.name} is not UTF-8 text", hint="save it as CSV in UTF-8") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
        moment = next((columns[name] for name in _MOMENTS if name in columns), None)
        priced = next((name for name in _PRICES if name in columns), None)
        if moment is None or priced is None:
            raise BadInput(
                f"{path.name} has no columns of times and prices: {', '.join(columns)[:120] or 'none'}",
                hint="name them date (or time, timestamp) and price (or close)",
            )
        for row in rows:
            where = f"{path.name}, line {rows.line_num}"
            cells = {name: (row.get(column) or "").strip() for name, column in columns.items()}
            price = _number(cells[priced], where)
            if price is not None:
                asset, currency = (told[name] or cells.get(name) for name in ("asset", "currency"))
                if not asset or not currency:
                    raise BadInput(
                        f"{where}: of what, in what currency?",
                        hint="name the file as BTC-USD.csv, or add the columns asset and currency",
                    )
                seconds = _moment((row[moment] or "").strip(), where, is_close=priced == "close")
                yield PricePoint(asset_of(asset), currency_of(currency), seconds, origin[0], price, origin[1])
    except csv.Error as error:
        raise BadInput(f"{path.name}, line {rows.line_num}: {error}", hint="check the file") from None


def _number(text: str, where: str) -> Decimal | None:
    """Return a price, `None` where the cell holds none."""
    if text.lower() in _NONE:
        return None
    try:
        return price_of(text)
    except ValueError:
        raise BadInput(f"{where}: not a price: {text[:40]!r}", hint="write it as 58803.78") from None


def _moment(text: str, where: str, *, is_close: bool) -> int:
    """Return the moment that a cell means, in Unix seconds."""
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{where}: not a time: {text[:40]!r}", hint="write it as 2021-05-08") from None
    if _BARE_DATE.fullmatch(text):
        moment = moment + _DAY if is_close else datetime.combine(moment, time(12))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
