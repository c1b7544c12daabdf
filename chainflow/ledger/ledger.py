"""The ledger: what is known of a set of transactions, as immutable tables with their provenance."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
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

__all__ = ["LEVELS", "Ledger"]

LEVELS = {
    0: "one source's word",
    1: "two independent hosts agree",
    2: "txid recomputed from the bytes",
    3: "a merkle branch leads to a header with proof of work",
    4: "that header is chained to a shipped checkpoint",
    5: "one's own node gave it",
}
"""What each verification level means."""


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
    transfers, tokens : pyarrow.Table
        What moved on account chains, and what tokens say of themselves.
    proofs, headers : pyarrow.Table
        The merkle branches and block headers behind verification levels 3 and 4.
    """

    txs: pa.Table
    outputs: pa.Table
    coverage_table: pa.Table
    evidence: pa.Table
    disputes: pa.Table
    recipe: Recipe
    tip: int | None = None
    transfers: pa.Table = field(default_factory=schema.TRANSFERS.empty_table)
    tokens: pa.Table = field(default_factory=schema.TOKENS.empty_table)
    proofs: pa.Table = field(default_factory=schema.PROOFS.empty_table)
    headers: pa.Table = field(default_factory=schema.HEADERS.empty_table)

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

    def until(self, height: int) -> Ledger:
        """Return what this ledger knows of the chain up to and with a block.

        Later transactions, unconfirmed ones and those in no known block are left out. What a later one
        spends is unspent as of that block; what is spent by one that is not held is `unknown`: it may have
        been spent before. A history that is complete as of a later block stays complete; how many
        transactions its source then counted is left out. Disputes and evidence are those of what is left.

        Raises
        ------
        BadInput
            If the ledger holds several chains, or the height is negative.
        """
        from chainflow.ledger.until import until

        return until(self, height)

    @cached_property
    def index(self) -> Index:
        """Integer arrays over the tables, for the engine."""
        return Index(self.txs, self.outputs)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all facts (not over when and where they were learnt): equal on every machine."""
        total = hashlib.sha256(str(schema.VERSION).encode())
        for name in ("txs", "outputs", "transfers", "tokens", "disputes"):
            for column, values in zip(schema.TABLES[name].names, getattr(self, name).columns, strict=True):
                if column == "level":  # how a fact is known is no fact
                    continue
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
        higher = [(level, self.levels.get(level, 0)) for level in (3, 4, 5)]
        more = "".join(f"; {count:,} at L{level} ({LEVELS[level]})" for level, count in higher if count)
        utxo = (
            f"{done:,} of {total:,} transactions verified (L2: txid recomputed from the bytes{more}); "
            f"{proved:,} of {len(held):,} input amounts proved by the transaction that made them, "
            "the others are as the source states them"
        )
        if not self.transfers.num_rows:
            return utxo
        found = self.transfer_levels
        proved = sum(count for level, count in found.items() if level >= 2)
        account = (
            f"{proved:,} of {self.transfers.num_rows:,} transfers follow from bytes that hash or come from one's "
            f"own node (L2 or more), {found.get(1, 0):,} are stated alike by independent hosts (L1)"
        )
        return f"{utxo}; {account}" if total else account

    @property
    def levels(self) -> dict[int, int]:
        """How many transactions are known at each verification level, 0 to 5; see `LEVELS`."""
        found, counts = np.unique(self.txs["level"].to_numpy(), return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))

    @property
    def transfer_levels(self) -> dict[int, int]:
        """How many transfers are known at each verification level, 0 to 5; see `LEVELS`."""
        found, counts = np.unique(self.transfers["level"].to_numpy(), return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))

    @cached_property
    def accounts(self) -> frozenset[str]:
        """The addresses that transfers of account chains run between."""
        columns = (self.transfers[name].drop_null().unique().to_pylist() for name in ("sender", "recipient"))
        return frozenset(address for column in columns for address in column)

    def refuse_accounts(self, verb: str, names: Collection[str] = ()) -> None:
        """Raise if this is all about accounts, or one of `names` is, for what can be done with outputs only.

        Raises
        ------
        BadInput
            With what can be done instead.
        """
        is_account = self.transfers.num_rows and not self.txs.num_rows and not self.outputs.num_rows
        if is_account or any(self.is_account(name) for name in names):
            raise BadInput(
                f"{verb} accounts ({', '.join(self.transfers['chain'].unique().to_pylist())}) is not in this "
                "version: their coins have no outputs",
                hint="ledger.to_pandas('transfers'), ledger.balances() and cf.address_graph(ledger) read them",
            )

    def is_account(self, name: str) -> bool:
        """Return whether a name is that of an account, or of a transaction with transfers."""
        name = name.lower() if name.lower().startswith("0x") else name
        return name in self.accounts or pc.any(pc.equal(self.transfers["txid"], name)).as_py() is True

    @cached_property
    def disputed(self) -> frozenset[tuple[str, str]]:
        """The (chain, txid) of which two sources state different things: no total counts them."""
        rows = self.disputes.filter(self.disputes["is_excluded"])
        return frozenset(zip(rows["chain"].to_pylist(), rows["txid"].to_pylist(), strict=True))

    def balances(self) -> pd.DataFrame:
        """Return what each address received and has left, per asset, as far as this ledger knows.

        Returns
        -------
        pandas.DataFrame
            chain, address, contract (`None`: the chain's own coin), received_raw, sent_raw, fee_raw,
            balance_raw, unknown_raw: exact integers in base units. `unknown_raw` is the part of the
            balance of which nobody said whether it is still there, or whether it moved at all.

            `known` says how far the row is known: `complete`, `partial: why`, or `history not asked`.
            Only where it is complete is the balance one; elsewhere it is what moved in what is held.

            symbol (the token's own word: anyone may write it), decimals (`None` where not known or in
            dispute) and balance, an exact `Decimal` in coins. Disputed transactions are left out:
            `disputed_txs` counts those of a row, `frame.attrs["disputed"]` names them all.
        """
        from chainflow.ledger.balances import balances

        return balances(self)

    @cached_property
    def chains(self) -> tuple[str, ...]:
        """The chains in this ledger, sorted."""
        return tuple(sorted({*self.index.output_chains, *self.transfers["chain"].unique().to_pylist()}))

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
        table : str
            `outputs`, `txs`, `transfers`, `tokens`, `coverage`, `evidence`, `disputes`, `proofs` or
            `headers`. `txs` comes without the raw bytes; they are in `ledger.txs["raw"]`. Amounts of
            `transfers` are Python integers, exact at any size.
        """
        if table not in schema.TABLES:
            raise BadInput(f"no table {table!r}", hint=f"one of {', '.join(schema.TABLES)}")
        found = self._table(table)
        frame = _frame(found.drop_columns(["raw"]) if table == "txs" else found)
        if table == "transfers":
            for name in ("value_raw", "stated_raw"):
                frame[name] = pd.Series([int(digits) for digits in frame[name]], dtype=object)
        return frame

    def _table(self, name: str) -> pa.Table:
        return self.coverage_table if name == "coverage" else getattr(self, name)

    def sql(self, query: str) -> pd.DataFrame:
        """Return the answer to a SQL query over the ledger's tables (see `to_pandas`).

        Amounts of `transfers` are text there: cast them, `sum(value_raw::hugeint)`. That is exact up to 38
        digits and an error beyond, which only worthless tokens reach: name the contract you ask about. The
        engine is an in-memory DuckDB that can neither read files nor use the network; times are UTC.

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

    def _sizes(self) -> Iterator[tuple[str, str]]:
        """Yield how much there is of each kind, for people."""
        if self.txs.num_rows or not self.transfers.num_rows:
            yield "transactions", f"{len(self):,}"
            yield "outputs", f"{self.outputs.num_rows:,}"
            yield "addresses", f"{len(self.index.labels):,}"
            yield "sum of all outputs", self._total()
        if self.transfers.num_rows:
            kinds = Counter(self.transfers["kind"].to_pylist())
            yield "transfers", ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
            yield "accounts", f"{len(self.accounts):,}"
            noise = sum(map(bool, self.transfers["marks"].to_pylist()))
            yield "transfers with a mark, counted all the same", f"{noise:,}"

    def _total(self) -> str:
        """Return the sum of all outputs for people, without those of disputed transactions."""
        if len(self.chains) != 1:
            return "several chains"
        columns = (self.txs["chain"], self.txs["txid"], self.txs["output_sat"])
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        total = sum(value for chain, txid, value in rows if (chain, txid) not in self.disputed)
        return units.format_coins(total, self.chains[0])

    def __len__(self) -> int:
        return int(self.txs.num_rows)

    def __repr__(self) -> str:
        addresses = len({*self.index.labels, *self.accounts})
        outputs = f"{len(self):,} transactions, {self.outputs.num_rows:,} outputs"
        moved = f"{self.transfers.num_rows:,} transfers"
        has_both = self.transfers.num_rows and self.txs.num_rows
        held = f"{outputs}, {moved}" if has_both else moved if self.transfers.num_rows else outputs
        return f"<Ledger {held}, {addresses:,} addresses>"

    def _repr_html_(self) -> str:
        states = self.coverage_table["state"].to_pylist()
        times = [
            time for table in (self.txs, self.transfers) for time in table["time"].drop_null().to_pylist()
        ]
        span = f"{min(times):%Y-%m-%d} to {max(times):%Y-%m-%d} UTC" if times else "no block time is known"
        rows = [
            *self._sizes(),
            ("blocks", span),
            ("verification", self.verification),
            ("coverage", f"{states.count('complete'):,} of {len(states):,} asked lists complete"),
            ("as of block", "not told by the source" if self.as_of is None else f"{self.as_of:,}"),
            ("disputes", f"{self.disputes.num_rows:,}"),
        ]
        if self.disputed:
            names = ", ".join(txid for _, txid in sorted(self.disputed)[:3])
            more = f" and {len(self.disputed) - 3:,} more" if len(self.disputed) > 3 else ""
            rows.append(("left out of every total: sources disagree", f"{names}{more}"))
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
