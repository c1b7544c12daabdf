"""The documentation says what the code does: examples run, every public name and command is described."""

from __future__ import annotations

import doctest
import importlib
import pathlib
import pkgutil
import re
import tomllib

import pytest

import chainflow
from chainflow import errors
from chainflow.cli.group import commands
from chainflow.sources.pace import RATES

ROOT = pathlib.Path(__file__).parent.parent
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(chainflow.__path__, "chainflow.")
    if not info.name.endswith("__main__")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SOURCES = (ROOT / "docs" / "concepts" / "sources.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name):
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert found.failed == 0


@pytest.mark.parametrize("name", [name for name in chainflow.__all__ if not name.startswith("_")])
def test_every_public_name_is_in_the_reference_and_documented(name):
    assert f"`cf.{name}" in REFERENCE
    assert getattr(chainflow, name).__doc__


@pytest.mark.parametrize(
    ("room", "name"),
    [
        (room, name)
        for room in ("clustering", "patterns")
        for name in importlib.import_module(f"chainflow.{room}").__all__
    ],
)
def test_every_public_name_of_clustering_and_patterns_is_in_the_reference(room, name):
    title = {"clustering": "Who belongs together", "patterns": "Shapes of transactions"}[room]
    part = REFERENCE.split(f"## {title}\n")[1].split("\n## ")[0]
    assert re.search(rf"`(cf\.)?{name}[`(.]", part) or f"`cf.{name}" in REFERENCE


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_and_option_is_in_the_reference_and_teaches(name):
    row = next(line for line in REFERENCE.splitlines() if line.startswith(f"| `chainflow {name}"))
    command = commands.commands[name]
    assert command.help
    for option in (
        o for o in command.params if o.param_type_name == "option" and not isinstance(o.default, type)
    ):
        assert option.help
        assert option.opts[-1] in row, option.opts


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_in_the_tree_at_the_top_of_its_module(name):
    assert re.search(rf"[ ─]{name}\b|^    {name}$", errors.__doc__, re.M)
    assert issubclass(getattr(errors, name), errors.ChainflowError)


def test_the_rooms_are_the_floors_that_are_checked():
    table = ARCHITECTURE.split("## Rooms")[1].split("\n\n")[0]
    rooms = [set(re.findall(r"`([^`]+)`", line.split("|")[1])) for line in table.splitlines()[3:]]
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    assert rooms == [set(floor.split(" | ")) for floor in reversed(floors)]


@pytest.mark.parametrize("group", sorted(PROJECT["project"]["entry-points"]))
def test_the_plug_ins_that_are_listed_are_those_there_are(group):
    row = next(line for line in ARCHITECTURE.splitlines() if line.startswith(f"| `{group}`"))
    assert set(re.findall(r"`([^`]+)`", row.split("|")[3])) == set(PROJECT["project"]["entry-points"][group])


@pytest.mark.parametrize("family", sorted(PROJECT["project"]["entry-points"]["chainflow.sources"]))
def test_every_source_is_in_the_overview_with_its_page(family):
    rows = [line for line in SOURCES.splitlines() if line.startswith(f"| `{family}` |")]
    assert any(re.search(r"\]\(\S+\.md\) \|$", row) for row in rows)
    assert f"`{family}`" in REFERENCE


def test_every_page_about_a_source_is_linked_from_the_overview():
    pages = {path.name for path in (ROOT / "docs" / "sources").glob("*.md")}
    assert pages <= set(re.findall(r"\]\(\.\./sources/([^)]+)\)", SOURCES))


@pytest.mark.parametrize("host", sorted(RATES))
def test_every_rate_that_is_kept_is_told(host):
    assert f"`{host}`" in SOURCES or f"`*.{host.partition('.')[2]}`" in SOURCES


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sample_data").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_unknown_names_are_refused_like_anywhere_in_python():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        chainflow.nothing  # noqa: B018
    assert set(dir(chainflow)) == set(chainflow.__all__)


def test_the_picture_in_the_readme_is_what_the_code_draws():
    facts, ledger = chainflow.samples.facts("colonial"), chainflow.samples.load("colonial")
    trail = chainflow.trace(ledger, facts["share"]["seed"], "fifo")
    title = "The 63.70 BTC of 28 May 2021, forward (FIFO)"
    figure = chainflow.draw(trail, ledger=ledger, tags=chainflow.samples.tags("colonial"), title=title)
    assert figure.render("svg") == (ROOT / "docs" / "img" / "colonial.svg").read_bytes()
