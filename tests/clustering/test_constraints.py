"""What keeps addresses apart: decisions, tags of different actors, known payments; and what refuses what."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering import Constraint, Decision, Kind, cluster
from chainflow.errors import AddressInvalid, BadInput, ContradictoryDecisions, PluginError, SeedUnknown
from chainflow.tags import Tags
from tests.clustering.test_cluster import CHAIN, NAMES, at, groups, mix, spendings, together
from tests.clustering.told import Told
from tests.made import ledger, origin, tx

FEW = settings(max_examples=40, deadline=None)


def tag(name: str, actor: str, confidence: str = "ownership") -> dict[str, str]:
    return {
        "address": at(name),
        "chain": CHAIN,
        "label": f"{actor}'s {name}",
        "actor": actor,
        "confidence": confidence,
        "source": f"{actor}.example",
    }


def tags(*rows: dict[str, str]) -> Tags:
    return Tags.of_rows(rows, strict=True)


def same(a: str, b: str, because: str = "they say so") -> Decision:
    return Decision("same", at(a), at(b), because)


def different(a: str, b: str, because: str = "two people") -> Decision:
    return Decision("different", at(a), at(b), because)


def test_a_decision_joins_what_no_transaction_shows():
    held = ledger(together("ann", number=1), together("ben", number=2))
    owners = cluster(held, decisions=[same("ann", "ben")])
    assert owners.of(at("ann")) == owners.of(at("ben"))
    assert owners.links.to_pylist() == [{"a": at("ann"), "b": at("ben"), "rule": "decision", "txid": ""}]
    assert owners.recipe.parameters["decisions"][0]["because"] == "they say so"


def test_a_decision_keeps_apart_what_a_transaction_joins_and_says_why():
    owners = cluster(ledger(together("ann", "ben", number=1)), decisions=[different("ann", "ben")])
    assert owners.of(at("ann")) != owners.of(at("ben"))
    (refused,) = owners.refused.to_pylist()
    assert (refused["by"], owners.vetoed.num_rows) == ("constraint", 0)
    assert refused["reason"].endswith("are kept apart (decision): decided: two people")


def test_a_decision_keeps_whole_clusters_apart():
    late = together("ben", "cat", number=3, height=101)
    held = ledger(together("ann", "ben", number=1), together("cat", "dan", number=2), late)
    owners = cluster(held, decisions=[different("ann", "dan")])
    assert groups(owners) >= {frozenset({at("ann"), at("ben")}), frozenset({at("cat"), at("dan")})}
    assert owners.refused["txid"].to_pylist() == [late.txid]


def test_the_last_decision_on_a_pair_holds_and_unsure_takes_it_back():
    held = ledger(together("ann", number=1), together("ben", number=2))
    back = Decision("unsure", at("ben"), at("ann"), "who knows")
    for decisions, joined in (
        ([same("ann", "ben"), different("ben", "ann")], False),
        ([different("ann", "ben"), same("ben", "ann")], True),
        ([same("ann", "ben"), back], False),
    ):
        owners = cluster(held, decisions=decisions)
        assert (owners.of(at("ann")) == owners.of(at("ben"))) is joined
    assert owners.decisions == ()


def test_decisions_that_contradict_each_other_through_a_chain_are_refused_with_the_chain():
    held = ledger(*(together(name, number=n) for n, name in enumerate(("ann", "ben", "cat"), 1)))
    decisions = [same("ann", "ben"), same("ben", "cat"), different("ann", "cat")]
    with pytest.raises(ContradictoryDecisions) as error:
        cluster(held, decisions=decisions)
    ann, ben, cat = map(at, ("ann", "ben", "cat"))
    assert f"{ann} = {ben} (decision), {ben} = {cat} (decision)" in error.value.message
    assert "unsure" in error.value.hint


def test_a_decision_against_an_exact_link_is_refused_and_one_against_a_guess_is_not():
    one = together("ann", number=1)
    other = together("ben", number=2)
    rows = ((at("ann"), at("ben"), one.txid),)
    with pytest.raises(ContradictoryDecisions, match="told"):
        cluster(ledger(one, other), [Told(rows, Kind.EXACT)], decisions=[different("ann", "ben")])
    for kind in (Kind.CO_SPEND, Kind.CHANGE, Kind.ACCOUNT):
        owners = cluster(ledger(one, other), [Told(rows, kind)], decisions=[different("ann", "ben")])
        assert owners.refused["by"].to_pylist() == ["constraint"]


def test_decisions_about_what_is_not_in_the_ledger_are_refused():
    held = ledger(together("ann", "ben", number=1))
    with pytest.raises(SeedUnknown):
        cluster(held, decisions=[same("ann", "zoe")])
    with pytest.raises(AddressInvalid):
        cluster(held, decisions=[Decision("same", at("ann"), "zoe", "why not")])


def test_a_decision_never_joins_two_chains():
    held = ledger(together("ann", number=1, chain="btc"), together("ben", number=2, chain="ltc"))
    pair = (at("ann", chain="btc"), at("ben", chain="ltc"))
    with pytest.raises(BadInput, match="on two chains"):
        cluster(held, decisions=[Decision("same", *pair, "one person")])


def test_tags_of_different_actors_keep_their_clusters_apart():
    late = together("x", "y", number=3, height=101)
    held = ledger(together("ann", "x", number=1), together("ben", "y", number=2), late)
    said = tags(tag("ann", "shop"), tag("ben", "bank"))
    owners = cluster(held, tags=said)
    assert groups(owners) >= {frozenset({at("ann"), at("x")}), frozenset({at("ben"), at("y")})}
    (refused,) = owners.refused.to_pylist()
    assert refused["txid"] == late.txid
    assert "'bank' says bank.example" in refused["reason"]
    assert "'shop' says shop.example" in refused["reason"]


@pytest.mark.parametrize(
    "rows",
    [
        [tag("ann", "shop"), tag("ben", "shop")],
        [tag("ann", "shop"), tag("ben", "bank", "web_crawl")],
        [tag("ann", "shop"), tag("ben", "bank", "")],
        [tag("ann", "shop"), tag("ben", "")],
    ],
    ids=["one actor", "low confidence", "no confidence", "no actor"],
)
def test_other_tags_constrain_nothing(rows):
    owners = cluster(ledger(together("ann", "ben", number=1)), tags=tags(*rows))
    assert owners.of(at("ann")) == owners.of(at("ben"))


def test_the_least_confidence_is_a_parameter():
    said = tags(tag("ann", "shop"), tag("ben", "bank", "web_crawl"))
    owners = cluster(ledger(together("ann", "ben", number=1)), tags=said, min_confidence=20)
    assert owners.of(at("ann")) != owners.of(at("ben"))


def test_decisions_and_exact_links_overrule_tags():
    one, other = together("ann", number=1), together("ben", number=2)
    said = tags(tag("ann", "shop"), tag("ben", "bank"))
    by_hand = cluster(ledger(one, other), tags=said, decisions=[same("ann", "ben")])
    exact = cluster(ledger(one, other), [Told(((at("ann"), at("ben"), one.txid),), Kind.EXACT)], tags=said)
    for owners in (by_hand, exact):
        assert owners.of(at("ann")) == owners.of(at("ben"))
        assert [alarm.kind for alarm in owners.alarms()] == ["several-actors"]


def test_a_constraint_of_the_callers_own_is_kept_and_recorded():
    apart = [Constraint("given", at("ann"), at("ben"), "the court said so")]
    owners = cluster(ledger(together("ann", "ben", number=1)), apart=apart)
    assert "the court said so" in owners.refused["reason"][0].as_py()
    assert owners.recipe.parameters["apart"] == [apart[0].as_dict()]
    assert owners.why_not(at("ann"), at("ben")).separations == (apart[0].sentence,)


def test_an_address_is_not_kept_apart_from_itself():
    held = ledger(together("ann", "ben", number=1))
    with pytest.raises(BadInput, match="apart from itself"):
        cluster(held, apart=[Constraint("given", at("ann"), at("ann").upper(), "so")])
    with pytest.raises(BadInput, match="and itself"):
        cluster(held, decisions=[Decision("same", at("ann"), at("ann").upper(), "so")])


def test_a_known_payment_refuses_a_change_link_to_the_payee_only_when_asked():
    paid = tx([origin(9_000, "ann")], [(5_000, "ben"), (3_900, "ann")], height=100)
    later = together("ann", number=2, height=101, pays="x")
    rule = Told(((at("ann"), at("ben"), later.txid),), Kind.CHANGE)
    for asked, joined in ((False, True), (True, False)):
        owners = cluster(ledger(paid, later), [rule], known_payments=asked)
        assert (owners.of(at("ann")) == owners.of(at("ben"))) is joined
    assert f"paid {at('ben')} in {paid.txid}" in owners.refused["reason"][0].as_py()


def test_a_known_payment_refuses_no_common_input():
    paid = tx([origin(9_000, "ann")], [(5_000, "ben"), (3_900, "ann")], height=100)
    both = together("ann", "ben", number=2, height=101)
    owners = cluster(ledger(paid, both), known_payments=True)
    assert owners.of(at("ann")) == owners.of(at("ben"))


def test_two_change_rules_that_disagree_tell_no_payment():
    paid = tx([origin(9_000, "ann")], [(5_000, "ben"), (3_900, "cat")], height=100)
    rules = [
        Told(((at("ann"), at(name), paid.txid),), Kind.CHANGE, name=f"says {name}") for name in ("ben", "cat")
    ]
    assert cluster(ledger(paid), rules, known_payments=True).refused.num_rows == 0
    assert len(cluster(ledger(paid), rules[:1], known_payments=True).constraints.payments) == 1


def test_surer_links_come_first_whatever_rule_is_named_first():
    one, other = together("ann", "ben", number=1), together("ben", "cat", number=2)
    guess = Told(((at("ann"), at("cat"), one.txid),), Kind.CHANGE)
    for rules in ([guess, "multi-input"], ["multi-input", guess]):
        owners = cluster(ledger(one, other), rules, decisions=[different("ann", "cat")])
        assert owners.links["rule"].to_pylist() == ["multi-input"]
        assert sorted(owners.refused["rule"].to_pylist()) == ["multi-input", "told"]


@pytest.mark.parametrize(
    ("kind", "joined"),
    [(Kind.EXACT, True), (Kind.ACCOUNT, True), (Kind.CO_SPEND, False), (Kind.CHANGE, False)],
)
def test_coinjoins_veto_guesses_and_never_exact_links(kind, joined):
    owners = cluster(ledger(mix()), [Told(((at("ann"), at("ben"), mix().txid),), kind)])
    assert (owners.of(at("ann")) == owners.of(at("ben"))) is joined


def test_a_batch_payout_vetoes_change_and_not_common_input():
    pays = [(1_000 + 7 * n, f"customer {n}") for n in range(11)]
    payout = tx([origin(50_000, "ann"), origin(40_000, "ben", number=2)], pays)
    for kind, by in ((Kind.CHANGE, ["batch-payout"]), (Kind.CO_SPEND, [])):
        owners = cluster(ledger(payout), [Told(((at("ann"), at("customer 0"), payout.txid),), kind)])
        assert owners.refused["by"].to_pylist() == by


def test_a_rule_may_not_sign_as_a_decision():
    rule = Told(((at("ann"), at("ben"), ""),), name="decision")
    with pytest.raises(PluginError, match="not of the agreed form"):
        cluster(ledger(together("ann", "ben", number=1)), [rule])


verdicts = st.lists(st.tuples(st.booleans(), st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=4)


@FEW
@given(spendings(), verdicts, st.data())
def test_nothing_that_is_kept_apart_is_together_and_every_refusal_was_needed(records, said, data):
    held = ledger(*records)
    known = set(held.index.labels)
    pairs = [(is_same, at(a), at(b)) for is_same, a, b in said if a != b and {at(a), at(b)} <= known]
    decisions = [Decision("same" if is_same else "different", a, b, "so") for is_same, a, b in pairs]
    actors = data.draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from("XYZ"), max_size=4))
    said_by = tags(*(tag(name, actor) for name, actor in actors.items()))
    try:
        owners = cluster(held, decisions=decisions, tags=said_by)
    except ContradictoryDecisions:
        return
    for decision in owners.decisions:
        joined = owners.of(decision.a) == owners.of(decision.b)
        assert joined is (decision.verdict == "same")
    if not any(decision.verdict == "same" for decision in owners.decisions):
        for group in groups(owners):
            assert len({actor for name, actor in actors.items() if at(name) in group}) <= 1
        # a decision may put two actors into one cluster: then it takes in what was refused before
        for row in owners.refused.to_pylist():
            if row["by"] == "constraint":
                assert owners.of(row["a"]) != owners.of(row["b"])
    free = cluster(held)
    if not decisions and len(set(actors.values())) < 2:
        assert free.digest == owners.digest
