"""The bytes of EVM chains: what recomputes, against published vectors and real blocks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import AddressInvalid, BadBytes
from chainflow.evm import (
    EMPTY_ROOT,
    EvmLog,
    EvmReceipt,
    block_hash,
    checksummed,
    keccak256,
    ordered_root,
    read_address,
    receipts_root,
    rlp,
    transaction_from_raw,
    transaction_from_rpc,
    withdrawals_root,
)
from chainflow.evm.blocks import blob_price, exponential, logs_bloom
from chainflow.evm.hashes import created_address
from chainflow.evm.secp256k1 import recover
from tests.evm_form import BLOB, CALL, CREATION, DEPOSIT, EXAMPLE, KINDS, SETTING, SIGNER, rpc_of


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


# --- hashes and addresses --------------------------------------------------------------------------


def test_keccak_is_not_sha3() -> None:
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"


def test_checksums_are_those_of_eip_55(shared: Path) -> None:
    cases = json.loads((shared / "vectors" / "eip55.json").read_bytes())["cases"]
    assert len(cases) == 11
    for address, is_right in cases:
        is_address = address.startswith("0x")
        assert (is_address and checksummed(address) == address) is is_right


@given(st.binary(min_size=20, max_size=20), st.integers(0, 39))
def test_an_address_reads_back_and_one_letter_of_the_wrong_case_is_refused(raw: bytes, place: int) -> None:
    address = checksummed("0x" + raw.hex())
    assert read_address(address) == read_address(address.lower()) == "0x" + raw.hex()
    swapped = address[: 2 + place] + address[2 + place].swapcase() + address[3 + place :]
    if swapped[2:] not in (address[2:], address[2:].lower(), address[2:].upper()):
        with pytest.raises(AddressInvalid, match="checksum fails"):
            read_address(swapped)


@pytest.mark.parametrize(
    "text", ["", "0x", "0x" + "g" * 40, "5" * 40, "0X" + "5" * 40, "0x" + "5" * 41, "0x" + "٥" * 40]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressInvalid, match="not an EVM address"):
        read_address(text)


def test_a_contracts_address_follows_from_its_makers_and_their_count() -> None:
    maker = "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"
    assert created_address(maker, 0) == "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert created_address(maker, 1) == "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"


# --- RLP -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "raw"),
    [
        (b"", "80"),
        (b"\0", "00"),
        (b"\x7f", "7f"),
        (b"\x80", "8180"),
        (b"dog", "83646f67"),
        ([], "c0"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (b"a" * 56, "b838" + "61" * 56),
        ([b"a"] * 56, "f838" + "61" * 56),
    ],
)
def test_items_have_the_form_of_the_yellow_paper(item: rlp.Item, raw: str) -> None:
    assert rlp.encode(item).hex() == raw
    assert rlp.decode(bytes.fromhex(raw)) == item


items = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=4), max_leaves=12)


@given(items)
def test_every_item_reads_back(item: rlp.Item) -> None:
    assert rlp.decode(rlp.encode(item)) == item


@given(st.one_of(st.binary(max_size=80), items.map(rlp.encode)), st.integers(0, 79), st.integers(0, 255))
def test_bytes_have_one_meaning_or_none(raw: bytes, place: int, other: int) -> None:
    changed = bytes(other if index == place else byte for index, byte in enumerate(raw))
    try:
        item = rlp.decode(changed)
    except BadBytes:
        return
    assert rlp.encode(item) == changed


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "b8",
        "b838",
        "b80161",
        "b90001",
        "8161",
        "c1",
        "c261",
        "f8c0",
        "6161",
        "bf" + "ff" * 8,
        "c1" * 20 + "c0",
    ],
)
def test_other_forms_of_rlp_are_refused(raw: str) -> None:
    with pytest.raises(BadBytes):
        rlp.decode(bytes.fromhex(raw))


# --- transactions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "txid"),
    [
        (CREATION, "0x3c44d5f42b6230fe4161e3992b87537967b85f728100a5654e91f10d755d6b78"),
        (CALL, "0x53ed6340ea7ffac2cce84030bbd0cf5b5bd9d92b93de727dc8a8096db5f39638"),
        (SETTING, "0x715911e98b897000dc09d02fdeb9f196b514d3d8caff13a9858ca87e91191b17"),
    ],
)
def test_hash_and_signer_are_those_that_another_library_gives(raw: bytes, txid: str) -> None:
    tx = transaction_from_raw(raw)
    assert (tx.txid, tx.sender, tx.chain_id) == (txid, SIGNER, 1)


def test_the_example_of_eip_155_was_signed_by_its_key() -> None:
    tx = transaction_from_raw(EXAMPLE)
    assert (tx.sender, tx.nonce, tx.value_raw) == ("0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f", 9, 10**18)


def test_a_transaction_with_blobs_is_read_without_them() -> None:
    tx = transaction_from_raw(BLOB)
    assert (tx.sender, tx.blobs, tx.value_raw) == (SIGNER, 1, 5)


def test_a_deposit_is_unsigned_and_states_its_sender() -> None:
    tx = transaction_from_raw(DEPOSIT)
    assert (tx.sender, tx.mint_raw, tx.chain_id) == ("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001", 0, None)


def test_a_creation_pays_the_contract_it_makes() -> None:
    assert transaction_from_raw(CREATION).recipient == created_address(SIGNER, 1)
    assert transaction_from_raw(CALL).recipient == "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"


@pytest.mark.parametrize("kind", KINDS)
def test_a_nodes_json_gives_the_same_bytes(kind: int) -> None:
    assert transaction_from_rpc(rpc_of(KINDS[kind])) == transaction_from_raw(KINDS[kind])


def test_nodes_may_name_fields_otherwise() -> None:
    stated = rpc_of(CALL)
    stated |= {
        "v": stated.pop("yParity"),
        "data": stated.pop("input"),
        "to": stated["to"].upper().replace("X", "x"),
    }
    built = transaction_from_rpc(stated)
    assert built is not None
    assert built.raw == CALL


@pytest.mark.parametrize("change", [{"type": "0x64"}, {"type": "0x7b"}, {"r": "0x0", "s": "0x0", "v": "0x0"}])
def test_a_kind_that_cannot_be_recomputed_is_none(change: dict[str, str]) -> None:
    assert transaction_from_rpc(rpc_of(EXAMPLE) | change) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_the_wrong_form_is_named(kind: int) -> None:
    stated = rpc_of(KINDS[kind])
    for name in set(stated) - {
        "hash",
        "from",
        "blockNumber",
        "blockHash",
        "transactionIndex",
        "gasPrice",
        "type",
    }:
        for wrong in ("0xzz", 5, {}, "0x" + "11" * 33):
            if (name, wrong) == ("input", "0x" + "11" * 33) or (kind in (1, 2, 3, 4) and name == "v"):
                continue
            with pytest.raises(BadBytes, match=name):
                transaction_from_rpc(stated | {name: wrong})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 2**16), st.integers(1, 255))
def test_a_changed_byte_is_another_transaction_or_none(kind: int, place: int, change: int) -> None:
    raw = bytearray(KINDS[kind])
    raw[place % len(raw)] ^= change
    try:
        tx = transaction_from_raw(bytes(raw))
        sender = tx.sender
    except BadBytes:
        return
    assert tx.raw == bytes(raw)
    assert tx.txid != transaction_from_raw(KINDS[kind]).txid
    if kind != 0x7E:
        assert sender != transaction_from_raw(KINDS[kind]).sender


@pytest.mark.parametrize(
    "raw", [b"", b"\x05\xc0", b"\x00" + EXAMPLE, b"\x02", b"\xc0", b"\x80", CALL + b"\0", CALL[:-1]]
)
def test_bytes_that_are_no_transaction_are_refused(raw: bytes) -> None:
    with pytest.raises(BadBytes):
        transaction_from_raw(raw)


@pytest.mark.parametrize(
    ("r", "s", "parity"), [(0, 1, 0), (1, 0, 0), (2**256, 1, 0), (1, 2**256 - 1, 0), (1, 1, 2), (5, 1, 0)]
)
def test_a_signature_of_no_key_is_refused(r: int, s: int, parity: int) -> None:
    with pytest.raises(BadBytes, match="of no key"):
        recover(bytes(32), r, s, parity)


def test_all_transactions_of_a_real_node_recompute(shared: Path) -> None:
    recorded = json.loads((shared / "nodes" / "anvil" / "recorded.json").read_bytes())
    stated = [tx for block in recorded["blocks"] for tx in block["transactions"]]
    built = [transaction_from_rpc(tx) for tx in stated]
    assert [(tx and tx.txid, tx and tx.sender) for tx in built] == [(tx["hash"], tx["from"]) for tx in stated]
    assert len(built) == 105


# --- blocks ----------------------------------------------------------------------------------------


def test_the_first_block_of_ethereum_has_its_hash() -> None:
    nothing = "0x" + "00" * 32
    header = {
        "parentHash": nothing,
        "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "miner": "0x" + "00" * 20,
        "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
        "transactionsRoot": EMPTY_ROOT,
        "receiptsRoot": EMPTY_ROOT,
        "logsBloom": "0x" + "00" * 256,
        "difficulty": "0x400000000",
        "number": "0x0",
        "gasLimit": "0x1388",
        "gasUsed": "0x0",
        "timestamp": "0x0",
        "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
        "mixHash": nothing,
        "nonce": "0x0000000000000042",
    }
    assert block_hash(header) == "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
    for name in header:
        with pytest.raises(BadBytes, match=name):
            block_hash({**header, name: None})


def test_blocks_of_a_real_node_hash_and_commit_to_their_transactions(shared: Path) -> None:
    blocks = json.loads((shared / "nodes" / "anvil" / "recorded.json").read_bytes())["blocks"]
    assert len(blocks) == 106
    for block in blocks:
        assert block_hash(block) == block["hash"]
        built = [transaction_from_rpc(tx) for tx in block["transactions"]]
        assert ordered_root([tx.raw for tx in built if tx is not None]) == block["transactionsRoot"]


def test_real_blocks_of_ethereum_commit_to_their_receipts_and_withdrawals(shared: Path) -> None:
    folder = shared / "evm" / "block_17173049"
    txs, logs = (lines(folder / f"expected_{name}.json.gz") for name in ("transactions", "logs"))
    checked = 0
    for block in lines(folder / "expected_blocks.json.gz"):
        receipts, gas = [], 0
        for tx in (tx for tx in txs if tx["block_number"] == block["number"]):
            own = tuple(log_of(log) for log in logs if log["transaction_hash"] == tx["hash"])
            gas += tx["receipt_gas_used"]
            receipts.append(EvmReceipt(tx["transaction_type"], b"\x01" * tx["receipt_status"], gas, own))
        paid = [(w["index"], w["validator_index"], w["address"], w["amount"]) for w in block["withdrawals"]]
        everything = [log for receipt in receipts for log in receipt.logs]
        assert receipts_root(receipts) == block["receipts_root"]
        assert withdrawals_root(paid) == block["withdrawals_root"]
        assert "0x" + logs_bloom(everything).hex() == block["logs_bloom"]
        checked += len(receipts)
    assert checked == 298


def log_of(log: dict[str, Any]) -> EvmLog:
    topics = tuple(bytes.fromhex(topic[2:]) for topic in log["topics"])
    return EvmLog(bytes.fromhex(log["address"][2:]), topics, bytes.fromhex(log["data"][2:]))


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=20), st.integers(0, 19))
def test_a_root_changes_with_each_value_and_with_their_order(values: list[bytes], place: int) -> None:
    place %= len(values)
    root = ordered_root(values)
    changed = [value + b"\0" if index == place else value for index, value in enumerate(values)]
    assert ordered_root(changed) != root
    assert ordered_root(values[:-1]) != root
    if values[::-1] != values:
        assert ordered_root(values[::-1]) != root


@pytest.mark.parametrize(
    ("excess", "fraction", "price"),
    [(0, 1, 1), (2, 1, 6), (4, 2, 6), (3, 1, 16), (6, 2, 18), (4, 1, 49), (8, 2, 50)],
)
def test_a_blobs_price_is_that_of_eip_4844(excess: int, fraction: int, price: int) -> None:
    assert exponential(excess, fraction) == price


def test_a_blob_may_cost_what_any_fork_says() -> None:
    assert blob_price(0) == {1}
    assert len(blob_price(100_000_000)) == 4
