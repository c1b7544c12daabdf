"""What the report says of account chains: transfers counted by asset and kind, and each of the first ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chainflow import units
from chainflow.ledger import Ledger
from chainflow.networks import network_of
from chainflow.units import ticker

__all__ = ["Moved", "amount_of", "moved_by_asset", "tokens_of", "transfer_cells", "transfer_rows"]

_LONGEST = 24
"""Signs of what a token calls itself that are shown: some hold a whole advertisement."""


class Moved(NamedTuple):
    """The transfers of one asset and kind: how many, how many of them marked, failed, told by nobody, and the sum.

    `amount` is what moved by those that are not in dispute, "" for tokens that are one of their kind.
    """

    chain: str
    asset: str
    kind: str
    rows: int
    marked: int
    failed: int
    untold: int
    disputed: int
    amount: str


def moved_by_asset(ledger: Ledger) -> list[Moved]:
    """Return what moved, by chain, asset and kind; marked transfers are counted like all others."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in ledger.transfers.to_pylist():
        groups.setdefault((row["chain"], row["contract"] or "", row["kind"]), []).append(row)
    tokens = tokens_of(ledger)
    found = []
    for (chain, contract, kind), rows in sorted(groups.items()):
        token = tokens.get((chain, contract))
        in_dispute = [(chain, row["txid"]) in ledger.disputed for row in rows]
        total = sum(int(row["value_raw"]) for row, out in zip(rows, in_dispute, strict=True) if not out)
        is_unique = any(row["token_id"] is not None for row in rows)
        found.append(
            Moved(
                chain,
                _asset(chain, contract, token),
                kind,
                len(rows),
                sum(row["marks"] != "" for row in rows),
                sum(row["ok"] is False for row in rows),
                sum(row["ok"] is None for row in rows),
                sum(in_dispute),
                "" if is_unique else _amount(total, chain, contract, token),
            )
        )
    return found


def transfer_rows(ledger: Ledger, most: int) -> Iterator[dict[str, Any]]:
    """Yield the first transfers as rows, each with its asset and amount for people."""
    tokens = tokens_of(ledger)
    for row in ledger.transfers.slice(0, most).to_pylist():
        yield {**row, **transfer_cells(row, tokens)}


def transfer_cells(
    row: Mapping[str, Any], tokens: Mapping[tuple[str, str], dict[str, Any]]
) -> dict[str, str]:
    """Return the asset, the amount and the outcome of a transfer for people."""
    contract = row["contract"] or ""
    token = tokens.get((row["chain"], contract))
    return {
        "asset": _asset(row["chain"], contract, token),
        "amount": amount_of(row, token),
        "outcome": {True: "", False: "failed, moved nothing", None: "outcome not told"}[row.get("ok")],
    }


def amount_of(row: Mapping[str, Any], token: dict[str, Any] | None) -> str:
    """Return what a transfer states for people: of what is one of its kind, which one."""
    if row["token_id"] is not None:
        return f"{int(row['stated_raw']):,} of number {row['token_id']}"
    return _amount(int(row["stated_raw"]), row["chain"], row["contract"] or "", token)


def tokens_of(ledger: Ledger) -> dict[tuple[str, str], dict[str, Any]]:
    """Map (chain, contract) to what a token says of itself; of decimals in dispute none are shown."""
    fields = ("chain", "txid", "field")
    columns = (ledger.disputes[name].to_pylist() for name in fields)
    doubtful = {
        (chain, contract)
        for chain, contract, name in zip(*columns, strict=True)
        if name == "decimals of the token"
    }
    return {
        key: row | ({"decimals": None} if key in doubtful else {})
        for row in ledger.tokens.to_pylist()
        for key in [(row["chain"], row["contract"])]
    }


def _asset(chain: str, contract: str, token: dict[str, Any] | None) -> str:
    """Return the coin's sign, or a token's contract with what it calls itself in quotes."""
    if not contract:
        return ticker(chain)
    name = "" if token is None else token["symbol"] or token["name"]
    short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return f"{contract} (calls itself “{short}”)" if short else contract


def _amount(value_raw: int, chain: str, contract: str, token: dict[str, Any] | None) -> str:
    if contract:
        decimals = None if token is None else token["decimals"]
        return (
            f"{value_raw:,} base units"
            if decimals is None
            else units.format_amount(value_raw, decimals, "").strip()
        )
    network = network_of(chain)
    return units.format_amount(value_raw, None if network is None else network.decimals, ticker(chain))
