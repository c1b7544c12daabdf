"""What the shell says and refuses: sentences and no Python, no line wider than a reader, nothing ignored."""

from __future__ import annotations

import csv
import re
import shutil

import pytest

import chainflow as cf
from chainflow import samples
from chainflow.serve import Explorer
from chainflow.tracing.conversions import Conversion, Conversions, Leg
from tests.shell import run_here
from tests.tracing.bridge_case import ETH_OUT, TAGS, USDC_OUT, conversion_csv, write_exports

FACTS = samples.facts("colonial")
RANSOM, SEIZED, SHARE = FACTS["ransom"]["outpoint"], FACTS["seizure"]["outpoint"], FACTS["share"]["seed"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("made")
    with (
        Explorer(samples.load("colonial")) as explorer,
        cf.Case(place / "a.chainflow", f"esplora:{explorer.url}") as case,
    ):
        case.fetch(FACTS["addresses"])
    with cf.Case(place / "eth.chainflow") as case:
        for export in write_exports(place):
            case.add_file(export, chain="eth")
        case.tags += cf.Tags.of_rows(TAGS)
    return place


@pytest.fixture
def shell(made, tmp_path, monkeypatch, capsys):
    for file in made.glob("*.chainflow"):
        shutil.copy(file, tmp_path / file.name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        return run_here(monkeypatch, capsys, *arguments, code=code)

    return run


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("trace", "a.chainflow", RANSOM, "--asset", "native"),
            1,
            "--asset is of account chains, and this case",
        ),
        (
            ("paths", "a.chainflow", "--from", RANSOM, "--to", SEIZED, "--asset", "x"),
            1,
            "--asset is of account",
        ),
        (("trace", "a.chainflow", RANSOM, "--top", "-1"), 2, "--top"),
        (("patterns", "a.chainflow", "--top", "-1"), 2, "--top"),
        (("cluster", "a.chainflow", "--top", "-1"), 2, "--top"),
        (("paths", "a.chainflow", "--from", RANSOM, "--k", "0"), 2, "--k"),
        (("trace", "a.chainflow", f":={RANSOM}"), 1, f"no label before :={RANSOM}"),
        (("trace", "a.chainflow", f"{RANSOM}=0"), 1, f"nothing is claimed of {RANSOM}: 0"),
        (("trace", "a.chainflow", f"x:={RANSOM}=000"), 1, "claim 1 base unit or more"),
        (("trace", "a.chainflow", RANSOM, "--source", "esplora"), 1, "--source goes with --fetch"),
        (("trace", "a.chainflow", RANSOM, "--chain", "ltc"), 1, "the seeds are not on ltc"),
        (("trace", "a.chainflow", RANSOM, "--no-stop", "--stop-at", "x"), 1, "where to stop is said twice"),
        (("trace", "a.chainflow", RANSOM, "--no-coinjoins", "--coinjoin", "x"), 1, "exclude each other"),
        (("trace", "a.chainflow", RANSOM, "--clustering", "3"), 1, "--clustering goes with --max-cluster"),
        (("trace", "a.chainflow", RANSOM, "--max-cluster", "5", "--clustering", "1"), 1, "is no clustering"),
        (("trace", "a.chainflow", RANSOM, "--stop-tags", "a.chainflow"), 1, "holds no tags"),
        (("evidence", "a.chainflow", "--raw", "1", "--body", "9", "-o", "x"), 1, "no raw reply number 9"),
    ],
)
def test_what_would_be_ignored_or_cannot_be_is_refused(shell, arguments, code, words):
    said = shell(*arguments, code=code)
    assert words in " ".join(said.split())
    assert not re.search(r"\d{3},\d{3},\d{3},\d{3},\d{3},\d{3}", said)


