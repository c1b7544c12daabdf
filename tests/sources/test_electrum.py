"""What an Electrum server's answers state, and how one is asked over a real socket."""

from __future__ import annotations

import json
import signal
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from esplora_form import (
    FIRST_RAW,
    FIRST_TXID,
    GENESIS_RAW,
    GENESIS_TXID,
    RANSOM_ADDRESS,
    RANSOM_RAW,
    RANSOM_TXID,
)
from faulty import FaultyServer, SocksProxy
from hypothesis import given, settings
from hypothesis import strategies as st
from line_server import GENESIS, LineServer, cut_off, drip, error, raw, results, silent

from chainflow.errors import (
    BadInput,
    BadResponse,
    HostNotAllowed,
    NotFound,
    ProofFailed,
    RateLimited,
    SchemaMismatch,
    SourceError,
    SourceUnavailable,
    TLSError,
)
from chainflow.model import HeaderRecord, InclusionRecord, Listing, Tip, TxOutline
from chainflow.sources import Source, open_source
from chainflow.sources.electrum import Electrum, facts
from chainflow.sources.electrum.facts import question_of, subject_of
from chainflow.sources.pace import Rate
from chainflow.wire import merkle_branch, parse_block

HISTORY = f"/history/{RANSOM_ADDRESS}"
# Block 170 holds its coinbase and the first payment.
HEADER = (
    "0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e"
    "9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70"
)
COINBASE = "b1fea52486ce0c62bb442b530a3f0132b826c74e473d1f2c220bfa78111c5082"
PROOF = f"/proof/170:{FIRST_TXID}"
BRANCH = {"block_height": 170, "merkle": [COINBASE], "pos": 1}


def body(*given: Any) -> bytes:
    """Return the answers to one call, or to a batch: a result each, or an error's words."""
    entries = [
        {
            "jsonrpc": "2.0",
            "id": number,
            **({"error": {"code": 1, "message": one[1:]}} if is_error(one) else {"result": one}),
        }
        for number, one in enumerate(given)
    ]
    return json.dumps(entries if len(entries) > 1 else entries[0]).encode()


def is_error(one: Any) -> bool:
    return isinstance(one, str) and one.startswith("!")


def read(path: str, *given: Any, chain: str = "btc") -> Any:
    return facts(chain, path, 200, body(*given))


# --- what is stated --------------------------------------------------------------------------------


def test_the_tip_comes_with_its_header():
    assert read("/tip", {"height": 170, "hex": HEADER}) == (Tip("btc", 170), HeaderRecord("btc", 170, HEADER))


def test_of_a_merge_mined_tip_only_the_height_is_taken():
    assert read("/tip", {"height": 5, "hex": HEADER + "00"}, chain="doge") == (Tip("doge", 5),)


def test_a_history_is_one_complete_page_with_the_heights():
    rows = [
        {"tx_hash": FIRST_TXID, "height": 170},
        {"tx_hash": RANSOM_TXID, "height": 0, "fee": 200},
        {"tx_hash": COINBASE, "height": -1, "fee": 1},
    ]
    listing, *outlines = read(HISTORY, rows)
    assert listing == Listing("btc", RANSOM_ADDRESS, "", (FIRST_TXID, RANSOM_TXID, COINBASE), complete=True)
    assert [(one.height, one.is_placed) for one in outlines] == [(170, True), (None, True), (None, True)]


def test_the_first_block_is_not_taken_for_the_pool():
    (_, outline) = read(HISTORY, [{"tx_hash": GENESIS_TXID, "height": 0}])
    assert outline == TxOutline("btc", GENESIS_TXID, is_placed=False)


def test_an_address_without_transactions_has_a_complete_history_of_nothing():
    assert read(HISTORY, []) == (Listing("btc", RANSOM_ADDRESS, "", (), complete=True),)


