"""Exposure: by hand, whatever the tags; conflicts, clusters, unknowns; a real case."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.attribution import exposure
from chainflow.clustering import cluster
from chainflow.errors import BadInput
from chainflow.tags import Tags
from chainflow.tracing import Asset, Fifo, Haircut, Poison, trace
from chainflow.tracing.conversions import Conversion, Conversions, Leg
from tests.clustering.account_made import ETHER, pay, token, who
from tests.clustering.account_made import ledger as account_ledger
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import OWNERS, ledgers_with_seeds
from tests.tracing.test_trace import SEED, THEFT, address, next_tx, unspent
from tests.tracing.test_trace_cases import esplora_ledger

SPLIT = next_tx(THEFT, 0, [(40, "exchange"), (20, "casino"), (20, "exchange2"), (8, "nobody")], height=101)
MADE = ledger(THEFT, SPLIT, unspent(SPLIT, 3))
ON_NOBODY = next_tx(SPLIT, 3, [(8, "further")], height=102)


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
    assert found.balance == {"exchange": 60, "gambling": 20, "no tag": 8, "fee": 2}
    first = rows(found)[0]
    assert (first["actor"], first["label"], first["ends"], first["tainted_sat"]) == (
        "exchange",
        "Exchange",
        2,
        60,
    )
    assert (first["reason"], first["basis"], first["nearest_hop"]) == ("service", "direct tag", 1)
    assert first["share_ppm"] == 666_667


def test_what_no_tag_speaks_of_is_a_gap_of_its_own_and_keeps_its_reason():
    found = exposure(trace(MADE, SEED, stop=TAGS), TAGS).to_pandas()
    untagged = found[found["basis"] == "no tag"]
    assert sorted(zip(untagged["category"], untagged["reason"], strict=True)) == [
        ("fee", "fee"),
        ("no tag", "unspent"),
    ]
    assert not {"none", "unknown"} & set(found["category"])


def test_the_lines_for_people_are_by_category_and_reason_and_never_sum_a_fee_with_what_is_not_in_evidence():
    paid = ledger(THEFT, next_tx(THEFT, 0, [(40, "exchange"), (45, "nobody")], height=101))
    found = exposure(trace(paid, SEED, stop=TAGS), TAGS)
    assert [(line.category, line.reason, line.amount_raw) for line in found.lines(found.trace.asset)] == [
        ("no tag", "unknown: not in evidence", 45),
        ("exchange", "service", 40),
        ("fee", "fee", 5),
    ]


@pytest.mark.parametrize(
    ("options", "reason"), [({"max_hops": 1}, "limit"), ({"dust_sat": 9, "max_hops": 9}, "dust")]
)
def test_where_we_stopped_looking_is_called_that_and_not_without_a_tag(options, reason):
    balance = exposure(trace(ledger(THEFT, SPLIT, ON_NOBODY), SEED, **options), TAGS).balance
    assert balance[reason] == 8


def test_a_tag_without_category_is_not_mistaken_for_no_tag():
    bare = Tags.of_rows([tag("exchange", "")])
    found = exposure(trace(MADE, SEED, stop=bare), bare)
    assert found.balance == {"no tag": 48, "category not stated": 40, "fee": 2}
    assert {row["basis"] for row in rows(found) if row["label"] == "Exchange"} == {"direct tag"}


def test_a_tag_that_says_unknown_is_not_printed_as_if_nobody_had_looked():
    said = Tags.of_rows([tag("exchange", "unknown")])
    assert exposure(trace(MADE, SEED, stop=said), said).balance["category not stated"] == 40


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
    assert exposure(trail, tags).balance == {"no tag": 88, "fee": 2}
    found = exposure(trail, tags, Owners(service=["hot", "exchange"]))
    assert found.balance == {"no tag": 48, "exchange": 40, "fee": 2}
    assert {row["basis"] for row in rows(found)} == {"inherited from cluster", "no tag"}


def test_clusters_may_come_from_cluster():
    sweep = tx([(SPLIT.txid, 0, 40, "exchange"), origin(60, "hot", number=3)], [(100, "m")], height=102)
    made, tags = ledger(THEFT, SPLIT, sweep), Tags.of_rows([tag("hot", is_cluster_definer=True)])
    found = exposure(trace(made, SEED, max_hops=1), tags, cluster(made))
    assert (found.balance["exchange"], sum(found.balance.values())) == (40, 90)


def test_a_tag_on_one_address_is_not_the_clusters():
    tags = Tags.of_rows([tag("hot", is_cluster_definer=False)])
    assert exposure(trace(MADE, SEED), tags, Owners(service=["hot", "exchange"])).balance == {
        "no tag": 88,
        "fee": 2,
    }


def test_a_direct_tag_comes_before_the_clusters():
    tags = TAGS + Tags.of_rows([tag("hot", "mixing_service", is_cluster_definer=True)])
    found = exposure(trace(MADE, SEED, stop=tags), tags, Owners(service=["hot", "exchange", "nobody"]))
    assert found.balance == {"exchange": 60, "gambling": 20, "mixing_service": 8, "fee": 2}


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
    assert balance == {"exchange": 100, "no tag": 48, "fee": 2, "counted more than once": -60}


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
    assert repr(found) == "<Exposure forward by fifo: no tag 53.33 %, exchange 44.44 %, fee 2.22 %>"


def test_hydra_deposit_is_exposed_to_a_sanctioned_market(shared):
    folder = shared / "cases" / "hydra"
    made, tags = esplora_ledger(folder / "hydra_anchor_txs.json"), Tags.read(folder / "hydra_tagpack.yaml")
    payer = "a81aac076d9467db56de87a5cf3ce1d4b3f3dd1bfb75e72b1b4f1034c1759929:1"
    found = exposure(trace(made, payer, stop=tags), tags)
    assert found.balance == {"no tag": 14_635_813, "fee": 30_825, tags.best(HYDRA).categories[0]: 1_152_977}
    deposit = next(row for row in rows(found) if row["reason"] == "service")
    assert (deposit["basis"], deposit["nearest_hop"]) == ("direct tag", 1)
    assert "hydra" in deposit["label"].lower()


# --- degrees and assets ---------------------------------------------------------------------------

ON = next_tx(SPLIT, 3, [(5, "exchange")], height=102)
LONGER = ledger(THEFT, SPLIT, ON)


def test_what_a_counterparty_got_is_direct_and_what_went_through_an_untagged_address_indirect():
    found = exposure(trace(LONGER, SEED, stop=TAGS), TAGS)
    assert found.sums("degree", "category") == {
        ("btc-regtest", "direct", "exchange"): 60,
        ("btc-regtest", "direct", "gambling"): 20,
        ("btc-regtest", "indirect", "exchange"): 5,
        ("btc-regtest", "fee", "fee"): 5,
    }
    assert [row["nearest_hop"] for row in rows(found) if row["degree"] == "indirect"] == [2]


def test_what_has_not_left_the_seed_is_its_own():
    found = exposure(trace(ledger(THEFT, unspent(THEFT, 0)), SEED), TAGS)
    assert [(row["degree"], row["reason"], row["tainted_sat"]) for row in rows(found)] == [
        ("own", "unspent", 90)
    ]


BIG = 10**30


def accounts():
    """Ann pays a token and ether to an exchange, directly and through ben; fees, and a balance that stays."""
    return account_ledger(
        pay("source", "ann", 100, 100),
        pay("ann", "hot", 60, 101),
        pay("ann", "ben", 30, 102),
        pay("ben", "hot", 20, 103),
        token("mint", "ann", BIG, 104, signer=None),
        token("ann", "hot", BIG - 1, 105, signer=None),
    )


HOT = Tags.of_rows(
    [{"address": who("hot"), "label": "Hot", "category": "exchange", "source": "https://example.org"}],
    strict=True,
)
USD = f"eth:{who('USD')}"


def test_accounts_have_a_table_per_asset_with_exact_amounts_of_any_size():
    found = exposure(trace(accounts(), who("ann"), stop=HOT), HOT)
    assert found.sums("degree", "category") == {
        ("eth", "direct", "exchange"): 60,
        ("eth", "indirect", "exchange"): 20,
        ("eth", "own", "no tag"): 10,
        ("eth", "direct", "no tag"): 10,
        (USD, "direct", "exchange"): BIG - 1,
        (USD, "own", "no tag"): 1,
    }
    assert sum(found.to_pandas().query("asset == @USD")["tainted_raw"]) == BIG


def test_shares_are_of_each_asset_by_itself():
    found = exposure(trace(accounts(), who("ann"), stop=HOT), HOT)
    for asset, ppm in found.to_pandas().groupby("asset")["share_ppm"].sum().items():
        assert ppm == 1_000_000, asset


def test_categories_of_two_assets_are_not_added():
    found = exposure(trace(accounts(), who("ann"), stop=HOT), HOT)
    with pytest.raises(BadInput, match="2 assets"):
        found.balance  # noqa: B018
    assert found.balance_of(found.trace.assets[0]) == {"exchange": 80, "no tag": 20}
    assert "Exposure" in found._repr_html_()


def test_what_went_on_as_another_asset_has_a_table_of_its_own():
    paid = tx([origin(100, "ann")], [(90, "swap")], chain="btc")
    back, onward = pay("desk", "ben", 7 * ETHER, 100), pay("ben", "hot", 5 * ETHER, 101)
    sides = (
        Leg("btc", paid.txid, "0", Asset("btc", None), "", 90),
        Leg("eth", back.txid, "", Asset("eth", None), "", 7 * ETHER),
    )
    swap = Conversion(*sides, kind="bridge", evidence="id", reason="one order", source="an exchange")
    made = ledger(paid, back, onward)
    found = exposure(trace(made, f"{paid.txid}:0", conversions=Conversions((swap,))), HOT)
    assert found.sums("reason") == {("btc", "converted"): 90}
    assert [leg.sums("category") for leg in found.legs] == [
        {("eth", "exchange"): 5 * ETHER, ("eth", "no tag"): 2 * ETHER}
    ]
    assert found.base_note(found.trace.asset).startswith("What was converted is no end")
    (leg,) = found.legs
    assert [line.share for line in leg.lines(leg.trace.asset)] == ["71.43 %", "28.57 %"]
    assert leg.base_note(leg.trace.asset).startswith("The seeds claimed nothing of this asset")


def test_what_comes_back_by_conversions_does_not_inflate_the_shares():
    lost, sold, back = (
        pay("source", "ann", 100, 100),
        pay("ann", "desk", 60, 101),
        pay("desk2", "ann", 58, 104),
    )
    (bought,) = token("desk", "ann", 500, 102, signer=None)
    (spent,) = token("ann", "desk", 500, 103, signer=None)
    eth, usd = Asset("eth", None), Asset("eth", who("USD"))

    def side(row, asset):
        return Leg("eth", row.txid, row.place, asset, "", row.value_raw)

    said = {"kind": "swap", "evidence": "id", "reason": "one order", "source": "an exchange"}
    swaps = [
        Conversion(side(sold, eth), side(bought, usd), **said),
        Conversion(side(spent, usd), side(back, eth), **said),
    ]
    made = account_ledger(lost, sold, bought, spent, back)
    found = exposure(trace(made, lost.txid, conversions=Conversions(swaps)), Tags())
    assert found.base(eth) == 100
    *ends, converted = found.lines(eth)
    assert (converted.category, converted.amount_raw, converted.share) == ("converted", 60, "60.00 %")
    assert sum(line.amount_raw for line in ends) == 98
    assert "conversions brought" in found.base_note(eth)


@st.composite
def payments(draw):
    """Return a ledger of random payments between five accounts, in two assets."""
    rows = []
    for number in range(draw(st.integers(1, 10))):
        payer, payee = draw(st.lists(st.sampled_from(OWNERS), min_size=2, max_size=2, unique=True))
        make = draw(st.sampled_from((pay, token)))
        options = {"signer": None} if make is token else {}
        rows.append(make(payer, payee, draw(st.integers(1, 50)), 100 + number, **options))
    return account_ledger(*rows, pay("eve", "ann", 1, 200))


@pytest.mark.parametrize("policy", ["fifo", "haircut", "poison"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_of_accounts_too_each_unit_is_in_one_row(policy, direction, data):
    made = data.draw(payments())
    trail = trace(made, who("ann"), policy, direction=direction)
    sums = exposure(trail, HOT).sums()
    for asset, amounts in trail.opened.items():
        assert sums.get((str(asset),), 0) == sum(amounts.values())
    assert sum(sums.values()) == sum(sum(amounts.values()) for amounts in trail.opened.values())
