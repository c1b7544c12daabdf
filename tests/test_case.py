"""The case: one file that remembers, confirms what is repeated, and reports the same bytes twice."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import chainflow as cf
from chainflow import samples
from chainflow.case import Case
from chainflow.clustering import MultiInput
from chainflow.errors import BadInput, BadResponse, CaseError, ProofFailed, SchemaMismatch, SourceUnavailable
from chainflow.serve import Explorer
from chainflow.serve.replay import Replay
from chainflow.tags import Tags
from chainflow.tracing import Fifo

FACTS = samples.facts("colonial")
RANSOM, SEIZED, SEED = FACTS["ransom"]["outpoint"], FACTS["seizure"]["outpoint"], FACTS["share"]["seed"]


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    path = tmp_path_factory.mktemp("case") / "colonial.chainflow"
    with Explorer(samples.load("colonial")) as explorer, Case(path, f"esplora:{explorer.url}") as case:
        case.fetch(FACTS["addresses"])
    return path


@pytest.fixture
def case(fetched, tmp_path):
    copy = tmp_path / "colonial.chainflow"
    copy.write_bytes(fetched.read_bytes())
    with Case(copy, offline=True, question="Where did it go?") as opened:
        opened.tags += samples.tags("colonial")
        yield opened


def test_a_rerun_cell_is_a_confirmation(case):
    def cells():
        case.tags += samples.tags("colonial")
        owners = case.cluster()
        trail = case.trace(RANSOM, "fifo")
        case.exposure(trail, owners)
        case.draw(trail)

    cells()
    head = case.log.head
    cells()
    assert case.log.head == head
    assert case.verify().ok


def test_the_published_shares_are_met(case):
    txid, vout = SEIZED.split(":")
    for policy, published in (("fifo", 6146816619), ("haircut", 5828829110), ("poison", 6369996546)):
        outputs = case.trace(SEED, policy).outputs
        here = outputs[(outputs["txid"] == txid) & (outputs["vout"] == int(vout))]
        assert abs(int(here["tainted_sat"].sum()) - published) <= (1 if policy == "haircut" else 0)


def test_the_closing_balance_adds_up_to_the_seed(case):
    for policy in ("fifo", "haircut", "poison"):
        for seed, direction in ((RANSOM, "forward"), (SEIZED, "backward")):
            trail = case.trace(seed, policy, direction=direction)
            assert sum(trail.balance.values()) == trail.seed_sat


def test_a_read_only_case_changes_no_byte(case, tmp_path):
    case.trace(RANSOM, "fifo")
    case.close()
    before = pathlib.Path(case.path).read_bytes()
    with Case(case.path, read_only=True) as exhibit:
        exhibit.trace(SEED, "haircut")
        exhibit.cluster()
        exhibit.report(tmp_path / "a.html")
        assert exhibit.verify().ok
        with pytest.raises(CaseError):
            exhibit.note("no")
    assert pathlib.Path(case.path).read_bytes() == before


def test_a_step_whose_policy_is_not_installed_does_not_stop_the_report(case, tmp_path):
    class Mine(Fifo):
        name = "mine"

    case.trace(RANSOM, Mine())
    case.report(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "cannot be made again here: no policy &#39;mine&#39;" in text


def test_a_clustering_whose_rule_is_not_installed_does_not_stop_the_report(case, tmp_path):
    class Mine(MultiInput):
        name = "my-rule"

        def links(self, ledger):
            links = super().links(ledger)
            return links.set_column(2, links.schema.field("rule"), [["my-rule"] * links.num_rows])

    case.cluster([Mine()])
    case.cluster()
    case.report(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "cannot be made again here: no plug-in &#39;my-rule&#39;" in text
    assert ": multi-input" in text


def test_the_report_shows_the_clustering_that_was_run(case, tmp_path):
    case.cluster(veto=())
    case.report(tmp_path / "a.html")
    assert "no veto was asked for" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_trace_made_on_less_evidence_is_marked(tmp_path):
    lesson = samples.training_case(seed=1)
    with (
        Explorer(lesson.ledger) as explorer,
        Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case,
    ):
        first = next(
            r["address"]
            for r in lesson.ledger.outputs.to_pylist()
            if f"{r['txid']}:{r['vout']}" == lesson.seed
        )
        case.fetch(first)
        case.trace(lesson.seed, "fifo")
        case.report(tmp_path / "a.html")
        assert "its result differs" not in (tmp_path / "a.html").read_text(encoding="utf-8")
        case.fetch(first, hops=3, direction="forward")
        case.report(tmp_path / "b.html")
        assert "its result differs" in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_notes_stand_on_the_report(case, tmp_path):
    case.note("Letter of 4 May <b>unsigned</b>")
    case.report(tmp_path / "a.html")
    assert "Letter of 4 May &lt;b&gt;unsigned" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_policy_is_declared_in_the_log_before_the_first_run_under_it(case):
    case.trace(RANSOM, "haircut")
    case.trace(SEED, "haircut")
    with pytest.raises(BadInput):
        case.trace(SEED, "guess")
    kinds = [
        (event.kind, event.content.get("policy")) for event in case.log.events("policy.declare", "trace.run")
    ]
    assert kinds == [("policy.declare", "haircut"), ("trace.run", None), ("trace.run", None)]


def test_two_reports_are_the_same_bytes(case, tmp_path):
    case.cluster()
    case.trace(RANSOM, "fifo")
    first = case.report(tmp_path / "a.html")
    head = case.log.head
    assert case.report(tmp_path / "b.html") == first
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert case.log.head == head


def test_the_report_says_what_a_judge_asks(case, tmp_path):
    case.cluster()
    case.trace(RANSOM, "fifo")
    case.trace(RANSOM, "haircut")
    case.report(tmp_path / "a.html", title="Lantern")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    for part in (
        "Where did it go?",
        "10 of 10 transactions verified (L2",
        "75.00030000 BTC",
        "Policy <b>fifo</b>, a convention and not a fact of the chain. Declared in log entry ",
        "Stops at addresses tagged as services in this case",
        "Other policies, for comparison only",
        "unknown: not in evidence",
        "Error sheet of the rules used",
        "6 wrong of 438 links",
        "chainflow verify colonial.chainflow",
        "are spent no source has told: they are called neither spent nor unspent",
    ):
        assert part in text
    assert "<script" not in text
    assert not re.search(r'(?:src|href)="https?:', text)


def test_hostile_text_is_text_on_the_report(case, tmp_path):
    evil = "</td><script>alert(1)</script><img src=x onerror=alert(1)>"
    case.tags += Tags.of_rows(
        [{"address": FACTS["addresses"][0], "label": evil, "source": evil, "chain": "btc"}]
    )
    case.cluster()
    case.trace(RANSOM, "fifo")
    case.report(tmp_path / "a.html", title=evil)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_an_empty_case_reports_that_it_is_empty(tmp_path):
    with Case(tmp_path / "empty.chainflow") as empty:
        empty.report(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "No trace was run in this case." in text
    assert "No question was written into this case." in text


def test_a_case_without_a_source_says_so(tmp_path):
    with Case(tmp_path / "a.chainflow") as case, pytest.raises(CaseError, match="without a source"):
        case.fetch(FACTS["addresses"][0])


def test_notes_are_kept_and_empty_ones_refused(case):
    case.note("Letter of 4 May: the second address is the merchant's.")
    assert "merchant" in case.steps["what"].iloc[-1]
    with pytest.raises(BadInput):
        case.note("  ")


def test_the_case_serves_itself_and_the_copy_is_equal(case, tmp_path):
    with Explorer(case.ledger) as explorer:
        again = cf.fetch(FACTS["addresses"], f"esplora:{explorer.url}")
    assert again.outputs.drop_columns(["as_of_height"]).equals(
        case.ledger.outputs.drop_columns(["as_of_height"])
    )


class Liar:
    """The replay explorer with one answer changed on the way."""

    def __init__(self, path, change):
        replay, self.paths = Replay(samples.load("colonial")), []
        paths = self.paths

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                paths.append(self.path)
                status, kind, body = replay.answer(self.path)
                if self.path.endswith(path):
                    status, kind, body = change(status, kind, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
HTML = b"<html><body>Just a moment...</body></html>"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s, k, b: (s, k, b[: len(b) // 2]), BadResponse, "not JSON|cut|ends"),
        (lambda s, k, b: (200, "text/html", HTML), BadResponse, "not JSON"),
        (lambda s, k, b: (s, k, b.replace(b'"fee":3454', b'"fee":3455')), ProofFailed, "fee"),
        (
            lambda s, k, b: (s, k, b.replace(b'"value":6369996546', b'"value":6369996547')),
            ProofFailed,
            "hash|fee",
        ),
        (
            lambda s, k, b: (s, k, b.replace(b'"locktime":686609', b'"locktime":686608')),
            ProofFailed,
            "943f2d57",
        ),
        (lambda s, k, b: (s, k, b.replace(b'"value":6369996546', b'"value":-1')), SchemaMismatch, "value"),
        (lambda s, k, b: (s, k, b"[" * 100_000), BadResponse, "deep|nest"),
    ],
)
def test_a_false_page_is_kept_refused_and_loses_nothing(tmp_path, change, error, message):
    liar = Liar(f"/address/{FBI}/txs", change)
    with Case(tmp_path / "a.chainflow", f"esplora:{liar.url}") as case:
        case.fetch(FACTS["addresses"][0])
        before = case.ledger.to_pandas("txs")
        with pytest.raises(error, match=message) as caught:
            case.fetch(FBI)
        assert "kept as log entry" in str(caught.value)
        assert len([*case.log.events("reject")]) == 1
        assert case.ledger.to_pandas("txs").equals(before)
        assert case.verify().ok
    liar.close()


def test_a_source_that_goes_silent_says_what_is_saved(tmp_path):
    liar = Liar(f"/address/{FBI}/txs", lambda s, k, b: (503, k, b"busy"))
    from chainflow.sources.esplora import Esplora

    source = Esplora(liar.url, tries=2, backoff=0.01)
    with Case(tmp_path / "a.chainflow", source) as case:
        with pytest.raises(SourceUnavailable, match="Nothing was lost: 0 of 4 transactions") as caught:
            case.fetch(FBI)
        assert "run the same fetch again" in caught.value.hint
    source.close()
    liar.close()


SLOW_FETCH = """
import sys
from chainflow.case import Case
with Case(sys.argv[1], sys.argv[2]) as case:
    case.fetch(sys.argv[3:], hops=3, max_txs=10_000)
    print("finished", flush=True)
