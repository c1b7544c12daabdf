"""Label lists that are no tag packs: CSV files, and JSON dumps of the form address → name and labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from chainflow.errors import BadInput, TagFileRejected
from chainflow.model import canonical_json
from chainflow.tags.rows import FIELDS, Parsed
from chainflow.tags.tag import Rejected
from chainflow.tags.taxonomy import CONCEPTS, canonical

__all__ = ["read_csv", "read_label_dump"]

# field → the headers that mean it, the most exact first.
_HEADERS = {
    "address": ("address", "addr", "wallet", "wallet_address", "account"),
    "txid": ("txid", "tx_hash", "transaction"),
    "label": ("label", "name", "tag", "name_tag", "nametag"),
    "category": ("category", "type", "kind"),
    "source": ("source", "url", "source_url", "reference"),
    "chain": ("chain", "network", "blockchain", "currency", "asset"),
    "date": ("date", "lastmod", "updated", "last_modified"),
    "context": ("context", "note", "notes", "comment", "description"),
}
_NEEDS_SOURCE = 'name who says so: Tags.read(…, source="who says so")'


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Return which column holds which field; a field's first name in `_HEADERS` wins."""
    names = [cell.strip().lower().replace(" ", "_") for cell in header]
    taken: dict[str, int] = {}
    for field in (*_HEADERS, *sorted(FIELDS - _HEADERS.keys() - {"concepts"})):
        alias = next((word for word in _HEADERS.get(field, (field,)) if word in names), None)
        if alias is not None and names.index(alias) not in taken.values():
            taken[field] = names.index(alias)
    return taken


def _delimiter(first_line: str) -> str:
    """Return the delimiter that splits the header into the most cells; a comma where none does."""
    return max(",;\t", key=lambda mark: len(next(csv.reader([first_line], delimiter=mark), [])))


def _csv_row(header: Sequence[str], columns: Mapping[str, int], cells: Sequence[str]) -> dict[str, object]:
    if len(cells) != len(header):
        raise BadInput(
            f"{len(cells)} cells under {len(header)} headers", hint="quote cells that hold the delimiter"
        )
    row: dict[str, object] = {field: cells[column] for field, column in columns.items()}
    used = set(columns.values())
    rest = {header[i].strip(): cell for i, cell in enumerate(cells) if i not in used and cell.strip()}
    if rest:
        row["context"] = canonical_json(
            {**rest, **({"context": row["context"]} if row.get("context") else {})}
        )
    return row


def read_csv(text: str, *, name: str, source: str = "") -> Parsed:
    """Return the rows of a CSV file: comma, semicolon or tab, the first line names the columns.

    Columns nobody here knows go into the tag's context.

    Raises
    ------
    BadInput
        If no column and no `source` say who says so.
    TagFileRejected
        If there is no column of addresses or labels, or the file is not CSV.
    """
    text = text.replace("\r\n", "\n")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text.partition("\n")[0]), strict=True
    )
    parsed = Parsed()
    try:
        header = next(reader, [])
        columns = _columns(header)
        if "label" not in columns or not {"address", "txid"} & columns.keys():
            raise TagFileRejected(
                f"{name} has no columns address and label", hint="name them in the first line"
            )
        if "source" not in columns and not source:
            raise BadInput(f"{name} has no column source", hint=_NEEDS_SOURCE)
        line = reader.line_num + 1
        for cells in reader:
            try:
                if any(cell.strip() for cell in cells):
                    row = _csv_row(header, columns, cells)
                    parsed.rows.append((line, row if "source" in columns else {**row, "source": source}))
            except BadInput as error:
                parsed.faults.append(Rejected.of(",".join(cells), error, file=name, line=line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise TagFileRejected(
            f"{name} is not CSV: {error} (line {reader.line_num})", hint="save it again"
        ) from None
    return parsed


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _dump_row(address: str, entry: object, source: str) -> dict[str, object]:
    if not isinstance(entry, dict) or not isinstance(labels := entry.get("labels", []), list):
        raise BadInput(f"no name and labels for {address:.80}", hint='write {"name": …, "labels": […]}')
    known = dict.fromkeys(canonical(label) for label in labels if isinstance(label, str))
    concepts = [word for word in known if word in CONCEPTS]
    return {
        "address": address,
        "label": entry.get("name") or next(iter(labels), ""),
        "category": concepts[0] if len(concepts) == 1 else "",
        "concepts": concepts if len(concepts) > 1 else [],
        "source": source,
        "context": canonical_json({"labels": labels}),
    }


def read_label_dump(text: str, *, name: str, source: str = "") -> Parsed:
    """Return the rows of a JSON object address → {"name", "labels"}; `line` is the entry's number.

    Labels that are words of the taxonomy become the category (one) or the concepts (several); all of
    them stay in the context.

    Raises
    ------
    BadInput
        If no `source` says who says so.
    TagFileRejected
        If the file is not such an object.
    """
    try:
        held = json.loads(text, object_pairs_hook=_unique)
        canonical_json(held).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise TagFileRejected(
            f"{name} is not JSON that can be read: {error}", hint="download it again"
        ) from None
    if not isinstance(held, dict):
        raise TagFileRejected(
            f"{name} is no label dump", hint='one object: {"0x…": {"name": …, "labels": […]}}'
        )
    if not source:
        raise BadInput(f"{name} does not say who says so", hint=_NEEDS_SOURCE)
    parsed = Parsed()
    for line, (address, entry) in enumerate(held.items(), start=1):
        try:
            parsed.rows.append((line, _dump_row(address, entry, source)))
        except BadInput as error:
            parsed.faults.append(Rejected.of(address, error, file=name, line=line))
    return parsed
