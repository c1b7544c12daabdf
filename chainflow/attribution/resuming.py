"""A screening of a file into a file: what is done is kept line by line, and a stopped run goes on there.

Beside the result `x.csv` stand `x.csv.partial` while a run is under way (the recipe, then one row a line, in
JSON) and `x.csv.json` after it: the recipe, the lists that were looked at, the SHA-256, and the rows as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

from chainflow.attribution.answers import COLUMNS
from chainflow.attribution.questions import read_questions
from chainflow.attribution.screening import Prepared, Screening, prepared
from chainflow.errors import BadInput
from chainflow.model import canonical_json
from chainflow.progress import Progress
from chainflow.tags import Tags
from chainflow.writing import write_whole

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["screen_file"]

Rows = list[tuple[str, ...]]


def screen_file(
    ledger: Ledger,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    tags: Tags,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Screening:
    """Screen the addresses of a CSV file and write the result as CSV; see `screen`.

    A run that was stopped goes on where it stopped; the file is the same, byte for byte, as that of a run
    that was not. It comes to stand only when it is whole.

    Parameters
    ----------
    source : path
        See `read_questions`.
    target : path
    **options
        As for `screen`.

    Raises
    ------
    BadInput
        If what stands at `target`, whole or begun, was made from other inputs, or is damaged: nothing is
        overwritten or mixed.
    """
    place = pathlib.Path(target)
    ready = prepared(ledger, read_questions(source), tags, **options)
    partial, sidecar = _beside(place, "partial"), _beside(place, "json")
    if place.exists() and not partial.exists():
        return ready.done(_whole(place, sidecar, ready))
    kept = _begun(partial, ready) if partial.exists() else []
    found = ready.done(_finished(partial, ready, kept, progress))
    body = found.to_csv().encode()
    if place.exists() and place.read_bytes() != body:
        raise _refused(place, "was put there by something else")
    write_whole(place, body)
    write_whole(sidecar, _told(found, body))
    partial.unlink(missing_ok=True)
    return found


def _beside(place: pathlib.Path, ending: str) -> pathlib.Path:
    return place.with_name(f"{place.name}.{ending}")


def _refused(place: pathlib.Path, why: str) -> BadInput:
    return BadInput(f"{place} {why}; it was not touched", hint="name another file, or move this one away")


def _begun(partial: pathlib.Path, ready: Prepared) -> Rows:
    """Return the whole lines of a run that was stopped; what it was writing when it was is cut off."""
    body = partial.read_bytes()
    whole = body[: body.rfind(b"\n") + 1]
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise _refused(partial, "is damaged") from None
    if lines and lines[0] != _head(ready):
        raise _refused(partial, "was begun with other addresses, evidence, tags or options")
    rows = lines[1:]
    expected = [str(question.line) for question in ready.questions[: len(rows)]]
    shaped = all(isinstance(row, list) and len(row) == len(COLUMNS) for row in rows)
    if not shaped or [row[0] for row in rows] != expected:
        raise _refused(partial, "is damaged")
    if len(whole) < len(body):
        os.truncate(partial, len(whole))
    return [tuple(map(str, row)) for row in rows]


def _whole(place: pathlib.Path, sidecar: pathlib.Path, ready: Prepared) -> Rows:
    """Return the rows of a run that was finished, so that it need not be run again."""
    try:
        told = json.loads(sidecar.read_bytes())
        digest, sha256, rows = told["digest"], told["sha256"], told["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _refused(place, "exists and does not say what it was made from") from None
    if digest != ready.recipe.digest:
        raise _refused(place, "was made from other addresses, evidence, tags or options")
    if sha256 != hashlib.sha256(place.read_bytes()).hexdigest():
        raise _refused(place, "was changed after it was made")
    return [tuple(map(str, row)) for row in rows]


def _finished(partial: pathlib.Path, ready: Prepared, kept: Rows, progress: Progress | None) -> Rows:
    """Return all rows, each written down when it is there."""
    rows = list(kept)
    with partial.open("ab") as file:
        if not file.tell():
            _append(file, _head(ready))
        for question in ready.questions[len(kept) :]:
            if progress is not None:
                progress(len(rows), len(ready.questions) - len(rows), question.given)
            row = ready.answers.row(question)
            _append(file, row)
            rows.append(row)
    return rows


def _told(found: Screening, body: bytes) -> bytes:
    """Return what stands beside a result: what it was made from, and the same rows as JSON."""
    told = {
        "digest": found.recipe.digest,
        "recipe": found.recipe.as_dict(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "note": found.note,
        "lists": list(found.lists),
        "columns": list(COLUMNS),
        "rows": [list(row) for row in found.rows],
    }
    return f"{canonical_json(told)}\n".encode()


def _append(file: Any, content: object) -> None:
    file.write(canonical_json(content).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _head(ready: Prepared) -> dict[str, Any]:
    return {"digest": ready.recipe.digest, "recipe": ready.recipe.as_dict()}
