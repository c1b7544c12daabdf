"""Transactions in the forms in which blockchain.info, BlockCypher and Blockchair serve them, and damage."""

from __future__ import annotations

import copy
import json
from typing import Any

from damage import JUNK, at, leaves, put
from esplora_form import FIRST_PREVOUTS, FIRST_RAW, RANSOM_PREVOUTS, RANSOM_RAW, Prevouts
from hypothesis import assume
from hypothesis import strategies as st

from chainflow.addresses import address_of, derive, script_type
from chainflow.wire import Transaction, parse_transaction

HEIGHT = 682603
BLOCK = "0000000000000000000bafc96be918239f5972d6af7fa8a842ef46805af252fc"
SPENDER = "24" * 32

P2PKH = bytes.fromhex("76a9142f23d6abe13b271e90b1a61c685e5935a578e95f88ac")
"""The script of the address that the ransom was paid to."""

Json = dict[str, Any]


def shown(script: bytes, chain: str = "btc") -> str | None:
    """Return the address that these explorers show for a script: that of the key for a bare key."""
    if script_type(script) == "p2pk":
        return derive(script[1:-1], "p2pkh", chain)
    return address_of(script, chain)


def fee_of(tx: Transaction, prevouts: Prevouts) -> int:
    return 0 if tx.is_coinbase else sum(v for v, _ in prevouts) - sum(o.value_sat for o in tx.outputs)


# --- blockchain.info --------------------------------------------------------------------------------


def blockchain_info(raw: bytes, prevouts: Prevouts = (), *, height: int | None = HEIGHT) -> Json:
    tx = parse_transaction(raw)
    outs = [_bi_output(o.value_sat, o.script, n) for n, o in enumerate(tx.outputs)]
    return {
        "hash": tx.txid,
        "ver": tx.version,
        "vin_sz": len(tx.inputs),
        "vout_sz": len(tx.outputs),
        "fee": fee_of(tx, prevouts),
        "lock_time": tx.locktime,
        "tx_index": 2408191614960727,
        "double_spend": False,
        "time": 1701542300,  # first seen, months before any block
        "block_index": height,
        "block_height": height,
        "inputs": [
            {
                "sequence": spent.sequence,
                "witness": "",
                "script": spent.scriptsig.hex(),
                "index": n,
                "prev_out": None if tx.is_coinbase else _bi_output(*prevouts[n], spent.vout, spent=True),
            }
            for n, spent in enumerate(tx.inputs)
        ],
        "out": outs,
    }


def _bi_output(value_sat: int, script: bytes, n: int, *, spent: bool = False) -> Json:
    address = shown(script)
    return {
        "type": 0,
        "spent": spent,
        "value": value_sat,
        "spending_outpoints": [{"tx_index": 1705766478870211, "n": 10}] if spent else [],
        "n": n,
        "tx_index": 8943334052675955,
        "script": script.hex(),
        **({} if address is None else {"addr": address}),
    }


# --- BlockCypher ------------------------------------------------------------------------------------

TYPES = {
    "p2pkh": "pay-to-pubkey-hash",
    "p2pk": "pay-to-pubkey",
    "p2sh": "pay-to-script-hash",
    "p2wpkh": "pay-to-witness-pubkey-hash",
    "p2tr": "pay-to-taproot",
    "op_return": "null-data",
}


def blockcypher(
    raw: bytes, prevouts: Prevouts = (), *, height: int | None = HEIGHT, hexed: bool = True, limit: int = 200
) -> Json:
    tx = parse_transaction(raw)
    placed = {
        "block_hash": BLOCK,
        "block_height": height,
        "block_index": 7,
        "confirmed": "2021-05-08T17:14:30Z",
    }
    return {
        **(placed if height is not None else {"block_height": -1, "block_index": -1}),
        "hash": tx.txid,
        "total": sum(output.value_sat for output in tx.outputs),
        "fees": fee_of(tx, prevouts),
        "received": "2021-05-08T17:12:57.562Z",
        "ver": tx.version,
        **({"lock_time": tx.locktime} if tx.locktime else {}),
        "double_spend": False,
        "vin_sz": len(tx.inputs),
        "vout_sz": len(tx.outputs),
        **({"hex": raw.hex()} if hexed else {}),
        "inputs": [_bc_input(tx, n, prevouts) for n in range(len(tx.inputs))][:limit],
        "outputs": [
            {
                "value": output.value_sat,
                "script": output.script.hex(),
                **({"spent_by": SPENDER} if n == 0 else {}),
                **_bc_names(output.script),
            }
            for n, output in enumerate(tx.outputs)
        ][:limit],
    }


