"""Raw blocks as files: what each block proves, what undo data adds, and what is left out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadBytes, BadInput, BadResponse, ProofFailed
from chainflow.formats.blocks import Blocks, block_facts
from chainflow.formats.opening import open_file
from chainflow.formats.undo import amount_of, spent_by
from chainflow.formats.unpack import bundle
from chainflow.model import HeaderRecord, OutputRecord, TxRecord
from chainflow.transactions import Block, sha256d, txid_bytes
from chainflow.wire import parse_block
from tests.sources.core_form import (
    BLOCKS,
    CHAIN,
    COIN,
    FIRST_HASH,
    MINER,
    ONE,
    PAYEE,
    PAYMENT,
    SPENT,
    TWO,
    coinbase,
    mine,
    raw_of,
)

MAGIC = bytes.fromhex("fabfb5da")
KEY = bytes.fromhex("00112233445566ff")


def record(raw: bytes) -> bytes:
    return MAGIC + len(raw).to_bytes(4, "little") + raw


def blk(*blocks: Block) -> bytes:
    return b"".join(record(raw_of(block)) for block in blocks) + b"\0" * 500


def number(value: int) -> bytes:
    """Write a number as nodes do: seven bits to a byte, the highest first, each carry one less."""
    parts = [value & 0x7F]
    while value > 0x7F:
        value = (value >> 7) - 1
        parts.append(0x80 | value & 0x7F)
    return bytes(reversed(parts))


def packed(value_sat: int) -> int:
    """Pack an amount as nodes do."""
    zeros = 0
    while value_sat and value_sat % 10 == 0 and zeros < 9:
        value_sat, zeros = value_sat // 10, zeros + 1
    if value_sat == 0:
        return 0
    if zeros == 9:
        return 1 + (value_sat - 1) * 10 + 9
    return 1 + (value_sat // 10 * 9 + value_sat % 10 - 1) * 10 + zeros


def undo_of(spent: list[list[bytes]]) -> bytes:
    """Return undo data in which each input spends one of these packed scripts, of 50 coins, made at height 1."""
    coin = number(2 * 1 + 1) + b"\0" + number(packed(50 * COIN))
    txs = [bytes((len(scripts),)) + b"".join(coin + script for script in scripts) for scripts in spent]
    return bytes((len(txs),)) + b"".join(txs)


def packed_script(script: bytes) -> bytes:
    if len(script) == 25:
        return b"\0" + script[3:23]
    return number(len(script) + 6) + script


def rev(block: Block, spent: list[OutputRecord]) -> bytes:
    """Return a record of a node's undo file."""
    coins = [
        b"\1" + number(3) + b"\0" + number(packed(one.value_sat)) + packed_script(bytes.fromhex(one.script))
        for one in spent
    ]
    raw = bytes((len(coins),)) + b"".join(coins)
    return record(raw) + sha256d(txid_bytes(block.header.prev_hash) + raw)


REV = record(b"\0") + b"\7" * 32 + rev(TWO, [SPENT[1][0], SPENT[2][0]]) + b"\0" * 99


def parse(*files: tuple[str, bytes], chain: str = CHAIN, path: str = "/blk00000.dat"):
    return Blocks.parse(chain, path, files[0][1] if len(files) == 1 else bundle(files))


def txs(parsed) -> list[TxRecord]:
    return [fact for fact in parsed.facts if isinstance(fact, TxRecord)]


def test_a_nodes_file_holds_whole_blocks_in_any_order():
    parsed = parse(("blk00000.dat", blk(TWO, *BLOCKS)))
    assert (parsed.rows, parsed.rejected) == (4, ())
    assert parsed.counts == {"blocks": 3, "transactions": 5}
    assert {(record.txid, record.height, record.position) for record in txs(parsed)} == {
        (transaction.txid, height, position)
        for height, block in enumerate(BLOCKS)
        for position, transaction in enumerate(block.transactions)
    }
    assert all(record.is_included and record.is_placed for record in txs(parsed))
    assert any("spend is not in the file" in note for note in parsed.notes)


def test_undo_data_tells_every_fee():
    parsed = parse(("blk00000.dat", blk(*BLOCKS)), ("rev00000.dat", REV))
    assert [record.fee_sat for record in txs(parsed)] == [0, 0, 0, 1_000, 500]
    assert txs(parsed)[3].inputs[0].prevout == OutputRecord(50 * COIN, MINER.hex())
    assert parsed.notes == ("undo data of 1 block(s) that are not in the file was not used",)


