"""The machine-code kernels do what their numpy twins do, which do what a dictionary of sets does."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering.whole_chain import kernels, labels

NOTHING = np.zeros(0, np.int64)
ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 15)), min_size=1, max_size=40).map(sorted)


def joined(engine, rows, *, addresses=16, skip=NOTHING, dtype=np.int32):
    parents, told = np.arange(addresses, dtype=np.int32), np.zeros(2, np.int64)
    tx, address = np.array(rows, dtype=dtype).T.copy()
    bad = engine.join_rows(tx, address, skip, parents, told)
    engine.flatten(parents, 0, addresses)
    return parents.tolist(), told.tolist(), bad


def by_sets(rows, addresses, skip):
    """Return labels the slow way: merge the sets of all addresses until nothing changes."""
    owner = {address: {address} for address in range(addresses)}
    for tx in {tx for tx, _ in rows} - set(skip):
        together = set().union(*(owner[a] for t, a in rows if t == tx and a >= 0))
        for address in together:
            owner[address] = together
    return [min(owner[address]) for address in range(addresses)]


@pytest.mark.parametrize("engine", [kernels, labels])
def test_addresses_of_one_transaction_get_its_smallest_address(engine):
    assert joined(engine, [(0, 5), (0, 3), (1, 4), (2, 3), (2, 2)], addresses=6) == (
        [0, 1, 2, 2, 4, 2],
        [0, 0],
        -1,
    )


@pytest.mark.parametrize("engine", [kernels, labels])
def test_an_unknown_address_between_two_known_ones_does_not_part_them(engine):
    assert joined(engine, [(0, 1), (0, -1), (0, 2)], addresses=3) == ([0, 1, 1], [1, 0], -1)


@pytest.mark.parametrize("engine", [kernels, labels])
def test_a_skipped_transaction_joins_nothing_and_is_counted(engine):
    rows = [(0, 0), (0, 1), (3, 2), (3, -1), (3, 0), (4, 1), (4, 2)]
    assert joined(engine, rows, addresses=3, skip=np.array([3], np.int64)) == ([0, 0, 0], [1, 2], -1)


@pytest.mark.parametrize("engine", [kernels, labels])
@pytest.mark.parametrize(("rows", "bad"), [([(1, 0), (1, 1), (0, 2)], 2), ([(0, 0), (1, 3)], 1)])
def test_the_first_row_that_cannot_be_used_is_told(engine, rows, bad):
    assert joined(engine, rows, addresses=3)[2] == bad


@settings(max_examples=100, deadline=None)
@given(ROWS, st.sets(st.integers(0, 12), max_size=3), st.sampled_from([np.int32, np.int64]))
def test_both_engines_give_what_merging_sets_gives(rows, skip, dtype):
    skipped = np.array(sorted(skip), np.int64)
    fast = joined(kernels, rows, skip=skipped, dtype=dtype)
    assert fast == joined(labels, rows, skip=skipped, dtype=dtype)
    assert fast[0] == by_sets(rows, 16, skip)


def test_many_threads_on_one_array_lose_no_join():
    random = np.random.default_rng(5)
    addresses, rows = 50_000, 200_000
    tx = np.repeat(np.arange(rows // 4, dtype=np.int32), 4)
    address = random.integers(0, addresses, rows).astype(np.int32)
    parents, told = np.arange(addresses, dtype=np.int32), np.zeros((50, 2), np.int64)
    with ThreadPoolExecutor(8) as pool:
        part = rows // 50
        cuts = [slice(part * turn, part * (turn + 1)) for turn in range(50)]
        list(pool.map(lambda c: kernels.join_rows(tx[c], address[c], NOTHING, parents, told[0]), cuts))
    kernels.flatten(parents, 0, addresses)
    alone = np.arange(addresses, dtype=np.int32)
    labels.join_rows(tx, address, NOTHING, alone, told[1])
    labels.flatten(alone, 0, addresses)
    assert np.array_equal(parents, alone)


def test_a_long_chain_of_pairs_takes_few_rounds():
    count = 100_000
    parents = np.arange(count, dtype=np.int32)
    labels.join_pairs(parents, np.arange(count - 1), np.arange(1, count))
    labels.flatten(parents, 0, count)
    assert not parents.any()


def test_clustering_is_imported_without_numba():
    code = "import sys, chainflow.clustering.whole_chain.chain; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
