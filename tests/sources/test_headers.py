"""Many headers in one answer: a chain of the asked length, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput, BadResponse, ProofFailed, SchemaMismatch, SourceError
from chainflow.model import HeaderRecord
from chainflow.sources.core import Core, CoreRest
from chainflow.sources.electrum import Electrum
from chainflow.sources.esplora import Esplora
from chainflow.transactions import sha256d
from tests.sources.header_form import raw_headers

CHAIN = "btc-regtest"
RAW = raw_headers(5)
FIRST_HASH = sha256d(RAW[:80])[::-1].hex()
ELECTRUM, REST = Electrum("tcp://127.0.0.1:1", chain=CHAIN), CoreRest(chain=CHAIN)
LINE_PATH, REST_PATH = "/headers/2016-5", f"/rest/headers/5/{FIRST_HASH}.hex"


def line(raw: bytes = RAW, **changed: Any) -> bytes:
    result = {"hex": raw.hex(), "count": len(raw) // 80, "max": 2016, **changed}
    return json.dumps({"jsonrpc": "2.0", "id": 0, "result": result}).encode()


def by_line(body: bytes, chain: str = CHAIN) -> Any:
    return Electrum.read(chain, LINE_PATH, 200, body)


def by_rest(raw: bytes, chain: str = CHAIN) -> Any:
    return CoreRest.read(chain, REST_PATH, 200, raw.hex().encode() + b"\n")


def pieces(raw: bytes) -> list[str]:
    return [raw[start : start + 80].hex() for start in range(0, len(raw), 80)]


def test_headers_come_with_their_heights_where_these_were_asked_for():
    assert by_line(line()) == tuple(HeaderRecord(CHAIN, 2016 + n, one) for n, one in enumerate(pieces(RAW)))
    assert by_rest(RAW) == tuple(HeaderRecord(CHAIN, None, one) for one in pieces(RAW))


def test_a_gap_in_the_chain_is_refused():
    broken = RAW[:160] + RAW[240:] + RAW[:80]
    for read in (lambda: by_line(line(broken)), lambda: by_rest(broken)):
        with pytest.raises(ProofFailed, match="header 3 does not follow"):
            read()


def test_another_first_block_than_the_one_asked_for_is_refused():
    with pytest.raises(ProofFailed, match="begins with block"):
        by_rest(raw_headers(5, previous="11" * 32))


def test_fewer_than_asked_for_are_no_answer():
    with pytest.raises(BadResponse, match="has 3 of 5 headers"):
        by_line(line(RAW[:240]))
    with pytest.raises(BadResponse, match="has 0 of 5 headers"):
        by_rest(b"")  # what a node says of a block that is not on its best chain


@pytest.mark.parametrize("read", [lambda raw, chain: by_line(line(raw), chain), by_rest])
@pytest.mark.parametrize(
    ("raw", "chain"),
    [
        (RAW + bytes(700), "doge"),  # merge-mined: what proves the work follows each header
        (RAW[:80] + bytes(1_407), "btc"),
        (RAW, "zec"),
        (RAW, "dash"),
    ],
)
def test_headers_of_another_form_are_refused_as_such(read, raw, chain):
    with pytest.raises(BadResponse, match="are not 5 headers of 80 each") as caught:
        read(raw, chain)
    assert "Zcash" in caught.value.hint


@pytest.mark.parametrize("changed", [{"count": 4}, {"count": True}, {"hex": RAW.hex().upper()}, {"hex": 7}])
def test_an_answer_that_contradicts_itself_is_refused(changed):
    with pytest.raises((SchemaMismatch, BadResponse)):
        by_line(line(**changed))


@settings(max_examples=200)
@given(place=st.integers(0, 2_000), byte=st.integers(0, 255))
def test_a_changed_byte_of_an_answer_changes_no_header_but_the_last(place, byte):
    for read, path, good in (
        (Electrum.read, LINE_PATH, line()),
        (CoreRest.read, REST_PATH, RAW.hex().encode()),
    ):
        at = place % len(good)
        changed = good[:at] + bytes([byte]) + good[at + 1 :]
        try:
            stated = read(CHAIN, path, 200, changed)
        except SourceError:
            continue
        # nothing in an answer hangs on its last header: whether it leads to a checkpoint, the ledger sees
        assert stated[:-1] == read(CHAIN, path, 200, good)[:-1]


def test_ranges_that_overlap_share_their_questions():
    assert ELECTRUM.header_paths(2_500, 4_050) == ("/headers/2016-2016", "/headers/4032-19")
    assert ELECTRUM.header_paths(2_016, 4_050) == ELECTRUM.header_paths(2_500, 4_050)
    assert ELECTRUM.header_paths(0, 0) == ("/headers/0-1",)
    assert ELECTRUM.subject_of("/headers/2016-2016") == REST.subject_of(REST_PATH) == ""


def test_a_node_is_asked_from_a_known_block_on():
    assert REST.header_paths(7, 11, FIRST_HASH) == (REST_PATH,)
    assert REST.header_paths(7, 9_999, FIRST_HASH) == (f"/rest/headers/2000/{FIRST_HASH}.hex",)
    assert REST.header_paths(7, 11) == ()
    with pytest.raises(BadInput):
        REST.header_paths(7, 11, "tip")


@pytest.mark.parametrize(
    "source",
    [
        Esplora("http://127.0.0.1:3000"),
        Core(),
        Electrum("tcp://127.0.0.1:1", chain="dash"),
        Electrum("tcp://127.0.0.1:1", chain="zec"),
    ],
    ids=str,
)
def test_other_sources_and_chains_have_no_runs_of_headers(source):
    assert source.header_paths(1, 5, FIRST_HASH) == ()
