"""The most that can flow: by hand, with its cut, on random ledgers and numbers beyond floats."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.tracing.paths import max_flow
from tests.made import ledger, origin, tx
from tests.tracing.paths.test_paths import LAST, LONG, MADE, ROOT, SEIZED, SHORT, THEFT
from tests.tracing.random_ledgers import OWNERS, ledgers_with_seeds
from tests.tracing.test_trace import address


def test_flow_adds_up_over_all_paths_and_the_cut_proves_it():
    flow = max_flow(MADE, THEFT.txid, address("shop"))
    assert (flow.amount, flow.seed) == (45, 100)
    assert flow.cut_table["amount"].sum() == 45
    frame = flow.to_pandas()
    assert dict(zip(frame["place"], frame["flow"], strict=True)) == {
        f"{THEFT.txid}:0": 10,
        f"{SHORT.txid}:0": 10,
        f"{THEFT.txid}:1": 35,
        f"{LONG.txid}:0": 35,
        f"{LAST.txid}:0": 35,
    }


def test_a_source_that_descends_from_another_is_not_counted_twice():
    flow = max_flow(MADE, [THEFT.txid, LONG.txid], LAST.txid)
    assert (flow.amount, flow.seed) == (35, 138)


def test_amounts_beyond_floats_stay_exact():
    big = 2**61 + 1
    first = tx([origin(big, "x")], [(big, "y")], chain="doge")
    second = tx([(first.txid, 0, big, "y")], [(big, "z")], chain="doge", height=101)
    assert max_flow(ledger(first, second), first.txid, second.txid).amount == big


@settings(max_examples=60, deadline=None)
@given(made_seeds=ledgers_with_seeds(most=2), owner=st.sampled_from(OWNERS))
def test_on_every_ledger_flow_is_conserved_and_its_cut_adds_up_to_it(made_seeds, owner):
    made, seeds = made_seeds
    labels = [address(owner)]
    if not (set(made.index.resolve(labels)) if labels[0] in made.index.labels else set()) - set(
        made.index.resolve(seeds)
    ):
        return
    flow = max_flow(made, seeds, labels)
    arcs = flow.network.arcs
    assert sum(arcs[number].amount for number in flow.cut) == flow.amount
    assert all(0 < amount <= arcs[number].amount for number, amount in flow.by_arc.items())
    seeded = set(made.index.resolve(seeds))
    for node in range(len(flow.network.txs)):
        into = sum(v for n, v in flow.by_arc.items() if arcs[n].head == node and arcs[n].payee != labels[0])
        into += sum(
            v
            for n, v in flow.by_arc.items()
            if arcs[n].head == node and arcs[n].payee == labels[0] and n in seeded
        )
        out = sum(v for n, v in flow.by_arc.items() if arcs[n].tail == node and n not in seeded)
        assert into == out


def test_colonial_can_have_brought_all_but_the_fee_to_the_seizure():
    flow = max_flow(samples.load("colonial"), ROOT, SEIZED)
    assert (flow.amount, flow.seed) == (6_369_996_546, 6_370_000_000)
    assert flow.cut_table["place"].tolist() == [SEIZED]
    assert "by a cut of 1" in repr(flow)
