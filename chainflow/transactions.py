"""What a block is made of: transactions, their inputs and outputs, the header; and how each is written.

Values only: reading them from bytes is `chainflow.wire`, proving that they belong together
`chainflow.merkle`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from hashlib import scrypt, sha256
from typing import NamedTuple

from chainflow.errors import BadBytes

__all__ = [
    "HEADER_FORM",
    "MWEB_FLAG",
    "WIDE_COUNTS",
    "WITNESS_FLAG",
    "Block",
    "Header",
    "Transaction",
    "TxInput",
    "TxOutput",
    "sha256d",
    "txid_bytes",
]

HEADER_FORM = struct.Struct("<i32s32sIII")
WIDE_COUNTS = {
    0xFD: (struct.Struct("<H"), 0xFD),
    0xFE: (struct.Struct("<I"), 1 << 16),
    0xFF: (struct.Struct("<Q"), 1 << 32),
}
"""First byte of a CompactSize above 252: how the number follows, and the least one written so."""

WITNESS_FLAG, MWEB_FLAG = 1, 8
"""The bits of the flag byte that BIP144, and Litecoin for its MWEB, put before the inputs."""

_U32 = struct.Struct("<I")
_VALUE = struct.Struct("<q")
_HINT = "see how it was made"


def sha256d(raw: bytes) -> bytes:
    """Return the SHA-256 of the SHA-256."""
    return sha256(sha256(raw).digest()).digest()


def txid_bytes(txid: str) -> bytes:
    """Return the 32 bytes of a hash shown as hex: the other way round, as in a transaction.

    Raises
    ------
    BadBytes
        If it is not 64 hex digits.
    """
    try:
        raw = bytes.fromhex(txid)
    except ValueError:
        raw = b""
    if len(raw) != 32 or len(txid) != 64:  # `fromhex` skips blanks
        raise BadBytes(f"not a txid or hash: {txid!r}", hint="it has 64 hex digits")
    return raw[::-1]


class TxInput(NamedTuple):
    """One input: the outpoint it spends, and what it shows to be allowed to."""

    txid: str
    vout: int
    scriptsig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()

    @property
    def is_null(self) -> bool:
        """Whether it spends no output: the input of a coinbase."""
        return self.vout == 0xFFFFFFFF and not self.txid.strip("0")


class TxOutput(NamedTuple):
    """One output: its value in base units and its pubkey script."""

    value_sat: int
    script: bytes


@dataclass(frozen=True)  # without slots: `cached_property` keeps an id in the instance's dict
class Transaction:
    """One transaction, as its bytes say.

    Parameters
    ----------
    version, locktime : int
        Unsigned 32 bits. Explorers and Bitcoin Core before 28 show a version above 2**31 − 1 as negative.
    inputs, outputs : tuples of TxInput and TxOutput
        At least one of each.
    is_hogex : bool
        Whether it bears the mark of the transaction through which coins enter and leave Litecoin's MWEB.
    """

    version: int
    inputs: tuple[TxInput, ...]
    outputs: tuple[TxOutput, ...]
    locktime: int = 0
    is_hogex: bool = False

    @cached_property
    def txid(self) -> str:
        """The double SHA-256 of the transaction without its witness, in the order explorers show."""
        return _hash_of(self._encode(0))

    @cached_property
    def wtxid(self) -> str:
        """The double SHA-256 with the witness (BIP141); the txid where there is none."""
        return _hash_of(self._encode(self._flags & WITNESS_FLAG))

    @property
    def is_coinbase(self) -> bool:
        """Whether it creates coins: its one input spends no output."""
        return len(self.inputs) == 1 and self.inputs[0].is_null

    @property
    def size(self) -> int:
        """The number of bytes, witness included."""
        return len(self.serialize())

    @property
    def weight(self) -> int:
        """The weight of BIP141, four to a virtual byte; MWEB marks weigh nothing, as in Litecoin Core."""
        return 3 * len(self._encode(0)) + len(self._encode(self._flags & WITNESS_FLAG))

    def serialize(self, *, witness: bool = True) -> bytes:
        """Return the bytes as nodes send them, or without witness: those that the txid is the hash of.

        Raises
        ------
        BadBytes
            If a field does not fit its place, or there is no input or no output.
        """
        return self._encode(self._flags if witness else 0)

    @property
    def _flags(self) -> int:
        witness = WITNESS_FLAG if any(spent.witness for spent in self.inputs) else 0
        return witness | (MWEB_FLAG if self.is_hogex else 0)

    def _encode(self, flags: int) -> bytes:
        if not self.inputs or not self.outputs or any(output.value_sat < 0 for output in self.outputs):
            raise BadBytes("a transaction with no inputs, no outputs or a negative value", hint=_HINT)
        try:
            parts = [_U32.pack(self.version), bytes((0, flags)) if flags else b"", _count(len(self.inputs))]
            for txid, vout, scriptsig, sequence, _ in self.inputs:
                parts += (txid_bytes(txid), _U32.pack(vout), _sized(scriptsig), _U32.pack(sequence))
            parts.append(_count(len(self.outputs)))
            for value_sat, script in self.outputs:
                parts += (_VALUE.pack(value_sat), _sized(script))
            if flags & WITNESS_FLAG:
                for spent in self.inputs:
                    parts += (_count(len(spent.witness)), *map(_sized, spent.witness))
            parts += (b"\0" if flags & MWEB_FLAG else b"", _U32.pack(self.locktime))
        except struct.error as error:
            raise BadBytes(f"a field does not fit its place: {error}", hint=_HINT) from None
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Header:
    """The 80 bytes that a block's work is done on; hashes in the order explorers show."""

    version: int
    prev_hash: str
    merkle_root: str
    time: int
    bits: int
    nonce: int

    def serialize(self) -> bytes:
        """Return the 80 bytes.

        Raises
        ------
        BadBytes
            If a field does not fit its place.
        """
        previous, root = txid_bytes(self.prev_hash), txid_bytes(self.merkle_root)
        try:
            return HEADER_FORM.pack(self.version, previous, root, self.time, self.bits, self.nonce)
        except struct.error as error:
            raise BadBytes(f"a field does not fit its place: {error}", hint=_HINT) from None

    @property
    def hash(self) -> str:
        """The block hash: the double SHA-256 of the header."""
        return _hash_of(self.serialize())

    @property
    def target(self) -> int:
        """The number that `bits` says the hash must not exceed; 0 where `bits` is malformed."""
        exponent, mantissa = self.bits >> 24, self.bits & 0x7FFFFF
        value = mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)
        return 0 if self.bits & 0x800000 or value >> 256 else value

    @property
    def work(self) -> int:
        """The number of hashes that meeting the target costs on average."""
        return (1 << 256) // (self.target + 1) if self.target else 0

    @property
    def has_work(self) -> bool:
        """Whether the hash meets the header's own target (Bitcoin, Bitcoin Cash; not scrypt chains).

        Anyone can make a header with an easy target: see that `work` is that of the blocks around it.
        """
        return int(self.hash, 16) <= self.target

    @property
    def has_scrypt_work(self) -> bool:
        """Whether the header's scrypt hash meets its own target (Litecoin), with the same warning."""
        raw = self.serialize()
        worked = scrypt(raw, salt=raw, n=1024, r=1, p=1, dklen=32)
        return int.from_bytes(worked, "little") <= self.target


@dataclass(frozen=True, slots=True)
class Block:
    """A header and the transactions sent with it; `check_block` tells whether they belong together.

    `extension` is Litecoin's MWEB block: kept, not read, for nothing in it can be followed.
    """

    header: Header
    transactions: tuple[Transaction, ...]
    extension: bytes = b""


def _count(number: int) -> bytes:
    if number < 0xFD:
        return bytes((number,))
    marker = 0xFD if number < 1 << 16 else 0xFE if number < 1 << 32 else 0xFF
    return bytes((marker,)) + WIDE_COUNTS[marker][0].pack(number)


def _sized(raw: bytes) -> bytes:
    return _count(len(raw)) + raw


def _hash_of(raw: bytes) -> str:
    return sha256d(raw)[::-1].hex()