@pytest.mark.parametrize(
    "words",
    [
        "history too large",
        "Too many history entries",
        "failed: 1534+ transactions found, query may take a long time",
    ],
)
def test_a_history_that_the_server_will_not_list_is_not_complete(words):
    (listing,) = read(HISTORY, f"!{words}")
    assert listing.is_refused
    assert listing.reason == f"limited: '{words}'"


def test_transactions_are_their_bytes_without_what_they_spend():
    ransom, genesis = read(f"/tx/{RANSOM_TXID},{GENESIS_TXID}", RANSOM_RAW.hex(), GENESIS_RAW.hex())
    assert (ransom.txid, ransom.raw, ransom.is_placed, ransom.height) == (
        RANSOM_TXID,
        RANSOM_RAW,
        False,
        None,
    )
    assert [spent.prevout for spent in ransom.inputs] == [None, None]
    assert [output.value_sat for output in ransom.outputs] == [1_693, 7_500_034_246]
    assert (genesis.is_coinbase, genesis.inputs) == (True, ())


def test_one_transaction_that_the_server_lacks_does_not_lose_the_others():
    (record,) = read(f"/tx/{GENESIS_TXID},{FIRST_TXID}", "!missing transaction", FIRST_RAW.hex())
    assert record.txid == FIRST_TXID


def test_a_branch_that_leads_to_the_header_is_taken():
    assert read(PROOF, BRANCH, HEADER) == (
        HeaderRecord("btc", 170, HEADER),
        InclusionRecord("btc", FIRST_TXID, 170, 1, (COINBASE,)),
    )


def test_a_branch_without_its_header_proves_nothing():
    assert read(PROOF, BRANCH, "!out of range") == ()
    assert read(PROOF, "!not in block at height 170", HEADER) == (HeaderRecord("btc", 170, HEADER),)


def test_answers_that_came_in_several_lines_are_read_together():
    first, second = (json.loads(body(tx.hex())) for tx in (FIRST_RAW, GENESIS_RAW))
    path = f"/tx/{FIRST_TXID},{GENESIS_TXID}"
    lines = json.dumps([first]).encode() + b"\n" + json.dumps({**second, "id": 1}).encode()
    assert facts("btc", path, 200, lines) == read(path, FIRST_RAW.hex(), GENESIS_RAW.hex())


def test_a_script_is_asked_for_by_its_hash_and_named_by_its_address():
    path = "/history/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    wanted = "8b01df4e368ea28f8dc0423bcf7a4923e3a12d307c875e47a0cfbf90b5c39161"  # the protocol's own example
    assert question_of("btc", path) == f'/blockchain.scripthash.get_history/["{wanted}"]'
    assert subject_of(path) == "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"


