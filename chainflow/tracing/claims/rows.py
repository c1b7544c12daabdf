"""The rows of somebody's list of hops: the columns that are read, and each row cell by cell, good or bad."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from chainflow.errors import BadInput, ChainflowError
from chainflow.formats.cells import Row, whole
from chainflow.formats.shape import RejectedRow
from chainflow.formats.tables import tables_of
from chainflow.model import Outpoint, is_txid
from chainflow.tracing.claims.stated import Amount, Moment

__all__ = ["COLUMNS", "ClaimedHop", "List", "read_claims"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "hop": ("hop", "step", "no", "nr", "number", "hopnumber", "stepnumber", "order", "sequence"),
    "path": ("path", "pathid", "branch", "branchid", "route", "trail"),
    "chain": ("chain", "blockchain", "network"),
    "txid": ("txid", "tx", "txhash", "transaction", "transactionid", "transactionhash", "hash"),
    "from": ("from", "fromaddress", "sender", "payer", "source", "sourceaddress"),
    "to": ("to", "toaddress", "recipient", "payee", "receiver", "destination", "destinationaddress"),
    "spends": ("spends", "fromoutpoint", "prevout", "sourceoutpoint", "spentoutput"),
    "outpoint": ("outpoint", "tooutpoint", "output"),
    "place": ("place", "vout", "outputindex", "log", "logindex", "logplace"),
    "amount": ("amount", "value", "quantity", "paid", "amountbtc", "valuebtc", "amounteth", "valueeth"),
    "amount_raw": ("amountraw", "amountsat", "valuesat", "valueraw", "satoshis", "sats", "wei", "baseunits"),
    "tainted": ("tainted", "taint", "traced", "tracedamount", "taintedamount", "claimedtaint", "running",
                "runningamount", "runningtaint", "runningtaintedamount", "runningtotal"),
    "tainted_raw": ("taintedraw", "taintedsat", "taintraw", "taintsat", "tracedraw", "tracedsat"),
    "unit": ("unit", "units"),
    "asset": ("asset", "currency", "coin", "token", "symbol", "contract", "tokenaddress", "contractaddress"),
    "time": ("time", "timestamp", "datetime", "date", "blocktime", "timeutc", "datetimeutc", "dateutc"),
    "height": ("height", "block", "blockheight", "blocknumber"),
    "policy": ("policy", "rule", "method", "tracingrule"),
    "through": ("through", "via", "passes", "passesthrough", "goesthrough"),
    "standing": ("standing",),
    "label": ("label", "tag", "name", "entity"),
    "statement": ("statement", "text", "note", "notes", "comment", "remark", "remarks", "description"),
}  # fmt: skip
"""Our column → the header names it is read from, without their blanks and signs."""

THROUGH = frozenset({"service", "mixer", "coinjoin", "bridge", "conversion"})
"""What the column `through` can state; nothing else excuses going through one."""

STANDING = frozenset({"unconfirmed", "disputed"})
"""What the column `standing` can admit of a transaction."""

_SUMS = {"total", "sum", "subtotal", "totals", "Σ"}
_PAYING = ("outpoint", "from", "to", "spends", "place", "time", "height", "through", "standing")
_PLACE = re.compile(r"[0-9]{1,10}|[a-z]+:[0-9_+]{1,80}|fee|native")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_UNIT = re.compile(r"(btc|eth|sat|sats|satoshis|wei|raw|baseunits)$")
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class ClaimedHop:
    """One row as it was claimed; `None` or "" is what it does not state.

    Attributes
    ----------
    line : int
        Line of the file, or number of the row.
    path, hop : str, int or None
        Which branch, and which step of it.
    spends : Outpoint or None
        The output that the row says was spent.
    place : str
        Output number, `log:12`, `native` for a transaction's own payment, or `fee`.
    payers, payees : tuple of str
        Addresses; several stand in one cell with ";" between.
    amounts, traced_amounts : tuple of Amount
        In base units, in coins; each where it is stated.
    through, standing : frozenset of str
        Words of `THROUGH` and `STANDING`.
    is_sum : bool
        Whether it states a sum of other rows, not a payment.
    faults : tuple of str
        What of the row cannot be read.
    text : str
        The row as it stands in the file.
    """

    line: int
    text: str
    path: str = ""
    hop: int | None = None
    chain: str = ""
    txid: str = ""
    payers: tuple[str, ...] = ()
    payees: tuple[str, ...] = ()
    spends: Outpoint | None = None
    place: str = ""
    amounts: tuple[Amount, ...] = ()
    traced_amounts: tuple[Amount, ...] = ()
    asset: str = ""
    moment: Moment | None = None
    height: int | None = None
    policy: str = ""
    through: frozenset[str] = frozenset()
    standing: frozenset[str] = frozenset()
    is_sum: bool = False
    faults: tuple[str, ...] = ()

    @property
    def amount(self) -> Amount | None:
        """What the row says was paid."""
        return self.amounts[0] if self.amounts else None

    @property
    def tainted(self) -> Amount | None:
        """What the row says came from the trail."""
        return self.traced_amounts[0] if self.traced_amounts else None

    @property
    def title(self) -> str:
        """How sentences name the row."""
        where = "" if self.hop is None else f", hop {self.hop}"
        return f"row {self.line}{where}{f' of {self.path}' if self.path else ''}"


@dataclass(frozen=True, slots=True)
class List:
    """A list as it was read: its rows, the columns nobody read, where it is from."""

    hops: tuple[ClaimedHop, ...]
    unread: tuple[str, ...]
    name: str
    sha256: str


def read_claims(source: str | os.PathLike[str] | Iterable[Mapping[str, object]], unit: str) -> List:
    """Read a CSV or JSON file, or mappings; a bad row is kept with what is wrong with it.

    Raises
    ------
    BadInput
        If the file cannot be read, or none of its columns is known.
    BadResponse
        If it is no table.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            body = path.read_bytes()
        except OSError as error:
            raise BadInput(f"cannot read {path.name}: {error.strerror}", hint="check the path") from None
        found = [row for table in tables_of(body) for row in table.rows]
        name, sha256 = path.name, hashlib.sha256(body).hexdigest()
    else:
        found = [Row(number, row) for number, row in enumerate(source, start=1)]
        name, sha256 = "", ""
    headers = dict.fromkeys(column for row in found if isinstance(row, Row) for column in row.cells)
    columns = _columns(map(str, headers))
    if headers and not columns:
        raise BadInput(f"no column of {name or 'the rows'} is known", hint=f"name them {', '.join(COLUMNS)}")
    used = set(columns.values())
    hops = [_hop(row, columns, unit) for row in found]
    return List(tuple(_with_paths(hops)), tuple(sorted(set(map(str, headers)) - used)), name, sha256)


