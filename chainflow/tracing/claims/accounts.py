"""Claims about account chains: which transfers a transaction made, and what an account held between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chainflow.errors import SeedUnknown
from chainflow.model import TransferKind
from chainflow.tracing.accounts.events import Events, Holding
from chainflow.tracing.claims.seen import Finding, Payment, Pool, Seen, disputes_of
from chainflow.tracing.seeds import Claim

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["AccountEvidence"]


class AccountEvidence:
    """The transfers of one account chain of a ledger."""

    is_account = True

    def __init__(self, ledger: Ledger, chain: str) -> None:
        self.ledger, self.chain = ledger, chain
        self.events = Events(ledger, chain)
        self._numbers: dict[str, list[int]] = {}
        for number, event in enumerate(self.events):
            self._numbers.setdefault(event.txid, []).append(number)
        rows = ledger.transfers.select(["chain", "txid", "level"]).to_pylist()
        self._levels: dict[str, int] = {}
        for row in rows:
            if row["chain"] == chain:
                self._levels[row["txid"]] = min(row["level"], self._levels.get(row["txid"], row["level"]))

    def find(self, txid: str) -> Seen | None:
        """Return a transaction with all its transfers that are in evidence."""
        numbers = self._numbers.get(txid)
        if numbers is None:
            return None
        events = [self.events[number] for number in numbers]
        payments = tuple(self._payment(number) for number in numbers)
        outcomes = {event.ok for event in events if event.kind != TransferKind.FEE}
        outcome = False if outcomes == {False} else None if None in outcomes else True
        return Seen(
            txid,
            self.chain,
            payments,
            frozenset(event.sender for event in events if event.sender is not None),
            True,
            True,
            events[0].height,
            events[0].time,
            None if events[0].height is None and events[0].time is None else True,
            outcome,
            self._levels[txid],
            disputes_of(self.ledger, self.chain, txid),
            (self.chain, txid) in self.ledger.disputed,
        )

    def _payment(self, number: int) -> Payment:
        event = self.events[number]
        payer, payee = event.holdings()
        pools: tuple[Pool | None, Pool | None] = (
            None if payer is None else ("account", payer),
            None if payee is None else ("account", payee),
        )
        payers = frozenset(() if event.sender is None else (event.sender,))
        is_fee = event.kind == TransferKind.FEE
        return Payment(
            number,
            event.name,
            event.place or ("native" if event.kind == TransferKind.NATIVE else "fee" if is_fee else ""),
            payers,
            event.recipient,
            event.value,
            event.asset,
            (number, 0),
            pools,
            is_fee,
        )

    def paying(self, address: str) -> Sequence[str]:
        """Return the txids that pay an address, in order."""
        numbers = (
            number
            for holding, some in self.events.of.items()
            if holding.address == address
            for number in some
        )
        paid = sorted(number for number in numbers if self.events[number].recipient == address)
        return list(dict.fromkeys(self.events[number].txid for number in paid))

    def link(self, before: Sequence[Payment], seen: Seen, chosen: Sequence[Payment]) -> Finding | None:
        """Return what speaks against a later payment out of the account and asset that was paid before."""
        after = chosen or seen.payments
        fitting = [
            (one, other)
            for one in before
            for other in after
            if one.payee is not None and one.payee in other.payers
        ]
        names = ", ".join(payment.name for payment in before[:3])
        payees = ", ".join(sorted({payment.payee for payment in before if payment.payee is not None}))
        if not fitting:
            return Finding(
                "link", f"{payees or 'nobody'} was paid by {names}, and pays nothing in {seen.txid}"
            )
        later = [(one, other) for one, other in fitting if other.order > one.order]
        if not later:
            return Finding(
                "order", f"{seen.txid} stands before {names} in the chain: the money was not there"
            )
        if not any(one.asset == other.asset for one, other in later):
            came, went = later[0][0].asset, later[0][1].asset
            return Finding("conversion", f"{came} came to {payees}, what goes on is {went}")
        return None

    def spender(self, payment: Payment) -> str | None:
        """Return nothing: an account spends from what it holds."""
        return None

    def owner(self, key: int) -> str | None:
        """Return nothing: what an account holds is no coin of its own."""
        return None

    def seeds(self, claims: Iterable[Claim]) -> dict[int, tuple[int, Pool | None]]:
        """Return the transfers that seeds name."""
        found: dict[int, tuple[int, Pool | None]] = {}
        for claim in claims:
            if not self.events.knows(claim.where):
                continue
            try:
                numbers, holdings = self.events.named(claim, None)
            except SeedUnknown:
                continue
            for number in numbers:
                payment = self._payment(number)
                found[number] = (payment.value if claim.amount is None else claim.amount, payment.pools[1])
            for place, holding in enumerate(holdings):
                found[-1 - place - len(found)] = (self.events.opening(holding), ("account", holding))
        return found

    def kept(self, before: Payment, after: Payment) -> tuple[int, str] | None:
        """Return the least that the account held of the asset between two payments, and how far that is known."""
        if before.payee is None or before.asset != after.asset or before.payee not in after.payers:
            return None
        holding = Holding(before.asset, before.payee)
        balance = self.events.balance_before(holding, before.key) + before.value
        least = balance
        for number in self.events.of[holding]:
            if before.key < number < after.key:
                balance += self.events.change(holding, number)
                least = min(least, balance)
        return least, self.events.known[holding]