def test_a_node_from_version_28_hides_its_files():
    def hidden(content: bytes) -> bytes:
        return bytes(byte ^ KEY[place % 8] for place, byte in enumerate(content))

    open_facts = parse(("blk00000.dat", blk(*BLOCKS)), ("rev00000.dat", REV)).facts
    files = [("blk00000.dat", hidden(blk(*BLOCKS))), ("rev00000.dat", hidden(REV)), ("xor.dat", KEY)]
    assert parse(*files).facts == open_facts
    assert parse(files[0], path=f"/b?xor={KEY.hex()}").facts == parse(("b", blk(*BLOCKS))).facts
    (refused,) = parse(files[0]).rejected
    assert "xor.dat" in refused.error.hint
    with pytest.raises(BadResponse):
        parse(files[0], ("xor.dat", KEY[:5]))
    with pytest.raises(BadInput):
        parse(files[0], path="/b?xor=12")


def test_blocks_as_hex_one_to_a_line():
    text = "\n".join(raw_of(block).hex() for block in BLOCKS) + "\n"
    assert parse(("b", text.encode())).facts == parse(("b", blk(*BLOCKS))).facts
    broken = parse(("b", f"{raw_of(ONE).hex()}\nabc\n{raw_of(TWO).hex()}".encode()))
    assert [(row.line, row.text) for row in broken.rejected] == [
        (2, f"block at byte {2 * len(raw_of(ONE)) + 1}")
    ]
    assert broken.counts["blocks"] == 2


def test_a_block_alone_proves_itself():
    header, *records = block_facts(CHAIN, raw_of(TWO))
    assert header == HeaderRecord(CHAIN, 2, TWO.header.serialize().hex())
    assert [record.txid for record in records] == [transaction.txid for transaction in TWO.transactions]
    assert parse(("b", raw_of(TWO))).facts == (header, *records)
    with pytest.raises(ProofFailed, match="the coinbase says height 2, not 7"):
        block_facts(CHAIN, raw_of(TWO), 7)
    with pytest.raises(BadBytes):
        block_facts(CHAIN, raw_of(TWO)[:-1])


def test_where_the_coinbase_tells_no_height_it_can_be_given():
    raw = raw_of(ONE)  # on testnet the rule began at block 21,111
    header, paid = block_facts("btc-testnet", raw)
    assert (header.height, paid.height, paid.is_placed, paid.is_included) == (None, None, False, True)
    assert (paid.block_hash, paid.time) == (ONE.header.hash, ONE.header.time)
    parsed = parse(("b", raw), chain="btc-testnet")
    assert any("height of 1 block(s)" in note for note in parsed.notes)
    assert txs(parse(("b", raw), chain="btc-testnet", path="/b?height=1"))[0].height == 1
    with pytest.raises(BadInput, match="height=1 for 3 blocks"):
        parse(("b", blk(*BLOCKS)), path="/b?height=1")


def test_heights_follow_from_neighbours():
    silent = [mine("77" * 32, coinbase(1, 50 * COIN))]  # on testnet, where no coinbase tells so early
    for height in range(2, 5):
        silent.append(mine(silent[-1].header.hash, coinbase(height, 50 * COIN)))
    telling = mine(silent[-1].header.hash, coinbase(21_111, 50 * COIN))
    after = mine(telling.header.hash, coinbase(5, 50 * COIN))
    text = "\n".join(raw_of(block).hex() for block in (telling, *silent)).encode()
    records = txs(parse(("b", text), chain="btc-testnet"))
    assert [record.height for record in records] == [21_111, 21_107, 21_108, 21_109, 21_110]
    with pytest.raises(ProofFailed, match="the coinbase says height 5"):
        block_facts("btc-testnet", raw_of(after), 21_112)


def test_of_two_blocks_at_one_height_the_one_with_more_on_top_counts():
    rival = mine(ONE.header.hash, coinbase(2, 50 * COIN), time=1_700_000_999)
    above = mine(TWO.header.hash, coinbase(3, 50 * COIN))
    on_rival = mine(rival.header.hash, coinbase(3, 50 * COIN), time=1_700_001_000)
    three = mine(above.header.hash, coinbase(4, 50 * COIN))
    parsed = parse(("b", blk(*BLOCKS, rival, above, on_rival, three)))
    assert [row.line for row in parsed.rejected] == [4, 6]
    assert f"block {TWO.header.hash} stands at its height, with more work on it" in parsed.rejected[0].reason
    assert {record.block_hash for record in txs(parsed)} == {
        block.header.hash for block in (*BLOCKS, above, three)
    }


def test_of_two_equal_rivals_none_counts():
    rival = mine(ONE.header.hash, coinbase(2, 50 * COIN), time=1_700_000_999)
    parsed = parse(("b", blk(*BLOCKS, rival)))
    assert [row.line for row in parsed.rejected] == [3, 4]
    assert "does not tell which counts" in parsed.rejected[0].reason


