"""How fast a host may be asked: a rate per host, and the pauses until the next request."""

from __future__ import annotations

import math
import os
import time
import tomllib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from chainflow.errors import BadInput
from chainflow.hosts import is_private

__all__ = [
    "DEFAULT_RATE",
    "RATES",
    "REFUSED",
    "AskOptions",
    "Patience",
    "Rate",
    "duration",
    "rate_of",
    "rates_of",
]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any `seconds`, and at least `spacing` seconds from one to the next."""

    requests: int
    seconds: float
    spacing: float = 0.0

    def pause(self, sent: Sequence[float], now: float) -> float:
        """Return the seconds to wait at `now`, when requests went out at the times `sent` (ascending).

        Examples
        --------
        >>> Rate(2, 60).pause([0.0, 10.0], now=15.0)
        45.0
        """
        spaced = sent[-1] + self.spacing - now if sent else 0.0
        windowed = sent[-self.requests] + self.seconds - now if len(sent) >= self.requests else 0.0
        return max(spaced, windowed, 0.0)


RATES: Mapping[str, Rate] = {
    "api.blockchain.info": Rate(1, 1),
    "api.blockchair.com": Rate(30, 60),  # and 1,440 a day without a key
    "api.blockcypher.com": Rate(100, 3600, 0.34),  # without a token
    "api.coingecko.com": Rate(10, 60),
    "api.haskoin.com": Rate(60, 60),
    "api.trongrid.io": Rate(15, 1),  # with a key; without one it throttles as it likes
    "blockchain.info": Rate(1, 10),
    "blockstream.info": Rate(700, 3600, 0.25),  # 700 an hour per IP, then 429 without Retry-After
    "mempool.space": Rate(200, 60),  # its public nginx.conf: 200 a minute, "repeatedly → banned"
    "litecoinspace.org": Rate(200, 60),
    **{f"btc{number}.trezor.io": Rate(20, 60) for number in range(1, 6)},
    **{f"{coin}1.trezor.io": Rate(20, 60) for coin in ("ltc", "doge", "bch", "dash", "zec")},
    "www.walletexplorer.com": Rate(1, 2),
    "api.etherscan.io": Rate(3, 1, 0.34),  # its free plan: 3 a second, 100,000 a day
    "api.blockscout.com": Rate(3, 1, 0.34),  # 3 to 5 a second
    "api.routescan.io": Rate(2, 1, 0.5),  # 2 a second, 10,000 a day
}
"""What public hosts bear; other public hosts get `DEFAULT_RATE`, your own node has no limit."""

DEFAULT_RATE = Rate(60, 60)


REFUSED = "connection refused"
"""Why a request failed where nothing listens: nobody learnt anything."""

_SOON = 0.3
"""Seconds until a server of one's own is asked again at which nothing listens: time to be started."""

_SENT: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=10_000))
"""When questions went to which host: one budget for all sessions of this process."""


