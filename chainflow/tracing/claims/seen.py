"""What the evidence shows of one transaction, in one form for outputs and for accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chainflow.tracing.asset import Asset

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger
    from chainflow.tracing.seeds import Claim

__all__ = ["Evidence", "Finding", "Payment", "Pool", "Seen", "disputes_of"]

Pool = tuple[str, object]
"""Where money is put together: a transaction that spends outputs, or what an account holds of an asset."""


class Finding(NamedTuple):
    """One thing that speaks against a row: a fault, or what is missing to judge it."""

    code: str
    sentence: str
    is_fault: bool = True


class Payment(NamedTuple):
    """One output, fee or transfer. `key` names it; `payee` is `None` for nobody; `pools` are (from, to)."""

    key: int
    name: str
    place: str
    payers: frozenset[str]
    payee: str | None
    value: int
    asset: Asset
    order: tuple[int, int]
    pools: tuple[Pool | None, Pool | None]
    is_fee: bool = False


class Seen(NamedTuple):
    """One transaction as far as it is in evidence.

    Attributes
    ----------
    payments : tuple of Payment
    payers : frozenset of str
    knows_payers, knows_payees : bool
        Whether all who pay, and all that is paid, are in evidence.
    is_confirmed : bool or None
    outcome : bool or None
        Whether it succeeded; `None` where nobody said.
    level : int or None
        Verification level, `None` where only a spender of it is in evidence.
    disputes : tuple of str
    is_disputed : bool
        Whether sources differ so that no total counts it; else one statement was used.
    """

    txid: str
    chain: str
    payments: tuple[Payment, ...]
    payers: frozenset[str]
    knows_payers: bool
    knows_payees: bool
    height: int | None
    seconds: int | None
    is_confirmed: bool | None
    outcome: bool | None
    level: int | None
    disputes: tuple[str, ...]
    is_disputed: bool


class Evidence(Protocol):
    """What one chain of a ledger can answer about claims."""

    chain: str
    is_account: bool

    def find(self, txid: str) -> Seen | None:
        """Return a transaction, `None` where nothing of it is in evidence."""

    def paying(self, address: str) -> Sequence[str]:
        """Return the txids that pay an address, in order."""

    def link(self, before: Sequence[Payment], seen: Seen, chosen: Sequence[Payment]) -> Finding | None:
        """Return what speaks against a transaction going on with what was paid before; `None`: it does."""

    def spender(self, payment: Payment) -> str | None:
        """Return the txid that spends an output; `None` where that is not known, or there are none."""

    def owner(self, key: int) -> str | None:
        """Return whose a payment is that can only be spent whole; `None` on account chains."""

    def seeds(self, claims: Iterable[Claim]) -> dict[int, tuple[int, Pool | None]]:
        """Return the payments that seeds name: key → base units claimed, and the pool they come to."""

    def kept(self, before: Payment, after: Payment) -> tuple[int, str] | None:
        """Return the least that was held between two payments and how far that is known; `None`: no account."""


def disputes_of(ledger: Ledger, chain: str, txid: str) -> tuple[str, ...]:
    """Return what sources state differently of a transaction, as sentences."""
    return tuple(
        f"{row['field']}: {row['used']} is used, {row['refused']} is stated too ({row['why']})"
        for row in ledger.disputes.to_pylist()
        if row["chain"] == chain and row["txid"] == txid
    )
