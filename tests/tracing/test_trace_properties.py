"""What holds for every ledger, seed and policy."""

from __future__ import annotations

import operator
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.tracing import Fifo, Haircut, Poison, Trace, trace
from tests.tracing.random_ledgers import OWNERS, ledgers_with_seeds
from tests.tracing.test_trace import address

POLICIES = (Fifo(), Haircut(), Poison())
NAME = operator.attrgetter("name")
DIRECTIONS = ("forward", "backward")
FEW = settings(max_examples=25, deadline=None)


def reached(trail: Trace) -> dict[str, int]:
    """Map each outpoint to the base units that arrived there."""
    columns = (trail.outputs[name].tolist() for name in ("txid", "vout", "tainted_sat"))
    return {f"{txid}:{vout}": tainted for txid, vout, tainted in zip(*columns, strict=True)}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
@FEW
@given(data=st.data())
def test_every_trace_balances_to_the_seed(policy, direction, data):
    made, seeds = data.draw(ledgers_with_seeds())
    limits = {
        "stop": [address(owner) for owner in data.draw(st.sets(st.sampled_from(OWNERS), max_size=2))],
        "coinjoins": data.draw(st.sets(st.sampled_from(made.txs["txid"].to_pylist()), max_size=2)),
        "max_hops": data.draw(st.sampled_from((None, 0, 1, 2))),
        "max_txs": data.draw(st.sampled_from((0, 1, 3, 100))),
        "dust_sat": data.draw(st.sampled_from((0, 2, 10))),
    }
    trail = trace(made, seeds, policy, direction=direction, **limits)
    assert sum(trail.balance.values()) == trail.seed_sat
    assert (trail.outputs["tainted_sat"] <= trail.outputs["value_sat"]).all()
    assert (trail.ends["tainted_sat"] <= trail.ends["value_sat"]).all()
    if policy.conserves:
        assert trail.ends["tainted_sat"].sum() == trail.seed_sat
        assert "counted more than once" not in trail.balance


@pytest.mark.parametrize("policy", [Fifo(), Poison()], ids=NAME)
@FEW
@given(made_seeds=ledgers_with_seeds(most=2))
def test_forward_from_the_source_equals_backward_from_the_end(policy, made_seeds):
    made, (source, *others) = made_seeds
    forward = reached(trace(made, source, policy))
    for end in {*forward, *others}:
        back = reached(trace(made, end, policy, direction="backward")).get(source, 0)
        there = forward.get(end, 0)
        assert (there > 0) == (back > 0)
        assert not policy.conserves or there == back


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
@settings(max_examples=15, deadline=None)
@given(made_seeds=ledgers_with_seeds())
def test_the_order_of_the_seeds_and_a_second_run_change_nothing(policy, direction, made_seeds):
    made, seeds = made_seeds
    first = trace(made, seeds, policy, direction=direction)
    again = trace(made, [*reversed(seeds), seeds[0]], policy, direction=direction)
    assert (first.digest, first.recipe.digest) == (again.digest, again.recipe.digest)
    assert first.outputs.equals(again.outputs)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("policy", [Fifo(), Haircut()], ids=NAME)
@FEW
@given(data=st.data())
def test_moves_account_for_every_unit(policy, direction, data):
    made, seeds = data.draw(ledgers_with_seeds(most=1))
    trail = trace(made, seeds, policy, direction=direction)
    into, out_of = Counter(), Counter()
    for move in trail.moves:
        into[str(move.to_outpoint)] += move.tainted_sat
        out_of[str(move.from_outpoint)] += move.tainted_sat
    arrived, left = (into, out_of) if direction == "forward" else (out_of, into)
    places = reached(trail)
    ended = {name for name in places if name not in left}
    assert {name: arrived[name] for name in places if name not in seeds} == {
        name: amount for name, amount in places.items() if name not in seeds
    }
    assert all(left[name] == places[name] for name in set(places) - ended)


@pytest.mark.parametrize("policy", POLICIES, ids=NAME)
@FEW
@given(made_seeds=ledgers_with_seeds())
def test_each_seed_claims_at_most_its_value_and_balances_alone(policy, made_seeds):
    made, seeds = made_seeds
    trail = trace(made, seeds, policy)
    rows = dict(zip(made.index.resolve(seeds), sorted(seeds), strict=False))
    assert list(trail.by_seed) == sorted(seeds)
    assert len(rows) == len(seeds)
    for seed, book in trail.by_seed.items():
        (row,) = made.index.resolve([seed])
        assert 0 <= sum(book.values()) <= made.index.value[row]
    assert sum(sum(book.values()) for book in trail.by_seed.values()) == trail.seed_sat
