"""Which address on which chain has which number: what union-find joins, numbered in string order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.addresses import decode
from chainflow.clustering.engine.claims import Claims, Ints
from chainflow.errors import BadInput, PluginError, SeedUnknown
from chainflow.ledger import Ledger

__all__ = ["Places", "Transactions", "places_of"]


@dataclass(frozen=True, slots=True)
class Transactions:
    """The transactions that a link may name: those with outputs, as the ledger's rows, then those of transfers.

    Attributes
    ----------
    chains, txids : list of str
    n_inputs : list of int
        0 for a transaction of transfers.
    heights : list of int or None
        `None`: unconfirmed, or not known.
    """

    chains: list[str]
    txids: list[str]
    n_inputs: list[int]
    heights: list[int | None]

    def named(self, txids: Collection[str]) -> tuple[str, ...]:
        """Return txids as this ledger writes them, sorted.

        Raises
        ------
        SeedUnknown
            If one is not in this ledger.
        BadInput
            If they are one text in place of a collection.
        """
        if isinstance(txids, str):
            raise BadInput(f"one text for a collection of txids: {txids}", hint="put it in brackets")
        wanted, held = {txid.strip().lower() for txid in txids} - {""}, set(self.txids)
        for txid in sorted(wanted - held):
            raise SeedUnknown(f"{txid} is not in this ledger", hint="compare it with where it came from")
        return tuple(sorted(wanted))


@dataclass(frozen=True, slots=True)
class Places:
    """The (chain, label) pairs of a ledger; a label is an address, or `script:<hex>` where there is none.

    Attributes
    ----------
    labels : tuple of str
        By number: chain by chain, each chain's in string order, so that the smallest number of a cluster
        is its smallest label.
    spans : dict of str to range
        Chain → the numbers of its labels.
    transactions : Transactions
        What a link may name as its evidence.
    """

    labels: tuple[str, ...]
    spans: dict[str, range]
    transactions: Transactions

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, place: int) -> str:
        """Return the label, with its chain in front (`ltc:M…`) where the ledger has more than one."""
        if len(self.spans) == 1:
            return self.labels[place]
        return f"{self.chain(place)}:{self.labels[place]}"

    def chain(self, place: int) -> str:
        """Return the chain a place is on."""
        return next(chain for chain, span in self.spans.items() if place in span)

    def find(self, text: str) -> int:
        """Return the place of an address, a `script:<hex>`, or `chain:` and one of them.

        Raises
        ------
        SeedUnknown
            If it is well formed but not in the ledger.
        AddressInvalid
            If it is no address at all.
        BadInput
            If it is used on more than one chain and none is named.
        """
        prefix, _, rest = text.partition(":")
        chains = [prefix] if prefix in self.spans else list(self.spans)
        label = rest if prefix in self.spans else text
        found = self.on(chains, label)
        if not found and not label.startswith("script:"):
            found = self.on(chains, decode(label, chain=prefix if prefix in self.spans else None).address)
        if not found:
            raise SeedUnknown(
                f"{text} is not in this ledger",
                hint="fetch it first; this says nothing about whether it exists on the chain",
            )
        if len(found) > 1:
            raise BadInput(
                f"{text} is used on {' and '.join(found)}", hint=f"write it as {min(found)}:{text}"
            )
        return next(iter(found.values()))

    def on(self, chains: list[str], label: str) -> dict[str, int]:
        """Return, for each of these chains that has exactly this label, its place there."""
        spans = {chain: self.spans[chain] for chain in chains}
        near = {chain: bisect_left(self.labels, label, s.start, s.stop) for chain, s in spans.items()}
        return {c: place for c, place in near.items() if place in spans[c] and self.labels[place] == label}

    def of_scripts(self, ledger: Ledger) -> Ints:
        """Return the place of each script number of the ledger that these places are of; int64[n_scripts]."""
        index = ledger.index
        first = index.script_rows[index.script_ptr[:-1]].tolist()  # a script that nothing pays has no number
        chains = np.array([index.output_chains[row] for row in first], dtype=object)
        labels, found = pa.array(index.labels, pa.string()), np.zeros(len(first), dtype=np.int64)
        for chain, span in self.spans.items():
            here = np.flatnonzero(chains == chain)
            known = pa.array(self.labels[span.start : span.stop], pa.string())
            found[here] = _among(labels.take(pa.array(here)), known) + span.start
        return found

    def claims(self, links: pa.Table) -> Claims:
        """Return links as numbers: one claim per link and chain it is on.

        Raises
        ------
        PluginError
            If a link speaks of what the ledger does not hold.
        """
        said = self.transactions
        parts: list[tuple[Ints, ...]] = [(_NONE,) * 4]
        for chain, span in self.spans.items():
            rows = np.array([row for row, of in enumerate(said.chains) if of == chain], dtype=np.int64)
            txids = pa.array([said.txids[row] for row in rows.tolist()], pa.string())
            labels = pa.array(self.labels[span.start : span.stop], pa.string())
            tx, a, b = _among(links["txid"], txids), _among(links["a"], labels), _among(links["b"], labels)
            here = np.flatnonzero((tx >= 0) & (a >= 0) & (b >= 0))
            parts.append((here, rows[tx[here]], a[here] + span.start, b[here] + span.start))
        link, tx, a, b = (np.concatenate(column) for column in zip(*parts, strict=True))
        is_held = np.zeros(links.num_rows, dtype=bool)
        is_held[link] = True
        if not is_held.all():
            row = links.slice(int(is_held.argmin()), 1).to_pylist()[0]
            raise PluginError(
                f"{row['rule']} links {row['a']} and {row['b']} by {row['txid']}, which this ledger does not hold",
                hint="a rule may only speak of what the ledger holds; tell its author",
            )
        if len(self.spans) > 1:
            by_link = np.argsort(link, kind="stable")
            link, tx, a, b = link[by_link], tx[by_link], a[by_link], b[by_link]
        return Claims(links, link, tx, a, b)


_NONE = np.zeros(0, dtype=np.int64)


def _among(values: pa.Array | pa.ChunkedArray, known: pa.Array) -> Ints:
    """Return the position of each value among the known, −1 where it is not."""
    found: Ints = pc.index_in(values, value_set=known).fill_null(-1).to_numpy().astype(np.int64)
    return found


def places_of(ledger: Ledger) -> Places:
    """Return every (chain, label) of a ledger, accounts included, numbered in string order."""
    labels: list[str] = []
    spans: dict[str, range] = {}
    for chain in ledger.chains:
        of_chain = _labels(ledger, chain)
        spans[chain] = range(len(labels), len(labels) + len(of_chain))
        labels += sorted(of_chain)
    return Places(tuple(labels), spans, _transactions(ledger))


def _labels(ledger: Ledger, chain: str) -> set[str]:
    index = ledger.index
    rows = index.script_rows[index.script_ptr[:-1]].tolist()
    used = {index.labels[script] for script, row in enumerate(rows) if index.output_chains[row] == chain}
    moved = ledger.transfers.filter(pc.equal(ledger.transfers["chain"], chain))
    for side in ("sender", "recipient"):
        used.update(moved[side].drop_null().unique().to_pylist())
    return used


def _transactions(ledger: Ledger) -> Transactions:
    index, moved = ledger.index, ledger.transfers
    rows = zip(*(moved[name].to_pylist() for name in ("chain", "txid", "height")), strict=True)
    found = {(chain, txid): height for chain, txid, height in rows if (chain, txid) not in index.row_of_tx}
    return Transactions(
        [*index.chains, *(chain for chain, _ in found)],
        [*index.txids, *(txid for _, txid in found)],
        [*index.n_inputs, *(0 for _ in found)],
        [*ledger.txs["height"].to_pylist(), *found.values()],
    )
