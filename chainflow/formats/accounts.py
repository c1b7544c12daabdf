"""What the readers of account-chain tables share: addresses, txids, amounts in coins, and whose rows they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypedDict

from chainflow.addresses import decode
from chainflow.errors import AddressInvalid, BadInput
from chainflow.evm import read_address
from chainflow.formats.cells import Row
from chainflow.networks import EVM, is_account_chain
from chainflow.sources.accounts import token_party

__all__ = [
    "KNOWN_DECIMALS",
    "Place",
    "check_chain",
    "decimals_of",
    "hash_on",
    "party",
    "raw_of",
    "read_decimals",
]

KNOWN_DECIMALS: Mapping[tuple[str, str], int] = {
    ("eth", "0xdac17f958d2ee523a2206206994597c13d831ec7"): 6,  # USDT
    ("eth", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"): 6,  # USDC
    ("eth", "0x6b175474e89094c44da98b954eedeac495271d0f"): 18,  # DAI
    ("eth", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"): 18,  # WETH
    ("eth", "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"): 8,  # WBTC
    ("bnb", "0x55d398326f99059ff775485246999027b3197955"): 18,  # USDT
    ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"): 6,  # USDT
}
"""Decimals of the tokens met most often: no token can change its own once it is in use."""

_COINS = re.compile(r"([0-9]{1,78}|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]{1,78}))?")
_ITEM = re.compile(r"(?:(0x[0-9a-fA-F]{40}|T[1-9A-HJ-NP-Za-km-z]{33}):)?([0-9]{1,2})")
_EXPONENT = re.compile(r"([0-9])(?:\.([0-9]{1,17}))?[eE]-([0-9]{1,2})")
_SWAPPED = str.maketrans(",.", ".,")
_MAX = 2**256 - 1
_MOST_DIGITS = 78


class Place(TypedDict):
    """Where a transaction is, as keywords of `transfer`."""

    height: int | None
    block_hash: str | None
    time: int | None
    position: int | None


def check_chain(chain: str, *, evm_only: bool = True) -> None:
    """Return if `chain` is an account chain (of the EVM).

    Raises
    ------
    BadInput
        If not.
    """
    if chain not in EVM and (evm_only or not is_account_chain(chain)):
        raise BadInput(
            f"this format has no rows of {chain!r}",
            hint=f"say the chain (chain=eth, --chain eth): {', '.join(EVM)}",
        )


def party(row: Row, *names: str, chain: str, is_token: bool = False) -> str | None:
    """Return who paid or was paid, `None` for nobody; of a token, address zero is nobody.

    Raises
    ------
    AddressInvalid
        If it is no address of the chain, or its checksum fails.
    """
    stated = row.value(*names)
    if isinstance(stated, (bytes, bytearray)):
        stated = f"0x{bytes(stated).hex()}"
    if stated is None:
        return None
    if not isinstance(stated, str):
        raise row.refuse(names[0], "an address")
    text = stated.strip()
    try:
        address = decode(text, chain=chain).address if chain == "tron" else read_address(text)
    except AddressInvalid as error:
        raise AddressInvalid(f"{row.path}{names[0]}: {error.message}", hint=error.hint) from None
    return token_party(address) if is_token else address


def hash_on(chain: str, row: Row, *names: str) -> str:
    """Return a txid or block hash as the chain writes it: with 0x on EVM chains, bare on Tron."""
    text = row.txid(*names)
    return text if chain == "tron" else f"0x{text}"


def raw_of(row: Row, name: str, decimals: int, *, small: bool = False, mark: str = ".") -> int:
    """Return an amount in coins, written as decimal text, in base units: exactly, or not at all.

    Parameters
    ----------
    decimals : int
        Of the coin.
    small : bool
        Whether `5e-7` is taken, as programs write small numbers; spreadsheets write it when they round.
    mark : {".", ","}
        The sign before the fraction; the other one groups thousands.

    Raises
    ------
    BadInput
        If it is a float, is written with an exponent, or is finer than one base unit.
    """
    value = row.cells.get(name)
    if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= _MOST_DIGITS):
        raise row.refuse(name, "an amount")  # written out, 1E+999999999 fills the memory
    text = f"{value:f}" if isinstance(value, (Decimal, int)) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise row.refuse(name, "an amount")
    text = text.strip()
    if mark == ",":
        text = text.translate(_SWAPPED)
    if small and (found := _EXPONENT.fullmatch(text)):
        whole, part = "0", "0" * (int(found[3]) - 1) + found[1] + (found[2] or "")
    elif found := _COINS.fullmatch(text):
        whole, part = found[1].replace(",", ""), found[2] or ""
    else:
        shape = "1,234.5678" if mark == "." else "1.234,5678"
        raise row.refuse(name, f"an amount as {shape}, without exponent or sign")
    part = part.rstrip("0")
    if len(part) > decimals:
        raise row.refuse(name, f"at most {decimals} decimals")
    number = int(whole + part.ljust(decimals, "0"))
    if number > _MAX:
        raise row.refuse(name, "less than 2**256 base units")
    return number


def read_decimals(text: str) -> dict[str, int]:
    """Return the decimals that the user states: `6` for every token, or `0x…:6,0x…:18`.

    Raises
    ------
    BadInput
        If it is neither.

    Examples
    --------
    >>> read_decimals("6"), read_decimals("0xdAC17F958D2ee523a2206206994597C13D831ec7:6")
    ({'': 6}, {'0xdac17f958d2ee523a2206206994597c13d831ec7': 6})
    """
    stated: dict[str, int] = {}
    for item in text.split(",") if text else []:
        found = _ITEM.fullmatch(item.strip())
        if found is None:
            raise BadInput(
                f"no decimals: {item[:60]!r}",
                hint="decimals=6 or decimals=0x…:6,0x…:18 (in a shell after --option)",
            )
        contract = found[1] or ""
        stated[contract.lower() if contract.startswith("0x") else contract] = int(found[2])
    return stated


def decimals_of(chain: str, contract: str, stated: Mapping[str, int]) -> int:
    """Return the decimals of a token, by what the user states first.

    Raises
    ------
    BadInput
        If they are not known: without them an amount in tokens is no amount.
    """
    known = stated.get(contract, stated.get("", KNOWN_DECIMALS.get((chain, contract))))
    if known is None:
        raise BadInput(
            f"the decimals of the token {contract} are not in the file",
            hint=f"look them up and say decimals={contract}:N (in a shell after --option)",
        )
    return known
