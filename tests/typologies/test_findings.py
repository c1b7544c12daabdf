"""Findings say what was looked for, with what, what was left out, and how often that is found anyway."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chainflow import samples
from chainflow.errors import BadInput
from chainflow.ledger import build
from chainflow.typologies import FLAGS, KINDS, base_rates, find
from chainflow.typologies.hits import BaseRate
from chainflow.typologies.kinds import PATTERNS
from chainflow.typologies.measured import FILE, rates_in
from chainflow.typologies.measuring import measure, populations
from tests.clustering.account_made import ledger as accounts
from tests.clustering.account_made import pay

CRIMES = re.compile(r"launder|crim|illicit|fraud|scam|mule|suspic|dirty|theft|stolen", re.I)


def test_hits_come_in_one_order_with_one_digest():
    ledger = samples.load("regtest")
    one, other = find(ledger), find(ledger, KINDS[::-1])
    assert one.hits == other.hits
    assert one.digest == other.digest
    assert one.recipe.digest == other.recipe.digest
    order = [(KINDS.index(hit.kind), hit.chain, hit.first_height) for hit in one]
    assert order == sorted(order)


def test_every_hit_has_its_parameters_its_doubts_and_no_word_for_a_crime():
    for hit in find(samples.load("regtest")):
        assert set(hit.parameters) == set(PATTERNS[hit.kind].parameters)
        assert hit.against
        assert not CRIMES.search(" ".join((hit.reading, *hit.against)))
        assert hit.txids
        assert hit.first_height <= hit.last_height


def test_the_base_rate_is_that_of_the_parameters_that_were_measured():
    ledger = samples.load("regtest")
    assert "per 1,000" in find(ledger, ["peel-chain"]).hits[0].base_rate
    assert find(ledger, ["peel-chain"], peel_ratio=6).hits[0].base_rate == "not measured"
    assert find(ledger, ["fan-out"], coinjoins=()).hits[0].base_rate == "not measured"


def test_what_was_measured_on_coins_says_nothing_of_accounts():
    rows = [pay(f"payer {n}", "shop", 5 + n, n) for n in range(1, 11)]
    (hit,) = find(accounts(*rows), ["fan-in"])
    assert (hit.rates, hit.base_rate) == ((), "not measured")


def test_the_figures_that_are_shipped_can_be_counted_again():
    regtest = next(one for one in populations() if one.name.startswith("regtest"))
    shipped = rates_in(FILE.read_text(encoding="utf-8"))
    assert measure(regtest) == [rate for rate in shipped if rate.population == regtest.name]


def test_the_figures_are_of_these_ledgers():
    places = {
        one["population"]: one.get("ledger") for one in json.loads(FILE.read_text("utf-8"))["populations"]
    }
    for one in populations():
        assert places[one.name] == one.ledger.digest


def test_every_pattern_has_a_figure_or_says_that_it_has_none():
    for kind in KINDS:
        assert base_rates(kind)
    assert base_rates("dormant")[0].text.startswith("not measured on")


def test_a_rate_has_numerator_denominator_population_and_interval():
    rate = BaseRate("fan-in", 1, 50, "transactions", "somewhere", "2025-01-01", "again")
    assert rate.text == "1 hit in 50 transactions, 20.0 per 1,000; 95 %: 3.5 to 105.0 (somewhere, 2025-01-01)"
    assert BaseRate("fan-in", 60, 50, "transactions", "", "", "").interval is None


def test_a_finding_is_a_frame_and_a_card_that_say_the_same():
    found = find(samples.load("colonial"))
    frame = found.to_pandas()
    assert list(frame["kind"]) == [hit.kind for hit in found]
    assert str(frame["first_time"].dt.tz) == "UTC"
    page = found._repr_html_()
    assert "prove nothing" in page
    assert "not looked for: needs threshold=" in page
    assert all(hit.reading[:40] in page for hit in found.hits[:3])


def test_an_empty_ledger_has_no_pattern_and_says_of_how_many_transactions():
    found = find(build(()))
    assert (len(found), found.transactions, len(found.to_pandas())) == (0, 0, 0)
    assert repr(found) == "<Findings 0 in 0 transactions>"


@pytest.mark.parametrize(
    ("kinds", "parameters", "words"),
    [
        (["theft"], {}, "no pattern 'theft'"),
        ("cycle", {}, "not one text"),
        (None, {"depth": 3}, "no parameter 'depth'"),
        (None, {"degree": 1}, "degree"),
        (None, {"hours": 0.5}, "hours"),
        (["structuring"], {"threshold": 0.1}, "not a threshold"),
        (["structuring"], {"threshold": -5}, "not a threshold"),
        (["structuring"], {"threshold": "ten"}, "not a threshold"),
        (["deposit-sweep"], {"exchanges": "1abc"}, "list of exchange addresses"),
    ],
)
def test_wrong_questions_are_refused(kinds, parameters, words):
    with pytest.raises(BadInput, match=re.escape(words)):
        find(samples.load("colonial"), kinds, **parameters)


def test_every_pattern_and_indicator_has_its_page():
    folder = Path(__file__).parents[2] / "docs" / "typologies"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    for kind in KINDS:
        page = (folder / f"{kind}.md").read_text(encoding="utf-8")
        assert f"({kind}.md)" in listed
        assert f"({PATTERNS[kind].id})" in page.splitlines()[0]
        for parameter in PATTERNS[kind].parameters:
            assert re.search(rf"`{parameter}[`=]|× {parameter}`|{parameter}=", page + listed), parameter
    indicators = (folder / "indicators.md").read_text(encoding="utf-8")
    assert all(f"| `{flag}` |" in indicators for flag in FLAGS)
