"""The shell's commands about owners: cluster, decide, rules, shapes, evaluate, calibrate."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import pyarrow as pa
import pytest

from chainflow import samples
from chainflow.case import Case
from chainflow.cli import main
from chainflow.cli.measures import _calls, _figure
from chainflow.clustering import Calibration, Share, difference
from chainflow.clustering.error_rates.calibration import Calls
from chainflow.model import Recipe
from tests.clustering.account_made import who
from tests.owned import fetch_colonial, write_accounts

FACTS = samples.facts("colonial")
A, B = "35AaHAZt5Nyqfpww4fQGDUAVLFreky764R", "33EPYRGgMjEs1Vgvz2Fe8Cikc3yCSekSEK"


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    return fetch_colonial(tmp_path_factory.mktemp("case") / "colonial.chainflow")


@pytest.fixture
def folder(fetched, tmp_path):
    (tmp_path / "a.chainflow").write_bytes(fetched.read_bytes())
    return tmp_path


def run(*words: str, cwd, code: int = 0) -> str:
    """Run a command as the shell would, in this process."""
    said, found = io.StringIO(), 0
    with (
        contextlib.chdir(cwd),
        redirect_stdout(said),
        redirect_stderr(said),
        pytest.MonkeyPatch.context() as to,
    ):
        to.setattr(sys, "argv", ["chainflow", *words])
        try:
            main()
        except SystemExit as done:
            found = int(done.code or 0)
    assert found == code, said.getvalue()
    return said.getvalue()


def test_the_shell_decides_explains_and_draws(folder):
    run("decide", "a.chainflow", "same", A, B, "--because", "letter of 4 May", "--who", "J. Doe", cwd=folder)
    told = run("cluster", "a.chainflow", "--explain", A, B, "--picture", "why.svg", cwd=folder)
    assert "because: letter of 4 May" in " ".join(told.split())
    assert "letter of 4 May" in (folder / "why.svg").read_text(encoding="utf-8")
    members = FACTS["explain"]
    found = json.loads(run("cluster", "a.chainflow", "--explain", *members, "--json", cwd=folder))
    assert found["links"][0]["kind"] == "co-spend"
    assert len(found["what_if"]) == len({link["txid"] for link in found["links"]})


def test_the_shell_says_why_not_what_survives_and_what_was_known_then(folder):
    assert "no chain of links joins them" in run("cluster", "a.chainflow", "--why-not", A, B, cwd=folder)
    pair = FACTS["explain"]
    found = json.loads(run("cluster", "a.chainflow", "--survives", *pair, "--json", cwd=folder))
    by_name = {row["without"]: row["the pair"] for row in found["without"]}
    assert by_name["the rule multi-input"] == "apart"
    assert (found["found"], "does not survive" in found["sentence"]) == ("together", True)
    told = run("cluster", "a.chainflow", "--survives", *pair, cwd=folder)
    assert "With nothing left out: together." in told
    assert "this does not survive leaving out the rule multi-input" in told
    early = json.loads(run("cluster", "a.chainflow", "--as-of", "100000", "--json", cwd=folder))
    assert early["sizes"] == {}
    lower = json.loads(run("cluster", "a.chainflow", "--lower-bound", "--json", cwd=folder))
    assert max(lower["sizes"].values()) == 31
    assert "give --explain A B too" in run("cluster", "a.chainflow", "--picture", "x.svg", cwd=folder, code=2)


def test_the_shell_lists_rules_and_shapes(folder):
    rows = {row["name"]: row for row in json.loads(run("rules", "--json", cwd=folder))["rules"]}
    assert rows["multi-input"]["kind"] == "co-spend"
    assert "wrong of" in rows["multi-input"]["error"]
    assert rows["deposit-reuse"]["error"].startswith("not measured")
    assert "CH-14" in run("rules", "consumer-change", cwd=folder)
    assert "no rule 'nonsense'" in run("rules", "nonsense", cwd=folder, code=2)
    shapes = json.loads(run("shapes", "a.chainflow", "--json", cwd=folder))["shapes"]
    assert {row["family"] for row in shapes} == {"batch-payout", "consolidation"}
    only = json.loads(run("shapes", "a.chainflow", "--family", "consolidation", "--json", cwd=folder))[
        "shapes"
    ]
    assert len(only) == 1


def test_the_shell_evaluates_against_a_truth_and_names_a_bad_row(folder):
    (folder / "truth.csv").write_text(f"address,owner\n{A},one\n{B},two\n", encoding="utf-8")
    found = json.loads(run("evaluate", "a.chainflow", "--truth", "truth.csv", "--json", cwd=folder))
    assert found["figures"]
    (folder / "bad.csv").write_text("address,owner\nnonsense,one\n,two\n", encoding="utf-8")
    assert "bad.csv, line 2" in run("evaluate", "a.chainflow", "--truth", "bad.csv", cwd=folder, code=1)


def test_the_shell_says_whom_an_evaluation_does_not_know_merges_and_splits(folder):
    one, other = FACTS["explain"]
    gone = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
    rows = [(one, "ann"), (other, "ben"), (A, "ann"), (gone, "eve")]
    lines = ["address,owner", *(",".join(row) for row in rows)]
    (folder / "truth.csv").write_text("\n".join(lines), encoding="utf-8")
    text = run("evaluate", "a.chainflow", "--truth", "truth.csv", "--population", "a letter", cwd=folder)
    text = " ".join(text.split())
    for part in (
        f"1 address of the truth file is not in this ledger: {gone}.",
        "Population: a letter. Date: none is stated.",
        "(ann, ben).",
        "ann (2 clusters).",
    ):
        assert part in text, part
    options = ("--truth", "truth.csv", "--date", "2026-01-02", "--lower-bound", "--json")
    found = json.loads(run("evaluate", "a.chainflow", *options, cwd=folder))
    assert (found["unknown"], found["merged"][0][1]) == ([gone], ["ann", "ben"])
    assert found["figures"][0]["date"] == "2026-01-02"


def test_an_amount_has_no_interval_and_what_was_not_counted_is_not_measured():
    money = Share("flow recall by amount", 5, 10, "base units (btc)", "", "")
    assert _figure(money)[-2:] == ("50.00%", "no interval: amounts are no draws")
    assert _figure(replace(money, right=0, of=0))[-2:] == ("not measured", "not measured")


def test_a_rule_without_a_call_is_not_measured_and_its_silence_is_shown():
    silent, spoke = Calls("quiet", "1", 0, 0, 7), Calls("loud", "1", 3, 1, 3)
    revealed = pa.table({"txid": ["aa"] * 7})
    why = {"same": "it looks at the same evidence"}
    recipe = Recipe("calibrate", {}, ["00"])
    found = Calibration(revealed, (silent, spoke), (("same", "1"),), "", recipe, why)
    quiet, loud, same = _calls(found)
    assert quiet == ("quiet", "not measured", "not measured", "7 / 7")
    assert loud[:2] == ("loud", "1 / 4")
    assert loud[3] == "3 / 7"
    assert same[1].startswith("not measured: it looks at the same evidence")


def test_the_shell_refuses_a_shape_that_there_is_not(folder):
    assert "'nonsense' is not one of" in run(
        "shapes", "a.chainflow", "--family", "nonsense", cwd=folder, code=2
    )


def test_the_shell_says_what_exact_means(folder):
    assert "exact: the rule joins two forms of one key or script" in run("rules", cwd=folder)


def test_the_shell_shows_bridges_growth_and_what_changed_since(folder):
    member = FACTS["explain"][0]
    found = json.loads(run("cluster", "a.chainflow", "--bridges", member, "--json", cwd=folder))
    unions = json.loads(run("cluster", "a.chainflow", "--growth", "--json", cwd=folder))["unions"]
    with Case(folder / "a.chainflow", read_only=True) as held:
        owners = held.cluster()
        assert unions == owners.growth.to_pylist()
        assert found["bridges"] == [
            {"txid": b.txid, "rule": b.rule, "parts": [*b.parts]} for b in owners.bridges(member)
        ]
        since = difference(owners.as_of(685_000), owners)
    said = json.loads(run("cluster", "a.chainflow", "--since", "685000", "--json", cwd=folder))
    assert said["changes"] == [change.sentence for change in since.changes]
    assert said["new"] == [*since.new]
    assert "Unions, those of two large parts first" in run("cluster", "a.chainflow", "--growth", cwd=folder)
    two = ("--growth", "--bridges", member)
    assert "one question at a time" in run("cluster", "a.chainflow", *two, cwd=folder, code=2)


def test_parameters_of_a_rule_need_no_quotes(folder):
    options = ("--rule", "optimal-change", "--rule-option", "optimal-change:min_inputs=1")
    run(
        "cluster",
        "a.chainflow",
        *options,
        "--known-payments",
        "--min-confidence",
        "70",
        "--no-tags",
        cwd=folder,
    )
    with Case(folder / "a.chainflow", read_only=True) as held:
        (made,) = held.material().clusterings
    chosen = made.owners.recipe.parameters
    assert chosen["rules"][0]["parameters"]["min_inputs"] == 1
    assert (chosen["known_payments"], chosen["min_confidence"], chosen["tags"]) == (True, 70, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("optimal-change:min_inputs",), "not RULE:NAME=VALUE"),
        (("multi-input:x=1",), "is not named by --rule"),
        (("optimal-change:min_inputs=1", "optimal-change:min_inputs=2"), "is given twice"),
    ],
)
def test_a_parameter_of_another_form_is_refused(folder, options, words):
    given = [word for option in options for word in ("--rule-option", option)]
    assert words in run("cluster", "a.chainflow", "--rule", "optimal-change", *given, cwd=folder, code=2)


def test_the_shell_writes_the_pair_that_was_explained_into_the_case(folder):
    pair = FACTS["explain"]
    run("cluster", "a.chainflow", "--explain", *pair, "--lower-bound", cwd=folder)
    run("cluster", "a.chainflow", "--explain", *pair, "--read-only", cwd=folder)
    with Case(folder / "a.chainflow", read_only=True) as held:
        assert held.material().explained == []
    run("cluster", "a.chainflow", "--explain", *pair, cwd=folder)
    with Case(folder / "a.chainflow", read_only=True) as held:
        (made,) = held.material().explained
    assert made.is_same
    assert [made.why.a, made.why.b] == [*pair]


def test_the_shell_takes_exchanges_from_tags_or_from_options(folder):
    write_accounts(folder / "eth.chainflow")
    assert "needs exchanges" in run("cluster", "eth.chainflow", "--rule", "deposit-reuse", cwd=folder, code=1)
    given = f"deposit-reuse:exchanges.{who('hot')}=Hot"
    words = ("--rule", "deposit-reuse", "--rule-option", given, "--json")
    found = json.loads(run("cluster", "eth.chainflow", *words, cwd=folder))
    assert max(found["sizes"].values()) == 3


def test_the_shell_calibrates_and_says_when_nothing_can_be_measured(folder):
    assert "Nothing can be measured here" in run("calibrate", "a.chainflow", cwd=folder)
    assert json.loads(run("calibrate", "a.chainflow", "--json", cwd=folder))["revealed"] == 0
