"""JSON without its loopholes, and fields checked as they are read."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadResponse, SchemaMismatch
from chainflow.sources.strict import Field, excerpt, loads_strict

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**38), 10**38) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_plain_json_reads_as_json(value, ascii_only):
    assert loads_strict(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=60))
def test_noise_is_refused_or_is_json(noise):
    try:
        value = loads_strict(noise)
    except BadResponse:
        return
    assert value == json.loads(noise, parse_float=Decimal)


def test_a_fraction_is_a_decimal_never_a_float():
    value = loads_strict(b"[0.1, 1e999, 1.0]")
    assert value == [Decimal("0.1"), Decimal("1e999"), Decimal("1.0")]
    assert all(isinstance(number, Decimal) for number in value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[NaN]", "holds NaN, which is not JSON"),
        (b"[-Infinity]", "holds -Infinity"),
        (b'{"fee": 1, "fee": 2}', "holds the key 'fee' twice"),
        (b"[" + b"1" * 41 + b"]", "a number of 41 characters"),
        (b"[" + b"1" * 5000 + b"]", "a number of 5000 characters"),
        (b"[0." + b"1" * 50 + b"]", "a number of 52 characters"),
        (b"[" * 65 + b"]" * 65, "nested deeper than 64 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 64 levels"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper than 64 levels"),
        (b'["\\ud800"]', "text that is not valid Unicode"),
        (b'{"\\udfff": 1}', "text that is not valid Unicode"),
        (b'["\xff"]', "is not JSON"),
        (b"\xef\xbb\xbf[]", "is not JSON"),
        ("[]".encode("utf-16"), "is not JSON"),
        (b"[1] [2]", "is not JSON"),
        (b"['a']", "is not JSON"),
        (b"[1e99999999999999999999]", "is not JSON|holds"),
        (b"Maximum concurrent requests", "is not JSON .starts with 'Maximum concurrent requests'"),
        (
            b"<!DOCTYPE html>\n<title>Just a moment...",
            "starts with '<!DOCTYPE html> <title>Just a moment...'.*bot check",
        ),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'[{"txid": "4a5e', r"cut off: its JSON has no end \(15 bytes came\)"),
        (b'{"a": [1, 2', "cut off"),
    ],
)
def test_loopholes_are_closed(text, told):
    with pytest.raises(BadResponse, match=told):
        loads_strict(text)


def test_sixty_four_levels_are_read():
    assert loads_strict(b"[" * 64 + b"]" * 64)


@given(st.binary(max_size=100))
def test_an_excerpt_is_one_short_printable_line(raw):
    shown = excerpt(raw)
    assert len(shown) <= 43
    assert shown.isprintable()


def field(value: object) -> Field:
    return Field(value, "The answer to /x")


def test_a_field_carries_its_path():
    tx = field({"vout": [{"value": 1}, {"value": -546}]})
    first, second = (output["value"] for output in tx["vout"].items())
    assert first.integer(0, 10) == 1
    with pytest.raises(SchemaMismatch) as caught:
        second.integer(0, 2_100_000_000_000_000)
    assert caught.value.message == (
        "The answer to /x: field vout[1].value is -546 (allowed: 0…2,100,000,000,000,000)"
    )


@pytest.mark.parametrize("value", [True, 1.0, Decimal(1), "1", None, [], -1, 11])
def test_only_a_whole_number_in_range_is_an_integer(value):
    with pytest.raises(SchemaMismatch, match="the whole is"):
        field(value).integer(0, 10)


@pytest.mark.parametrize("value", [1, 0, "true", None, []])
def test_only_true_and_false_are_flags(value):
    with pytest.raises(SchemaMismatch, match="true or false"):
        field(value).flag()


@pytest.mark.parametrize("value", ["A0", "0", "zz", " ab", "ab\n", 0, None, b"ab"])
def test_only_lower_case_pairs_are_hexadecimal(value):
    with pytest.raises(SchemaMismatch, match="lower-case hex"):
        field(value).hexadecimal()


def test_hexadecimal_may_have_a_size():
    assert field("abcd").hexadecimal(size=2) == "abcd"
    with pytest.raises(SchemaMismatch, match="64 lower-case hex digits"):
        field("abcd").hexadecimal(size=32)


def test_an_absent_member_is_missing_or_none():
    assert field({"a": None}).get("a") is None
    assert field({}).get("a") is None
    with pytest.raises(SchemaMismatch, match="field a is missing"):
        field({})["a"]
    with pytest.raises(SchemaMismatch, match=r"the whole is \[\] \(allowed: an object\)"):
        field([]).get("a")
