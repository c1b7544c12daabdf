"""JSON-RPC's hex texts: bytes in full length, and numbers without leading zeros."""

from __future__ import annotations

import re

from chainflow.errors import BadBytes

__all__ = ["hex_bytes", "hex_number"]

_BYTES = re.compile(r"0x([0-9a-fA-F]{2})*")
_NUMBER = re.compile(r"0x[0-9a-fA-F]{0,64}")
_ASK_OTHER = "ask another source"


def hex_number(value: object, name: str) -> int:
    """Return a number of at most 256 bits; `0x` alone is 0, as some explorers write it.

    Raises
    ------
    BadBytes
        If it is none; the message begins with `name`.
    """
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise BadBytes(f"{name} is not a hex quantity", hint=_ASK_OTHER)
    return int(value[2:] or "0", 16)


def hex_bytes(value: object, name: str, size: int | None = None) -> bytes:
    """Return bytes, exactly `size` of them where that is given.

    Raises
    ------
    BadBytes
        If it is no such text; the message begins with `name`.
    """
    if not isinstance(value, str) or not _BYTES.fullmatch(value) or size not in (None, len(value) // 2 - 1):
        raise BadBytes(f"{name} is not {'' if size is None else f'{size} bytes of '}hex", hint=_ASK_OTHER)
    return bytes.fromhex(value[2:])
