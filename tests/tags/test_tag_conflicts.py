"""Contradictions between tags are shown side by side and never resolved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chainflow.tags import Conflict, Tags

HYDRA = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"


def conflicts(*rows: dict[str, object]) -> tuple[Conflict, ...]:
    return Tags.of_rows({"address": HYDRA, "label": "x", "source": "s", **row} for row in rows).conflicts


def about(*rows: dict[str, object]) -> list[str]:
    return [conflict.about for conflict in conflicts(*rows)]


def test_a_spelling_that_drifts_is_a_conflict() -> None:
    (conflict,) = conflicts({"label": "Dmalocker"}, {"label": "DMALockerv3"})
    assert conflict.about == "label"
    assert {conflict.first.label, conflict.second.label} == {"Dmalocker", "DMALockerv3"}


def test_both_tags_stand_side_by_side_the_better_first() -> None:
    rows = ({"label": "a", "confidence": "web_crawl"}, {"label": "b", "confidence": "forensic"})
    (conflict,) = conflicts(*rows)
    assert (conflict.first.label, conflict.second.label) == ("b", "a")
    assert str(conflict) == f"{HYDRA} label: 'b' (s) against 'a' (s)"


def test_two_actors_on_one_address_are_a_conflict() -> None:
    assert about({"actor": "kraken"}, {"actor": "binance"}) == ["actor"]


def test_labels_of_one_actor_may_differ() -> None:
    assert (
        about({"label": "hot wallet", "actor": "bitfinex"}, {"label": "cold wallet", "actor": "bitfinex"})
        == []
    )


def test_a_service_tagged_with_an_abuse_elsewhere_is_a_conflict() -> None:
    (conflict,) = conflicts({"category": "exchange"}, {"abuse": "ransomware"})
    assert (conflict.about, str(conflict).count("against")) == ("category", 1)


def test_a_kind_of_a_category_does_not_contradict_it() -> None:
    assert about({"category": "service"}, {"category": "exchange"}) == []
    assert about({"category": "bridge"}, {"category": "service"}) == []


def test_kinds_of_one_category_contradict_each_other() -> None:
    rows = [
        {"category": "service", "confidence": "ownership"},
        {"category": "exchange"},
        {"category": "gambling"},
    ]
    (conflict,) = conflicts(*rows)
    assert {conflict.first.category, conflict.second.category} == {"exchange", "gambling"}


def test_being_on_a_list_contradicts_nothing() -> None:
    assert about({"category": "market"}, {"category": "sanctioned"}, {"category": "black_list"}) == []


def test_saying_nothing_contradicts_nothing() -> None:
    assert about({"category": "market", "actor": "hydra"}, {"source": "t"}) == []
    assert about({"category": "market"}, {"category": "unknown"}) == []


def test_tags_on_two_chains_do_not_contradict_each_other() -> None:
    evm = {"address": "0x" + "ab" * 20}
    assert about({**evm, "chain": "eth", "label": "a"}, {**evm, "chain": "bsc", "label": "b"}) == []


@given(st.lists(st.sampled_from("abcdef"), max_size=8))
def test_n_labels_give_n_minus_one_conflicts(labels: list[str]) -> None:
    found = conflicts(*({"label": label} for label in labels))
    assert len(found) == max(0, len(set(labels)) - 1)
    assert {c.first.label for c in found} <= {min(labels, default="")}
