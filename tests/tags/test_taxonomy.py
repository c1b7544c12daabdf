"""Categories: a tree without cycles, words that mean the same, and nothing derived."""

from __future__ import annotations

import pytest

from chainflow.errors import BadInput
from chainflow.tags.taxonomy import CONCEPTS, ancestors, canonical, graphsense_id, mark, members


def test_every_parent_is_a_concept_and_every_branch_ends() -> None:
    assert all(c.parent in CONCEPTS or not c.parent for c in CONCEPTS.values())
    assert all(concept not in ancestors(concept) for concept in CONCEPTS)


def test_every_concept_has_a_name_and_one_letter() -> None:
    assert all(c.name and len(c.mark) == 1 for c in CONCEPTS.values())


def test_service_includes_its_kinds() -> None:
    services = members(["service"])
    assert {"exchange", "mixing_service", "payment_processor", "gambling", "market", "hosting"} < services
    assert {"hosted_wallet", "mining_service", "defi", "bridge", "defi_dex_pair", "atm"} < services
    assert not services & {"ransomware", "sanctioned", "user", "unknown", "coinjoin", "miner"}


def test_a_sanction_is_no_abuse() -> None:
    assert "sanctioned" not in members(["abuse"])
    assert "ransomware" in members(["abuse"])


@pytest.mark.parametrize(
    ("word", "concept"),
    [
        ("sanction", "sanctioned"),
        ("black_list", "blacklisted"),
        ("wallet_service", "hosted_wallet"),
        ("Darknet Market", "market"),
        ("mixer", "mixing_service"),
        ("defi-bridge", "bridge"),
        ("  Exchange ", "exchange"),
        ("service_hack", "service_hack"),
    ],
)
def test_words_of_other_vocabularies_are_known(word: str, concept: str) -> None:
    assert canonical(word) == concept


def test_an_unknown_word_is_kept_as_it_was_stated() -> None:
    assert canonical("Bridge Scam 2.0") == "Bridge Scam 2.0"
    assert mark("Bridge Scam 2.0") == mark("") == "?"
    assert ancestors("Bridge Scam 2.0") == ()


def test_what_is_written_for_graphsense_is_read_back_as_the_same() -> None:
    written = {concept: graphsense_id(concept) for concept in CONCEPTS}
    assert {c for c, word in written.items() if not word} == {"law_enforcement", "trait"}
    assert all(canonical(word) == concept for concept, word in written.items() if word)


def test_asking_for_an_unknown_category_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match="not a category: exchnage") as caught:
        members(["exchnage"])
    assert "exchange" in caught.value.hint


def test_a_word_that_was_stated_can_be_asked_for() -> None:
    assert members(["airdrop"], stated=["airdrop"]) == {"airdrop"}


def test_marks_tell_suspects_services_and_lists_apart() -> None:
    marks = {
        c: mark(c) for c in ("exchange", "mixing_service", "sanctioned", "victim", "ransomware", "unknown")
    }
    assert list(marks.values()) == ["E", "M", "S", "V", "!", "?"]
