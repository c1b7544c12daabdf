"""Taint through all transfers of one asset at once: the fast twins of the account policies.

For chains, not for cases: accounts and transfers are numbers, amounts are int64, and what a label claims
is not kept apart. A case is traced by `tracing.trace`, which keeps labels and amounts of any size.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainflow.errors import BadInput, MissingExtra
from chainflow.tracing.policies import AccountPolicy, account_policy_named
from chainflow.tracing.whole_chain.columns import Ints

__all__ = ["AccountTaint", "Transfers", "taint_accounts"]

_OURS = "chainflow.tracing.policies."
_LARGEST = 2**63 - 1


class Transfers(NamedTuple):
    """Transfers of one asset in the chain's order (height, position, log index).

    Attributes
    ----------
    senders, recipients : sequence of int, shape (transfers,)
        Account numbers from 0; −1 is outside, as for what is issued or burnt.
    amounts : sequence of int, shape (transfers,)
        Base units.
    """

    senders: Sequence[int] | Ints
    recipients: Sequence[int] | Ints
    amounts: Sequence[int] | Ints


@dataclass(frozen=True, eq=False, slots=True)
class AccountTaint:
    """Where claimed base units went, transfer by transfer.

    Attributes
    ----------
    policy : str
    parts : int64 array, shape (transfers,)
        What of each transfer is tainted when it arrives.
    balances, tainted, lost : int64 array, shape (accounts,)
        At the end: what each holds, what of it is tainted, and what the rule follows no further.
    claimed_sat : int
        What the seeds claim, each base unit once.
    """

    policy: str
    parts: Ints
    balances: Ints
    tainted: Ints
    lost: Ints
    claimed_sat: int

    def __repr__(self) -> str:
        return f"<AccountTaint {self.policy}: {self.claimed_sat:,} base units claimed, {len(self.parts):,} transfers>"


def taint_accounts(
    transfers: Transfers,
    seeds: Collection[int],
    *,
    policy: str | AccountPolicy,
    opening: Sequence[int] | Ints = (),
) -> AccountTaint:
    """Return what of every transfer and balance descends from the seeds.

    A seed is claimed whole when it arrives; what of it is tainted already is not claimed again.

    Parameters
    ----------
    transfers : Transfers
    seeds : collection of int
        Which transfers are claimed, counted from 0.
    policy : str or AccountPolicy
        fifo, lifo, haircut, poison, dirty-first, clean-first or libr.
    opening : sequence of int
        What accounts hold before the first transfer, clean; nothing where it is not given.

    Raises
    ------
    BadInput
        If an account pays more than it holds, a number is out of range, an amount or a balance is beyond
        int64, or the policy has no fast twin.
    MissingExtra
        If numba is not installed.

    Examples
    --------
    >>> found = taint_accounts(Transfers([-1, -1, 0], [0, 0, 1], [4, 6, 8]), [1], policy="fifo")
    >>> found.parts.tolist(), found.tainted.tolist()
    ([0, 6, 4], [2, 4])
    """
    kernel, name = _load(), _name(policy)
    senders, recipients, amounts = (_whole(column) for column in transfers)
    opened = _whole(opening)
    count = max(int(column.max(initial=-1)) + 1 for column in (senders, recipients)) if len(senders) else 0
    count = max(count, len(opened))
    if (
        not len(senders) == len(recipients) == len(amounts)
        or min(
            (
                int(column.min(initial=0)) + least
                for column, least in ((senders, 1), (recipients, 1), (opened, 0))
            ),
        )
        < 0
    ):
        raise BadInput("transfers of unequal columns, or a number below −1", hint="see `Transfers`")
    is_seed = np.zeros(len(amounts), np.bool_)
    is_seed[_rows(seeds, len(amounts))] = True
    balances, tainted, lost = np.zeros((3, count), np.int64)
    balances[: len(opened)] = opened
    parts, claimed = np.zeros(len(amounts), np.int64), np.zeros(1, np.int64)
    lines = _lines(opened, len(amounts) if name in ("fifo", "lifo") else 0, count)
    ask = (senders, recipients, amounts, is_seed, balances, tainted, lost, *lines, parts, claimed)
    _refuse(int(kernel.move(kernel.RULES[name], *ask)), senders, amounts)
    if name == "poison":
        tainted = np.where(tainted > 0, balances, 0)
    elif claimed[0] != tainted.sum() + lost.sum() + parts[recipients < 0].sum():
        raise BadInput("the sums do not close", hint="use the readable rule: they are beyond int64")
    return AccountTaint(name, parts, balances, tainted, lost, int(claimed[0]))


def _load() -> Any:
    try:
        return importlib.import_module(f"{__package__}.book_kernel")
    except ImportError:
        raise MissingExtra(
            "taint through all accounts needs numba",
            hint="pip install 'chainflow[fast]', or trace a ledger with `trace`: the same amounts",
        ) from None


def _name(policy: str | AccountPolicy) -> str:
    rule = account_policy_named(policy)
    if not type(rule).__module__.startswith(_OURS):
        raise BadInput(f"{rule.name!r} has no fast twin", hint="use one of chainflow's own, or `trace`")
    return rule.name


def _whole(column: Sequence[int] | Ints) -> Ints:
    """Return numbers as int64, refusing what does not fit."""
    numbers = np.asarray(column) if len(column) else np.zeros(0, np.int64)
    is_large = numbers.dtype.kind in "Ou" and any(abs(int(number)) > _LARGEST for number in numbers)
    if numbers.dtype.kind not in "iuO" or is_large:
        raise BadInput(
            "an amount is not a whole number of int64", hint="beyond 2⁶³ − 1 use the readable rule: `trace`"
        )
    return numbers.astype(np.int64)


def _rows(seeds: Collection[int], count: int) -> Ints:
    rows = _whole(sorted(seeds))
    if len(rows) and (rows[0] < 0 or rows[-1] >= count):
        raise BadInput("a seed is not a transfer", hint=f"whole numbers from 0 to {count - 1:,}")
    return rows


def _lines(opened: Ints, transfers: int, accounts: int) -> tuple[Ints, Ints, Ints]:
    """Return every account's line of lots, with one clean lot where it has an opening balance."""
    room = transfers + accounts + 2
    lots, ends = np.full((room, 4), -1, np.int64), np.full((accounts + 1, 2), -1, np.int64)
    held = np.flatnonzero(opened)
    lots[: len(held), 0], lots[: len(held), 1] = opened[held], 0
    ends[held] = np.arange(len(held))[:, None]
    free = np.zeros(room + 1, np.int64)
    free[0] = room - len(held)
    free[1 : free[0] + 1] = np.arange(room - 1, len(held) - 1, -1)
    return lots, ends, free


def _refuse(bad: int, senders: Ints, amounts: Ints) -> None:
    """Raise if the kernel stopped at a transfer."""
    if bad < -1:
        raise BadInput(
            f"transfer {-2 - bad:,}: the balance is beyond int64",
            hint="beyond 2⁶³ − 1 use the readable rule: `trace`",
        )
    if bad >= 0:
        raise BadInput(
            f"transfer {bad:,}: {amounts[bad]:,} base units from account {senders[bad]:,}, which holds less",
            hint="give what accounts held before as `opening`; amounts are not negative",
        )
