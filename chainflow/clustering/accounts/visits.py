"""Payments into and out of mixing pools of one denomination, as a ledger of transfers shows them.

In: value of exactly the denomination reaches the pool, from an account or through a router; who signed the
transaction is the depositor. Out: calls of the pool send the denomination, whole or less a fee that goes to
the relayer who submitted the withdrawal for the recipient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from chainflow.clustering.accounts.moves import Moves, labels_of, needed
from chainflow.errors import BadInput
from chainflow.model import TransferKind

__all__ = ["Visit", "Visits", "checked_pools"]


_FORM = "{address: base units of one deposit}"


class Visit(NamedTuple):
    """One deposit or one withdrawal; accounts and transactions are numbers of `Moves`, −1: not known.

    `low` and `high` are the earliest and latest place it can have, as in `Moves.moments`.
    """

    pool: int
    account: int  # who signed the deposit; whom the withdrawal went to
    relayer: int
    signer: int
    tx: int
    height: int
    time: int
    low: int
    high: int

    def is_before(self, other: Visit) -> bool:
        """Return whether this is certainly earlier than another."""
        return self.high < other.low


@dataclass(frozen=True, slots=True)
class Visits:
    """All deposits and withdrawals of some pools that a ledger shows, each in chain order."""

    moves: Moves
    deposits: tuple[Visit, ...]
    withdrawals: tuple[Visit, ...]

    @classmethod
    def of(cls, moves: Moves, pools: Mapping[str, int]) -> Self:
        """Read them; transfers whose outcome or block is not known are none."""
        sizes = checked_pools(pools)
        amounts = {n: sizes[name] for n, (_, name) in enumerate(moves.names) if name in sizes}
        is_pool = moves.among(np.array(sorted(amounts), dtype=np.int64))
        inside = moves.is_sure & moves.is_kind(TransferKind.NATIVE, TransferKind.INTERNAL)
        into = np.flatnonzero(inside & (moves.recipient >= 0) & is_pool[moves.recipient])
        deposits = [
            _visit(moves, row, int(moves.recipient[row]), int(moves.signer[row]))
            for row in into.tolist()
            if moves.value[row] == amounts[int(moves.recipient[row])]
        ]
        out: dict[tuple[int, int], list[int]] = {}
        for row in np.flatnonzero(inside & (moves.sender >= 0) & is_pool[moves.sender]).tolist():
            out.setdefault((int(moves.tx[row]), int(moves.sender[row])), []).append(row)
        withdrawals = [
            _visit(moves, rows[0], pool, recipient, relayer)
            for (_, pool), rows in out.items()
            for recipient, relayer in _payouts(moves, rows, amounts[pool])
        ]
        return cls(moves, tuple(deposits), tuple(withdrawals))


def checked_pools(pools: Mapping[str, int]) -> dict[str, int]:
    """Return pools in the form that ledgers have, with what one deposit in them is.

    Raises
    ------
    BadInput
        If there is no pool, or an amount is no whole number above 0.
    AddressInvalid
        If a pool is no address.
    """
    if not isinstance(pools, Mapping):
        raise BadInput("pools are no mapping", hint=_FORM)
    needed("pools", pools, hint=f'{_FORM}; tags have addresses, tags.of("mixing_service"), not the amounts')
    for pool, amount in pools.items():
        if type(amount) is not int or amount < 1:
            raise BadInput(f"a deposit of {amount!r} in the pool {pool}", hint="base units, 1 or more")
    return {label: pools[pool] for pool in pools for label in labels_of([pool])}


def _visit(moves: Moves, row: int, pool: int, account: int, relayer: int = -1) -> Visit:
    low, high = moves.moments
    seen = (moves.signer[row], moves.tx[row], moves.height[row], moves.time[row], low[row], high[row])
    return Visit(pool, account, relayer, *(int(number) for number in seen))


def _payouts(moves: Moves, rows: list[int], amount: int) -> list[tuple[int, int]]:
    """Return (recipient, relayer) of each withdrawal that one transaction makes from one pool.

    A pool pays the recipient and then the relayer, who gets less. What does not add up to whole
    denominations in this way is one withdrawal to nobody known.
    """
    found: list[tuple[int, int]] = []
    pending: list[int] = []
    for row in rows:
        pending.append(row)
        if sum(int(moves.value[one]) for one in pending) < amount and len(pending) < 2:
            continue
        paid = sorted(((int(moves.value[one]), int(moves.recipient[one])) for one in pending), reverse=True)
        if sum(value for value, _ in paid) != amount or (len(paid) == 2 and paid[0][0] == paid[1][0]):
            return [(-1, -1)]
        found.append((paid[0][1], paid[1][1] if len(paid) == 2 else -1))
        pending = []
    return [(-1, -1)] if pending else found
