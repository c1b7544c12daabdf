"""The shipped error figures: counted, never typed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from chainflow import registry
from chainflow.clustering.error_rates.measured import FILE, WITHOUT_VETO, error_figures, figures_in
from chainflow.clustering.error_rates.measuring import measure, own_rules, populations, written
from chainflow.clustering.heuristics import MultiInput
from chainflow.clustering.rules import GROUP, Kind, about
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def counted():
    return populations()


def test_measuring_again_gives_the_shipped_file(counted):
    assert written(counted, own_rules()) == FILE.read_text("utf-8"), (
        "run python -m chainflow.clustering.error_rates.measuring and read what changed"
    )


def test_the_command_writes_the_same_bytes_on_another_hash_seed(tmp_path):
    command = [
        sys.executable,
        "-m",
        "chainflow.clustering.error_rates.measuring",
        str(tmp_path / "again.json"),
    ]
    subprocess.run(command, env={"PYTHONHASHSEED": "7", "PATH": ""}, check=True, cwd=REPOSITORY)
    assert (tmp_path / "again.json").read_bytes() == FILE.read_bytes()


def test_every_installed_rule_has_a_figure_or_says_that_it_is_not_measured():
    for rule in own_rules():
        figures = error_figures(rule.name, rule.version)
        assert figures, rule.name
        assert all(figure.of > 0 or figure.text.startswith("not measured on") for figure in figures)
        if about(rule).kind is Kind.ACCOUNT:
            assert not any(figure.of for figure in figures)
    assert {rule.name for rule in own_rules()} <= set(registry.plugins(GROUP))


def test_figures_of_another_version_are_not_shown():
    assert error_figures("multi-input", "1") == error_figures("multi-input") != ()
    assert error_figures("multi-input", "0") == error_figures("of somebody else") == ()


def test_without_the_veto_common_input_is_wrong_more_often():
    with_veto, without = error_figures("multi-input"), error_figures(WITHOUT_VETO.format("multi-input"))
    assert [figure.population for figure in with_veto] == [figure.population for figure in without]
    for one, other in zip(with_veto, without, strict=True):
        assert (one.wrong, one.tier, one.unit) <= (other.wrong, "shipped", "links")
        assert one.wrong / one.of < other.wrong / other.of
        assert one.date
        assert one.reference.startswith("python -m chainflow.clustering.error_rates.measuring")


def test_the_wrong_links_of_common_input_on_simulated_wallets_are_its_payjoins(counted):
    from chainflow import samples

    simulation = samples.simulated_wallets()
    figure = measure(MultiInput(), counted[1])
    payjoins = [txid for txid, kind in simulation.joint.items() if kind == "payjoin"]
    assert figure.wrong == len(payjoins) > 0
    assert measure(MultiInput(), counted[1], veto=tuple(simulation.joint)).wrong == 0


def test_a_figure_survives_writing_and_reading(counted):
    text = written(counted[:1], [MultiInput()])
    assert figures_in(text)[0] == measure(MultiInput(), counted[0])
    assert json.loads(text)["populations"][0]["ledger"] == counted[0].ledger.digest
