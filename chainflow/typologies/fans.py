"""Fans: one party pays many, or is paid by many, within a window (P-2, P-3); and many coins put into one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainflow.patterns import Columns, sweep
from chainflow.tracing.asset import Asset
from chainflow.typologies.hits import Amount, Hit, hit_of, said_amount
from chainflow.typologies.payments import NOBODY
from chainflow.typologies.search import Search, dense
from chainflow.units import counted

__all__ = ["consolidations", "fans_in", "fans_out"]


def fans_out(search: Search) -> Iterator[Hit]:
    """Yield who pays at least `degree` others within W, as long as that goes on (P-2).

    Addresses that pay in exactly the same transactions are told once, together.
    """
    together: dict[tuple[int, ...], list[int]] = {}
    for rows in search.payments.by_payer.values():
        paid = [row for row in rows if search.row(row).payee != NOBODY]
        for found in _dense(search, paid, [search.row(row).payee for row in paid]):
            key = (search.row(found[0]).asset, *sorted(set(search.txs(found))))
            together.setdefault(key, []).extend(found)
    for (_, *txs), rows in together.items():
        payers = search.names(search.row(row).payer for row in rows)
        payees = search.names(search.row(row).payee for row in rows)
        who = payers[0] if len(payers) == 1 else f"{payers[0]} and {len(payers) - 1:,} more spent with it"
        against = ["services that pay customers, employers and pools look like this every day"]
        yield hit_of(
            search.payments,
            "fan-out",
            txs,
            roles={"payer": payers, "payees": payees},
            amounts=[search.sum_of("paid", rows)],
            reading=(
                f"{who} paid {search.said(rows)} to {counted(len(payees), 'other')} in "
                f"{counted(len(txs), 'transaction')}, {{span}}."
            ),
            against=[*against, "it is one transaction: a batch payout"] if len(txs) == 1 else against,
        )


def fans_in(search: Search) -> Iterator[Hit]:
    """Yield who is paid by at least `degree` others within W, as long as that goes on (P-3).

    Addresses that one transaction spends together count as one payer.
    """
    for (party, _), rows in search.payments.by_payee.items():
        known = [row for row in rows if search.row(row).payer != NOBODY]
        for found in _dense(search, known, [search.row(row).lead for row in known]):
            txs = set(search.txs(found))
            payers = search.names(search.row(row).payer for row in found)
            number = len({search.row(row).lead for row in found})
            yield hit_of(
                search.payments,
                "fan-in",
                txs,
                roles={"payers": payers, "payee": search.names([party])},
                amounts=[search.sum_of("received", found)],
                reading=(
                    f"{search.payments.name(party)} received {search.said(found)} from {counted(number, 'other')} in "
                    f"{counted(len(txs), 'transaction')}, {{span}}."
                ),
                against=[
                    "shops, exchanges, donations and wages collected at one address look like this every day",
                    "payers are told apart by address unless owners are given: one person may be several",
                ],
            )


def _dense(search: Search, rows: list[int], who: list[int]) -> Iterator[list[int]]:
    if len(set(who)) < search.parameters.degree:
        return
    clocks = [search.payments.clock(row) for row in rows]
    for stretch in dense(clocks, who, least=search.parameters.degree, seconds=search.parameters.seconds):
        yield rows[stretch]


def consolidations(search: Search) -> Iterator[Hit]:
    """Yield the transactions of many inputs and one output, by the rule of `patterns.shapes` (CJ-12)."""
    ledger = search.payments.ledger
    index = ledger.index
    for row in np.flatnonzero(sweep(Columns.of(ledger))["consolidation"]).tolist():
        number = search.payments.tx_numbers.get((index.chains[row], index.txids[row]))
        if number is None:
            continue
        spent = index.inputs_of(row).tolist()
        # an output that can be spent is one that is not empty of value: data outputs carry none
        made = max(index.outputs_of(row).tolist(), key=lambda output: int(index.value[output]))
        asset, value = Asset(index.chains[row], None), int(index.value[made])
        yield hit_of(
            search.payments,
            "consolidation",
            [number],
            roles={"inputs": map(index.label_of, spent), "output": [index.label_of(made)]},
            amounts=[Amount("put together", value, str(asset))],
            reading=(
                f"{index.n_inputs[row]:,} coins were put together to {said_amount(value, asset)} at "
                f"{index.label_of(made)}, {{span}}."
            ),
            against=["wallets do this to save fees: it says that the inputs have one owner, not why"],
        )
