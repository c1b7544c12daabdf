"""The SQLite file of a case: how it is made, opened, locked and closed; not what is written in it.

At rest a case is one file in SQLite's plain mode. The first write turns it to WAL mode, which keeps readers
and one writer apart, and a normal close turns it back. So a file in WAL mode with no `-wal` beside it was
not closed normally, or was copied while it was open, and may lack its last entries.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import shutil
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from chainflow.errors import CaseBusy, CaseCorrupt, CaseError, CaseVersion, DiskFull

__all__ = ["APPLICATION_ID", "USER_VERSION", "CaseFile"]

APPLICATION_ID = 0x43464C57  # "CFLW"
USER_VERSION = 1
_ROOM_NEEDED = 2**20  # bytes
_NO_ROOM = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_SHMSIZE")
"""What SQLite calls a file that may not grow: a quota, a limit of the process; no sign of damage."""

OLDEST_SQLITE = (3, 37)  # the first with strict tables

_LAST_WAIT = 1_000  # milliseconds that a close waits for others

_TABLES = """
create table raw(sha256 text primary key, size integer not null, body blob not null) strict;
create table log(seq integer primary key, prev text not null, hash text not null unique, body text not null) strict;
create trigger log_is_append_only_u before update on log begin select raise(abort, 'the log is append-only'); end;
create trigger log_is_append_only_d before delete on log begin select raise(abort, 'the log is append-only'); end;
create trigger raw_is_append_only_u before update on raw begin select raise(abort, 'raw replies are kept'); end;
create trigger raw_is_append_only_d before delete on raw begin select raise(abort, 'raw replies are kept'); end;
create table reply(seq integer primary key, source text not null, path text not null) strict;
create index reply_by_path on reply(source, path, seq);
create table fact(
    seq integer not null, n integer not null, kind text not null, chain text not null,
    subject text not null, content text not null, primary key (seq, n)
) strict, without rowid;
create index fact_by_subject on fact(subject);
create table step(seq integer primary key, kind text not null, recipe text not null, result text not null) strict;
create index step_by_recipe on step(recipe);
create table writer(one integer primary key check (one = 1), pid integer not null, since integer not null) strict;
"""

logger = logging.getLogger(__name__)


class CaseFile:
    """An open case file; nothing in it changes before the first `writing`.

    Parameters and errors are those of `chainflow.evidence.Log`.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_timeout: float, read_only: bool) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise CaseError(
                f"this Python brings SQLite {sqlite3.sqlite_version}; a case needs 3.37 or newer",
                hint="use a Python that brings its own SQLite: see docs/how-to/install.md, Linux",
            )
        self.path, self.read_only = str(path), read_only
        self._place = pathlib.Path(self.path).resolve()
        if read_only and not self._place.is_file():
            raise CaseError(f"there is no case {self.path}", hint="check the path")
        if self.path != ":memory:" and not self._place.parent.is_dir():
            raise CaseError(f"there is no folder for {self.path}", hint="make the folder first")
        if self.path != ":memory:" and not self._place.exists() and self._beside("-wal"):
            raise CaseError(
                f"there is no case {self.path}, but the -wal file of one: its evidence is in there",
                hint="put the case file back beside it, or choose another name",
            )
        had_wal = self._beside("-wal") is not None  # looked at before SQLite makes one
        with self.translated():
            try:
                self._open(busy_timeout)
            except sqlite3.OperationalError as error:
                if not read_only or not _is_refused(str(error)) or self._is_pending():
                    raise
                # in WAL mode where no -shm can be made; with nothing beside it, the file is all there is
                self._open(busy_timeout, "&immutable=1")
        self._forgotten = weakref.finalize(self, self._held.close_forgotten)
        if self._is_wal and not had_wal and not self._is_pending():  # pending by now: another writes
            logger.warning(
                "%s was not closed normally, or was copied while it was open, and the -wal file that belongs to "
                "it is not beside it: its last entries may be missing",
                self.path,
            )

    def _beside(self, ending: str) -> int | None:
        """Return the size of a file beside the case, `None` if there is none."""
        try:
            return self._place.with_name(self._place.name + ending).stat().st_size
        except FileNotFoundError:
            return None

    def _is_pending(self) -> bool:
        """Whether something that belongs to the case is in a file beside it."""
        return bool(self._beside("-wal") or self._beside("-journal"))

    def _open(self, busy_timeout: float, immutable: str = "") -> None:
        name = self.path
        if self.read_only:
            name = quote(self._place.as_posix())
            name = f"file://{'' if name.startswith('/') else '/'}{name}?mode=ro{immutable}"
        self._sql = sqlite3.connect(name, isolation_level=None, timeout=busy_timeout, uri=self.read_only)
        try:
            for pragma in ("trusted_schema = off", "cell_size_check = on", "synchronous = full"):
                self._sql.execute(f"pragma {pragma}")
            self._check_version()
            self._held = _Connection(self._sql, read_only=self.read_only)
            self._is_wal = bool(immutable) or self._pragma("journal_mode") == "wal"
        except BaseException:
            self._sql.close()
            raise

    def _check_version(self) -> None:
        self.is_new = self._is_empty()  # first: between two questions another process may make the case
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if application != APPLICATION_ID and not self.is_new:
            raise CaseVersion(
                f"{self.path} is not a chainflow case", hint="give the path of a case, or a new name"
            )
        if version > USER_VERSION:
            raise CaseVersion(
                f"{self.path} has format {version}, this chainflow reads up to {USER_VERSION}; nothing was changed",
                hint="open it with the chainflow that wrote it, or a newer one",
            )

    def _pragma(self, name: str) -> Any:
        return self._sql.execute(f"pragma {name}").fetchone()[0]

    def _is_empty(self) -> bool:
        """Whether this is a new file that a case may be made in."""
        found = self._sql.execute("select count(*) from sqlite_schema").fetchone()[0]
        return not self.read_only and found == 0 and self._pragma("application_id") == 0

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, each with what is safe."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._typed(str(error), getattr(error, "sqlite_errorname", "")) from None
        except sqlite3.ProgrammingError as error:
            raise CaseError(
                f"{self.path} cannot be used: {error}", hint="open it again, and in the thread that uses it"
            ) from None
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # its message may quote damaged text
            raise CaseCorrupt(
                f"{self.path} cannot be read: {error}",
                hint="keep a copy of it as it is and open your last backup",
            ) from None

    def _has_no_room(self) -> bool:
        """Whether the disk has no room for the files that SQLite keeps beside a case while it is written."""
        return shutil.disk_usage(self._place.parent).free < _ROOM_NEEDED

    def _typed(self, text: str, name: str) -> CaseError:
        if "full" in text or name in _NO_ROOM or ("disk I/O" in text and self._has_no_room()):
            return DiskFull(
                f"no room left to write {self.path}; everything acknowledged before is safe",
                hint="free some space and run the same command again: it goes on where it stopped",
            )
        if "locked" in text or "busy" in text:
            return CaseBusy(
                f"{self.path} is in use{self._holder()}",
                hint="wait until it is written or read there, or close it",
            )
        if _is_refused(text):
            what = "reading" if self.read_only else "writing"
            return CaseError(
                f"{self.path} cannot be opened for {what}: {text}",
                hint="check the path and its rights; or copy it, with the -wal file beside it if there is one, "
                "to a folder of yours",
            )
        return CaseCorrupt(
            f"{self.path}: {text}", hint="run chainflow verify on it, and keep a copy as it is"
        )

    def _holder(self) -> str:
        try:
            row = self._sql.execute("select pid from writer").fetchone()
        except sqlite3.Error:
            row = None
        # the lock itself names nobody; the row stays after a kill
        return f"; process {row[0]} wrote last and did not close it" if row else " by another process"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a reading query."""
        with self.translated():
            return self._sql.execute(query, values).fetchall()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """One view of the file: what another process writes meanwhile is not in it."""
        with self.translated():
            self._sql.execute("begin")
            try:
                yield
            finally:
                if self._sql.in_transaction:
                    self._sql.execute("rollback")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on the disk afterwards, or none of it."""
        if self.read_only:
            raise CaseError(
                f"{self.path} is opened for reading only; nothing was written",
                hint="open it without read_only to write to it",
            )
        with self.translated():
            if not self._held.is_writer:
                # a file system that cannot do WAL keeps its own mode, which is as safe
                self._sql.execute("pragma journal_mode = wal")
            self._sql.execute("begin immediate")
            try:
                if not self._held.is_writer:
                    self._begin()
                yield self._sql
                self._sql.execute("commit")
            except BaseException:
                if self._sql.in_transaction:
                    self._sql.execute("rollback")
                raise
            self._held.is_writer = True

    def _begin(self) -> None:
        """Make the tables of a new case, and say which process writes."""
        if self._is_empty():
            for statement in _statements(_TABLES):
                self._sql.execute(statement)
            self._sql.execute(f"pragma application_id = {APPLICATION_ID}")
            self._sql.execute(f"pragma user_version = {USER_VERSION}")
        self._sql.execute("insert or replace into writer values (1, ?, ?)", (os.getpid(), int(time.time())))

    def close(self) -> None:
        """Close the file and leave it one file, unless another process has it open."""
        self._forgotten.detach()
        self._held.close()


