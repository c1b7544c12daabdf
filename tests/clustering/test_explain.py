"""Explanations: the shortest chain, the weakest link first, and what to say of addresses kept apart."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering import Decision, Kind, MultiInput, cluster
from chainflow.clustering.change.amounts import PowerOfTenChange
from chainflow.clustering.error_rates.measured import error_figures
from chainflow.errors import AddressInvalid, BadInput, SeedUnknown
from chainflow.model import Listing, TxRecord
from tests.clustering.test_cluster import NAMES, Pairs, at, mix, spendings, together
from tests.made import ledger, origin, tx

FEW = settings(max_examples=40, deadline=None)


def test_two_addresses_spent_together_are_explained_in_one_sentence():
    spend = together("ann", "ben", number=1)
    said = cluster(ledger(spend)).explain(at("ann"), at("ben"))
    figures = "; ".join(figure.text for figure in error_figures("multi-input", "1"))
    assert said.sentence == (
        f"{at('ann')} and {at('ben')} were spent together in 1 transaction: {spend.txid} (block 100, 2 inputs). "
        f"No CoinJoin family matched it. From this the rule multi-input infers one owner. Error figure: {figures}."
    )
    assert "wrong of" in figures


def test_two_inputs_of_one_transaction_are_one_step_apart_though_neither_is_its_first():
    spend = together("ann", "ben", "cat", number=1)
    (link,) = cluster(ledger(spend)).explain(at("ben"), at("cat")).chain
    assert (link.a, link.b, link.txid, link.inputs, link.support) == (at("ben"), at("cat"), spend.txid, 3, 1)
    assert (link.rule, link.version, link.kind) == ("multi-input", "1", Kind.CO_SPEND)


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
    assert "The weakest is step 2: a single transaction shows it." in said.sentence


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
    assert [(refusal.txid, refusal.by) for refusal in said.refused] == [(mix().txid, "stonewall")]
    assert f"{mix().txid} (multi-input; stonewall: 2 outputs of exactly 0.01000000 tBTC" in said.sentence


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
    assert "infers one owner. Error figure: not measured." in said.sentence


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
    assert "Step 1 of 1: multi-input 1 (co-spend)" in said._repr_html_()
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


def paid(*, number: int = 1) -> TxRecord:
    """Return a payment by ann of a round sum to shop, with change to fresh."""
    spends = [origin(700_000, "ann", number=number), origin(900_000, "ann", number=number + 1)]
    return tx(spends, [(1_000_000, "shop"), (599_123, "fresh")])


def test_a_change_link_says_how_the_other_change_rules_vote():
    owners = cluster(ledger(paid()), [PowerOfTenChange()])
    (link,) = owners.explain(at("ann"), at("fresh")).chain
    assert link.kind is Kind.CHANGE
    votes = dict(link.votes)
    assert votes["optimal-change"] == 1
    assert link.rule not in votes
    agree = sum(vote == 1 for vote in votes.values())
    assert link.speaks_for == (f"{agree} other change rules agree, not independently",)
    assert "No CoinJoin family nor PayJoin or batch payout matched it." in link.veto
    assert "are taken for a sender and its change" in link.sentence


def test_a_payment_that_also_returns_to_its_payer_is_voted_on_by_its_change_alone():
    # ann pays shop, 600,123 go to fresh and some dust back to ann herself
    spend = tx(
        [origin(1_700_000, "ann", number=1)], [(1_000_000, "shop"), (600_123, "fresh"), (90_000, "ann")]
    )
    rule = Pairs(((at("ann"), at("fresh"), spend.txid),))
    made = cluster(ledger(spend), [PowerOfTenChange(digits=2)])
    (link,) = made.explain(at("ann"), at("fresh")).chain
    votes = dict(made.votes_on(spend.txid)[1]["votes"])
    assert dict(link.votes) == {name: vote for name, vote in votes.items() if name != link.rule}
    assert cluster(ledger(spend), [rule]).explain(at("ann"), at("fresh")).chain[0].votes == ()


def test_a_change_link_that_a_rule_excludes_is_told_so_and_comes_first():
    strong = [together("fresh", "ben", number=n, height=200 + n) for n in range(2, 5)]
    owners = cluster(ledger(paid(), *strong), [MultiInput(), PowerOfTenChange()])
    said = owners.explain(at("ann"), at("ben"))
    assert [link.rule for link in said.links] == ["power-of-ten-change", "multi-input"]
    assert said.weakest == said.chain[0]


def test_a_payjoin_suspect_is_kept_and_called_contestable():
    # the larger input alone would have covered the larger output and the fee: why was the other one there?
    suspect = tx(
        [origin(50_000, "ann", number=1), origin(900_000, "ben", number=2)], [(500_000, "x"), (449_000, "y")]
    )
    owners = cluster(ledger(suspect))
    (link,) = owners.explain(at("ann"), at("ben")).chain
    assert any("is contestable" in said for said in link.speaks_against)
    assert "Against it: " in link.sentence
    assert owners.lower_bound.of(at("ann")) != owners.lower_bound.of(at("ben"))


def test_a_decision_is_a_link_of_its_own_kind_and_the_weakest():
    decided = Decision(
        "same", at("cat"), at("ben"), "the holder showed both keys", "J. Doe", "2026-05-04T12:00:00+00:00"
    )
    owners = cluster(ledger(together("ann", "ben", number=1), together("cat", number=2)), decisions=[decided])
    said = owners.explain(at("ann"), at("cat"))
    assert (said.weakest.kind, said.weakest.txids) == (Kind.ASSERTED, ())
    assert "by J. Doe on 2026-05-04, because: the holder showed both keys" in said.sentence
    assert said.sentence.count("Error figure") == 1
    assert (said.weakest.error, said.weakest.block) == ("asserted by a person, no figure", "")
    assert "The weakest is step 2: a person's word, not an observation." in said.sentence
    first = said.what_if()[0]
    assert (first.joined, first.txids, sorted(first.sizes)) == (False, (), [1, 2])
    assert first.sentence.startswith(
        f"Without the decision on {at('ben')} and {at('cat')} they would be apart"
    )


def test_what_if_the_only_transaction_did_not_count():
    one, two = together("ann", "ben", number=1), together("ben", "cat", "dan", number=2)
    said = cluster(ledger(one, two)).explain(at("ann"), at("dan"))
    what = {entry.left_out: entry for entry in said.what_if()}
    assert what.keys() == {one.txid, two.txid}
    assert (what[one.txid].joined, sorted(what[one.txid].sizes)) == (False, [1, 3])
    assert what[one.txid].sentence == (
        f"Without {one.txid} they would be apart, in clusters of 1 address and 3 addresses."
    )


def test_what_if_none_of_the_transactions_of_a_link_counted():
    spends = [together("ann", "ben", number=n, height=100 + n) for n in range(1, 4)]
    said = cluster(ledger(*spends)).explain(at("ann"), at("ben"))
    (what,) = said.what_if()
    assert (what.left_out, what.joined) == ("the 3 transactions that show step 1", False)
    (one,) = said.what_if(spends[0].txid)
    assert (one.joined, one.steps) == (True, 1)


def test_what_if_another_way_remains():
    short, a, b = (
        together("ann", "dan", number=1),
        together("ann", "ben", number=2),
        together("ben", "dan", number=3),
    )
    (what,) = cluster(ledger(short, a, b)).explain(at("ann"), at("dan")).what_if()
    assert (what.txids, what.joined, what.steps, what.sizes) == ((short.txid,), True, 2, (3,))


def test_why_not_names_a_decision_and_claims_nothing_more():
    held = ledger(together("ann", "ben", number=1))
    apart = Decision("different", at("ann"), at("ben"), "ben is the shop's till")
    why = cluster(held, decisions=[apart]).why_not(at("ann"), at("ben"))
    assert [refusal.by for refusal in why.refused] == ["constraint"]
    assert any("ben is the shop's till" in said for said in why.separations)
    assert "no evidence that they have different owners" not in why.sentence


def test_why_not_of_two_that_are_together_is_refused():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    with pytest.raises(BadInput, match="are in one cluster"):
        owners.why_not(at("ann"), at("ben"))


def test_why_not_says_which_histories_were_not_read():
    held = ledger(together("ann", number=1), together("ben", number=2))
    why = cluster(held).why_not(at("ann"), at("ben"))
    assert why.unknown == tuple(f"the whole history of {at(name)}" for name in ("ann", "ben"))
    assert f"Not known: the whole history of {at('ann')}." in why.sentence


def test_without_a_veto_the_figure_of_the_vetoed_rule_is_not_cited():
    owners = cluster(ledger(mix(), together("ben", "cat", number=9)), veto=())
    said = owners.explain(at("ann"), at("cat"))
    assert {figure.rule for link in said.chain for figure in link.figures} == {"multi-input without veto"}
    assert said.weakest.txid == mix().txid
    assert "has the shape of stonewall" in said.sentence
    assert owners.lower_bound.of(at("ann")) != owners.lower_bound.of(at("ben"))


def test_figures_of_other_parameters_or_of_a_given_veto_are_not_borrowed():
    held = ledger(paid())
    usual = cluster(held, [PowerOfTenChange()]).explain(at("ann"), at("fresh")).weakest
    other = cluster(held, [PowerOfTenChange(digits=5)]).explain(at("ann"), at("fresh")).weakest
    given = cluster(held, [PowerOfTenChange()], veto=["f" * 64]).explain(at("ann"), at("fresh")).weakest
    assert "wrong of" in usual.error
    assert (other.error, given.error) == ("not measured", "not measured")


def test_a_rule_that_leaves_two_candidates_is_named_and_links_nothing():
    held = ledger(tx([origin(900_000, "ann")], [(499_321, "x"), (400_123, "y")]))
    why = cluster(held, [PowerOfTenChange()]).why_not(at("ann"), at("x"))
    (said,) = why.ambiguous
    assert "the rule power-of-ten-change leaves 2 candidates" in said
    assert said in why.sentence


def test_the_figure_of_a_rule_is_told_once():
    one, two = together("ann", "ben", number=1), together("ben", "cat", number=2)
    said = cluster(ledger(one, two)).explain(at("ann"), at("cat")).sentence
    assert said.count("wrong of 438 links") == 1
    assert "Error figure as in step 1." in said


def test_a_whole_history_is_known_beside_another_chain_too():
    both = [together("ann", number=1), together("ben", number=2)]

    def read(name: str) -> Listing:
        shown = both[name == "ben"].txid
        return Listing("btc-regtest", at(name), "", (shown,), complete=True)

    other = together("zed", number=3, chain="ltc-regtest")
    alone = cluster(ledger(*both, read("ann"), read("ben"))).why_not(at("ann"), at("ben"))
    beside = cluster(ledger(*both, other, read("ann"), read("ben")))
    names = [f"btc-regtest:{at(name)}" for name in ("ann", "ben")]
    assert (alone.unknown, beside.why_not(*names).unknown) == ((), ())


def test_a_transaction_that_makes_two_links_is_left_out_once():
    spend = together("ann", "ben", "cat", number=1)
    rule = Pairs(((at("ann"), at("ben"), spend.txid),))
    other = Pairs(((at("ben"), at("cat"), spend.txid),), name="others")
    said = cluster(ledger(spend), [rule, other]).explain(at("ann"), at("cat"))
    assert (len(said.chain), len(said.what_if())) == (2, 1)


def test_the_lines_of_an_explanation_are_its_steps_whatever_a_reason_says():
    decided = Decision("same", at("cat"), at("ben"), "letter (2) of 4 May")
    held = ledger(together("ann", "ben", number=1), together("cat", number=2))
    said = cluster(held, decisions=[decided]).explain(at("ann"), at("cat"))
    assert len(said.lines) == 2 + len(said.chain)
    assert " ".join(said.lines) == said.sentence
    assert "letter (2) of 4 May" in next(line for line in said.lines if line.startswith("(2) "))
