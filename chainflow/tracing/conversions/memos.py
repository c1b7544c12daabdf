"""THORChain's memos: what a payment asks for, and which payment a payout says it answers."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Memo", "parse_memo", "pushed_text"]

_SWAP = ("SWAP", "S", "=")
_ANSWER = ("OUT", "REFUND")
_TXID = re.compile(r"(?:0X)?([0-9A-F]{64})")
_OP_RETURN, _PUSHDATA1, _PUSHDATA2 = 0x6A, 0x4C, 0x4D


class Memo(NamedTuple):
    """A memo that was understood.

    Attributes
    ----------
    action : str
        `swap`, `out` or `refund`.
    asset, destination, limit : str
        Of a swap, as written: the asset may be abbreviated, the destination a name, the limit (with what
        stands after it on streaming) in units of 10^-8; "" where left out.
    txid : str
        Of `out` and `refund`: 64 lower-case hex digits, without 0x.
    """

    action: str
    asset: str = ""
    destination: str = ""
    limit: str = ""
    txid: str = ""


def parse_memo(text: str) -> Memo | None:
    """Return what a memo says; None where it is none of these, or is malformed.

    `SWAP:ASSET:DESTADDR:LIM:…` (also `s`, `=`), `OUT:TXID`, `REFUND:TXID`. The other functions (adding to a
    pool, savers, loans, names) convert nothing to somebody else and are not read.

    References
    ----------
    THORChain documentation, "Transaction Memos".

    Examples
    --------
    >>> parse_memo("=:ETH.ETH:0xe6a30f4f3bad978910e2cbb4d97581f5b5a0ade0:10000000/3/0:t:10").destination
    '0xe6a30f4f3bad978910e2cbb4d97581f5b5a0ade0'
    """
    action, *fields = text.strip().split(":")
    name = action.upper()
    if name in _ANSWER and fields:
        found = _TXID.fullmatch(fields[0].upper())
        return Memo(name.lower(), txid=found[1].lower()) if found else None
    if name in _SWAP and fields and fields[0]:
        destination, limit = (fields[place] if len(fields) > place else "" for place in (1, 2))
        return Memo("swap", fields[0], destination.partition("/")[0], limit)
    return None


def pushed_text(script: str) -> str:
    """Return what an OP_RETURN script (hex) pushes, as text; "" where it is malformed or no ASCII.

    Examples
    --------
    >>> pushed_text("6a04" + b"memo".hex())
    'memo'
    """
    raw, at, parts = bytes.fromhex(script), 1, []
    if raw[:1] != bytes([_OP_RETURN]):
        return ""
    while at < len(raw):
        width = {_PUSHDATA1: 1, _PUSHDATA2: 2}.get(raw[at], 0)
        size = int.from_bytes(raw[at + 1 : at + 1 + width], "little") if width else raw[at]
        start = at + 1 + width
        if (not width and size > _PUSHDATA1 - 1) or start + size > len(raw):
            return ""
        parts.append(raw[start : start + size])
        at = start + size
    text = b"".join(parts)
    return text.decode() if text.isascii() else ""
