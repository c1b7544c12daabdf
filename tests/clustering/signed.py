"""Made-up transactions of chosen software: version, locktime, sequences, keys and signatures as one likes."""

from __future__ import annotations

from collections.abc import Sequence

from chainflow.ledger.store import record_of
from chainflow.model import OutputRecord, TxRecord
from chainflow.wire import Transaction, TxInput, TxOutput
from tests.made import script

COMPRESSED, UNCOMPRESSED = b"\x02" + b"k" * 32, b"\x04" + b"k" * 64


def signature(r: int = 32) -> bytes:
    """Return the form of a DER signature whose R has `r` bytes, with its hash type."""
    return bytes((0x30, r + 36, 2, r)) + b"r" * r + b"\x02\x20" + b"s" * 32 + b"\x01"


def signed(
    spends: Sequence[tuple[str, int, int, str]],
    pays: Sequence[tuple[int, str]],
    *,
    version: int = 2,
    locktime: int = 0,
    sequence: int = 0xFFFFFFFE,
    key: bytes = COMPRESSED,
    r: int = 32,
    height: int | None = 1_000,
) -> TxRecord:
    """Return a transaction whose inputs have the form of signed ones; `spends` and `pays` as in `made.tx`.

    Owners are P2WPKH, or P2PKH where named so (`p2pkh:ann`).
    """
    items = (signature(r), key)
    pushed = b"".join(bytes((len(item),)) + item for item in items)
    inputs = tuple(
        TxInput(txid, vout, pushed, sequence)
        if owner.startswith("p2pkh:")
        else TxInput(txid, vout, b"", sequence, items)
        for txid, vout, _, owner in spends
    )
    outputs = tuple(TxOutput(value, script(owner)) for value, owner in pays)
    raw = Transaction(version, inputs, outputs, locktime).serialize()
    prevouts = [OutputRecord(value, script(owner).hex()) for _, _, value, owner in spends]
    place = (None,) * 4 if height is None else (height, f"{height:064x}", 1_700_000_000 + 600 * height, None)
    return record_of(raw, prevouts, chain="btc-regtest", block=place)
