"""Where clusters and true owners agree on the money: payments between owners, and what addresses are for.

Both are told from a *partition* of the addresses alone: once the clusters, once the owners. Everything here
works on *nodes*, numbers from 0 for the addresses of a clustering in its own order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainflow.clustering.engine.claims import Bools, Ints
from chainflow.ledger import Ledger

__all__ = ["BOTH", "CHANGE", "NO_ROLE", "RECEIVE", "Receipts", "stated_roles"]


NO_ROLE, RECEIVE, CHANGE, BOTH = 0, 1, 2, 3
"""What an address is for: paid by others, by its own owner, by both (the first two added); 0: not known."""


@dataclass(frozen=True, eq=False)  # no slots: `cached_property` keeps its value in the instance's dict
class Receipts:
    """The outputs that can be judged: made by a transaction all of whose inputs are in evidence.

    Attributes
    ----------
    node_of_script : int64[n_scripts]
        As from `Places.of_scripts`.
    """

    ledger: Ledger
    node_of_script: Ints

    @cached_property
    def rows(self) -> Ints:
        """Rows of these outputs in `ledger.outputs`; a coinbase's are among them."""
        index = self.ledger.index
        is_whole = np.diff(index.in_ptr) == np.array(index.n_inputs, dtype=np.int64)
        is_whole |= np.array(index.is_coinbase, dtype=np.bool_)
        rows: Ints = np.flatnonzero(index.created_by >= 0)
        is_named = self.node_of_script[index.script_of[rows]] >= 0
        found: Ints = rows[is_named & is_whole[index.created_by[rows]]]
        return found

    @cached_property
    def tx(self) -> Ints:
        """Row of the transaction that made each."""
        return self.ledger.index.created_by[self.rows]

    @cached_property
    def node(self) -> Ints:
        """Node of the address that each pays."""
        return self.node_of_script[self.ledger.index.script_of[self.rows]]

    def payers(self, block_of: Ints) -> Ints:
        """Return, per receipt, the one block (cluster or owner) of all inputs.

        −1 where an input's block is not known, the inputs are of several, or it was mined.
        """
        low, high = self._ends(block_of)
        return np.where(low == high, high, -1)[self.tx]

    def are_payers_known(self, block_of: Ints) -> Bools:
        """Return, per receipt, whether the block of every input is known; of what was mined, it is."""
        low, _ = self._ends(block_of)
        return np.greater_equal(low[self.tx], 0)

    def _ends(self, block_of: Ints) -> tuple[Ints, Ints]:
        """Return the least and the greatest block among the inputs of every transaction of the ledger."""
        index = self.ledger.index
        block = _looked_up(block_of, self.node_of_script[index.script_of[index.in_rows]])
        low = np.full(index.n_txs, np.iinfo(np.int64).max, dtype=np.int64)
        high = np.full(index.n_txs, -1, dtype=np.int64)
        np.minimum.at(low, index.spent_by[index.in_rows], block)
        np.maximum.at(high, index.spent_by[index.in_rows], block)
        return low, high

    def is_own(self, block_of: Ints) -> Bools:
        """Return whether some input of the receipt's transaction is of the block that is paid."""
        index, width = self.ledger.index, np.int64(max(int(block_of.max(initial=0)) + 1, 1))
        spent = _looked_up(block_of, self.node_of_script[index.script_of[index.in_rows]])
        paid = block_of[self.node]
        spending = (index.spent_by[index.in_rows] * width + spent)[spent >= 0]
        return (paid >= 0) & np.isin(self.tx * width + paid, spending)

    def roles(self, block_of: Ints) -> Ints:
        """Return what each node is for, by whose transactions pay it; `NO_ROLE` where that is not known.

        Parameters
        ----------
        block_of : int64[n_nodes]
            Cluster or owner of each node; −1 where it is not known.
        """
        own, count = self.is_own(block_of), len(block_of)
        roles = np.zeros(count, dtype=np.int64)
        roles[self.node[~own]] |= RECEIVE
        roles[self.node[own]] |= CHANGE
        roles[self.node[~own & ~self.are_payers_known(block_of)]] = NO_ROLE
        roles[block_of < 0] = NO_ROLE
        return roles


def _looked_up(block_of: Ints, nodes: Ints) -> Ints:
    """Return the block of each node; −1 stays −1."""
    return np.where(nodes >= 0, block_of[nodes], -1)


def stated_roles(names: Sequence[str], roles: Mapping[str, str]) -> Ints:
    """Return the role that a truth states for each node; `NO_ROLE` where it states none of the two."""
    codes = {"receive": RECEIVE, "change": CHANGE}
    return np.array([codes.get(roles.get(name, ""), NO_ROLE) for name in names], dtype=np.int64)
