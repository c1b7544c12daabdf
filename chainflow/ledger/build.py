"""Facts → tables: merge what all replies stated, on the outpoint; what contradicts becomes a dispute.

What a hash proves wins over what a source merely says: an output comes from the transaction that made
it wherever that transaction is held, from its spender's reply otherwise. Two statements that differ are
never averaged and never overwrite each other silently: the refused one is listed in `disputes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from chainflow import addresses, schema
from chainflow.ledger.coverage import Account, coverage_rows
from chainflow.ledger.ledger import Ledger
from chainflow.ledger.order import TxKey, spending_order
from chainflow.ledger.spending import OutKey, Spending, Statements, replaced, settle
from chainflow.model import (
    Evidence,
    Fact,
    Outpoint,
    OutputRecord,
    Recipe,
    SpendRecord,
    SpendState,
    TxRecord,
    digest_of,
)

__all__ = ["build"]


def build(statements: Iterable[tuple[Fact, Evidence]], *, recipe: Recipe | None = None) -> Ledger:
    """Merge facts with their evidence into a ledger in spending order.

    Parameters
    ----------
    statements : iterable of (fact, evidence)
        In the order they were learnt: for a fact that may change the newest statement counts. In which
        block is it? The one learnt last. Is it spent? The one as of the highest block, of equals the
        one learnt last.
    recipe : Recipe, optional
        How the statements were gathered; by default the digest of all raw replies.

    Raises
    ------
    SourcesDisagree
        If transactions spend each other in a circle, which no chain can contain.
    """
    merge = _Merge()
    for fact, evidence in statements:
        merge.add(fact, evidence)
    return merge.ledger(recipe)


@dataclass(slots=True)
class _Merge:
    """The tables while they grow."""

    txs: dict[TxKey, TxRecord] = field(default_factory=dict)
    evidence: dict[tuple[str, str, int], tuple[object, ...]] = field(default_factory=dict)
    statements: Statements = field(default_factory=Statements)
    asked: dict[TxKey, int | None] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    disputes: dict[tuple[object, ...], None] = field(default_factory=dict)
    replies: dict[str, None] = field(default_factory=dict)

    def add(self, fact: Fact, evidence: Evidence) -> None:
        """Take in one statement."""
        self.replies[evidence.sha256] = None
        tip = self.account.tip(evidence.source, fact.chain)
        if isinstance(fact, TxRecord):
            self.asked[fact.chain, fact.txid] = tip
            self._add_tx(fact)
            row = (fact.chain, fact.txid, evidence.seq, evidence.sha256, evidence.source, evidence.url)
            self.evidence.setdefault((fact.chain, fact.txid, evidence.seq), (*row, evidence.retrieved))
        elif isinstance(fact, SpendRecord):
            self.asked[fact.chain, fact.outpoint.txid] = tip
            self.statements.add(fact, tip)
        else:
            self.account.add(fact, evidence)

    def _add_tx(self, new: TxRecord) -> None:
        key = (new.chain, new.txid)
        old = self.txs.get(key)
        if old is None:
            self.txs[key] = new
            return
        block = self._newest_block(old, new)
        if old.raw is None and new.raw is not None:
            old, new = new, old
        if new.raw is None and (old.outputs, _outpoints(old)) != (new.outputs, _outpoints(new)):
            self._dispute(key, "outputs", digest_of(str(old)), digest_of(str(new)), "the statements differ")
        for mine, other in zip(old.inputs, new.inputs, strict=False):
            if mine.prevout is not None and other.prevout is not None and mine.prevout != other.prevout:
                self._dispute(
                    key, f"prevout {mine.outpoint}", str(mine.prevout), str(other.prevout), "two replies"
                )
        self.txs[key] = replace(
            old,
            height=block.height,
            block_hash=block.block_hash,
            time=block.time,
            position=block.position,
        )

    def _newest_block(self, old: TxRecord, new: TxRecord) -> TxRecord:
        """Return `new` with what only `old` tells of the same block; another block is a dispute."""
        hashes = {old.block_hash, new.block_hash} - {None}
        if old.height == new.height and len(hashes) < 2:
            return replace(
                new,
                block_hash=old.block_hash if new.block_hash is None else new.block_hash,
                time=old.time if new.time is None else new.time,
                position=old.position if new.position is None else new.position,
            )
        if old.height is not None:
            used, refused = _block(new), _block(old)
            self._dispute((new.chain, new.txid), "block", used, refused, "a later reply says otherwise")
        return new

    def _dispute(self, key: TxKey, name: str, used: str, refused: str, why: str) -> None:
        self.disputes[(*key, name, used, refused, why)] = None

    def ledger(self, recipe: Recipe | None) -> Ledger:
        """Return the finished tables."""
        gone = self._leave_out_replaced()
        outputs, spending = self._outputs(), settle(self.txs, self.statements, gone)
        self.disputes |= spending.disputes
        order = spending_order(self.txs, ((key[:2], (key[0], by[0])) for key, by in spending.spent.items()))
        rank = {key: row for row, key in enumerate(order)}
        tables = {
            "txs": [self._tx_row(key, outputs) for key in order],
            "outputs": self._output_rows(outputs, spending, rank),
            "coverage": coverage_rows(self.account),
            "evidence": sorted(self.evidence.values(), key=lambda row: (row[0], row[1], row[2])),
            "disputes": sorted(self.disputes),
        }
        made = recipe or Recipe("ledger", {}, inputs=[digest_of(sorted(self.replies))])
        arrow = {name: schema.rows_to_table(rows, schema.TABLES[name]) for name, rows in tables.items()}
        ledger = Ledger(coverage_table=arrow.pop("coverage"), **arrow, recipe=made)
        tip = min((height for height in self.asked.values() if height is not None), default=None)
        is_lower = tip is not None and (ledger.as_of is None or tip < ledger.as_of)
        return replace(ledger, tip=tip) if is_lower else ledger

    def _leave_out_replaced(self) -> set[TxKey]:
        """Take out unconfirmed transactions that can no longer happen: their coins went elsewhere (RBF).

        A confirmed transaction spends what they spend, or what they spend was made by one of them.
        """
        gone = replaced(self.txs)
        for (chain, txid), (outpoint, by) in gone.items():
            del self.txs[chain, txid]
            self._dispute((chain, txid), "transaction", f"{by} spends {outpoint}", "unconfirmed", "replaced")
        return set(gone)

    def _outputs(self) -> dict[OutKey, tuple[OutputRecord, bool]]:
        """Return every output stated, with whether the transaction that made it is held as bytes."""
        found: dict[OutKey, tuple[OutputRecord, bool]] = {}
        for (chain, txid), tx in self.txs.items():
            for vout, output in enumerate(tx.outputs):
                found[chain, txid, vout] = (output, tx.raw is not None)
        for (chain, txid), tx in self.txs.items():
            for spent in tx.inputs:
                key = (chain, spent.outpoint.txid, spent.outpoint.vout)
                if spent.prevout is None:
                    continue
                known = found.setdefault(key, (spent.prevout, False))
                if known[0] != spent.prevout:
                    why = "the transaction that made it says otherwise" if known[1] else "two replies"
                    self._dispute(
                        (chain, txid), f"prevout {spent.outpoint}", str(known[0]), str(spent.prevout), why
                    )
        return found

    def _tx_row(self, key: TxKey, outputs: dict[OutKey, tuple[OutputRecord, bool]]) -> tuple[object, ...]:
        tx = self.txs[key]
        values = [outputs.get((key[0], i.outpoint.txid, i.outpoint.vout)) for i in tx.inputs]
        paid = sum(output.value_sat for output in tx.outputs)
        known = [value[0].value_sat for value in values if value is not None]
        spent = None if len(known) < len(values) else sum(known) if values else paid
        fee = None if spent is None else spent - paid
        numbers = (len(tx.inputs), len(tx.outputs), spent, paid, fee, 2 if tx.raw is not None else 0)
        place = (tx.height, tx.position, tx.time, tx.block_hash, tx.is_coinbase)
        return (*key, *place, *numbers, tx.raw)

    def _output_rows(
        self,
        outputs: dict[OutKey, tuple[OutputRecord, bool]],
        spending: Spending,
        rank: dict[TxKey, int],
    ) -> list[tuple[object, ...]]:
        last = len(rank)
        told = self.account.told_unspent()
        rows = []
        for key in sorted(outputs, key=lambda key: (rank.get(key[:2], last), key)):
            output, proved = outputs[key]
            spender = spending.spent.get(key, (None, None, None))
            script = bytes.fromhex(output.script)
            address = addresses.address_of(script, key[0])
            history = told.get((key[0], address or ""), {})
            state, as_of = SpendState.UNKNOWN, None
            if key in spending.spent:
                state = SpendState.SPENT
            elif key in spending.unspent:
                state, as_of = SpendState.UNSPENT, spending.unspent[key]
            elif key[1] in history:
                state, as_of = SpendState.UNSPENT, history[key[1]]
            names = (output.script, addresses.script_type(script), address)
            rows.append((*key, output.value_sat, proved, *names, state, *spender, as_of))
        return rows


def _block(tx: TxRecord) -> str:
    if tx.height is None:
        return "unconfirmed"
    return tx.block_hash or f"height {tx.height}"


def _outpoints(tx: TxRecord) -> tuple[Outpoint, ...]:
    return tuple(entry.outpoint for entry in tx.inputs)
