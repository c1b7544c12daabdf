"""Haskoin Store as a source: what it asks, what its replies state, and every way in which one is refused."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest
from damage import JUNK, altered, at, leaves, put
from esplora_form import (
    FIRST_PREVOUTS,
    FIRST_RAW,
    FIRST_TXID,
    GENESIS_RAW,
    GENESIS_TXID,
    RANSOM_ADDRESS,
    RANSOM_PREVOUTS,
    RANSOM_RAW,
    RANSOM_TXID,
    body,
)
from faulty import text
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainflow.addresses import address_of
from chainflow.errors import (
    AddressInvalid,
    BadInput,
    BadResponse,
    NotFound,
    ProofFailed,
    RateLimited,
    SchemaMismatch,
    SourceError,
)
from chainflow.merkle import check_inclusion
from chainflow.model import (
    AddressClaim,
    BlockHash,
    HeaderRecord,
    InclusionRecord,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
)
from chainflow.sources import open_source
from chainflow.sources.haskoin import Haskoin, facts
from chainflow.wire import (
    Transaction,
    TxInput,
    TxOutput,
    parse_block,
    parse_transaction,
    transaction_from_esplora,
)

TX = f"/transaction/{RANSOM_TXID}"
CLAIM = f"/address/{RANSOM_ADDRESS}/balance"
HISTORY = f"/address/{RANSOM_ADDRESS}/transactions/full?limit=100&offset=0"
BEST = "/block/best?notx=true"
GENESIS = {
    "hash": "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    "height": 0,
    "mainchain": True,
    "previous": "0" * 64,
    "time": 1231006505,
    "version": 1,
    "bits": 486604799,
    "nonce": 2083236893,
    "size": 285,
    "tx": [GENESIS_TXID],
    "merkle": GENESIS_TXID,
    "work": 4295032833,
}


def haskoin_of(
    tx: Transaction, prevouts: Sequence[tuple[int, bytes]] = (), block: object = None, *, chain: str = "btc"
) -> dict[str, Any]:
    """Return one transaction in the form in which Haskoin serves it."""
    paid = sum(value for value, _ in tx.outputs)
    inputs = []
    for n, spent in enumerate(tx.inputs):
        value, script = (None, None) if tx.is_coinbase else prevouts[n]
        inputs.append(
            {
                "coinbase": tx.is_coinbase,
                "txid": spent.txid,
                "output": spent.vout,
                "sigscript": spent.scriptsig.hex(),
                "sequence": spent.sequence,
                "pkscript": None if script is None else script.hex(),
                "value": value,
                "address": None if script is None else address_of(script, chain),
                "witness": [item.hex() for item in spent.witness],
            }
        )
    return {
        "txid": tx.txid,
        "size": tx.size,
        "version": tx.version,
        "locktime": tx.locktime,
        "fee": 0 if tx.is_coinbase else sum(value for value, _ in prevouts) - paid,
        "inputs": inputs,
        "outputs": [
            {
                "address": address_of(script, chain),
                "pkscript": script.hex(),
                "value": value,
                "spent": False,
                "spender": None,
            }
            for value, script in tx.outputs
        ],
        "block": {"height": 682603, "position": 7} if block is None else block,
        "deleted": False,
        "time": 1620496070,
        "rbf": False,
        "weight": tx.weight,
    }


def ransom() -> dict[str, Any]:
    return haskoin_of(parse_transaction(RANSOM_RAW), RANSOM_PREVOUTS)


def read(value: object, path: str = TX, *, chain: str = "btc") -> tuple[Any, ...]:
    return facts(chain, path, 200, body(value))


# --- what is asked -------------------------------------------------------------------------------------


def test_paths_are_those_of_the_store():
    source = Haskoin()
    assert source.tip_path() == BEST
    assert source.address_path(RANSOM_ADDRESS) == CLAIM
    assert source.history_path(RANSOM_ADDRESS) == HISTORY
    assert source.history_path(RANSOM_ADDRESS, "100") == HISTORY.replace("offset=0", "offset=100")
    assert source.tx_paths([RANSOM_TXID]) == (TX,)
    assert source.tx_paths([RANSOM_TXID, FIRST_TXID]) == (f"/transactions?txids={RANSOM_TXID},{FIRST_TXID}",)
    assert source.outspends_path([RANSOM_TXID]) == TX


def test_the_blocks_of_several_transactions_are_asked_for_once_each():
    places = [(RANSOM_TXID, 7, ""), (FIRST_TXID, 170, ""), (GENESIS_TXID, 7, "")]
    paths = Haskoin().proof_paths(places)
    assert paths == (
        f"/block/height/7?txids={RANSOM_TXID},{GENESIS_TXID}",
        f"/block/height/170?txids={FIRST_TXID}",
    )
    assert [Haskoin().subject_of(path) for path in paths] == [f"{RANSOM_TXID},{GENESIS_TXID}", FIRST_TXID]


def test_bitcoin_cash_addresses_are_asked_for_without_their_prefix_and_named_with_it():
    source = open_source("haskoin", chain="bch")
    cash = "bitcoincash:qqmaqu9nceck5ct5pqrjy4ulhhw66wdlkv2s7f2l9u"
    assert source.name == "haskoin:https://api.haskoin.com/bch"
    assert source.address_path(cash) == f"/address/{cash.removeprefix('bitcoincash:')}/balance"
    assert source.subject_of(source.history_path(cash)) == cash
    assert (source.subject_of(BEST), source.subject_of(TX)) == ("", RANSOM_TXID)


def test_what_is_no_txid_cursor_address_or_path_is_not_asked_or_read():
    for txids in (["00"], [], [RANSOM_TXID] * 51):
        with pytest.raises(BadInput):
            Haskoin().tx_paths(txids)
    with pytest.raises(BadInput, match="not a cursor"):
        Haskoin().history_path(RANSOM_ADDRESS, "x")
    with pytest.raises(AddressInvalid):
        Haskoin(chain="bch").history_path("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
    for path in (
        "",
        "/health",
        f"/blockchain/multiaddr?active={RANSOM_ADDRESS}",
        HISTORY.replace("100", "9"),
    ):
        with pytest.raises(BadInput, match="not a path of the Haskoin family"):
            facts("btc", path, 200, b"{}")


def test_a_real_question_and_its_answer(server):
    server.answers[f"/btc{HISTORY}"] = [text(body([ransom()]))]
    source = Haskoin(f"http://127.0.0.1:{server.port}/btc")
    reply = source.ask(source.history_path(RANSOM_ADDRESS))
    listing, record, *spends = source.facts(reply.path, reply.status, reply.body)
    source.close()
    assert (listing.txids, record.raw, len(spends)) == ((RANSOM_TXID,), RANSOM_RAW, 2)


# --- what is stated ------------------------------------------------------------------------------------


def test_the_newest_block_comes_with_its_header():
    tip, block, header = read(GENESIS, BEST)
    assert (tip, block) == (Tip("btc", 0), BlockHash("btc", 0, GENESIS["hash"]))
    assert isinstance(header, HeaderRecord)
    assert header.raw.endswith("ffff001d1dac2b7c")


def test_a_balance_claims_a_number_of_transactions():
    stated = {"address": RANSOM_ADDRESS, "confirmed": 0, "unconfirmed": 5, "utxo": 1, "txs": 3, "received": 9}
    assert read(stated, CLAIM) == (AddressClaim("btc", RANSOM_ADDRESS, 3, 0),)


def test_the_ransom_transaction_reads_as_the_chain_has_it():
    record, *spends = read(ransom())
    assert (record.txid, record.fee_sat, record.raw) == (RANSOM_TXID, 14_061, RANSOM_RAW)
    assert [given.prevout.value_sat for given in record.inputs] == [20_000, 7_500_030_000]
    assert (record.height, record.position, record.block_hash) == (682603, 7, None)
    assert spends == [SpendRecord("btc", Outpoint(RANSOM_TXID, n), None, None) for n in (0, 1)]


def test_a_time_that_may_be_when_it_was_first_seen_is_no_block_time():
    assert read(ransom() | {"time": 1})[0].time is None


def test_a_transaction_of_bitcoin_cash_proves_its_txid():
    txid = "00f304a6089a708168cd10d5ad8abd2977c36791156a55b040117cb5a3db7fad"
    spender = "9e5fd342efb429df773d8208e3fde7af9b7440869e5963d761da0b317c4908ef"
    tx = {
        "txid": txid,
        "size": 225,
        "version": 2,
        "locktime": 688792,
        "fee": 4500,
        "inputs": [
            {
                "coinbase": False,
                "txid": "b810589c80335083ed715c03abf62f23968846d2f54343bac305f890f292ec8e",
                "output": 1,
                "sigscript": "47304402206a11f253c8035be2d9f5958a9ca838b3fd5a1a120441885e10e6cad0fef3911f02202056263939a8"
                "8fe06e7fc94368ff44c46f71e7daa603936d755b35b8b2a21c154121027eb504988cbc043dd4c9fac51685d68718a24d7f9f1d"
                "4c07b9f8c3d04327794c",
                "sequence": 4294967294,
                "pkscript": "76a91437d070b3c6716a6174080722579fbdddad39bfb388ac",
                "value": 2275183814,
                "address": "bitcoincash:qqmaqu9nceck5ct5pqrjy4ulhhw66wdlkv2s7f2l9u",
                "witness": [],
            }
        ],
        "outputs": [
            {
                "address": "bitcoincash:qqla8n6hwp9f86tc92t6f76680mlkxnqgu5flcqwfe",
                "pkscript": "76a9143fd3cf57704a93e9782a97a4fb5a3bf7fb1a604788ac",
                "value": 15197686,
                "spent": False,
                "spender": None,
            },
            {
                "address": "bitcoincash:qql2wpu4fa36yf07gcc8q80sjfxfaq66xssezyukg2",
                "pkscript": "76a9143ea707954f63a225fe4630701df0924c9e835a3488ac",
                "value": 2259981628,
                "spent": True,
                "spender": {"txid": spender, "input": 0},
            },
        ],
        "block": {"height": 688793, "position": 3},
        "deleted": False,
        "time": 1621583361,
        "rbf": False,
        "weight": 900,
    }
    record, unspent, spent = read(tx, f"/transaction/{txid}", chain="bch")
    assert (record.fee_sat, record.position, unspent.spent_by) == (4500, 3, None)
    assert spent == SpendRecord("bch", Outpoint(txid, 1), spender, 0)
    path = "/address/qqmaqu9nceck5ct5pqrjy4ulhhw66wdlkv2s7f2l9u/transactions/full?limit=100&offset=0"
    listing, *_ = read([tx], path, chain="bch")
    assert listing.address == "bitcoincash:qqmaqu9nceck5ct5pqrjy4ulhhw66wdlkv2s7f2l9u"


def test_a_coinbase_spends_nothing():
    record, *_ = read(haskoin_of(parse_transaction(GENESIS_RAW)), f"/transaction/{GENESIS_TXID}")
    assert (record.is_coinbase, record.inputs, record.fee_sat) == (True, (), 0)


def test_a_bare_key_is_read_by_its_script_and_listed_under_its_address():
    tx = haskoin_of(parse_transaction(FIRST_RAW), FIRST_PREVOUTS)
    satoshi = "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S"
    tx["inputs"][0]["address"] = tx["outputs"][1]["address"] = satoshi
    listing, record, *_ = read([tx], HISTORY.replace(RANSOM_ADDRESS, satoshi))
    assert listing.txids == (FIRST_TXID,)
    assert record.inputs[0].prevout.script.startswith("410411db93")


def test_an_unconfirmed_transaction_has_no_block():
    (record, *_) = read(ransom() | {"block": {"mempool": 1620496001}})
    assert (record.height, record.position, record.is_placed) == (None, None, True)


def test_a_deleted_transaction_is_none():
    with pytest.raises(NotFound, match="was deleted there"):
        read(ransom() | {"deleted": True})


def test_a_batch_gives_those_that_are_known():
    path = f"/transactions?txids={RANSOM_TXID},{FIRST_TXID}"
    first = haskoin_of(parse_transaction(FIRST_RAW), FIRST_PREVOUTS)
    assert [record.txid for record in read([first, ransom()], path)[:2]] == [FIRST_TXID, RANSOM_TXID]
    assert read([ransom()], path)[0].txid == RANSOM_TXID
    with pytest.raises(NotFound, match="none of the 2 transactions"):
        read([], path)
    with pytest.raises(ProofFailed, match="holds another transaction"):
        read([haskoin_of(parse_transaction(GENESIS_RAW))], path)
    with pytest.raises(ProofFailed, match=r"lists .* again"):
        read([first, first], path)


# --- histories -----------------------------------------------------------------------------------------


def many(count: int) -> list[dict[str, Any]]:
    """Return so many transactions that pay the ransom's address."""
    paid = RANSOM_PREVOUTS[0][1]
    made = [
        Transaction(1, (TxInput("ab" * 32, n, b"", 1),), (TxOutput(1, paid),), locktime=n)
        for n in range(count)
    ]
    return [haskoin_of(tx, [(2, b"\x51")]) for tx in made]


