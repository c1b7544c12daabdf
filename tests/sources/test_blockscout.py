"""Blockscout's own API: rows as objects, pages with their own cursor, and what the server holds back."""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
from faulty import text
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import (
    BadInput,
    BadResponse,
    NotFound,
    ProofFailed,
    RateLimited,
    SchemaMismatch,
    SourceError,
)
from chainflow.model import Listing, Tip, TokenRecord, TransferKind, TransferRecord
from chainflow.sources import Source, open_source
from chainflow.sources.blockscout import Blockscout, facts
from chainflow.sources.blockscout.facts import is_cursor, subject_of

THIEF = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
THIEF_CHECKSUMMED = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"
BRIDGE = "0x1a2a1c938ce3ec39b6d47113c7955baa9dd454f2"
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
OTHER = "0x" + "11" * 20
TXID = "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7"
SOURCE = Blockscout(chain="eth")
TX, TX_TOKENS, TX_CALLS = SOURCE.tx_paths([TXID])
NEXT = {"block_number": 14442835, "index": 4, "items_count": 50}


def history(which: str, after: str = "") -> str:
    path = SOURCE.history_path(THIEF, after, which=which)
    assert path is not None
    return path


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def page(items: list[Any], path: str, *, then: object = None, chain: str = "eth") -> Any:
    return facts(chain, path, 200, body({"items": items, "next_page_params": then}))


def one(value: object, path: str = TX, *, chain: str = "eth") -> Any:
    return facts(chain, path, 200, body(value))


def party(address: str, **changed: Any) -> dict[str, Any]:
    return {"hash": address, "is_scam": False, "reputation": "ok", "is_contract": False, **changed}


def transaction(**changed: Any) -> dict[str, Any]:
    return {
        "hash": TXID,
        "status": "ok",
        "result": "success",
        "value": "5",
        "from": party(THIEF_CHECKSUMMED),
        "to": party(BRIDGE),
        "created_contract": None,
        "fee": {"type": "actual", "value": "4300"},
        "block_number": 14442835,
        "timestamp": "2022-03-23T13:29:09.000000Z",
        "position": 85,
        "is_pending_update": False,
        "token_transfers": None,
        "token_transfers_overflow": None,
        **changed,
    }


def internal(**changed: Any) -> dict[str, Any]:
    """The theft itself: 173,600 ETH came as an internal transaction."""
    return {
        "transaction_hash": TXID,
        "transaction_index": 85,
        "type": "call",
        "success": True,
        "error": None,
        "from": party(BRIDGE),
        "to": party(THIEF_CHECKSUMMED),
        "created_contract": None,
        "value": "173600000000000000000000",
        "block_number": 14442835,
        "timestamp": "2022-03-23T13:29:09.000000Z",
        "index": 4,
        "gas_limit": "2300",
        **changed,
    }


def token(**changed: Any) -> dict[str, Any]:
    return {
        "transaction_hash": TXID,
        "block_hash": "0x" + "cd" * 32,
        "block_number": 14442835,
        "timestamp": "2022-03-23T13:29:09.000000Z",
        "log_index": 157,
        "from": party(BRIDGE),
        "to": party(THIEF_CHECKSUMMED),
        "token": {
            "address_hash": USDT,
            "symbol": "USDT",
            "name": "Tether USD",
            "decimals": "6",
            "reputation": "ok",
        },
        "total": {"value": "25500000000000", "decimals": "6"},
        "token_type": "ERC-20",
        "type": "token_transfer",
        **changed,
    }


# --- what is asked ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "chain", "name"),
    [
        ("blockscout", None, "https://api.blockscout.com/1/api/v2"),
        ("blockscout", "base", "https://api.blockscout.com/8453/api/v2"),
        ("blockscout:optimism.blockscout.com", "op", "https://optimism.blockscout.com/api/v2"),
        ("blockscout:https://gnosis.blockscout.com", "gnosis", "https://gnosis.blockscout.com/api/v2"),
        (
            "blockscout:https://api.blockscout.com/10/api/v2?apikey=canary1",
            "op",
            "https://api.blockscout.com/10/api/v2",
        ),
        ("blockscout:http://127.0.0.1:4000/api", "eth", "http://127.0.0.1:4000/api/v2"),
    ],
)
def test_a_word_becomes_a_source(word, chain, name):
    source = open_source(word, chain=chain)
    assert isinstance(source, Source)
    assert (source.name, source.chain) == (f"blockscout:{name}", chain or "eth")
    assert "canary" not in repr(source)


