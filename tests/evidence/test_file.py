"""The file of a case: reading changes nothing, a normal close leaves one file, an old SQLite is named."""

from __future__ import annotations

import logging
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap

import pytest

from chainflow.errors import CaseBusy, CaseCorrupt, CaseError, CaseVersion
from chainflow.evidence import Log, verify
from chainflow.evidence import file as case_file
from chainflow.model import Recipe
from tests.evidence.test_log import filled, record, tips

KILLED = textwrap.dedent(
    """
    import os, sys
    from chainflow.evidence import Log
    from tests.evidence.test_log import record
    log = Log(sys.argv[1])
    record(log, 1)
    os._exit(9)
    """
)


def killed(path):
    """Write one acknowledged reply and end without closing."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=os.getcwd(), check=False)
    return path


FORGOTTEN = textwrap.dedent(
    """
    import gc, os, sys
    from chainflow.evidence import Log
    from tests.evidence.test_log import record
    how, path = sys.argv[1:]
    log = Log(path)
    record(log, 1)
    if how == "function":
        def forget():
            again = Log(path)
            record(again, 2)
        forget()
    elif how == "error":
        raise SystemExit("an error of the script")
    elif how == "cycle":
        log.itself = log
        del log
        gc.collect()
        with open(path + ".names", "w") as names:
            names.write(" ".join(sorted(os.listdir(os.path.dirname(path)))))
        os._exit(0)
    elif how == "fork":
        if os.fork() == 0:
            sys.exit()
        os.wait()
        record(log, 2)
    elif how == "reading":
        unfinished = log.statements()
        next(unfinished)
    """
)


@pytest.mark.parametrize("how", ["end", "function", "error", "cycle", "fork", "reading"])
def test_a_case_that_a_script_does_not_close_is_left_tidy(tmp_path, how, caplog):
    path = tmp_path / "a.chainflow"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORGOTTEN, how, str(path)],
        cwd=os.getcwd(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in ended.stderr
    if how == "cycle":
        assert (tmp_path / "a.chainflow.names").read_text() == "a.chainflow a.chainflow.names"
        (tmp_path / "a.chainflow.names").unlink()
    assert files_in(tmp_path) == ["a.chainflow"]
    with caplog.at_level(logging.WARNING), Log(path, read_only=True) as log:
        assert verify(log, tips).ok
        assert log.rows("pragma journal_mode") == [("delete",)]
        assert log.rows("select * from writer") == []
        assert len(list(log.statements())) == (2 if how in ("function", "fork") else 1)
    assert caplog.records == []


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("read_only", [True, False])
def test_reading_a_case_changes_no_byte_and_leaves_nothing_beside_it(tmp_path, read_only):
    path = tmp_path / "a.chainflow"
    filled(path).close()
    before = path.read_bytes(), path.stat().st_mtime_ns
    with Log(path, read_only=read_only) as log:
        assert verify(log, tips).ok
        assert len(list(log.statements())) == 12
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert files_in(tmp_path) == ["a.chainflow"]


def test_a_case_opened_for_reading_refuses_every_write(tmp_path):
    filled(tmp_path / "a.chainflow").close()
    with Log(tmp_path / "a.chainflow", read_only=True) as log:
        for write in (
            lambda: log.append("note", {"text": "x"}),
            lambda: log.append("note", {"text": "x"}, body=b"x"),
            lambda: record(log, 99),
            lambda: log.step(Recipe("trace", {}, ["ab"]), "11"),
        ):
            with pytest.raises(CaseError, match="opened for reading only"):
                write()
        assert files_in(tmp_path) == ["a.chainflow"]


def test_a_case_that_is_not_there_is_not_made_by_reading_it(tmp_path):
    with pytest.raises(CaseError, match="there is no case"):
        Log(tmp_path / "a.chainflow", read_only=True)
    (tmp_path / "empty.chainflow").touch()
    with pytest.raises(CaseVersion, match="is not a chainflow case"):
        Log(tmp_path / "empty.chainflow", read_only=True)
    assert (tmp_path / "empty.chainflow").read_bytes() == b""


@pytest.mark.parametrize("name", ["a?mode=rwc.chainflow", "a#b %41.chainflow", "ä ö.chainflow"])
@pytest.mark.skipif(os.name == "nt", reason="such names are not allowed there")
def test_any_file_name_can_be_read(tmp_path, name):
    filled(tmp_path / name).close()
    with Log(tmp_path / name, read_only=True) as log:
        assert verify(log, tips).ok
    assert files_in(tmp_path) == [name]


@pytest.mark.parametrize("refusal", ["unable to open database file", "attempt to write a readonly database"])
def test_a_case_in_wal_mode_is_read_where_nothing_can_be_made_beside_it(tmp_path, monkeypatch, refusal):
    path = tmp_path / "a.chainflow"
    filled(path).close()
    with sqlite3.connect(path) as sql:
        sql.execute("pragma journal_mode = wal")
    sql.close()
    connect = sqlite3.connect

    def on_a_read_only_medium(database, **options):
        if "immutable" not in str(database):
            raise sqlite3.OperationalError(refusal)
        return connect(database, **options)

    monkeypatch.setattr(case_file.sqlite3, "connect", on_a_read_only_medium)
    with Log(path, read_only=True) as log:
        assert verify(log, tips).ok
    (tmp_path / "a.chainflow-wal").write_bytes(b"what is here must not be left out")
    with pytest.raises(CaseError, match="cannot be opened for reading"):
        Log(path, read_only=True)


@pytest.fixture
def locked_folder():
    """Return a folder in which this process cannot write, root or not."""
    folder = pathlib.Path(tempfile.mkdtemp())
    filled(folder / "a.chainflow").close()
    (folder / "a.chainflow").chmod(0o444)
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)  # root may write anywhere, nobody may not
    yield folder
    if is_root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no effective user to change")
def test_a_case_without_the_right_to_write_is_read(locked_folder):
    with Log(locked_folder / "a.chainflow", read_only=True) as log:
        assert verify(log, tips).ok
    assert files_in(locked_folder) == ["a.chainflow"]


def test_a_normal_close_leaves_one_file_that_holds_everything(tmp_path):
    log = filled(tmp_path / "a.chainflow")
    unfinished = log.statements()
    next(unfinished)
    log.close()
    assert files_in(tmp_path) == ["a.chainflow"]
    log.close()
    with Log(shutil.copy(tmp_path / "a.chainflow", tmp_path / "b.chainflow"), read_only=True) as copy:
        assert len(list(copy.statements())) == 12


def test_close_leaves_the_file_whole_though_another_has_it_open(tmp_path):
    log = filled(tmp_path / "a.chainflow")
    with Log(tmp_path / "a.chainflow") as other:
        assert other.head[0] == 13
        log.close()
        shutil.copy(tmp_path / "a.chainflow", tmp_path / "b.chainflow")
        with Log(tmp_path / "b.chainflow", read_only=True) as copy:
            assert copy.head == other.head
    assert "a.chainflow-wal" not in files_in(tmp_path)


def test_after_a_kill_the_wal_file_belongs_to_the_case_until_it_was_opened(tmp_path):
    path = killed(tmp_path / "a.chainflow")
    before = path.read_bytes()
    with Log(path, read_only=True) as log:
        assert log.facts_of("made:http://127.0.0.1", "/tip/1") is not None
    assert path.read_bytes() == before
    Log(path).close()
    assert files_in(tmp_path) == ["a.chainflow"]
    with Log(path, read_only=True) as log:
        assert log.facts_of("made:http://127.0.0.1", "/tip/1") is not None


@pytest.mark.parametrize("read_only", [True, False])
def test_a_copy_without_its_wal_file_is_warned_of(tmp_path, caplog, read_only):
    path = tmp_path / "a.chainflow"
    filled(path).close()
    killed(path)
    (tmp_path / "copy").mkdir()
    copy = shutil.copy(path, tmp_path / "copy")
    with caplog.at_level(logging.WARNING):
        Log(path).close()
        assert caplog.records == []
        Log(copy, read_only=read_only).close()
    assert "was not closed normally" in caplog.text


def test_a_writer_that_never_writes_is_not_named(tmp_path):
    filled(tmp_path / "a.chainflow").close()
    with Log(tmp_path / "a.chainflow") as reader, Log(tmp_path / "a.chainflow", busy_timeout=0.05) as late:
        assert reader.rows("select * from writer") == []
        reader._file._sql.execute("begin immediate")
        with pytest.raises(CaseBusy, match="another process"):
            record(late, 99)
        reader._file._sql.execute("rollback")


def test_the_analysts_computer_is_not_named_in_the_file(tmp_path):
    log = filled(tmp_path / "a.chainflow")
    assert [row[0] for row in log.rows("select pid from writer")] == [os.getpid()]
    log.close()
    with Log(tmp_path / "a.chainflow", read_only=True) as log:
        assert log.rows("select * from writer") == []
    assert socket.gethostname().encode() not in (tmp_path / "a.chainflow").read_bytes()


def test_an_sqlite_that_is_too_old_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")
    with pytest.raises(CaseError, match=r"SQLite 3\.34\.1.*3\.37"):
        Log(tmp_path / "a.chainflow")
    assert files_in(tmp_path) == []


def test_a_closed_case_is_not_called_damaged(tmp_path):
    log = filled(tmp_path / "a.chainflow")
    log.close()
    with pytest.raises(CaseError, match="closed") as caught:
        log.append("note", {"text": "x"})
    assert type(caught.value) is CaseError


def test_damage_that_is_no_text_is_damage(tmp_path):
    path = tmp_path / "a.chainflow"
    filled(path).close()
    path.write_bytes(path.read_bytes().replace(b"TABLE fact(", b"\xffABLE fact("))
    with pytest.raises(CaseCorrupt, match="cannot be read"):
        Log(path)


def test_a_wal_file_without_its_case_is_not_thrown_away(tmp_path):
    (tmp_path / "a.chainflow-wal").write_bytes(b"evidence")
    with pytest.raises(CaseError, match="the -wal file of one"):
        Log(tmp_path / "a.chainflow")
    assert (tmp_path / "a.chainflow-wal").read_bytes() == b"evidence"


def test_a_case_that_another_process_makes_while_it_is_opened_is_a_case(tmp_path, monkeypatch):
    path = tmp_path / "a.chainflow"
    asked, made = case_file.CaseFile._pragma, []

    def slow(self, name):
        found = asked(self, name)
        if name == "application_id" and not made:
            made.append(name)
            Log(path).close()
        return found

    monkeypatch.setattr(case_file.CaseFile, "_pragma", slow)
    with Log(path) as log:
        assert [event.kind for event in log.events()] == ["case.open"]
