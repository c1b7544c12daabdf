"""Rows of a ledger or a trace with what they were worth at the time, each with who says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from chainflow.ledger import Ledger
from chainflow.ledger.balances import tokens_of
from chainflow.networks import network_of
from chainflow.prices.assets import asset_of, currency_of
from chainflow.prices.book import DAY, Prices, Value
from chainflow.units import ticker

__all__ = ["FAILED", "NOT_TOLD", "value_table"]

FAILED, NOT_TOLD = "failed", "not told"
_OUTCOMES = {True: "", False: FAILED, None: NOT_TOLD}
_MOST = 8
"""How many assets are named that there are prices of."""

_COLUMNS = ("fiat", "currency", "price_source", "price_distance", "why_not")


class Table(Protocol):
    """Anything with rows of `chain`, `time` and an amount, such as a `Trace`."""

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows."""


def value_table(
    what: Ledger | Table, prices: Prices, currency: str = "USD", *, within: timedelta = DAY
) -> pd.DataFrame:
    """Return the rows of a ledger or a trace with their worth in a currency at the time of their block.

    Parameters
    ----------
    what : Ledger or Trace
        Of a ledger its outputs and its transfers; of a trace its outputs, by what is tainted of them.
    within : timedelta
        How far in time from the block a price may be.

    Returns
    -------
    pandas.DataFrame
        The rows, with `fiat` (exact `Decimal`, `None` where it is not known), `currency`,
        `price_source`, `price_distance` (timedelta, after the block is positive) and `why_not`: no time,
        no price, decimals not known or in dispute, a transaction in dispute. A missing price is never 0, so
        a sum over rows with a `why_not` is a least figure.

        Of a ledger also `symbol`, `decimals`, and `outcome`: `failed` (nothing moved, so the worth is 0),
        `not told`, or "" where it succeeded. Of an outcome that nobody told the worth is of what is stated.
    """
    rows = _of_ledger(what) if isinstance(what, Ledger) else _of_frame(what.to_pandas())
    disputed = what.disputed if isinstance(what, Ledger) else frozenset()
    held = _Held(prices, currency, within, _doubtful(what) if isinstance(what, Ledger) else frozenset())
    made = [{**row, **_worth(row, held, is_disputed=(row["chain"], row["txid"]) in disputed)} for row in rows]
    return pd.DataFrame(made, dtype=object)


@dataclass(frozen=True)
class _Held:
    """The prices at hand, in which money they are wanted, and how near."""

    prices: Prices
    currency: str
    within: timedelta
    doubtful: frozenset[tuple[str, str]]

    @cached_property
    def priced(self) -> Mapping[str, Sequence[str]]:
        """The assets that there is any price of, by currency."""
        held: dict[str, list[str]] = {}
        for name, currency in sorted({(point.asset, point.currency) for point in self.prices.rows}):
            held.setdefault(currency, []).append(name)
        return held

    def why_no_decimals(self, row: Mapping[str, Any]) -> str:
        """Return why it is not known how many of a token an amount is."""
        if row["token_id"] is not None:
            return "nothing says what a piece that is one of its kind is worth"
        if (row["chain"], row["contract"]) in self.doubtful:
            return "sources disagree about the token's decimals"
        return "the token does not state its decimals"

    def why_none(self, asset: str) -> str:
        """Return why there is no price of an asset at a moment: none that near, or none at all."""
        wanted = (asset_of(asset), currency_of(self.currency))
        if wanted[0] in self.priced.get(wanted[1], ()):
            return f"no price within {self.within.total_seconds() / 3600:g} h"
        listed = "; ".join(f"{_few(names)} in {currency}" for currency, names in self.priced.items())
        return f"no price of this asset in {wanted[1]} at all: the files hold {listed or 'none'}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return f"{', '.join(names[:_MOST])}{more}"


def _worth(row: Mapping[str, Any], held: _Held, *, is_disputed: bool) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(_COLUMNS)
    if is_disputed:
        return {**empty, "why_not": "sources disagree about this transaction"}
    if row.get("outcome") == FAILED:
        return {**empty, "fiat": Decimal(0), "currency": currency_of(held.currency)}
    if row["time"] is None:
        return {**empty, "why_not": "the time is not known"}
    if row["decimals"] is None and row["contract"] is not None:
        return {**empty, "why_not": held.why_no_decimals(row)}
    asset = row["chain"] if row["contract"] is None else f"{row['chain']}:{row['contract']}"
    found: Value | None = held.prices.value(
        row["amount_raw"], asset, row["time"], held.currency, decimals=row["decimals"], within=held.within
    )
    if found is None:
        return {**empty, "why_not": held.why_none(asset)}
    price = found.price
    # nothing is worth 0, not 0E-19
    told = (found.amount or Decimal(0), price.currency, price.source, price.distance, None)
    return dict(zip(_COLUMNS, told, strict=True))


def _of_ledger(ledger: Ledger) -> Iterator[dict[str, Any]]:
    names = ("chain", "txid", "time")
    times = {(row["chain"], row["txid"]): row["time"] for row in ledger.txs.select(names).to_pylist()}
    for row in ledger.outputs.select(["chain", "txid", "vout", "address", "value_sat"]).to_pylist():
        place = {"chain": row["chain"], "txid": row["txid"], "time": times.get((row["chain"], row["txid"]))}
        paid = {"kind": "output", "place": str(row["vout"]), "sender": None, "recipient": row["address"]}
        asset = {"contract": None, "token_id": None, "symbol": ticker(row["chain"]), "decimals": 8}
        yield {**place, **paid, **asset, "amount_raw": row["value_sat"], "outcome": ""}
    tokens = tokens_of(ledger)
    columns = ("chain", "txid", "time", "kind", "place", "sender", "recipient", "contract")
    more = ("token_id", "value_raw", "ok")
    for row in ledger.transfers.select([*columns, *more]).to_pylist():
        token_id, amount, ok = (row.pop(name) for name in more)
        asset = _asset_of(row["chain"], row["contract"], token_id, tokens)
        yield {**row, **asset, "amount_raw": int(amount), "outcome": _OUTCOMES[ok]}


def _doubtful(ledger: Ledger) -> frozenset[tuple[str, str]]:
    """Return the (chain, contract) of tokens whose decimals are in dispute."""
    used = tokens_of(ledger)
    stated = (
        (row["chain"], row["contract"]) for row in ledger.tokens.to_pylist() if row["decimals"] is not None
    )
    return frozenset(key for key in stated if used[key][1] is None)


def _asset_of(
    chain: str,
    contract: str | None,
    token_id: str | None,
    tokens: Mapping[tuple[str, str], tuple[str, int | None]],
) -> dict[str, Any]:
    """Return sign and decimals of what moved; of decimals that are not known, why not."""
    if contract is None:
        own = network_of(chain)
        return {"token_id": None, "symbol": ticker(chain), "decimals": 8 if own is None else own.decimals}
    symbol, decimals = tokens.get((chain, contract), ("", None))
    return {"token_id": token_id, "symbol": symbol, "decimals": None if token_id is not None else decimals}


def _of_frame(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    amount = "tainted_sat" if "tainted_sat" in frame else "value_sat"
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        named = {str(name): cell for name, cell in row.items()}
        yield {**named, "contract": None, "decimals": None, "amount_raw": int(row[amount])}
