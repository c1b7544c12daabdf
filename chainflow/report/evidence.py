"""From a figure back to the replies behind it: log entries as rows, what they speak of, how rows name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chainflow import addresses, units
from chainflow.errors import ChainflowError
from chainflow.evidence import Event, Log
from chainflow.ledger import Ledger
from chainflow.model import (
    AddressClaim,
    Fact,
    Listing,
    SpendRecord,
    TokenRecord,
    TransferRecord,
    TxOutline,
    TxRecord,
)

__all__ = ["Entry", "entries_about", "entry_of", "log_names", "named_only"]

_KINDS = ("fetch", "reject")
_SHORT = 12
"""Signs of a SHA-256 beside a row; the table of evidence holds it whole."""
_MOST = 6
"""Log entries that are named beside one row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A reply, a file or a refusal as the log names it.

    `error` says why no usable answer came; `status` is `None` and `sha256` "" where none came at all.
    `files` are (name, SHA-256) of the files in a bundle; `rejected` counts the rows that were not used.
    """

    seq: int
    time: datetime
    host: str
    source: str
    url: str
    status: int | None
    sha256: str
    size: int
    error: str = ""
    files: tuple[tuple[str, str], ...] = ()
    rejected: int = 0

    @property
    def is_file(self) -> bool:
        """Whether it was imported, not asked for."""
        return not self.host and not self.error

    @property
    def state(self) -> str:
        """Whether it was used, for people."""
        answer = "no answer" if self.status is None else f"{self.status}"
        if self.is_file:
            return f"imported, {self.rejected:,} rows not used" if self.rejected else "imported"
        return f"{answer}, refused: {self.error}" if self.error else answer


def entry_of(event: Event) -> Entry:
    """Return what a logged reply, file or refusal is; what an entry does not say is empty."""
    content = event.content
    rejected = content.get("rejected", 0)
    return Entry(
        event.seq,
        units.to_utc(event.time // 1000),
        str(content["host"]),
        str(content.get("source") or content["host"]),
        str(content["url"]),
        content["status"],
        str(content.get("sha256", "")),
        int(content["size"]),
        str(content.get("error", "")),
        tuple(_files(content.get("files"))),
        rejected if isinstance(rejected, int) else 0,
    )


def _files(listed: Any) -> Iterator[tuple[str, str]]:
    for pair in listed if isinstance(listed, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            yield str(pair[0]), str(pair[1])


def entries_about(log: Log, name: str = "") -> list[Entry]:
    """Return the replies, files and refusals that speak of a txid or an address; without one, all.

    A reply speaks of it if a fact that was read from it does, or if it was asked about it.
    """
    events = list(log.events(*_KINDS))
    if not name:
        return [entry_of(event) for event in events]
    known = _Name(name)
    told = {origin.seq for fact, origin in log.statements() if known.is_in(fact)}
    return [
        entry_of(event)
        for event in events
        if event.seq in told or known.text in map(_canonical, str(event.content["subject"]).split(","))
    ]


def _canonical(name: str) -> str:
    return name.lower() if name.lower().startswith(("0x", "bc1", "tb1", "ltc1")) else name


class _Name:
    """A txid or an address, and its scripts on the chains that have any."""

    def __init__(self, name: str) -> None:
        self.text = _canonical(name.strip())
        self._scripts: dict[str, str] = {}

    def _script(self, chain: str) -> str:
        if chain not in self._scripts:
            try:
                self._scripts[chain] = addresses.decode(self.text, chain=chain).script.hex()
            except ChainflowError:  # a txid, or an address of another chain
                self._scripts[chain] = ""
        return self._scripts[chain]

    def is_in(self, fact: Fact) -> bool:
        """Return whether a fact speaks of it."""
        match fact:
            case TxRecord():
                names = {fact.txid, *(given.outpoint.txid for given in fact.inputs)}
                scripts = {output.script for output in fact.outputs}
                scripts |= {given.prevout.script for given in fact.inputs if given.prevout is not None}
                return self.text in names or (self._script(fact.chain) or "-") in scripts
            case TxOutline():
                outputs = (*(fact.outputs or ()), *(fact.prevouts or ()))
                scripts = {output.script for output in outputs}
                return self.text == fact.txid or (self._script(fact.chain) or "-") in scripts
            case TransferRecord():
                parties = (fact.txid, fact.sender, fact.recipient, fact.contract)
                return self.text in parties
            case SpendRecord():
                return self.text in (fact.outpoint.txid, fact.spent_by)
            case Listing():
                return self.text == fact.address or self.text in fact.txids
            case AddressClaim():
                return self.text == fact.address
            case TokenRecord():
                return self.text == fact.contract
        return self.text == getattr(fact, "txid", None)


def log_names(ledger: Ledger) -> dict[tuple[str, str], tuple[tuple[int, ...], str]]:
    """Map (chain, txid) to the log entries that state it: their numbers, and these as a row names them."""
    found: dict[tuple[str, str], dict[tuple[int, str], None]] = {}
    for row in ledger.evidence.to_pylist():
        found.setdefault((row["chain"], row["txid"]), {})[row["seq"], row["sha256"]] = None
    return {key: (tuple(seq for seq, _ in named), _named(sorted(named))) for key, named in found.items()}


def _named(replies: list[tuple[int, str]]) -> str:
    told = [f"{seq or 'file'} ({sha256[:_SHORT]}…)" for seq, sha256 in replies[:_MOST]]
    more = f" and {len(replies) - _MOST:,} more" if len(replies) > _MOST else ""
    return ", ".join(told) + more


def named_only(ledger: Ledger) -> dict[tuple[int, str], int]:
    """Map (log number, URL or file name) to how many transactions it names that nothing in evidence holds."""
    columns = (
        table[name].to_pylist() for table in (ledger.txs, ledger.transfers) for name in ("chain", "txid")
    )
    chains, txids, others, hashes = columns
    held = {*zip(chains, txids, strict=True), *zip(others, hashes, strict=True)}
    return _counted(
        (row["seq"], row["url"])
        for row in ledger.evidence.to_pylist()
        if (row["chain"], row["txid"]) not in held
    )


def _counted(keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for key in keys:
        found[key] = found.get(key, 0) + 1
    return dict(sorted(found.items()))
