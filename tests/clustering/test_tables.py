"""A clustering as tables and as a graph: every link shows its figure, or that there is none."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings

from chainflow.clustering import Decision, MultiInput, cluster
from chainflow.clustering.change.amounts import PowerOfTenChange
from chainflow.clustering.error_rates.measured import error_figures
from tests.clustering.test_cluster import CHAIN, at, mix, spendings, together
from tests.clustering.test_explain import paid
from tests.clustering.told import Told
from tests.made import ledger


def test_every_link_used_or_refused_is_a_row_with_its_figure():
    decided = Decision("same", at("ann"), at("zoe"), "told so")
    lone = together("zoe", number=7, height=None)
    rule = Told(((at("zoe"), at("shop 7"), lone.txid),))
    joint = together("ben", "cat", number=9)
    owners = cluster(
        ledger(paid(), joint, lone),
        [MultiInput(), PowerOfTenChange(), rule],
        decisions=[decided],
        veto=[joint.txid],
    )
    table = owners.links_to_pandas()
    assert list(table.columns) == ["a", "b", "rule", "kind", "txid", "height", "error", "by", "reason"]
    by_rule = {row["rule"]: row for row in table.to_dict("records")}
    assert by_rule["decision"]["error"] == by_rule["decision"]["kind"] == "asserted"
    assert pd.isna(by_rule["decision"]["txid"])
    assert pd.isna(by_rule[rule.name]["height"])
    assert by_rule[rule.name]["error"] == "not measured"
    # figures were counted under another veto
    assert (by_rule["multi-input"]["by"], by_rule["multi-input"]["error"]) == ("veto", "not measured")
    assert (by_rule["multi-input"]["height"], by_rule["multi-input"]["reason"]) == (100, "named in the veto")
    assert pd.isna(by_rule["power-of-ten-change"]["by"])


def test_a_refused_link_names_the_pattern_and_the_figure_of_its_rule():
    (row,) = cluster(ledger(mix())).links_to_pandas().to_dict("records")
    shipped = [figure for figure in error_figures("multi-input") if figure.of]
    assert row["error"] == ", ".join(f"{one.wrong:,}/{one.of:,}" for one in shipped) != ""
    assert (row["by"], row["kind"]) == ("stonewall", "co-spend")


def test_the_edges_of_the_graph_carry_the_figure():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    ((_, _, edge),) = owners.to_networkx().edges(data=True)
    assert edge["error"] == owners.links_to_pandas()["error"][0] != ""


def test_a_link_on_two_chains_is_a_row_on_each():
    pair = [together("ann", "ben", number=n, chain=chain) for n, chain in ((1, CHAIN), (2, "btc"))]
    table = cluster(ledger(*pair)).links_to_pandas()
    assert sorted(name.split(":")[0] for name in table["a"]) == ["btc", CHAIN]


@settings(max_examples=30, deadline=None)
@given(spendings())
def test_no_link_is_without_a_figure_or_the_words_that_there_is_none(records):
    owners = cluster(ledger(*records), quarantine=2)
    table = owners.links_to_pandas()
    assert len(table) == owners.links.num_rows + owners.refused.num_rows
    assert table["error"].str.fullmatch(r"not measured|[\d,]+/[\d,]+(, [\d,]+/[\d,]+)*").all()
    assert table["by"].notna().sum() == owners.refused.num_rows


def test_a_clustering_without_links_has_an_empty_table_of_links():
    assert cluster(ledger()).links_to_pandas().shape == (0, 9)
