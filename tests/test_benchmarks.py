"""Each benchmark runs, agrees with its peers and prints one JSON object; its figures are nobody's test."""

from __future__ import annotations

import importlib
import json
import pathlib

import pytest

from benchmarks.measure import print_result

NAMES = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parent.parent / "benchmarks").glob("*.py")
    if path.stem not in ("__init__", "measure")
)


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_prints_one_json_object_with_ratios_and_goals(name, monkeypatch, capsys):
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(module, "REPETITIONS", 1)
    if hasattr(module, "TRANSACTIONS"):
        monkeypatch.setattr(module, "TRANSACTIONS", 300)
    if hasattr(module, "PEER"):  # one that is installed from a package index
        monkeypatch.setattr(module, "PEER", "")
    print_result(module.run(), ["--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["benchmark"] == name
    assert result["ratios"]
    assert {"name", "value", "goal", "ok"} == set(result["goals"][0])
