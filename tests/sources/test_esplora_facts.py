"""What a reply states, and every way in which a reply is refused."""

from __future__ import annotations

import copy
import gzip
import json
from typing import Any

import pytest
from damage import JUNK, altered, at, leaves, put
from esplora_form import (
    CONFIRMED,
    FIRST_PREVOUTS,
    FIRST_RAW,
    FIRST_TXID,
    GENESIS_RAW,
    GENESIS_TXID,
    RANSOM_ADDRESS,
    RANSOM_PREVOUTS,
    RANSOM_RAW,
    RANSOM_TXID,
    UNCONFIRMED,
    body,
    esplora,
    esplora_of,
    ransom,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainflow.addresses import address_of
from chainflow.errors import BadInput, BadResponse, NotFound, ProofFailed, SchemaMismatch, SourceError
from chainflow.model import AddressClaim, InputRecord, Listing, Outpoint, OutputRecord, SpendRecord, Tip
from chainflow.sources.esplora import facts
from chainflow.sources.esplora_facts import subject_of
from chainflow.wire import Transaction, TxInput, TxOutput

RANSOM_PATH = f"/tx/{RANSOM_TXID}"
HISTORY = f"/address/{RANSOM_ADDRESS}/txs"
MINE = bytes.fromhex("76a9142f23d6abe13b271e90b1a61c685e5935a578e95f88ac")
OTHER = bytes.fromhex("0014f640e715bbd94353dcd420a88c3373c73547562e")


def read(value: object, path: str = RANSOM_PATH, *, chain: str = "btc") -> Any:
    return facts(chain, path, 200, body(value))


# --- what is stated --------------------------------------------------------------------------------


def test_the_tip_is_a_height():
    assert facts("ltc", "/blocks/tip/height", 200, b"698767\n") == (Tip("ltc", 698767),)


def test_an_addresses_counts_are_a_claim():
    stats = {"address": RANSOM_ADDRESS, "chain_stats": {"tx_count": 3}, "mempool_stats": {"tx_count": 1}}
    assert read(stats, f"/address/{RANSOM_ADDRESS}") == (AddressClaim("btc", RANSOM_ADDRESS, 3, 1),)


def test_the_ransom_transaction_reads_as_the_chain_has_it():
    (record,) = read(ransom())
    assert record.txid == RANSOM_TXID
    assert record.fee_sat == 14_061
    assert record.outputs[1] == OutputRecord(
        7_500_034_246, "76a91488b30700aa5c1185457ceef0bcd8e01f07e4b9fd88ac"
    )
    assert [given.prevout.value_sat for given in record.inputs] == [20_000, 7_500_030_000]
    assert (record.height, record.time, record.position) == (682603, 1620496070, None)
    assert record.raw == RANSOM_RAW


def test_a_coinbase_spends_nothing():
    (record,) = read(esplora(GENESIS_RAW), f"/tx/{GENESIS_TXID}")
    assert (record.is_coinbase, record.inputs, record.fee_sat) == (True, (), 0)
    assert record.outputs[0].value_sat == 5_000_000_000


def test_scripts_without_an_address_are_read():
    (record,) = read(esplora(FIRST_RAW, FIRST_PREVOUTS), f"/tx/{FIRST_TXID}")
    assert [output.value_sat for output in record.outputs] == [1_000_000_000, 4_000_000_000]


def test_an_unconfirmed_transaction_has_no_block():
    (record,) = read(esplora(RANSOM_RAW, RANSOM_PREVOUTS, UNCONFIRMED))
    assert (record.height, record.block_hash, record.time) == (None, None, None)


def test_what_explorers_add_is_ignored():
    tx = ransom() | {"sigops": 8, "effectiveFeePerVsize": 37.7, "order": 1, "vsize": 369}
    tx["vout"][0]["scriptpubkey_address"] = ""  # mempool.space, where there is none
    assert read(tx) == read(ransom())


def test_a_bare_key_may_be_labelled_with_the_address_made_of_it():
    tx = esplora(FIRST_RAW, FIRST_PREVOUTS)
    tx["vout"][0]["scriptpubkey_address"] = "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3"  # Core before 22 does
    assert read(tx, f"/tx/{FIRST_TXID}") == read(esplora(FIRST_RAW, FIRST_PREVOUTS), f"/tx/{FIRST_TXID}")


def test_litecoin_addresses_are_litecoins():
    tx = esplora(RANSOM_RAW, RANSOM_PREVOUTS, chain="ltc")
    assert read(tx, chain="ltc")[0].chain == "ltc"
    with pytest.raises(ProofFailed, match="but the script's address is"):
        read(tx, chain="btc")


scripts = st.one_of(
    st.binary(min_size=20, max_size=20).map(lambda h: b"\x76\xa9\x14" + h + b"\x88\xac"),
    st.binary(min_size=20, max_size=20).map(lambda h: b"\x00\x14" + h),
    st.binary(max_size=90).map(lambda text: b"\x6a" + text),
    st.binary(max_size=30),
)
txids = st.binary(min_size=32, max_size=32).filter(any).map(bytes.hex)
inputs = st.builds(
    TxInput,
    txids,
    st.integers(0, 2**32 - 1),
    st.binary(max_size=20),
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(max_size=20), max_size=3).map(tuple),
)
outputs = st.builds(TxOutput, st.integers(0, 10**12), scripts)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(inputs, outputs), min_size=1, max_size=4),
    st.lists(outputs, min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_any_transaction_comes_back_as_it_was_sent(spent, paid, number):
    tx = Transaction(number, tuple(one for one, _ in spent), tuple(paid), number)
    assume(sum(v for _, (v, _) in spent) >= sum(v for v, _ in paid))
    (record,) = read(esplora_of(tx, [prevout for _, prevout in spent]), f"/tx/{tx.txid}")
    assert record.outputs == tuple(OutputRecord(v, s.hex()) for v, s in paid)
    assert record.inputs == tuple(
        InputRecord(Outpoint(i.txid, i.vout), OutputRecord(v, s.hex()), i.sequence) for i, (v, s) in spent
    )
    assert record.raw == tx.serialize()


# --- what is refused in a transaction ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("vout.0.value", -546, r"field vout\[0\].value is -546 \(allowed: 0…2,100,000,000,000,000\)"),
        ("vout.0.value", 2_100_000_000_000_001, r"field vout\[0\].value is 2100000000000001"),
        ("vout.0.value", True, r"field vout\[0\].value is True"),
        ("vout.0.value", 1693.0, r"field vout\[0\].value is 1693.0"),
        ("vout.0.value", "1693", r"field vout\[0\].value is '1693'"),
        ("vout.0.value", ..., r"field vout\[0\].value is missing"),
        ("vout.0.value", None, r"field vout\[0\].value is None"),
        ("vout.0.scriptpubkey", "0014zz", r"field vout\[0\].scriptpubkey is '0014zz'"),
        ("vout.0.scriptpubkey", "001", r"field vout\[0\].scriptpubkey is '001'"),
        ("vout.0.scriptpubkey", ..., r"field vout\[0\].scriptpubkey is missing"),
        ("vout", [], "vout"),
        ("vout", {}, r"field vout is {} \(allowed: a list\)"),
        ("vin", [], "vin"),
        ("vin.0", "x", r"field|vin"),
        ("vin.1.prevout", None, r"field vin\[1\].prevout is None"),
        ("vin.1.prevout", ..., r"field vin\[1\].prevout is missing"),
        ("vin.1.vout", 2**32, r"vin\[1\].vout is 4294967296"),
        ("vin.1.vout", True, r"vin\[1\].vout is True"),
        ("vin.1.sequence", ..., r"vin\[1\].sequence"),
        ("vin.1.is_coinbase", 0, r"is_coinbase|vin\[1\].txid"),
        ("vin.1.is_coinbase", True, r"field vin\[1\].txid is '6a79"),
        ("vin.1.txid", "61689f", r"vin\[1\].txid is '61689f'"),
        ("vin.1.witness", "00", r"vin\[1\].witness"),
        ("version", 2**32, "version is 4294967296"),
        ("locktime", None, "locktime is None"),
        ("txid", RANSOM_TXID.upper(), "field txid is .* lower-case"),
        ("txid", ..., "field txid is missing"),
        ("fee", -1, "field fee is -1"),
        ("fee", ..., "field fee is missing"),
        ("fee", 10**30, "field fee is 1000"),
        ("status", ..., "field status is missing"),
        ("status.confirmed", 1, "field status.confirmed is 1"),
        ("status.confirmed", False, "field status.block_height is 682603 .*while unconfirmed"),
        ("status.block_height", -1, "field status.block_height is -1"),
        ("status.block_height", ..., "field status.block_height is missing"),
        ("status.block_hash", "00", "field status.block_hash is '00'"),
        ("status.block_time", None, "field status.block_time is None"),
        ("status.block_time", 2**32, "field status.block_time is 4294967296"),
    ],
)
def test_a_wrong_field_is_named_and_refused(path, value, told):
    with pytest.raises(SchemaMismatch, match=told) as caught:
        read(altered(ransom(), path, value))
    assert "rejected as a whole" in caught.value.hint
    assert RANSOM_PATH in caught.value.message


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("vout.1.value", 7_500_034_245, f"stated as {RANSOM_TXID} hashes to [0-9a-f]{{64}}"),
        ("vout.0.scriptpubkey", "0014" + "00" * 20, "hashes to|script's address"),
        ("vin.0.vout", 1, "hashes to"),
        ("vin.0.txid", FIRST_TXID, "hashes to"),
        ("vin.0.scriptsig", "", "hashes to"),
        ("vin.0.sequence", 0, "hashes to"),
        ("version", 1, "hashes to"),
        ("locktime", 0, "hashes to"),
        ("txid", FIRST_TXID, f"stated as {FIRST_TXID} hashes to {RANSOM_TXID}"),
        ("fee", 14_060, "states a fee of 14,060, but inputs − outputs is 14,061"),
        ("vin.0.prevout.value", 20_001, "states a fee of 14,061, but inputs − outputs is 14,062"),
        ("vin.0.prevout.value", 0, "but inputs − outputs is -5,939"),
        ("vin.0.prevout.scriptpubkey", OTHER.hex(), r"vin\[0\].prevout.scriptpubkey_address is '15JFh88"),
        ("vin.0.prevout.scriptpubkey", "", "but the script's address is None"),
        ("vout.0.scriptpubkey_address", RANSOM_ADDRESS, "but the script's address is bc1q7eqww9dmm9p48hx5y"),
    ],
)
def test_a_contradiction_is_named_and_refused(path, value, told):
    with pytest.raises(ProofFailed, match=told) as caught:
        read(altered(ransom(), path, value))
    assert "rejected as a whole" in caught.value.hint


