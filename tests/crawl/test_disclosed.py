"""What a host learns: every request that may have reached it is counted, planned and written down."""

from __future__ import annotations

import pytest

import chainflow as cf
from chainflow.case import Case
from chainflow.crawl import Plan
from chainflow.errors import (
    BadResponse,
    HostNotAllowed,
    NotFound,
    RateLimited,
    RedirectRefused,
    SourceUnavailable,
)
from chainflow.serve import Explorer
from chainflow.serve.replay import text_answer
from chainflow.sources.esplora import Esplora

FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
ANCHOR = "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"
TIP = "/blocks/tip/height"


class Failing(Esplora):
    """A source whose answers, but for the tip, end in an error."""

    def __init__(self, url, error):
        super().__init__(url)
        self.error, self.is_open = error, True

    def ask(self, path):
        if path != TIP:
            raise self.error
        return super().ask(path)

    def close(self):
        super().close()
        self.is_open = False


def rejects(case):
    return [event.content for event in case.log.events("reject")]


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("127.0.0.1 answered “too many requests” to 5 tries"),
        SourceUnavailable("127.0.0.1 did not answer after 5 tries"),
        BadResponse("an answer of 127.0.0.1 is larger than 33,554,432 bytes"),
        RedirectRefused("127.0.0.1 redirects to another place"),
        KeyboardInterrupt(),
        ValueError("https://user:secret@host"),
    ],
)
def test_a_request_without_an_answer_is_in_the_ledger_of_disclosure(tmp_path, explorer, error):
    with Case(tmp_path / "a.chainflow", Failing(explorer.url, error)) as case:
        with pytest.raises(type(error)):
            case.fetch(FBI)
        (logged,) = rejects(case)
        assert (logged["host"], logged["subject"], logged["path"]) == ("127.0.0.1", FBI, f"/address/{FBI}")
        assert logged["url"] == f"{explorer.url}/address/{FBI}"
        assert (logged["status"], logged["size"]) == (None, 0)
        assert logged["error"] == getattr(error, "message", type(error).__name__)
        assert case.disclosures["subject"].tolist() == [FBI]
        assert case.verify().ok


def test_what_is_refused_before_anything_is_sent_was_disclosed_to_nobody(tmp_path, explorer):
    source = Failing(explorer.url, HostNotAllowed("not asked"))
    with Case(tmp_path / "a.chainflow", source) as case:
        with pytest.raises(HostNotAllowed):
            case.fetch(FBI)
        assert rejects(case) == []


def test_a_body_beyond_the_bounds_leaves_its_beginning_in_the_log(tmp_path, explorer):
    source = Esplora(explorer.url, max_bytes=20)
    with Case(tmp_path / "a.chainflow", source) as case, pytest.raises(BadResponse):
        case.fetch(FBI)
    source.close()
    with Case(tmp_path / "a.chainflow", offline=True) as case:
        assert 'larger than 20 bytes (starts with \'{"address"' in rejects(case)[0]["error"]


def test_a_server_that_is_down_has_learnt_the_address(tmp_path, explorer):
    answer = explorer.replay.answer
    explorer.replay.answer = lambda path: answer(path) if path == TIP else text_answer("busy", status=503)
    source = Esplora(explorer.url, tries=2, backoff=0.01)
    with Case(tmp_path / "a.chainflow", source) as case:
        with pytest.raises(SourceUnavailable):
            case.fetch(FBI)
        assert explorer.requests.count(f"/address/{FBI}") == 2
        assert case.disclosures[["subject", "requests"]].values.tolist() == [[FBI, 1]]
    source.close()


def test_a_budget_of_one_asks_the_question_and_not_the_tip(case, explorer):
    assert case.fetch(FBI, budget=1).asked == 1
    assert explorer.requests == [f"/address/{FBI}"]
    assert case.fetch(FBI, budget=2).asked == 2
    assert explorer.requests[1:] == [TIP, f"/address/{FBI}/txs"]


@pytest.mark.parametrize("budget", [None, 0, 1, 2, 3])
def test_a_dry_run_plans_what_would_be_sent_first(case, explorer, budget):
    plan = case.fetch(FBI, budget=budget, dry_run=True)
    assert isinstance(plan, Plan)
    case.fetch(FBI, budget=budget)
    assert [path for path, _ in plan.requests] == explorer.requests


def test_a_batch_of_spends_is_planned_once_and_discloses_each_txid(case, explorer):
    case.fetch(ANCHOR)
    before = len(explorer.requests)
    plan = case.fetch(ANCHOR, spends=True, dry_run=True)
    assert isinstance(plan, Plan)
    assert plan.discloses == tuple(sorted(case.ledger.txs["txid"].to_pylist()))
    case.fetch(ANCHOR, spends=True)
    assert len(plan.requests) == len(explorer.requests) - before == 2


@pytest.mark.parametrize("budget", [3, 4])
def test_spends_left_out_for_lack_of_budget_are_named(case, budget):
    done = case.fetch(ANCHOR, spends=True, budget=budget)
    left = {txid for txid, why in done.not_followed if why.startswith("its spends were not asked: budget")}
    assert left == (set(done.ledger.txs["txid"].to_pylist()) if budget == 3 else set())


def test_spends_asked_one_by_one_are_found_offline(tmp_path, colonial):
    path = tmp_path / "a.chainflow"
    with (
        Explorer(colonial, batched_outspends=False, closed_world=True) as explorer,
        Case(path, f"esplora:{explorer.url}") as case,
    ):
        online = case.fetch(ANCHOR, spends=True)
    with Case(path, offline=True) as case:
        assert case.fetch(ANCHOR, spends=True).not_followed == online.not_followed == ()


def test_refresh_asks_a_confirmed_transaction_no_second_time(case, explorer):
    txid = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"
    case.fetch(txid)
    case.fetch(txid, refresh=True)
    counts = [explorer.requests.count(path) for path in (TIP, f"/tx/{txid}", f"/tx/{txid}/outspends")]
    assert counts == [2, 1, 2]


def test_refresh_asks_again_whether_a_transaction_is_in_a_block_by_now(case, explorer):
    txid, answer = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a", explorer.replay.answer
    body = answer(f"/tx/{txid}").body
    waiting = body[: body.rindex(b'"status":')] + b'"status":{"confirmed":false}}'
    explorer.replay.answer = lambda path: (
        answer(path)._replace(body=waiting) if path == f"/tx/{txid}" else answer(path)
    )
    assert case.fetch(txid).ledger.txs["height"].to_pylist() == [None]
    explorer.replay.answer = answer
    assert case.fetch(txid, refresh=True).ledger.txs["height"].to_pylist() != [None]


@pytest.mark.parametrize("seed", [FBI, "ab" * 32])
def test_fetch_closes_the_source_that_it_opened_and_no_other(monkeypatch, explorer, seed):
    opened = []

    def open_here(spec, *, chain=None, proxy=None):
        source = spec if isinstance(spec, Esplora) else Failing(explorer.url, NotFound("no such thing"))
        opened.append(source)
        return (source,)

    monkeypatch.setattr("chainflow.crawl.fetching.open_sources", open_here)
    for source in ("esplora", Failing(explorer.url, NotFound("no such thing"))):
        with pytest.raises(NotFound):
            cf.fetch(seed, source)
    assert [source.is_open for source in opened] == [False, True]
    opened[1].close()
