"""Signed transactions of each kind, and a block made of them as a node would state it.

The signatures were made by another library with a key that every development chain knows.
"""

from __future__ import annotations

import json
from typing import Any

from chainflow.evm import (
    EMPTY_ROOT,
    EvmLog,
    EvmReceipt,
    block_hash,
    ordered_root,
    receipts_root,
    rlp,
    transaction_from_raw,
    withdrawals_root,
)
from chainflow.evm.transactions import _LAYOUTS

SIGNER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
COIN = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
OTHER = "0x3535353535353535353535353535353535353535"

EXAMPLE = bytes.fromhex(  # of EIP-155
    "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939"
    "bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1"
    "966a3b6d83"
)
CREATION = bytes.fromhex(
    "01f8b401018505d21dba00830493e08003856001600155f85bf85994c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2f842a00000"
    "000000000000000000000000000000000000000000000000000000000001a0ffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffff01a00b6018bd825e84ef20fb17a7d5d67fb70b1334be14294978012984af2605ac91a077e10ca58fa74c09"
    "53a405a6e2936865d78763add229c115d33cd1b26ee3f3f1"
)
CALL = bytes.fromhex(
    "02f8780102843b9aca008506fc23ac0083030d4094c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2880de0b6b3a764000084d0e3"
    "0db0c001a087ae1c58689b47d2e8dbb582978fa4038f75074d66200e897de11d2294179d4da067ba1eb75f864584090f4bdf3036f4"
    "35fe53299d3a3ab936fdd226fb2871d9c3"
)
BLOB = bytes.fromhex(
    "03f8930103843b9aca008506fc23ac0083030d4094c02aaa39b223fe8d0a0e5c4f27ead9083c756cc20580c0843b9aca00e1a00106"
    "57f37554c781402a22917dee2f75def7ab966d7b770905398eba3c44401480a01e17415106be199874da05ea7b8bc29b24f1ace71f"
    "63804468872e2a4ed6163ea078e75b32dff23cde0e24dff5a52ebef1acbfd0134858af90ab3fdb4eb762cb65"
)
SETTING = bytes.fromhex(
    "04f8ca0104843b9aca008506fc23ac0083030d4094c02aaa39b223fe8d0a0e5c4f27ead9083c756cc28080c0f85cf85a0194c02aaa"
    "39b223fe8d0a0e5c4f27ead9083c756cc28080a0ae2329f1526114eb70e9609925f5bb7b5dc2a5de29affe4d3b20aeffc3cb796ca0"
    "3460634fc9be3a35f24601615cc452a8f8224077312ec5191ec7ffaf49124e4280a097db32e5e8628c0629c68e26bfa862b76944dd"
    "465ea7fe2d180b41b14552fee0a00cd9bf18f696e05f9a944b069ff7952622ebfce0c7f3c209cc5727a62257c3b7"
)
_L1_WORDS = (
    0x805765,
    0x63D96D10,
    0x9F35273D,
    0xD89754A1E0387B89520D989D3BE9C37C1F32495A88FAF1EA05C61121AB0D1900,
    1,
    0x2D679B567DB6187C0C8323FA982CFB88B74DBCC7,
    0x834,
    0xF4240,
)
DEPOSIT = bytes.fromhex(  # the first that the OP stack made, as its clients' tests have it
    "7ef9015aa044bae9d41b8380d781187b426c6fe43df5fb2fb57bd4466ef6a701e1f01e015694deaddeaddeaddeaddeaddeaddeaddead"
    "dead000194420000000000000000000000000000000000001580808408f0d18001b90104015d8eb9"
    + "".join(f"{word:064x}" for word in _L1_WORDS)
)
KINDS = {0: EXAMPLE, 1: CREATION, 2: CALL, 3: BLOB, 4: SETTING, 0x7E: DEPOSIT}

HEIGHT, TIME, BASE_FEE, MINER = 20_000_000, 1_717_281_407, 10**10, "0x" + "aa" * 20
WITHDRAWALS = [(7, 11, OTHER, 1_000_000_001), (8, 12, SIGNER, 3)]


def rpc_of(raw: bytes) -> dict[str, Any]:
    """Return a transaction as a node states it, not yet in a block."""
    tx = transaction_from_raw(raw)
    items = rlp.decode(raw[1:] if tx.kind else raw)
    stated: dict[str, Any] = {
        "type": hex(tx.kind),
        "hash": tx.txid,
        "from": tx.sender,
        "gasPrice": hex(tx.price),
    }
    for name, item in zip(_LAYOUTS[tx.kind], items, strict=True):
        stated[name] = _json_of(name, item)
    return stated | {"blockNumber": None, "blockHash": None, "transactionIndex": None}


