"""Outlines: what replies say of a transaction without its bytes adds to it, whichever comes first."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from chainflow.ledger import Ledger, build
from chainflow.model import Evidence, OutputRecord, TxOutline, TxRecord
from tests.made import ledger, origin, script, tx

RECORD = tx([origin(9, "ann"), origin(7, "bob", number=2)], [(15, "ben")])
SPENT = (OutputRecord(9, script("ann").hex()), OutputRecord(7, script("bob").hex()))


def bare(record: TxRecord = RECORD) -> TxRecord:
    """Return the transaction as its bytes alone tell it."""
    inputs = tuple(dataclasses.replace(entry, prevout=None) for entry in record.inputs)
    unplaced = {"height": None, "block_hash": None, "time": None, "is_placed": False}
    return dataclasses.replace(record, inputs=inputs, **unplaced)


def outline(**given: object) -> TxOutline:
    return TxOutline(RECORD.chain, RECORD.txid, **given)


def disputes(made: Ledger) -> list[tuple[str, bool]]:
    return [(row["field"], row["is_excluded"]) for row in made.disputes.to_pylist()]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_outlines_fill_the_spent_outputs_and_the_block_whichever_comes_first(order):
    facts = [
        bare(),
        outline(prevouts=SPENT),
        outline(is_placed=True, height=100, block_hash="aa" * 32, time=5),
    ]
    made = ledger(*(facts[place] for place in order))
    (row,) = made.txs.to_pylist()
    assert (row["input_sat"], row["fee_sat"], row["height"], row["is_confirmed"]) == (16, 1, 100, True)
    assert (row["level"], made.disputes.num_rows) == (2, 0)


def test_an_outline_alone_is_no_transaction():
    made = ledger(outline(prevouts=SPENT, outputs=RECORD.outputs, is_placed=True, height=100))
    assert (len(made), made.outputs.num_rows) == (0, 0)
    assert made.evidence["txid"].to_pylist() == [RECORD.txid]


@pytest.mark.parametrize(
    ("record", "excluded"), [(RECORD, False), (dataclasses.replace(RECORD, raw=None), True)]
)
def test_outputs_that_differ_are_a_dispute_which_bytes_settle(record, excluded):
    made = ledger(outline(outputs=(OutputRecord(14, script("ben").hex()),)), record)
    assert disputes(made) == [("outputs", excluded)]
    assert made.txs["output_sat"].to_pylist() == [15]


@pytest.mark.parametrize(
    ("record", "excluded"), [(bare(), False), (dataclasses.replace(bare(), raw=None), True)]
)
def test_another_number_of_inputs_is_a_dispute_and_none_of_them_is_used(record, excluded):
    made = ledger(record, outline(prevouts=SPENT[:1]))
    assert disputes(made) == [("inputs", excluded)]
    assert made.txs["input_sat"].to_pylist() == [None]


def test_spent_outputs_that_differ_are_a_dispute_and_the_first_are_used():
    wrong = (OutputRecord(99, script("ann").hex()), SPENT[1])
    evidence = [Evidence(n, f"{n:064x}", f"x:https://{n}.example.org", "", 0) for n in range(3)]
    made = build(zip((bare(), outline(prevouts=SPENT), outline(prevouts=wrong)), evidence, strict=True))
    assert made.txs["input_sat"].to_pylist() == [16]
    ((name, excluded),) = disputes(made)
    assert (name, excluded) == (f"prevout {RECORD.inputs[0].outpoint}", True)


def test_the_transaction_that_made_an_output_settles_what_outlines_say_of_it():
    maker = tx([origin(30, "eve", number=9)], [(9, "ann")])
    spender = tx([(maker.txid, 0, 9, "ann")], [(8, "ben")], height=101)
    wrong = TxOutline(spender.chain, spender.txid, prevouts=(OutputRecord(99, script("ann").hex()),))
    made = ledger(bare(spender), wrong, maker)
    fees = dict(zip(made.txs["txid"].to_pylist(), made.txs["fee_sat"].to_pylist(), strict=True))
    assert fees[spender.txid] == 1
    assert [excluded for _, excluded in disputes(made)] == [False]
