"""Facts → tables: merge what all replies stated, on the outpoint; what contradicts becomes a dispute.

What a hash proves wins over what a source merely says: an output comes from the transaction that made
it wherever that transaction is held, from its spender's reply otherwise. Two statements that differ are
never averaged and never overwrite each other silently: the refused one is listed in `disputes`.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from chainflow import addresses, schema
from chainflow.ledger.coverage import Account, coverage_rows
from chainflow.ledger.ledger import Ledger
from chainflow.ledger.levels import Proofs, is_own_node, level_of, operator_of
from chainflow.ledger.order import TxKey, spending_order
from chainflow.ledger.placing import Placing
from chainflow.ledger.spending import OutKey, Spending, Statements, replaced, settle
from chainflow.ledger.transfers import Transfers
from chainflow.model import (
    AddressClaim,
    BlockHash,
    Evidence,
    Fact,
    HeaderRecord,
    InclusionRecord,
    Listing,
    Outpoint,
    OutputRecord,
    Recipe,
    SpendRecord,
    SpendState,
    Tip,
    TokenRecord,
    TransferRecord,
    TxOutline,
    TxRecord,
    Unread,
    digest_of,
)

__all__ = ["build"]


def build(
    statements: Iterable[tuple[Fact, Evidence]],
    *,
    unread: Iterable[Unread] = (),
    recipe: Recipe | None = None,
) -> Ledger:
    """Merge facts with their evidence into a ledger in spending order.

    Parameters
    ----------
    statements : iterable of (fact, evidence)
        In the order they were learnt: for a fact that may change the newest statement counts. In which
        block is it? The one learnt last. Is it spent? The one as of the highest block, of equals the
        one learnt last.
    unread : iterable of Unread
        What is not held of the histories that were begun, and why.
    recipe : Recipe, optional
        How the statements were gathered; by default the digest of all raw replies.

    Raises
    ------
    SourcesDisagree
        If transactions spend each other in a circle, which no chain can contain.
    """
    merge = _Merge()
    with _collector_paused():
        for fact, evidence in statements:
            merge.add(fact, evidence)
        for one in unread:
            merge.account.add_unread(one)
        return merge.ledger(recipe)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause Python's search for cycles: over millions of rows, which have none, it takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(slots=True)
class _Version:
    """What a transaction spends and makes, by one or more statements that agree on it, and whose they are."""

    tx: TxRecord
    operators: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Merge:
    """The tables while they grow."""

    versions: dict[TxKey, dict[object, _Version]] = field(default_factory=dict)
    txs: dict[TxKey, TxRecord] = field(default_factory=dict)
    placing: Placing = field(default_factory=Placing)
    outlines: dict[TxKey, list[TxOutline]] = field(default_factory=dict)
    owned: set[TxKey] = field(default_factory=set)
    evidence: dict[tuple[object, ...], tuple[object, ...]] = field(default_factory=dict)
    statements: Statements = field(default_factory=Statements)
    transfers: Transfers = field(default_factory=Transfers)
    proofs: Proofs = field(default_factory=Proofs)
    asked: dict[TxKey, int | None] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    disputes: dict[tuple[object, ...], None] = field(default_factory=dict)
    replies: dict[str, None] = field(default_factory=dict)
    unsure: dict[tuple[str, str, str, str, str, str], None] = field(default_factory=dict)

    def add(self, fact: Fact, evidence: Evidence) -> None:
        """Take in one statement."""
        self.replies[evidence.sha256] = None
        match fact:
            case TxRecord() | TxOutline() | TransferRecord():
                self._note(fact.chain, fact.txid, evidence)
                self.placing.add(fact, evidence.source)
                self.placing.compare_with_tip(fact, evidence)
                if isinstance(fact, TransferRecord):
                    self.transfers.add(fact, evidence)
                elif isinstance(fact, TxOutline):
                    self.outlines.setdefault((fact.chain, fact.txid), []).append(fact)
                else:
                    self._add_tx(fact, evidence.source)
            case TokenRecord():
                self.transfers.add_token(fact)
            case SpendRecord():
                tip = self.account.tip(evidence.source, fact.chain)
                self.asked[fact.chain, fact.outpoint.txid] = tip
                self.statements.add(fact, tip)
            case InclusionRecord():
                self.proofs.add(fact)
                self.placing.add_branch(fact, evidence.source)
            case HeaderRecord():
                self.placing.add_block(fact.chain, self.proofs.headers.add(fact), fact.height)
            case AddressClaim() | Listing() | Tip():
                self.account.add(fact, evidence)
                if isinstance(fact, Listing):
                    self.transfers.add_page(fact, evidence)
                elif isinstance(fact, Tip):
                    self.placing.add_tip(fact, evidence)
            case BlockHash():
                self.placing.add_block(fact.chain, fact.block_hash, fact.height)

    def _note(self, chain: str, txid: str, evidence: Evidence) -> None:
        """Remember which reply spoke of a transaction, and as of which block."""
        self.asked[chain, txid] = self.account.tip(evidence.source, chain)
        row = (chain, txid, evidence.seq, evidence.sha256, evidence.source, evidence.url, evidence.retrieved)
        self.evidence.setdefault(row[:4], row)

    def _add_tx(self, new: TxRecord, source: str) -> None:
        key = (new.chain, new.txid)
        if is_own_node(source):
            self.owned.add(key)
        version = self.versions.setdefault(key, {}).setdefault((new.outputs, _outpoints(new)), _Version(new))
        version.operators.update({operator_of(source)} - {""})
        old, new = (version.tx, new) if version.tx.raw is not None or new.raw is None else (new, version.tx)
        version.tx = self._with_prevouts(old, [given.prevout for given in new.inputs])

    def _choose(self) -> None:
        """Take of each transaction what hashes, else what most say; the other statements are disputes."""
        for key, versions in self.versions.items():
            best = max(versions.values(), key=lambda one: (one.tx.raw is not None, len(one.operators)))
            self.txs[key] = best.tx
            for other in versions.values():
                if other is not best:
                    words = (_content(best.tx), _content(other.tx))
                    is_excluded = best.tx.raw is None
                    why = "the statements differ" if is_excluded else "its bytes say otherwise"
                    self._dispute(key, "inputs and outputs", *words, why, is_excluded=is_excluded)

    def _with_prevouts(self, tx: TxRecord, stated: Sequence[OutputRecord | None]) -> TxRecord:
        """Return a transaction with the spent outputs that only another statement tells."""
        inputs = []
        for mine, other in zip_longest(tx.inputs, stated[: len(tx.inputs)]):
            if None not in (mine.prevout, other) and mine.prevout != other:
                words = (f"prevout {mine.outpoint}", str(mine.prevout), str(other))
                self.unsure[(tx.chain, mine.outpoint.txid, tx.txid, *words)] = None
            inputs.append(replace(mine, prevout=other) if mine.prevout is None else mine)
        return replace(tx, inputs=tuple(inputs))

    def _dispute(
        self, key: TxKey, name: str, used: str, refused: str, why: str, *, is_excluded: bool = False
    ) -> None:
        self.disputes[(*key, name, used, refused, why, is_excluded)] = None

    def _apply_outlines(self) -> None:
        """Add to every transaction held what outlines say of it; what contradicts it is a dispute."""
        for key, outline in [(key, one) for key, many in self.outlines.items() for one in many]:
            if key not in self.txs:
                continue
            tx = self.txs[key]
            is_held = tx.raw is not None
            why = "its bytes say otherwise" if is_held else "the statements differ"
            if outline.outputs is not None and outline.outputs != tx.outputs:
                words = (digest_of(str(tx.outputs)), digest_of(str(outline.outputs)))
                self._dispute(key, "outputs", *words, why, is_excluded=not is_held)
            elif outline.prevouts is not None and len(outline.prevouts) != len(tx.inputs):
                counts = (f"{len(tx.inputs):,} inputs", f"{len(outline.prevouts):,} inputs")
                self._dispute(key, "inputs", *counts, why, is_excluded=not is_held)
            elif outline.prevouts is not None:
                self.txs[key] = self._with_prevouts(tx, outline.prevouts)

    def ledger(self, recipe: Recipe | None) -> Ledger:
        """Return the finished tables."""
        self._choose()
        self._apply_outlines()
        self.txs = {key: self.placing.settle(tx, self.proofs) for key, tx in self.txs.items()}
        gone = self._leave_out_replaced()
        outputs, spending = self._outputs(), settle(self.txs, self.statements, gone)
        self.disputes |= {(*words, False): None for words in spending.disputes}
        order = spending_order(self.txs, ((key[:2], (key[0], by[0])) for key, by in spending.spent.items()))
        rank = {key: row for row, key in enumerate(order)}
        transfers = self.transfers.rows(self.placing)
        self.placing.check_tips({key: tx.height for key, tx in self.txs.items()})
        levels = self._levels()
        tables = {
            "txs": [self._tx_row(key, outputs, levels[key]) for key in order],
            "outputs": self._output_rows(outputs, spending, rank),
            "transfers": transfers,
            "tokens": self.transfers.token_rows(),
            "coverage": coverage_rows(self.account),
            "evidence": sorted(self.evidence.values(), key=lambda row: row[:4]),
            "disputes": sorted(self.disputes | self.placing.disputes | self.transfers.disputes),
            "proofs": self.proofs.proof_rows(self.placing.proving),
            "headers": self.proofs.headers.rows(),
        }
        made = recipe or Recipe("ledger", {}, inputs=[digest_of(sorted(self.replies))])
        arrow = {name: schema.rows_to_table(rows, schema.TABLES[name]) for name, rows in tables.items()}
        ledger = Ledger(coverage_table=arrow.pop("coverage"), **arrow, recipe=made)
        tip = min((height for height in self.asked.values() if height is not None), default=None)
        is_lower = tip is not None and (ledger.as_of is None or tip < ledger.as_of)
        return replace(ledger, tip=tip) if is_lower else ledger

    def _levels(self) -> dict[TxKey, int]:
        """Return how well each transaction is known; see `chainflow.ledger.levels`."""
        anchored = {chain: self.proofs.anchored(chain) for chain in {chain for chain, _ in self.txs}}
        return {
            key: level_of(
                tx,
                hosts=len(self.versions[key][tx.outputs, _outpoints(tx)].operators),
                block=self.placing.included.get(key),
                anchored=anchored[key[0]],
                is_own=key in self.owned,
            )
            for key, tx in self.txs.items()
        }

    def _leave_out_replaced(self) -> set[TxKey]:
        """Take out unconfirmed transactions that can no longer happen: their coins went elsewhere (RBF).

        A confirmed transaction spends what they spend, or what they spend was made by one of them.
        """
        gone = replaced(self.txs)
        for (chain, txid), (outpoint, by) in gone.items():
            where = "unconfirmed" if self.txs[chain, txid].is_placed else "in no known block"
            self._dispute((chain, txid), "transaction", f"{by} spends {outpoint}", where, "replaced")
            del self.txs[chain, txid]
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
                    words = (f"prevout {spent.outpoint}", str(known[0]), str(spent.prevout), why)
                    self._dispute((chain, txid), *words, is_excluded=not known[1])
        for chain, parent, txid, name, used, refused in self.unsure:
            is_held = (chain, parent) in self.txs and self.txs[chain, parent].raw is not None
            why = "the transaction that made it says otherwise" if is_held else "two replies"
            self._dispute((chain, txid), name, used, refused, why, is_excluded=not is_held)
        return found

    def _tx_row(
        self, key: TxKey, outputs: dict[OutKey, tuple[OutputRecord, bool]], level: int
    ) -> tuple[object, ...]:
        tx = self.txs[key]
        values = [outputs.get((key[0], i.outpoint.txid, i.outpoint.vout)) for i in tx.inputs]
        paid = sum(output.value_sat for output in tx.outputs)
        known = [value[0].value_sat for value in values if value is not None]
        spent = None if len(known) < len(values) else sum(known) if values else paid
        fee = None if spent is None else spent - paid
        numbers = (len(tx.inputs), len(tx.outputs), spent, paid, fee)
        place = (tx.height, tx.position, tx.time, tx.block_hash, tx.is_coinbase)
        is_confirmed = tx.height is not None if tx.is_placed else None
        return (*key, *place, *numbers, is_confirmed, level, tx.raw)

    def _output_rows(
        self,
        outputs: dict[OutKey, tuple[OutputRecord, bool]],
        spending: Spending,
        rank: dict[TxKey, int],
    ) -> list[tuple[object, ...]]:
        last = len(rank)
        told = self.account.told_unspent()
        named: dict[tuple[str, str], tuple[str, str | None]] = {}  # most scripts come more than once
        rows = []
        for key in sorted(outputs, key=lambda key: (rank.get(key[:2], last), key)):
            output, proved = outputs[key]
            spender = spending.spent.get(key, (None, None, None))
            if (key[0], output.script) not in named:
                script = bytes.fromhex(output.script)
                named[key[0], output.script] = (
                    addresses.script_type(script),
                    addresses.address_of(script, key[0]),
                )
            kind, address = named[key[0], output.script]
            history = told.get((key[0], address or ""), {})
            state, as_of = SpendState.UNKNOWN, None
            if key in spending.spent:
                state = SpendState.SPENT
            elif key in spending.unspent:
                state, as_of = SpendState.UNSPENT, spending.unspent[key]
            elif key[1] in history:
                state, as_of = SpendState.UNSPENT, history[key[1]]
            names = (output.script, kind, address)
            rows.append((*key, output.value_sat, proved, *names, state, *spender, as_of))
        return rows


def _content(tx: TxRecord) -> str:
    """Return the digest of what a statement says that a transaction spends and makes."""
    return digest_of([str(tx.outputs), str(_outpoints(tx))])


def _outpoints(tx: TxRecord) -> tuple[Outpoint, ...]:
    return tuple(entry.outpoint for entry in tx.inputs)
