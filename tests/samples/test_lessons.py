"""Lessons and their grades: the story holds what it says, and a grade counts pairs."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainflow as cf
from chainflow import samples, schema
from chainflow.errors import BadInput, SeedUnknown
from chainflow.model import Recipe
from chainflow.samples.lantern import OPERATOR
from chainflow.samples.lessons import Lesson, WrongLink


@pytest.fixture(scope="module")
def lantern() -> Lesson:
    return samples.training_case()


def clusters(of, links=(), known=None) -> SimpleNamespace:
    """Return a made-up clustering: `of` maps addresses to names."""

    def name(address: str) -> str:
        if known is not None and address not in known:
            raise SeedUnknown(address)
        return of(address)

    table = schema.rows_to_table(list(links), schema.LINKS)
    return SimpleNamespace(of=name, links=table, recipe=Recipe("cluster", {}))


def common_spending(lesson: Lesson, *, veto: frozenset[str] = frozenset()) -> SimpleNamespace:
    """Return the plainest clustering: whoever spends together is one, except in vetoed transactions."""
    index, parent = lesson.ledger.index, {address: address for address in lesson.truth}
    links = []

    def root(address: str) -> str:
        while parent[address] != address:
            address = parent[address]
        return address

    for tx, txid in enumerate(index.txids):
        first, *others = [index.label_of(row) for row in index.inputs_of(tx).tolist()] or [""]
        for other in others:
            if txid not in veto:
                parent[root(other)] = root(first)
                links.append((first, other, "multi-input", txid))
    return clusters(root, links)


# --- the training case


def test_the_training_case_is_of_the_promised_size(lantern):
    assert 40 <= len(lantern.ledger) <= 60
    assert len(set(lantern.truth.values())) == 12
    assert set(lantern.truth) == {a for a in lantern.ledger.outputs["address"].to_pylist() if a}


def test_with_the_veto_nobody_is_put_together_with_somebody_else(lantern):
    grade = lantern.grade(common_spending(lantern, veto=frozenset({lantern.answers["coinjoin"]})))
    assert (grade.is_right, grade.false, grade.merged, grade.wrong_links) == (True, 0, (), ())
    assert grade.true > 80


def test_without_the_veto_the_operator_is_put_together_with_four_strangers(lantern):
    grade = lantern.grade(common_spending(lantern))
    assert grade.merged == (("Joiner A", "Joiner B", "Joiner C", "Joiner D", OPERATOR),)
    assert {link.txid for link in grade.wrong_links} == {lantern.answers["coinjoin"]}
    assert not grade.is_right


def test_the_coinjoin_is_found_and_nothing_else_is_taken_for_one(lantern):
    found = cf.patterns.coinjoins(lantern.ledger)
    assert dict(found.families) == {"joinmarket": 1}
    assert list(found) == [lantern.answers["coinjoin"]]


def test_the_coinjoin_has_five_owners_and_five_equal_outputs(lantern):
    index = lantern.ledger.index
    row = index.txids.index(lantern.answers["coinjoin"])
    assert len({lantern.truth[index.label_of(given)] for given in index.inputs_of(row).tolist()}) == 5
    values = Counter(index.value[index.outputs_of(row)].tolist())
    assert values.most_common(1) == [(500_000_000, 5)]
    assert len(values) == 6


def test_the_cautious_preset_is_right_about_the_training_case(lantern):
    grade = lantern.grade(cf.cluster(lantern.ledger))
    assert (grade.is_right, grade.unseen) == (True, 0)
    assert not lantern.grade(cf.cluster(lantern.ledger, veto=())).is_right


def test_the_three_policies_end_differently(lantern):
    services = lantern.tags.of("exchange")
    ends = [
        cf.trace(lantern.ledger, lantern.seed, p, stop=services).balance
        for p in ("fifo", "haircut", "poison")
    ]
    assert len({balance["unspent"] for balance in ends}) == 3
    assert len({balance["service"] for balance in ends}) == 3


def test_the_seed_is_the_ransom(lantern):
    index = lantern.ledger.index
    (row,) = index.resolve([lantern.seed])
    assert index.value[row] == lantern.answers["ransom_sat"] == 5_000_000_000
    assert lantern.truth[index.label_of(row)] == OPERATOR


def test_dust_that_a_wallet_spends_joins_two_of_its_addresses(lantern):
    index = lantern.ledger.index
    row = index.txids.index(lantern.answers["dust_spent_by"])
    dust, _ = index.inputs_of(row).tolist()
    assert index.value[dust] == 546
    assert index.txids[index.created_by[dust]] == lantern.answers["dust"]
    assert len({index.label_of(given) for given in index.inputs_of(row).tolist()}) == 2


@pytest.mark.parametrize("name", ["unspent_of_affiliate", "unspent_mixed_of_operator"])
def test_what_is_said_to_lie_unspent_does(lantern, name):
    index = lantern.ledger.index
    (row,) = index.resolve([lantern.answers[name]])
    assert index.states[row] == "unspent"
    assert index.value[row] == lantern.answers.get(f"{name}_sat", 500_000_000)


def test_one_tag_defines_a_cluster_and_one_is_wrong(lantern):
    (hot,) = (tag for tag in lantern.tags if tag.is_cluster_definer)
    assert lantern.truth[hot.address] == "Harbour Exchange"
    (reported,) = lantern.tags.at(lantern.answers["wrong_tag_on"])
    assert ("ransomware" in reported.categories, lantern.truth[reported.address]) == (
        True,
        "Harbour Exchange",
    )


@pytest.mark.parametrize("seed", [0, 2, 99])
def test_another_seed_tells_the_same_story(lantern, seed):
    other = samples.training_case(seed)
    assert len(other.ledger) == len(lantern.ledger)
    assert Counter(other.truth.values()) == Counter(lantern.truth.values())
    assert not set(other.truth) & set(lantern.truth)
    assert list(cf.patterns.coinjoins(other.ledger)) == [other.answers["coinjoin"]]
    assert other.grade(common_spending(other, veto=frozenset({other.answers["coinjoin"]}))).is_right


# --- the peel chain


@given(st.integers(1, 12), st.integers(0, 10**9))
@settings(max_examples=15, deadline=None)
def test_a_peel_chain_pays_as_often_as_asked_and_leaves_the_rest(length, seed):
    lesson = samples.peel_chain(length, seed)
    index, paid = lesson.ledger.index, lesson.answers["paid_sat"]
    (start,), (rest,) = index.resolve([lesson.seed]), index.resolve([lesson.answers["rest"]])
    fees = sum(lesson.ledger.txs["fee_sat"].to_pylist()[3:])
    assert index.value[start] == paid + lesson.answers["rest_sat"] + fees
    assert (index.states[rest], len(lesson.ledger)) == ("unspent", 3 + length)
    assert sum(owner != "Peeler" for owner in lesson.truth.values()) == length


def test_a_peel_chain_has_no_coinjoin_and_one_tag():
    lesson = samples.peel_chain(length=6, seed=4)
    assert len(cf.patterns.coinjoins(lesson.ledger)) == 0
    assert [lesson.truth[tag.address] for tag in lesson.tags] == ["Exchange"]


def test_a_peel_chain_without_payments_is_refused():
    with pytest.raises(BadInput, match="0 payments"):
        samples.peel_chain(length=0)


# --- grades


def test_a_grade_by_hand():
    lesson = samples.peel_chain(length=2)  # the peeler's five addresses, a payee, the exchange
    peeler = [address for address, owner in lesson.truth.items() if owner == "Peeler"]
    payee = next(address for address, owner in lesson.truth.items() if owner == "Payee 1")
    together = {*peeler[:2], payee}
    link = (peeler[0], payee, "guess", "ab" * 32)
    grade = lesson.grade(
        clusters(lambda a: "x" if a in together else a, [link, (*peeler[:2], "guess", "cd" * 32)])
    )
    assert (grade.true, grade.false, grade.missed) == (1, 2, 9)
    assert (grade.precision, grade.recall) == ((1, 3), (1, 10))
    assert grade.merged == (("Payee 1", "Peeler"),)
    assert grade.wrong_links == (WrongLink(peeler[0], "Peeler", payee, "Payee 1", "guess", "ab" * 32),)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_grade_counts_each_pair_once(data):
    lesson = _PEEL
    names = {address: data.draw(st.sampled_from("abc"), label=address) for address in lesson.truth}
    grade = lesson.grade(clusters(names.__getitem__))
    pairs = list(combinations(lesson.truth, 2))
    same = [lesson.truth[a] == lesson.truth[b] for a, b in pairs]
    put = [names[a] == names[b] for a, b in pairs]
    assert grade.true == sum(s and p for s, p in zip(same, put, strict=True))
    assert grade.false == sum(p and not s for s, p in zip(same, put, strict=True))
    assert grade.missed == sum(s and not p for s, p in zip(same, put, strict=True))


_PEEL = samples.peel_chain(length=4)


def test_everyone_alone_has_no_precision_and_misses_all():
    grade = _PEEL.grade(clusters(lambda a: a))
    assert (grade.precision, grade.is_right, grade.recall[0]) == ((0, 0), True, 0)
    assert "no such pairs" in repr(grade)


def test_addresses_that_were_not_fetched_count_as_missed():
    seen = [address for address, owner in _PEEL.truth.items() if owner == "Peeler"][:2]
    grade = _PEEL.grade(clusters(lambda a: "x", known=set(seen)))
    assert (grade.true, grade.false, grade.unseen) == (1, 0, len(_PEEL.truth) - 2)


def test_a_clustering_of_something_else_is_refused():
    with pytest.raises(BadInput, match="none of the lesson's addresses"):
        _PEEL.grade(clusters(lambda a: "x", known=()))


def test_a_grade_says_what_it_was_made_from():
    made = cf.cluster(_PEEL.ledger)
    grade = _PEEL.grade(made)
    assert (grade.recipe.verb, grade.recipe.inputs) == ("grade", [_PEEL.ledger.digest, made.recipe.digest])


def test_cards_show_the_question_and_the_wrong_links_escaped(lantern):
    assert lantern.question in lantern._repr_html_()
    a, b = (next(a for a, owner in _PEEL.truth.items() if owner == who) for who in ("Peeler", "Payee 1"))
    page = _PEEL.grade(clusters(lambda _: "x", [(a, b, "<script>", "ab" * 32)]))._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
