"""A small regtest chain made here, in the forms in which nodes write it; and a node that serves answers."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from chainflow.addresses import address_of
from chainflow.merkle import merkle_root
from chainflow.model import OutputRecord
from chainflow.sources.core import Core
from chainflow.transactions import Block, Header, Transaction, TxInput, TxOutput, sha256d
from chainflow.units import coins
from chainflow.wire import parse_transaction
from tests.sources.esplora_form import GENESIS_RAW

CHAIN = "btc-regtest"
FIRST_HASH = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
EASY = 0x207FFFFF
MINER, PAYEE = bytes.fromhex("0014" + "11" * 20), bytes.fromhex("76a914" + "22" * 20 + "88ac")
COIN = 100_000_000


def coinbase(height: int, value_sat: int) -> Transaction:
    """Return a coinbase that begins with its height, as BIP34 wants it."""
    number = bytes((0x50 + height,)) if 0 < height <= 16 else b"\x03" + height.to_bytes(3, "little")
    spent = TxInput("0" * 64, 0xFFFFFFFF, number + b"\x01\x07", 0xFFFFFFFF)
    return Transaction(2, (spent,), (TxOutput(value_sat, MINER),))


def pay(parent: Transaction, *amounts: int, vout: int = 0) -> Transaction:
    """Return a transaction that spends one output and pays these amounts."""
    spent = TxInput(parent.txid, vout, b"", 0xFFFFFFFD, (b"\x30" * 71, b"\x02" * 33))
    return Transaction(2, (spent,), tuple(TxOutput(amount, PAYEE) for amount in amounts))


def mine(previous: str, *transactions: Transaction, time: int = 1_700_000_000) -> Block:
    """Return a block of these transactions with the little work that regtest wants."""
    root = merkle_root([transaction.txid for transaction in transactions])
    header = Header(0x20000000, previous, root, time, EASY, 0)
    while not header.has_work:
        header = replace(header, nonce=header.nonce + 1)
    return Block(header, transactions)


def raw_of(block: Block) -> bytes:
    """Return a block's bytes."""
    count = bytes((len(block.transactions),))
    return block.header.serialize() + count + b"".join(tx.serialize() for tx in block.transactions)


FIRST = Block(
    Header(1, "0" * 64, parse_transaction(GENESIS_RAW).txid, 1_296_688_602, EASY, 2),
    (parse_transaction(GENESIS_RAW),),
)
ONE = mine(FIRST_HASH, coinbase(1, 50 * COIN))
PAYMENT = pay(ONE.transactions[0], 30 * COIN, 20 * COIN - 1_000)
CHILD = pay(PAYMENT, 30 * COIN - 500)
TWO = mine(ONE.header.hash, coinbase(2, 50 * COIN + 1_500), PAYMENT, CHILD)
BLOCKS = (FIRST, ONE, TWO)
SPENT = (None, (OutputRecord(50 * COIN, MINER.hex()),), (OutputRecord(30 * COIN, PAYEE.hex()),))
"""What each transaction of `TWO` spends."""

SOURCE = Core("http://127.0.0.1:18443", chain=CHAIN)
(BLOCK_TWO,) = SOURCE.block_paths(2, TWO.header.hash)
(BOTH,) = SOURCE.tx_paths([PAYMENT.txid, CHILD.txid])
ADDRESS = address_of(MINER, CHAIN)
read = SOURCE.read

Spent = Sequence[OutputRecord] | None


def tx_json(
    tx: Transaction, spent: Spent = None, *, is_old: bool = False, chain: str = CHAIN
) -> dict[str, Any]:
    """Return a transaction as a node writes it: before version 22, or later."""
    form: dict[str, Any] = {
        "txid": tx.txid,
        "hash": tx.wtxid,
        "version": tx.version,
        "size": tx.size,
        "locktime": tx.locktime,
        "vin": [
            _vin(given, spent[place] if spent else None, is_coinbase=tx.is_coinbase, chain=chain)
            for place, given in enumerate(tx.inputs)
        ],
        "vout": [
            {
                "value": coins(made.value_sat),
                "n": number,
                "scriptPubKey": _script(made.script, is_old=is_old, chain=chain),
            }
            for number, made in enumerate(tx.outputs)
        ],
        "hex": tx.serialize().hex(),
    }
    if spent and not is_old:
        left = sum(output.value_sat for output in spent) - sum(output.value_sat for output in tx.outputs)
        form["fee"] = coins(left)
    return form


def _vin(given: TxInput, spent: OutputRecord | None, *, is_coinbase: bool, chain: str) -> dict[str, Any]:
    if is_coinbase:
        return {"coinbase": given.scriptsig.hex(), "sequence": given.sequence}
    form = {
        "txid": given.txid,
        "vout": given.vout,
        "scriptSig": {"asm": "", "hex": given.scriptsig.hex()},
        "sequence": given.sequence,
    }
    if spent is not None:
        script = _script(bytes.fromhex(spent.script), is_old=False, chain=chain)
        form["prevout"] = {
            "generated": False,
            "height": 1,
            "value": coins(spent.value_sat),
            "scriptPubKey": script,
        }
    return form


