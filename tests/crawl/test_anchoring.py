"""Level 4: the headers up to a checkpoint are asked for, each once, in as few requests as will do."""

from __future__ import annotations

import pytest

from chainflow.case import Case
from chainflow.checkpoints import CHECKPOINTS
from chainflow.crawl import anchoring, prove
from chainflow.serve import Explorer
from chainflow.sources import open_source
from chainflow.sources.core import CoreRest, rest
from tests.crawl.servers import broken
from tests.sources.core_form import CHAIN
from tests.sources.faulty import text
from tests.sources.header_form import PAID, LongChain, long_chain
from tests.sources.line_server import LineServer, results

LONG = long_chain()
BELOW, ABOVE, YOUNG = (100, 1_990, 2_500), 4_050, 4_096


@pytest.fixture(autouse=True)
def checkpoints(monkeypatch):
    known = {height: LONG.hash_at(height) for height in (0, 2_000, 4_000)}
    monkeypatch.setitem(CHECKPOINTS, CHAIN, known)
    return known


def headers_of(chain: LongChain):
    def answer(first, count):
        raw = chain.raw(first, count)
        return {"hex": raw.hex(), "count": len(raw) // 80, "max": 2016}

    return answer


def answers(headers):
    rows = [{"tx_hash": txid, "height": height} for txid, height in LONG.height_of.items()]
    return results(
        blockchain__headers__subscribe={"height": 4_099, "hex": LONG.raw(4_099, 1).hex()},
        blockchain__scripthash__get_history=rows,
        blockchain__transaction__get=lambda txid: LONG.transactions[txid].serialize().hex(),
        blockchain__transaction__get_merkle=LONG.branch,
        blockchain__block__header=lambda height: LONG.raw(height, 1).hex(),
        blockchain__block__headers=headers,
    )


@pytest.fixture
def server():
    running = LineServer()
    running.answers = [answers(headers_of(LONG))]
    yield running
    running.stop()


@pytest.fixture
def case(tmp_path, server):
    with Case(tmp_path / "a.chainflow", f"electrum:tcp://127.0.0.1:{server.port}", chain=CHAIN) as opened:
        opened.fetch(PAID)
        yield opened


def levels(ledger):
    return {
        LONG.height_of[row["txid"]]: row["level"]
        for row in ledger.txs.to_pylist()
        if row["txid"] in LONG.height_of
    }


def asked(server):
    """Return the runs of headers that the server was asked for."""
    return [
        one["params"]
        for one in server.asked
        if isinstance(one, dict) and one["method"].endswith("block.headers")
    ]


def test_blocks_below_and_above_checkpoints_reach_level_four(case, server):
    assert set(levels(case.prove().ledger).values()) == {3}
    assert asked(server) == []
    proved = case.prove(anchor=True)
    assert levels(proved.ledger) == {**dict.fromkeys(BELOW, 4), ABOVE: 4, YOUNG: 3}
    assert proved.left == (("block 4,096", "3 of 5 blocks are on top of it: ask again later"),)
    assert sorted(asked(server)) == [[0, 2001], [2016, 1985], [2016, 2016], [4032, 24]]
    assert case.verify().ok


def test_nothing_is_asked_twice_and_both_at_once_do_the_same(case, server):
    proved = case.prove(anchor=True)
    before = asked(server)
    again = case.prove(anchor=True)
    assert levels(proved.ledger) == levels(again.ledger) == {**dict.fromkeys(BELOW, 4), ABOVE: 4, YOUNG: 3}
    assert asked(server) == before


def test_a_chosen_transaction_alone_is_anchored(case, server):
    proved = case.prove([LONG.payments[2_500].txid], anchor=True)
    assert (levels(proved.ledger)[2_500], levels(proved.ledger)[100]) == (4, 2)
    assert asked(server) == [[2016, 1985]]


def test_a_chain_that_leads_elsewhere_anchors_nothing(case, server):
    case.prove()
    server.answers = [answers(headers_of(LongChain(4_099, (7,))))]
    proved = case.prove(anchor=True)
    assert set(levels(proved.ledger).values()) == {3}
    assert case.verify().ok


def test_headers_that_do_not_chain_are_refused_and_asked_again(case, server):
    case.prove()

    def torn(first, count):
        raw = LONG.raw(first, count - 1) + LONG.raw(0, 1)
        return {"hex": raw.hex(), "count": count, "max": 2016}

    server.answers = [answers(torn)]
    proved = case.prove(anchor=True)
    assert set(levels(proved.ledger).values()) == {3}
    assert "does not follow the one before it" in dict(proved.left)["headers 100 to 2,000"]
    server.answers = [answers(headers_of(LONG))]
    assert levels(case.prove(anchor=True).ledger)[100] == 4


def test_a_server_that_is_behind_is_asked_again_later(case, server):
    case.prove()
    server.answers = [answers(headers_of(LongChain(3, ())))]
    proved = case.prove(anchor=True)
    assert "has 4 of 2,001 headers" in dict(proved.left)["headers 100 to 2,000"]
    server.answers = [answers(headers_of(LONG))]
    assert levels(case.prove(anchor=True).ledger)[100] == 4


def test_a_run_that_is_too_long_is_left_with_its_cost_and_the_nearer_blocks_are_asked(
    case, server, checkpoints, monkeypatch
):
    case.prove()
    monkeypatch.delitem(checkpoints, 2_000)  # 100 and 1,990 then need two requests, 2,500 one
    monkeypatch.setattr(anchoring, "_MOST", 1)
    proved = case.prove(anchor=True)
    assert levels(proved.ledger) == {100: 3, 1_990: 3, 2_500: 4, ABOVE: 3, YOUNG: 3}
    left = dict(proved.left)
    assert left["headers 100 to 4,000"] == (
        "2 requests for 2 block(s), but 1 may be sent: ask with a budget of 3"
    )
    assert "2 requests for 1 block(s), but 0 may be sent" in left["headers 4,000 to 4,055"]
    proved = case.prove(anchor=True, budget=20)
    assert levels(proved.ledger) == {**dict.fromkeys(BELOW, 4), ABOVE: 4, YOUNG: 3}
    assert asked(server).count([2016, 1985]) == 1


def test_a_budget_is_kept(case, server):
    case.prove()
    before = len(server.asked)
    proved = case.prove(anchor=True, budget=2)
    assert len(server.asked) - before <= 2
    assert sum(level == 4 for level in levels(proved.ledger).values()) in (1, 2)


def test_a_chain_without_checkpoints_says_so(case, monkeypatch):
    monkeypatch.delitem(CHECKPOINTS, CHAIN)
    proved = case.prove(anchor=True)
    assert proved.left == (("headers", f"no checkpoint of {CHAIN} is shipped"),)


def test_a_source_of_single_headers_says_that_it_gives_no_runs(case, server):
    ledger = case.prove().ledger
    with Explorer(ledger, closed_world=True) as explorer:
        source = open_source(f"esplora:{explorer.url}", chain=CHAIN)
        left = dict(prove(case.log, source, anchor=True).left)
        source.close()
    assert left["headers 100 to 2,000"] == f"{source.name} gives no runs of headers of {CHAIN}"


def test_a_node_is_asked_page_by_page_from_hash_to_hash(case, checkpoints, monkeypatch):
    case.prove()
    monkeypatch.setattr(rest, "_MOST_HEADERS", 6)
    with broken(text("gone", 500)) as node:
        node.answers["/rest/chaininfo.json"] = [text('{"chain": "regtest", "blocks": 4099}')]
        for first, count in ((1_990, 6), (1_995, 6)):
            path = f"/rest/headers/{count}/{LONG.hash_at(first)}.hex"
            node.answers[path] = [text(LONG.raw(first, count).hex() + "\n")]
        source = CoreRest(node.url, chain=CHAIN)
        proved = prove(case.log, source, [LONG.payments[1_990].txid], anchor=True)
        source.close()
    assert proved.left == ()
    assert levels(proved.ledger)[1_990] == 4
    assert [one.path for one in node.asked].count(f"/rest/headers/6/{LONG.hash_at(1_995)}.hex") == 1
