"""Facts as rows: whatever a reply can state comes back from a case as it went in."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.evidence.facts import decode, encode
from chainflow.model import (
    AddressClaim,
    BlockHash,
    Fact,
    HeaderRecord,
    InclusionRecord,
    InputRecord,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TokenRecord,
    TransferKind,
    TransferRecord,
    TxOutline,
    TxRecord,
    canonical_json,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HEX = st.binary(max_size=8).map(bytes.hex)
HASH = st.binary(min_size=32, max_size=32).map(bytes.hex)
INT = st.integers(-(2**63), 2**63 - 1)
HUGE = st.integers(0, 2**256 - 1)
BOOL = st.booleans()


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


def several(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


OUTPUT = st.builds(OutputRecord, INT, HEX)
OUTPOINT = st.builds(Outpoint, HASH, st.integers(0, 2**32 - 1))
INPUT = st.builds(InputRecord, OUTPOINT, maybe(OUTPUT), st.integers(0, 2**32 - 1))
PLACE = {"height": maybe(INT), "block_hash": maybe(HASH), "time": maybe(INT), "position": maybe(INT)}

STRATEGIES: dict[type, st.SearchStrategy[Fact]] = {
    TxRecord: st.builds(
        TxRecord,
        TEXT,
        HASH,
        several(INPUT),
        several(OUTPUT),
        is_coinbase=BOOL,
        **PLACE,
        raw=maybe(st.binary(max_size=20)),
        is_placed=BOOL,
        is_included=BOOL,
    ),
    TxOutline: st.builds(
        TxOutline, TEXT, HASH, BOOL, **PLACE, prevouts=maybe(several(OUTPUT)), outputs=maybe(several(OUTPUT))
    ),
    SpendRecord: st.builds(SpendRecord, TEXT, OUTPOINT, maybe(HASH), maybe(INT)),
    AddressClaim: st.builds(AddressClaim, TEXT, TEXT, INT, INT, TEXT),
    Listing: st.builds(Listing, TEXT, TEXT, TEXT, several(HASH), BOOL, TEXT, TEXT, TEXT),
    Tip: st.builds(Tip, TEXT, INT),
    InclusionRecord: st.builds(InclusionRecord, TEXT, HASH, INT, INT, several(HASH)),
    BlockHash: st.builds(BlockHash, TEXT, INT, HASH),
    HeaderRecord: st.builds(HeaderRecord, TEXT, maybe(INT), HEX),
    TransferRecord: st.builds(
        TransferRecord,
        TEXT,
        TEXT,
        st.sampled_from(TransferKind),
        maybe(TEXT),
        maybe(TEXT),
        maybe(TEXT),
        HUGE,
        HUGE,
        ok=maybe(BOOL),
        place=TEXT,
        token_id=maybe(HUGE),
        **PLACE,
        marks=several(TEXT),
        level=st.integers(0, 5),
    ),
    TokenRecord: st.builds(TokenRecord, TEXT, TEXT, TEXT, TEXT, maybe(st.integers(0, 255))),
}


def again(fact: Fact) -> Fact:
    """Return a fact as a case gives it back: its content went through JSON."""
    kind, chain, subject, content = encode(fact)
    return decode((kind, chain, subject, json.loads(canonical_json(content), parse_float=pytest.fail)))


def test_every_kind_of_fact_is_tried():
    assert set(STRATEGIES) == set(get_args(Fact))


@pytest.mark.parametrize("kind", STRATEGIES, ids=lambda kind: kind.__name__)
def test_a_fact_comes_back_as_it_went_in(kind):
    @given(STRATEGIES[kind])
    def check(fact: Fact) -> None:
        found = again(fact)
        assert found == fact
        assert type(found) is type(fact)
        for name in (field.name for field in dataclasses.fields(fact)):
            assert type(getattr(found, name)) is type(getattr(fact, name)), name

    check()


@given(st.one_of(list(STRATEGIES.values())), st.one_of(list(STRATEGIES.values())))
def test_facts_that_differ_have_rows_that_differ(one, other):
    rows = [canonical_json(encode(fact)) for fact in (one, other)]
    assert (rows[0] == rows[1]) == (one == other)


@pytest.mark.parametrize(
    "row",
    [
        ("gift", "btc", "", {}),
        ("tip", "btc", "", {}),
        ("tip", "btc", "", {"height": 1, "extra": 2}),
        ("spend", "btc", "no outpoint", {"by": None, "vin": None}),
        ("transfer", "eth", "0x", {"kind": "gift"}),
        ("tx", "btc", "00" * 32, {"inputs": []}),
    ],
)
def test_a_row_that_was_not_made_by_it_is_refused(row):
    with pytest.raises((BadInput, ValueError, TypeError, KeyError)):
        decode(row)


def test_amounts_beyond_64_bits_are_text_in_the_row():
    made = TransferRecord(
        "eth", "0x", TransferKind.TOKEN, "0xdd", None, None, 10**30, 10**30, token_id=2**255
    )
    content = encode(made)[3]
    assert (content["value_raw"], content["token_id"]) == (str(10**30), str(2**255))
