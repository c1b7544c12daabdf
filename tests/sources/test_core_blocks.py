"""A block as a node's JSON-RPC states it: what it proves, and what is refused."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from core_form import (
    ADDRESS,
    BLOCK_TWO,
    BLOCKS,
    CHAIN,
    CHILD,
    COIN,
    FIRST_HASH,
    MINER,
    ONE,
    PAYEE,
    PAYMENT,
    SOURCE,
    SPENT,
    TWO,
    block_json,
    coinbase,
    dumps,
    mine,
    read,
    result,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import (
    BadResponse,
    ProofFailed,
    SchemaMismatch,
    SourceError,
)
from chainflow.model import HeaderRecord, OutputRecord, TxRecord
from chainflow.transactions import Block
from chainflow.wire import parse_header


def read_two(body: bytes | None = None, chain: str = CHAIN):
    return read(chain, BLOCK_TWO, 200, result(block_json(TWO, 2, SPENT)) if body is None else body)


def test_a_block_is_its_header_and_transactions_with_all_that_they_spend():
    header, *records = read_two()
    assert header == HeaderRecord(CHAIN, 2, TWO.header.serialize().hex())
    assert [record.txid for record in records] == [transaction.txid for transaction in TWO.transactions]
    assert [record.fee_sat for record in records] == [0, 1_000, 500]
    for position, record in enumerate(records):
        assert (record.position, record.height, record.block_hash) == (position, 2, TWO.header.hash)
        assert (record.time, record.is_placed, record.is_included) == (TWO.header.time, True, True)
        assert record.raw == TWO.transactions[position].serialize()
    assert records[0].inputs == ()
    assert records[1].inputs[0].prevout == OutputRecord(50 * COIN, MINER.hex())


def test_an_old_node_tells_the_same_without_what_is_spent():
    header, *records = read_two(result(block_json(TWO, 2, SPENT, is_old=True)))
    new_header, *new_records = read_two()
    assert header == new_header
    assert [record.outputs for record in records] == [record.outputs for record in new_records]
    assert [record.fee_sat for record in records] == [0, None, None]


def test_the_first_block_has_none_before_it():
    (path,) = SOURCE.block_paths(0, FIRST_HASH)
    _, record = read(CHAIN, path, 200, result(block_json(BLOCKS[0], 0)))
    assert (record.height, record.is_coinbase, record.outputs[0].value_sat) == (0, True, 50 * COIN)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    form = copy.deepcopy(block_json(TWO, 2, SPENT))
    change(form)
    return result(form)


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another hash": lambda b: b.update(hash=ONE.header.hash),
    "another height": lambda b: b.update(height=3),
    "another time": lambda b: b.update(time=b["time"] + 1),
    "another nonce": lambda b: b.update(nonce=b["nonce"] + 1),
    "another version": lambda b: b.update(version=1),
    "another root": lambda b: b.update(merkleroot=PAYMENT.txid),
    "no predecessor": lambda b: b.pop("previousblockhash"),
    "a transaction less": lambda b: b["tx"].pop(),
    "no transaction": lambda b: b["tx"].clear(),
    "another order": lambda b: b["tx"].reverse(),
    "another count": lambda b: b.update(nTx=4),
    "another txid": lambda b: b["tx"][1].update(txid=CHILD.txid),
    "another wtxid": lambda b: b["tx"][1].update(hash=PAYMENT.txid),
    "other bytes": lambda b: b["tx"][1].update(hex=CHILD.serialize().hex()),
    "no bytes": lambda b: b["tx"][1].pop("hex"),
    "half the bytes": lambda b: b["tx"][1].update(hex=b["tx"][1]["hex"][:100]),
    "another amount": lambda b: b["tx"][1]["vout"][0].update(value=Decimal("30.00000001")),
    "a finer amount": lambda b: b["tx"][1]["vout"][0].update(value=Decimal("30.000000001")),
    "a negative amount": lambda b: b["tx"][1]["vout"][0].update(value=-1),
    "an amount as text": lambda b: b["tx"][1]["vout"][0].update(value="30.00000000"),
    "an endless amount": lambda b: b["tx"][1]["vout"][0].update(value=Decimal("1E+999999")),
    "an output less": lambda b: b["tx"][1]["vout"].pop(),
    "outputs exchanged": lambda b: b["tx"][1]["vout"].reverse(),
    "another script": lambda b: b["tx"][1]["vout"][0]["scriptPubKey"].update(hex=MINER.hex()),
    "another address": lambda b: b["tx"][1]["vout"][0]["scriptPubKey"].update(address=ADDRESS),
    "another parent": lambda b: b["tx"][1]["vin"][0].update(txid=CHILD.txid),
    "another sequence": lambda b: b["tx"][1]["vin"][0].update(sequence=0),
    "another coinbase": lambda b: b["tx"][0]["vin"][0].update(coinbase="00"),
    "another locktime": lambda b: b["tx"][1].update(locktime=1),
    "another fee": lambda b: b["tx"][1].update(fee=Decimal("0.00001001")),
    "more spent": lambda b: b["tx"][1]["vin"][0]["prevout"].update(value=Decimal("50.00000001")),
    "an address of nothing": lambda b: b["tx"][1]["vin"][0]["prevout"]["scriptPubKey"].update(hex=""),
    "spent from elsewhere": lambda b: b["tx"][2]["vin"][0]["prevout"]["scriptPubKey"].update(hex=MINER.hex()),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_block_that_is_wrong_in_one_place_is_refused_whole(lie):
    with pytest.raises((ProofFailed, SchemaMismatch)):
        read_two(changed(LIES[lie]))


def test_a_block_off_the_best_chain_is_not_used():
    with pytest.raises(BadResponse, match="not on the node's best chain"):
        read_two(changed(lambda block: block.update(confirmations=-1)))


def test_a_coinbase_may_not_take_more_than_subsidy_and_fees():
    greedy = mine(ONE.header.hash, coinbase(2, 50 * COIN + 1_501), PAYMENT, CHILD)
    (path,) = SOURCE.block_paths(2, greedy.header.hash)
    with pytest.raises(ProofFailed, match="more than subsidy and fees"):
        read(CHAIN, path, 200, result(block_json(greedy, 2, SPENT)))
    assert len(read(CHAIN, path, 200, result(block_json(greedy, 2)))) == 4  # without fees nobody can tell


def test_what_a_block_itself_made_cannot_be_spent_as_something_else():
    poor = mine(ONE.header.hash, coinbase(2, 50 * COIN), PAYMENT, CHILD)
    (path,) = SOURCE.block_paths(2, poor.header.hash)
    lie = (None, SPENT[1], (OutputRecord(31 * COIN, PAYEE.hex()),))
    with pytest.raises(ProofFailed, match="which this block makes otherwise"):
        read(CHAIN, path, 200, result(block_json(poor, 2, lie)))


def test_a_block_without_its_work_is_refused():
    lazy = Block(replace(TWO.header, bits=0x1D00FFFF), TWO.transactions)
    (path,) = SOURCE.block_paths(2, lazy.header.hash)
    with pytest.raises(ProofFailed, match="lacks its proof of work"):
        read(CHAIN, path, 200, result(block_json(lazy, 2, SPENT)))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, key))
    else:
        yield path


GOOD = block_json(TWO, 2, SPENT)
PLACES = list(_leaves(GOOD))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=70),
    st.sampled_from([TWO.header.hash, PAYMENT.txid, PAYEE.hex(), ADDRESS, 0, 1, 2]),
)


@settings(max_examples=300)
@given(place=st.sampled_from(PLACES), value=scalars)
def test_no_changed_field_makes_another_fact(place, value):
    form = copy.deepcopy(GOOD)
    holder = form
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    try:
        facts = read_two(dumps({"result": form, "error": None, "id": 0}))
    except SourceError:
        return
    assert facts == read_two()


@given(cut=st.integers(0, len(result(GOOD)) - 1))
def test_a_block_cut_off_anywhere_is_refused(cut):
    with pytest.raises(SourceError):
        read_two(result(GOOD)[:cut])


def _recorded(shared) -> list[dict[str, Any]]:
    with gzip.open(shared / "nodes" / "litecoind_regtest" / "chain.getblock2.jsonl.gz") as lines:
        return [json.loads(line) | {"line": line.strip()} for line in lines]


def test_a_recorded_chain_of_litecoind_is_proved_block_by_block(shared):
    records: dict[str, TxRecord] = {}
    blocks = _recorded(shared)
    for height, block in enumerate(blocks):
        (path,) = SOURCE.block_paths(height, block["hash"])
        body = b'{"result":' + block["line"] + b',"error":null,"id":0}'
        header, *txs = read("ltc-regtest", path, 200, body)
        assert parse_header(bytes.fromhex(header.raw)).hash == block["hash"]
        assert all(record.is_included and record.height == height for record in txs)
        records |= {record.txid: record for record in txs}
    assert (len(blocks), len(records)) == (188, 549)
    made = {(r.txid, vout): o.value_sat for r in records.values() for vout, o in enumerate(r.outputs)}
    spent = {(i.outpoint.txid, i.outpoint.vout) for r in records.values() for i in r.inputs}
    assert spent < made.keys()
    left = sum(value for outpoint, value in made.items() if outpoint not in spent)
    assert left == 150 * 50 * COIN + 38 * 25 * COIN  # every coin that was ever made, and no other
