"""Indicators say what the evidence shows, what it does not, and what cannot be said; never a score."""

from __future__ import annotations

import pytest

from chainflow import samples
from chainflow.clustering import cluster
from chainflow.errors import BadInput, SeedUnknown
from chainflow.tags import Tags
from chainflow.typologies import FLAGS, State, indicators
from tests.clustering.account_made import ETHER, ledger, pay, who
from tests.made import ledger as coins
from tests.made import origin, tx
from tests.typologies.test_by_hand import RANSOM
from tests.typologies.test_payments import address


def tags(**names: str) -> Tags:
    """Return tags: name → category, each label its name."""
    return Tags.of_rows(
        [
            {"address": who(name), "chain": "eth", "label": name, "category": category, "source": "a list"}
            for name, category in names.items()
        ],
        strict=True,
    )


def state(found, name):
    return next(row for row in found if row.name == name)


def test_every_indicator_is_a_row_and_none_is_a_number():
    found = indicators(samples.load("colonial"), RANSOM)
    assert [row.name for row in found] == list(FLAGS)
    assert "proves nothing" in repr(found)
    assert "several are not added up" in found._repr_html_()
    assert not {"score", "total", "sum"} & set(found.to_pandas().columns)


def test_without_tags_and_a_threshold_most_cannot_be_said():
    found = indicators(samples.load("colonial"), RANSOM)
    assert {row.name: row.state for row in found} == {
        "just-below-threshold": State.CANNOT_BE_SAID,
        "emptied-fast": State.NOT_PRESENT,
        "gathered-and-cashed-out": State.CANNOT_BE_SAID,
        "mixing": State.CANNOT_BE_SAID,
        "other-asset": State.CANNOT_BE_SAID,
        "several-services": State.CANNOT_BE_SAID,
        "peer-to-peer": State.CANNOT_BE_SAID,
        "dormant": State.NOT_PRESENT,
    }
    assert all(row.missing for row in found if row.state is State.CANNOT_BE_SAID)


def test_an_indicator_names_who_lists_it():
    for flag in FLAGS.values():
        assert flag.sources[0].startswith("FATF, Virtual Assets Red Flag Indicators")
        assert all("recalled, not checked" in source for source in flag.sources if "Egmont" in source)


def test_a_first_receipt_that_is_passed_on_within_a_day_is_shown_with_its_base_rate():
    one = tx([origin(100, "ann")], [(99, "ben")], height=100)
    two = tx([(one.txid, 0, 99, "ben")], [(98, "cat")], height=110)
    found = state(indicators(coins(one, two), address("ben")), "emptied-fast")
    assert found.state is State.PRESENT
    assert found.shown[0].txids == (one.txid, two.txid)
    assert [one.value_raw for one in found.shown[0].amounts] == [99, 98]
    assert "per 1,000" in found.base_rate


def test_what_stays_a_week_is_not_emptied_fast():
    one = tx([origin(100, "ann")], [(99, "ben")], height=100)
    two = tx([(one.txid, 0, 99, "ben")], [(98, "cat")], height=100 + 7 * 144)
    assert state(indicators(coins(one, two), address("ben")), "emptied-fast").state is State.NOT_PRESENT


def test_who_gathers_from_many_and_pays_an_exchange_is_shown_with_the_tags_source():
    rows = [pay(f"payer {n}", "ann", ETHER, n) for n in range(1, 11)]
    made = ledger(*rows, pay("ann", "exchange", 10 * ETHER - 5, 50))
    found = state(indicators(made, who("ann"), tags=tags(exchange="exchange")), "gathered-and-cashed-out")
    assert found.state is State.PRESENT
    assert "exchange (says a list)" in found.shown[0].reading
    assert found.base_rate == "not measured"
    other = indicators(made, who("ann"), tags=tags(stranger="exchange"))
    assert state(other, "gathered-and-cashed-out").state is State.NOT_PRESENT


