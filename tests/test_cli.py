"""The shell command, run as a user would: real processes, real files, real HTTP."""

from __future__ import annotations

import html
import json
import os
import pathlib
import shlex
import subprocess
import sys

import pytest

from chainflow import demo, samples
from chainflow.case import Case
from chainflow.serve import Explorer

FACTS = samples.facts("colonial")


def run(*arguments, cwd, code=0):
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "chainflow", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        encoding="utf-8",
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    place = tmp_path_factory.mktemp("shell")
    tags = samples.path("colonial") / "tags.yaml"
    with Explorer(samples.load("colonial")) as explorer:
        source = f"esplora:{explorer.url}"
        run("fetch", "a.chainflow", *FACTS["addresses"], "--source", source, cwd=place)
    run("tags", "add", "a.chainflow", tags, cwd=place)
    return place


def test_demo_meets_every_published_figure(tmp_path):
    found = json.loads(run("demo", "--json", cwd=tmp_path))
    assert found["ok"] is True
    assert {check["expected"] for check in found["checks"]} >= {
        7500030000,
        6146816619,
        5828829110,
        6369996546,
    }
    assert (tmp_path / found["picture"]).stat().st_size > 10_000
    assert (tmp_path / found["report"]).stat().st_size > 10_000


def test_demo_speaks_of_the_gap(tmp_path):
    text = run("demo", "-o", "here", cwd=tmp_path)
    assert "The gap in the evidence" in text
    assert "Nothing is recorded here between" in text


def test_demo_can_be_run_again_and_removes_nothing_but_its_own_case(tmp_path):
    run("demo", cwd=tmp_path)
    kept = tmp_path / "chainflow-demo" / "colonial.chainflow.backup"
    kept.write_text("mine")
    run("demo", cwd=tmp_path)
    assert kept.read_text() == "mine"


def test_demo_does_not_touch_a_case_that_it_did_not_write(tmp_path):
    with Case(tmp_path / "colonial.chainflow", question="mine"):
        pass
    assert "is not an earlier demo" in run("demo", "-o", ".", cwd=tmp_path, code=1)
    with Case(tmp_path / "colonial.chainflow", read_only=True) as case:
        assert case.question == "mine"


def test_the_commands_on_the_report_make_it_again_and_change_nothing(tmp_path):
    run("demo", "-o", ".", cwd=tmp_path)
    page = (tmp_path / "colonial-report.html").read_text(encoding="utf-8")
    before = (tmp_path / "colonial.chainflow").read_bytes()
    commands = html.unescape(page[page.index("<pre>") + 5 : page.index("</pre>")]).strip().splitlines()
    assert [line.split()[1] for line in commands] == ["verify", *["trace"] * 5, "report"]
    for line in commands:
        run(*shlex.split(line)[1:], cwd=tmp_path)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page
    assert (tmp_path / "colonial.chainflow").read_bytes() == before


def test_a_file_that_cannot_be_written_is_three_lines_and_no_traceback(folder):
    text = run("report", "a.chainflow", "-o", "missing/folder/r.html", cwd=folder, code=1)
    assert "nothing was changed" in text
    assert "Traceback" not in text


def test_a_dry_run_makes_no_case(tmp_path):
    run(
        "fetch",
        "new.chainflow",
        FACTS["addresses"][0],
        "--source",
        "esplora:http://127.0.0.1:9",
        "--dry-run",
        cwd=tmp_path,
    )
    assert list(tmp_path.iterdir()) == []


def test_text_that_would_steer_the_terminal_is_shown_as_its_code(tmp_path):
    row = f"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb,{chr(27)}]0;owned{chr(7)}{chr(27)}[2J,me"
    (tmp_path / "evil.csv").write_text(f"address,label,source\n{row}\n", encoding="utf-8")
    text = run("tags", "check", "evil.csv", cwd=tmp_path, code=1)
    assert chr(27) not in text


