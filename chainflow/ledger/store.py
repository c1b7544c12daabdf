"""A ledger as one sealed JSON file: raw transactions that hash, what was claimed, and a digest of it all.

::

    {"format": "chainflow-ledger", "version": 2, "title": "…", "about": "…", "digest": "…",
     "transactions": [{"chain": "btc", "txid": "…", "raw": "0200…", "height": 682599, "block_hash": "…",
                       "time": 1620493977, "position": null, "is_confirmed": true,
                       "prevouts": [[6214763877, "0014…"], …]}],
     "unspent":  [["btc", txid, vout, as_of_height], …],
     "spent":    [["btc", txid, vout, spending_txid, vin], …],
     "transfers": [row, …], "tokens": [row, …], "proofs": [row, …], "headers": [row, …],
     "coverage": [row, …], "evidence": [row, …], "disputes": [row, …], "tip": height}

Rows are in the order of the columns in `chainflow.schema`. `tip` is there only where the ledger has one.
What rested on a whole block or on somebody's own node is at level 2 when it is read again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import operator
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from chainflow import schema, wire
from chainflow.errors import BadBytes, LedgerFileRejected
from chainflow.ledger.build import build
from chainflow.ledger.ledger import Ledger
from chainflow.model import (
    Evidence,
    Fact,
    HeaderRecord,
    InclusionRecord,
    InputRecord,
    Outpoint,
    OutputRecord,
    Recipe,
    SpendRecord,
    SpendState,
    Tip,
    TransferKind,
    TxRecord,
    canonical_json,
)
from chainflow.writing import write_whole

__all__ = ["read", "write"]

FORMAT = "chainflow-ledger"

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, BadBytes)
_DIGITS = re.compile("0|[1-9][0-9]{0,77}")


def read(path: str | os.PathLike[str]) -> Ledger:
    """Read a sealed ledger file; see `Ledger.read`."""
    place = pathlib.Path(path)
    place = place / "ledger.json" if place.is_dir() else place
    try:
        body = place.read_bytes()
    except OSError as error:
        raise LedgerFileRejected(
            f"cannot read {place}: {error.strerror}",
            hint="give a ledger file, or a folder with a ledger.json",
        ) from None
    try:
        content = json.loads(body)
        if content["format"] != FORMAT or content["version"] != schema.VERSION:
            raise LedgerFileRejected(
                f"{place.name} is {content['format']!r} version {content['version']!r}, not {FORMAT} {schema.VERSION}",
                hint="write it again with this version of chainflow",
            )
        ledger = _ledger(content, place.name, hashlib.sha256(body).hexdigest())
    except _MALFORMED as error:
        raise LedgerFileRejected(
            f"{place.name} is not a ledger file: {type(error).__name__} {error}",
            hint="nothing of it was used",
        ) from None
    if ledger.digest != content["digest"]:
        raise LedgerFileRejected(
            f"{place.name} was changed after it was sealed: its content has digest {ledger.digest[:16]}…, "
            f"the seal says {str(content['digest'])[:16]}…",
            hint="nothing of it was used; get the file again from where it came",
        )
    return ledger


def write(ledger: Ledger, path: str | os.PathLike[str], *, title: str = "", about: str = "") -> None:
    """Write a ledger that holds its transactions as bytes; see `Ledger.write`.

    Raises
    ------
    LedgerFileRejected
        If a transaction's bytes are not held: hearsay cannot be sealed.
    """
    txs, outputs = ledger.txs.to_pylist(), ledger.outputs.to_pylist()
    by_spender: dict[tuple[str, str], dict[int, Any]] = {}
    for row in outputs:
        if row["spent_by"] is not None:
            by_spender.setdefault((row["chain"], row["spent_by"]), {})[row["spent_vin"]] = row
    held = {(tx["chain"], tx["txid"]) for tx in txs}
    content = {
        "format": FORMAT,
        "version": schema.VERSION,
        "title": title,
        "about": about,
        "digest": ledger.digest,
        "transactions": [_tx_entry(tx, by_spender.get((tx["chain"], tx["txid"]), {})) for tx in txs],
        "unspent": [
            [row["chain"], row["txid"], row["vout"], row["as_of_height"]]
            for row in outputs
            if row["spend_state"] == SpendState.UNSPENT
        ],
        "spent": [
            [row["chain"], row["txid"], row["vout"], row["spent_by"], row["spent_vin"]]
            for row in outputs
            if row["spent_by"] is not None and (row["chain"], row["spent_by"]) not in held
        ],
        **{
            name: [_seconds(row) for row in getattr(ledger, name).to_pylist()]
            for name in ("transfers", "tokens", "proofs", "headers")
        },
        "coverage": [list(row.values()) for row in ledger.coverage_table.to_pylist()],
        "evidence": [_seconds(row) for row in ledger.evidence.to_pylist()],
        "disputes": [list(row.values()) for row in ledger.disputes.to_pylist()],
    } | ({} if ledger.tip is None else {"tip": ledger.tip})
    lines = ",\n".join(f"{json.dumps(name)}:{_lines(value)}" for name, value in content.items())
    write_whole(path, f"{{{lines}}}\n".encode())


def _lines(value: object) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(canonical_json(entry) for entry in value) + "]"
    return canonical_json(value)


def _seconds(row: Mapping[str, Any]) -> list[Any]:
    return [int(cell.timestamp()) if isinstance(cell, datetime) else cell for cell in row.values()]


def _tx_entry(tx: Mapping[str, Any], spent: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    if tx["raw"] is None:
        raise LedgerFileRejected(
            f"the bytes of {tx['txid']} are not held", hint="fetch it from a source that gives its scripts"
        )
    count = 0 if tx["is_coinbase"] else tx["n_inputs"]
    prevouts = [
        [spent[vin]["value_sat"], spent[vin]["script"]] if vin in spent else None for vin in range(count)
    ]
    names = ("chain", "txid", "height", "position", "block_hash", "is_confirmed")
    entry = {name: tx[name] for name in names}
    time = None if tx["time"] is None else int(tx["time"].timestamp())
    return {**entry, "time": time, "raw": tx["raw"].hex(), "prevouts": prevouts}


def _ledger(content: Mapping[str, Any], name: str, sha256: str) -> Ledger:
    here = Evidence(0, sha256, f"file:{name}", name, None)
    recipe = Recipe("read", {"file": name}, inputs=[sha256])
    ledger = build(((fact, here) for fact in _facts(content)), recipe=recipe)
    coverage = schema.rows_to_table([tuple(row) for row in content["coverage"]], schema.COVERAGE)
    disputes = schema.rows_to_table([tuple(row) for row in content["disputes"]], schema.DISPUTES)
    stated = schema.rows_to_table([tuple(row) for row in content["evidence"]], schema.EVIDENCE)
    tables = {name: _table(content[name], name) for name in ("transfers", "tokens")}
    return dataclasses.replace(
        ledger,
        **tables,
        coverage_table=coverage,
        disputes=disputes,
        evidence=stated if stated.num_rows else ledger.evidence,
        tip=None if (tip := content.get("tip")) is None else operator.index(tip),
    )


def _table(rows: list[list[Any]], name: str) -> pa.Table:
    """Return rows of a file as a table; what was proved elsewhere is hearsay when it comes from a file."""
    names = schema.TABLES[name].names
    given = [dict(zip(names, row, strict=True)) | ({"level": 0} if "level" in names else {}) for row in rows]
    for row in given if name == "transfers" else ():
        _check_transfer(row)
    return schema.rows_to_table([tuple(row.values()) for row in given], schema.TABLES[name])


def _check_transfer(row: Mapping[str, Any]) -> None:
    """Refuse amounts that are no whole numbers, and a failure that moved something."""
    TransferKind(row["kind"])
    moved, stated, number = row["value_raw"], row["stated_raw"], row["token_id"]
    digits = [moved, stated, "0" if number is None else number]
    if not all(map(_DIGITS.fullmatch, digits)) or moved != ("0" if row["ok"] is False else stated):
        raise ValueError(f"a transfer of {moved} base units, {stated} stated, in {row['txid']}")


def _facts(content: Mapping[str, Any]) -> Iterator[Fact]:
    for entry in content["transactions"]:
        yield record_of(
            bytes.fromhex(entry["raw"]),
            [None if prevout is None else OutputRecord(*prevout) for prevout in entry["prevouts"]],
            chain=entry["chain"],
            txid=entry["txid"],
            block=(entry["height"], entry["block_hash"], entry["time"], entry["position"]),
            is_placed=entry["is_confirmed"] is not None,
        )
    for chain, txid, height, position, branch in content["proofs"]:
        yield InclusionRecord(chain, txid, height, position, tuple(branch.split()))
    for chain, _, height, raw in content["headers"]:
        yield HeaderRecord(chain, height, raw)
    # those as of an unknown height first: a tip holds for all that follows
    for chain, txid, vout, as_of in sorted(content["unspent"], key=lambda row: row[3] is not None):
        if as_of is not None:
            yield Tip(chain, as_of)
        yield SpendRecord(chain, Outpoint(txid, vout), None, None)
    for chain, txid, vout, spent_by, vin in content["spent"]:
        yield SpendRecord(chain, Outpoint(txid, vout), spent_by, vin)


def record_of(
    raw: bytes,
    prevouts: list[OutputRecord | None],
    *,
    chain: str,
    txid: str = "",
    block: tuple[int | None, str | None, int | None, int | None] = (None, None, None, None),
    is_placed: bool = True,
) -> TxRecord:
    """Return the record of a serialised transaction whose spent outputs are `prevouts`, in input order.

    Raises
    ------
    LedgerFileRejected
        If `txid` is given and the bytes hash to another, or the number of prevouts is wrong.
    BadBytes
        If the bytes are not a transaction.
    """
    tx = wire.parse_transaction(raw)
    if txid and tx.txid != txid:
        raise LedgerFileRejected(
            f"{txid} hashes to {tx.txid}", hint="the file was changed; nothing of it was used"
        )
    spent = () if tx.is_coinbase else tx.inputs
    if len(spent) != len(prevouts):
        raise LedgerFileRejected(
            f"{tx.txid} spends {len(spent)} outputs, {len(prevouts)} are given",
            hint="give one for each input",
        )
    height, block_hash, time, position = block
    return TxRecord(
        chain=chain,
        txid=tx.txid,
        inputs=tuple(
            InputRecord(Outpoint(entry.txid, entry.vout), prevout, entry.sequence)
            for entry, prevout in zip(spent, prevouts, strict=True)
        ),
        outputs=tuple(OutputRecord(output.value_sat, output.script.hex()) for output in tx.outputs),
        is_coinbase=tx.is_coinbase,
        height=height,
        block_hash=block_hash,
        time=time,
        position=position,
        raw=raw,
        is_placed=is_placed,
    )
