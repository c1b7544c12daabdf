"""Bridges, quarantine, growth and alarms: what a cluster rests on, and what was set aside."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering import Decision, Kind, cluster
from chainflow.clustering.engine.web import Web
from chainflow.errors import BadInput
from tests.clustering.test_cluster import NAMES, at, groups, mix, spendings, together
from tests.clustering.told import Told
from tests.made import ledger

FEW = settings(max_examples=60, deadline=None)


def crowd(name: str, count: int, number: int) -> list:
    """Return two transactions that both hold `count` addresses together."""
    members = [f"{name} {n}" for n in range(count)]
    return [together(*members, number=number + n, height=100 + n) for n in (0, 1)]


def test_a_bridge_is_named_with_the_parts_it_holds_together():
    link = together("a 0", "b 0", number=9)
    owners = cluster(ledger(*crowd("a", 4, 1), *crowd("b", 3, 5), link))
    (bridge,) = owners.bridges(at("a 0"))
    assert (bridge.txid, bridge.rule, bridge.parts) == (link.txid, "multi-input", (4, 3))
    assert bridge.sentence == (
        f"Without {link.txid} (multi-input), {owners.of(at('a 0'))} falls apart into 4 and 3 addresses."
    )


def test_a_bridge_that_an_analyst_decided_names_the_decision():
    said = Decision("same", at("a 0"), at("b 0"), "a letter", who="Ann", when="2024-03-01T10:00:00+00:00")
    other = Decision("same", at("b 0"), at("c 0"), "a call")
    owners = cluster(ledger(*crowd("a", 4, 1), *crowd("b", 4, 5), *crowd("c", 2, 9)), decisions=[said, other])
    first, second = owners.bridges(at("a 0"))
    assert first.sentence.startswith(
        f"Without the decision of 2024-03-01 by Ann that {at('a 0')} and {at('b 0')} have one owner, "
    )
    assert second.decision.because == "a call"
    assert second.sentence.startswith(f"Without the decision that {at('b 0')} and ")


def test_bridges_show_themselves_as_a_table():
    link = together("a 0", "b 0", "c 0", number=9)
    owners = cluster(ledger(*crowd("a", 4, 1), *crowd("b", 3, 5), *crowd("c", 2, 7), link))
    found = owners.bridges(at("a 0"))
    assert found[0].sentence.endswith("falls apart into 4 and 3 addresses (and 1 more part).")
    assert found.to_pandas()[["txid", "smaller"]].values.tolist() == [[link.txid, 3]]
    assert "Bridges: 1" in found._repr_html_()
    assert link.txid in found._repr_html_()


def test_two_transactions_that_say_the_same_are_no_bridge():
    links = [together("a 0", "b 0", number=n) for n in (9, 10)]
    owners = cluster(ledger(*crowd("a", 4, 1), *crowd("b", 3, 5), *links))
    assert owners.bridges(at("a 0")) == ()


def test_with_least_1_what_holds_a_single_address_is_a_bridge_too():
    one = together("ann", "ben", "cat", number=1)
    (bridge,) = cluster(ledger(one)).bridges(at("ann"), least=1)
    assert bridge.parts == (1, 1, 1)
    assert cluster(ledger(together("ann", number=1))).bridges(at("ann"), least=1) == ()


def parts_by_removal(owners, least: int) -> set[tuple[str, str, tuple[int, ...]]]:
    """Return the bridges of all clusters, found by taking each statement out."""
    graph, web = nx.Graph(), owners.web
    for statement in range(len(web.tx)):
        graph.add_edges_from((("s", statement), ("p", place)) for place in web.members(statement))
    found = set()
    for statement in range(len(web.tx)):
        left = nx.Graph(graph)
        left.remove_node(("s", statement))
        touched = [("p", place) for place in web.members(statement)]
        parts = {frozenset(nx.node_connected_component(left, node)) for node in touched}
        sizes = sorted((sum(kind == "p" for kind, _ in part) for part in parts), reverse=True)
        if len(sizes) > 1 and sizes[1] >= least:
            txid = owners.txid_of(int(web.tx[statement]))
            found.add((txid, web.rule[statement], tuple(sizes)))
    return found


@pytest.mark.parametrize("many", [0, 10**9], ids=["compiled", "step by step"])
def test_bridges_are_what_splits_a_cluster_when_it_is_taken_out(monkeypatch, many):
    if many == 0:
        pytest.importorskip("numba")
    monkeypatch.setattr("chainflow.clustering.engine.cuts._MANY", many)

    @settings(max_examples=40, deadline=None)
    @given(spendings(), st.integers(1, 3))
    def check(records, least):
        owners = cluster(ledger(*records), veto=(), quarantine=None)
        said = [bridge for name in owners.sizes for bridge in owners.bridges(name, least=least)]
        assert {(one.txid, one.rule, one.parts) for one in said} == parts_by_removal(owners, least)

    check()


def test_a_transaction_that_alone_joins_two_large_parts_is_quarantined():
    link = together("a 0", "b 0", number=9)
    held = ledger(*crowd("a", 4, 1), *crowd("b", 3, 5), link)
    owners = cluster(held, quarantine=3)
    assert owners.of(at("a 0")) != owners.of(at("b 0"))
    (refused,) = owners.refused.to_pylist()
    assert (refused["by"], refused["txid"]) == ("quarantine", link.txid)
    assert refused["reason"] == "it alone holds parts of 4 and 3 addresses together, each of 3 or more"
    assert owners.vetoed.num_rows == 0
    for size in (4, None):
        assert cluster(held, quarantine=size).refused.num_rows == 0


def test_the_default_quarantine_leaves_small_ledgers_alone():
    held = ledger(*crowd("a", 99, 1), *crowd("b", 99, 300), together("a 0", "b 0", number=900))
    assert cluster(held).refused.num_rows == 0


@pytest.mark.parametrize(
    ("kind", "quarantined"),
    [(Kind.EXACT, False), (Kind.CO_SPEND, True), (Kind.ACCOUNT, True), (Kind.CHANGE, True)],
)
def test_what_is_certain_is_never_quarantined(kind, quarantined):
    lone = together("x", number=9)
    rule = Told(((at("a 0"), at("b 0"), lone.txid),), kind)
    held = ledger(*crowd("a", 4, 1), *crowd("b", 4, 5), lone)
    owners = cluster(held, ["multi-input", rule], quarantine=4)
    assert (owners.of(at("a 0")) != owners.of(at("b 0"))) is quarantined


def test_a_statement_on_a_circle_is_looked_at_again_when_the_circle_is_gone():
    # t joins a, b and c; u joins a and b: t is a bridge to c only, u none, until t is set aside
    three, two = together("a 0", "b 0", "c 0", number=30), together("a 1", "b 1", number=40)
    held = ledger(*crowd("a", 3, 1), *crowd("b", 3, 5), *crowd("c", 3, 9), three, two)
    owners = cluster(held, quarantine=3)
    assert set(owners.refused["txid"].to_pylist()) == {three.txid, two.txid}


@FEW
@given(spendings(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_after_the_quarantine_nothing_is_left_to_quarantine_and_the_order_does_not_matter(
    records, least, chance
):
    rows = cluster(ledger(*records), veto=(), quarantine=None).links.to_pylist()
    rows = [(row["a"], row["b"], row["txid"]) for row in rows]
    held = ledger(*records)
    owners = cluster(held, [Told(tuple(rows))], veto=(), quarantine=least)
    chance.shuffle(rows)
    again = cluster(held, [Told(tuple(rows))], veto=(), quarantine=least)
    assert again.digest == owners.digest
    assert parts_by_removal(owners, least) == set()


def test_the_growth_log_tells_the_sizes_before_each_union():
    first, second = together("ann", "ben", number=1), together("cat", "dan", number=2)
    third, fourth = together("ben", "dan", number=3, height=101), together("ann", "cat", number=4, height=102)
    growth = cluster(ledger(first, second, third, fourth)).growth
    rows = growth.to_pylist()
    assert [(row["height"], row["smaller"]) for row in rows] == [(100, 1), (100, 1), (101, 2)]
    assert growth.largest(1).to_pylist() == rows[2:]
    assert growth.to_pandas()["height"].dtype == "Int64"
    assert "smaller side" in growth._repr_html_()
    assert repr(growth) == "<Growth 3 unions, the largest smaller side of 2>"
    assert {(row["txid"], row["size_a"], row["size_b"]) for row in rows[:2]} == {
        (first.txid, 1, 1),
        (second.txid, 1, 1),
    }
    assert [(row["txid"], row["size_a"], row["size_b"]) for row in rows[2:]] == [(third.txid, 2, 2)]


@FEW
@given(spendings())
def test_as_many_unions_as_clusters_were_lost(records):
    owners = cluster(ledger(*records))
    assert len(owners.growth) == len(owners.places) - len(owners)


def test_the_growth_log_has_a_decision_without_transaction_and_block():
    decided = Decision("same", at("ann"), at("ben"), "so")
    held = ledger(together("ann", number=1), together("ben", number=2))
    (row,) = cluster(held, decisions=[decided]).growth.to_pylist()
    assert (row["txid"], row["height"], row["rule"]) == ("", None, "decision")


def test_alarms_name_super_clusters_and_bridges_and_quarantines():
    held = ledger(*crowd("a", 101, 1), *crowd("b", 12, 500), together("a 0", "b 0", number=900))
    free, bound = cluster(held), cluster(held, quarantine=12)
    assert [alarm.kind for alarm in free.alarms()] == ["super-cluster", "single-bridge"]
    assert [alarm.kind for alarm in bound.alarms()] == ["super-cluster", "quarantined"]
    assert "it alone holds parts of 101 and 12 addresses" in bound.alarms()[1].sentence
    assert free.alarms(share=0.99, least=20) == ()
    for alarm in (*free.alarms(), *bound.alarms()):
        assert (alarm.sentence[0].isupper(), alarm.sentence[-1]) == (True, ".")


def test_of_each_kind_of_alarm_the_first_few_are_listed_and_the_others_are_counted():
    links = [together(f"{n} 0", f"{n + 1} 0", number=900 + n, height=200 + n) for n in range(4)]
    crowds = [record for n in range(5) for record in crowd(str(n), 12, 10 + 2 * n)]
    owners = cluster(ledger(*crowds, *links))
    whole, few = owners.alarms(), owners.alarms(most=2)
    assert [alarm.kind for alarm in whole] == ["super-cluster", *["single-bridge"] * 4]
    assert few[:3] == whole[:3]
    assert few[3].sentence == (
        "There are 2 more alarms of the kind single-bridge, about smaller parts: `alarms(most=4)` lists them."
    )
    assert (len(few), few[3].cluster, few[3].txids) == (4, "", ())
    assert list(few.to_pandas()["kind"]) == [alarm.kind for alarm in few]
    with pytest.raises(BadInput, match="most=0"):
        owners.alarms(most=0)


def test_a_coinjoin_among_the_links_is_an_alarm_however_small_the_ledger():
    owners = cluster(ledger(mix()), veto=())
    (alarm,) = owners.alarms()
    assert (alarm.kind, alarm.cluster, alarm.txids) == ("coinjoin", owners.of(at("ann")), (mix().txid,))
    assert "of 2 addresses rests on 1 transaction of the shape of a CoinJoin (stonewall)" in alarm.sentence
    assert cluster(ledger(mix())).alarms() == ()
    assert cluster(ledger(mix()), veto=[mix().txid]).alarms() == ()
    assert owners.lower_bound.alarms() == ()


def test_in_a_small_ledger_smaller_parts_make_an_alarm():
    held = ledger(*crowd("a", 4, 1), *crowd("b", 3, 5), together("a 0", "b 0", number=9))
    assert [alarm.kind for alarm in cluster(held).alarms()] == ["single-bridge"]
    assert cluster(held).alarms(least=4) == ()


def test_the_training_case_without_its_veto_raises_an_alarm_of_its_coinjoin():
    owners = cluster(samples.load("training"), veto=())
    assert "coinjoin" in {alarm.kind for alarm in owners.alarms()}
    assert "coinjoin" not in {alarm.kind for alarm in cluster(owners.ledger).alarms()}


def test_an_empty_clustering_has_no_alarm():
    assert cluster(ledger()).alarms() == ()


def first_of_shortest(owners, start: int, end: int) -> list[tuple[int, int]] | None:
    """Return (statement, place) of the shortest chain that comes first, by looking at all of them."""
    found, paths, seen = None, [([], start)], {start}
    while paths and found is None:
        longer = []
        for steps, place in paths:
            for said in owners.web.statements(place):
                for member in owners.web.members(said):
                    if member not in seen:
                        longer.append(([*steps, (said, member)], member))
        done = sorted(steps for steps, place in longer if place == end)
        found = done[0] if done else None
        seen |= {place for _, place in longer}
        paths = longer
    return found


@pytest.mark.parametrize("few", [0, 10**6], ids=["over arrays", "step by step"])
def test_the_chain_is_the_first_of_the_shortest_however_it_is_walked(monkeypatch, few):
    monkeypatch.setattr("chainflow.clustering.engine.web._FEW", few)

    @settings(max_examples=40, deadline=None)
    @given(spendings(), st.sampled_from(NAMES), st.sampled_from(NAMES))
    def check(records, a, b):
        owners = cluster(ledger(*records), veto=())
        if a == b or not {at(a), at(b)} <= set(owners.places.labels):
            return
        start, end = owners.places.find(at(a)), owners.places.find(at(b))
        path = owners.web.path(start, end)
        wanted = first_of_shortest(owners, start, end)
        assert wanted == (None if path is None else [(said, place) for _, said, place in path])

    check()


def test_a_web_without_links_has_no_chain():
    owners = cluster(ledger(together("ann", number=1), together("ben", number=2)))
    assert isinstance(owners.web, Web)
    assert owners.web.path(0, 1) is None
    assert groups(owners) == {frozenset({name}) for name in owners.places.labels}
