"""Other programs' rules: each by hand, and the counts on recorded sets that are published for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chainflow.model import OutputRecord
from chainflow.patterns import PUBLISHED, Shape
from chainflow.patterns.coinjoin import shapes_of
from tests.clustering.truth import experiment
from tests.patterns.populations import WASABI, from_scan


def records(*values: int, prefix: str) -> tuple[OutputRecord, ...]:
    return tuple(OutputRecord(value, f"0014{prefix}{number:038x}") for number, value in enumerate(values))


def hits(spent: list[int | None], paid: list[int]) -> set[str]:
    made = tuple(None if v is None else records(*[v] * (n + 1), prefix="aa")[n] for n, v in enumerate(spent))
    of = Shape(made, records(*paid, prefix="bb"))
    return {name for name, rule in PUBLISHED.items() if rule(of)}


@pytest.mark.parametrize(
    ("spent", "paid", "names"),
    [
        (
            [70_000, 95_000, 51_000, 140_000],
            [50_000, 50_000, 50_000, 19_900, 45_050, 90_100],
            {"blocksci", "esplora", "graphsense", "graphsense-joinmarket", "coinjoin-analysis-joinmarket"},
        ),
        (
            [5_010_000, 5_000_000, 5_010_000, 5_000_000, 5_010_000],
            [5_000_000] * 5,
            {"esplora", "mempool", "graphsense", "graphsense-whirlpool"},
        ),
        (
            [150_000, 120_000],
            [100_000, 100_000, 49_800, 19_900],
            {"blocksci", "esplora", "am-i-exposed-stonewall", "coinjoin-analysis-joinmarket"},
        ),
        ([100_000], [60_000, 39_000], {"coinjoin-analysis-joinmarket"}),  # any payment with change
        ([1_000] * 5, [4_800], {"mempool-consolidation"}),
        ([90_000], [5_000 + n for n in range(5)], {"mempool-batch-payout"}),
    ],
)
def test_published_rules_by_hand(spent, paid, names):
    assert hits(spent, paid) == names


def test_a_shape_without_inputs_or_outputs_is_none():
    assert hits([], []) == set()


def test_an_input_not_in_evidence_counts_as_one_with_its_own_script():
    assert "blocksci" in hits([70_000, None], [50_000, 50_000, 10_000])
    assert "blocksci" not in hits([70_000], [50_000, 50_000, 10_000])


def counted(shapes: list[Shape], *names: str) -> list[int]:
    return [sum(map(PUBLISHED[name], shapes)) for name in names]


def test_the_published_counts_on_wasabi_rounds_come_out(shared: Path):
    asked = ("blocksci", "esplora", "mempool", "graphsense")
    first, second = (from_scan(shared, WASABI, f"{name}CoinJoins") for name in ("Wasabi", "Wasabi2"))
    assert (len(first), counted(first, *asked)) == (152, [4, 152, 0, 152])
    assert counted(first, "graphsense-wasabi-1.0", "graphsense-wasabi-1.1") == [79, 75]
    assert (len(second), counted(second, *asked)) == (35, [0, 35, 31, 33])
    assert counted(second, "graphsense-wabisabi", "dumplings-wabisabi") == [33, 29]


def test_the_published_recall_on_known_joinmarket_rounds_comes_out(shared: Path):
    held, mixed, _ = experiment(shared / "coinjoin" / "regtest_truth" / "joinmarket_43_wallets")
    rounds = [shape for shape in shapes_of(held, np.arange(len(held))) if shape.txid in mixed]
    assert counted(rounds, "blocksci", "esplora", "mempool", "graphsense") == [32, 32, 3, 32]