class _Connection:
    """What must be left tidy even where nobody closes: at the end of Python, or once the case is forgotten."""

    def __init__(self, sql: sqlite3.Connection, *, read_only: bool) -> None:
        self.sql, self.read_only, self.is_writer = sql, read_only, False
        self.owner = (os.getpid(), threading.get_ident())

    def close(self, *, wait: int = _LAST_WAIT) -> None:
        """Move all into the one file, unless another process has it open, and let go of it."""
        # what was acknowledged is safe without this, and whoever closes the file next does it
        with contextlib.suppress(sqlite3.Error):
            if not self.read_only:
                self.sql.execute(f"pragma busy_timeout = {wait}")
                self._tidy()
        self.sql.close()
        self.is_writer = False

    def close_forgotten(self) -> None:
        """Close what was not closed, if it is this thread's and no parent's: a forked child must not touch it."""
        if self.owner == (os.getpid(), threading.get_ident()):
            self.close(wait=0)  # another case may be open on the same file, in this very thread

    def _tidy(self) -> None:
        if self.sql.in_transaction:
            self.sql.execute("rollback")
        if self.is_writer:
            self.sql.execute("delete from writer where pid = ?", (os.getpid(),))
        self.sql.execute("pragma wal_checkpoint(truncate)")
        self.sql.execute("pragma busy_timeout = 0")
        self.sql.execute("pragma journal_mode = delete")


def _is_refused(text: str) -> bool:
    """Whether SQLite says that this place may not be written to."""
    return "unable to open" in text or "readonly" in text


def _statements(script: str) -> Iterator[str]:
    """Yield complete SQL statements: a trigger holds semicolons of its own."""
    pending = ""
    for piece in script.split(";"):
        pending += piece + ";"
        if sqlite3.complete_statement(pending):
            if pending.strip(" \n;"):
                yield pending
            pending = ""
