"""A mapped chain answers as a walk through lists does, shows its limits, and refuses what is not whole."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput, LedgerFileRejected, MissingExtra, SeedUnknown
from chainflow.tracing.whole_chain import texts
from chainflow.tracing.whole_chain.columns import Columns
from chainflow.tracing.whole_chain.mapped import ENGINES, MappedChain
from chainflow.tracing.whole_chain.tables import read_chain

PIZZA = "a1075db55d416d3ca199f55b6084e2115b9345e16c5cf302fc80e9d5fbf5d48d"
LASZLO, JERCOS = "1XPTgDRhN8RFnzniWCddobD9iKZatrvH4", "17SkEw2md5avVNyYgj6RiXuQKNwkXaxFyQ"


class Tiny(NamedTuple):
    """Per transaction the outputs that it spends and its own as (address or −1, value)."""

    txs: list[tuple[list[int], list[tuple[int, int]]]]
    names: list[str]

    @property
    def outputs(self):
        return [(tx, *output) for tx, (_, outputs) in enumerate(self.txs) for output in outputs]

    @property
    def spent_by(self):
        spender = {output: tx for tx, (spent, _) in enumerate(self.txs) for output in spent}
        return [spender.get(output, -1) for output in range(len(self.outputs))]

    @property
    def columns(self):
        in_ptr = np.cumsum([0, *(len(spent) for spent, _ in self.txs)])
        out_ptr = np.cumsum([0, *(len(outputs) for _, outputs in self.txs)])
        source = np.array([output for spent, _ in self.txs for output in spent], np.int32)
        value = np.array([value for _, _, value in self.outputs], np.int64)
        return Columns(in_ptr, source, out_ptr, value, np.array(self.spent_by, np.int32))

    def build(self, folder, **choices):
        numbers = [address for _, address, _ in self.outputs]
        return MappedChain.build(
            folder, self.columns, addresses=self.names, address_of=np.array(numbers, np.int64), **choices
        )

    def expanded(self, number, max_outputs, max_rows):
        """Return (outputs, spenders, all rows of the shown outputs' spenders) the slow way."""
        mine = [place for place, (_, address, _) in enumerate(self.outputs) if address == number]
        shown = mine[:max_outputs]
        spenders = [self.spent_by[output] for output in shown]
        rows = [(tx, o, a, v) for o, (tx, a, v) in enumerate(self.outputs) if tx in set(spenders) - {-1}]
        return mine, shown, spenders, rows[:max_rows], len(rows)


# address 0 is paid by 0, 1 and 2; transaction 3 spends two of these; output 3 has no address
CHAIN = Tiny(
    [
        ([], [(0, 50)]),
        ([], [(0, 50), (1, 7)]),
        ([2], [(-1, 3), (0, 4)]),
        ([0, 1], [(1, 60), (2, 40)]),
    ],
    [LASZLO, JERCOS, "bc1qé"],
)


@st.composite
def chains(draw):
    names = draw(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6, unique=True))
    unspent, made, txs = [], 0, []
    for _ in range(draw(st.integers(1, 12))):
        spent = draw(st.lists(st.sampled_from(unspent), unique=True, max_size=3)) if unspent else []
        addresses = st.integers(-1, len(names) - 1)
        outputs = draw(st.lists(st.tuples(addresses, st.integers(0, 2**50)), min_size=1, max_size=4))
        unspent = [o for o in unspent if o not in spent] + list(range(made, made + len(outputs)))
        made += len(outputs)
        txs.append((spent, outputs))
    return Tiny(txs, names)


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def index(tmp_path, engine):
    return CHAIN.build(tmp_path / "index", engine=engine)


def rows_of(found):
    columns = (found.tx, found.output, found.paid_to, found.value_sat)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_an_address_gives_its_outputs_their_spenders_and_what_these_pay(index):
    found = index.expand(LASZLO)
    assert (found.outputs.tolist(), found.spent_by.tolist()) == ([0, 1, 4], [3, 3, -1])
    assert rows_of(found) == [(3, 5, 1, 60), (3, 6, 2, 40)]
    assert (found.total, found.total_rows, found.is_complete) == (3, 2, True)


