"""What is left of a clustering: the lower bound and less transactions, at any block and in any order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering import Decision, MultiInput, cluster
from chainflow.clustering.change.amounts import PowerOfTenChange
from chainflow.errors import BadInput, SeedUnknown
from tests.clustering.test_cluster import at, mix, spendings, together
from tests.clustering.test_explain import paid
from tests.made import ledger


def same(one, other) -> bool:
    """Return whether two clusterings agree in groups, in what was refused and in their recipes."""
    refused = [made.refused.to_pylist() for made in (one, other)]
    return (one.digest, one.recipe.parameters, refused[0]) == (
        other.digest,
        other.recipe.parameters,
        refused[1],
    )


def test_a_lower_bound_at_a_block_and_on_a_grown_ledger_is_a_lower_bound():
    early, late = together("ann", "ben", number=7, height=90), paid()
    decided = Decision("same", at("ann"), at("shop 7"), "told so")
    owners = cluster(ledger(early, late), [MultiInput(), PowerOfTenChange()], decisions=[decided])
    assert owners.of(at("ann")) == owners.of(at("fresh")) == owners.of(at("shop 7"))
    bound = owners.lower_bound
    for made in (bound, bound.as_of(10**6), bound.update(owners.ledger), bound.lower_bound):
        assert made.of(at("ann")) not in (made.of(at("fresh")), made.of(at("shop 7")))
        assert made.recipe.parameters["mode"] == "lower-bound"
        assert same(made, bound)
    assert same(bound.as_of(90), owners.as_of(90).lower_bound)


def test_what_does_not_count_does_not_count_at_another_block_either():
    first, second = together("ann", "ben", number=1), together("ben", "cat", number=2)
    left = cluster(ledger(first, second)).without([first.txid])
    for made in (left, left.as_of(10**6), left.update(left.ledger), left.lower_bound):
        assert made.of(at("ann")) != made.of(at("ben")) == made.of(at("cat"))
        assert made.recipe.parameters["without"] == [first.txid]
        assert made.refused["by"].to_pylist() == ["veto"]
    both = left.without([second.txid])
    assert both.recipe.parameters["without"] == sorted([first.txid, second.txid])
    assert len(both) == len(both.places)


def test_a_whole_clustering_has_neither_mode_nor_omission_in_its_recipe():
    owners = cluster(ledger(mix()), veto=())
    assert not {"mode", "without"} & owners.recipe.parameters.keys()
    assert owners.without([]).recipe.digest == owners.recipe.digest
    assert owners.lower_bound.refused["by"].to_pylist() == ["contestable"]


@settings(max_examples=40, deadline=None)
@given(spendings(), st.integers(99, 106), st.data())
def test_the_bound_the_block_and_the_omission_can_be_asked_for_in_any_order(records, height, data):
    known = [record.txid for record in records if record.height is not None and record.height <= height]
    txids = data.draw(st.lists(st.sampled_from(known), max_size=2)) if known else []
    owners = cluster(ledger(*records, paid()), [MultiInput(), PowerOfTenChange()], veto=())
    answers = [
        owners.lower_bound.without(txids).as_of(height),
        owners.without(txids).as_of(height).lower_bound,
        owners.as_of(height).lower_bound.without(txids),
        owners.as_of(height).without(txids).lower_bound,
    ]
    assert all(same(answers[0], answer) for answer in answers[1:])


def test_the_bound_of_a_recorded_case_is_the_same_at_its_tip():
    owners = cluster(samples.load("colonial"), ["multi-input", "optimal-change"])
    tip = max(height for height in owners.ledger.txs["height"].to_pylist() if height is not None)
    assert same(owners.lower_bound, owners.lower_bound.update(owners.ledger))
    assert owners.lower_bound.as_of(tip).digest == owners.as_of(tip).lower_bound.digest
    assert len(owners.lower_bound) > len(owners)


def test_a_mistyped_txid_is_refused_and_another_spelling_is_understood():
    spend = together("ann", "ben", number=1)
    owners = cluster(ledger(spend))
    assert len(owners.without([spend.txid.upper()])) == len(owners.without([spend.txid])) == len(owners) + 1
    with pytest.raises(SeedUnknown, match="is not in this ledger"):
        owners.without(["ff" * 32])
    with pytest.raises(BadInput, match="put it in brackets"):
        owners.without(spend.txid)
    (what,) = owners.explain(at("ann"), at("ben")).what_if(spend.txid.upper())
    assert not what.joined


@pytest.mark.parametrize("number", [float("nan"), True, 1.5, "3", 0])
def test_what_is_no_size_of_a_quarantine_is_refused(number):
    with pytest.raises(BadInput, match="not a number of addresses for the quarantine"):
        cluster(ledger(together("ann", "ben", number=1)), quarantine=number)


@pytest.mark.parametrize("veto", [5, "ff" * 32])
def test_a_veto_that_is_no_collection_is_refused(veto):
    with pytest.raises(BadInput, match="not a collection of txids"):
        cluster(ledger(together("ann", "ben", number=1)), veto=veto)


@pytest.mark.parametrize("finding", [("a",), "ab", 5, ["a", "b", "c"]])
def test_a_finding_that_is_no_pair_is_refused(finding):
    with pytest.raises(BadInput, match="not a finding"):
        cluster(ledger(together("ann", "ben", number=1))).survives({"x": finding})