def test_chains_without_scripts_alone_are_spoken_of():
    with pytest.raises(BadInput, match="no public Blockscout is known for 'btc'"):
        open_source("blockscout", chain="btc")
    with pytest.raises(BadInput, match="btc is no EVM chain"):
        open_source("blockscout:http://127.0.0.1:4000", chain="btc")


def test_withdrawals_are_asked_for_where_they_are_paid_in_the_chains_coin():
    assert SOURCE.lists == ("native", "internal", "token", "withdrawals")
    assert Blockscout(chain="gnosis").lists == Blockscout(chain="op").lists == ("native", "internal", "token")
    with pytest.raises(BadInput, match="no list called 'withdrawals'"):
        Blockscout(chain="op").history_path(THIEF, which="withdrawals")


def test_paths_name_whom_they_are_about():
    assert history("native") == f"/addresses/{THIEF}/transactions" == SOURCE.history_path(THIEF_CHECKSUMMED)
    after = "block_number=14442835&index=4&items_count=50"
    assert history("token", after) == f"/addresses/{THIEF}/token-transfers?{after}"
    assert SOURCE.tx_paths([TXID, "block:17"]) == (TX, TX_TOKENS, TX_CALLS)
    assert {subject_of(path) for path in (TX, TX_TOKENS, TX_CALLS)} == {TXID}
    assert subject_of(history("token", after)) == THIEF
    assert subject_of(SOURCE.tip_path()) == ""
    with pytest.raises(BadInput, match="not a txid"):
        SOURCE.tx_paths(["0x12"])


@pytest.mark.parametrize(
    "after", ["x", "a=b&", "&a=b", "a=b&&c=d", "a=b=c", "A=b", "a=b c", "a=../..", "a=b#c"]
)
def test_only_cursors_are_asked_with(after):
    assert not is_cursor(after)
    with pytest.raises(BadInput, match="not a cursor"):
        history("native", after)


@pytest.mark.parametrize(
    "path", ["", "/", "/stats", f"{TX}/logs", f"/addresses/{THIEF}", f"/addresses/{THIEF}/tokens"]
)
def test_only_paths_of_the_family_are_read(path):
    with pytest.raises(BadInput, match="not a path of the Blockscout family"):
        facts("eth", path, 200, b"{}")


def test_tokens_held_for_scams_are_asked_for_too(server):
    source = Blockscout(server.url, chain="eth")
    path = source.history_path(THIEF, which="token")
    server.answers[f"/api/v2{path}"] = [text(body({"items": [token()], "next_page_params": None}))]
    reply = source.ask(path)
    source.close()
    assert server.asked[0].headers["show-scam-tokens"] == "true"
    assert source.facts(reply.path, reply.status, reply.body)[0].txids == (TXID,)


# --- rows -------------------------------------------------------------------------------------------


def test_the_tip_is_the_newest_of_the_newest_blocks():
    assert one([{"height": 16}, {"height": 17}], SOURCE.tip_path()) == (Tip("eth", 17),)
    with pytest.raises(SchemaMismatch):
        one([], SOURCE.tip_path())


def test_a_transaction_is_its_value_and_its_fee():
    listing, made, fee = page([transaction()], history("native"))
    assert (listing.txids, listing.complete, listing.next) == ((TXID,), True, "")
    assert (made.kind, made.sender, made.recipient, made.value_raw, made.ok) == (
        "native",
        THIEF,
        BRIDGE,
        5,
        True,
    )
    assert (made.height, made.time, made.position) == (14442835, 1648042149, 85)
    assert (fee.kind, fee.sender, fee.recipient, fee.value_raw, fee.marks) == ("fee", THIEF, None, 4300, ())


def test_what_failed_moved_nothing_and_paid_its_fee():
    made, fee = one(transaction(status="error", result="out of gas"))
    assert (made.ok, made.value_raw, made.stated_raw) == (False, 0, 5)
    assert (fee.ok, fee.value_raw, fee.marks) == (True, 4300, ("of a failed transaction",))