@given(chain=chains(), max_outputs=st.integers(1, 6), max_rows=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_both_engines_answer_as_lists_do_within_the_same_limits(chain, max_outputs, max_rows):
    with tempfile.TemporaryDirectory() as folder:
        chain.build(Path(folder) / "index")
        for name in ENGINES:
            index = MappedChain.open(Path(folder) / "index", engine=name)
            for number, address in enumerate(chain.names):
                found = index.expand(address, max_outputs=max_outputs, max_rows=max_rows)
                mine, shown, spenders, rows, all_rows = chain.expanded(number, max_outputs, max_rows)
                assert (found.outputs.tolist(), found.spent_by.tolist()) == (shown, spenders)
                assert (rows_of(found), found.number) == (rows, number)
                assert (found.total, found.total_rows) == (len(mine), all_rows)
                assert found.is_complete == (len(mine) <= max_outputs and all_rows <= max_rows)


def test_limits_take_the_earliest_and_say_what_they_cut(index):
    few = index.expand(LASZLO, max_outputs=2)
    assert (few.outputs.tolist(), few.total, few.is_complete) == ([0, 1], 3, False)
    short = index.expand(LASZLO, max_rows=1)
    assert (rows_of(short), short.total_rows, short.is_complete) == ([(3, 5, 1, 60)], 2, False)
    assert "1 of 2 outputs, cut off by a limit" in repr(short)
    with pytest.raises(BadInput, match="limits 0"):
        index.expand(LASZLO, max_outputs=0)


@pytest.mark.parametrize("address", ["", "nobody", LASZLO[:-1], LASZLO + "x", LASZLO.lower()])
def test_an_address_that_is_not_held_says_nothing_about_the_chain(index, address):
    with pytest.raises(SeedUnknown, match="not in this index, which says nothing about the chain"):
        index.expand(address)


def test_an_address_without_outputs_is_held_and_paid_nothing(tmp_path, engine):
    found = Tiny([([], [(0, 1)])], ["a", "b"]).build(tmp_path / "index", engine=engine).expand("b")
    assert (found.total, len(found.outputs), len(found.tx), found.is_complete) == (0, 0, 0, True)


def test_rows_become_a_frame_with_addresses_and_txids(tmp_path):
    ids = ["00" * 32, "11" * 32, PIZZA, "ff" * 32]
    frame = CHAIN.build(tmp_path / "index", txids=ids).expand(JERCOS).to_pandas()
    assert frame.to_dict("records") == [
        {"txid": PIZZA, "tx": 2, "vout": 0, "address": None, "value_sat": 3},
        {"txid": PIZZA, "tx": 2, "vout": 1, "address": LASZLO, "value_sat": 4},
    ]


def test_without_txids_the_frame_has_none(index):
    assert index.expand(JERCOS).to_pandas().columns.tolist() == ["tx", "vout", "address", "value_sat"]


def test_equal_questions_to_equal_indexes_have_one_digest(tmp_path, index):
    again = CHAIN.build(tmp_path / "again", engine="numpy").expand(LASZLO)
    first = index.expand(LASZLO)
    assert (again.digest, again.recipe.digest) == (first.digest, first.recipe.digest)
    assert index.expand(LASZLO, max_rows=1).digest != first.digest


def test_columns_come_back_mapped_and_as_they_were_given(index):
    for columns in (index.columns, index.scattered):
        assert all(isinstance(column, np.memmap) for column in columns)
        assert all(map(np.array_equal, columns, CHAIN.columns))
    assert [column.dtype.str for column in index.columns] == ["<i8", "<i4", "<i8", "<i8", "<i4"]


def test_an_index_of_nothing_can_be_asked(tmp_path, engine):
    empty = Tiny([], []).build(tmp_path / "index", engine=engine)
    assert len(empty.columns.value) == 0
    with pytest.raises(SeedUnknown):
        empty.expand(LASZLO)


# Finding an address


def twins():
    """Return two texts that share the home and the stored half of the hash in a table of two."""
    named = [f"address {number}" for number in range(300_000)]
    hashes = texts.hashes_of(*texts.texts_of(named)[:2])
    homes = (hashes >> np.uint64(32)) * np.uint64(texts.homes_of(2)) >> np.uint64(32)
    seen: dict[tuple[int, int], int] = {}
    for number, key in enumerate(zip((hashes & np.uint64(2**32 - 1)).tolist(), homes.tolist(), strict=True)):
        if key in seen:
            return named[seen[key]], named[number]
        seen[key] = number
    raise LookupError


def test_addresses_with_one_fingerprint_are_told_apart(tmp_path, engine):
    one, other = twins()
    both = Tiny([([], [(0, 1), (1, 2)])], [one, other]).build(tmp_path / "both", engine=engine)
    assert (both.expand(one).outputs.tolist(), both.expand(other).outputs.tolist()) == ([0], [1])
    alone = Tiny([([], [(0, 1)])], [one, "filler"]).build(tmp_path / "alone", engine=engine)
    with pytest.raises(SeedUnknown):
        alone.expand(other)


def test_every_address_of_a_full_table_is_found_and_keeps_its_text(tmp_path, engine):
    names = [f"bc1q{number:x}" for number in range(2_000)]
    chain = Tiny([([], [(number, 1) for number in range(2_000)])], names).build(
        tmp_path / "index", engine=engine
    )
    assert [chain.expand(name).outputs.tolist() for name in names] == [[n] for n in range(2_000)]
    assert [chain.address(number) for number in range(2_000)] == names


def test_the_hash_of_all_addresses_is_that_of_each():
    named = texts.texts_of(["", "a", "bc1qé", JERCOS])
    wanted = [texts.hash_of(one.encode()) for one in ("", "a", "bc1qé", JERCOS)]
    assert texts.hashes_of(named.text_ptr, named.text).tolist() == wanted
    assert len(set(wanted)) == 4


def test_a_column_of_texts_may_be_sliced_and_in_chunks():
    column = pa.chunked_array([["x", "a"], [], ["bc1q"]])
    for given_names in (column.slice(1), column.slice(1).combine_chunks().cast(pa.large_string())):
        table = texts.texts_of(given_names)
        assert (table.text_ptr.tolist(), table.text.tobytes()) == ([0, 1, 5], b"abc1q")


# What is refused


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b", "a"], "address a has two numbers, 0 and 2"),
        (["a", None], "null"),
        (pa.array([1]), "int64"),
    ],
)
def test_addresses_that_repeat_or_are_not_text_are_refused(names, message):
    with pytest.raises(BadInput, match=message):
        texts.texts_of(names)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"spent_by": [3, 3, 2, -1, -1, 3, -1]}, "contradict"),
        ({"spent_by": [3, 3, 2, -1, -1, -1]}, "6 spenders"),
        ({"source": [2, 0, 0]}, "contradict"),
        ({"source": [6, 0, 1]}, "not before it"),
        ({"source": [-1, 0, 1]}, "not before it"),
        ({"in_ptr": [0, 0, 0, 1, 2]}, "in_ptr does not rise"),
        ({"out_ptr": [0, 3, 1, 5, 7]}, "out_ptr does not rise"),
        ({"value": [50, 50, 7, 3, 4, 60, -1]}, "negative"),
        ({"value": [0.5] * 7}, "value is not one column of integers"),
        ({"spent_by": [3, 3, 2, -1, -1, -1, 2**31]}, "beyond int32"),
    ],
)
def test_columns_that_are_not_a_chain_are_refused(tmp_path, changed, message):
    columns = CHAIN.columns._replace(**{name: np.array(one) for name, one in changed.items()})
    with pytest.raises(BadInput, match=message):
        MappedChain.build(tmp_path / "index", columns, addresses=CHAIN.names, address_of=[0] * 7)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address_of", [[0] * 6, [0, 0, 0, 0, 0, 0, 3], [0.0] * 7])