def test_another_transaction_than_asked_for_is_refused():
    with pytest.raises(ProofFailed, match=f"is another transaction, {RANSOM_TXID}"):
        read(ransom(), f"/tx/{FIRST_TXID}")


@pytest.mark.parametrize(
    ("field", "value"), [("prevout", {"scriptpubkey": "", "value": 1}), ("is_coinbase", False)]
)
def test_a_coinbase_that_claims_to_spend_is_refused(field, value):
    tx = esplora(GENESIS_RAW)
    tx["vin"][0][field] = value
    with pytest.raises(SchemaMismatch, match=r"vin\[0\]"):
        read(tx, f"/tx/{GENESIS_TXID}")


def test_a_coinbase_has_no_fee():
    with pytest.raises(ProofFailed, match="states a fee of 1, but inputs − outputs is 0"):
        read(esplora(GENESIS_RAW) | {"fee": 1}, f"/tx/{GENESIS_TXID}")


DECORATION = ("scriptsig_asm", "scriptpubkey_asm", "size")


@settings(max_examples=100)
@given(st.data())
def test_a_field_changed_into_anything_is_refused_or_does_not_matter(data):
    tx = ransom()
    del tx["vin"][0]["witness"], tx["vin"][1]["witness"]  # a txid does not commit to the witness
    hearsay = [
        ("status", "block_height"),
        ("status", "block_hash"),
        ("status", "block_time"),
    ]  # nor to the block
    path = data.draw(st.sampled_from([leaf for leaf in leaves(tx) if leaf and leaf not in hearsay]))
    old = at(tx, path)
    nearby = (
        [old + 1, old - 1, -old]
        if type(old) is int
        else [old[:-1], old[1:] + old[:1]]
        if isinstance(old, str)
        else []
    )
    damaged = put(
        copy.deepcopy(tx), path, data.draw(st.one_of(JUNK, st.sampled_from(nearby)) if nearby else JUNK)
    )
    try:
        stated = read(damaged)
    except SourceError:
        return
    assert stated == read(tx)


