"""The bytes of a file made readable within limits: gzip, a bundle of several files, text encodings.

Nothing is ever written to disk, and no name inside a file is used as a path.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Sequence

from chainflow.errors import BadInput, BadResponse

__all__ = ["MAX_BYTES", "MAX_RATIO", "bundle", "members", "text_of", "unpacked"]

MAX_BYTES = 512 * 1024 * 1024
"""No file may be larger than this, packed or not."""

MAX_RATIO = 1000
"""Nor may gzip unpack to more than this many times its size, once it is beyond 16 MB."""

_FREE_BYTES = 16 * 1024 * 1024
_STEP = 1024 * 1024
_GZIP = b"\x1f\x8b"
_MAX_MEMBERS = 64
_AGAIN = "download or export it again; nothing of it was used"


def unpacked(body: bytes) -> bytes:
    """Return what a gzip file holds (several members count as one file); any other bytes as they are.

    Raises
    ------
    BadResponse
        If it is cut off or damaged, or unpacks to more than `MAX_BYTES` or `MAX_RATIO` allow.
    """
    if not body.startswith(_GZIP):
        return body
    parts: list[bytes] = []
    size, member, is_open = 0, zlib.decompressobj(wbits=31), False
    for start in range(0, len(body), _STEP):
        rest = body[start : start + _STEP]
        while rest or is_open:
            if not is_open and not (rest := rest.lstrip(b"\0")):  # some writers pad with zeros
                break
            is_open = True
            try:
                part = member.decompress(rest, _STEP)
            except zlib.error as error:
                raise BadResponse(f"the file is damaged gzip ({error})", hint=_AGAIN) from None
            size += len(part)
            parts.append(part)
            if size > MAX_BYTES or size > max(_FREE_BYTES, MAX_RATIO * len(body)):
                raise BadResponse(
                    f"the file of {len(body):,} bytes unpacks to more than {size - 1:,}",
                    hint="too large to be what it says it is; split it, or unpack and look at it yourself",
                )
            rest = member.unconsumed_tail
            if member.eof:
                rest, member, is_open = member.unused_data, zlib.decompressobj(wbits=31), False
            elif not part and not rest:
                break
    if is_open:
        raise BadResponse("the file is gzip that is cut off", hint=_AGAIN)
    return b"".join(parts)


def bundle(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Return one body of several files that belong together: an uncompressed tar, always the same bytes.

    Raises
    ------
    BadInput
        If two files have one name.
    """
    if len({name for name, _ in files}) < len(files):
        raise BadInput("two files of one name", hint="rename one: names tell the tables apart")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files):
            entry = tarfile.TarInfo(name)  # time 0, nobody's
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def members(body: bytes) -> list[tuple[str, bytes]]:
    """Return the files in a bundle, each unpacked; of any other body itself, without a name.

    Raises
    ------
    BadResponse
        If a member is not a plain file, is damaged, or all together are larger than `MAX_BYTES`.
    """
    content = unpacked(body)
    if content[257:262] != b"ustar":
        return [("", content)]
    files: list[tuple[str, bytes]] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for entry in tar:
                if not entry.isreg() or entry.issparse() or entry.size > len(content):
                    raise BadResponse(
                        f"the bundle holds what is no plain file: {entry.name!r:.80}", hint=_AGAIN
                    )
                stream = tar.extractfile(entry)
                packed = b"" if stream is None else stream.read()
                files.append((entry.name, unpacked(packed)))
                if len(files) > _MAX_MEMBERS or sum(len(part) for _, part in files) > MAX_BYTES:
                    raise BadResponse(
                        f"the bundle holds more than {MAX_BYTES:,} bytes or {_MAX_MEMBERS} files",
                        hint="split it",
                    )
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise BadResponse(f"the bundle is damaged ({error})", hint=_AGAIN) from None
    if not files:
        raise BadResponse("the bundle is empty", hint=_AGAIN)
    return files


def text_of(content: bytes, *, encoding: str = "") -> str:
    """Return the text of a file: UTF-8, or UTF-16 where it begins with that mark, or as told.

    Raises
    ------
    BadResponse
        If it is of another encoding or holds NUL characters.
    BadInput
        If Python has no such encoding.
    """
    if not encoding:
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except LookupError:
        raise BadInput(f"no encoding {encoding[:40]!r}", hint="such as utf-8, cp1252 or latin-1") from None
    except UnicodeError as error:
        where = f" (byte {error.start:,})" if isinstance(error, UnicodeDecodeError) else ""
        raise BadResponse(
            f"the file is not {encoding.upper()} text{where}",
            hint="save it as UTF-8, or name its encoding: encoding='cp1252'",
        ) from None
    if "\0" in text:
        raise BadResponse("the file holds NUL characters: it is no text", hint=_AGAIN)
    return text.removeprefix("\ufeff")
