"""The records that every source is decoded into, and the small values that all results share.

A record is what one reply states, with amounts in base units and scripts as lower-case hex. Records
are plain immutable values: building tables from them is `chainflow.ledger`, storing the replies they
came from is `chainflow.evidence`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from chainflow.errors import BadInput
from chainflow.transfers import TokenRecord, TransferKind, TransferRecord
from chainflow.version import __version__

__all__ = [
    "AddressClaim",
    "BlockHash",
    "EndReason",
    "Evidence",
    "Fact",
    "HeaderRecord",
    "InclusionRecord",
    "InputRecord",
    "Listing",
    "Outpoint",
    "OutputRecord",
    "Recipe",
    "SpendRecord",
    "SpendState",
    "Tip",
    "TokenRecord",
    "TransferKind",
    "TransferRecord",
    "TxOutline",
    "TxRecord",
    "Unread",
    "canonical_json",
    "digest_of",
    "is_txid",
]

_TXID = re.compile(r"[0-9a-f]{64}")


def is_txid(text: str) -> bool:
    """Return whether `text` has the form of a txid: 64 lower-case hex digits."""
    return _TXID.fullmatch(text) is not None


def canonical_json(value: object) -> str:
    """Return `value` as JSON with sorted keys and no spaces: one value, one text, one digest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: object) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, as hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class Outpoint:
    """A reference to one output, written `txid:vout`."""

    txid: str
    vout: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `txid:vout`.

        Raises
        ------
        BadInput
            If the text has another form.
        """
        txid, colon, vout = text.partition(":")
        if not (colon and is_txid(txid) and vout.isascii() and vout.isdigit()):
            raise BadInput(f"not an outpoint: {text!r}", hint="write it as txid:vout, for example 4a5e…33b:0")
        return cls(txid, int(vout))

    def __str__(self) -> str:
        return f"{self.txid}:{self.vout}"


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """The value (base units) and the pubkey script (hex) of one output."""

    value_sat: int
    script: str


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One spent outpoint; `prevout` is the spent output as the *spender's* source states it."""

    outpoint: Outpoint
    prevout: OutputRecord | None
    sequence: int


@dataclass(frozen=True, slots=True)
class TxRecord:
    """One transaction as one reply states it.

    Attributes
    ----------
    raw : bytes or None
        The serialised transaction. When present its double SHA-256 is the txid (checked where the
        record was made), which makes the outputs proved facts; without it the record is hearsay.
    inputs : tuple of InputRecord
        Empty for a coinbase.
    height, block_hash, time, position
        The block it is in, `None` while unconfirmed; `time` is the block's, in Unix seconds;
        `position` is the place in the block, `None` where the source does not tell.
    is_placed : bool
        Whether the reply says where it is: in which block, or in none yet. False for bare bytes.
    is_included : bool
        Whether the same reply holds the whole block, which was checked to commit to it.
    """

    chain: str
    txid: str
    inputs: tuple[InputRecord, ...]
    outputs: tuple[OutputRecord, ...]
    is_coinbase: bool = False
    height: int | None = None
    block_hash: str | None = None
    time: int | None = None
    position: int | None = None
    raw: bytes | None = field(default=None, repr=False)
    is_placed: bool = True
    is_included: bool = False

    @property
    def fee_sat(self) -> int | None:
        """Inputs minus outputs; 0 for a coinbase, `None` where an input's value is not known."""
        if self.is_coinbase:
            return 0
        spent = [i.prevout.value_sat for i in self.inputs if i.prevout is not None]
        if len(spent) < len(self.inputs):
            return None
        return sum(spent) - sum(o.value_sat for o in self.outputs)


@dataclass(frozen=True, slots=True)
class TxOutline:
    """What a reply says of a transaction without its bytes or its outpoints; what it leaves out is `None`.

    It adds to a transaction that is held: the outputs that its inputs spend (in input order), its own
    outputs, its block. Alone it is no transaction. `height` is `None` too while it is unconfirmed.
    """

    chain: str
    txid: str
    is_placed: bool = False
    height: int | None = None
    block_hash: str | None = None
    time: int | None = None
    position: int | None = None
    prevouts: tuple[OutputRecord, ...] | None = None
    outputs: tuple[OutputRecord, ...] | None = None


