"""A chain on disk that is looked into without being read: its columns, its addresses and what each was paid."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from chainflow import cards
from chainflow.errors import BadInput, LedgerFileRejected, MissingExtra, SeedUnknown
from chainflow.model import Recipe, digest_of, is_txid
from chainflow.tracing.whole_chain.checks import check_columns, numbers_of
from chainflow.tracing.whole_chain.columns import Columns, Ints, Small
from chainflow.tracing.whole_chain.folder import RANDOM, SEQUENTIAL, ArrayFolder, open_folder, write_folder
from chainflow.tracing.whole_chain.lookup import Found, Store
from chainflow.tracing.whole_chain.texts import Addresses, Bytes, texts_of

__all__ = ["ENGINES", "Expansion", "MappedChain"]

ENGINES = {
    "numba": "chainflow.tracing.whole_chain.lookup_kernel",
    "numpy": "chainflow.tracing.whole_chain.lookup",
}
_FORM = "chainflow chain index 1"
"""Written into the manifest; a change of the arrays' meaning takes the next number."""
_NAMES = {*Columns._fields, *Store._fields}


class _Lookup(Protocol):
    """What `lookup_kernel` and `lookup` both are."""

    def expand(self, store: Store, key: Bytes, max_outputs: int, max_rows: int) -> Found: ...


@dataclass(frozen=True, eq=False, repr=False)  # no slots: `cached_property` needs the instance's dict
class Expansion:
    """What an index says an address was paid, what spends that, and all that the spending transactions pay.

    A look around, not a trace: nothing here says that what a row pays came from this address. Transactions,
    outputs and addresses are numbers of the index; −1 where it knows none. An output whose spender the index
    does not know may be spent after the index ends.

    Attributes
    ----------
    address : str
    max_outputs, max_rows : int
        The limits that were asked for.
    number : int
        The address's number.
    total : int
        How many outputs of the index pay the address.
    total_rows : int
        How many outputs the spenders of `outputs` have.
    outputs, spent_by : int32 arrays, alike long
        The address's outputs in chain order, the earliest first, and the transaction that spends each.
    tx, output, paid_to, value_sat : int32, int32, int32 and int64 arrays, alike long
        The spenders' outputs in chain order: transaction, output, address, base units.
    """

    chain: MappedChain
    address: str
    max_outputs: int
    max_rows: int
    number: int
    total: int
    total_rows: int
    outputs: Small
    spent_by: Small
    tx: Small
    output: Small
    paid_to: Small
    value_sat: Ints

    @property
    def is_complete(self) -> bool:
        """Whether no limit cut anything off."""
        return self.total == len(self.outputs) and self.total_rows == len(self.tx)

    @cached_property
    def recipe(self) -> Recipe:
        """How this was found; its input is the index."""
        asked = {"address": self.address, "max_outputs": self.max_outputs, "max_rows": self.max_rows}
        return Recipe("expand", asked, [self.chain.digest])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found."""
        arrays = (self.outputs, self.spent_by, self.tx, self.output, self.paid_to, self.value_sat)
        return digest_of([self.number, self.total, self.total_rows, *(array.tolist() for array in arrays)])

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows: `tx`, `vout`, `address` (None: the index knows none), `value_sat`.

        `txid` comes first where the index has txids; `tx` is the index's own number.
        """
        names = {number: self.chain.address(number) for number in np.unique(self.paid_to).tolist()}
        frame = pd.DataFrame(
            {
                "tx": self.tx,
                "vout": self.output - self.chain.scattered.out_ptr[self.tx],
                "address": pd.Series([names[one] for one in self.paid_to.tolist()], dtype=object),
                "value_sat": self.value_sat,
            }
        )
        if self.chain.has_txids:
            frame.insert(0, "txid", pd.Series(map(self.chain.txid, self.tx.tolist()), dtype=object))
        return frame

    def __repr__(self) -> str:
        cut = "complete" if self.is_complete else "cut off by a limit"
        outputs, rows = f"{len(self.outputs):,} of {self.total:,}", f"{len(self.tx):,} of {self.total_rows:,}"
        return f"<Expansion of {self.address}: {outputs} outputs, their spenders pay {rows} outputs, {cut}>"

    def _repr_html_(self) -> str:
        known = int(np.count_nonzero(self.spent_by >= 0))
        rows = [
            ("outputs that pay it", f"{self.total:,}", f"{len(self.outputs):,}, the earliest first"),
            ("of those, with a known spender", "", f"{known:,}"),
            ("outputs of the spenders", f"{self.total_rows:,}", f"{len(self.tx):,}"),
        ]
        note = f"Says nothing of what the index does not hold. Recipe {self.recipe.digest[:16]}."
        return cards.card(
            f"Expansion of {self.address}", rows, header=("", "in the index", "shown"), note=note
        )


