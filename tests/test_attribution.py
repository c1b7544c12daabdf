"""Exposure: by hand, whatever the tags; conflicts, clusters, unknowns; a real case."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.attribution import exposure
from chainflow.clustering import cluster
from chainflow.tags import Tags
from chainflow.tracing import Fifo, Haircut, Poison, trace
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import OWNERS, ledgers_with_seeds
from tests.tracing.test_trace import SEED, THEFT, address, next_tx, unspent
from tests.tracing.test_trace_cases import esplora_ledger

SPLIT = next_tx(THEFT, 0, [(40, "exchange"), (20, "casino"), (20, "exchange2"), (8, "nobody")], height=101)
MADE = ledger(THEFT, SPLIT, unspent(SPLIT, 3))


def tag(owner: str, category: str = "exchange", **fields: object) -> dict[str, object]:
    stated = {"address": address(owner), "label": owner.title(), "category": category, "actor": owner}
    return {**stated, "source": "https://example.org/tags", "confidence": "web_crawl", **fields}


TAGS = Tags.of_rows(
    [tag("exchange"), tag("exchange2", actor="exchange", label="Exchange"), tag("casino", "gambling")],
    strict=True,
)
HYDRA = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"


class Owners:
    """Clusters as given: name → members."""

    def __init__(self, **clusters: list[str]) -> None:
        self.clusters = {name: [address(owner) for owner in members] for name, members in clusters.items()}

    def of(self, wanted: str) -> str:
        return next((name for name, members in self.clusters.items() if wanted in members), wanted)

    def members(self, cluster: str) -> list[str]:
        return self.clusters.get(cluster, [cluster])


def rows(found) -> list[dict[str, object]]:
    return found.to_pandas().astype(object).to_dict("records")


def test_exposure_sums_ends_by_category_and_actor():
    found = exposure(trace(MADE, SEED, stop=TAGS), TAGS)
    assert found.balance == {"exchange": 60, "gambling": 20, "unknown": 10}
    first = rows(found)[0]
    assert (first["actor"], first["label"], first["ends"], first["tainted_sat"]) == (
        "exchange",
        "Exchange",
        2,
        60,
    )
    assert (first["reason"], first["basis"], first["nearest_hop"]) == ("service", "direct tag", 1)
    assert first["share_ppm"] == 666_667


def test_what_no_tag_speaks_of_is_unknown_and_keeps_its_reason():
    found = exposure(trace(MADE, SEED, stop=TAGS), TAGS).to_pandas()
    untagged = found[found["category"] == "unknown"]
    assert sorted(untagged["reason"]) == ["fee", "unspent"]
    assert set(untagged["basis"]) == {"no tag"}
    assert "none" not in set(found["category"])


def test_a_tag_without_category_is_not_mistaken_for_no_tag():
    bare = Tags.of_rows([tag("exchange", "")])
    found = exposure(trace(MADE, SEED, stop=bare), bare)
    assert found.balance == {"unknown": 90}
    assert {row["basis"] for row in rows(found) if row["label"] == "Exchange"} == {"direct tag"}


def test_conflicting_tags_are_shown_and_the_best_is_used_with_its_source():
    other = tag(
        "exchange", "gambling", actor="dice", source="https://example.org/court", confidence="authority_data"
    )
    both = TAGS + Tags.of_rows([other])
    first = next(row for row in rows(exposure(trace(MADE, SEED, stop=both), both)) if row["conflict"])
    assert (first["category"], first["actor"], first["source"]) == (
        "gambling",
        "dice",
        "https://example.org/court",
    )
    assert first["tainted_sat"] == 40


def test_an_address_inherits_its_cluster_definers_tag_and_says_so():
    tags = Tags.of_rows([tag("hot", is_cluster_definer=True)])
    trail = trace(MADE, SEED)
    assert exposure(trail, tags).balance == {"unknown": 90}
    found = exposure(trail, tags, Owners(service=["hot", "exchange"]))
    assert found.balance == {"unknown": 50, "exchange": 40}
    assert {row["basis"] for row in rows(found)} == {"inherited from cluster", "no tag"}


def test_clusters_may_come_from_cluster():
    sweep = tx([(SPLIT.txid, 0, 40, "exchange"), origin(60, "hot", number=3)], [(100, "m")], height=102)
    made, tags = ledger(THEFT, SPLIT, sweep), Tags.of_rows([tag("hot", is_cluster_definer=True)])
    found = exposure(trace(made, SEED, max_hops=1), tags, cluster(made))
    assert found.balance == {"unknown": 50, "exchange": 40}


def test_a_tag_on_one_address_is_not_the_clusters():
    tags = Tags.of_rows([tag("hot", is_cluster_definer=False)])
    assert exposure(trace(MADE, SEED), tags, Owners(service=["hot", "exchange"])).balance == {"unknown": 90}


def test_a_direct_tag_comes_before_the_clusters():
    tags = TAGS + Tags.of_rows([tag("hot", "mixing_service", is_cluster_definer=True)])
    found = exposure(trace(MADE, SEED, stop=tags), tags, Owners(service=["hot", "exchange", "nobody"]))
    assert found.balance == {"exchange": 60, "gambling": 20, "mixing_service": 8, "unknown": 2}


def test_two_definers_in_a_cluster_that_differ_are_a_conflict():
    tags = Tags.of_rows([tag("a1", is_cluster_definer=True), tag("a2", "gambling", is_cluster_definer=True)])
    found = exposure(trace(MADE, SEED), tags, Owners(service=["a1", "a2", "exchange"]))
    assert [row["conflict"] for row in rows(found)].count(True) == 1


def test_coins_that_entered_a_coinjoin_keep_that_reason():
    mix = tx(
        [(SPLIT.txid, 0, 40, "exchange"), origin(60, "x", number=3)], [(50, "m1"), (50, "m2")], height=102
    )
    found = exposure(trace(ledger(THEFT, SPLIT, mix), SEED, coinjoins=[mix.txid]), TAGS)
    assert {"coinjoin"} == {row["reason"] for row in rows(found) if row["tainted_sat"] == 40}


def test_backward_exposure_says_where_it_came_from():
    trail = trace(MADE, f"{SPLIT.txid}:0", direction="backward")
    tags = Tags.of_rows([tag("victim", "donation")])
    assert exposure(trail, tags).balance == {"donation": 40}


def test_poison_takes_back_what_it_counted_more_than_once():
    merge = tx([(SPLIT.txid, 0, 40, "exchange"), origin(60, "x", number=3)], [(100, "m")], height=102)
    trail = trace(ledger(THEFT, SPLIT, merge), SEED, "poison")
    balance = exposure(trail, Tags.of_rows([tag("m")])).balance
    assert balance == {"exchange": 100, "unknown": 50, "counted more than once": -60}


@pytest.mark.parametrize("policy", [Fifo(), Haircut(), Poison()], ids=["fifo", "haircut", "poison"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_exposure_always_adds_up_to_the_seed(policy, data):
    made, seeds = data.draw(ledgers_with_seeds())
    tagged = data.draw(st.lists(st.sampled_from(OWNERS), unique=True))
    tags = Tags.of_rows(
        [tag(owner, is_cluster_definer=number % 2 == 0) for number, owner in enumerate(tagged)]
    )
    trail = trace(made, seeds, policy, stop=data.draw(st.sampled_from((tags, None))), coinjoins=())
    found = exposure(trail, tags, data.draw(st.sampled_from((None, Owners(all=list(OWNERS))))))
    assert sum(found.balance.values()) == trail.seed_sat
    assert found.to_pandas()["ends"].sum() == len(trail.ends)


def test_the_recipe_names_trace_tags_and_clusters():
    trail, one, other = trace(MADE, SEED), Owners(a=["exchange"]), Owners(a=["exchange", "casino"])
    found = [exposure(trail, TAGS, owners) for owners in (None, one, other, one)]
    assert found[0].recipe.inputs == [trail.recipe.digest, TAGS.digest]
    assert len({each.recipe.digest for each in found}) == 3
    assert found[1].digest == found[3].digest


def test_amounts_are_exact_arrow_integers():
    kinds = exposure(trace(MADE, SEED), TAGS).to_pandas().dtypes
    assert {str(kinds[name]) for name in ("tainted_sat", "share_ppm", "ends")} == {"int64[pyarrow]"}


def test_an_empty_trace_gives_an_empty_exposure():
    nothing = tx([origin(5, "x")], [(0, "y"), (5, "z")])
    found = exposure(trace(ledger(nothing), f"{nothing.txid}:0"), TAGS)
    assert (found.balance, len(found.to_pandas())) == ({}, 0)
    assert isinstance(found.to_pandas(), pd.DataFrame)
    assert "Exposure" in found._repr_html_()


def test_the_card_escapes_labels_and_says_who_asserts():
    evil = Tags.of_rows([tag("exchange", label="<script>alert(1)</script>")])
    found = exposure(trace(MADE, SEED, stop=evil), evil)
    shown = found._repr_html_()
    assert "<script>" not in shown
    assert "asserted by the sources named" in shown
    assert repr(found) == "<Exposure forward by fifo: unknown 55.56 %, exchange 44.44 %>"


def test_hydra_deposit_is_exposed_to_a_sanctioned_market(shared):
    folder = shared / "cases" / "hydra"
    made, tags = esplora_ledger(folder / "hydra_anchor_txs.json"), Tags.read(folder / "hydra_tagpack.yaml")
    payer = "a81aac076d9467db56de87a5cf3ce1d4b3f3dd1bfb75e72b1b4f1034c1759929:1"
    found = exposure(trace(made, payer, stop=tags), tags)
    assert found.balance == {"unknown": 14_635_813 + 30_825, tags.best(HYDRA).categories[0]: 1_152_977}
    deposit = next(row for row in rows(found) if row["reason"] == "service")
    assert (deposit["basis"], deposit["nearest_hop"]) == ("direct tag", 1)
    assert "hydra" in deposit["label"].lower()
