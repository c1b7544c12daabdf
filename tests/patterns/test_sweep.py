"""The vectorised sweep drops nothing that a readable rule names, on random and on recorded transactions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.ledger import Ledger
from chainflow.model import OutputRecord, TxRecord
from chainflow.patterns import SHAPES, Columns, Shape, recognise, sweep
from chainflow.scripts import script_type
from tests.clustering.truth import experiment
from tests.made import ledger, origin, tx
from tests.patterns.populations import (
    JOINMARKET_DOUBTS,
    WASABI,
    block_300025,
    block_680000,
    from_scan,
)

EXACT = ("payjoin", "consolidation", "batch-payout")


def columns_of(shapes: Sequence[Shape]) -> Columns:
    """Return shapes as the columns that a ledger of them would have."""
    known = [entry for shape in shapes for entry in shape.known]
    paid = [output for shape in shapes for output in shape.outputs]
    number = {
        script: n for n, script in enumerate(dict.fromkeys(record.script for record in (*known, *paid)))
    }
    types = {script: n for n, script in enumerate(dict.fromkeys(map(kind, number)))}
    return Columns(
        in_ptr=ptr(len(shape.known) for shape in shapes),
        in_value=np.array([entry.value_sat for entry in known], dtype=np.int64),
        in_script=np.array([number[entry.script] for entry in known], dtype=np.int64),
        in_type=np.array([types[kind(entry.script)] for entry in known], dtype=np.int64),
        out_ptr=ptr(len(shape.outputs) for shape in shapes),
        out_value=np.array([output.value_sat for output in paid], dtype=np.int64),
        out_script=np.array([number[output.script] for output in paid], dtype=np.int64),
        is_op_return=np.array([output.script.startswith("6a") for output in paid], dtype=np.bool_),
        n_inputs=np.array([len(shape.inputs) for shape in shapes], dtype=np.int64),
    )


def ptr(sizes):
    return np.array([0, *itertools.accumulate(sizes)], dtype=np.int64)


def kind(script: str) -> str:
    return script_type(bytes.fromhex(script))


def check(shapes: Sequence[Shape]) -> None:
    """Fail where a rule names what the sweep dropped, or the sweep keeps what an exact rule does not name."""
    found = sweep(columns_of(shapes))
    assert list(found) == list(SHAPES)
    for at, shape in enumerate(shapes):
        verdict = recognise(shape)
        assert verdict is None or found[verdict.family][at], verdict
        assert verdict is not None or not any(found[name][at] for name in EXACT)


AMOUNTS = st.sampled_from(
    [100_000, 100_300, 5_000_000, 5_010_000, 10_000_000, 20_000_000, 175_000, 546, 262_144, 531_441, 65_536]
)
KEYS = st.integers(0, 40).map(lambda number: f"0014{number:040x}")
COORDINATOR = "0014869f5c7a4cd7776ae0c0fcd9c3315abb239a9f0d"
SCRIPTS = st.one_of(KEYS, KEYS, KEYS, st.sampled_from(["6a00", COORDINATOR, "a914" + "ee" * 20 + "87"]))
RECORDS = st.builds(OutputRecord, AMOUNTS, SCRIPTS)


@st.composite
def mixes(draw):
    """Return shapes near to those of CoinJoins: distinct scripts, one or several equal values, some change."""
    equal = draw(st.lists(st.tuples(AMOUNTS, st.integers(2, 9)), min_size=1, max_size=4))
    lone = draw(st.lists(st.integers(3_000, 90_000), max_size=9))
    paid = [value for value, count in equal for _ in range(count)] + lone
    spent = draw(st.lists(AMOUNTS, min_size=2, max_size=24))
    ins = [OutputRecord(value, f"0014aa{n:038x}") for n, value in enumerate(spent)]
    outs = [OutputRecord(value, f"0014bb{n:038x}") for n, value in enumerate(paid)]
    extra = draw(st.lists(RECORDS, max_size=2))
    missing = draw(st.integers(0, 2))
    return Shape((*ins, *[None] * missing), (*outs, *extra))


ANY = st.builds(
    Shape,
    st.lists(st.none() | RECORDS, min_size=1, max_size=12).map(tuple),
    st.lists(RECORDS, max_size=14).map(tuple),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(mixes() | ANY, max_size=6))
def test_the_sweep_keeps_all_that_the_readable_rules_name(shapes):
    check(shapes)


def test_the_sweep_keeps_all_recorded_coinjoins(shared: Path):
    for archive, name in (
        (WASABI, "WasabiCoinJoins"),
        (WASABI, "WasabiPostMixTxs"),
        (WASABI, "Wasabi2CoinJoins"),
        (JOINMARKET_DOUBTS, "OtherCoinJoins"),
    ):
        check(from_scan(shared, archive, name))


def test_the_sweep_agrees_with_the_rules_on_two_blocks(shared: Path):
    check(block_680000(shared))
    check(block_300025(shared))


def test_of_an_ordinary_block_few_transactions_are_left_to_the_rules(shared: Path):
    block = block_680000(shared)
    kept = np.any(list(sweep(columns_of(block)).values()), axis=0)
    assert kept.sum() == 85


def test_the_columns_of_a_ledger_count_as_its_shapes_do(shared: Path):
    held, mixed, _ = experiment(shared / "coinjoin" / "regtest_truth" / "wasabi2_10_wallets")
    kept = sweep(Columns.of(held))["wabisabi"]
    assert {held.index.txids[row] for row in np.flatnonzero(kept)} == mixed


def test_an_empty_ledger_and_a_coinbase_keep_nothing():
    paid = tuple(OutputRecord(5_000, f"0014{n:040x}") for n in range(30))
    for held in (ledger(), ledger(TxRecord("btc-regtest", "ab" * 32, (), paid, is_coinbase=True))):
        assert not any(found.any() for found in sweep(Columns.of(held)).values())


def test_a_transaction_of_which_no_input_is_in_evidence_is_swept():
    held: Ledger = ledger(tx([origin(20_000, "ann")], [(1_000, f"o {n}") for n in range(12)]))
    assert sweep(Columns.of(held))["batch-payout"].tolist() == [True]
