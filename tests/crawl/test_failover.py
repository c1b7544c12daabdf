"""Several sources: the next is asked where one does not answer, and nothing is asked twice for it."""

from __future__ import annotations

import socket
import time

import pytest

from benchmarks.requests import make_relay
from chainflow.case import Case
from chainflow.errors import BadInput, NotFound, OfflineMode, SourceUnavailable
from chainflow.serve import Answer, Explorer
from chainflow.sources.esplora import Esplora
from tests.crawl.servers import answering, broken, impatient, paths_of
from tests.sources.faulty import hang_up, text

FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
ANCHOR = "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"
SILENT = [text("down", 503), text("slow down", 429), hang_up]
DECLINING = [text("<html>Just a moment</html>"), text("Address not found", 404), text("no", 418)]
GONE = Answer(404, "text/plain", b"Transaction not found")
DOWN = Answer(503, "text/plain", b"down")


@pytest.fixture(scope="module")
def relay():
    return make_relay(5)


@pytest.mark.parametrize("behaviour", [*SILENT, *DECLINING])
def test_the_second_source_answers_where_the_first_does_not(tmp_path, explorer, behaviour):
    with (
        broken(behaviour) as bad,
        Case(tmp_path / "a.chainflow", [impatient(bad.url), Esplora(explorer.url)]) as case,
    ):
        done = case.fetch([FBI, ANCHOR])
        assert set(done.ledger.coverage["address"]) == {FBI, ANCHOR}
        assert done.ledger.verified[0] == done.ledger.verified[1] > 0
        assert done.not_followed == ()
        assert len(explorer.requests) == len(set(explorer.requests))
        assert case.verify().ok


@pytest.mark.parametrize("behaviour", SILENT)
def test_a_source_that_stopped_answering_is_named_and_asked_once(tmp_path, explorer, behaviour):
    with broken(behaviour) as bad:
        first = impatient(bad.url)
        with Case(tmp_path / "a.chainflow", [first, Esplora(explorer.url)]) as case:
            done = case.fetch([FBI, ANCHOR])
        assert [name for name, _ in done.failed] == [first.name]
        assert first.name in repr(done)
        assert "stopped answering" in done._repr_html_()
        assert len(bad.asked) == 1


@pytest.mark.parametrize("behaviour", DECLINING)
def test_a_source_that_declines_one_thing_is_asked_for_the_next(tmp_path, explorer, behaviour):
    with broken(behaviour) as bad:
        with Case(tmp_path / "a.chainflow", [impatient(bad.url), Esplora(explorer.url)]) as case:
            done = case.fetch([FBI, ANCHOR])
        assert done.failed == ()
        assert {FBI, ANCHOR} == {path.rpartition("/")[2] for path in paths_of(bad) if "address" in path}


def test_what_a_source_gave_before_it_broke_off_is_not_asked_again_of_anyone(tmp_path, relay):
    ledger, seed, _ = relay
    with Explorer(ledger) as first, Explorer(ledger) as second:
        answering(first, lambda path, found: DOWN if len(first.requests) > 4 else found)
        sources = [impatient(one.url, chain="btc-regtest") for one in (first, second)]
        with Case(tmp_path / "a.chainflow", sources) as case:
            done = case.fetch(seed, hops=5, direction="forward")
            assert done.asked == len(first.requests) + len(second.requests)
            assert [name for name, _ in done.failed] == [sources[0].name]
            read = [path for path in (*first.requests[:-1], *second.requests) if "tip" not in path]
            assert len(read) == len(set(read))
            assert second.requests[1:] == [first.requests[-1], *second.requests[2:]]
            assert set(done.ledger.coverage["address"]) >= {seed, *relay[2]}
            again = case.fetch(seed, hops=5, direction="forward", budget=0)
            assert again.ledger.digest == done.ledger.digest


def test_a_transaction_that_the_first_lacks_comes_from_the_second_alone(tmp_path, relay):
    ledger, _, _ = relay
    txids = ledger.txs["txid"].to_pylist()
    with Explorer(ledger) as first, Explorer(ledger) as second:
        answering(first, lambda path, found: GONE if path == f"/tx/{txids[2]}" else found)
        sources = [Esplora(one.url, chain="btc-regtest") for one in (first, second)]
        with Case(tmp_path / "a.chainflow", sources) as case:
            done = case.fetch(txids[1], hops=4, follow="coins", direction="forward")
    assert second.requests == ["/blocks/tip/height", f"/tx/{txids[2]}"]
    assert done.ledger.txs["txid"].to_pylist() == txids[1:6]
    assert done.not_followed == ()


