"""How fast a host may be asked: a rate per host, and the pause until the next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainflow.sources.urls import is_private

__all__ = ["DEFAULT_RATE", "RATES", "Rate", "duration", "rate_of"]


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
    "blockstream.info": Rate(700, 3600, 0.25),  # 700 an hour per IP, then 429 without Retry-After
    "mempool.space": Rate(200, 60),  # its public nginx.conf: 200 a minute, "repeatedly → banned"
    "litecoinspace.org": Rate(200, 60),
}
"""What public hosts bear; other public hosts get `DEFAULT_RATE`, your own node has no limit."""

DEFAULT_RATE = Rate(60, 60)


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
