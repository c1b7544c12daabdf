"""What holds for every account ledger, seed and rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import registry
from chainflow.tracing import AccountTrace, account_policy_named, trace
from tests.clustering.account_made import ledger, who
from tests.tracing.accounts.random_accounts import OWNERS, ledgers_with_seeds, payments

RULES = [*registry.plugins("chainflow.account_policies")]
CONSERVING = [name for name in RULES if account_policy_named(name).conserves]
BACKWARD = ["fifo", "haircut", "lifo", "poison"]
FEW = settings(max_examples=6, deadline=None)


def reached(trail: AccountTrace) -> dict[str, int]:
    """Map each transfer to the base units that it brought."""
    frame = trail.outputs[trail.outputs["txid"].notna()]
    columns = (frame[name].tolist() for name in ("txid", "place", "tainted_raw"))
    return {
        f"{txid}:{place}" if place else txid: amount for txid, place, amount in zip(*columns, strict=True)
    }


def ended(trail: AccountTrace, asset: object) -> int:
    return sum(end.tainted_raw for end in trail.end_rows() if end.asset == asset)


@st.composite
def limits(draw: st.DrawFn) -> dict[str, object]:
    """Return stop rules, some of them none."""
    owners = st.sets(st.sampled_from(OWNERS), max_size=1)
    return {
        "stop": [who(name) for name in draw(owners)],
        "targets": [who(name) for name in draw(owners)],
        "contracts": [who(name) for name in draw(owners)],
        "max_hops": draw(st.sampled_from((None, 0, 1, 2))),
        "max_txs": draw(st.sampled_from((0, 1, 2, 100))),
        "dust_sat": draw(st.sampled_from((0, 3))),
        "min_purity_ppm": draw(st.sampled_from((0, 400_000))),
        "within": draw(st.sampled_from((None, 0, 24))),
    }


@pytest.mark.parametrize("rule", RULES)
@FEW
@given(made_seeds=ledgers_with_seeds(), chosen=limits())
def test_every_balance_adds_up_per_asset_and_label(rule, made_seeds, chosen):
    made, seeds = made_seeds
    trail = trace(made, {"one": seeds[:1], "two": seeds[1:] or seeds[:1]}, rule, **chosen)
    for asset, (opening, closing) in trail.closing().totals.items():
        assert opening == closing == sum(trail.opened[asset].values())
        for label, book in trail.books[asset].items():
            assert sum(book.values()) == trail.opened[asset][label]
            assert min(book.values(), default=0) >= 0 or rule == "poison"
        if rule != "poison":
            assert ended(trail, asset) == opening
    walked = {move.txid for move in trail.moves}
    assert len(walked) <= chosen["max_txs"]
    assert all(0 < tainted <= value for tainted, value in _amounts(trail))


def _amounts(trail: AccountTrace) -> list[tuple[int, int]]:
    return [
        pair
        for frame in (trail.outputs, trail.ends)
        for pair in zip(frame["tainted_raw"], frame["value_raw"], strict=True)
    ]


@pytest.mark.parametrize("rule", BACKWARD)
@FEW
@given(made_seeds=ledgers_with_seeds(), chosen=limits())
def test_every_balance_backward_adds_up_too(rule, made_seeds, chosen):
    made, seeds = made_seeds
    labels = {"one": seeds[:1], "two": seeds[1:] or seeds[:1]}
    trail = trace(made, labels, rule, direction="backward", **chosen)
    for asset, (opening, closing) in trail.closing().totals.items():
        assert opening == closing
        for label, book in trail.books[asset].items():
            assert sum(book.values()) == trail.opened[asset][label]
        if rule != "poison":
            assert ended(trail, asset) == opening
    assert len({move.txid for move in trail.moves}) <= chosen["max_txs"]


@pytest.mark.parametrize("rule", ["fifo", "lifo", "poison"])
@FEW
@given(made_seeds=ledgers_with_seeds(most=1))
def test_forward_from_the_source_equals_backward_from_the_end(rule, made_seeds):
    made, (source,) = made_seeds
    forward = reached(trace(made, source, rule, contracts=()))
    for end in sorted(forward):
        back = reached(trace(made, end, rule, direction="backward", contracts=())).get(source, 0)
        assert (back > 0) == (forward[end] > 0)
        assert rule == "poison" or back == forward[end]


@pytest.mark.parametrize("rule", [name for name in CONSERVING if name != "libr"])
@FEW
@given(made_seeds=ledgers_with_seeds())
def test_poison_reaches_all_that_any_rule_reaches(rule, made_seeds):
    made, seeds = made_seeds
    some, most = reached(trace(made, seeds, rule)), reached(trace(made, seeds, "poison"))
    assert set(some) <= set(most)
    assert all(some[place] <= most[place] for place in some)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=5, deadline=None)
@given(rows=payments(), data=st.data())
def test_the_order_in_which_facts_were_learnt_changes_nothing(rule, rows, data):
    mixed = data.draw(st.permutations(rows))
    here, there = ledger(*rows), ledger(*mixed)
    assert here.digest == there.digest
    seeds = [who(name) for name in OWNERS if _receives(here, name)]
    if seeds:
        first, again = trace(here, seeds, rule), trace(there, [*reversed(seeds)], rule)
        assert (first.digest, first.recipe) == (again.digest, again.recipe)


def _receives(made: object, name: str) -> bool:
    rows = made.transfers.to_pylist()
    return any(
        row["recipient"] == who(name) != row["sender"] and int(row["value_raw"]) and row["kind"] != "fee"
        for row in rows
    )


@pytest.mark.parametrize("rule", RULES)
@FEW
@given(made_seeds=ledgers_with_seeds())
def test_each_step_of_an_explanation_adds_up(rule, made_seeds):
    made, seeds = made_seeds
    trail = trace(made, seeds, rule)
    for place, amount in reached(trail).items():
        told = trail.explain(place)
        assert told.tainted_raw == amount == sum(part for _, part in told.shares)
        for step in told.steps:
            (came, traced), (went, paid) = step.total(incoming=True), step.total(incoming=False)
            assert came == went
            assert rule == "poison" or traced == paid


@pytest.mark.parametrize("rule", BACKWARD)
@FEW
@given(made_seeds=ledgers_with_seeds())
def test_each_step_of_an_explanation_backward_adds_up(rule, made_seeds):
    made, seeds = made_seeds
    trail = trace(made, seeds, rule, direction="backward")
    for place, amount in reached(trail).items():
        told = trail.explain(place)
        assert told.tainted_raw == amount
        for step in told.steps:
            (came, traced), (went, paid) = step.total(incoming=True), step.total(incoming=False)
            assert came == went
            assert rule == "poison" or traced == paid


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=5, deadline=None)
@given(made_seeds=ledgers_with_seeds(), name=st.sampled_from(OWNERS))
def test_nothing_passes_a_stop_or_a_target(rule, made_seeds, name):
    made, seeds = made_seeds
    for option, reason in (("stop", "service"), ("targets", "reached")):
        trail = trace(made, seeds, rule, **{option: [who(name)]})
        came = {place for place in reached(trail) if place not in seeds}
        there = trail.ends[(trail.ends["address"] == who(name)) & trail.ends["txid"].notna()]
        assert {end for end in there["reason"] if end != "limit"} <= {
            reason,
            "fee",
            "paid away: the rule follows no payment",
        }
        assert came >= {
            f"{row.txid}:{row.place}" if row.place else row.txid
            for row in there[there["reason"] == reason].itertuples()
        }