def test_outputs_without_a_right_address_number_are_refused(tmp_path, address_of):
    with pytest.raises(BadInput, match="address_of"):
        MappedChain.build(tmp_path / "index", CHAIN.columns, addresses=CHAIN.names, address_of=address_of)


@pytest.mark.parametrize(
    ("ids", "message"), [([PIZZA], "1 txids for 4"), ([PIZZA.upper()] * 4, "not a txid")]
)
def test_wrong_txids_are_refused(tmp_path, ids, message):
    with pytest.raises(BadInput, match=message):
        CHAIN.build(tmp_path / "index", txids=ids)


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="exists"):
        CHAIN.build(tmp_path / "index")
    assert [path.name for path in tmp_path.rglob("*")] == ["index", "notes.txt"]


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadInput, match="cannot write"):
        CHAIN.build(tmp_path / "file" / "index")
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


@pytest.mark.parametrize("name", ["value", "slots", "addr_ptr"])
def test_a_cut_or_missing_file_is_refused_when_the_index_is_opened(tmp_path, name):
    path = CHAIN.build(tmp_path / "index").folder.place / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LedgerFileRejected, match=rf"{name}\.npy has \d+ bytes, not") as refused:
        MappedChain.open(tmp_path / "index")
    assert "again" in refused.value.hint
    path.unlink()
    with pytest.raises(LedgerFileRejected, match="has 0 bytes"):
        MappedChain.open(tmp_path / "index")


def test_a_changed_byte_is_found_by_verify(tmp_path):
    index = CHAIN.build(tmp_path / "index")
    index.verify()
    path = tmp_path / "index" / "value.npy"
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)
    with pytest.raises(LedgerFileRejected, match=r"value\.npy was changed"):
        MappedChain.open(tmp_path / "index").verify()


