"""Claimed amounts in Bitcoin Core's script engine: what recorded signatures commit to, and false claims."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples, schema
from chainflow.errors import BadInput, MissingExtra
from chainflow.ledger import Ledger, build
from chainflow.ledger.store import record_of
from chainflow.model import OutputRecord
from chainflow.proving import FAILS, NOT_CHECKED, PROVED, SCRIPT_ONLY, AmountProof, prove_amounts
from chainflow.sources.esplora_facts import facts
from chainflow.wire import Transaction, TxInput, TxOutput, parse_transaction
from tests.made import HERE, ledger

pytest.importorskip("pbk", reason="Bitcoin Core's script engine has no wheel for this Python or platform")

COLONIAL = samples.load("colonial")
HONEST = prove_amounts(COLONIAL)
ROWS = HONEST.table.to_pylist()


def rows_of(state: str) -> list[dict[str, object]]:
    return [row for row in ROWS if row["state"] == state]


def claiming(known: Ledger, outpoint: str, **changes: object) -> Ledger:
    """Return a ledger in which a source claims something else of one spent output."""
    rows = known.outputs.to_pylist()
    for row in rows:
        if f"{row['txid']}:{row['vout']}" == outpoint:
            row.update(changes)
    return dataclasses.replace(known, outputs=pa.Table.from_pylist(rows, schema=schema.OUTPUTS))


def silent_on(known: Ledger, outpoint: str) -> Ledger:
    """Return a ledger in which nobody says what one spent output holds."""
    rows = [row for row in known.outputs.to_pylist() if f"{row['txid']}:{row['vout']}" != outpoint]
    return dataclasses.replace(known, outputs=pa.Table.from_pylist(rows, schema=schema.OUTPUTS))


def with_raw(known: Ledger, txid: str, raw: bytes | None) -> Ledger:
    """Return a ledger that holds other bytes of one transaction."""
    rows = known.txs.to_pylist()
    for row in rows:
        if row["txid"] == txid:
            row["raw"] = raw
    return dataclasses.replace(known, txs=pa.Table.from_pylist(rows, schema=schema.TXS))


def state_of(found: AmountProof, txid: str, vin: int = 0) -> tuple[str, str]:
    (row,) = (row for row in found.table.to_pylist() if (row["txid"], row["vin"]) == (txid, vin))
    return row["state"], row["reason"]


def made(
    script: bytes,
    *,
    scriptsig: bytes = b"",
    witness: tuple[bytes, ...] = (),
    chain: str = "btc",
    height: int | None = 900_000,
) -> tuple[Ledger, str]:
    """Return a ledger of one transaction with one input that spends `script`, and its txid."""
    spend = TxInput("ab" * 32, 0, scriptsig, 0xFFFFFFFD, witness)
    raw = Transaction(2, (spend,), (TxOutput(900, b"\x51"),)).serialize()
    block = (None,) * 4 if height is None else (height, f"{height:064x}", 1_700_000_000, 1)
    record = record_of(raw, [OutputRecord(1000, script.hex())], chain=chain, block=block)
    return ledger(record), record.txid


def read(lines: list[bytes]) -> Ledger:
    """Build a ledger from explorer replies, one transaction each."""
    records = [facts("btc", f"/tx/{json.loads(line)['txid']}", 200, line)[0] for line in lines]
    return build((record, HERE) for record in records)


# --- recorded transactions ----------------------------------------------------------------------


def test_every_recorded_amount_of_the_sample_case_holds():
    assert HONEST.counts == {PROVED: 37, SCRIPT_ONLY: 26, NOT_CHECKED: 0, FAILS: 0}
    assert HONEST.by_parent == 5
    assert HONEST.failures == ()
    assert HONEST.disputes.num_rows == 0


def test_inputs_are_checked_or_proved_by_their_parent_and_none_is_lost():
    inputs = COLONIAL.txs.filter(pa.compute.invert(COLONIAL.txs["is_coinbase"]))["n_inputs"].to_pylist()
    assert HONEST.table.num_rows + HONEST.by_parent == sum(inputs)


def test_native_segwit_is_always_proved_and_a_plain_key_hash_never():
    kinds = {(row["script_type"], row["state"]) for row in ROWS}
    assert kinds == {("p2wpkh", PROVED), ("p2sh", PROVED), ("p2sh", SCRIPT_ONLY), ("p2pkh", SCRIPT_ONLY)}


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(rows_of(PROVED)), st.sampled_from((-1, 1)))
def test_an_amount_wrong_by_one_unit_fails_where_a_signature_commits_to_it(row, step):
    lie = claiming(COLONIAL, row["outpoint"], value_sat=row["value_sat"] + step)
    found = prove_amounts(lie, [row["txid"]])
    assert found.failures == ((row["txid"], row["vin"]),)
    assert found.counts[FAILS] == 1


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(rows_of(SCRIPT_ONLY)), st.integers(0, 2_100_000_000_000_000))
def test_an_old_signature_says_nothing_of_the_amount(row, amount):
    lie = claiming(COLONIAL, row["outpoint"], value_sat=amount)
    found = prove_amounts(lie, [row["txid"]])
    assert state_of(found, row["txid"], row["vin"])[0] == SCRIPT_ONLY
    assert found.failures == ()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(ROWS), st.binary(min_size=20, max_size=20))
def test_another_script_fails_whatever_the_signature(row, key_hash):
    lie = claiming(COLONIAL, row["outpoint"], script=f"76a914{key_hash.hex()}88ac")
    assert (row["txid"], row["vin"]) in prove_amounts(lie, [row["txid"]]).failures


def test_a_recorded_block_verifies_whole(shared):
    with gzip.open(shared / "explorers" / "esplora" / "block_680000_first_1200.jsonl.gz") as lines:
        found = prove_amounts(read([*lines]))
    assert found.counts == {PROVED: 1186, SCRIPT_ONLY: 483, NOT_CHECKED: 0, FAILS: 0}
    assert found.by_parent == 130


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("taproot-script-path", (2, 0)),
        ("taproot-op-return", (1, 0)),
        ("wabisabi-coinjoin", (327, 0)),
        ("whirlpool-coinjoin", (5, 0)),
        ("bare-multisig", (0, 3)),
        ("dust-attack-555", (0, 1)),
    ],
)
def test_recorded_transactions_of_every_kind_verify(shared, name, counts):
    body = (shared / "explorers" / "esplora" / "txs" / f"{name}.json").read_bytes()
    found = prove_amounts(read([body]))
    assert tuple(found.counts.values()) == (*counts, 0, 0)


def test_a_taproot_signature_commits_to_the_amounts_of_all_inputs(shared):
    known = read([(shared / "explorers" / "esplora" / "txs" / "taproot-script-path.json").read_bytes()])
    first, second = prove_amounts(known).table.to_pylist()
    found = prove_amounts(claiming(known, first["outpoint"], value_sat=first["value_sat"] + 1))
    assert found.counts[FAILS] == 2
    assert "or of another one" in state_of(found, second["txid"], 1)[1]
    unknown = prove_amounts(silent_on(known, first["outpoint"]))
    assert unknown.counts == {PROVED: 0, SCRIPT_ONLY: 0, NOT_CHECKED: 2, FAILS: 0}
    assert "one of them is not known" in state_of(unknown, second["txid"], 1)[1]


def test_a_chain_of_real_litecoin_nodes_verifies_without_the_parents(shared):
    counts = dict.fromkeys((PROVED, SCRIPT_ONLY, NOT_CHECKED, FAILS), 0)
    with gzip.open(shared / "nodes" / "litecoind_regtest" / "chain.getblock2.jsonl.gz") as lines:
        blocks = [json.loads(line) for line in lines]
    parsed = [parse_transaction(bytes.fromhex(tx["hex"])) for block in blocks for tx in block["tx"]]
    outputs = {(tx.txid, vout): output for tx in parsed for vout, output in enumerate(tx.outputs)}
    for tx in parsed[-150:]:
        if tx.is_coinbase:
            continue
        spent = [outputs[entry.txid, entry.vout] for entry in tx.inputs]
        prevouts = [OutputRecord(output.value_sat, output.script.hex()) for output in spent]
        record = record_of(
            tx.serialize(), prevouts, chain="ltc-regtest", block=(7, "07" * 32, 1_700_000_000, 1)
        )
        for state, count in prove_amounts(ledger(record)).counts.items():
            counts[state] += count
    assert counts[FAILS] == counts[NOT_CHECKED] == 0
    assert counts[PROVED] > 100


# --- what cannot be checked ---------------------------------------------------------------------


def segwit_row() -> dict[str, object]:
    return next(row for row in rows_of(PROVED) if row["script_type"] == "p2wpkh")


def test_bytes_without_their_witness_are_no_false_claim():
    txid = segwit_row()["txid"]
    raw = dict(zip(*(COLONIAL.txs[name].to_pylist() for name in ("txid", "raw")), strict=True))[txid]
    found = prove_amounts(with_raw(COLONIAL, txid, parse_transaction(raw).serialize(witness=False)), [txid])
    without = {row["vin"] for row in rows_of(PROVED) if row["txid"] == txid}
    assert {state_of(found, txid, vin)[1] for vin in without} == {"the bytes held came without the witness"}
    assert (found.counts[NOT_CHECKED], found.counts[FAILS]) == (len(without), 0)


def test_a_transaction_without_bytes_is_not_checked():
    row = segwit_row()
    found = prove_amounts(with_raw(COLONIAL, row["txid"], None), [row["txid"]])
    state, reason = state_of(found, row["txid"], row["vin"])
    assert (state, reason) == (NOT_CHECKED, "the bytes of the transaction are not held")


def test_an_output_of_which_nobody_spoke_is_not_checked_and_its_neighbours_are():
    many = {row["txid"] for row in rows_of(PROVED) if row["vin"] == 1}
    txid = next(row["txid"] for row in rows_of(PROVED) if row["vin"] == 0 and row["txid"] in many)
    first, second = (row for row in ROWS if row["txid"] == txid and row["vin"] < 2)
    found = prove_amounts(silent_on(COLONIAL, first["outpoint"]), [txid])
    assert state_of(found, txid, 0) == (NOT_CHECKED, "no reply says what the spent output holds")
    assert state_of(found, txid, 1) == (second["state"], second["reason"])


def test_a_chain_with_other_signatures_is_not_checked():
    known, txid = made(b"\x51", chain="doge")
    assert state_of(prove_amounts(known), txid)[0] == NOT_CHECKED


def test_what_leaves_the_mweb_is_not_checked():
    spend = TxInput("ab" * 32, 0, b"", 0)
    raw = Transaction(2, (spend,), (TxOutput(900, b"\x58\x20" + bytes(32)),), is_hogex=True).serialize()
    record = record_of(
        raw,
        [OutputRecord(1000, "5820" + "00" * 32)],
        chain="ltc",
        block=(2_700_000, "07" * 32, 1_700_000_000, 1),
    )
    assert "MWEB" in state_of(prove_amounts(ledger(record)), record.txid)[1]


def test_a_stranger_is_named():
    with pytest.raises(BadInput, match="is not in this ledger"):
        prove_amounts(COLONIAL, ["ab" * 32])


def test_without_the_engine_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pbk", None)
    with pytest.raises(MissingExtra, match=r"chainflow\[verify\]"):
        prove_amounts(COLONIAL)


# --- the rules ----------------------------------------------------------------------------------


def test_a_witness_that_signs_nothing_proves_no_amount():
    known, txid = made(b"\x00\x20" + hashlib.sha256(b"\x51").digest(), witness=(b"\x51",))
    assert state_of(prove_amounts(known), txid)[0] == SCRIPT_ONLY


@pytest.mark.parametrize(("height", "state"), [(388_380, SCRIPT_ONLY), (388_381, FAILS), (None, SCRIPT_ONLY)])
def test_a_rule_binds_from_the_block_on_in_which_it_began(height, state):
    known, txid = made(
        b"\x51\xb1", height=height
    )  # locked until block 1, spent by a transaction without locktime
    assert state_of(prove_amounts(known), txid)[0] == state


@pytest.mark.parametrize(("height", "state"), [(692_261, SCRIPT_ONLY), (692_262, FAILS), (None, FAILS)])
def test_one_block_spends_a_taproot_output_without_a_signature(height, state):
    known, txid = made(b"\x51\x20" + b"\1" * 32, witness=(b"\x51",), height=height)
    assert state_of(prove_amounts(known), txid)[0] == state


def test_the_script_behind_a_hash_counts_in_every_block_but_one():
    redeem = b"\x00"  # an empty stack item: false
    digest = hashlib.new("ripemd160", hashlib.sha256(redeem).digest()).digest()
    spent = b"\xa9\x14" + digest + b"\x87"
    states = {}
    for height in (170_060, 170_061):
        known, txid = made(spent, scriptsig=b"\x01\x00", height=height)
        states[height] = state_of(prove_amounts(known), txid)[0]
    assert states == {170_060: SCRIPT_ONLY, 170_061: FAILS}


# --- the result ---------------------------------------------------------------------------------


def test_a_false_claim_is_named_and_becomes_a_dispute():
    row = segwit_row()
    found = prove_amounts(claiming(COLONIAL, row["outpoint"], value_sat=row["value_sat"] + 1), [row["txid"]])
    assert f"{row['txid']}, input {row['vin']}" in found._repr_html_()
    assert "1 FAILS" in repr(found)
    (dispute,) = found.disputes.to_pylist()
    assert found.disputes.schema == schema.DISPUTES
    assert (dispute["txid"], dispute["field"]) == (row["txid"], f"prevout {row['outpoint']}")
    assert dispute["refused"] == str(row["value_sat"] + 1)
    assert dispute["is_excluded"]
    marked = dataclasses.replace(COLONIAL, disputes=pa.concat_tables([COLONIAL.disputes, found.disputes]))
    assert ("btc", row["txid"]) in marked.disputed


def test_the_same_claims_give_the_same_digest_and_recipe():
    again = prove_amounts(COLONIAL)
    assert (again.digest, again.recipe.digest) == (HONEST.digest, HONEST.recipe.digest)
    assert HONEST.recipe.parameters["engine"].startswith("py-bitcoinkernel 0.1.0a5")
    assert HONEST.recipe.inputs == [COLONIAL.digest]
    lie = claiming(COLONIAL, segwit_row()["outpoint"], value_sat=5)
    assert prove_amounts(lie).digest != HONEST.digest


def test_the_table_is_exact_in_pandas():
    frame = HONEST.to_pandas()
    assert frame["value_sat"].sum() == sum(row["value_sat"] for row in ROWS)
    assert list(frame.columns) == HONEST.table.column_names


def test_an_empty_ledger_has_nothing_to_check():
    found = prove_amounts(build([]))
    assert (found.table.num_rows, found.by_parent) == (0, 0)
    assert "nothing to check" in repr(found)


def test_a_false_amount_becomes_a_dispute_of_the_case_that_needs_no_engine_to_read(tmp_path):
    from chainflow import replay
    from chainflow.case import Case
    from chainflow.model import Recipe, canonical_json

    row = ["btc", "ab" * 32, "prevout x", "", "5", "the signature is for another amount", True]
    with Case(tmp_path / "a.chainflow") as case:
        case.log.step(Recipe("prove-amounts", {}), "00" * 32, bodies=[canonical_json([row]).encode()])
        assert case.ledger.disputed == {("btc", "ab" * 32)}
        assert case.verify().ok
        assert replay.with_false_amounts(case.ledger, case.log).disputes.num_rows == 1
