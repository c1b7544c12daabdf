"""Many block headers in one answer: cut into 80 bytes each and chained by their hashes, or refused as a whole."""

from __future__ import annotations

from chainflow.errors import BadResponse, ProofFailed
from chainflow.model import HeaderRecord
from chainflow.sources.strict import REJECTED
from chainflow.transactions import sha256d

__all__ = ["PLAIN_HEADERS", "chained_headers"]

PLAIN_HEADERS = ("btc", "bch", "ltc", "doge")
"""Coins whose block hash is the double SHA-256 of 80 bytes; Dash and Zcash have others."""

_SIZE = 80
_OTHERS = (
    "Dash's hashes and Zcash's longer headers are not read, nor what Dogecoin mined together with others"
)


def chained_headers(
    chain: str, raw: bytes, count: int, *, height: int | None = None, first: str = "", what: str
) -> tuple[HeaderRecord, ...]:
    """Return the headers of consecutive blocks, lowest first, each on top of the one before.

    Parameters
    ----------
    count : int
        How many were asked for.
    height : int, optional
        Of the first; its own hash says which block it is, where that is `first`.
    first : str
        The hash that the first must have, "" for any.

    Raises
    ------
    BadResponse
        If there are fewer, or they have another form.
    ProofFailed
        If one does not name the one before it, or the first is another.
    """
    if chain.partition("-")[0] not in PLAIN_HEADERS or len(raw) > count * _SIZE or len(raw) % _SIZE:
        raise BadResponse(
            f"{what}: {len(raw):,} bytes are not {count:,} headers of {_SIZE} each",
            hint=f"{_OTHERS}; {REJECTED}",
        )
    if len(raw) < count * _SIZE:
        raise BadResponse(
            f"{what} has {len(raw) // _SIZE:,} of {count:,} headers",
            hint="its chain may not be so long yet: ask later",
        )
    records: list[HeaderRecord] = []
    previous = b""
    for number in range(count):
        header = raw[number * _SIZE : (number + 1) * _SIZE]
        if number and header[4:36] != previous:
            raise ProofFailed(
                f"{what}: header {number + 1:,} does not follow the one before it", hint=REJECTED
            )
        previous = sha256d(header)
        if not number and first not in ("", previous[::-1].hex()):
            raise ProofFailed(f"{what} begins with block {previous[::-1].hex()}", hint=REJECTED)
        records.append(HeaderRecord(chain, None if height is None else height + number, header.hex()))
    return tuple(records)
