"""Writing a file as a whole: the old one stays until the new one is complete."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import secrets
import stat

from chainflow.errors import BadInput, DiskFull

__all__ = ["write_whole"]


def write_whole(path: str | os.PathLike[str], body: bytes) -> None:
    """Write `body` to `path`; where that fails, what stood there before is untouched.

    Raises
    ------
    DiskFull
        If there is no room.
    BadInput
        If the place cannot be written.
    """
    place = pathlib.Path(path)
    try:
        place = place.resolve()  # a link stays a link: what it leads to is replaced
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
