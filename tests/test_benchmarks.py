"""Each benchmark runs, agrees with its peers and prints one JSON object; its figures are nobody's test."""

from __future__ import annotations

import importlib
import json
import pathlib

import numpy as np
import pytest

from benchmarks import chain, clustering
from benchmarks.measure import print_result
from chainflow.clustering.whole_chain import labels

NAMES = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parent.parent / "benchmarks").glob("*.py")
    if path.stem not in ("__init__", "chain", "measure", "tracing_peers")
)


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_prints_one_json_object_with_ratios_and_goals(name, monkeypatch, capsys):
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(module, "REPETITIONS", 1)
    if hasattr(module, "TRANSACTIONS"):
        monkeypatch.setattr(module, "TRANSACTIONS", 300)
    if hasattr(module, "PEER"):  # one that is installed from a package index
        monkeypatch.setattr(module, "PEER", "")
    if hasattr(module, "PEERS"):  # each in a process of its own
        monkeypatch.setattr(module, "PEERS", module.PEERS[1:2])
    print_result(module.run(), ["--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["benchmark"] == name
    assert result["ratios"]
    assert {"name", "value", "goal", "ok"} == set(result["goals"][0])


def test_every_input_of_the_made_up_chain_spends_an_earlier_output_and_no_satoshi_is_made_or_lost():
    made = chain.make_chain(20_000)
    spends = np.repeat(np.arange(20_000), np.diff(made.in_ptr))
    makes = np.repeat(np.arange(20_000), np.diff(made.out_ptr))
    assert (makes[made.source] < spends).all()
    assert len(np.unique(made.source)) == len(made.source)
    assert np.array_equal(made.spent_by[made.source], spends)
    gained = np.bincount(makes, made.value, 20_000) - np.bincount(spends, made.value[made.source], 20_000)
    is_coinbase = np.diff(made.in_ptr) == 0
    assert np.array_equal(gained + made.fee, np.where(is_coinbase, chain.SUBSIDY, 0))


def test_the_made_up_chain_has_heavy_tails_and_joint_transactions_and_is_the_same_again():
    made, again = chain.make_chain(50_000), chain.make_chain(50_000)
    assert all(np.array_equal(one, other) for one, other in zip(made, again, strict=True))
    assert np.diff(made.out_ptr).max() > 300
    assert np.bincount(made.address).max() > 1_000
    assert 20 < made.is_coinjoin.sum() < 100
    (some, *_) = np.flatnonzero(made.is_coinjoin)
    spent = made.source[made.in_ptr[some] : made.in_ptr[some + 1]]
    assert len(set(made.owner[made.address[spent]].tolist())) > 2


def test_a_contender_that_gives_another_partition_stops_the_benchmark(monkeypatch):
    told = {"chainflow": "aa", "graphsense": "bb"}
    monkeypatch.setattr(
        clustering, "_measure_apart", lambda name, job, folder: {"wall": 1.0, "digest": told[name]}
    )
    with pytest.raises(SystemExit, match="different partitions"):
        clustering._run_all(chain.FOLDER, [(name, "parquet") for name in told])


@pytest.mark.parametrize("contender", ["chainflow", *clustering.PEERS])
def test_every_contender_gives_the_labels_of_the_readable_rule(contender, tmp_path):
    folder = chain.written(2_000, folder=tmp_path)
    rows = clustering.read_rows(folder)
    expected = np.arange(rows.addresses, dtype=np.int32)
    labels.join_pairs(expected, rows.one, rows.other)
    labels.flatten(expected, 0, rows.addresses)
    assert np.array_equal(getattr(clustering, f"{contender}_memory")(rows)(), expected)
    if contender in ("chainflow", "graphsense"):
        assert np.array_equal(getattr(clustering, f"{contender}_parquet")(folder)(), expected)
