"""Every rule and every shape has a page that says what it does, when it is wrong, and how to recompute it."""

from __future__ import annotations

import pathlib
import re

import pytest

from chainflow import registry
from chainflow.clustering import about, rule_sheet
from chainflow.clustering.rules import GROUP
from chainflow.patterns import SHAPES
from chainflow.patterns.families import RULES

FOLDER = pathlib.Path(__file__).parents[2] / "docs" / "rules"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md") if path.stem != "README"}
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
HEURISTICS = tuple(registry.plugins(GROUP))
OTHERS = {"anonymity-set", "boltzmann", "fingerprints", "post-mix"}
"""Pages about what links nothing and names no transaction."""


def head(page: str) -> str:
    return page.split("## Definition")[0]


def page_of_shape(name: str) -> str:
    (found,) = [
        stem
        for stem, page in PAGES.items()
        if stem not in HEURISTICS and re.search(rf"(Famil|Name).*`{re.escape(name)}`", head(page))
    ]
    return found


def row(name: str) -> list[str]:
    """Return the cells of the index's only row about a rule or shape."""
    (line,) = [line for line in INDEX.splitlines() if re.match(rf"\| [^|]+ \| \[`{re.escape(name)}`\]", line)]
    return [cell.strip() for cell in line.strip("|").split("|")]


def ids(page: str) -> list[str]:
    """Return the numbers at the end of a page's title."""
    return re.search(r"^# .+ \(([^()]+)\)$", page.splitlines()[0])[1].split(", ")


@pytest.mark.parametrize("said", rule_sheet(), ids=lambda said: said["name"])
def test_the_error_sheet_leads_to_a_page_that_has_the_number_of_the_rule(said):
    assert said["page"] == f"docs/rules/{said['name']}.md"
    assert said["id"] in ids(PAGES[said["name"]])


@pytest.mark.parametrize("name", HEURISTICS)
def test_every_rule_stands_in_the_index_with_number_and_kind_and_is_asked_from_the_first_block(name):
    said = about(registry.load(GROUP, name))
    number, link, _, kind, source = row(name)
    assert (number, link, kind) == (said.id, f"[`{name}`]({name}.md)", said.kind)
    assert source
    assert "from the first block on" in " ".join(INDEX.split())
    assert not said.active_from


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_one_page_and_stands_in_the_index(name):
    stem = page_of_shape(name)
    number, link, *_ = row(name)
    assert link == f"[`{name}`]({stem}.md)"
    assert set(number.split(", ")) <= set(ids(PAGES[stem]))


@pytest.mark.parametrize("family", RULES.values(), ids=lambda family: family.name)
def test_the_index_has_number_and_first_block_of_every_coinjoin_family(family):
    number, _, _, _, since, _ = row(family.name)
    assert number == family.rule
    assert since.split(";")[0] == f"{family.first_block:,}"


@pytest.mark.parametrize("stem", sorted(set(PAGES) - OTHERS))
def test_every_page_of_a_rule_or_shape_has_the_same_sections(stem):
    sections = re.findall(r"^## (.+)$", PAGES[stem], re.M)
    wanted = ["Definition", "Why it holds", "When it is wrong", "Error figure", "By hand", "Sources"]
    assert sections == wanted
    assert PAGES[stem].splitlines()[1].startswith("**")


@pytest.mark.parametrize("stem", sorted(OTHERS))
def test_every_other_page_can_be_recomputed_and_names_its_sources(stem):
    assert {"By hand", "Sources"} <= set(re.findall(r"^## (.+)$", PAGES[stem], re.M))
    assert f"]({stem}.md)" in INDEX


def test_there_is_no_page_about_nothing():
    shapes = {page_of_shape(name) for name in SHAPES}
    assert set(PAGES) == {*HEURISTICS, *shapes, *OTHERS}


@pytest.mark.parametrize("stem", sorted(PAGES))
def test_every_page_is_short(stem):
    lines = PAGES[stem].splitlines()
    assert len(lines) <= 60
    assert max(len(line) for line in lines if not line.startswith("|")) <= 132
