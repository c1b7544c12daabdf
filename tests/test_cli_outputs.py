"""What a command writes never takes the place of the case it read, nor of a file that it was given."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

import chainflow as cf
from chainflow import samples
from chainflow.errors import BadInput
from chainflow.serve import Explorer
from chainflow.writing import write_whole
from tests.shell import run_here

CLAIMS = "hop,txid,vout,amount\n1,deadbeef,0,1\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a case that was closed: its bytes are all there is."""
    place = tmp_path_factory.mktemp("made")
    with (
        Explorer(samples.load("colonial")) as explorer,
        cf.Case(place / "a.chainflow", f"esplora:{explorer.url}") as case,
    ):
        case.fetch(samples.facts("colonial")["addresses"])
    return place


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    for file in made.iterdir():
        shutil.copy(file, tmp_path / file.name)
    (tmp_path / "list.csv").write_text(CLAIMS, encoding="utf-8")
    (tmp_path / "prices.csv").write_text("date,close\n2021-05-08,58000\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(folder, monkeypatch, capsys):
    """Run the command in this process and return what it said."""

    def run(*arguments, code=0):
        return run_here(monkeypatch, capsys, *arguments, code=code)

    return run


def digests(folder):
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if not file.name.endswith(("-wal", "-shm"))
    }


WRITERS = [
    ("report", "a.chainflow", "-o"),
    ("report", "--read-only", "a.chainflow", "-o"),
    ("draw", "a.chainflow", "-o"),
    ("check-claims", "a.chainflow", "list.csv", "-o"),
    ("value", "a.chainflow", "--prices", "prices.csv", "-o"),
    ("screen", "a.chainflow", "list.csv", "-o"),
    ("evidence", "a.chainflow", "--raw", "1", "-o"),
    ("cluster", "a.chainflow", "--explain", "a", "b", "--picture"),
]


@pytest.mark.parametrize("words", WRITERS, ids=lambda words: " ".join(words))
@pytest.mark.parametrize(
    "name", ["a.chainflow", "./a.chainflow", "link.html", "hard.html", "a.chainflow-wal"]
)
def test_no_command_writes_over_its_case(shell, folder, words, name):
    os.symlink("a.chainflow", folder / "link.html")
    os.link("a.chainflow", folder / "hard.html")
    before = digests(folder)
    said = shell(*words, name, code=1)
    assert "was not touched" in said
    assert "Traceback" not in said
    assert digests(folder) == before


@pytest.mark.parametrize(
    ("words", "exhibit"),
    [
        (("check-claims", "a.chainflow", "list.csv", "-o"), "list.csv"),
        (("value", "a.chainflow", "--prices", "prices.csv", "-o"), "prices.csv"),
        (("screen", "a.chainflow", "list.csv", "-o"), "list.csv"),
        (("import", "list.csv"), "list.csv"),
    ],
)
def test_no_command_writes_over_a_file_that_it_was_given(shell, folder, words, exhibit):
    before = digests(folder)
    assert f"{exhibit}: it is a file that this command reads; it was not touched" in shell(
        *words, exhibit, code=1
    )
    assert digests(folder) == before


def test_what_a_screening_writes_beside_its_result_is_no_file_that_it_reads(shell, folder):
    (folder / "list.csv").rename(folder / "out.csv.json")
    assert "out.csv.json: it is a file that this command reads" in shell(
        "screen", "a.chainflow", "out.csv.json", "-o", "out.csv", code=1
    )


@pytest.mark.parametrize("name", ["a.chainflow", "a.chainflow-wal", "a.chainflow-shm"])
def test_in_python_too_a_case_is_never_written_over(folder, name):
    with cf.Case("a.chainflow") as case:
        before = case.log.head
        figure = case.draw(case.ledger)
        for write in (case.report, lambda path: write_whole(path, b"<html>")):
            with pytest.raises(BadInput, match="was not touched"):
                write(name)
        (folder / "case.html").symlink_to("a.chainflow")
        with pytest.raises(BadInput, match="was not touched"):
            figure.save("case.html")
        assert case.verify().ok
        assert case.log.head[0] == before[0] + 1  # the picture alone


def test_another_case_is_not_written_over_either(shell, folder):
    shutil.copy("a.chainflow", "b.chainflow")
    before = digests(folder)
    assert "b.chainflow is a case" in shell(
        "report", "--read-only", "a.chainflow", "-o", "b.chainflow", code=1
    )
    assert digests(folder) == before


def test_an_earlier_report_may_be_replaced(shell, folder):
    shell("report", "--read-only", "a.chainflow", "-o", "r.html")
    shell("report", "--read-only", "a.chainflow", "-o", "r.html")
    assert (folder / "r.html").read_bytes().startswith(b"<!doctype html>")
    assert json.loads(shell("verify", "a.chainflow", "--json"))["ok"]
