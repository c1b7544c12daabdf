"""Account chains by name: their number, the sign of their own coin, and its decimals."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EVM", "Network", "is_account_chain", "network_of"]


class Network(NamedTuple):
    """One account chain: its EIP-155 number (0 where it has none), ticker and decimals of its own coin."""

    number: int
    ticker: str
    decimals: int


EVM = {
    "eth": Network(1, "ETH", 18),
    "op": Network(10, "ETH", 18),
    "bnb": Network(56, "BNB", 18),
    "gnosis": Network(100, "xDAI", 18),
    "polygon": Network(137, "POL", 18),
    "fantom": Network(250, "FTM", 18),
    "zksync": Network(324, "ETH", 18),
    "ronin": Network(2020, "RON", 18),
    "mantle": Network(5000, "MNT", 18),
    "base": Network(8453, "ETH", 18),
    "evm-dev": Network(31337, "ETH", 18),
    "arbitrum": Network(42161, "ETH", 18),
    "celo": Network(42220, "CELO", 18),
    "avax": Network(43114, "AVAX", 18),
    "linea": Network(59144, "ETH", 18),
    "blast": Network(81457, "ETH", 18),
    "scroll": Network(534352, "ETH", 18),
    "eth-sepolia": Network(11155111, "ETH", 18),
}
"""EVM chains; `evm-dev` is the number of local development chains (anvil, hardhat)."""

_TRON = Network(0, "TRX", 6)


def is_account_chain(chain: str) -> bool:
    """Return whether a chain keeps balances of accounts instead of unspent outputs."""
    return chain in EVM or chain == "tron"


def network_of(chain: str) -> Network | None:
    """Return the account chain of this name, `None` for any other.

    Examples
    --------
    >>> network_of("base")
    Network(number=8453, ticker='ETH', decimals=18)
    """
    return _TRON if chain == "tron" else EVM.get(chain)
