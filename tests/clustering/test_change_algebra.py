"""Change rules compose like sets, are written down and read again, and never guess."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import schema
from chainflow.clustering.change import Change, Payments, vote_table
from chainflow.clustering.change.amounts import AddressTypeChange, OptimalChange, PowerOfTenChange
from chainflow.clustering.change.graphsense import ClusterChange
from chainflow.clustering.change.histories import FreshChange, OneTimeChange
from chainflow.clustering.rules import Heuristic, Kind, about, described, rule_of
from chainflow.errors import PluginError
from chainflow.model import OutputRecord, TxRecord
from tests.clustering.change_made import RULES, address, hide, histories, linked, votes
from tests.made import ledger, origin, tx

rules = st.sampled_from(RULES)


def possible(rule: Change, payments: Payments) -> frozenset[int]:
    """Return the candidates a rule does not rule out: the set it stands for."""
    return frozenset(np.flatnonzero(rule.votes(payments) >= 0).tolist())


@settings(max_examples=60, deadline=None)
@given(histories(), rules, rules, rules)
def test_rules_compose_like_the_sets_they_leave(records, a, b, c):
    payments = Payments.of(ledger(*records))
    left, right = possible(a, payments), possible(b, payments)
    assert possible(a & b, payments) == left & right
    assert possible(a | b, payments) == left | right
    assert possible(a - b, payments) == left - right
    for one, other in [
        (a & b, b & a),
        (a | b, b | a),
        (a & a, a),
        (a | a, a),
        ((a & b) & c, a & (b & c)),
        ((a | b) | c, a | (b | c)),
        (a & (b | c), (a & b) | (a & c)),
        (a | (a & b), a),
        ((a - b) - c, a - (b | c)),
    ]:
        assert np.array_equal(one.votes(payments), other.votes(payments))


@settings(max_examples=60, deadline=None)
@given(histories(), rules, rules)
def test_unique_leaves_no_transaction_with_two_candidates_and_the_same_links(records, a, b):
    payments = Payments.of(ledger(*records))
    for rule in (a, a & b, a | b):
        lone = rule.unique
        counts = np.bincount(payments.tx[lone.votes(payments) >= 0], minlength=1)
        assert counts.max() <= 1
        assert np.array_equal(lone.unique.votes(payments), lone.votes(payments))
        assert linked(lone, payments.ledger) == linked(rule, payments.ledger)


@settings(max_examples=60, deadline=None)
@given(histories(), rules)
def test_a_link_is_proposed_only_where_one_of_several_outputs_is_left(records, rule):
    held = ledger(*records)
    payments = Payments.of(held)
    found = rule.links(held)
    assert found.schema.equals(schema.LINKS)
    assert set(found["rule"].to_pylist()) <= {rule.name}
    for txid, paid in zip(found["txid"].to_pylist(), found["b"].to_pylist(), strict=True):
        (row,) = held.index.tx_rows(txid)
        here = payments.tx == row
        left = here & (rule.votes(payments) >= 0)
        assert here.sum() > 1
        assert [held.index.labels[one] for one in payments.script[left]] == [paid]


@settings(max_examples=80, deadline=None)
@given(histories(), st.data())
def test_what_is_ruled_out_or_certain_stays_so_when_inputs_become_known(records, data):
    hidden = [hide(record, *data.draw(st.sets(st.integers(0, 2)))) for record in records]
    less, more = Payments.of(ledger(*hidden)), Payments.of(ledger(*records))
    assert less.ledger.index.txids == more.ledger.index.txids
    judged = ~less.is_coinjoin[less.tx]  # what is unknown may make a veto: it falls when it is known
    for rule in RULES:
        if rule in (ClusterChange(), OneTimeChange(wait_blocks=2)):
            continue  # they speak of what was found *so far*, as their pages say
        before, after = rule.votes(less)[judged], rule.votes(more)[judged]
        assert (after[before < 0] < 0).all(), rule
        assert (after[before == 1] == 1).all(), rule


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_without_any_known_input_no_link_is_proposed(rule):
    record = hide(
        tx([origin(90, "ann"), origin(80, "cat", number=2)], [(30_000, "ben"), (12_345, "new")]), 0, 1
    )
    assert not rule.links(ledger(record)).num_rows


@pytest.mark.parametrize("rule", [*RULES, (RULES[0] & RULES[3]).unique], ids=repr)
def test_a_ledger_of_coinbases_and_an_empty_one_give_nothing(rule):
    reward = TxRecord(
        "btc-regtest", "ab" * 32, (), tx([origin(12, "x")], [(5, "miner"), (7, "pool")]).outputs, True, 1
    )
    for held in (ledger(reward), ledger()):
        assert rule.links(held).num_rows == len(rule.votes(Payments.of(held))) == 0


def test_to_send_all_to_one_output_has_no_change():
    record = tx([origin(90_000_000, "p2pkh:ann")], [(12_345_678, "p2pkh:new")])
    for rule in (OptimalChange(), AddressTypeChange(), PowerOfTenChange(), OneTimeChange(), FreshChange()):
        assert votes(rule, record)[0] >= 0
        assert linked(rule, ledger(record)) == []


def test_a_message_that_nobody_can_spend_is_no_candidate():
    made = tx([origin(90_000, "ann")], [(12_345, "new"), (20_000, "ben")])
    said = replace(made, outputs=(OutputRecord(54_321, "6a0548656c6c6f"), *made.outputs), raw=None)
    assert votes(PowerOfTenChange(digits=3), said) == [1, -1]
    assert linked(PowerOfTenChange(digits=3), ledger(said)) == [(address("ann"), address("new"))]


def composites(of: st.SearchStrategy[Change]) -> st.SearchStrategy[Change]:
    """Draw rules composed of others."""
    pairs = st.tuples(of, of)
    return st.one_of(
        pairs.map(lambda two: two[0] & two[1]),
        pairs.map(lambda two: two[0] | two[1]),
        pairs.map(lambda two: two[0] - two[1]),
        of.map(lambda one: one.unique),
    )


@settings(max_examples=60, deadline=None)
@given(st.recursive(rules, composites, max_leaves=4))
def test_what_is_written_down_of_a_rule_makes_it_again(rule):
    again = rule_of(json.loads(json.dumps(described(rule))))
    assert again == rule
    assert (again.name, again.version, about(again)) == (rule.name, rule.version, about(rule))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_every_rule_says_what_it_is_and_when_it_is_wrong(rule):
    said = about(rule)
    assert isinstance(rule, Heuristic)
    assert said.kind is Kind.CHANGE
    assert all((said.id, said.title, said.reading, said.source, said.wrong_when))
    assert said.title.endswith(".")


@pytest.mark.parametrize(
    "parameters",
    [
        {"op": "^", "of": [described(OptimalChange()), described(FreshChange())]},
        {"op": "&", "of": [described(OptimalChange())]},
        {"op": "unique", "of": [described(OptimalChange()), described(FreshChange())]},
        {"op": "unique", "of": [{"name": "multi-input", "version": "1", "parameters": {}}]},
    ],
)
def test_a_composed_rule_that_cannot_be_read_again_is_refused(parameters):
    with pytest.raises(PluginError):
        rule_of({"name": "?", "version": "1", "parameters": parameters})


def test_a_parameter_that_a_rule_does_not_have_is_refused():
    with pytest.raises(PluginError, match="power-of-ten-change"):
        rule_of({"name": "power-of-ten-change", "version": "1", "parameters": {"zeros": 3}})


def test_the_vote_table_keeps_every_vote_for_and_against():
    record = tx([origin(90_000, "ann")], [(20_000, "ben"), (61_234, "new")])
    both = PowerOfTenChange(digits=3) & OptimalChange()
    table = vote_table(ledger(record), [PowerOfTenChange(digits=3), OptimalChange(), both]).to_pydict()
    assert table["vout"] == [0, 1]
    assert table["value_sat"] == [20_000, 61_234]
    assert table["power-of-ten-change"] == [-1, 1]
    assert table["optimal-change"] == [1, 1]
    assert table["(power-of-ten-change & optimal-change)"] == [-1, 1]