@dataclass(frozen=True, eq=False, repr=False)
class MappedChain:
    """A chain in a folder of arrays; only the pages that a question touches are read.

    Get one from `build` or `open`. The folder is made of other files and can be made again; several
    processes may have it open. Addresses are found as text, letter by letter as they were given.
    """

    folder: ArrayFolder
    engine: str
    _store: Store
    _lookup: _Lookup

    @classmethod
    def build(
        cls,
        folder: str | os.PathLike[str],
        columns: Columns,
        *,
        addresses: Addresses,
        address_of: npt.ArrayLike,
        txids: Iterable[str] | None = None,
        engine: str = "numba",
    ) -> MappedChain:
        """Write the index of a chain to a new folder and open it.

        Parameters
        ----------
        folder : path
            Not there yet; the folder above it is.
        columns : Columns
        addresses : iterable of str, or Arrow column of text
            Each address once; its place is its number.
        address_of : int array, shape (n_outputs,)
            Each output's address; −1 where it has none or it is not known.
        txids : iterable of str, optional
            Each transaction's.

        Raises
        ------
        BadInput
            If the columns are not a chain, addresses repeat or are missing, or `folder` exists.
        DiskFull
            If there is no room.
        MissingExtra
            If numba is asked for and not installed.
        """
        columns, texts = check_columns(columns), texts_of(addresses)
        count = len(texts.text_ptr) - 1
        numbers = numbers_of(address_of, len(columns.value), count)
        arrays = {**columns._asdict(), **texts._asdict(), **_outputs_by_address(numbers, count)}
        if txids is not None:
            arrays["txid"] = _txid_rows(txids, len(columns.in_ptr) - 1)
        _load(engine)
        write_folder(folder, arrays, form=_FORM)
        return cls.open(folder, engine=engine)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, engine: str = "numba") -> MappedChain:
        """Open an index after a look at its manifest and its files' sizes; `verify` reads all of it.

        Parameters
        ----------
        engine : str
            `numba` (extra `fast`) or `numpy`: the same answers.

        Raises
        ------
        LedgerFileRejected
            If it is not an index, of another version, or a file is missing, cut or of another kind.
        MissingExtra
            If numba is asked for and not installed.
        """
        lookup = _load(engine)
        found = open_folder(folder, form=_FORM, names=_NAMES, optional={"txid"})
        # plain arrays: at every call numba takes a microsecond more for each that is a memmap
        store = Store(*(np.asarray(found.map(name, RANDOM)) for name in Store._fields))
        return cls(found, engine, store, lookup)

    @cached_property
    def columns(self) -> Columns:
        """The chain for kernels that walk through it: the system reads ahead."""
        return Columns(*(self.folder.map(name, SEQUENTIAL) for name in Columns._fields))

    @cached_property
    def scattered(self) -> Columns:
        """The same for kernels that jump about: the system reads only the pages that are touched."""
        return Columns(*(self.folder.map(name, RANDOM) for name in Columns._fields))

    @property
    def digest(self) -> str:
        """SHA-256 that equal indexes have in common."""
        return self.folder.digest

    @property
    def has_txids(self) -> bool:
        """Whether the index knows txids."""
        return "txid" in self.folder.listed

    def expand(self, address: str, *, max_outputs: int = 500, max_rows: int = 5_000) -> Expansion:
        """Return what an address was paid, what spends that, and what the spenders pay.

        Parameters
        ----------
        max_outputs : int
            Of more outputs the earliest are taken: what is shown does not change as the chain grows.
        max_rows : int
            Of more rows the earliest are taken. Either cut shows in `is_complete`.

        Raises
        ------
        SeedUnknown
            If the index does not hold the address.
        LedgerFileRejected
            If the index is damaged.

        Examples
        --------
        >>> MappedChain.open("index").expand("1BoatSLRHtKNngkdXEeobR76b53LETtpyT")  # doctest: +SKIP
        <Expansion of 1Boat…: 3 of 3 outputs, their spenders pay 6 of 6 outputs, complete>
        """
        if max_outputs < 1 or max_rows < 1:
            raise BadInput(f"limits {max_outputs} and {max_rows}", hint="give at least 1 each")
        key = np.frombuffer(address.encode(), np.int8)
        try:
            found = self._lookup.expand(self._store, key, max_outputs, max_rows)
        except IndexError:
            raise LedgerFileRejected(
                f"{self.folder.place} is damaged: its arrays point outside each other",
                hint="`verify` names the file; build the index again",
            ) from None
        if found[0] < 0:
            raise SeedUnknown(
                f"{address} is not in this index, which says nothing about the chain",
                hint="compare it letter by letter; ask a source, or an index that reaches further",
            )
        return Expansion(self, address, max_outputs, max_rows, *found)

    def address(self, number: int) -> str | None:
        """Return an address by its number; None for −1.

        Raises
        ------
        IndexError
            If there is no such number.
        """
        if number == -1:
            return None
        if not 0 <= number < len(self._store.text_ptr) - 1:
            raise IndexError(number)
        start, stop = self._store.text_ptr[number : number + 2].tolist()
        return self._store.text[start:stop].tobytes().decode()

    def txid(self, tx: int) -> str | None:
        """Return a transaction's txid; None where the index has none."""
        return self._txids[tx].tobytes().hex() if self.has_txids else None

    @cached_property
    def _txids(self) -> np.memmap[Any, Any]:
        return self.folder.map("txid", RANDOM)

    def verify(self) -> None:
        """Read the whole index and compare every file with its SHA-256.

        Raises
        ------
        LedgerFileRejected
            If one differs.
        """
        self.folder.verify()

    def __repr__(self) -> str:
        txs, outputs = len(self._store.out_ptr) - 1, len(self._store.value)
        addresses = len(self._store.text_ptr) - 1
        counts = f"{txs:,} transactions, {outputs:,} outputs, {addresses:,} addresses"
        return f"<MappedChain {self.folder.place}: {counts}, {self.folder.bytes:,} bytes>"