def test_a_page_that_is_not_full_is_the_last_but_names_what_would_follow():
    listing, *_ = read([ransom()], HISTORY)
    assert listing == Listing("btc", RANSOM_ADDRESS, "", (RANSOM_TXID,), complete=True, next="1")


def test_a_full_page_is_not_the_last():
    listing, *_ = read(many(100), HISTORY.replace("offset=0", "offset=300"))
    assert (listing.after, listing.next, listing.complete) == ("300", "400", False)
    assert listing.reason == "100 transactions on this page, older ones may follow"


def test_an_empty_page_ends_a_history():
    assert read([], HISTORY) == (Listing("btc", RANSOM_ADDRESS, "", (), complete=True),)


def test_an_offset_too_far_is_a_limit_and_not_an_end():
    words = b'{"error":"user-error","message":"offset exceeded: 50100 > 50000"}'
    path = HISTORY.replace("offset=0", "offset=50100")
    (listing,) = facts("btc", path, 400, words)
    assert (listing.after, listing.complete, listing.is_refused) == ("50100", False, True)
    assert listing.reason.startswith("limited: ")
    with pytest.raises(BadResponse):
        facts("btc", CLAIM, 400, words)


def test_a_page_lists_each_transaction_once_and_only_the_addresses_own():
    with pytest.raises(ProofFailed, match=f"lists {RANSOM_TXID} again"):
        read([ransom(), ransom()], HISTORY)
    with pytest.raises(ProofFailed, match="does not touch it"):
        read([ransom(), haskoin_of(parse_transaction(GENESIS_RAW))], HISTORY)


