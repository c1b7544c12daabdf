"""Verification of a stranger's case: what is well chained but malformed is a problem, not a traceback."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib

import pytest

from chainflow.errors import BadInput, CaseCorrupt
from chainflow.evidence import Log, verify
from chainflow.evidence import log as case_log
from chainflow.evidence.log import chain_hash
from tests.evidence.test_log import REQUEST, filled, record, tips

FETCH = '{"kind":"fetch","time_ms":1,"sha256":"ab","source":"s","path":"/"}'
MALFORMED = [
    "",
    "{",
    "[]",
    "null",
    "[" * 100_000,
    "{}",
    '{"kind":7,"time_ms":1}',
    '{"kind":"note","time_ms":"noon","text":"x"}',
    '{"kind":"note","time_ms":100000000000000000000,"text":"x"}',
    '{"kind":"note","time_ms":1}',
    '{"kind":"tag.import","time_ms":1,"sha256":["ab"]}',
    '{"kind":"later","time_ms":1,"sha256":{}}',
    FETCH,
    '{"kind":"trace.run","time_ms":1}',
    '{"kind":"trace.run","time_ms":1,"recipe":{},"recipe_digest":"a","result":"b","bodies":[[]]}',
]


def forge(log, body):
    """Append a log entry that is chained as it should be, whatever it says."""
    seq, head = log.head
    row = (seq + 1, head, chain_hash(seq + 1, head, body), body)
    log._file._sql.execute("insert into log values (?, ?, ?, ?)", row)


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_log_entry_is_a_problem(tmp_path, body):
    with filled(tmp_path / "a.chainflow") as log:
        forge(log, body)
        problems = verify(log, tips).problems
        assert len(problems) == 1
        assert "log entry 14 cannot be read" in problems[0]
        with pytest.raises(CaseCorrupt, match="log entry 14 cannot be read"):
            list(log.events())


@pytest.mark.parametrize(
    ("kind", "content"),
    [("tip", "{"), ("tip", "[]"), ("tip", "{}"), ("what", "{}"), ("tx", "{}"), ("spend", '{"by":1,"vin":0}')],
)
def test_a_malformed_derived_row_is_not_used(tmp_path, kind, content):
    with filled(tmp_path / "a.chainflow") as log:
        log._file._sql.execute("update fact set kind = ?, content = ? where seq = 5", (kind, content))
        with pytest.raises(CaseCorrupt, match="log entry 5"):
            list(log.statements())
        with pytest.raises(CaseCorrupt, match="log entry 5"):
            log.facts_of(REQUEST["source"], "/tip/3")
        assert "table fact differs" in verify(log, tips).problems[0]


def test_what_is_written_during_a_verification_is_no_problem(tmp_path):
    path = tmp_path / "a.chainflow"
    with filled(path) as writer, Log(path, read_only=True) as reader:

        def tips_while_writing(request, body):
            record(writer, 100 + int(body))
            return tips(request, body)

        assert verify(reader, tips_while_writing).problems == ()
        assert writer.head[0] == 25


def test_bodies_are_checked_one_at_a_time(tmp_path):
    with Log(tmp_path / "a.chainflow") as log:
        for number in range(10):
            log.append("note", {"text": "a picture"}, body=bytes([number]) * 4_000_000)
        tracemalloc.start()
        try:
            assert verify(log, tips).ok
            assert tracemalloc.get_traced_memory()[1] < 16_000_000
        finally:
            tracemalloc.stop()


def test_a_body_larger_than_the_bound_is_refused_and_nothing_written(tmp_path, monkeypatch):
    monkeypatch.setattr(case_log, "LARGEST_BODY", 1000)
    with filled(tmp_path / "a.chainflow") as log:
        head = log.head
        with pytest.raises(BadInput, match=r"1,001 bytes.*1,000"):
            log.append("tag.import", {"tags": 1, "digest": ""}, body=bytes(1001))
        assert log.head == head
        event = log.append("tag.import", {"tags": 1, "digest": ""}, body=bytes(1000))
        assert log.body(event.content["sha256"]) == bytes(1000)


def test_a_tag_list_of_70_mib_comes_back(tmp_path):
    body = b"a tag\n" * (70 * 2**20 // 6)
    with Log(tmp_path / "a.chainflow") as log:
        event = log.append("tag.import", {"tags": 1, "digest": ""}, body=body)
        assert log.body(event.content["sha256"]) == body
        assert verify(log, tips).ok


@pytest.mark.parametrize("size", [0, 10, -1, 2**40, 50_000_001])
def test_a_stored_body_is_never_expanded_beyond_the_size_it_states(tmp_path, size):
    long = bytes(50_000_000)
    name, bomb = hashlib.sha256(long).hexdigest(), zlib.compress(long, 9)
    del long
    with filled(tmp_path / "a.chainflow") as log:
        log._file._sql.execute("insert into raw values (?, ?, ?)", (name, size, bomb))
        tracemalloc.start()
        try:
            with pytest.raises(CaseCorrupt):
                log.body(name)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000 or size == 50_000_001
        finally:
            tracemalloc.stop()
