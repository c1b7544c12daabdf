"""That nothing is found is a result: what was reached, how each branch ends, where a path could still be."""

from __future__ import annotations

from dataclasses import replace

from chainflow import schema
from chainflow.model import Tip
from chainflow.tracing.paths import paths
from tests.clustering import account_made
from tests.made import ledger, origin, tx
from tests.tracing.test_trace import SEED, THEFT, address, next_tx, unspent

OTHER = tx([origin(7, "y", number=9)], [(7, "goal")], height=100)
SPLIT = next_tx(THEFT, 0, [(50, "a"), (38, "b")], height=101)


def test_a_closed_proof_needs_every_branch_to_end_in_evidence():
    made = ledger(Tip("btc-regtest", 200), THEFT, SPLIT, OTHER, unspent(SPLIT, 0), unspent(SPLIT, 1))
    found = paths(made, SEED, address("goal"))
    assert (bool(found), found.is_closed, len(found.open)) == (False, True, 0)
    assert found.ends == {"unspent": (2, 88), "fee": (1, 2)}
    assert "complete as of block 200" in found.sentence
    assert found.sentence.startswith("No path within the evidence")


def test_a_branch_that_leaves_the_evidence_keeps_the_proof_open_and_is_listed():
    found = paths(ledger(THEFT, SPLIT, OTHER, unspent(SPLIT, 0)), SEED, address("goal"))
    assert not found.is_closed
    assert found.open["place"].tolist() == [f"{SPLIT.txid}:1"]
    assert found.ends["unknown: not in evidence"] == (1, 38)
    assert "a path could still be there" in found.sentence


def test_a_declared_stop_is_named_in_the_sentence():
    made = ledger(THEFT, SPLIT, OTHER, unspent(SPLIT, 0))
    found = paths(made, SEED, address("goal"), stop=address("b"))
    assert found.is_closed
    assert found.ends["service"] == (1, 38)
    assert "1 branch ended at a declared stop" in found.sentence


def test_a_contract_is_a_declared_stop_too():
    who, seed = account_made.who, account_made.txid(800_100)
    made = account_made.ledger(
        account_made.pay("zoe", "pool", 5, 10, txid=seed), account_made.pay("pool", "dan", 5, 11)
    )
    found = paths(made, who("zoe"), who("dan"), contracts=[who("pool")])
    assert found.ends["contract: not decoded"] == (1, 5)
    assert "1 branch ended at a declared stop" in found.sentence


def test_a_disputed_spender_is_not_walked_through():
    made = ledger(THEFT, SPLIT, OTHER)
    row = ("btc-regtest", SPLIT.txid, "fee", "2", "3", "two hosts", True)
    found = paths(replace(made, disputes=schema.rows_to_table([row], schema.DISPUTES)), SEED, address("b"))
    assert (bool(found), found.is_closed) == (False, False)
    assert found.ends == {"disputed: sources disagree": (1, 90)}


def test_the_table_lists_all_that_was_reached_in_order():
    found = paths(ledger(THEFT, SPLIT, OTHER, unspent(SPLIT, 0)), SEED, address("goal"))
    frame = found.to_pandas()
    assert frame["amount"].tolist() == [90, 50, 38, 2]
    assert frame["reason"].tolist() == [None, "unspent", "unknown: not in evidence", "fee"]
    assert "No path within the evidence" in found._repr_html_()
    assert found.digest == paths(ledger(THEFT, SPLIT, OTHER, unspent(SPLIT, 0)), SEED, address("goal")).digest


def test_what_waits_for_a_block_is_not_walked_through_and_stays_open():
    waiting = next_tx(THEFT, 0, [(90, "goal")], height=None)
    found = paths(ledger(THEFT, waiting), SEED, address("goal"))
    assert found.ends == {"unconfirmed: in no block yet": (1, 90)}
    assert not found.is_closed
