"""Owners in a case: decisions are kept, clusterings replay from the log, the report prints the error sheet."""

from __future__ import annotations

import html

import pytest

from chainflow import samples
from chainflow.case import Case
from chainflow.clustering import Kind, MultiInput
from chainflow.clustering.change.amounts import AddressTypeChange, OptimalChange, PowerOfTenChange
from chainflow.errors import BadInput, ContradictoryDecisions, SeedUnknown
from chainflow.figures import draw
from chainflow.model import Recipe
from chainflow.tags import Tags
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


@pytest.fixture
def case(folder):
    with Case(folder / "a.chainflow", offline=True) as opened:
        opened.tags += samples.tags("colonial")
        yield opened


def page_of(case: Case, folder) -> str:
    case.report(folder / "page.html")
    return (folder / "page.html").read_text(encoding="utf-8")


def test_a_decision_is_written_down_kept_and_printed(case, folder):
    decided = case.decide("same", A, B, because="both keys were found on one disk", who="J. Doe")
    assert case.decisions == (decided,)
    owners = case.cluster()
    assert owners.of(A) == owners.of(B)
    assert owners.explain(A, B).weakest.kind is Kind.ASSERTED
    text = page_of(case, folder)
    assert "both keys were found on one disk" in text
    assert "Made again on evidence that has changed" not in text


def test_the_later_decision_on_a_pair_holds_and_unsure_takes_back(case):
    case.decide("same", A, B, because="first letter")
    case.decide("different", B, A, because="second letter")
    assert case.cluster().of(A) != case.cluster().of(B)
    assert "second letter" in case.cluster().why_not(A, B).sentence
    case.decide("unsure", A, B, because="both letters are doubtful")
    assert case.cluster().decisions == ()
    assert len(case.decisions) == 3


