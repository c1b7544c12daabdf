"""Blockchair: transactions rebuilt and hashed from rows, pages by offset, and errors inside an answer."""

from __future__ import annotations

from typing import Any

import pytest
from damage import put
from esplora_form import FIRST_TXID, GENESIS_RAW, GENESIS_TXID, RANSOM_ADDRESS, RANSOM_RAW, RANSOM_TXID
from faulty import FaultyServer, text
from hypothesis import given, settings
from hypothesis import strategies as st
from utxo_forms import BROKEN, FIRST, HEIGHT, P2PKH, RANSOM, SPENDER, blockchair, body, damaged, envelope

from chainflow.errors import BadInput, BadResponse, NotFound, ProofFailed, RateLimited, SourceError
from chainflow.model import AddressClaim, InputRecord, Listing, Outpoint, OutputRecord, SpendRecord, Tip
from chainflow.sources.blockchair import Blockchair, block_time, facts, input_row, output_row, spend_row
from chainflow.sources.strict import Field
from chainflow.wire import parse_transaction

RANSOM_PATH = f"/dashboards/transactions/{RANSOM_TXID}"
HISTORY = f"/dashboards/address/{RANSOM_ADDRESS}?limit=100,0&offset=0,0"

# A payment of 2 March 2021 as the site served it: segwit in p2sh, so that the witness is not in its txid.
SEGWIT_TXID = "0056281655e3942cd69e3ec252e2dbe7605ff264d03bdf626e83eccb51462b0b"
SEGWIT: dict[str, Any] = {
    "transaction": {
        "block_id": 672885, "hash": SEGWIT_TXID, "time": "2021-03-02 20:37:32", "version": 1, "lock_time": 0,
        "is_coinbase": False, "input_count": 1, "output_count": 2, "input_total": 26402027,
        "input_total_usd": 13212.895, "output_total": 26382203, "fee": 19824, "fee_usd": 9.92092,
    },
    "inputs": [{
        "block_id": 672877, "index": 1,
        "transaction_hash": "37a6c828569fdca402f036e2c945483ae8c4511a876c5debadd16705d1883e8f",
        "value": 26402027, "recipient": "3E4BS7ZXHCEP5wWz9XhA1xYiMaDNXoE5wk",
        "script_hex": "a91487a22ed9ba7f9b43e01e7274fb7af6d717f73fe887", "is_spendable": None, "is_spent": True,
        "spending_index": 0, "spending_transaction_hash": SEGWIT_TXID, "spending_sequence": 0,
        "spending_signature_hex": "16001435e680d22b562155e375d29255e242db465d9461",
    }],
    "outputs": [{
        "index": 0, "transaction_hash": SEGWIT_TXID, "value": 7012364,
        "recipient": "1JHH1pmHujcVa1aXjRrA13BJ13iCfgfBqj",
        "script_hex": "76a914bd8e2964ae5fb38e225e2f189da6e0604667cab088ac", "is_spent": True,
        "spending_transaction_hash": "f7661801f63b229e3102f3c8d72974636b684da3f476cfb589d5b09a9b1d9769",
        "spending_index": 2,
    }, {
        "index": 1, "transaction_hash": SEGWIT_TXID, "value": 19369839,
        "recipient": "3GibDvwUZJpqR48u1kFoNFtKnguSTVoJwj",
        "script_hex": "a914a4d61997c720fd94c658bd05f46d05cf76cdf01487", "is_spent": True,
        "spending_transaction_hash": "c6031e6737c709979776aabcabd4f9736f07a0798147115136fe2bd2fe4e42c7",
        "spending_index": 0,
    }],
}  # fmt: skip


def read(data: object, path: str = RANSOM_PATH, *, chain: str = "btc") -> Any:
    return facts(chain, path, 200, body(envelope(data)))


def ransom(**form: Any) -> dict[str, Any]:
    txid, entry = blockchair(*RANSOM, **form)
    return {txid: entry}


def page(*txids: str, count: int | None = None, **changes: object) -> dict[str, Any]:
    row = {"type": "pubkeyhash", "script_hex": P2PKH.hex(), "balance": 0, "balance_usd": 0.5}
    row |= {"transaction_count": len(txids) if count is None else count, **changes}
    return {RANSOM_ADDRESS: {"address": row, "transactions": list(txids), "utxo": []}}


