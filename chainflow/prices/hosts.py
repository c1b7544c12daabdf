"""Public price hosts: what each is asked and thereby learns, and how its answer reads.

Making a path and reading a reply are pure, as for the sources of a chain; `PriceHost.ask` is the network.
Numbers are read as exact decimals. What a host does not know is absent, never 0.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Unpack
from urllib.parse import quote, unquote

from chainflow.errors import BadInput, BadResponse, NotFound, ProofFailed
from chainflow.prices.assets import asset_of, coingecko_id, currency_of, from_llama, to_llama
from chainflow.prices.book import PricePoint, Prices
from chainflow.prices.numbers import as_price
from chainflow.sources.strict import Field, excerpt, loads_strict

if TYPE_CHECKING:
    from chainflow.sources.http import Reply, SessionOptions

__all__ = ["HOSTS", "PriceHost", "Wanted", "open_host"]

Wanted = tuple[str, datetime | int]
"""An asset and a moment."""

_LATEST = 2**33
_MOST_POINTS = 60  # in one question: a longer URL is refused
_CURRENCIES = ("USD", "EUR", "GBP", "CAD", "CHF", "AUD", "JPY")
_UNITS = {"days": 86400, "hours": 3600}
_ELSEWHERE = "the answer was rejected as a whole; ask another price host"

_Rows = Iterable[tuple[str, str, int, Decimal | None, Decimal | None]]
"""Asset, currency, moment, price and confidence, as a reader finds them."""


@dataclass(frozen=True, slots=True)
class PriceHost:
    """One price host: where it is, what it is asked, and what that tells it.

    Attributes
    ----------
    name : str
        By which its prices are marked.
    base : str
        Its base URL; your own mempool instance has another.
    learns : str
        What the host learns about the asker, besides the address of the connection.
    make, rows
        How questions are made, and how the answer to one reads; use `paths` and `read`.
    """

    name: str
    base: str
    learns: str
    make: Callable[[Sequence[tuple[str, int]], str], Sequence[str]]
    rows: Callable[[str, Field, str], _Rows]

    def paths(self, wanted: Collection[Wanted] = (), *, currency: str = "USD") -> tuple[str, ...]:
        """Return the questions for these assets and moments, each once.

        Raises
        ------
        BadInput
            If this host has no such prices: other coins, or another currency.
        """
        named = sorted({(asset_of(asset), _seconds(moment)) for asset, moment in wanted})
        return tuple(dict.fromkeys(self.make(named, currency_of(currency))))

    def read(self, path: str, status: int, body: bytes) -> tuple[PricePoint, ...]:
        """Return the prices that an archived answer states; pure.

        Raises
        ------
        BadResponse, SchemaMismatch
            If it is no answer to this question; then none of it is used.
        NotFound
            If the host says that it knows no such asset or time.
        """
        what = f"The answer of {self.name} to {path if len(path) < 120 else path[:119] + '…'}"
        if status != 200:
            raise _declined(what, status, body)
        digest = hashlib.sha256(body).hexdigest()
        found = self.rows(path, Field(loads_strict(body, what=what), what), what)
        return tuple(
            PricePoint(asset, currency, moment, self.name, price, digest, confidence)
            for asset, currency, moment, price, confidence in found
            if price is not None
        )

    def fetch(
        self,
        wanted: Collection[Wanted] = (),
        *,
        currency: str = "USD",
        proxy: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> Prices:
        """Return the prices that the host states, over the network.

        Parameters
        ----------
        wanted : collection of (asset, time)
            Not needed by hosts that give a coin's whole history at once.
        currency : str
        proxy : str, optional
            Such as `socks5h://127.0.0.1:9050`.
        **options
            Further keywords of `chainflow.sources.http.Session`.

        Raises
        ------
        SourceError
            As `read`, and if there is no answer.
        """
        from chainflow.sources.http import Session

        with Session(self.base, proxy=proxy, **options) as session:
            replies: list[Reply] = [session.get(path) for path in self.paths(wanted, currency=currency)]
        return Prices.of(
            point for reply in replies for point in self.read(reply.path, reply.status, reply.body)
        )


def open_host(name: str, *, url: str | None = None) -> PriceHost:
    """Return a price host by name; `url` where it is not the public one.

    Raises
    ------
    BadInput
        If there is none of this name.

    Examples
    --------
    >>> open_host("mempool").paths()
    ('/v1/historical-price?currency=USD',)
    """
    if name not in HOSTS:
        raise BadInput(f"no price host is called {name[:40]!r}", hint=f"there are: {', '.join(HOSTS)}")
    host = HOSTS[name]
    return host if url is None else PriceHost(name, url, host.learns, host.make, host.rows)


def _declined(what: str, status: int, body: bytes) -> BadResponse | NotFound:
    """Return the error that says what a status other than 200 means."""
    if status == 401 and b"10012" in body:
        return BadResponse(
            f"{what}: its public access ends 365 days ago, and this is older",
            hint="ask llama, or mempool for BTC; or read a file of daily prices",
        )
    told = f"{what} has status {status} ({excerpt(body, limit=160)}); it was not used"
    if status == 404:
        return NotFound(told, hint="it has no such price; ask another price host")
    return BadResponse(told, hint="ask another price host, or later")


def _seconds(moment: datetime | int) -> int:
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = int(moment.timestamp())
    if type(moment) is not int or not 0 <= moment < _LATEST:
        raise BadInput(f"not a time: {moment!r}", hint="an aware datetime, or Unix seconds")
    return moment


def _only_bitcoin(name: str, wanted: Sequence[tuple[str, int]]) -> None:
    other = sorted({asset for asset, _ in wanted} - {"BTC"})
    if other:
        raise BadInput(f"{name} prices BTC only, not {other[0]}", hint="ask llama for other coins")


def _only_dollars(name: str, currency: str) -> None:
    if currency != "USD":
        raise BadInput(f"{name} prices in USD only, not in {currency}", hint="ask mempool, or coingecko")


# --- mempool.space: bitcoin in seven currencies, the whole history at once --------------------------


def _mempool_paths(wanted: Sequence[tuple[str, int]], currency: str) -> Sequence[str]:
    _only_bitcoin("mempool", wanted)
    if currency not in _CURRENCIES:
        raise BadInput(f"mempool has no prices in {currency}", hint=f"it has {', '.join(_CURRENCIES)}")
    return (f"/v1/historical-price?currency={currency}",)


def _mempool_rows(path: str, whole: Field, what: str) -> _Rows:
    """Yield what is stated in the currency asked for; the exchange rates are today's and never used."""
    del what
    currency = _one(path, r"/v1/historical-price\?currency=([A-Z]{3})(?:&timestamp=\d+)?")
    for row in whole["prices"].items():
        price = row.get(currency)
        moment = row["time"].integer(0, _LATEST)
        yield "BTC", currency, moment, None if price is None else as_price(price), None