def test_rubbish_between_blocks_is_reported_and_passed_over():
    content = blk(ONE)[:-500] + b"rubbish" + b"\0" * 9 + blk(TWO)
    parsed = parse(("b", content))
    assert (parsed.rows, parsed.counts["blocks"]) == (3, 2)
    assert "7 bytes that are no record" in parsed.rejected[0].reason
    cut = parse(("b", blk(ONE)[:-500] + record(raw_of(TWO))[:-20]))
    assert cut.counts["blocks"] == 1
    assert "cut off" in cut.rejected[0].reason


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"  \n"])
def test_a_file_without_a_block(content):
    with pytest.raises((BadResponse, BadInput)):
        Blocks.read(CHAIN, "/b", 200, content)


def test_a_file_of_another_chain_or_an_unknown_option_is_refused():
    with pytest.raises(BadInput, match="of btc-regtest or ltc-regtest, not of btc"):
        parse(("b", blk(ONE)), chain="btc")
    with pytest.raises(BadInput, match="no option 'hight'"):
        parse(("b", blk(ONE)), path="/b?hight=1")


def test_a_block_whose_parts_do_not_belong_together_is_left_out():
    swapped = Block(TWO.header, (TWO.transactions[0], *reversed(TWO.transactions[1:])))
    parsed = parse(("b", blk(ONE, swapped)))
    assert parsed.counts["blocks"] == 1
    assert "does not commit" in parsed.rejected[0].reason


def test_undo_data_that_is_not_true_is_seen():
    lie = OutputRecord(29 * COIN, PAYEE.hex())  # the block itself made 30
    parsed = parse(("blk00000.dat", blk(*BLOCKS)), ("rev00000.dat", rev(TWO, [SPENT[1][0], lie])))
    assert "which this block makes otherwise" in parsed.rejected[0].reason
    damaged = REV.replace(MINER, b"\5" * 22)  # its checksum is then of no block
    parsed = parse(("blk00000.dat", blk(*BLOCKS)), ("rev00000.dat", damaged))
    assert [record.fee_sat for record in txs(parsed)] == [0, 0, 0, None, None]


