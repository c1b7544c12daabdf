"""Which conclusions survive with each rule off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from chainflow import samples
from chainflow.clustering import Constraint, Decision, MultiInput, cluster
from chainflow.clustering.change.amounts import PowerOfTenChange
from chainflow.clustering.checks.survival import survival_of
from chainflow.errors import BadInput
from tests.clustering.test_cluster import at, mix, spendings, together
from tests.clustering.test_explain import paid
from tests.made import ledger


def test_a_pair_that_only_change_joins_rests_on_the_change_rule():
    owners = cluster(ledger(paid(), together("shop", "till", number=9)), [MultiInput(), PowerOfTenChange()])
    found = survival_of(
        owners, {"sender and change": (at("ann"), at("fresh")), "shop": (at("shop"), at("till"))}
    )
    assert found.rests_on("shop") == ("the rule multi-input",)
    assert found.rests_on("sender and change") == (
        "the rule power-of-ten-change",
        "all but exact and uncontested common-input links",
    )
    assert found.robust == ()


def test_a_pair_that_two_rules_join_survives_without_either():
    owners = cluster(ledger(paid(), together("ann", "fresh", number=9)), [MultiInput(), PowerOfTenChange()])
    found = survival_of(owners, {"the pair": (at("ann"), at("fresh"))})
    assert found.robust == ("the pair",)
    assert "the pair: together; this survives each omission" in found.sentence


def test_the_sentence_begins_with_what_was_found_and_lists_the_omissions_once():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    found = survival_of(owners, {"the pair": (at("ann"), at("ben")), "one": lambda made: 1})
    assert found.sentence == (
        "the pair: together; this does not survive leaving out the rule multi-input. "
        "one: 1; this survives each omission. Left out, one at a time: the rule multi-input; the veto; "
        "the quarantine; all but exact and uncontested common-input links."
    )


def test_pairs_given_to_be_kept_apart_and_known_payments_are_left_out_too():
    kept = Constraint("given", at("ann"), at("ben"), "so")
    owners = cluster(ledger(together("ann", "ben", number=1)), apart=[kept], known_payments=True)
    found = survival_of(owners, {"the pair": (at("ann"), at("ben"))})
    assert found.rests_on("the pair") == ("the pairs given to be kept apart",)
    assert "the known payments" in found.without
    assert not {"the known payments", "the pairs given to be kept apart"} & set(
        survival_of(cluster(owners.ledger), {"clusters": len}).without
    )


def test_what_survives_of_a_lower_bound_is_told_of_lower_bounds():
    owners = cluster(ledger(paid(), together("ann", "ben", number=9)), [MultiInput(), PowerOfTenChange()])
    found = owners.lower_bound.survives({"clusters": len, "change": (at("ann"), at("fresh"))})
    assert found.found["change"] == "apart"
    assert "change" in found.robust  # no omission brings the change link back
    assert found.without["the rule power-of-ten-change"]["clusters"] == len(owners.lower_bound)
    assert "all but exact and uncontested common-input links" not in found.without


def test_what_a_veto_keeps_apart_does_not_survive_without_it():
    owners = cluster(ledger(mix()))
    found = survival_of(owners, {"mixed": (at("ann"), at("ben"))})
    assert found.found == {"mixed": "apart"}
    assert found.rests_on("mixed") == ("the veto",)


def test_a_conclusion_of_any_kind_is_drawn_again():
    decided = Decision("same", at("ann"), at("ben"), "told so")
    owners = cluster(ledger(together("ann", number=1), together("ben", number=2)), decisions=[decided])
    found = survival_of(owners, {"clusters": len})
    assert "the decisions" in found.rests_on("clusters")
    table = found.to_pandas()
    assert list(table.columns) == ["without", "clusters", "clusters survives"]
    assert "Which findings survive" in found._repr_html_()
    assert repr(found) == "<Survival 0 of 1 findings survive each omission>"


def test_no_finding_and_an_unknown_one_are_refused():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    with pytest.raises(BadInput, match="no finding to test"):
        survival_of(owners, {})
    with pytest.raises(BadInput, match="no finding 'x'"):
        survival_of(owners, {"clusters": len}).rests_on("x")


@settings(max_examples=25, deadline=None)
@given(spendings())
def test_each_omission_says_what_clustering_anew_says(records):
    held = ledger(*records)
    found = survival_of(cluster(held), {"digest": lambda owners: owners.digest})
    assert found.without["the veto"]["digest"] == cluster(held, veto=()).digest
    assert found.without["the rule multi-input"]["digest"] == (
        cluster(held, [r for r in cluster(held).rules if r.name != "multi-input"]).digest
    )


def test_the_recorded_ransom_case_says_what_rests_on_common_input():
    owners = cluster(samples.load("colonial"))
    name, size = next(iter(owners.sizes.items()))
    assert size > 1
    pair = owners.members(name)[:2]
    assert "the rule multi-input" in survival_of(owners, {"pair": pair}).rests_on("pair")