# --- blockchain.info: bitcoin in dollars, the whole history at once ---------------------------------


def _charts_paths(wanted: Sequence[tuple[str, int]], currency: str) -> Sequence[str]:
    _only_bitcoin("blockchain-info", wanted)
    _only_dollars("blockchain-info", currency)
    return ("/charts/market-price?timespan=all&sampled=false&format=json",)


def _charts_rows(path: str, whole: Field, what: str) -> _Rows:
    _one(path, r"(/charts/market-price)\?.*")
    unit = whole.get("unit")
    if unit is not None and unit.text() != "USD":
        raise ProofFailed(f"{what} is in {unit.text()[:20]!r}, not in USD", hint=_ELSEWHERE)
    for row in whole["values"].items():
        yield "BTC", "USD", row["x"].integer(0, _LATEST), as_price(row["y"]), None


# --- DefiLlama: any coin or token in dollars, at the moments asked for ------------------------------


def _llama_paths(wanted: Sequence[tuple[str, int]], currency: str) -> Sequence[str]:
    _only_dollars("llama", currency)
    paths = []
    for start in range(0, len(wanted), _MOST_POINTS):
        asked: dict[str, list[int]] = {}
        for asset, moment in wanted[start : start + _MOST_POINTS]:
            asked.setdefault(to_llama(asset), []).append(moment)
        text = json.dumps(asked, separators=(",", ":"))
        paths.append(f"/batchHistorical?coins={quote(text, safe='')}&searchWidth=12h")
    return paths


def _llama_rows(path: str, whole: Field, what: str) -> _Rows:
    """Yield the prices of both forms: of one moment for several coins, and of several moments each."""
    coins = whole["coins"]
    named: Mapping[str, object] = coins.value if isinstance(coins.value, dict) else {}
    if named is not coins.value:
        raise coins.refuse("an object")
    asked = {name.lower() for name in _llama_asked(path)}
    for name in named:
        if name.lower() not in asked:
            raise ProofFailed(f"{what} prices {name[:80]!r}, which was not asked for", hint=_ELSEWHERE)
        coin = coins[name]
        for row in [coin] if coin.get("prices") is None else coin["prices"].items():
            sure = row.get("confidence")
            moment = row["timestamp"].integer(0, _LATEST)
            yield from_llama(name), "USD", moment, as_price(row["price"]), _confidence(sure)


def _llama_asked(path: str) -> Collection[str]:
    """Return the coins that a path asks about."""
    single = re.fullmatch(r"/prices/(?:historical/\d+|current)/([^?]+)(?:\?.*)?", path)
    if single:
        return unquote(single[1]).split(",")
    text = _one(path, r"/batchHistorical\?coins=([^&]+)(?:&.*)?")
    try:
        asked = json.loads(unquote(text))
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise BadInput(f"not a question for llama: {path[:120]!r}", hint="make it with paths()")
    return [str(name) for name in asked]


