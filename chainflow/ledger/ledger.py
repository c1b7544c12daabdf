"""The ledger: what is known of a set of transactions, as immutable tables with their provenance."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import cards, schema, units
from chainflow.errors import BadInput, IncompleteData, MissingExtra
from chainflow.ledger.index import Index
from chainflow.model import Recipe

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Ledger"]


@dataclass(frozen=True, repr=False)
class Ledger:
    """An immutable set of transactions, in spending order: parents always before their children.

    Read one with `Ledger.read(path)`, get one from `fetch` or from a `Case`.

    Parameters
    ----------
    txs, outputs, coverage_table, evidence, disputes : pyarrow.Table
        Columns as in `chainflow.schema`; amounts in base units. An input is an output with `spent_by`.
    recipe : Recipe
        How it was made.
    tip : int, optional
        The lowest height at which a transaction was asked, where no table names one as low.
    """

    txs: pa.Table
    outputs: pa.Table
    coverage_table: pa.Table
    evidence: pa.Table
    disputes: pa.Table
    recipe: Recipe
    tip: int | None = None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a ledger from a file, or from a folder with a `ledger.json`; no network is used.

        Every transaction is hashed again and the file's own digest is compared.

        Raises
        ------
        LedgerFileRejected
            If the file is malformed, or its digest or one of its txids differs.
        """
        from chainflow.ledger.store import read

        return read(path)  # type: ignore[return-value]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the ledger as one sealed JSON file that `Ledger.read` accepts."""
        from chainflow.ledger.store import write

        write(self, path)

    @cached_property
    def index(self) -> Index:
        """Integer arrays over the tables, for the engine."""
        return Index(self.txs, self.outputs)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all facts (not over when and where they were learnt): equal on every machine."""
        total = hashlib.sha256(str(schema.VERSION).encode())
        for name in ("txs", "outputs", "disputes"):
            for column, values in zip(schema.TABLES[name].names, getattr(self, name).columns, strict=True):
                total.update(f"{name}.{column}\n".encode())
                _hash_column(total, values)
        total.update(self.coverage.to_csv(index=False, lineterminator="\n").encode())
        if self.tip is not None:
            total.update(f"tip {self.tip!r}\n".encode())
        return total.hexdigest()

    @property
    def verified(self) -> tuple[int, int]:
        """(transactions whose txid was recomputed from their bytes, all transactions)."""
        levels = self.txs["level"].to_numpy()
        return int((levels >= 2).sum()), len(levels)

    @property
    def verification(self) -> str:
        """The verification level as a sentence for people."""
        done, total = self.verified
        held = np.flatnonzero(self.index.spent_by >= 0)
        proved = int(self.outputs["value_proved"].to_numpy()[held].sum()) if len(held) else 0
        return (
            f"{done:,} of {total:,} transactions verified (L2: txid recomputed from the bytes); "
            f"{proved:,} of {len(held):,} input amounts proved by the transaction that made them, "
            "the others are as the source states them"
        )

    @property
    def chains(self) -> tuple[str, ...]:
        """The chains in this ledger, sorted."""
        return tuple(sorted(set(self.index.output_chains)))

    @property
    def chain(self) -> str:
        """The only chain in this ledger.

        Raises
        ------
        IncompleteData
            If there is none or more than one.
        """
        if len(self.chains) != 1:
            raise IncompleteData(
                f"this ledger holds {len(self.chains)} chains, not one", hint="ask for one chain at a time"
            )
        return self.chains[0]

    @property
    def as_of(self) -> int | None:
        """The lowest height at which a source was asked; `None` where no source told its tip."""
        tables = (self.coverage_table, self.outputs)
        heights = (self.tip, *(pc.min(table["as_of_height"]).as_py() for table in tables))
        return min((height for height in heights if height is not None), default=None)

    @property
    def coverage(self) -> pd.DataFrame:
        """Per (source, address): `complete` or `partial` and why, as of which block, claimed and received.

        Each call gives a new frame: changing one changes nothing here.
        """
        return self.to_pandas("coverage")

    def to_pandas(self, table: str = "outputs") -> pd.DataFrame:
        """Return one table as a frame with exact nullable integers.

        Parameters
        ----------
        table : {"outputs", "txs", "coverage", "evidence", "disputes"}
            `txs` comes without the raw bytes; they are in `ledger.txs["raw"]`.
        """
        if table not in schema.TABLES:
            raise BadInput(f"no table {table!r}", hint=f"one of {', '.join(schema.TABLES)}")
        found = self._table(table)
        return _frame(found.drop_columns(["raw"]) if table == "txs" else found)

    def _table(self, name: str) -> pa.Table:
        return self.coverage_table if name == "coverage" else getattr(self, name)

    def sql(self, query: str) -> pd.DataFrame:
        """Return the answer to a SQL query over `txs`, `outputs`, `coverage`, `evidence`, `disputes`.

        The engine is an in-memory DuckDB that can neither read files nor use the network; times are UTC.

        Raises
        ------
        MissingExtra
            If DuckDB is not installed.
        BadInput
            If the query is wrong.
        """
        try:
            import duckdb
        except ImportError:
            raise MissingExtra("SQL needs DuckDB", hint="pip install 'chainflow[sql]'") from None
        settings: dict[str, Any] = {
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        with duckdb.connect(":memory:", config=settings) as engine:
            engine.execute("set TimeZone = 'UTC'; set lock_configuration = true")
            for name in schema.TABLES:
                engine.register(name, self._table(name))
            try:
                answer = engine.sql(query)
                found = None if answer is None else answer.to_arrow_table()
            except duckdb.Error as error:
                raise BadInput(
                    f"the query failed: {error}", hint=f"tables: {', '.join(schema.TABLES)}"
                ) from None
        if found is None:
            raise BadInput("the query asks for nothing", hint="write a select over the tables of the ledger")
        return _frame(found)

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """Return the addresses and transfers as a plain networkx graph (see `cf.address_graph`)."""
        from chainflow.ledger.graph import address_graph

        return address_graph(self)

    def __len__(self) -> int:
        return int(self.txs.num_rows)

    def __repr__(self) -> str:
        addresses = len(self.index.labels)
        return (
            f"<Ledger {len(self):,} transactions, {self.outputs.num_rows:,} outputs, {addresses:,} addresses>"
        )

    def _repr_html_(self) -> str:
        states = self.coverage_table["state"].to_pylist()
        times = self.txs["time"].drop_null().to_pylist()
        span = f"{min(times):%Y-%m-%d} to {max(times):%Y-%m-%d} UTC" if times else "no confirmed transaction"
        total = sum(self.txs["output_sat"].to_pylist())
        amount = units.format_coins(total, self.chains[0]) if len(self.chains) == 1 else "several chains"
        rows = [
            ("transactions", f"{len(self):,}"),
            ("outputs", f"{self.outputs.num_rows:,}"),
            ("addresses", f"{len(self.index.labels):,}"),
            ("sum of all outputs", amount),
            ("blocks", span),
            ("verification", self.verification),
            ("coverage", f"{states.count('complete'):,} of {len(states):,} asked addresses complete"),
            ("as of block", "not told by the source" if self.as_of is None else f"{self.as_of:,}"),
            ("disputes", f"{self.disputes.num_rows:,}"),
        ]
        return cards.card(f"Ledger ({', '.join(self.chains) or 'empty'})", rows, note=f"digest {self.digest}")


def _frame(table: pa.Table) -> pd.DataFrame:
    # ArrowDtype keeps nullable integers exact where numpy would turn them into floats
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _hash_column(total: hashlib._Hash, values: pa.ChunkedArray) -> None:
    total.update(values.is_valid().to_numpy().astype(np.uint8).tobytes())
    if pa.types.is_string(values.type) or pa.types.is_binary(values.type):
        cells = [cell if isinstance(cell, bytes) else (cell or "").encode() for cell in values.to_pylist()]
        total.update(np.array([len(cell or b"") for cell in cells], dtype="<i8").tobytes())
        total.update(b"".join(cell or b"" for cell in cells))
    else:
        numbers = values.cast(pa.int64()) if not pa.types.is_boolean(values.type) else values.cast(pa.int8())
        total.update(numbers.fill_null(0).to_numpy().astype("<i8").tobytes())
