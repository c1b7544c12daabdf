"""Exposure of a target: both sides by hand, own change once, clusters, what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.attribution import exposure_of
from chainflow.clustering import cluster
from chainflow.errors import AddressInvalid, BadInput, SeedUnknown
from chainflow.model import AddressClaim, Listing
from chainflow.tags import Tags
from chainflow.tracing import Asset
from tests.attribution.test_exposures import HOT, USD, Owners, accounts, tag
from tests.clustering.account_made import who
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import CHAIN, OWNERS, ledgers
from tests.tracing.test_trace import address, next_tx, unspent

PAID = tx([origin(60, "shop", number=1)], [(60, "ann")])
BOUGHT = next_tx(PAID, 0, [(20, "casino"), (35, "ann")], height=101)
CLOSED = next_tx(BOUGHT, 1, [(30, "exchange")], height=102)
MADE = ledger(PAID, BOUGHT, CLOSED, unspent(BOUGHT, 0), unspent(CLOSED, 0))
TAGS = Tags.of_rows([tag("shop", "market"), tag("casino", "gambling"), tag("exchange")], strict=True)
ASSET = Asset(CHAIN, None)


def sums(side):
    return {key[1:]: amount for key, amount in side.sums("degree", "category").items()}


@pytest.mark.parametrize("policy", ["haircut", "fifo"])
def test_both_sides_by_hand_and_the_change_is_counted_once(policy):
    found = exposure_of(MADE, address("ann"), TAGS, policy=policy)
    assert sums(found.incoming) == {("direct", "market"): 60}
    assert sums(found.outgoing) == {
        ("direct", "gambling"): 20,
        ("direct", "exchange"): 30,
        ("fee", "fee"): 10,
    }


def test_of_a_closed_target_as_much_goes_out_as_came_in():
    found = exposure_of(MADE, address("ann"), TAGS)
    assert sum(found.incoming.balance.values()) == sum(found.outgoing.balance.values()) == 60


def test_payments_between_the_addresses_of_a_target_are_nobody_elses():
    moved = next_tx(PAID, 0, [(60, "ann2")], height=101)
    paid = next_tx(moved, 0, [(60, "exchange")], height=102)
    made, both = ledger(PAID, moved, paid, unspent(paid, 0)), [address("ann"), address("ann2")]
    found = exposure_of(made, both, TAGS)
    assert sums(found.incoming) == {("direct", "market"): 60}
    assert sums(found.outgoing) == {("direct", "exchange"): 60}
    alone = exposure_of(made, both[0], TAGS)
    assert sums(alone.outgoing) == {("indirect", "exchange"): 60}


def test_with_owners_the_target_is_its_whole_cluster():
    moved = tx([(PAID.txid, 0, 60, "ann"), origin(40, "ann2", number=7)], [(100, "exchange")], height=101)
    made = ledger(PAID, moved, unspent(moved, 0))
    found = exposure_of(made, address("ann"), TAGS, owners=cluster(made))
    assert found.addresses == tuple(sorted([address("ann"), address("ann2")]))
    assert sums(found.outgoing) == {("direct", "exchange"): 100}
    assert sums(found.incoming) == {("direct", "market"): 60, ("own", "no tag"): 40}


def test_an_address_that_inherits_a_services_tag_ends_a_trace_too():
    onward = next_tx(CLOSED, 0, [(30, "customer")], height=103)
    made = ledger(PAID, BOUGHT, CLOSED, onward, unspent(onward, 0))
    tags = Tags.of_rows([tag("shop", is_cluster_definer=True)], strict=True)
    owners = Owners(service=["shop", "exchange"])
    side = exposure_of(made, address("ann"), tags, owners=owners, direction="outgoing").outgoing
    assert {row["label"] for row in side.to_pandas().to_dict("records") if row["degree"] == "direct"} == {
        "Shop",
        "",
    }
    assert sums(side)["direct", "exchange"] == 30


def test_a_sanctioned_person_is_a_counterparty_not_a_way_to_the_next_one():
    onward = next_tx(CLOSED, 0, [(30, "nobody")], height=103)
    made = ledger(PAID, BOUGHT, CLOSED, onward, unspent(onward, 0))
    tags = Tags.of_rows([tag("exchange", "sanctioned")], strict=True)
    assert sums(exposure_of(made, address("ann"), tags).outgoing)["direct", "sanctioned"] == 30


def test_a_tag_on_the_target_itself_ends_nothing():
    tags = TAGS + Tags.of_rows([tag("ann")], strict=True)
    assert sums(exposure_of(MADE, address("ann"), tags).incoming) == {("direct", "market"): 60}


def test_untraced_sources_and_the_state_of_the_history_are_told():
    found = exposure_of(ledger(PAID), address("ann"), Tags())
    assert sums(found.outgoing) == {("own", "no tag"): 60}
    assert (found.known[ASSET], found.at_least(ASSET)) == ("history not asked", "≥ ")
    assert "amounts marked ≥ are the least" in found._repr_html_()


def test_a_whole_history_has_no_at_least():
    told = [
        AddressClaim(CHAIN, address("ann"), 3),
        Listing(CHAIN, address("ann"), "", (PAID.txid, BOUGHT.txid, CLOSED.txid), complete=True),
    ]
    found = exposure_of(ledger(PAID, BOUGHT, CLOSED, *told), address("ann"), TAGS)
    assert found.total("incoming", ASSET) == "0.00000060 tBTC"


def test_accounts_are_told_per_asset_and_their_own_transfers_once():
    found = exposure_of(accounts(), [who("ann"), who("ben")], HOT)
    assert found.outgoing.sums("degree", "category") == {
        ("eth", "direct", "exchange"): 80,
        ("eth", "own", "no tag"): 20,
        (USD, "direct", "exchange"): 10**30 - 1,
        (USD, "own", "no tag"): 1,
    }
    assert found.incoming.sums("degree") == {("eth", "direct"): 100, (USD, "direct"): 10**30}


def test_as_of_a_block_nothing_later_counts():
    assert sums(exposure_of(MADE, address("ann"), TAGS, as_of=101).outgoing) == {
        ("direct", "gambling"): 20,
        ("own", "no tag"): 35,
        ("fee", "fee"): 5,
    }


def test_what_cannot_be_a_target_is_refused():
    with pytest.raises(SeedUnknown, match="is in this ledger"):
        exposure_of(MADE, address("stranger"), TAGS)
    with pytest.raises(AddressInvalid):
        exposure_of(MADE, "bc1qnothing", TAGS)
    with pytest.raises(BadInput, match="no direction"):
        exposure_of(MADE, address("ann"), TAGS, direction="sideways")


def test_an_address_of_a_target_that_is_not_in_evidence_is_named():
    found = exposure_of(MADE, [address("ann"), address("stranger")], TAGS)
    assert found.missing == (address("stranger"),)
    assert address("stranger") in found._repr_html_()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_each_unit_is_counted_once_whatever_comes_back(data):
    made = data.draw(ledgers())
    held = sorted(set(made.index.labels) & {address(owner) for owner in OWNERS})
    target = data.draw(st.lists(st.sampled_from(held), min_size=1, unique=True))
    policy = data.draw(st.sampled_from(["haircut", "fifo", "lifo"]))
    found = exposure_of(made, target, Tags(), policy=policy, coinjoins=())
    received = sum(
        int(made.index.value[row])
        for one in target
        for script in made.index.scripts_of_label[one]
        for row in made.index.outputs_to(script)
    )
    for side in found.sides.values():
        ends = sum(side.balance.values())
        assert ends == side.trace.seed_sat <= received
        foreign = side.to_pandas().query("degree == 'direct' or degree == 'indirect'")
        assert foreign["tainted_sat"].sum() <= ends
    if len(target) == len(held):  # everybody together has no counterparty
        assert not {"direct", "indirect"} & set(found.outgoing.to_pandas()["degree"])


def test_the_seizure_of_2021_came_from_the_address_of_the_warrant():
    made, tags = samples.load("colonial"), samples.tags("colonial")
    warrant, seized = samples.facts("colonial")["addresses"][1:]
    came = exposure_of(made, seized, tags)
    assert came.incoming.sums("degree", "category")["btc", "direct", "ransomware"] == 6_369_996_546
    went = exposure_of(made, warrant, tags).outgoing.sums("degree", "category")
    assert went["btc", "direct", "law_enforcement"] == 6_369_996_546
    assert set(came.known.values()) == {"complete"}


def test_only_the_services_end_it_where_that_is_asked():
    made, tags = samples.load("colonial"), samples.tags("colonial")
    warrant = samples.facts("colonial")["addresses"][1]
    went = exposure_of(made, warrant, tags, stop=tags.services).outgoing.sums("category")
    assert ("btc", "law_enforcement") not in went


def test_a_mere_trait_of_an_address_ends_nothing():
    tags = TAGS + Tags.of_rows([tag("ann2", "hot_wallet", actor="")], strict=True)
    moved = next_tx(PAID, 0, [(60, "ann2")], height=101)
    paid = next_tx(moved, 0, [(60, "exchange")], height=102)
    found = exposure_of(ledger(PAID, moved, paid), address("ann"), tags, direction="outgoing")
    assert sums(found.outgoing) == {("indirect", "exchange"): 60}
