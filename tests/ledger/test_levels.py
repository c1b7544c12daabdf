"""How well a transaction is known: from one source's word to one's own node, and what is no proof."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from chainflow.checkpoints import CHECKPOINTS
from chainflow.errors import LedgerFileRejected
from chainflow.ledger import Ledger, build
from chainflow.ledger.levels import has_work, is_own_node, operator_of
from chainflow.merkle import merkle_branch, merkle_root
from chainflow.model import Evidence, HeaderRecord, InclusionRecord, TxRecord
from chainflow.sources.mined import tx_record
from chainflow.transactions import Header
from chainflow.wire import Transaction, TxInput, TxOutput, parse_block
from tests.made import ledger, origin, tx

REGTEST = 0x207FFFFF
EASY = 0x1D00FFFF
CHAIN = "btc-regtest"
ONE, TWO = "esplora:https://mempool.space/api", "esplora:https://blockstream.info/api"


def mined(root: str, previous: str = "00" * 32, *, bits: int = REGTEST, works: bool = True) -> Header:
    """Return a header whose hash meets (or, for a test, misses) the target of its bits."""
    for nonce in range(10_000):
        header = Header(4, previous, root, 1_700_000_000, bits, nonce)
        if header.has_work == works:
            return header
    raise AssertionError("no such header was found")


def lined(count: int, previous: str, *, bits: int = REGTEST) -> list[Header]:
    """Return headers, each on top of the one before, with nothing in them that matters."""
    made: list[Header] = []
    for number in range(count):
        made.append(mined(f"{number:064x}", made[-1].hash if made else previous, bits=bits))
    return made


def said(header: Header, height: int | None = 100, *, chain: str = CHAIN) -> HeaderRecord:
    return HeaderRecord(chain, height, header.serialize().hex())


class Block:
    """A mined block with a payment in it, and what proves the payment."""

    def __init__(self, previous: str = "00" * 32, *, works: bool = True, number: int = 1) -> None:
        bare = tx([origin(9, "ann", number=number)], [(9, "ben")], height=None)
        txids = ["ab" * 32, bare.txid, "cd" * 32]
        self.header = mined(merkle_root(txids), previous, works=works)
        place = {"height": 100, "block_hash": self.header.hash, "time": self.header.time, "position": 1}
        self.payment = dataclasses.replace(bare, **place)
        self.branch = InclusionRecord(CHAIN, bare.txid, 100, 1, merkle_branch(txids, 1))

    @property
    def facts(self) -> tuple[TxRecord, InclusionRecord, HeaderRecord]:
        return self.payment, self.branch, said(self.header)


def by(*statements: tuple[object, str]) -> Ledger:
    """Build a ledger of facts, each with the source that states it in a reply of its own."""
    told = [(fact, Evidence(n, f"{n:064x}", source, "", 0)) for n, (fact, source) in enumerate(statements, 1)]
    return build(told)  # type: ignore[arg-type]


def level(made: Ledger) -> int:
    (found,) = made.txs["level"].to_pylist()
    return found


def whys(made: Ledger) -> list[tuple[str, str]]:
    return [(row["field"], row["why"]) for row in made.disputes.to_pylist()]


# --- 0 and 1: what is said -----------------------------------------------------------------------

HEARSAY = dataclasses.replace(tx([origin(9, "ann")], [(9, "ben")]), raw=None)


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ([ONE], 0),
        ([ONE, ONE], 0),
        ([ONE, "mempool:https://mempool.space:8999"], 0),
        ([ONE, TWO], 1),
        ([ONE, "file:mine.csv"], 0),
        (["file:a.csv", "file:b.csv"], 0),
        (["x:https://eth.blockscout.com", "x:https://base.blockscout.com"], 0),
        (["x:http://127.0.0.1:3000", "x:http://localhost:3001"], 0),
        (["x:http://127.0.0.1:3000", ONE], 1),
        (["x:https://8.8.8.8", "x:https://9.8.8.8"], 1),
    ],
)
def test_only_independent_hosts_that_agree_make_level_one(sources, found):
    assert level(by(*((HEARSAY, source) for source in sources))) == found


def test_hosts_that_agree_on_something_else_do_not_vouch_for_what_is_used():
    other = dataclasses.replace(HEARSAY, outputs=(dataclasses.replace(HEARSAY.outputs[0], value_sat=8),))
    third = "esplora:https://third.example.net"
    made = by((HEARSAY, ONE), (other, TWO), (other, third))
    assert (level(made), made.txs["output_sat"].to_pylist()) == (1, [8])
    assert [row["is_excluded"] for row in made.disputes.to_pylist()] == [True]
    assert level(by((HEARSAY, ONE), (other, TWO))) == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_bytes_end_a_dispute_of_statements_whenever_they_come(order):
    bytes_, other = tx([origin(9, "ann")], [(9, "ben")]), dataclasses.replace(HEARSAY, outputs=())
    told = [(HEARSAY, ONE), (other, TWO), (bytes_, ONE)]
    made = by(*(told[place] for place in order))
    assert (level(made), made.disputed) == (2, frozenset())
    assert [row["why"] for row in made.disputes.to_pylist()] == ["its bytes say otherwise"]


def test_a_statement_that_is_refused_gives_its_inputs_to_nobody():
    spends = [origin(9, "ann", number=1), origin(7, "bob", number=2)]
    right, wrong = tx(spends, [(9, "ben")]), tx(spends[::-1], [(9, "ben")])
    bare = dataclasses.replace(
        right, inputs=tuple(dataclasses.replace(entry, prevout=None) for entry in right.inputs)
    )
    made = by((bare, ONE), (dataclasses.replace(wrong, txid=right.txid, raw=None), TWO))
    assert made.txs["input_sat"].to_pylist() == [None]


# --- 2: bytes; 3: a branch and a header with work ------------------------------------------------


def test_bytes_are_level_two():
    assert level(ledger(tx([origin(9, "a")], [(9, "b")]))) == 2


def test_a_branch_to_a_header_with_work_is_level_three():
    made = ledger(*Block().facts)
    assert (level(made), made.disputes.num_rows) == (3, 0)
    assert "1 at L3" in made.verification


@pytest.mark.parametrize("left_out", [1, 2])
def test_a_branch_without_its_header_and_a_header_without_a_branch_prove_nothing(left_out):
    facts = [fact for place, fact in enumerate(Block().facts) if place != left_out]
    assert level(ledger(*facts)) == 2


def test_a_real_block_proves_each_of_its_transactions(shared):
    block = parse_block((shared / "blocks" / "mainnet_702861.raw").read_bytes())
    txids = [one.txid for one in block.transactions]
    facts: list[object] = [HeaderRecord("btc", 702_861, block.header.serialize().hex())]
    for position in (0, 1, len(txids) - 1):
        facts.append(tx_record("btc", block.transactions[position], None, is_placed=False))
        branch = merkle_branch(txids, position)
        facts.append(InclusionRecord("btc", txids[position], 702_861, position, branch))
    made = ledger(*facts)
    assert set(made.txs["level"].to_pylist()) <= {3, 4}
    assert set(made.txs["block_hash"].to_pylist()) == {block.header.hash}
    assert 702_861 not in CHECKPOINTS["btc"] or set(made.txs["level"].to_pylist()) == {4}


def damaged(block: Block, what: str) -> list[object]:
    payment, branch, header = block.facts
    if what == "branch":
        branch = dataclasses.replace(branch, branch=("ee" * 32, *branch.branch[1:]))
    elif what == "position":
        branch = dataclasses.replace(branch, position=0)
    elif what == "length":
        branch = dataclasses.replace(branch, branch=branch.branch[:1])
    elif what == "malformed":
        branch = dataclasses.replace(branch, branch=("zz", *branch.branch[1:]))
    return [payment, branch, header]


@pytest.mark.parametrize("what", ["branch", "position", "length", "malformed"])
def test_a_wrong_branch_proves_nothing_and_is_named(what):
    made = ledger(*damaged(Block(), what))
    assert level(made) == 2
    assert [field for field, _ in whys(made)] == ["merkle branch"]
    assert made.proofs.num_rows == 0


def test_a_header_without_work_proves_nothing():
    made = ledger(*Block(works=False).facts)
    assert level(made) == 2
    assert "no proof of work" in whys(made)[0][1]


def test_on_the_main_chain_a_target_that_is_too_easy_is_no_work():
    block = Block()
    facts = [dataclasses.replace(fact, chain="btc") for fact in block.facts]
    assert block.header.has_work
    assert not has_work(block.header, "btc")
    assert (level(ledger(*facts)), whys(ledger(*facts))[0][0]) == (2, "merkle branch")


@pytest.mark.parametrize("chain", ["dash", "zec", "doge", "xyz"])
def test_of_chains_whose_work_is_elsewhere_a_header_proves_nothing(chain):
    assert not has_work(Block().header, chain)


def test_a_transaction_of_64_bytes_may_be_two_hashes_and_is_not_proved():
    small = Transaction(2, (TxInput("11" * 32, 0, b"", 1),), (TxOutput(9, b"\x51\x51\x51\x51"),))
    raw = small.serialize()
    assert len(raw) == 64
    header = mined(merkle_root(["ab" * 32, small.txid]))
    record = dataclasses.replace(
        tx([origin(9, "a")], [(9, "b")]),
        txid=small.txid,
        raw=raw,
        outputs=(type(HEARSAY.outputs[0])(9, "51515151"),),
        block_hash=header.hash,
    )
    made = ledger(record, InclusionRecord(CHAIN, small.txid, 100, 1, ("ab" * 32,)), said(header))
    assert level(made) == 2
    assert "64 bytes" in whys(made)[0][1]


def test_an_inner_node_of_the_tree_is_no_transaction():
    block = Block()
    node = hashlib.sha256(hashlib.sha256(b"two hashes").digest()).hexdigest()
    hearsay = dataclasses.replace(block.payment, txid=node, raw=None)
    made = ledger(hearsay, dataclasses.replace(block.branch, txid=node), said(block.header))
    assert level(made) == 0


# --- the whole block ----------------------------------------------------------------------------


def whole(block: Block, *, height: int | None = 100) -> tuple[TxRecord, HeaderRecord]:
    record = dataclasses.replace(block.payment, is_included=True, height=height, is_placed=height is not None)
    return record, said(block.header, height)


def test_a_whole_block_with_work_is_level_three_and_without_work_it_is_not():
    assert level(ledger(*whole(Block()))) == 3
    assert level(ledger(*whole(Block(works=False)))) == 2
    assert level(ledger(whole(Block())[0])) == 2


def test_a_whole_block_proves_nothing_of_the_block_that_is_named_later():
    moved = dataclasses.replace(Block().payment, height=101, block_hash="ff" * 32)
    made = ledger(*whole(Block()), moved)
    assert (level(made), made.txs["height"].to_pylist()) == (2, [101])


def test_a_block_of_unknown_height_is_no_unconfirmed_transaction(tmp_path):
    made = ledger(*whole(Block(), height=None))
    (row,) = made.txs.to_pylist()
    assert (row["level"], row["is_confirmed"], row["block_hash"]) == (3, None, Block().header.hash)
    made.write(tmp_path / "l.json")
    assert Ledger.read(tmp_path / "l.json").digest == made.digest


# --- 4: a checkpoint ----------------------------------------------------------------------------


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch):
    def put(block_hash: str, height: int) -> None:
        monkeypatch.setitem(CHECKPOINTS, CHAIN, {height: block_hash})  # type: ignore[arg-type]

    return put


def levels_of(block: Block, *headers: Header) -> int:
    return level(ledger(*block.facts, *(said(header, None) for header in headers)))


def test_a_header_that_leads_up_to_a_checkpoint_is_level_four(checkpoint):
    block = Block()
    above = lined(3, block.header.hash)
    checkpoint(above[-1].hash, 103)
    assert levels_of(block, *above) == 4
    assert levels_of(block, above[0], above[2]) == 3
    checkpoint(block.header.hash, 100)
    assert levels_of(block) == 4


@pytest.mark.parametrize(("on_top", "found"), [(4, 3), (5, 4), (6, 4)])
def test_a_header_above_a_checkpoint_is_level_four_with_five_more_on_top(checkpoint, on_top, found):
    start, *between = lined(3, "00" * 32)
    block = Block(between[-1].hash)
    checkpoint(start.hash, 97)
    assert levels_of(block, start, *between, *lined(on_top, block.header.hash)) == found


def test_above_a_checkpoint_each_header_needs_work_like_the_checkpoints(checkpoint):
    (start,) = lined(1, "00" * 32)
    lazy = mined("ee" * 32, start.hash, works=False)
    block = Block(lazy.hash)
    checkpoint(start.hash, 99)
    assert levels_of(block, start, lazy, *lined(6, block.header.hash)) == 3


def test_headers_far_easier_than_the_checkpoint_lead_nowhere(checkpoint):
    hard = next(
        header
        for nonce in range(100_000)
        if (header := Header(4, "00" * 32, "aa" * 32, 1, 0x1F00FFFF, nonce)).has_work
    )
    block = Block(hard.hash)
    checkpoint(hard.hash, 99)
    assert levels_of(block, hard, *lined(6, block.header.hash)) == 3
    assert levels_of(block, *lined(6, block.header.hash)) == 3  # without its header nobody knows how hard


def test_a_fork_below_a_checkpoint_is_not_chained_to_it(checkpoint):
    (start,) = lined(1, "00" * 32)
    block = Block(start.hash)
    other = lined(3, start.hash)
    checkpoint(other[-1].hash, 102)
    assert levels_of(block, start, *other, *lined(3, block.header.hash)) == 3


# --- 5: one's own node --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("core:http://127.0.0.1:8332", 5),
        ("core-rest:http://umbrel.local:8332", 5),
        ("evm:http://[::1]:8545", 5),
        ("core:https://node.example.org", 2),
        ("core:http://134744072:8332", 2),
        ("core:http://127.0.0.1.nip.io:8332", 2),
        ("esplora:http://127.0.0.1:3000", 2),
        ("file:core.json", 2),
    ],
)
def test_only_a_node_at_a_private_address_is_ones_own(source, found):
    assert level(by((tx([origin(9, "a")], [(9, "b")]), source))) == found
    assert is_own_node(source) == (found == 5)


def test_ones_own_node_that_gives_no_bytes_gives_hearsay():
    assert level(by((HEARSAY, "core:http://127.0.0.1:8332"))) == 0


def test_an_operator_is_a_domain_and_a_file_is_none():
    assert operator_of("esplora:https://a.b.example.org:8000/api") == "example.org"
    assert operator_of("file:x") == operator_of("made-up:lesson, seed 1") == ""


# --- the digest, and the file --------------------------------------------------------------------


def test_the_digest_does_not_depend_on_how_well_facts_are_known():
    block = Block()
    alone, proved = by((block.payment, ONE)), by(*((fact, ONE) for fact in block.facts))
    owned = by((block.payment, "core:http://127.0.0.1:8332"))
    assert [level(made) for made in (alone, proved, owned)] == [2, 3, 5]
    assert alone.digest == proved.digest == owned.digest


def test_a_written_ledger_keeps_its_branches_and_headers(tmp_path, checkpoint):
    block = Block()
    above = lined(2, block.header.hash)
    checkpoint(above[-1].hash, 102)
    made = ledger(*block.facts, *(said(header, None) for header in above))
    made.write(tmp_path / "l.json")
    again = Ledger.read(tmp_path / "l.json")
    assert (level(made), level(again), again.digest) == (4, 4, made.digest)
    assert again.proofs.equals(made.proofs)
    assert again.headers.equals(made.headers)


def test_what_rested_on_ones_own_node_is_level_two_in_a_file(tmp_path):
    made = by((tx([origin(9, "a")], [(9, "b")]), "core:http://127.0.0.1:8332"))
    made.write(tmp_path / "l.json")
    assert level(Ledger.read(tmp_path / "l.json")) == 2


def test_a_headers_own_bytes_say_its_hash_not_the_file(tmp_path):
    made = ledger(*Block().facts)
    made.write(tmp_path / "l.json")
    text = (tmp_path / "l.json").read_text()
    old = f'["btc-regtest","{Block().header.hash}",100'
    assert old in text
    (tmp_path / "l.json").write_text(text.replace(old, f'["btc-regtest","{"00" * 32}",100'))
    assert Ledger.read(tmp_path / "l.json").headers.equals(made.headers)


@pytest.mark.parametrize(
    ("old", "new"), [('"proofs":[\n[', '"proofs":[\n[7,'), ('"headers":[\n[', '"headers":[\n[7,')]
)
def test_a_file_with_malformed_proofs_is_refused(tmp_path, old, new):
    ledger(*Block().facts).write(tmp_path / "l.json")
    text = (tmp_path / "l.json").read_text()
    assert old in text
    (tmp_path / "l.json").write_text(text.replace(old, new))
    with pytest.raises(LedgerFileRejected, match="not a ledger file"):
        Ledger.read(tmp_path / "l.json")
