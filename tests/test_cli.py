"""The shell command, run as a user would: real processes, real files, real HTTP."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import pathlib
import shlex
import subprocess
import sys

import pyarrow as pa
import pytest

from chainflow import demo, samples
from chainflow.case import Case
from chainflow.serve import Explorer
from tests.shell import run_here

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
    assert [line.split()[1] for line in commands] == [
        "verify",
        "evidence",
        *["trace"] * 5,
        "cluster",
        "report",
    ]
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
    assert "blockbook" in text
    assert "etherscan-csv" in text
    assert "policies: fifo, haircut, lifo, poison, seniority, tiho, tilo" in text
    assert "account_policies: clean-first, dirty-first, fifo, haircut, libr, lifo, poison" in text


def test_demo_fails_when_one_figure_is_not_met(tmp_path, monkeypatch):
    wrong = {**FACTS, "share": {**FACTS["share"], "fifo": FACTS["share"]["fifo"] + 1}}
    monkeypatch.setattr(samples, "facts", lambda name: wrong)
    result = demo.run(tmp_path, say=lambda title, content: None)
    assert [what for what, *_, ok in result.checks if not ok] == [
        "of the 63.70 BTC, at the seized output, by fifo"
    ]
    assert result.ok is False


# --- several sources, proofs, files, prices ----------------------------------------------------------

LETTER = """Hash,From,To,Amount,Date
0x{0},0x{a},0x{b},1.5,2021-05-08 10:00:00
0x{1},0x{b},0x{c},0.75,2021-05-09 10:00:00
0x{2},0x{b},nobody,0.75,2021-05-09 10:00:00
""".format("11" * 32, "22" * 32, "33" * 32, a="aa" * 20, b="bb" * 20, c="cc" * 20)
READ_AS = ("--chain", "eth", "--confirm", "--option", "unit=coins", "--option", "zone=utc")
PRICES = "date,close\n2021-05-07,3490.10\n2021-05-08,3902.60\n"


@pytest.fixture
def shell(monkeypatch, capsys):
    """Run a command as the shell would, in this process: many of them take a moment instead of a minute."""

    def run(*arguments, cwd, code=0):
        monkeypatch.chdir(cwd)
        return run_here(monkeypatch, capsys, *arguments, code=code)

    return run


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> pathlib.Path:
    place = tmp_path_factory.mktemp("files")
    (place / "letter.csv").write_text(LETTER, encoding="utf-8")
    (place / "ETH-USD_daily.csv").write_text(PRICES, encoding="utf-8")
    run("import", "c.chainflow", "letter.csv", *READ_AS, cwd=place)
    return place


def explorer_that_lies():
    """Serve the sample with one transaction in the block of another."""
    ledger = samples.load("colonial")
    rows = ledger.txs.to_pylist()
    other = {"height": rows[-1]["height"], "block_hash": rows[-1]["block_hash"]}
    txs = pa.Table.from_pylist([{**rows[0], **other}, *rows[1:]], schema=ledger.txs.schema)
    return Explorer(dataclasses.replace(ledger, txs=txs)), rows[0]["txid"]


def test_a_second_source_is_asked_where_the_first_does_not_know(shell, tmp_path):
    txid = samples.load("colonial").txs["txid"][0].as_py()
    with Explorer(samples.load("training")) as first, Explorer(samples.load("colonial")) as second:
        words = [f"--source=esplora:{one.url}" for one in (first, second)]
        text = shell("fetch", "b.chainflow", txid, *words, cwd=tmp_path)
    assert "1 of 1 transactions verified" in text
    assert f"/tx/{txid}" in first.requests
    assert f"/tx/{txid}" in second.requests


def test_following_coins_asks_less_than_reading_addresses(shell, tmp_path):
    seed = FACTS["ransom"]["outpoint"]
    asked = {}
    for how in ("coins", "addresses"):
        with Explorer(samples.load("colonial")) as explorer:
            options = ("--follow", how, "--hops", "3", "--direction", "forward", "--json")
            source = f"esplora:{explorer.url}"
            shell("fetch", f"{how}.chainflow", seed, "--source", source, *options, cwd=tmp_path)
            asked[how] = [path for path in explorer.requests if path.startswith("/address/")]
    assert asked["coins"] == []
    assert asked["addresses"] != []


def test_cross_check_names_what_differs_and_exits_with_1(shell, folder, tmp_path):
    before = tmp_path / "a.chainflow"
    before.write_bytes((folder / "a.chainflow").read_bytes())
    with Explorer(samples.load("colonial")) as honest:
        other = f"esplora:http://localhost:{honest.port}"
        found = json.loads(shell("cross-check", "a.chainflow", "--source", other, "--json", cwd=tmp_path))
        assert (len(found["agreed"]), found["disputed"], found["not_given"]) == (10, [], {})
    liar, txid = explorer_that_lies()
    before.write_bytes((folder / "a.chainflow").read_bytes())
    with liar:
        other = f"esplora:http://localhost:{liar.port}"
        text = shell("cross-check", "a.chainflow", "--source", other, cwd=tmp_path, code=1)
    assert f"9 transaction(s) are the same at {other.rpartition('/')[2]}." in text
    assert f"{txid} │ block" in text


def test_cross_check_with_the_host_that_gave_everything_checks_nothing(shell, folder):
    first = Case(folder / "a.chainflow", read_only=True)
    text = shell("cross-check", "a.chainflow", "--source", first.sources[0], cwd=folder, code=1)
    first.close()
    assert "another operator" in text


def test_prove_says_what_there_is_no_proof_of(shell, folder, tmp_path):
    (tmp_path / "a.chainflow").write_bytes((folder / "a.chainflow").read_bytes())
    with Explorer(samples.load("colonial")) as explorer:  # it has no proofs
        source = f"esplora:{explorer.url}"
        text = shell("prove", "a.chainflow", "--source", source, cwd=tmp_path)
        options = ("--source", source, "--anchor", "--json")
        found = json.loads(shell("prove", "a.chainflow", *options, cwd=tmp_path))
    assert "Not proved" in text
    assert found["levels"] == {"2": 10}
    assert set(found["not_proved"]) >= set(samples.load("colonial").txs["txid"].to_pylist())


def test_where_nothing_can_be_checked_it_is_said(shell, imported, tmp_path):
    Case(tmp_path / "empty.chainflow").close()
    for command in (("prove",), ("cross-check", "--source", "esplora:http://127.0.0.1:9")):
        text = shell(command[0], "empty.chainflow", *command[1:], cwd=tmp_path, code=1)
        assert "holds no transaction yet" in text
    assert "proving blocks of accounts" in shell("prove", "c.chainflow", cwd=imported, code=1)


def test_a_preview_writes_nothing_and_says_what_is_missing(shell, imported):
    text = shell("import", "new.chainflow", "letter.csv", "--chain", "eth", "--preview", cwd=imported)
    assert "NOT CONFIRMED" in text
    assert "the unit of the amounts is not stated" in text
    assert "--confirm takes the proposal" in text
    assert "rows " not in text  # how many can be used is not known yet
    assert not (imported / "new.chainflow").exists()


def test_an_import_without_what_is_needed_writes_nothing(shell, imported):
    text = shell("import", "new.chainflow", "letter.csv", "--chain", "eth", "--confirm", cwd=imported, code=1)
    assert "the unit of the amounts is not stated" in text
    assert "--option NAME=VALUE" in text
    assert "not an option" in shell(
        "import", "new.chainflow", "letter.csv", "--option", "unit", cwd=imported, code=1
    )
    assert not (imported / "new.chainflow").exists()


def test_an_imported_file_is_evidence_and_is_written_once(shell, imported):
    found = json.loads(shell("import", "c.chainflow", "letter.csv", *READ_AS, "--json", cwd=imported))
    assert (found["facts"], found["rejected"], found["is_new"]) == (2, 1, False)
    (refused,) = [why for what, why in found["rows"] if what == "not used: line 4"]
    assert refused.startswith("recipient: not an EVM address: 'nobody'")
    assert "Everything holds." in shell("verify", "c.chainflow", cwd=imported)
    assert json.loads(shell("log", "c.chainflow", "--disclosed", "--json", cwd=imported)) == []


@pytest.mark.parametrize("command", [("draw", "-o", "x.svg"), ("serve",)])
def test_a_case_of_accounts_is_not_shown_as_an_empty_one(shell, imported, command):
    text = shell(command[0], "c.chainflow", *command[1:], cwd=imported, code=1)
    assert "is not in this version: their coins have no outputs" in text


def test_value_says_whose_price_and_how_far_away(shell, imported):
    rows = json.loads(shell("value", "c.chainflow", "--prices", "ETH-USD_daily.csv", "--json", cwd=imported))
    shown = [(row["fiat"], row["price_source"], row["price_distance"], row["why_not"]) for row in rows]
    assert shown == [
        ("5235.15", "ETH-USD_daily.csv", "10 h before the block", None),
        ("2926.95", "ETH-USD_daily.csv", "10 h before the block", None),
    ]
    assert "5,235.15 USD" in shell("value", "c.chainflow", "--prices", "ETH-USD_daily.csv", cwd=imported)


def test_a_worth_without_a_price_is_unknown_and_not_0(shell, imported):
    options = ("--prices", "ETH-USD_daily.csv", "--within", "1")
    (first, _) = json.loads(shell("value", "c.chainflow", *options, "--json", cwd=imported))
    assert (first["fiat"], first["why_not"]) == (None, "no price within 1 h")
    text = shell("value", "c.chainflow", *options, "-o", "worth.csv", cwd=imported)
    assert "2 rows in worth.csv." in text
    assert "2 without a worth: no price within 1 h." in text
    assert (
        (imported / "worth.csv")
        .read_text(encoding="utf-8")
        .splitlines()[1]
        .endswith(",,,,,no price within 1 h")
    )


def test_nothing_to_value_is_said(shell, tmp_path):
    Case(tmp_path / "empty.chainflow").close()
    (tmp_path / "BTC-USD.csv").write_text(PRICES, encoding="utf-8")
    text = shell("value", "empty.chainflow", "--prices", "BTC-USD.csv", cwd=tmp_path, code=1)
    assert "holds no output and no transfer" in text


def test_rates_are_listed_with_the_users_changes(shell, tmp_path):
    (tmp_path / "mine.toml").write_text(
        '["blockstream.info"]\nrequests = 5\nseconds = 60\n', encoding="utf-8"
    )
    rows = json.loads(shell("rates", "--rates", "mine.toml", "--json", cwd=tmp_path))
    mine = next(row for row in rows if row["host"] == "blockstream.info")
    assert mine == {"host": "blockstream.info", "requests": 5, "seconds": 60, "spacing": 0.25}
    assert "no limit" in shell("rates", cwd=tmp_path)
    (tmp_path / "mine.toml").write_text("blockstream.info = 5", encoding="utf-8")
    assert "no table of rates" in shell("rates", "--rates", "mine.toml", cwd=tmp_path, code=1)


@pytest.mark.parametrize(
    ("seed", "options", "host"),
    [
        ("0x" + "aa" * 20, (), "api.blockscout.com"),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", (), "api.trongrid.io"),
        (FACTS["addresses"][0], (), "blockstream.info"),
        ("00" * 32, ("--chain", "doge"), "doge1.trezor.io"),
        ("0x" + "00" * 32, ("--chain", "base"), "api.blockscout.com"),
        ("block:170", ("--source", "core"), "127.0.0.1:8332"),
    ],
)
def test_each_chain_has_a_source_that_is_asked_by_default(shell, tmp_path, seed, options, host):
    plan = json.loads(shell("fetch", "n.chainflow", seed, *options, "--dry-run", "--json", cwd=tmp_path))
    assert plan["host"] == host
    assert plan["requests"]
