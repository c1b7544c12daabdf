"""`Tags` as a value: order, sums, look-ups, JSON, tables and how it shows itself."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import AddressInvalid, BadInput
from chainflow.tags import Tag, Tags

HYDRA = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"
OTHER = "1MQBDeRWsiJBf7K1VGjJ7PWEL6GJXMfmLg"
SEGWIT = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
EVM = "0x8589427373d6d84e98730d7795d8f6f8731fda16"
TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"


def row(address: str = HYDRA, label: str = "a", **more: object) -> dict[str, object]:
    return {"address": address, "label": label, "source": "s", **more}


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from([HYDRA, OTHER, SEGWIT, EVM, "no address"]),
        st.sampled_from("abc"),
        category=st.sampled_from(["", "exchange", "market", "own word"]),
        confidence=st.sampled_from(["", "forensic", "web_crawl", "authority_data"]),
        date=st.sampled_from(["", "2021-01-01", "2022-01-01"]),
    ),
    max_size=6,
)


def test_no_tags_are_empty() -> None:
    assert (len(Tags()), list(Tags()), repr(Tags())) == (0, [], "0 tags on 0 addresses")
    assert HYDRA not in Tags()
    assert Tags().at(HYDRA) == ()
    assert Tags().best(HYDRA) is None


@given(ROWS)
def test_order_does_not_depend_on_the_order_of_rows(rows: list[dict[str, object]]) -> None:
    forward = Tags.of_rows(rows)
    backward = Tags.of_rows(rows[::-1])
    assert [replace(t, line=0) for t in forward] == [replace(t, line=0) for t in backward]
    assert forward.digest == backward.digest


@given(ROWS, ROWS)
def test_a_sum_has_every_statement_of_both_once(
    one: list[dict[str, object]], two: list[dict[str, object]]
) -> None:
    first, second = Tags.of_rows(one), Tags.of_rows(two)
    both = first + second
    assert both == second + first
    assert both + first == both
    assert first + first == first
    assert {replace(t, line=0) for t in both} == {replace(t, line=0) for t in (*first, *second)}


@given(ROWS)
def test_json_gives_the_same_value_back(rows: list[dict[str, object]]) -> None:
    tags = Tags.of_rows(rows)
    again = Tags.from_json(tags.to_json())
    assert again == tags
    assert [(r.reason, type(r.error)) for r in again.rejected] == [
        (r.reason, type(r.error)) for r in tags.rejected
    ]


def test_json_of_a_row_that_is_no_text_can_be_written() -> None:
    tags = Tags.of_rows([row("\ud800"), {"\udfff": 1}])
    assert tags.to_json().encode()
    assert Tags.from_json(tags.to_json()) == tags
    assert [row.text for row in tags.rejected] == ["\\ud800", "['\\udfff']"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"actors":[],"files":[],"rejected":[],"tags":[{"address":7,"chain":"btc","label":"x"}]}',
        '{"actors":[],"files":[],"rejected":[],"tags":[{"colour":"red"}]}',
        '{"actors":[],"files":[],"rejected":[],"tags":[{"confidence":"sure"}]}',
        '{"actors":[],"files":[],"rejected":[{"file":"x"}],"tags":[]}',
        "[" * 100_000,
    ],
)
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Tags.from_json(text)


def test_json_can_name_no_class_but_an_error_of_ours() -> None:
    text = Tags.of_rows([row("no address")]).to_json().replace("AddressInvalid", "__builtins__")
    assert type(Tags.from_json(text).rejected[0].error) is BadInput


def test_tags_are_immutable_and_can_be_pickled() -> None:
    tags = Tags.of_rows([row(), row(OTHER), row("no address")])
    with pytest.raises(FrozenInstanceError):
        tags.tags = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        tags.by_address[HYDRA] = ()  # type: ignore[index]
    assert pickle.loads(pickle.dumps(tags)) == tags


def test_an_address_is_found_in_any_spelling() -> None:
    tags = Tags.of_rows([row(SEGWIT), row(EVM), {**row(), "address": "", "txid": TXID, "chain": "btc"}])
    assert [t.address for t in tags.at(SEGWIT.upper())] == [SEGWIT]
    assert [t.address for t in tags.at("0x8589427373D6D84E98730D7795D8f6f8731FDA16")] == [EVM]
    assert [t.txid for t in tags.at(TXID)] == [TXID]
    assert SEGWIT.upper() in tags
    assert OTHER not in tags
    assert tags.addresses == {SEGWIT, EVM}


def test_a_typing_error_is_not_no_tag() -> None:
    tags = Tags.of_rows([row()])
    with pytest.raises(AddressInvalid):
        tags.at(HYDRA[:-1])
    assert HYDRA[:-1] not in tags
    assert 7 not in tags


def test_a_chain_can_be_asked_for() -> None:
    tags = Tags.of_rows([row(EVM, chain="eth"), row(EVM, chain="bsc"), row(OTHER, chain="bch")])
    assert [t.chain for t in tags.at(EVM)] == ["bsc", "eth"]
    assert [t.chain for t in tags.at(EVM.upper().replace("X", "x"), chain="bsc")] == ["bsc"]
    assert [t.chain for t in tags.at(OTHER, chain="bch")] == ["bch"]
    assert tags.at(OTHER) == ()


def test_the_best_tag_is_the_surest_then_the_newest_then_by_source() -> None:
    rows = [
        row(label="sure", confidence="authority_data", date="2019-01-01", source="z"),
        row(label="newer", confidence="authority_data", date="2021-01-01", source="z"),
        row(label="first source", confidence="authority_data", date="2021-01-01", source="b"),
        row(label="unsure", confidence="web_crawl", date="2024-01-01", source="a"),
        row(label="not stated", date="2024-01-01", source="a"),
    ]
    for left in (["first source", "newer", "sure", "unsure", "not stated"],):
        for place, label in enumerate(left):
            best = Tags.of_rows(r for r in rows if r["label"] in left[place:]).best(HYDRA)
            assert best is not None
            assert best.label == label


@given(ROWS)
def test_the_best_tag_is_one_of_those_with_the_highest_score(rows: list[dict[str, object]]) -> None:
    tags = Tags.of_rows(rows)
    best = tags.best(HYDRA)
    scores = [tag.confidence_score or 0 for tag in tags.at(HYDRA)]
    assert (best.confidence_score or 0 if best else None) == (max(scores) if scores else None)


def test_a_category_brings_its_kinds_and_its_abuses() -> None:
    rows = [row(label="x", category="exchange"), row(label="r", abuse="ransomware"), row(label="n")]
    tags = Tags.of_rows([*rows, row(label="s", category="user", abuse="sanction")])
    labels = {name: [t.label for t in tags.of(name)] for name in ("service", "abuse", "sanctioned", "user")}
    assert labels == {"service": ["x"], "abuse": ["r"], "sanctioned": ["s"], "user": ["s"]}
    assert tags.services == tags.of("service")
    assert [t.label for t in tags.of("exchange", "ransomware")] == ["r", "x"]


def test_a_category_only_a_source_knows_can_be_asked_for_and_is_reported() -> None:
    tags = Tags.of_rows([row(category="Airdrop hunter"), row(OTHER, category="exchange")])
    assert tags.unmapped == {"Airdrop hunter": 1}
    assert [t.category for t in tags.of("Airdrop hunter")] == ["Airdrop hunter"]
    with pytest.raises(BadInput, match="not a category: airport"):
        tags.of("airport")


def test_the_recipe_tells_files_and_statements_apart() -> None:
    one, other = Tags.of_rows([row()]), Tags.of_rows([row(label="b")])
    assert one.recipe.verb == "tags"
    assert one.recipe.digest != other.recipe.digest
    assert one.recipe.digest == Tags.of_rows([row()]).recipe.digest


def test_strict_rows_raise_and_name_the_row() -> None:
    with pytest.raises(AddressInvalid, match=r"\(row 2\)"):
        Tags.of_rows([row(), row("no address")], strict=True)


def test_it_says_what_it_holds() -> None:
    rows = [row(category="own"), row(label="b"), row(OTHER), row("x"), row("y")]
    tags = Tags.of_rows([*rows, {**row(), "address": "", "txid": TXID, "chain": "btc"}])
    assert repr(tags) == (
        "4 tags on 2 addresses and 1 transaction; 2 rows rejected; 1 conflict; 1 unknown category kept as stated"
    )


def test_text_from_tags_is_escaped_in_html() -> None:
    payload = "<img src=x onerror=alert(1)>\"'&"
    shown = Tags.of_rows([row(label=payload, category=payload, source=payload)])._repr_html_()
    assert "<img" not in shown
    assert shown.count("&lt;img") == 3
    assert "not by the chain" in shown


def test_a_table_keeps_a_missing_score_missing() -> None:
    table = Tags.of_rows(
        [row(confidence="forensic"), row(OTHER, concepts=["exchange", "hot_wallet"])]
    ).to_pandas()
    assert list(table["confidence_score"].isna()) == [False, True]
    assert str(table["confidence_score"].dtype) == "Int64"
    assert list(table["concepts"]) == ["", "exchange, hot_wallet"]
    assert list(table["line"]) == [1, 2]


def test_an_empty_table_has_the_same_columns() -> None:
    assert list(Tags().to_pandas().columns) == list(Tags.of_rows([row()]).to_pandas().columns)


def test_a_tag_states_each_category_once() -> None:
    tag = Tag("a", "btc", "l", category="exchange", abuse="hack", concepts=("exchange", "hot_wallet"))
    assert tag.categories == ("exchange", "hack", "hot_wallet")
