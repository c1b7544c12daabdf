"""Clustering on recorded transactions: experiments with a known truth, and published cases."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from chainflow.clustering import cluster
from chainflow.patterns import coinjoins
from tests.clustering.truth import experiment, from_esplora, ledger_of, litecoin, pairs

SWEEP = "daf38c7b38eb0a587cf843f47000d5c294affb4f56017370ad48c5147f5e69d9"


@pytest.mark.parametrize(
    ("run", "without_veto"),
    [("joinmarket_43_wallets", (6, 361)), ("wasabi2_10_wallets", (196, 1_813))],
)
def test_without_a_veto_most_pairs_of_a_mixing_experiment_are_wrong_and_with_it_none_is_left(
    shared: Path, run, without_veto
):
    ledger, _, owners = experiment(shared / "coinjoin" / "regtest_truth" / run)
    assert pairs(cluster(ledger, veto=()), owners) == without_veto
    assert pairs(cluster(ledger), owners) == (0, 0)


def test_each_missed_round_would_mix_wallets(shared: Path):
    ledger, mixes, owners = experiment(shared / "coinjoin" / "regtest_truth" / "wasabi2_10_wallets")
    for missed in sorted(mixes):
        right, together = pairs(cluster(ledger, veto=mixes - {missed}), owners)
        assert right < together / 4


def test_724_addresses_of_21_wallets_make_483_clusters_and_none_is_mixed(shared: Path):
    ledger, owners = litecoin(shared / "nodes" / "litecoind_regtest")
    clustering = cluster(ledger)
    assert (len(owners), len({clustering.of(address) for address in owners})) == (724, 483)
    assert pairs(clustering, owners) == (425, 425)
    assert (clustering.vetoed.num_rows, len(coinjoins(ledger))) == (0, 0)


@pytest.fixture(scope="module")
def colonial(shared: Path):
    """The published transactions around the Colonial Pipeline ransom."""
    folder = shared / "cases" / "colonial"
    replies = json.loads((folder / "colonial_ransom_txs.json").read_bytes())
    for name in ("anchor", "fbi"):
        replies += json.loads(gzip.decompress((folder / f"colonial_{name}_txs.json.gz").read_bytes()))
    return ledger_of({reply["txid"]: from_esplora(reply) for reply in replies}.values())


def test_the_24_inputs_of_the_colonial_sweep_are_one_cluster(colonial):
    clustering = cluster(colonial)
    (row,) = colonial.index.tx_rows(SWEEP)
    spent = {colonial.index.label_of(output) for output in colonial.index.inputs_of(row).tolist()}
    assert (len(colonial.index.inputs_of(row)), len(spent)) == (24, 23)
    assert set(clustering.members("3EYkxQSUv2KcuRTnHQA8tNuG7S2pKcdNxB")) == spent


def test_a_link_of_the_colonial_sweep_names_its_transaction_and_block(colonial):
    said = cluster(colonial).explain(
        "3EYkxQSUv2KcuRTnHQA8tNuG7S2pKcdNxB", "38gE7V2Sp5GhWymXJyreWoKPexz9BnNTzW"
    )
    assert f"were spent together in 1 transaction: {SWEEP} (block 685,213, 24 inputs)." in said.sentence


def test_the_owners_in_a_whirlpool_mix_are_not_joined_and_the_reason_is_given(shared: Path):
    folder = shared / "cases" / "whirlpool"
    replies = [json.loads((folder / f"coinjoin_{name}.json").read_bytes()) for name in ("tx0", "tx")]
    clustering = cluster(ledger_of(map(from_esplora, replies)))
    inputs = [entry["prevout"]["scriptpubkey_address"] for entry in replies[1]["vin"]]
    assert len({clustering.of(address) for address in inputs}) == 5
    said = clustering.explain(inputs[0], inputs[1])
    assert said.refused[0].txid.startswith("323df21f0b0756f9")
    assert "whirlpool: 5 outputs of exactly 0.05000000 BTC" in said.sentence


def test_recorded_mixes_of_three_families_join_nobody(shared: Path):
    names = ("wabisabi", "whirlpool", "joinmarket")
    folder = shared / "explorers" / "esplora" / "txs"
    replies = [json.loads((folder / f"{name}-coinjoin.json").read_bytes()) for name in names]
    clustering = cluster(ledger_of(map(from_esplora, replies)))
    assert set(clustering.sizes.values()) == {1}
    refused = dict(
        zip(clustering.vetoed["txid"].to_pylist(), clustering.vetoed["by"].to_pylist(), strict=True)
    )
    assert Counter(refused.values()) == {"wabisabi": 1, "whirlpool": 1, "stonewall": 1}
