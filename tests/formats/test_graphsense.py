"""GraphSense's raw tables: what they can state, and what is refused as no evidence."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainflow.errors import BadInput, BadResponse
from chainflow.formats.graphsense import GraphSense
from chainflow.formats.unpack import bundle
from chainflow.model import Outpoint, OutputRecord, SpendRecord, TxOutline
from tests.formats.made import BLOCK, BOB, CAROL, HEIGHT, MERGED, PAID, TIME, tsv

PATH = "/transaction.csv"
SIDES = (
    "\"[{address: ['bc1qzyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3h8ffkz'], value: 625000000, address_type: 8}]\"",
    "\"[{address: ['147Us9aEq2PvBC5wobBJw1yEpQEbPKzssA'], value: 200000000, address_type: 3}, "
    "{address: ['36MjimMJHwQkrTKrKyw4KepHsd975kSGTs'], value: 424990000, address_type: 5}]\"",
)


def rows(**changes):
    stated = {
        "tx_id_group": 0, "tx_id": 5, "block_id": HEIGHT, "coinbase": "False", "coinjoin": "False",
        "inputs": SIDES[0], "outputs": SIDES[1], "timestamp": TIME, "total_input": 625_000_000,
        "total_output": 624_990_000, "tx_hash": f"0x{PAID.txid}",
    }  # fmt: skip
    return tsv([{**stated, **changes}], ",")


def parse(body):
    return GraphSense.parse("btc", PATH, body)


def test_a_transaction_tells_its_block_and_its_outputs():
    (outline,) = parse(rows()).facts
    outputs = (OutputRecord(200_000_000, BOB.hex()), OutputRecord(424_990_000, CAROL.hex()))
    assert outline == TxOutline("btc", PAID.txid, True, HEIGHT, None, TIME, outputs=outputs)


def test_the_table_of_blocks_adds_the_hash():
    block = tsv(
        [{"block_id": HEIGHT, "block_hash": f"0x{BLOCK}", "timestamp": TIME, "no_transactions": 3}], ","
    )
    (outline,) = parse(bundle([("transaction.csv", rows()), ("block.csv", block)])).facts
    assert outline.block_hash == BLOCK


def test_an_output_whose_script_cannot_be_known_leaves_all_outputs_unknown():
    (outline,) = parse(rows(outputs=SIDES[1].replace("address_type: 3", "address_type: 2"))).facts
    assert (outline.outputs, outline.height) == (None, HEIGHT)


def test_parquet_holds_the_same_with_bytes_for_hashes():
    side = {"address": ["147Us9aEq2PvBC5wobBJw1yEpQEbPKzssA"], "value": 200_000_000, "address_type": 3}
    row = {
        "tx_hash": bytes.fromhex(PAID.txid),
        "block_id": HEIGHT,
        "timestamp": TIME,
        "inputs": [side],
        "outputs": [side],
    }
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row]), sink)
    (outline,) = parse(sink.getvalue()).facts
    assert (outline.txid, outline.outputs) == (PAID.txid, (OutputRecord(200_000_000, BOB.hex()),))


def spending(**changes):
    row = {"spending_tx_prefix": MERGED.txid[:5], "spending_tx_hash": f"0x{MERGED.txid}", "spending_input_index": 0,
           "spent_tx_hash": f"0x{PAID.txid}", "spent_output_index": 1}  # fmt: skip
    return {**row, **changes}


def test_the_tables_of_spending_state_each_spend_once():
    row = {name.replace("spending_tx_prefix", "spent_tx_prefix"): value for name, value in spending().items()}
    body = bundle([("a.csv", tsv([spending()], ",")), ("b.csv", tsv([row], ","))])
    assert parse(body).facts == (SpendRecord("btc", Outpoint(PAID.txid, 1), MERGED.txid, 0),)


@pytest.mark.parametrize("change", [{"spending_input_index": 1}, {"spent_output_index": 0}])
def test_spends_that_contradict_each_other_are_rejected(change):
    parsed = parse(tsv([spending(), spending(**change)], ","))
    assert len(parsed.facts) == 1
    assert "cannot be spent" in parsed.rejected[0].reason


@pytest.mark.parametrize("change", [
    {"total_output": 1}, {"total_input": 1}, {"tx_hash": "0x00"}, {"outputs": '"[{address: 5}]"'},
    {"outputs": '"[{address: [\'x\'], value: 624990000"'}, {"outputs": "exec(1)"},
])  # fmt: skip
def test_a_wrong_row_is_rejected(change):
    with pytest.raises(BadResponse):
        GraphSense.read("btc", PATH, 200, rows(**change))


def test_an_address_of_another_type_than_stated_is_rejected():
    wrong = SIDES[1].replace("address_type: 3", "address_type: 5")
    assert "no address of p2sh" in parse(rows(outputs=wrong)).rejected[0].reason


@pytest.mark.parametrize(
    "header",
    [
        b"src_address_id,dst_address_id,no_transactions",
        b"address_id,tx_id,is_outgoing",
        b"cluster_id,no_incoming_txs,no_outgoing_txs",
    ],
)
def test_aggregated_tables_are_refused_with_the_reason(header):
    assert GraphSense.recognises("x.csv", header + b"\n1,2,3\n")
    with pytest.raises(BadInput, match="no evidence"):
        parse(header + b"\n1,2,3\n")


def test_account_chains_are_referred_to_ethereum_etl():
    with pytest.raises(BadInput, match="account tables"):
        GraphSense.parse("eth", PATH, rows())
