"""Transactions, headers and blocks: known ones by hand, real ones against two libraries, broken ones."""

from __future__ import annotations

import contextlib
import json
import pathlib
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from bitcoin.core import CTransaction
from btclib.tx import Tx
from hypothesis import example, given
from hypothesis import strategies as st

from chainflow.errors import BadBytes, ProofFailed
from chainflow.wire import (
    Block,
    Header,
    Transaction,
    TxInput,
    TxOutput,
    check_block,
    parse_block,
    parse_header,
    parse_transaction,
)

GENESIS_HEADER = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e"
    "67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
)
GENESIS = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104"
    "455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f6620736563"
    "6f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a6"
    "7130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6b"
    "f11d5fac00000000"
)
SEGWIT = bytes.fromhex(
    "020000000001015f4b1d3ee9226983a454bb9bc844cc10359b5db0cbf5668699d0a94090aa78291100000000fdffffff01"
    "8c690400000000001600145e2399f47a2e17be15e1c3a01ae53374fe8352b7024730440220450ddafd6cb154d6500280e4"
    "f9a071c2c6b40ab43bc6c7240f5972c0dbc2feca02200c683fdaedd24a9e09b0e9d9086ba3ef2853758ca3a5ae4a54323f"
    "a48267e20e0121034ba0a5e456db40367540c4661be13fc18a43c7ba093c5fe5f3789031763abd6b8cb90a00"
)
HOGEX = bytes.fromhex(
    "020000000008049b40c1082041a5a72b62e895d0b2d9784cb346f2cf5e792be82206089d7bb5690000000000ffffffff26"
    "a0e6d34453b790dd2adb744b044850698d293b6a4f908e836ee1a87b84ceb90000000000ffffffffc43b93748a4d43c676"
    "6cc2d09da86c6ffa5479ac6d56ec2bb1cdaca789857bdd0000000000ffffffff2ad4dbca755ba2fc4a3b07cd6314f8bfab"
    "f20e42837eed6536bdb07dd75e8c920000000000ffffffff0153c5d3230200000022582030e8a2e9fe715e7c607cd711cb"
    "683d25388db2d4db6fa94aaea35d194b5953700000000000"
)
LITECOIN_HEADER = bytes.fromhex(
    "140000201cd116c7e7bcf752283971c97a9ddead73fa5e02d0f449da942dcd42d1ca8d41be74912f5d731f7d993a2ac48a"
    "9912051369648fe02efadcf450434d4064d9798c218762cd0c011a72e3361b"
)

UINT32 = st.integers(0, 2**32 - 1)
TXIDS = st.binary(min_size=32, max_size=32).map(bytes.hex)
INPUTS = st.builds(
    TxInput,
    TXIDS,
    UINT32,
    st.binary(max_size=300),
    UINT32,
    st.lists(st.binary(max_size=300), max_size=3).map(tuple),
)
OUTPUTS = st.builds(TxOutput, st.integers(0, 2**63 - 1), st.binary(max_size=300))
TRANSACTIONS = st.builds(
    Transaction,
    UINT32,
    st.lists(INPUTS, min_size=1, max_size=4).map(tuple),
    st.lists(OUTPUTS, min_size=1, max_size=4).map(tuple),
    UINT32,
    st.booleans(),
)


def test_the_first_transaction_reads_as_it_is_known() -> None:
    transaction = parse_transaction(GENESIS)
    assert transaction.txid == "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
    assert transaction.wtxid == transaction.txid
    assert transaction.is_coinbase
    assert transaction.outputs[0].value_sat == 50 * 100_000_000
    assert b"Chancellor on brink of second bailout" in transaction.inputs[0].scriptsig
    assert (transaction.size, transaction.weight) == (204, 816)


def test_txid_leaves_the_witness_out_and_wtxid_does_not() -> None:
    transaction = parse_transaction(SEGWIT)
    assert transaction.txid == "8ef56bae5daacbdf0867ece4c9d7f934fe0c597e74a3999677869eae31824677"
    assert transaction.wtxid == "07e9b521be033f3218063646ad7f8ddd62eed1ccfc2527e0f58606788b70e772"
    assert (transaction.size, transaction.weight) == (191, 437)
    assert len(transaction.serialize(witness=False)) == 82
    assert [len(item) for item in transaction.inputs[0].witness] == [71, 33]
    assert not transaction.is_coinbase


def test_mweb_mark_is_kept_and_is_in_neither_id() -> None:
    transaction = parse_transaction(HOGEX)
    assert transaction.is_hogex
    assert transaction.txid == transaction.wtxid
    assert transaction.txid == "b0a867c72f417dc0a904f708ba37fa2d94c3b25a288ea6e8fbe8cd14d8ca7119"
    assert transaction.serialize() == HOGEX
    assert transaction.weight == 4 * (len(HOGEX) - 3)