def test_a_pending_transaction_has_no_block_no_outcome_and_has_paid_nothing():
    pending = transaction(
        status=None, block_number=None, timestamp=None, fee={"type": "maximum", "value": "9"}
    )
    (made,) = one(pending)
    assert (made.height, made.time, made.position, made.ok) == (None, None, None, None)


def test_a_creation_pays_the_contract_it_makes():
    made, _ = one(transaction(to=None, created_contract=party(OTHER)))
    assert made.recipient == OTHER


@pytest.mark.parametrize(
    ("changed", "marks"),
    [
        ({"l1_fee": "7"}, ()),
        ({}, ("partial: without the L1 fee",)),
        ({"l1_fee": "7", "blob_gas_used": "131072"}, ("partial: without the blob fee",)),
    ],
)
def test_a_fee_says_what_it_leaves_out(changed, marks):
    assert one(transaction(**changed), chain="op")[1].marks == marks


def test_a_theft_by_an_internal_call_is_seen():
    _, made = page([internal()], history("internal"))
    assert (made.kind, made.sender, made.recipient) == ("internal", BRIDGE, THIEF)
    assert (made.value_raw, made.place, made.marks, made.position) == (173_600 * 10**18, "trace:4", (), 85)
    (made,) = page([internal(success=False, error="reverted")], TX_CALLS)
    assert (made.ok, made.value_raw) == (False, 0)


def test_index_zero_is_the_transaction_itself():
    (listing,) = page([internal(type="create", index=0)], history("internal"))
    assert listing.txids == (TXID,)


@pytest.mark.parametrize("kind", ["delegatecall", "callcode", "staticcall"])
def test_a_delegated_call_is_named_and_not_counted(kind):
    listing, made = page([internal(type=kind)], history("internal"))
    assert (listing.txids, made.value_raw, made.marks) == ((TXID,), 0, (f"not moved: {kind}",))
    assert len(page([internal(type=kind, value=None)], history("internal"))) == 1


def test_a_call_of_no_stated_kind_is_marked():
    _, made = page([internal(type=None)], history("internal"))
    assert made.marks == ("unchecked: the kind of call is not stated",)


@pytest.mark.parametrize(
    ("total", "moved"),
    [
        ({"value": "25", "decimals": "6"}, [(None, 25)]),
        ({"token_id": "2041594", "token_instance": None}, [(2041594, 1)]),
        ({"token_id": "7", "value": "3", "decimals": None}, [(7, 3)]),
        ([{"token_id": "7", "value": "3"}, {"token_id": "8", "value": "4"}], [(7, 3), (8, 4)]),
    ],
)
def test_tokens_of_every_kind_keep_value_and_id(total, moved):
    _, *made, told = page([token(total=total)], history("token"))
    assert [(move.token_id, move.value_raw) for move in made] == moved
    assert {(move.contract, move.place, move.ok) for move in made} == {(USDT, "log:157", True)}
    assert told == TokenRecord("eth", USDT, "USDT", "Tether USD", 6)


@pytest.mark.parametrize("total", [None, {"value": None, "decimals": "6"}, {"token_id": "7", "value": None}])
def test_an_amount_that_is_not_stated_is_unknown_and_not_nothing(total):
    _, made, _ = page([token(total=total)], history("token"))
    assert made.ok is None
    assert "unknown amount: the source states none" in made.marks


def test_tokens_are_made_from_nothing():
    _, made, _ = page([token(**{"from": party("0x" + 40 * "0")})], history("token"))
    assert (made.sender, made.recipient) == (None, THIEF)


@pytest.mark.parametrize(
    "changed",
    [
        {"token": {"address_hash": USDT, "reputation": "scam"}},
        {"from": party(BRIDGE, is_scam=True)},
        {"from": party(BRIDGE, reputation="scam")},
    ],
)
def test_what_the_source_calls_a_scam_is_marked_and_kept(changed):
    listing, made, _ = page([token(**changed)], history("token"))
    assert (listing.txids, made.value_raw, made.marks) == (
        (TXID,),
        25_500_000_000_000,
        ("scam: the source says so",),
    )


def test_a_block_that_the_source_reads_again_is_marked():
    made, _ = one(transaction(is_pending_update=True))
    assert made.marks == ("unsettled: the source is reading this block again",)


