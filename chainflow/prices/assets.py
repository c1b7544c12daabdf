"""What is priced: one name for one asset, its decimals, and what the price hosts call it."""

from __future__ import annotations

import re

from chainflow.errors import BadInput
from chainflow.networks import EVM, network_of

__all__ = ["asset_of", "coingecko_id", "currency_of", "decimals_of", "from_llama", "to_llama"]

_COINGECKO = {
    "BTC": "bitcoin",
    "ETH": "ethereum",
    "LTC": "litecoin",
    "DOGE": "dogecoin",
    "BCH": "bitcoin-cash",
    "DASH": "dash",
    "ZEC": "zcash",
    "XMR": "monero",
    "TRX": "tron",
    "BNB": "binancecoin",
    "POL": "polygon-ecosystem-token",
    "AVAX": "avalanche-2",
    "XDAI": "xdai",
    "FTM": "fantom",
    "CELO": "celo",
    "MNT": "mantle",
    "RON": "ronin",
}
_BY_ID = {name: ticker for ticker, name in _COINGECKO.items()}

_LLAMA = {
    "eth": "ethereum",
    "op": "optimism",
    "bnb": "bsc",
    "gnosis": "xdai",
    "zksync": "era",
}
"""Chains that DefiLlama calls otherwise than we do."""

_OURS = {theirs: ours for ours, theirs in _LLAMA.items()}
_EIGHT = ("BTC", "LTC", "DOGE", "BCH", "DASH", "ZEC")
_DECIMALS = dict.fromkeys(_EIGHT, 8) | {
    network.ticker.upper(): network.decimals for chain in (*EVM, "tron") if (network := network_of(chain))
}
_TICKER = re.compile(r"[A-Z0-9$.]{2,20}")
_TOKEN = re.compile(r"[a-z0-9-]{2,30}:[A-Za-z0-9._-]{1,80}")
_CURRENCY = re.compile(r"[A-Z]{3,5}")


def asset_of(text: str) -> str:
    """Return the one name of an asset: a ticker, or `chain:contract` for a token.

    The name of a chain, in lower case, means its own coin.

    Raises
    ------
    BadInput
        If it is neither.

    Examples
    --------
    >>> asset_of("btc"), asset_of("tron"), asset_of("eth:0xDAC17F958D2ee523a2206206994597C13D831ec7")
    ('BTC', 'TRX', 'eth:0xdac17f958d2ee523a2206206994597c13d831ec7')
    """
    network = network_of(text)
    if network is not None:
        return network.ticker.upper()
    chain, colon, contract = text.partition(":")
    if colon:
        name = f"{chain.lower()}:{contract.lower() if contract.startswith('0x') else contract}"
        if _TOKEN.fullmatch(name):
            return name
    elif _TICKER.fullmatch(text.upper()):
        return text.upper()
    raise BadInput(f"not an asset: {text[:80]!r}", hint="a ticker such as BTC, or chain:contract for a token")


def currency_of(text: str) -> str:
    """Return the one name of a currency, such as `USD`.

    Raises
    ------
    BadInput
        If it has not three to five letters.
    """
    if not _CURRENCY.fullmatch(text.upper()):
        raise BadInput(f"not a currency: {text[:40]!r}", hint="its letters, such as USD or EUR")
    return text.upper()


def decimals_of(asset: str) -> int:
    """Return how many decimals an asset's base unit has.

    Raises
    ------
    BadInput
        If it is not known here, as for every token.

    Examples
    --------
    >>> decimals_of("BTC"), decimals_of("ETH"), decimals_of("TRX")
    (8, 18, 6)
    """
    if asset not in _DECIMALS:
        raise BadInput(
            f"the decimals of {asset} are not known", hint="pass decimals=, as the token states it"
        )
    return _DECIMALS[asset]


def coingecko_id(asset: str) -> str:
    """Return what CoinGecko calls an asset.

    Raises
    ------
    BadInput
        If that is not known here; `coingecko:ID` names any of its coins.
    """
    chain, _, name = asset.partition(":")
    if chain == "coingecko":
        return name
    if asset not in _COINGECKO:
        raise BadInput(f"what CoinGecko calls {asset} is not known", hint="name it coingecko:ID")
    return _COINGECKO[asset]


def to_llama(asset: str) -> str:
    """Return what DefiLlama calls an asset.

    Examples
    --------
    >>> to_llama("BTC"), to_llama("bnb:0x55d398326f99059ff775485246999027b3197955")
    ('coingecko:bitcoin', 'bsc:0x55d398326f99059ff775485246999027b3197955')
    """
    chain, colon, contract = asset.partition(":")
    return f"{_LLAMA.get(chain, chain)}:{contract}" if colon else f"coingecko:{coingecko_id(asset)}"


def from_llama(name: str) -> str:
    """Return the asset that DefiLlama, or CoinGecko behind it, calls so.

    Examples
    --------
    >>> from_llama("coingecko:bitcoin"), from_llama("ethereum:0xAB"), from_llama("coingecko:matic-network")
    ('BTC', 'eth:0xab', 'coingecko:matic-network')
    """
    chain, _, rest = name.partition(":")
    if chain == "coingecko" and rest in _BY_ID:
        return _BY_ID[rest]
    return asset_of(f"{_OURS.get(chain, chain)}:{rest}")
