"""Writing a file as a whole: the old one stays until the new one is complete."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import secrets
import stat

from chainflow.errors import BadInput, DiskFull

__all__ = ["refuse_case", "unarmed", "write_whole"]

_DATABASE = b"SQLite format 3\0"
"""What every case begins with."""
_JOURNALS = ("-wal", "-shm", "-journal")
"""What the names of the files end with in which a case's newest entries may stand."""


def unarmed(text: str) -> str:
    """Return text that no spreadsheet takes for a formula.

    Examples
    --------
    >>> unarmed("=1+1"), unarmed("bc1q")
    ("'=1+1", 'bc1q')
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def write_whole(path: str | os.PathLike[str], body: bytes) -> None:
    """Write `body` to `path`; where that fails, what stood there before is untouched.

    Raises
    ------
    DiskFull
        If there is no room.
    BadInput
        If the place cannot be written, or holds a case: no result may take the place of evidence.
    """
    place = pathlib.Path(path)
    try:
        place = place.resolve()  # a link stays a link: what it leads to is replaced
        refuse_case(place)
        if place.exists() and not place.is_file():
            place.write_bytes(body)  # a pipe or a device: nothing stood there before
        else:
            _replace(place, body)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(
                f"no room left to write {place}; what stood there before is untouched",
                hint="free some space and run the same command again",
            ) from None
        raise BadInput(
            f"cannot write {place}: {error.strerror}",
            hint="check the folder and its rights; nothing was changed",
        ) from None


def refuse_case(path: str | os.PathLike[str]) -> None:
    """Refuse to write where a case is, or the journal in which its newest entries may stand.

    Raises
    ------
    BadInput
        If it is one; nothing was written then.
    """
    place = pathlib.Path(path).resolve()
    for one in (place, *(place.with_name(place.name.removesuffix(end)) for end in _JOURNALS)):
        if _is_database(one):
            is_itself = "" if one == place else ", of which this is a part"
            raise BadInput(
                f"cannot write {path}: {one.name} is a case{is_itself}; it was not touched",
                hint="name another file to write",
            )


def _is_database(place: pathlib.Path) -> bool:
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return file.read(len(_DATABASE)) == _DATABASE


def _replace(place: pathlib.Path, body: bytes) -> None:
    """Write beside `place`, with the rights that it has or a new file would have, and rename."""
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            if place.exists():
                temporary.chmod(stat.S_IMODE(place.stat().st_mode))
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
