"""The rules that propose links between addresses; each says when it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import schema
from chainflow.ledger import Ledger

__all__ = ["MultiInput"]

_KEYLESS = ["anchor", "empty", "witness_unknown"]
"""Script types that ask for no signature: to spend one proves nothing about its owner."""


@dataclass(frozen=True, slots=True)
class MultiInput:
    """Addresses spent together in one transaction share an owner (C-1, common input ownership).

    Each input's script had to be satisfied, so whoever made the transaction had every key, or asked those
    who had. Wrong for CoinJoins and other transactions made by several owners together (PayJoin, dual-
    funded channels), and where one custodian signs for many customers: then the cluster is the custodian's.
    Inputs whose script asks for no signature are left out: pay-to-anchor, empty and unknown witness
    programs, among them the peg-ins that Litecoin's MWEB gathers.

    References
    ----------
    Nakamoto 2008, section 10; Reid and Harrigan 2011, arXiv 1107.4524; Meiklejohn et al. 2013, heuristic 1.
    """

    name: ClassVar[str] = "multi-input"
    version: ClassVar[str] = "1"

    @property
    def parameters(self) -> Mapping[str, object]:
        """The rule has none."""
        return {}

    def links(self, ledger: Ledger) -> pa.Table:
        """Return one link from the first input's label to each other distinct label of its transaction.

        Columns as in `schema.LINKS`, in spending order. A coinbase spends nothing and gives none.
        """
        index = ledger.index
        keyless = pc.is_in(ledger.outputs["script_type"], value_set=pa.array(_KEYLESS)).to_numpy()
        rows = index.in_rows[~keyless[index.in_rows]]
        tx, script = index.spent_by[rows], index.script_of[rows]
        starts = np.flatnonzero(np.diff(tx, prepend=-1))
        first = np.repeat(script[starts], np.diff(starts, append=len(tx)))
        _, once = np.unique(tx * np.int64(len(index.labels)) + script, return_index=True)
        once.sort()
        labels, txids = pa.array(index.labels, pa.string()), pa.array(index.txids, pa.string())
        a, b = labels.take(pa.array(first[once])), labels.take(pa.array(script[once]))
        rule = pa.array([self.name], pa.string()).take(pa.array(np.zeros(len(once), dtype=np.int64)))
        found = pa.Table.from_arrays([a, b, rule, txids.take(pa.array(tx[once]))], schema=schema.LINKS)
        return found.filter(pc.not_equal(found["a"], found["b"]))