def test_an_input_spends_one_output():
    first, second = many(2)
    for tx in (first, second):
        tx["outputs"][0] |= {"spent": True, "spender": {"txid": RANSOM_TXID, "input": 0}}
    with pytest.raises(ProofFailed, match="cannot be spent by input 0"):
        read([first, second], HISTORY)


# --- blocks --------------------------------------------------------------------------------------------

PROOF = f"/block/height/0?txids={GENESIS_TXID}"


def test_a_block_proves_its_transactions():
    stale = GENESIS | {"mainchain": False, "hash": "ab" * 32}
    block, header, branch = read([stale, GENESIS], PROOF)
    assert block == BlockHash("btc", 0, GENESIS["hash"])
    assert branch == InclusionRecord("btc", GENESIS_TXID, 0, 0, ())
    assert header.height == 0


def test_a_whole_block_proves_any_of_its_transactions(shared):
    block = parse_block((shared / "blocks" / "block482683.raw").read_bytes())
    txids = [tx.txid for tx in block.transactions]
    wanted = [txids[at] for at in (0, 5, len(txids) - 1)]
    stated = {
        "hash": block.header.hash,
        "height": 482683,
        "mainchain": True,
        "previous": block.header.prev_hash,
        "time": block.header.time,
        "version": block.header.version & 0xFFFFFFFF,
        "bits": block.header.bits,
        "nonce": block.header.nonce,
        "tx": txids,
        "merkle": block.header.merkle_root,
    }
    _, _, *branches = read([stated], f"/block/height/482683?txids={','.join(wanted)}")
    for place, branch in zip((0, 5, len(txids) - 1), branches, strict=True):
        check_inclusion(
            block.transactions[place], block.header, branch=branch.branch, position=branch.position
        )
    with pytest.raises(ProofFailed, match="does not commit to the txids"):
        read([stated | {"tx": txids[1:]}], f"/block/height/482683?txids={txids[5]}")


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"nonce": 1}, ProofFailed, "the header of the block stated as 0000"),
        ({"merkle": "ab" * 32}, ProofFailed, "hashes to"),
        ({"mainchain": False}, ProofFailed, "0 blocks of the best chain"),
        ({"height": 1}, SchemaMismatch, "height is 1"),
        ({"tx": []}, ProofFailed, "does not hold"),
        ({"tx": [FIRST_TXID]}, ProofFailed, "does not hold"),
        ({"tx": [GENESIS_TXID] * 2}, ProofFailed, "does not commit"),
        ({"time": -1}, SchemaMismatch, "time is -1"),
    ],
)
def test_a_block_that_contradicts_itself_is_refused(change, kind, told):
    with pytest.raises(kind, match=told):
        read([GENESIS | change], PROOF)


