"""Recorded transactions as shapes: labelled CoinJoins, listed false positives, two ordinary blocks."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chainflow.model import OutputRecord
from chainflow.patterns import Shape
from chainflow.wire import parse_block

WASABI = "dumplings__end_zksnacks_202405.zip"
JOINMARKET_DOUBTS = "jm_filter_false_positives.zip"


def from_scan(shared: Path, archive: str, name: str) -> list[Shape]:
    """Return the transactions of one file of a Dumplings scan, each once; it tells no heights."""
    with zipfile.ZipFile(shared / "coinjoin" / "mainnet" / archive) as scan:
        lines = scan.read(f"Scanner/{name}.txt").decode().splitlines()
    shapes = {}
    for txid, _, _, _, inputs, outputs, *_ in (line.split(":::") for line in lines):
        spent = tuple(_stated(entry.split("-", 2)[2]) for entry in inputs.split("}{"))
        paid = tuple(_stated(entry) for entry in outputs.split("}{"))
        shapes[txid] = Shape(spent, paid, txid=txid)
    return list(shapes.values())


def _stated(text: str) -> OutputRecord:
    value, script, *_ = text.split("+")
    return OutputRecord(int(value), script)


def listed_false(shared: Path) -> set[str]:
    """Return the txids that coinjoin-analysis lists as no rounds of Wasabi 2."""
    lists = json.loads(
        gzip.decompress((shared / "coinjoin" / "mainnet" / "wasabi2_false_cjtxs.json.gz").read_bytes())
    )
    return {txid for listed in lists.values() for txid in listed}


def from_esplora(replies: Iterable[Mapping[str, Any]]) -> list[Shape]:
    """Return the shapes of Esplora transactions, coinbases left out."""
    return [
        Shape(
            tuple(OutputRecord(i["prevout"]["value"], i["prevout"]["scriptpubkey"]) for i in tx["vin"]),
            tuple(OutputRecord(o["value"], o["scriptpubkey"]) for o in tx["vout"]),
            tx["status"].get("block_height"),
            txid=tx["txid"],
        )
        for tx in replies
        if not tx["vin"][0]["is_coinbase"]
    ]


def block_680000(shared: Path) -> list[Shape]:
    """Return the first 1,200 transactions of block 680,000 that are no coinbase."""
    with gzip.open(shared / "explorers" / "esplora" / "block_680000_first_1200.jsonl.gz", "rt") as lines:
        return from_esplora(json.loads(line) for line in lines)


def block_300025(shared: Path) -> list[Shape]:
    """Return all transactions of block 300,025 but the coinbase; the undo file lists what they spend."""
    block = parse_block((shared / "blocks" / "block300025.raw").read_bytes())
    undo, spent, at = (shared / "blocks" / "block300025-undo.raw").read_bytes(), [], 0
    while at < len(undo):
        start = at + 9
        at = start + undo[at + 8]
        spent.append(
            OutputRecord(int.from_bytes(undo[start - 9 : start - 1], "little"), undo[start:at].hex())
        )
    shapes = []
    for tx in block.transactions[1:]:
        inputs, spent = spent[: len(tx.inputs)], spent[len(tx.inputs) :]
        outputs = tuple(OutputRecord(output.value_sat, output.script.hex()) for output in tx.outputs)
        shapes.append(Shape(tuple(inputs), outputs, 300_025, txid=tx.txid))
    return shapes


def is_batch_payout(shape: Shape) -> bool:
    """Return whether a transaction pays at least five times as many outputs as it has inputs (mempool)."""
    return len(shape.outputs) >= 5 * len(shape.inputs)