@dataclass(frozen=True, slots=True)
class InclusionRecord:
    """A merkle branch: that the block at `height` commits to `txid` at `position`; proved with its header."""

    chain: str
    txid: str
    height: int
    position: int
    branch: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlockHash:
    """Which block a source says is at a height of its best chain."""

    chain: str
    height: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class HeaderRecord:
    """The 80 bytes of a block header, as hex; `height` is `None` where the reply does not tell it."""

    chain: str
    height: int | None
    raw: str


class SpendState(StrEnum):
    """What is known of an output's spending. *Unknown* is not *unspent*: we may not have asked."""

    SPENT = "spent"
    UNSPENT = "unspent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SpendRecord:
    """A source's statement that one output is spent (by whom) or unspent."""

    chain: str
    outpoint: Outpoint
    spent_by: str | None
    spent_vin: int | None


@dataclass(frozen=True, slots=True)
class AddressClaim:
    """How many transactions a source says that an address has, confirmed and unconfirmed.

    `which` is the list of which it speaks, as in `Listing`.
    """

    chain: str
    address: str
    tx_count: int
    unconfirmed: int = 0
    which: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of an address's history.

    Attributes
    ----------
    after : str
        The cursor that the page was asked with, "" for the first page.
    txids : tuple of str
        In the order of the reply.
    complete : bool
        Whether no further page follows; `reason` says why not.
    next : str
        The cursor of the page that follows, "" where there is none or the reply leads to none.
    which : str
        Which list of the address, where a source keeps several (`internal`, `token`, …).
    """

    chain: str
    address: str
    after: str
    txids: tuple[str, ...]
    complete: bool
    reason: str = ""
    next: str = ""
    which: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the source says that it will not list this history: there is no next page to ask for."""
        return not self.txids and not self.complete


@dataclass(frozen=True, slots=True)
class Unread:
    """A list of an address's history, or a page of one, that is not held, and why.

    No reply states this: the log shows it, by what was asked for beside it, or was refused.

    Attributes
    ----------
    which, after : str
        The list, and the cursor of the page: "" is its first.
    """

    chain: str
    source: str
    address: str
    which: str
    reason: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class Tip:
    """The height of the newest block that a source knows."""

    chain: str
    height: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact comes from: the log event and the raw reply that stated it.

    `seq` is 0 and `sha256` the file's digest where the fact was read from a file instead.
    """

    seq: int
    sha256: str
    source: str
    url: str
    retrieved: int | None


Fact = (
    TxRecord
    | TxOutline
    | SpendRecord
    | AddressClaim
    | Listing
    | Tip
    | InclusionRecord
    | BlockHash
    | HeaderRecord
    | TransferRecord
    | TokenRecord
)
"""Anything that one reply can state."""


class EndReason(StrEnum):
    """Why a branch of a trace ended."""

    REACHED = "reached"
    UNSPENT = "unspent"
    FEE = "fee"
    SERVICE = "service"
    CLUSTER = "cluster too large to follow"
    MIXER = "mixer"
    COINJOIN = "coinjoin"
    BRIDGE = "bridge"
    CONTRACT = "contract: not decoded"
    CONVERTED = "converted"
    COINBASE = "coinbase"
    BURNT = "burnt"
    LOST = "paid away: the rule follows no payment"
    UNKNOWN = "unknown: not in evidence"
    DISPUTED = "disputed: sources disagree"
    UNCONFIRMED = "unconfirmed: in no block yet"
    LIMIT = "limit"
    DUST = "dust"
    PURITY = "purity"
    TIME = "time"
    POISON = "counted more than once"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a result was made: enough to make it again and to tell two results apart.

    Parameters
    ----------
    verb : str
        The public function: `fetch`, `cluster`, `trace`, …
    parameters : mapping
        Everything the caller chose, as JSON-able values.
    inputs : sequence of str
        Digests of the values it was made from.
    version : str
        The chainflow version that made it.
    """

    verb: str
    parameters: Mapping[str, Any]
    inputs: Sequence[str] = ()
    version: str = __version__

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain JSON-able values."""
        return {
            "verb": self.verb,
            "parameters": dict(self.parameters),
            "inputs": list(self.inputs),
            "version": self.version,
        }

    @property
    def digest(self) -> str:
        """The SHA-256 of the recipe's canonical JSON."""
        return digest_of(self.as_dict())
