"""The page for authors of sources is true: its example runs, keeps the contract, and fetches."""

from __future__ import annotations

import http.server
import json
import re
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chainflow import samples
from chainflow.serve import Explorer
from chainflow.sources import open_source
from chainflow.testing import check_live, check_source, damaged_bodies

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "write-a-source.md"
ANN, BEN = "0x" + "a1" * 20, "0x" + "b2" * 20


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """Return the names that the code of the page makes."""
    names: dict[str, Any] = {"__name__": "example"}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_the_example_of_the_page_keeps_the_contract(example, capsys):
    assert example["report"].ok, example["report"]
    assert example["report"].damaged > 300
    assert "payments[0].wei is" in str(example["report"].believed["amounts"])


def test_the_example_without_one_of_its_checks_does_not(example):
    careless = dict(example)
    code = PAGE.read_text(encoding="utf-8").replace('decimal(row["wei"])', 'int(row["wei"].value)')
    for part in re.findall(r"```python\n(.*?)```", code, re.DOTALL)[:1]:
        exec(part, careless)
    report = check_source(careless["Tiny"]("http://127.0.0.1:8000"), example["replies"])
    assert any("wei is" in problem for problem in report.problems)


class _Tiny(http.server.BaseHTTPRequestHandler):
    pages: ClassVar[dict[str, dict[str, Any]]] = {
        "/tip": {"height": 17},
        f"/payments/{ANN}": {"payments": [(1, ANN, BEN, 500, True), (2, BEN, ANN, 200, True)], "next": 2},
        f"/payments/{ANN}?after=2": {"payments": [(3, ANN, BEN, 100, False)]},
    }

    def do_GET(self) -> None:
        page = dict(self.pages[self.path])
        if "payments" in page:
            names = ("txid", "from", "to", "wei", "ok")
            rows = [(f"0x{row[0]:064x}", *row[1:3], str(row[3]), row[4]) for row in page["payments"]]
            page["payments"] = [dict(zip(names, row, strict=True)) for row in rows]
        answer = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


@pytest.fixture
def tiny(example):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Tiny)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    source = example["Tiny"](f"http://127.0.0.1:{server.server_address[1]}")
    yield source
    source.close()
    server.shutdown()
    server.server_close()


def test_the_example_fetches_all_pages_from_a_running_server(tiny):
    report = check_live(tiny, {ANN: -300})
    assert (report.ok, report.transfers, report.asked) == (True, 3, 3), report


def test_another_balance_than_the_truth_is_found(tiny):
    assert check_live(tiny, {ANN: -299}).problems == (f"{ANN} has -300, not -299",)


def test_a_ledger_is_compared_output_by_output():
    truth = samples.peel_chain(length=4).ledger
    addresses = [name for name in truth.outputs["address"].to_pylist() if name][:3]
    part = samples.peel_chain(length=3).ledger
    with Explorer(truth, closed_world=True) as explorer:
        source = open_source(f"esplora:{explorer.url}", chain="btc-regtest")
        assert check_live(source, truth, addresses).ok
        assert not check_live(
            source, part, [name for name in truth.outputs["address"].to_pylist() if name]
        ).ok
        source.close()


def test_a_server_that_is_gone_is_a_finding_and_no_error(example):
    source = example["Tiny"]("http://127.0.0.1:9", tries=1)
    (problem,) = check_live(source, {ANN: 0}).problems
    assert problem.startswith("nothing was fetched")
    source.close()


def test_the_damages_are_a_strategy_too():
    from hypothesis import find

    assert find(damaged_bodies(b'{"a": 1}'), lambda damage: damage.name == "a is 2").body == b'{"a":2}'
