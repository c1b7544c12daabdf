"""Asking for what is known already: another source about the same transactions, and proofs of their blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chainflow import cards
from chainflow.crawl import anchoring
from chainflow.crawl.asker import Asker
from chainflow.crawl.fetching import ledger_of
from chainflow.crawl.history import History
from chainflow.crawl.reading import Reading
from chainflow.errors import BadInput
from chainflow.evidence import Log
from chainflow.hosts import server_of
from chainflow.ledger import Ledger
from chainflow.ledger.levels import INCLUDED, RECOMPUTED, host_of
from chainflow.model import TxRecord
from chainflow.progress import Progress
from chainflow.sources import Source

__all__ = ["CrossCheck", "Proved", "cross_check", "prove"]


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """Two sources about the same transactions: what both say alike, what differs, what one did not give.

    `compared` is how many transactions the other source gave; where it is 0, nothing was checked at all.
    """

    ledger: Ledger
    host: str
    agreed: tuple[str, ...]
    disputed: tuple[tuple[str, str, str, str], ...]
    not_given: tuple[tuple[str, str], ...]
    compared: int

    def __repr__(self) -> str:
        if not self.compared:
            return f"<CrossCheck with {self.host}: nothing was compared, {len(self.not_given):,} not given>"
        return (
            f"<CrossCheck with {self.host}: {len(self.agreed):,} agree, {len(self.disputed):,} statement(s) "
            f"disputed, {len(self.not_given):,} not given>"
        )

    def _repr_html_(self) -> str:
        agree = f"{len(self.agreed):,} transactions" if self.compared else "nothing was compared"
        rows = [("agree", agree), ("not given", f"{len(self.not_given):,}")]
        names = ("txid", "what", "used", "refused")
        table = cards.table(names, self.disputed) if self.disputed else ""
        return cards.card(f"Cross-check with {self.host}", rows) + table


@dataclass(frozen=True, slots=True)
class Proved:
    """How well the transactions are known after their proofs were asked for."""

    ledger: Ledger
    levels: dict[int, int]
    left: tuple[tuple[str, str], ...]


def cross_check(
    log: Log,
    source: Source,
    txids: Collection[str] | None = None,
    *,
    budget: int | None = None,
    progress: Progress | None = None,
) -> CrossCheck:
    """Ask another source for transactions that are held, and say where it says otherwise.

    Every reply is written to the log; the ledger that is built from it lists each difference as a
    dispute, and leaves a transaction on whose content two hosts differ out of every total.

    Parameters
    ----------
    txids : collection of str, optional
        By default all that the log holds.

    Raises
    ------
    BadInput
        If this server, or its public host, gave them in the first place: asking it again checks nothing.
    """
    before = ledger_of(log)
    chosen = _held(before, txids)
    told = zip(before.evidence["txid"].to_pylist(), before.evidence["source"].to_pylist(), strict=True)
    server = server_of(source.host, source.name)
    others = {txid for txid, name in told if server_of(host_of(name), name) != server}
    if chosen and not others.intersection(chosen):
        raise BadInput(
            f"everything in this case comes from {server}",
            hint="check it with another operator's source",
        )
    asker = Asker(log, [source], offline=False, refresh=False, dry_run=False, budget=budget)
    reading, report = Reading(asker, source), progress or (lambda done, left, what: None)
    given: set[str] = set()
    not_given = {txid: f"{server} alone gave it" for txid in chosen if txid not in others}
    chosen = [txid for txid in chosen if txid in others]
    step = max(1, source.most_txids)
    for start in range(0, len(chosen), step):
        report(start, len(chosen) - start, server)
        batch = chosen[start : start + step]
        found = History()
        not_given |= reading.each(batch, found)
        given |= found.known
    ledger = ledger_of(log)
    rows = ledger.to_pandas("disputes")
    rows = rows[rows["txid"].isin(chosen)]
    disputed = tuple(rows[["txid", "field", "used", "refused"]].itertuples(index=False, name=None))
    agreed = tuple(sorted(given - {row[0] for row in disputed}))
    left = tuple(sorted(not_given.items()))
    return CrossCheck(ledger, server, agreed, disputed, left, compared=len(given.intersection(chosen)))


def prove(
    log: Log,
    source: Source,
    txids: Collection[str] | None = None,
    *,
    budget: int | None = None,
    anchor: bool = False,
) -> Proved:
    """Ask for the merkle branch and the header of transactions that are held, and build the ledger anew.

    Parameters
    ----------
    txids : collection of str, optional
        By default all that are confirmed and below level 3; with `anchor`, below level 4.
    anchor : bool
        Ask for the headers up to a shipped checkpoint, too, if that takes at most 50 requests, or as many as
        `budget` leaves; `left` says how many it would take.

    Raises
    ------
    BadInput
        If all that is held are transfers between accounts: no proof of theirs is in this version.
    """
    before = ledger_of(log)
    before.refuse_accounts("proving blocks of")
    chosen = set(_held(before, txids))
    asker = Asker(log, [source], offline=False, refresh=False, dry_run=False, budget=budget)
    rows = before.txs.select(["chain", "txid", "height", "block_hash", "level"]).to_pylist()
    records = [
        TxRecord(row["chain"], row["txid"], (), (), height=row["height"], block_hash=row["block_hash"])
        for row in rows
        if row["txid"] in chosen and row["height"] is not None and row["level"] < 3
    ]
    left = Reading(asker, source).proofs(records)
    ledger = ledger_of(log)
    if anchor:
        unproved = {txid for subject in left for txid in subject.split(",")}
        left |= anchoring.anchor(asker, source, _unanchored(ledger, source.chain, chosen - unproved))
        ledger = ledger_of(log)
    return Proved(ledger, ledger.levels, tuple(sorted(left.items())))


def _unanchored(ledger: Ledger, chain: str, txids: Collection[str]) -> dict[int, str]:
    """Return the blocks (height → hash) whose headers may still raise transactions to level 4.

    Level 2 counts, too: there may be a branch whose header has work that only a checkpoint can vouch for.
    """
    rows = ledger.txs.select(["chain", "txid", "height", "block_hash", "level"]).to_pylist()
    return {
        row["height"]: row["block_hash"] or ""
        for row in rows
        if row["chain"] == chain and row["txid"] in txids
        if row["height"] is not None and RECOMPUTED <= row["level"] <= INCLUDED
    }


def _held(ledger: Ledger, txids: Iterable[str] | None) -> Sequence[str]:
    """Return the chosen txids, sorted; each must be in the ledger."""
    held = {*ledger.txs["txid"].to_pylist(), *ledger.transfers["txid"].to_pylist()}
    held = {txid for txid in held if not txid.startswith("block:")}
    chosen = held if txids is None else set(txids)
    if strangers := sorted(chosen - held):
        raise BadInput(f"{strangers[0]} is not in this case", hint="fetch it first")
    return sorted(chosen)
