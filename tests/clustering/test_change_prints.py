"""Fingerprint columns: read from bytes where they are held, from inputs otherwise, and else not known."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering.change import Payments
from chainflow.clustering.change.prints import FIELDS, STATIC, TYPES, Prints, same_print
from chainflow.formats.blocks import block_facts
from chainflow.ledger import build
from chainflow.model import OutputRecord
from chainflow.wire import parse_block
from tests.clustering.signed import UNCOMPRESSED, signed
from tests.made import HERE, ledger, origin, tx

OPEN = origin(100_000, "ann")


def column(field: str, *records):
    return getattr(Prints.of(ledger(*records)), field).tolist()


def without_bytes(record, **changes):
    return dataclasses.replace(record, raw=None, **changes)


def test_every_column_of_one_transaction_by_hand():
    one = signed([OPEN], [(60_000, "bob"), (30_000, "p2pkh:ann")], version=1, locktime=990)
    row = Prints.of(ledger(one)).table.to_pylist()[0]
    wpkh, pkh = 1 << TYPES.index("p2wpkh"), 1 << TYPES.index("p2pkh")
    # 10 + 41 + (8+1+22) + (8+1+25) bytes without witness; 2 + (1 + 1+71 + 1+33) of witness
    vsize = (4 * (10 + 41 + 31 + 34) + 2 + 107 + 3) // 4
    assert {name: row[name] for name in FIELDS} == {
        "version": 1, "locktime_class": 1, "rbf": 0, "input_types": wpkh, "compressed": 1,
        "output_types": wpkh | pkh, "low_r": 1, "bip69_inputs": 2, "bip69_outputs": 0,
        "rising_inputs": 2, "falling_inputs": 2, "oldest_first": 2, "n_outputs": 2,
        "fee_rate": 10_000_000 // vsize,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("locktime", "height", "found"),
    [
        (0, 1_000, 0), (999, 1_000, 1), (900, 1_000, 1), (899, 1_000, 2), (1_000, 1_000, 2),
        (500_000_000, 1_000, 2), (500_000_000, None, 2), (0, None, 0), (999, None, -1),
    ],
)  # fmt: skip
def test_a_locktime_is_near_within_a_hundred_blocks_below_the_height(locktime, height, found):
    assert column("locktime_class", signed([OPEN], [(1, "b")], locktime=locktime, height=height)) == [found]


@pytest.mark.parametrize(("sequence", "found"), [(0xFFFFFFFF, 0), (0xFFFFFFFE, 0), (0xFFFFFFFD, 1), (0, 1)])
def test_a_sequence_signals_replacement_below_fffffffe_and_not_at_it(sequence, found):
    one = signed([OPEN], [(1, "b")], sequence=sequence)
    assert column("rbf", one) == [found]
    assert column("rbf", without_bytes(one)) == [found]  # from the input alone


def test_without_bytes_one_signalling_input_is_enough_and_a_missing_one_leaves_it_open():
    two = signed([OPEN, origin(5, "cat", number=2)], [(1, "b")])
    hidden = dataclasses.replace(two.inputs[1], prevout=None)
    assert column("rbf", without_bytes(two, inputs=(two.inputs[0], hidden))) == [-1]
    loud = dataclasses.replace(two.inputs[0], sequence=1)
    assert column("rbf", without_bytes(two, inputs=(loud, hidden))) == [1]


def test_without_bytes_what_only_bytes_tell_is_null():
    row = Prints.of(ledger(without_bytes(signed([OPEN], [(1, "b")])))).table.to_pylist()[0]
    unknown = {name for name in FIELDS if row[name] is None}
    assert unknown == {"version", "locktime_class", "compressed", "low_r", "fee_rate"}


def test_keys_and_signatures():
    assert column("compressed", signed([OPEN], [(1, "b")], key=UNCOMPRESSED)) == [0]
    assert column("compressed", signed([origin(9, "p2pkh:ann")], [(1, "b")], key=UNCOMPRESSED)) == [0]
    assert column("low_r", signed([origin(9, "p2pkh:ann")], [(1, "b")], r=33)) == [0]
    assert column("compressed", signed([OPEN], [(1, "b")], key=b"\xc0" + b"k" * 32)) == [2]  # none is shown


def test_bytes_without_their_witness_leave_size_keys_and_signatures_open():
    stripped = tx([OPEN], [(1, "b")])  # a P2WPKH input that shows nothing
    assert [column(f, stripped) for f in ("vsize", "compressed", "low_r", "fee_rate")] == [[-1]] * 4
    assert column("version", stripped) == [2]


def test_orders_of_inputs_and_outputs():
    spends = [origin(7, "a", number=2), origin(5, "b", number=3), origin(5, "c", number=1)]
    one = signed(spends, [(3, "x"), (3, "y"), (4, "a")])
    found = {
        f: column(f, one)[0] for f in ("bip69_inputs", "rising_inputs", "falling_inputs", "oldest_first")
    }
    assert found == {"bip69_inputs": 0, "rising_inputs": 0, "falling_inputs": 1, "oldest_first": -1}
    assert column("bip69_outputs", one) == [1]
    assert column("bip69_outputs", signed(spends, [(3, "y"), (3, "x")])) == [0]


def test_inputs_are_oldest_first_by_the_height_of_what_they_spend():
    old = signed([OPEN], [(10, "a")], height=5)
    new = signed([origin(50, "b", number=2)], [(20, "b")], height=6)
    ordered = signed([(old.txid, 0, 10, "a"), (new.txid, 0, 20, "b")], [(1, "c")])
    turned = signed([(new.txid, 0, 20, "b"), (old.txid, 0, 10, "a")], [(1, "c")])
    assert column("oldest_first", old, new, ordered)[-1] == 1
    assert column("oldest_first", old, new, turned)[-1] == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=6, unique=True))
def test_bip69_agrees_with_sorting_with_and_without_bytes(places):
    spends = [(f"{number:064x}", vout, 10, f"{number}.{vout}") for number, vout in places]
    one = signed(spends, [(number, f"{vout}") for number, vout in places])
    expected = 2 if len(places) == 1 else int([s[:2] for s in spends] == sorted(s[:2] for s in spends))
    assert column("bip69_inputs", one) == column("bip69_inputs", without_bytes(one)) == [expected]
    pays = [(output.value_sat, output.script) for output in one.outputs]
    assert column("bip69_outputs", one) == [2 if len(pays) == 1 else int(pays == sorted(pays))]


def test_one_known_difference_rules_out_and_one_unknown_leaves_open():
    first = signed([OPEN], [(40_000, "bob"), (50_000, "ann 2"), (1, "cat")])
    other = signed([(first.txid, 0, 40_000, "bob")], [(1, "x")], version=1)
    same = signed([(first.txid, 1, 50_000, "ann 2")], [(1, "y")], locktime=7, height=None)
    payments = Payments.of(ledger(first, other, same))
    prints = Prints.of(payments.ledger)
    votes = same_print(payments, [prints.version, prints.locktime_class])
    assert votes.tolist()[:3] == [-1, 0, 0]  # version differs; a locktime of unknown age; not spent
    assert same_print(payments, [prints.version]).tolist()[:3] == [-1, 1, 0]


def test_bytes_that_are_no_transaction_of_this_form_are_not_known():
    odd = dataclasses.replace(signed([OPEN], [(1, "b")]), raw=b"\x04\x00\x00\x80 of another chain")
    assert column("version", odd) == [-1]


def test_a_ledger_of_coinbases_has_no_fingerprints():
    reward = dataclasses.replace(signed([OPEN], [(1, "b")]), raw=None, inputs=(), is_coinbase=True)
    row = Prints.of(ledger(reward)).table.to_pylist()[0]
    assert all(row[field] is None for field in STATIC)
    assert Prints.of(ledger()).table.num_rows == 0


def test_fingerprints_are_read_once_per_ledger():
    held = ledger(signed([OPEN], [(1, "b")]))
    assert Prints.of(held) is Prints.of(held)
    assert Prints.of(held) is not Prints.of(dataclasses.replace(held))


def test_the_transactions_of_the_colonial_case_show_who_guards_against_fee_sniping():
    table = Prints.of(samples.load("colonial")).table
    near = {row["txid"][:8] for row in table.to_pylist() if row["locktime_class"] == 1}
    assert near == {"915fb4f0", "daf38c7b", "943f2d57", "280c5f96", "6f8fcc22"}
    assert {row["txid"][:8] for row in table.to_pylist() if row["rbf"] == 1} == near
    wrapped = next(row for row in table.to_pylist() if row["txid"].startswith("daf38c7b"))
    assert wrapped["input_types"] == 1 << TYPES.index("p2sh")


def test_a_whole_mainnet_block_is_read_in_under_a_second_as_its_bytes_say(shared):
    raw = (shared / "blocks" / "mainnet_702861.raw").read_bytes()
    block = build((fact, HERE) for fact in block_facts("btc", raw))
    start = time.perf_counter()
    table = Prints.of(block).table
    assert time.perf_counter() - start < 1.0  # 2,500 transactions
    rest = parse_block(raw).transactions[1:]
    signals = Counter(int(any(entry.sequence < 0xFFFFFFFE for entry in one.inputs)) for one in rest)
    assert Counter(table["rbf"].drop_null().to_pylist()) == signals == {0: 2_158, 1: 341}
    assert Counter(table["version"].drop_null().to_pylist()) == Counter(one.version for one in rest)
    assert Counter(table["locktime_class"].drop_null().to_pylist()) == {0: 2_006, 1: 487, 2: 6}


def test_an_unspendable_output_is_among_the_types_paid():
    record = signed([OPEN], [(1, "b")])
    paid = OutputRecord(0, "6a00")
    with_note = without_bytes(record, outputs=(*record.outputs, paid))
    bits = 1 << TYPES.index("p2wpkh") | 1 << TYPES.index("op_return")
    assert column("output_types", with_note) == [bits]
