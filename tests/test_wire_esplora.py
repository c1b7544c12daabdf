"""Transactions rebuilt from an explorer's JSON: recorded ones hash to their txid, malformed ones are named."""

from __future__ import annotations

import gzip
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from chainflow.errors import BadBytes
from chainflow.wire import parse_transaction, transaction_from_esplora
from tests.test_wire import SEGWIT

ESPLORA: dict[str, Any] = {
    "txid": "8ef56bae5daacbdf0867ece4c9d7f934fe0c597e74a3999677869eae31824677",
    "version": 2,
    "locktime": 702860,
    "vin": [
        {
            "txid": "2978aa9040a9d0998666f5cbb05d9b3510cc44c89bbb54a4836922e93e1d4b5f",
            "vout": 17,
            "scriptsig": "",
            "witness": [item.hex() for item in parse_transaction(SEGWIT).inputs[0].witness],
            "is_coinbase": False,
            "sequence": 4294967293,
        }
    ],
    "vout": [{"scriptpubkey": "00145e2399f47a2e17be15e1c3a01ae53374fe8352b7", "value": 289164}],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the Esplora object with one field set, or left out where the value is `...`."""
    tx: dict[str, Any] = json.loads(json.dumps(ESPLORA))
    *parents, key = path.split(".")
    item = tx
    for parent in parents:
        item = item[parent][0]
    if value is ...:
        del item[key]
    else:
        item[key] = value
    return tx


def test_transaction_comes_back_from_explorer_json() -> None:
    assert transaction_from_esplora(ESPLORA) == parse_transaction(SEGWIT)
    assert transaction_from_esplora(ESPLORA).serialize() == SEGWIT


def test_upper_case_hex_and_missing_scripts_are_read() -> None:
    upper = transaction_from_esplora(changed("vin.txid", ESPLORA["vin"][0]["txid"].upper()))
    bare = transaction_from_esplora(changed("vin.scriptsig", ...))
    assert upper == bare == parse_transaction(SEGWIT)
    assert transaction_from_esplora(changed("vin.witness", ...)).txid == ESPLORA["txid"]


@pytest.mark.parametrize(
    ("shown", "version"), [(-1, 0xFFFFFFFF), (-(2**31), 2**31), (2**32 - 1, 0xFFFFFFFF), (0, 0)]
)
def test_version_is_unsigned_however_it_is_shown(shown: int, version: int) -> None:
    assert transaction_from_esplora(changed("version", shown)).version == version


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("version", ..., "version is None"),
        ("version", 2**32, "version is 4294967296"),
        ("version", True, "version is True"),
        ("locktime", "0", "locktime is '0'"),
        ("vin", [], r"vin is \[\]"),
        ("vin", {"a": 1}, "vin is"),
        ("vout", [1], r"vout is \[1\]"),
        ("vin.txid", "ab", r"vin\[0\].txid is 'ab'"),
        ("vin.txid", 7, r"vin\[0\].txid is 7"),
        ("vin.vout", -1, r"vin\[0\].vout is -1"),
        ("vin.vout", 1.0, r"vin\[0\].vout is 1.0"),
        ("vin.sequence", ..., r"vin\[0\].sequence is None"),
        ("vin.scriptsig", "0", r"vin\[0\].scriptsig is '0'"),
        ("vin.scriptsig", None, r"vin\[0\].scriptsig is None"),
        ("vin.scriptsig", "00 00", r"vin\[0\].scriptsig is '00 00'"),
        ("vin.witness", "00", r"vin\[0\].witness is '00'"),
        ("vin.witness", ["zz"], r"vin\[0\].witness is 'zz'"),
        ("vin.is_coinbase", True, "agree with is_coinbase"),
        ("vout.value", ..., r"vout\[0\].value is None"),
        ("vout.value", -546, r"vout\[0\].value is -546"),
        ("vout.value", 2**63, r"vout\[0\].value is 9223372036854775808"),
        ("vout.scriptpubkey", "x" * 500, r"vout\[0\].scriptpubkey is 'xxx.*…"),
    ],
)
def test_malformed_json_is_refused_by_the_field_s_name(path: str, value: object, named: str) -> None:
    with pytest.raises(BadBytes, match=named) as refusal:
        transaction_from_esplora(changed(path, value))
    assert len(refusal.value.message) < 130


def _esplora_replies(shared: pathlib.Path) -> Iterator[dict[str, Any]]:
    folder = shared / "explorers"
    with gzip.open(folder / "esplora" / "block_680000_first_1200.jsonl.gz", "rt") as lines:
        yield from map(json.loads, lines)
    for path in [*sorted((folder / "esplora").rglob("*.json")), *sorted((folder / "mempool").glob("*.json"))]:
        reply = json.loads(path.read_text())
        rows = reply if isinstance(reply, list) else [reply]
        yield from (row for row in rows if isinstance(row, dict) and "vin" in row)


def test_every_recorded_explorer_transaction_hashes_to_its_txid(shared: pathlib.Path) -> None:
    replies = list(_esplora_replies(shared))
    assert len(replies) > 1_240
    for reply in replies:
        transaction = transaction_from_esplora(reply)
        assert transaction.txid == reply["txid"]
        assert reply.get("weight") in (None, transaction.weight)
        assert parse_transaction(transaction.serialize()) == transaction
