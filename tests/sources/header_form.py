"""A long made-up chain with the little work that regtest wants, and some payments in it."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from chainflow.addresses import address_of
from chainflow.merkle import merkle_branch
from chainflow.transactions import Block, Header, Transaction
from tests.sources.core_form import CHAIN, COIN, FIRST, PAYEE, coinbase, mine, pay

__all__ = ["PAID", "LongChain", "long_chain", "raw_headers"]

PAID = str(address_of(PAYEE, CHAIN))


class LongChain:
    """Blocks from the first on; those at `paid` hold a payment to `PAID` beside their coinbase."""

    def __init__(self, tip: int, paid: tuple[int, ...]) -> None:
        self.blocks: list[Block] = [FIRST]
        self.payments: dict[int, Transaction] = {}
        for height in range(1, tip + 1):
            reward = coinbase(height, 50 * COIN)
            held = [reward]
            if height in paid:
                self.payments[height] = pay(reward, 50 * COIN - height)
                held.append(self.payments[height])
            self.blocks.append(mine(self.blocks[-1].header.hash, *held, time=1_700_000_000 + height))
        self.height_of = {payment.txid: height for height, payment in self.payments.items()}

    def header(self, height: int) -> Header:
        return self.blocks[height].header

    def hash_at(self, height: int) -> str:
        return self.header(height).hash

    def raw(self, first: int, count: int) -> bytes:
        """Return the headers there are from a height on."""
        return b"".join(block.header.serialize() for block in self.blocks[first : first + count])

    def branch(self, txid: str, height: int) -> dict[str, object]:
        txids = [transaction.txid for transaction in self.blocks[height].transactions]
        place = txids.index(txid)
        return {"block_height": height, "merkle": list(merkle_branch(txids, place)), "pos": place}

    @property
    def transactions(self) -> Mapping[str, Transaction]:
        return {tx.txid: tx for height in self.payments for tx in self.blocks[height].transactions}


@functools.cache
def long_chain() -> LongChain:
    """Return a chain of 4,100 blocks."""
    return LongChain(4_099, (100, 1_990, 2_500, 4_050, 4_096))


def raw_headers(count: int, *, previous: str = "00" * 32) -> bytes:
    """Return headers that chain."""
    raw = b""
    for number in range(count):
        header = Header(1, previous, f"{number:064x}", number, 0x207FFFFF, 0)
        raw, previous = raw + header.serialize(), header.hash
    return raw
