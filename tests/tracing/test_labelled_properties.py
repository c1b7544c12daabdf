"""What holds for every ledger of outputs with labelled seeds, partial claims, and the rules that end a branch."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.ledger import Ledger
from chainflow.tracing import Claim, Trace, trace
from tests.tracing.random_ledgers import OWNERS, ledgers_with_seeds
from tests.tracing.test_trace import address
from tests.tracing.test_trace_properties import reached

RULES = ["fifo", "haircut", "lifo", "seniority", 'seniority["two","one"]', "tiho", "tilo"]
DIRECTIONS = ("forward", "backward")
FEW = settings(max_examples=5, deadline=None)

by_rule = pytest.mark.parametrize("rule", RULES)
both_ways = pytest.mark.parametrize("direction", DIRECTIONS)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Ledger, dict[str, list[Claim]]]:
    """Return a ledger and three labels that claim outputs of it, in part or whole, some of them the same ones."""
    made, places = draw(ledgers_with_seeds(most=3))
    claims = {}
    for label in ("one", "two", "three"):
        place = draw(st.sampled_from(places))
        (row,) = made.index.resolve([place])
        held = int(made.index.value[row])
        part = draw(st.none() | st.integers(1, held)) if held else None
        claims[label] = [Claim(place, part)]
    return made, claims


@st.composite
def limits(draw: st.DrawFn) -> dict[str, object]:
    owners = st.sets(st.sampled_from(OWNERS), max_size=2)
    return {
        "stop": [address(name) for name in draw(owners)],
        "targets": [address(name) for name in draw(owners)],
        "max_hops": draw(st.sampled_from((None, 1, 3))),
        "max_txs": draw(st.sampled_from((0, 1, 2, 100))),
        "dust_sat": draw(st.sampled_from((0, 3))),
        "min_purity_ppm": draw(st.sampled_from((0, 500_000))),
        "within": draw(st.sampled_from((None, 0, 600))),
    }


@both_ways
@by_rule
@FEW
@given(question=questions(), chosen=limits())
def test_every_label_has_its_own_balance_and_no_unit_two_owners(rule, direction, question, chosen):
    made, claims = question
    trail = trace(made, claims, rule, direction=direction, **chosen)
    assert sum(trail.balance.values()) == trail.seed_sat == trail.ends["tainted_sat"].sum()
    for label, book in trail.by_seed.items():
        assert sum(book.values()) == trail.opened[trail.asset][label]
    assert len({move.txid for move in trail.moves}) <= chosen["max_txs"]
    assert trail.closing().totals == {trail.asset: (trail.seed_sat, trail.seed_sat)}
    per_place = Counter[str]()
    for row in trail.shares.itertuples(index=False):
        per_place[row.place] += row.tainted_raw
    assert per_place == reached(trail)


@both_ways
@by_rule
@FEW
@given(question=questions())
def test_a_claim_is_got_or_refused_with_the_name_of_who_has_it(rule, direction, question):
    made, claims = question
    trail = trace(made, claims, rule, direction=direction)
    refused = Counter[str]()
    for row in trail.collisions.itertuples(index=False):
        refused[row.label] += row.amount_raw
        assert set(row.claimed_by.split(", ")) <= set(claims) - {row.label}
        assert row.amount_raw > 0
    for label, (claim,) in claims.items():
        (row,) = made.index.resolve([claim.where])
        asked = int(made.index.value[row]) if claim.amount is None else claim.amount
        got = trail.opened[trail.asset][label]
        # what came to its own seed already carries the label and is not claimed a second time
        assert got + refused[label] <= asked
        if claim.amount is not None:
            assert got + refused[label] == asked or _own(trail, claim, label)


def _own(trail: Trace, claim: Claim, label: str) -> bool:
    """Return whether all of a seed is claimed, so that its own label's taint left no room."""
    return reached(trail).get(claim.where) == trail.outputs.set_index(
        trail.outputs["txid"] + ":" + trail.outputs["vout"].astype(str)
    )["value_sat"].get(claim.where)


@both_ways
@by_rule
@FEW
@given(question=questions())
def test_moves_and_explanations_add_up_whatever_the_rule_goes_by(rule, direction, question):
    made, claims = question
    trail = trace(made, claims, rule, direction=direction)
    into, out_of = Counter[str](), Counter[str]()
    for move in trail.moves:
        into[str(move.to_outpoint)] += move.tainted_sat
        out_of[str(move.from_outpoint)] += move.tainted_sat
    arrived = into if direction == "forward" else out_of
    seeds = {claim.where for some in claims.values() for claim in some}
    for place, amount in reached(trail).items():
        assert arrived[place] == amount or place in seeds
        told = trail.explain(place)
        assert told.tainted_raw == amount
        for step in told.steps:
            assert step.total(incoming=True) == step.total(incoming=False)


@both_ways
@FEW
@given(made_seeds=ledgers_with_seeds(most=2), most=st.integers(0, 6))
def test_a_limit_follows_less_and_never_otherwise(direction, made_seeds, most):
    made, seeds = made_seeds
    whole = trace(made, seeds, "poison", direction=direction)
    part = trace(made, seeds, "poison", direction=direction, max_txs=most)
    assert set(reached(part)) <= set(reached(whole))
    walked = {move.txid for move in whole.moves}
    if most >= len(walked):
        assert part.digest == whole.digest
    else:
        assert len({move.txid for move in part.moves}) <= most
        assert "limit" in part.balance


@FEW
@given(made_seeds=ledgers_with_seeds(most=1))
def test_lifo_forward_equals_lifo_backward(made_seeds):
    made, (source,) = made_seeds
    forward = reached(trace(made, source, "lifo"))
    for end in sorted(forward):
        back = reached(trace(made, end, "lifo", direction="backward"))
        assert back.get(source, 0) == forward[end]
