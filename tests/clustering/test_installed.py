"""Installed rules: a plug-in that cannot be loaded stops nobody and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainflow import registry
from chainflow.clustering import cluster, rule_sheet
from chainflow.clustering.change.ballots import Ballots
from chainflow.clustering.error_rates.calibration import calibrate
from chainflow.clustering.rules import GROUP, Kind, about, installed
from chainflow.errors import PluginError
from tests.clustering.test_cluster import together
from tests.made import ledger


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a package whose rule cannot be imported; return the rule's name."""
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nstrange-rule = no_such_module:Rule\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "strange-rule"


def test_every_installed_rule_is_usable_or_needs_to_be_told_something():
    known = installed()
    assert known.unusable == {}
    assert {*known.untold, *(rule.name for rule in known.rules)} == set(registry.plugins(GROUP))


@pytest.mark.parametrize("kind", list(Kind))
def test_rules_of_a_kind_are_those_of_that_kind(kind):
    known = installed(kind)
    assert {about(rule).kind for rule in (*known.rules, *known.untold.values())} <= {kind}


def test_a_rule_that_cannot_be_loaded_is_named_wherever_all_rules_are_asked(broken):
    held = ledger(together("ann", "ben", number=1))
    assert list(installed().unusable) == [broken]
    assert Ballots.of(held, ()).unasked == (broken,)
    found = calibrate(held)
    assert "cannot be imported" in found.why_not[broken]
    assert broken in found._repr_html_()
    (row,) = (row for row in rule_sheet() if row["name"] == broken)
    assert row["title"].startswith("Cannot be used: the plug-in 'strange-rule' of strange cannot be imported")
    assert (row["error"], row.keys()) == ("not measured", rule_sheet()[0].keys())


def test_who_names_a_rule_that_cannot_be_loaded_is_refused(broken):
    with pytest.raises(PluginError, match="cannot be imported"):
        cluster(ledger(), [broken])


def test_nothing_is_unasked_where_every_change_rule_can_be_asked():
    assert Ballots.of(ledger(together("ann", "ben", number=1)), ()).unasked == ()
