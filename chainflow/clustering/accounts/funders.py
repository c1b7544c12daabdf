"""Accounts that got their first coins from one account (E-12): a pattern, not a proof."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from chainflow.clustering.accounts.moves import Ints, Moves
from chainflow.clustering.rules import About, Kind
from chainflow.ledger import Ledger
from chainflow.model import TransferKind
from chainflow.units import whole_number

__all__ = ["GasFunder"]

_GIVEN = (TransferKind.NATIVE, TransferKind.INTERNAL, TransferKind.REWARD, TransferKind.WITHDRAWAL)


@dataclass(frozen=True, slots=True)
class GasFunder:
    """Accounts whose first coins came from one account, and that account, share an owner (E-12).

    An account can do nothing before somebody sends it the chain's own coin for fees. Who funds a few
    accounts and no others often owns them; who funds many is a service. An account that had signed
    anything before, or of which the order of the first payments is not known, tells nothing.

    Parameters
    ----------
    min_accounts : int
        Accounts that a funder funds first; with one it may be any payment.
    max_accounts : int
        Accounts that a funder pays at all, beyond which it counts as a service.
    excluded : collection of str
        Exchanges, faucets, services, payers of bandwidth or energy: never linked.

    References
    ----------
    The pattern is common knowledge among investigators; no published error rate is known.
    """

    min_accounts: int = 2
    max_accounts: int = 10
    excluded: Collection[str] = ()

    name: ClassVar[str] = "gas-funder"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-12",
        title="Accounts whose first coins came from one account that funds few others are its owner's",
        kind=Kind.ACCOUNT,
        reading="are a funder and an account that got its first coins from it",
        source="common activator, a pattern known from investigations on Ethereum and Tron",
        wrong_when=(
            "the funder is an exchange, a faucet or a broker that is not excluded and looks small here",
            "somebody lends or gives others their first gas: friends, employers, shops",
            "an earlier payment to the account is not in the ledger",
        ),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return {
            "min_accounts": self.min_accounts,
            "max_accounts": self.max_accounts,
            "excluded": sorted(self.excluded),
        }

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from each funder to each account that it funded, from the first payment."""
        least = whole_number(self.min_accounts, "accounts", least=1)
        most = whole_number(self.max_accounts, "accounts", least=least)
        moves = Moves.of(ledger)
        may_link = moves.may_link(self.excluded)
        rows = _first_funding(moves)
        rows = rows[may_link[moves.sender[rows]] & may_link[moves.recipient[rows]]]
        funded = np.bincount(moves.sender[rows], minlength=len(moves.names))
        paid = _payees(moves)
        rows = rows[(funded[moves.sender[rows]] >= least) & (paid[moves.sender[rows]] <= most)]
        return moves.links(self.name, moves.sender[rows], moves.recipient[rows], moves.tx[rows])


def _first_funding(moves: Moves) -> Ints:
    """Return, for each account where that is certain, the row of the first payment to it."""
    low, high = moves.moments
    is_given = moves.is_kind(*_GIVEN) & (moves.contract < 0) & (moves.outcome != 0)
    rows = np.flatnonzero(is_given & (moves.value > 0).astype(np.bool_) & (moves.recipient >= 0))
    first = np.full(len(moves.names), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(first, moves.recipient[rows], high[rows])
    # of all payments that may be the first there must be one only, and nothing that it signed before
    early = rows[low[rows] <= first[moves.recipient[rows]]]
    rivals = np.bincount(moves.recipient[early], minlength=len(moves.names))
    signed = np.full(len(moves.names), np.iinfo(np.int64).max, dtype=np.int64)
    for who in (moves.sender, moves.signer):
        np.minimum.at(signed, who[who >= 0], low[who >= 0])
    is_first = (rivals == 1) & (signed > first)
    kept: Ints = early[is_first[moves.recipient[early]] & moves.is_own[early]]
    return kept


def _payees(moves: Moves) -> Ints:
    """Return, per account, how many others it sent the chain's own coin, whatever came of it."""
    rows = np.flatnonzero(moves.is_kind(TransferKind.NATIVE) & (moves.sender >= 0) & (moves.recipient >= 0))
    rows = rows[~moves.is_contract[moves.recipient[rows]]]
    pairs = np.unique(np.stack([moves.sender[rows], moves.recipient[rows]], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=len(moves.names)).astype(np.int64)
