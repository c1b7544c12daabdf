"""What an EVM node says of the inside of transactions and of histories, and how it says that it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evm_reading import (
    ABSENT,
    INSIDE_BLOCK,
    NATIVE,
    NODE,
    TOKEN,
    a_block,
    read,
    transfers,
)

from chainflow.errors import (
    ProofFailed,
)
from chainflow.model import Listing, TransferKind
from chainflow.sources.accounts import TRANSFER_TOPIC
from chainflow.sources.evm import facts
from chainflow.sources.evm.facts import padded
from tests.evm_form import (
    CALL,
    COIN,
    EXAMPLE,
    HEIGHT,
    OTHER,
    SIGNER,
    TIME,
    block_of,
    body,
    rpc_of,
)

# --- inside --------------------------------------------------------------------------------------


def call(kind: str, sender: str, to: str, value: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": kind, "from": sender, "to": to, "value": hex(value), "gas": "0x0", "input": "0x", **more}


def flat(way: list[int], kind: str, sender: str, to: str, value: int = 0, **more: Any) -> dict[str, Any]:
    action = {"callType": kind, "from": sender, "to": to, "value": hex(value)}
    txid = rpc_of(CALL)["hash"]
    return {"action": action, "type": "call", "traceAddress": way, "transactionHash": txid, **more}


A, B, C = ("0x" + sign * 40 for sign in "abc")
TREE = call(
    "CALL",
    SIGNER,
    COIN,
    10**18,
    calls=[
        call("CALL", COIN, A, 5),
        call("DELEGATECALL", COIN, B, 10**18, calls=[call("CALL", COIN, B, 7)]),
        call("STATICCALL", COIN, B),
        call("CALL", COIN, B, 11, error="execution reverted", calls=[call("CREATE2", B, C, 3)]),
        call("CALLCODE", COIN, B, 13),
        call("CALL", COIN, B, 0),
        call("SELFDESTRUCT", COIN, COIN, 17),
    ],
)
FLAT = [
    flat([], "call", SIGNER, COIN, 10**18),
    flat([0], "call", COIN, A, 5),
    flat([1], "delegatecall", COIN, B, 10**18),
    flat([1, 0], "call", COIN, B, 7),
    flat([2], "staticcall", COIN, B),
    flat([3], "call", COIN, B, 11, error="Reverted"),
    {
        **flat([3, 0], "", "", ""),
        "type": "create",
        "action": {"from": B, "value": "0x3"},
        "result": {"address": C},
    },
    flat([4], "callcode", COIN, B, 13),
    flat([5], "call", COIN, B),
    {
        **flat([6], "", "", ""),
        "type": "suicide",
        "action": {"address": COIN, "refundAddress": COIN, "balance": "0x11"},
    },
]
INSIDE = [
    (A, 5, True, "trace:0"),
    (B, 7, True, "trace:1_0"),
    (B, 0, False, "trace:3"),
    (C, 0, False, "trace:3_0"),
    (COIN, 17, True, "trace:6"),
]


def mined_call() -> dict[str, Any]:
    return dict(block_of((CALL, {}))[0]["transactions"][0])


def moving(found: list[Any]) -> list[Any]:
    """Return the rows without those that state that a delegated call moved nothing."""
    return [row for row in found if not any(mark.startswith("not moved") for mark in row.marks)]


@pytest.mark.parametrize(
    ("geth", "parity"), [(TREE, None), (TREE, []), (ABSENT, FLAT), ({}, FLAT), ({"structLogs": []}, FLAT)]
)
def test_either_tracer_tells_the_same(geth: Any, parity: Any) -> None:
    tx = mined_call()
    listing, *found = read(NODE.tx_paths([tx["hash"]])[1], tx, geth, parity)
    assert listing == Listing("eth", tx["hash"], "", (tx["hash"],), complete=True, which="internal")
    assert [(row.recipient, row.value_raw, row.ok, row.place) for row in moving(found)] == INSIDE
    assert {(row.kind, row.level, row.height) for row in found} == {(TransferKind.INTERNAL, 0, HEIGHT)}
    assert found[-1].marks == ("unchecked: destroyed in its own favour, which may have burnt it",)


def test_what_failed_as_a_whole_moved_nothing_inside() -> None:
    tx = mined_call()
    _, *found = read(NODE.tx_paths([tx["hash"]])[1], tx, {**TREE, "error": "out of gas"}, None)
    assert {(row.ok, row.value_raw) for row in found} == {(False, 0)}
    assert [row.stated_raw for row in moving(found)] == [5, 7, 11, 3, 17]


@pytest.mark.parametrize("parity", [ABSENT, None, [], {}])
def test_a_node_without_traces_says_so_and_nothing_is_made_up(parity: Any) -> None:
    tx = mined_call()
    (listing,) = read(NODE.tx_paths([tx["hash"]])[1], tx, ABSENT, parity)
    assert (listing.txids, listing.complete, listing.is_refused) == ((), False, True)
    assert listing.reason.startswith(
        "limited: debug_traceTransaction: 'Method not found'; trace_transaction: "
    )


def test_a_proxy_that_lets_no_traces_through_is_a_node_without_traces() -> None:
    path = NODE.tx_paths(["0x" + "00" * 32])[1]
    (listing,) = facts("eth", path, 403, b"forbidden")
    assert (listing.address, listing.complete) == ("0x" + "00" * 32, False)
    assert "status 403, 'forbidden'" in listing.reason
    (listing,) = facts("eth", INSIDE_BLOCK, 404, b"")
    assert (listing.address, listing.which) == (f"block:{HEIGHT}", "internal")


@pytest.mark.parametrize("change", [{"from": OTHER}, {"value": "0x1"}, {"to": OTHER}])
def test_a_trace_of_something_else_is_refused(change: dict[str, str]) -> None:
    tx = mined_call()
    with pytest.raises(ProofFailed, match="does not begin with"):
        read(NODE.tx_paths([tx["hash"]])[1], tx, TREE | change, None)
    with pytest.raises(ProofFailed, match="does not begin with"):
        read(NODE.tx_paths([tx["hash"]])[1], tx, None, FLAT[1:])


def test_a_call_in_a_call_in_a_call_is_read() -> None:
    deep = call("CALL", COIN, A, 1)
    for _ in range(250):
        deep = call("CALL", COIN, COIN, calls=[deep])
    tx = mined_call()
    _, row = read(NODE.tx_paths([tx["hash"]])[1], tx, call("CALL", SIGNER, COIN, 10**18, calls=[deep]), None)
    assert (row.recipient, row.place.count("_")) == (A, 250)


@pytest.mark.parametrize("named", [True, False])
def test_a_block_is_traced_as_a_whole(named: bool) -> None:
    block, _ = block_of((CALL, {}), (EXAMPLE, {}))
    first, second = block["transactions"]
    plain = call("CALL", second["from"], OTHER, 10**18)
    traced = [{"result": TREE, "txHash": first["hash"]}, {"result": plain, "txHash": second["hash"]}]
    if not named:
        traced = [{"result": entry["result"]} for entry in traced]
    listing, *found = read(INSIDE_BLOCK, block, traced, ABSENT)
    assert listing == Listing(
        "eth", f"block:{HEIGHT}", "", (first["hash"], second["hash"]), complete=True, which="internal"
    )
    assert [(row.recipient, row.value_raw, row.ok, row.place) for row in moving(found)] == INSIDE
    assert {(row.txid, row.time) for row in found} == {(first["hash"], TIME)}
    for geth, parity in [(traced[:1], None), (ABSENT, FLAT), (ABSENT, ABSENT), ([], [])]:
        (listing,) = read(INSIDE_BLOCK, block, geth, parity)
        assert not listing.complete


def test_parity_traces_of_a_block_leave_out_rewards() -> None:
    block, _ = block_of((CALL, {}))
    reward = {
        "type": "reward",
        "action": {"author": A, "value": "0x1", "rewardType": "block"},
        "traceAddress": [],
    }
    _, *found = read(INSIDE_BLOCK, block, ABSENT, [*FLAT, reward])
    assert [(row.recipient, row.value_raw, row.ok, row.place) for row in moving(found)] == INSIDE


# --- histories -----------------------------------------------------------------------------------


def one(path: str, *results: Any) -> bytes:
    """Return the answer to a question of one call."""
    return json.dumps(json.loads(body(*results))[0]).encode()


def test_a_page_of_an_index_leads_to_the_next() -> None:
    block, _ = a_block()
    txs = block["transactions"][::-1]
    page = {"txs": txs, "receipts": [], "firstPage": True, "lastPage": False}
    (listing,) = facts("eth", NATIVE, 200, one(NATIVE, page))
    assert listing.txids == tuple(tx["hash"] for tx in txs)
    assert (listing.complete, listing.next, listing.which) == (False, str(HEIGHT), "native")
    after = NODE.history_path(SIGNER, listing.next, which="native")
    (end,) = facts(
        "eth", after, 200, one(after, {"txs": [], "receipts": [], "firstPage": False, "lastPage": True})
    )
    assert (end.complete, end.after, end.next) == (True, str(HEIGHT), "")
    with pytest.raises(ProofFailed, match="repeats blocks"):
        facts("eth", after, 200, one(after, page))
    with pytest.raises(ProofFailed, match="hashes to"):
        facts("eth", NATIVE, 200, one(NATIVE, {**page, "txs": [txs[0] | {"value": "0x1"}]}))


def test_a_node_without_an_index_says_so() -> None:
    (listing,) = facts("eth", NATIVE, 200, one(NATIVE, ABSENT))
    assert listing.reason == "limited: ots_searchTransactionsBefore: 'Method not found'"
    assert listing.is_refused


def test_the_token_list_is_all_logs_that_name_the_address() -> None:
    first = transfers()[0] | {"blockNumber": "0x1", "logIndex": "0x0", "transactionHash": "0x" + "01" * 32}
    second = {**first, "blockNumber": "0x2", "transactionHash": "0x" + "02" * 32}
    third = {**first, "topics": [TRANSFER_TOPIC, padded(OTHER), padded(SIGNER)], "logIndex": "0x1"}
    (listing,) = read(TOKEN, [first, second], [third], [])
    assert listing.txids == ("0x" + "02" * 32, "0x" + "01" * 32)
    assert (listing.complete, listing.address, listing.which) == (True, SIGNER, "token")
    with pytest.raises(ProofFailed, match="not a log that was asked for"):
        read(TOKEN, [third], [], [])


def test_a_limit_on_logs_is_no_empty_history() -> None:
    (listing,) = read(TOKEN, RuntimeError("query returned more than 10000 results"), [], [])
    assert listing.is_refused
    assert "more than 10000 results" in listing.reason


# --- recorded ------------------------------------------------------------------------------------


def test_recorded_traces_of_both_tracers_agree(shared: Path) -> None:
    recorded = json.loads((shared / "nodes" / "anvil" / "recorded.json").read_bytes())
    txid = recorded["parity_trace"][0]["transactionHash"]
    (tx,) = [tx for block in recorded["blocks"] for tx in block["transactions"] if tx["hash"] == txid]
    path = NODE.tx_paths([txid])[1]
    geth = read(path, tx, recorded["call_trace"], ABSENT, chain="evm-dev")
    assert geth == read(path, tx, ABSENT, recorded["parity_trace"], chain="evm-dev")
    assert [row.value_raw for row in geth[1:]] == [2 * 10**18, 10**18]
