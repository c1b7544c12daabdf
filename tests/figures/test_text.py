"""Amounts, times and names as pictures write them."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow import units
from chainflow.figures.text import brief_amount, day, fitted, legible, short_name, span


@pytest.mark.parametrize(
    ("value_sat", "text"),
    [
        (7_500_030_000, "75.0003"),
        (6_369_996_546, "63.7000"),
        (1_693, "0.00001693"),
        (1, "0.00000001"),
        (0, "0.0000"),
        (123_456_789_012_345, "1,234,567.8901"),
    ],
)
def test_amount_has_four_decimals_or_more_where_it_is_small(value_sat, text):
    assert brief_amount(value_sat) == text


@given(st.integers(1, 21 * 10**14))
def test_brief_amount_is_never_zero_and_near_the_exact_one(value_sat):
    shown = Decimal(brief_amount(value_sat).replace(",", ""))

    assert shown > 0
    assert abs(shown - units.coins(value_sat)) <= min(Decimal("0.00005"), shown / 1000)


@given(st.text(max_size=300), st.integers(2, 90))
def test_legible_text_has_nothing_invisible_and_is_short(text, limit):
    shown = legible(text, limit=limit)

    assert len(shown) <= limit
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in shown)


def test_ten_thousand_characters_are_cut_and_marked():
    assert legible("a" * 10_000) == "a" * 79 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gnp\u202e.exe", "gnp⟨U+202E⟩.exe"),
        ("a\nb", "a⟨U+000A⟩b"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("e" + "\u0301" * 9, "e\u0301\u0301" + "⟨U+0301⟩" * 7),
        ("שלום", "שלום"),
    ],
)
def test_what_disturbs_a_text_is_written_out(text, shown):
    assert legible(text) == shown


@given(st.text(max_size=60), st.integers(3, 30))
def test_fitted_text_is_the_text_or_a_beginning_of_it(text, room):
    shown = fitted(text, room)

    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


def test_addresses_keep_eight_characters_at_both_ends():
    assert short_name("bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq") == "bc1qq2eu…s6cfsegq"


def test_days_are_utc_and_said_once():
    assert day(1_620_493_977) == "8 May 2021"
    assert day(None) == "time not known"
    assert span(1_620_493_977, 1_629_305_052) == "8 May – 18 Aug 2021"
    assert span(1_620_493_977, 1_620_496_070) == "8 May 2021"


def test_scripts_without_an_address_are_named_as_such():
    assert short_name("script:6a24aa21a9ede2f61c3f71d1de5c690689") == "script 6a24aa21…5c690689"
