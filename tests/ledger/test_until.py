"""A ledger as of a block: what is left, what is unspent again, and what is no longer known."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import addresses, schema
from chainflow.errors import BadInput
from chainflow.ledger import build
from chainflow.model import (
    AddressClaim,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TransferKind,
    TransferRecord,
    TxRecord,
)
from tests.made import HERE, ledger, origin, script, tx

FEW = settings(max_examples=40, deadline=None)
CHAIN = "btc-regtest"


def states(held) -> dict[tuple[str, int], tuple[str, int | None]]:
    names = ("txid", "vout", "spend_state", "as_of_height")
    rows = zip(*(held.outputs[name].to_pylist() for name in names), strict=True)
    return {(txid, vout): (state, height) for txid, vout, state, height in rows}


def chain_of_three() -> list[TxRecord]:
    first = tx([origin(9_000, "ann")], [(8_000, "ben")], height=100)
    second = tx([(first.txid, 0, 8_000, "ben")], [(7_000, "cat")], height=110)
    third = tx([(second.txid, 0, 7_000, "cat")], [(6_000, "dan")], height=None)
    return [first, second, third]


def test_later_and_unconfirmed_transactions_are_gone_and_what_they_spent_is_unspent():
    first, second, third = chain_of_three()
    held = ledger(first, second, third)
    assert held.until(110).txs["txid"].to_pylist() == [first.txid, second.txid]
    assert states(held.until(110))[second.txid, 0] == ("unspent", 110)
    assert states(held.until(109))[first.txid, 0] == ("unspent", 109)
    assert states(held.until(99)) == {}
    assert third.txid not in str(held.until(110).evidence.to_pylist())


def test_what_is_spent_by_a_transaction_that_is_not_held_is_unknown():
    first = tx([origin(9_000, "ann")], [(8_000, "ben")], height=100)
    held = ledger(first, SpendRecord(CHAIN, Outpoint(first.txid, 0), "f" * 64, 0))
    assert states(held)[first.txid, 0] == ("spent", None)
    assert states(held.until(105))[first.txid, 0] == ("unknown", None)
    assert held.until(105).outputs["spent_by"].null_count == 2 - 1


def test_it_has_another_digest_a_recipe_and_an_honest_height():
    first, second, _ = chain_of_three()
    unspent = SpendRecord(CHAIN, Outpoint(second.txid, 0), None, None)
    held = ledger(Tip(CHAIN, 120), first, second, unspent)
    early = held.until(115)
    assert (held.as_of, early.as_of, held.until(500).as_of) == (120, 115, 120)
    assert early.digest != held.digest
    assert (early.recipe.parameters, early.recipe.inputs) == ({"height": 115}, [held.digest])
    assert held.until(115).digest == early.digest


def test_a_complete_history_stays_complete_and_its_source_s_own_count_is_left_out():
    first, second, _ = chain_of_three()
    ben = addresses.address_of(script("ben"), CHAIN)
    listing = Listing(CHAIN, ben, "", (first.txid, second.txid), complete=True)
    held = ledger(Tip(CHAIN, 120), AddressClaim(CHAIN, ben, 2), listing, first, second)
    (before,), (after,) = held.coverage_table.to_pylist(), held.until(105).coverage_table.to_pylist()
    assert (before["state"], before["as_of_height"], before["claimed"], before["received"]) == (
        "complete",
        120,
        2,
        2,
    )
    assert (after["state"], after["as_of_height"], after["claimed"], after["received"]) == (
        "complete",
        105,
        None,
        1,
    )


def test_several_chains_have_no_common_height():
    both = [tx([origin(9, "ann")], [(8, "ben")], chain=chain) for chain in ("btc", "ltc")]
    with pytest.raises(BadInput, match="not counted alike"):
        ledger(*both).until(100)
    with pytest.raises(BadInput, match="not a number of blocks"):
        ledger().until(-1)
    assert len(ledger().until(5)) == 0


def test_transfers_of_later_blocks_are_gone():
    moves = [
        TransferRecord(
            "eth",
            f"0x{n:064x}",
            TransferKind.NATIVE,
            None,
            "0x" + "11" * 20,
            "0x" + "22" * 20,
            5,
            5,
            True,
            height=n,
        )
        for n in (10, 20)
    ]
    held = build((move, HERE) for move in moves)
    assert held.until(15).transfers["height"].to_pylist() == [10]


def test_two_coinbases_with_one_txid_are_one_transaction_in_dispute():
    # BIP30: d5d27987… is the coinbase of blocks 91,722 and 91,880
    once = TxRecord(
        CHAIN, "c" * 64, (), (OutputRecord(50, script("ann").hex()),), is_coinbase=True, height=91_722
    )
    twice = dataclasses.replace(once, height=91_880, block_hash="b" * 64)
    held = ledger(dataclasses.replace(once, block_hash="a" * 64), twice)
    assert len(held) == 1
    (dispute,) = held.disputes.to_pylist()
    assert (dispute["field"], dispute["txid"]) == ("block", "c" * 64)
    assert {dispute["used"], dispute["refused"]} == {"a" * 64, "b" * 64}


@st.composite
def payments(draw: st.DrawFn) -> list[TxRecord]:
    """Return transactions in rising blocks; each spends outputs of earlier ones, stated in full."""
    coins = [(f"{n:064x}", 0, 10_000 + n, f"owner {n}") for n in range(1, 4)]
    records = []
    for number in range(draw(st.integers(1, 8))):
        spends = draw(st.lists(st.sampled_from(coins), min_size=1, max_size=3, unique=True))
        coins = [coin for coin in coins if coin not in spends]
        names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3))
        pays = [(sum(coin[2] for coin in spends) // len(names) - number, name) for name in names]
        made = tx(spends, pays, height=100 + number // 2)
        coins += [(made.txid, vout, value, name) for vout, (value, name) in enumerate(pays)]
        records.append(made)
        if not coins:
            break
    return records


@FEW
@given(payments(), st.integers(99, 105))
def test_it_is_the_ledger_of_the_earlier_records_and_of_what_is_known_unspent(records, height):
    held = ledger(*records).until(height)
    early = [record for record in records if record.height <= height]
    spent = {entry.outpoint for record in records for entry in record.inputs} - {
        entry.outpoint for record in early for entry in record.inputs
    }
    unspent = [
        SpendRecord(CHAIN, Outpoint(record.txid, vout), None, None)
        for record in early
        for vout in range(len(record.outputs))
        if Outpoint(record.txid, vout) in spent
    ]
    alone = ledger(*early, *([Tip(CHAIN, height), *unspent] if unspent else []))
    for name in ("txs", "outputs", "disputes", "coverage_table"):
        assert getattr(held, name).to_pylist() == getattr(alone, name).to_pylist(), name
    assert held.outputs.schema == schema.OUTPUTS
    assert held.index.labels == alone.index.labels