def test_withdrawals_are_wei_that_the_block_makes():
    row = {
        "index": 1755847,
        "validator_index": 583243,
        "block_number": 17144616,
        "amount": "12404137000000000",
    }
    row = {**row, "receiver": party(THIEF_CHECKSUMMED), "timestamp": "2023-04-28T12:26:59.000000Z"}
    listing, made = page([row], history("withdrawals"))
    assert listing.txids == ("block:17144616",)
    assert (made.kind, made.sender, made.value_raw) == (TransferKind.WITHDRAWAL, None, 12_404_137 * 10**9)
    assert (made.place, made.time) == ("withdrawal:1755847", 1682684819)


def test_older_versions_have_other_names():
    old = {name: value for name, value in token().items() if name not in ("transaction_hash", "block_number")}
    old["token"] = {"address": USDT, "symbol": None, "name": None, "decimals": None}
    _, made, told = page([{**old, "tx_hash": TXID, "block": 14442835}], history("token"))
    assert (made.txid, made.height, told.symbol, told.decimals) == (TXID, 14442835, "", None)


# --- what is held back ------------------------------------------------------------------------------


def test_tokens_shown_with_a_transaction_are_those_of_its_list():
    shown = transaction(token_transfers=[token(timestamp=None)], token_transfers_overflow=False)
    *_, made, told = one(shown)
    assert (made, told) == page([token()], TX_TOKENS)


def test_tokens_of_which_only_some_are_shown_are_left_to_their_list():
    cut = transaction(token_transfers=[token()], token_transfers_overflow=True)
    assert [fact.kind for fact in one(cut)] == ["native", "fee"]


@pytest.mark.parametrize(("path", "row"), [(TX_TOKENS, token()), (TX_CALLS, internal())])
def test_a_part_of_a_transaction_is_not_taken_for_all_of_it(path, row):
    with pytest.raises(ProofFailed, match="only the first rows"):
        page([row], path, then=NEXT)


def test_a_page_names_the_next_one():
    listing, *_ = page([token()], history("token"), then=NEXT)
    assert (listing.complete, listing.next) == (False, "block_number=14442835&index=4&items_count=50")
    again, *_ = page([token()], history("token", listing.next))
    assert (again.after, again.complete, again.next) == (listing.next, True, "")


def test_the_cursor_of_version_12_repeats_no_count_and_no_key_is_taken_over():
    then = {"block_number": 1, "index": 2, "key": "canary1", "apikey": "canary1", "fee": None}
    listing, *_ = page([token()], history("token"), then=then)
    assert listing.next == "block_number=1&index=2"
    then = {"inserted_at": "2023-04-28T12:26:59.000000Z", "hash": TXID}
    assert (
        page([token()], history("token"), then=then)[0].next
        == f"hash={TXID}&inserted_at=2023-04-28T12%3A26%3A59.000000Z"
    )


@pytest.mark.parametrize(
    "then", [{}, [], "x", {"a": [1]}, {"a": True}, {"A B": 1}, {"a": "x" * 200}, {"key": "k"}]
)
def test_a_cursor_of_another_form_is_refused(then):
    with pytest.raises(SchemaMismatch):
        page([token()], history("token"), then=then)


def test_a_page_that_does_not_lead_on_is_refused():
    with pytest.raises(ProofFailed, match="does not lead on"):
        page([token()], history("token", "a=1"), then={"a": 1})
    with pytest.raises(ProofFailed, match="does not lead on"):
        page([], history("token"), then=NEXT)


def test_an_empty_list_is_complete_only_where_the_reply_says_so():
    assert page([], history("token")) == (Listing("eth", THIEF, "", (), complete=True, which="token"),)
    with pytest.raises(SchemaMismatch, match="next_page_params is missing"):
        one({"items": []}, history("token"))


def test_a_row_of_somebody_else_spoils_the_page():
    stranger = party(OTHER)
    rows = {
        "native": transaction(**{"from": stranger}),
        "internal": internal(to=stranger),
        "token": token(to=stranger),
    }
    for which, row in rows.items():
        with pytest.raises(ProofFailed, match=f"does not touch {THIEF}"):
            page([row], history(which))
    with pytest.raises(ProofFailed, match="of another transaction"):
        page([token(transaction_hash="0x" + "00" * 32)], TX_TOKENS)
    with pytest.raises(ProofFailed, match="another transaction"):
        one(transaction(hash="0x" + "00" * 32))


