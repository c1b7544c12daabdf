"""The walk from the seeds along the money: best first, within limits, a function of the replies alone."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from chainflow import addresses
from chainflow.crawl.asker import Asker
from chainflow.errors import (
    BadInput,
    BadResponse,
    NotFound,
    OfflineMode,
    ProofFailed,
    SourceUnavailable,
)
from chainflow.model import AddressClaim, Fact, Listing, TxRecord, is_txid
from chainflow.progress import Progress

__all__ = ["LimitOptions", "Limits", "Walk"]

DIRECTIONS = ("forward", "backward", "both")
MOST_BATCHED = 50  # txids in one `/txs/outspends?txids=` (mempool/electrs)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to go.

    Attributes
    ----------
    hops : int
        1: the seeds' own histories; 2: also their counterparties'; …
    direction : {"forward", "backward", "both"}
        Follow payments made, payments received, or both, to the next address.
    max_txs : int
        Size guard: an address with more transactions is a service for this purpose and is not read (no
        further, where the source claims fewer than its pages give).
    budget : int or None
        The most requests that this call may send. The source's newest height is one of them, left out
        only where `budget` is 1; trying one request again after a failure does not count.
    spends : bool
        Ask for every output at the edge whether it is spent (costs a request per transaction, or one
        per fifty where the source takes batches).
    """

    hops: int = 1
    direction: str = "both"
    max_txs: int = 2_000
    budget: int | None = None
    spends: bool = False

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise BadInput(f"no direction {self.direction!r}", hint=f"one of {', '.join(DIRECTIONS)}")
        if self.hops < 1 or self.max_txs < 1 or (self.budget is not None and self.budget < 0):
            raise BadInput(
                "hops and max_txs are 1 or more, budget is 0 or more", hint="hops=1 reads only the seeds"
            )


class LimitOptions(TypedDict, total=False):
    """The keywords of `fetch` that say how far to go; meaning and defaults as in `Limits`."""

    hops: int
    direction: str
    max_txs: int
    budget: int | None
    spends: bool


