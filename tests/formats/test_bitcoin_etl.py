"""Bitcoin-etl's tables: transactions recomputed from their rows, or refused as a whole."""

from __future__ import annotations

import copy
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadResponse, SourceError
from chainflow.formats.bitcoin_etl import BitcoinEtl
from chainflow.formats.unpack import bundle
from chainflow.model import Outpoint, SpendRecord, TxOutline, TxRecord
from tests.formats.made import (
    BLOCK,
    CHAIN,
    HEIGHT,
    KEYS_ADDRESS,
    MERGED,
    MINED,
    PAID,
    TIME,
    etl,
    fee,
    lines,
    tsv,
)

PATH = "/transactions.json"
ROWS = [etl(tx) for tx in CHAIN]


def parse(body, chain="btc"):
    return BitcoinEtl.parse(chain, PATH, body)


def flat():
    """Return the three flat tables of the chain."""
    heads = [{k: v for k, v in row.items() if k not in ("inputs", "outputs")} for row in ROWS]
    tables = {"transactions": heads}
    for side in ("inputs", "outputs"):
        tables[side] = [
            {
                "transaction_hash": row["hash"],
                "block_number": HEIGHT,
                **item,
                "addresses": json.dumps(item["addresses"]),
            }
            for row in ROWS
            for item in row[side]
        ]
    return {
        name: tsv([{k: _quoted(v) for k, v in row.items()} for row in rows], ",")
        for name, rows in tables.items()
    }


def _quoted(value):
    is_list = isinstance(value, str) and value.startswith("[")
    return '"' + value.replace('"', '""') + '"' if is_list else value


def test_each_transaction_is_recomputed_and_placed():
    parsed = parse(lines(ROWS))
    mined, paid, merged = parsed.facts
    assert parsed.rejected == ()
    assert (mined.is_coinbase, mined.raw, mined.inputs) == (True, None, ())
    assert paid.raw == PAID.serialize(witness=False)
    assert (paid.height, paid.block_hash, paid.time, paid.position) == (HEIGHT, BLOCK, TIME, 1)
    assert [record.fee_sat for record in (mined, paid, merged)] == [0, 10_000, 10_000]
    assert merged.inputs[0].sequence == 0xFFFFFFFE
    assert parsed.counts == {"coinbase transactions": 1, "transactions whose txid was recomputed": 2}


def test_a_list_and_gzip_and_parquet_say_the_same_as_lines():
    expected = parse(lines(ROWS)).facts
    table = pa.Table.from_pylist(ROWS)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    for body in (json.dumps(ROWS).encode(), gzip.compress(lines(ROWS)), sink.getvalue()):
        assert parse(body).facts == expected


def test_numbers_as_texts_and_times_as_bigquery_exports_them_are_read():
    rows = copy.deepcopy(ROWS)
    for row in rows:
        row["block_timestamp"] = "2021-09-11 04:14:32 UTC"
        for item in row["inputs"] + row["outputs"]:
            item["value"] = str(item["value"])
    assert parse(lines(rows)).facts == parse(lines(ROWS)).facts


def test_flat_tables_make_the_same_transactions_together():
    tables = flat()
    body = bundle([(f"{name}.csv", table) for name, table in tables.items()])
    assert set(parse(body).facts) == set(parse(lines(ROWS)).facts)


def test_a_flat_table_of_inputs_alone_states_spends_only():
    facts = parse(flat()["inputs"]).facts
    assert facts[0] == SpendRecord("btc", Outpoint(MINED.txid, 0), PAID.txid, 0)
    assert all(isinstance(fact, SpendRecord) for fact in facts)


def test_a_flat_table_of_outputs_alone_states_nothing_and_says_so():
    parsed = parse(flat()["outputs"])
    assert parsed.facts == ()
    assert "pass all files at once" in parsed.notes[0]


def test_inputs_and_outputs_without_the_transactions_are_no_transactions():
    tables = flat()
    body = bundle([("i.csv", tables["inputs"]), ("o.csv", tables["outputs"])])
    assert not [fact for fact in parse(body).facts if isinstance(fact, TxRecord)]


def test_a_table_of_transactions_alone_places_them():
    facts = parse(flat()["transactions"]).facts
    assert facts[1] == TxOutline("btc", PAID.txid, True, HEIGHT, BLOCK, TIME, 1)


def test_without_scripts_the_transaction_is_as_stated():
    row = etl(PAID)
    for item in row["inputs"]:
        del item["script_hex"]
    (record,) = parse(lines([row])).facts
    assert record.raw is None
    assert record.fee_sat == 10_000


def test_unenriched_inputs_have_no_amounts_and_no_negative_fee():
    row = etl(PAID)
    for item in row["inputs"]:
        item.update(addresses=[], value=None, type=None)
    row.update(input_value=0, fee=-row["output_value"])
    (record,) = parse(lines([row])).facts
    assert record.raw is not None
    assert (record.inputs[0].prevout, record.fee_sat) == (None, None)


def test_a_bare_key_spent_is_not_taken_for_its_address():
    row = etl(PAID)
    row["inputs"][0].update(type="pubkey", addresses=[KEYS_ADDRESS])
    (record,) = parse(lines([row])).facts
    assert record.inputs[0].prevout is None


