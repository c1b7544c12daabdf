"""Etherscan's language: what is asked, what an answer states, and how "nothing" is told from "not now"."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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
from chainflow.model import Listing, TransferKind, TransferRecord
from chainflow.networks import EVM
from chainflow.sources import Source, open_source
from chainflow.sources.etherscan import Etherscan
from chainflow.sources.etherscan.facts import ACTIONS, facts, subject_of

THIEF = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
BRIDGE = "0x1a2a1c938ce3ec39b6d47113c7955baa9dd454f2"
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
OTHER = "0x" + "11" * 20
TXID = "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7"
ETHERSCAN = Etherscan(chain="eth")
OK = {"status": "1", "message": "OK"}


def history(which: str, address: str = THIEF, after: str = "") -> str:
    path = ETHERSCAN.history_path(address, after, which=which)
    assert path is not None
    return path


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def read(rows: list[Any], path: str, *, chain: str = "eth") -> Any:
    return facts(chain, path, 200, body({**OK, "result": rows}))


def native(**changed: str) -> dict[str, str]:
    return {
        "blockNumber": "14442840",
        "timeStamp": "1648046928",
        "hash": TXID,
        "nonce": "7",
        "blockHash": "0x" + "cd" * 32,
        "transactionIndex": "85",
        "from": THIEF,
        "to": BRIDGE,
        "value": "0",
        "gas": "250000",
        "gasPrice": "43000000000",
        "isError": "0",
        "txreceipt_status": "1",
        "input": "0x",
        "contractAddress": "",
        "cumulativeGasUsed": "1",
        "gasUsed": "100000",
        "confirmations": "1",
        **changed,
    }


def internal(**changed: str) -> dict[str, str]:
    """The theft itself: 173,600 ETH came as an internal transaction."""
    return {
        "blockNumber": "14442835",
        "timeStamp": "1648046843",
        "hash": TXID,
        "from": BRIDGE,
        "to": THIEF,
        "value": "173600000000000000000000",
        "contractAddress": "",
        "input": "",
        "type": "call",
        "gas": "2300",
        "gasUsed": "0",
        "traceId": "0_1",
        "isError": "0",
        "errCode": "",
        **changed,
    }


def token(**changed: Any) -> dict[str, Any]:
    return {
        "blockNumber": "14442840",
        "timeStamp": "1648046928",
        "hash": TXID,
        "blockHash": "0x" + "cd" * 32,
        "from": BRIDGE,
        "contractAddress": USDT,
        "to": THIEF,
        "value": "25500000000000",
        "tokenName": "Tether USD",
        "tokenSymbol": "USDT",
        "tokenDecimal": "6",
        "transactionIndex": "86",
        "gasPrice": "1",
        "gasUsed": "1",
        "input": "deprecated",
        **changed,
    }


# --- what is asked ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "chain", "name", "tip"),
    [
        (
            "etherscan",
            None,
            "https://api.etherscan.io/v2",
            "/api?chainid=1&module=proxy&action=eth_blockNumber",
        ),
        (
            "etherscan:api.etherscan.io",
            "bnb",
            "https://api.etherscan.io/v2",
            "/api?chainid=56&module=proxy&action=eth_blockNumber",
        ),
        (
            "etherscan:https://api.etherscan.io/v2/api?chainid=10&apikey=canary1",
            None,
            "https://api.etherscan.io/v2",
            "/api?chainid=10&module=proxy&action=eth_blockNumber",
        ),
        (
            "etherscan:https://api.blockscout.com/8453/api",
            None,
            "https://api.blockscout.com/8453",
            "/api?module=block&action=eth_block_number",
        ),
        (
            "etherscan:eth.blockscout.com",
            None,
            "https://eth.blockscout.com",
            "/api?module=block&action=eth_block_number",
        ),
        (
            "routescan",
            "avax",
            "https://api.routescan.io/v2/network/mainnet/evm/43114/etherscan",
            "/api?module=proxy&action=eth_blockNumber",
        ),
    ],
)
def test_a_word_becomes_a_source_that_names_its_chain_in_path_or_base(word, chain, name, tip):
    source = open_source(word, chain=chain)
    assert isinstance(source, Source)
    assert (source.name, source.tip_path()) == (f"etherscan:{name}", tip)
    assert "canary" not in repr(source) + source.name


@pytest.mark.parametrize(
    ("word", "chain", "told"),
    [
        ("etherscan", "btc", "no public Etherscan is known for 'btc'"),
        ("etherscan:http://127.0.0.1:4000", "btc", "btc is no EVM chain"),
        ("etherscan:https://api.etherscan.io/v2/api?chainid=10", "eth", "speaks of op, not of eth"),
        ("etherscan:https://api.etherscan.io/v2/api?chainid=999999", None, "no chain of this chainid"),
        ("etherscan:https://api.etherscan.io/api?apikey=canary1", None, "switched this API off"),
        ("etherscan:https://api.blockscout.com/8453/api", "op", "speaks of base, not of op"),
    ],
)
def test_a_chain_that_is_not_there_is_refused(word, chain, told):
    with pytest.raises(BadInput, match=told) as caught:
        open_source(word, chain=chain)
    assert "canary" not in str(caught.value)


def test_only_lists_in_which_there_can_be_anything_are_asked_for():
    basic = ("native", "internal", "token", "nft", "token1155")
    assert ETHERSCAN.lists == (*basic, "withdrawals", "rewards")
    assert Etherscan(chain="gnosis").lists == (*basic, "rewards")
    assert Etherscan(chain="base").lists == basic
    assert Etherscan("api.blockscout.com", chain="eth").lists == basic
    assert Etherscan("api.routescan.io", chain="eth").lists == basic
    with pytest.raises(BadInput, match="no list called 'withdrawals'"):
        Etherscan(chain="base").history_path(THIEF, which="withdrawals")


def test_a_history_is_asked_for_oldest_first_from_the_cursor_on():
    asked = dict(parse_qsl(urlsplit(history("token", THIEF.upper().replace("0X", "0x"), "14442840")).query))
    assert asked == {
        "chainid": "1",
        "module": "account",
        "action": "tokentx",
        "address": THIEF,
        "startblock": "14442840",
        "endblock": "999999999",
        "page": "1",
        "offset": "10000",
        "sort": "asc",
    }
    assert ETHERSCAN.history_path(THIEF) == history("native")


@pytest.mark.parametrize("after", ["x", "-1", "1" * 10, "1&apikey=2", "+50", "5+", "5+0", "5+123456"])
def test_only_cursors_of_the_family_are_asked_with(after):
    with pytest.raises(BadInput, match="not a cursor"):
        history("native", after=after)


def test_a_transaction_is_asked_for_as_the_host_allows():
    by_node = ETHERSCAN.tx_paths([TXID, "block:17"])
    assert [path.partition("action=")[2].partition("&")[0] for path in by_node] == [
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
        "txlistinternal",
    ]
    by_blockscout = Etherscan("eth.blockscout.com").tx_paths([TXID])
    assert by_blockscout[0] == f"/api?module=transaction&action=gettxinfo&txhash={TXID}"
    assert {subject_of(path) for path in (*by_node, *by_blockscout)} == {TXID}
    assert subject_of(history("nft")) == THIEF
    assert subject_of(history("rewards")) == THIEF
    with pytest.raises(BadInput, match="not a txid"):
        ETHERSCAN.tx_paths([TXID.upper()])


@pytest.mark.parametrize(
    "path", ["", "/api", "/api?module=stats&action=ethprice", history("native") + "&apikey=k"]
)
def test_only_paths_of_the_family_are_read(path):
    with pytest.raises(BadInput, match="not a path of the Etherscan family"):
        facts("eth", path, 200, b"{}")


def test_a_limit_told_in_an_answer_is_waited_out_and_no_key_is_kept(server):
    source = Etherscan(f"{server.url}/v2/api?apikey=canary1", chain="eth", backoff=0.001)
    path = source.history_path(THIEF)
    limit = {"status": "0", "message": "NOTOK", "result": "Max calls per sec rate limit reached (3/sec)"}
    served = [text(body(limit)), text(body({**OK, "result": [native()]}))]
    server.answers[f"/v2{path}&apikey=canary1"] = served
    reply = source.ask(path)
    source.close()
    assert len(server.asked) == 2
    assert source.facts(reply.path, reply.status, reply.body)[0].txids == (TXID,)
    assert "canary" not in reply.url + reply.path + source.name


def test_the_days_limit_is_not_waited_out(server):
    source = Etherscan(server.url, chain="eth", backoff=0.001)
    limit = {
        "status": "0",
        "message": "NOTOK",
        "result": "Max daily rate limit reached. 100000 (100%) of 100000",
    }
    server.answers[source.history_path(THIEF)] = [text(body(limit))]
    reply = source.ask(source.history_path(THIEF))
    source.close()
    assert len(server.asked) == 1
    with pytest.raises(RateLimited, match="daily"):
        source.facts(reply.path, reply.status, reply.body)


# --- rows -------------------------------------------------------------------------------------------


def test_a_transaction_is_its_value_and_its_fee():
    listing, made, fee = read([native(value="5")], history("native"))
    assert (listing.txids, listing.complete, listing.which) == ((TXID,), True, "native")
    assert (made.kind, made.sender, made.recipient, made.value_raw, made.ok) == (
        "native",
        THIEF,
        BRIDGE,
        5,
        True,
    )
    assert (made.height, made.time, made.position, made.block_hash) == (
        14442840,
        1648046928,
        85,
        "0x" + "cd" * 32,
    )
    assert (fee.kind, fee.sender, fee.recipient, fee.value_raw) == (
        "fee",
        THIEF,
        None,
        100_000 * 43_000_000_000,
    )


def test_what_failed_moved_nothing_and_paid_its_fee():
    _, made, fee = read([native(value="5", isError="1", txreceipt_status="0")], history("native"))
    assert (made.ok, made.value_raw, made.stated_raw) == (False, 0, 5)
    assert (fee.ok, fee.marks) == (True, ("of a failed transaction",))
    assert fee.value_raw == 100_000 * 43_000_000_000


def test_before_byzantium_there_is_no_receipt_status_and_is_error_tells():
    _, made, _ = read([native(value="5", txreceipt_status="")], history("native"))
    assert (made.ok, made.value_raw) == (True, 5)
    _, made, _ = read([native(value="5", txreceipt_status="", isError="1")], history("native"))
    assert (made.ok, made.value_raw) == (False, 0)


def test_statements_that_disagree_leave_the_outcome_unknown():
    _, made, fee = read([native(value="5", isError="0", txreceipt_status="0")], history("native"))
    assert (made.ok, made.marks) == (None, ("unchecked: isError and txreceipt_status disagree",))
    assert fee.marks == ("unchecked: whether the transaction succeeded",)


def test_a_creation_pays_the_contract_it_makes():
    _, made, _ = read([native(to="", contractAddress=OTHER, value="9")], history("native"))
    assert made.recipient == OTHER


def test_what_was_there_from_the_start_came_from_nobody():
    first = native(
        blockNumber="0",
        hash=f"GENESIS_{THIEF[2:]}",
        nonce="",
        blockHash="",
        to=THIEF,
        value="2000000000000000000000",
    )
    listing, made = read(
        [{**first, "from": "GENESIS", "gasUsed": "0", "txreceipt_status": ""}], history("native")
    )
    assert listing.txids == ("block:0",)
    assert (made.sender, made.recipient, made.value_raw, made.place) == (
        None,
        THIEF,
        2000 * 10**18,
        "genesis",
    )


def test_the_fee_of_a_rollup_says_what_it_leaves_out():
    *_, fee = read([native()], history("native"), chain="op")
    assert fee.marks == ("partial: without the L1 fee",)
    *_, fee = read([native(L1FeesPaid="77")], history("native"), chain="op")
    assert (fee.marks, fee.value_raw) == ((), 100_000 * 43_000_000_000 + 77)


def test_a_theft_by_an_internal_call_is_seen():
    listing, made = read([internal()], history("internal"))
    assert listing.which == "internal"
    assert (made.kind, made.sender, made.recipient) == ("internal", BRIDGE, THIEF)
    assert (made.value_raw, made.place) == (173_600 * 10**18, "trace:0_1")
    assert made.marks == ("unchecked: callType not stated",)


@pytest.mark.parametrize("kind", ["delegatecall", "callcode", "staticcall"])
def test_a_delegated_call_is_named_and_not_counted(kind):
    row = {k: v for k, v in internal(callType=kind, index="4").items() if k not in ("hash", "traceId")}
    assert read([{**row, "transactionHash": TXID}], history("internal"))[0].txids == (TXID,)
    _, unmoved = read([{**row, "transactionHash": TXID}], history("internal"))
    assert (unmoved.value_raw, unmoved.place, unmoved.marks) == (0, "trace:4", (f"not moved: {kind}",))
    assert len(read([{**row, "transactionHash": TXID, "value": "0"}], history("internal"))) == 1
    (made,) = read([{**row, "callType": "call"}], ETHERSCAN.tx_paths([TXID])[2])
    assert (made.place, made.marks, made.txid) == ("trace:4", (), TXID)


def test_index_zero_is_the_transaction_itself():
    row = {
        k: v
        for k, v in internal(type="create", callType="", index="0").items()
        if k not in ("hash", "traceId")
    }
    assert len(read([{**row, "transactionHash": TXID}], history("internal"))) == 1


def test_internal_calls_that_failed_or_are_within_one_moved_nothing():
    rows = [internal(isError="1"), internal(traceId="0_1_3")]
    _, *made = read(rows, history("internal"))
    assert [(move.ok, move.value_raw) for move in made] == [(False, 0), (False, 0)]


def test_rows_of_one_transaction_may_leave_out_its_hash_but_not_name_another():
    row = {k: v for k, v in internal().items() if k not in ("hash", "traceId")}
    (made,) = read([row], ETHERSCAN.tx_paths([TXID])[2])
    assert (made.txid, made.place) == (TXID, "")
    with pytest.raises(ProofFailed, match="another transaction"):
        read([internal(hash="0x" + "00" * 32)], ETHERSCAN.tx_paths([TXID])[2])
    with pytest.raises(SchemaMismatch, match=r"result\[0\].hash is missing"):
        read([row], history("internal"))


def test_equal_transfers_in_one_transaction_are_all_kept():
    listing, *made, told = read([token(), token()], history("token"))
    assert listing.txids == (TXID,)
    assert made[0] == made[1]
    assert (made[0].contract, made[0].value_raw, made[0].place) == (USDT, 25_500_000_000_000, "")
    assert (told.contract, told.symbol, told.decimals) == (USDT, "USDT", 6)


def test_dust_and_spam_is_kept_and_marked():
    _, made, told = read(
        [token(value="0", tokenSymbol="Claim: evil.example", tokenDecimal="")], history("token")
    )
    assert made.marks == ("zero-value",)
    assert (told.symbol, told.decimals) == ("Claim: evil.example", None)


@pytest.mark.parametrize(
    ("row", "moved"),
    [
        ({"tokenID": "77", "tokenDecimal": "0"}, [(77, 1)]),
        ({"tokenID": "77", "tokenValue": "3"}, [(77, 3)]),
        ({"tokenIDs": ["1", "2"], "values": ["5", 6]}, [(1, 5), (2, 6)]),
    ],
)
def test_tokens_that_are_one_of_their_kind_keep_their_id(row, moved):
    without = {name: value for name, value in token(logIndex="12").items() if name != "value"}
    _, *made, _ = read([{**without, **row}], history("token1155"))
    assert [(move.token_id, move.value_raw) for move in made] == moved
    assert {move.place for move in made} == {"log:12"}


def test_withdrawals_are_gwei_that_the_block_makes():
    row = {"withdrawalIndex": "22433829", "validatorIndex": "564618", "address": THIEF, "amount": "520521839"}
    row = {**row, "blockNumber": "18437074", "timestamp": "1698355763"}
    listing, made = read([row], history("withdrawals"))
    assert listing.txids == ("block:18437074",)
    assert (made.kind, made.sender, made.value_raw) == (TransferKind.WITHDRAWAL, None, 520_521_839 * 10**9)
    assert made.place == "withdrawal:22433829"
    with pytest.raises(BadResponse, match="in the token GNO"):
        read([row], history("withdrawals"), chain="gnosis")


def test_rewards_are_paged_by_number():
    row = {"blockNumber": "15553319", "timeStamp": "1663417919", "blockReward": "6041506266206437"}
    listing, made = read([row], history("rewards"))
    assert (listing.complete, made.kind, made.recipient) == (True, "reward", THIEF)
    full = read([row] * 1000, history("rewards"))[0]
    assert (full.complete, full.next) == (False, "2")
    last = read([row] * 1000, history("rewards", after="10"))[0]
    assert (last.complete, last.next, last.after) == (False, "", "10")
    assert last.reason.startswith("truncated")
    assert "&page=2&" in history("rewards", after="2")


def test_a_row_of_somebody_else_spoils_the_page():
    for which, row in (("native", native()), ("internal", internal()), ("token", token())):
        with pytest.raises(ProofFailed, match=f"does not touch {OTHER}"):
            read([row], history(which, OTHER))


# --- pages ------------------------------------------------------------------------------------------


def served(heights: list[int], path: str, clamp: int) -> list[dict[str, str]]:
    """What a server that gives at most `clamp` rows states of a history."""
    asked = dict(parse_qsl(urlsplit(path).query))
    start, size = int(asked["startblock"]), min(int(asked["offset"]), clamp)
    rows = [
        native(blockNumber=str(h), hash=f"0x{i:064x}") for i, h in enumerate(sorted(heights)) if h >= start
    ]
    skipped = (int(asked["page"]) - 1) * int(asked["offset"])
    return rows[skipped : skipped + size]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=260), st.sampled_from([50, 100, 200, 10_000]))
def test_whatever_a_server_cuts_to_every_row_comes_once_or_the_history_says_it_is_cut(heights, clamp):
    seen: list[str] = []
    after = ""
    for _ in range(20):
        listing, *made = read(
            served(heights, history("native", after=after), clamp), history("native", after=after)
        )
        assert listing.after == after
        seen += [move.txid for move in made if move.kind == "native"]
        after = listing.next
        if not after:
            break
    assert len(set(seen)) == len(seen)
    if listing.complete:
        assert len(seen) == len(heights)
    else:
        assert listing.reason.startswith("truncated: block")
        assert max(Counter(heights).values()) >= 50


def test_a_full_page_leaves_its_last_block_to_the_next():
    rows = [native(blockNumber=str(n // 2), hash=f"0x{n:064x}") for n in range(10_000)]
    listing, *made = read(rows, history("native"))
    assert (listing.complete, listing.next, len(listing.txids)) == (False, "4999", 9_998)
    assert max(move.height for move in made) == 4998


def test_whether_one_block_that_fills_a_page_goes_on_is_asked():
    rows = [native(hash=f"0x{n:064x}") for n in range(1_000)]
    listing, *_ = read(rows, history("native"))
    assert (listing.complete, listing.next, len(listing.txids)) == (False, "14442840+1000", 1_000)
    path = history("native", after=listing.next)
    assert dict(parse_qsl(urlsplit(path).query)).items() >= {
        ("startblock", "14442840"),
        ("page", "2"),
        ("offset", "1000"),
    }
    (settled,) = facts(
        "eth", path, 200, body({"status": "0", "message": "No transactions found", "result": []})
    )
    assert (settled.after, settled.complete, settled.next) == ("14442840+1000", True, "")
    (later,) = read([native(blockNumber="14442841")], path)
    assert (later.complete, later.next, later.txids) == (False, "14442841", ())
    (cut,) = read(rows[:3], path)
    assert (cut.complete, cut.next) == (False, "")
    assert cut.reason == "truncated: block 14442840 alone fills a page (1,000 rows)"
    with pytest.raises(ProofFailed, match="not in the order"):
        read([native(blockNumber="7")], path)


def test_one_block_of_more_rows_than_can_be_asked_for_ends_the_list_as_cut():
    rows = [native(hash=f"0x{n:064x}") for n in range(10_000)]
    listing, *_ = read(rows, history("native"))
    assert (listing.complete, listing.next) == (False, "")
    assert listing.reason == "truncated: block 14442840 alone fills a page (10,000 rows)"


def test_a_page_in_another_order_is_refused():
    rows = [native(blockNumber="9"), native(blockNumber="8", hash="0x" + "00" * 32)]
    with pytest.raises(ProofFailed, match="not in the order of blocks"):
        read(rows, history("native"))
    with pytest.raises(ProofFailed, match="not in the order of blocks from 10 on"):
        read([native(blockNumber="9")], history("native", after="10"))


def test_perhaps_not_all_internal_calls_of_a_transaction_are_not_taken():
    with pytest.raises(ProofFailed, match="perhaps not all"):
        read([internal()] * 1_000, ETHERSCAN.tx_paths([TXID])[2])


# --- the node behind --------------------------------------------------------------------------------

BY_HASH, RECEIPT, _ = ETHERSCAN.tx_paths([TXID])
INFO = f"/api?module=transaction&action=gettxinfo&txhash={TXID}"


def receipt(**changed: Any) -> dict[str, Any]:
    moved = {
        "address": USDT,
        "topics": [
            "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            "0x" + BRIDGE[2:].zfill(64),
            "0x" + THIEF[2:].zfill(64),
        ],
        "data": f"0x{500:064x}",
        "logIndex": "0x9d",
    }
    return {
        "transactionHash": TXID,
        "blockHash": "0x" + "cd" * 32,
        "blockNumber": "0xdc6158",
        "transactionIndex": "0x",
        "from": THIEF,
        "gasUsed": "0x64",
        "effectiveGasPrice": "0x3",
        "status": "0x1",
        "logs": [moved],
        **changed,
    }


def called(value: object, path: str, *, chain: str = "eth") -> Any:
    return facts(chain, path, 200, body({"jsonrpc": "2.0", "id": 1, "result": value}))


def test_a_receipt_tells_the_fee_and_which_tokens_moved():
    fee, moved = called(receipt(), RECEIPT)
    assert (fee.value_raw, fee.marks, fee.position) == (300, (), 0)
    assert (moved.contract, moved.sender, moved.recipient, moved.value_raw) == (USDT, BRIDGE, THIEF, 500)
    assert moved.place == "log:157"


@pytest.mark.parametrize(
    ("changed", "chain", "paid", "marks"),
    [
        ({"status": "0x0", "logs": []}, "eth", 300, ("of a failed transaction",)),
        ({"l1Fee": "0x7"}, "base", 307, ()),
        ({}, "base", 300, ("partial: without the L1 fee",)),
        ({"blobGasUsed": "0x20000", "blobGasPrice": "0x2"}, "eth", 300 + 262_144, ()),
        ({"status": None}, "eth", 300, ("unchecked: whether the transaction succeeded",)),
    ],
)
def test_a_fee_is_all_that_the_receipt_states(changed, chain, paid, marks):
    fee = called(receipt(**changed), RECEIPT, chain=chain)[0]
    assert (fee.value_raw, fee.marks) == (paid, marks)


def test_a_receipt_of_another_transaction_is_refused():
    with pytest.raises(ProofFailed, match="another transaction"):
        called(receipt(transactionHash="0x" + "00" * 32), RECEIPT)


@pytest.mark.parametrize("path", [BY_HASH, RECEIPT])
def test_what_the_node_does_not_know_is_not_found(path):
    with pytest.raises(NotFound):
        called(None, path)


def test_blockscouts_summary_of_a_transaction_is_read_unless_its_logs_are_cut():
    log = {
        "address": USDT,
        "index": "3",
        "data": f"0x{500:064x}",
        "topics": [*receipt()["logs"][0]["topics"], None],
    }
    info = {"hash": TXID, "blockNumber": "14442840", "timeStamp": "1648046928", "success": True, "value": "5"}
    info = {**info, "from": THIEF, "to": BRIDGE, "gasUsed": "100", "gasPrice": "3", "logs": [log]}
    made, fee, moved = facts("eth", INFO, 200, body({**OK, "result": info}))
    assert (made.ok, made.value_raw, fee.value_raw, moved.place) == (True, 5, 300, "log:3")
    with pytest.raises(ProofFailed, match="only the first logs"):
        facts("eth", INFO, 200, body({**OK, "result": {**info, "next_page_params": {"index": 3}}}))
    with pytest.raises(ProofFailed, match="another transaction"):
        facts("eth", INFO, 200, body({**OK, "result": {**info, "hash": "0x" + "00" * 32}}))


# --- nothing, not yet, too much, no -----------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "No transactions found",
        "No records found",
        "No token transfers found",
        "No internal transactions found",
    ],
)
def test_nothing_found_is_a_complete_list_of_nothing(message):
    answer = {"status": "0", "message": message, "result": []}
    (listing,) = facts("eth", history("internal"), 200, body(answer))
    assert (listing.txids, listing.complete, listing.reason) == ((), True, "")
    assert facts("eth", ETHERSCAN.tx_paths([TXID])[2], 200, body(answer)) == ()


def refusal(result: object, message: str = "NOTOK") -> dict[str, object]:
    return {"status": "0", "message": message, "result": result}


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (
            refusal("Max rate limit reached, please use API Key for higher rate limit"),
            RateLimited,
            "too much",
        ),
        (refusal("Max calls per sec rate limit reached (3/sec)"), RateLimited, "too much"),
        (refusal("Too many invalid api key attempts, please try again later"), RateLimited, "too much"),
        (refusal("Free API access is temporarily unavailable due to high activity"), RateLimited, "too much"),
        (refusal("Missing/Invalid API Key"), BadResponse, "key is missing or wrong"),
        (refusal("Free API access is not supported for this chain."), BadResponse, "not served"),
        (refusal(None, "chain not supported"), BadResponse, "not served"),
        (refusal("Missing or unsupported chainid parameter"), BadResponse, "not served"),
        (refusal("You are using a deprecated V1 endpoint, switch to V2"), BadResponse, "switched off"),
        (
            refusal(None, "Result window is too large, PageNo x Offset size must be less than"),
            BadResponse,
            "too far",
        ),
        (refusal([], "NOTOK"), BadResponse, "a refusal"),
        (refusal([{"a": 1}], "No transactions found"), BadResponse, "a refusal"),
        ({"status": "2", "message": "… have not been processed yet", "result": []}, BadResponse, "not ready"),
        (refusal([], "Internal transactions have not been processed yet"), BadResponse, "not ready"),
        ({"status": "2", "message": "OK", "result": [internal()]}, BadResponse, "not ready"),
    ],
)
def test_a_refusal_is_never_taken_for_an_answer(answer, error, told):
    with pytest.raises(error, match=told) as caught:
        facts("eth", history("internal"), 200, body(answer))
    assert len(str(caught.value).splitlines()) <= 3
    assert caught.value.hint


def test_what_this_host_does_not_serve_names_the_next_one():
    with pytest.raises(BadResponse) as caught:
        facts(
            "base", history("native"), 200, body(refusal("Free API access is not supported for this chain."))
        )
    order = [
        caught.value.hint.index(host)
        for host in ("api.etherscan.io", "api.blockscout.com", "api.routescan.io")
    ]
    assert order == sorted(order)


def test_a_key_that_a_server_echoes_is_not_repeated():
    with pytest.raises(BadResponse) as caught:
        facts(
            "eth",
            history("native"),
            200,
            body(refusal("Invalid API Key (#err2)|ABCDEF0123456789ABCDEF0123456789AB")),
        )
    assert "ABCDEF" not in str(caught.value)


@pytest.mark.parametrize("status", [204, 302, 400, 403, 404, 429])
def test_any_other_status_is_no_answer(status):
    with pytest.raises(RateLimited if status == 429 else BadResponse, match=f"status {status}"):
        facts("eth", history("native"), status, body({**OK, "result": []}))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>Just a moment...</html>",
        b"[]",
        b'{"status": 1, "result": []}',
        b'{"status": "1", "result": {}}',
        b'{"status": "1"}',
        b'{"status": "1", "message": "OK", "result": [NaN]}',
        body({**OK, "result": [native()]})[:99],
    ],
)
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(BadResponse):
        facts("eth", history("native"), 200, answer)


PAGES = {"native": native, "internal": internal, "token": token}


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_any_change_of_a_row_gives_the_same_facts_or_a_refusal_or_what_it_states(data):
    which = data.draw(st.sampled_from(sorted(PAGES)))
    row = PAGES[which]()
    name = data.draw(st.sampled_from(sorted(row)))
    changed = copy.deepcopy(row)
    changed[name] = data.draw(
        st.none()
        | st.booleans()
        | st.integers(-5, 5)
        | st.text(max_size=5)
        | st.just([])
        | st.just({})
        | st.just("-1")
    )
    try:
        stated = read([changed], history(which))
    except SourceError:
        return
    for fact in stated:
        if isinstance(fact, TransferRecord):
            assert 0 <= fact.value_raw <= fact.stated_raw < 2**256
            assert THIEF in (fact.sender, fact.recipient)


# --- recorded replies -------------------------------------------------------------------------------

NUMBERS = {str(network.number): chain for chain, network in EVM.items()}


def recorded(shared):
    """Every recorded exchange of this family, as (chain, our path for what was asked, status, body)."""
    for file in sorted(shared.glob("explorers/*scan/*.json")) + sorted(
        shared.glob("explorers/blockscout/*.json")
    ):
        exchange = json.loads(file.read_text())
        url = urlsplit(exchange["request"]["url"])
        asked = {name.lower(): value for name, value in parse_qsl(url.query)}
        number = asked.get("chainid") or (re.findall(r"/(\d+)/", url.path) or [""])[0]
        chain = NUMBERS.get(number) or url.netloc.split(".")[0]
        action = asked.get("action", "")
        if "/api/v2/" in url.path:
            continue
        if action in ACTIONS.values() and "address" in asked:
            which = next(name for name, called_so in ACTIONS.items() if called_so == action)
            path = history(which, asked["address"])
        elif action == "txlistinternal":
            path = f"/api?module=account&action={action}&txhash={asked['txhash']}"
        elif action in ("eth_getTransactionByHash", "eth_getTransactionReceipt"):
            path = f"/api?module=proxy&action={action}&txhash={asked['txhash']}"
        else:
            path = "/api?module=proxy&action=eth_blockNumber"
        text_of = exchange["body"]
        if action == "txlist" and "sort" not in asked and "offset" not in asked:
            turned = json.loads(text_of)  # these were asked for newest first
            text_of = json.dumps({**turned, "result": turned["result"][::-1]})
        yield action, chain, path, exchange["status"], text_of.encode()


def test_every_recorded_list_and_transaction_is_read(shared):
    counted: Counter[str] = Counter()
    for action, chain, path, status, answer in recorded(shared):
        if path.endswith("eth_blockNumber"):
            continue
        try:
            stated = facts(chain, path, status, answer)
        except SourceError as error:
            counted[f"{action}: {type(error).__name__}"] += 1
            continue
        counted[action] += 1
        counted["rows"] += sum(isinstance(fact, TransferRecord) for fact in stated)
        counted["rebuilt"] += sum(getattr(fact, "level", 0) == 2 for fact in stated)
        assert all(fact.complete for fact in stated if isinstance(fact, Listing))
    assert counted == {
        "txlist": 28,
        "txlist: BadResponse": 1,  # chain not supported
        "txlistinternal": 58,
        "txlistinternal: BadResponse": 4,  # not processed yet
        "tokentx": 6,
        "txsBeaconWithdrawal": 5,
        "getminedblocks": 1,
        "getminedblocks: SchemaMismatch": 1,  # Blockscout leaves out the amounts
        "eth_getTransactionByHash": 4,
        "eth_getTransactionReceipt": 5,
        "rows": 1984,
        "rebuilt": 4,
    }


def test_a_third_of_the_recorded_calls_of_blockscout_would_count_twice(shared):
    stated, kept = 0, 0
    for _, chain, path, status, answer in recorded(shared):
        if "callType" not in answer.decode() or b'"status":"2"' in answer:
            continue
        rows = [row for row in json.loads(answer)["result"] if row["value"] != "0"]
        stated += len(rows)
        kept += sum(
            fact.value_raw > 0 for fact in facts(chain, path, status, answer) if not isinstance(fact, Listing)
        )
    assert (stated, kept) == (40, 28)


def test_no_recorded_error_body_is_taken_for_an_answer(shared):
    rows = json.loads((shared / "explorers" / "error_bodies.json").read_text())["rows"]
    told = Counter()
    for row in rows:
        try:
            (listing,) = facts("eth", history("internal"), row["http"], row["body"].encode())
        except SourceError as error:
            told[type(error).__name__] += 1
            continue
        assert "EMPTY_OK" in row["kind"]
        assert (listing.txids, listing.complete) == ((), True)
        told["nothing"] += 1
    assert told["nothing"] == 2
    assert sum(told.values()) == len(rows) == 24
    assert told["RateLimited"] == 7


def test_no_other_recorded_body_is_taken_for_a_height(shared):
    for _, chain, path, status, answer in recorded(shared):
        if path.endswith("eth_blockNumber"):
            with pytest.raises(SourceError):
                facts(chain, path, status, answer)