def test_a_decision_against_what_is_decided_writes_nothing(case):
    third = next(a for a in case.ledger.index.labels if a not in (A, B))
    case.decide("same", A, B, because="one")
    case.decide("same", B, third, because="two")
    head = case.log.head
    with pytest.raises(ContradictoryDecisions):
        case.decide("different", A, third, because="three")
    with pytest.raises(SeedUnknown):
        case.decide("same", A, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", because="not here")
    with pytest.raises(BadInput, match="without a reason"):
        case.decide("same", A, third, because="  ")
    assert case.log.head == head


def test_composed_rules_and_tags_are_made_again_from_the_log(case, folder):
    rule = (OptimalChange(min_inputs=1) & AddressTypeChange()).unique
    made = case.cluster([MultiInput(), rule, PowerOfTenChange(digits=5)], quarantine=None)
    (again,) = case.material().clusterings
    assert again.is_same
    assert [r.name for r in again.owners.rules] == [r.name for r in made.rules]
    assert again.owners.rules[2].parameters == {"digits": 5}
    assert again.owners.recipe.parameters == made.recipe.parameters
    assert "power-of-ten-change" in page_of(case, folder)


def test_the_report_prints_the_error_sheet_and_the_lower_bound(case, folder):
    case.cluster(["multi-input", "consumer-change"])
    text = page_of(case, folder)
    for part in (
        "Error sheet of the rules used",
        "consumer-change 1 (CH-14, change)",
        "not measured on 0 payments of this ledger whose change was revealed later",
        "Lower bound (exact links and common spending only",
        'multi-input, see the <a href="#errors">error sheet</a>',
    ):
        assert part in text, part
    assert "/108" not in text  # so many of how many of what, where?


def test_a_pair_that_was_asked_for_stands_on_the_report_with_its_words_and_picture(case, folder):
    a, b = FACTS["explain"]
    case.cluster(["multi-input", "consumer-change"])
    why = case.explain(a, b)
    text = page_of(case, folder)
    part = html.unescape(text.partition("why are these two together?")[2].partition("<h3")[0])
    assert why.sentence in part
    (figure, *_) = why.chain[0].figures
    assert figure.text in part
    assert why.what_if()[0].sentence in part
    assert f"{a} and {b}: together; this does not survive leaving out the rule multi-input" in part
    assert draw(why).svg in text
    assert f"--explain {a} {b} --rule multi-input --rule" in text
    assert "Made again on evidence" not in text


def test_a_pair_that_is_apart_is_printed_with_why_not(case, folder):
    case.explain(A, B)
    text = html.unescape(page_of(case, folder)).partition("why are these two apart?")[2]
    assert case.cluster().why_not(A, B).sentence in text
    assert f"{A} and {B}: apart; this survives each omission" in text


def test_an_explanation_is_a_step_and_asking_again_is_a_confirmation(case):
    first = case.explain(*FACTS["explain"])
    head = case.log.head
    assert case.explain(*FACTS["explain"]) == first
    assert case.log.head == head
    (step,) = case.log.events("explain.run")
    asked = step.content["recipe"]["parameters"]
    assert asked["clustering"] == first.owners.recipe.digest
    assert [asked["a"], asked["b"]] == [first.a, first.b]
    assert case.verify().ok


def test_an_explanation_is_under_the_newest_clustering_and_todays_decisions(case):
    made = case.cluster(["multi-input", "consumer-change"], quarantine=None)
    assert case.explain(A, B).owners.recipe == made.recipe
    case.decide("same", A, B, because="letter")
    why = case.explain(A, B)
    assert why.joined
    assert [rule.name for rule in why.owners.rules] == ["multi-input", "consumer-change"]
    assert why.owners.terms.quarantine is None
    (again,) = case.material().explained[1:]  # the first was asked of the clustering without the decision
    assert again.is_same
    assert again.why == why


def test_a_clustering_that_the_case_did_not_write_down_is_not_explained_in_it(case):
    with pytest.raises(BadInput, match="not written down"):
        case.explain(A, B, owners=case.cluster().lower_bound)
    assert [*case.log.events("explain.run")] == []


def test_an_explanation_by_a_stranger_is_named_as_lost_and_not_printed(case, folder):
    case.log.step(Recipe("explain", {"a": A, "b": B, "clustering": "00" * 32}), "11" * 32)
    case.cluster()
    case.log.step(Recipe("explain", {"b": 7, "clustering": case.cluster().recipe.digest}), "11" * 32)
    text = page_of(case, folder)
    assert "the clustering that it explains is not recorded" in text
    assert "why are these two" not in text
    assert text.count("cannot be made again here") == 2


def test_a_decision_that_no_clustering_kept_to_is_printed_all_the_same(case, folder):
    case.decide("same", A, B, because="letter of 4 May")
    assert "letter of 4 May" in page_of(case, folder).partition('id="decisions"')[2].partition("</table>")[0]


# --- accounts: the exchanges of a rule are those that the tags name -----------------------------------


@pytest.fixture
def accounts(folder):
    write_accounts(folder / "eth.chainflow")
    with Case(folder / "eth.chainflow", offline=True) as made:
        yield made


def tagged(name: str, category: str) -> Tags:
    row = {"address": who(name), "label": name, "source": "made", "chain": "eth", "category": category}
    return Tags.of_rows([row])


def test_the_exchanges_of_a_rule_come_from_the_tags_and_stand_in_the_recipe(accounts):
    accounts.tags += tagged("hot", "exchange")
    owners = accounts.cluster(["deposit-reuse"])
    assert owners.of(who("ann")) == owners.of(who("ben"))
    (rule,) = owners.recipe.parameters["rules"]
    assert rule["parameters"]["exchanges"] == {who("hot"): "hot"}
    assert accounts.material().clusterings[0].is_same


def test_a_rule_without_what_it_needs_is_refused_in_words(accounts):
    accounts.tags += tagged("hot", "miner")
    with pytest.raises(BadInput, match="needs exchanges, and no tag in use"):
        accounts.cluster(["deposit-reuse"])
    with pytest.raises(BadInput, match="needs pools"):
        accounts.cluster(["pool-address"])


def test_the_report_of_a_case_of_accounts_has_clusters_pairs_and_the_error_sheet(accounts, folder):
    accounts.tags += tagged("hot", "exchange")
    accounts.cluster(["deposit-reuse"])
    accounts.explain(who("ann"), who("ben"))
    accounts.decide("different", who("ann"), who("hot"), because="a letter")
    text = page_of(accounts, folder)
    for part in (
        '<h2 id="traces">3 Traces',
        "No trace was run",
        '<h2 id="clusters">5 Clusters',
        "why are these two together?",
        "clusters: deposit-reuse",
        "Error sheet of the rules used",
        "a letter",
    ):
        assert part in text, part


def test_rerunning_a_cell_with_decisions_is_a_confirmation(case):
    case.decide("same", A, B, because="one")
    case.cluster()
    head = case.log.head
    case.cluster()
    assert case.log.head == head
    assert case.verify().ok
