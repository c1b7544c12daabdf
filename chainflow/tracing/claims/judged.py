"""One row of a list while it is being judged, and what its words can mean on a chain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chainflow.addresses import label_on
from chainflow.errors import AddressInvalid
from chainflow.ledger.balances import tokens_of
from chainflow.networks import network_of
from chainflow.sources.accounts import ZERO_ADDRESS
from chainflow.tracing.asset import Asset
from chainflow.tracing.claims.rows import ClaimedHop
from chainflow.tracing.claims.seen import Evidence, Finding, Payment, Seen
from chainflow.units import ticker

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["NOBODY", "Judged", "addresses_of", "decimals_of", "is_fee", "names_of"]

NOBODY = ""
"""Stands where an address would, for what is newly made or was burnt."""

_FEES = {"fee", "(fee)", "miner", "miners", "fees"}
_NOBODY = {"payer": {"mint", "minted", "coinbase"}, "payee": {"burn", "burnt", "burned"}}
_COINS = 8
_BASE_UNITS = {"eth": "wei", "tron": "sun"}


@dataclass(slots=True, eq=False)
class Judged:
    """A row while it is being judged: what was found for it, and what speaks against it.

    Attributes
    ----------
    payments : tuple of Payment
        Those that the row speaks of.
    choices : int
        How many payments fit it equally well, of which the first was taken.
    before : list of Judged
        The rows that it goes on from.
    met : set of str
        What the evidence shows that it goes through, in the words of the column `through`.
    carried : (int, int) or None
        What of the trail the row says it carries, in base units, and by how much that may be rounded.
    traced : int or None
        What the declared rule gives there.
    fits : tuple of str
        The rules that give the figure claimed.
    """

    hop: ClaimedHop
    evidence: Evidence | None = None
    seen: Seen | None = None
    payments: tuple[Payment, ...] = ()
    choices: int = 1
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    before: list[Judged] = field(default_factory=list)
    met: set[str] = field(default_factory=set)
    carried: tuple[int, int] | None = None
    traced: int | None = None
    fits: tuple[str, ...] = ()

    def fail(self, code: str, sentence: str) -> None:
        """Note a fault."""
        self.findings.append(Finding(code, sentence))

    def lack(self, code: str, sentence: str) -> None:
        """Note what is missing to judge the row."""
        self.findings.append(Finding(code, sentence, is_fault=False))

    @property
    def value(self) -> int:
        """What the payments that the row speaks of come to."""
        return sum(payment.value for payment in self.payments)


def is_fee(hop: ClaimedHop) -> bool:
    """Return whether a row speaks of the fee, and of nothing else."""
    return bool(hop.payees) and all(name.lower() in _FEES for name in hop.payees)


def addresses_of(judged: Judged, chain: str, role: str) -> tuple[str, ...]:
    """Return whom a row names as "payer" or "payee" as the ledger labels them, `NOBODY` for mint and burn."""
    found = []
    for name in judged.hop.payers if role == "payer" else judged.hop.payees:
        if name.lower() in _NOBODY[role]:
            found.append(NOBODY)
            continue
        try:
            found.append(label_on(name, chain))
        except AddressInvalid as error:
            finding = Finding("unread", f"the {role} {name[:80]}: {error.message}", is_fault=False)
            if finding not in judged.findings:
                judged.findings.append(finding)
    known = set() if judged.seen is None else {one.payee for one in judged.seen.payments} | judged.seen.payers
    return tuple(NOBODY if one == ZERO_ADDRESS and one not in known else one for one in found)


def decimals_of(ledger: Ledger, asset: Asset) -> int | None:
    """Return how many decimals an asset has, `None` where nobody told."""
    if asset.contract is None:
        own = network_of(asset.chain)
        return _COINS if own is None else own.decimals
    return (
        0
        if asset.token_id is not None
        else tokens_of(ledger).get((asset.chain, asset.contract), ("", None))[1]
    )


def names_of(ledger: Ledger, asset: Asset) -> set[str]:
    """Return what a list can call an asset, in lower case; the coin of a chain by its base unit too."""
    if asset.contract is None:
        own = network_of(asset.chain)
        unit = "sat" if own is None else _BASE_UNITS.get(asset.chain, "wei")
        return {asset.chain, ticker(asset.chain).lower(), "native", "coins", "coin", unit}
    symbol, _ = tokens_of(ledger).get((asset.chain, asset.contract), ("", None))
    return {asset.contract.lower(), str(asset).lower(), symbol.lower()}
