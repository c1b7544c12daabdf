"""Change rules that look at amounts and types: examples by hand, what always holds, recorded payments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from chainflow import samples
from chainflow.clustering.change import Payments
from chainflow.clustering.change.amounts import (
    AddressTypeChange,
    LoneTypeChange,
    OptimalChange,
    PowerOfTenChange,
    PrecisionChange,
    UnnecessaryInputChange,
)
from chainflow.errors import BadInput
from tests.clustering.change_made import calls, hide, histories, votes
from tests.clustering.truth import litecoin
from tests.made import ledger, origin, tx


def pay(inputs: list[int], outputs: list[int], *, owners: str = "abcdef"):
    """Return a transaction of these amounts, every coin of another owner."""
    spends = [origin(value, owners[n], number=n + 1) for n, value in enumerate(inputs)]
    return tx(spends, [(value, f"payee {n}") for n, value in enumerate(outputs)])


def typed(inputs: list[str], outputs: list[str]):
    """Return a transaction of coins of these script types."""
    spends = [origin(100, f"{kind}:{n}", number=n + 1) for n, kind in enumerate(inputs)]
    return tx(spends, [(10 + n, f"{kind}:payee {n}") for n, kind in enumerate(outputs)])


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        ([50, 70], [90, 29], [-1, 1]),
        ([50, 70], [69, 50], [-1, -1]),  # not smaller: equal
        ([50, 70], [49, 49], [1, 1]),
        ([100], [60, 39], [1, 1]),
    ],
)
def test_optimal_change_is_smaller_than_the_smallest_input(inputs, outputs, expected):
    assert votes(OptimalChange(), pay(inputs, outputs)) == expected


def test_optimal_change_can_be_asked_of_transactions_with_two_inputs_only():
    assert votes(OptimalChange(min_inputs=2), pay([100], [60, 39])) == [-2, -2]


def test_an_input_not_in_evidence_may_be_the_smallest():
    record = pay([50, 70], [60, 29])
    assert votes(OptimalChange(), hide(record, 0)) == [0, 0]
    assert votes(OptimalChange(), hide(record, 1)) == [-1, 0]
    assert votes(OptimalChange(), hide(record, 0, 1)) == [0, 0]


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        # 70 and 50 pay 90 + 1 only together; for 29 + 1 the 70 were enough: 29 is the change
        ([50, 70], [90, 29], [-1, 1]),
        # 70 alone would pay the larger one too: an input was needless whatever was paid
        ([50, 70], [60, 59], [-2, -2]),
        # with a fee of 50 each of 40 and 30 needed both inputs: nothing is called
        ([50, 70], [40, 30], [0, 0]),
        ([50, 70], [45, 45], [0, 0]),
        ([100], [60, 39], [-2, -2]),
        ([50, 70], [60, 30, 20], [-2, -2, -2]),
    ],
)
def test_the_smaller_output_is_change_where_an_input_was_unnecessary_to_pay_it(inputs, outputs, expected):
    assert votes(UnnecessaryInputChange(), pay(inputs, outputs)) == expected


def test_two_inputs_of_one_script_are_no_case_of_the_unnecessary_input():
    assert votes(UnnecessaryInputChange(), pay([50, 70], [90, 29], owners="aa")) == [-2, -2]


def test_with_an_unknown_input_no_output_is_called_by_the_unnecessary_input():
    record = pay([50, 70], [90, 29])
    assert votes(UnnecessaryInputChange(), hide(record, 0)) == [0, 0]
    # 50 ≤ 59: UIH2 already, and the other input can only be smaller or not matter
    assert votes(UnnecessaryInputChange(), hide(pay([50, 70], [60, 59]), 1)) == [-2, -2]


@pytest.mark.parametrize(
    ("inputs", "outputs", "one_type", "two_outputs", "lone"),
    [
        (["p2pkh"], ["p2pkh", "p2sh"], [1, -1], [1, -1], [1, -1]),
        (["p2pkh", "p2wpkh"], ["p2pkh", "p2sh"], [-2, -2], [1, -1], [-2, -2]),
        (["p2pkh", "p2sh"], ["p2pkh", "p2sh"], [-2, -2], [-2, -2], [-2, -2]),
        (["p2pkh"], ["p2sh", "p2wpkh"], [-1, -1], [-2, -2], [-2, -2]),
        (["p2pkh"], ["p2pkh", "p2pkh"], [1, 1], [-2, -2], [-2, -2]),
        (["p2pkh"], ["p2pkh", "p2sh", "p2sh"], [1, -1, -1], [-2, -2, -2], [1, -1, -1]),
        (["p2pkh"], ["p2pkh"], [1], [-2], [-2]),
    ],
)
def test_change_has_the_type_of_the_inputs(inputs, outputs, one_type, two_outputs, lone):
    record = typed(inputs, outputs)
    assert votes(AddressTypeChange(), record) == one_type
    assert votes(AddressTypeChange(form="two-outputs"), record) == two_outputs
    assert votes(LoneTypeChange(), record) == lone


@pytest.mark.parametrize(
    "rule", [AddressTypeChange(), AddressTypeChange(form="two-outputs"), LoneTypeChange()], ids=repr
)
def test_an_input_not_in_evidence_may_be_of_another_type(rule):
    record = typed(["p2pkh", "p2pkh"], ["p2pkh", "p2sh"])
    assert votes(rule, hide(record, 0)) == votes(rule, hide(record, 0, 1)) == [0, 0]
    assert not rule.links(ledger(hide(record, 0))).num_rows
    mixed = hide(typed(["p2pkh", "p2sh", "p2pkh"], ["p2pkh", "p2sh"]), 2)
    assert votes(rule, mixed) == [-2, -2]  # two types are shown: more cannot make it one


@pytest.mark.parametrize(("digits", "expected"), [(6, [-1, 1, 1]), (3, [-1, -1, 1]), (2, [-1, -1, 1])])
def test_change_is_not_round(digits, expected):
    record = pay([9_000_000], [2_000_000, 1_234_000, 5_432_123])
    assert votes(PowerOfTenChange(digits=digits), record) == expected


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([1_000, 12_345], [-1, 1]),  # 3 trailing zeros and none
        ([1_000, 12_340], [0, 0]),  # 3 and 1
        ([7_000_000, 41_000], [-1, 1]),
        ([1_000, 12_345, 1], [-2, -2, -2]),
        ([0, 12_345], [-1, 1]),
    ],
)
def test_of_two_outputs_the_far_more_precise_is_change(outputs, expected):
    assert votes(PrecisionChange(), pay([10_000_000], outputs)) == expected


@settings(max_examples=60, deadline=None)
@given(histories())
def test_amount_rules_keep_to_their_definitions_on_random_histories(records):
    payments = Payments.of(ledger(*records))
    by_tx = {record.txid: record for record in records}
    types = {22: "p2wpkh", 25: "p2pkh", 23: "p2sh"}
    expected = []
    for row, vout in zip(payments.tx, payments.ledger.index.vout[payments.rows], strict=True):
        record = by_tx[payments.ledger.index.txids[row]]
        spent = [one.prevout for one in record.inputs]
        mine, least = record.outputs[vout], min(one.value_sat for one in spent)
        kinds = {types[len(one.script) // 2] for one in spent}
        own = (1 if types[len(mine.script) // 2] in kinds else -1) if len(kinds) == 1 else -2
        expected.append((1 if mine.value_sat < least else -1, own, 1 if mine.value_sat % 10**6 else -1))
    found = [rule.votes(payments) for rule in (OptimalChange(), AddressTypeChange(), PowerOfTenChange())]
    assert np.array_equal(np.array(found).T.reshape(-1, 3), np.array(expected))


@pytest.mark.parametrize(
    ("rule", "called", "right"),
    [
        (OptimalChange(), 131, 131),
        (UnnecessaryInputChange(), 131, 131),
        (AddressTypeChange(), 172, 146),
        (AddressTypeChange(form="two-outputs"), 209, 171),
        (LoneTypeChange(), 172, 146),
        (PowerOfTenChange(), 276, 276),
        (PowerOfTenChange(digits=3), 278, 277),
        (PowerOfTenChange(digits=2), 260, 259),
        (PrecisionChange(), 277, 277),
    ],
    ids=repr,
)
def test_calls_on_361_payments_made_with_litecoind_are_right_so_often(regtest, rule, called, right):
    assert calls(rule, *regtest) == (right, called)


@pytest.fixture(scope="module")
def regtest(shared):
    """The recorded Litecoin regtest chain and the owners of its addresses."""
    return litecoin(shared / "nodes" / "litecoind_regtest")


def test_whether_75_00030000_bitcoin_are_round_depends_on_the_digits():
    txid, _, vout = samples.facts("colonial")["ransom"]["outpoint"].partition(":")
    payments = Payments.of(samples.load("colonial"))
    (row,) = payments.ledger.index.tx_rows(txid)
    at = np.flatnonzero(payments.tx == row)[int(vout)]
    assert payments.value[at] == 7_500_030_000
    rules = [PowerOfTenChange(digits=digits) for digits in (3, 4, 5, 6)]
    assert [rule.votes(payments)[at] for rule in rules] == [-1, -1, 1, 1]


@pytest.mark.parametrize(
    ("rule", "parameters"),
    [
        (OptimalChange, {"min_inputs": 0}),
        (AddressTypeChange, {"form": "esplora"}),
        (PowerOfTenChange, {"digits": 0}),
        (PowerOfTenChange, {"digits": 19}),
        (PrecisionChange, {"difference": 0}),
    ],
)
def test_parameters_that_make_no_sense_are_refused_with_a_hint(rule, parameters):
    with pytest.raises(BadInput) as refused:
        rule(**parameters)
    assert refused.value.hint
