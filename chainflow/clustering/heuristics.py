"""The rules that propose links between addresses; each says when it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.clustering.engine.claims import link_table
from chainflow.clustering.rules import About, Kind
from chainflow.ledger import Ledger

__all__ = ["MultiInput", "WalletMigration"]

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
    about: ClassVar[About] = About(
        id="C-1",
        title="Addresses spent together in one transaction share an owner.",
        kind=Kind.CO_SPEND,
        reading="were spent together",
        source="Nakamoto 2008, section 10; Meiklejohn et al. 2013, heuristic 1",
        wrong_when=(
            "several owners made the transaction together: CoinJoin, PayJoin, dual-funded channels, swaps",
            "one custodian signs for many customers: the cluster is the custodian's",
            "a key was sold, shared or stolen",
        ),
    )

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
        return link_table(ledger, self.name, a=first[once], b=script[once], tx=tx[once])


@dataclass(frozen=True, slots=True)
class WalletMigration:
    """A transaction that moves everything from one script type to one other stays with its owner (C-9).

    *Change-over*: all inputs are of one type, all spendable outputs of one other, as when a wallet moves to a
    new kind of address. With more than one output some may be payments, so by default there must be one.
    Wrong whenever somebody pays a whole coin to another: a shop, an exchange, a Lightning channel.

    Parameters
    ----------
    max_outputs : int
        Spendable outputs there may be; each is linked.

    References
    ----------
    BlockSci, `tx_identification.cpp`, `isChangeOver` (any number of outputs).
    """

    max_outputs: int = 1

    name: ClassVar[str] = "wallet-migration"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="C-9",
        title="Who moves everything from one script type to one other keeps it.",
        kind=Kind.CHANGE,
        reading="are source and goal of a change-over to another script type",
        source="BlockSci, isChangeOver",
        wrong_when=(
            "somebody pays a whole coin to another person, without change",
            "the output is a deposit at a service, or funds a Lightning channel",
        ),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """How many outputs there may be."""
        return {"max_outputs": self.max_outputs}

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from the first input to each spendable output of every change-over.

        Columns as in `schema.LINKS`, in spending order. A transaction with an input that is not in evidence
        gives none, and a script without a known type is of no type.
        """
        index = ledger.index
        types = ledger.outputs["script_type"].to_numpy()
        _, codes = np.unique(types, return_inverse=True)
        codes = np.where(np.isin(types, [*_KEYLESS, "unknown"]), -1, codes)
        paid = index.out_rows[types[index.out_rows] != "op_return"]
        tx = index.created_by[paid]
        before = _only(index.spent_by[index.in_rows], codes[index.in_rows], index.n_txs)
        after = _only(tx, codes[paid], index.n_txs)
        moves = (before >= 0) & (after >= 0) & (before != after) & (np.diff(index.in_ptr) == index.n_inputs)
        moves &= np.bincount(tx, minlength=index.n_txs) <= self.max_outputs
        picked = moves[tx]
        tx, a = tx[picked], index.in_rows[index.in_ptr[tx[picked]]]
        ends = [index.script_of[rows] for rows in (a, paid[picked])]
        return link_table(ledger, self.name, a=ends[0], b=ends[1], tx=tx)


def _only(tx: npt.NDArray[np.int64], codes: npt.NDArray[np.int64], n_txs: int) -> npt.NDArray[np.int64]:
    """Return per transaction the one code that its rows have, −1 where they have none or several."""
    low, high = np.full(n_txs, np.iinfo(np.int64).max), np.full(n_txs, -1)
    np.minimum.at(low, tx, codes)
    np.maximum.at(high, tx, codes)
    return np.where(low == high, high, -1)