def test_the_newest_block_is_of_the_best_chain():
    with pytest.raises(SchemaMismatch, match="mainchain is False"):
        read(GENESIS | {"mainchain": False}, BEST)


# --- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("outputs.0.value", -1, r"field outputs\[0\].value is -1 \(allowed: 0…2,100,000,000,000,000\)"),
        ("outputs.0.value", "1693", r"field outputs\[0\].value is '1693'"),
        ("outputs.0.value", 1693.0, r"field outputs\[0\].value is 1693.0"),
        ("outputs.0.pkscript", "0014zz", r"field outputs\[0\].pkscript is '0014zz'"),
        ("outputs.0.spent", True, r"field outputs\[0\].spent is True \(allowed: what the spender says"),
        ("outputs.0.spender", {"txid": FIRST_TXID, "input": 0}, r"field outputs\[0\].spent is False"),
        ("outputs.0.spent", ..., r"field outputs\[0\].spent is missing"),
        ("outputs", [], "no inputs, no outputs"),
        ("inputs", {}, r"field inputs is {} \(allowed: a list\)"),
        ("inputs.0.coinbase", True, r"field inputs\[0\].coinbase is True \(allowed: what the outpoint says"),
        ("inputs.0.value", None, r"field inputs\[0\].value is None"),
        ("inputs.0.pkscript", ..., r"field inputs\[0\].pkscript is missing"),
        ("inputs.0.witness", "00", r"field inputs\[0\].witness is '00'"),
        ("inputs.0.output", 2**32, r"field inputs\[0\].output is 4294967296"),
        ("version", -1, "field version is -1"),
        ("fee", "14061", "field fee is '14061'"),
        ("deleted", None, "field deleted is None"),
        ("block", {}, "field block.height is missing"),
        ("block", {"mempool": 1, "height": 2}, "field block.height is 2 .*while unconfirmed"),
        ("block.position", -1, "field block.position is -1"),
        ("txid", RANSOM_TXID.upper(), "field txid is .* lower-case"),
    ],
)
def test_a_wrong_field_is_named_and_refused(path, value, told):
    with pytest.raises(SchemaMismatch, match=told) as caught:
        read(altered(ransom(), path, value))
    assert "rejected" in caught.value.hint
    assert TX in caught.value.message


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("outputs.1.value", 7_500_034_245, f"stated as {RANSOM_TXID} hashes to [0-9a-f]{{64}}"),
        ("inputs.0.txid", FIRST_TXID, "hashes to"),
        ("inputs.0.sequence", 0, "hashes to"),
        ("locktime", 0, "hashes to"),
        ("fee", 14_060, "states a fee of 14,060, but inputs − outputs is 14,061"),
        ("inputs.0.value", 20_001, "states a fee of 14,061, but inputs − outputs is 14,062"),
        ("inputs.0.pkscript", "0014" + "00" * 20, "field .*address is '15JFh88|states"),
        ("inputs.0.address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", r"field inputs\[0\].address is '1A1zP1"),
        ("inputs.0.witness", ["00"], "states 369 bytes, it has"),
        ("size", 225, "states 225 bytes, it has 369"),
    ],
)
def test_a_contradiction_is_named_and_refused(path, value, told):
    with pytest.raises(ProofFailed, match=told):
        read(altered(ransom(), path, value))


