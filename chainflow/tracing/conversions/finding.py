"""`find_conversions`: all rules together, the strongest evidence first."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from chainflow.addresses import decode
from chainflow.model import Recipe, TransferKind
from chainflow.tracing.conversions.conversion import Conversion
from chainflow.tracing.conversions.conversions import Conversions
from chainflow.tracing.conversions.held import hold
from chainflow.tracing.conversions.ids import IdRow, MemoRow, by_ids, by_memos
from chainflow.tracing.conversions.shifts import Shifts, match_shifts
from chainflow.tracing.conversions.swaps import swaps_of, unseen, wraps_of

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["find_conversions"]


def find_conversions(
    ledgers: Ledger | Iterable[Ledger],
    *,
    accounts: Collection[str] = (),
    memos: Collection[MemoRow] = (),
    ids: Collection[IdRow] = (),
    shifts: Shifts | None = None,
) -> Conversions:
    """Return the conversions that ledgers show: by ids, in one transaction, and by amount and time.

    Of two that join the same two legs the one with the stronger evidence stays. What an id has joined is not
    matched by amount again. Nothing is chosen among candidates: all are there, with how many they are.

    Parameters
    ----------
    ledgers : Ledger or several
        Of any chains. A transaction that two of them hold is as the first tells it.
    accounts : collection of str
        Whose swaps to look for, besides those of the account that signed a transaction.
    memos : collection of MemoRow
        Memos that no ledger holds: those of routers on EVM chains.
    ids : collection of IdRow
        What somebody says belongs together, by order or event id.
    shifts : Shifts, optional
        The services, rates, window and tolerance to match by amount and time; without it nothing is.

    Raises
    ------
    BadInput
        If a row of ids is malformed, or a rate is none.
    AddressInvalid
        If one of `accounts` is no address.
    """
    given = tuple(ledgers) if isinstance(ledgers, Iterable) else (ledgers,)
    watched = frozenset(decode(account).address for account in accounts)
    held = hold(given)
    kinds = {kind for ledger in given for kind in ledger.transfers["kind"].unique().to_pylist()}
    notes: list[str] = [*unseen(held.values(), has_calls=TransferKind.INTERNAL in kinds)]
    found = [*by_memos(held, memos, notes), *by_ids(held, ids, notes)]
    taken = {(*key, leg.asset) for one in found for leg in (one.paid, one.received) for key in leg.keys}
    for tx in held.values():
        if not tx.is_disputed:
            found += [*wraps_of(tx), *swaps_of(tx, watched)]
    if shifts is not None:
        found += match_shifts(held, shifts, notes, taken=taken)
    parameters = {
        "accounts": sorted(watched),
        "memos": sorted(map(list, memos)),
        "ids": sorted(map(list, ids)),
        "shifts": None if shifts is None else shifts.parameters,
    }
    recipe = Recipe("find_conversions", parameters, [ledger.digest for ledger in given])
    return Conversions(tuple(_strongest(found)), notes=tuple(notes), recipe=recipe)


def _strongest(found: Iterable[Conversion]) -> Iterable[Conversion]:
    """Return each pair of legs once, as the rule that came first says it."""
    kept: dict[tuple[object, ...], Conversion] = {}
    for one in found:
        kept.setdefault((one.paid, one.received), one)
    return kept.values()