@pytest.mark.parametrize("answer", [GONE, Answer(200, "text/html", b"<html>Just a moment")])
def test_spends_that_the_first_declines_come_from_the_second(tmp_path, relay, answer):
    ledger, _, _ = relay
    txids = ledger.txs["txid"].to_pylist()
    with Explorer(ledger) as first, Explorer(ledger) as second:
        answering(first, lambda path, found: answer if "outspends" in path else found)
        sources = [Esplora(one.url, chain="btc-regtest") for one in (first, second)]
        with Case(tmp_path / "a.chainflow", sources) as case:
            done = case.fetch(txids[1], hops=4, follow="coins", direction="forward")
    assert done.ledger.txs["txid"].to_pylist() == txids[1:6]
    assert done.not_followed == ()
    assert all("tip" in path or "outspends" in path for path in second.requests)


def test_where_no_source_is_left_the_first_ones_words_are_the_error(tmp_path):
    with broken(text("down", 503)) as one, broken(text("slow down", 429)) as two:
        sources = [impatient(one.url), impatient(two.url)]
        with Case(tmp_path / "a.chainflow", sources) as case:
            with pytest.raises(SourceUnavailable, match="did not answer after 1 try"):
                case.fetch(FBI)
            assert [len(one.asked), len(two.asked)] == [1, 1]
            assert len(case.disclosures) == 0  # both were asked for the newest height alone
            assert case.verify().ok


def test_an_own_server_that_is_not_running_is_given_up_at_once(tmp_path, explorer):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    sources = [f"esplora:http://127.0.0.1:{port}", f"esplora:{explorer.url}"]
    start = time.monotonic()
    with Case(tmp_path / "a.chainflow", sources) as case:
        done = case.fetch(FBI)
        assert time.monotonic() - start < 2
        assert "did not answer after 2 tries (last: connection refused" in done.failed[0][1]
        assert len(done.ledger) == 4
        assert done.host == f"127.0.0.1:{port}, 127.0.0.1:{explorer.port}"
        assert set(case.disclosures["host"]) == {f"127.0.0.1:{explorer.port}"}
        assert done.ledger.coverage["state"].tolist() == ["complete"]


def test_where_all_sources_decline_the_first_ones_words_are_the_error(tmp_path, explorer):
    gone = "ab" * 32
    with (
        broken(text("never heard of it", 404)) as bad,
        Case(tmp_path / "a.chainflow", [impatient(bad.url), Esplora(explorer.url)]) as case,
    ):
        with pytest.raises(NotFound, match="never heard of it"):
            case.fetch(gone)
        assert f"/tx/{gone}" in explorer.requests


def test_offline_what_the_second_source_gave_counts(tmp_path, explorer):
    path = tmp_path / "a.chainflow"
    with broken(text("down", 503)) as bad:
        names = [f"esplora:{bad.url}", f"esplora:{explorer.url}"]
        with Case(path, [impatient(bad.url), Esplora(explorer.url)]) as case:
            digest = case.fetch(FBI).ledger.digest
    with Case(path, names, offline=True) as case:
        done = case.fetch(FBI)
        assert (done.ledger.digest, done.asked, done.not_followed) == (digest, 0, ())
        with pytest.raises(OfflineMode):
            case.fetch(ANCHOR)


def test_a_failed_source_is_asked_first_again_by_the_next_fetch(tmp_path, explorer, colonial):
    with Explorer(colonial) as first:
        honest = first.replay.answer
        answering(first, lambda path, found: DOWN)
        with Case(tmp_path / "a.chainflow", [impatient(first.url), Esplora(explorer.url)]) as case:
            assert case.fetch(FBI).failed
            first.replay.answer = honest
            before = len(explorer.requests)
            assert case.fetch(ANCHOR).failed == ()
            assert len(explorer.requests) == before


def test_a_plan_speaks_of_the_first_source_alone(tmp_path, explorer, colonial):
    with (
        Explorer(colonial) as second,
        Case(tmp_path / "a.chainflow", [Esplora(explorer.url), Esplora(second.url)]) as case,
    ):
        one = case.fetch(FBI, dry_run=True)
        assert [path for path, _ in one.requests] == [
            "/blocks/tip/height",
            f"/address/{FBI}",
            f"/address/{FBI}/txs",
        ]
        assert explorer.requests == second.requests == []


def test_sources_of_two_chains_are_refused_before_anything_is_asked(tmp_path, explorer):
    sources = [Esplora(explorer.url, chain="btc"), Esplora(explorer.url, chain="ltc")]
    with (
        Case(tmp_path / "a.chainflow", sources) as case,
        pytest.raises(BadInput, match="sources of 2 chains"),
    ):
        case.fetch(FBI)
    assert explorer.requests == []
