"""Whose each address is where that is known, and how clusters compare with it, pair by pair."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import comb
from pathlib import Path
from typing import Any, NamedTuple, Self

from chainflow.addresses import CHAINS, decode
from chainflow.errors import AddressInvalid, BadInput

__all__ = ["Cells", "Truth", "compare_owners"]

_SCRIPT = re.compile("script:(?:[0-9a-f]{2})*")


@dataclass(frozen=True, slots=True)
class Truth:
    """Address → owner, where somebody knows it: a seized server, a wallet's own word, a simulation.

    Parameters
    ----------
    owners : mapping of str to str
        Addresses as a ledger names them; `script:<hex>` and `chain:address` too.
    roles : mapping of str to str
        Address → what its owner made it for, such as `receive` or `change`; not every address has one.
    population : str
        Where it is from, in a few words; an error figure prints it.
    date : str
        When it held, ISO 8601; "" where that is not stated.
    """

    owners: Mapping[str, str]
    roles: Mapping[str, str] = field(default_factory=dict)
    population: str = ""
    date: str = ""

    @classmethod
    def of(cls, truth: Truth | Mapping[str, str]) -> Truth:
        """Return a truth from a plain mapping, or as it is."""
        return truth if isinstance(truth, Truth) else cls(dict(truth))

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, population: str = "", date: str = "") -> Self:
        """Read a truth from CSV with the columns address, owner and perhaps role; or from JSON.

        JSON is an object of address → owner, or a list of objects with the same names as the columns.

        Raises
        ------
        BadInput
            If the file is of another form, or two rows name different owners; it says which row.
        AddressInvalid
            If a row's address is none.
        """
        place = Path(path)
        try:
            text = place.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise BadInput(f"no truth in {place}: {error.strerror}", hint="check the name") from None
        except UnicodeDecodeError:
            raise BadInput(f"{place.name} is not UTF-8 text", hint="write CSV or JSON") from None
        rows = (
            _json_rows(text, place.name) if place.suffix.lower() == ".json" else _csv_rows(text, place.name)
        )
        owners: dict[str, str] = {}
        roles: dict[str, str] = {}
        for where, row in rows:
            address, owner, role = _checked(where, row)
            if owners.setdefault(address, owner) != owner or roles.setdefault(address, role) != role:
                raise BadInput(
                    f"{where}: {address} is there twice, with different owners or roles", hint=_ONE
                )
        stated = {address: role for address, role in roles.items() if role}
        return cls(owners, stated, population or place.name, date)

    def __len__(self) -> int:
        return len(self.owners)

    def __repr__(self) -> str:
        return f"<Truth {self.population!r}: {len(self):,} addresses of {len(set(self.owners.values())):,} owners>"


_ONE = "an address has one owner here; leave out what is not certain"
_HEADER = "the first line is address,owner or address,owner,role"
_NAMES = ("address", "owner", "role")


def _csv_rows(text: str, name: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    lines = csv.DictReader(io.StringIO(text), strict=True)
    try:
        header = lines.fieldnames or []
        if not {"address", "owner"} <= set(header) or len(set(header)) < len(header):
            raise BadInput(f"{name} has the columns {', '.join(header) or 'none'}", hint=_HEADER)
        for row in lines:
            where = f"{name}, line {lines.line_num}"
            if None in row or None in row.values():
                raise BadInput(f"{where}: not as many cells as columns", hint=_HEADER)
            yield where, row
    except csv.Error as error:
        raise BadInput(f"{name}, line {lines.line_num}: {error}", hint=_HEADER) from None


def _json_rows(text: str, name: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        found = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{name} is not JSON: {error}", hint='write {"address": "owner", …}') from None
    # an object arrives as a list of (name, value) tuples, so that no name hides an earlier one
    if not isinstance(found, list):
        raise BadInput(f"{name} is neither an object nor a list", hint='write {"address": "owner", …}')
    for number, entry in enumerate(found, start=1):
        where = f"{name}, entry {number}"
        if isinstance(entry, tuple):
            yield where, {"address": entry[0], "owner": entry[1]}
        elif isinstance(entry, list) and all(isinstance(part, tuple) for part in entry):
            yield where, dict(entry)
        else:
            raise BadInput(f"{where}: not an object", hint='write {"address": "…", "owner": "…"}')


def _checked(where: str, row: Mapping[str, Any]) -> tuple[str, str, str]:
    cells = [row.get(name, "") for name in _NAMES]
    if not all(isinstance(cell, str) for cell in cells):
        raise BadInput(f"{where}: {cells!r} are not texts", hint="put address, owner and role in quotes")
    address, owner, role = (cell.strip() for cell in cells)
    if not owner:
        raise BadInput(f"{where}: no owner", hint="leave the row out where the owner is not known")
    chain, _, label = address.partition(":")
    try:
        if not _SCRIPT.fullmatch(address):
            decode(label, chain=chain) if label and chain in CHAINS else decode(address)
    except AddressInvalid as error:
        raise AddressInvalid(f"{where}: {error.message}", hint=error.hint) from None
    return address, owner, role


class Cells(NamedTuple):
    """How many addresses each cluster shares with each owner, and what follows for pairs of addresses.

    Attributes
    ----------
    true, false, missed : int
        Pairs put together rightly, put together wrongly, and of one owner but not put together.
    merged : tuple of (cluster, owners)
        The clusters that hold addresses of several owners, sorted.
    split : tuple of (owner, clusters)
        The owners whose addresses lie in several clusters, sorted.
    """

    counts: Mapping[tuple[str, str], int]
    true: int
    false: int
    missed: int
    merged: tuple[tuple[str, tuple[str, ...]], ...]
    split: tuple[tuple[str, tuple[str, ...]], ...]


def compare_owners(clusters: Mapping[str, str], owners: Mapping[str, str]) -> Cells:
    """Return how clusters compare with owners, over the addresses that are in both.

    Parameters
    ----------
    clusters, owners : mapping of str to str
        By address.

    Examples
    --------
    >>> cells = compare_owners({"a": "1", "b": "1", "c": "2"}, {"a": "Ann", "b": "Ben", "c": "Ann"})
    >>> cells.true, cells.false, cells.missed, cells.merged
    (0, 1, 1, (('1', ('Ann', 'Ben')),))
    """
    both = [(clusters[address], owner) for address, owner in owners.items() if address in clusters]
    counts = Counter(both)
    true = _pairs(counts.values())
    return Cells(
        counts=counts,
        true=true,
        false=_pairs(Counter(cluster for cluster, _ in both).values()) - true,
        missed=_pairs(Counter(owner for _, owner in both).values()) - true,
        merged=_several(counts),
        split=_several((owner, cluster) for cluster, owner in counts),
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(comb(size, 2) for size in sizes)


def _several(edges: Iterable[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for one, other in sorted(edges):
        found.setdefault(one, []).append(other)
    return tuple((one, tuple(others)) for one, others in found.items() if len(others) > 1)
