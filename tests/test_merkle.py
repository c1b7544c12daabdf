"""The merkle tree: a known block, another library's tree, and the two ways it has been abused."""

from __future__ import annotations

import pathlib
from dataclasses import replace

import pytest
from bitcoin.core import CBlock
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadBytes, ProofFailed
from chainflow.merkle import (
    check_block,
    check_inclusion,
    merkle_branch,
    merkle_root,
    merkle_root_of_branch,
)
from chainflow.transactions import Block, Header, Transaction, TxInput, TxOutput, sha256d
from chainflow.wire import parse_block, parse_transaction

BLOCK_100000 = (
    "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
    "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
    "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
    "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
)
ROOT_100000 = "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766"
TXIDS = st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), min_size=1, max_size=40, unique=True)

COINBASE = Transaction(1, (TxInput("00" * 32, 0xFFFFFFFF, b"coin", 0),), (TxOutput(50, b"\x51"),))
PAYMENTS = tuple(
    Transaction(2, (TxInput(COINBASE.txid, 0, b"", number),), (TxOutput(number, b"\x51"),))
    for number in range(4)
)
SIXTY_FOUR_BYTES = Transaction(1, (TxInput("cd" * 32, 3, b"", 0),), (TxOutput(7, b"\x51\x52\x53\x54"),))


def header_of(*transactions: Transaction) -> Header:
    """Return a header that commits to these transactions (and has no work)."""
    return Header(1, "00" * 32, merkle_root([t.txid for t in transactions]), 0, 0x1D00FFFF, 0)


def test_root_of_block_100000() -> None:
    assert merkle_root(BLOCK_100000) == ROOT_100000


def test_branch_of_block_100000_leads_to_its_root() -> None:
    branch = merkle_branch(BLOCK_100000, 2)
    assert branch[0] == BLOCK_100000[3]
    assert merkle_root_of_branch(BLOCK_100000[2], branch, 2) == ROOT_100000
    assert merkle_root_of_branch(BLOCK_100000[2], branch, 3) != ROOT_100000


@given(TXIDS)
def test_root_is_that_of_another_library(txids: list[str]) -> None:
    tree = CBlock.build_merkle_tree_from_txids([bytes.fromhex(txid)[::-1] for txid in txids])
    assert merkle_root(txids) == tree[-1][::-1].hex()


@given(TXIDS, st.data())
def test_every_branch_leads_to_the_root_and_from_nowhere_else(txids: list[str], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(txids) - 1))
    branch = merkle_branch(txids, position)
    root = merkle_root(txids)
    assert merkle_root_of_branch(txids[position], branch, position) == root
    stranger = sha256d(bytes.fromhex(txids[position])).hex()
    assert merkle_root_of_branch(stranger, branch, position) != root


def test_repeated_tail_is_refused() -> None:
    # CVE-2012-2459: both lists have one root
    three = BLOCK_100000[:3]
    merkle_root(three)
    for twins in ((*three, three[2]), (three[0], three[0]), (*BLOCK_100000, *three[:2], *three[:2])):
        with pytest.raises(BadBytes, match="two equal hashes"):
            merkle_root(twins)


def test_place_of_the_repeated_tail_is_refused() -> None:
    three = BLOCK_100000[:3]
    branch = merkle_branch(three, 2)
    assert branch[0] == three[2]
    assert merkle_root_of_branch(three[2], branch, 2) == merkle_root(three)
    with pytest.raises(BadBytes, match="own left twin"):
        merkle_root_of_branch(three[2], branch, 3)


@pytest.mark.parametrize("left", [True, False])
def test_nothing_hangs_below_a_transaction_of_64_bytes(left: bool) -> None:
    # CVE-2017-12842: its halves pass for two txids
    raw = SIXTY_FOUR_BYTES.serialize()
    assert len(raw) == 64
    halves = raw[:32][::-1].hex(), raw[32:][::-1].hex()
    txid, sibling = halves if left else halves[::-1]
    with pytest.raises(BadBytes, match="read as a transaction"):
        merkle_root_of_branch(txid, [sibling], 0 if left else 1)


@given(st.binary(min_size=0, max_size=4), st.integers(0, 2**63 - 1), st.binary(min_size=36, max_size=36))
def test_every_transaction_of_64_bytes_is_known_as_one(script: bytes, value_sat: int, head: bytes) -> None:
    spent = TxInput(head[:32].hex(), int.from_bytes(head[32:]), script, 7)
    raw = Transaction(2, (spent,), (TxOutput(value_sat, bytes(4 - len(script))),), 9).serialize()
    assert len(raw) == 64
    with pytest.raises(BadBytes, match="read as a transaction"):
        merkle_root_of_branch(raw[:32][::-1].hex(), [raw[32:][::-1].hex()], 0)


