"""Small made-up facts for tests: transactions whose txids hash, without a story."""

from __future__ import annotations

from collections.abc import Sequence

from chainflow.ledger import Ledger, build
from chainflow.ledger.store import record_of
from chainflow.model import Evidence, Fact, OutputRecord, TxRecord
from chainflow.scripts import make_script
from chainflow.wire import Transaction, TxInput, TxOutput

HERE = Evidence(1, "00" * 32, "made", "", 0)


def script(name: str) -> bytes:
    """Return a P2WPKH script that stands for `name`; of another type where one is named: `p2pkh:ann`."""
    kind, _, owner = name.rpartition(":")
    return make_script(kind or "p2wpkh", owner.encode().ljust(20, b".")[:20])


def tx(
    spends: Sequence[tuple[str, int, int, str]],
    pays: Sequence[tuple[int, str]],
    *,
    height: int | None = 100,
    position: int | None = None,
    chain: str = "btc-regtest",
) -> TxRecord:
    """Return a transaction; `spends` are (txid, vout, value, owner), `pays` are (value, owner)."""
    made = Transaction(
        2,
        tuple(TxInput(txid, vout, b"", 0xFFFFFFFD) for txid, vout, _, _ in spends),
        tuple(TxOutput(value, script(owner)) for value, owner in pays),
    )
    prevouts = [OutputRecord(value, script(owner).hex()) for _, _, value, owner in spends]
    block = (
        (height, f"{height:064x}", 1_700_000_000 + 600 * height, position)
        if height is not None
        else (None,) * 4
    )
    return record_of(made.serialize(), prevouts, chain=chain, block=block)


def origin(value: int, owner: str, *, number: int = 1) -> tuple[str, int, int, str]:
    """Return an input whose transaction is not in evidence."""
    return (f"{number:064x}", 0, value, owner)


def ledger(*facts: Fact) -> Ledger:
    """Build a ledger from facts in this order."""
    return build((fact, HERE) for fact in facts)
