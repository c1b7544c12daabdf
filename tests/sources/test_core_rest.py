"""A node over REST: what is asked, what its answers state, and what is refused."""

from __future__ import annotations

import copy
import json

import pytest
from core_form import (
    CHAIN,
    COIN,
    ONE,
    PAYMENT,
    SPENT,
    TWO,
    block_json,
    dumps,
    result,
    tx_json,
)
from faulty import text
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput, BadResponse, NotFound, ProofFailed, SourceError, SourceUnavailable
from chainflow.model import BlockHash, HeaderRecord, Tip
from chainflow.sources import Source, open_source
from chainflow.sources.core import Core, CoreRest

SOURCE = CoreRest("http://127.0.0.1:18443", chain=CHAIN)
(BLOCK_TWO,) = SOURCE.block_paths(2, TWO.header.hash)
(PAID,) = SOURCE.tx_paths([PAYMENT.txid])
read = SOURCE.read


def test_every_path_can_be_read_and_names_what_the_node_learns():
    assert isinstance(SOURCE, Source)
    assert SOURCE.tip_path() == "/rest/chaininfo.json"
    assert SOURCE.block_paths(170) == ("/rest/blockhashbyheight/170.json",)
    assert SOURCE.tx_paths([PAYMENT.txid, ONE.transactions[0].txid])[0] == f"/rest/tx/{PAYMENT.txid}.json"
    assert [SOURCE.subject_of(path) for path in (SOURCE.tip_path(), BLOCK_TWO, PAID)] == [
        "",
        "",
        PAYMENT.txid,
    ]
    assert SOURCE.history_path("x") is None
    with pytest.raises(BadInput, match="not a path"):
        read("btc", "/rest/mempool/contents.json", 200, b"{}")


def test_the_proof_of_a_transaction_is_its_whole_block():
    places = [(PAYMENT.txid, 2, TWO.header.hash), (TWO.transactions[0].txid, 2, TWO.header.hash)]
    assert SOURCE.proof_paths([*places, ("00" * 32, 7, "")]) == (BLOCK_TWO,)


def test_the_tip_is_taken_from_a_node_of_this_network_only():
    body = dumps({"chain": "regtest", "blocks": 2, "headers": 2})
    assert read(CHAIN, SOURCE.tip_path(), 200, body) == (Tip(CHAIN, 2),)
    assert read("btc-testnet", SOURCE.tip_path(), 200, b'{"chain": "signet", "blocks": 7}') == (
        Tip("btc-testnet", 7),
    )
    with pytest.raises(ProofFailed, match="not that of btc") as refusal:
        read("btc", SOURCE.tip_path(), 200, body)
    assert "btc-regtest" in refusal.value.hint


def test_a_hash_at_a_height():
    (path,) = SOURCE.block_paths(2)
    assert read(CHAIN, path, 200, dumps({"blockhash": TWO.header.hash})) == (
        BlockHash(CHAIN, 2, TWO.header.hash),
    )


def test_a_block_states_the_same_over_rest_and_rpc():
    form = block_json(TWO, 2, SPENT)
    (question,) = Core(chain=CHAIN).block_paths(2, TWO.header.hash)
    assert read(CHAIN, BLOCK_TWO, 200, dumps(form)) == Core.read(CHAIN, question, 200, result(form))


def test_amounts_may_come_without_trailing_zeros():
    form = json.loads(dumps(block_json(TWO, 2, SPENT)))  # 30.0 and 0.0 in place of 30.00000000
    assert read(CHAIN, BLOCK_TWO, 200, json.dumps(form).encode()) == read(
        CHAIN, BLOCK_TWO, 200, dumps(block_json(TWO, 2, SPENT))
    )


def test_a_confirmed_transaction_has_a_block_of_unknown_height():
    (record,) = read(CHAIN, PAID, 200, dumps({**tx_json(PAYMENT), "blockhash": TWO.header.hash}))
    assert (record.height, record.block_hash, record.is_placed) == (None, TWO.header.hash, False)
    assert record.raw == PAYMENT.serialize()


def test_an_unconfirmed_transaction_is_in_no_block():
    (record,) = read(CHAIN, PAID, 200, dumps(tx_json(PAYMENT, SPENT[1])))
    assert (record.height, record.block_hash, record.is_placed, record.fee_sat) == (None, None, True, 1_000)


def test_another_transaction_is_refused():
    with pytest.raises(ProofFailed, match="another transaction"):
        read(CHAIN, PAID, 200, dumps(tx_json(ONE.transactions[0])))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, f"{PAYMENT.txid} not found\r\n".encode(), NotFound),
        (404, b"Block height out of range\r\n", NotFound),
        (404, b"", SourceUnavailable),
        (400, b"Invalid hash: 00\r\n", BadResponse),
        (200, b"", BadResponse),
        (200, b"<html>", BadResponse),
        (200, b"[]", BadResponse),
        (200, dumps(tx_json(PAYMENT))[:-9], BadResponse),
    ],
)
def test_what_a_node_refuses(status, body, kind):
    with pytest.raises(kind) as refusal:
        read(CHAIN, PAID, status, body)
    assert isinstance(refusal.value, SourceError)


@given(place=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_no_changed_byte_of_the_transaction_makes_another_fact(place, byte):
    form = copy.deepcopy(tx_json(PAYMENT))
    changed = bytearray(PAYMENT.serialize())
    changed[place % len(changed)] ^= byte
    form["hex"] = bytes(changed).hex()
    with pytest.raises(SourceError):
        read(CHAIN, PAID, 200, dumps(form))


def test_a_node_without_rest_gives_no_answer_to_keep(server):
    source = open_source(f"core-rest:{server.url}", chain=CHAIN)
    server.answers["/rest/chaininfo.json"] = [text("", 404)]
    with pytest.raises(SourceUnavailable) as refusal:
        source.ask(source.tip_path())
    assert "rest=1" in refusal.value.hint
    server.answers["/rest/chaininfo.json"] = [text('{"chain": "regtest", "blocks": 2}')]
    reply = source.ask(source.tip_path())
    assert source.facts(reply.path, reply.status, reply.body) == (Tip(CHAIN, 2),)
    assert "Authorization" not in server.asked[0].headers
    source.close()


def test_a_recorded_block_of_litecoind_over_rest(shared):
    body = (shared / "nodes" / "litecoind_regtest" / "rest_block.json").read_bytes()
    block = json.loads(body)
    (path,) = SOURCE.block_paths(187, block["hash"])
    header, *records = read("ltc-regtest", path, 200, body)
    assert isinstance(header, HeaderRecord)
    assert [record.position for record in records] == [0, 1]
    assert records[0].outputs[0].value_sat == 25 * COIN + 3_220
