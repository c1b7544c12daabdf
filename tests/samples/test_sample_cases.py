"""The sample files: sealed, regenerated to the byte, and true to the published figures."""

from __future__ import annotations

import csv
import gzip
import json
import re
import subprocess
import sys

import pytest

import chainflow as cf
from chainflow import samples
from chainflow.errors import BadInput
from chainflow.samples.__main__ import write
from chainflow.sources.esplora_facts import facts as decode
from chainflow.tags import CONCEPTS
from tests.conftest import REPOSITORY

SHARE = samples.facts("colonial")["share"]


def test_the_training_files_are_what_the_code_makes(tmp_path):
    write(samples.training_case(seed=1), tmp_path)
    kept = samples.path("training")
    for name in ("ledger.json", "tags.yaml", "truth.csv", "README.md"):
        assert (tmp_path / name).read_bytes() == (kept / name).read_bytes(), name


def test_the_command_makes_the_same_files_on_another_hash_seed(tmp_path):
    command = [sys.executable, "-m", "chainflow.samples", str(tmp_path)]
    subprocess.run(command, env={"PYTHONHASHSEED": "7", "PATH": ""}, check=True)
    assert (tmp_path / "ledger.json").read_bytes() == (samples.path("training") / "ledger.json").read_bytes()


def test_the_training_files_are_the_lesson():
    lesson = samples.training_case()
    assert samples.load("training").digest == lesson.ledger.digest
    assert samples.tags("training").digest == lesson.tags.digest
    with (samples.path("training") / "truth.csv").open(encoding="utf-8", newline="") as file:
        assert {row["address"]: row["owner"] for row in csv.DictReader(file)} == lesson.truth


@pytest.mark.parametrize("page", ["serve.md", "teach.md"])
def test_the_examples_of_the_documentation_run(page):
    text = (REPOSITORY / "docs" / "how-to" / page).read_text("utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    assert "cf" in names


@pytest.mark.parametrize("name", samples.NAMES)
def test_every_transaction_of_a_sample_hashes(name):
    done, total = samples.load(name).verified
    assert done == total > 0


@pytest.mark.parametrize("name", samples.NAMES)
def test_every_tag_states_source_date_confidence_and_a_known_category(name):
    for tag in samples.tags(name):
        assert tag.source
        assert tag.date
        assert tag.confidence_score is not None
        assert tag.categories
        assert set(tag.categories) <= set(CONCEPTS)
        assert not samples.tags(name).rejected


def test_the_published_case_is_complete_for_its_three_addresses():
    coverage = samples.load("colonial").coverage
    rows = coverage.astype(object).values.tolist()
    assert [row[2] for row in rows] == sorted(samples.facts("colonial")["addresses"])
    assert {tuple(row[i] for i in (0, 1, 4, 6)) for row in rows} == {
        ("btc", "esplora:https://blockstream.info/api", "complete", 955873)
    }
    assert [(row[7], row[8]) for row in rows] == [(3, 3), (4, 4), (4, 4)]


@pytest.mark.parametrize("what", ["ransom", "seizure"])
def test_the_published_outputs_are_on_the_chain(what):
    fact = samples.facts("colonial")[what]
    index = samples.load("colonial").index
    (row,) = index.resolve([fact["outpoint"]])
    assert (int(index.value[row]), index.label_of(row)) == (fact["value_sat"], fact["address"])


@pytest.mark.parametrize("policy", ["haircut", "fifo", "poison"])
def test_the_shares_at_the_seized_output_are_met(policy):
    trail = cf.trace(samples.load("colonial"), SHARE["seed"], policy)
    txid, vout = SHARE["at"].split(":")
    here = trail.outputs[(trail.outputs["txid"] == txid) & (trail.outputs["vout"] == int(vout))]
    tolerance = SHARE["haircut_tolerance"] if policy == "haircut" else 0
    assert abs(int(here["tainted_sat"].sum()) - SHARE[policy]) <= tolerance
    assert trail.seed_sat == SHARE["seed_sat"]


def test_the_gap_is_a_gap():
    ledger, gap = samples.load("colonial"), samples.facts("colonial")["gap"]
    index = ledger.index
    (after,), (before,) = index.resolve([gap["after"]]), index.resolve([gap["before"]])
    assert index.states[after] == "unknown"
    assert index.created_by[before] == -1
    assert not {entry["txid"] for entry in gap["named_by_secondary_sources"]} & set(index.txids)
    assert [entry["verified"] for entry in gap["named_by_secondary_sources"]] == [False] * 3
    ends = cf.trace(ledger, samples.facts("colonial")["ransom"]["outpoint"]).balance
    assert set(ends) == {"unknown: not in evidence", "fee"}


def test_the_two_addresses_to_explain_were_spent_together():
    owners = cf.cluster(samples.load("colonial"))
    a, b = samples.facts("colonial")["explain"]
    assert owners.of(a) == owners.of(b)


def test_the_sealed_transactions_are_the_recorded_ones(shared):
    ledger = samples.load("colonial")
    held = {tx["txid"]: tx["raw"] for tx in ledger.txs.to_pylist()}
    recorded = {}
    for page in (shared / "cases" / "colonial").glob("colonial_*_txs.json*"):
        body = page.read_bytes()
        for tx in json.loads(gzip.decompress(body) if page.suffix == ".gz" else body):
            (record,) = decode("btc", f"/tx/{tx['txid']}", 200, json.dumps(tx).encode())
            recorded[record.txid] = record.raw
    assert held == recorded


def test_a_case_that_does_not_exist_is_refused_with_the_list():
    with pytest.raises(BadInput, match="no sample case 'bitfinex'") as caught:
        samples.load("bitfinex")
    assert "colonial, training" in caught.value.hint


def test_a_made_up_case_has_no_published_figures():
    with pytest.raises(BadInput, match="nothing was published"):
        samples.facts("training")


def test_an_installed_wheel_finds_its_files_beside_the_code(tmp_path, monkeypatch):
    (tmp_path / "cases" / "training").mkdir(parents=True)
    (tmp_path / "cases" / "training" / "ledger.json").write_text("{}")
    monkeypatch.setattr(samples, "__file__", str(tmp_path / "__init__.py"))
    assert samples.path("training") == tmp_path / "cases" / "training"
    with pytest.raises(BadInput, match="not installed"):
        samples.path("colonial")
