"""The scenarios themselves: their facts hang together, their sums close, and wrong tracers fail them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.conformance.tracing.adapter import ledger_of
from tests.conformance.tracing.suite import FOLDER, REASONS, Answer, Json, cases, faults, scenarios
from tests.conformance.tracing.wrong import WRONG

ALL = scenarios()
NAMES = [scenario["name"] for scenario in ALL]
TOPPED_UP = {"seed-in-history"}
"""Scenarios in which a seed gets less than it names, as another seed's value came to it."""

each = pytest.mark.parametrize("scenario", ALL, ids=NAMES)


def results(scenario: Json) -> list[tuple[Any, Json]]:
    return [(case, one) for case in cases(scenario) for one in case.permitted if "refused" not in one]


def expanded_ledger(scenario: Json) -> Json:
    return next(cases(scenario)).ledger


def names_in(ledger: Json) -> tuple[set[str], set[str]]:
    """Return the places and the addresses of a ledger."""
    places, addresses = {"held before"}, set()
    for tx in ledger["transactions"]:
        places |= {f"{tx['id']}:{vout}" for vout in range(len(tx["outputs"]))}
        places |= {f"{tx['id']} input {number}" for number in range(len(tx.get("inputs", [])))}
        rows = [*tx["outputs"], *(one for one in tx.get("inputs", []) if isinstance(one, dict))]
        addresses |= {one["address"] for one in rows if "address" in one}
    for one in ledger["transfers"]:
        places.add(one["id"])
        addresses |= {one["from"], one["to"]} - {None}
    return places, addresses


def test_every_file_is_named_as_it_calls_itself_and_in_a_known_format():
    assert [path.stem for path in sorted(FOLDER.glob("*.json"))] == NAMES
    assert {scenario["format"] for scenario in ALL} == {1}
    assert all(len(scenario["why"]) > 40 for scenario in ALL)


@each
def test_a_scenario_speaks_only_of_what_its_ledger_holds(scenario):
    places, addresses = names_in(expanded_ledger(scenario))
    for _, expected in results(scenario):
        assert set(expected.get("reached", {})) <= places
        assert set(expected.get("at", {})) <= addresses
        assert {reason for closing in expected["closing"].values() for reason in closing} <= set(REASONS)


@each
def test_transactions_spend_what_stands_before_them_and_no_more_than_that(scenario):
    values: dict[str, Fraction] = {}
    for tx in expanded_ledger(scenario)["transactions"]:
        inputs = [
            values[one] if isinstance(one, str) else None if one["value"] is None else Fraction(one["value"])
            for one in tx.get("inputs", [])
        ]
        outputs = [Fraction(one["value"]) for one in tx["outputs"]]
        values |= {f"{tx['id']}:{vout}": value for vout, value in enumerate(outputs)}
        assert tx.get("coinbase") or None in inputs or sum(filter(None, inputs)) >= sum(outputs)


def claimed(case: Any) -> dict[str, int]:
    """Return what the seeds of a question hold, per asset, each output and transfer once; by name only."""
    ledger, sums, seen = case.ledger, {}, {}
    held = {
        f"{tx['id']}:{vout}": ("BTC", int(one["value"]))
        for tx in ledger["transactions"]
        for vout, one in enumerate(tx["outputs"])
    } | {one["id"]: (one["asset"], int(one["amount"])) for one in ledger["transfers"]}
    for some in case.ask["seeds"].values():
        for name in some:
            place, _, part = name.partition("=")
            if place not in held:
                return {}
            asset, whole = held[place]
            seen[place] = min(whole, seen.get(place, 0) + int(part or whole))
            sums[asset] = sums.get(asset, 0)
    for place, amount in seen.items():
        sums[held[place][0]] += amount
    return sums


@each
def test_every_expected_balance_adds_up_to_the_seeds(scenario):
    for case, expected in results(scenario):
        for asset, amount in {} if scenario["name"] in TOPPED_UP else claimed(case).items():
            assert sum(map(Fraction, expected["closing"][asset].values())) == amount, case.name
        book = [sum(map(Fraction, one.values())) for one in expected.get("labels", {}).values()]
        if expected.get("labels") and set(expected["labels"]) == set(case.ask["seeds"]):
            (closing,) = expected["closing"].values()
            assert sum(book) == sum(map(Fraction, closing.values())), case.name


@each
def test_amounts_are_exact_text(scenario):
    def numbers(value: object) -> list[object]:
        if isinstance(value, dict):
            return [found for one in value.values() for found in numbers(one)]
        return [found for one in value for found in numbers(one)] if isinstance(value, list) else [value]

    assert not [one for one in numbers(scenario) if isinstance(one, float)]
    for tx in expanded_ledger(scenario)["transactions"]:
        assert all(isinstance(one["value"], str) for one in tx["outputs"])


CATCHES = [(scenario, mistake) for scenario in ALL for mistake in scenario["catches"]]


@pytest.mark.parametrize(
    ("scenario", "mistake"), CATCHES, ids=[f"{scenario['name']}-{mistake}" for scenario, mistake in CATCHES]
)
def test_a_tracer_with_that_mistake_fails_the_scenario(scenario, mistake):
    failed = [
        case.name
        for case in cases(scenario)
        if case.policy == "fifo"
        and faults(
            {"at": case.permitted[0].get("at", {}), "closing": {}},
            Answer(at=WRONG[mistake](case.ledger, case.ask)),
        )
    ]
    assert failed


def test_each_mistake_is_caught_by_some_scenario():
    assert {mistake for _, mistake in CATCHES} == set(WRONG)


def test_a_right_answer_is_not_caught():
    (scenario,) = (one for one in ALL if one["name"] == "time-order")
    case = next(cases(scenario))
    right = Answer(at={"wrong exchange": 0, "right exchange": 99_999_000})
    assert not faults({"at": case.permitted[0]["at"], "closing": {}}, right)


def test_two_blocks_that_hold_one_coinbase_id_are_named():
    (scenario,) = (one for one in ALL if one["name"] == "bip30")
    made, names = ledger_of(expanded_ledger(scenario))
    assert made.outputs.num_rows == 1
    (row,) = made.disputes.to_pylist()
    assert (row["txid"], row["field"]) == (names.txids["mined"], "block")


def test_what_was_taken_for_granted_is_named():
    from chainflow.tracing import trace

    for name, column, value in (
        ("unknown-opening", "opening_raw", 40),
        ("one-block-no-order", "unordered", 1),
    ):
        (scenario,) = (one for one in ALL if one["name"] == name)
        made, names = ledger_of(expanded_ledger(scenario))
        trail = trace(made, names.address("account" if name == "unknown-opening" else "a"))
        assert value in trail.openings[column].tolist(), name
