"""Common-input clusters of a whole chain: from a Parquet file or arrays of numbered inputs to one label each.

For chains, not for cases: transactions and addresses are dense numbers, the answer is an array, and nothing
is kept that could explain a link. A case is clustered by `clustering.cluster`, which can.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chainflow.clustering.whole_chain.rows import ChainInputs, Ints, Rows, rows_of
from chainflow.errors import BadInput, MissingExtra
from chainflow.model import Recipe, digest_of

__all__ = ["ENGINES", "ChainClusters", "cluster_chain"]

ENGINES = {
    "numba": "chainflow.clustering.whole_chain.kernels",
    "numpy": "chainflow.clustering.whole_chain.labels",
}
Labels = npt.NDArray[np.int32]

_MOST = 2**31
_STRETCH = 1 << 20


class _Engine(Protocol):
    """What `kernels` and `labels` both are."""

    def join_rows(self, tx: Ints, address: Ints, skip: Ints, parents: Labels, told: Ints) -> int: ...
    def flatten(self, parents: Labels, start: int, stop: int) -> None: ...


class _Edge(NamedTuple):
    """Where a batch begins or ends: its row, its transaction there and a known address of it, or −1."""

    row: int
    tx: int
    address: int


@dataclass(frozen=True, eq=False)  # no slots: `cached_property` keeps its value in the instance's dict
class ChainClusters:
    """One label per address: the smallest address of its cluster.

    An address that was never an input, or never beside another, is its own cluster: nothing is known of its
    owner, which is not to say that it has one of its own.

    Attributes
    ----------
    labels : int32 array, shape (addresses,)
        Read-only.
    rows : int
        Inputs that were read.
    unknown : int
        Inputs left out because their address is not known (null or negative).
    skipped : int
        Further inputs left out because their transaction was to be skipped.
    engine : str
        `numba` or `numpy`; the labels are the same.
    columns : tuple of str
        The columns that were read.
    """

    labels: Labels
    rows: int
    unknown: int
    skipped: int
    engine: str
    columns: tuple[str, str]
    _read: tuple[tuple[Rows, dict[str, object]], ...]
    _end: _Edge | None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        left_out = f"{self.unknown:,} of unknown addresses and {self.skipped:,} of skipped transactions"
        return f"<ChainClusters {len(self):,} addresses, {self.rows:,} inputs, left out: {left_out}>"

    def sizes(self) -> pa.Table:
        """Return `cluster` (its label, int32, ascending) and `addresses` (how many it has, int64)."""
        counts = np.bincount(self.labels)
        cluster = np.flatnonzero(counts)
        return pa.table({"cluster": cluster.astype(np.int32), "addresses": counts[cluster].astype(np.int64)})

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the labels as little-endian int32: equal partitions, equal digests."""
        return hashlib.sha256(np.ascontiguousarray(self.labels, dtype="<i4").data).hexdigest()

    @cached_property
    def recipe(self) -> Recipe:
        """How the labels were made; a file is hashed when this is first asked for.

        Raises
        ------
        BadInput
            If the file is no longer the one that was read.
        """
        told = {"rule": "multi-input", "engine": self.engine, "addresses": len(self)}
        parameters = {**told, "columns": list(self.columns), "reads": [how for _, how in self._read]}
        return Recipe("cluster_chain", parameters, [rows.digest() for rows, _ in self._read])

    def update(
        self,
        inputs: ChainInputs,
        *,
        addresses: int | None = None,
        skip: Collection[int] | Ints | None = None,
        threads: int | None = None,
    ) -> ChainClusters:
        """Return the clusters after further inputs of the same chain: what clustering all at once gives.

        Parameters and errors are those of `cluster_chain`; `skip` concerns the new rows, which go on where
        the old ones end: their first transaction may be the last one, not an earlier one.
        """
        return _joined(self, rows_of(inputs, self.columns), addresses, skip, threads)


def cluster_chain(
    inputs: ChainInputs,
    *,
    columns: tuple[str, str] = ("tx", "address"),
    addresses: int | None = None,
    skip: Collection[int] | Ints | None = None,
    threads: int | None = None,
    engine: str = "numba",
) -> ChainClusters:
    """Return the common-input clusters of a chain (C-1): addresses spent together share an owner.

    Wrong for CoinJoins: name them in `skip`. Beside the labels (4 bytes per address) it needs a few
    megabytes per thread, however long the file is.

    Parameters
    ----------
    inputs : path, Arrow table, or pair of int arrays (tx, address)
        One row per input, in chain order: transaction numbers never fall. Addresses are numbered from 0,
        below 2³¹; null or negative is "not known" and joins nothing. Of a Parquet file the row groups are
        read in parallel.
    columns : pair of str
        Names of the two columns in a file or table.
    addresses : int, optional
        How many addresses there are; by default one more than the largest.
    skip : collection of int, optional
        Transactions that join nothing.
    threads : int, optional
        By default as many as there are processors. The numpy engine uses one.
    engine : str
        `numba` (extra `fast`) or `numpy`, about four times the CPU time: the labels are the same.

    Raises
    ------
    BadInput
        If the file or its columns cannot be used, transaction numbers fall, or an address is not below
        `addresses`.
    MissingExtra
        If numba is asked for and not installed.

    Examples
    --------
    >>> found = cluster_chain(([0, 0, 1, 1, 2], [3, 1, 1, 4, 2]), engine="numpy")
    >>> found.labels.tolist()
    [0, 1, 2, 1, 1]
    """
    nothing = ChainClusters(np.zeros(0, np.int32), 0, 0, 0, engine, columns, (), None)
    return _joined(nothing, rows_of(inputs, columns), addresses, skip, threads)


