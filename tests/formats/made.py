"""A small chain, and how each kind of export would state it."""

from __future__ import annotations

import io
import json

from chainflow.addresses import address_of, derive, script_type
from chainflow.formats.drafts import KINDS
from chainflow.transactions import Transaction, TxInput, TxOutput

CORE_NAMES = {ours: core for core, ours in KINDS.items()} | {"p2pk": "pubkey", "op_return": "nulldata"}
HEIGHT, TIME, BLOCK = 700_000, 1_631_333_672, "0" * 19 + "590fc0f3eba193a278534220b2b37e9849e1a770ca959"

ALICE = bytes.fromhex("0014" + "11" * 20)
BOB = bytes.fromhex("76a914" + "22" * 20 + "88ac")
CAROL = bytes.fromhex("a914" + "33" * 20 + "87")
KEY = bytes.fromhex("21" + "02" * 33 + "ac")
KEYS_ADDRESS = derive(KEY[1:-1], "p2pkh", "btc")
NOTE = bytes.fromhex("6a0400010203")

MINED = Transaction(
    1,
    (TxInput("0" * 64, 0xFFFFFFFF, b"\x03\x60\xae\x0a", 0xFFFFFFFF),),
    (TxOutput(625_000_000, ALICE), TxOutput(0, NOTE)),
)
PAID = Transaction(
    2,
    (TxInput(MINED.txid, 0, b"", 0xFFFFFFFD, (b"\x01" * 71, b"\x02" * 33)),),
    (TxOutput(200_000_000, BOB), TxOutput(424_990_000, CAROL)),
    699_999,
)
MERGED = Transaction(
    -2147483647 & 0xFFFFFFFF,
    (TxInput(PAID.txid, 1, b"\x16\x00\x14" + b"\x44" * 20, 0xFFFFFFFE), TxInput(PAID.txid, 0, b"\x51", 1)),
    (TxOutput(624_980_000, KEY),),
)
CHAIN = (MINED, PAID, MERGED)
MADE = {(tx.txid, vout): output for tx in CHAIN for vout, output in enumerate(tx.outputs)}


def spent_by(tx: Transaction) -> list[TxOutput]:
    """Return the outputs that a transaction spends."""
    return [] if tx.is_coinbase else [MADE[entry.txid, entry.vout] for entry in tx.inputs]


def fee(tx: Transaction) -> int:
    """Return inputs − outputs, 0 for a coinbase."""
    if tx.is_coinbase:
        return 0
    return sum(one.value_sat for one in spent_by(tx)) - sum(one.value_sat for one in tx.outputs)


def named(output: TxOutput) -> dict[str, object]:
    """Return address and type as bitcoin-etl names them."""
    address = address_of(output.script)
    kind = CORE_NAMES[script_type(output.script)]
    if kind == "pubkey":
        address = KEYS_ADDRESS  # another script's
    return {"addresses": [address] if address else [], "type": kind, "value": output.value_sat}


def etl(tx: Transaction) -> dict[str, object]:
    """Return a transaction as bitcoin-etl's enriched JSON states it."""
    inputs = [] if tx.is_coinbase else list(zip(tx.inputs, spent_by(tx), strict=True))
    signed = tx.version - 2**32 if tx.version >= 2**31 else tx.version
    return {
        "type": "transaction",
        "hash": tx.txid,
        "size": tx.size,
        "version": signed,
        "lock_time": tx.locktime,
        "block_number": HEIGHT,
        "block_hash": BLOCK,
        "block_timestamp": TIME,
        "is_coinbase": tx.is_coinbase,
        "index": CHAIN.index(tx),
        "inputs": [
            {
                "index": vin,
                "spent_transaction_hash": entry.txid,
                "spent_output_index": entry.vout,
                "script_asm": "",
                "script_hex": entry.scriptsig.hex(),
                "sequence": entry.sequence,
                "required_signatures": 1,
                **named(spent),
            }
            for vin, (entry, spent) in enumerate(inputs)
        ],
        "outputs": [
            {"index": vout, "script_asm": "", "script_hex": output.script.hex(), **named(output)}
            for vout, output in enumerate(tx.outputs)
        ],
        "input_count": len(inputs),
        "output_count": len(tx.outputs),
        "input_value": sum(spent.value_sat for _, spent in inputs),
        "output_value": sum(output.value_sat for output in tx.outputs),
        "fee": fee(tx),
    }


def lines(rows: list[dict[str, object]]) -> bytes:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def tsv(rows: list[dict[str, object]], mark: str = "\t") -> bytes:
    """Return rows as a table with a header line."""
    text = io.StringIO()
    text.write(mark.join(rows[0]) + "\n")
    for row in rows:
        text.write(mark.join("" if cell is None else str(cell) for cell in row.values()) + "\n")
    return text.getvalue().encode()


CLOCK = "2021-09-11 04:14:32"


def blockchair() -> dict[str, list[dict[str, object]]]:
    """Return the chain as Blockchair's dumps state it."""
    outputs = [_blockchair_output(tx, vout) for tx in CHAIN for vout in range(len(tx.outputs))]
    inputs = []
    for tx in CHAIN:
        for vin, entry in enumerate(() if tx.is_coinbase else tx.inputs):
            made = next(one for one in CHAIN if one.txid == entry.txid)
            row = _blockchair_output(made, entry.vout)
            spending = {
                "spending_block_id": HEIGHT,
                "spending_transaction_hash": tx.txid,
                "spending_index": vin,
                "spending_time": CLOCK,
                "spending_value_usd": 1.5,
                "spending_sequence": entry.sequence,
                "spending_signature_hex": entry.scriptsig.hex(),
                "spending_witness": ",".join(item.hex() for item in entry.witness),
                "lifespan": 0,
                "cdd": 0,
            }
            inputs.append({**row, **spending})
    transactions = [
        {
            "block_id": HEIGHT,
            "hash": tx.txid,
            "time": CLOCK,
            "size": tx.size,
            "weight": tx.weight,
            "version": tx.version,
            "lock_time": tx.locktime,
            "is_coinbase": int(tx.is_coinbase),
            "has_witness": 1,
            "input_count": len(tx.inputs),
            "output_count": len(tx.outputs),
            "input_total": sum(one.value_sat for one in spent_by(tx)) or tx.outputs[0].value_sat,
            "output_total": sum(one.value_sat for one in tx.outputs),
            "fee": fee(tx),
            "cdd_total": 0,
        }
        for tx in CHAIN
    ]
    blocks = [{"id": HEIGHT, "hash": BLOCK, "time": CLOCK, "median_time": CLOCK}]
    return {"inputs": inputs, "outputs": outputs, "transactions": transactions, "blocks": blocks}


def _blockchair_output(tx: Transaction, vout: int) -> dict[str, object]:
    output = tx.outputs[vout]
    address = (named(output)["addresses"] or ["d-4a5e1e"])[0]
    return {
        "block_id": HEIGHT,
        "transaction_hash": tx.txid,
        "index": vout,
        "time": CLOCK,
        "value": output.value_sat,
        "value_usd": 1.5,
        "recipient": address,
        "type": named(output)["type"],
        "script_hex": output.script.hex(),
        "is_from_coinbase": int(tx.is_coinbase),
        "is_spendable": 1,
    }
