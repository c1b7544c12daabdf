"""TagPacks and ActorPacks: inheritance, refusals with their line, and the round trip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import AddressInvalid, BadInput, TagFileRejected
from chainflow.tags import CONCEPTS, CONFIDENCE, Actor, Tag, Tags
from chainflow.tags.rows import check
from chainflow.tags.tagpack import read_tagpack, write_tagpack

PACK = """\
title: Hydra Market
creator: GraphSense Core Team
confidence: authority_data
category: market
currency: BTC
label: Hydra Market
is_cluster_definer: true
lastmod: 2023-05-10
source: https://home.treasury.gov/policy-issues/financial-sanctions/recent-actions/20220405
actor: hydramarket
tags:
- address: 16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T
- address: 1MQBDeRWsiJBf7K1VGjJ7PWEL6GJXMfmLg
  label: Hydra, another one
  is_cluster_definer: false
"""
ACTORS = """\
title: Actors
creator: GraphSense Core Team
actors:
- id: hydramarket
  label: Hydra Market
  uri: https://hydramarket.co/
  categories: [dark_web, market]
"""
SHORT = "title: t\ncreator: c\ncurrency: BTC\nlabel: l\nsource: s\ntags:\n"
ROW = "- address: 16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T\n"


def write(folder: Path, text: str, name: str = "pack.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_tag_inherits_from_the_header_what_it_does_not_state(tmp_path: Path) -> None:
    first, second = Tags.read(write(tmp_path, PACK))
    assert (first.label, first.category, first.confidence_score) == ("Hydra Market", "market", 60)
    assert (first.actor, first.creator, first.date) == ("hydramarket", "GraphSense Core Team", "2023-05-10")
    assert (first.is_cluster_definer, second.is_cluster_definer) == (True, False)
    assert second.label == "Hydra, another one"


def test_a_tag_knows_its_file_and_line_but_not_the_machine(tmp_path: Path) -> None:
    tags = Tags.read(write(tmp_path, PACK))
    assert [(tag.file, tag.line) for tag in tags] == [("pack.yaml", 12), ("pack.yaml", 13)]
    assert str(tmp_path) not in tags.to_json()


def test_an_actor_pack_names_the_actor_of_a_tag(tmp_path: Path) -> None:
    tags = Tags.read(write(tmp_path, PACK), write(tmp_path, ACTORS, "actors.yaml"))
    assert tags.actors == (Actor("hydramarket", "Hydra Market", ("dark_web", "market")),)
    assert {tag.actor_name for tag in tags} == {"Hydra Market"}
    assert {tag.actor for tag in tags} == {"hydramarket"}


def test_actors_read_later_name_the_actors_of_tags_read_before(tmp_path: Path) -> None:
    pack, actors = write(tmp_path, PACK), write(tmp_path, ACTORS, "actors.yaml")
    assert Tags.read(pack) + Tags.read(actors) == Tags.read(pack, actors)


def test_an_actor_gives_its_category_only_to_a_tag_that_states_none(tmp_path: Path) -> None:
    plain = SHORT + ROW + "  actor: hydramarket\n"
    hacked = plain + "  abuse: service_hack\n"
    actors = write(tmp_path, ACTORS, "actors.yaml")
    (silent,) = Tags.read(write(tmp_path, plain), actors)
    (stated,) = Tags.read(write(tmp_path, hacked), actors)
    assert (silent.category, silent.categories) == ("", ("dark_web", "market"))
    assert stated.categories == ("service_hack",)


def test_two_packs_that_name_one_actor_differently_are_shown_together(tmp_path: Path) -> None:
    other = write(tmp_path, ACTORS.replace("label: Hydra Market", "label: Hydra"), "b.yaml")
    tags = Tags.read(write(tmp_path, PACK), write(tmp_path, ACTORS, "a.yaml"), other)
    assert {tag.actor_name for tag in tags} == {"Hydra / Hydra Market"}


def test_rows_that_fail_are_listed_one_by_one_with_their_line() -> None:
    text = (
        SHORT + ROW + "- address: 16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6X\n" + ROW + "  colour: red\n- nothing\n"
    )
    parsed = read_tagpack(text, name="p.yaml")
    tags, rejected = check(parsed.rows, file="p.yaml")
    assert [tag.line for tag in tags] == [7]
    assert [(type(r.error), r.line) for r in rejected] == [(AddressInvalid, 8)]
    assert [(r.line, r.text) for r in parsed.faults] == [
        (9, "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"),
        (11, "nothing"),
    ]


def test_strict_raises_at_the_first_bad_row_and_names_it(tmp_path: Path) -> None:
    path = write(tmp_path, SHORT + ROW + ROW + "  colour: red\n" + ROW + "  size: 3\n")
    with pytest.raises(BadInput, match=r"unknown field 'colour' \(line 8 of pack.yaml\)"):
        Tags.read(path, strict=True)


def test_a_tag_without_a_currency_is_refused() -> None:
    parsed = read_tagpack(SHORT.replace("currency: BTC\n", "") + ROW, name="p")
    assert [fault.reason for fault in parsed.faults] == ["no currency"]


def test_scalars_stay_as_they_were_written(tmp_path: Path) -> None:
    rows = (
        ROW + "  label: 0123\n" + ROW + "  label: 'null'\n" + ROW + "  label: 1e5\n" + ROW + "  label: no\n"
    )
    tags = Tags.read(write(tmp_path, SHORT + rows))
    assert sorted(tag.label for tag in tags) == ["0123", "1e5", "no", "null"]


def test_a_plain_null_is_not_stated() -> None:
    _, rejected = check(read_tagpack(SHORT + ROW + "  label: ~\n", name="p").rows, file="p")
    assert [row.reason for row in rejected] == ["no label"]


def test_a_context_may_be_yaml(tmp_path: Path) -> None:
    (tag,) = Tags.read(write(tmp_path, SHORT + ROW + "  context: {block: '7', refs: [a, b]}\n"))
    assert tag.context == '{"block":"7","refs":["a","b"]}'


def test_further_concepts_are_kept(tmp_path: Path) -> None:
    (tag,) = Tags.read(write(tmp_path, SHORT + ROW + "  concepts: [exchange, hot_wallet, exchange]\n"))
    assert tag.concepts == tag.categories == ("exchange", "hot_wallet")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no TagPack"),
        ("- a\n", "no TagPack"),
        ("title: t\ncreator: c\n", "no TagPack"),
        ("creator: c\ntags: []\n", "no title"),
        ("title: t\ntags: []\n", "no creator"),
        ("title: t\ncreator: c\ncolour: red\ntags: []\n", "unknown header field 'colour'"),
        ("title: t\ncreator: c\ntags: {a: b}\n", "tags is not a list"),
    ],
)
def test_what_is_no_pack_is_refused_as_a_whole(text: str, match: str) -> None:
    with pytest.raises(TagFileRejected, match=match):
        read_tagpack(text, name="p.yaml")


def test_a_malformed_actor_is_listed() -> None:
    text = "title: t\ncreator: c\nactors:\n- id: a\n- id: b\n  label: B\n- id: c\n  label: C\n  colour: red\n"
    parsed = read_tagpack(text, name="a.yaml")
    assert parsed.actors == [Actor("b", "B", ())]
    assert [(fault.line, fault.text) for fault in parsed.faults] == [(4, "a"), (7, "c")]


def without_place(tags: Tags) -> set[Tag]:
    return {replace(tag, file="", line=0) for tag in tags}


def test_a_written_pack_is_read_back_as_the_same_tags(tmp_path: Path) -> None:
    tags = Tags.read(write(tmp_path, PACK))
    again = Tags.read(tags.write(tmp_path / "out.yaml"))
    assert again.rejected == ()
    assert without_place(again) == without_place(tags)
    assert again.digest == tags.digest


def test_what_a_tagpack_has_no_word_for_comes_back_too(tmp_path: Path) -> None:
    row = {"address": "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T", "label": "x", "source": "s"}
    rows = [
        {**row, "category": "law_enforcement", "context": "seized in 2021", "creator": "A"},
        {**row, "category": "Our own word", "abuse": "another", "concepts": ["exchange", "third"]},
        {**row, "creator": "B", "date": "2022-04-05T10:00:00+00:00", "tag_type": "mention"},
        {"txid": "4a" * 32, "currency": "BTC", "label": "tx", "source": "s", "creator": "B"},
        {"address": "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq", "label": "tron", "source": "s"},
    ]
    tags = Tags.of_rows(rows, strict=True)
    again = Tags.read(tags.write(tmp_path / "out.yaml"), strict=True)
    assert without_place(again) == without_place(tags)


def test_a_written_pack_uses_graphsense_words(tmp_path: Path) -> None:
    row = {"address": "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T", "label": "x", "source": "s", "creator": "A"}
    text = Tags.of_rows([{**row, "category": "sanctioned"}]).write(tmp_path / "o.yaml").read_text()
    assert "category: sanction\n" in text
    assert "currency: BTC\n" in text
    assert "context" not in text


CHAINS = [("16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T", "btc"), ("0x" + "ab" * 20, "bsc"), ("0x" + "ab" * 20, "eth")]
ROWS = st.fixed_dictionaries(
    {"label": st.text(max_size=30), "source": st.text(max_size=30)},
    optional={
        "category": st.sampled_from(sorted(CONCEPTS)) | st.text(max_size=10),
        "abuse": st.sampled_from(sorted(CONCEPTS)),
        "concepts": st.lists(st.text(max_size=5), max_size=3),
        "confidence": st.sampled_from(sorted(CONFIDENCE)),
        "creator": st.text(max_size=5),
        "context": st.text(max_size=30),
        "actor": st.text(max_size=10),
        "date": st.dates().map(str),
        "is_cluster_definer": st.booleans(),
    },
)


@given(st.lists(st.tuples(ROWS, st.sampled_from(CHAINS)), max_size=4))
def test_any_tags_survive_being_written_and_read(
    rows: list[tuple[dict[str, object], tuple[str, str]]],
) -> None:
    tags = Tags.of_rows({**row, "address": address, "chain": chain} for row, (address, chain) in rows)
    parsed = read_tagpack(write_tagpack(tags, title="t"), name="p")
    again, rejected = check(parsed.rows, file="")
    assert (rejected, parsed.faults) == ([], [])
    assert without_place(Tags(tuple(again))) == without_place(tags)
