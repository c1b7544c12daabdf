"""A node over JSON-RPC: what is asked, and how it is logged in to."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from core_form import (
    ADDRESS,
    BLOCK_TWO,
    BOTH,
    CHAIN,
    CHILD,
    FIRST_HASH,
    PAYMENT,
    SOURCE,
    TWO,
    NodeServer,
    both,
    dumps,
    error,
    read,
    results,
)

from chainflow.errors import (
    BadInput,
    NotFound,
    SourceUnavailable,
)
from chainflow.model import Tip
from chainflow.sources import Source, open_source
from chainflow.sources.core import Core


def test_every_question_can_be_read_and_names_what_the_node_learns():
    assert isinstance(SOURCE, Source)
    (proof,) = SOURCE.proof_paths([(PAYMENT.txid, 2, TWO.header.hash)])
    subjects = {
        SOURCE.tip_path(): "",
        SOURCE.history_path(ADDRESS): ADDRESS,
        BOTH: f"{PAYMENT.txid},{CHILD.txid}",
        proof: PAYMENT.txid,
        BLOCK_TWO: "",
        SOURCE.block_paths(2)[0]: "",
    }
    assert {path: SOURCE.subject_of(path) for path in subjects} == subjects
    assert SOURCE.block_paths(170) == ("/getblockhash/[170]",)
    assert SOURCE.history_path(ADDRESS, "5") is None
    assert SOURCE.address_path(ADDRESS) is None
    assert SOURCE.outspends_path([PAYMENT.txid]) is None


@pytest.mark.parametrize(
    "path", ["/stop/[]", "/getblock/[]", "/getblockhash/[-1]", '/dumpprivkey/["a"]', "x"]
)
def test_no_other_call_is_a_question(path):
    with pytest.raises(BadInput, match="not a path of the Core family"):
        read("btc", path, 200, b"{}")


def test_a_question_is_for_one_to_fifty_transactions():
    for wrong in ([], [f"{number:064x}" for number in range(51)], ["xyz"]):
        with pytest.raises(BadInput):
            SOURCE.tx_paths(wrong)
    assert SOURCE.tx_paths([PAYMENT.txid] * 60) == SOURCE.tx_paths([PAYMENT.txid])


@pytest.fixture
def node() -> Iterator[Callable[..., NodeServer]]:
    started: list[NodeServer] = []

    def start(answering: Any) -> NodeServer:
        started.append(NodeServer(answering))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def _tip(calls, headers):
    return 200, results(2, FIRST_HASH)


def test_the_login_is_sent_and_never_shown(node):
    server = node(_tip)
    source = open_source(f"core:{server.url.replace('//', '//ann:p%40ss@')}", chain=CHAIN)
    reply = source.ask(source.tip_path())
    assert source.facts(reply.path, reply.status, reply.body) == (Tip(CHAIN, 2),)
    ((headers, payload),) = server.asked
    assert base64.b64decode(headers["Authorization"].split()[1]) == b"ann:p@ss"
    assert [call["method"] for call in payload] == ["getblockcount", "getblockhash"]
    assert {call["jsonrpc"] for call in payload} == {"1.0"}
    assert "p@ss" not in f"{source!r}{source.name}{reply.url}{reply.path}"
    assert "ann" not in f"{source!r}{source.name}{reply.url}{reply.path}"
    source.close()


def test_a_cookie_file_is_read_again_when_the_node_was_started_again(node, tmp_path):
    cookie = tmp_path / ".cookie"
    accepted = "__cookie__:new"

    def answering(calls, headers):
        given = base64.b64decode(headers["Authorization"].split()[1]).decode()
        return _tip(calls, headers) if given == accepted else (401, b"")

    server = node(answering)
    cookie.write_text("__cookie__:old")
    source = open_source(f"core:{server.url}?cookie_file={cookie}", chain=CHAIN)
    with pytest.raises(SourceUnavailable, match="does not accept the login"):
        source.ask(source.tip_path())
    cookie.write_text(accepted + "\n")
    assert source.ask(source.tip_path()).status == 200
    assert "cookie" not in source.name + repr(source)
    source.close()


def test_without_its_cookie_file_nothing_is_asked(tmp_path):
    (tmp_path / "empty").write_text("nothing")
    for name in ("missing", "empty"):
        source = Core("http://127.0.0.1:9", chain=CHAIN, cookie_file=tmp_path / name)
        with pytest.raises(BadInput, match="cookie file"):
            source.ask(source.tip_path())


def test_a_node_that_is_starting_gives_no_answer_to_keep(node):
    starting = error(-28, "Loading block index…")
    server = node(lambda calls, headers: (200, results(*[starting] * len(calls))))
    source = Core(server.url, chain=CHAIN)
    with pytest.raises(SourceUnavailable, match="the node is starting"):
        source.ask(BOTH)
    source.close()


def test_an_answer_torn_by_a_new_block_is_asked_for_again(node):
    answers = iter([both(counts=(2, 3)), both(counts=(3, 3))])
    server = node(lambda calls, headers: (200, next(answers)))
    source = Core(server.url, chain=CHAIN)
    reply = source.ask(BOTH)
    assert [record.height for record in source.facts(BOTH, reply.status, reply.body)] == [3, 3]
    assert len(server.asked) == 2
    source.close()


def test_an_error_with_status_500_is_read_not_asked_again(node):
    body = dumps({"result": None, "error": error(-8, "Block height out of range"), "id": 0})
    server = node(lambda calls, headers: (500, body))
    source = Core(server.url, chain=CHAIN)
    (path,) = source.block_paths(99)
    reply = source.ask(path)
    with pytest.raises(NotFound):
        source.facts(path, reply.status, reply.body)
    assert len(server.asked) == 1
    source.close()


def test_a_nodes_place_without_a_url_is_this_machine():
    assert Core().name == "core:http://127.0.0.1:8332"
    assert Core("127.0.0.1:1", chain="ltc").name == "core:http://127.0.0.1:1"
    assert Core("umbrel.local:8332").host == "umbrel.local"
    assert Core(chain="doge").name == "core:http://127.0.0.1:22555"
    with pytest.raises(BadInput, match="no port is known"):
        Core(chain="nmc")
