"""A whole block of an EVM node: what is proved, and that no lie about it is believed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from evm_reading import (
    ABSENT,
    BLOCK,
    NODE,
    a_block,
    read,
    rows,
    transfers,
    words,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import (
    BadResponse,
    ProofFailed,
    SchemaMismatch,
    SourceError,
)
from chainflow.evm import EvmLog
from chainflow.model import BlockHash, TransferKind, TransferRecord
from chainflow.sources.accounts import TRANSFER_TOPIC
from chainflow.sources.evm.facts import padded
from chainflow.sources.evm.receipts import moves_of
from tests.evm_form import (
    EXAMPLE,
    HEIGHT,
    MINER,
    OTHER,
    SIGNER,
    TIME,
    block_of,
)

# --- a whole block -------------------------------------------------------------------------------


def test_all_that_a_block_commits_to_is_proved() -> None:
    found = read(BLOCK, *a_block())
    assert isinstance(found[0], BlockHash)
    moved = found[1:]
    assert {(row.level, row.height, row.time) for row in moved} == {(3, HEIGHT, TIME)}
    assert [row.value_raw for row in rows(moved, TransferKind.NATIVE)] == [10**18, 10**18, 3, 0]
    assert [row.place for row in rows(moved, TransferKind.TOKEN)] == ["log:0"]
    paid = [(row.recipient, row.value_raw, row.place) for row in rows(moved, TransferKind.WITHDRAWAL)]
    assert paid == [(OTHER, 1_000_000_001 * 10**9, "withdrawal:7"), (SIGNER, 3 * 10**9, "withdrawal:8")]


def test_the_maker_gets_what_is_not_burnt() -> None:
    (reward,) = rows(read(BLOCK, *a_block()), TransferKind.REWARD)
    earned = 21_000 * 10 * 10**9 + 50_000 * 10**9 + 60_000 * 15 * 10**9 + 200_000 * 10**9
    assert (reward.txid, reward.sender, reward.recipient) == (f"block:{HEIGHT}", None, MINER)
    assert reward.value_raw == earned


def test_proof_of_work_made_new_coins() -> None:
    early = a_block(difficulty="0x1", baseFeePerGas=None, number=hex(4_369_999))
    fees = 21_000 * 20 + 50_000 * 30 + 60_000 * 25 + 200_000 * 30
    for one in early[0]["transactions"] + early[1]:
        one["blockNumber"] = hex(4_369_999)
    for receipt, price in zip(early[1], (20, 30, 25, 30), strict=True):
        receipt["effectiveGasPrice"] = hex(price * 10**9)
    (reward,) = rows(read(NODE.block_paths(4_369_999)[0], *early), TransferKind.REWARD)
    assert reward.value_raw == 5 * 10**18 + fees * 10**9


def test_a_block_may_be_asked_for_by_its_hash() -> None:
    block, receipts = a_block()
    path, _ = NODE.block_paths(HEIGHT, block["hash"])
    assert read(path, block, receipts) == read(BLOCK, block, receipts)
    with pytest.raises(ProofFailed, match="is another block"):
        read(NODE.block_paths(HEIGHT, "0x" + "00" * 32)[0], block, receipts)
    with pytest.raises(ProofFailed, match="is another block"):
        read(NODE.block_paths(HEIGHT + 1)[0], block, receipts)


def _lie(place: str, *steps: Any, to: Any) -> Any:
    return pytest.param((place, steps, to), id=".".join(map(str, (place, *steps))))


@pytest.mark.parametrize(
    "lie",
    [
        _lie("block", "timestamp", to="0x1"),
        _lie("block", "miner", to=OTHER),
        _lie("block", "baseFeePerGas", to="0x1"),
        _lie("block", "receiptsRoot", to="0x" + "00" * 32),
        _lie("block", "gasUsed", to="0x1"),
        _lie("block", "hash", to="0x" + "00" * 32),
        _lie("block", "withdrawals", 0, "amount", to="0x1"),
        _lie("block", "withdrawals", 0, "address", to=SIGNER),
        _lie("block", "withdrawals", to=None),
        _lie("block", "uncles", to=["0x" + "00" * 32]),
        _lie("block", "transactions", to=[]),
        _lie("block", "transactions", 0, "value", to="0x1"),
        _lie("block", "transactions", 0, "from", to=OTHER),
        _lie("receipts", 3, "status", to="0x1"),
        _lie("receipts", 0, "status", to="0x0"),
        _lie("receipts", 0, "gasUsed", to="0x5207"),
        _lie("receipts", 0, "cumulativeGasUsed", to="0x1"),
        _lie("receipts", 1, "effectiveGasPrice", to="0x1"),
        _lie("receipts", 1, "logs", to=[]),
        _lie("receipts", 1, "logs", 0, "data", to=words(501)),
        _lie("receipts", 1, "logs", 0, "address", to=OTHER),
        _lie("receipts", 1, "logs", 0, "topics", 2, to=padded(SIGNER)),
        _lie("receipts", 1, "logs", 0, "logIndex", to="0x1"),
    ],
)
def test_a_lie_about_a_block_is_refused(lie: tuple[str, tuple[Any, ...], Any]) -> None:
    place, steps, to = lie
    block, receipts = a_block()
    holder: Any = {"block": block, "receipts": receipts}
    for step in (place, *steps)[:-1]:
        holder = holder[step]
    holder[(place, *steps)[-1]] = to
    with pytest.raises((ProofFailed, SchemaMismatch)):
        read(BLOCK, block, receipts)


def test_without_receipts_nobody_knows_what_failed() -> None:
    block, receipts = a_block()
    with pytest.raises(BadResponse, match=r"no receipts .*Method not found"):
        read(BLOCK, block, ABSENT)
    with pytest.raises(ProofFailed, match="4 transactions and 3 receipts"):
        read(BLOCK, block, receipts[1:])


def test_other_headers_are_read_at_a_lower_level() -> None:
    block, receipts = block_of((EXAMPLE, {"logs": transfers()}))
    block["transactions"][0]["chainId"] = None
    other = block | {
        "mixHash": "0x" + "77" * 32
    }  # as a header with other fields, it does not hash to its hash
    found = [
        fact for fact in read(BLOCK, other, receipts, chain="unheard-of") if isinstance(fact, TransferRecord)
    ]
    levels = {row.kind: row.level for row in found}
    assert levels == {
        TransferKind.NATIVE: 2,
        TransferKind.FEE: 0,
        TransferKind.TOKEN: 0,
        TransferKind.WITHDRAWAL: 0,
    }
    with pytest.raises(ProofFailed, match="does not hash to"):
        read(BLOCK, other, receipts)


leaves = st.one_of(
    st.sampled_from([None, "", "0x", "0x0", "0x1", "0x" + "00" * 32, OTHER, SIGNER, [], {}, True, -1, 2**64]),
    st.integers(0, 2**70).map(hex),
    st.text(max_size=4),
)


HONEST = read(BLOCK, *a_block())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_gives_the_same_facts_or_a_refusal(data: st.DataObject) -> None:
    whole: Any = list(a_block())
    holder, step = whole, data.draw(st.sampled_from([0, 1]))
    while isinstance(holder[step], dict | list) and holder[step] and data.draw(st.integers(0, 9)):
        holder = holder[step]
        keys = sorted(holder) if isinstance(holder, dict) else range(len(holder))
        step = data.draw(st.sampled_from(keys))
    holder[step] = data.draw(leaves)
    try:
        found = read(BLOCK, *whole)
    except SourceError:
        return
    assert found == HONEST


# --- recorded ------------------------------------------------------------------------------------


def test_recorded_blocks_of_a_real_node_are_proved(shared: Path) -> None:
    recorded = json.loads((shared / "nodes" / "anvil" / "recorded.json").read_bytes())
    receipts = {one["transactionHash"]: one for one in [*recorded["receipts"], recorded["failed_receipt"]]}
    proved = 0
    for block in recorded["blocks"]:
        own = [receipts.get(tx["hash"]) for tx in block["transactions"]]
        if own and all(own):
            path = NODE.block_paths(int(block["number"], 16))[0]
            moved = read(path, block, own, chain="evm-dev")[1:]
            assert {row.level for row in moved} == {3}
            proved += 1
    assert proved == 6


def unzipped(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


def test_the_token_movements_of_real_blocks_are_those_another_reader_found(shared: Path) -> None:
    folder = shared / "evm" / "block_17173049"
    found, wrapped = [], 0
    for line in unzipped(folder / "expected_logs.json.gz"):
        log = json.loads(line)
        topics = tuple(bytes.fromhex(topic[2:]) for topic in log["topics"])
        read_log = EvmLog(bytes.fromhex(log["address"][2:]), topics, bytes.fromhex(log["data"][2:]))
        moves = moves_of("eth", log["address"], read_log)
        if log["topics"][0] != TRANSFER_TOPIC:
            wrapped += len(moves)
            continue
        for sender, recipient, token_id, value_raw, _ in moves:
            amount = value_raw if token_id is None else token_id
            found.append(
                (log["transaction_hash"], log["log_index"], log["address"], sender, recipient, amount)
            )
    names = ("transaction_hash", "log_index", "token_address", "from_address", "to_address", "value")
    rows = map(json.loads, unzipped(folder / "expected_token_transfers.json.gz"))
    assert found == [tuple(row[name] for name in names) for row in rows]
    assert wrapped > 0
    assert max(amount for *_, amount in found) > 10**30
