"""The case file: chained, append-only, all or nothing, and honest about what is wrong with it."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import (
    CaseBusy,
    CaseCorrupt,
    CaseError,
    CaseVersion,
    ChainflowError,
    DiskFull,
    NotReproduced,
)
from chainflow.evidence import Log, verify
from chainflow.evidence.facts import decode, encode
from chainflow.model import AddressClaim, Listing, Outpoint, Recipe, SpendRecord, Tip
from tests.made import origin, tx

REQUEST = {
    "source": "made:http://127.0.0.1",
    "family": "made",
    "chain": "btc",
    "path": "/tip",
    "url": "http://127.0.0.1/tip",
    "host": "127.0.0.1",
    "subject": "",
    "status": 200,
    "retrieved": 1_700_000_000,
}


def tips(request, body):
    return (Tip("btc", int(body)),)


def record(log, height):
    return log.record({**REQUEST, "path": f"/tip/{height}"}, str(height).encode(), [Tip("btc", height)])


def filled(path, count=12):
    log = Log(path)
    for height in range(count):
        record(log, height)
    return log


def test_what_was_recorded_is_there_when_opened_again(tmp_path):
    filled(tmp_path / "a.chainflow").close()
    with Log(tmp_path / "a.chainflow") as log:
        assert [fact.height for fact, _ in log.statements()] == list(range(12))
        assert log.facts_of(REQUEST["source"], "/tip/3") == [Tip("btc", 3)]
        assert log.facts_of(REQUEST["source"], "/tip/99") is None
        assert verify(log, tips).ok


def test_every_statement_walks_back_to_its_raw_reply(tmp_path):
    with filled(tmp_path / "a.chainflow") as log:
        for fact, evidence in log.statements():
            assert log.body(evidence.sha256) == str(fact.height).encode()


@pytest.mark.parametrize("table", ["log", "raw"])
@pytest.mark.parametrize("change", ["delete from {}", "update {} set rowid = rowid + 1"])
def test_the_log_refuses_to_be_changed(tmp_path, table, change):
    filled(tmp_path / "a.chainflow").close()
    with sqlite3.connect(tmp_path / "a.chainflow") as sql, pytest.raises(sqlite3.IntegrityError):
        sql.execute(change.format(table))
    sql.close()


def without_triggers(path, statement):
    sql = sqlite3.connect(path)
    for (name,) in sql.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        sql.execute(f"drop trigger {name}")
    sql.execute(statement)
    sql.commit()
    sql.close()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("update log set body = replace(body, '/tip/5', '/tip/6')", "was changed"),
        ("delete from log where seq = 4", "missing"),
        ("update raw set body = zeroblob(9) where rowid = 3", "does not hash"),
        ("delete from raw where rowid = 3", "missing or damaged"),
        ("update fact set content = '{\"height\":7}' where seq = 3", "table fact differs"),
        ("delete from fact where seq = 5", "table fact differs"),
        ("insert into fact values (3, 9, 'tip', 'btc', '', '{}')", "table fact differs"),
        ("update reply set path = '/other' where seq = 3", "table reply differs"),
        ("insert into step values (99, 'x', 'y', 'z')", "table step differs"),
        ("insert into raw values ('ab', 1, x'00')", "does not hash"),
    ],
)
def test_any_change_is_found(tmp_path, statement, problem):
    filled(tmp_path / "a.chainflow").close()
    without_triggers(tmp_path / "a.chainflow", statement)
    with Log(tmp_path / "a.chainflow") as log:
        assert any(problem in text for text in verify(log, tips).problems)


def test_a_head_written_down_earlier_is_looked_for(tmp_path):
    with filled(tmp_path / "a.chainflow") as log:
        assert verify(log, tips, head=log.head[1]).ok
        assert "is not in this log" in verify(log, tips, head="ab" * 32).problems[0]


def test_no_single_bit_flip_passes_unseen(tmp_path):
    filled(tmp_path / "a.chainflow", 30).close()
    whole = (tmp_path / "a.chainflow").read_bytes()
    with Log(tmp_path / "a.chainflow") as log:
        truth = [fact for fact, _ in log.statements()]
    pick = random.Random(7)
    for number in range(100):
        flipped = bytearray(whole)
        flipped[pick.randrange(len(whole))] ^= 1 << pick.randrange(8)
        path = tmp_path / f"flip{number}.chainflow"
        path.write_bytes(flipped)
        try:
            with Log(path) as log:
                seen = bool(verify(log, tips).problems)
                same = seen or [fact for fact, _ in log.statements()] == truth
        except ChainflowError:
            seen = True
        assert seen or same, f"flip {number} changed the facts and nobody said so"


WRITER = textwrap.dedent(
    """
    import sys
    from chainflow.evidence import Log
    from chainflow.model import Tip
    from tests.evidence.test_log import record
    log = Log(sys.argv[1])
    for height in range(10_000):
        record(log, height)
        print(height, flush=True)
    """
)


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / "killed.chainflow"
    pick = random.Random(3)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
        )
        acknowledged = [int(process.stdout.readline()) for _ in range(pick.randrange(1, 60))]
        process.kill()
        acknowledged += [int(line) for line in process.stdout.read().split("\n")[:-1]]
        process.wait()
        process.stdout.close()
        with Log(path) as log:
            kept = [fact.height for fact, _ in log.statements()]
            assert (
                kept[-len(acknowledged) :] == acknowledged
                or kept[-len(acknowledged) - 1 : -1] == acknowledged
            )
            assert verify(log, tips).ok


def test_a_second_writer_waits_and_then_says_who_is_writing(tmp_path):
    path = tmp_path / "a.chainflow"
    with filled(path) as holder, Log(path, busy_timeout=0.05) as second:
        holder._file._sql.execute("begin immediate")
        with pytest.raises(CaseBusy, match=f"process {os.getpid()}"):
            record(second, 99)
        holder._file._sql.execute("rollback")
        record(second, 99)


def test_a_full_disk_loses_nothing(tmp_path):
    with filled(tmp_path / "a.chainflow") as log:
        pages = log._file._sql.execute("pragma page_count").fetchone()[0]
        log._file._sql.execute(f"pragma max_page_count = {pages}")
        noise = random.Random(1).randbytes(50_000)
        with pytest.raises(DiskFull, match="everything acknowledged before is safe"):
            log.append("note", {"text": "too much"}, body=noise)
        assert verify(log, tips).ok
        log._file._sql.execute("pragma max_page_count = 1000000")
        log.append("note", {"text": "fits again"}, body=noise)
        assert verify(log, tips).ok


def test_a_newer_case_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "new.chainflow"
    filled(path).close()
    sql = sqlite3.connect(path)
    sql.execute("pragma user_version = 99")
    sql.close()
    before = path.read_bytes()
    with pytest.raises(CaseVersion, match="format 99"):
        Log(path)
    assert path.read_bytes() == before


def test_another_database_is_not_a_case(tmp_path):
    sql = sqlite3.connect(tmp_path / "other.db")
    sql.execute("create table t(a)")
    sql.close()
    with pytest.raises(CaseVersion, match="is not a chainflow case"):
        Log(tmp_path / "other.db")


def test_a_file_that_is_no_database_is_not_a_case(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear colleague, " * 100)
    with pytest.raises(CaseCorrupt):
        Log(tmp_path / "letter.txt")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CaseError, match="no folder"):
        Log(tmp_path / "nowhere" / "a.chainflow")


def test_a_repeated_step_is_a_confirmation(tmp_path):
    with filled(tmp_path / "a.chainflow") as log:
        recipe = Recipe("trace", {"policy": "fifo"}, ["ab"])
        first = log.step(recipe, "11", bodies=[b"tags"])
        assert first[1] is False
        assert log.step(recipe, "11", bodies=[b"tags"]) == (first[0], True)
        assert log.head[0] == first[0]
        assert verify(log, tips).ok


def test_a_step_that_gives_another_result_is_an_error(tmp_path):
    with filled(tmp_path / "a.chainflow") as log:
        recipe = Recipe("trace", {"policy": "fifo"}, ["ab"])
        log.step(recipe, "11")
        with pytest.raises(NotReproduced, match="nothing was overwritten"):
            log.step(recipe, "22")


amounts = st.integers(0, 21 * 10**14)
txids = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
facts = st.one_of(
    st.builds(Tip, st.just("btc"), st.integers(0, 10**6)),
    st.builds(AddressClaim, st.just("ltc"), st.text(max_size=9), amounts, amounts),
    st.builds(
        Listing,
        st.just("btc"),
        st.text(max_size=9),
        txids,
        st.tuples(txids),
        st.booleans(),
        st.text(max_size=9),
    ),
    st.builds(
        SpendRecord, st.just("btc"), st.builds(Outpoint, txids, st.integers(0, 9)), txids, st.integers(0, 9)
    ),
    st.builds(
        SpendRecord, st.just("btc"), st.builds(Outpoint, txids, st.integers(0, 9)), st.none(), st.none()
    ),
    st.builds(
        lambda value, height: tx([origin(value, "a")], [(value, "b"), (0, "c")], height=height),
        amounts,
        st.none() | st.integers(0, 10**6),
    ),
)


@given(facts)
def test_a_fact_survives_the_file(fact):
    assert decode(encode(fact)) == fact