def test_an_input_that_shows_another_key_is_refused():
    tx = altered(ransom(), "inputs.0.pkscript", "76a914" + "00" * 20 + "88ac")
    tx["inputs"][0]["address"] = None
    with pytest.raises(ProofFailed, match=r"inputs\[0\] shows another key or script than its pkscript"):
        read(tx)


def test_a_coinbase_that_claims_to_spend_is_refused():
    tx = haskoin_of(parse_transaction(GENESIS_RAW))
    tx["inputs"][0]["value"] = 1
    with pytest.raises(SchemaMismatch, match=r"field inputs\[0\].value is 1 \(allowed: null"):
        read(tx, f"/transaction/{GENESIS_TXID}")


def test_another_transaction_or_address_than_asked_for_is_refused():
    with pytest.raises(ProofFailed, match=f"is another transaction, {RANSOM_TXID}"):
        read(ransom(), f"/transaction/{FIRST_TXID}")
    with pytest.raises(ProofFailed, match="about another address"):
        read({"address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "txs": 1}, CLAIM)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (
            404,
            '{"error":"not-found-or-invalid-arg","message":"Item not found or argument invalid"}',
            NotFound,
        ),
        (404, "<html>404 Not Found</html>", BadResponse),
        (429, "slow down", RateLimited),
        (400, '{"error":"user-error","message":"Unable to parse param limit"}', BadResponse),
        (200, "<html>Just a moment...</html>", BadResponse),
        (200, '{"error":"server-error","message":"Server Error"}', BadResponse),
    ],
)
def test_what_is_no_answer_is_told_apart(status, words, kind):
    for path in (BEST, CLAIM, HISTORY, TX, PROOF):
        with pytest.raises(SourceError) as caught:
            facts("btc", path, status, words.encode())
        assert isinstance(caught.value, kind)


