"""`Trace`: what taint reached, where it ended and why, with a balance that adds up to the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx
import pandas as pd
import pyarrow as pa

from chainflow import cards, schema, units
from chainflow.errors import BadInput
from chainflow.model import EndReason, Recipe, digest_of
from chainflow.tracing.asset import Asset, amount_of
from chainflow.tracing.closing import ClosingBalance, closing_of
from chainflow.tracing.crossing import Crossed
from chainflow.tracing.explained import Explained, explain_outputs
from chainflow.tracing.growth import Growth
from chainflow.tracing.legs import Books
from chainflow.tracing.route import FEE
from chainflow.tracing.walk import Mark, Move

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["End", "Trace", "crossings_of", "frame_of"]


class End(NamedTuple):
    """Where a part of a trace ended; `address` is `None` for a fee and a burn."""

    asset: Asset
    address: str | None
    reason: str
    tainted_raw: int
    hop: int
    tag: str


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
    books : mapping of Asset to mapping of str to mapping of str to int
        Asset → label of a seed → reason → base units that this seed was the first to claim.
    opened : mapping of Asset to mapping of str to int
        Asset → label → base units claimed: of the seeds, and what conversions brought.
    converted_in : mapping of Asset to mapping of str to int
        The part of `opened` that conversions brought.
    policy, direction, chain : str
    seeds : tuple of str
        The labels, sorted: as given, where none were.
    as_of : int or None
        The block up to which the ledger's sources were asked; None where they did not say.
    recipe : Recipe
    legs : tuple of Trace
        The same trace on the other chains that conversions led to.
    crossed, not_followed : tuple of Crossed
        The conversions that value went through, and those that were not followed: several fit and nobody
        decided, or the ledger does not bear it out. `crossings` and `candidates` are their tables.
    growth : Growth or None
        What was asked for it, and what would be asked next, of a trace that fetched what it needed.
    """

    outputs: pd.DataFrame
    ends: pd.DataFrame
    books: Books
    opened: Mapping[Asset, Mapping[str, int]]
    converted_in: Mapping[Asset, Mapping[str, int]]
    policy: str
    direction: str
    chain: str
    seeds: tuple[str, ...]
    as_of: int | None
    recipe: Recipe
    legs: tuple[Trace, ...]
    _walk: Any = field(repr=False)
    ledger: Ledger = field(repr=False)
    crossed: tuple[Crossed, ...] = field(repr=False)
    not_followed: tuple[Crossed, ...] = field(repr=False)
    growth: Growth | None = None

    @property
    def crossings(self) -> pd.DataFrame:
        """The conversions on the way: kind, evidence, candidates (how many fit), label, paid_raw, received_raw, …"""
        return crossings_of(self.seeds, self.crossed)

    @property
    def candidates(self) -> pd.DataFrame:
        """The conversions that were not followed, and why; columns as of `crossings`."""
        return crossings_of(self.seeds, self.not_followed)

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The assets in this trace, on its own chain."""
        return tuple(self.books)

    @property
    def asset(self) -> Asset:
        """The only asset.

        Raises
        ------
        BadInput
            If there are several: their amounts cannot be added.
        """
        if len(self.books) != 1:
            names = ", ".join(map(str, self.books))
            raise BadInput(
                f"this trace is of {len(self.books)} assets ({names}), which no sum can mix",
                hint="trail.closing() has a balance for each; trail.books[asset] is one",
            )
        return next(iter(self.books))

    @property
    def by_seed(self) -> Mapping[str, Mapping[str, int]]:
        """Label of a seed → reason → base units, of the only asset."""
        return self.books[self.asset]

    @cached_property
    def balance(self) -> dict[str, int]:
        """Reason → base units of the only asset; the sum is exactly `seed_sat`.

        Under a policy that does not conserve (poison) value is counted again at every transaction; the
        line "counted more than once", which is negative, takes that back.
        """
        return self.balance_of(self.asset)

    def balance_of(self, asset: Asset) -> dict[str, int]:
        """Reason → base units of one asset; the sum is exactly what was claimed of it."""
        sums: dict[str, int] = {}
        for ended in self.books[asset].values():
            for reason, amount in ended.items():
                sums[reason] = sums.get(reason, 0) + amount
        return {reason.value: sums[reason] for reason in EndReason if sums.get(reason)}

    @property
    def seed_sat(self) -> int:
        """What the seeds hold together of the only asset, each base unit once, conversions included."""
        return sum(self.opened[self.asset].values())

    def money(self, amount: int, asset: Asset | None = None) -> str:
        """Return an amount for people, of the only asset or of the one that is named."""
        return amount_of(self.ledger, asset or self.asset, amount)

    @cached_property
    def collisions(self) -> pd.DataFrame:
        """What a label could not claim because it was claimed before: place, label, base units, whose they are."""
        rows = [
            (self._name(place), self.seeds[label], amount, ", ".join(self.seeds[one] for one in holders))
            for place, label, amount, holders in self._walk.register.refused
        ]
        return pd.DataFrame(rows, columns=["place", "label", "amount_raw", "claimed_by"], dtype=object)

    @cached_property
    def shares(self) -> pd.DataFrame:
        """Whose taint is where: place, label, base units; one row per reached place and label."""
        rows = [
            (self._name(self._place(mark)), self.seeds[label], amount)
            for mark in self._walk.marks
            for label, amount in mark.shares
        ]
        return pd.DataFrame(rows, columns=["place", "label", "tainted_raw"], dtype=object)

    def _place(self, mark: Any) -> int:
        return int(mark.row)

    def _name(self, row: int) -> str:
        index = self.ledger.index
        return f"{index.outpoint_txids[row]}:{index.vout[row]}"

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """What each transaction took from which tainted input to which output or fee, as money moved.

        The moves into an output add up to what reached it (a seed may hold more: its own claim).
        """
        return tuple(self._walk.moves())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        found: dict[str, object] = {"books": {str(asset): book for asset, book in self.books.items()}}
        if self.legs:
            found["legs"] = [leg.digest for leg in self.legs]
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

    def end_rows(self) -> Iterator[End]:
        """Yield where it ended, whatever the chain: one row per end, fees with the address `None`."""
        plain = self.ends[["address", "reason", "tainted_sat", "hop", "tag"]].astype(object)
        for row in plain.where(plain.notna(), None).itertuples(index=False):
            address, reason, tainted, hop, tag = row
            yield End(self.asset, address, reason, int(tainted), int(hop), tag)

    def closing(self) -> ClosingBalance:
        """Return the balance as an accountant reads it: what was opened, where each unit is now."""
        return closing_of(self)

    def explain(self, place: str) -> Explained:
        """Say how traced value came to one place: the transactions on the way, in tables whose columns add up.

        Parameters
        ----------
        place : str
            `txid:vout`; of a trace over accounts an address (all that is traced there), or `txid:log:12`.

        Raises
        ------
        BadInput
            If nothing of this trace is there, or the name fits several places.
        SeedUnknown, AddressInvalid
            If it is not in the ledger, or no name of a place.
        """
        return explain_outputs(self, place)

    @property
    def _reached(self) -> str:
        return units.counted(len(self.outputs), "output")

    def __repr__(self) -> str:
        sums = []
        for asset in self.assets:
            total = sum(self.opened[asset].values())
            parts = ", ".join(
                f"{reason} {units.percent(amount, total)}"
                for reason, amount in self.balance_of(asset).items()
            )
            sums.append(f"{self.money(total, asset)}; {parts}")
        grown = "" if self.growth is None else f"; {self.growth}"
        name = type(self).__name__
        return f"<{name} {self.direction} by {self.policy}: {' | '.join(sums)}; over {self._reached}{grown}>"

    def _crossed_html(self) -> str:
        """Return the conversions on the way, and those that nobody decided for."""
        header = (
            "kind",
            "evidence",
            "fit",
            "seed",
            "paid, traced",
            "received, traced",
            "paid",
            "received",
            "why",
        )
        titles = (
            ("Conversions", self.crossings),
            ("Conversions that were not followed", self.candidates),
        )
        return "".join(
            cards.card(title, frame.to_numpy().tolist(), header=header)
            for title, frame in titles
            if len(frame)
        )

    def _repr_html_(self) -> str:
        closing = "".join(leg.closing()._repr_html_() for leg in (self, *self.legs))
        grown = "" if self.growth is None else self.growth._repr_html_()
        return closing + self._crossed_html() + grown


def crossings_of(labels: Sequence[str], crossed: Iterable[Crossed]) -> pd.DataFrame:
    """Return conversions with what was traced through them as a frame; see `Trace`."""
    rows = [
        (
            *(one.conversion.kind, one.conversion.evidence, one.conversion.candidates),
            "" if one.label is None else labels[one.label],
            *(
                one.paid_raw,
                one.received_raw,
                str(one.conversion.paid),
                str(one.conversion.received),
                one.why,
            ),
        )
        for one in crossed
    ]
    names = ["kind", "evidence", "candidates", "label", "paid_raw", "received_raw", "paid", "received", "why"]
    return pd.DataFrame(rows, columns=names, dtype=object)


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
