"""In which block a transaction is: what was said, by whom, last; and what proves it."""

from __future__ import annotations

import dataclasses

import pytest

from chainflow.ledger import Ledger, build
from chainflow.model import BlockHash, Evidence, Tip, TxOutline, TxRecord
from tests.ledger.moves import SCAN, disputes, ledger_of, native, reply
from tests.ledger.test_levels import Block, said
from tests.made import ledger, origin, tx

ONE, TWO = "esplora:https://mempool.space/api", "esplora:https://blockstream.info/api"
RECORD = tx([origin(9, "a")], [(9, "b")])
BARE = dataclasses.replace(RECORD, height=None, block_hash=None, time=None, is_placed=False)
PENDING = dataclasses.replace(BARE, is_placed=True)


def at(height: int | None, digit: str = "", **given: object) -> TxRecord:
    """Return the transaction in another block (without a hash unless a digit is given), or in none yet."""
    block_hash = digit * 64 if digit else None
    return dataclasses.replace(PENDING, height=height, block_hash=block_hash, **given)


def by(*statements: tuple[object, str]) -> Ledger:
    told = [(fact, Evidence(n, f"{n:064x}", source, "", 0)) for n, (fact, source) in enumerate(statements, 1)]
    return build(told)  # type: ignore[arg-type]


def place(made: Ledger) -> tuple[object, ...]:
    (row,) = made.txs.to_pylist()
    return row["height"], row["is_confirmed"]


def blocks(made: Ledger) -> list[tuple[str, str, bool]]:
    return [
        (r["used"], r["refused"], r["is_excluded"])
        for r in made.disputes.to_pylist()
        if r["field"] == "block"
    ]


def test_unplaced_bytes_are_somewhere_unknown_and_not_unconfirmed(tmp_path):
    made = ledger(BARE)
    assert place(made) == (None, None)
    assert place(ledger(PENDING)) == (None, False)
    assert place(ledger(RECORD)) == (100, True)
    made.write(tmp_path / "l.json")
    assert Ledger.read(tmp_path / "l.json").txs.equals(made.txs)


@pytest.mark.parametrize("facts", [(BARE, RECORD), (RECORD, BARE)])
def test_bytes_without_a_place_take_it_from_whoever_tells(facts):
    made = ledger(*facts)
    assert (place(made), made.disputes.num_rows) == ((100, True), 0)


def test_a_double_spend_of_unknown_place_is_left_out_and_not_called_unconfirmed():
    first = tx([origin(9, "a")], [(9, "b")])
    mined = tx([(first.txid, 0, 9, "b")], [(8, "c")], height=101)
    bare = dataclasses.replace(tx([(first.txid, 0, 9, "b")], [(7, "d")], height=None), is_placed=False)
    (row,) = ledger(first, mined, bare).disputes.to_pylist()
    assert (row["why"], row["refused"]) == ("replaced", "in no known block")


def test_the_newest_statement_of_one_source_counts_and_excludes_nothing():
    made = by((at(100, "a"), ONE), (at(101, "b"), ONE))
    assert (place(made), blocks(made)) == ((101, True), [("b" * 64, "a" * 64, False)])
    assert made.disputed == frozenset()


@pytest.mark.parametrize("later", [at(101), at(100, "b"), at(None)])
def test_two_hosts_that_differ_are_a_dispute_and_no_total_counts_the_transaction(later):
    made = by((at(100, "a"), ONE), (later, TWO))
    assert place(made)[0] == later.height
    assert [excluded for _, _, excluded in blocks(made)] == [True]
    assert made.disputed == {(RECORD.chain, RECORD.txid)}


def test_two_files_that_differ_are_two_sources():
    assert [row[2] for row in blocks(by((at(100), "file:a.csv"), (at(101), "file:b.csv")))] == [True]


def test_a_host_that_comes_round_ends_the_doubt_and_leaves_the_dispute():
    made = by((at(100, "a"), ONE), (at(100, "b"), TWO), (at(100, "b"), ONE))
    assert blocks(made) == [("b" * 64, "a" * 64, False)]


def test_a_host_that_lags_is_used_last_but_not_silently():
    made = by((at(100, "a"), ONE), (at(None), TWO))
    assert blocks(made) == [("unconfirmed", "a" * 64, True)]
    assert by((at(None), TWO), (at(100, "a"), ONE)).disputes.num_rows == 0


def test_a_statement_without_a_hash_agrees_with_one_of_two_and_not_with_both():
    made = by((at(100, "a"), ONE), (at(100, "b"), TWO), (at(100), "esplora:https://third.example.net"))
    assert made.txs["block_hash"].to_pylist() == ["b" * 64]
    assert [excluded for _, _, excluded in blocks(made)] == [True]


def test_hosts_that_differ_on_the_time_of_one_block_are_named_and_still_counted():
    made = by((at(100, "a", time=5, position=1), ONE), (at(100, "a", time=6, position=2), TWO))
    rows = {
        row["field"]: (row["used"], row["refused"], row["is_excluded"]) for row in made.disputes.to_pylist()
    }
    assert rows == {"time": ("6", "5", False), "position": ("2", "1", False)}