@settings(max_examples=100)
@given(st.data())
def test_a_byte_changed_anywhere_never_fails_untyped(data):
    raw = bytearray(body([ransom()]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        listing, *records = facts("btc", HISTORY, 200, bytes(raw))
    except SourceError:
        return
    assert listing.txids == (RANSOM_TXID,)
    assert records[0].outputs == read(ransom())[0].outputs


@given(
    st.sampled_from([HISTORY, RANSOM_PATH, "/blocks/tip/height", RANSOM_PATH + "/outspends"]),
    st.binary(max_size=80),
)
def test_noise_is_never_a_fact(path, noise):
    try:
        stated = facts("btc", path, 200, noise)
    except SourceError:
        return
    assert noise.strip().isdigit() or noise.strip() == b"[]"
    assert isinstance(stated[0], (Tip, Listing))


# --- pages ------------------------------------------------------------------------------------------


def payments(count: int, *, unconfirmed: int = 0) -> list[dict[str, Any]]:
    """Return `count` confirmed payments to the ransom address, after some unconfirmed ones."""
    page = []
    for number in range(count + unconfirmed):
        tx = Transaction(2, (TxInput(FIRST_TXID, number, b"", 0),), (TxOutput(1000, MINE),))
        page.append(esplora_of(tx, [(1500, OTHER)], UNCONFIRMED if number < unconfirmed else CONFIRMED))
    return page


def test_an_empty_first_page_is_a_complete_history_of_nothing():
    assert read([], HISTORY) == (Listing("btc", RANSOM_ADDRESS, "", (), complete=True),)


@pytest.mark.parametrize(
    ("confirmed", "unconfirmed", "complete"),
    [(1, 0, True), (24, 50, True), (25, 0, False), (25, 3, False), (50, 0, False)],
)
def test_a_page_is_the_last_if_its_confirmed_part_is_short(confirmed, unconfirmed, complete):
    page = payments(confirmed, unconfirmed=unconfirmed)
    listing, *records = read(page, HISTORY)
    assert listing.txids == tuple(tx["txid"] for tx in page) == tuple(record.txid for record in records)
    assert listing.complete is complete
    assert bool(listing.reason) is not complete


def test_a_later_page_knows_after_which_txid_it_comes():
    listing, _ = read([ransom()], f"{HISTORY}/chain/{FIRST_TXID}")
    assert (listing.after, listing.complete) == (FIRST_TXID, True)


def test_a_page_that_does_not_move_on_is_refused():
    with pytest.raises(ProofFailed, match=f"lists {RANSOM_TXID} again"):
        read([ransom()], f"{HISTORY}/chain/{RANSOM_TXID}")


def test_a_txid_twice_on_a_page_is_refused():
    with pytest.raises(ProofFailed, match="again"):
        read([ransom(), ransom()], HISTORY)


def test_a_transaction_of_somebody_else_on_the_page_is_refused():
    with pytest.raises(ProofFailed, match=f"lists {FIRST_TXID}, which does not touch it"):
        read([ransom(), esplora(FIRST_RAW, FIRST_PREVOUTS)], HISTORY)


def test_one_wrong_transaction_spoils_the_page():
    page = payments(2)
    page[1]["vout"][0]["value"] = -1
    with pytest.raises(SchemaMismatch, match=r"field \[1\].vout\[0\].value is -1"):
        read(page, HISTORY)


def test_counts_of_another_address_are_refused():
    stats = {"address": RANSOM_ADDRESS, "chain_stats": {"tx_count": 3}, "mempool_stats": {"tx_count": 0}}
    with pytest.raises(ProofFailed, match="about another address"):
        read(stats, "/address/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")


@pytest.mark.parametrize("count", [-1, True, "3", None, 3.0, 10**13])
def test_a_count_is_a_count(count):
    stats = {"address": RANSOM_ADDRESS, "chain_stats": {"tx_count": count}, "mempool_stats": {"tx_count": 0}}
    with pytest.raises(SchemaMismatch, match=r"field chain_stats\.tx_count is"):
        read(stats, f"/address/{RANSOM_ADDRESS}")


# --- spends -----------------------------------------------------------------------------------------

SPENDS = [{"spent": True, "txid": FIRST_TXID, "vin": 0, "status": CONFIRMED}, {"spent": False}]


def test_outspends_state_each_output_in_order():
    assert read(SPENDS, RANSOM_PATH + "/outspends") == (
        SpendRecord("btc", Outpoint(RANSOM_TXID, 0), FIRST_TXID, 0),
        SpendRecord("btc", Outpoint(RANSOM_TXID, 1), None, None),
    )


def test_a_batch_of_outspends_is_in_the_order_asked_and_silent_on_the_unknown():
    path = f"/txs/outspends?txids={RANSOM_TXID},{'ab' * 32},{GENESIS_TXID}"
    stated = read([SPENDS, [], [{"spent": False}]], path)
    assert [str(spend.outpoint) for spend in stated] == [
        f"{RANSOM_TXID}:0",
        f"{RANSOM_TXID}:1",
        f"{GENESIS_TXID}:0",
    ]


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ([], SchemaMismatch),
        ({}, SchemaMismatch),
        ([None], SchemaMismatch),
        ([{}], SchemaMismatch),
        ([{"spent": 1}], SchemaMismatch),
        ([{"spent": True}], SchemaMismatch),
        ([{"spent": True, "txid": FIRST_TXID, "vin": -1}], SchemaMismatch),
        ([{"spent": True, "txid": "00", "vin": 0}], SchemaMismatch),
        ([{"spent": False, "txid": FIRST_TXID, "vin": 0}], SchemaMismatch),
        ([SPENDS[0], SPENDS[0]], ProofFailed),
        ([{"spent": True, "txid": RANSOM_TXID, "vin": 0}], ProofFailed),
    ],
)
def test_spends_that_cannot_be_are_refused(entries, error):
    with pytest.raises(error):
        read(entries, RANSOM_PATH + "/outspends")


