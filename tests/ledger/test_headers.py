"""Headers and checkpoints: what is chained to one, how high that puts it, and what work it then needs."""

from __future__ import annotations

import dataclasses
import time

import pytest

from chainflow.checkpoints import CHECKPOINTS
from chainflow.errors import BadBytes
from chainflow.ledger.headers import Headers, has_work
from chainflow.merkle import merkle_branch, merkle_root
from chainflow.model import Fact, HeaderRecord, InclusionRecord
from chainflow.transactions import Header, sha256d
from tests.made import ledger, origin, tx

AUXILIARY = 0x620102
"""A version as Dogecoin's merge-mined headers have it."""


def lined(count: int, previous: str, *, bits: int = 0x1B267EEB) -> list[Header]:
    """Return merge-mined headers, each on top of the one before, without any work of their own."""
    made: list[Header] = []
    for number in range(count):
        before = made[-1].hash if made else previous
        made.append(Header(AUXILIARY, before, f"{number + 1:064x}", 1_700_000_000, bits, 0))
    return made


def said(header: Header, height: int | None = None, chain: str = "doge") -> HeaderRecord:
    return HeaderRecord(chain, height, header.serialize().hex())


def paid(chain: str = "doge", height: int = 100, previous: str = "00" * 32) -> tuple[Header, list[Fact]]:
    """Return a merge-mined header and the facts that lead to it: a payment, its branch, the header."""
    bare = tx([origin(9, "ann")], [(9, "ben")], height=None, chain=chain)
    txids = ["ab" * 32, bare.txid]
    header = Header(AUXILIARY, previous, merkle_root(txids), 1_700_000_000, 0x1B267EEB, 0)
    payment = dataclasses.replace(bare, height=height, block_hash=header.hash)
    branch = InclusionRecord(chain, bare.txid, height, 1, merkle_branch(txids, 1))
    return header, [payment, branch, said(header, height, chain)]


def level(*facts: Fact) -> int:
    (found,) = ledger(*facts).txs["level"].to_pylist()
    return int(found)


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch):
    def put(chain: str, **blocks: str) -> None:
        known = {int(height.removeprefix("at_")): block for height, block in blocks.items()}
        monkeypatch.setitem(CHECKPOINTS, chain, known)  # type: ignore[arg-type]

    return put


def test_a_checkpoint_vouches_for_work_that_80_bytes_do_not_show(checkpoint):
    header, facts = paid()
    above = lined(3, header.hash)
    assert not has_work(header, "doge")
    assert level(*facts) == 2
    checkpoint("doge", at_103=above[-1].hash)
    assert level(*facts) == 2
    assert level(*facts, *map(said, above)) == 4
    assert level(*facts, *map(said, (above[0], above[2]))) == 2


def test_above_the_newest_checkpoint_nobody_vouches_for_it(checkpoint):
    (start,) = lined(1, "00" * 32)
    header, facts = paid(previous=start.hash)
    checkpoint("doge", at_99=start.hash)
    assert level(*facts, *map(said, (start, *lined(6, header.hash)))) == 2


def test_above_an_older_checkpoint_work_alone_is_not_enough(checkpoint):
    held = Headers()
    chain: list[Header] = []
    for number in range(9):
        header = Header(4, chain[-1].hash if chain else "00" * 32, f"{number:064x}", 1, 0x207FFFFF, 0)
        while not header.has_work:
            header = dataclasses.replace(header, nonce=header.nonce + 1)
        chain.append(header)
        held.add(said(header, chain="btc-regtest"))
    checkpoint("btc-regtest", at_50=chain[0].hash)
    assert dict(held.heights("btc-regtest")) == {one.hash: 50 + n for n, one in enumerate(chain[:4])}
    checkpoint("btc-regtest", at_50=chain[0].hash, at_90="11" * 32)
    held.add(said(chain[0], chain="btc-regtest"))
    assert dict(held.heights("btc-regtest")) == {chain[0].hash: 50}


def test_the_height_follows_from_the_checkpoint_not_from_the_source(checkpoint):
    header, facts = paid(height=100)
    above = lined(2, header.hash)
    checkpoint("doge", at_102=above[-1].hash)
    assert level(*facts, *map(said, above)) == 4
    checkpoint("doge", at_702=above[-1].hash)
    made = ledger(*facts, *map(said, above))
    assert made.txs["level"].to_pylist() == [2]
    assert made.disputes["why"].to_pylist() == [f"block {header.hash} is at height 700, not at 100"]


@pytest.mark.parametrize("chain", ["dash", "zec"])
def test_chains_with_other_hashes_are_not_chained_by_ours(checkpoint, chain):
    header, facts = paid(chain)
    above = lined(1, "ee" * 32)  # the true hash of the block, which is not that of its first 80 bytes
    checkpoint(chain, at_101=above[0].hash)
    assert level(*facts, said(above[0], chain=chain)) == 2
    assert header.hash != "ee" * 32


def test_a_header_has_80_bytes():
    with pytest.raises(BadBytes, match="a header has 80 bytes, not 81"):
        Headers().add(HeaderRecord("btc", 1, "00" * 81))


def test_twenty_thousand_headers_do_not_make_a_ledger_slow(checkpoint):
    facts: list[HeaderRecord] = []
    previous = bytes(32)
    for number in range(20_000):
        raw = bytes(4) + previous + number.to_bytes(32, "little") + bytes(12)
        previous = sha256d(raw)
        facts.append(HeaderRecord("btc", number, raw.hex()))
    checkpoint("btc", at_19999=previous[::-1].hex())
    start = time.process_time()
    made = ledger(tx([origin(9, "ann")], [(9, "ben")], chain="btc"), *facts)
    assert time.process_time() - start < 2.5  # 0.4 s on a quiet machine
    assert made.headers.num_rows == 20_000
