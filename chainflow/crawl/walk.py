"""The walk from the seeds along the money: best first, within limits, a function of the replies alone."""

from __future__ import annotations

import functools
import heapq
import operator
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chainflow import addresses
from chainflow.crawl.asker import Asker
from chainflow.crawl.history import History
from chainflow.crawl.limits import Limits
from chainflow.crawl.reading import Reading, said
from chainflow.errors import BadResponse, NotFound, OfflineMode, ProofFailed
from chainflow.model import SpendRecord, TransferKind, TransferRecord, TxRecord, is_txid
from chainflow.progress import Progress
from chainflow.sources import Source

__all__ = ["Walk", "is_transaction"]

_SEED_VALUE = 2**256


def is_transaction(name: str) -> bool:
    """Return whether a seed names a transaction: a txid, with or without the 0x of EVM chains."""
    return is_txid(name.removeprefix("0x"))


@dataclass(slots=True)
class Walk:
    """The frontier of one fetch, best first: what carries the largest flow is read next."""

    asker: Asker
    limits: Limits
    stop: Container[str]
    report: Progress
    frontier: list[tuple[int, int, str, int]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    done: int = 0
    txs: dict[str, TxRecord] = field(default_factory=dict)
    touching: dict[str, set[str]] = field(default_factory=dict)
    not_followed: dict[str, str] = field(default_factory=dict)

    def run(self, seeds: Sequence[str]) -> None:
        """Read the seeds, then what they lead to, as far as the limits allow."""
        for seed in seeds:
            name = seed.partition(":")[0]
            if name == "block":
                self._read_blocks(seed)
            elif is_transaction(name):
                self.read_transaction(seed)
            else:
                self._push(seed, value=_SEED_VALUE, hop=1)
        while self.frontier:
            if self.frontier[0][2].startswith("tx:"):
                self._follow_coins()
                continue
            _, _, address, hop = heapq.heappop(self.frontier)
            self.report(self.done, len(self.frontier) + 1, address)
            try:
                self.read_address(address, hop, is_seed=address in seeds)
            except (NotFound, BadResponse, ProofFailed) as error:
                # one strange neighbour must not make the rest unreachable; what was said of it is in the log
                if address in seeds:
                    raise
                self.not_followed[address] = said(error)
            self.done += 1
        if self.limits.spends:
            self._note(self.spends(sorted(self.txs))[1])
        if self.limits.proofs:
            held = sorted(self.txs.values(), key=lambda tx: tx.txid)
            self._note(self.asker.first("proofs", lambda source: Reading(self.asker, source).proofs(held)))
        self.report(self.done, 0, "done")

    def _note(self, left: dict[str, str]) -> None:
        self.not_followed |= left

    def spends(self, txids: Sequence[str]) -> tuple[dict[str, list[SpendRecord]], dict[str, str]]:
        """Return what spent the outputs of these; each source is asked for what those before did not tell."""
        told: dict[str, list[SpendRecord]] = {}

        def read(source: Source) -> dict[str, str]:
            return Reading(self.asker, source).outspends(txids, told)

        left = self.asker.first("spends", read, is_whole=operator.not_)
        return told, {txid: why for txid, why in left.items() if txid not in told}

    def transactions(self, txids: Sequence[str]) -> tuple[History, dict[str, str]]:
        """Return transactions in the same way, and why some are not among them."""
        found = History()

        def read(source: Source) -> dict[str, str]:
            return Reading(self.asker, source).each(txids, found)

        left = self.asker.first("transactions", read, is_whole=operator.not_)
        return found, {txid: why for txid, why in left.items() if txid not in found.known}

    def _push(self, name: str, *, value: int, hop: int) -> None:
        # what was reached again in fewer hops leads further: its answers are known, only the walk is made again
        if hop < self.seen.get(name, hop + 1):
            self.seen[name] = hop
            heapq.heappush(self.frontier, (-value, len(self.seen), name, hop))

    # --- addresses -----------------------------------------------------------------------------

    def read_address(self, address: str, hop: int, *, is_seed: bool) -> None:
        """Read the history of an address, and queue what it leads to where `hop` is not the last."""
        expected = self.touching.get(address, set())
        is_counted = is_seed or self.limits.counts

        def read(source: Source) -> History:
            most = self.limits.max_txs
            reading = Reading(self.asker, source)
            return reading.history(address, expected=expected, most=most, is_counted=is_counted)

        # a node without an index, a window of 10,000 rows: perhaps the next source has the rest; and offline,
        # what another source gave counts as much as what the first one did
        found = self.asker.first(
            address,
            read,
            is_whole=lambda one: not (one.is_cut or one.refused or (one.left and self.asker.offline)),
            is_held=lambda one: one.is_held,
        )
        if found.is_service:
            most = f"more than max_txs={self.limits.max_txs:,}"
            self.not_followed[address] = f"{found.size:,} transactions, {most}"
            return
        if found.left:
            self._leave(address, is_missing=is_seed and not found.is_held)
        self._note({f"{address} ({which})": why for which, why in found.refused.items()})
        self._learn(found, hop=hop, around=address)

    def _leave(self, subject: str, *, is_missing: bool) -> None:
        """Note that not all of it was read; `is_missing` says that it is a seed of which nothing is held."""
        if self.asker.offline and is_missing and not self.asker.dry_run:
            raise OfflineMode(
                f"{subject} is not in the case and asking is switched off",
                hint="open the case with a source and offline=False to fetch it",
            )
        self.not_followed[subject] = self.asker.refusal

    def _learn(self, found: History, *, hop: int, around: str | None) -> None:
        """Take in what was read and queue what it leads to."""
        self.txs |= found.txs
        flows: dict[str, int] = {}
        moved = [_flows_of(tx) for tx in found.txs.values()] + [
            _flows_of_transfer(one) for one in found.transfers
        ]
        for txid, paid, received in moved:
            for address, _ in (*paid, *received):
                self.touching.setdefault(address, set()).add(txid)
            for address, value in self._neighbours(paid, received, around):
                flows[address] = flows.get(address, 0) + value
        if self.limits.follow == "coins" and found.txs:
            self._queue_coins(found.txs.values(), hop=hop, around=around)
        elif hop < self.limits.hops:
            for address, value in flows.items():
                if address in self.stop:
                    self.not_followed.setdefault(address, "stop: tagged")
                else:
                    self._push(address, value=value, hop=hop + 1)

    def _neighbours(
        self, paid: Sequence[tuple[str, int]], received: Sequence[tuple[str, int]], around: str | None
    ) -> Iterator[tuple[str, int]]:
        pays = around is None or around in {address for address, _ in paid}
        is_paid = around is None or around in {address for address, _ in received}
        if pays and self.limits.is_forward:
            yield from ((address, value) for address, value in received if address != around)
        if is_paid and self.limits.is_backward:
            yield from ((address, value) for address, value in paid if address != around)

    # --- transactions and blocks ---------------------------------------------------------------

    def read_transaction(self, seed: str) -> None:
        """Read the transaction of a seed (txid or outpoint) and queue what it leads to."""
        txid, _, vout = seed.partition(":")
        only = int(vout) if vout else None
        if txid not in self.txs:
            found = self.asker.first(
                txid,
                lambda source: Reading(self.asker, source).transactions([txid]),
                is_whole=lambda one: not (one.left and self.asker.offline),
                is_held=lambda one: bool(one.known),
            )
            if found.left:
                self._leave(seed, is_missing=not found.known)
                if not (self.asker.offline and found.known):
                    return
            self.txs |= found.txs
            if self.limits.follow == "addresses" or not found.txs:
                self._learn(found, hop=1, around=None)
                self._note(self.spends(list(found.txs))[1])
        if txid in self.txs:
            if only is not None and only >= len(self.txs[txid].outputs):
                self.not_followed[seed] = "the transaction has no such output"
            elif self.limits.follow == "coins":
                self._queue_coins([self.txs[txid]], hop=0, around=None, only=only)

    def _read_blocks(self, seed: str) -> None:
        first, _, last = seed.removeprefix("block:").partition("-")
        heights = range(int(first), int(last or first) + 1)
        for height in heights:
            self.report(self.done, len(heights) - self.done, f"block {height}")
            read = functools.partial(self._block, height)
            found, left = self.asker.first(f"block {height}", read, is_whole=lambda one: not one[1])
            if left:
                self.not_followed[f"block:{height}"] = left
            self.txs |= found.txs
            self.done += 1

    def _block(self, height: int, source: Source) -> tuple[History, str]:
        return Reading(self.asker, source).block(height)

    # --- coins ---------------------------------------------------------------------------------

    def _queue_coins(
        self, txs: Iterable[TxRecord], *, hop: int, around: str | None, only: int | None = None
    ) -> None:
        """Queue the transactions whose coins are to be followed, with the value that they carry."""
        if hop >= self.limits.hops:
            return
        for tx in txs:
            if self.limits.is_forward and self._pays(tx, around):
                values = [
                    output.value_sat
                    for vout, output in enumerate(tx.outputs)
                    if only in (None, vout) and not self._stops(tx.chain, output.script)
                ]
                name = f"tx:{tx.txid}" if only is None else f"tx:{tx.txid}:{only}"
                if values:
                    self._push(name, value=max(values), hop=hop)
            if self.limits.is_backward and self._is_paid(tx, around):
                for spent in tx.inputs:
                    value = 0 if spent.prevout is None else spent.prevout.value_sat
                    self._push(f"tx:<{spent.outpoint.txid}", value=value, hop=hop)

    def _pays(self, tx: TxRecord, around: str | None) -> bool:
        return around is None or around in {address for address, _ in _flows_of(tx)[1]}

    def _is_paid(self, tx: TxRecord, around: str | None) -> bool:
        return around is None or around in {address for address, _ in _flows_of(tx)[2]}

    def _stops(self, chain: str, script: str) -> bool:
        """Return whether the coins of an output are not followed: it can never be spent, or it is listed."""
        raw = bytes.fromhex(script)
        address = addresses.address_of(raw, chain)
        if address is not None and address in self.stop:
            self.not_followed.setdefault(address, "stop: tagged")
            return True
        return addresses.script_type(raw) == "op_return"

    def _follow_coins(self) -> None:
        """Read the transactions that spend, or made, the best queued coins: one question for many of them."""
        batch = [heapq.heappop(self.frontier)]
        most = max((source.most_spends for source in self.asker.alive), default=1)
        while self.frontier and self.frontier[0][2].startswith("tx:") and len(batch) < most:
            batch.append(heapq.heappop(self.frontier))
        self.report(self.done, len(self.frontier) + len(batch), f"{len(batch)} transactions")
        named = [(value, hop, name.removeprefix("tx:")) for value, _, name, hop in batch]
        hops = {name: hop for _, hop, name in named}
        wanted = {name[1:]: (-value, hops[name]) for value, _, name in named if name.startswith("<")}
        asked = {name: hop for name, hop in hops.items() if not name.startswith("<")}
        if asked:
            self._add_spenders(asked, wanted)
        best = sorted(wanted, key=lambda txid: (-wanted[txid][0], txid))
        found, left = self.transactions([txid for txid in best if txid not in self.txs])
        self._note(left)
        self.txs |= found.txs
        for txid in best:
            if txid in self.txs:  # one that was read on another way is followed from here, too
                self._queue_coins([self.txs[txid]], hop=wanted[txid][1] + 1, around=None)
        self.done += len(batch)

    def _add_spenders(self, asked: dict[str, int], wanted: dict[str, tuple[int, int]]) -> None:
        """Add the transactions that spend the outputs of these, each with the most it takes and its hop."""
        told, left = self.spends(list(dict.fromkeys(name.partition(":")[0] for name in asked)))
        for txid, why in left.items():
            self._by_history(txid, asked, why)
        for spend in (spend for spends in told.values() for spend in spends):
            outpoint, made = spend.outpoint, self.txs.get(spend.outpoint.txid)
            hop = asked.get(outpoint.txid, asked.get(str(outpoint)))
            if made is None or hop is None or spend.spent_by is None or outpoint.vout >= len(made.outputs):
                continue
            output = made.outputs[outpoint.vout]
            if not self._stops(made.chain, output.script):
                value, before = wanted.get(spend.spent_by, (0, hop))
                wanted[spend.spent_by] = (max(value, output.value_sat), min(before, hop))

    def _by_history(self, txid: str, asked: dict[str, int], why: str) -> None:
        """Follow coins through the history of their addresses, where the source does not tell spenders."""
        tx = self.txs.get(txid)
        names = [name for name in asked if name.partition(":")[0] == txid]
        if tx is None or not names or "does not tell" not in why:
            self.not_followed[txid] = why
            return
        only = names[0].partition(":")[2]
        for vout, output in enumerate(tx.outputs):
            address = addresses.address_of(bytes.fromhex(output.script), tx.chain)
            if address is not None and only in ("", str(vout)) and not self._stops(tx.chain, output.script):
                self._push(address, value=output.value_sat, hop=asked[names[0]] + 1)


Flow = Sequence[tuple[str, int]]


def _flows_of(tx: TxRecord) -> tuple[str, Flow, Flow]:
    """Return a transaction's txid, what addresses paid into it, and what addresses received."""
    paid = [(i.prevout.script, i.prevout.value_sat) for i in tx.inputs if i.prevout is not None]
    received = [(output.script, output.value_sat) for output in tx.outputs]
    return tx.txid, _named(paid, tx.chain), _named(received, tx.chain)


def _named(flows: Iterable[tuple[str, int]], chain: str) -> Flow:
    named = ((addresses.address_of(bytes.fromhex(script), chain), value) for script, value in flows)
    return [(address, value) for address, value in named if address is not None]


def _flows_of_transfer(one: TransferRecord) -> tuple[str, Flow, Flow]:
    """Return a transfer in the same form; what is marked as noise, and what moved nothing, leads nowhere."""
    noise = any(mark == "zero-value" or mark.startswith("scam") for mark in one.marks)
    if noise or one.value_raw == 0 or one.kind == TransferKind.FEE:
        return one.txid, (), ()
    # amounts of different assets do not compare: a token's raw units say nothing about its worth
    value = one.value_raw if one.contract is None else 1
    paid = [] if one.sender is None else [(one.sender, value)]
    received = [] if one.recipient is None else [(one.recipient, value)]
    return one.txid, paid, received
