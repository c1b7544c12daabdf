"""`chainflow check-claims`, on a case that holds the published sample."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from chainflow import samples
from chainflow.case import Case
from chainflow.cli.group import commands
from chainflow.serve import Explorer
from tests.tracing.claims.test_planted import COLONIAL, ROOT, TAKEN


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("claims")
    with (
        Explorer(samples.load("colonial")) as explorer,
        Case(place / "a.chainflow", source=f"esplora:{explorer.url}") as case,
    ):
        case.fetch([TAKEN, "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"])
    (place / "list.csv").write_text(COLONIAL)
    return place


def run(folder, *arguments):
    where = [str(folder / "a.chainflow"), str(folder / "list.csv")]
    done = CliRunner().invoke(
        commands, ["check-claims", *where, *map(str, arguments)], catch_exceptions=False
    )
    assert done.exit_code == 0
    return done.output


def test_the_command_tells_which_rows_hold(folder):
    found = json.loads(run(folder, "--policy", "fifo", "--seed", ROOT, "--json"))
    assert found["counts"] == {"holds": 2, "fails": 0, "cannot be said": 0}


def test_the_command_writes_every_row_and_says_what_fails(folder):
    said = run(folder, "--policy", "haircut", "--seed", ROOT, "-o", folder / "out.csv")
    assert "haircut gives 58.28829110 BTC" in said
    assert len((folder / "out.csv").read_text().splitlines()) == 3
