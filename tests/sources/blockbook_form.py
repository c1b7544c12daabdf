"""Transactions in the form in which Blockbook serves them, made from their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainflow.addresses import address_of, derive, script_type
from chainflow.wire import Transaction, TxInput

CONFIRMED = {
    "blockHash": "0000000000000000000bafc96be918239f5972d6af7fa8a842ef46805af252fc",
    "blockHeight": 682603,
    "confirmations": 1000,
    "blockTime": 1620496070,
}
UNCONFIRMED = {"blockHeight": -1, "confirmations": 0, "blockTime": 1620496001}

Prevouts = Sequence[tuple[int, bytes]]


def blockbook_of(
    tx: Transaction, prevouts: Prevouts = (), block: dict[str, Any] | None = None, *, chain: str = "btc"
) -> dict[str, Any]:
    """Return one transaction as Blockbook's JSON object: what is 0 or empty is left out."""
    paid = sum(value for value, _ in tx.outputs)
    known = paid if tx.is_coinbase else sum(value for value, _ in prevouts)
    return {
        "txid": tx.txid,
        "version": tx.version,
        "vin": [_vin(tx, n, spent, prevouts, chain) for n, spent in enumerate(tx.inputs)],
        "vout": [
            {"value": str(value), "n": n, **({"hex": script.hex()} if script else {}), **_name(script, chain)}
            for n, (value, script) in enumerate(tx.outputs)
        ],
        **(CONFIRMED if block is None else block),
        "size": tx.size,
        "value": str(paid),
        "valueIn": "0" if tx.is_coinbase else str(known),
        "fees": str(known - paid),
        "hex": tx.serialize().hex(),
    }


def _vin(tx: Transaction, n: int, spent: TxInput, prevouts: Prevouts, chain: str) -> dict[str, Any]:
    sequence = {"sequence": spent.sequence} if spent.sequence else {}
    if tx.is_coinbase:
        return {**sequence, "n": n, "isAddress": False, "coinbase": spent.scriptsig.hex()}
    value, script = prevouts[n]
    return {
        "txid": spent.txid,
        **({"vout": spent.vout} if spent.vout else {}),
        **sequence,
        "n": n,
        **_name(script, chain),
        "value": str(value),
        **({"hex": spent.scriptsig.hex()} if spent.scriptsig else {}),
    }


def _name(script: bytes, chain: str) -> dict[str, Any]:
    """Return what stands in an address's place."""
    address = address_of(script, chain)
    if script_type(script) == "p2pk":
        address = derive(script[1:-1], "p2pkh", chain)
    if address is not None:
        return {"addresses": [address], "isAddress": True}
    note = [f"OP_RETURN {script[2:].hex()}"] if script[:1] == b"\x6a" else None
    return {"addresses": note, "isAddress": False}


def page_of(
    address: str, txs: Sequence[dict[str, Any]], *, page: int = 1, pages: int = 1, count: int | None = None
) -> dict[str, Any]:
    """Return a history page; the confirmed transactions are counted unless `count` is given."""
    unconfirmed = sum(tx["confirmations"] == 0 for tx in txs)
    listed = {"transactions": list(txs)} if txs else {}
    return {
        "page": page,
        "totalPages": pages,
        "itemsOnPage": 1000,
        "address": address,
        "balance": "0",
        "txs": len(txs) - unconfirmed if count is None else count,
        "unconfirmedTxs": unconfirmed,
        **listed,
    }
