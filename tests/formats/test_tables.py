"""Bytes to rows: limits, encodings, damage; and paths that stand for one way of reading."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput, BadResponse, SourceError
from chainflow.formats import unpack
from chainflow.formats.accounts import raw_of
from chainflow.formats.cells import Row, moment, whole
from chainflow.formats.shape import RejectedRow, options_of, question
from chainflow.formats.tables import Layout, columns_of, tables_of
from chainflow.formats.unpack import bundle, members, unpacked

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def rows(body, layout=None):
    return [row for table in tables_of(body, layout) for row in table.rows]


def parquet(items):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(items), sink)
    return sink.getvalue()


@given(name=WORDS, options=st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=8), WORDS, max_size=4))
def test_a_path_gives_its_options_back(name, options):
    assert options_of(question(name, options)) == options


@pytest.mark.parametrize("path", [
    "", "/", "file", "/f?b=1&a=2", "/f?a=1&a=1", "/f?a=%31", "/f?a=", "/f?a", "/f?", "/f g", "/f?a=%FF", "/a/b",
])  # fmt: skip
def test_a_path_that_question_would_not_make_is_refused(path):
    with pytest.raises(BadInput, match="not the path of a file"):
        options_of(path)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3))
@settings(max_examples=50)
def test_gzip_of_several_members_is_one_file(parts):
    assert unpacked(b"".join(map(gzip.compress, parts)) + b"\0\0") == b"".join(parts)


@given(content=st.binary(max_size=500), at=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=150)
def test_damaged_gzip_is_refused_or_harmless(content, at, bit):
    packed = bytearray(gzip.compress(content, mtime=0))
    packed[at % len(packed)] ^= 1 << bit
    try:
        assert unpacked(bytes(packed)) in (content, bytes(packed))
    except BadResponse:
        return


def test_gzip_that_is_cut_off_is_refused():
    packed = gzip.compress(bytes(range(256)) * 50)
    for size in (15, len(packed) // 2, len(packed) - 1):
        with pytest.raises(BadResponse, match=r"cut off|damaged"):
            unpacked(packed[:size])


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(monkeypatch):
    deflate = zlib.compressobj(wbits=31)
    bomb = b"".join([*(deflate.compress(bytes(1 << 20)) for _ in range(40)), deflate.flush()])
    assert unpacked(gzip.compress(bytes(1 << 20))) == bytes(1 << 20)
    with pytest.raises(BadResponse, match="unpacks to more than"):
        unpacked(bomb)
    monkeypatch.setattr(unpack, "MAX_BYTES", 1 << 20)
    with pytest.raises(BadResponse, match="unpacks to more than"):
        unpacked(gzip.compress(bytes(3 << 20)))


def test_a_bundle_is_always_the_same_bytes_and_gives_its_files_back():
    files = [("b.csv", b"a,b\n1,2\n"), ("ä" * 120 + ".csv", gzip.compress(b"a\n", mtime=0))]
    assert bundle(files) == bundle(list(reversed(files)))
    assert dict(members(bundle(files))) == {"b.csv": b"a,b\n1,2\n", "ä" * 120 + ".csv": b"a\n"}
    with pytest.raises(BadInput, match="one name"):
        bundle([files[0], files[0]])


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_bundle_holds_plain_files_only(kind):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo("../../etc/passwd")
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(BadResponse, match="no plain file"):
        members(stream.getvalue())


def test_a_bundle_that_lies_about_sizes_is_refused():
    body = bytearray(bundle([("a.csv", b"a,b\n" * 500)]))
    with pytest.raises(BadResponse):
        members(bytes(body[:700]))
    body[124:136] = b"77777777777\0"
    with pytest.raises(BadResponse):
        members(bytes(body))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_the_header_shows(mark):
    (row,) = rows(f"a{mark}b{mark}c\n1{mark}2{mark}3\n".encode())
    assert row.cells == {"a": "1", "b": "2", "c": "3"}


def test_lines_are_counted_as_an_editor_does():
    found = rows(b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n\r\n2\r\n3,4\r\n')
    assert [row.line for row in found] == [2, 5, 6]
    assert isinstance(found[1], RejectedRow)
    assert "1 cells under 2 headers" in found[1].reason


@pytest.mark.parametrize(("body", "why"), [
    (b"a,b\n1,\0\n", "NUL"), (b"a,b\n\xff,1\n", "not UTF-8"), (b'a,b\n1,"2\n', "no table from line 2"), (b"a,a\n1,2\n", "twice"),
    (b"\n1,2\n", "names no columns"), (b"", "names no columns"), (b'[{"a": NaN}]', "NaN"), (b'[{"a": 1}', "cut off"),
    (b"PAR1nonsensePAR1", "damaged Parquet"), (b'"a\n', "no header"),
])  # fmt: skip
def test_what_makes_all_rows_doubtful_refuses_the_file(body, why):
    with pytest.raises(BadResponse, match=why):
        rows(body)


def test_a_cell_of_a_contract_call_may_be_long():
    (row,) = rows(b"a,b\n" + b"0" * 200_000 + b",1\n")
    assert len(row.cells["a"]) == 200_000


def test_a_line_of_json_that_is_no_object_is_rejected_alone():
    found = rows(b'{"a": 1}\n[1]\n{"a": 2, "a": 3}\nnonsense\n{"a": 4}\n')
    assert [row.line for row in found if isinstance(row, RejectedRow)] == [2, 3, 4]
    assert [row.cells for row in found if isinstance(row, Row)] == [{"a": 1}, {"a": 4}]


def test_json_holds_numbers_of_256_bits():
    assert rows(json.dumps({"a": 2**256 - 1}).encode())[0].cells == {"a": 2**256 - 1}


@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_damaged_parquet_is_refused_or_read(at, byte):
    body = bytearray(parquet([{"hash": "00" * 32, "value": 5, "sides": [{"n": 1}]}] * 3))
    body[at % len(body)] = byte
    try:
        rows(bytes(body))
    except SourceError:
        return


@given(st.binary(max_size=200))
def test_the_columns_of_any_bytes_can_be_asked_for(head):
    assert isinstance(columns_of(head), tuple)


def test_the_columns_of_parquet_and_utf16_are_found():
    assert columns_of(parquet([{"hash": "x", "value": 1}])) == ("hash", "value")
    assert columns_of("a;b\n1;2\n".encode("utf-16")) == ("a", "b")


def test_a_layout_of_lines_keeps_quotes_as_they_are():
    (row,) = rows(b'a,b\n"x" y,1\n', Layout(by_line=True))
    assert row.cells["b"] == "1"


@given(st.integers(-(2**256), 2**256))
def test_whole_numbers_are_read_from_text_exactly(number):
    assert whole(str(number)) == number


@pytest.mark.parametrize(
    "value",
    ["", " ", "1e5", "0x10", "1,000", "+1", "٣", 1.5, float("nan"), float("inf"), 2.0**53, True, None, b"1"],
)
def test_what_is_not_exactly_a_whole_number_is_none(value):
    assert whole(value) is None


@pytest.mark.parametrize(
    "value", ["2021-13-01 00:00:00", "20210508", 20210508, "2021-05-08", 1620493977.5, "1620493977000001", -1]
)
def test_what_is_no_moment_is_none(value):
    assert moment(value) is None


@pytest.mark.parametrize(
    "value",
    [Decimal("1E+999999999"), Decimal("1E-999999999"), Decimal("NaN"), Decimal("-1"), 1.5, True, None],
)
def test_an_amount_of_coins_that_is_none_is_refused_at_once(value):
    with pytest.raises(BadInput, match="amount"):
        raw_of(Row(1, {"value": value}), "value", 18)


@given(raw=st.integers(0, 2**256 - 1), decimals=st.integers(0, 30))
def test_coins_become_the_base_units_they_were_made_from(raw, decimals):
    text = str(raw).rjust(decimals + 1, "0")
    coins = f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text
    assert raw_of(Row(1, {"value": coins}), "value", decimals) == raw