class AskOptions(TypedDict, total=False):
    """What a user may set of how a host is asked; meaning and defaults as in `http.Session`."""

    rates: Mapping[str, Rate] | None
    timeout: float
    tries: int
    backoff: float
    longest_wait: float
    max_bytes: int
    max_seconds: float
    ca_bundle: str | None
    on_wait: Callable[[str], None] | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How one host is waited for: for its budget, and before it is asked again.

    Attributes
    ----------
    host : str
    rate : Rate or None
        `None` is no limit.
    tries : int
        Requests made before giving up.
    backoff, longest_wait : float
        Seconds before the second try, which double from then on; the longest pause that is made.
    on_wait : callable
        Called with a sentence before each wait of a second or more. Ctrl-C ends every wait.
    """

    host: str
    rate: Rate | None
    tries: int
    backoff: float
    longest_wait: float
    on_wait: Callable[[str], None]

    def pace(self) -> None:
        """Wait until the host's budget allows one more request."""
        if self.rate is None:
            return
        sent = _SENT[self.host]
        budget = f"{self.host}: at most {self.rate.requests} requests in {duration(self.rate.seconds)}"
        while (seconds := self.rate.pause(sent, time.monotonic())) > 0:
            self._wait(seconds, budget)
        sent.append(time.monotonic())

    def is_over(self, misses: Sequence[str]) -> bool:
        """Return whether the host is given up after tries that ended so.

        A server of one's own at which nothing listens is not running: a second look is enough.
        """
        is_off = is_private(self.host) and list(misses[-2:]) == [REFUSED] * 2
        return is_off or len(misses) >= self.tries

    def before_next(self, misses: int, why: str, *, asked: float = 0.0) -> float:
        """Wait after so many tries, as long as the host has asked at least; return the seconds."""
        pause = min(max(self.backoff * 2.0 ** (misses - 1), asked), self.longest_wait)
        if why == REFUSED and is_private(self.host):
            pause = min(pause, _SOON)
        self._wait(pause, f"{self.host}: {why}; try {misses + 1} of {self.tries}")
        return pause

    def _wait(self, seconds: float, why: str) -> None:
        if seconds >= 1:
            self.on_wait(f"{why}; waiting {duration(seconds)}")
        time.sleep(seconds)


def rates_of(table: Mapping[str, Rate] | str | os.PathLike[str] | None) -> dict[str, Rate]:
    """Return a table of rates: as it is, or read from a TOML file.

    The file has one table per host: `["blockstream.info"]`, then `requests = 700`, `seconds = 3600` and,
    where wanted, `spacing = 0.25`; without it the spacing that `RATES` has for this host stays.

    Raises
    ------
    BadInput
        If the file cannot be read, or an entry is no rate.
    """
    if table is None or isinstance(table, Mapping):
        return dict(table or {})
    path = Path(table)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        rates = {host: _rate_in(host, entry) for host, entry in entries.items()}
        wrong = [host for host, rate in rates.items() if not _allows_something(rate)]
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"{path.name} is no table of rates: {error}",
            hint='["host"], then requests = 60, seconds = 60, and where wanted spacing = 0.5',
        ) from None
    if wrong:
        raise BadInput(
            f"the rate of {wrong} is none", hint="requests is a whole number from 1, seconds is above 0"
        )
    return rates


def _rate_in(host: str, entry: Any) -> Rate:
    """Return the rate that an entry of a file states.

    Raises
    ------
    ValueError
        If it has other names than a rate, or lacks one.
    """
    if not hasattr(entry, "items"):
        raise ValueError(f"{host!r} stands outside a table of a host")
    needed = {"requests", "seconds"}
    if strange := sorted(set(entry) - needed - {"spacing"}):
        raise ValueError(
            f"{strange[0]!r} of {host!r} is not known (a host's name with dots stands in quotes)"
        )
    if missing := sorted(needed - set(entry)):
        raise ValueError(f"{' and '.join(missing)} of {host!r} missing")
    if wrong := sorted(name for name, value in entry.items() if not isinstance(value, int | float)):
        raise ValueError(f"{wrong[0]} of {host!r} is no number")
    known = RATES.get(host)
    return Rate(**{"spacing": known.spacing if known else 0.0, **entry})


def _allows_something(rate: Rate) -> bool:
    is_whole = isinstance(rate.requests, int) and not isinstance(rate.requests, bool)
    is_finite = math.isfinite(rate.seconds) and math.isfinite(rate.spacing)
    return is_whole and is_finite and rate.requests >= 1 and rate.seconds > 0 and rate.spacing >= 0


def rate_of(host: str, rates: Mapping[str, Rate]) -> Rate | None:
    """Return what `host` bears: `rates` first, then `RATES`; `None` is no limit."""
    default = None if is_private(host) else DEFAULT_RATE
    return {**RATES, **rates}.get(host, default)


def duration(seconds: float) -> str:
    """Return seconds for people.

    Examples
    --------
    >>> duration(31), duration(600), duration(7200)
    ('31 s', '10 min', '2 h')
    """
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.2g} h"
