"""How many deposits a withdrawal from a mixing pool may come from (E-9); a name only where E-4 gives it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from chainflow import schema
from chainflow.clustering.accounts.moves import Moves
from chainflow.clustering.accounts.pools import PoolAddress, PoolRule
from chainflow.clustering.accounts.visits import Visits, checked_pools
from chainflow.errors import BadInput
from chainflow.ledger import Ledger

__all__ = ["ANONYMITY", "anonymity_sets"]

ANONYMITY = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("pool", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("height", pa.int64(), nullable=False),
        pa.field("recipient", pa.string()),  # null: the payments of the pool could not be told apart
        pa.field("relayer", pa.string()),  # null: none was paid
        pa.field("deposits", pa.int64(), nullable=False),  # of the pool that may be earlier
        pa.field("linked", pa.int64(), nullable=False),  # of these, linked to another withdrawal
        pa.field("size", pa.int64(), nullable=False),  # deposits − linked
        pa.field("depositor", pa.string()),  # the recipient, where it had deposited itself (E-4)
        pa.field("is_whole", pa.bool_(), nullable=False),  # a source gave the whole history of the pool
    ]
)
"""One row for each withdrawal."""


def anonymity_sets(
    ledger: Ledger, pools: Mapping[str, int], *, linked: Collection[PoolRule] = ()
) -> pa.Table:
    """Return, per withdrawal, from how many deposits it may be; columns as in `ANONYMITY`.

    Counted are the deposits of the pool that may be earlier, without those that a rule links to another
    withdrawal: each of these takes its earliest linked deposit that is left, once. Where `is_whole` is
    false there may be more deposits than the ledger holds, and the size is a lower bound. Wrong where a
    rule in `linked` is.

    Parameters
    ----------
    pools : mapping of str to int
        Address of a pool → base units of one deposit.
    linked : collection of PoolRule
        Rules of the same pools whose pairs are taken away; `PoolAddress` always is one of them.

    Raises
    ------
    BadInput
        If a rule is of other pools.
    AddressInvalid
        If a pool is no address.
    """
    for rule in linked:
        if checked_pools(rule.pools) != checked_pools(pools):
            raise BadInput(f"the rule {rule.name} is of other pools", hint="make it with these pools")
    moves = Moves.of(ledger)
    visits = Visits.of(moves, pools)
    own = PoolAddress(pools).matched(visits)
    taken = _taken(visits, [*own, *(pair for rule in linked for pair in rule.matched(visits))])
    made = _starts(visits, range(len(visits.deposits)))
    gone = _starts(visits, taken.values())
    is_own, whole = {withdrawal for _, withdrawal in own}, _whole(ledger)
    rows: list[tuple[object, ...]] = []
    for number, out in enumerate(visits.withdrawals):
        deposits = bisect_left(made[out.pool], out.high)
        removed = bisect_left(gone[out.pool], out.high) - (number in taken)
        accounts = [moves.names[one][1] if one >= 0 else None for one in (out.account, out.relayer)]
        sizes = (deposits, removed, deposits - removed)
        depositor = accounts[0] if number in is_own else None
        place = (*moves.names[out.pool], moves.txids[out.tx][1], out.height)
        rows.append((*place, *accounts, *sizes, depositor, moves.names[out.pool] in whole))
    return schema.rows_to_table(rows, ANONYMITY)


def _taken(visits: Visits, pairs: Collection[tuple[int, int]]) -> dict[int, int]:
    """Return withdrawal → the deposit it takes: in chain order, the earliest linked one that is left."""
    linked: dict[int, set[int]] = defaultdict(set)
    for deposit, withdrawal in pairs:
        linked[withdrawal].add(deposit)
    taken: dict[int, int] = {}
    used: set[int] = set()
    for withdrawal in range(len(visits.withdrawals)):
        left = linked[withdrawal] - used
        if left:
            taken[withdrawal] = min(left)
            used.add(min(left))
    return taken


def _starts(visits: Visits, deposits: Collection[int]) -> dict[int, list[int]]:
    """Return, per pool, the earliest places that these deposits can have, ascending."""
    found: dict[int, list[int]] = defaultdict(list)
    for number in deposits:
        found[visits.deposits[number].pool].append(visits.deposits[number].low)
    return defaultdict(list, {pool: sorted(places) for pool, places in found.items()})


def _whole(ledger: Ledger) -> set[tuple[str, str]]:
    """Return the (chain, address) of which some source gave all transactions and all internal transfers."""
    table = ledger.coverage_table
    table = table.filter(pc.equal(table["state"], "complete"))
    columns = (table[name].to_pylist() for name in ("chain", "address", "list"))
    given = set(zip(*columns, strict=True))
    return {
        (chain, one) for chain, one, _ in given if {(chain, one, "native"), (chain, one, "internal")} <= given
    }
