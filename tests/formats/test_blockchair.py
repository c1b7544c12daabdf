"""Blockchair's dumps: transactions out of inputs, outputs and transactions together."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadResponse, SourceError
from chainflow.formats.blockchair import BlockchairTsv
from chainflow.formats.unpack import bundle
from chainflow.model import Outpoint, SpendRecord, TxRecord
from tests.formats.made import BLOCK, CHAIN, HEIGHT, MERGED, MINED, PAID, TIME, blockchair, tsv

PATH = "/dump.tsv.gz"


def body(tables=None, *, without=()):
    tables = blockchair() if tables is None else tables
    files = [
        (f"blockchair_bitcoin_{name}_20210911.tsv.gz", gzip.compress(tsv(rows), mtime=0))
        for name, rows in tables.items()
    ]
    return bundle([(name, content) for name, content in files if name.split("_")[2] not in without])


def parse(content):
    return BlockchairTsv.parse("btc", PATH, content)


def test_the_tables_together_make_recomputed_transactions():
    parsed = parse(body())
    records = {fact.txid: fact for fact in parsed.facts}
    assert parsed.rejected == ()
    assert [records[tx.txid].fee_sat for tx in CHAIN] == [0, 10_000, 10_000]
    assert records[PAID.txid].raw == PAID.serialize(witness=False)
    assert records[MERGED.txid].raw == MERGED.serialize(witness=False)
    assert (records[PAID.txid].height, records[PAID.txid].block_hash, records[PAID.txid].time) == (
        HEIGHT,
        BLOCK,
        TIME,
    )
    assert records[MINED.txid].is_coinbase


def test_without_the_table_of_blocks_the_hash_is_unknown():
    facts = parse(body(without=("blocks",))).facts
    assert {fact.block_hash for fact in facts} == {None}
    assert {fact.height for fact in facts} == {HEIGHT}


def test_a_negative_version_is_read_as_the_signed_number_it_is():
    tables = blockchair()
    for row in tables["transactions"]:
        row["version"] -= 2**32 if row["version"] >= 2**31 else 0
    assert set(parse(body(tables)).facts) == set(parse(body()).facts)


def test_inputs_alone_state_which_outputs_are_spent():
    facts = parse(tsv(blockchair()["inputs"])).facts
    assert SpendRecord("btc", Outpoint(MINED.txid, 0), PAID.txid, 0) in facts


def test_a_transaction_that_waits_has_no_block_and_no_block_time():
    tables = blockchair()
    for row in tables["transactions"]:
        row["block_id"] = -1
    record = next(fact for fact in parse(body(tables)).facts if fact.txid == PAID.txid)
    assert (record.is_placed, record.height, record.time) == (True, None, None)


@pytest.mark.parametrize(("table", "row", "column", "value", "why"), [
    ("outputs", 2, "value", 200_000_001, "add up to"),
    ("inputs", 0, "spending_sequence", 5, "hashes to"),
    ("inputs", 0, "value", 625_000_001, "add up to"),
    ("inputs", 0, "script_hex", "51", "script pays None"),
    ("transactions", 1, "input_count", 2, "should be 2"),
    ("transactions", 1, "fee", 0, "is stated"),
    ("transactions", 1, "lock_time", 0, "hashes to"),
    ("outputs", 2, "index", 9, "missing"),
])  # fmt: skip
def test_a_wrong_cell_refuses_the_transaction(table, row, column, value, why):
    tables = blockchair()
    tables[table][row][column] = value
    parsed = parse(body(tables))
    assert PAID.txid not in {fact.txid for fact in parsed.facts}
    assert why in " ".join(row.reason for row in parsed.rejected)


def test_a_missing_row_refuses_the_transaction():
    tables = blockchair()
    del tables["outputs"][3]
    assert PAID.txid not in {fact.txid for fact in parse(body(tables)).facts}


def test_balances_of_addresses_are_refused_as_no_evidence():
    with pytest.raises(BadResponse, match="sums, not evidence"):
        BlockchairTsv.read(
            "btc", PATH, 200, b"address\tbalance\n1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\t5000000000\n"
        )


def test_the_name_of_a_dump_tells_its_chain():
    assert BlockchairTsv.chains_of("blockchair_bitcoin-cash_inputs_20200101.tsv.gz", b"") == ("bch",)
    assert BlockchairTsv.chains_of("inputs.tsv", b"") == ()


@given(at=st.integers(0, len(tsv(blockchair()["inputs"])) - 1), byte=st.integers(32, 126))
def test_a_changed_byte_never_gives_another_recomputed_transaction(at, byte):
    tables = {name: tsv(rows) for name, rows in blockchair().items()}
    changed = bytearray(tables["inputs"])
    changed[at] = byte
    tables["inputs"] = bytes(changed)
    try:
        facts = BlockchairTsv.read("btc", PATH, 200, bundle(list(tables.items())))
    except SourceError:
        return
    good = {(tx.txid, tx.serialize(witness=False)) for tx in CHAIN}
    assert {(f.txid, f.raw) for f in facts if isinstance(f, TxRecord) and f.raw} <= good