@pytest.mark.parametrize(("name", "category"), [("mixing", "mixing_service"), ("other-asset", "bridge")])
def test_a_payment_to_a_tagged_service_is_shown(name, category):
    made = ledger(pay("ann", "service", ETHER, 1), pay("ann", "ben", 5, 2))
    found = state(indicators(made, who("ann"), tags=tags(service=category)), name)
    assert found.state is State.PRESENT
    assert found.shown[0].amounts[0].value_raw == ETHER
    assert state(indicators(made, who("ben"), tags=tags(service=category)), name).state is State.NOT_PRESENT


def test_a_part_in_a_coinjoin_is_shown_without_tags():
    day = samples.coinjoin_day()
    mix = next(txid for txid, kind in sorted(day.joint.items()) if kind == "wabisabi")
    index = day.ledger.index
    someone = index.label_of(int(index.inputs_of(index.tx_rows(mix)[0])[0]))
    found = state(indicators(day.ledger, someone), "mixing")
    assert found.state is State.PRESENT
    assert mix in {txid for one in found.shown for txid in one.txids}


def test_two_services_within_a_day_are_several_and_one_twice_is_not():
    known = tags(one="exchange", other="exchange")
    made = ledger(
        pay("ann", "one", ETHER, 1),
        pay("ann", "other", ETHER, 9),
        pay("ben", "one", 5, 10),
        pay("ben", "one", 5, 11),
    )
    assert state(indicators(made, who("ann"), tags=known), "several-services").state is State.PRESENT
    assert state(indicators(made, who("ben"), tags=known), "several-services").state is State.NOT_PRESENT


def test_peer_to_peer_needs_a_tag_that_names_a_platform():
    made = ledger(pay("platform", "ann", ETHER, 1), pay("ann", "exchange", ETHER, 2))
    known = tags(exchange="exchange")
    assert state(indicators(made, who("ann"), tags=known), "peer-to-peer").state is State.CANNOT_BE_SAID
    known = tags(exchange="exchange", platform="p2p")
    found = state(indicators(made, who("ann"), tags=known), "peer-to-peer")
    assert [one.amounts[0].value_raw for one in found.shown] == [ETHER, ETHER]


def test_a_series_under_a_threshold_is_of_both_its_ends():
    made = ledger(*(pay("ann", "ben", 9_900 + n, 10 * n) for n in range(1, 4)))
    for name in ("ann", "ben"):
        found = state(indicators(made, who(name), threshold=10_000), "just-below-threshold")
        assert found.state is State.PRESENT
        assert found.shown[0].amounts[0].value_raw == 29_706


def test_a_cluster_is_asked_about_by_any_of_its_addresses():
    both = tx([origin(10, "ann"), origin(10, "ben", number=2)], [(19, "cat")])
    made = coins(both, tx([(both.txid, 0, 19, "cat")], [(18, "dan")], height=100 + 400 * 144))
    owners = cluster(made)
    found = indicators(made, address("ben"), owners=owners)
    assert found.addresses == tuple(sorted((address("ann"), address("ben"))))
    woken = state(indicators(made, address("cat"), owners=owners), "dormant")
    assert (woken.state, woken.base_rate) == (State.PRESENT, "not measured")


def test_a_history_that_nobody_asked_for_is_said_to_be_missing():
    found = indicators(coins(tx([origin(10, "ann")], [(9, "ben")])), address("ann"))
    assert all("the whole history of 1 address of it" in row.missing for row in found)


def test_what_is_not_in_the_ledger_is_refused():
    with pytest.raises(SeedUnknown):
        indicators(samples.load("colonial"), "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")
    with pytest.raises(BadInput):
        indicators(samples.load("colonial"), "nonsense")


def test_the_same_question_has_the_same_answer():
    ledger_ = samples.load("colonial")
    assert indicators(ledger_, RANSOM).digest == indicators(ledger_, RANSOM).digest
