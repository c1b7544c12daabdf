"""How often the scripts of candidates are paid and spent from: before their transaction, after it, in all.

Everything here counts what the ledger shows; where a history is not whole, there may be more.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chainflow.clustering.change.payments import Bools, Ints, Payments
from chainflow.ledger import Ledger

__all__ = [
    "heights",
    "last_height",
    "n_payers",
    "n_spenders",
    "next_receipt",
    "prior_receipts",
    "was_self_change",
]


def prior_receipts(payments: Payments) -> Ints:
    """Return, per candidate, how many earlier transactions are shown to have paid its script."""
    index = payments.ledger.index
    before = _below(
        payments, np.unique(_keys(payments, index.created_by >= 0, index.created_by)), payments.tx
    )
    # who paid it is not held, but that was before it was spent: `<=` the candidate's transaction
    return before + _below(payments, _first_spends(payments), payments.tx + 1)


def next_receipt(payments: Payments, among: Bools) -> Ints:
    """Return, per candidate, the row of the next transaction that pays its script; −1: none is shown.

    Parameters
    ----------
    among : bool[n_txs]
        The transactions that count.
    """
    index = payments.ledger.index
    counted = (index.created_by >= 0) & np.append(among, False)[index.created_by]
    keys = np.unique(_keys(payments, counted, index.created_by))
    after = np.append(keys, -1)[
        np.searchsorted(keys, _key(payments, payments.script, payments.tx), side="right")
    ]
    return np.where(after // _width(payments) == payments.script, after % _width(payments), -1)


def n_payers(payments: Payments) -> Ints:
    """Return, per candidate, how many transactions, held or not, are shown to pay its script."""
    return _distinct(payments, payments.ledger.outputs["txid"])


def n_spenders(payments: Payments) -> Ints:
    """Return, per candidate, how many transactions, held or not, are shown to spend from its script."""
    return _distinct(payments, payments.ledger.outputs["spent_by"])


def was_self_change(payments: Payments) -> Bools:
    """Return, per candidate, whether an earlier transaction paid its script and spent from it."""
    first = np.full(len(payments.ledger.index.labels), len(payments.n_inputs), dtype=np.int64)
    np.minimum.at(first, payments.script[payments.is_self], payments.tx[payments.is_self])
    return np.less(first[payments.script], payments.tx)


def heights(ledger: Ledger) -> Ints:
    """Return the block height of every transaction; −1 where it has none."""
    return np.array(ledger.txs["height"].fill_null(-1), dtype=np.int64)


def last_height(ledger: Ledger) -> Ints:
    """Return, per transaction, the last block of its chain that this ledger knows of."""
    _, chain = np.unique(np.array(ledger.index.chains, dtype=np.str_), return_inverse=True)
    last = np.full(len(ledger.chains), -1 if ledger.as_of is None else ledger.as_of, dtype=np.int64)
    np.maximum.at(last, chain, heights(ledger))
    return last[chain]


def _width(payments: Payments) -> np.int64:
    return np.int64(len(payments.n_inputs) + 1)


def _key(payments: Payments, script: Ints, tx: Ints) -> Ints:
    return script * _width(payments) + tx


def _keys(payments: Payments, rows: Bools, tx: Ints) -> Ints:
    return _key(payments, payments.ledger.index.script_of[rows], tx[rows])


def _first_spends(payments: Payments) -> Ints:
    """Return the sorted keys (script, first spender) of each transaction not held that paid a script."""
    index = payments.ledger.index
    rows = np.flatnonzero((index.created_by < 0) & (index.spent_by >= 0))
    codes = payments.ledger.outputs["txid"].combine_chunks().dictionary_encode().indices.to_numpy()[rows]
    script, spender = index.script_of[rows], index.spent_by[rows]
    order = np.lexsort((spender, codes, script))
    pair = np.stack([script, codes])[:, order]
    first = np.any(np.diff(pair, axis=1, prepend=-1), axis=0)
    return np.sort(_key(payments, script[order][first], spender[order][first]))


def _below(payments: Payments, keys: Ints, tx: Ints) -> Ints:
    """Return, per candidate, how many of the sorted keys are of its script and a row less than `tx`."""
    start = np.searchsorted(keys, _key(payments, payments.script, np.zeros_like(tx)))
    return (np.searchsorted(keys, _key(payments, payments.script, tx)) - start).astype(np.int64)


def _distinct(payments: Payments, txids: pa.ChunkedArray) -> Ints:
    index = payments.ledger.index
    codes = txids.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    width = codes.max(initial=0) + 1
    script = np.unique((index.script_of * width + codes)[codes >= 0]) // width
    return np.bincount(script, minlength=len(index.labels)).astype(np.int64)[payments.script]