@dataclass(slots=True)
class Walk:
    """The frontier of one fetch, best first: the address with the largest flow is read next."""

    asker: Asker
    limits: Limits
    stop: Container[str]
    report: Progress
    frontier: list[tuple[int, int, str, int]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    done: int = 0
    txs: dict[str, TxRecord] = field(default_factory=dict)
    not_followed: dict[str, str] = field(default_factory=dict)

    def run(self, seeds: Sequence[str]) -> None:
        """Read the seeds, then what they lead to, as far as the limits allow."""
        for seed in seeds:
            txid = seed.partition(":")[0]
            if txid in self.txs:
                continue  # another output of a transaction that was just read
            if is_txid(txid):
                self._read_transaction(seed)
            else:
                self._push(seed, value_sat=2**62, hop=1)
        while self.frontier:
            _, _, address, hop = heapq.heappop(self.frontier)
            self.report(self.done, len(self.frontier) + 1, address)
            try:
                self._read_address(address, hop, is_seed=address in seeds)
            except (NotFound, BadResponse, ProofFailed) as error:
                # one strange neighbour must not make the rest unreachable; what was said of it is in the log
                if address in seeds:
                    raise
                self.not_followed[address] = _refusal(error)
            self.done += 1
        if self.limits.spends:
            self._read_spends(sorted(self.txs))
        self.report(self.done, 0, "done")

    def _push(self, address: str, *, value_sat: int, hop: int) -> None:
        if address not in self.seen:
            self.seen.add(address)
            heapq.heappush(self.frontier, (-value_sat, len(self.seen), address, hop))

    def _read_transaction(self, seed: str) -> None:
        txid = seed.partition(":")[0]
        source = self.asker.source
        facts = self.asker.ask(source.tx_path(txid), is_final=_is_confirmed)
        if facts is None:
            self._leave(seed, is_seed=True)
            return
        self._learn(facts, hop=1, around=None)
        self._read_outspends([txid])

    def _read_address(self, address: str, hop: int, *, is_seed: bool) -> None:
        claim = self._claim(address)
        if claim is None and self.asker.dry_run:
            self.asker.ask(self.asker.source.history_path(address, ""))
            return
        claimed = None if claim is None else claim.tx_count + claim.unconfirmed
        if self._leave_service(address, claimed or 0):
            return
        txs: dict[str, TxRecord] = {}
        try:
            for page in self._pages(address, claimed):
                if page is None:
                    self._leave(address, is_seed=is_seed)
                    break
                txs |= {fact.txid: fact for fact in page if isinstance(fact, TxRecord)}
                if self._leave_service(address, len(txs)):
                    return
        except SourceUnavailable as error:
            of = "" if claimed is None else f" of {claimed:,}"
            error.message += f" Nothing was lost: {len(txs):,}{of} transactions of {address} are saved."
            error.args = (error.message,)
            error.hint = "run the same fetch again: it goes on where it stopped"
            raise
        self._learn(txs.values(), hop=hop, around=address)

    def _leave_service(self, address: str, txs: int) -> bool:
        """Note an address with more transactions than are read, and return whether it is one."""
        if txs > self.limits.max_txs:
            self.not_followed[address] = f"{txs:,} transactions, more than max_txs={self.limits.max_txs:,}"
        return txs > self.limits.max_txs

    def _claim(self, address: str) -> AddressClaim | None:
        facts = self.asker.ask(self.asker.source.address_path(address))
        return next((fact for fact in facts or () if isinstance(fact, AddressClaim)), None)

    def _pages(self, address: str, claimed: int | None) -> Iterator[list[Fact] | None]:
        """Yield the pages of a history, newest first, to one that is the last.

        A page is the last if it brings nothing new, or says so while exactly as many transactions came
        as were claimed: a claim may be old or false, and alone it ends nothing. `None` ends the walk
        where a page is not known and may not be asked. The cursor is the last confirmed txid, never a
        number: pages shift when a transaction arrives.
        """
        got: set[str] = set()
        after = ""
        while True:
            page = self.asker.ask(self.asker.source.history_path(address, after))
            yield page
            if page is None:
                return
            listing = next(fact for fact in page if isinstance(fact, Listing))
            confirmed = [fact.txid for fact in page if isinstance(fact, TxRecord) and fact.height is not None]
            fresh = set(listing.txids) - got
            got |= fresh
            is_last = listing.complete and claimed in (None, len(got))
            if is_last or listing.is_refused or not fresh or not confirmed:
                return
            after = confirmed[-1]

    def _leave(self, subject: str, *, is_seed: bool) -> None:
        if self.asker.offline and is_seed and not self.asker.dry_run:
            raise OfflineMode(
                f"{subject} is not (completely) in the case and asking is switched off",
                hint="open the case with a source and offline=False to fetch it",
            )
        self.not_followed[subject] = self.asker.refusal

    def _learn(self, facts: Iterable[Fact], *, hop: int, around: str | None) -> None:
        """Take in transactions and queue the addresses they lead to."""
        flows: dict[str, int] = {}
        for tx in (fact for fact in facts if isinstance(fact, TxRecord)):
            self.txs[tx.txid] = tx
            for address, value in self._neighbours(tx, around):
                flows[address] = flows.get(address, 0) + value
        if hop >= self.limits.hops:
            return
        for address, value in flows.items():
            if address in self.stop:
                self.not_followed.setdefault(address, "stop: tagged")
            else:
                self._push(address, value_sat=value, hop=hop + 1)

    def _neighbours(self, tx: TxRecord, around: str | None) -> Iterator[tuple[str, int]]:
        chain = self.asker.source.chain
        paid = [
            (_address(i.prevout.script, chain), i.prevout.value_sat)
            for i in tx.inputs
            if i.prevout is not None
        ]
        received = [(_address(output.script, chain), output.value_sat) for output in tx.outputs]
        pays = around is None or around in {address for address, _ in paid}
        is_paid = around is None or around in {address for address, _ in received}
        if pays and self.limits.direction in ("forward", "both"):
            yield from ((address, value) for address, value in received if address and address != around)
        if is_paid and self.limits.direction in ("backward", "both"):
            yield from ((address, value) for address, value in paid if address and address != around)

    def _read_spends(self, txids: Sequence[str]) -> None:
        """Ask who spends the outputs of all transactions; in batches where the source takes them."""
        size = MOST_BATCHED if len(txids) > 1 else 1
        for start in range(0, len(txids), size):
            self._read_outspends(txids[start : start + size])

    def _read_outspends(self, txids: Sequence[str]) -> None:
        path = self.asker.source.outspends_path
        if len(txids) > 1 and self.asker.batches:
            try:
                if self.asker.ask(path(txids)) is not None or self.asker.dry_run:
                    return
            except (NotFound, BadResponse, ProofFailed):
                self.asker.batches = False  # an Esplora without mempool's extra end points
        for txid in txids:
            try:
                if self.asker.ask(path([txid])) is None:
                    self.not_followed[txid] = f"its spends were not asked: {self.asker.refusal}"
            except (NotFound, BadResponse, ProofFailed) as error:
                self.not_followed[txid] = f"its spends: {_refusal(error)}"


def _refusal(error: NotFound | BadResponse | ProofFailed) -> str:
    what = "the source declines" if isinstance(error, NotFound) else "the source's answer was refused"
    return f"{what}: {error.message}"


def _is_confirmed(known: Sequence[Fact]) -> bool:
    return all(fact.height is not None for fact in known if isinstance(fact, TxRecord))


def _address(script: str, chain: str) -> str | None:
    return addresses.address_of(bytes.fromhex(script), chain)