@settings(max_examples=100)
@given(st.data())
def test_a_field_changed_into_anything_is_refused_or_does_not_matter(data):
    tx = ransom()
    path = data.draw(st.sampled_from([leaf for leaf in leaves(tx) if leaf and leaf[0] != "block"]))
    old = at(tx, path)
    nearby = [old + 1, old - 1] if type(old) is int else [old[:-1]] if isinstance(old, str) else [None]
    damaged = put(copy.deepcopy(tx), path, data.draw(st.one_of(JUNK, st.sampled_from(nearby))))
    try:
        stated = read(damaged)
    except SourceError:
        return
    assert stated == read(tx)


@settings(max_examples=150)
@given(st.data())
def test_a_byte_changed_anywhere_never_fails_untyped(data):
    raw = bytearray(body([ransom()]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        listing, record, *_ = facts("btc", HISTORY, 200, bytes(raw))
    except SourceError:
        return
    assert listing.txids == (RANSOM_TXID,)
    assert record.outputs == read(ransom())[0].outputs


@given(st.sampled_from([BEST, CLAIM, HISTORY, TX, PROOF]), st.binary(max_size=80))
def test_noise_is_never_a_fact(path, noise):
    assume(noise.strip() != b"[]")
    with pytest.raises(SourceError):
        facts("btc", path, 200, noise)


outputs = st.builds(
    TxOutput,
    st.integers(0, 10**12),
    st.one_of(
        st.binary(min_size=20, max_size=20).map(lambda h: b"\x76\xa9\x14" + h + b"\x88\xac"),
        st.binary(min_size=32, max_size=32).map(lambda h: b"\x51\x20" + h),
        st.binary(max_size=70),
    ),
)
inputs = st.builds(
    TxInput,
    st.binary(min_size=32, max_size=32).filter(any).map(bytes.hex),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=20),
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(max_size=20), max_size=3).map(tuple),
)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(inputs, st.binary(max_size=10)), min_size=1, max_size=4),
    st.lists(outputs, min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_any_transaction_comes_back_as_it_was_sent(spent, paid, number):
    tx = Transaction(number, tuple(one for one, _ in spent), tuple(paid), number)
    prevouts = [(sum(value for value, _ in paid), b"\x51" + script) for _, script in spent]
    record, *spends = read(haskoin_of(tx, prevouts), f"/transaction/{tx.txid}")
    assert record.outputs == tuple(OutputRecord(value, script.hex()) for value, script in paid)
    assert [given.prevout for given in record.inputs] == [OutputRecord(v, s.hex()) for v, s in prevouts]
    assert record.raw == tx.serialize()
    assert len(spends) == len(paid)


# --- recorded ------------------------------------------------------------------------------------------


def recorded(shared, pattern: str) -> list[bytes]:
    files = sorted((shared / "explorers" / "haskoin").glob(pattern))
    return [json.loads(file.read_text()[file.read_text().index("{") :])["body"].encode() for file in files]


def test_a_recorded_balance_is_read_in_whichever_form_it_was_asked(shared):
    (answer,) = recorded(shared, "address-balances-*")
    (balance,) = json.loads(answer)
    for name in ("38ty1qB68gHsiyZ8k3RPeCJ1wYQPrUCPPr", "pp8skudq3x5hzw8ew7vzsw8tn4k8wxsqsv0lt0mf3g"):
        (claim,) = read(balance, f"/address/{name}/balance", chain="bch")
        assert claim == AddressClaim("bch", balance["address"], 14_485)


def test_recorded_multiaddr_and_health_are_never_taken_for_an_answer(shared):
    answers = recorded(shared, "*")
    assert len(answers) == 7
    cut = 0
    for answer in answers:
        value = json.loads(answer)
        if isinstance(value, dict) and "txs" in value:
            cut += sum(len(tx["out"]) < tx["vout_sz"] for tx in value["txs"])
        for path in (BEST, CLAIM, HISTORY, TX, PROOF):
            with pytest.raises(SourceError):
                facts("bch", path, 200, answer)
    assert cut > 50  # outputs that went to others are not in it


def test_a_whole_recorded_block_proves_its_txids_and_scripts(shared):
    file = shared / "explorers" / "esplora" / "block_680000_first_1200.jsonl.gz"
    seen = 0
    for line in gzip.decompress(file.read_bytes()).splitlines():
        tx = json.loads(line)
        prevouts = [
            (vin["prevout"]["value"], bytes.fromhex(vin["prevout"]["scriptpubkey"]))
            for vin in tx["vin"]
            if not vin["is_coinbase"]
        ]
        record, *_ = read(haskoin_of(transaction_from_esplora(tx), prevouts), f"/transaction/{tx['txid']}")
        assert record.fee_sat == tx["fee"]
        seen += len(record.inputs)
    assert seen == 1799


def test_no_recorded_error_body_is_taken_for_an_answer(shared):
    rows = json.loads((shared / "explorers" / "error_bodies.json").read_text())["rows"]
    for row in rows:
        for path in (BEST, CLAIM, HISTORY, TX, PROOF):
            with pytest.raises(SourceError):
                facts("btc", path, row["http"], row["body"].encode())