def test_the_file_itself_tells_what_its_transactions_spend():
    row = etl(PAID)
    row["inputs"][0].update(type="pubkey", addresses=[KEYS_ADDRESS])
    parsed = parse(lines([ROWS[0], row]))
    assert parsed.facts[1].inputs[0].prevout.value_sat == 625_000_000


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda row: row["outputs"][0].update(value=200_000_001), "add up to"),
        (lambda row: row["outputs"].pop(), "there should be 2"),
        (lambda row: (row["outputs"].pop(), row.update(output_count=1, output_value=200_000_000)), "add up to"),
        (lambda row: row["inputs"][0].update(spent_output_index=7), "hashes to"),
        (lambda row: row["inputs"][0].update(value=624_990_000), "add up to"),
        (lambda row: row["inputs"][0].update(sequence=0), "hashes to"),
        (lambda row: row["outputs"][0].update(script_hex="51", addresses=[]), "hashes to"),
        (lambda row: row["outputs"][0].update(script_hex="51"), "script pays None"),
        (lambda row: row["outputs"][0].update(script_hex=CHAIN[0].outputs[0].script.hex()), "is stated"),
        (lambda row: row["outputs"][0].update(addresses=["1BoatSLRHtKNngkdXEeobR76b53LETtpyX"]), "checksum"),
        (lambda row: row.update(version=1.5), "version"),
        (lambda row: row.update(hash="00" * 31), "64 hex digits"),
        (lambda row: row.update(fee=1), "but 1 is stated"),
        (lambda row: row["outputs"][1].update(index=5), "is missing"),
        (lambda row: row["outputs"][1].update(value=1e8 + 0.5), "whole number"),
        (lambda row: row["outputs"][1].update(value="4.2499e8"), "whole number"),
        (lambda row: row.update(outputs="[{'index': 0}]"), "not JSON"),
    ],
)  # fmt: skip
def test_a_wrong_cell_refuses_the_whole_transaction(change, why):
    row = etl(PAID)
    change(row)
    parsed = parse(lines([row, etl(MERGED)]))
    assert [fact.txid for fact in parsed.facts] == [MERGED.txid]
    assert parsed.rejected[0].line == 1
    assert why in parsed.rejected[0].reason


def test_a_wrong_row_of_a_flat_table_refuses_the_whole_transaction():
    tables = flat()
    tables["outputs"] = tables["outputs"].replace(b"424990000", b"424990000.5")
    parsed = parse(bundle([(f"{name}.csv", table) for name, table in tables.items()]))
    assert {fact.txid for fact in parsed.facts} == {MINED.txid, MERGED.txid}
    assert {row.reason.partition(":")[0] for row in parsed.rejected} == {
        "value is '424990000.5' (allowed",
        "another row of this transaction is wrong",
    }


def test_one_transaction_stated_in_two_ways_is_refused():
    row = etl(PAID)
    row["block_number"] = HEIGHT + 1
    parsed = parse(lines([ROWS[1], row]))
    assert parsed.facts == ()
    assert "twice, differently" in parsed.rejected[0].reason


def test_the_same_row_twice_is_one_transaction():
    assert len(parse(lines([ROWS[1], ROWS[1]])).facts) == 1


def test_a_spender_that_misstates_what_the_file_holds_is_refused():
    row = etl(PAID)
    row["inputs"][0]["value"] += 5
    row.update(input_value=row["input_value"] + 5, fee=fee(PAID) + 5)
    parsed = parse(lines([ROWS[0], row]))
    assert [fact.txid for fact in parsed.facts] == [MINED.txid]


def test_a_broken_line_is_rejected_and_the_others_are_used():
    parsed = parse(lines(ROWS[:2]) + lines(ROWS[2:])[:-30])
    assert len(parsed.facts) == 2
    assert parsed.rejected[0].line == 3


def test_a_file_of_which_nothing_can_be_used_raises():
    with pytest.raises(BadResponse, match="none of 1 rows"):
        BitcoinEtl.read("btc", PATH, 200, b'{"hash": 5, "outputs": [], "inputs": []}\n')


@given(at=st.integers(0, len(lines(ROWS)) - 1), byte=st.integers(32, 126))
def test_a_changed_byte_never_gives_another_recomputed_transaction(at, byte):
    body = bytearray(lines(ROWS))
    body[at] = byte
    try:
        facts = BitcoinEtl.read("btc", PATH, 200, bytes(body))
    except SourceError:
        return
    good = {(tx.txid, tx.serialize(witness=False)) for tx in CHAIN}
    assert {(f.txid, f.raw) for f in facts if isinstance(f, TxRecord) and f.raw} <= good


def test_recorded_transactions_restated_as_tables_recompute(shared):
    stated = json.loads((shared / "cases" / "colonial" / "colonial_ransom_txs.json").read_bytes())
    rows = [_etl_of_esplora(tx) for tx in stated]
    records = parse(lines(rows)).facts
    assert len(records) == len(stated)
    assert all(record.raw is not None for record in records)
    assert [record.fee_sat for record in records] == [tx["fee"] for tx in stated]


CORE = {
    "p2pkh": "pubkeyhash",
    "p2sh": "scripthash",
    "v0_p2wpkh": "witness_v0_keyhash",
    "v0_p2wsh": "witness_v0_scripthash",
}


def _etl_of_esplora(tx):
    def named(output):
        address = output.get("scriptpubkey_address")
        return {
            "addresses": [address] if address else [],
            "value": output["value"],
            "type": CORE[output["scriptpubkey_type"]],
        }

    return {
        "hash": tx["txid"], "version": tx["version"], "lock_time": tx["locktime"], "is_coinbase": False, "fee": tx["fee"],
        "block_number": tx["status"]["block_height"], "block_timestamp": tx["status"]["block_time"],
        "inputs": [
            {"index": i, "spent_transaction_hash": v["txid"], "spent_output_index": v["vout"], "script_hex": v["scriptsig"],
             "sequence": v["sequence"], **named(v["prevout"])} for i, v in enumerate(tx["vin"])
        ],
        "outputs": [{"index": i, "script_hex": v["scriptpubkey"], **named(v)} for i, v in enumerate(tx["vout"])],
    }  # fmt: skip