# --- what is stated ---------------------------------------------------------------------------------


def test_a_transaction_is_rebuilt_from_its_rows_and_hashed():
    record, *_ = read(ransom())
    assert (record.txid, record.raw, record.fee_sat) == (RANSOM_TXID, RANSOM_RAW, 14_061)
    assert {given.prevout.script for given in record.inputs} == {P2PKH.hex()}
    assert (record.height, record.time, record.block_hash) == (HEIGHT, 1_620_494_070, None)


def test_a_transaction_as_the_site_served_it_hashes():
    record, *spends = read({SEGWIT_TXID: SEGWIT}, f"/dashboards/transactions/{SEGWIT_TXID}")
    assert parse_transaction(record.raw).txid == SEGWIT_TXID
    assert (record.fee_sat, record.time) == (19_824, 1_614_717_452)
    assert [(spend.spent_by[:8], spend.spent_vin) for spend in spends] == [("f7661801", 2), ("c6031e67", 0)]


def test_outputs_tell_who_spends_them_or_that_nobody_does():
    assert read(ransom())[1:] == (
        SpendRecord("btc", Outpoint(RANSOM_TXID, 0), SPENDER, 2),
        SpendRecord("btc", Outpoint(RANSOM_TXID, 1), None, None),
    )


def test_what_is_not_said_of_a_spending_stays_unknown():
    data = ransom()
    data[RANSOM_TXID]["outputs"][1]["is_spent"] = None
    assert [spend.outpoint.vout for spend in read(data)[1:]] == [0]


def test_a_transaction_in_the_mempool_has_no_time():
    record = read(ransom(height=-1))[0]
    assert (record.is_placed, record.height, record.time) == (True, None, None)


def test_a_coinbase_is_hearsay_until_its_bytes_are_asked_for():
    txid, entry = blockchair(GENESIS_RAW)
    record = read({txid: entry}, f"/dashboards/transactions/{txid}")[0]
    assert (record.is_coinbase, record.raw, record.inputs) == (True, None, ())
    (path,) = Blockchair().raw_paths([txid])
    (proved,) = read({txid: {"raw_transaction": GENESIS_RAW.hex()}}, path)
    assert (proved.raw, proved.outputs, proved.is_placed) == (GENESIS_RAW, record.outputs, False)


def test_a_bare_key_under_the_address_of_the_key_keeps_its_own_script():
    txid, entry = blockchair(*FIRST)
    assert entry["inputs"][0]["recipient"] == "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S"
    record = read({txid: entry}, f"/dashboards/transactions/{txid}")[0]
    assert record.inputs[0].prevout.script.startswith("410411db93")


def test_an_address_of_bitcoin_cash_comes_without_its_prefix():
    _, entry = blockchair(*RANSOM, chain="bch")
    del entry["outputs"][0]  # a segwit script, which that chain does not know
    address = Blockchair(chain="bch").canonical(RANSOM_ADDRESS)
    assert entry["inputs"][0]["recipient"] == address.removeprefix("bitcoincash:")
    assert output_row("bch", Field(entry["inputs"][0], "row")).script == P2PKH.hex()


def test_several_transactions_come_in_one_answer_and_unknown_ones_do_not():
    first = blockchair(*FIRST)[1]
    first["outputs"][0]["spending_index"] = 3
    data = {**ransom(), FIRST_TXID: first}
    asked = f"{RANSOM_PATH},{FIRST_TXID},{GENESIS_TXID}"
    assert [fact.txid for fact in read(data, asked)[:2]] == [RANSOM_TXID, FIRST_TXID]


def test_the_state_of_the_chain_gives_the_tip():
    assert read({"best_block_height": 2428755}, "/stats", chain="doge") == (Tip("doge", 2428755),)


@pytest.mark.parametrize("chain", ["dash", "zec"])
def test_where_transactions_have_further_fields_one_that_does_not_hash_is_hearsay(chain):
    txid, entry = blockchair(*RANSOM)
    entry["transaction"]["version"] = 4
    for row in (*entry["inputs"], *entry["outputs"]):
        del row["recipient"]
    record = read({txid: entry}, chain=chain)[0]
    assert (record.raw, record.fee_sat) == (None, 14_061)
    with pytest.raises(ProofFailed, match="its content was altered"):
        read({txid: entry}, chain="ltc")