BROKEN = {
    "nothing": (b"", "ends early"),
    "only a version": (GENESIS[:4], "ends early"),
    "cut before the locktime": (GENESIS[:-4], "ends early"),
    "one byte more": (GENESIS + b"\0", "1 bytes follow"),
    "two transactions": (GENESIS + GENESIS, "204 bytes follow"),
    "no inputs, no outputs": (GENESIS[:4] + bytes(6), "no inputs"),
    "no outputs": (GENESIS[:-81] + bytes(5), "no outputs"),
    "unknown flag": (SEGWIT[:5] + b"\x02" + SEGWIT[6:], "unknown flag 2"),
    "announced witness, empty stacks": (
        SEGWIT[:4] + b"\0\1" + parse_transaction(SEGWIT).serialize(witness=False)[4:-4] + bytes(5),
        "every stack is empty",
    ),
    "a count longer than needed": (GENESIS[:4] + b"\xfd\x01\x00" + GENESIS[5:], "shortest form"),
    "four billion inputs": (GENESIS[:4] + b"\xfe\xff\xff\xff\xff" + GENESIS[5:], "more than can follow"),
    "2**64 inputs": (GENESIS[:4] + b"\xff" * 9 + GENESIS[5:], "more than can follow"),
    "a script of 2**63 bytes": (
        GENESIS[:41] + b"\xff" + bytes(7) + b"\x80" + GENESIS[42:],
        "more than can follow",
    ),
    "a negative value": (GENESIS[:-80] + b"\xff" * 8 + GENESIS[-72:], "negative value -1"),
    "an MWEB body": (HOGEX[:-5] + b"\1" + HOGEX[-4:], "MWEB body"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_transaction_is_refused_with_its_reason(name: str) -> None:
    raw, reason = BROKEN[name]
    with pytest.raises(BadBytes, match=reason) as refusal:
        parse_transaction(raw)
    assert refusal.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"version": -1},
        {"locktime": 2**32},
        {"inputs": ()},
        {"outputs": ()},
        {"outputs": (TxOutput(-1, b""),)},
        {"outputs": (TxOutput(2**63, b""),)},
        {"inputs": (TxInput("ab", 0, b"", 0),)},
        {"inputs": (TxInput("ab" * 31 + " ab", 0, b"", 0),)},
        {"inputs": (TxInput("ab" * 32, -1, b"", 0),)},
    ],
)
def test_transaction_that_cannot_be_written_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadBytes):
        replace(parse_transaction(SEGWIT), **change).serialize()


@given(TRANSACTIONS)
def test_what_is_written_reads_back(transaction: Transaction) -> None:
    parsed = parse_transaction(transaction.serialize())
    assert parsed == transaction
    assert parsed.txid == transaction.txid
    assert parsed.size == len(transaction.serialize())


@given(TRANSACTIONS, st.data())
def test_every_prefix_is_refused(transaction: Transaction, data: st.DataObject) -> None:
    raw = transaction.serialize()
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(BadBytes):
        parse_transaction(raw[:cut])


@given(TRANSACTIONS, st.data())
def test_every_changed_byte_is_refused_or_changes_an_id(
    transaction: Transaction, data: st.DataObject
) -> None:
    raw = bytearray(transaction.serialize())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        changed = parse_transaction(bytes(raw))
    except BadBytes:
        return
    assert (changed.txid, changed.wtxid) != (transaction.txid, transaction.wtxid)


@given(st.binary(max_size=400))
@example(GENESIS_HEADER + b"\x01" + SEGWIT[:6])
@example(GENESIS_HEADER + b"\xfd\xff\xff" + GENESIS)
def test_random_bytes_are_refused_and_nothing_else(raw: bytes) -> None:
    for parse in (parse_transaction, parse_block, parse_header):
        with contextlib.suppress(BadBytes):
            parse(raw)


@given(
    st.sampled_from([GENESIS, SEGWIT, HOGEX]), st.integers(0, 200), st.integers(0, 12), st.binary(max_size=12)
)
def test_spliced_bytes_are_refused_or_read_back(raw: bytes, start: int, cut: int, patch: bytes) -> None:
    spliced = raw[:start] + patch + raw[start + cut :]
    try:
        transaction = parse_transaction(spliced)
    except BadBytes:
        return
    assert transaction.serialize() == spliced


def test_header_of_the_first_block_shows_its_work() -> None:
    header = parse_header(GENESIS_HEADER)
    assert header.hash == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert header.merkle_root == parse_transaction(GENESIS).txid
    assert header.target == 0xFFFF << 208
    assert header.work == 2**32 + 2**16 + 1
    assert header.has_work
    assert not replace(header, nonce=header.nonce + 1).has_work
    assert header.serialize() == GENESIS_HEADER


def test_litecoin_header_has_scrypt_work_and_no_other() -> None:
    header = parse_header(LITECOIN_HEADER)
    assert header.hash == "9bacbef81b42f777fabc19d08bceddb56d219fd4585f85946cb27470c6f4f596"
    assert header.has_scrypt_work
    assert not header.has_work
    assert not replace(header, nonce=header.nonce + 1).has_scrypt_work


