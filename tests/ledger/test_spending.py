"""Who spends what: held transactions over statements, and statements against each other."""

from __future__ import annotations

import dataclasses

import pytest

from chainflow.ledger import Ledger, build
from chainflow.model import Evidence, Outpoint, SpendRecord, SpendState, Tip
from tests.made import HERE, ledger, origin, tx

CHAIN = "btc-regtest"
A = tx([origin(90, "ann")], [(60, "ben"), (30, "ann")])
B = tx([(A.txid, 0, 60, "ben")], [(55, "cat")], height=105)
X, Y = "ab" * 32, "cd" * 32


def says(vout: int, spent_by: str | None, vin: int | None = 0) -> SpendRecord:
    return SpendRecord(CHAIN, Outpoint(A.txid, vout), spent_by, None if spent_by is None else vin)


def output(made: Ledger, vout: int) -> tuple[object, ...]:
    row = next(r for r in made.outputs.to_pylist() if (r["txid"], r["vout"]) == (A.txid, vout))
    return row["spend_state"], row["spent_by"], row["as_of_height"]


def disputes(made: Ledger) -> list[tuple[str, str, str]]:
    return [(row["field"], row["used"], row["refused"]) for row in made.disputes.to_pylist()]


def test_of_a_spender_that_is_held_only_its_own_inputs_count():
    made = ledger(A, says(1, B.txid), B)
    assert output(made, 1) == (SpendState.UNKNOWN, None, None)
    assert output(made, 0) == (SpendState.SPENT, B.txid, None)
    assert disputes(made) == [("spender of output 1", "unknown", f"spent by {B.txid}, input 0")]


def test_a_spender_that_is_held_wins_over_another_that_is_named():
    made = ledger(A, B, says(0, X))
    assert output(made, 0) == ("spent", B.txid, None)
    assert disputes(made) == [
        ("spender of output 0", f"spent by {B.txid}, input 0", f"spent by {X}, input 0")
    ]


def test_a_held_spender_named_with_another_input_is_a_dispute():
    made = ledger(A, B, says(0, B.txid, 3))
    assert made.to_pandas()["spent_vin"].dropna().tolist() == [0, 0]
    assert made.disputes.num_rows == 1


def test_the_refused_statement_does_not_hide_the_one_before_it():
    made = ledger(Tip(CHAIN, 120), A, B, says(1, None), says(1, B.txid))
    assert output(made, 1) == ("unspent", None, 120)
    assert made.disputes.num_rows == 1


@pytest.mark.parametrize(
    ("statements", "used", "refused"),
    [
        ((None, X), f"spent by {X}, input 0", "unspent as of an unknown block"),
        ((X, None), "unspent as of an unknown block", f"spent by {X}, input 0"),
        ((X, Y), f"spent by {Y}, input 0", f"spent by {X}, input 0"),
    ],
)
def test_statements_that_contradict_each_other_are_a_dispute_and_the_newest_is_used(
    statements, used, refused
):
    made = ledger(A, *(says(1, by) for by in statements))
    assert disputes(made) == [("spender of output 1", used, refused)]
    assert output(made, 1)[1] == statements[-1]


def test_unspent_and_spent_at_one_height_are_a_dispute():
    assert ledger(Tip(CHAIN, 120), A, says(1, None), says(1, X)).disputes.num_rows == 1


def test_unspent_as_of_a_lower_block_is_no_contradiction():
    facts = (Tip(CHAIN, 120), A, says(1, None), Tip(CHAIN, 130), says(1, X))
    made = ledger(*facts)
    assert (output(made, 1)[:2], made.disputes.num_rows) == (("spent", X), 0)


def test_a_source_that_lags_does_not_unspend():
    lagging = Evidence(2, "11" * 32, "lagging", "", 0)
    seen = [(Tip(CHAIN, 120), HERE), (A, HERE), (says(1, X), HERE)]
    made = build([*seen, (Tip(CHAIN, 110), lagging), (says(1, None), lagging)])
    assert (output(made, 1)[:2], made.disputes.num_rows) == (("spent", X), 0)


@pytest.mark.parametrize(("tip", "count"), [(104, 0), (105, 1), (None, 1)])
def test_unspent_contradicts_a_held_spender_that_was_in_a_block_by_then(tip, count):
    tips = [] if tip is None else [Tip(CHAIN, tip)]
    made = ledger(*tips, A, says(0, None), B)
    assert (output(made, 0)[0], made.disputes.num_rows) == ("spent", count)


def test_unspent_does_not_contradict_a_spender_that_is_unconfirmed():
    pending = dataclasses.replace(B, height=None, block_hash=None, time=None)
    assert ledger(Tip(CHAIN, 120), A, says(0, None), pending).disputes.num_rows == 0


def test_unspent_of_an_unknown_height_beside_a_known_one_survives_the_file(tmp_path):
    silent = Evidence(2, "11" * 32, "silent", "", 0)
    seen = [(Tip(CHAIN, 120), HERE), (A, HERE), (says(0, None), HERE), (says(1, None), silent)]
    made = build(seen)
    made.write(tmp_path / "l.json")
    assert Ledger.read(tmp_path / "l.json").outputs.equals(made.outputs)