def test_shielded_value_is_refused_by_name():
    data = ransom(chain="zec")
    data[RANSOM_TXID]["transaction"]["shielded_value_delta"] = -5
    with pytest.raises(BadResponse, match="moves shielded value, which cannot be followed"):
        read(data, chain="zec")


# --- pages ------------------------------------------------------------------------------------------


def test_a_page_claims_and_lists_txids():
    assert read(page(RANSOM_TXID, FIRST_TXID), HISTORY) == (
        AddressClaim("btc", RANSOM_ADDRESS, 2),
        Listing("btc", RANSOM_ADDRESS, "", (RANSOM_TXID, FIRST_TXID), complete=True),
    )


def test_more_than_one_page_is_asked_by_offset():
    listing = read(page(RANSOM_TXID, count=300), HISTORY)[1]
    assert (listing.complete, listing.next, listing.reason) == (
        False,
        "1",
        "1 of 300 transactions up to this page",
    )
    assert Blockchair().history_path(RANSOM_ADDRESS, "1") == HISTORY.replace("offset=0", "offset=1")


def test_beyond_a_million_nothing_is_listed():
    path = HISTORY.replace("offset=0", "offset=1000000")
    listing = read(page(RANSOM_TXID, count=2_000_000), path)[1]
    assert (listing.complete, listing.next) == (False, "")
    assert listing.reason.startswith("truncated: it lists no more than 1,000,000")
    assert Blockchair().history_path(RANSOM_ADDRESS, "1000001") is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (page(RANSOM_TXID, RANSOM_TXID), f"lists {RANSOM_TXID} again"),
        (page(script_hex="0014" + "11" * 20), "is not the script of 15JFh88"),
        ({FIRST_TXID: {}}, "about another address"),
    ],
)
def test_a_page_that_contradicts_itself_is_refused(data, told):
    with pytest.raises(ProofFailed, match=told):
        read(data, HISTORY)


def test_an_address_known_by_a_bare_key_is_accepted():
    _, entry = blockchair(*FIRST)
    row = entry["inputs"][0]
    data = page(script_hex=row["script_hex"])
    path = HISTORY.replace(RANSOM_ADDRESS, row["recipient"])
    assert read({row["recipient"]: data[RANSOM_ADDRESS]}, path)[1].complete


# --- rows, as table dumps have them -----------------------------------------------------------------


def test_a_row_alone_is_an_input_an_output_and_a_spending():
    row = Field(SEGWIT["inputs"][0], "row 7")
    made = OutputRecord(26_402_027, "a91487a22ed9ba7f9b43e01e7274fb7af6d717f73fe887")
    outpoint = Outpoint(row.value["transaction_hash"], 1)
    assert output_row("btc", row) == made
    assert input_row("btc", row) == InputRecord(outpoint, made, 0)
    assert spend_row("btc", row) == SpendRecord("btc", outpoint, SEGWIT_TXID, 0)


@pytest.mark.parametrize(
    "stated", ["2009-01-12", "2009-01-12T03:30:25", "2009-02-30 00:00:00", "1969-12-31 23:59:59", "", "x"]
)
def test_a_time_is_in_one_form(stated):
    assert block_time(Field("2009-01-12 03:30:25", "row")) == 1_231_731_025
    with pytest.raises(BadResponse, match="row: the whole is"):
        block_time(Field(stated, "row"))


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("transaction", "version"), 1, "hashes to"),
        (("transaction", "fee"), 1, "states a fee of 1, but inputs − outputs is 14,061"),
        (("transaction", "input_total"), 1, "field transaction.input_total|field data"),
        (("transaction", "output_count"), 3, "has 3 by output_count, but 2 are listed"),
        (("transaction", "is_coinbase"), True, "false, for it spends an output"),
        (("transaction", "hash"), FIRST_TXID, f"the txid {RANSOM_TXID}"),
        (("inputs", 0, "spending_index"), 1, f"0, of {RANSOM_TXID}"),
        (("inputs", 0, "spending_signature_hex"), "00", "hashes to|another key"),
        (("inputs", 0, "spending_sequence"), 5, "hashes to"),
        (("outputs", 1, "index"), 0, f"1, of {RANSOM_TXID}"),
        (("outputs", 0, "recipient"), RANSOM_ADDRESS, "but the script's address is bc1q7eq"),
        (("outputs", 0, "spending_index"), None, "false, for no spender is named"),
        (("outputs", 1, "spending_index"), 3, "true, for a spender is named"),
        (("outputs", 0, "spending_transaction_hash"), RANSOM_TXID, "cannot be spent by input 2"),
    ],
)
def test_a_contradiction_is_named_and_refused(place, value, told):
    data = ransom()
    put(data[RANSOM_TXID], place, value)
    with pytest.raises((ProofFailed, BadResponse), match=told):
        read(data)


