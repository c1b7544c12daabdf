"""`Trace`: what taint reached, where it ended and why, with a balance that adds up to the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd
import pyarrow as pa

from chainflow import cards, schema, units
from chainflow.model import EndReason, Recipe, digest_of
from chainflow.tracing.route import FEE
from chainflow.tracing.walk import Mark, Move, Walk

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Trace", "frame_of"]


@dataclass(frozen=True, repr=False, eq=False)
class Trace:
    """Where a value went (forward) or came from (backward) under one declared policy.

    Get one from `trace`. Amounts are base units; hops count transactions from the nearest seed; an
    address is `script:<hex>` where a script has none. Height and time are those of the transaction
    that made an output, null where that is not in evidence.

    Parameters
    ----------
    outputs : pandas.DataFrame
        Every output that taint reached, seeds included, in the order of the walk. Columns as
        `schema.TRACE` without `reason`.
    ends : pandas.DataFrame
        Where it ended, and why: `reason` is one of `EndReason`, `tag` what the stop list says of the
        address ("" where it says nothing). A fee has no `vout` and no `address`.
    by_seed : dict of str to dict of str to int
        Seed, as given → reason → base units that this seed was the first to claim.
    policy, direction, chain : str
    seeds : tuple of str
        As given, sorted.
    as_of : int or None
        The block up to which the ledger's sources were asked; None where they did not say.
    recipe : Recipe
    """

    outputs: pd.DataFrame
    ends: pd.DataFrame
    by_seed: Mapping[str, Mapping[str, int]]
    policy: str
    direction: str
    chain: str
    seeds: tuple[str, ...]
    as_of: int | None
    recipe: Recipe
    _walk: Walk = field(repr=False)

    @cached_property
    def balance(self) -> dict[str, int]:
        """Reason → base units; the sum is exactly `seed_sat`.

        Under a policy that does not conserve (poison) value is counted again at every transaction; the
        line "counted more than once", which is negative, takes that back.
        """
        sums: dict[str, int] = {}
        for ended in self.by_seed.values():
            for reason, amount in ended.items():
                sums[reason] = sums.get(reason, 0) + amount
        return {reason.value: sums[reason] for reason in EndReason if sums.get(reason)}

    @property
    def seed_sat(self) -> int:
        """What the seeds hold together, each base unit once."""
        return sum(self._walk.claimed.values())

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """What each transaction took from which tainted input to which output or fee, as money moved.

        The moves into an output add up to what reached it (a seed may hold more: its own claim).
        """
        return tuple(self._walk.moves())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        found = {"by_seed": self.by_seed}
        for name, frame in (("outputs", self.outputs), ("ends", self.ends)):
            table = pa.Table.from_pandas(frame.drop(columns="time"), preserve_index=False)
            found[name] = table.to_pydict()
        return digest_of(found)

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `outputs`."""
        return self.outputs.copy()

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """Return the addresses that taint passed through and, per transaction, what moved between them.

        Edge (key = txid): `tainted_sat`, `txid`. Fees go to the node "fee". Seeds that nothing moved
        from or to are nodes without an edge.
        """
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.add_nodes_from(self.outputs["address"])
        for move in self.moves:
            payee = EndReason.FEE.value if move.to_address is None else move.to_address
            edge = (move.from_address, payee, move.txid)
            if graph.has_edge(*edge):
                graph.edges[edge]["tainted_sat"] += move.tainted_sat
            else:
                graph.add_edge(*edge, tainted_sat=move.tainted_sat, txid=move.txid)
        return graph

    def __repr__(self) -> str:
        total = units.format_coins(self.seed_sat, self.chain)
        parts = ", ".join(
            f"{reason} {units.percent(amount, self.seed_sat)}" for reason, amount in self.balance.items()
        )
        return (
            f"<Trace {self.direction} by {self.policy}: {total} over {len(self.outputs):,} outputs; {parts}>"
        )

    def _repr_html_(self) -> str:
        rows = [
            (reason, units.format_coins(amount, self.chain), units.percent(amount, self.seed_sat))
            for reason, amount in self.balance.items()
        ]
        total = (
            "= the seeds",
            units.format_coins(self.seed_sat, self.chain),
            units.percent(self.seed_sat, self.seed_sat),
        )
        asked = "not told by the source" if self.as_of is None else f"{self.as_of:,}"
        note = (
            f"Policy {self.policy}, a convention and not a fact of the chain, was declared before the run. "
            f"{self.direction.capitalize()} from {_count(len(self.seeds), 'seed')}, {len(self.outputs):,} outputs. "
            f"As of block: {asked}. Recipe {self.recipe.digest[:16]}."
        )
        header = ("came from" if self.direction == "backward" else "ended as", "amount", "share")
        return cards.card(
            f"Trace {self.direction} by {self.policy}", [*rows, total], header=header, note=note
        )


def frame_of(
    ledger: Ledger, marks: Sequence[Mark], labels: Mapping[str, str], *, is_ends: bool
) -> pd.DataFrame:
    """Return marks as a frame with the columns of `schema.TRACE`; `reason` only where `is_ends`."""
    index = ledger.index
    places = pa.array([mark.tx if mark.tx >= 0 else None for mark in marks], type=pa.int64())
    addresses = [None if mark.row == FEE else index.label_of(mark.row) for mark in marks]
    columns = {
        "chain": [index.chains[m.tx] if m.row == FEE else index.output_chains[m.row] for m in marks],
        "txid": [index.txids[m.tx] if m.row == FEE else index.outpoint_txids[m.row] for m in marks],
        "vout": [None if m.row == FEE else int(index.vout[m.row]) for m in marks],
        "address": addresses,
        "value_sat": [m.value_sat for m in marks],
        "tainted_sat": [m.tainted_sat for m in marks],
        "hop": [m.hop for m in marks],
        "height": ledger.txs["height"].take(places),
        "time": ledger.txs["time"].take(places),
        "reason": [None if m.reason is None else m.reason.value for m in marks],
        "tag": ["" if address is None else labels.get(address, "") for address in addresses],
    }
    table = pa.table(columns, schema=schema.TRACE)
    # ArrowDtype keeps nullable integers exact where numpy would turn them into floats
    found: pd.DataFrame = (table if is_ends else table.drop_columns(["reason"])).to_pandas(
        types_mapper=pd.ArrowDtype
    )
    return found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"
