"""Simulated wallets and the played regtest run: what their truth says is so."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from chainflow import samples
from chainflow.clustering import cluster, difference, evaluate
from chainflow.errors import BadInput
from chainflow.patterns import coinjoins
from chainflow.samples.town import SOFTWARE, Town
from chainflow.wire import parse_transaction
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def simulation():
    return samples.simulated_wallets()


def payers(ledger, owners, txid):
    (row,) = ledger.index.tx_rows(txid)
    return {owners[ledger.index.label_of(output)] for output in ledger.index.inputs_of(row).tolist()}


def test_every_transaction_hashes_and_every_address_has_an_owner_and_a_role(simulation):
    assert simulation.ledger.verified == (len(simulation.ledger),) * 2
    addresses = {address for address in simulation.ledger.outputs["address"].to_pylist() if address}
    assert addresses == set(simulation.truth.owners) == set(simulation.truth.roles)
    assert set(simulation.truth.roles.values()) == {"receive", "change", "deposit", "hot", "mix"}
    assert len(simulation.ledger) > 500


def test_transactions_of_several_owners_are_exactly_those_that_are_named(simulation):
    several = {
        txid
        for txid, is_coinbase in zip(
            simulation.ledger.index.txids, simulation.ledger.index.is_coinbase, strict=True
        )
        if not is_coinbase and len(payers(simulation.ledger, simulation.truth.owners, txid)) > 1
    }
    assert several == set(simulation.joint)
    assert set(simulation.joint.values()) == {"joinmarket", "payjoin", "wabisabi", "whirlpool"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_detectors_find_all_mixes_by_their_family_and_nothing_else(seed):
    made = samples.simulated_wallets(seed)
    mixes = {txid: kind for txid, kind in made.joint.items() if kind != "payjoin"}
    assert {txid: verdict.family for txid, verdict in coinjoins(made.ledger).items()} == mixes


def test_the_same_seed_makes_the_same_bytes_in_another_process(simulation):
    program = "from chainflow import samples; print(samples.simulated_wallets().ledger.digest)"
    environment = {"PYTHONHASHSEED": "11", "PATH": ""}
    said = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert said.stdout.strip() == simulation.ledger.digest
    assert (
        samples.simulated_wallets(2, rounds=1).ledger.digest
        != samples.simulated_wallets(3, rounds=1).ledger.digest
    )


def test_wallets_differ_as_their_software_says(simulation):
    index, owners = simulation.ledger.index, simulation.truth.owners
    versions: dict[str, set[int]] = {}
    for txid, raw in zip(index.txids, simulation.ledger.txs["raw"].to_pylist(), strict=True):
        said = payers(simulation.ledger, owners, txid)
        if len(said) == 1:
            versions.setdefault(said.pop().split()[0], set()).add(parse_transaction(raw).version)
    for kind in ("legacy", "phone", "reusing"):
        assert versions[kind] == {1} == {SOFTWARE[kind].habits.version}
    assert versions["taproot"] == {2}


def test_a_wallet_that_reuses_pays_its_change_back_to_where_it_spent_from(simulation):
    index, owners = simulation.ledger.index, simulation.truth.owners
    assert "change" not in {
        simulation.truth.roles[a] for a, owner in owners.items() if owner.startswith("reusing")
    }
    seen = Counter(index.label_of(row) for row in range(index.n_outputs))
    assert max(seen[a] for a, owner in owners.items() if owner.startswith("reusing")) > 3


def test_nobody_lives_in_a_town_by_another_name():
    with pytest.raises(BadInput, match="nobody called"):
        Town("t", 1, {"Ann": "node"}).address("Ben")


def test_the_regtest_run_is_twelve_wallets_of_a_real_node():
    made, truth = samples.load("regtest"), samples.truth("regtest")
    assert (made.chain, made.verified[0], len(set(truth.owners.values()))) == ("ltc-regtest", len(made), 12)
    assert {address for address in made.outputs["address"].to_pylist() if address} == set(truth.owners)
    assert set(truth.roles.values()) == {"receive", "change"}
    assert set(made.outputs["spend_state"].to_pylist()) == {"spent", "unspent"}
    assert len(coinjoins(made)) == 2
    assert all(len(payers(made, truth.owners, txid)) == 4 for txid in coinjoins(made))
    assert sum(file.stat().st_size for file in samples.path("regtest").iterdir()) < 600_000


def test_the_truth_of_the_training_case_is_that_of_its_lesson():
    assert dict(samples.truth("training").owners) == dict(samples.training_case().truth)


def test_nobody_knows_whose_the_addresses_of_a_public_case_are():
    with pytest.raises(BadInput, match="nobody knows"):
        samples.truth("colonial")
    with pytest.raises(BadInput, match="no sample case"):
        samples.truth("none")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_coinjoin_day_makes_one_cluster_of_ten_wallets(seed):
    day = samples.coinjoin_day(seed)
    naive = cluster(day.ledger, veto=(), quarantine=None)
    before, after = naive.as_of(day.before), naive.as_of(day.after)
    assert evaluate(before, day.truth).merged == ()
    sizes = list(before.sizes.values())[:10]
    assert all(9 <= size <= 20 for size in sizes)
    largest = next(iter(after.sizes))
    assert dict(evaluate(after, day.truth).merged)[largest] == (
        *("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gita", "Hugo", "Ida", "Jan"),
        "Shop",
    )
    alarms = after.alarms(most=100)
    assert {alarm.kind for alarm in alarms} == {"super-cluster", "coinjoin", "single-bridge"}
    assert alarms[1].cluster == largest
    assert set(alarms[1].txids) < set(day.joint)
    bridges = [alarm for alarm in alarms if alarm.kind == "single-bridge"]
    assert alarms._repr_html_().count("falls apart into") == len(bridges) > 0
    (change,) = difference(before, after).merged
    assert " single addresses became " in change.sentence
    assert change.sentence.count("bcrt1") == 4
    assert set(change.links["txid"].to_pylist()) < set(day.joint)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_the_coinjoin_day_only_the_payjoin_deceives_the_default(seed):
    day = samples.coinjoin_day(seed)
    found = coinjoins(day.ledger)
    (payjoin,) = set(day.joint) - set(found)
    assert {txid: verdict.family for txid, verdict in found.items()} | {payjoin: "payjoin"} == day.joint
    owners = cluster(day.ledger)
    assert [who for _, who in evaluate(owners, day.truth).merged] == [("Jan", "Shop")]
    assert evaluate(owners.lower_bound, day.truth).merged == ()


def test_the_coinjoin_day_is_the_same_twice_and_another_with_another_seed():
    one, again, other = (samples.coinjoin_day(seed) for seed in (1, 1, 2))
    assert one.ledger.digest == again.ledger.digest != other.ledger.digest
    assert one.ledger.verified == (len(one.ledger),) * 2
    assert {address for address in one.ledger.outputs["address"].to_pylist() if address} == set(
        one.truth.owners
    )
    heights = dict(zip(one.ledger.index.txids, one.ledger.txs["height"].to_pylist(), strict=True))
    assert {one.before < heights[txid] <= one.after for txid in one.joint} == {True}
    assert "2 joinmarket, 1 payjoin, 1 wabisabi, 1 whirlpool" in one._repr_html_()
