"""Explanations: the shortest chain, the weakest link first, and what to say of addresses kept apart."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering import MultiInput, cluster
from chainflow.errors import AddressInvalid, SeedUnknown
from tests.clustering.test_cluster import NAMES, Pairs, at, mix, spendings, together
from tests.made import ledger

FEW = settings(max_examples=40, deadline=None)


def test_two_addresses_spent_together_are_explained_in_one_sentence():
    spend = together("ann", "ben", number=1)
    said = cluster(ledger(spend)).explain(at("ann"), at("ben"))
    assert said.sentence == (
        f"{at('ann')} and {at('ben')} were spent together in 1 transaction: {spend.txid} (block 100, 2 inputs). "
        "No CoinJoin family matched it. Error figure of the rule multi-input: not measured."
    )


def test_two_inputs_of_one_transaction_are_one_step_apart_though_neither_is_its_first():
    spend = together("ann", "ben", "cat", number=1)
    (link,) = cluster(ledger(spend)).explain(at("ben"), at("cat")).chain
    assert (link.a, link.b, link.txid, link.inputs, link.support) == (at("ben"), at("cat"), spend.txid, 3, 1)
    assert (link.rule, link.version, link.error) == ("multi-input", "1", "not measured")


def test_the_chain_has_the_fewest_transactions_and_runs_from_a_to_b():
    long_way = [together("ann", "x", number=1), together("x", "y", number=2), together("y", "dan", number=3)]
    short = [together("ann", "ben", number=4), together("ben", "dan", number=5)]
    said = cluster(ledger(*long_way, *short)).explain(at("ann"), at("dan"))
    assert [(link.a, link.b, link.txid) for link in said.chain] == [
        (at("ann"), at("ben"), short[0].txid),
        (at("ben"), at("dan"), short[1].txid),
    ]
    assert "through 2 steps. (1) " in said.sentence


def test_the_weakest_link_comes_first():
    often = [together("ann", "ben", number=n, height=100 + n) for n in range(1, 4)]
    crowd = together("ben", "cat", "x", "y", number=5, height=90)
    late = together("cat", "dan", number=6, height=None)
    early = together("dan", "eve", number=7, height=80)
    said = cluster(ledger(*often, crowd, late, early)).explain(at("ann"), at("eve"))
    assert [(link.support, link.inputs, link.height) for link in said.links] == [
        (1, 4, 90),
        (1, 2, None),
        (1, 2, 80),
        (3, 2, 101),
    ]
    assert "The weakest is step 2." in said.sentence


def test_every_transaction_that_joins_a_pair_by_itself_is_named():
    spends = [together("ann", "ben", number=n, height=100 + n) for n in range(1, 6)]
    (link,) = cluster(ledger(*spends)).explain(at("ben"), at("ann")).chain
    assert link.txids == tuple(spend.txid for spend in spends)
    assert f"in 5 transactions: {', '.join(link.txids[:3])} and 2 more (the first: block 101" in link.sentence


def test_an_address_and_itself_need_no_link():
    said = cluster(ledger(together("ann", "ben", number=1))).explain(at("ann"), at("ann"))
    assert (said.joined, said.links) == (True, ())
    assert said.sentence == f"{at('ann')} is one address: there is nothing to join."


def test_addresses_that_nothing_joins_are_kept_apart_without_a_claim():
    said = cluster(ledger(together("ann", number=1), together("ben", number=2))).explain(at("ann"), at("ben"))
    assert (said.joined, said.links, said.refused) == (False, (), ())
    assert "no chain of links joins them in this ledger" in said.sentence
    assert said.sentence.endswith("That is no evidence that they have different owners.")


def test_a_vetoed_transaction_that_would_have_joined_them_is_named():
    tail = together("ben", "cat", number=9)
    said = cluster(ledger(mix(), tail)).explain(at("ann"), at("cat"))
    assert [(refusal.txid, refusal.pattern) for refusal in said.refused] == [(mix().txid, "equal-output")]
    assert f"{mix().txid} (equal-output: 2 outputs of exactly 0.01000000 tBTC" in said.sentence


@pytest.mark.parametrize(
    ("veto", "words"),
    [
        ((), "CoinJoins were not excluded."),
        (["f" * 64], "The veto, a list of 1 transaction, does not name it."),
        (None, "No CoinJoin family matched it."),
    ],
)
def test_the_sentence_says_what_the_veto_was(veto, words):
    said = cluster(ledger(together("ann", "ben", number=1)), veto=veto).explain(at("ann"), at("ben"))
    assert f" {words} " in said.sentence


def test_another_rule_is_named_in_the_sentence():
    one, two = together("ann", "ben", number=1), together("cat", number=2)
    owners = cluster(ledger(one, two), [MultiInput(), Pairs(((at("ben"), at("cat"), two.txid),))])
    said = owners.explain(at("ann"), at("cat"))
    assert [link.rule for link in said.chain] == ["multi-input", "pairs"]
    assert "were linked by the rule pairs in 1 transaction" in said.sentence
    assert "Error figure of the rule pairs: not measured." in said.sentence


def test_two_statements_about_one_transaction_are_not_mixed():
    spend, far = together("ann", "ben", number=1), together("cat", "dan", number=2)
    rule = Pairs(((at("ann"), at("ben"), far.txid), (at("cat"), at("dan"), far.txid)))
    owners = cluster(ledger(spend, far), [rule])
    assert not owners.explain(at("ann"), at("cat")).joined
    assert owners.of(at("ann")) != owners.of(at("cat"))


def test_unknown_and_malformed_addresses_are_refused():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    with pytest.raises(SeedUnknown):
        owners.explain(at("ann"), at("zoe"))
    with pytest.raises(AddressInvalid):
        owners.explain("ann", at("ben"))


def test_an_explanation_shows_itself():
    owners = cluster(ledger(together("ann", "ben", number=1, height=None), together("cat", number=2)))
    said = owners.explain(at("ann"), at("ben"))
    assert "weakest" in said._repr_html_()
    assert repr(said) == f"<Explanation {said.sentence}>"
    assert said.to_pandas()["height"].isna().all()
    apart = owners.explain(at("ann"), at("cat"))
    assert "Kept apart" in apart._repr_html_()
    assert apart.to_pandas().empty


@FEW
@given(spendings(), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_every_pair_of_a_cluster_is_explained_by_real_co_spends(records, one, other):
    held = ledger(*records)
    owners, index = cluster(held), held.index
    a, b = at(one), at(other)
    if a not in index.labels or b not in index.labels:
        return
    said = owners.explain(a, b)
    assert said.joined == (owners.of(a) == owners.of(b))
    steps = [a, *(link.b for link in said.chain)]
    assert [link.a for link in said.chain] == steps[:-1]
    assert steps[-1] == b or not said.chain
    for link in said.chain:
        for txid in link.txids:
            spent = {index.label_of(row) for row in index.inputs_of(index.row_of_tx["btc-regtest", txid])}
            assert {link.a, link.b} <= spent
            assert txid not in owners.vetoed["txid"].to_pylist()


@FEW
@given(spendings())
def test_no_chain_is_longer_than_networkx_finds(records):
    import networkx as nx

    owners = cluster(ledger(*records), veto=())
    web = nx.Graph()
    for row in range(owners.ledger.index.n_txs):
        for spent in owners.ledger.index.inputs_of(row).tolist():
            web.add_edge(owners.ledger.index.label_of(spent), row)
    for a, b in itertools.islice(itertools.combinations(sorted(n for n in web if isinstance(n, str)), 2), 10):
        steps = len(owners.explain(a, b).chain)
        assert steps == (nx.shortest_path_length(web, a, b) // 2 if nx.has_path(web, a, b) else 0)