def _bc_input(tx: Transaction, n: int, prevouts: Prevouts) -> Json:
    spent = tx.inputs[n]
    own = {"script": spent.scriptsig.hex()} if spent.scriptsig else {}
    if tx.is_coinbase:
        return {"output_index": -1, **own, "sequence": spent.sequence, "script_type": "empty"}
    value_sat, script = prevouts[n]
    names = _bc_names(script)
    return {
        "prev_hash": spent.txid,
        "output_index": spent.vout,
        **own,
        "output_value": value_sat,
        "sequence": spent.sequence,
        **names,
    }


def _bc_names(script: bytes) -> Json:
    address = shown(script)
    return {"addresses": None if address is None else [address], "script_type": TYPES[script_type(script)]}


# --- Blockchair -------------------------------------------------------------------------------------


def blockchair(
    raw: bytes, prevouts: Prevouts = (), *, height: int = HEIGHT, chain: str = "btc"
) -> tuple[str, Json]:
    """Return a transaction's txid and what stands under it in `data`."""
    tx = parse_transaction(raw)
    here = {"spending_transaction_hash": tx.txid, "is_spent": True}
    totals = (sum(v for v, _ in prevouts), sum(output.value_sat for output in tx.outputs))
    inputs = [
        {
            **_row(*prevouts[n], spent.txid, spent.vout, chain),
            **here,
            "spending_index": n,
            "spending_sequence": spent.sequence,
            "spending_signature_hex": spent.scriptsig.hex(),
            "spending_witness": "",
        }
        for n, spent in enumerate(tx.inputs)
        if not tx.is_coinbase
    ]
    outputs = [_row(o.value_sat, o.script, tx.txid, n, chain) for n, o in enumerate(tx.outputs)]
    outputs[0] |= {"is_spent": True, "spending_transaction_hash": SPENDER, "spending_index": 2}
    return tx.txid, {
        "transaction": {
            "block_id": height,
            "hash": tx.txid,
            "time": "2021-05-08 17:14:30",
            "version": tx.version,
            "lock_time": tx.locktime,
            "is_coinbase": tx.is_coinbase,
            "input_count": len(tx.inputs),
            "output_count": len(tx.outputs),
            "input_total": totals[0],
            "output_total": totals[1],
            "fee": fee_of(tx, prevouts),
            "fee_usd": 9.92092,
        },
        "inputs": inputs,
        "outputs": outputs,
    }


def _row(value_sat: int, script: bytes, txid: str, index: int, chain: str) -> Json:
    address = shown(script, chain)
    return {
        "index": index,
        "transaction_hash": txid,
        "value": value_sat,
        "value_usd": 13212.895,
        "recipient": f"d-{'5' * 32}" if address is None else address.removeprefix("bitcoincash:"),
        "script_hex": script.hex(),
        "is_spent": False,
        "spending_index": None,
        "spending_transaction_hash": None,
        "spending_sequence": None,
    }


def envelope(data: object, *, code: int = 200, **context: object) -> Json:
    return {"data": data, "context": {"code": code, "results": 1, "state": 700_000, **context}}


# --- damage -----------------------------------------------------------------------------------------


def damaged(data: st.DataObject, whole: Json, hearsay: set[str]) -> Json:
    """Return `whole` with one field changed; not one whose name is in `hearsay`: that nothing can check."""
    paths = [path for path in leaves(whole) if path and not hearsay.intersection(map(str, path))]
    path = data.draw(st.sampled_from(paths))
    old = at(whole, path)
    near: list[object] = []
    if type(old) is int:
        near = [old + 1, old - 1, -old]
    elif isinstance(old, str):
        near = [old[:-1], old[1:] + old[:1], "00" * (len(old) // 2)]
    elif isinstance(old, list):
        near = [old[:-1], old + old[:1]]
    new = data.draw(st.one_of(JUNK, st.sampled_from(near)) if near else JUNK)
    assume(json.dumps(new) != json.dumps(old))
    return put(copy.deepcopy(whole), path, new)


def body(value: object) -> bytes:
    return json.dumps(value).encode()


BROKEN = (
    b"",
    b"<html><title>Just a moment...</title></html>",
    b'{"hash": "91',
    b"[]",
    b"null",
    b"NaN",
    b'{"hash": NaN}',
    b'{"a": 1, "a": 2}',
    b"\xff\xfe",
    b"0",
    b"Transaction not found",
)

RANSOM = (RANSOM_RAW, RANSOM_PREVOUTS)
FIRST = (FIRST_RAW, FIRST_PREVOUTS)
