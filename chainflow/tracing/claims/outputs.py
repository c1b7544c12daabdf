"""Claims about chains of outputs: which output a transaction paid, and which one it spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from chainflow.errors import SeedUnknown
from chainflow.tracing.asset import Asset
from chainflow.tracing.claims.seen import Finding, Payment, Pool, Seen, disputes_of
from chainflow.tracing.route import FEE, Route
from chainflow.tracing.seeds import Claim

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["OutputEvidence", "fee_key"]

_FAR = 2**62


def fee_key(tx: int) -> int:
    """Return the key that stands for the fee of a transaction row, where others are rows of outputs."""
    return -2 - tx


class OutputEvidence:
    """The transactions and outputs of one chain of a ledger."""

    is_account = False

    def __init__(self, ledger: Ledger, chain: str) -> None:
        self.ledger, self.chain = ledger, chain
        self.index, self.route = ledger.index, Route(ledger, forward=True)
        self._spent_by: list[str | None] = ledger.outputs["spent_by"].to_pylist()
        self._made: dict[str, list[int]] = {}
        for row, (held, txid) in enumerate(
            zip(self.index.output_chains, self.index.outpoint_txids, strict=True)
        ):
            if held == chain:
                self._made.setdefault(txid, []).append(row)

    def find(self, txid: str) -> Seen | None:
        """Return a transaction; of one that is not held, the outputs that others spend."""
        tx = self.index.row_of_tx.get((self.chain, txid))
        rows = sorted(self._made.get(txid, ()), key=lambda row: int(self.index.vout[row]))
        if tx is None and not rows:
            return None
        known = (disputes_of(self.ledger, self.chain, txid), (self.chain, txid) in self.ledger.disputed)
        if tx is None:
            paid = tuple(self._payment(row, None, frozenset()) for row in rows)
            unheld = (False, False, None, None, None, None, None)
            return Seen(txid, self.chain, paid, frozenset(), *unheld, *known)
        payers = frozenset(self.index.label_of(int(row)) for row in self.index.inputs_of(tx))
        payments = (*(self._payment(row, tx, payers) for row in rows), *self._fee(tx, payers))
        told = self.ledger.txs
        return Seen(
            txid,
            self.chain,
            payments,
            payers,
            len(self.index.inputs_of(tx)) == self.index.n_inputs[tx] or self.index.is_coinbase[tx],
            len(rows) == told["n_outputs"][tx].as_py(),
            told["height"][tx].as_py(),
            told["time"].cast(pa.int64())[tx].as_py(),
            told["is_confirmed"][tx].as_py(),
            True,
            told["level"][tx].as_py(),
            *known,
        )

    def _fee(self, tx: int, payers: frozenset[str]) -> Iterator[Payment]:
        """Yield the fee of a transaction, where it is known."""
        _, targets = self.route.sides(tx)
        fee = next(value for row, value in targets if row == FEE)
        if fee >= 0:
            name, pools = f"the fee of {self.index.txids[tx]}", (("tx", tx), None)
            order, asset = (tx, _FAR), Asset(self.chain, None)
            yield Payment(fee_key(tx), name, "fee", payers, None, fee, asset, order, pools, is_fee=True)

    def _payment(self, row: int, tx: int | None, payers: frozenset[str]) -> Payment:
        vout = int(self.index.vout[row])
        name = f"{self.index.outpoint_txids[row]}:{vout}"
        made: Pool | None = None if tx is None else ("tx", tx)
        order = (-1 if tx is None else tx, vout)
        value, asset = self.route.values[row], Asset(self.chain, None)
        return Payment(
            row,
            name,
            str(vout),
            payers,
            self.index.label_of(row),
            value,
            asset,
            order,
            (made, self._into(row)),
        )

    def _into(self, row: int) -> Pool | None:
        spender = self.route.after[row]
        return None if spender < 0 else ("tx", spender)

    def paying(self, address: str) -> Sequence[str]:
        """Return the txids that pay an address, in spending order."""
        scripts = self.index.scripts_of_label.get(address, [])
        rows = sorted(int(row) for script in scripts for row in self.index.outputs_to(script))
        here = (row for row in rows if self.index.output_chains[row] == self.chain)
        return list(dict.fromkeys(self.index.outpoint_txids[row] for row in here))

    def link(self, before: Sequence[Payment], seen: Seen, chosen: Sequence[Payment]) -> Finding | None:
        """Return what speaks against a transaction spending one of the outputs that were paid before."""
        rows = [payment.key for payment in before if not payment.is_fee]
        spenders = [self._spent_by[row] for row in rows]
        if seen.txid in spenders or not rows:
            return None if rows else Finding("link", "a fee was paid before: nothing goes on with it")
        names = ", ".join(payment.name for payment in before[:3])
        own = self.index.row_of_tx.get((self.chain, seen.txid))
        if own is not None and all(self.route.makers[row] > own for row in rows):
            return Finding(
                "order", f"{seen.txid} stands before {names} in the chain: the money was not there"
            )
        known = next((spender for spender in spenders if spender is not None), None)
        states = {self.index.states[row] for row in rows}
        if known is None and not seen.knows_payers and states != {"unspent"}:
            return Finding("link", f"nobody was asked who spends {names}", is_fault=False)
        if None in spenders and not seen.knows_payers and "unspent" not in states:
            return Finding("link", f"not all inputs of {seen.txid} are in evidence", is_fault=False)
        where = f"that is spent by {known}" if known else "none of its inputs is that output"
        if states == {"unspent"}:
            where = "that is unspent as far as its source was asked"
        shared = sorted({payment.payee for payment in before if payment.payee in seen.payers} - {None})
        if shared:
            return Finding(
                "other-coin",
                f"same address, another coin: {shared[0]} pays in {seen.txid}, not with {names}; {where}",
            )
        return Finding("link", f"{seen.txid} does not spend {names}; {where}")

    def spender(self, payment: Payment) -> str | None:
        """Return the txid that spends an output; `None` where that is not known."""
        return None if payment.is_fee else self._spent_by[payment.key]

    def owner(self, key: int) -> str | None:
        """Return whose an output is; `None` for a fee."""
        return self.index.label_of(key) if key >= 0 else None

    def seeds(self, claims: Iterable[Claim]) -> dict[int, tuple[int, Pool | None]]:
        """Return the outputs that seeds name."""
        found: dict[int, tuple[int, Pool | None]] = {}
        for claim in claims:
            try:
                rows = self.index.resolve([claim.where])
            except SeedUnknown:
                continue
            for row in rows:
                if self.index.output_chains[row] == self.chain:
                    value = self.route.values[row] if claim.amount is None else claim.amount
                    had = found.get(row, (0, None))[0]
                    found[row] = (min(self.route.values[row], value + had), self._into(row))
        return found

    def kept(self, before: Payment, after: Payment) -> tuple[int, str] | None:
        """Return nothing: an output is spent whole."""
        return None
