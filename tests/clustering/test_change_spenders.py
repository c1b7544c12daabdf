"""Change rules that look at the spender: locktime, fee rate, number of outputs, fingerprint."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering.change import Payments, vote_table
from chainflow.clustering.change.prints import FIELDS
from chainflow.clustering.change.spenders import (
    ConsumerChange,
    FingerprintChange,
    FixedFeeChange,
    LocktimeChange,
)
from chainflow.clustering.rules import Heuristic, Kind, described, rule_of
from chainflow.errors import BadInput
from tests.clustering.signed import UNCOMPRESSED, signed
from tests.clustering.truth import litecoin
from tests.made import ledger, origin

RULES = [
    LocktimeChange(),
    LocktimeChange(within=100),
    FixedFeeChange(),
    ConsumerChange(),
    FingerprintChange(),
]

PAYS = signed([origin(100_000, "ann")], [(60_000, "bob"), (39_000, "ann 2")], locktime=999)


def spend(vout: int, *, outputs=1, fee=500, **how):
    value, owner = ((60_000, "bob"), (39_000, "ann 2"))[vout]
    each = (value - fee) // outputs
    pays = [(each, f"{vout} {n}") for n in range(outputs - 1)]
    pays.append((value - fee - each * len(pays), f"{vout} last"))
    return signed([(PAYS.txid, vout, value, owner)], pays, **how)


def votes(rule, *later):
    """Return the votes on the two outputs of `PAYS`."""
    table = vote_table(ledger(PAYS, *later), [rule]).to_pylist()
    return [row[rule.name] for row in table if row["txid"] == PAYS.txid]


def test_locktime_change_compares_whether_there_is_a_locktime():
    assert votes(LocktimeChange(), spend(0), spend(1, locktime=1)) == [-1, 1]
    assert votes(LocktimeChange(), spend(0)) == [-1, 0]


def test_the_sharper_locktime_rule_compares_nearness_to_the_height():
    later = spend(0, locktime=1), spend(1, locktime=950)
    assert votes(LocktimeChange(), *later) == [1, 1]
    assert votes(LocktimeChange(within=100), *later) == [-1, 1]
    assert votes(LocktimeChange(within=10), *later) == [-1, -1]  # 999 of 1,000 is near, 950 is not


def test_a_locktime_of_an_unconfirmed_spender_leaves_it_open_where_nearness_counts():
    later = spend(0), spend(1, locktime=1_001, height=None)
    assert votes(LocktimeChange(within=100), *later) == [-1, 0]
    assert votes(LocktimeChange(), *later) == [-1, 1]


def test_fixed_fee_change_compares_the_rate_in_whole_units_per_thousand():
    # PAYS: 1,000 · 1,000 // 141 virtual bytes = 7,092, and so is a spend with two outputs and that fee;
    # with one output: 780 · 1,000 // 110 = 7,090
    assert votes(FixedFeeChange(), spend(0, fee=780), spend(1, outputs=2, fee=1_000)) == [-1, 1]
    assert votes(FixedFeeChange(), spend(0, outputs=2, fee=1_001)) == [-1, 0]


def test_consumer_change_rules_out_what_is_split_among_three_or_more():
    assert votes(ConsumerChange(), spend(0, outputs=3), spend(1, outputs=2)) == [-1, 1]
    assert votes(ConsumerChange(outputs=4), spend(0, outputs=3), spend(1, outputs=4)) == [1, -1]


def test_fingerprint_change_needs_every_field_to_agree():
    alike = spend(1, locktime=940)
    assert votes(FingerprintChange(), spend(0, locktime=940, version=1), alike) == [-1, 1]
    assert votes(FingerprintChange(), spend(0, locktime=940, key=UNCOMPRESSED), alike) == [-1, 1]
    assert votes(FingerprintChange(), spend(0, locktime=940, sequence=0), alike) == [-1, 1]
    assert votes(FingerprintChange(fields=["rbf"]), spend(0, version=1), alike) == [1, 1]


def test_the_only_output_left_is_linked_to_the_first_input():
    held = ledger(PAYS, spend(0, locktime=940, version=1), spend(1, locktime=940))
    (link,) = FingerprintChange().links(held).to_pylist()
    assert link["txid"] == PAYS.txid
    assert (link["a"], link["b"]) == (held.index.labels[held.index.script_of[held.index.inputs_of(0)[0]]],
                                      held.index.label_of(held.index.outputs_of(0)[1]))  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name} {dict(rule.parameters)}")
def test_a_rule_describes_itself_and_is_made_again_from_that(rule):
    assert isinstance(rule, Heuristic)
    assert rule_of(json.loads(json.dumps(described(rule)))) == rule
    assert (rule.about.kind, bool(rule.about.wrong_when)) == (Kind.CHANGE, True)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_where_no_spender_is_held_nothing_is_ruled_out(rule):
    assert votes(rule) == [0, 0]
    assert rule.links(ledger(PAYS)).num_rows == 0
    assert rule.votes(Payments.of(ledger())).tolist() == []


@settings(max_examples=30, deadline=None)
@given(st.permutations([0, 1]), st.integers(0, 2), st.integers(0, 3), st.booleans())
def test_what_is_learnt_later_only_takes_away_possibilities(order, version, locktime, is_split):
    later = [spend(v, version=version, locktime=locktime * 300, outputs=3 if is_split else 1) for v in order]
    for rule in RULES:
        found = [votes(rule, *later[:count]) for count in range(3)]
        for before, after in pairwise(found):
            assert all(b == a or b == 0 for b, a in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (LocktimeChange, {"within": -1}),
        (LocktimeChange, {"within": True}),
        (ConsumerChange, {"outputs": 1}),
        (FingerprintChange, {"fields": []}),
        (FingerprintChange, {"fields": ["rbf", "rbf"]}),
        (FingerprintChange, {"fields": ["table"]}),
        (FingerprintChange, {"fields": "rbf"}),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(rule, wrong):
    with pytest.raises(BadInput, match="not "):
        rule(**wrong)


def test_every_field_can_be_compared():
    assert votes(FingerprintChange(fields=FIELDS), spend(0), spend(1)) == [-1, -1]


def test_in_the_colonial_case_the_ransom_goes_on_by_other_software():
    held = samples.load("colonial")
    rows = vote_table(held, [LocktimeChange(), FingerprintChange(), FixedFeeChange()]).to_pylist()
    paid = next(row for row in rows if row["value_sat"] == 7_500_030_000)
    assert (paid["locktime-change"], paid["fingerprint-change"]) == (-1, -1)
    swept = [row for row in rows if row["txid"].startswith("943f2d57")]
    assert [row["fingerprint-change"] for row in swept] == [1, 1]  # both: the rule calls none
    assert not FingerprintChange().links(held).num_rows


def test_calls_on_the_litecoin_chain_of_known_owners(shared):
    held, owners = litecoin(shared / "nodes" / "litecoind_regtest")
    payments, index = Payments.of(held), held.index
    payer = [owners[index.label_of(int(index.inputs_of(tx)[0]))] for tx in payments.tx.tolist()]
    payee = [owners[index.label_of(row)] for row in payments.rows.tolist()]
    is_own = np.array(payer) == np.array(payee)
    found = {rule: Counter(is_own[rule.candidates(payments)].tolist()) for rule in RULES}
    calls = [(found[rule][True], found[rule].total()) for rule in RULES]
    assert calls == [(1, 1), (1, 1), (20, 24), (1, 1), (166, 194)]  # right, made
