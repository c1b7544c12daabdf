"""From a path to rows: which reader reads which file, and the limits that hold for all of them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path

from chainflow.errors import BadInput, TagFileRejected
from chainflow.tags.labels import read_csv, read_label_dump
from chainflow.tags.ofac import LIST_NAME, read_address_list
from chainflow.tags.rows import Parsed, check, located
from chainflow.tags.sdn import read_sdn
from chainflow.tags.stored import Parts
from chainflow.tags.tag import Actor, Rejected, Tag, TagFile
from chainflow.tags.tagpack import read_tagpack

__all__ = ["MAX_BYTES", "expand", "parse", "read_bytes", "read_files"]

MAX_BYTES = 512 * 1024 * 1024
"""No tag file may be larger than this, compressed or not; OFAC's largest has 126 MB."""

_YAML = (".yaml", ".yml")
_CSV = (".csv", ".tsv")


def _is_known(name: str) -> bool:
    plain = name.removesuffix(".gz").lower()
    return (
        plain.endswith((*_YAML, *_CSV, ".xml")) or LIST_NAME.fullmatch(name.removesuffix(".gz")) is not None
    )


def expand(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that the paths mean: a folder stands for the known files in it, sorted by name.

    Raises
    ------
    BadInput
        If a path does not exist, or a folder has no file of a known kind.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.is_file() and _is_known(file.name))
            if not found:
                raise BadInput(f"no tag file in the folder {path.name}", hint="YAML, CSV, XML or OFAC lists")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise BadInput(f"no such file: {path}", hint="check the name")
    return files


def read_bytes(path: Path) -> tuple[bytes, str]:
    """Return a file's content, unpacked if it is gzip, and the SHA-256 of the file as it lies there.

    Raises
    ------
    TagFileRejected
        If it is larger than `MAX_BYTES` or is broken gzip.
    """
    if path.stat().st_size > MAX_BYTES:
        raise TagFileRejected(f"{path.name} is larger than {MAX_BYTES >> 20} MB", hint="split it")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if path.name.endswith(".gz"):
        try:
            with gzip.open(path) as stream:
                content = stream.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise TagFileRejected(f"{path.name} is broken gzip: {error}", hint="download it again") from None
        if len(content) > MAX_BYTES:
            raise TagFileRejected(f"{path.name} unpacks to more than {MAX_BYTES >> 20} MB", hint="split it")
    return content, digest


def _text(content: bytes, *, name: str) -> str:
    if b"\0" in content:
        raise TagFileRejected(f"{name} holds NUL bytes; no tag of it was used", hint="save it as UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TagFileRejected(
            f"{name} is not UTF-8 (byte {error.start:,})", hint="save it as UTF-8"
        ) from None


def parse(content: bytes, *, name: str, source: str = "") -> Parsed:
    """Return what a file of that name states, row by row and not yet checked.

    Raises
    ------
    TagFileRejected
        If the file as a whole cannot be read, or nothing reads files of this name.
    BadInput
        If the format has no place for a source and none is given.
    """
    plain = name.removesuffix(".gz")
    suffix = Path(plain).suffix.lower()
    if suffix == ".xml":
        return read_sdn(content, name=name)
    text = _text(content, name=name)
    if suffix in _YAML:
        return read_tagpack(text, name=name)
    if LIST_NAME.fullmatch(plain):
        return read_address_list(text, name=plain)
    if suffix in _CSV:
        return read_csv(text, name=name, source=source)
    if suffix == ".json":
        return read_label_dump(text, name=name, source=source)
    raise TagFileRejected(
        f"{name} is no kind of tag file", hint="YAML, CSV, XML, JSON or sanctioned_addresses_*.txt"
    )


def read_files(paths: Iterable[str | Path], *, strict: bool, source: str) -> Parts:
    """Return the tags of all files, the rows that were not used, the files themselves, and actors.

    Raises
    ------
    BadInput
        As `expand` and `parse`; when strict, also at the first row of a file that cannot be used.
    """
    tags: list[Tag] = []
    rejected: list[Rejected] = []
    files: list[TagFile] = []
    actors: list[Actor] = []
    for path in expand(paths):
        content, digest = read_bytes(path)
        parsed = parse(content, name=path.name, source=source)
        good, bad = check(parsed.rows, file=path.name)
        bad += parsed.faults
        if strict and bad:
            raise located(min(bad, key=attrgetter("line")))
        tags += good
        rejected += bad
        actors += parsed.actors
        files.append(TagFile(path.name, digest, used=len(good) + len(parsed.actors), rejected=len(bad)))
    return Parts(tuple(tags), tuple(rejected), tuple(files), tuple(actors))