@pytest.mark.parametrize("name", ["addr_ptr", "addr_out", "out_ptr", "text_ptr", "spent_by", "slots"])
def test_arrays_that_point_outside_each_other_are_an_error_and_no_answer(tmp_path, engine, name):
    CHAIN.build(tmp_path / "index")
    path = tmp_path / "index" / f"{name}.npy"
    array = np.load(path)
    array[:] = np.where(array == -1, -1, np.iinfo(array.dtype).max - 2**32 * (array.dtype.itemsize == 8))
    np.save(path, array)
    with pytest.raises((LedgerFileRejected, SeedUnknown)) as refused:
        MappedChain.open(tmp_path / "index", engine=engine).expand(LASZLO)
    assert isinstance(refused.value, LedgerFileRejected) or name == "slots"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "chainflow chain index 0"}, "index 0'; this chainflow reads 'chainflow chain index 1'"),
        ({"format": "photographs"}, "photographs"),
        ({"arrays": {}}, "does not match its own digest"),
        ({"digest": "0"}, "does not match its own digest"),
    ],
)
def test_a_foreign_older_or_changed_manifest_is_refused(tmp_path, changed, message):
    path = CHAIN.build(tmp_path / "index").folder.place / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(LedgerFileRejected, match=message):
        MappedChain.open(tmp_path / "index")


@pytest.mark.parametrize("body", [None, b"", b"\xff", b"[1]"])
def test_a_folder_without_a_manifest_is_refused(tmp_path, body):
    if body is not None:
        (tmp_path / "manifest.json").write_bytes(body)
    with pytest.raises(LedgerFileRejected):
        MappedChain.open(tmp_path)


def test_an_unknown_engine_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no engine 'c'"):
        CHAIN.build(tmp_path / "index", engine="c")


def test_without_numba_the_other_engine_is_offered_not_taken(monkeypatch, tmp_path):
    CHAIN.build(tmp_path / "index")
    monkeypatch.setitem(sys.modules, ENGINES["numba"], None)
    with pytest.raises(MissingExtra, match="engine='numpy'"):
        MappedChain.open(tmp_path / "index")


# From Parquet


def tables():
    tx = [tx for tx, (spent, _) in enumerate(CHAIN.txs) for _ in spent]
    inputs = pa.table({"tx": tx, "address": [0, 0, 0], "source": CHAIN.columns.source})
    tx, address, value = zip(*CHAIN.outputs, strict=True)
    known = [None if number < 0 else number for number in address]
    return inputs, pa.table({"tx": tx, "value_sat": value, "address": pa.array(known, pa.int32())})


def test_parquet_files_give_the_columns_that_they_were_written_from(tmp_path):
    paths = tmp_path / "inputs.parquet", tmp_path / "outputs.parquet"
    for path, table in zip(paths, tables(), strict=True):
        pq.write_table(table, path)
    columns, address_of = read_chain(*paths)
    assert all(map(np.array_equal, columns, CHAIN.columns))
    assert address_of.tolist() == [0, 0, 1, -1, 0, 1, 2]


@pytest.mark.parametrize(
    ("which", "name", "values", "message"),
    [
        (0, "source", None, "the inputs: no column 'source'"),
        (0, "source", [2, None, 1], "column 'source': a row is empty"),
        (0, "source", [2, 0, 7], "not there"),
        (0, "source", [2, 0, 0], "contradict"),
        (0, "source", ["2", "0", "1"], "column 'source': string, not integers"),
        (0, "source", pa.array([0, 1, 2**63], pa.uint64()), "beyond 2⁶³"),
        (0, "tx", [3, 3, 2], "the inputs: a transaction comes before"),
        (1, "tx", [0, 1, 1, 3, 3, 4, 4], "transaction 2 has no output"),
    ],
)
def test_tables_that_are_not_a_chain_are_refused(which, name, values, message):
    given_tables = list(tables())
    changed = given_tables[which].drop_columns([name])
    given_tables[which] = changed if values is None else changed.append_column(name, pa.array(values))
    with pytest.raises(BadInput, match=message):
        read_chain(*given_tables)


def test_what_is_not_parquet_is_refused(tmp_path):
    (tmp_path / "inputs.parquet").write_text("tx,source")
    with pytest.raises(BadInput, match="cannot read"):
        read_chain(tmp_path / "inputs.parquet", tables()[1])


# Beside others


def test_two_processes_read_one_folder(tmp_path):
    index = CHAIN.build(tmp_path / "index")
    code = (
        "import sys; from chainflow.tracing.whole_chain.mapped import MappedChain\n"
        "found = MappedChain.open(sys.argv[1], engine='numpy').expand(sys.argv[2])\n"
        "print(found.digest, 'numba' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "index"), LASZLO]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert other == [index.expand(LASZLO).digest, "False"]