@pytest.mark.parametrize(("bits", "target"), [(0x01003456, 0), (0x01123456, 0x12), (0x02008000, 0x80), (0x04123456, 0x12345600), (0x04923456, 0), (0xFF123456, 0), (0x1D00FFFF, 0xFFFF << 208)])  # fmt: skip
def test_malformed_bits_give_no_target(bits: int, target: int) -> None:
    header = replace(parse_header(GENESIS_HEADER), bits=bits)
    assert header.target == target
    assert (header.work > 0) == (target > 0)


def test_header_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(BadBytes, match="does not fit"):
        Header(1, "00" * 32, "00" * 32, -1, 0, 0).serialize()


def test_block_is_its_header_and_transactions() -> None:
    block = parse_block(GENESIS_HEADER + b"\x01" + GENESIS)
    assert block == Block(parse_header(GENESIS_HEADER), (parse_transaction(GENESIS),))
    check_block(block)


@pytest.mark.parametrize("rest", [b"", b"\x00", b"\x02" + GENESIS, b"\x01" + GENESIS + b"\0", b"\xff" * 9])
def test_broken_block_is_refused(rest: bytes) -> None:
    with pytest.raises(BadBytes):
        parse_block(GENESIS_HEADER + rest)


@pytest.mark.parametrize("name", ["block300025.raw", "block482683.raw", "mainnet_702861.raw"])
def test_real_block_agrees_with_two_other_libraries(shared: pathlib.Path, name: str) -> None:
    raw = (shared / "blocks" / name).read_bytes()
    block = parse_block(raw)
    check_block(block)
    assert block.header.has_work
    for transaction in block.transactions:
        written = transaction.serialize()
        theirs = CTransaction.deserialize(written)
        assert theirs.GetTxid()[::-1].hex() == transaction.txid
        assert theirs.GetHash()[::-1].hex() == transaction.wtxid
        assert theirs.calc_weight() == transaction.weight
        assert Tx.parse(written, check_validity=False).id.hex() == transaction.txid
    assert raw.endswith(b"".join(transaction.serialize() for transaction in block.transactions))


def test_fees_and_subsidy_of_block_300025_are_its_coinbase(shared: pathlib.Path) -> None:
    block = parse_block((shared / "blocks" / "block300025.raw").read_bytes())
    coinbase, *others = block.transactions
    spent = list(_undo_values((shared / "blocks" / "block300025-undo.raw").read_bytes()))
    assert len(spent) == sum(len(transaction.inputs) for transaction in others)
    paid = sum(output.value_sat for transaction in others for output in transaction.outputs)
    assert sum(o.value_sat for o in coinbase.outputs) == 25 * 100_000_000 + sum(spent) - paid


def _undo_values(raw: bytes) -> Iterator[int]:
    offset = 0
    while offset < len(raw):
        value_sat, size = struct.unpack_from("<qB", raw, offset)
        offset += 9
        if size == 0xFD:
            (size,) = struct.unpack_from("<H", raw, offset)
            offset += 2
        offset += size
        yield value_sat


def test_litecoin_block_with_mweb_is_proved_by_its_header(shared: pathlib.Path) -> None:
    reply = json.loads((shared / "blocks" / "litecoin_2265985_mweb.json").read_text())
    block = parse_block(bytes.fromhex(reply["block"]))
    check_block(block)
    assert [transaction.txid for transaction in block.transactions] == reply["tx"]
    assert block.header.hash == reply["hash"]
    assert block.header.has_scrypt_work
    assert [transaction.is_hogex for transaction in block.transactions].index(True) == len(reply["tx"]) - 1
    assert block.extension


@pytest.mark.parametrize("name", ["valid", "invalid"])
def test_block_vectors_of_bitcoinlib(shared: pathlib.Path, name: str) -> None:
    vectors = json.loads((shared / "vectors" / f"pybitcoinlib_checkblock_{name}.json").read_text())
    for comment, _, needs_work, _, text in (vector for vector in vectors if len(vector) == 5):
        try:
            block = parse_block(bytes.fromhex(text))
            check_block(block)
            is_good = block.header.has_work or not needs_work
        except (BadBytes, ProofFailed):
            is_good = False
        is_about_the_clock = "two hours + 1" in comment
        assert is_good == (name == "valid" or is_about_the_clock), comment


def test_transaction_vectors_of_bitcoinlib_read_and_write_alike(shared: pathlib.Path) -> None:
    vectors = json.loads((shared / "vectors" / "pybitcoinlib_tx_valid.json").read_text())
    raws = [bytes.fromhex(vector[1]) for vector in vectors if len(vector) == 3]
    assert len(raws) == 32
    for raw in raws:
        transaction = parse_transaction(raw)
        assert transaction.serialize() == raw
        assert transaction.txid == CTransaction.deserialize(raw).GetTxid()[::-1].hex()


def test_invalid_transaction_vectors_are_read_or_refused(shared: pathlib.Path) -> None:
    vectors = json.loads((shared / "vectors" / "pybitcoinlib_tx_invalid.json").read_text())
    refused = []
    for raw in (bytes.fromhex(vector[1]) for vector in vectors if len(vector) == 3):
        try:
            assert parse_transaction(raw).serialize() == raw
        except BadBytes as refusal:
            refused.append(refusal.message)
    assert len(refused) == 2  # no outputs, a negative value; the others are well formed but break other rules
