"""Who spends what: the inputs of held transactions first, then what sources say of the other outputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from chainflow.ledger.order import TxKey
from chainflow.model import Outpoint, SpendRecord, SpendState, TxRecord

__all__ = ["TWICE", "OutKey", "Spender", "Spending", "Statements", "replaced", "settle"]

TWICE = "spent twice"
"""Why of a dispute: two transactions that are held spend one output; `used` and `refused` are their txids."""

OutKey = tuple[str, str, int]
"""(chain, txid, vout)"""

Spender = tuple[str, int | None, int | None]
"""(txid, input number, sequence)"""

_NEVER = 2**62  # above every block: the height of a transaction that is in none


@dataclass(slots=True)
class Statements:
    """What sources say of each output: every distinct statement with the highest tip then, newest last."""

    by_output: dict[OutKey, dict[SpendRecord, int | None]] = field(default_factory=dict)

    def add(self, record: SpendRecord, tip: int | None) -> None:
        """Take in one statement."""
        key = (record.chain, record.outpoint.txid, record.outpoint.vout)
        stated = self.by_output.setdefault(key, {})
        before = stated.pop(record, None)
        stated[record] = max((height for height in (before, tip) if height is not None), default=None)


@dataclass(slots=True)
class Spending:
    """The spender of each spent output, the height as of which others are unspent, and what was refused."""

    spent: dict[OutKey, Spender] = field(default_factory=dict)
    unspent: dict[OutKey, int | None] = field(default_factory=dict)
    disputes: dict[tuple[object, ...], None] = field(default_factory=dict)


def replaced(txs: Mapping[TxKey, TxRecord]) -> dict[TxKey, tuple[Outpoint, str]]:
    """Return the unconfirmed transactions that can no longer happen: what of theirs went where."""
    spent = {
        (chain, entry.outpoint): txid
        for (chain, txid), tx in sorted(txs.items())
        if tx.height is not None
        for entry in tx.inputs
    }
    waiting = {key: tx for key, tx in sorted(txs.items()) if tx.height is None}
    gone: dict[TxKey, tuple[Outpoint, str]] = {}
    found = True
    while found:
        found = False
        for (chain, txid), tx in waiting.items():
            if (chain, txid) in gone:
                continue
            for entry in tx.inputs:
                parent = (chain, entry.outpoint.txid)
                by = gone[parent][1] if parent in gone else spent.get((chain, entry.outpoint))
                if by is not None:
                    gone[chain, txid], found = (entry.outpoint, by), True
                    break
    return gone


def settle(txs: Mapping[TxKey, TxRecord], statements: Statements, gone: Collection[TxKey] = ()) -> Spending:
    """Return who spends what.

    Of a spender that is held only its own inputs count; of two held ones the confirmed one. Of two
    statements that one counts which is as of the higher block, of equals the one learnt last. What does
    not count is a dispute, but `unspent` as of a block before the spender's contradicts nothing. A
    transaction in `gone` (replaced) spends nothing.
    """
    found = Spending()
    for (chain, txid), tx in sorted(txs.items(), key=lambda item: (item[1].height is None, item[0])):
        for vin, entry in enumerate(tx.inputs):
            key = (chain, entry.outpoint.txid, entry.outpoint.vout)
            if key in found.spent:
                words = (f"spends {entry.outpoint}", found.spent[key][0], txid, TWICE)
                found.disputes[chain, txid, *words] = None
            else:
                found.spent[key] = (txid, vin, entry.sequence)
    for key, stated in statements.by_output.items():
        alive = {record: tip for record, tip in stated.items() if (record.chain, record.spent_by) not in gone}
        _settle_one(found, key, alive, txs)
    return found


def _settle_one(
    found: Spending, key: OutKey, stated: Mapping[SpendRecord, int | None], txs: Mapping[TxKey, TxRecord]
) -> None:
    """Let what sources say of one output add to what is found, or be refused."""
    chain, txid, vout = key
    refuted = {record for record in stated if (chain, record.spent_by) in txs}
    used: SpendRecord | None = None
    since: int | None = None
    if key in found.spent:
        spender, vin, _ = found.spent[key]
        used, since = SpendRecord(chain, Outpoint(txid, vout), spender, vin), txs[chain, spender].height
        since = _NEVER if since is None else since
    else:
        for record, tip in stated.items():
            if record not in refuted and (since is None or (tip is not None and tip >= since)):
                used, since = record, tip
        if used is not None and used.spent_by is None:
            found.unspent[key] = since
        elif used is not None and used.spent_by is not None:
            found.spent[key] = (used.spent_by, used.spent_vin, None)
    for record, tip in stated.items():
        is_earlier = tip is not None and since is not None and tip < since
        if record != used and not (record.spent_by is None and is_earlier):
            is_refuted = record in refuted
            why = "the inputs of that spender say otherwise" if is_refuted else "the statements differ"
            words = (f"spender of output {vout}", _said(used, since), _said(record, tip), why)
            found.disputes[chain, txid, *words] = None


def _said(record: SpendRecord | None, as_of: int | None) -> str:
    if record is None:
        return SpendState.UNKNOWN
    if record.spent_by is not None:
        return f"{SpendState.SPENT} by {record.spent_by}, input {record.spent_vin}"
    return f"{SpendState.UNSPENT} as of {'an unknown block' if as_of is None else f'block {as_of:,}'}"
