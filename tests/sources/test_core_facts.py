"""What a node's answers over JSON-RPC state, and what is refused."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from core_form import (
    ADDRESS,
    BLOCK_TWO,
    BOTH,
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
    both,
    confirmed,
    dumps,
    error,
    read,
    result,
    results,
    tx_json,
    txoutproof,
)
from esplora_form import FIRST_RAW, RANSOM_PREVOUTS, RANSOM_RAW, RANSOM_TXID
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import (
    BadResponse,
    NotFound,
    ProofFailed,
    SourceUnavailable,
)
from chainflow.merkle import check_inclusion, merkle_branch
from chainflow.model import BlockHash, HeaderRecord, InclusionRecord, Listing, OutputRecord, Tip
from chainflow.sources.core import Core
from chainflow.wire import parse_block, parse_header, parse_transaction, transaction_from_esplora

NOT_THERE = error(
    -5, "No such mempool or blockchain transaction. Use gettransaction for wallet transactions."
)
NO_INDEX = error(-5, "No such mempool transaction. Use -txindex or provide a block hash to enable …")


def test_the_tip_is_taken_from_a_node_of_this_chain_only():
    path = SOURCE.tip_path()
    assert read(CHAIN, path, 200, results(2, FIRST_HASH)) == (Tip(CHAIN, 2),)
    assert read("nmc", path, 200, results(7, FIRST_HASH)) == (Tip("nmc", 7),)  # its first block is not known
    with pytest.raises(ProofFailed, match="not of btc, but of btc-regtest"):
        read("btc", path, 200, results(2, FIRST_HASH))


def test_several_transactions_come_with_their_heights():
    one, two = read(CHAIN, BOTH, 200, both())
    assert (one.txid, one.height, one.block_hash, one.time) == (
        PAYMENT.txid,
        2,
        TWO.header.hash,
        TWO.header.time,
    )
    assert (two.fee_sat, two.position, two.is_placed, two.is_included) == (500, None, True, False)
    deep = confirmed(tx_json(PAYMENT, SPENT[1]), TWO, depth=7)
    assert read(CHAIN, BOTH, 200, both(deep, counts=(8, 8)))[0].height == 2


def test_an_unconfirmed_transaction_is_in_no_block():
    one, _ = read(CHAIN, BOTH, 200, both(tx_json(PAYMENT, SPENT[1])))
    assert (one.height, one.block_hash, one.time, one.is_placed) == (None, None, None, True)
    stale = confirmed(tx_json(PAYMENT, SPENT[1]), ONE, depth=0)
    assert read(CHAIN, BOTH, 200, both(stale))[0] == one


def test_one_that_is_missing_does_not_lose_the_others():
    (record,) = read(CHAIN, BOTH, 200, both(NOT_THERE))
    assert record.txid == CHILD.txid
    with pytest.raises(NotFound, match="No such mempool or blockchain"):
        read(CHAIN, BOTH, 200, both(NOT_THERE, NOT_THERE))


def test_without_txindex_the_hint_says_so():
    with pytest.raises(NotFound) as refusal:
        read(CHAIN, BOTH, 200, both(NO_INDEX, NO_INDEX))
    assert "txindex=1" in refusal.value.hint


def test_an_index_that_is_being_built_is_no_answer():
    words = "No such mempool transaction. Blockchain transactions are still in the process of being indexed."
    with pytest.raises(BadResponse, match="being indexed"):
        read(CHAIN, BOTH, 200, both(error(-5, words)))


@pytest.mark.parametrize(
    "body",
    [
        both(counts=(2, 3)),
        both(tx_json(CHILD)),
        both(confirmed(tx_json(PAYMENT), TWO, depth=4)),
        both({**tx_json(PAYMENT), "confirmations": 1}),
        both(error(-1, "something else")),
        results(2, tx_json(PAYMENT), 2),
        results(2, tx_json(PAYMENT), tx_json(CHILD), 2)[:-30],
        b"<html>502</html>",
        b"",
        b'{"result": NaN, "error": null, "id": 0}',
        b"[]",
    ],
)
def test_answers_that_cannot_be_used(body):
    with pytest.raises((BadResponse, ProofFailed)):
        read(CHAIN, BOTH, 200, body)


def test_a_transaction_inside_the_mweb_is_left_out():
    hidden = {"txid": PAYMENT.txid, "vin": [{"ismweb": True, "output_id": "00"}], "vout": [], "hex": "00"}
    (record,) = read(CHAIN, BOTH, 200, both(hidden))
    assert record.txid == CHILD.txid


def test_satoshis_first_payment_has_no_address_whatever_a_node_calls_it():
    first = parse_transaction(FIRST_RAW)
    form = tx_json(first, is_old=True, chain="btc")
    form["vout"][0]["scriptPubKey"]["addresses"] = ["1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3"]
    (path,) = Core().tx_paths([first.txid])
    (record,) = read("btc", path, 200, results(1, form, 1))
    assert [output.value_sat for output in record.outputs] == [10 * COIN, 40 * COIN]


def test_the_ransom_reads_alike_in_old_and_new_form():
    ransom = parse_transaction(RANSOM_RAW)
    spent = tuple(OutputRecord(value, script.hex()) for value, script in RANSOM_PREVOUTS)
    (path,) = Core().tx_paths([RANSOM_TXID])
    (new,) = read("btc", path, 200, results(9, tx_json(ransom, spent, chain="btc"), 9))
    (old,) = read("btc", path, 200, results(9, tx_json(ransom, is_old=True, chain="btc"), 9))
    assert new.fee_sat == sum(output.value_sat for output in spent) - sum(o.value_sat for o in new.outputs)
    assert (old.outputs, old.raw, old.fee_sat) == (new.outputs, RANSOM_RAW, None)
    with pytest.raises(ProofFailed) as refusal:
        read("ltc", path, 200, results(9, tx_json(ransom, spent, chain="btc"), 9))
    assert "pass chain='btc'" in refusal.value.hint


def test_a_merkle_proof_is_a_branch_its_header_and_its_height():
    for position, transaction in enumerate(TWO.transactions):
        (path,) = SOURCE.proof_paths([(transaction.txid, 2, "" if position else TWO.header.hash)])
        facts = read(CHAIN, path, 200, results(txoutproof(TWO, position).hex(), TWO.header.hash))
        branch = merkle_branch([one.txid for one in TWO.transactions], position)
        assert facts == (
            BlockHash(CHAIN, 2, TWO.header.hash),
            HeaderRecord(CHAIN, 2, TWO.header.serialize().hex()),
            InclusionRecord(CHAIN, transaction.txid, 2, position, branch),
        )
        header = parse_header(bytes.fromhex(facts[1].raw))
        check_inclusion(transaction, header, branch=facts[2].branch, position=position)


@pytest.mark.parametrize(
    ("proof", "best"),
    [
        (txoutproof(TWO, 2), TWO.header.hash),
        (txoutproof(TWO, 1), ONE.header.hash),
        (txoutproof(TWO, 1)[:-1], TWO.header.hash),
        (txoutproof(TWO, 1) + b"\0", TWO.header.hash),
        (txoutproof(TWO, 1)[:84] + b"\xff" * 60, TWO.header.hash),
        (
            txoutproof(TWO, 1).replace(bytes.fromhex(TWO.transactions[0].txid)[::-1], b"\7" * 32),
            TWO.header.hash,
        ),
        (b"", TWO.header.hash),
    ],
)
def test_a_proof_of_something_else_is_refused(proof, best):
    (path,) = SOURCE.proof_paths([(PAYMENT.txid, 2, "")])
    with pytest.raises(ProofFailed):
        read(CHAIN, path, 200, results(proof.hex(), best))


@given(place=st.integers(0, 300), byte=st.integers(1, 255))
def test_no_changed_byte_makes_another_proof(place, byte):
    proof = bytearray(txoutproof(TWO, 1))
    proof[place % len(proof)] ^= byte
    (path,) = SOURCE.proof_paths([(PAYMENT.txid, 2, TWO.header.hash)])
    with suppress(ProofFailed):  # no root commits to the number of leaves: 4 may stand for 3
        stated = read(CHAIN, path, 200, results(bytes(proof).hex(), TWO.header.hash))
        assert stated == read(CHAIN, path, 200, results(txoutproof(TWO, 1).hex(), TWO.header.hash))


def scan(*amounts: str, total: str, **more: Any) -> bytes:
    unspents = [
        {
            "txid": PAYMENT.txid,
            "vout": vout,
            "scriptPubKey": MINER.hex(),
            "amount": Decimal(amount),
            "height": 2,
        }
        for vout, amount in enumerate(amounts)
    ]
    return result({"success": True, "height": 2, "unspents": unspents, "total_amount": Decimal(total)} | more)


def test_a_scan_lists_what_is_unspent_and_claims_no_more():
    path = SOURCE.history_path(ADDRESS)
    tip, listing, *spends = read(CHAIN, path, 200, scan("1.5", "0.00000001", total="1.50000001"))
    assert tip == Tip(CHAIN, 2)
    assert (listing.txids, listing.complete, listing.next) == ((PAYMENT.txid,), False, "")
    assert listing.reason.startswith("only what is unspent")
    assert [str(spend.outpoint) for spend in spends] == [f"{PAYMENT.txid}:0", f"{PAYMENT.txid}:1"]
    assert {spend.spent_by for spend in spends} == {None}


def test_an_address_with_nothing_unspent_may_have_a_history():
    _, listing = read(CHAIN, SOURCE.history_path(ADDRESS), 200, scan(total="0E-8"))
    assert isinstance(listing, Listing)
    assert listing.is_refused


@pytest.mark.parametrize(
    "body",
    [
        scan("1", "2", total="4"),
        scan("1", total="1", success=False),
        scan("1", total="1", height=-1),
        scan("1", total="1").replace(MINER.hex().encode(), PAYEE.hex().encode()),
        scan("1", "1", total="2").replace(b'"vout": 1', b'"vout": 0'),
        dumps({"result": None, "error": error(-8, 'Scan already in progress, use action "abort"'), "id": 0}),
    ],
)
def test_a_scan_that_does_not_add_up_is_refused(body):
    with pytest.raises((BadResponse, ProofFailed)):
        read(CHAIN, SOURCE.history_path(ADDRESS), 200, body)


@pytest.mark.parametrize(
    ("code", "message", "status", "kind"),
    [
        (-5, "Block not found", 500, NotFound),
        (-8, "Block height out of range", 500, NotFound),
        (-1, "Block not available (pruned data)", 500, NotFound),
        (-8, "bad parameter", 500, BadResponse),
        (-32601, "Method not found", 404, BadResponse),
        (-28, "Loading block index…", 500, SourceUnavailable),
    ],
)
def test_what_a_node_refuses(code, message, status, kind):
    body = dumps({"result": None, "error": error(code, message), "id": 0})
    with pytest.raises(kind) as refusal:
        read(CHAIN, BLOCK_TWO, status, body)
    assert type(refusal.value) is kind


def test_a_refused_login_is_no_answer():
    for status in (401, 403):
        with pytest.raises(SourceUnavailable, match=f"does not accept .*{status}"):
            read(CHAIN, BLOCK_TWO, status, b"")


def test_real_transactions_read_alike_in_the_forms_of_old_and_new_nodes(shared):
    with gzip.open(shared / "explorers" / "esplora" / "block_680000_first_1200.jsonl.gz", "rt") as lines:
        stated = [json.loads(line) for line in lines][1:]
    for start in range(0, len(stated), 50):
        page = stated[start : start + 50]
        (path,) = Core().tx_paths([tx["txid"] for tx in page])
        built = [transaction_from_esplora(tx) for tx in page]
        spent = [
            tuple(OutputRecord(i["prevout"]["value"], i["prevout"]["scriptpubkey"]) for i in tx["vin"])
            for tx in page
        ]
        forms = [tx_json(tx, outputs, chain="btc") for tx, outputs in zip(built, spent, strict=True)]
        old_forms = [tx_json(tx, is_old=True, chain="btc") for tx in built]
        new = read("btc", path, 200, results(7, *forms, 7))
        old = read("btc", path, 200, results(7, *old_forms, 7))
        assert [record.fee_sat for record in new] == [tx["fee"] for tx in page]
        assert [record.raw for record in old] == [record.raw for record in new]


def test_proofs_of_a_real_block(shared):
    block = parse_block((shared / "blocks" / "mainnet_702861.raw").read_bytes())
    for position in (0, 1, 1_234, 2_499):
        txid = block.transactions[position].txid
        (path,) = SOURCE.proof_paths([(txid, 702_861, block.header.hash)])
        facts = read("btc", path, 200, results(txoutproof(block, position).hex(), block.header.hash))
        check_inclusion(block.transactions[position], block.header, branch=facts[2].branch, position=position)
