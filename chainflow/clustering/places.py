"""Which address on which chain has which number: what union-find joins, numbered in string order."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.addresses import decode
from chainflow.errors import BadInput, PluginError, SeedUnknown
from chainflow.ledger import Ledger

__all__ = ["Places", "places_of"]

Ints = npt.NDArray[np.int64]


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
    """

    labels: tuple[str, ...]
    spans: dict[str, range]

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, place: int) -> str:
        """Return the label, with its chain in front (`ltc:M…`) where the ledger has more than one."""
        if len(self.spans) == 1:
            return self.labels[place]
        return next(f"{chain}:{self.labels[place]}" for chain, span in self.spans.items() if place in span)

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
        found = self._on(chains, label)
        if not found and not label.startswith("script:"):
            found = self._on(chains, decode(label, chain=prefix if prefix in self.spans else None).address)
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

    def _on(self, chains: list[str], label: str) -> dict[str, int]:
        spans = {chain: self.spans[chain] for chain in chains}
        near = {chain: bisect_left(self.labels, label, s.start, s.stop) for chain, s in spans.items()}
        return {c: place for c, place in near.items() if place in spans[c] and self.labels[place] == label}

    def ends(self, links: pa.Table, ledger: Ledger) -> tuple[Ints, Ints, Ints, Ints]:
        """Return link number, transaction row, place of `a`, place of `b`: per link and chain it is on.

        Raises
        ------
        PluginError
            If a link speaks of what the ledger does not hold.
        """
        index = ledger.index
        parts: list[tuple[Ints, Ints, Ints, Ints]] = []
        for chain, span in self.spans.items():
            rows = np.array([row for row, of in enumerate(index.chains) if of == chain], dtype=np.int64)
            txids = pa.array([index.txids[row] for row in rows], pa.string())
            labels = pa.array(self.labels[span.start : span.stop], pa.string())
            tx, a, b = _among(links["txid"], txids), _among(links["a"], labels), _among(links["b"], labels)
            here = np.flatnonzero((tx >= 0) & (a >= 0) & (b >= 0))
            parts.append((here, rows[tx[here]], a[here] + span.start, b[here] + span.start))
        link, tx, a, b = (
            (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else [_NONE] * 4
        )
        is_held = np.zeros(links.num_rows, dtype=bool)
        is_held[link] = True
        if not is_held.all():
            row = links.slice(int(is_held.argmin()), 1).to_pylist()[0]
            raise PluginError(
                f"{row['rule']} links {row['a']} and {row['b']} by {row['txid']}, which this ledger does not hold",
                hint="a rule may only speak of what the ledger holds; tell its author",
            )
        return link, tx, a, b


_NONE = np.zeros(0, dtype=np.int64)


def _among(values: pa.ChunkedArray, known: pa.Array) -> Ints:
    """Return the position of each value among the known, −1 where it is not."""
    found: Ints = pc.index_in(values, value_set=known).fill_null(-1).to_numpy().astype(np.int64)
    return found


def places_of(ledger: Ledger) -> Places:
    """Return every (chain, label) of a ledger, numbered in string order."""
    index = ledger.index
    used: dict[str, set[str]] = {chain: set() for chain in ledger.chains}
    for script, row in enumerate(index.script_rows[index.script_ptr[:-1]].tolist()):
        used[index.output_chains[row]].add(index.labels[script])
    labels: list[str] = []
    spans: dict[str, range] = {}
    for chain, of_chain in used.items():
        spans[chain] = range(len(labels), len(labels) + len(of_chain))
        labels += sorted(of_chain)
    return Places(tuple(labels), spans)
