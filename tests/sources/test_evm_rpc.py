"""What an EVM node says of transactions and tokens, which questions it is asked, and every refusal."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from evm_reading import (
    BATCH,
    BLOCK,
    DEPOSIT_TOPIC,
    INSIDE_BLOCK,
    NATIVE,
    NODE,
    SINGLE,
    TIP,
    TOKEN,
    WITHDRAWAL_TOPIC,
    of_tx,
    read,
    rows,
    transfers,
    words,
)

from chainflow.errors import (
    AddressInvalid,
    BadInput,
    BadResponse,
    NotFound,
    ProofFailed,
    RateLimited,
    SchemaMismatch,
)
from chainflow.model import Tip, TransferKind
from chainflow.sources.accounts import OF_FAILED, TRANSFER_TOPIC
from chainflow.sources.evm import Evm, facts
from chainflow.sources.evm.facts import padded
from tests.evm_form import (
    BASE_FEE,
    BLOB,
    CALL,
    COIN,
    CREATION,
    EXAMPLE,
    HEIGHT,
    OTHER,
    SIGNER,
    block_of,
    body,
    log_of,
    rpc_of,
)

# --- one transaction -----------------------------------------------------------------------------


def test_the_tip_is_of_the_chain_that_is_meant() -> None:
    assert read(TIP, "0x1", "0x1060a39") == [Tip("eth", 17173049)]
    assert read(TIP, "0x5", "0x1", chain="unheard-of") == [Tip("unheard-of", 1)]
    with pytest.raises(ProofFailed, match="chain number 8453, not of eth"):
        read(TIP, "0x2105", "0x1")


def test_a_payment_is_recomputed_and_its_fee_believed() -> None:
    native, fee = of_tx(EXAMPLE)
    assert (native.kind, native.sender, native.recipient, native.value_raw, native.ok, native.level) == (
        TransferKind.NATIVE,
        "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f",
        OTHER,
        10**18,
        True,
        2,
    )
    assert (native.height, native.position, native.place) == (HEIGHT, 0, "")
    assert (fee.kind, fee.value_raw, fee.recipient, fee.level) == (
        TransferKind.FEE,
        21_000 * 20 * 10**9,
        None,
        0,
    )


def test_what_failed_moved_nothing_and_its_fee_was_paid() -> None:
    native, fee = of_tx(CALL, status="0x0", gasUsed="0x30d40")
    assert (native.ok, native.value_raw, native.stated_raw) == (False, 0, 10**18)
    assert (fee.ok, fee.value_raw, fee.marks) == (True, 200_000 * (BASE_FEE + 10**9), (OF_FAILED,))


def test_a_creation_pays_the_contract_it_makes() -> None:
    assert of_tx(CREATION)[0].recipient == "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512"
    with pytest.raises(ProofFailed, match="creates 0xe7f1725e7734ce288f8367e1bb143e90bb3f0512, not 0x3535"):
        of_tx(CREATION, contractAddress=OTHER)


def test_before_byzantium_only_logs_tell_that_it_succeeded() -> None:
    root = {"root": "0x" + "ab" * 32, "status": None}
    silent, fee = of_tx(EXAMPLE, **root)
    assert (silent.ok, silent.value_raw) == (None, 10**18)
    assert "unchecked: whether the transaction succeeded" in fee.marks
    assert of_tx(CALL, **root, logs=transfers())[0].ok is True


def test_blobs_are_paid_for_too() -> None:
    _, fee = of_tx(BLOB, blobGasUsed="0x20000", blobGasPrice="0x7")
    assert fee.value_raw == 21_000 * (BASE_FEE + 10**9) + 131_072 * 7
    with pytest.raises(SchemaMismatch, match="blobGasUsed is missing"):
        of_tx(BLOB)


def test_the_fee_of_a_parent_chain_is_added() -> None:
    *_, fee = of_tx(EXAMPLE, l1Fee="0x3e8")
    assert fee.value_raw == 21_000 * 20 * 10**9 + 1000
    assert of_tx(EXAMPLE, operatorFeeConstant="0x1")[1].marks == ("partial: without the operator's fee",)


def test_a_pending_transaction_has_no_outcome() -> None:
    stated = rpc_of(CALL)
    (native,) = read(NODE.tx_paths([stated["hash"]])[0], stated, None)
    assert (native.height, native.ok, native.level, native.value_raw) == (None, None, 2, 10**18)


def test_a_kind_that_cannot_be_recomputed_is_the_nodes_word() -> None:
    block, receipts = block_of((EXAMPLE, {}))
    tx = block["transactions"][0] | {"type": "0x64", "value": "0x9"}
    native, fee = read(NODE.tx_paths([tx["hash"]])[0], tx, receipts[0], chain="arbitrum")
    assert (native.value_raw, native.level, fee.level) == (9, 0, 0)


@pytest.mark.parametrize("change", [{"type": "0x64"}, {"r": "0x0", "s": "0x0"}])
def test_ethereum_has_no_such_kind(change: dict[str, str]) -> None:
    block, receipts = block_of((EXAMPLE, {}))
    tx = block["transactions"][0] | change
    with pytest.raises(SchemaMismatch, match="allowed: a signed kind"):
        read(NODE.tx_paths([tx["hash"]])[0], tx, receipts[0])


def test_a_transaction_signed_for_another_chain_is_refused() -> None:
    with pytest.raises(
        ProofFailed, match="signed for chain number 1, not for base; perhaps pass chain='eth'"
    ):
        of_tx(CALL, chain="base")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": "0x1"}, "hashes to 0x"),
        ({"nonce": "0x1"}, "hashes to 0x"),
        ({"from": OTHER}, f"stated to be from {OTHER}, but {SIGNER} signed"),
        ({"hash": "0x" + "00" * 32}, "hashes to 0x"),
        ({"input": "0x0"}, "field .*input is not hex"),
        ({"r": "0x5"}, "hashes to 0x"),
        ({"from": None}, "from is None"),
        ({"accessList": "none"}, "accessList is not a list"),
        ({"blockNumber": "0x1"}, "not of .* at this place"),
    ],
)
def test_an_altered_transaction_is_refused(change: dict[str, Any], words: str) -> None:
    block, receipts = block_of((CALL, {}))
    tx = block["transactions"][0]
    with pytest.raises((ProofFailed, SchemaMismatch), match=words):
        read(NODE.tx_paths([tx["hash"]])[0], tx | change, receipts[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gasUsed": "0x30d41"}, "used 200,001 gas, its limit is 200,000"),
        ({"effectiveGasPrice": hex(30 * 10**9 + 1)}, "it offers 30,000,000,000"),
        ({"transactionHash": "0x" + "00" * 32}, "not of .* at this place"),
        ({"blockHash": "0x" + "00" * 32}, "not of .* at this place"),
        ({"transactionIndex": "0x1"}, "not of .* at this place"),
        ({"from": OTHER}, "names another sender"),
        ({"status": "0x2"}, "status is '0x2'"),
        ({"status": None}, "root is missing"),
        ({"logs": None}, "logs is None"),
        ({"effectiveGasPrice": 7}, "effectiveGasPrice is 7"),
    ],
)
def test_a_receipt_that_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    block, receipts = block_of((CALL, {}))
    tx = block["transactions"][0]
    with pytest.raises((ProofFailed, SchemaMismatch), match=words):
        read(NODE.tx_paths([tx["hash"]])[0], tx, receipts[0] | change)


def test_what_a_node_does_not_have_or_says_is_told_apart() -> None:
    block, receipts = block_of((CALL, {}))
    tx = block["transactions"][0]
    path = NODE.tx_paths([tx["hash"]])[0]
    with pytest.raises(NotFound, match=r"eth_getTransactionByHash 0x53ed.* is null"):
        read(path, None, None)
    with pytest.raises(NotFound, match=r"eth_getTransactionReceipt 0x53ed.* is null"):
        read(path, tx, None)
    with pytest.raises(BadResponse, match="the node says 'missing trie node'"):
        read(path, tx, RuntimeError("missing trie node"))
    with pytest.raises(RateLimited, match="requests per second"):
        read(path, tx, RuntimeError("exceeded 25 requests per second"))
    with pytest.raises(BadResponse, match="status 403"):
        read(path, status=403)
    with pytest.raises(ProofFailed, match="is another transaction"):
        read(NODE.tx_paths(["0x" + "00" * 32])[0], tx, receipts[0])


# --- tokens --------------------------------------------------------------------------------------


def of_logs(*logs: dict[str, Any], chain: str = "eth") -> list[tuple[Any, ...]]:
    found = rows(of_tx(CALL, logs=list(logs)), TransferKind.TOKEN)
    return [(row.sender, row.recipient, row.token_id, row.value_raw, row.place) for row in found]


def test_tokens_of_each_standard_are_read() -> None:
    one, two, nobody = padded(SIGNER), padded(OTHER), "0x" + "00" * 32
    batch = words(64, 160, 2, 5, 6, 2, 50, 60)
    assert of_logs(
        log_of(OTHER, [TRANSFER_TOPIC, one, two], words(500)),
        log_of(OTHER, [TRANSFER_TOPIC, nobody, two, words(77)]),
        log_of(OTHER, [SINGLE, one, one, two], words(5, 50)),
        log_of(OTHER, ["0x" + "12" * 32], words(1)),
        log_of(OTHER, [BATCH, one, one, nobody], batch),
        log_of(OTHER, []),
    ) == [
        (SIGNER, OTHER, None, 500, "log:0"),
        (None, OTHER, 77, 1, "log:1"),
        (SIGNER, OTHER, 5, 50, "log:2"),
        (SIGNER, None, 5, 50, "log:4_0"),
        (SIGNER, None, 6, 60, "log:4_1"),
    ]


def test_wrapped_ether_is_made_and_destroyed_without_a_transfer() -> None:
    made, gone = [DEPOSIT_TOPIC, padded(SIGNER)], [WITHDRAWAL_TOPIC, padded(OTHER)]
    assert of_logs(log_of(COIN, made, words(9)), log_of(COIN, gone, words(4))) == [
        (None, SIGNER, None, 9, "log:0"),
        (OTHER, None, None, 4, "log:1"),
    ]
    assert of_logs(log_of(OTHER, made, words(9)), log_of(COIN, [*made, made[1]], words(9))) == []


def test_logs_out_of_order_are_refused() -> None:
    block, receipts = block_of((CALL, {"logs": transfers() + transfers(1)}))
    tx = block["transactions"][0]
    receipts[0]["logs"].reverse()
    with pytest.raises(ProofFailed, match="not in their order"):
        read(NODE.tx_paths([tx["hash"]])[0], tx, receipts[0])


# --- questions -----------------------------------------------------------------------------------


def test_the_host_learns_what_is_asked_for_and_no_more() -> None:
    txid = "0x" + "01" * 32
    mined, inside = NODE.tx_paths([txid, "0x" + "02" * 32])
    assert NODE.subject_of(mined) == NODE.subject_of(inside) == f"{txid},{'0x' + '02' * 32}"
    assert NODE.subject_of(NATIVE) == NODE.subject_of(TOKEN) == SIGNER
    assert [NODE.subject_of(path) for path in (TIP, BLOCK, INSIDE_BLOCK)] == ["", "", ""]


def test_a_checksum_is_checked_before_anything_is_asked() -> None:
    assert NODE.history_path("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", which="native") == NATIVE
    with pytest.raises(AddressInvalid, match="checksum fails"):
        NODE.history_path("0xF39fd6e51aad88F6F4ce6aB8827279cffFb92266", which="native")


def test_what_cannot_be_asked_is_refused() -> None:
    for ask in (
        lambda: NODE.history_path(SIGNER, "x", which="native"),
        lambda: NODE.history_path(SIGNER, "5", which="token"),
        lambda: NODE.history_path(SIGNER, which="gifts"),
        lambda: NODE.tx_paths([]),
        lambda: NODE.tx_paths(["0x" + "01" * 32] * 21),
        lambda: NODE.tx_paths(["0x" + "AB" * 32]),
        lambda: NODE.block_paths(-1),
    ):
        with pytest.raises(BadInput):
            ask()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/eth_blockNumber/[]",
        '/batch/[["eth_chainId",[]],["eth_blockNumber",[]],["eth_chainId",[]]]',
        '/batch/[["eth_getTransactionByHash",["0x1"]],["eth_getTransactionReceipt",["0x1"]]]',
        '/batch/[["eth_getBlockByNumber",["latest",true]],["eth_getBlockReceipts",["latest"]]]',
        '/ots_searchTransactionsBefore/["0x1"]',
        "/eth_getLogs/[{}]",
        "/eth_getLogs/[]",
    ],
)
def test_other_questions_are_not_read(path: str) -> None:
    with pytest.raises(BadInput):
        facts("eth", path, 200, b"[]")


def test_a_proof_is_the_whole_block() -> None:
    places = [("0x" + "01" * 32, 5, ""), ("0x" + "02" * 32, 5, "")]
    assert NODE.proof_paths(places) == (NODE.block_paths(5)[0],)


@pytest.fixture
def node_server() -> Iterator[tuple[str, list[Any]]]:
    """Return the URL of a server that answers every batch with the chain's number and a height."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = body("0x1", "0x10")
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_question_is_sent_as_one_batch(node_server: tuple[str, list[Any]]) -> None:
    url, asked = node_server
    source = Evm(url)
    reply = source.ask(TIP)
    source.close()
    assert source.facts(reply.path, reply.status, reply.body) == (Tip("eth", 16),)
    assert [entry["method"] for entry in asked[0]] == ["eth_chainId", "eth_blockNumber"]