COMMANDS = [
    ("trace", "a.chainflow", RANSOM),
    ("trace", "eth.chainflow", ETH_OUT),
    ("paths", "a.chainflow", "--from", RANSOM, "--to", SHARE),
    ("paths", "a.chainflow", "--from", SEIZED, "--to", RANSOM),
    ("patterns", "a.chainflow"),
    ("indicators", "a.chainflow", FACTS["addresses"][0]),
    ("cluster", "a.chainflow"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_no_command_prints_what_only_python_understands(shell, arguments):
    assert not re.search(r"<[A-Z]\w+[ :]", shell(*arguments))


@pytest.mark.parametrize("arguments", COMMANDS[2:6], ids=lambda words: " ".join(words[:2]))
def test_a_row_of_many_cells_is_printed_one_below_the_other(shell, arguments):
    said = shell(*arguments)
    assert "│" not in said
    assert re.search(r"^1\.  ", said, re.M) or "(0 of 0)" in said


def test_what_is_not_looked_for_is_said_in_the_words_of_the_shell(shell):
    said = shell("patterns", "a.chainflow")
    assert "structuring needs --threshold BASE_UNITS" in said
    assert "deposit-sweep needs tags of the category exchange" in said


def test_the_order_of_declaration_and_run_is_said_as_the_log_shows_it(shell):
    said = shell("trace", "a.chainflow", RANSOM)
    assert "Policy fifo, by default (no --policy was given): a convention, not a fact of the chain." in said
    assert re.search(r"Declared in log entry \d+ \(.* UTC\), before this run; the run is log entry \d+", said)
    again = shell("trace", "a.chainflow", RANSOM, "--policy", "haircut")
    assert "Policy haircut: a convention" in again
    assert "the same question had been run under fifo" in again


def test_with_read_only_no_order_is_claimed(shell):
    said = shell("trace", "--read-only", "a.chainflow", RANSOM, "--policy", "lifo")
    assert "This run is not in the log." in said
    assert not re.search(r"(declared|chosen) before|Declared in", said)


def test_the_exposure_of_a_trace_is_by_category_and_reason(shell):
    table = shell("trace", "eth.chainflow", ETH_OUT).partition("Exposure by tag category")[2]
    rows = {tuple(cell.strip() for cell in line.split("│"))[:2] for line in table.splitlines() if "│" in line}
    assert rows >= {("no tag", "unknown: not in evidence"), ("mixing_service", "mixer"), ("fee", "fee")}


def test_conversions_and_those_that_were_not_followed_are_listed_with_why(shell, tmp_path):
    (tmp_path / "swap.csv").write_text(conversion_csv(), encoding="utf-8")
    said = shell("trace", "eth.chainflow", USDC_OUT, "--conversions", "swap.csv")
    assert "Conversions (1 of 1)" in said
    assert "6,000.000000000000000000 ETH" in said
    assert "What was converted is no end" in said
    (one,) = Conversions.read(tmp_path / "swap.csv")
    other = Leg(one.received.chain, ETH_OUT, "", one.received.asset, "", 7)
    both = Conversions((one, Conversion(one.paid, other, "swap", "id", "as told", "somebody else")))
    both.write(tmp_path / "both.csv")
    said = shell("trace", "eth.chainflow", USDC_OUT, "--conversions", "both.csv")
    assert "Conversions that were not followed" in said
    assert re.search(r"    why: \S", said)


def test_a_screening_keeps_blank_rows_and_counts_one_row_as_one(shell, tmp_path):
    (tmp_path / "list.csv").write_text(f"address\n{FACTS['addresses'][0]}\n\n", encoding="utf-8")
    said = shell("screen", "a.chainflow", "list.csv", "-o", "out.csv")
    assert "2 rows in out.csv." in said
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["line"], row["error"]) for row in rows] == [("2", ""), ("3", "the row is empty")]
    (tmp_path / "one.csv").write_text(f"{FACTS['addresses'][0]}\n", encoding="utf-8")
    assert "1 row in one-out.csv." in shell("screen", "a.chainflow", "one.csv", "-o", "one-out.csv")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--policy", "nonsense"), "no policy 'nonsense'"),
        (("--policy", "libr"), "the policy 'libr' is for"),
        (("--max-hops", "-3"), "max_hops"),
    ],
)
def test_a_screening_that_no_row_could_answer_is_refused_at_once(shell, tmp_path, options, words):
    (tmp_path / "list.csv").write_text(f"{FACTS['addresses'][0]}\n", encoding="utf-8")
    assert words in shell("screen", "a.chainflow", "list.csv", "-o", "out.csv", *options, code=1)
    assert not list(tmp_path.glob("out.csv*"))
