"""Structuring: several transfers that each stay just under a threshold (P-11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from chainflow.errors import BadInput
from chainflow.ledger.balances import tokens_of
from chainflow.typologies.hits import Hit, hit_of
from chainflow.typologies.payments import NOBODY
from chainflow.typologies.search import Search, dense

__all__ = ["just_under", "structured"]


def just_under(search: Search) -> list[int]:
    """Return the payments of whole outputs or transfers that are less than the threshold by at most its tail.

    What is compared is the whole output or transfer, not one payer's share of it. Where prices are given,
    what has no price within a day is not compared: it is noted in `cut`.

    Raises
    ------
    BadInput
        If the ledger has several assets and neither `asset` nor prices are given: base units of two assets are no
        common measure.
    """
    parameters, payments = search.parameters, search.payments
    assets = [number for number, one in enumerate(payments.assets) if parameters.asset in (None, str(one))]
    if len(assets) > 1 and parameters.prices is None:
        raise BadInput(
            f"a threshold in base units for {len(assets):,} assets",
            hint="name one with asset=, or give prices=",
        )
    limit = parameters.limit
    least, found = limit * (100 - parameters.under_percent) / 100, []
    decimals = {key: places for key, (_, places) in tokens_of(payments.ledger).items()}
    for number, row in enumerate(payments.rows):
        if row.asset not in assets:
            continue
        worth = _worth(search, number, decimals)
        if worth is not None and least <= worth < limit:
            found.append(number)
    return found


def _worth(search: Search, number: int, decimals: Mapping[tuple[str, str], int | None]) -> Decimal | None:
    """Return what is compared with the threshold; `None`, and a note in `cut`, where there is no price."""
    row, prices = search.row(number), search.parameters.prices
    if prices is None:
        return Decimal(row.whole)
    asset, found = search.asset(row.asset), None
    places = None if asset.contract is None else decimals.get((asset.chain, asset.contract))
    if asset.token_id is None and (asset.contract is None or places is not None):
        time = search.payments.places[row.tx].time
        found = prices.value(row.whole, str(asset), time, search.parameters.currency, decimals=places)
    if found is None:
        search.cut["structuring: payments without a price within a day, or of unknown decimals"] += 1
    return None if found is None else found.amount


def structured(search: Search) -> Iterator[Hit]:
    """Yield who within W pays, or is paid, `times` or more amounts just under the threshold (P-11)."""
    if search.parameters.threshold is None:
        return
    rows = just_under(search)
    sides: dict[tuple[str, int, int], list[int]] = {}
    for number in rows:
        row = search.row(number)
        for side, party in (("payer", row.payer), ("payee", row.payee)):
            if party != NOBODY:
                sides.setdefault((side, party, row.asset), []).append(number)
    for (side, party, _), held in sides.items():
        legs = [search.row(number).leg for number in held]
        clocks = [search.payments.clock(number) for number in held]
        for stretch in dense(clocks, legs, least=search.parameters.times, seconds=search.parameters.seconds):
            yield _hit(search, side, party, held[stretch])


def _hit(search: Search, side: str, party: int, rows: list[int]) -> Hit:
    number, verb = len({search.row(row).leg for row in rows}), "paid" if side == "payer" else "received"
    others = search.names(search.row(row).payee if side == "payer" else search.row(row).payer for row in rows)
    parameters = search.parameters
    money = f" {parameters.currency}" if parameters.prices is not None else " base units"
    return hit_of(
        search.payments,
        "structuring",
        search.txs(rows),
        roles={side: search.names([party]), "payees" if side == "payer" else "payers": others},
        amounts=[search.sum_of(verb, rows)],
        reading=(
            f"{search.payments.name(party)} {verb} {number:,} amounts that are each less than "
            f"{parameters.limit:,f}{money} by at most {parameters.under_percent} %, {{span}}."
        ),
        against=[
            "prices just under a round sum, equal instalments and wages look like this",
            "whether the threshold was in force, and known to the payer, the chain does not say",
        ],
    )