def _joined(
    before: ChainClusters,
    rows: Rows,
    addresses: int | None,
    skip: Collection[int] | Ints | None,
    threads: int | None,
) -> ChainClusters:
    """Read all rows, join them in threads, then join what a transaction has on both sides of a cut."""
    engine, skipped = _load(before.engine), _skipped(skip)
    parents = _grown(before.labels, _count(rows, addresses, len(before)))
    told = np.zeros((rows.pieces + 1, 2), np.int64)
    edges = [before._end] if before._end else []
    with ThreadPoolExecutor(1 if before.engine == "numpy" else threads or os.cpu_count() or 1) as pool:
        try:
            for found in pool.map(
                lambda piece: list(_join_piece(engine, rows, piece, skipped, parents, told[piece])),
                range(rows.pieces),
            ):
                edges += found
            _join_edges(engine, rows, edges, skipped, parents)
            ends = range(_STRETCH, len(parents) + _STRETCH, _STRETCH)
            list(pool.map(lambda end: engine.flatten(parents, end - _STRETCH, min(end, len(parents))), ends))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else the rest of the file would be read first
            raise
    parents.flags.writeable = False
    unknown, left_out = told[:-1].sum(axis=0).tolist()
    how = {"rows": rows.count, "skip": len(skipped), "skip_digest": digest_of(skipped.tolist())}
    return ChainClusters(
        parents,
        before.rows + rows.count,
        before.unknown + unknown,
        before.skipped + left_out,
        *(before.engine, before.columns, (*before._read, (rows, how))),
        _last(edges, skipped),
    )


def _load(engine: str) -> _Engine:
    if engine not in ENGINES:
        raise BadInput(f"no engine {engine!r}", hint=f"one of {', '.join(ENGINES)}")
    try:
        return cast(_Engine, importlib.import_module(ENGINES[engine]))
    except ImportError:
        raise MissingExtra(
            "the fast engine needs numba",
            hint="pip install 'chainflow[fast]', or choose engine='numpy': the same labels, slower",
        ) from None


def _skipped(skip: Collection[int] | Ints | None) -> npt.NDArray[np.int64]:
    numbers = np.asarray(skip if isinstance(skip, np.ndarray) else sorted(skip or ()))
    if len(numbers) and numbers.dtype.kind not in "iu":
        raise BadInput(
            f"`skip` holds {numbers.dtype}, not transaction numbers", hint="of a mask give np.flatnonzero"
        )
    return np.unique(numbers).astype(np.int64)


def _count(rows: Rows, addresses: int | None, before: int) -> int:
    """Return how many labels there will be."""
    count = max(rows.largest + 1, before) if addresses is None else addresses
    if not before <= count <= _MOST:
        raise BadInput(
            f"{rows.name}: {count:,} addresses",
            hint=f"at least as many as before ({before:,}) and at most 2³¹; unknown ones are null or −1",
        )
    return count


def _grown(labels: Labels, count: int) -> Labels:
    parents = np.arange(count, dtype=np.int32)
    parents[: len(labels)] = labels
    return parents


def _join_piece(
    engine: _Engine, rows: Rows, piece: int, skipped: Ints, parents: Labels, told: Ints
) -> Iterator[_Edge]:
    for start, tx, address in rows.batches(piece):
        bad = engine.join_rows(tx, address, skipped, parents, told)
        if bad >= 0 and address[bad] >= len(parents):
            raise BadInput(
                f"{rows.name}, row {start + bad:,}: address {address[bad]} of {len(parents):,}",
                hint="say how many `addresses` there are; mark unknown ones with null or −1",
            )
        if bad >= 0:
            raise _unsorted(rows, start + bad)
        first = address[: np.searchsorted(tx, tx[0], "right")]
        last = address[np.searchsorted(tx, tx[-1], "left") :]
        yield _Edge(start, int(tx[0]), int(first.max()))
        yield _Edge(start + len(tx) - 1, int(tx[-1]), int(last.max()))


def _join_edges(engine: _Engine, rows: Rows, edges: Sequence[_Edge], skipped: Ints, parents: Labels) -> None:
    """Join the addresses of transactions that lie in several batches; rows of −1 among them do no harm."""
    if not edges:
        return
    tx, address = np.array([[edge.tx for edge in edges], [edge.address for edge in edges]], dtype=np.int64)
    bad = engine.join_rows(tx, address, skipped, parents, np.zeros(2, np.int64))
    if bad >= 0:
        raise _unsorted(rows, edges[bad].row)


def _unsorted(rows: Rows, row: int) -> BadInput:
    return BadInput(
        f"{rows.name}, row {row:,}: its transaction comes before that of the row above",
        hint="sort the inputs by transaction; rows of one transaction must follow each other",
    )


def _last(edges: Sequence[_Edge], skipped: Ints) -> _Edge | None:
    """Return the end of what was read, with a known address of its transaction if that may join."""
    if not edges:
        return None
    tx = edges[-1].tx
    if tx in skipped:
        return edges[-1]._replace(address=-1)
    return edges[-1]._replace(address=max(edge.address for edge in edges if edge.tx == tx))