def _columns(headers: Iterable[str]) -> dict[str, str]:
    """Return our column → theirs; of two for one meaning, the name that stands first in `COLUMNS`."""
    plain = {_plain(header): header for header in headers}
    found = {ours: [plain[name] for name in names if name in plain] for ours, names in COLUMNS.items()}
    return {ours: theirs[0] for ours, theirs in found.items() if theirs}


@dataclass(slots=True)
class _Cells:
    """One row's cells by our names; what cannot be read is noted and left out."""

    row: Row
    columns: Mapping[str, str]
    faults: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """Return a cell as text, "" where there is none."""
        value = self.row.cells.get(self.columns.get(name, ""))
        return "" if value is None or value != value else str(value).strip()

    def read(self, name: str, reader: Callable[[Any], _Read]) -> _Read | None:
        """Return what a reader makes of a cell, `None` where it is empty or cannot be read."""
        if not self.text(name):
            return None
        value = self.row.cells[self.columns[name]]
        try:
            return reader(value)
        except ChainflowError as error:
            self.faults.append(f"{self.columns[name]}: {error.message}; {error.hint}")
            return None

    def is_sum(self) -> bool:
        """Return whether the row is called a sum and names no payment, which would go unchecked."""
        names = ("hop", "path", "txid", "label")
        called = [self.text(name).lower().rstrip(":") in _SUMS for name in names]
        is_paying = any(map(self.text, _PAYING)) or (self.text("txid") and not called[2])
        return any(called) and not is_paying

    def where(self) -> tuple[str, str]:
        """Return the txid and the place that the row names, once or twice."""
        outpoint, txid, place = (
            self.read("outpoint", _outpoint), self.read("txid", _txid), self.read("place", _place)
        )  # fmt: skip
        if outpoint is None:
            return txid or "", place or ""
        if (txid or outpoint.txid, place or str(outpoint.vout)) != (outpoint.txid, str(outpoint.vout)):
            self.faults.append(f"the row names two payments: {txid or ''}:{place or ''} and {outpoint}")
        return txid or outpoint.txid, place or str(outpoint.vout)

    def amounts(self, name: str, unit: str) -> tuple[Amount, ...]:
        """Return an amount as it is stated: in base units, in coins, or both; a column can name its unit."""
        found = []
        for column, of in ((f"{name}_raw", "base"), (name, self.text("unit") or unit)):
            named = _UNIT.search(_plain(self.columns.get(column, "")))
            found.append(self.read(column, partial(Amount.parse, unit=of if named is None else named[1])))
        return tuple(one for one in found if one is not None)

    def words(self, name: str, known: frozenset[str]) -> frozenset[str]:
        """Return the words of a cell, which are those of a fixed vocabulary; others are a fault."""
        said = frozenset(re.findall(r"[^\s;,|]+", self.text(name).lower()))
        if said - known:
            what = ", ".join(sorted(said - known))[:80]
            self.faults.append(f"{self.columns[name]}: {what} is none of {', '.join(sorted(known))}")
        return said & known


