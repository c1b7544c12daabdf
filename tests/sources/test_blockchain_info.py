"""blockchain.info: outlines that balance, bytes that hash, and the form that hides outputs is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from esplora_form import FIRST_TXID, GENESIS_RAW, GENESIS_TXID, RANSOM_ADDRESS, RANSOM_RAW, RANSOM_TXID
from faulty import FaultyServer, text
from hypothesis import given, settings
from hypothesis import strategies as st
from utxo_forms import BROKEN, FIRST, HEIGHT, P2PKH, RANSOM, blockchain_info, body, damaged

from chainflow.errors import BadInput, BadResponse, NotFound, ProofFailed, RateLimited, SourceError
from chainflow.model import AddressClaim, Listing, Outpoint, OutputRecord, SpendRecord, Tip, TxOutline
from chainflow.sources.blockchain_info import BlockchainInfo, facts
from chainflow.wire import Transaction, TxInput, TxOutput

RAWTX = f"/rawtx/{RANSOM_TXID}"
HISTORY = f"/rawaddr/{RANSOM_ADDRESS}?limit=50&offset=0"
PAID = (OutputRecord(20_000, P2PKH.hex()), OutputRecord(7_500_030_000, P2PKH.hex()))


def read(value: object, path: str = RAWTX) -> Any:
    return facts("btc", path, 200, body(value))


def ransom(**changes: object) -> dict[str, Any]:
    return blockchain_info(*RANSOM) | changes


def page(*txs: object, n_tx: int | None = None, address: str = RANSOM_ADDRESS) -> dict[str, Any]:
    return {"address": address, "n_tx": len(txs) if n_tx is None else n_tx, "txs": list(txs)}


def payments(count: int) -> list[dict[str, Any]]:
    """Return different payments to the ransom address."""
    made = [Transaction(2, (TxInput(FIRST_TXID, n, b"", 0),), (TxOutput(1000, P2PKH),)) for n in range(count)]
    return [blockchain_info(tx.serialize(), [(1500, bytes.fromhex("0014" + "11" * 20))]) for tx in made]


# --- what is stated ---------------------------------------------------------------------------------


def test_a_transaction_in_json_is_an_outline_without_time():
    outline, *unspent = read(ransom())
    assert isinstance(outline, TxOutline)
    assert outline.prevouts == PAID
    assert [output.value_sat for output in outline.outputs] == [1_693, 7_500_034_246]
    assert (outline.is_placed, outline.height, outline.time, outline.block_hash) == (True, HEIGHT, None, None)
    assert unspent == [SpendRecord("btc", Outpoint(RANSOM_TXID, vout), None, None) for vout in (0, 1)]


def test_a_spent_output_has_no_statement_for_its_spender_is_not_told():
    tx = ransom()
    tx["out"][1] |= {"spent": True, "spending_outpoints": [{"tx_index": 1, "n": 0}]}
    assert [fact.outpoint.vout for fact in read(tx)[1:]] == [0]


def test_no_block_height_is_unconfirmed():
    outline = read(blockchain_info(*RANSOM, height=None))[0]
    assert (outline.is_placed, outline.height) == (True, None)


def test_the_bytes_are_a_record_without_block_and_without_spent_outputs():
    (record,) = facts("btc", f"{RAWTX}?format=hex", 200, RANSOM_RAW.hex().encode() + b"\n")
    assert (record.txid, record.raw, record.is_placed) == (RANSOM_TXID, RANSOM_RAW, False)
    assert [given.prevout for given in record.inputs] == [None, None]


def test_bytes_and_outline_together_fit():
    (record,) = facts("btc", f"{RAWTX}?format=hex", 200, RANSOM_RAW.hex().encode())
    outline = read(ransom())[0]
    assert (outline.txid, outline.outputs, len(outline.prevouts)) == (
        record.txid,
        record.outputs,
        len(record.inputs),
    )


def test_a_coinbase_spends_nothing_and_pays_no_fee():
    outline = read(blockchain_info(GENESIS_RAW), f"/rawtx/{GENESIS_TXID}")[0]
    assert outline.prevouts == ()
    assert outline.outputs[0].value_sat == 5_000_000_000


def test_a_bare_key_under_the_address_of_the_key_keeps_its_own_script():
    outline = read(blockchain_info(*FIRST), f"/rawtx/{FIRST_TXID}")[0]
    assert outline.prevouts[0].script.startswith("410411db93")


def test_the_tip_is_a_height():
    assert facts("btc", "/q/getblockcount", 200, b"843079\n") == (Tip("btc", 843079),)


# --- pages ------------------------------------------------------------------------------------------


def test_a_page_claims_lists_and_outlines():
    claim, listing, outline, *_ = read(page(ransom()), HISTORY)
    assert claim == AddressClaim("btc", RANSOM_ADDRESS, 1)
    assert listing == Listing("btc", RANSOM_ADDRESS, "", (RANSOM_TXID,), complete=True)
    assert outline == read(ransom())[0]


def test_an_address_without_transactions_is_a_complete_history_of_nothing():
    assert read(page(), HISTORY)[1] == Listing("btc", RANSOM_ADDRESS, "", (), complete=True)


@pytest.mark.parametrize(
    ("offset", "count", "n_tx", "complete", "following"),
    [
        (0, 3, 3, True, ""),
        (0, 3, 4, False, "3"),
        (50, 3, 53, True, ""),
        (50, 3, 60, False, "53"),
        (50, 0, 60, False, ""),  # a refusal: nothing leads on
        (60, 0, 60, True, ""),
        (70, 0, 60, True, ""),
        (0, 3, 2, False, "3"),  # more than claimed: the claim is old, ask on
    ],
)
def test_a_page_is_the_last_if_it_ends_where_the_claim_says(offset, count, n_tx, complete, following):
    path = HISTORY.removesuffix("0") + str(offset)
    listing = read(page(*payments(count), n_tx=n_tx), path)[1]
    assert (listing.complete, listing.next) == (complete, following)
    assert listing.after == (str(offset) if offset else "")
    assert bool(listing.reason) is not complete


def test_the_next_page_is_asked_at_its_cursor():
    source = BlockchainInfo()
    listing = read(page(*payments(3), n_tx=9), source.history_path(RANSOM_ADDRESS))[1]
    assert source.history_path(RANSOM_ADDRESS, listing.next).endswith("?limit=50&offset=3")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (page(ransom(), ransom()), f"lists {RANSOM_TXID} again"),
        (page(blockchain_info(*FIRST)), f"lists {FIRST_TXID}, which does not touch it"),
        (page(address="1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), "about another address"),
        (page(address="nonsense"), "about another address"),
        (page(ransom(vout_sz=3)), "has 3 out by field txs\\[0\\].vout_sz, but 2 are listed"),
    ],
)
def test_a_page_that_contradicts_itself_is_refused(value, told):
    with pytest.raises(ProofFailed, match=told):
        read(value, HISTORY)


# --- what is refused --------------------------------------------------------------------------------


def test_a_form_that_leaves_out_the_outputs_of_others_is_refused():
    tx = ransom(out=ransom()["out"][:1])
    with pytest.raises(ProofFailed, match="has 2 out by field vout_sz, but 1 are listed"):
        read(tx)
    with pytest.raises(ProofFailed, match="states a fee of 14,061, but inputs − outputs is 7,500,048,307"):
        read(tx | {"vout_sz": 1})


def test_a_lie_about_an_address_is_refused():
    tx = ransom()
    tx["out"][0]["addr"] = RANSOM_ADDRESS
    with pytest.raises(
        ProofFailed, match=r"field out\[0\].addr is '15JFh88.*the script's address is bc1q7eq"
    ):
        read(tx)


def test_bytes_of_another_transaction_are_refused():
    with pytest.raises(ProofFailed, match=f"stated as {FIRST_TXID} hashes to {RANSOM_TXID}"):
        facts("btc", f"/rawtx/{FIRST_TXID}?format=hex", 200, RANSOM_RAW.hex().encode())


def test_multiaddr_has_no_reader():
    with pytest.raises(BadInput, match="multiaddr"):
        facts("btc", f"/multiaddr?active={RANSOM_ADDRESS}&n=100", 200, b"{}")


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (
            429,
            b"Maximum concurrent requests for this endpoint reached. Please try again shortly.",
            RateLimited,
        ),
        (200, b"Maximum concurrent requests for this endpoint reached.", RateLimited),
        (404, b'{"error":"not-found-or-invalid-arg","message":"Item not found"}', NotFound),
        (404, b"<html>gone</html>", BadResponse),
        (404, b"", BadResponse),
        (403, b"<html>Just a moment...</html>", BadResponse),
    ],
)
@pytest.mark.parametrize("path", [f"{RAWTX}?format=hex", "/q/getblockcount"])
def test_a_refusal_is_no_answer(path, status, answer, error):
    with pytest.raises(error):
        facts("btc", path, status, answer)


@pytest.mark.parametrize("path", [RAWTX, f"{RAWTX}?format=hex", HISTORY, "/q/getblockcount"])
@pytest.mark.parametrize("answer", BROKEN)
def test_a_broken_body_is_never_a_fact(path, answer):
    if (path, answer) == ("/q/getblockcount", b"0"):
        return
    with pytest.raises(SourceError):
        facts("btc", path, 200, answer)


@settings(max_examples=150)
@given(st.data())
def test_a_field_changed_into_anything_is_refused_or_does_not_matter(data):
    changed = damaged(data, ransom(), {"block_height"})
    try:
        stated = read(changed)
    except SourceError:
        return
    assert stated == read(ransom())


# --- the source -------------------------------------------------------------------------------------


def test_the_source_asks_for_bytes_and_outline_of_each_transaction():
    source = BlockchainInfo()
    assert source.tx_paths([RANSOM_TXID, FIRST_TXID]) == (
        f"{RAWTX}?format=hex",
        RAWTX,
        f"/rawtx/{FIRST_TXID}?format=hex",
        f"/rawtx/{FIRST_TXID}",
    )
    assert source.address_path(RANSOM_ADDRESS) == source.history_path(RANSOM_ADDRESS) == HISTORY
    assert source.outspends_path([RANSOM_TXID]) is None
    subjects = [source.subject_of(path) for path in (HISTORY, RAWTX, source.tip_path())]
    assert subjects == [RANSOM_ADDRESS, RANSOM_TXID, ""]


@pytest.mark.parametrize("cursor", ["-1", "1e3", "1&active=x", "٣"])
def test_a_cursor_is_a_number(cursor):
    with pytest.raises(BadInput, match="not a cursor"):
        BlockchainInfo().history_path(RANSOM_ADDRESS, cursor)


def test_there_is_bitcoin_only():
    with pytest.raises(BadInput, match="no public BlockchainInfo is known for 'ltc'"):
        BlockchainInfo(chain="ltc")


def test_it_reads_what_a_server_sends(server: FaultyServer):
    server.answers = {RAWTX: [text(body(ransom()))], f"{RAWTX}?format=hex": [text(RANSOM_RAW.hex())]}
    source = BlockchainInfo(server.url)
    told = [
        source.facts(path, reply.status, reply.body)[0]
        for path in source.tx_paths([RANSOM_TXID])
        if (reply := source.ask(path))
    ]
    source.close()
    assert [fact.txid for fact in told] == [RANSOM_TXID, RANSOM_TXID]


# --- recorded ---------------------------------------------------------------------------------------


def recorded(shared, pattern: str) -> list[dict[str, Any]]:
    files = sorted((shared / "explorers" / "blockchain.info").glob(pattern))
    return [json.loads(json.loads(file.read_text())["body"]) for file in files]


def test_recorded_transactions_are_read(shared):
    bodies = recorded(shared, "rawtx-*.json")
    assert len(bodies) == 2
    for tx in bodies:
        outline = read(tx, f"/rawtx/{tx['hash']}")[0]
        assert (len(outline.prevouts), len(outline.outputs)) == (tx["vin_sz"], tx["vout_sz"])
    known = {"450c309b70fb3f71b63b10ce60af17499bd21b1db39aa47b19bf22166ee67144": (183_729, 67_196_218)}
    for txid, (height, value_sat) in known.items():
        (tx,) = [tx for tx in bodies if tx["hash"] == txid]
        outline = read(tx, f"/rawtx/{txid}")[0]
        assert (outline.height, outline.prevouts[0].value_sat) == (height, value_sat)


def test_recorded_multiaddr_transactions_with_hidden_outputs_are_all_refused(shared):
    stated = [tx for one in recorded(shared, "multiaddr-*.json") for tx in one["txs"]]
    whole = [tx for tx in stated if len(tx["out"]) == tx["vout_sz"]]
    assert (len(whole), len(stated)) == (138, 409)
    for tx in stated:
        if tx in whole:
            assert isinstance(read(tx, f"/rawtx/{tx['hash']}")[0], TxOutline)
            continue
        with pytest.raises(ProofFailed, match=r"has [\d,]+ out by field vout_sz"):
            read(tx, f"/rawtx/{tx['hash']}")