"""


def test_kill_9_during_fetch_loses_nothing_and_nothing_is_asked_twice(tmp_path):
    lesson = samples.training_case(seed=2)
    replay, asked = Replay(lesson.ledger, page_size=25, closed_world=True), []

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.01)
            status, _, body = replay.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            asked.append(self.path)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"esplora:http://127.0.0.1:{server.server_port}"
    path = tmp_path / "killed.chainflow"
    seed = next(
        row["address"]
        for row in lesson.ledger.outputs.to_pylist()
        if f"{row['txid']}:{row['vout']}" == lesson.seed
    )
    kills = 0
    while True:
        command = [sys.executable, "-c", SLOW_FETCH, str(path), url, seed]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = len(asked)
        while process.poll() is None and len(asked) < before + 8:
            time.sleep(0.005)
        if process.poll() is not None:
            _, err = process.communicate()
            assert process.returncode == 0, err
            break
        process.kill()
        process.communicate()
        kills += 1
    server.shutdown()
    server.server_close()
    assert kills >= 3
    with Case(path, offline=True) as case:
        assert case.verify().ok
        assert case.ledger.verified[0] == case.ledger.verified[1] > 10
    pages = [p for p in asked if "tip" not in p]
    # a kill costs at most the one answer that was on its way
    assert len(pages) - len(set(pages)) <= kills