def test_proofs_of_a_real_block_are_taken_and_any_other_position_is_refused(shared):
    block = parse_block((shared / "blocks" / "mainnet_702861.raw").read_bytes())
    txids = [transaction.txid for transaction in block.transactions]
    header = block.header.serialize().hex()
    for position in range(0, len(txids), max(1, len(txids) // 20)):
        branch = {"block_height": 9, "merkle": list(merkle_branch(txids, position)), "pos": position}
        path = f"/proof/9:{txids[position]}"
        assert read(path, branch, header)[1].position == position
        with pytest.raises(ProofFailed):
            read(path, {**branch, "pos": position ^ 1}, header)


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "given", "kind", "match"),
    [
        ("/tip", [{"height": -1, "hex": HEADER}], SchemaMismatch, "height is -1"),
        ("/tip", [{"height": 1.5, "hex": HEADER}], SchemaMismatch, "height is 1.5"),
        ("/tip", [{"height": 7, "hex": HEADER[2:]}], SchemaMismatch, "80 bytes of a header"),
        (HISTORY, [{"tx_hash": FIRST_TXID}], SchemaMismatch, "allowed: a list"),
        (HISTORY, [[{"tx_hash": FIRST_TXID}]], SchemaMismatch, r"\[0\].height is missing"),
        (HISTORY, [[{"tx_hash": FIRST_TXID, "height": True}]], SchemaMismatch, "height is True"),
        (HISTORY, [[{"tx_hash": FIRST_TXID, "height": 1}] * 2], ProofFailed, "twice"),
        (HISTORY, ["!internal server error"], BadResponse, "internal server error"),
        (HISTORY, ["!excessive resource usage"], RateLimited, "excessive resource usage"),
        (f"/tx/{FIRST_TXID}", ["!No such mempool or blockchain transaction."], NotFound, "No such mempool"),
        (f"/tx/{FIRST_TXID}", [GENESIS_RAW.hex()], ProofFailed, "hashes to 4a5e1e4b"),
        (f"/tx/{FIRST_TXID}", [FIRST_RAW.hex()[:-2]], BadResponse, "ends early"),
        (f"/tx/{FIRST_TXID}", [FIRST_RAW.hex().upper()], SchemaMismatch, "lower-case hex"),
        (f"/tx/{FIRST_TXID}", [None], SchemaMismatch, "lower-case hex"),
        (PROOF, [{**BRANCH, "pos": 0}, HEADER], ProofFailed, "does not lead to the block"),
        (PROOF, [{**BRANCH, "merkle": [FIRST_TXID]}, HEADER], ProofFailed, "its own left twin"),
        (PROOF, [{**BRANCH, "block_height": 171}, HEADER], SchemaMismatch, "170, as asked"),
        (PROOF, [BRANCH, HEADER + "00"], SchemaMismatch, "160 lower-case hex digits"),
    ],
)
def test_a_reply_that_is_wrong_in_one_place_is_refused_as_a_whole(path, given, kind, match):
    with pytest.raises(kind, match=match):
        read(path, *given)


def test_one_false_transaction_refuses_the_batch():
    with pytest.raises(ProofFailed):
        read(f"/tx/{FIRST_TXID},{GENESIS_TXID}", FIRST_RAW.hex(), FIRST_RAW.hex())


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"<html>Just a moment...</html>",
        b'{"id":0,"result":[',
        b'{"id":0,"result":NaN}',
        b'{"id":7,"result":[]}',
        b'[{"id":0,"result":[]}]',
        b'{"id":0,"result":[]}\n{"id":0,"result":[]}',
        b'"history"',
        b"null",
    ],
)
def test_what_is_no_answer_is_refused(reply):
    with pytest.raises(BadResponse):
        facts("btc", HISTORY, 200, reply)


@pytest.mark.parametrize(
    "reply",
    [
        b'{"id":null,"error":{"code":-32600,"message":"Batch limit exceeded"}}',
        b'[{"id":0,"result":"00"}]',
        b'[{"id":0,"result":"00"},{"id":0,"result":"00"}]',
        b"[]\n[]",
        b"]\n[",
    ],
)
def test_a_batch_that_was_not_answered_call_by_call_is_refused(reply):
    with pytest.raises(BadResponse):
        facts("btc", f"/tx/{FIRST_TXID},{GENESIS_TXID}", 200, reply)


@pytest.mark.parametrize(
    "path", ["/", "/tip/", "/history/", "/tx/abc", f"/proof/{FIRST_TXID}", f"/proof/01:{FIRST_TXID}"]
)
def test_other_paths_are_not_of_this_family(path):
    with pytest.raises(BadInput, match="not a path of the Electrum family"):
        facts("btc", path, 200, b"{}")


@settings(max_examples=200)
@given(st.data())
def test_a_changed_byte_gives_the_same_facts_or_an_error(data):
    path, good = data.draw(
        st.sampled_from(
            [
                (f"/tx/{FIRST_TXID},{GENESIS_TXID}", body(FIRST_RAW.hex(), GENESIS_RAW.hex())),
                (PROOF, body(BRANCH, HEADER)),
            ]
        )
    )
    place = data.draw(st.integers(0, len(good) - 1))
    changed = good[:place] + bytes([data.draw(st.integers(0, 255))]) + good[place + 1 :]
    known = proved(facts("btc", path, 200, good))
    try:
        stated = facts("btc", path, 200, changed)
    except SourceError:
        return
    assert proved(stated) <= known  # a call whose answer became an error is left out


