"""The replay explorer: real HTTP, Esplora's words, and a refusal where the ledger does not know."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import pathlib
import socket
import threading
import time
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.crawl import fetch
from chainflow.errors import BadInput, IncompleteData
from chainflow.ledger import Ledger, build
from chainflow.model import AddressClaim, Evidence, Listing, Outpoint, SpendRecord, Tip, TxRecord
from chainflow.samples.make import Maker
from chainflow.serve import Explorer, Replay
from chainflow.sources.esplora_facts import facts
from chainflow.wire import parse_transaction, transaction_from_esplora
from tests import made

RANSOM = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"
SEIZED = "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"
PAID = "6a798026d44af27dbacd28ea21462808df8deca51794cec80c1b59e07ef924a2"
SEIZURE = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"


@pytest.fixture(scope="module")
def colonial() -> Ledger:
    return samples.load("colonial")


@pytest.fixture(scope="module")
def replay(colonial: Ledger) -> Replay:
    return Replay(colonial)


@pytest.fixture(scope="module")
def busy() -> Maker:
    """Return a made-up chain in which the first address takes part in 61 transactions."""
    maker = Maker("a busy address", 7)
    coin = maker.mine("Ann")
    maker.skip(100)
    for _ in range(60):
        coin = maker.pay([coin], {maker.address("Ben"): 10_000}, change=coin.address)[coin.address]
    return maker


def get(explorer: Explorer, path: str) -> requests.Response:
    return requests.get(explorer.url + path, timeout=10)


def told(replay: Replay, path: str) -> Any:
    answer = replay.answer(path)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def refusal(replay: Replay, path: str) -> tuple[int, str]:
    status, content_type, body = replay.answer(path)
    assert content_type == "text/plain"
    return status, body.decode()


def body_of(path: pathlib.Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def ledger_of(page: object, *, chain: str = "btc") -> Ledger:
    """Return the ledger of recorded transactions."""
    listed = page if isinstance(page, list) else [page]
    here = Evidence(0, "", "recorded", "", None)
    statements = [
        (f, here) for tx in listed for f in facts(chain, f"/tx/{tx['txid']}", 200, json.dumps(tx).encode())
    ]
    return build(statements)


def on_our_keys(recorded: Any) -> Any:
    """Return a recorded reply without what this explorer leaves out."""
    if isinstance(recorded, list):
        return [on_our_keys(item) for item in recorded]
    if not isinstance(recorded, dict):
        return recorded
    left_out = {"sigops"} | {key for key in recorded if key.endswith("_asm")}
    return {key: on_our_keys(value) for key, value in recorded.items() if key not in left_out}


# --- over real HTTP


def test_every_page_of_the_published_case_is_read_back_and_hashes(colonial):
    with Explorer(colonial) as explorer:
        for address in samples.facts("colonial")["addresses"]:
            page = get(explorer, f"/address/{address}/txs")
            assert page.headers["Content-Type"] == "application/json"
            assert page.json()
            for tx in page.json():
                raw = get(explorer, f"/tx/{tx['txid']}/raw").content
                assert transaction_from_esplora(tx).txid == tx["txid"] == parse_transaction(raw).txid
                assert get(explorer, f"/tx/{tx['txid']}/hex").text == raw.hex()
                assert get(explorer, f"/tx/{tx['txid']}").json() == tx


def test_the_decoder_of_live_replies_accepts_all_of_the_training_case():
    ledger = samples.load("training")
    replay = Replay(ledger)
    for address in filter(None, ledger.outputs["address"].to_pylist()):
        for path in (f"/address/{address}", f"/address/{address}/txs"):
            assert facts("btc-regtest", path, 200, replay.answer(path).body)
    for txid in ledger.txs["txid"].to_pylist():
        for path in (f"/tx/{txid}", f"/tx/{txid}/outspends"):
            assert facts("btc-regtest", path, 200, replay.answer(path).body)


def test_what_is_asked_is_kept_in_order(colonial):
    with Explorer(colonial) as explorer:
        get(explorer, f"/address/{RANSOM}")
        get(explorer, "/nothing?x=1")
        assert explorer.requests == [f"/address/{RANSOM}", "/nothing?x=1"]


def test_head_gives_the_length_without_the_body(colonial):
    with Explorer(colonial) as explorer:
        head, full = (ask(f"{explorer.url}/tx/{PAID}", timeout=10) for ask in (requests.head, requests.get))
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["Content-Length"]) == len(full.content)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_reading_is_possible(colonial, method):
    with Explorer(colonial) as explorer:
        answer = requests.request(method, f"{explorer.url}/tx", data=b"00", timeout=10)
        assert (answer.status_code, explorer.requests) == (501, [])


def test_a_web_page_that_calls_this_machine_by_another_name_reads_nothing(colonial):
    with Explorer(colonial) as explorer:
        answer = requests.get(f"{explorer.url}/tx/{PAID}", headers={"Host": "rebound.example"}, timeout=10)
        assert (answer.status_code, explorer.requests) == (403, [])
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_localhost_and_the_prefix_of_public_servers_are_accepted(colonial):
    with Explorer(colonial) as explorer:
        answer = requests.get(f"http://localhost:{explorer.port}/api/blocks/tip/height", timeout=10)
        assert answer.text == "955873"


def test_only_loopback_is_listened_on(colonial):
    with Explorer(colonial) as explorer:
        assert explorer._server.server_address[0] == "127.0.0.1"
        assert explorer.url == f"http://127.0.0.1:{explorer.port}"


def test_a_taken_port_is_refused_with_a_hint(colonial):
    with Explorer(colonial) as explorer, pytest.raises(BadInput, match=f"port {explorer.port}") as caught:
        Explorer(colonial, port=explorer.port).__enter__()
    assert "port 0" in caught.value.hint


def test_after_the_block_the_port_is_closed_and_can_be_opened_again(colonial):
    with Explorer(colonial) as explorer:
        url, port = explorer.url, explorer.port
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/blocks/tip/height", timeout=1)
    with Explorer(colonial, port=port) as again:
        assert get(again, "/blocks/tip/height").ok


def test_many_clients_at_once_are_answered_alike(colonial):
    with Explorer(colonial) as explorer:
        bodies: list[bytes] = []
        ask = [
            threading.Thread(target=lambda: bodies.append(get(explorer, f"/tx/{PAID}").content))
            for _ in range(8)
        ]
        for thread in ask:
            thread.start()
        for thread in ask:
            thread.join()
    assert len(bodies) == 8
    assert len(set(bodies)) == 1


def test_a_client_that_hangs_up_does_not_stop_the_server(colonial):
    with Explorer(colonial) as explorer:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", explorer.port)) as client:
                client.sendall(f"GET /tx/{PAID} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert get(explorer, "/blocks/tip/height").ok


def test_wait_ends_when_the_server_is_stopped(colonial):
    explorer = Explorer(colonial)
    with explorer:
        waiting = threading.Thread(target=explorer.wait)
        waiting.start()
        assert waiting.is_alive()
        time.sleep(0.01)
    waiting.join(timeout=5)
    assert not waiting.is_alive()


# --- Esplora's form and words


def test_pages_hold_25_and_go_from_new_to_old(busy):
    replay, address = Replay(busy.ledger()), next(iter(busy.owners))
    pages, last = [], ""
    while not pages or pages[-1]:
        pages.append([tx["txid"] for tx in told(replay, f"/address/{address}/txs/chain/{last}".rstrip("/"))])
        last = pages[-1][-1] if pages[-1] else ""
    assert [len(page) for page in pages] == [25, 25, 11, 0]
    in_order = busy.ledger().txs["txid"].to_pylist()
    assert [txid for page in pages for txid in page] == in_order[::-1]
    assert pages[0] == [tx["txid"] for tx in told(replay, f"/address/{address}/txs")]


def test_another_page_size_can_be_tried(busy):
    address = next(iter(busy.owners))
    assert len(told(Replay(busy.ledger(), page_size=10), f"/address/{address}/txs")) == 10


def test_within_a_block_the_later_spender_comes_first():
    first = made.tx([made.origin(900, "a")], [(800, "a")], height=5, position=1)
    second = made.tx([(first.txid, 0, 800, "a")], [(700, "a")], height=5, position=2)
    address = made.ledger(first).outputs["address"][0].as_py()
    page = told(Replay(made.ledger(second, first), closed_world=True), f"/address/{address}/txs")
    assert [tx["txid"] for tx in page] == [second.txid, first.txid]


def test_unconfirmed_transactions_come_first_and_are_counted_apart():
    old = made.tx([made.origin(900, "a")], [(800, "b")], height=5)
    new = made.tx([(old.txid, 0, 800, "b")], [(300, "b"), (400, "c")], height=None)
    address = made.ledger(old).outputs.to_pylist()[0]["address"]
    replay = Replay(made.ledger(old, new), closed_world=True)
    assert [tx["txid"] for tx in told(replay, f"/address/{address}/txs")] == [new.txid, old.txid]
    assert [tx["txid"] for tx in told(replay, f"/address/{address}/txs/chain")] == [old.txid]
    assert [tx["txid"] for tx in told(replay, f"/address/{address}/txs/mempool")] == [new.txid]
    stats = told(replay, f"/address/{address}")
    assert stats["chain_stats"] == counts(1, 800, 0, 0, 1)
    assert stats["mempool_stats"] == counts(1, 300, 1, 800, 1)
    assert told(replay, f"/tx/{new.txid}/status") == {"confirmed": False}


def counts(funded: int, funded_sat: int, spent: int, spent_sat: int, txs: int) -> dict[str, int]:
    names = ("funded_txo_count", "funded_txo_sum", "spent_txo_count", "spent_txo_sum", "tx_count")
    return dict(zip(names, (funded, funded_sat, spent, spent_sat, txs), strict=True))


def test_the_unspent_outputs_of_an_address(replay):
    (held,) = told(replay, f"/address/{SEIZED}/utxo")
    assert (held["txid"][:8], held["vout"], held["value"]) == ("4a064218", 93, 99099)
    assert held["status"]["block_height"] == 785974


def test_a_script_hash_finds_what_its_address_finds(replay, colonial):
    script = next(row["script"] for row in colonial.outputs.to_pylist() if row["address"] == RANSOM)
    name = hashlib.sha256(bytes.fromhex(script)).hexdigest()
    by_hash, by_address = (told(replay, f"/{kind}") for kind in (f"scripthash/{name}", f"address/{RANSOM}"))
    assert by_hash == {"scripthash": name, **{k: v for k, v in by_address.items() if k != "address"}}
    assert told(replay, f"/scripthash/{name}/txs") == told(replay, f"/address/{RANSOM}/txs")


def test_an_address_is_read_however_it_is_written(replay):
    assert told(replay, f"/address/{SEIZED.upper()}/txs") == told(replay, f"/address/{SEIZED}/txs")


def test_spends_name_the_spender_and_its_block(replay):
    back, out = told(replay, f"/tx/{SEIZURE}/outspends")
    assert (back["spent"], back["txid"][:8], back["vin"], back["status"]["block_height"]) == (
        True,
        "280c5f96",
        0,
        686684,
    )
    assert told(replay, f"/tx/{SEIZURE}/outspend/1") == out
    assert told(replay, f"/txs/outspends?txids={SEIZURE},{'ab' * 32}") == [[back, out], []]


def test_blocks_are_known_where_a_transaction_of_them_is(replay):
    block_hash = told(replay, f"/tx/{PAID}/status")["block_hash"]
    assert replay.answer("/block-height/682599").body == block_hash.encode()
    assert refusal(replay, "/block-height/1") == (404, "Block not found")
    assert refusal(replay, "/blocks/tip/hash") == (404, "Block not found")


def test_the_tip_of_a_ledger_without_one_is_its_highest_block():
    ledger = made.ledger(made.tx([made.origin(9, "a")], [(8, "b")], height=77))
    assert Replay(ledger).answer("/blocks/tip/height").body == b"77"
    assert Replay(ledger).answer("/blocks/tip/hash").body == f"{77:064x}".encode()


def test_a_coinbase_has_a_null_input_and_no_fee():
    maker = Maker("coinbase", 1)
    coin = maker.mine("Ann")
    tx = told(Replay(maker.ledger()), f"/tx/{coin.txid}")
    (given,) = tx["vin"]
    assert (given["txid"], given["vout"], given["prevout"], given["is_coinbase"]) == (
        "00" * 32,
        2**32 - 1,
        None,
        True,
    )
    assert tx["fee"] == 0


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        (f"/tx/{'ab' * 32}", 404, "Transaction not found"),
        (f"/tx/{'ab' * 32}/outspend/0", 404, "Transaction not found"),
        ("/tx/xyz", 400, "Invalid hex string"),
        (f"/tx/{PAID[:-1]}", 400, "Invalid hex string"),
        (f"/tx/{PAID}/outspend/x", 400, "Invalid number"),
        ("/block-height/-1", 400, "Invalid number"),
        ("/address/15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fs", 400, "Invalid Bitcoin address"),
        ("/address//txs", 400, "Invalid Bitcoin address"),
        ("/address/LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9", 400, "Address on invalid network"),
        ("/scripthash/ab", 400, "Invalid scripthash"),
        ("/txs/outspends", 400, "Invalid hex string"),
        (f"/txs/outspends?txids={','.join(['ab' * 32] * 51)}", 400, "Too many txids requested"),
        ("/", 404, "endpoint does not exist"),
        (f"/tx/{PAID}/merkle-proof", 404, "endpoint does not exist"),
        (f"/address/{RANSOM}/summary", 404, "endpoint does not exist"),
        ("/mempool", 404, "endpoint does not exist"),
    ],
)
def test_errors_are_plain_text_in_esploras_words(replay, path, status, text):
    assert refusal(replay, path) == (status, text)
    assert refusal(replay, f"/api{path}") == (status, text)


def test_the_batch_can_be_switched_off(colonial):
    replay = Replay(colonial, batched_outspends=False)
    assert refusal(replay, f"/txs/outspends?txids={PAID}") == (404, "endpoint does not exist")


# --- unknown is not "unspent", and a part is not the whole


def test_whether_an_unseen_spend_happened_is_declined(replay):
    status, text = refusal(replay, f"/tx/{PAID}/outspends")
    assert (status, f"whether {PAID}:0 is spent" in text) == (404, True)
    assert told(replay, f"/txs/outspends?txids={PAID}") == [[]]
    assert told(replay, f"/tx/{PAID}/outspend/3")["spent"] is True


@pytest.mark.parametrize("rest", ["", "/txs", "/txs/chain", "/txs/mempool", "/utxo"])
@pytest.mark.parametrize(
    "address", ["1DToN8Q6y31TGAz75Df729Bnujk6Xg7q5X", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]
)
def test_an_address_that_was_not_asked_about_is_declined(replay, address, rest):
    status, text = refusal(replay, f"/address/{address}{rest}")
    assert (status, text) == (404, f"Not found in this ledger: the whole history of {address}")


def test_a_source_that_claimed_more_than_it_gave_still_does():
    record = made.tx([made.origin(900, "a")], [(800, "b")], height=5)
    address = made.ledger(record).outputs["address"][0].as_py()
    claim = AddressClaim("btc-regtest", address, 9)
    page = Listing("btc-regtest", address, "", (record.txid,), complete=False, reason="limited")
    replay = Replay(made.ledger(Tip("btc-regtest", 50), record, claim, page))
    stats = told(replay, f"/address/{address}")
    assert stats["chain_stats"]["tx_count"] == 9
    assert stats["partial"] == "1 of 9 transactions are in this ledger"
    assert len(told(replay, f"/address/{address}/txs")) == 1
    assert refusal(replay, f"/address/{address}/utxo")[0] == 404


def test_a_complete_empty_history_is_an_answer():
    record = made.tx([made.origin(900, "a")], [(800, "b")], height=5)
    empty = made.ledger(made.tx([made.origin(5, "x")], [(4, "z")])).outputs["address"][0].as_py()
    replay = Replay(made.ledger(record, AddressClaim("btc-regtest", empty, 0)))
    assert told(replay, f"/address/{empty}")["chain_stats"]["tx_count"] == 0
    assert told(replay, f"/address/{empty}/txs") == []


def test_a_spender_that_is_not_held_has_no_block_in_the_answer():
    record = made.tx([made.origin(900, "a")], [(800, "b")], height=5)
    spend = SpendRecord("btc-regtest", Outpoint(record.txid, 0), "cd" * 32, 1)
    assert told(Replay(made.ledger(record, spend)), f"/tx/{record.txid}/outspends") == [
        {"spent": True, "txid": "cd" * 32, "vin": 1}
    ]


def test_in_a_closed_world_what_is_not_held_did_not_happen():
    record = made.tx([made.origin(900, "a")], [(800, "b")], height=5)
    ledger = made.ledger(record)
    address = ledger.outputs["address"][0].as_py()
    replay = Replay(ledger, closed_world=True)
    assert told(replay, f"/tx/{record.txid}/outspends") == [{"spent": False}]
    assert [held["value"] for held in told(replay, f"/address/{address}/utxo")] == [800]


def test_nobody_can_spend_an_op_return():
    ledger = samples.load("training")
    dust = samples.training_case().answers["dust"]
    assert told(Replay(ledger), f"/tx/{dust}/outspends")[-1] == {"spent": False}


def test_hearsay_cannot_be_served():
    record = dataclasses.replace(made.tx([made.origin(900, "a")], [(800, "b")]), raw=None)
    with pytest.raises(IncompleteData, match="bytes of 1 of 1"):
        Replay(made.ledger(record))


def test_two_chains_cannot_be_served_as_one():
    mixed = made.ledger(
        made.tx([made.origin(9, "a")], [(8, "b")]), made.tx([made.origin(9, "a")], [(7, "b")], chain="ltc")
    )
    with pytest.raises(IncompleteData, match="2 chains"):
        Replay(mixed)


# --- properties

_COLONIAL = Replay(samples.load("colonial"))


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["tx", "address", "txs", RANSOM, PAID, "0", "", "utxo"])).map("/".join)
)
@settings(max_examples=100, deadline=None)
def test_no_path_breaks_the_server(path):
    answer = _COLONIAL.answer(f"/{path}")
    assert answer.status in (200, 400, 404)


@given(st.integers(1, 8), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_received_minus_spent_is_what_lies_unspent(length, seed):
    lesson = samples.peel_chain(length, seed)
    replay = Replay(lesson.ledger, page_size=2)
    for address in lesson.truth:
        stats = told(replay, f"/address/{address}")["chain_stats"]
        held = sum(output["value"] for output in told(replay, f"/address/{address}/utxo"))
        assert stats["funded_txo_sum"] - stats["spent_txo_sum"] == held


def test_the_same_ledger_gives_the_same_bytes(colonial):
    paths = (
        f"/tx/{PAID}",
        f"/address/{RANSOM}/txs",
        f"/txs/outspends?txids={SEIZURE}",
        f"/address/{SEIZED}/utxo",
    )
    assert [Replay(colonial).answer(path) for path in paths] == [
        Replay(samples.load("colonial")).answer(path) for path in paths
    ]


# --- recorded replies


@pytest.mark.parametrize("case", ["anchor", "fbi", "ransom"])
def test_the_published_case_is_served_as_it_was_recorded(shared, replay, case):
    (page,) = (shared / "cases" / "colonial").glob(f"colonial_{case}_txs.json*")
    stats = json.loads(body_of(shared / "cases" / "colonial" / f"colonial_{case}_stats.json"))
    assert told(replay, f"/address/{stats['address']}") == stats
    assert told(replay, f"/address/{stats['address']}/txs") == on_our_keys(json.loads(body_of(page)))


RECORDED = (
    "cases/hydra/hydra_anchor_txs.json",
    "cases/whirlpool/coinjoin_tx.json",
    "cases/whirlpool/coinjoin_tx0.json",
    "explorers/esplora/block-txs-25.json",
    *(
        f"explorers/esplora/txs/{name}.json"
        for name in (
            "bare-multisig",
            "batch-withdrawal-143",
            "dust-attack-555",
            "joinmarket-coinjoin",
            "op-return-charley",
            "satoshi-genesis-txs",
            "simple-legacy-p2pkh",
            "taproot-op-return",
            "taproot-script-path",
            "wabisabi-coinjoin",
            "whirlpool-coinjoin",
        )
    ),
)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_transactions_are_served_as_they_were_recorded(shared, name):
    recorded = json.loads(body_of(shared / name))
    replay = Replay(ledger_of(recorded))
    for tx in recorded if isinstance(recorded, list) else [recorded]:
        assert told(replay, f"/tx/{tx['txid']}") == on_our_keys(tx)


def test_a_refused_history_is_refused_again_and_its_sums_are_not_made_up():
    maker = Maker("refused", seed=3)
    coin = maker.mine("Ann")
    words = "Too many history entries"
    page = Listing("btc-regtest", coin.address, "", (), complete=False, reason=f"limited: {words}")
    claim = AddressClaim("btc-regtest", coin.address, 4)
    record = next(fact for fact in maker._facts() if isinstance(fact, TxRecord))
    with Explorer(made.ledger(record, claim, page)) as explorer:
        stats = requests.get(f"{explorer.url}/address/{coin.address}").json()
        for path in ("txs", "utxo", "txs/chain"):
            refused = requests.get(f"{explorer.url}/address/{coin.address}/{path}")
            assert (refused.status_code, refused.text) == (400, words)
        fetched = fetch(coin.address, f"esplora:{explorer.url}")
    assert stats["chain_stats"] == {"tx_count": 4}
    assert fetched.coverage["reason"].tolist() == [f"limited: '{words}'"]