# --- no ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (404, '{"message": "Not found"}', NotFound),
        (429, '{"message": "Too many requests"}', RateLimited),
        (
            422,
            '{"errors": [{"title": "Unexpected field", "detail": "Unexpected field: limit"}]}',
            BadResponse,
        ),
        (403, "<html>", BadResponse),
        (204, "", BadResponse),
    ],
)
def test_any_other_status_is_no_answer_and_its_words_are_told(status, words, error):
    with pytest.raises(error) as caught:
        facts("eth", history("token"), status, words.encode())
    assert words[:30] in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b"{}", b'{"items": {}, "next_page_params": null}', b'{"items": [NaN]}']
)
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(BadResponse):
        facts("eth", history("token"), 200, answer)


@pytest.mark.parametrize("stamp", ["", "2022-03-23", "2022-13-23T13:29:09Z", "2022-03-23T13:29:09+01:00", 7])
def test_a_time_is_one_of_utc(stamp):
    with pytest.raises(SchemaMismatch, match="timestamp"):
        one(transaction(timestamp=stamp))


ROWS = {"native": transaction, "internal": internal, "token": token}


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_any_change_of_a_row_gives_facts_of_the_address_or_a_refusal(data):
    which = data.draw(st.sampled_from(sorted(ROWS)))
    row = copy.deepcopy(ROWS[which]())
    within = data.draw(st.sampled_from([row, *(value for value in row.values() if isinstance(value, dict))]))
    name = data.draw(st.sampled_from(sorted(within)))
    within[name] = data.draw(
        st.none()
        | st.booleans()
        | st.integers(-5, 5)
        | st.text(max_size=5)
        | st.just([])
        | st.just({})
        | st.just("-1")
    )
    try:
        stated = page([row], history(which))
    except SourceError:
        return
    for fact in stated:
        if isinstance(fact, TransferRecord):
            assert 0 <= fact.value_raw <= fact.stated_raw < 2**256
            assert THIEF in (fact.sender, fact.recipient) or row["created_contract"]


# --- recorded replies -------------------------------------------------------------------------------


def recorded(shared):
    for file in sorted(shared.glob("explorers/blockscout/v2-*.json")):
        exchange = json.loads(file.read_text())
        url = urlsplit(exchange["request"]["url"])
        chain = {"1": "eth", "10": "op"}[url.path.split("/")[1]]
        path = f"{url.path.partition('/api/v2')[2]}{'?' if url.query else ''}{url.query}".lower()
        yield chain, path, exchange["status"], exchange["body"].encode()


def test_every_recorded_reply_is_read(shared):
    counted: Counter[str] = Counter()
    for chain, path, status, answer in recorded(shared):
        stated = facts(chain, path, status, answer)
        counted["replies"] += 1
        counted.update(fact.kind.value for fact in stated if isinstance(fact, TransferRecord))
    assert counted == {"replies": 20, "native": 16, "fee": 16, "token": 37, "withdrawal": 129}


def test_the_recorded_fees_are_gas_and_what_the_parent_chain_takes(shared):
    checked = 0
    for chain, path, status, answer in recorded(shared):
        if not path.startswith("/transactions/"):
            continue
        (fee,) = (fact for fact in facts(chain, path, status, answer) if getattr(fact, "kind", "") == "fee")
        row = json.loads(answer)
        assert fee.value_raw == int(row["gas_used"]) * int(row["gas_price"]) + int(row["l1_fee"])
        assert ("of a failed transaction" in fee.marks) == (row["status"] == "error")
        checked += 1
    assert checked == 16


def test_recorded_pages_lead_to_the_next_one(shared):
    pages = [
        facts(chain, path, status, body)[0]
        for chain, path, status, body in recorded(shared)
        if "/addresses/" in path
    ]
    cursors = {(page.address, page.next) for page in pages if not page.complete}
    assert cursors == {(page.address, page.after) for page in pages if page.complete}
    assert [len(page.txids) for page in pages if page.complete] == [2, 27]


def test_no_recorded_error_body_is_taken_for_an_answer(shared):
    rows = json.loads((shared / "explorers" / "error_bodies.json").read_text())["rows"]
    for row in rows:
        for path in (history("token"), TX, TX_CALLS, SOURCE.tip_path()):
            with pytest.raises(SourceError):
                facts("eth", path, row["http"], row["body"].encode())
    assert len(rows) == 24
