"""Coins and accounts that move again after a long time."""

from __future__ import annotations

from collections.abc import Iterator

from chainflow.tracing.asset import Asset
from chainflow.typologies.hits import Amount, Hit, hit_of, said_amount
from chainflow.typologies.payments import NOBODY
from chainflow.typologies.search import Search
from chainflow.units import counted

__all__ = ["dormant"]

_DAY = 86_400


def dormant(search: Search) -> Iterator[Hit]:
    """Yield what lay still for `dormant_days`, and `dormant_blocks`, before it moved.

    On chains of outputs the age of a coin: from the block that made it, which must be in evidence, to the one
    that spends it. On chains of accounts the time from an account's last payment out, or from its first receipt
    where it had paid nothing, to its next payment out.
    """
    yield from _coins(search)
    yield from _accounts(search)


def _is_old(search: Search, before: int, after: int) -> bool:
    one, other = search.payments.places[before], search.payments.places[after]
    days, blocks = search.parameters.dormant_days, search.parameters.dormant_blocks
    return other.time - one.time >= days * _DAY and other.height - one.height >= blocks


def _coins(search: Search) -> Iterator[Hit]:
    payments = search.payments
    index, numbers = payments.ledger.index, payments.tx_numbers
    # by row of the ledger: −1 where a transaction is not in the table
    number_of = [numbers.get(key, -1) for key in zip(index.chains, index.txids, strict=True)]
    heights = payments.ledger.txs["height"].to_pylist()
    times = payments.ledger.txs["time"].cast("int64").to_pylist()
    for row, number in enumerate(number_of):
        if number < 0:
            continue
        place = payments.places[number]
        old = []
        for output in index.inputs_of(row).tolist():
            maker = int(index.created_by[output])
            if maker < 0 or heights[maker] is None or times[maker] is None:
                continue
            days, blocks = (place.time - times[maker]) // _DAY, place.height - heights[maker]
            wanted = search.parameters
            if days >= wanted.dormant_days and blocks >= wanted.dormant_blocks:
                old.append((days, blocks, output))
        if old:
            yield _woken(search, number, old)


def _woken(search: Search, number: int, old: list[tuple[int, int, int]]) -> Hit:
    index, place = search.payments.ledger.index, search.payments.places[number]
    asset, value = Asset(place.chain, None), sum(int(index.value[output]) for _, _, output in old)
    return hit_of(
        search.payments,
        "dormant",
        [number],
        roles={"spent from": (index.label_of(output) for _, _, output in old)},
        amounts=[Amount("moved", value, str(asset))],
        reading=(
            f"{counted(len(old), 'coin')} of {said_amount(value, asset)} that had lain for {min(old)[0]:,} to "
            f"{max(old)[0]:,} days ({min(blocks for _, blocks, _ in old):,} blocks or more) moved, {{span}}."
        ),
        against=["savings, inheritances and wallets found again look the same; who moved it is not shown"],
    )


def _accounts(search: Search) -> Iterator[Hit]:
    payments = search.payments
    is_account = [
        not payments.ledger.index.row_of_tx.get((p.chain, p.txid), -1) >= 0 for p in payments.places
    ]
    last: dict[int, int] = {}
    paid: set[int] = set()
    for number, row in enumerate(payments.rows):
        if not is_account[row.tx]:
            continue
        if row.payer != NOBODY:
            before = last.get(row.payer)
            if before is not None and _is_old(search, before, row.tx):
                yield _account(search, number, before, had_paid=row.payer in paid)
            last[row.payer] = row.tx
            paid.add(row.payer)
        if row.payee != NOBODY:
            last.setdefault(row.payee, row.tx)


def _account(search: Search, number: int, before: int, *, had_paid: bool) -> Hit:
    row, places = search.row(number), search.payments.places
    one, other = places[before], places[row.tx]
    since = "last payment out" if had_paid else "first receipt"
    return hit_of(
        search.payments,
        "dormant",
        [before, row.tx],
        roles={"account": search.names([row.payer])},
        amounts=[search.sum_of("moved", [number])],
        reading=(
            f"{search.payments.name(row.payer)} paid {search.said([number])}, {(other.time - one.time) // _DAY:,} "
            f"days and {other.height - one.height:,} blocks after the {since} in evidence, {{span}}."
        ),
        against=[
            "what it did in between is only known as far as its history is in evidence",
            "savings and wallets found again look the same",
        ],
    )
