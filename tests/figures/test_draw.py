"""`draw` and `Figure`: what is said beside a picture, budgets, focus, tables, errors."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering import cluster
from chainflow.errors import BadInput, IncompleteData, PluginError
from chainflow.figures import draw
from chainflow.ledger import build
from chainflow.model import Evidence, Outpoint, SpendRecord
from chainflow.tags import Tags
from chainflow.tags.tag import Tag
from chainflow.tracing import trace
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import ledgers

RANSOM = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"
SEIZED = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
PROCEEDS = "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"


@pytest.fixture(scope="module")
def colonial():
    """Return the recorded Colonial Pipeline case."""
    return samples.load("colonial")


def paid(figure, payer, payee):
    """Return what one address is drawn to pay another, over all their appearances."""
    names = {item.id: item.name for item in figure.items}
    return sum(f.value_sat for f in figure.flows if (names[f.source], names[f.target]) == (payer, payee))


def test_colonial_ransom_and_seizure_are_drawn_to_the_base_unit(colonial):
    figure = draw(colonial, tags=samples.tags("colonial"))

    assert paid(figure, "bc1quq29mutxkgxmjfdr7ayj3zd9ad0ld5mrhh89l2", RANSOM) == 7_500_030_000
    assert paid(figure, PROCEEDS, SEIZED) == 6_369_996_546
    assert paid(figure, PROCEEDS, PROCEEDS) == 590_422_177
    assert "63.69996546 BTC to the address tagged “FBI, seizure of 7 June 2021”" in figure.summary


def test_colonial_trace_balances_and_says_what_is_not_in_evidence(colonial):
    figure = draw(trace(colonial, RANSOM), ledger=colonial)

    assert figure.legend.conserved == (
        ("the seeds", 7_500_050_000),
        ("fee", 14_061),
        ("unknown: not in evidence", 7_500_035_939),
    )
    assert figure.legend.policy == "fifo, forward; a convention, as given to this run"
    assert figure.legend.verification == "1 of 1 transaction verified (L2: txid recomputed from the bytes)"
    assert figure.legend.as_of == "block 955,873"


def test_every_transaction_of_a_flow_leads_to_its_raw_reply(colonial):
    figure = draw(colonial)
    notes = {note.txid: note for note in figure.transactions}

    for payment in (payment for flow in figure.flows for payment in flow.payments):
        (seq, sha256, source, _, _), *_ = notes[payment.txid].evidence
        assert (len(sha256), bool(source)) == (64, True)
        assert isinstance(seq, int)


def test_column_with_too_many_items_is_merged_and_says_so(colonial):
    figure = draw(colonial)
    merged = [item for item in figure.items if item.kind == "others"]

    assert all(item.label == f"{len(item.addresses):,} others" for item in merged)
    assert "409 addresses" in figure.legend.shown
    assert max(sum(i.column == c for i in figure.items) for c in range(7)) <= 12


@settings(max_examples=20, deadline=None)
@given(ledgers(), st.integers(1, 4))
def test_budget_is_met_and_still_adds_up(made, rows):
    figure = draw(made, max_rows=rows)
    knots = {item.id for item in figure.items if item.kind == "transaction"}

    shown = sum(flow.value_sat for flow in figure.flows if flow.target not in knots)
    assert shown + sum(item.internal_sat for item in figure.items) == sum(made.txs["output_sat"].to_pylist())


def test_merged_items_are_those_that_pay_in_the_same_transaction():
    first = tx([origin(n + 1, f"a{n}", number=n + 1) for n in range(9)], [(45, "ben")], height=100)
    second = tx([origin(n + 1, f"b{n}", number=n + 20) for n in range(9)], [(45, "cat")], height=100)

    figure = draw(ledger(first, second), max_rows=6)

    merged = [item for item in figure.items if item.kind == "others"]
    targets = [{flow.target for flow in figure.flows if flow.source == item.id} for item in merged]
    assert [len(target) for target in targets] == [1, 1]


def test_impossible_budget_is_refused_with_a_hint():
    lesson = samples.peel_chain(length=6)

    with pytest.raises(IncompleteData, match="cannot be drawn as 3"):
        draw(lesson.ledger, max_items=3)


def test_seeds_tagged_addresses_and_focus_are_not_merged(colonial):
    small = "3QP3qPJqTHvXdvrTEDM79UQwBo7wpwtoYg"

    figure = draw(colonial, focus=small)

    assert small in [item.name for item in figure.items]
    assert figure.focused == small


def test_cluster_is_one_item_and_its_lines_are_marked_as_inferred(colonial):
    figure = draw(colonial, owners=cluster(colonial))

    payer = next(item for item in figure.items if len(item.addresses) == 23)
    (flow,) = [flow for flow in figure.flows if flow.source == payer.id]
    assert (payer.kind, flow.inferred, flow.value_sat) == ("cluster", True, 6_960_422_177)
    assert any("inferred" in sentence for sentence in figure.legend.reading)


def test_tag_names_the_item_and_says_who_says_so():
    made = ledger(tx([origin(10, "ann")], [(9, "ben")]))
    address = made.index.labels[0]
    tags = Tags(
        (
            Tag(
                address,
                "btc-regtest",
                "Ann's shop",
                category="exchange",
                source="https://a.example",
                confidence="web_crawl",
            ),
        )
    )

    item = next(item for item in draw(made, tags=tags).items if item.name == address)

    assert (item.label, item.category, item.letter, item.colour) == ("Ann's shop", "exchange", "E", "#005F45")
    assert (item.tags[0].source, item.tags[0].confidence) == ("https://a.example", "web_crawl")


def test_focus_keeps_places_and_brings_out_the_item_and_its_flows(colonial):
    figure = draw(colonial)
    focused = figure.focus(SEIZED)

    assert focused.items == figure.items
    assert focused.flows == figure.flows
    names = {item.id: item.name for item in figure.items}
    lit = [flow for flow in figure.flows if flow.id in focused.in_focus]
    assert lit
    assert all(SEIZED in (names[flow.source], names[flow.target]) for flow in lit)
    assert focused.recipe != figure.recipe


def test_focus_on_a_stranger_is_refused(colonial):
    with pytest.raises(BadInput, match="not in this picture"):
        draw(colonial).focus("1BoatSLRHtKNngkdXEeobR76b53LETtpyT")


def test_unspent_and_unknown_are_different_ends():
    made = tx([origin(30, "ann")], [(10, "ben"), (20, "cat")])
    told = SpendRecord("btc-regtest", Outpoint(made.txid, 0), None, None)

    ends = {item.received_sat: item.ends for item in draw(ledger(made, told)).items}

    assert ends[10][0].reason == "unspent"
    assert ends[20][0].reason == "unknown: not in evidence"


def test_empty_ledger_is_drawn_as_a_sentence():
    figure = draw(build([]))

    assert figure.items == ()
    assert figure.summary == "Nothing to draw: this ledger holds no transaction."
    assert b"There is nothing to draw" in figure.render("svg")
    assert b"Nothing to draw" in figure.render("html")


def test_trace_without_moves_shows_where_it_stands():
    made = ledger(tx([origin(10, "ann")], [(9, "ben")]))

    figure = draw(trace(made, f"{made.index.txids[0]}:0"), ledger=made)

    assert "no transaction in evidence moved it" in figure.summary
    assert [item.ends[0].value_sat for item in figure.items] == [9]


def test_a_trace_that_stops_at_a_disputed_transaction_names_it_and_what_it_rests_on():
    made = tx([origin(10, "ann")], [(10, "ben")], height=99)
    spent = tx([(made.txid, 0, 10, "ben")], [(9, "cat")])
    moved = dataclasses.replace(spent, height=101, block_hash=f"{101:064x}", raw=None)
    hosts = ("esplora:https://one.example", "blockbook:https://two.test")
    told = [(made, hosts[0]), (spent, hosts[0]), (moved, hosts[1])]
    held = build((fact, Evidence(n, f"{n:064x}", name, name, 0)) for n, (fact, name) in enumerate(told, 1))
    trail = trace(held, f"{made.txid}:0")

    figure = draw(trail, ledger=held)

    name = f"{spent.txid[:8]}…{spent.txid[-8:]}"
    assert f"the next transaction ({name}) is in dispute and was not followed" in figure.summary
    assert "the next transaction is in dispute and was not followed" in draw(trail).summary
    assert "moved it" not in figure.summary
    assert "0 of 0" not in figure.legend.verification
    assert "2 of 2 transactions verified" in figure.legend.verification
    assert [source.partition(" (")[0] for source in figure.legend.sources] == sorted(hosts)
    back = draw(trace(held, f"{spent.txid}:0", direction="backward"), ledger=held)
    assert f"the next transaction ({name}) is in dispute" in back.summary


def test_trace_alone_is_drawn_without_evidence_and_says_so(colonial):
    figure = draw(trace(colonial, RANSOM))

    assert figure.legend.verification == "not given: draw with ledger= to show it"
    assert figure.transactions[0].time == 1_620_496_070
    assert figure.transactions[0].evidence == ()


def test_two_chains_are_refused():
    other = tx([origin(10, "ann", number=5)], [(9, "ben")], chain="ltc")

    with pytest.raises(IncompleteData, match="one chain"):
        draw(ledger(tx([origin(10, "ann")], [(9, "ben")]), other))


@pytest.mark.parametrize("limits", [{"max_items": 0}, {"max_rows": 0}])
def test_limits_below_one_are_refused(limits):
    with pytest.raises(BadInput):
        draw(build([]), **limits)


def test_something_else_cannot_be_drawn():
    with pytest.raises(BadInput, match="cannot draw a list"):
        draw([])


def test_flows_as_a_table_are_exact(colonial):
    table = draw(colonial).to_pandas()

    assert str(table["value_sat"].dtype) == "int64[pyarrow]"
    assert 7_500_030_000 in table["value_sat"].tolist()
    assert str(table["first"].min()) == "2021-05-08 16:35:07+00:00"


def test_suffix_decides_the_form_and_an_unknown_one_is_named(tmp_path):
    figure = draw(samples.peel_chain(length=2).ledger)

    assert json.loads(figure.save(tmp_path / "a.json").read_text())["format"] == "chainflow-figure"
    assert figure.save(tmp_path / "a.SVG").read_bytes().startswith(b"<svg")
    with pytest.raises(PluginError, match="no plug-in 'docx'"):
        figure.save(tmp_path / "a.docx")


def test_json_holds_money_as_exact_text(colonial):
    flows = json.loads(draw(colonial).to_json())["flows"]

    assert "7500030000" in [flow["value_sat"] for flow in flows]


SCRIPT = """
import hashlib
from chainflow import draw, samples, trace, cluster
colonial, lesson = samples.load("colonial"), samples.peel_chain(length=3)
figures = [
    draw(colonial, owners=cluster(colonial), tags=samples.tags("colonial")),
    draw(trace(lesson.ledger, lesson.seed), ledger=lesson.ledger),
]
print([hashlib.sha256(figure.render(form)).hexdigest() for figure in figures for form in ("json", "svg", "html")])
"""


def test_same_input_gives_the_same_bytes_whatever_the_hash_seed():
    answers = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(answers) == 1