def test_a_batch_of_another_size_is_refused():
    with pytest.raises(BadResponse, match="1 lists for 2 txids"):
        read([SPENDS], f"/txs/outspends?txids={RANSOM_TXID},{GENESIS_TXID}")


# --- other answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["Too many history transactions (>500).", "Too many history entries"])
def test_a_history_too_long_for_the_server_is_incomplete_not_empty(words):
    (listing,) = facts("btc", HISTORY, 400, words.encode())
    assert (listing.txids, listing.complete, listing.reason) == ((), False, f"limited: '{words}'")


@pytest.mark.parametrize(
    ("status", "words"), [(404, "Transaction not found"), (400, "Address not found"), (404, "")]
)
def test_not_found_is_its_own_error(status, words):
    with pytest.raises(NotFound, match="not found"):
        facts("btc", RANSOM_PATH, status, words.encode())


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "Invalid hex string"), (403, "<html>Forbidden"), (204, ""), (302, ""), (400, "Too many")],
)
def test_any_other_status_is_no_answer(status, words):
    with pytest.raises(BadResponse, match=f"has status {status}"):
        facts("btc", RANSOM_PATH, status, words.encode())


NOTICE = b'{"message":"Blockstream Explorer API NOTICE: Your request rate exceeds the current limit..."}'


