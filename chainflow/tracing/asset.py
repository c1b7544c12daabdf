"""What is counted: a chain's own coin, or a token, by its contract and never by its symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainflow import units
from chainflow.ledger.balances import tokens_of
from chainflow.networks import network_of

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Asset", "amount_of", "cased"]


class Asset(NamedTuple):
    """One asset on one chain; amounts of two assets are never added.

    `contract` is `None` for the chain's own coin; `token_id` (decimal digits) is `None` but for a token that
    is one of its kind.

    Examples
    --------
    >>> str(Asset("eth", None)), str(Asset("eth", "0xa0b8", "7"))
    ('eth', 'eth:0xa0b8:7')
    """

    chain: str
    contract: str | None
    token_id: str | None = None

    def __str__(self) -> str:
        return ":".join(part for part in self if part is not None)

    @classmethod
    def parse(cls, text: str) -> Asset:
        """Read what `str` wrote."""
        chain, *rest = text.split(":", 2)
        return cls(chain, *rest) if rest else cls(chain, None)


def cased(contract: str) -> str:
    """Return a contract as ledgers write it: hex digits in lower case, others as they are."""
    return contract.lower() if contract.lower().startswith("0x") else contract


def amount_of(ledger: Ledger, asset: Asset, amount: int) -> str:
    """Return an amount for people; of a token whose decimals nobody told, in base units.

    A token's symbol is its own word, so its contract stands beside it.
    """
    if asset.contract is None:
        own = network_of(asset.chain)
        if own is None:
            return units.format_coins(amount, asset.chain)
        return units.format_amount(amount, own.decimals, units.ticker(asset.chain))
    symbol, decimals = tokens_of(ledger).get((asset.chain, asset.contract), ("", None))
    if asset.token_id is not None:
        decimals = 0
    sign = f"{symbol or 'token'} ({asset.contract[:8]}…)"
    return units.format_amount(amount, decimals, sign)