def proved(stated: Any) -> set[Any]:
    """Return the facts that no byte can change; whether a header has work, the ledger sees."""
    return {fact for fact in stated if not isinstance(fact, HeaderRecord)}


# --- where it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "name", "chain"),
    [
        ("electrum", "electrum:ssl://electrum.blockstream.info:50002", "btc"),
        (
            "electrum:electrum.blockstream.info:60002",
            "electrum:ssl://electrum.blockstream.info:60002",
            "btc-testnet",
        ),
        ("electrum:tcp://127.0.0.1", "electrum:tcp://127.0.0.1:50001", "btc"),
        ("electrum:ssl://[::1]:7", "electrum:ssl://[::1]:7", "btc"),
        (f"electrum:ssl://Node.Example:50002?pin={'AB:' * 31}AB", "electrum:ssl://node.example:50002", "btc"),
    ],
)
def test_a_word_names_a_server(word, name, chain):
    source = open_source(word)
    assert isinstance(source, Source)
    assert (source.name, source.chain) == (name, chain)


@pytest.mark.parametrize(
    ("url", "kind", "match"),
    [
        ("tcp://8.8.8.8:50001", HostNotAllowed, "without encryption"),
        ("tcp://abcdefgh.onion:50001", HostNotAllowed, "only be reached through Tor"),
        ("udp://127.0.0.1:1", BadInput, "not the place"),
        ("ssl://ann:pw@host:1", BadInput, "'ssl://host:1'"),
        ("ssl://host:1/path", BadInput, "not the place"),
        ("ssl://host:99999", BadInput, "not the place"),
        ("ssl://host:1?pin=abc", BadInput, "64 hex digits"),
        (f"tcp://127.0.0.1:1?pin={'ab' * 32}", BadInput, "64 hex digits"),
    ],
)
def test_what_may_not_be_asked_is_refused_before_anything_is_sent(url, kind, match):
    with pytest.raises(kind, match=match):
        Electrum(url)


def test_only_socks_proxies_carry_lines():
    with pytest.raises(BadInput, match="SOCKS5 only"):
        Electrum("ssl://host:1", proxy="http://127.0.0.1:8080")


def test_a_chain_without_a_public_server_must_be_named_with_one():
    with pytest.raises(BadInput, match="no public Electrum server is known for 'ltc'"):
        Electrum(chain="ltc")


def test_questions_name_a_hundred_transactions_each():
    source = Electrum("tcp://127.0.0.1:1")
    txids = [f"{number:064x}" for number in range(150)]
    assert [len(subject_of(path).split(",")) for path in source.tx_paths([*txids, txids[0]])] == [100, 50]
    assert [len(subject_of(path).split(",")) for path in source.proof_paths([(t, 5, "") for t in txids])] == [
        100,
        50,
    ]
    assert source.outspends_path(txids) is None
    with pytest.raises(BadInput, match="in one answer"):
        source.history_path(RANSOM_ADDRESS, txids[0])


# --- over a socket ---------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[LineServer]:
    server = LineServer()
    yield server
    server.stop()


