"""Clustering: what the multi-input rule joins, what a veto stops, and that the order does not matter."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import addresses, cluster_graph, schema
from chainflow.clustering import Heuristic, MultiInput, cluster
from chainflow.errors import AddressInvalid, BadInput, PluginError, SeedUnknown
from chainflow.model import OutputRecord, TxRecord
from chainflow.patterns import coinjoins
from tests.made import ledger, origin, script, tx

FEW = settings(max_examples=40, deadline=None)
CHAIN = "btc-regtest"
NAMES = [f"owner {number}" for number in range(9)]


def at(name: str, *, chain: str = CHAIN) -> str:
    return addresses.address_of(script(name), chain)


def together(
    *names: str, number: int, height: int | None = 100, pays: str = "shop", chain: str = CHAIN
) -> TxRecord:
    """Return a transaction that spends one coin of each name."""
    spends = [origin(1_000 + n, name, number=1_000 * number + n) for n, name in enumerate(names)]
    return tx(spends, [(900 * len(names) + number, f"{pays} {number}")], height=height, chain=chain)


def groups(clustering) -> set[frozenset[str]]:
    return {frozenset(clustering.members(name)) for name in clustering.sizes}


def test_addresses_spent_together_are_one_cluster_named_by_its_smallest_member():
    owners = cluster(ledger(together("ann", "ben", number=1), together("ben", "cat", number=2)))
    members = tuple(sorted([at("ann"), at("ben"), at("cat")]))
    assert owners.of(at("cat")) == members[0]
    assert owners.members(at("ben")) == owners.members(members[0]) == members
    assert (len(owners), next(iter(owners.sizes.items()))) == (3, (members[0], 3))


def test_each_transaction_links_its_first_address_to_each_other_one_once():
    one = together("cat", "ann", "cat", "ben", number=1)
    rows = [tuple(row.values()) for row in MultiInput().links(ledger(one)).to_pylist()]
    assert rows == [(at("cat"), at(b), "multi-input", one.txid) for b in ("ann", "ben")]


def test_a_coinbase_and_a_single_input_link_nothing():
    coinbase = TxRecord(
        CHAIN, "c" * 64, (), (OutputRecord(50, script("ann").hex()),), is_coinbase=True, height=1
    )
    owners = cluster(ledger(coinbase, together("ben", number=1)))
    assert (owners.links.num_rows, len(owners)) == (0, 3)


def test_inputs_that_ask_for_no_signature_join_nobody():
    anchor, peg_in = "51024e73", "5920" + "11" * 32
    spend = together("ann", "x", "y", "ben", number=1)
    spent = [
        dataclasses.replace(entry, prevout=OutputRecord(0, s))
        for entry, s in zip(spend.inputs[1:3], (anchor, peg_in), strict=True)
    ]
    owners = cluster(ledger(dataclasses.replace(spend, inputs=(spend.inputs[0], *spent, spend.inputs[3]))))
    assert owners.members(at("ann")) == tuple(sorted([at("ann"), at("ben")]))
    for keyless in (anchor, peg_in):
        assert len(owners.members(addresses.address_of(bytes.fromhex(keyless), CHAIN))) == 1


def test_an_input_that_is_not_in_evidence_is_not_guessed():
    spend = together("ann", "ben", "cat", number=1)
    known = dataclasses.replace(
        spend, inputs=(dataclasses.replace(spend.inputs[0], prevout=None), *spend.inputs[1:])
    )
    owners = cluster(ledger(known))
    assert owners.members(at("ben")) == tuple(sorted([at("ben"), at("cat")]))


def mix() -> TxRecord:
    spends = [
        origin(value, name, number=n)
        for n, (value, name) in enumerate([(1_500_000, "ann"), (1_200_000, "ben")], 1)
    ]
    return tx(spends, [(1_000_000, "out 1"), (1_000_000, "out 2"), (498_000, "out 3"), (199_000, "out 4")])


def test_a_coinjoin_joins_nobody_by_default_and_the_refusal_is_on_record():
    owners = cluster(ledger(mix()))
    assert owners.of(at("ann")) != owners.of(at("ben"))
    assert owners.links.num_rows == 0
    (refused,) = owners.vetoed.to_pylist()
    assert (refused["txid"], refused["by"]) == (mix().txid, "stonewall")
    assert "2 outputs of exactly 0.01000000 tBTC" in refused["reason"]


def test_an_empty_veto_lets_a_coinjoin_join():
    owners = cluster(ledger(mix()), veto=())
    assert owners.of(at("ann")) == owners.of(at("ben"))


def test_a_veto_by_name_stops_exactly_that_transaction():
    first, second = together("ann", "ben", number=1), together("ben", "cat", number=2)
    owners = cluster(ledger(first, second), veto=[first.txid])
    assert owners.members(at("cat")) == tuple(sorted([at("ben"), at("cat")]))
    assert owners.vetoed["reason"].to_pylist() == ["named in the veto"]


@pytest.mark.parametrize("veto", [["abc"], [5], ["F" * 64]])
def test_a_veto_that_is_no_list_of_txids_is_refused(veto):
    with pytest.raises(BadInput, match="not a txid in the veto"):
        cluster(ledger(together("ann", "ben", number=1)), veto=veto)


def test_an_unknown_address_is_no_cluster_of_its_own():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    with pytest.raises(SeedUnknown, match="not in this ledger") as error:
        owners.of(at("zoe"))
    assert "nothing about whether it exists" in error.value.hint
    with pytest.raises(AddressInvalid):
        owners.members(at("ann")[:-1])


def test_an_address_is_found_however_it_is_written():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    assert owners.of(at("ann").upper()) == owners.of(at("ann")) == owners.of(f"{CHAIN}:{at('ann')}")


def test_addresses_on_two_chains_are_never_joined():
    spends = [together("ann", "ben", number=1, chain=c) for c in ("btc", "bch")]
    lone = together("ann", number=2, chain="btc")
    shared = tx([origin(9, "cat")], [(8, "dan")], chain="btc")
    owners = cluster(ledger(*spends, lone, shared))
    btc = [f"btc:{at(name, chain='btc')}" for name in ("ann", "ben")]
    assert owners.members(btc[1]) == tuple(sorted(btc))
    assert owners.of(at("ann", chain="btc")).startswith("btc:")
    assert all(len({name.split(":")[0] for name in group}) == 1 for group in groups(owners))


def test_an_address_on_two_chains_needs_its_chain():
    pair = [
        dataclasses.replace(together("ann", "ben", number=n, chain=c), chain=c)
        for n, c in ((1, "btc"), (2, "btc-regtest"))
    ]
    text = f"script:{'6a' + '00'}"
    both = [dataclasses.replace(t, outputs=(OutputRecord(0, "6a00"),), raw=None) for t in pair]
    owners = cluster(ledger(*both))
    with pytest.raises(BadInput, match="is used on btc and btc-regtest"):
        owners.of(text)
    assert owners.of(f"btc:{text}") == f"btc:{text}"


def test_a_link_on_one_chain_says_nothing_about_the_other():
    only = together("ann", "ben", number=1, chain="ltc")
    apart = [together(name, number=n, chain="ltc-regtest") for n, name in ((2, "ann"), (3, "ben"))]
    owners = cluster(ledger(only, *apart))
    assert len(owners.members(at("ann", chain="ltc"))) == 2
    assert len(owners.members(at("ann", chain="ltc-regtest"))) == 1


@dataclass(frozen=True)
class Pairs:
    """A rule for tests: what it is told."""

    rows: tuple[tuple[str, str, str], ...]
    name: str = "pairs"
    version: str = "7"

    @property
    def parameters(self):
        return {"rows": len(self.rows)}

    def links(self, held):
        return schema.rows_to_table([(a, b, self.name, txid) for a, b, txid in self.rows], schema.LINKS)


def test_rules_are_named_or_given_and_their_links_add_up():
    one, two = together("ann", "ben", number=1), together("cat", number=2)
    rule = Pairs(((at("ben"), at("cat"), two.txid),))
    owners = cluster(ledger(one, two), ["multi-input", rule])
    assert len(owners.members(at("ann"))) == 3
    assert sorted(owners.links["rule"].to_pylist()) == ["multi-input", "pairs"]
    assert [r["version"] for r in owners.recipe.parameters["rules"]] == ["1", "7"]


def test_no_rules_join_nothing():
    assert len(cluster(ledger(together("ann", "ben", number=1)), [])) == 3


def test_a_rule_that_speaks_of_what_the_ledger_does_not_hold_is_refused():
    one = together("ann", "ben", number=1)
    for row in ((at("ann"), at("zoe"), one.txid), (at("ann"), at("ben"), "e" * 64)):
        with pytest.raises(PluginError, match="this ledger does not hold"):
            cluster(ledger(one), [Pairs((row,))])


def test_rules_of_the_wrong_form_are_refused():
    held = ledger(together("ann", "ben", number=1))
    with pytest.raises(PluginError, match="no plug-in 'guess'"):
        cluster(held, ["guess"])
    with pytest.raises(PluginError, match="is not a heuristic"):
        cluster(held, [object()])
    with pytest.raises(BadInput, match="two rules are called 'multi-input'"):
        cluster(held, ["multi-input", MultiInput()])


def test_a_rule_that_signs_with_another_name_is_refused():
    class Liar(MultiInput):
        name = "other"

        def links(self, held) -> pa.Table:
            return MultiInput().links(held)

    with pytest.raises(PluginError, match="not of the agreed form"):
        cluster(ledger(together("ann", "ben", number=1)), [Liar()])


def test_multi_input_is_a_heuristic():
    assert isinstance(MultiInput(), Heuristic)


def test_the_recipe_tells_two_clusterings_apart_and_the_digest_tells_two_groupings_apart():
    held = ledger(together("ann", "ben", number=1))
    usual, none = cluster(held), cluster(held, veto=())
    assert usual.recipe.digest != none.recipe.digest
    assert usual.digest == none.digest != cluster(held, []).digest
    assert usual.recipe.inputs == [held.digest]


def test_a_clustering_shows_itself():
    owners = cluster(ledger(mix(), together("cat", "dan", number=3)))
    assert repr(owners) == (
        "<Clustering 8 clusters of 9 addresses and scripts, the largest of 2; links: 1 used, 1 refused>"
    )
    assert "1 stonewall" in owners._repr_html_()
    table = owners.to_pandas()
    assert table.columns.tolist() == ["address", "cluster", "size"]
    assert table["size"].max() == 2


def test_the_cluster_graph_of_a_ledger_can_use_it():
    held = ledger(together("ann", "ben", number=1))
    assert cluster_graph(held, cluster(held)).number_of_nodes() == 2


def test_an_empty_ledger_has_no_clusters():
    owners = cluster(ledger())
    assert (len(owners), owners.sizes, owners.to_pandas().shape) == (0, {}, (0, 3))


@st.composite
def spendings(draw: st.DrawFn) -> list[TxRecord]:
    """Return transactions that spend coins of up to nine owners together."""
    chosen = draw(st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5), min_size=1, max_size=9))
    return [together(*names, number=n, height=100 + n // 2) for n, names in enumerate(chosen, 1)]


@FEW
@given(spendings())
def test_clusters_are_the_connected_components_of_the_links(records):
    owners = cluster(ledger(*records), veto=())
    components = nx.connected_components(owners.to_networkx())
    assert groups(owners) == {frozenset(component) for component in components}
    assert all(owners.of(member) == min(group) for group in groups(owners) for member in group)


@FEW
@given(spendings(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_were_learnt_does_not_matter(records, chance):
    owners = cluster(ledger(*records))
    chance.shuffle(records)
    again = cluster(ledger(*records))
    assert (again.digest, again.links.to_pylist()) == (owners.digest, owners.links.to_pylist())


@FEW
@given(spendings(), st.data())
def test_a_veto_never_joins_and_vetoing_all_separates_all(records, data):
    held = ledger(*records)
    vetoed = data.draw(st.sets(st.sampled_from([record.txid for record in records])))
    free, bound = cluster(held, veto=()), cluster(held, veto=vetoed)
    assert all(any(group <= whole for whole in groups(free)) for group in groups(bound))
    assert not set(bound.links["txid"].to_pylist()) & vetoed
    assert bound.links.num_rows + bound.vetoed.num_rows == free.links.num_rows
    everything = cluster(held, veto=[record.txid for record in records])
    assert len(everything) == len(everything.places)


@FEW
@given(spendings())
def test_the_default_veto_is_what_the_pattern_finds(records):
    held = ledger(*records)
    assert cluster(held).digest == cluster(held, veto=list(coinjoins(held))).digest