def _confidence(field: Field | None) -> Decimal | None:
    if field is None:
        return None
    if type(field.value) is not int and not isinstance(field.value, Decimal):
        raise field.refuse("0…1")
    if not 0 <= field.value <= 1:
        raise field.refuse("0…1")
    return Decimal(field.value)


# --- CoinGecko: many coins in many currencies, a day at a time, 365 days back -----------------------


def _gecko_paths(wanted: Sequence[tuple[str, int]], currency: str) -> Sequence[str]:
    del currency  # its answer has them all
    return [
        f"/coins/{quote(coingecko_id(asset), safe='')}/history"
        f"?date={datetime.fromtimestamp(moment, tz=UTC):%d-%m-%Y}&localization=false"
        for asset, moment in wanted
    ]


def _gecko_rows(path: str, whole: Field, what: str) -> _Rows:
    """Yield a day's prices: they are of its first moment, 00:00 UTC."""
    match = re.fullmatch(r"/coins/([^/]+)/history\?date=(\d\d-\d\d-\d{4})(?:&.*)?", path)
    if match is None:
        raise BadInput(f"not a question for coingecko: {path[:120]!r}", hint="make it with paths()")
    coin = unquote(match[1])
    if whole["id"].text() != coin:
        raise ProofFailed(f"{what} is about {whole['id'].text()[:40]!r}", hint=_ELSEWHERE)
    try:
        day = datetime.strptime(match[2], "%d-%m-%Y").replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"not a day: {match[2]}", hint="make the question with paths()") from None
    market = whole.get("market_data")
    if market is None:
        return  # it knows the coin, and no price of that day
    prices = market["current_price"]
    for name in prices.value if isinstance(prices.value, dict) else ():
        if name.isascii() and name.isalpha() and len(name) == 3:
            asset = from_llama(f"coingecko:{coin}")
            yield asset, name.upper(), int(day.timestamp()), as_price(prices[name]), None


# --- CryptoCompare: coins in dollars and others, days or hours --------------------------------------


def _compare_paths(wanted: Sequence[tuple[str, int]], currency: str) -> Sequence[str]:
    return [
        f"/index/cc/v1/historical/days?limit=1&market=cadli&to_ts={moment}&instrument={asset}-{currency}"
        for asset, moment in wanted
        if _ticker(asset)
    ]


def _ticker(asset: str) -> str:
    if ":" in asset:
        raise BadInput(f"cryptocompare goes by tickers, not by {asset}", hint="ask llama for tokens")
    return asset


def _compare_rows(path: str, whole: Field, what: str) -> _Rows:
    """Yield closes, at the end of their day or hour, or when it was last traded in it."""
    unit = _one(path, r"/index/cc/v1/historical/(days|hours)\?.*")
    pair = _one(path, r".*[?&]instrument=([A-Z0-9]+-[A-Z]+)(?:&.*)?")
    problem = whole.get("Err")
    if problem is not None and problem.value != {}:
        raise BadResponse(f"{what} is an error: {excerpt(str(problem.value).encode(), limit=160)}")
    for row in whole["Data"].items():
        if row["INSTRUMENT"].text() != pair:
            raise ProofFailed(f"{what} prices {row['INSTRUMENT'].text()[:40]!r}", hint=_ELSEWHERE)
        asset, _, currency = pair.partition("-")
        end, last = row["TIMESTAMP"].integer(0, _LATEST) + _UNITS[unit], row.get("LAST_MESSAGE_TIMESTAMP")
        moment = end if last is None else last.integer(end - _UNITS[unit], end)
        yield asset, currency, moment, as_price(row["CLOSE"]), None


def _one(path: str, pattern: str) -> str:
    """Return the part of a path that its answer depends on."""
    match = re.fullmatch(pattern, path)
    if match is None:
        raise BadInput(f"not a question for this price host: {path[:120]!r}", hint="make it with paths()")
    return match[1]


HOSTS: Mapping[str, PriceHost] = {
    host.name: host
    for host in (
        PriceHost(
            "mempool",
            "https://mempool.space/api",
            "that somebody wants the price of BTC, for no moment in particular",
            _mempool_paths,
            _mempool_rows,
        ),
        PriceHost(
            "blockchain-info",
            "https://api.blockchain.info",
            "that somebody wants the price of BTC, for no moment in particular",
            _charts_paths,
            _charts_rows,
        ),
        PriceHost(
            "llama",
            "https://coins.llama.fi",
            "every asset asked about, with its contract, and every moment to the second",
            _llama_paths,
            _llama_rows,
        ),
        PriceHost(
            "coingecko",
            "https://api.coingecko.com/api/v3",
            "every coin asked about, and every day",
            _gecko_paths,
            _gecko_rows,
        ),
        PriceHost(
            "cryptocompare",
            "https://data-api.cryptocompare.com",
            "every coin asked about, and every moment to the second",
            _compare_paths,
            _compare_rows,
        ),
    )
}
"""The hosts known, by name; those that learn least come first."""
