"""Clusters of a whole chain: from files and arrays, in parts or at once, by either engine."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering.whole_chain.chain import ENGINES, cluster_chain
from chainflow.errors import BadInput, MissingExtra

TX = [0, 0, 1, 1, 1, 4, 4, 6]
ADDRESS = [3, 1, 5, 2, 5, 1, 2, 4]
LABELS = [0, 1, 1, 1, 4, 1]
ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 11)), max_size=30).map(sorted)

both = pytest.mark.parametrize("engine", sorted(ENGINES))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "inputs.parquet"
    pq.write_table(pa.table({"tx": TX, "address": ADDRESS, "value_sat": TX}), path, row_group_size=3)
    return path


@both
def test_a_label_is_the_smallest_address_of_its_cluster(engine, file):
    found = cluster_chain(file, engine=engine)
    assert (found.labels.tolist(), found.labels.dtype) == (LABELS, np.int32)
    assert found.sizes().to_pydict() == {"cluster": [0, 1, 4], "addresses": [1, 4, 1]}


@both
def test_a_transaction_that_lies_in_two_row_groups_still_joins(engine, tmp_path):
    table = pa.table({"tx": [7] * 6, "address": [5, 0, None, 4, -1, 2]})
    pq.write_table(table, tmp_path / "cut.parquet", row_group_size=1)
    found = cluster_chain(tmp_path / "cut.parquet", engine=engine, threads=3)
    assert found.labels.tolist() == [0, 1, 0, 3, 0, 0]
    assert (found.rows, found.unknown) == (6, 2)


def test_file_table_and_arrays_give_one_digest_and_engines_different_recipes(file):
    table = pq.read_table(file)
    arrays = (np.array(TX, np.uint16), np.array(ADDRESS, np.int64))
    found = [cluster_chain(inputs, engine="numpy") for inputs in (file, table, arrays)]
    assert len({one.digest for one in found}) == 1
    fast = cluster_chain(file)
    assert (fast.digest, fast.recipe.inputs) == (found[0].digest, found[0].recipe.inputs)
    assert (fast.recipe.parameters["engine"], found[0].recipe.parameters["engine"]) == ("numba", "numpy")


@both
@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(0, 30), st.sets(st.integers(0, 9), max_size=2))
def test_an_update_gives_what_clustering_at_once_gives(engine, rows, cut, skip):
    tx, address = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    whole = cluster_chain((tx, address), engine=engine, addresses=12, skip=skip)
    start = cluster_chain((tx[:cut], address[:cut]), engine=engine, skip=skip)
    grown = start.update((tx[cut:], address[cut:]), addresses=12, skip=skip)
    assert grown.digest == whole.digest
    assert (grown.rows, grown.unknown, grown.skipped) == (whole.rows, whole.unknown, whole.skipped)


@both
def test_skipped_transactions_join_nothing_and_are_counted(engine, file):
    found = cluster_chain(file, engine=engine, skip=[4, 99])
    assert found.labels.tolist() == [0, 1, 2, 1, 4, 2]
    assert found.skipped == 2


def test_labels_cannot_be_written(file):
    with pytest.raises(ValueError, match="read-only"):
        cluster_chain(file).labels[0] = 1


def test_no_inputs_are_no_clusters():
    assert len(cluster_chain(([], []), addresses=0)) == 0
    assert cluster_chain((np.zeros(0, int), np.zeros(0, int)), addresses=2).labels.tolist() == [0, 1]


@both
@pytest.mark.parametrize(
    ("tx", "address", "options", "problem"),
    [
        ([1, 0], [0, 1], {}, "row 1: its transaction comes before"),
        ([0, 1, 1], [0, 1, 9], {"addresses": 5}, "row 2: address 9 of 5"),
        ([0], [2**31], {}, "2,147,483,649 addresses"),
        ([0], [1, 2], {}, "not two arrays of one length"),
        ([0.5], [1], {}, "holds double, not integers"),
        ([None], [1], {}, "has no transaction"),
        ([0], [1], {"skip": [True, False]}, "holds bool, not transaction numbers"),
        ([0], [np.uint64(2**63)], {}, "a number beyond 2⁶³"),
    ],
)
def test_what_cannot_be_clustered_is_refused_with_the_place(engine, tx, address, options, problem):
    with pytest.raises(BadInput, match=problem):
        cluster_chain((tx, address), engine=engine, **options)


def test_rows_that_fall_between_row_groups_are_refused(tmp_path):
    pq.write_table(pa.table({"tx": [5, 5, 4, 4], "address": [0, 1, 2, 3]}), tmp_path / "a", row_group_size=2)
    with pytest.raises(BadInput, match="a, row 2: its transaction comes before"):
        cluster_chain(tmp_path / "a")


def test_an_update_cannot_begin_before_the_end(file):
    with pytest.raises(BadInput, match="comes before"):
        cluster_chain(file).update(([2, 3], [0, 1]))


def test_a_file_that_cannot_be_used_is_named(tmp_path, file):
    with pytest.raises(BadInput, match=r"cannot read .*none as Parquet"):
        cluster_chain(tmp_path / "none")
    (tmp_path / "text").write_text("tx,address")
    with pytest.raises(BadInput, match=r"cannot read .*text as Parquet"):
        cluster_chain(tmp_path / "text")
    with pytest.raises(BadInput, match=r"no column 'address_id'") as caught:
        cluster_chain(file, columns=("tx", "address_id"))
    assert "tx, address, value_sat" in caught.value.hint


def test_a_damaged_file_is_refused_where_it_breaks(tmp_path, file):
    body = bytearray(file.read_bytes())
    body[4:40] = bytes(36)
    (tmp_path / "damaged").write_bytes(body)
    with pytest.raises(BadInput, match="damaged breaks off at row"):
        cluster_chain(tmp_path / "damaged")


def test_a_file_that_changed_afterwards_has_no_recipe(file):
    found = cluster_chain(file)
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(BadInput, match="was changed after it was clustered"):
        _ = found.recipe


def test_without_numba_the_other_engine_is_offered_not_taken(monkeypatch, file):
    monkeypatch.setitem(sys.modules, ENGINES["numba"], None)
    with pytest.raises(MissingExtra, match="engine='numpy'"):
        cluster_chain(file)
    with pytest.raises(BadInput, match="no engine 'rust'"):
        cluster_chain(file, engine="rust")
