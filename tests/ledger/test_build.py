"""Facts → tables: merging, spending order, disputes, what is known of spending."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.ledger import build
from chainflow.model import (
    AddressClaim,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
)
from tests.made import HERE, ledger, origin, script, tx

CHAIN = "btc-regtest"


def chain_of_three():
    first = tx([origin(100, "ann")], [(60, "ben"), (30, "ann")])
    second = tx([(first.txid, 0, 60, "ben")], [(55, "cat")], height=100)
    third = tx([(second.txid, 0, 55, "cat"), (first.txid, 1, 30, "ann")], [(80, "dan")], height=101)
    return first, second, third


def test_an_input_is_an_output_with_its_spender():
    first, second, third = chain_of_three()
    rows = {(r["txid"], r["vout"]): r for r in ledger(first, second, third).outputs.to_pylist()}
    assert rows[first.txid, 0]["spent_by"] == second.txid
    assert (rows[first.txid, 1]["spent_by"], rows[first.txid, 1]["spent_vin"]) == (third.txid, 1)
    assert rows[first.txid, 0]["value_proved"] is True
    assert rows["1".zfill(64), 0]["value_proved"] is False


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_parents_come_before_children_whatever_was_learnt_first(order):
    facts = chain_of_three()
    made = ledger(*(facts[i] for i in order))
    assert made.txs["txid"].to_pylist() == [fact.txid for fact in facts]
    assert made.digest == ledger(*facts).digest


def test_inputs_equal_outputs_plus_fee_in_every_transaction():
    for row in ledger(*chain_of_three()).txs.to_pylist():
        assert row["input_sat"] == row["output_sat"] + row["fee_sat"]


def test_position_in_the_block_orders_unrelated_transactions():
    late = tx([origin(9, "a")], [(9, "b")], position=7)
    early = tx([origin(8, "c", number=2)], [(8, "d")], position=3)
    assert ledger(late, early).txs["txid"].to_pylist() == [early.txid, late.txid]


def test_the_maker_of_an_output_is_believed_over_its_spender():
    first, second, _ = chain_of_three()
    lie = dataclasses.replace(second.inputs[0], prevout=OutputRecord(6000, script("ben").hex()))
    made = ledger(first, dataclasses.replace(second, inputs=(lie,)))
    assert made.to_pandas("txs")["fee_sat"].tolist() == [10, 5]
    dispute = made.disputes.to_pylist()[0]
    assert dispute["txid"] == second.txid
    assert "the transaction that made it says otherwise" in dispute["why"]


def test_a_second_block_for_one_transaction_is_a_dispute_and_the_newest_is_used():
    record = tx([origin(9, "a")], [(9, "b")])
    other = dataclasses.replace(record, height=105, block_hash="ff" * 32)
    made = ledger(record, other)
    assert made.txs["height"].to_pylist() == [105]
    assert made.disputes["field"].to_pylist() == ["block"]


def test_an_unconfirmed_transaction_is_confirmed_by_a_later_reply_without_dispute():
    record = tx([origin(9, "a")], [(9, "b")])
    pending = dataclasses.replace(record, height=None, block_hash=None, time=None)
    made = ledger(pending, record)
    assert made.txs["height"].to_pylist() == [100]
    assert made.disputes.num_rows == 0


def test_a_transaction_that_left_its_block_is_unconfirmed_and_a_dispute():
    record = tx([origin(9, "a")], [(9, "b")])
    pending = dataclasses.replace(record, height=None, block_hash=None, time=None)
    made = ledger(record, pending)
    row = made.txs.to_pylist()[0]
    assert (row["height"], row["block_hash"], row["time"]) == (None, None, None)
    assert [(r["used"], r["refused"]) for r in made.disputes.to_pylist()] == [
        ("unconfirmed", record.block_hash)
    ]


def test_the_newest_block_counts_also_where_only_the_newest_reply_has_bytes():
    record = tx([origin(9, "a")], [(9, "b")])
    said = dataclasses.replace(record, height=105, block_hash="ff" * 32, raw=None)
    made = ledger(said, record)
    assert (made.txs["height"].to_pylist(), made.verified) == ([100], (1, 1))
    assert made.disputes["used"].to_pylist() == [record.block_hash]


def test_two_replies_of_one_block_complete_each_other():
    record = tx([origin(9, "a")], [(9, "b")], position=7)
    made = ledger(record, dataclasses.replace(record, position=None, block_hash=None, time=None))
    row = made.txs.to_pylist()[0]
    assert (row["position"], row["block_hash"]) == (7, record.block_hash)
    assert made.disputes.num_rows == 0


def test_two_spenders_of_one_output_are_a_dispute_and_the_confirmed_one_wins():
    first = tx([origin(9, "a")], [(9, "b")])
    mined = tx([(first.txid, 0, 9, "b")], [(8, "c")], height=101)
    pending = tx([(first.txid, 0, 9, "b")], [(7, "d")], height=None)
    made = ledger(pending, first, mined)
    spender = {r["txid"]: r["spent_by"] for r in made.outputs.to_pylist()}[first.txid]
    assert spender == mined.txid
    assert pending.txid not in made.txs["txid"].to_pylist()
    assert made.disputes["why"].to_pylist() == ["replaced"]


def test_what_hangs_on_a_replaced_transaction_is_left_out_too():
    first = tx([origin(9, "a")], [(9, "b")])
    mined = tx([(first.txid, 0, 9, "b")], [(8, "c")], height=101)
    pending = tx([(first.txid, 0, 9, "b")], [(7, "d")], height=None)
    child = tx([(pending.txid, 0, 7, "d")], [(6, "e")], height=None)
    made = ledger(child, pending, first, mined)
    assert made.txs["txid"].to_pylist() == [first.txid, mined.txid]
    assert sorted(made.disputes["txid"].to_pylist()) == sorted([pending.txid, child.txid])


def test_two_unconfirmed_spenders_are_a_dispute_and_both_are_kept():
    first = tx([origin(9, "a")], [(9, "b")])
    one = tx([(first.txid, 0, 9, "b")], [(8, "c")], height=None)
    other = tx([(first.txid, 0, 9, "b")], [(7, "d")], height=None)
    made = ledger(first, one, other)
    assert len(made) == 3
    assert made.disputes["why"].to_pylist() == ["spent twice"]


def test_without_a_statement_spending_is_unknown():
    states = {r["address"]: r["spend_state"] for r in ledger(*chain_of_three()).outputs.to_pylist()}
    assert "unspent" not in states.values()
    assert list(states.values()).count("unknown") == 1


def test_a_stated_unspent_output_is_unspent_as_of_the_tip():
    first, *_ = chain_of_three()
    made = ledger(Tip(CHAIN, 120), first, SpendRecord(CHAIN, Outpoint(first.txid, 1), None, None))
    row = {r["vout"]: r for r in made.outputs.to_pylist() if r["txid"] == first.txid}[1]
    assert (row["spend_state"], row["as_of_height"]) == ("unspent", 120)


def test_a_spender_that_is_not_held_is_named():
    first, *_ = chain_of_three()
    made = ledger(first, SpendRecord(CHAIN, Outpoint(first.txid, 1), "ab" * 32, 4))
    row = {r["vout"]: r for r in made.outputs.to_pylist() if r["txid"] == first.txid}[1]
    assert (row["spend_state"], row["spent_by"], row["spent_vin"]) == ("spent", "ab" * 32, 4)


def address(name):
    return next(
        r["address"] for r in ledger(tx([origin(9, "z")], [(9, name)])).outputs.to_pylist() if r["vout"] == 0
    )


@pytest.mark.parametrize(
    ("claimed", "complete", "state", "reason"),
    [
        (1, True, "complete", ""),
        (2, True, "partial", "1 of 2 transactions: the source ended its list early"),
        (2, False, "partial", "1 of 2 transactions: not all pages were asked"),
        (None, True, "complete", ""),
        (None, False, "partial", "1 transactions, older pages were not asked"),
    ],
)
def test_coverage_says_what_was_claimed_and_what_was_given(claimed, complete, state, reason):
    record = tx([origin(9, "a")], [(9, "ben")])
    who = next(r["address"] for r in ledger(record).outputs.to_pylist() if r["txid"] == record.txid)
    claim = [AddressClaim(CHAIN, who, claimed)] if claimed is not None else []
    made = ledger(Tip(CHAIN, 120), *claim, Listing(CHAIN, who, "", (record.txid,), complete), record)
    row = made.coverage.iloc[0]
    assert (row["state"], row["reason"], row["as_of_height"]) == (state, reason, 120)
    spend = {r["txid"]: r["spend_state"] for r in made.outputs.to_pylist()}[record.txid]
    assert spend == ("unspent" if state == "complete" else "unknown")


def test_a_history_of_nothing_is_complete():
    made = ledger(AddressClaim(CHAIN, "bcrt1qsomebody", 0))
    assert made.coverage["state"].tolist() == ["complete"]


def test_a_claim_without_a_page_is_partial():
    made = ledger(AddressClaim(CHAIN, "bcrt1qsomebody", 5_355_649))
    assert made.coverage["reason"].tolist() == ["0 of 5,355,649 transactions: not asked for"]


def test_a_limited_page_says_so():
    page = Listing(
        CHAIN, "bcrt1qsomebody", "", (), complete=False, reason="limited: Too many history entries"
    )
    assert ledger(page).coverage["reason"].tolist() == ["limited: Too many history entries"]


@given(st.permutations(range(3)), st.lists(st.integers(0, 2), max_size=4))
def test_repeating_a_statement_changes_nothing(order, repeats):
    facts = chain_of_three()
    made = build((facts[i], HERE) for i in [*order, *repeats])
    assert made.digest == ledger(*facts).digest
    assert made.disputes.num_rows == 0


def test_a_replaced_transaction_spends_nothing_not_even_by_hearsay():
    one, other = tx([origin(9, "a")], [(9, "b")]), tx([origin(5, "a", number=2)], [(5, "b")])
    pending = tx([(one.txid, 0, 9, "b"), (other.txid, 0, 5, "b")], [(13, "c")], height=None)
    mined = tx([(one.txid, 0, 9, "b")], [(8, "d")], height=101)
    told = SpendRecord(CHAIN, Outpoint(other.txid, 0), pending.txid, 1)
    made = ledger(one, other, pending, told, mined)
    states = {r["txid"]: r["spend_state"] for r in made.outputs.to_pylist()}
    assert (states[one.txid], states[other.txid]) == ("spent", "unknown")


def test_outputs_are_unspent_as_of_when_the_first_page_was_read():
    record = tx([origin(9, "a")], [(9, "ben")], height=110)
    who = next(r["address"] for r in ledger(record).outputs.to_pylist() if r["txid"] == record.txid)
    page = Listing(CHAIN, who, "", (record.txid,), complete=True)
    made = ledger(Tip(CHAIN, 100), AddressClaim(CHAIN, who, 0), Tip(CHAIN, 120), page, record)
    output = next(r for r in made.outputs.to_pylist() if r["txid"] == record.txid)
    assert (output["spend_state"], output["as_of_height"]) == ("unspent", 120)