def _hop(row: Row | RejectedRow, columns: Mapping[str, str], unit: str) -> ClaimedHop:
    if isinstance(row, RejectedRow):
        return ClaimedHop(row.line, row.text, faults=(row.reason,))
    cells = _Cells(row, columns)
    is_sum = cells.is_sum()
    path = cells.text("path")
    txid, place = ("", "") if is_sum else cells.where()
    return ClaimedHop(
        row.line,
        row.shown,
        path="" if is_sum and path.lower() in _SUMS else path,
        hop=None if is_sum else cells.read("hop", _number),
        chain=cells.text("chain").lower(),
        txid=txid,
        payers=_split(cells.text("from")),
        payees=_split(cells.text("to")),
        spends=cells.read("spends", _outpoint),
        place=place,
        amounts=cells.amounts("amount", unit),
        traced_amounts=cells.amounts("tainted", unit),
        asset=cells.text("asset"),
        moment=cells.read("time", Moment.parse),
        height=cells.read("height", _number),
        policy=cells.text("policy").lower(),
        through=cells.words("through", THROUGH),
        standing=cells.words("standing", STANDING),
        is_sum=is_sum,
        faults=tuple(cells.faults),
    )


def _plain(header: str) -> str:
    return re.sub(r"[^a-z0-9]", "", header.lower())


def _number(cell: object) -> int:
    is_grouped = isinstance(cell, str) and _GROUPED.fullmatch(cell.strip())
    number = whole(str(cell).replace(",", "") if is_grouped else cell)
    if number is None or number < 0:
        raise BadInput(f"{str(cell)[:40]!r} is no whole number", hint="digits only")
    return number


def _txid(cell: object) -> str:
    text = str(cell).strip().lower()
    if not is_txid(text.removeprefix("0x")):
        raise BadInput(f"{text[:80]!r} is no whole txid", hint="64 hex digits, none left out")
    return text


def _outpoint(cell: object) -> Outpoint:
    txid, _, vout = str(cell).strip().rpartition(":")
    if not (vout.isascii() and vout.isdigit() and len(vout) <= 10):
        raise BadInput(f"{str(cell)[:80]!r} is no outpoint", hint="txid:vout")
    return Outpoint(_txid(txid), int(vout))


def _place(cell: object) -> str:
    text = str(whole(cell) if whole(cell) is not None else cell).strip().lower()
    if not _PLACE.fullmatch(text):
        raise BadInput(f"{text[:40]!r} is no place", hint="the number of the output, log:12, native or fee")
    return text


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[;\s|]+", text) if part)


def _with_paths(hops: list[ClaimedHop]) -> Iterator[ClaimedHop]:
    """Yield the rows; where no path is named, one begins each time that the first hop number comes again."""
    first = next((hop.hop for hop in hops if hop.hop is not None), None)
    if any(hop.path for hop in hops):
        yield from hops
        return
    count, before = 1, first
    restarts = []
    for hop in hops:
        if (
            hop.hop is not None
            and hop.hop == first
            and before is not None
            and first is not None
            and before > first
        ):
            count += 1
        before = before if hop.hop is None else hop.hop
        restarts.append(count)
    for hop, number in zip(hops, restarts, strict=True):
        yield hop if count == 1 or hop.is_sum else replace(hop, path=f"path {number}")