def test_a_transaction_that_was_not_asked_for_is_refused():
    with pytest.raises(ProofFailed, match="was not asked for"):
        read(ransom(), f"/dashboards/transactions/{FIRST_TXID}")


@pytest.mark.parametrize("data", [None, [], {}])
@pytest.mark.parametrize("path", [RANSOM_PATH, HISTORY, "/stats"])
def test_no_data_is_not_found_and_not_an_empty_history(path, data):
    with pytest.raises(NotFound):
        read(data, path)


@pytest.mark.parametrize("code", [402, 429, 430, 434, 435, 436, 437, 503])
def test_each_way_of_saying_too_much_is_a_limit_and_never_an_answer(code):
    refusal = body(envelope(None, code=code, error="Your IP address is temporary blacklisted"))
    for status in (200, code):
        with pytest.raises(RateLimited, match=str(code)):
            facts("btc", HISTORY, status, refusal)


@pytest.mark.parametrize("code", [400, 404, 500])
def test_another_code_inside_an_answer_is_an_error_with_its_words(code):
    refusal = body(envelope(None, code=code, error="Invalid range"))
    with pytest.raises((BadResponse, NotFound), match="Invalid range"):
        facts("btc", HISTORY, 200, refusal)


@pytest.mark.parametrize("path", [RANSOM_PATH, HISTORY, "/stats", f"/raw/transaction/{RANSOM_TXID}"])
@pytest.mark.parametrize("answer", BROKEN)
def test_a_broken_body_is_never_a_fact(path, answer):
    with pytest.raises(SourceError):
        facts("btc", path, 200, answer)


@settings(max_examples=150)
@given(st.data())
def test_a_field_changed_into_anything_is_refused_or_does_not_matter(data):
    hearsay = {"block_id", "time", "is_spent"}  # and who spends an output: nothing here can check that
    whole = ransom()
    for row in whole[RANSOM_TXID]["outputs"]:
        del row["spending_transaction_hash"], row["spending_index"], row["spending_sequence"], row["is_spent"]
    changed = damaged(data, whole[RANSOM_TXID], hearsay)
    try:
        stated = read({RANSOM_TXID: changed})
    except SourceError:
        return
    assert stated == read(whole)


# --- the source -------------------------------------------------------------------------------------


def test_ten_transactions_are_one_question():
    txids = [f"{n:064x}" for n in range(10)]
    assert Blockchair().tx_paths(txids) == (f"/dashboards/transactions/{','.join(txids)}",)
    assert Blockchair().outspends_path(txids) == Blockchair().tx_paths(txids)[0]
    assert len(Blockchair(chain="zec").tx_paths(txids)) == 10  # a shielded one spoils no other
    with pytest.raises(BadInput, match="11 txids"):
        Blockchair().tx_paths([*txids, "ab" * 32])


def test_the_host_learns_what_the_path_names():
    source = Blockchair(chain="bch")
    path = source.history_path(RANSOM_ADDRESS)
    assert source.subject_of(path) == source.canonical(RANSOM_ADDRESS)
    assert source.subject_of(f"{RANSOM_PATH},{FIRST_TXID}") == f"{RANSOM_TXID},{FIRST_TXID}"
    assert source.subject_of(source.tip_path()) == ""


def test_a_key_is_sent_and_never_shown(server: FaultyServer):
    server.answers = {"/stats?key=very-secret-9": [text(body(envelope({"best_block_height": 5})))]}
    source = Blockchair(f"{server.url}?key=very-secret-9")
    reply = source.ask(source.tip_path())
    source.close()
    assert source.facts("/stats", reply.status, reply.body) == (Tip("btc", 5),)
    assert "very-secret" not in f"{source!r}{source.name}{reply.url}{reply.path}"
