"""The counts that docs/concepts/coinjoin.md prints, made again from recorded transactions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from chainflow.patterns import PUBLISHED, Shape, classify, coinjoins, recognise
from chainflow.patterns.coinjoin import shapes_of
from tests.clustering.truth import experiment
from tests.patterns.populations import (
    JOINMARKET_DOUBTS,
    WASABI,
    block_300025,
    block_680000,
    from_esplora,
    from_scan,
    is_batch_payout,
    listed_false,
)


def count(shapes: Iterable[Shape]) -> dict[str, int]:
    verdicts = [classify(shape) for shape in shapes]
    return dict(Counter("none" if verdict is None else verdict.family for verdict in verdicts))


@pytest.mark.parametrize(
    ("run", "families"),
    [
        ("joinmarket_43_wallets", {"joinmarket": 32}),
        ("wasabi2_10_wallets", {"wabisabi": 6}),
    ],
)
def test_every_true_coinjoin_of_an_experiment_is_found_and_nothing_else(shared: Path, run, families):
    ledger, true_coinjoins, _ = experiment(shared / "coinjoin" / "regtest_truth" / run)
    found = coinjoins(ledger)
    assert set(found) == true_coinjoins
    assert found.families == families


def test_all_wasabi_1_rounds_of_2018_are_found(shared: Path):
    rounds = from_scan(shared, WASABI, "WasabiCoinJoins")
    assert count(rounds) == {"wasabi-1.0": 152}


def test_half_of_them_would_not_be_named_without_the_coordinator_address(shared: Path):
    rounds = from_scan(shared, WASABI, "WasabiCoinJoins")
    unpaid = [
        Shape(r.inputs, tuple(o for o in r.outputs if not o.script.startswith("0014869f5c7a")))
        for r in rounds
    ]
    assert count(unpaid) == {"wasabi-1.0": 79, "joinmarket": 3, "equal-output": 70}


def test_the_largest_payer_is_repaid_in_every_recorded_round_of_one_denomination(shared: Path):
    rounds = from_scan(shared, WASABI, "WasabiCoinJoins")
    assert sum(shape.repays_the_largest_payer for shape in rounds) == 152


def test_wasabi_2_rounds_are_found_and_the_listed_false_ones_are_not(shared: Path):
    rounds, false = from_scan(shared, WASABI, "Wasabi2CoinJoins"), listed_false(shared)
    assert count(r for r in rounds if r.txid not in false) == {"wabisabi": 33}
    assert count(r for r in rounds if r.txid in false) == {"none": 2}


def test_what_wasabi_2_users_did_afterwards_is_not_called_a_coinjoin(shared: Path):
    assert count(from_scan(shared, WASABI, "Wasabi2PostMixTxs")) == {"none": 179}


def test_a_third_of_the_transactions_after_wasabi_1_are_rounds_that_pay_no_coordinator(shared: Path):
    after = from_scan(shared, WASABI, "WasabiPostMixTxs")
    assert count(after) == {"none": 146, "equal-output": 72, "joinmarket": 4, "stonewall": 1}
    found = [shape for shape in after if classify(shape)]
    assert sum(shape.denomination[1] >= 8 for shape in found) == 76


def test_six_of_the_nineteen_doubtful_joinmarket_shapes_keep_that_name(shared: Path):
    assert count(from_scan(shared, JOINMARKET_DOUBTS, "OtherCoinJoins")) == {
        "joinmarket": 6,
        "stonewall": 3,
        "equal-output": 4,
        "none": 6,
    }


def test_single_transactions_of_three_families_are_found(shared: Path):
    names = {"wabisabi": "wabisabi", "whirlpool": "whirlpool", "joinmarket": "stonewall"}
    for name, family in names.items():
        reply = json.loads((shared / "explorers" / "esplora" / "txs" / f"{name}-coinjoin.json").read_text())
        assert count(from_esplora([reply])) == {family: 1}


def test_the_tx0_of_a_whirlpool_mix_is_none(shared: Path):
    replies = [
        json.loads((shared / "cases" / "whirlpool" / f"coinjoin_{n}.json").read_text()) for n in ("tx0", "tx")
    ]
    assert [count(from_esplora([reply])) for reply in replies] == [{"none": 1}, {"whirlpool": 1}]


def test_few_transactions_of_two_ordinary_blocks_are_hit_and_no_batch_payout(shared: Path):
    late, early = block_680000(shared), block_300025(shared)
    assert count(late) == {"none": 1_199, "stonewall": 1}
    assert count(early) == {"none": 456, "equal-output": 3, "stonewall": 1}
    batches = [shape for shape in (*late, *early) if is_batch_payout(shape)]
    assert count(batches) == {"none": 78}


def test_a_tenth_of_a_coin_is_an_ordinary_payout_too_so_the_height_matters(shared: Path):
    unguarded = [Shape(shape.inputs, shape.outputs) for shape in block_300025(shared)]
    assert count(unguarded) == {"none": 456, "wasabi-1.0": 2, "equal-output": 1, "stonewall": 1}


def test_the_other_shapes_of_the_two_blocks(shared: Path):
    late, early = (
        Counter(verdict.family for shape in block if (verdict := recognise(shape)))
        for block in (block_680000(shared), block_300025(shared))
    )
    others = ("tx0", "payjoin", "consolidation", "batch-payout")
    assert [late[name] for name in others] == [0, 29, 11, 44]
    assert [early[name] for name in others] == [0, 34, 4, 13]


def rounds(shared: Path, run: str) -> list[Shape]:
    ledger, mixed, _ = experiment(shared / "coinjoin" / "regtest_truth" / run)
    return [shape for shape in shapes_of(ledger, np.arange(len(ledger))) if shape.txid in mixed]


def test_the_comparison_with_other_programs(shared: Path):
    populations = {
        "joinmarket": (rounds(shared, "joinmarket_43_wallets"), [32, 32, 3, 32, 32]),
        "wabisabi": (rounds(shared, "wasabi2_10_wallets"), [0, 6, 4, 4, 6]),
        "2018": (from_scan(shared, WASABI, "WasabiCoinJoins"), [4, 152, 0, 152, 152]),
        "2024": (from_scan(shared, WASABI, "Wasabi2CoinJoins"), [0, 35, 31, 33, 33]),
        "680,000": (block_680000(shared), [1, 3, 0, 0, 1]),
        "300,025": (block_300025(shared), [2, 5, 0, 4, 4]),
    }
    rules = [PUBLISHED[name] for name in ("blocksci", "esplora", "mempool", "graphsense")]
    for name, (shapes, expected) in populations.items():
        found = [sum(map(rule, shapes)) for rule in (*rules, lambda shape: classify(shape) is not None)]
        assert found == expected, name


def test_the_form_of_coinjoin_analysis_passes_half_of_an_ordinary_block(shared: Path):
    rule = PUBLISHED["coinjoin-analysis-joinmarket"]
    assert sum(map(rule, block_680000(shared))) == 580
