"""In which block each transaction is: the one that is proved to hold it, else the one learnt last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from chainflow.ledger.levels import Proofs, host_of
from chainflow.ledger.order import TxKey
from chainflow.model import Evidence, InclusionRecord, Tip, TransferRecord, TxOutline, TxRecord
from chainflow.transactions import Header

__all__ = ["Place", "Placing"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reply says a transaction is, and who says so; `height` is `None` while it is unconfirmed."""

    height: int | None = None
    block_hash: str | None = None
    time: int | None = None
    position: int | None = None
    source: str = ""

    def is_in(self, other: Place) -> bool:
        """Return whether both can be the same block."""
        return self.height == other.height and len({self.block_hash, other.block_hash} - {None}) < 2

    def __str__(self) -> str:
        return self.block_hash or ("unconfirmed" if self.height is None else f"height {self.height}")


_NOWHERE = Place()

_LAG = 100
"""Blocks that may be newer than a server's own tip: what it answers with may come from several machines."""

_FASTEST = {True: 10.0, False: 0.1}
"""Blocks a second that no chain makes more of: of accounts, and of outputs."""


@dataclass(slots=True)
class Placing:
    """What was said of the places of transactions, in the order it was learnt; then what is known of them.

    `included` and `proving` are filled while places are settled: the blocks that were shown to commit to
    transactions, and the branches that show it.
    """

    said: dict[TxKey, list[Place]] = field(default_factory=dict)
    named: dict[TxKey, Place] = field(default_factory=dict)
    heights: dict[tuple[str, str], int] = field(default_factory=dict)
    wholes: dict[TxKey, dict[str, None]] = field(default_factory=dict)
    since: dict[InclusionRecord, tuple[str, int]] = field(default_factory=dict)
    included: dict[TxKey, str] = field(default_factory=dict)
    proving: list[InclusionRecord] = field(default_factory=list)
    disputes: dict[tuple[object, ...], None] = field(default_factory=dict)
    tips: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    above: dict[TxKey, dict[int, tuple[str, int]]] = field(default_factory=dict)

    def add_tip(self, tip: Tip, evidence: Evidence) -> None:
        """Note the newest block that a source tells, and when it told it."""
        self.tips[evidence.source, tip.chain] = (tip.height, evidence.retrieved or 0)

    def compare_with_tip(self, fact: TxRecord | TxOutline | TransferRecord, evidence: Evidence) -> None:
        """Note where a source places a transaction in a block that its own chain cannot have yet."""
        told = self.tips.get((evidence.source, fact.chain))
        if told is None or fact.height is None:
            return
        tip, when = told
        passed = max((evidence.retrieved or when) - when, 0)
        if fact.height > tip + _LAG + passed * _FASTEST[isinstance(fact, TransferRecord)]:
            self.above.setdefault((fact.chain, fact.txid), {})[fact.height] = (evidence.source, tip)

    def check_tips(self, heights: Mapping[TxKey, int | None]) -> None:
        """Dispute the transactions that are used in a block above the tip of who says so, unless that is proved."""
        for key, found in self.above.items():
            height = heights[key] if key in heights else self.place_of(key).height
            if height is None or height not in found or key in self.included:
                continue
            source, tip = found[height]
            if height > self.tips[source, key[0]][0] + _LAG:
                words = (f"height {height}", f"height {tip} is the newest", f"{source} contradicts itself")
                self._dispute(key, "block", *words, is_excluded=True)

    def add(self, fact: TxRecord | TxOutline | TransferRecord, source: str) -> None:
        """Take in where a reply says that a transaction is."""
        key = (fact.chain, fact.txid)
        place = Place(fact.height, fact.block_hash, fact.time, fact.position, source)
        is_placed = fact.height is not None if isinstance(fact, TransferRecord) else fact.is_placed
        if is_placed:
            self.said.setdefault(key, []).append(place)
        elif fact.block_hash is not None:  # some replies name the block, but not its height
            self.named[key] = place
        if isinstance(fact, TxRecord) and fact.is_included and fact.block_hash is not None:
            self.wholes.setdefault(key, {})[fact.block_hash] = None

    def add_block(self, chain: str, block_hash: str, height: int | None) -> None:
        """Note the height of a block, where a reply tells it."""
        if height is not None:
            self.heights[chain, block_hash] = height

    def add_branch(self, fact: InclusionRecord, source: str) -> None:
        """Note after which statement a branch was learnt."""
        self.since[fact] = (source, len(self.said.get((fact.chain, fact.txid), ())))

    def settle(self, tx: TxRecord, proofs: Proofs) -> TxRecord:
        """Return a transaction with its block; note what proves it, or that a branch does not."""
        key = (tx.chain, tx.txid)
        said = self._said(key)
        proved = self._proved(tx, said, proofs)
        place = self._used(key, said, proved)
        header = proofs.headers.get(tx.chain, place.block_hash)
        is_whole = place.block_hash in self.wholes.get(key, ())
        if is_whole and header is not None and not proofs.headers.doubt(tx.chain, header, place.height):
            self.included[key] = header.hash
        return replace(
            tx,
            height=place.height,
            block_hash=place.block_hash,
            time=header.time if place.time is None and header is not None else place.time,
            position=place.position,
            is_placed=bool(said) or proved is not None,
        )

    def place_of(self, key: TxKey) -> Place:
        """Return where a transaction is by what was said, of which no bytes are held."""
        return self._used(key, self._said(key), None)

    def _said(self, key: TxKey) -> list[Place]:
        """Return what was said; of a block that was only named, with the height that another reply tells."""
        said, named = self.said.get(key, []), self.named.get(key)
        height = None if named is None else self.heights.get((key[0], named.block_hash or ""))
        if not said and named is not None and height is not None:
            return [replace(named, height=height)]
        return said

    def _proved(self, tx: TxRecord, said: Sequence[Place], proofs: Proofs) -> Place | None:
        """Return the block that a merkle branch, or the whole block, shows to hold a transaction."""
        key = (tx.chain, tx.txid)

        def is_current(branch: InclusionRecord, header: Header) -> bool:
            source, count = self.since[branch]
            later = [place for place in said[count:] if place.source == source]
            return not later or later[-1].is_in(Place(branch.height, header.hash))

        names = {place.block_hash or "" for place in (*said, self.named.get(key, _NOWHERE))}
        found = proofs.included(tx, names, is_current)
        if isinstance(found, tuple):
            header, branch = found
            self.included[key] = header.hash
            self.proving.append(branch)
            return Place(branch.height, header.hash, header.time, branch.position)
        if found is not None:
            self._dispute(key, "merkle branch", "not proved", "the branch that was given", found)
        latest = {place.source: place for place in said}
        for place in reversed(latest.values()):
            whole = proofs.headers.get(tx.chain, place.block_hash)
            if place.block_hash not in self.wholes.get(key, ()) or whole is None:
                continue
            if not proofs.headers.doubt(tx.chain, whole, place.height):
                return replace(place, time=whole.time, source="")
        return None

    def _used(self, key: TxKey, said: Sequence[Place], proved: Place | None) -> Place:
        """Return the place that counts, whole; what contradicts it is a dispute.

        A source that has since said otherwise no longer contradicts: then no total leaves the transaction out.
        """
        named = self.named.get(key, _NOWHERE)
        if proved is None and not said:
            return named
        used = proved or said[-1]
        source, latest = used.source, {place.source: place for place in said}
        others: list[Place] = []
        for old in reversed(said):
            if old.is_in(used):
                used = _filled(used, old)
                self._compare(key, used, old)
            elif old.height is not None:
                others.append(old)
        if named.block_hash is not None and used.block_hash not in (None, named.block_hash):
            others.append(named)
        for old in others:
            still = latest.get(old.source, old).is_in(old) and _host(old.source) != _host(source)
            why = f"{source} and {old.source} disagree" if still else "a later reply says otherwise"
            why = why if proved is None else "the block that is used is proved to hold it"
            self._dispute(key, "block", str(used), str(old), why, is_excluded=still and proved is None)
        return used

    def _compare(self, key: TxKey, used: Place, old: Place) -> None:
        """Note where two statements about one block differ in what no total depends on."""
        for name in ("time", "position"):
            mine, other = getattr(used, name), getattr(old, name)
            if None not in (mine, other) and mine != other:
                self._dispute(key, name, str(mine), str(other), f"{old.source} says otherwise")

    def _dispute(
        self, key: TxKey, name: str, used: str, refused: str, why: str, *, is_excluded: bool = False
    ) -> None:
        self.disputes[(*key, name, used, refused, why, is_excluded)] = None


def _filled(place: Place, other: Place) -> Place:
    """Return a place with what only another statement about the same block tells."""
    return replace(
        place,
        block_hash=other.block_hash if place.block_hash is None else place.block_hash,
        time=other.time if place.time is None else place.time,
        position=other.position if place.position is None else place.position,
    )


def _host(source: str) -> str:
    return host_of(source) or source