@pytest.fixture
def electrum(server) -> Iterator[Callable[..., Electrum]]:
    """Return a maker of sources that hardly wait."""
    made: list[Electrum] = []

    def make(url: str = "", **options: Any) -> Electrum:
        settings = {"chain": "btc-regtest", "backoff": 0.001, "tries": 3, "timeout": 5, **options}
        made.append(Electrum(url or f"tcp://127.0.0.1:{server.port}", **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


RAW = {FIRST_TXID: FIRST_RAW.hex(), GENESIS_TXID: GENESIS_RAW.hex(), RANSOM_TXID: RANSOM_RAW.hex()}
THREE = f"/tx/{FIRST_TXID},{GENESIS_TXID},{RANSOM_TXID}"
KNOWN = results(
    blockchain__transaction__get=lambda txid: RAW.get(txid, {"error": "missing transaction"}),
    blockchain__headers__subscribe={"height": 170, "hex": HEADER},
)


def txids_of(source: Electrum, path: str = THREE) -> list[str]:
    reply = source.ask(path)
    return [fact.txid for fact in source.facts(path, reply.status, reply.body)]


def test_a_reply_is_the_line_as_it_came(server, electrum):
    server.answers = [raw(b'{"id": 0,\t"result": []  }\n')]
    reply = electrum().ask("/tip")
    assert reply.body == b'{"id": 0,\t"result": []  }'
    assert reply.url == f"electrum:tcp://127.0.0.1:{server.port}/tip"


def test_several_calls_are_one_batch_on_one_connection(server, electrum):
    server.answers = [KNOWN]
    source = electrum()
    assert txids_of(source) == [FIRST_TXID, GENESIS_TXID, RANSOM_TXID]
    assert txids_of(source, f"/tx/{FIRST_TXID}") == [FIRST_TXID]
    assert [type(asked) for asked in server.asked] == [list, dict]
    assert server.connections == 1


def test_notices_between_the_answers_are_passed_over(server, electrum):
    notice = b'{"jsonrpc":"2.0","method":"blockchain.headers.subscribe","params":[]}\n'
    server.answers = [raw(notice + b'{"id":0,"result":[]}\n')]
    assert electrum().ask("/tip").body == b'{"id":0,"result":[]}'


def test_a_server_of_another_chain_learns_nothing(server, electrum):
    server.first_header = "00" * 80
    with pytest.raises(BadInput, match="a server of another chain, not of btc-regtest"):
        electrum().ask(THREE)
    assert server.asked == []


def test_a_server_of_a_chain_that_is_known_is_named(server, electrum):
    with pytest.raises(BadInput, match="a server of btc-regtest, not of ltc") as caught:
        electrum(chain="ltc").ask(THREE)
    assert "chain='btc-regtest'" in caught.value.hint


@pytest.mark.parametrize(
    "trouble", [cut_off(b'{"id":0,"res'), cut_off(b""), error("server busy - request timed out")]
)
def test_after_a_trouble_the_question_is_asked_again(server, electrum, trouble):
    server.answers = [trouble, KNOWN]
    assert txids_of(electrum(), f"/tx/{FIRST_TXID}") == [FIRST_TXID]
    assert server.connections == 2


def test_a_broken_connection_is_given_up_after_all_tries(server, electrum):
    server.answers = [cut_off(b"")]
    with pytest.raises(SourceUnavailable, match="did not answer after 3 tries"):
        electrum().ask("/tip")


def test_silence_ends(server, electrum):
    server.answers = [silent]
    with pytest.raises(SourceUnavailable, match=r"silent for 0\.1 s"):
        electrum(timeout=0.1, tries=2).ask("/tip")


def test_a_server_that_has_had_enough_is_a_rate_limit(server, electrum):
    server.answers = [error("excessive resource usage", code=-101)]
    with pytest.raises(RateLimited, match="answered “too much” to 3 of 3 tries"):
        electrum().ask(HISTORY.replace(RANSOM_ADDRESS, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"))


def test_questions_keep_to_the_pace_that_is_set(server, electrum):
    server.answers = [KNOWN]
    source = electrum(rates={"127.0.0.1": Rate(1, 0.2)})
    started = time.monotonic()
    for _ in range(3):
        source.ask("/tip")
    assert time.monotonic() - started >= 0.4


def test_an_endless_line_ends(server, electrum):
    server.answers = [drip]
    with pytest.raises(BadResponse, match=r"took longer than 0\.3 s"):
        electrum(max_seconds=0.3).ask("/tip")


def test_a_line_beyond_the_bound_is_refused(server, electrum):
    server.answers = [raw(b"x" * 300_000)]
    with pytest.raises(BadResponse, match="is larger than 100,000 bytes"):
        electrum(max_bytes=100_000).ask("/tip")


def test_garbage_is_kept_as_the_reply_and_the_connection_is_left(server, electrum):
    server.answers = [raw(b"<html>\n</html>\n"), KNOWN]
    source = electrum()
    reply = source.ask("/tip")
    assert reply.body == b"<html>"
    with pytest.raises(BadResponse, match="not JSON"):
        source.facts("/tip", reply.status, reply.body)
    assert txids_of(source) == [FIRST_TXID, GENESIS_TXID, RANSOM_TXID]
    assert server.connections == 2


def test_an_answer_to_another_question_is_refused_and_the_connection_is_left(server, electrum):
    server.answers = [raw(b'{"id":5,"result":{"height":1,"hex":""}}\n'), KNOWN]
    source = electrum()
    reply = source.ask("/tip")
    with pytest.raises(BadResponse):
        source.facts("/tip", reply.status, reply.body)
    assert source.facts("/tip", 200, source.ask("/tip").body)[0] == Tip("btc-regtest", 170)
    assert server.connections == 2


def no_batches(handler, asked):
    """Do as servers before batches were known: refuse the list."""
    (error("Json Error: expected object") if isinstance(asked, list) else KNOWN)(handler, asked)


def at_most_one_of_a_batch(handler, asked):
    """Do as servers with a bound for their answers: leave out what comes after it."""
    if isinstance(asked, dict) or len(asked) == 1:
        KNOWN(handler, asked)
        return
    too_large = {"code": -32600, "message": "response too large (over 1,000,000 bytes)"}
    first = {"jsonrpc": "2.0", "id": asked[0]["id"], "result": RAW[asked[0]["params"][0]]}
    handler.send([first, *({"jsonrpc": "2.0", "id": call["id"], "error": too_large} for call in asked[1:])])


@pytest.mark.parametrize("refusal", [no_batches, at_most_one_of_a_batch])
def test_a_refused_batch_is_asked_in_smaller_parts(server, electrum, refusal):
    server.answers = [refusal]
    source = electrum()
    assert txids_of(source) == [FIRST_TXID, GENESIS_TXID, RANSOM_TXID]
    assert source.ask(THREE).body.count(b"\n") == 2
    assert server.connections == 1


def test_a_server_that_hangs_up_on_a_batch_is_asked_call_by_call(server, electrum):
    def no_lists(handler, asked):
        (cut_off(b"") if isinstance(asked, list) else KNOWN)(handler, asked)

    server.answers = [no_lists]
    assert txids_of(electrum()) == [FIRST_TXID, GENESIS_TXID, RANSOM_TXID]


def test_a_transaction_that_is_missing_from_a_batch_leaves_the_others(server, electrum):
    server.answers = [KNOWN]
    assert txids_of(electrum(), f"/tx/{COINBASE},{FIRST_TXID}") == [FIRST_TXID]


def test_electrumx_is_given_a_reason_to_answer_at_once(server, electrum):
    """It holds back a short answer until enough is waiting to be sent."""
    held: list[Any] = []
    server.software = "ElectrumX 2.0.0"
    filler = results(blockchain__block__headers={"count": 11, "hex": GENESIS * 11, "max": 2016})

    def late(handler, asked):
        if not str(asked["id"]).startswith("filler"):
            held.append(asked)
            return
        filler(handler, asked)
        if held and not str(asked["id"]).endswith("1"):
            KNOWN(handler, held.pop())

    server.answers = [late]
    source = electrum(timeout=1, tries=1)
    for _ in range(3):
        assert source.facts("/tip", 200, source.ask("/tip").body)[0] == Tip("btc-regtest", 170)
    assert len(server.asked) <= 12


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer that interrupts")
def test_after_ctrl_c_a_late_answer_is_not_taken_for_another(server, electrum):
    def late(handler, asked):
        server.stopped.wait(0.3)
        KNOWN(handler, asked)

    source = electrum()
    server.answers = [late, KNOWN]
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            source.ask("/tip")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert txids_of(source) == [FIRST_TXID, GENESIS_TXID, RANSOM_TXID]
    assert server.connections == 2


def test_a_web_server_is_not_an_electrum_server(electrum):
    web = FaultyServer()
    try:
        with pytest.raises(BadResponse, match=r"does not answer server.version"):
            electrum(f"tcp://127.0.0.1:{web.port}").ask("/tip")
    finally:
        web.stop()


def test_nobody_there_is_said_so(electrum):
    with pytest.raises(SourceUnavailable, match="connection refused"):
        electrum("tcp://127.0.0.1:1").ask("/tip")


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_proxy_finds_the_name_only_where_it_shall(server, electrum, scheme):
    names = {"abcdefgh.onion": server.port, "127.0.0.1": server.port}
    proxy = SocksProxy(names)
    server.answers = [KNOWN]
    host = "abcdefgh.onion" if scheme == "socks5h" else "127.0.0.1"
    try:
        source = electrum(f"tcp://{host}:50001", proxy=f"{scheme}://{proxy.address}")
        assert source.facts("/tip", 200, source.ask("/tip").body)[0] == Tip("btc-regtest", 170)
        assert proxy.asked == [(host, 50001)]
    finally:
        proxy.stop()


def test_a_proxy_that_does_not_connect_is_named(server, electrum):
    proxy = SocksProxy({})
    try:
        with pytest.raises(SourceUnavailable, match="the proxy did not connect"):
            electrum("tcp://abcdefgh.onion:50001", proxy=f"socks5h://{proxy.address}", tries=1).ask("/tip")
    finally:
        proxy.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[str, str, str]:
    """Return the files of a self-signed certificate and its key, and its fingerprint."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate]
    try:
        subprocess.run([*made.split(), *names], check=True, capture_output=True)
        shown = subprocess.run(
            ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificate],
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not on this machine")
    return key, certificate, shown.stdout.strip().partition("=")[2]


@pytest.fixture
def tls_server(certificate) -> Iterator[LineServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    server = LineServer(context)
    server.answers = [KNOWN]
    yield server
    server.stop()


def test_a_self_signed_certificate_is_shown_and_can_be_pinned(tls_server, electrum, certificate):
    url = f"ssl://127.0.0.1:{tls_server.port}"
    with pytest.raises(TLSError, match="self-signed certificate") as caught:
        electrum(url).ask(THREE)
    assert certificate[2].replace(":", "").lower() in caught.value.hint
    assert tls_server.asked == []
    for accepted in ({"url": f"{url}?pin={certificate[2]}"}, {"url": url, "ca_bundle": certificate[1]}):
        assert txids_of(electrum(**accepted)) == [FIRST_TXID, GENESIS_TXID, RANSOM_TXID]


def test_another_certificate_than_the_pinned_one_is_refused(tls_server, electrum, certificate):
    url = f"ssl://127.0.0.1:{tls_server.port}?pin={'ab' * 32}"
    with pytest.raises(TLSError, match="it is not the pinned one") as caught:
        electrum(url).ask(THREE)
    assert certificate[2].replace(":", "").lower() in caught.value.hint
    assert tls_server.asked == []


def test_tls_to_a_plain_port_is_a_tls_error(electrum):
    class Plain(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.wfile.write(b'{"id":null,"error":{"code":-32700,"message":"invalid JSON"}}\n')

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Plain) as plain:
        threading.Thread(target=plain.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.raises(TLSError, match=r"wrong version number|record layer"):
            electrum(f"ssl://127.0.0.1:{plain.server_address[1]}").ask("/tip")
        plain.shutdown()


def test_a_missing_certificate_file_is_named(electrum):
    with pytest.raises(BadInput, match="no such file of certificates: /nowhere"):
        electrum(ca_bundle="/nowhere").ask("/tip")
