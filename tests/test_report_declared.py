"""What the report says of when a policy was declared, which traces stand together, and how to make them again."""

from __future__ import annotations

import html
import json
import re
import shlex
import sys

import pytest

import chainflow as cf
from chainflow import samples
from chainflow.cli import main
from chainflow.report.declared import grouped
from chainflow.serve import Explorer
from chainflow.tracing.conversions import Conversion, Conversions, Leg

FACTS = samples.facts("colonial")
RANSOM, SEIZED, SHARE = FACTS["ransom"]["outpoint"], FACTS["seizure"]["outpoint"], FACTS["share"]["seed"]


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    path = tmp_path_factory.mktemp("case") / "a.chainflow"
    with Explorer(samples.load("colonial")) as explorer, cf.Case(path, f"esplora:{explorer.url}") as case:
        case.fetch(FACTS["addresses"])
        case.tags += samples.tags("colonial")
    return path


@pytest.fixture
def case(fetched, tmp_path):
    copy = tmp_path / "a.chainflow"
    copy.write_bytes(fetched.read_bytes())
    with cf.Case(copy, offline=True) as opened:
        yield opened


def page(case, tmp_path):
    case.report(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in text
    return text


def words(text):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def part(text, name):
    return words(text.partition(f'<h2 id="{name}">')[2].partition("<h2 id=")[0])


def test_both_entries_stand_there_with_their_times(case, tmp_path):
    case.trace(RANSOM, "fifo")
    (study,) = case.material().studies
    seq, run = study.order.entry, study.step
    said = part(page(case, tmp_path), "traces")
    found = re.search(
        r"Declared in log entry (\d+) \((.*? UTC)\), before this run; the run is log entry (\d+)", said
    )
    assert (int(found[1]), int(found[3])) == (seq, run)
    assert "Before that declaration" not in said


def test_a_run_under_another_rule_before_the_declaration_is_said(case, tmp_path):
    first = case.trace(RANSOM, "fifo")
    case.trace(RANSOM, "haircut")
    study = next(one for one in case.material().studies if one.trace.policy == "haircut")
    assert [policy for _, policy in study.order.earlier] == ["fifo"]
    assert "the same question had been run under fifo" in words(page(case, tmp_path))
    assert first.policy == "fifo"


def test_another_question_or_the_other_direction_before_the_declaration_is_none(case):
    case.trace(RANSOM, "fifo")
    case.trace(RANSOM, "haircut", direction="backward")
    case.trace(SHARE, "lifo")
    assert [one.order.earlier for one in case.material().studies] == [(), (), ()]


def test_a_run_that_no_entry_declares_is_said_to_be_so(case, tmp_path):
    found = cf.trace(case.ledger, RANSOM, "fifo", stop=case.tags.services)
    case.log.step(found.recipe, found.digest, bodies=[case.tags.services.to_json().encode()])
    text = part(page(case, tmp_path), "traces")
    assert "No entry of the log declares this policy before the run" in text
    assert "Declared in log entry" not in text


def test_only_the_same_question_is_a_comparison(case, tmp_path):
    case.trace(RANSOM, "fifo")
    case.trace(RANSOM, "haircut")  # the same question again
    case.trace(SHARE, "lifo")  # another question, under another policy
    case.trace(SHARE, "tiho")
    case.trace(SEIZED, "fifo", direction="backward")
    found = grouped(case.material().studies)
    name = {RANSOM: "ransom", SHARE: "share", SEIZED: "seized"}
    told = [
        [(name[one.trace.seeds[0]], one.trace.policy) for one in some]
        for some in (found.findings, found.others, found.comparisons)
    ]
    assert told == [
        [("ransom", "fifo"), ("seized", "fifo")],
        [("share", "lifo")],
        [("ransom", "haircut"), ("share", "tiho")],
    ]
    text = page(case, tmp_path)
    other = part(text, "other-questions")
    assert "This report holds answers to different questions under different policies (fifo, lifo)" in other
    assert "the amounts below are not to be combined" in other
    assert "under other policies. The findings rest on" in part(text, "annex")
    assert "lifo" not in part(text, "traces")


def test_without_another_question_there_is_no_such_heading(case, tmp_path):
    case.trace(RANSOM, "fifo")
    case.trace(RANSOM, "haircut")
    assert "different questions" not in page(case, tmp_path)


def test_one_sum_of_a_trace_has_one_name_on_the_page(case, tmp_path):
    trail = case.trace(RANSOM, "fifo")
    unknown = trail.money(trail.balance["unknown: not in evidence"])
    text = page(case, tmp_path)
    assert f"unknown: not in evidence {unknown}" in part(text, "traces")
    exposed = part(text, "exposure")
    assert f"unknown: not in evidence {unknown}" in exposed
    assert re.findall(r"unknown(?!: not in evidence)", exposed) == []
    assert f"fee fee {trail.money(trail.balance['fee'])}" in exposed


def test_the_daggers_are_explained_under_each_table_that_has_one(case, tmp_path):
    case.trace(SEIZED, "fifo", direction="backward", stop=())
    case.trace(SEIZED, "haircut", direction="backward", stop=())
    text = page(case, tmp_path)
    tables = [
        one
        for one in re.findall(r"<table>.*?</table>\s*(?:<p[^>]*>.*?</p>)?", text, re.S)
        if "\u202f†" in one
    ]
    assert tables
    assert all("† as the reply about the spending transaction states it" in one for one in tables)


def test_amounts_on_the_way_are_said_not_to_be_added(case, tmp_path):
    case.trace(SHARE, "fifo", stop=())
    assert "The same coins may stand in several rows: these amounts are not to be added." in page(
        case, tmp_path
    )


def test_entries_that_are_not_listed_are_counted_and_two_reports_are_the_same(case, tmp_path):
    case.draw(case.trace(RANSOM, "fifo"))
    case.note("after the picture")
    first = page(case, tmp_path)
    assert "1 entry up to log entry" in words(first)
    assert first == page(case, tmp_path)


@pytest.fixture
def choices(case):
    """Return the case with traces of all that was a remark instead of a command."""
    owners = case.cluster()
    case.trace(RANSOM, "fifo", max_cluster=2, owners=owners)
    case.trace(RANSOM, "fifo", coinjoins=(), stop=[FACTS["addresses"][0]])
    case.trace(RANSOM, "fifo", coinjoins=[RANSOM.partition(":")[0]], stop=case.tags.of("ransomware"))
    asset = cf.trace(case.ledger, RANSOM).asset
    paid, got = (Leg("btc", *one.split(":"), asset, "", 1) for one in (SHARE, SEIZED))
    said = {"kind": "swap", "evidence": "id", "reason": "as told", "source": "an analyst"}
    case.trace(SHARE, "fifo", conversions=Conversions((Conversion(paid, got, **said),)), chain="btc")
    return case


def test_the_commands_of_the_report_make_every_trace_again(choices, tmp_path, monkeypatch, capsys):
    text = html.unescape(page(choices, tmp_path))
    lines = text.partition("<pre>")[2].partition("</pre>")[0].splitlines()
    expected = [one.trace.digest for one in choices.material().studies]
    choices.close()
    assert not [line for line in lines if line.startswith("#")]
    monkeypatch.chdir(tmp_path)
    found = []
    for line in lines:
        if line.startswith(("chainflow trace", "chainflow evidence a.chainflow --raw")):
            is_trace = line.startswith("chainflow trace")
            monkeypatch.setattr(sys, "argv", [*shlex.split(line), *(["--json"] if is_trace else [])])
            main()
            said = capsys.readouterr().out
            found += [json.loads(said)["digest"]] if is_trace else []
    assert found == expected
