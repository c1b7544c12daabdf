"""Conversions as rows of a table: the columns, and one row checked field by field."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from chainflow.errors import BadInput
from chainflow.tags.rows import clean
from chainflow.tags.tag import Rejected
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions.conversion import EVIDENCE, KINDS, Conversion, Leg

__all__ = ["COLUMNS", "conversion_of", "read_rows", "row_of"]

_LEG = ("chain", "txid", "place", "asset", "address", "amount_raw")
_SAID = ("kind", "evidence", "reason", "source", "candidates", "chosen_by")
COLUMNS = (*_SAID, *(f"{side}_{name}" for side in ("paid", "received") for name in _LEG))
"""The columns of a file of conversions."""

_OPTIONAL = {"reason", "candidates", "chosen_by"} | {
    f"{side}_{name}" for side in ("paid", "received") for name in ("place", "asset", "address")
}
_TXID = re.compile(r"(?:0x)?[0-9a-f]{64}")
_DIGITS = re.compile(r"[0-9]{1,80}")
_PLACE = re.compile(r"[a-z0-9:_+]{0,200}")
_MOST_BYTES = 200 * 2**20

Row = Mapping[str, object]


def row_of(conversion: Conversion) -> dict[str, str]:
    """Return a conversion as the cells of a row; `conversion_of` reads them again."""
    cells = {name: str(getattr(conversion, name)) for name in _SAID}
    for side, leg in (("paid", conversion.paid), ("received", conversion.received)):
        cells |= {f"{side}_{name}": str(getattr(leg, name)) for name in _LEG}
    return {name: cells[name] for name in COLUMNS}


def conversion_of(row: Row) -> Conversion:
    """Return what a row states.

    Raises
    ------
    BadInput
        If a field is unknown, missing or malformed.
    """
    if unknown := sorted(str(name) for name in row.keys() - set(COLUMNS)):
        raise BadInput(f"unknown column {unknown[0]!r:.60}", hint=f"known are {', '.join(COLUMNS)}")
    cells = {name: _text(row.get(name), name=name) for name in COLUMNS}
    if missing := [name for name in COLUMNS if not cells[name] and name not in _OPTIONAL]:
        raise BadInput(
            f"no {missing[0]}", hint="a conversion says what was paid, what was received, and who says so"
        )
    for name, known in (("kind", KINDS), ("evidence", EVIDENCE)):
        if cells[name] not in known:
            raise BadInput(f"not a kind of {name}: {cells[name][:40]!r}", hint=f"one of: {', '.join(known)}")
    paid, received = (_leg(cells, side) for side in ("paid", "received"))
    if (paid.keys, paid.asset) == (received.keys, received.asset):
        raise BadInput(f"one movement is both sides: {paid.txid}", hint="name the receipt, or its place")
    return Conversion(
        paid,
        received,
        cells["kind"],
        cells["evidence"],
        cells["reason"],
        cells["source"],
        _amount(cells["candidates"] or "1", name="candidates"),
        cells["chosen_by"],
    )


def _text(value: object, *, name: str) -> str:
    if type(value) is int:
        value = str(value)
    return clean(value, name=name)


def _leg(cells: Mapping[str, str], side: str) -> Leg:
    chain, txid, place, asset, address, amount = (cells[f"{side}_{name}"] for name in _LEG)
    chain, txid = chain.lower(), txid.lower()
    if not _TXID.fullmatch(txid):
        raise BadInput(f"not a txid: {txid[:80]!r}", hint="64 hex digits, with 0x before them on EVM chains")
    if not _PLACE.fullmatch(place):
        raise BadInput(
            f"not a place: {place[:40]!r}",
            hint="the output's number, or log:12, trace:0_1; + between several",
        )
    address = address.lower() if address.lower().startswith("0x") else address
    return Leg(chain, txid, place, _asset(asset, chain), address, _amount(amount, name=f"{side}_amount_raw"))


def _asset(text: str, chain: str) -> Asset:
    """Return the asset that a cell names: nothing is the chain's own coin, a bare contract is on that chain."""
    asset = Asset.parse(text or chain)
    if asset.contract is None and asset.chain.startswith("0x"):
        asset = Asset(chain, asset.chain)
    if asset.chain != chain:
        raise BadInput(f"{text[:80]} is no asset of {chain}", hint="write it as chain:contract")
    if asset.contract and asset.contract.lower().startswith("0x"):
        asset = asset._replace(contract=asset.contract.lower())
    return asset


def _amount(text: str, *, name: str) -> int:
    if not _DIGITS.fullmatch(text) or not int(text):
        raise BadInput(f"{name} is {text[:40]!r}", hint="digits only: whole base units, more than none")
    return int(text)


def read_rows(path: Path) -> tuple[list[tuple[int, Row]], list[Rejected], str]:
    """Return the rows of a file by line (in JSON by number), rows that are none, and the file's SHA-256.

    Raises
    ------
    BadInput
        If the file as a whole cannot be read.
    """
    raw = _content(path)
    name = path.name.removesuffix(".gz")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path.name} is not UTF-8 text", hint="save it in UTF-8") from None
    faults: list[Rejected] = []
    rows = list((_json_rows if name.endswith(".json") else _csv_rows)(text, path.name, faults))
    return rows, faults, hashlib.sha256(path.read_bytes()).hexdigest()


def _content(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise BadInput(f"cannot read {path.name}: {reason}", hint="check the file") from None
    if len(raw) > _MOST_BYTES:
        raise BadInput(f"{path.name} is too large for a file of conversions", hint="split it")
    return raw


def _csv_rows(text: str, name: str, faults: list[Rejected]) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        missing = sorted(set(COLUMNS) - _OPTIONAL - set(header))
        if missing or len(set(header)) != len(header):
            fault = f"no column {missing[0]}" if missing else "a column twice"
            raise BadInput(f"{name} has {fault}", hint=f"the first line names them: {', '.join(COLUMNS)}")
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                yield line, dict(zip(header, cells, strict=True))
            elif any(cell.strip() for cell in cells):
                error = BadInput(
                    f"{len(cells)} cells under {len(header)} headers", hint="quote cells with commas"
                )
                faults.append(Rejected.of(",".join(cells), error, file=name, line=line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{name} is not CSV: {error} (line {reader.line_num})", hint="save it again") from None


def _json_rows(text: str, name: str, faults: list[Rejected]) -> Iterator[tuple[int, Row]]:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{name} is not JSON: {error}", hint="a list of objects with the columns as names"
        ) from None
    if not isinstance(held, list):
        raise BadInput(f"{name} holds no list", hint="a list of objects with the columns as names")
    for number, row in enumerate(held, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            fault = BadInput("not an object", hint="write {column: value, …}")
            faults.append(Rejected.of(str(row), fault, file=name, line=number))
