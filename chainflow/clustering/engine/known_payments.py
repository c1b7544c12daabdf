"""Known payments: the outputs that are not the sender's own, where the change of a transaction is known (C-5b)."""

from __future__ import annotations

import numpy as np

from chainflow.clustering.change.payments import Payments
from chainflow.clustering.engine.claims import Claims
from chainflow.clustering.engine.constraints import Constraint
from chainflow.clustering.engine.places import Places
from chainflow.ledger import Ledger

__all__ = ["known_payments"]


def known_payments(ledger: Ledger, places: Places, change: Claims) -> dict[tuple[int, int], Constraint]:
    """Return the pairs (sender, payee) of transactions whose change is known.

    It is known where an output pays one of the inputs' own scripts (self-change), or where the change
    links, none of them vetoed, name exactly one output. Then every other spendable output is taken for
    a payment to somebody else. That is a guess about habits: whoever pays two of his own addresses and
    takes change is kept apart from himself.

    References
    ----------
    C-5(b); Möser and Narayanan, *Resurrecting Address Clustering in Bitcoin*, 2022.
    """
    payments, index = Payments.of(ledger), ledger.index
    place_of = places.of_scripts(ledger)
    place = place_of[payments.script]
    told = np.unique(change.tx * np.int64(max(len(places), 1)) + change.b)
    is_change = payments.is_self | np.isin(payments.tx * np.int64(max(len(places), 1)) + place, told)
    scripts = np.unique(np.stack([payments.tx, payments.script])[:, is_change], axis=1)
    many = np.bincount(scripts[0], minlength=index.n_txs)
    paid = ~is_change & (many[payments.tx] == 1) & (payments.n_known_inputs[payments.tx] > 0)
    found: dict[tuple[int, int], Constraint] = {}
    for tx, payee in zip(payments.tx[paid].tolist(), place[paid].tolist(), strict=True):
        sender = int(place_of[index.script_of[index.inputs_of(tx)[0]]])
        a, b = sorted((sender, payee))
        if a != b:
            said = f"{places.name(sender)} paid {places.name(payee)} in {index.txids[tx]}"
            because = f"{said}, whose change is another output"
            found.setdefault((a, b), Constraint("payment", places.name(a), places.name(b), because))
    return found
