"""The value: its tables, recipe, moves, graph and what it prints."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from chainflow import schema
from chainflow.model import Outpoint, Tip
from chainflow.tags import Tags
from chainflow.tracing import Haircut, Move, trace
from chainflow.units import percent
from tests.made import ledger, origin, tx
from tests.tracing.test_trace import SEED, THEFT, address, chain_of, next_tx, unspent

SPLIT = next_tx(THEFT, 0, [(50, "a"), (38, "b")], height=101)
MERGE = tx(
    [(SPLIT.txid, 0, 50, "a"), (THEFT.txid, 1, 8, "thief2"), origin(42, "x", number=5)],
    [(98, "c")],
    height=102,
)
MADE = ledger(Tip("btc-regtest", 200), THEFT, SPLIT, MERGE, unspent(MERGE, 0))


def test_tables_have_exactly_the_columns_of_the_schema():
    trail = trace(MADE, SEED)
    kinds = {field.name: pd.ArrowDtype(field.type) for field in schema.TRACE}
    assert dict(trail.ends.dtypes) == kinds
    assert dict(trail.outputs.dtypes) == {name: kind for name, kind in kinds.items() if name != "reason"}


def test_amounts_beyond_floats_stay_exact():
    big = tx([origin(2**61 + 1, "x")], [(2**61 + 1, "y")], chain="doge")
    assert trace(ledger(big), big.txid).outputs["tainted_sat"].tolist() == [2**61 + 1]


def test_an_empty_trace_keeps_its_columns():
    nothing = tx([origin(5, "x")], [(0, "y"), (5, "z")])
    trail = trace(ledger(nothing), f"{nothing.txid}:0")
    assert (len(trail.outputs), trail.balance, trail.seed_sat) == (0, {}, 0)
    assert list(trail.ends.columns) == schema.TRACE.names
    assert "–" in trail._repr_html_()


def test_time_and_height_are_those_of_the_maker():
    (row,) = trace(MADE, f"{SPLIT.txid}:1").outputs.to_dict("records")
    assert (row["height"], row["hop"], row["address"]) == (101, 0, address("b"))
    assert row["time"] == pd.Timestamp(1_700_000_000 + 600 * 101, unit="s", tz="UTC")


def test_moves_name_input_output_and_fee():
    trail = trace(MADE, SEED)
    first = [move for move in trail.moves if move.txid == SPLIT.txid]
    seed = (Outpoint(THEFT.txid, 0), address("thief"))
    assert first == [
        Move(SPLIT.txid, *seed, Outpoint(SPLIT.txid, 0), address("a"), 50),
        Move(SPLIT.txid, *seed, Outpoint(SPLIT.txid, 1), address("b"), 38),
        Move(SPLIT.txid, *seed, None, None, 2),
    ]


def test_moves_of_poison_name_every_tainted_input():
    two = tx([(SPLIT.txid, 0, 50, "a"), (SPLIT.txid, 1, 38, "b")], [(80, "c")], height=102)
    moves = trace(ledger(THEFT, SPLIT, two), SPLIT.txid, "poison").moves
    assert [(move.from_address, move.tainted_sat) for move in moves] == [
        (address("a"), 45),
        (address("b"), 35),
        (address("a"), 4),
        (address("b"), 4),
    ]


def test_moves_backward_still_point_where_the_money_went():
    trail = trace(MADE, f"{SPLIT.txid}:1", direction="backward")
    move, _ = trail.moves
    assert (move.from_outpoint, move.to_outpoint) == (Outpoint(THEFT.txid, 0), Outpoint(SPLIT.txid, 1))
    assert move.tainted_sat == 38


def test_moves_are_computed_once():
    trail = trace(MADE, SEED)
    assert trail.moves is trail.moves


def test_the_graph_sums_moves_between_addresses():
    twice = next_tx(THEFT, 0, [(50, "a"), (38, "a")], height=101)
    graph = trace(ledger(THEFT, twice), SEED).to_networkx()
    assert graph.edges[address("thief"), address("a"), twice.txid] == {"tainted_sat": 88, "txid": twice.txid}
    assert graph.edges[address("thief"), "fee", twice.txid]["tainted_sat"] == 2


def test_a_recipe_is_enough_to_make_the_trace_again():
    first = trace(MADE, SEED, "haircut", stop=[address("b")], coinjoins=[MERGE.txid], dust_sat=1)
    options = dict(first.recipe.parameters)
    again = trace(MADE, options.pop("seeds"), options.pop("policy"), **options)
    assert (again.digest, again.recipe) == (first.digest, first.recipe)
    assert first.recipe.inputs == [MADE.digest]


def test_another_question_has_another_recipe():
    tags = Tags.of_rows([{"address": address("b"), "label": "B", "source": "https://example.org"}])
    options = (
        {},
        {"stop": tags},
        {"stop": [address("b")]},
        {"coinjoins": ()},
        {"dust_sat": 1},
        {"max_hops": 9},
    )
    recipes = {trace(MADE, SEED, **chosen).recipe.digest for chosen in options}
    recipes.add(trace(MADE, SEED, Haircut()).recipe.digest)
    assert len(recipes) == 7


def test_two_results_that_differ_have_two_digests():
    assert trace(MADE, SEED).digest != trace(MADE, SEED, "haircut").digest


def test_to_pandas_is_a_copy():
    trail = trace(MADE, SEED)
    copy = trail.to_pandas()
    copy.loc[0, "tainted_sat"] = 0
    assert trail.outputs["tainted_sat"][0] == 90


def test_poison_takes_back_what_it_counted_more_than_once():
    trail = trace(MADE, SEED, "poison")
    assert trail.balance == {
        "unspent": 98,
        "unknown: not in evidence": 38,
        "fee": 4,
        "counted more than once": -50,
    }
    assert trail.seed_sat == 90


def test_the_card_shows_policy_balance_and_what_is_not_known():
    shown = trace(MADE, SEED)._repr_html_()
    for text in (
        "forward by fifo",
        "as given to this run",
        "unspent",
        "55.56 %",
        "= opening",
        "= closing",
        "difference",
        "As of block",
    ):
        assert text in shown
    assert "came from" in trace(MADE, SEED, direction="backward")._repr_html_()


def test_the_text_names_the_largest_facts():
    text = repr(trace(ledger(*chain_of(1)), SEED))
    assert text == (
        "<Trace forward by fifo: 0.00000090 tBTC; fee 1.11 %, unknown: not in evidence 98.89 %; over 2 outputs>"
    )


@pytest.mark.parametrize(("amount", "total", "text"), [(1, 3, "33.33 %"), (-1, 4, "-25.00 %"), (0, 0, "–")])
def test_shares_are_for_people(amount, total, text):
    assert percent(amount, total) == text


def test_scripts_without_an_address_are_named_by_script():
    odd = pa.array(trace(MADE, SEED).outputs["address"])
    assert odd.null_count == 0
