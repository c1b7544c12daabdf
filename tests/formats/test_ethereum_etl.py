"""Ethereum-etl's tables: what moved, exactly, and nothing that the table does not say."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput, SourceError
from chainflow.formats.ethereum_etl import EthereumEtl
from chainflow.formats.unpack import bundle
from chainflow.model import TokenRecord, TransferKind
from tests.formats.made import lines, tsv

PATH = "/transactions.json"
A, B, C = (f"0x{sign * 40}" for sign in "abc")
T = f"0x{'5' * 64}"
BLOCK = f"0x{'b1' * 32}"
ROW = {
    "hash": T, "nonce": 1, "block_hash": BLOCK, "block_number": 17173049, "transaction_index": 3, "from_address": A,
    "to_address": B, "value": 150188698577042438264952193024, "gas": 21000, "gas_price": 7, "input": "0x",
    "block_timestamp": 1683029999,
}  # fmt: skip
RECEIPT = {
    "receipt_gas_used": 21000,
    "receipt_status": 1,
    "receipt_effective_gas_price": 5,
    "receipt_contract_address": None,
}


def parse(body, options="", chain="eth"):
    return EthereumEtl.parse(chain, PATH + options, body)


def test_a_transaction_without_receipt_has_no_outcome_and_no_fee():
    parsed = parse(lines([ROW]))
    (native,) = parsed.facts
    assert (native.ok, native.value_raw, native.kind) == (
        None,
        150188698577042438264952193024,
        TransferKind.NATIVE,
    )
    assert (native.height, native.block_hash, native.time, native.position) == (
        17173049,
        BLOCK,
        1683029999,
        3,
    )
    assert "nobody knows whether they succeeded" in parsed.notes[0]


def test_a_receipt_tells_outcome_and_fee():
    native, fee = parse(lines([ROW | RECEIPT])).facts
    assert native.ok is True
    assert (fee.kind, fee.sender, fee.recipient, fee.value_raw, fee.ok) == (
        TransferKind.FEE,
        A,
        None,
        105_000,
        True,
    )


def test_a_failed_transaction_moved_nothing_and_paid_its_fee():
    native, fee = parse(lines([ROW | RECEIPT | {"receipt_status": 0}])).facts
    assert (native.ok, native.value_raw, native.stated_raw) == (False, 0, ROW["value"])
    assert (fee.value_raw, fee.marks) == (105_000, ("of a failed transaction",))


def test_receipts_of_another_file_are_joined():
    receipt = {
        "transaction_hash": T,
        "gas_used": 21000,
        "cumulative_gas_used": 30000,
        "status": 1,
        "effective_gas_price": 5,
    }
    body = bundle([("receipts.csv", tsv([receipt], ",")), ("transactions.csv", tsv([ROW], ","))])
    assert parse(body).facts == parse(lines([ROW | RECEIPT])).facts


def test_a_receipt_from_before_2017_has_no_status():
    native, fee = parse(lines([ROW | RECEIPT | {"receipt_status": None}])).facts
    assert native.ok is None
    assert fee.value_raw == 105_000


def test_a_creation_pays_the_contract_it_makes():
    native = parse(lines([ROW | RECEIPT | {"to_address": None, "receipt_contract_address": C}])).facts[0]
    assert native.recipient == C


def test_parquet_with_big_decimals_is_exact_and_with_floats_refused():
    for value, kinds in ((str(2**200), 1), (1e20, 0)):
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([ROW | {"value": value}]), sink)
        parsed = parse(sink.getvalue())
        assert (len(parsed.facts), len(parsed.rejected)) == (kinds, 1 - kinds)


TRANSFER = {"token_address": C, "from_address": A, "to_address": B, "value": 894, "transaction_hash": T, "log_index": 105,
            "block_number": 17173049}  # fmt: skip


def test_a_token_transfer_is_keyed_by_contract_and_log():
    (fact,) = parse(lines([TRANSFER])).facts
    assert (fact.contract, fact.place, fact.value_raw, fact.token_id) == (C, "log:105", 894, None)


def test_an_amount_that_may_be_a_tokens_id_is_marked_until_something_says_that_it_is_none():
    assert parse(lines([TRANSFER])).facts[0].marks == ("unchecked: amount or token id",)
    for decimals, marks in ((6, ()), (0, ("unchecked: amount or token id",))):
        tokens = lines([{"address": C, "symbol": "X", "name": "X", "decimals": decimals}])
        both = bundle([("token_transfers.json", lines([TRANSFER])), ("tokens.json", tokens)])
        assert [fact.marks for fact in parse(both).facts if hasattr(fact, "marks")] == [marks]


def test_the_table_of_logs_tells_an_id_from_an_amount():
    log = {"log_index": 105, "transaction_hash": T, "address": C, "data": "0x", "block_number": 17173049, "topics": [
        "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef", "0x" + "0" * 64, "0x" + "0" * 24 + B[2:],
        f"0x{894:064x}"]}  # fmt: skip
    both = bundle([("logs.json", lines([log])), ("token_transfers.json", lines([TRANSFER]))])
    (fact,) = parse(both).facts
    assert (fact.sender, fact.recipient, fact.token_id, fact.value_raw) == (None, B, 894, 1)
    (named,) = parse(lines([TRANSFER]), f"?nft={C}").facts
    assert (named.token_id, named.value_raw) == (894, 1)


def test_a_batch_of_pieces_is_told_apart_by_its_order():
    words = (64, 160, 2, 7, 8, 2, 1, 3)
    topics = ["0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"]
    topics += [f"0x{'0' * 24}{who[2:]}" for who in (C, A, B)]
    data = "0x" + "".join(f"{word:064x}" for word in words)
    log = {
        "log_index": 9,
        "transaction_hash": T,
        "address": C,
        "data": data,
        "block_number": 1,
        "topics": topics,
    }
    facts = parse(lines([log])).facts
    assert [(fact.place, fact.token_id, fact.value_raw) for fact in facts] == [
        ("log:9_0", 7, 1),
        ("log:9_1", 8, 3),
    ]


def test_approvals_are_no_transfers():
    log = {"log_index": 1, "transaction_hash": T, "address": C, "data": f"0x{5:064x}", "block_number": 1, "topics": [
        "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925", "0x" + "0" * 64, "0x" + "0" * 64]}  # fmt: skip
    assert parse(lines([log])).facts == ()


def trace(address, **changes):
    row = {"block_number": 5, "transaction_hash": T, "transaction_index": 0, "from_address": A, "to_address": B, "value": 9,
           "trace_type": "call", "call_type": "call", "reward_type": None, "trace_address": address, "error": None,
           "status": 1}  # fmt: skip
    return {**row, **changes}


@pytest.mark.parametrize("kind", ["delegatecall", "callcode", "staticcall"])
def test_calls_that_cannot_move_anything_are_left_out(kind):
    parsed = parse(lines([trace(""), trace("0", call_type=kind)]))
    _, unmoved = parsed.facts
    assert (unmoved.value_raw, unmoved.stated_raw, unmoved.marks) == (0, 9, (f"not moved: {kind}",))
    assert parsed.counts["calls that cannot move anything (left out)"] == 1


def test_the_first_call_is_the_transaction_itself():
    first, inner = parse(lines([trace(""), trace([0, 1])])).facts
    assert (first.kind, first.place) == (TransferKind.NATIVE, "")
    assert (inner.kind, inner.place) == (TransferKind.INTERNAL, "trace:0_1")


def test_a_failed_call_undoes_what_it_called():
    rows = [
        trace(""),
        trace("0", error="Reverted"),
        trace("0,2"),
        trace("1"),
        trace("0,3", call_type="delegatecall", error="x"),
    ]
    facts = {fact.place: fact for fact in parse(lines(rows)).facts}
    assert {place: fact.value_raw for place, fact in facts.items()} == {
        "": 9,
        "trace:0": 0,
        "trace:0_2": 0,
        "trace:0_3": 0,
        "trace:1": 9,
    }
    assert facts["trace:0_2"].stated_raw == 9


def test_a_reward_comes_from_nothing():
    row = trace(
        "", transaction_hash=None, from_address=None, trace_type="reward", reward_type="uncle", value=10**18
    )
    (fact,) = parse(lines([row])).facts
    assert (fact.kind, fact.txid, fact.sender, fact.recipient) == (TransferKind.REWARD, "block:5", None, B)


def test_withdrawals_are_in_gwei():
    block = {"number": 5, "hash": BLOCK, "miner": A, "gas_used": 1, "timestamp": 1683029999, "withdrawals": [
        {"index": 2210752, "validator_index": 540230, "address": B, "amount": 45762059}]}  # fmt: skip
    (fact,) = parse(lines([block])).facts
    assert (fact.kind, fact.value_raw, fact.place) == (
        TransferKind.WITHDRAWAL,
        45_762_059_000_000_000,
        "withdrawal:2210752",
    )


def test_what_a_token_says_of_itself_is_kept_with_unknown_decimals():
    row = {"address": C, "symbol": "USDT", "name": "", "decimals": None, "total_supply": 5}
    assert parse(lines([row])).facts == (TokenRecord("eth", C, "USDT", "", None),)


@pytest.mark.parametrize("change", [
    {"value": -1}, {"value": "1e18"}, {"value": None}, {"value": True}, {"value": 2**256}, {"hash": "0x12"},
    {"from_address": None}, {"from_address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"}, {"to_address": "0x5"},
    {"block_number": 1.5}, {"block_timestamp": "yesterday"}, {"transaction_index": -1}, {"block_hash": "0x"},
])  # fmt: skip
def test_a_wrong_cell_rejects_the_row(change):
    parsed = parse(lines([ROW | change, ROW]))
    assert (len(parsed.facts), len(parsed.rejected)) == (1, 1)


def test_other_chains_and_options_are_refused():
    with pytest.raises(BadInput, match="no rows of 'btc'"):
        parse(lines([ROW]), chain="btc")
    with pytest.raises(BadInput, match="no option 'table'"):
        parse(lines([ROW]), "?table=x")


@given(at=st.integers(0, len(lines([ROW])) - 1), byte=st.integers(32, 126))
def test_a_changed_byte_gives_facts_or_a_source_error(at, byte):
    body = bytearray(lines([ROW]))
    body[at] = byte
    try:
        facts = EthereumEtl.read("eth", PATH, 200, bytes(body))
    except SourceError:
        return
    assert all(fact.chain == "eth" for fact in facts)


def test_a_recorded_block_is_read_exactly(shared):
    folder = shared / "evm" / "block_17173049"
    rows = [
        json.loads(line)
        for line in gzip.decompress((folder / "expected_transactions.json.gz").read_bytes()).splitlines()
    ]
    facts = parse((folder / "expected_transactions.json.gz").read_bytes()).facts
    native = {fact.txid: fact for fact in facts if fact.kind == TransferKind.NATIVE}
    fees = {fact.txid: fact for fact in facts if fact.kind == TransferKind.FEE}
    assert len(native) == len(fees) == len(rows) == 298
    for row in rows:
        ok = row["receipt_status"] == 1
        assert native[row["hash"]].value_raw == (row["value"] if ok else 0)
        assert fees[row["hash"]].value_raw == row["receipt_gas_used"] * row["receipt_effective_gas_price"]
    assert sum(not fact.ok for fact in native.values()) == 9


def test_recorded_logs_and_token_transfers_say_the_same_but_for_ids(shared):
    folder = shared / "evm" / "block_17173049"
    logs = parse((folder / "expected_logs.json.gz").read_bytes()).facts
    table = parse((folder / "expected_token_transfers.json.gz").read_bytes()).facts
    by_place = {(fact.txid, fact.place): fact for fact in logs}
    assert len(table) == 291
    differing = [fact for fact in table if by_place[fact.txid, fact.place].stated_raw != fact.stated_raw]
    assert len(differing) == 9
    assert all(by_place[fact.txid, fact.place].token_id == fact.stated_raw for fact in differing)
    both = bundle(
        [
            (name, (folder / name).read_bytes())
            for name in ("expected_logs.json.gz", "expected_token_transfers.json.gz")
        ]
    )
    assert Counter(parse(both).facts) == Counter(logs)
    assert max(fact.stated_raw for fact in logs) >= 10**30


def test_recorded_csv_tables_are_read(shared):
    for file in sorted((shared / "evm" / "ethereum_etl").glob("*.csv")):
        body = file.read_bytes()
        parsed = parse(body)
        assert parsed.rejected == (), file.name
        assert parsed.rows == sum(1 for _ in csv.DictReader(io.StringIO(body.decode())))
