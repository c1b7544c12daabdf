"""A folder of named arrays with a manifest: written beside its place and renamed, mapped into memory to read."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import mmap
import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from chainflow.errors import BadInput, DiskFull, LedgerFileRejected
from chainflow.model import canonical_json, digest_of

__all__ = ["RANDOM", "SEQUENTIAL", "ArrayFolder", "open_folder", "write_folder"]

RANDOM = getattr(mmap, "MADV_RANDOM", None)
"""Read only the page that is asked for. Without it the system reads dozens around each: a cold look-up 50 × slower."""
SEQUENTIAL = getattr(mmap, "MADV_SEQUENTIAL", None)
"""Read far ahead. Both are None on a system that takes no such advice."""

_MANIFEST = "manifest.json"
_AGAIN = "build the index again from the files that it was made of"

Array = npt.NDArray[Any]
Mapped = np.memmap[Any, Any]


@dataclass(frozen=True, slots=True)
class ArrayFolder:
    """A folder whose manifest and file sizes were found right.

    Parameters
    ----------
    place : Path
    listed : mapping
        Array → `dtype`, `shape`, `bytes` and `sha256` of its file.
    digest : str
        SHA-256 of the format and of what is listed: equal for equal arrays.
    """

    place: Path
    listed: Mapping[str, Mapping[str, Any]]
    digest: str

    @property
    def bytes(self) -> int:
        """What the arrays take on disk."""
        return sum(one["bytes"] for one in self.listed.values())

    def map(self, name: str, advice: int | None) -> Mapped:
        """Return an array, read-only, mapped with advice of how it will be read.

        Raises
        ------
        LedgerFileRejected
            If the file cannot be mapped as what is listed.
        """
        path, listed = self._path(name), self.listed[name]
        kind, shape = np.dtype(listed["dtype"]), tuple(listed["shape"])
        # past the header, which is not read: that would be a page of every file at every opening
        start = listed["bytes"] - kind.itemsize * math.prod(shape)
        try:
            found = np.memmap(path, kind, "r", start, shape)
        except (OSError, ValueError) as error:
            raise LedgerFileRejected(f"cannot map {path}: {error}", hint=_AGAIN) from None
        if advice is not None:
            cast(mmap.mmap, found._mmap).madvise(advice)  # type: ignore[attr-defined]
        return found

    def verify(self) -> None:
        """Read every file and compare it with its SHA-256.

        Raises
        ------
        LedgerFileRejected
            If one differs.
        """
        for name, listed in sorted(self.listed.items()):
            if _sha256(self._path(name)) != listed["sha256"]:
                raise LedgerFileRejected(f"{self._path(name)} was changed after it was written", hint=_AGAIN)

    def _path(self, name: str) -> Path:
        return self.place / f"{name}.npy"


def write_folder(place: str | os.PathLike[str], arrays: Mapping[str, Array], *, form: str) -> None:
    """Write arrays to a new folder; until all are there it has another name.

    Raises
    ------
    BadInput
        If there is something at `place` already, or nothing can be written there.
    DiskFull
        If there is no room.
    """
    place = Path(place)
    if place.exists():
        raise BadInput(f"{place} exists", hint="choose another name, or remove it first")
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir(parents=True)
        listed = {name: _write(temporary / f"{name}.npy", array) for name, array in arrays.items()}
        told = {"format": form, "arrays": listed, "digest": digest_of([form, listed])}
        with (temporary / _MANIFEST).open("xb") as file:
            _write_bytes(file, canonical_json(told).encode())
        temporary.rename(place)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(f"no room left to write {place}", hint="free some space and try again") from None
        raise BadInput(f"cannot write {place}: {error.strerror}", hint="check the folder above it") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(path: Path, array: Array) -> dict[str, object]:
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        _write_bytes(file, array.data)
    size = path.stat().st_size
    return {"dtype": array.dtype.str, "shape": list(array.shape), "bytes": size, "sha256": _sha256(path)}


def _write_bytes(file: Any, body: bytes | memoryview) -> None:
    file.write(body)
    file.flush()
    os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_folder(
    place: str | os.PathLike[str], *, form: str, names: Collection[str], optional: Collection[str] = ()
) -> ArrayFolder:
    """Return a folder after a look at its manifest and at the size of each file; contents are not read.

    Raises
    ------
    LedgerFileRejected
        If it is no such folder, was written in another format, or a file is missing or of another size.
    """
    place = Path(place)
    told = _read_manifest(place)
    if told.get("format") != form:
        raise LedgerFileRejected(
            f"{place} has the format {told.get('format')!r}; this chainflow reads {form!r}", hint=_AGAIN
        )
    listed = told.get("arrays")
    if not isinstance(listed, dict) or told.get("digest") != digest_of([form, listed]):
        raise LedgerFileRejected(f"{place / _MANIFEST} does not match its own digest", hint=_AGAIN)
    if not set(names) <= set(listed) <= {*names, *optional}:
        raise LedgerFileRejected(f"{place} lists other arrays than an index has", hint=_AGAIN)
    for name, one in listed.items():
        path = place / f"{name}.npy"
        size = path.stat().st_size if path.is_file() else 0
        if size != one["bytes"]:
            raise LedgerFileRejected(f"{path} has {size:,} bytes, not {one['bytes']:,}", hint=_AGAIN)
    return ArrayFolder(place, listed, told["digest"])


def _read_manifest(place: Path) -> dict[str, Any]:
    try:
        told = json.loads((place / _MANIFEST).read_bytes())
    except (OSError, ValueError):
        raise LedgerFileRejected(
            f"{place} is not an index: no readable {_MANIFEST}",
            hint="check the path, or build the index first",
        ) from None
    return told if isinstance(told, dict) else {}
