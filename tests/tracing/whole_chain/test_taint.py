"""Taint over a whole chain is what the readable rules say, transaction by transaction."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import units
from chainflow.errors import BadInput
from chainflow.model import EndReason
from chainflow.tracing.policies import Fifo, Seniority, policy_named
from chainflow.tracing.whole_chain.columns import Columns
from chainflow.tracing.whole_chain.taint import Tracer, taint
from tests.tracing.whole_chain.chains import chains_with_seeds, columns_of, largest, runs, walk

POLICIES = ("haircut", "poison", "tiho", "tilo", "fifo", "lifo", "seniority")
KEEP_LABELS = POLICIES[4:]
MILLION = 2_100_000_000_000_000
"""All bitcoin there will ever be, in base units."""
THEFT = columns_of([([], [3]), ([], [2, 3]), ([0, 1, 2], [3, 4]), ([], [2]), ([4, 5], [1, 5])])
"""3 stolen, 2 and 3 clean; spent into 3, 4 and a fee of 1; the 4 with 2 clean into 1 and 5."""


def by_row(found):
    return dict(zip(found.rows.tolist(), found.amounts.tolist(), strict=True))


def ended(found):
    names = {"unspent": EndReason.UNSPENT, "fee": EndReason.FEE, "dust": EndReason.DUST}
    told = {name: found.balance[reason] for name, reason in {**names, "limit": EndReason.LIMIT}.items()}
    return {"claimed": found.claimed_sat, **told}


def pieces_by_row(found):
    begins, labels, lengths = (array.tolist() for array in found.pieces)
    return {
        row: [[labels[at], lengths[at]] for at in range(begins[place], begins[place + 1])]
        for place, row in enumerate(found.rows.tolist())
    }


@pytest.mark.parametrize(
    ("policy", "amounts", "fee"),
    [
        ("haircut", {3: 1, 4: 1, 6: 0, 7: 1}, 1),
        ("poison", {3: 3, 4: 4, 6: 1, 7: 5}, 1),
        ("fifo", {3: 3}, 0),
        ("lifo", {4: 2, 7: 2}, 1),
        ("tiho", {4: 3, 7: 3}, 0),
        ("tilo", {3: 3}, 0),
        ("seniority", {3: 3}, 0),
    ],
)
def test_the_worked_example_by_hand(policy, amounts, fee):
    found = taint(THEFT, 0, policy=policy)
    assert by_row(found) == {0: 3, **{row: amount for row, amount in amounts.items() if amount}}
    assert found.balance[EndReason.FEE] == fee


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=60, deadline=None)
@given(
    given_chain=chains_with_seeds(),
    floor=st.sampled_from([0, 0, 1, 3]),
    max_txs=st.sampled_from([None, None, 0, 1, 3]),
)
def test_it_equals_the_readable_rule(policy, given_chain, floor, max_txs):
    columns, seeds, labels = given_chain
    told = walk(
        columns,
        dict(zip(seeds, labels, strict=True)),
        policy_named(policy),
        floor=floor,
        most=2**62 if max_txs is None else max_txs,
    )
    found = taint(columns, seeds, policy=policy, labels=labels, floor=floor, max_txs=max_txs, order="chain")
    assert by_row(found) == {row: coin.tainted_sat for row, coin in told.coins.items()}
    assert ended(found) == told.ended
    assert found.transactions == told.visited
    if policy in KEEP_LABELS:
        assert pieces_by_row(found) == {row: runs(coin) for row, coin in told.coins.items()}


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=60, deadline=None)
@given(given_chain=chains_with_seeds(), floor=st.sampled_from([0, 0, 2]), most=st.integers(0, 5))
def test_a_limit_leaves_the_transactions_that_the_readable_rule_chooses(policy, given_chain, floor, most):
    columns, seeds, labels = given_chain
    claims, rule = dict(zip(seeds, labels, strict=True)), policy_named(policy)
    told = walk(columns, claims, rule, floor=floor)
    if told.visited > most:
        chosen = largest(columns, claims, rule, floor=floor, most=most)
        told = walk(columns, claims, rule, floor=floor, chosen=chosen)
    found = taint(columns, seeds, policy=policy, labels=labels, floor=floor, max_txs=most)
    assert by_row(found) == {row: coin.tainted_sat for row, coin in told.coins.items()}
    assert (ended(found), found.transactions) == (told.ended, told.visited)


def test_the_larger_branch_is_followed_first():
    columns = columns_of([([], [100]), ([0], [10, 80]), ([1], [10]), ([2], [80]), ([4], [80])])
    best, chain = (taint(columns, 0, max_txs=2, order=order) for order in ("largest", "chain"))
    assert by_row(best) == {0: 100, 1: 10, 2: 80, 4: 80}
    assert by_row(chain) == {0: 100, 1: 10, 2: 80, 3: 10}
    assert (best.balance[EndReason.LIMIT], chain.balance[EndReason.LIMIT]) == (90, 80)


@settings(max_examples=40, deadline=None)
@given(given_chain=chains_with_seeds(), order=st.permutations([0, 1, 2]))
def test_seniority_serves_labels_in_the_order_given(given_chain, order):
    columns, seeds, labels = given_chain
    rule = Seniority([str(label) for label in order]).numbered(["0", "1", "2"])
    told = walk(columns, dict(zip(seeds, labels, strict=True)), rule)
    found = taint(columns, seeds, policy=rule, labels=labels)
    assert pieces_by_row(found) == {row: runs(coin) for row, coin in told.coins.items()}


@settings(max_examples=40, deadline=None)
@given(given_chain=chains_with_seeds())
def test_a_tracer_that_was_used_answers_as_a_new_one(given_chain):
    columns, seeds, labels = given_chain
    used = Tracer(columns)
    first = [used.taint(seeds, policy=policy, labels=labels).digest for policy in POLICIES]
    assert [used.taint(seeds, policy=policy, labels=labels).digest for policy in POLICIES] == first


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.integers(0, 10**15), min_size=1, max_size=8),
    whole=st.integers(MILLION - 9, MILLION) | st.integers(2, MILLION),
    share=st.fractions(0, 1),
    near=st.integers(-2, 2),
)
def test_a_haircut_is_exact_up_to_all_money_there_is(values, whole, share, near):
    total = sum(values) or 1
    values = [value * whole // total for value in values]
    tainted = min(max(int(whole * share) + near, 0), whole)
    columns = columns_of([([], [tainted, whole - tainted]), ([0, 1], values)])
    found = by_row(taint(columns, 0))
    *parts, _ = units.split(tainted, [*values, whole - sum(values)])
    assert [found.get(row, 0) for row in range(2, 2 + len(values))] == parts


def test_a_long_chain_needs_more_room_than_there_is_at_first():
    width = 3_000
    split = [([], [width * 100]), ([0], [100] * width)]
    many = [([1 + turn], [40, 60]) for turn in range(width)]
    joined = list(range(1 + width, 1 + 3 * width))
    columns = columns_of([*split, *many, (joined, [50] * (2 * width)), (list(range(9001, 15001)), [300_000])])
    seeds = list(range(1, 1 + width, 2))
    for policy in ("haircut", "fifo", "lifo"):
        told = walk(columns, dict(zip(seeds, range(width), strict=False)), policy_named(policy))
        found = taint(columns, seeds, policy=policy)
        assert by_row(found) == {row: coin.tainted_sat for row, coin in told.coins.items()}


def test_ten_thousand_transactions_agree_with_the_readable_rule():
    columns = random_chain(10_000)
    seeds = list(range(50, 9_000, 450))
    for policy in POLICIES:
        told = walk(columns, {row: number for number, row in enumerate(seeds)}, policy_named(policy))
        found = taint(columns, seeds, policy=policy)
        assert by_row(found) == {row: coin.tainted_sat for row, coin in told.coins.items()}


@pytest.mark.parametrize(
    ("policy", "floor", "count"),
    [("haircut", 40, 40_000), ("poison", 0, 12_000), ("tiho", 3, 12_000)],  # the first outgrows its buffers
)
def test_where_nearly_all_is_tainted_it_agrees_as_well(policy, floor, count):
    columns = random_chain(count)
    seeds = np.flatnonzero(columns.value > 0)[::20].tolist()
    told = walk(columns, dict.fromkeys(seeds, 0), policy_named(policy), floor=floor)
    found = taint(columns, seeds, policy=policy, floor=floor)
    assert by_row(found) == {row: coin.tainted_sat for row, coin in told.coins.items()}
    assert (ended(found), found.transactions) == (told.ended, told.visited)


def random_chain(count):
    """Return a chain in which every transaction spends up to three of the newest outputs."""
    random, transactions, pool, values = np.random.default_rng(3), [], [], []
    for tx in range(count):
        spent = (
            []
            if tx % 50 == 0
            else [
                pool.pop(-1 - int(random.integers(min(len(pool), 30))))
                for _ in range(min(len(pool), int(random.integers(1, 4))))
            ]
        )
        total = sum(values[row] for row in spent) if spent else 5_000_000
        cuts = sorted(random.integers(0, total + 1, int(random.integers(1, 4))).tolist())
        made = [high - low for low, high in zip([0, *cuts], cuts, strict=False)]
        pool += range(len(values), len(values) + len(made))
        values += made
        transactions.append((spent, made))
    return columns_of(transactions)


def test_a_tainted_seed_is_only_filled_up():
    columns = columns_of([([], [4, 4]), ([0, 1], [6, 2])])
    found = taint(columns, [1, 2], policy="fifo", labels=[7, 9])
    assert found.claimed_sat == 8
    segments = found.segments()
    assert list(zip(*(array.tolist() for array in segments), strict=True)) == [
        (1, 7, 4), (2, 9, 4), (2, 7, 2), (3, 7, 2),
    ]  # fmt: skip


def test_a_fee_takes_what_is_left_and_a_coinbase_gets_nothing():
    columns = columns_of([([], [10]), ([0], [7]), ([], [13])])
    found = taint(columns, 0, policy="fifo")
    assert by_row(found) == {0: 10, 1: 7}
    assert found.balance[EndReason.FEE] == 3


def test_results_stay_as_they_were_when_the_tracer_goes_on():
    tracer = Tracer(THEFT)
    first = tracer.taint(0, policy="fifo")
    kept = by_row(first)
    tracer.taint(2, policy="fifo")
    assert by_row(first) == kept
    with pytest.raises(ValueError, match="read-only"):
        first.amounts[0] = 1


def test_the_recipe_names_policy_seeds_and_chain():
    recipe = taint(THEFT, [0, 1], policy=Fifo(), floor=2, max_txs=9).recipe
    assert recipe.parameters["policy"] == "fifo"
    assert (recipe.parameters["floor"], recipe.parameters["max_txs"], recipe.parameters["seeds"]) == (2, 9, 2)
    assert recipe != taint(THEFT, [0, 2], policy=Fifo(), floor=2, max_txs=9).recipe
    assert "2 outputs" in repr(taint(THEFT, 0, policy="fifo"))
    assert taint(THEFT, 0, policy="fifo").to_pandas()["tainted_sat"].tolist() == [3, 3]


@pytest.mark.parametrize(
    ("seeds", "options"),
    [
        ([99], {}),
        ([-1], {}),
        ([0, 0], {}),
        ([0.5], {}),
        ([0], {"labels": [1, 2]}),
        ([0], {"labels": [-1]}),
        ([0], {"floor": -1}),
        ([0], {"max_txs": -1}),
        ([0], {"policy": "guess"}),
        ([0], {"policy": Seniority(["Al"])}),
    ],
)
def test_what_cannot_be_traced_is_refused(seeds, options):
    with pytest.raises(BadInput):
        taint(THEFT, seeds, **options)


@pytest.mark.parametrize(
    "broken",
    [
        {"source": np.array([0, 1, 2, 4, 99], np.int32)},
        {"source": np.array([0, 1, 2, 4, 3], np.int32)},
        {"value": np.array([3, 2, 3, 3, 4, 2, 1, -5])},
        {"value": np.array([3, 2, 3, 3, 400, 2, 1, 5])},
        {"value": np.array([2**52, 2, 3, 3, 4, 2, 1, 5])},
        {"value": np.array([3.0, 2, 3, 3, 4, 2, 1, 5])},
        {"value": np.array([3, 2, 3])},
        {"spent_by": np.array([2, 2, 2, -1, 1, 4, -1, -1], np.int32)},
        {"spent_by": np.array([2, 2, 2, -1, 9, 4, -1, -1], np.int32)},
        {"in_ptr": np.array([0, 0, 0, 9, 3, 5])},
    ],
)
def test_columns_that_contradict_each_other_are_refused(broken):
    with pytest.raises(BadInput, match=r"column"):
        Tracer(THEFT._replace(**broken))


def test_an_output_spent_twice_is_noticed_when_the_balance_does_not_close():
    twice = Columns(*map(np.array, ([0, 0, 2], [0, 0], [0, 2, 4], [5, 5, 5, 5], [1, 1, -1, -1])))
    tracer = Tracer(twice)
    with pytest.raises(BadInput, match="accounted for"):
        tracer.taint([0], policy="fifo")
    assert tracer.taint([2], policy="fifo").claimed_sat == 5


def test_it_is_imported_without_numba():
    code = "import sys, chainflow.tracing.whole_chain.taint; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
