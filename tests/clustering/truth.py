"""Ledgers with a known truth: recorded regtest experiments, and how to count right and wrong pairs."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from chainflow.addresses import script_of
from chainflow.clustering import Clustering
from chainflow.ledger import Ledger, build
from chainflow.ledger.store import record_of
from chainflow.model import InputRecord, Outpoint, OutputRecord, TxRecord
from tests.made import HERE


def ledger_of(records: Collection[TxRecord] | Iterator[TxRecord]) -> Ledger:
    """Return a ledger of these records."""
    return build((record, HERE) for record in records)


def from_esplora(reply: Mapping[str, Any], *, chain: str = "btc") -> TxRecord:
    """Return the record that an Esplora transaction states."""
    status = reply["status"]
    inputs = [
        InputRecord(Outpoint(i["txid"], i["vout"]), _prevout(i.get("prevout")), i["sequence"])
        for i in reply["vin"]
        if not i["is_coinbase"]
    ]
    outputs = [OutputRecord(o["value"], o["scriptpubkey"]) for o in reply["vout"]]
    block = (status.get("block_height"), status.get("block_hash"), status.get("block_time"))
    return TxRecord(chain, reply["txid"], tuple(inputs), tuple(outputs), not inputs, *block)


def _prevout(prevout: Mapping[str, Any] | None) -> OutputRecord | None:
    return None if prevout is None else OutputRecord(prevout["value"], prevout["scriptpubkey"])


def experiment(folder: Path) -> tuple[Ledger, frozenset[str], dict[str, str]]:
    """Return (ledger, txids of true CoinJoins, address → wallet) of a recorded regtest experiment."""
    rows: dict[str, list[dict[str, str]]] = {}
    with gzip.open(folder / "io.csv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            rows.setdefault(row["txid"], []).append(row)
    mixes = json.loads((folder / "true_coinjoins.json").read_text("utf-8"))["cj"]
    with gzip.open(folder / "owners.csv.gz", "rt", encoding="utf-8") as lines:
        owners = {row["address"]: row["wallet"] for row in csv.DictReader(lines)}
    return ledger_of(map(_record, rows.values())), frozenset(mixes), owners


def _record(rows: list[dict[str, str]]) -> TxRecord:
    spent = [row for row in rows if row["side"] == "in"]
    inputs = tuple(
        InputRecord(
            Outpoint(row["prev_txid"], int(row["prev_vout"])), _stated(row) if row["sat"] else None, 0
        )
        for row in spent
    )
    outputs = tuple(_stated(row) for row in rows if row["side"] == "out")
    first = rows[0]
    place = (int(first["height"]), f"{int(first['height']):064x}", int(first["time"]))
    return TxRecord("btc-regtest", first["txid"], inputs, outputs, first["coinbase"] == "1", *place)


def _stated(row: Mapping[str, str]) -> OutputRecord:
    address = row["address"]
    script = script_of(address, chain="btc-regtest").hex() if address else "6a"
    return OutputRecord(int(row["sat"]), script)


def litecoin(folder: Path) -> tuple[Ledger, dict[str, str]]:
    """Return (ledger, address → owner) of a chain made with litecoind."""
    owners = json.loads((folder / "ground_truth_owner.json").read_text("utf-8"))
    made: dict[Outpoint, OutputRecord] = {}
    records = []
    with gzip.open(folder / "chain.getblock2.jsonl.gz", "rt", encoding="utf-8") as lines:
        for block in (json.loads(line, parse_float=Decimal) for line in lines):
            for tx in block["tx"]:
                spent = [Outpoint(i["txid"], i["vout"]) for i in tx["vin"] if "txid" in i]
                place = (block["height"], block["hash"], block["time"], None)
                raw = bytes.fromhex(tx["hex"])
                record = record_of(
                    raw, [made[o] for o in spent], chain="ltc-regtest", txid=tx["txid"], block=place
                )
                made.update({Outpoint(record.txid, n): output for n, output in enumerate(record.outputs)})
                records.append(record)
    return ledger_of(records), owners


def pairs(clustering: Clustering, owners: Mapping[str, str]) -> tuple[int, int]:
    """Return (pairs of addresses of one true owner, all pairs) among addresses clustered together."""
    right = together = 0
    table = clustering.to_pandas()
    known = table[table["address"].isin(list(owners))]
    for _, members in known.groupby("cluster")["address"]:
        counts = Counter(owners[address] for address in members)
        together += sum(counts.values()) * (sum(counts.values()) - 1) // 2
        right += sum(count * (count - 1) // 2 for count in counts.values())
    return right, together
