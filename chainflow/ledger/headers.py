"""Block headers as they were learnt: which have work, which are chained to a shipped checkpoint and how high."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from chainflow.checkpoints import CHECKPOINTS
from chainflow.errors import BadBytes
from chainflow.model import HeaderRecord
from chainflow.transactions import Header, sha256d
from chainflow.wire import parse_header
from chainflow.work import meets_target

__all__ = ["DEEP", "Headers", "has_work"]

DEEP = 6
"""Blocks on top of one, its own counted, that make it final for us."""

_EASIER = 4
"""How many times easier than a checkpoint a block above it may be: by so much a target may rise at once."""

_EASIEST = {"btc": 0x1D00FFFF, "bch": 0x1D00FFFF, "ltc": 0x1E0FFFF0, "doge": 0x1E0FFFF0}
"""The least work that a block of the chain may have: without it a header proves nothing."""

_SIZE = 80


def has_work(header: Header, chain: str) -> bool:
    """Return whether a header has the proof of work of its chain.

    Dash and Zcash have other functions, Dogecoin's merge-mined headers carry their work elsewhere: none
    of these can be told from 80 bytes, and the answer is no.
    """
    if not _meets_target(header, chain):
        return False
    base, _, network = chain.partition("-")
    limit = _EASIEST[base]
    easiest = ((limit & 0xFFFFFF) << (8 * ((limit >> 24) - 3))) if not network else 2**255
    return header.target <= easiest


_meets_target = functools.lru_cache(maxsize=2**16)(meets_target)
"""Litecoin's work takes 0.35 ms to check, and a ledger is built more than once."""


@dataclass(slots=True)
class Headers:
    """Headers by their hash; each is hashed once, and parsed only where a transaction asks for it."""

    raws: dict[str, dict[str, bytes]] = field(default_factory=dict)
    stated: dict[tuple[str, str], int | None] = field(default_factory=dict)
    at_height: dict[tuple[str, int], dict[str, None]] = field(default_factory=dict)
    _heights: dict[str, Mapping[str, int]] = field(default_factory=dict)

    def add(self, fact: HeaderRecord) -> str:
        """Take in a header; return its hash.

        Raises
        ------
        BadBytes
            If it has not 80 bytes.
        """
        raw = bytes.fromhex(fact.raw)
        if len(raw) != _SIZE:
            raise BadBytes(f"a header has {_SIZE} bytes, not {len(raw)}", hint="pass the header alone")
        block_hash = sha256d(raw)[::-1].hex()
        key = (fact.chain, block_hash)
        self.raws.setdefault(fact.chain, {})[block_hash] = raw
        if self.stated.get(key) is None:
            self.stated[key] = fact.height
        if fact.height is not None:
            self.at_height.setdefault((fact.chain, fact.height), {})[block_hash] = None
        self._heights.pop(fact.chain, None)
        return block_hash

    def get(self, chain: str, block_hash: str | None) -> Header | None:
        """Return a header, `None` where it is not held."""
        raw = self.raws.get(chain, {}).get(block_hash or "")
        return None if raw is None else parse_header(raw)

    def doubt(self, chain: str, header: Header, height: int | None) -> str:
        """Return why a header does not show that its block is of the chain, at this height; "" if it does.

        One that is chained to a checkpoint needs no work of its own; its height then is known, too.
        """
        block_hash = header.hash
        known = self.heights(chain).get(block_hash)
        if known is None:
            why = f"the header of block {block_hash} has no proof of work that can be checked"
            return "" if has_work(header, chain) else why
        is_there = height in (None, known)
        return "" if is_there else f"block {block_hash} is at height {known:,}, not at {height:,}"

    def heights(self, chain: str) -> Mapping[str, int]:
        """Return the headers that are chained to a checkpoint of the chain, with the heights that follow from it.

        Below a checkpoint every header that leads to it counts, without a look at its work: the checkpoint
        proves it. Above the newest one, those with five more on top, all of them with work that is comparable
        to the checkpoint's: so its own header must be held, too. Above an older one that is not enough: work
        of years ago is cheap today, and the true block leads to the next checkpoint.
        """
        if chain not in self._heights:
            self._heights[chain] = self._chained(chain)
        return self._heights[chain]

    def _chained(self, chain: str) -> Mapping[str, int]:
        held, known = self.raws.get(chain, {}), CHECKPOINTS.get(chain, {})
        found: dict[str, int] = {}
        for height, checkpoint in sorted(known.items(), reverse=True):
            block, above = checkpoint, 0
            while block in held and block not in found:
                found[block] = height - above
                block, above = _previous(held[block]), above + 1
        newest = max(known, default=0)
        if known.get(newest) in held:
            found |= _above(known[newest], newest, held, chain)
        return found

    def rows(self) -> list[tuple[object, ...]]:
        """Return the headers as rows of the headers table."""
        return [
            (chain, block_hash, self.stated[chain, block_hash], raws[block_hash].hex())
            for chain, raws in sorted(self.raws.items())
            for block_hash in sorted(raws)
        ]


def _previous(raw: bytes) -> str:
    """Return the hash of the block before that of this header."""
    return raw[35:3:-1].hex()


def _above(start: str, height: int, held: Mapping[str, bytes], chain: str) -> dict[str, int]:
    """Return the blocks on top of a checkpoint that have at least five more on top of themselves."""
    children: dict[str, list[str]] = {}
    for block, raw in sorted(held.items()):
        children.setdefault(_previous(raw), []).append(block)
    easiest = _EASIER * parse_header(held[start]).target
    before: dict[str, str] = {}
    heights = {start: height}
    waiting = [start]
    for parent in waiting:
        for block in children.get(parent, ()):
            header = parse_header(held[block])
            if header.target <= easiest and has_work(header, chain):
                before[block], heights[block] = parent, heights[parent] + 1
                waiting.append(block)
    on_top = dict.fromkeys(before, 1)
    for block in reversed(waiting[1:]):  # children come after their parents
        if (parent := before[block]) != start:
            on_top[parent] = max(on_top[parent], on_top[block] + 1)
    return {block: heights[block] for block, count in on_top.items() if count >= DEEP}