@pytest.mark.parametrize("text", [NOTICE, b"", b"-1", b"1e5", b"6987670000", "६९८".encode(), b"<html>"])
def test_a_height_is_digits_and_nothing_else(text):
    with pytest.raises(BadResponse, match="/blocks/tip/height is not a block height"):
        facts("btc", "/blocks/tip/height", 200, text)


def test_a_bot_check_is_recognised():
    with pytest.raises(BadResponse) as caught:
        facts("btc", HISTORY, 200, b"<html>Just a moment...</html>")
    assert f"The answer to {HISTORY} is not JSON (starts with '<html>Just a moment" in caught.value.message
    assert "Probably a bot check" in caught.value.message


def test_a_cut_off_page_says_so():
    with pytest.raises(BadResponse, match=r"cut off: its JSON has no end \(200 bytes came\)"):
        facts("btc", HISTORY, 200, body([ransom()])[:200])


@pytest.mark.parametrize(
    "path",
    ["", "/", "/tx/00", "/address/x/y", "/tx/" + "AB" * 32, f"/tx/{FIRST_TXID}/hex", "/address/a b/txs"],
)
def test_only_paths_of_the_family_are_read(path):
    with pytest.raises(BadInput, match="not a path of the Esplora family"):
        facts("btc", path, 200, b"[]")