def test_output_in_an_old_code_page_does_not_fail(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "chainflow", "verify", "nothing.chainflow"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 1
    demo = subprocess.run(
        [*command[:3], "demo"], cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )
    assert demo.returncode == 0, demo.stderr


def test_dry_run_discloses_nothing(tmp_path):
    with Explorer(samples.load("colonial")) as explorer:
        source = f"esplora:{explorer.url}"
        text = run(
            "fetch", "a.chainflow", FACTS["addresses"][0], "--source", source, "--dry-run", cwd=tmp_path
        )
        assert explorer.requests == []
    assert "which learns that you look at" in text


def test_cluster_lists_and_explains(folder):
    listed = json.loads(run("cluster", "a.chainflow", "--json", cwd=folder))
    assert max(listed["sizes"].values()) >= 23
    why = json.loads(run("cluster", "a.chainflow", "--explain", *FACTS["explain"], "--json", cwd=folder))
    assert why["joined"] is True
    assert why["links"][0]["rule"] == "multi-input"


def test_trace_adds_up(folder):
    found = json.loads(
        run("trace", "a.chainflow", FACTS["share"]["seed"], "--policy", "haircut", "--json", cwd=folder)
    )
    assert sum(found["balance"].values()) == found["seed_sat"] == 6370000000
    assert "Closing balance" in run("trace", "a.chainflow", FACTS["share"]["seed"], cwd=folder)


def test_draw_and_report_write_files(folder):
    run("draw", "a.chainflow", "-o", "all.html", cwd=folder)
    run("draw", "a.chainflow", "--trace", FACTS["ransom"]["outpoint"], "-o", "ransom.svg", cwd=folder)
    text = run("report", "a.chainflow", "-o", "r.html", "--question", "Why?", cwd=folder)
    assert "sha256" in text
    assert (folder / "ransom.svg").read_text(encoding="utf-8").startswith("<svg")


def test_verify_says_everything_holds_and_notices_a_change(folder, tmp_path):
    assert "Everything holds." in run("verify", "a.chainflow", cwd=folder)
    head = json.loads(run("verify", "a.chainflow", "--json", cwd=folder))["head"]
    assert json.loads(run("verify", "a.chainflow", "--head", head, "--json", cwd=folder))["ok"] is True
    run("verify", "a.chainflow", "--head", "00" * 32, cwd=folder, code=1)


def test_log_lists_steps_and_disclosures(folder):
    assert "/blocks/tip/height" in run("log", "a.chainflow", cwd=folder)
    disclosed = json.loads(run("log", "a.chainflow", "--disclosed", "--json", cwd=folder))
    assert {row["subject"] for row in disclosed} == set(FACTS["addresses"])


def test_tags_check_names_the_wrong_row(tmp_path):
    (tmp_path / "t.csv").write_text(
        "address,label,source\n1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa,a,b\n1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb,c,d\n"
    )
    text = run("tags", "check", "t.csv", cwd=tmp_path, code=1)
    assert "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "nothing.chainflow"), "there is no case"),
        (("fetch", "a.chainflow", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"), "AddressInvalid"),
        (
            ("fetch", "a.chainflow", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "--source", "nobody"),
            "no source is called",
        ),
        (
            (
                "fetch",
                "a.chainflow",
                "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
                "--source",
                "esplora:http://example.com",
            ),
            "HostNotAllowed",
        ),
        (("serve", "nothing.json"), "cannot read"),
    ],
)
def test_errors_are_three_lines_and_no_traceback(tmp_path, arguments, words):
    text = run(*arguments, cwd=tmp_path, code=1)
    assert words in text
    assert "Traceback" not in text


def test_help_teaches_each_command(tmp_path):
    text = run("--help", cwd=tmp_path)
    for command in ("demo", "fetch", "cluster", "trace", "draw", "report", "tags", "verify", "serve"):
        assert command in text
        assert "Usage" in run(command, "--help", cwd=tmp_path)


def test_plugins_are_listed(tmp_path):
    text = run("plugins", cwd=tmp_path)
    assert "sources: esplora" in text
    assert "policies: fifo, haircut, poison" in text


def test_demo_fails_when_one_figure_is_not_met(tmp_path, monkeypatch):
    wrong = {**FACTS, "share": {**FACTS["share"], "fifo": FACTS["share"]["fifo"] + 1}}
    monkeypatch.setattr(samples, "facts", lambda name: wrong)
    result = demo.run(tmp_path, say=lambda title, content: None)
    assert [what for what, *_, ok in result.checks if not ok] == [
        "of the 63.70 BTC, at the seized output, by fifo"
    ]
    assert result.ok is False
