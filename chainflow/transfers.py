"""The records of account chains (EVM, Tron): what moved, and what a token says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "AMOUNT_OR_ID",
    "NOT_MOVED",
    "OF_FAILED",
    "PARTIAL",
    "ROUNDED",
    "UNCHECKED_CALL",
    "UNCHECKED_KIND",
    "TokenRecord",
    "TransferKind",
    "TransferRecord",
]

OF_FAILED = "of a failed transaction"
"""The mark of a fee that was paid for nothing."""

PARTIAL = "partial"
"""A mark that begins so says that the amount lacks a part."""

ROUNDED = "rounded"
"""A mark that begins so says that the amount was rounded, and to how many digits."""

NOT_MOVED = "not moved"
"""A mark that begins so says that nothing moved: a delegated call repeats the value of the one it is made from.

No table shows such a record; it tells that an equal one, of a source that does not know the kinds of calls, is none.
"""

UNCHECKED_CALL = "unchecked: callType not stated"
UNCHECKED_KIND = "unchecked: the kind of call is not stated"
AMOUNT_OR_ID = "unchecked: amount or token id"
"""Marks that say what a statement leaves open; another statement of the same movement may answer it."""


class TransferKind(StrEnum):
    """What moved on an account chain."""

    NATIVE = "native"
    INTERNAL = "internal"
    TOKEN = "token"  # noqa: S105
    FEE = "fee"
    REWARD = "reward"
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True, slots=True)
class TransferRecord:
    """One movement of one asset on an account chain (EVM, Tron), as one reply states it.

    Attributes
    ----------
    txid : str
        `0x` and 64 hex digits (EVM) or 64 hex digits (Tron); `block:HEIGHT` for what a block itself pays.
    kind : TransferKind
    contract : str or None
        Of the token; `None` is the chain's own coin. Never a symbol: anyone may call a token USDT.
    sender, recipient : str or None
        `None`: made from nothing, or given to nobody (a fee, a burn).
    value_raw, stated_raw : int
        Base units that moved, and that the reply states: they differ where `ok` is false (then 0 moved).
    ok : bool or None
        `None` where the reply does not tell.
    place : str
        What tells it from its equals in one transaction: `log:12`, `trace:0_1`, `withdrawal:77`; "" where
        the reply does not tell.
    token_id : int or None
        Of a token that is one of its kind (ERC-721, ERC-1155).
    height, block_hash, time, position
        As for `TxRecord`.
    marks : tuple of str
        Why it may be noise: `zero-value`, `scam: …`. Marked rows are counted, never left out.
    level : int
        0: the source says so; 2: recomputed from the bytes; 3: proved to be in the block.
    """

    chain: str
    txid: str
    kind: TransferKind
    contract: str | None
    sender: str | None
    recipient: str | None
    value_raw: int
    stated_raw: int
    ok: bool | None = None
    place: str = ""
    token_id: int | None = None
    height: int | None = None
    block_hash: str | None = None
    time: int | None = None
    position: int | None = None
    marks: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What a token says of itself: anyone may write anything there. Unknown is `None` or ""."""

    chain: str
    contract: str
    symbol: str = ""
    name: str = ""
    decimals: int | None = None