def test_a_block_that_is_only_named_has_the_height_that_another_reply_tells():
    named = dataclasses.replace(BARE, block_hash="a" * 64)
    assert place(ledger(named)) == (None, None)
    assert place(ledger(named, BlockHash(RECORD.chain, 77, "a" * 64))) == (77, True)


def test_a_named_block_that_is_not_the_one_told_is_a_dispute():
    named = dataclasses.replace(BARE, block_hash="a" * 64)
    made = by((named, ONE), (at(100, "b"), TWO))
    assert blocks(made) == [("b" * 64, "a" * 64, True)]


@pytest.mark.parametrize(("height", "is_disputed"), [(1_000, False), (1_100, False), (1_101, True)])
def test_a_block_far_above_the_own_tip_of_who_states_it_is_a_dispute(height, is_disputed):
    made = by((Tip(RECORD.chain, 1_000), ONE), (at(height), ONE))
    assert bool(made.disputed) is is_disputed
    assert not by((Tip(RECORD.chain, 1_000), TWO), (at(height), ONE)).disputed
    later = by((Tip(RECORD.chain, 1_000), ONE), (at(height), ONE), (Tip(RECORD.chain, 1_101), ONE))
    assert not later.disputed


def test_blocks_are_made_while_a_source_is_read():
    tip = (Tip(RECORD.chain, 1_000), Evidence(1, "1" * 64, ONE, "", 500))
    for seconds, is_disputed in ((3_600, False), (60, True)):
        made = build([tip, (at(1_150), Evidence(2, "2" * 64, ONE, "", 500 + seconds))])
        assert bool(made.disputed) is is_disputed


def test_a_transfer_far_above_the_own_tip_of_who_states_it_is_a_dispute():
    made = ledger_of(reply(1, SCAN, Tip("eth", 1_000), native(height=5_000)))
    assert disputes(made) == [("block", True)]
    assert not ledger_of(reply(1, SCAN, Tip("eth", 1_000), native(height=1_050))).disputed


# --- proofs -------------------------------------------------------------------------------------


def test_a_branch_settles_a_dispute_of_two_hosts():
    block = Block()
    elsewhere = dataclasses.replace(block.payment, height=105, block_hash="ff" * 32)
    for told in (
        [*((fact, ONE) for fact in block.facts), (elsewhere, TWO)],
        [(elsewhere, TWO), *((fact, ONE) for fact in block.facts)],
    ):
        made = by(*told)
        assert place(made) == (100, True)
        assert blocks(made) == [(block.header.hash, "ff" * 32, False)]
        assert made.txs["level"].to_pylist() == [3]


def test_a_branch_to_another_block_of_the_height_is_no_silent_correction():
    block = Block()
    stated = dataclasses.replace(block.payment, block_hash="ff" * 32)
    made = by((stated, ONE), (block.branch, ONE), (said(block.header), ONE))
    assert (made.txs["block_hash"].to_pylist(), blocks(made)) == (
        [block.header.hash],
        [(block.header.hash, "ff" * 32, False)],
    )


@pytest.mark.parametrize(
    "later",
    [
        {"height": 101, "block_hash": "ff" * 32},
        {"block_hash": "ff" * 32},
        {"height": None, "block_hash": None},
    ],
)
def test_a_branch_to_a_block_that_its_source_has_since_left_proves_nothing(later):
    block = Block()
    moved = dataclasses.replace(block.payment, **later)
    made = by(*((fact, ONE) for fact in block.facts), (moved, ONE))
    (row,) = made.txs.to_pylist()
    assert (row["height"], row["block_hash"], row["level"]) == (moved.height, moved.block_hash, 2)
    assert {"merkle branch", "block"} == {one["field"] for one in made.disputes.to_pylist()}
    assert made.disputed == frozenset()


def test_a_branch_places_bytes_of_which_nobody_said_where_they_are():
    block = Block()
    bare = dataclasses.replace(block.payment, height=None, block_hash=None, time=None, is_placed=False)
    made = ledger(bare, block.branch, said(block.header))
    assert (place(made), made.txs["level"].to_pylist()) == ((100, True), [3])


def test_a_header_tells_the_time_of_its_block_where_nobody_else_did():
    block = Block()
    silent = dataclasses.replace(block.payment, time=None)
    made = ledger(silent, said(block.header))
    assert made.txs["time"].to_pylist()[0].timestamp() == block.header.time


def test_an_outline_places_a_transaction_like_any_other_statement():
    outline = TxOutline(RECORD.chain, RECORD.txid, True, 100, "a" * 64, 5, 3)
    for facts in ((BARE, outline), (outline, BARE)):
        (row,) = ledger(*facts).txs.to_pylist()
        assert (row["height"], row["block_hash"], row["position"]) == (100, "a" * 64, 3)