def _load(engine: str) -> _Lookup:
    if engine not in ENGINES:
        raise BadInput(f"no engine {engine!r}", hint=f"one of {', '.join(ENGINES)}")
    try:
        return cast(_Lookup, importlib.import_module(ENGINES[engine]))
    except ImportError:
        raise MissingExtra(
            "the fast engine needs numba",
            hint="pip install 'chainflow[fast]', or choose engine='numpy': the same answers, slower",
        ) from None


def _outputs_by_address(address_of: Small, count: int) -> dict[str, npt.NDArray[Any]]:
    """Return `out_address`, and per address its outputs in chain order as `addr_ptr` and `addr_out`."""
    outputs = np.flatnonzero(address_of >= 0)
    ordered = np.sort(address_of[outputs].astype(np.int64) << 32 | outputs)
    held = np.bincount(ordered >> 32, minlength=count)
    return {
        "out_address": address_of,
        "addr_ptr": np.concatenate([[0], np.cumsum(held)]).astype(np.int64),
        "addr_out": (ordered & 0xFFFFFFFF).astype(np.int32),
    }


def _txid_rows(txids: Iterable[str], count: int) -> npt.NDArray[np.int8]:
    """Return txids as rows of 32 bytes in the order in which they are written."""
    given: Sequence[str] = list(txids)
    bad = next((one for one in given if not is_txid(one)), None)
    if bad is not None or len(given) != count:
        raise BadInput(
            f"{len(given):,} txids for {count:,} transactions" if bad is None else f"{bad!r} is not a txid",
            hint="64 lower-case hex digits for each transaction, in their order",
        )
    return np.frombuffer(bytes.fromhex("".join(given)), np.int8).reshape(count, 32)
