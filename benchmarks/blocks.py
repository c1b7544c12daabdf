"""A full block from bytes to the rows of a ledger, against peers that only parse: `python -m benchmarks.blocks`.

The block of `benchmarks.wire`, with a coinbase that says its height and the little work that a test chain
wants. We check work, merkle root, height and money, keep every transaction's bytes and build all tables;
python-bitcoinlib and btclib parse it and compute the txids.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

from benchmarks import wire
from benchmarks.measure import (
    describe_machine,
    describe_versions,
    goal,
    medians,
    print_result,
    ratios,
    time_in_turns,
)
from chainflow.ledger import Ledger, build
from chainflow.merkle import merkle_root
from chainflow.model import Evidence
from chainflow.sources.esplora import Esplora
from chainflow.transactions import Transaction
from chainflow.wire import parse_block

TRANSACTIONS = 2_500
REPETITIONS = 7
CHAIN, HEIGHT, EASY = "btc-regtest", 100, 0x207FFFFF


def make_block() -> tuple[str, bytes]:
    """Return the hash and the bytes of the block."""
    block = parse_block(wire.make_block(seed=702_861))
    first, *others = block.transactions[:TRANSACTIONS]
    written = first.inputs[0]._replace(scriptsig=b"\x01" + bytes((HEIGHT,)) + b"\x07" * 40, witness=())
    coinbase = Transaction(first.version, (written,), first.outputs)
    transactions = [coinbase, *others]
    root = merkle_root([transaction.txid for transaction in transactions])
    header = replace(block.header, merkle_root=root, bits=EASY, nonce=0)
    while not header.has_work:
        header = replace(header, nonce=header.nonce + 1)
    count = b"\xfd" + len(transactions).to_bytes(2, "little")
    return header.hash, header.serialize() + count + b"".join(one.serialize() for one in transactions)


def read(block_hash: str, raw: bytes) -> Ledger:
    """Return the ledger of a block as an explorer gives it."""
    path = f"/block/{block_hash}/raw?height={HEIGHT}"
    here = Evidence(1, hashlib.sha256(raw).hexdigest(), "esplora:made-up", path, 1_700_000_000)
    return build((fact, here) for fact in Esplora.read(CHAIN, path, 200, raw))


def run() -> dict[str, object]:
    """Return the benchmark's result, after all contenders agreed on every txid."""
    block_hash, raw = make_block()
    ledger = read(block_hash, raw)
    txids = wire.read_with_bitcoinlib(raw)
    ours = {bytes.fromhex(txid) for txid in ledger.txs["txid"].to_pylist()}
    if ours != set(txids) or txids != wire.read_with_btclib(raw) or set(ledger.levels) != {3}:
        raise SystemExit("the contenders disagree on a txid: nothing was timed")
    contenders: dict[str, Callable[[], object]] = {
        "chainflow": lambda: read(block_hash, raw),
        "python-bitcoinlib": lambda: wire.read_with_bitcoinlib(raw),
        "btclib": lambda: wire.read_with_btclib(raw),
    }
    seconds = time_in_turns(contenders, repetitions=REPETITIONS, clock=time.process_time)
    figures, slower = medians(seconds), ratios(seconds)
    return {
        "benchmark": "blocks",
        "workload": f"{len(txids):,} transactions, {ledger.outputs.num_rows:,} outputs, {len(raw):,} bytes to "
        "checked ledger rows; the peers parse alone (CPU time)",
        "machine": describe_machine(),
        "versions": describe_versions(*contenders),
        "figures": {f"{name}, s per block": median for name, median in figures.items()},
        "ratios": slower,
        "goals": [goal("s per block, bytes to rows", figures["chainflow"], at_most=1.0)],
    }


if __name__ == "__main__":
    print_result(run())
