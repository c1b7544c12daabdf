"""CSV label lists and JSON label dumps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput, TagFileRejected
from chainflow.tags import Tags
from chainflow.tags.labels import read_csv, read_label_dump

HYDRA = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"
OTHER = "1MQBDeRWsiJBf7K1VGjJ7PWEL6GJXMfmLg"
TORNADO = "0x8589427373d6d84e98730d7795d8f6f8731fda16"


def read(folder: Path, text: str, *, name: str = "labels.csv", source: str = "") -> Tags:
    (folder / name).write_text(text, encoding="utf-8")
    return Tags.read(folder / name, source=source)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_is_found(tmp_path: Path, mark: str) -> None:
    text = mark.join(["address", "label", "source"]) + "\n" + mark.join([HYDRA, '"a, b; c"', "me"]) + "\n"
    (tag,) = read(tmp_path, text)
    assert (tag.address, tag.label, tag.source, tag.line) == (HYDRA, "a, b; c", "me", 2)


@pytest.mark.parametrize(
    "header",
    [
        "Address,Name,Type,URL,Network,Date",
        "wallet,tag,category,source,chain,lastmod",
        "ADDR,label,kind,reference,currency,updated",
    ],
)
def test_headers_are_known_by_several_names(tmp_path: Path, header: str) -> None:
    (tag,) = read(tmp_path, f"\ufeff{header}\r\n{HYDRA},Hydra,market,me,BTC,2022-04-05\r\n")
    stated = (tag.address, tag.label, tag.category, tag.source, tag.chain, tag.date)
    assert stated == (HYDRA, "Hydra", "market", "me", "btc", "2022-04-05")


def test_without_a_column_source_the_caller_says_who(tmp_path: Path) -> None:
    text = f"address,label\n{HYDRA},Hydra\n"
    with pytest.raises(BadInput, match="no column source") as caught:
        read(tmp_path, text)
    assert 'source="who says so"' in caught.value.hint
    (tag,) = read(tmp_path, text, source="Letter of 4 May")
    assert tag.source == "Letter of 4 May"


def test_a_row_with_an_empty_source_is_listed(tmp_path: Path) -> None:
    tags = read(tmp_path, f"address,label,source\n{HYDRA},Hydra,\n", source="me")
    assert [row.reason for row in tags.rejected] == ["no source"]


def test_columns_nobody_knows_go_into_the_context(tmp_path: Path) -> None:
    (tag,) = read(tmp_path, f"address,label,source,note,case no\n{HYDRA},Hydra,me,seen,17\n")
    assert json.loads(tag.context) == {"case no": "17", "context": "seen"}


def test_the_exact_header_wins_and_the_other_is_kept(tmp_path: Path) -> None:
    (tag,) = read(tmp_path, f"address,name,label,source\n{HYDRA},N,L,me\n")
    assert (tag.label, json.loads(tag.context)) == ("L", {"name": "N"})


def test_rows_that_fail_are_listed_with_the_line_they_begin_on(tmp_path: Path) -> None:
    text = f'address,label,source\n{HYDRA},"two\nlines",me\n{OTHER[:-1]},b,me\n\n{OTHER},b,me,more\n{OTHER},b,me\n'
    tags = read(tmp_path, text)
    assert [(tag.address, tag.line) for tag in tags] == [(HYDRA, 2), (OTHER, 7)]
    assert [row.line for row in tags.rejected] == [4, 6]
    assert "4 cells under 3 headers" in tags.rejected[1].reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a,b,c\n1,2,3\n",
        "address,source\nx,y\n",
        "label,source\nx,y\n",
        'address,label,source\n"x\n',
    ],
)
def test_what_is_no_label_list_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(TagFileRejected, match=r"l\.csv"):
        read_csv(text, name="l.csv")


@given(st.text(alphabet="ab,;\t\"\n\r'=0 ", max_size=40))
def test_any_csv_body_is_read_or_refused_and_nothing_else(body: str) -> None:
    try:
        parsed = read_csv("address,label,source\n" + body, name="l.csv")
    except TagFileRejected:
        return
    assert all(row.keys() >= {"address", "label", "source"} for _, row in parsed.rows)


def dump(entries: dict[str, object]) -> str:
    return json.dumps(entries)


def test_a_label_dump_keeps_every_label_and_takes_the_known_word(tmp_path: Path) -> None:
    text = dump({TORNADO: {"name": "Tornado.Cash", "labels": ["tornado-cash", "ofac-sanctions-lists"]}})
    (tag,) = read(tmp_path, text, name="d.json", source="Etherscan")
    assert (tag.address, tag.chain, tag.label, tag.category) == (TORNADO, "eth", "Tornado.Cash", "sanctioned")
    assert json.loads(tag.context) == {"labels": ["tornado-cash", "ofac-sanctions-lists"]}


def test_several_known_words_are_all_stated(tmp_path: Path) -> None:
    text = dump({TORNADO: {"name": "", "labels": ["dex", "gambling"]}})
    (tag,) = read(tmp_path, text, name="d.json", source="Etherscan")
    assert (tag.label, tag.category, tag.categories) == ("dex", "", ("defi_dex", "gambling"))


def test_keys_that_are_no_addresses_are_refused_one_by_one(tmp_path: Path) -> None:
    entry = {"name": "x", "labels": []}
    text = dump({TORNADO: entry, "0x12": entry, "vitalik.eth": entry, "0x" + "ab" * 20: "x"})
    tags = read(tmp_path, text, name="d.json", source="Etherscan")
    assert len(tags) == 1
    assert [(row.line, row.text) for row in tags.rejected] == [
        (2, "0x12"),
        (3, "vitalik.eth"),
        (4, "0x" + "ab" * 20),
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"a": 1, "a": 2}', "{" * 9, '{"a": "\\ud800"}', '{"a": NaN}', '{"a":' * 100_000]
)
def test_what_is_no_label_dump_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(TagFileRejected):
        read_label_dump(text, name="d.json", source="me")


def test_a_label_dump_needs_a_source() -> None:
    with pytest.raises(BadInput, match="does not say who says so"):
        read_label_dump("{}", name="d.json")