def _script(script: bytes, *, is_old: bool, chain: str) -> dict[str, Any]:
    address = address_of(script, chain)
    if address is None:
        return {"asm": "", "hex": script.hex(), "type": "nonstandard"}
    if is_old:
        return {"asm": "", "hex": script.hex(), "reqSigs": 1, "type": "pubkeyhash", "addresses": [address]}
    return {
        "asm": "",
        "desc": f"addr({address})",
        "hex": script.hex(),
        "address": address,
        "type": "pubkeyhash",
    }


def block_json(
    block: Block, height: int, spent: Sequence[Spent] = (), *, is_old: bool = False, tip: int = 2
) -> dict[str, Any]:
    """Return a block as `getblock` with verbosity 2 (old) or 3 writes it."""
    known = (None,) * len(block.transactions) if is_old or not spent else spent
    form = {
        "hash": block.header.hash,
        "confirmations": tip + 1 - height,
        "height": height,
        "version": block.header.version,
        "merkleroot": block.header.merkle_root,
        "time": block.header.time,
        "nonce": block.header.nonce,
        "bits": f"{block.header.bits:08x}",
        "difficulty": Decimal("4.656542373906925E-10"),
        "nTx": len(block.transactions),
        "tx": [tx_json(tx, one, is_old=is_old) for tx, one in zip(block.transactions, known, strict=True)],
    }
    return form if height == 0 else {**form, "previousblockhash": block.header.prev_hash}


def confirmed(tx: dict[str, Any], block: Block, *, depth: int) -> dict[str, Any]:
    """Return a transaction's JSON with where it is, as `getrawtransaction` tells it: without the height."""
    place = {"blockhash": block.header.hash, "confirmations": depth}
    return {**tx, **place, "time": block.header.time, "blocktime": block.header.time}


def dumps(value: object) -> bytes:
    """Return JSON as a node writes it: amounts with all their decimals."""
    text = json.dumps(value, default=lambda amount: f"<{amount}>")
    return text.replace('"<', "").replace('>"', "").encode()


def result(value: object) -> bytes:
    """Return the answer to a single call."""
    return dumps({"result": value, "error": None, "id": 0})


def error(code: int, message: str) -> dict[str, Any]:
    """Return what stands in a batch for a call that failed."""
    return {"code": code, "message": message}


def results(*values: object) -> bytes:
    """Return the answer to a batch; an error is made by `error`."""
    entries = []
    for number, value in enumerate(values):
        failed = isinstance(value, dict) and value.keys() == {"code", "message"}
        entries.append(
            {"result": None if failed else value, "error": value if failed else None, "id": number}
        )
    return dumps(entries)


def both(first: Any = None, second: Any = None, *, counts: tuple[Any, Any] = (2, 2)) -> bytes:
    """Return the answer to a question for `PAYMENT` and `CHILD`, both in `TWO` unless told otherwise."""
    one = confirmed(tx_json(PAYMENT, SPENT[1]), TWO, depth=1) if first is None else first
    two = confirmed(tx_json(CHILD, SPENT[2]), TWO, depth=1) if second is None else second
    return results(counts[0], one, two, counts[1])


def txoutproof(block: Block, position: int) -> bytes:
    """Return the proof of one transaction of a block, as `gettxoutproof` gives it."""
    levels = [[bytes.fromhex(transaction.txid)[::-1] for transaction in block.transactions]]
    while len(below := levels[-1]) > 1:
        pairs = zip(below[::2], [*below[1::2], below[-1]], strict=False)
        levels.append([sha256d(left + right) for left, right in pairs])
    flags, hashes = _walk(levels, len(levels) - 1, 0, position)
    packed = sum(bit << place for place, bit in enumerate(flags)).to_bytes((len(flags) + 7) // 8, "little")
    count = len(block.transactions).to_bytes(4, "little") + bytes((len(hashes),))
    return block.header.serialize() + count + b"".join(hashes) + bytes((len(packed),)) + packed


def _walk(levels: list[list[bytes]], level: int, place: int, wanted: int) -> tuple[list[int], list[bytes]]:
    is_above = wanted >> level == place
    if not is_above or level == 0:
        return [int(is_above)], [levels[level][place]]
    flags, hashes = _walk(levels, level - 1, 2 * place, wanted)
    if 2 * place + 1 < len(levels[level - 1]):
        more_flags, more = _walk(levels, level - 1, 2 * place + 1, wanted)
        flags, hashes = flags + more_flags, hashes + more
    return [1, *flags], hashes


Answering = Callable[[list[dict[str, Any]], dict[str, str]], tuple[int, bytes]]


class NodeServer(http.server.ThreadingHTTPServer):
    """Answers JSON-RPC calls as told, and notes what came."""

    daemon_threads = True

    def __init__(self, answering: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.asked: list[tuple[dict[str, str], Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: NodeServer

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = dict(self.headers)
        self.server.asked.append((headers, payload))
        status, body = self.server.answering(payload if isinstance(payload, list) else [payload], headers)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""