def test_undo_data_of_one_block_may_be_a_plain_list():
    plain = b"".join(
        one.value_sat.to_bytes(8, "little") + bytes((len(one.script) // 2,)) + bytes.fromhex(one.script)
        for one in (SPENT[1][0], SPENT[2][0])
    )
    parsed = parse(("block.raw", raw_of(TWO)), ("block-undo.raw", plain))
    assert [record.fee_sat for record in txs(parsed)] == [0, 1_000, 500]
    parsed = parse(("block.raw", raw_of(TWO)), ("block-undo.raw", plain[:-1]))
    assert parsed.rejected[0].text == "undo data at byte 0"
    assert [record.fee_sat for record in txs(parsed)] == [0, None, None]


@pytest.mark.parametrize(
    ("value_sat", "as_packed"),
    [(0, 0), (1, 1), (1_000_000, 7), (COIN, 9), (50 * COIN, 50), (21_000_000 * COIN, 21_000_000)],
)
def test_packed_amounts_of_the_nodes_own_tests(value_sat, as_packed):
    assert amount_of(as_packed) == value_sat


@given(st.one_of(st.integers(0, 2**52), st.integers(0, 21_000_000).map(lambda coins: coins * COIN)))
def test_every_amount_is_unpacked_again(value_sat):
    assert amount_of(packed(value_sat)) == value_sat


KEY_OF_SATOSHI = bytes.fromhex(
    "0411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c0"
    "3f999b8643f656b412a3"
)


@pytest.mark.parametrize(
    ("short", "script"),
    [
        (b"\0" + b"\x22" * 20, PAYEE),
        (b"\1" + b"\x33" * 20, bytes.fromhex("a914" + "33" * 20 + "87")),
        (b"\2" + b"\x44" * 32, bytes.fromhex("2102" + "44" * 32 + "ac")),
        (b"\3" + b"\x44" * 32, bytes.fromhex("2103" + "44" * 32 + "ac")),
        (b"\5" + KEY_OF_SATOSHI[1:33], b"\x41" + KEY_OF_SATOSHI + b"\xac"),
        (number(6), b""),
        (number(6 + 200) + b"\x51" * 200, b"\x51" * 200),
    ],
)
def test_scripts_that_nodes_shorten(short, script):
    block = mine(FIRST_HASH, coinbase(1, 50 * COIN), PAYMENT)
    assert spent_by(block, undo_of([[short]])) == [[], [OutputRecord(50 * COIN, script.hex())]]


@pytest.mark.parametrize(
    "raw",
    [
        undo_of([]),
        undo_of([[b"\0" + b"\x22" * 20], []]),
        undo_of([[b"\0" + b"\x22" * 20] * 2]),
        undo_of([[b"\0" + b"\x22" * 19]]),
        undo_of([[b"\0" + b"\x22" * 20]]) + b"\0",
        undo_of([[b"\4" + b"\x05" * 31 + b"\x01"]]).replace(b"\x05" * 31, b"\xff" * 31),
        undo_of([[number(99_999) + b"\x51" * 99_993]]),
        b"\1\1" + b"\xff" * 30,
        b"",
    ],
)
def test_undo_data_that_cannot_be_of_the_block(raw):
    block = mine(FIRST_HASH, coinbase(1, 50 * COIN), PAYMENT)
    with pytest.raises(BadBytes):
        spent_by(block, raw)


BARE = replace(PAYMENT, inputs=(PAYMENT.inputs[0]._replace(witness=()),))
LEGACY = mine(ONE.header.hash, coinbase(2, 50 * COIN), BARE)
"""A block without a witness: its txids are of all its bytes."""


@settings(max_examples=200)
@given(place=st.integers(80, len(raw_of(LEGACY)) - 1), byte=st.integers(1, 255))
def test_no_changed_byte_of_a_transaction_makes_another_fact(place, byte):
    raw = bytearray(raw_of(LEGACY))
    raw[place] ^= byte
    with pytest.raises((BadBytes, ProofFailed)):
        block_facts(CHAIN, bytes(raw))


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(rest):
    for content in (rest, MAGIC + rest, blk(ONE)[:-500] + rest):
        try:
            parsed = Blocks.parse(CHAIN, "/b", content)
        except (BadResponse, BadInput):
            continue
        assert parsed.rejected or parsed.counts["blocks"]


def test_a_file_is_recognised_by_what_it_is(tmp_path):
    assert Blocks.recognises("blk00017.dat", b"\7" * 99)
    assert Blocks.recognises("rev00017.dat", b"\7" * 99)
    assert Blocks.recognises("xor.dat", KEY)
    assert Blocks.recognises("anything", blk(ONE))
    assert Blocks.recognises("anything", raw_of(ONE))
    assert Blocks.recognises("anything", raw_of(ONE).hex().encode() + b"\n")
    for other in (b"", b"txid,value\n" * 50, b'{"a": [1, 2, 3]}' * 20, b"PAR1" + b"\0" * 200, b"00" * 200):
        assert not Blocks.recognises("anything", other)
    (tmp_path / "blk00000.dat").write_bytes(blk(*BLOCKS))
    (tmp_path / "rev00000.dat").write_bytes(REV)
    opened = open_file([tmp_path / "blk00000.dat", tmp_path / "rev00000.dat"], chain=CHAIN)
    assert (opened.family, opened.parsed.counts["transactions"]) == ("blocks", 5)
    assert opened.facts == parse(("blk00000.dat", blk(*BLOCKS)), ("rev00000.dat", REV)).facts
    with pytest.raises(BadInput, match="of which chain"):
        open_file(tmp_path / "blk00000.dat")


@pytest.mark.parametrize(
    ("name", "height", "transactions"),
    [
        ("block300025.raw", 300_025, 461),
        ("block482683.raw", 482_683, 12),
        ("mainnet_702861.raw", 702_861, 2_500),
    ],
)
def test_real_blocks_prove_themselves(shared, name, height, transactions):
    raw = (shared / "blocks" / name).read_bytes()
    assert Blocks.recognises(name, raw[:65_536])
    header, *records = Blocks.read("btc", f"/{name}", 200, raw)
    assert header.height == height
    assert len(records) == transactions
    assert [record.txid for record in records] == [one.txid for one in parse_block(raw).transactions]
    assert all(record.is_included and record.height == height for record in records)


def test_fees_and_subsidy_of_a_real_block_are_its_coinbase(shared):
    raw = (shared / "blocks" / "block300025.raw").read_bytes()
    undo = (shared / "blocks" / "block300025-undo.raw").read_bytes()
    parsed = parse(("block300025.raw", raw), ("block300025-undo.raw", undo), chain="btc")
    assert (parsed.rejected, parsed.notes) == ((), ())
    _, mined, *others = parsed.facts
    fees = sum(record.fee_sat for record in others)
    assert fees == 7_773_345
    assert sum(output.value_sat for output in mined.outputs) == 25 * COIN + fees


def test_a_real_litecoin_block_with_mweb(shared):
    reply = json.loads((shared / "blocks" / "litecoin_2265985_mweb.json").read_text())
    header, *records = Blocks.read("ltc", "/b.hex", 200, reply["block"].encode())
    assert (header.height, len(records)) == (2_265_985, 58)
    assert [record.txid for record in records] == reply["tx"]
    assert records[-1].outputs[0].script.startswith("5820")  # what lies in the MWEB
