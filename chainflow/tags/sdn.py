"""OFAC's SDN list as XML: `sdn.xml` (sdnEntry, idList) and `sdn_advanced.xml` (DistinctParty, Feature).

Elements are matched by their local names, because the namespaces have changed before; tickers are taken
from the file. One record is held at a time, so that memory does not grow with the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from chainflow.errors import TagFileRejected
from chainflow.tags.ofac import ofac_row
from chainflow.tags.rows import Parsed, Row

__all__ = ["read_sdn"]

_KIND = "Digital Currency Address - "


@dataclass(slots=True)
class _Element:
    """An XML element with the line it begins on."""

    name: str
    attributes: dict[str, str]
    line: int
    children: list[_Element] = field(default_factory=list)
    text: str = ""

    def walk(self, name: str) -> Iterator[_Element]:
        """Yield the elements of that local name below this one, in document order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.walk(name)

    def first(self, name: str) -> str:
        """Return the text of the first child of that name, "" where there is none."""
        return next((child.text.strip() for child in self.children if child.name == name), "")


_RECORDS = frozenset(
    {"FeatureType", "DateOfIssue", "Publish_Date", "DistinctParty", "SanctionsEntry", "sdnEntry"}
)
_MAX_DEPTH = 64


class _Records:
    """A parser target that keeps one record at a time and hands it on: memory does not grow with the file."""

    def __init__(self) -> None:
        self.parser: DefusedXMLParser = None
        self.open: list[_Element] = []
        self.depth = 0
        self.done: list[_Element] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        name = tag.rpartition("}")[2]
        if self.depth > _MAX_DEPTH:
            raise ParseError(f"nested deeper than {_MAX_DEPTH}")
        if not self.open and name not in _RECORDS:
            return
        element = _Element(name, dict(attributes), self.parser.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(element)
        self.open.append(element)

    def data(self, text: str) -> None:
        if self.open:
            self.open[-1].text += text

    def end(self, tag: str) -> None:
        del tag
        self.depth -= 1
        if self.open:
            closed = self.open.pop()
            if not self.open:
                self.done.append(closed)

    def close(self) -> None:
        """Finish: everything was handed on."""


def _records(content: bytes, *, name: str) -> Iterator[_Element]:
    target = _Records()
    target.parser = parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        for begin in range(0, len(content), 1 << 16):
            parser.feed(content[begin : begin + (1 << 16)])
            yield from target.done
            target.done.clear()
        parser.close()
        yield from target.done
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        what = type(error).__name__ if isinstance(error, DefusedXmlException) else str(error)
        raise TagFileRejected(
            f"{name} is not XML that can be read: {what}", hint="download it again"
        ) from None


@dataclass(frozen=True, slots=True)
class _Listing:
    """One address as a record states it; `profile` names the entry that tells the programs, "" if they are here."""

    line: int
    address: str
    ticker: str
    label: str
    uid: str
    programs: tuple[str, ...] = ()
    profile: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a `SanctionsEntry` says of its profile."""

    programs: tuple[str, ...] = ()
    listed: str = ""


def _of_entry(entry: _Element) -> Iterator[_Listing]:
    """Yield the addresses of one `sdnEntry` of sdn.xml."""
    label = " ".join(filter(None, (entry.first("firstName"), entry.first("lastName"))))
    programs = tuple(sorted({program.text.strip() for program in entry.walk("program")}))
    for identity in entry.walk("id"):
        kind, address = identity.first("idType"), identity.first("idNumber")
        if kind.startswith(_KIND):
            ticker = kind.removeprefix(_KIND).strip()
            yield _Listing(identity.line, address, ticker, label, entry.first("uid"), programs)


def _party_name(party: _Element) -> str:
    """Return the primary name: the first spelling of the primary alias."""
    primary = next(
        (alias for alias in party.walk("Alias") if alias.attributes.get("Primary") == "true"), None
    )
    spelling = next(primary.walk("DocumentedName"), None) if primary else None
    return " ".join(part.text.strip() for part in spelling.walk("NamePartValue")) if spelling else ""


def _of_party(party: _Element, tickers: dict[str, str]) -> Iterator[_Listing]:
    """Yield the addresses of one `DistinctParty` of sdn_advanced.xml."""
    label, uid = _party_name(party), party.attributes.get("FixedRef", "")
    for profile in party.walk("Profile"):
        for feature in profile.walk("Feature"):
            ticker = tickers.get(feature.attributes.get("FeatureTypeID", ""))
            for detail in feature.walk("VersionDetail") if ticker is not None else ():
                address, profile_id = detail.text.strip(), profile.attributes.get("ID", "")
                yield _Listing(detail.line, address, ticker or "", label, uid, profile=profile_id)


def _sanctions(entry: _Element) -> _Entry:
    """Return the programs of a `SanctionsEntry` and the first date it names."""
    programs = {measure.first("Comment") for measure in entry.walk("SanctionsMeasure")} - {""}
    dates = sorted(filter(None, (_iso(date) for date in entry.walk("Date"))))
    return _Entry(tuple(sorted(programs)), dates[0] if dates else "")


def _iso(element: _Element) -> str:
    """Return `Year`, `Month` and `Day` as ISO text, "" where one is missing."""
    parts = [element.first(name) for name in ("Year", "Month", "Day")]
    return "{:0>4}-{:0>2}-{:0>2}".format(*parts) if all(part.isdigit() for part in parts) else ""


def read_sdn(content: bytes, *, name: str) -> Parsed:
    """Return the rows of OFAC's `sdn.xml` or `sdn_advanced.xml`.

    The entity's name is the label; its UID, its programs, the ticker and, where the file tells it, the date
    of its listing are the context; the date of the list is the date.

    Raises
    ------
    TagFileRejected
        If the XML is broken, has a document type declaration, or names no digital-currency address: an
        SDN list without any is a sign that its form has changed.
    """
    tickers: dict[str, str] = {}
    entries: dict[str, _Entry] = {}
    found: list[_Listing] = []
    list_date = ""
    for record in _records(content, name=name):
        if record.name == "FeatureType" and record.text.strip().startswith(_KIND):
            tickers[record.attributes.get("ID", "")] = record.text.strip().removeprefix(_KIND).strip()
        elif record.name == "DateOfIssue":
            list_date = _iso(record)
        elif record.name == "Publish_Date":  # 04/05/2022: the American order
            list_date = re.sub(r"(\d\d)/(\d\d)/(\d{4})", r"\3-\1-\2", record.text.strip())
        elif record.name == "sdnEntry":
            found += _of_entry(record)
        elif record.name == "DistinctParty":
            found += _of_party(record, tickers)
        elif record.name == "SanctionsEntry":
            entries[record.attributes.get("ProfileID", "")] = _sanctions(record)
    if not found:
        raise TagFileRejected(
            f"{name} names no digital-currency address", hint="is it OFAC's sdn_advanced.xml?"
        )
    return Parsed(rows=[(listing.line, _row(listing, entries, list_date)) for listing in found])


def _row(listing: _Listing, entries: dict[str, _Entry], list_date: str) -> Row:
    # The advanced form names programs only after all parties, so rows are made at the end.
    entry = entries.get(listing.profile, _Entry()) if listing.profile else _Entry(listing.programs)
    context: dict[str, object] = {"uid": listing.uid, "programs": list(entry.programs)}
    if entry.listed:
        context["listed"] = entry.listed
    return ofac_row(listing.address, listing.ticker, label=listing.label, context=context, date=list_date)
