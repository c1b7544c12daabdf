"""At which hours an account signs: an aid to look at candidates in a sensible order, never a link (E-10)."""

from __future__ import annotations

import numpy as np

from chainflow.clustering.accounts.moves import Ints, Moves, labels_of
from chainflow.errors import SeedUnknown
from chainflow.ledger import Ledger

__all__ = ["activity_profile"]

_HOUR = 3600


def activity_profile(ledger: Ledger, address: str) -> Ints:
    """Return how many transactions an account signed in each hour of the day (UTC), int64[24].

    People in one time zone have one profile, and programs sign at all hours: two equal profiles say
    nothing about an owner. Transactions whose block time is not told are left out.

    Raises
    ------
    AddressInvalid
        If it is no address.
    SeedUnknown
        If the ledger does not hold it.

    References
    ----------
    F. Béres et al., 2020, arXiv 2005.14051.
    """
    moves = Moves.of(ledger)
    chosen = moves.named(labels_of([address]))
    if not chosen.any():
        raise SeedUnknown(f"{address} is not in this ledger", hint="fetch it first")
    rows = np.flatnonzero((moves.signer >= 0) & (moves.time >= 0))
    rows = rows[chosen[moves.signer[rows]]]
    _, once = np.unique(moves.tx[rows], return_index=True)
    return np.bincount(moves.time[rows[once]] // _HOUR % 24, minlength=24).astype(np.int64)