def _json_of(name: str, item: Any) -> Any:
    if name == "accessList":
        return [{"address": _hex(one), "storageKeys": [*map(_hex, keys)]} for one, keys in item]
    if name == "authorizationList":
        names = ("chainId", "address", "nonce", "yParity", "r", "s")
        return [
            {
                key: _hex(part) if key == "address" else hex(int.from_bytes(part))
                for key, part in zip(names, entry, strict=True)
            }
            for entry in item
        ]
    if isinstance(item, list):
        return [*map(_hex, item)]
    if name == "isSystemTx":
        return item == b"\x01"
    if name == "to" and not item:
        return None
    return _hex(item) if name in ("to", "from", "input", "sourceHash") else hex(int.from_bytes(item))


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def log_of(address: str, topics: list[str], data: str = "0x") -> dict[str, Any]:
    return {"address": address, "topics": topics, "data": data}


def block_of(
    *txs: tuple[bytes, dict[str, Any]], **header: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a block and its receipts, all of it consistent.

    Parameters
    ----------
    *txs
        Each transaction and what its receipt says otherwise than: succeeded, 21,000 gas, no logs.
    """
    listed, receipts, committed, gas, logs = [], [], [], 0, 0
    for position, (raw, special) in enumerate(txs):
        tx = transaction_from_raw(raw)
        receipt = {"status": "0x1", "gasUsed": "0x5208", "logs": [], **special}
        gas += int(receipt["gasUsed"], 16)
        place = {"blockNumber": hex(HEIGHT), "blockHash": "", "transactionIndex": hex(position)}
        price = hex(min(tx.price, BASE_FEE + tx.priority) if tx.kind != 0x7E else 0)
        named = {"transactionHash": tx.txid, "type": hex(tx.kind), "from": tx.sender}
        receipt = {"effectiveGasPrice": price, **receipt, **named, **place, "cumulativeGasUsed": hex(gas)}
        for log in receipt["logs"]:
            log |= {"logIndex": hex(logs), "transactionHash": tx.txid, "removed": False}
            logs += 1
        listed.append(rpc_of(raw) | place)
        receipts.append(receipt)
        committed.append(_committed(tx.kind, receipt, gas))
    block = _header(gas, [raw for raw, _ in txs], committed) | header
    block["hash"] = block_hash(block)
    for one in (*listed, *receipts):
        one["blockHash"] = block["hash"]
    return block | {"transactions": listed}, receipts


def _committed(kind: int, receipt: dict[str, Any], gas: int) -> EvmReceipt:
    outcome = (
        bytes.fromhex(receipt["root"][2:]) if "root" in receipt else b"\x01" * int(receipt["status"], 16)
    )
    logs = tuple(
        EvmLog(
            bytes.fromhex(log["address"][2:]),
            tuple(bytes.fromhex(topic[2:]) for topic in log["topics"]),
            bytes.fromhex(log["data"][2:]),
        )
        for log in receipt["logs"]
    )
    return EvmReceipt(kind, outcome, gas, logs)


def _header(gas: int, raws: list[bytes], receipts: list[EvmReceipt]) -> dict[str, Any]:
    nothing = "0x" + "00" * 32
    return {
        "number": hex(HEIGHT),
        "parentHash": "0x" + "11" * 32,
        "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "miner": MINER,
        "stateRoot": nothing,
        "transactionsRoot": ordered_root(raws),
        "receiptsRoot": receipts_root(receipts),
        "logsBloom": "0x" + "00" * 256,
        "difficulty": "0x0",
        "gasLimit": hex(30_000_000),
        "gasUsed": hex(gas),
        "timestamp": hex(TIME),
        "extraData": "0x",
        "mixHash": nothing,
        "nonce": "0x" + "00" * 8,
        "baseFeePerGas": hex(BASE_FEE),
        "withdrawalsRoot": withdrawals_root(WITHDRAWALS),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": nothing,
        "requestsHash": EMPTY_ROOT,
        "uncles": [],
        "withdrawals": [
            {"index": hex(i), "validatorIndex": hex(v), "address": a, "amount": hex(g)}
            for i, v, a, g in WITHDRAWALS
        ],
    }


def body(*results: Any) -> bytes:
    """Return the answer to a batch; an exception stands for an error in its words."""
    entries = []
    for number, result in enumerate(results):
        entry: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
        if isinstance(result, Exception):
            entry["error"] = {"code": -32601, "message": str(result)}
        else:
            entry["result"] = result
        entries.append(entry)
    return json.dumps(entries).encode()
