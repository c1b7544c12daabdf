"""Sanctions lists as of a day: what a date can answer; OFAC's recorded lists."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.attribution import Listed, Listing, listings_of, on_list
from chainflow.attribution.listings import day_of, lists_given
from chainflow.errors import BadInput
from chainflow.tags import Tags

HYDRA = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"
DAYS = st.dates(date(2015, 1, 1), date(2030, 1, 1))


def listing(by: str | None = None, since: str | None = None) -> Listing:
    return Listing("OFAC SDN", "HYDRA", day_of(since), day_of(by))


@pytest.mark.parametrize(
    ("by", "since", "day", "answer"),
    [
        ("2022-04-05", None, "2022-04-05", Listed.YES),
        ("2022-04-05", None, "2022-04-04", Listed.UNDATED),
        (None, None, "2022-04-05", Listed.UNDATED),
        (None, None, None, Listed.YES),
        ("2024-09-07", "2019-09-13", "2019-09-12", Listed.LATER),
        ("2024-09-07", "2019-09-13", "2022-04-14", Listed.HOLDER),
        ("2024-09-07", "2019-09-13", "2024-09-07", Listed.YES),
        (None, "2019-09-13", "2019-09-12", Listed.LATER),
    ],
)
def test_what_one_listing_answers_for_a_day(by, since, day, answer):
    assert on_list([listing(by, since)], day_of(day)) is answer


def test_the_listing_that_can_answer_comes_first():
    undated, dated = listing(), listing("2022-04-05")
    assert on_list([undated, dated], date(2022, 5, 1)) is Listed.YES
    assert on_list([undated, listing("2024-01-01", "2023-01-01")], date(2022, 5, 1)) is Listed.UNDATED


@given(by=st.none() | DAYS, since=st.none() | DAYS, day=DAYS, later=DAYS)
def test_who_is_listed_stays_so_and_is_never_said_to_be_on_no_list(by, since, day, later):
    one = Listing("s", "l", since, by)
    first, second = (on_list([one], each) for each in sorted((day, later)))
    assert Listed.NONE not in (first, second)
    assert second is Listed.YES or first is not Listed.YES


def test_only_tags_that_state_a_sanction_are_listings():
    row = {"address": HYDRA, "label": "Hydra", "source": "s", "category": "market"}
    assert listings_of(Tags.of_rows([row])) == ()
    assert lists_given(Tags.of_rows([row])) == ()


@pytest.mark.parametrize("context", ["", "a remark", '{"listed": 7}', '["listed"]', '{"listed": "soon"}'])
def test_a_context_that_states_no_day_is_none(context):
    row = {"address": HYDRA, "label": "x", "source": "s", "category": "sanctioned", "context": context}
    assert listings_of(Tags.of_rows([row])) == (Listing("s", "x", None, None),)


def test_a_day_that_is_none_is_refused():
    with pytest.raises(BadInput, match="not a day"):
        day_of("5 April")


def test_hydra_was_listed_on_the_day_of_the_list_and_before_it_nobody_stated(shared):
    tags = Tags.read(shared / "cases" / "hydra" / "hydra_ofac_sdn.xml")
    found = listings_of(tags.at(HYDRA))
    assert on_list(found, date(2022, 4, 5)) is Listed.YES
    assert on_list(found, date(2022, 4, 4)) is Listed.UNDATED
    assert all("2022-04-05" in name for name in lists_given(tags))


def test_plain_lists_have_no_date_and_say_so(shared):
    tags = Tags.read(shared / "tags" / "ofac" / "sanctioned_addresses_XBT.txt")
    found = listings_of(tags.at(HYDRA))
    assert on_list(found, date(2030, 1, 1)) is Listed.UNDATED
    assert lists_given(tags)[0].startswith("OFAC SDN, date not stated (")
