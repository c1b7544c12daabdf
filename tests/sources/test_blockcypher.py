"""BlockCypher: what the bytes say, what is shown of them, and pages that may cut a block in two."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from damage import put
from esplora_form import (
    FIRST_TXID,
    GENESIS_RAW,
    GENESIS_TXID,
    RANSOM_ADDRESS,
    RANSOM_PREVOUTS,
    RANSOM_RAW,
    RANSOM_TXID,
)
from faulty import FaultyServer, text
from hypothesis import given, settings
from hypothesis import strategies as st
from utxo_forms import BLOCK, BROKEN, FIRST, HEIGHT, P2PKH, RANSOM, SPENDER, blockcypher, body, damaged

from chainflow.errors import BadInput, BadResponse, NotFound, ProofFailed, RateLimited, SourceError
from chainflow.model import AddressClaim, Outpoint, OutputRecord, SpendRecord, Tip
from chainflow.sources.blockcypher import BlockCypher, facts
from chainflow.wire import Transaction, TxInput, TxOutput

ASKED = "?limit=200&includeHex=true"
RANSOM_PATH = f"/txs/{RANSOM_TXID}{ASKED}"
HISTORY = f"/addrs/{RANSOM_ADDRESS}/full?limit=50&txlimit=200&includeHex=true"
SEGWIT = bytes.fromhex("0014" + "11" * 20)


def read(value: object, path: str = RANSOM_PATH, *, chain: str = "btc") -> Any:
    return facts(chain, path, 200, body(value))


def ransom(**changes: object) -> dict[str, Any]:
    return blockcypher(*RANSOM) | changes


def payment(number: int, *, height: int | None = HEIGHT, inputs: int = 1, **form: Any) -> dict[str, Any]:
    """Return one of many payments to the ransom address, 500 each for the fee."""
    spent = tuple(TxInput(FIRST_TXID, 1000 * number + n, b"", 0) for n in range(inputs))
    tx = Transaction(2, spent, (TxOutput(1500 * inputs - 500, P2PKH),))
    return blockcypher(tx.serialize(), [(1500, SEGWIT)] * inputs, height=height, **form)


def page(
    *txs: object, n_tx: int | None = None, more: bool | None = None, **changes: object
) -> dict[str, Any]:
    return {
        "address": RANSOM_ADDRESS,
        "n_tx": len(txs) if n_tx is None else n_tx,
        "unconfirmed_n_tx": 0,
        "txs": list(txs),
        **({} if more is None else {"hasMore": more}),
        **changes,
    }


# --- what is stated ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hexed", [True, False])
def test_a_transaction_hashes_from_its_bytes_or_from_its_fields(hexed):
    record, spend = read(blockcypher(*RANSOM, hexed=hexed))
    assert (record.txid, record.raw) == (RANSOM_TXID, RANSOM_RAW)
    assert [given.prevout.value_sat for given in record.inputs] == [20_000, 7_500_030_000]
    assert {given.prevout.script for given in record.inputs} == {P2PKH.hex()}
    assert (record.fee_sat, record.height, record.block_hash) == (14_061, HEIGHT, BLOCK)
    assert (record.time, record.position, record.is_placed) == (1_620_494_070, 7, True)
    assert spend == SpendRecord("btc", Outpoint(RANSOM_TXID, 0), SPENDER, None)


def test_an_output_without_a_spender_is_not_called_unspent():
    assert [fact.outpoint.vout for fact in read(ransom())[1:]] == [0]


def test_what_is_not_shown_is_unknown_and_never_invented():
    tx = payment(0, inputs=30, limit=20)
    record, *_ = read(tx, f"/txs/{tx['hash']}{ASKED}")
    known = [given.prevout is not None for given in record.inputs]
    assert known == [True] * 20 + [False] * 10
    assert record.fee_sat is None
    assert len({given.outpoint for given in record.inputs}) == 30


def test_a_transaction_that_is_cut_and_has_no_bytes_is_refused():
    tx = payment(0, inputs=30, limit=20, hexed=False)
    with pytest.raises(ProofFailed, match="is cut, and its bytes do not tell the rest"):
        read(tx, f"/txs/{tx['hash']}{ASKED}")


def test_the_script_of_a_bare_key_is_not_made_from_the_address_shown_for_it():
    record, *_ = read(blockcypher(*FIRST), f"/txs/{FIRST_TXID}{ASKED}")
    assert record.inputs[0].prevout is None
    assert record.outputs[0].script.startswith("4104ae1a62fe")


def test_a_taproot_output_is_known_by_its_address():
    taproot = bytes.fromhex("5120" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    raw = Transaction(2, (TxInput(FIRST_TXID, 0, b"", 0),), (TxOutput(900, P2PKH),)).serialize()
    tx = blockcypher(raw, [(1000, taproot)])
    assert read(tx, f"/txs/{tx['hash']}{ASKED}")[0].inputs[0].prevout == OutputRecord(1000, taproot.hex())


def test_a_coinbase_spends_output_minus_one_of_nothing():
    record, *_ = read(blockcypher(GENESIS_RAW), f"/txs/{GENESIS_TXID}{ASKED}")
    assert (record.is_coinbase, record.inputs, record.raw) == (True, (), GENESIS_RAW)


def test_an_unconfirmed_transaction_is_in_no_block():
    record = read(blockcypher(*RANSOM, height=None))[0]
    assert (record.is_placed, record.height, record.block_hash, record.time) == (True, None, None, None)


def test_a_time_with_a_fraction_is_not_the_blocks():
    assert read(ransom(confirmed="2018-09-07T02:57:11.066693038Z"))[0].time is None


def test_the_state_of_the_chain_gives_the_tip():
    assert read({"name": "LTC.main", "height": 2_300_000}, "/", chain="ltc") == (Tip("ltc", 2_300_000),)


def test_dash_keeps_what_does_not_hash_as_hearsay():
    special = blockcypher(*RANSOM, hexed=False) | {"ver": 3}
    for tx in [special["inputs"][0], special["inputs"][1], *special["outputs"]]:
        tx["addresses"] = None
    record = read(special, chain="dash")[0]
    assert (record.raw, record.txid, len(record.inputs)) == (None, RANSOM_TXID, 2)
    with pytest.raises(ProofFailed, match="its content was altered"):
        read(special, chain="doge")


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("hex",), GENESIS_RAW.hex(), f"stated as {RANSOM_TXID} hashes to {GENESIS_TXID}"),
        (("hex",), RANSOM_RAW.hex()[:-2], "gives no bytes of .*ends early"),
        (("inputs", 0, "output_index"), 1, r"field inputs\[0\] .*what the bytes say"),
        (("inputs", 0, "sequence"), 1, r"field inputs\[0\] .*what the bytes say"),
        (("inputs", 0, "output_value"), 20_001, "states a fee of 14,061, but inputs − outputs is 14,062"),
        (("inputs", 0, "addresses", 0), "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "shows another key than its"),
        (("outputs", 1, "value"), 7_500_034_247, r"field outputs\[1\] .*what the bytes say"),
        (("outputs", 1, "addresses", 0), RANSOM_ADDRESS, "but the script's address is 1DToN8"),
        (("vin_sz",), 3, "field vin_sz is 3"),
        (("total",), 1, "field total is 1"),
        (("fees",), 0, "states a fee of 0"),
        (("block_height",), -1, "field block_hash is .*nothing, while unconfirmed"),
        (("confirmed",), "2021-02-30T00:00:00Z", "a time such as"),
        (("outputs", 0, "spent_by"), RANSOM_TXID, "cannot be spent by input None"),
    ],
)
def test_a_contradiction_is_named_and_refused(place, value, told):
    with pytest.raises((ProofFailed, BadResponse), match=told):
        read(put(ransom(), place, value))


def test_another_transaction_than_asked_for_is_refused():
    with pytest.raises(ProofFailed, match=f"is another transaction, {RANSOM_TXID}"):
        read(ransom(), f"/txs/{FIRST_TXID}{ASKED}")


def test_ethereum_is_refused_by_name_wherever_it_turns_up():
    with pytest.raises(BadInput, match="no public BlockCypher is known for 'eth'"):
        BlockCypher(chain="eth")
    with pytest.raises(BadInput, match="what BlockCypher says of eth is not read here"):
        facts("eth", "/", 200, b"{}")
    with pytest.raises(BadResponse, match=r"field name is 'ETH.main' \(allowed: BTC.main\)"):
        read({"name": "ETH.main", "height": 19_525_778}, "/")


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (429, b'{"error": "Limits reached."}', RateLimited),
        (200, b'{"error": "Limits reached."}', RateLimited),
        (404, b'{"error": "Transaction 00 not found."}', NotFound),
        (404, b"<html></html>", BadResponse),
        (200, b'{"error": "Error validating generated transaction"}', BadResponse),
    ],
)
@pytest.mark.parametrize("path", [RANSOM_PATH, HISTORY, "/"])
def test_a_refusal_is_no_answer(path, status, answer, error):
    with pytest.raises(error):
        facts("btc", path, status, answer)


@pytest.mark.parametrize("path", [RANSOM_PATH, HISTORY, "/"])
@pytest.mark.parametrize("answer", BROKEN)
def test_a_broken_body_is_never_a_fact(path, answer):
    with pytest.raises(SourceError):
        facts("btc", path, 200, answer)


@settings(max_examples=150)
@given(st.data())
def test_a_field_changed_into_anything_is_refused_or_does_not_matter(data):
    hearsay = {"block_height", "block_hash", "block_index", "confirmed", "spent_by", "script_type"}
    whole = ransom()
    changed = damaged(data, whole, hearsay)
    try:
        record, *spends = read(changed)
    except SourceError:
        return
    expected, *spenders = read(whole)
    for told, known in zip(record.inputs, expected.inputs, strict=True):  # less may be told, nothing else
        assert told in (known, replace(known, prevout=None))
    assert replace(record, inputs=()) == replace(expected, inputs=())
    assert spends in (spenders, [])


# --- pages ------------------------------------------------------------------------------------------


def test_a_page_claims_lists_and_records():
    claim, listing, record, spend = read(page(ransom(), unconfirmed_n_tx=0), HISTORY)
    assert claim == AddressClaim("btc", RANSOM_ADDRESS, 1, 0)
    assert (listing.txids, listing.complete, listing.next) == ((RANSOM_TXID,), True, "")
    assert (record, spend) == read(ransom())


def test_the_next_page_begins_at_the_last_height_again():
    listing = read(page(payment(0), payment(1, height=HEIGHT - 9), more=True), HISTORY)[1]
    assert (listing.complete, listing.next) == (False, str(HEIGHT - 9 + 1))
    assert BlockCypher().history_path(RANSOM_ADDRESS, listing.next) == f"{HISTORY}&before={HEIGHT - 8}"


def test_paging_loses_no_transaction_of_a_block_that_is_cut():
    heights = [None, 9, 9, 8, 8, 8, 8, 7, 7, 6, 6, 6, 3]
    chain = [payment(number, height=height) for number, height in enumerate(heights)]
    got: list[str] = []
    after, pages = "", 0
    while True:
        below = [tx for tx in chain if not after or 0 <= tx["block_height"] < int(after)]
        shown = page(*below[:5], n_tx=12, unconfirmed_n_tx=1, more=len(below) > 5 or None)
        listing = read(shown, HISTORY + (f"&before={after}" if after else ""))[1]
        got += [txid for txid in listing.txids if txid not in got]
        pages += 1
        if not listing.next:
            break
        after = listing.next
    assert got == [tx["hash"] for tx in chain]
    assert (listing.complete, pages) == (True, 4)


def test_a_block_that_fills_a_page_is_passed_with_a_reason():
    listing = read(page(payment(0), payment(1), more=True), f"{HISTORY}&before={HEIGHT + 1}")[1]
    assert (listing.complete, listing.next) == (False, str(HEIGHT))
    assert listing.reason == f"truncated: more than 2 transactions in block {HEIGHT:,}, the rest is skipped"


def test_a_mempool_that_fills_the_page_leads_nowhere():
    listing = read(page(payment(0, height=None), more=True), HISTORY)[1]
    assert (listing.complete, listing.next) == (False, "")
    assert listing.reason.startswith("truncated: ")


def test_a_first_page_with_fewer_than_claimed_is_not_complete():
    listing = read(page(payment(0), n_tx=3), HISTORY)[1]
    assert (listing.complete, listing.reason) == (
        False,
        "truncated: 1 of 3 transactions, and no further page",
    )


def test_a_cut_transaction_on_a_page_is_listed_but_not_stated():
    cut = payment(0, inputs=30, limit=20, hexed=False)
    _, listing, *records = read(page(cut, payment(1)), HISTORY)
    assert listing.txids == (cut["hash"], payment(1)["hash"])
    assert [record.txid for record in records if hasattr(record, "raw")] == [payment(1)["hash"]]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (page(ransom(), ransom()), f"lists {RANSOM_TXID} again"),
        (page(blockcypher(RANSOM_RAW, RANSOM_PREVOUTS), address="19z9"), "about another address"),
        (page(payment(0, height=HEIGHT + 50)), "lists a block that is not below"),
    ],
)
def test_a_page_that_contradicts_itself_is_refused(value, told):
    with pytest.raises(ProofFailed, match=told):
        read(value, f"{HISTORY}&before={HEIGHT + 50}")


def test_a_transaction_of_somebody_else_on_the_page_is_refused():
    raw = Transaction(2, (TxInput(FIRST_TXID, 0, b"", 0),), (TxOutput(900, SEGWIT),)).serialize()
    with pytest.raises(ProofFailed, match="which does not touch it"):
        read(page(blockcypher(raw, [(1000, SEGWIT)])), HISTORY)


# --- the source -------------------------------------------------------------------------------------


def test_the_source_asks_for_bytes_and_for_as_much_as_is_shown():
    source = BlockCypher(chain="ltc")
    assert (source.chain, source.tx_paths([RANSOM_TXID])) == ("ltc", (RANSOM_PATH,))
    assert source.outspends_path([RANSOM_TXID]) == RANSOM_PATH
    subjects = [source.subject_of(path) for path in (HISTORY, RANSOM_PATH, source.tip_path())]
    assert subjects == [RANSOM_ADDRESS, RANSOM_TXID, ""]


def test_a_token_is_sent_and_never_shown(server: FaultyServer):
    server.answers = {"/?token=very-secret-9": [text(body({"name": "BTC.main", "height": 5}))]}
    source = BlockCypher(f"{server.url}?token=very-secret-9")
    reply = source.ask(source.tip_path())
    source.close()
    assert source.facts("/", reply.status, reply.body) == (Tip("btc", 5),)
    assert "very-secret" not in f"{source!r}{source.name}{reply.url}{reply.path}"


# --- recorded ---------------------------------------------------------------------------------------


def recorded(shared, pattern: str) -> list[dict[str, Any]]:
    files = sorted((shared / "explorers" / "blockcypher").glob(pattern))
    return [json.loads(json.loads(file.read_text())["body"]) for file in files]


def test_a_recorded_transaction_without_bytes_hashes_from_its_fields(shared):
    txid = "1db6251a9afce7025a2061a19e63c700dffc3bec368bd1883decfac353357a9d"
    (tx,) = [tx for tx in recorded(shared, "btcmain*.json") if tx["hash"] == txid]
    record, *spends = read(tx, f"/txs/{txid}{ASKED}")
    assert (record.height, record.position, record.time) == (140_496, 3, 1_313_042_188)
    assert record.raw is not None
    assert record.inputs[0].prevout is None  # a bare key under an address
    assert [spend.spent_by[:8] for spend in spends] == ["73d557db", "e827a366"]


def test_a_recorded_part_of_a_transaction_is_refused(shared):
    (tx,) = [tx for tx in recorded(shared, "btcmain*.json") if tx["vout_sz"] == 201]
    with pytest.raises(ProofFailed, match="is cut"):
        read(tx, f"/txs/{tx['hash']}{ASKED}")


def test_recorded_answers_about_ethereum_are_refused(shared):
    answers = recorded(shared, "ethmain*.json")
    assert len(answers) == 6
    for answer in answers:
        with pytest.raises(BadResponse, match=r"ETH\.main"):
            read(answer, "/")