def test_the_host_learns_the_subject_of_a_path():
    assert subject_of("/blocks/tip/height") == ""
    assert subject_of(f"{HISTORY}/chain/{FIRST_TXID}") == RANSOM_ADDRESS
    assert subject_of(f"/tx/{FIRST_TXID}/outspends") == FIRST_TXID
    assert subject_of(f"/txs/outspends?txids={FIRST_TXID},{RANSOM_TXID}") == f"{FIRST_TXID},{RANSOM_TXID}"


# --- recorded replies -------------------------------------------------------------------------------


def recorded(shared, *patterns: str) -> list[tuple[str, bytes]]:
    found = [file for pattern in patterns for file in sorted(shared.glob(pattern))]
    return [(f.name, gzip.decompress(f.read_bytes()) if f.suffix == ".gz" else f.read_bytes()) for f in found]


def test_every_recorded_transaction_proves_its_txid(shared):
    files = recorded(
        shared,
        "cases/*/*tx*.json*",
        "explorers/esplora/*.json",
        "explorers/esplora/txs/*.json",
        "explorers/mempool/*.json",
    )
    seen = 0
    for _, raw in files:
        value = json.loads(raw)
        for tx in value if isinstance(value, list) else [value]:
            if "vin" in tx:
                (record,) = read(tx, f"/tx/{tx['txid']}")
                assert record.fee_sat == tx["fee"]
                seen += 1
    assert seen == 109


def test_a_whole_recorded_block_proves_its_txids(shared):
    ((_, raw),) = recorded(shared, "explorers/esplora/block_680000_first_1200.jsonl.gz")
    lines = raw.splitlines()
    records = [facts("btc", f"/tx/{json.loads(line)['txid']}", 200, line)[0] for line in lines]
    assert len(records) == 1200
    assert all(record.height == 680000 for record in records)


@pytest.mark.parametrize("case", ["colonial_ransom", "colonial_anchor", "colonial_fbi", "hydra_anchor"])
def test_recorded_histories_are_as_long_as_claimed(shared, case):
    ((_, stats),) = recorded(shared, f"cases/*/{case}_stats.json")
    ((_, page),) = recorded(shared, f"cases/*/{case}_txs.json*")
    address = json.loads(stats)["address"]
    (claim,) = facts("btc", f"/address/{address}", 200, stats)
    listing, *_ = facts("btc", f"/address/{address}/txs", 200, page)
    assert listing.complete
    assert len(listing.txids) == claim.tx_count


def test_a_recorded_page_of_fifty_is_not_taken_for_the_last(shared):
    ((_, page),) = recorded(shared, "explorers/esplora/txs/satoshi-genesis-txs.json")
    listing, *records = facts("btc", "/address/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa/txs", 200, page)
    assert (len(records), listing.complete) == (50, False)
    assert address_of(MINE, "btc") == RANSOM_ADDRESS


def test_no_recorded_error_body_is_taken_for_an_answer(shared):
    rows = json.loads((shared / "explorers" / "error_bodies.json").read_text())["rows"]
    for row in rows:
        for path in ("/blocks/tip/height", HISTORY, RANSOM_PATH, RANSOM_PATH + "/outspends"):
            try:
                stated = facts("btc", path, row["http"], row["body"].encode())
            except SourceError:
                continue
            assert [(type(fact), fact.complete) for fact in stated] == [(Listing, False)]
            assert "Too many" in row["body"]