@pytest.mark.parametrize(
    ("txids", "position"), [((), 0), (BLOCK_100000, 4), (BLOCK_100000, -1), (("ab",), 0), (("zz" * 32,), 0)]
)
def test_branch_of_nothing_is_refused(txids: tuple[str, ...], position: int) -> None:
    with pytest.raises(BadBytes):
        merkle_branch(txids, position)


@pytest.mark.parametrize(
    ("branch", "position"),
    [((), 1), (("00" * 32,), 2), (("00" * 32,), -1), (("00",), 0), (("00" * 32,) * 33, 0)],
)
def test_branch_without_such_a_position_is_refused(branch: tuple[str, ...], position: int) -> None:
    with pytest.raises(BadBytes):
        merkle_root_of_branch(ROOT_100000, branch, position)


def test_block_proves_its_transactions() -> None:
    check_block(Block(header_of(COINBASE, *PAYMENTS), (COINBASE, *PAYMENTS)))


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ((COINBASE, *PAYMENTS[:3]), "does not commit to these 4"),
        ((COINBASE, *PAYMENTS[::-1]), "does not commit to these 5"),
        ((COINBASE, *PAYMENTS, PAYMENTS[3]), "two equal hashes|does not commit"),
        (PAYMENTS, "the coinbase comes first"),
        ((COINBASE, COINBASE, *PAYMENTS), "the coinbase comes first"),
        ((COINBASE, SIXTY_FOUR_BYTES), "has 64 bytes"),
    ],
)
def test_block_that_proves_something_else_is_refused(held: tuple[Transaction, ...], reason: str) -> None:
    with pytest.raises(ProofFailed, match=reason):
        check_block(Block(header_of(COINBASE, *PAYMENTS), held))


def test_inclusion_is_proved_by_a_branch() -> None:
    block = (COINBASE, *PAYMENTS)
    for position, transaction in enumerate(block):
        branch = merkle_branch([t.txid for t in block], position)
        check_inclusion(transaction, header_of(*block), branch=branch, position=position)


def test_inclusion_of_another_transaction_is_refused() -> None:
    block = (COINBASE, *PAYMENTS)
    branch = merkle_branch([t.txid for t in block], 2)
    forged = replace(PAYMENTS[1], outputs=(TxOutput(999, b"\x51"),))
    with pytest.raises(ProofFailed, match="does not lead to block"):
        check_inclusion(forged, header_of(*block), branch=branch, position=2)
    with pytest.raises(ProofFailed, match="not a txid"):
        check_inclusion(PAYMENTS[1], header_of(*block), branch=["", *branch[1:]], position=2)


def test_inclusion_of_64_bytes_or_of_a_misplaced_coinbase_is_refused() -> None:
    for transaction, position in ((SIXTY_FOUR_BYTES, 1), (COINBASE, 1), (PAYMENTS[0], 0)):
        with pytest.raises(ProofFailed):
            check_inclusion(transaction, header_of(transaction), branch=[], position=position)


def test_witness_commitment_of_a_real_block_is_the_root_of_its_wtxids(shared: pathlib.Path) -> None:
    # BIP141: a second tree, over wtxids, whose root the coinbase carries
    block = parse_block((shared / "blocks" / "mainnet_702861.raw").read_bytes())
    coinbase, *others = block.transactions
    root = merkle_root(["00" * 32, *[transaction.wtxid for transaction in others]])
    committed = [o.script[6:] for o in coinbase.outputs if o.script.startswith(bytes.fromhex("6a24aa21a9ed"))]
    assert sha256d(bytes.fromhex(root)[::-1] + coinbase.inputs[0].witness[0]) == committed[-1]


def test_real_branches_lead_to_the_header_s_root(shared: pathlib.Path) -> None:
    block = parse_block((shared / "blocks" / "mainnet_702861.raw").read_bytes())
    txids = [transaction.txid for transaction in block.transactions]
    for position in (0, 1, 1234, len(txids) - 1):
        transaction = parse_transaction(block.transactions[position].serialize())
        branch = merkle_branch(txids, position)
        assert len(branch) == 12
        check_inclusion(transaction, block.header, branch=branch, position=position)
