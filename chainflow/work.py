"""Proof of work as far as the 80 bytes of a header tell it."""

from __future__ import annotations

from chainflow.transactions import Header

__all__ = ["meets_target"]

_AUXILIARY = 0x100
"""The version bit of a merge-mined header: its work was done on another chain's header."""


def meets_target(header: Header, chain: str) -> bool | None:
    """Return whether a header has the work that itself demands, by its chain's own function.

    `None` where that cannot be told: Dash and Zcash have other functions, and what Dogecoin mined together
    with another chain has its work elsewhere. Anyone can make a header that demands little.
    """
    base = chain.partition("-")[0]
    if base in ("btc", "bch"):
        return header.has_work
    if base == "ltc" or (base == "doge" and not header.version & _AUXILIARY):
        return header.has_scrypt_work
    return None
