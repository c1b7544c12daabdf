"""Commands about amounts: what each address has, and what things were worth."""

from __future__ import annotations

import pathlib
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import Context, Decimal
from typing import Any

import click

from chainflow.cli.group import (
    NAMED_HINT,
    case_argument,
    commands,
    existing_case,
    json_option,
    something_held,
    still_named,
)
from chainflow.console import err, print_json, print_table, print_text, records
from chainflow.networks import is_account_chain
from chainflow.units import counted

_EXACT = Context(prec=400)
_CENT = Decimal("0.01")
_SYMBOL = 12
"""How much of what a token calls itself is shown: anyone may write anything there."""


@commands.command()
@case_argument
@click.option("--address", "addresses", multiple=True, help="Only this address; repeat it.")
@json_option
def balances(as_json: bool, case_file: pathlib.Path, addresses: tuple[str, ...]) -> None:
    """List what each address received and has left, per asset, and how far that is known.

    A balance is shown where the history is complete. Elsewhere it is not known: the case then holds a part of
    what the address received and sent. With --json exact base units, and the net of what is held.
    """
    from chainflow.addresses import label_on

    with existing_case(case_file, read_only=True) as case:
        something_held(case)
        table = case.ledger.balances()
        wanted = {label_on(address, chain) for address in addresses for chain in case.ledger.chains}
        partial = sorted(set(case.ledger.coverage.query("state == 'partial'")["address"]))
        named = still_named(case)
    if wanted:
        table = table[table["address"].isin(wanted)]
    if as_json:
        rows = [{name: _exact(name, cell) for name, cell in row.items()} for row in records(table)]
        print_json({"balances": rows, "partial": partial, "disputed": table.attrs["disputed"]})
        return
    names = ["chain", "address", "asset", "received", "sent", "fee", "balance", "unknown", "known"]
    print_table("Balances", names, [_balance_row(row) for row in records(table)])
    if table.attrs["disputed"]:
        print_text(f"Left out, sources disagree: {', '.join(table.attrs['disputed'])}")
    if named:
        print_text(f"Not counted: {named}.")


def _balance_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    decimals = row["decimals"]
    is_whole = row["known"] == "complete"
    names = ("received_raw", "sent_raw", "fee_raw", "balance_raw", "unknown_raw")
    left, unknown = (_coins(row[name], decimals) for name in names[3:])
    moved = [_coins(row[name], decimals) if is_whole or row[name] else "none held" for name in names[:3]]
    if not is_account_chain(row["chain"]) or row["contract"] is not None:
        moved[2] = ""  # among outputs a fee is in what was sent; nobody pays one in tokens
    if not is_whole:
        left = f"not known (net of what is held: {left})"
        unknown = f"at least {unknown}" if row["unknown_raw"] else "not known"
    asset = _asset(row["contract"], row["symbol"], decimals)
    return (row["chain"], row["address"], asset, *moved, left, unknown, row["known"])


def _coins(amount_raw: int, decimals: int | None) -> str:
    """Return an amount in coins, exact, without the zeros that say nothing; in base units without decimals."""
    if decimals is None:
        return f"{amount_raw:,}"
    text = f"{_EXACT.scaleb(Decimal(amount_raw), -int(decimals)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _asset(contract: str | None, symbol: str, decimals: int | None, *, is_short: bool = False) -> str:
    """Return a coin's sign, or a token's contract with what it calls itself: that is no proof of what it is."""
    unit = "" if decimals is not None else ", base units"
    if contract is None:
        return f"{symbol}{unit}"
    name = f"{contract[:8]}…{contract[-4:]}" if is_short else contract
    shown = symbol if len(symbol) <= _SYMBOL else f"{symbol[: _SYMBOL - 1]}…"
    return f"“{shown}” {name}{unit}" if shown else f"{name}{unit}"


def _exact(name: str, cell: object) -> object:
    """Return a cell as JSON readers keep it: amounts as text, for many round beyond 2**53."""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return str(cell) if name.endswith("_raw") else cell


@commands.command()
@case_argument
@click.option(
    "--prices",
    "files",
    multiple=True,
    required=True,
    help="A file of daily prices, such as BTC-USD.csv with the columns date and close; repeat it.",
    type=click.Path(exists=True, dir_okay=False),
)
@click.option("--currency", default="USD", show_default=True, help="In which money.")
@click.option(
    "--within", default=24.0, show_default=True, help="Hours that a price may be away from the block."
)
@click.option("--out", "-o", type=click.Path(path_type=pathlib.Path), help="Write a CSV file instead.")
@json_option
def value(
    as_json: bool,
    case_file: pathlib.Path,
    files: tuple[str, ...],
    currency: str,
    within: float,
    out: pathlib.Path | None,
) -> None:
    """Say what outputs and transfers were worth at the time, by whose price.

    Nobody is asked: prices come from files. Without a price that is near enough the worth is unknown, not 0.
    The table rounds money to cents; --out and --json are exact.
    """
    from chainflow.prices import Prices, value_table
    from chainflow.writing import unarmed, write_whole

    with existing_case(case_file, read_only=True) as case:
        table = value_table(case.ledger, Prices.read(*files), currency, within=timedelta(hours=within))
        named = still_named(case)
    if table.empty:
        what = f"{named}\n→ {NAMED_HINT}" if named else "nothing was fetched or imported"
        print_text(f"The case holds no output and no transfer: {what}.", to=err)
        sys.exit(1)
    rows = records(table)
    shown = [{name: _as_text(name, cell) for name, cell in row.items()} for row in rows]
    if as_json:
        print_json([{name: cell or None for name, cell in row.items()} for row in shown])
        return
    if out is not None:
        guarded = table.from_records([{name: unarmed(cell) for name, cell in row.items()} for row in shown])
        write_whole(out, guarded.to_csv(index=False, lineterminator="\n").encode())
        print_text(f"{counted(len(table), 'row')} in {out}.")
    else:
        names = [
            "time",
            "chain",
            "txid",
            "kind",
            "sender",
            "recipient",
            "amount",
            "asset",
            "worth",
            "price of",
        ]
        print_table("Worth at the time", [*names, "note"], [_worth_row(row) for row in rows])
    _say_counts(rows, named)


def _say_counts(rows: list[dict[str, Any]], named: str) -> None:
    """Say how many rows have no worth, and why not; how many failed."""
    counts = Counter(row["why_not"] for row in rows if row["why_not"] is not None)
    for why, count in sorted(counts.items()):
        print_text(f"{count:,} without a worth: {why}.")
    for outcome, words in (
        ("failed", "failed: nothing moved"),
        ("not told", "of an outcome that nobody told"),
    ):
        if count := sum(row["outcome"] == outcome for row in rows):
            print_text(f"{count:,} {words}.")
    if named:
        print_text(f"Not valued: {named}.")


def _worth_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    distance = _as_text("price_distance", row["price_distance"])
    price = f"{row['price_source']}, {distance}" if row["price_source"] else ""
    outcome = {"failed": "failed: nothing moved", "not told": "outcome not told"}.get(row["outcome"], "")
    notes = [outcome, row["why_not"] or ""]
    piece = f" (number {row['token_id']})" if row["token_id"] is not None else ""
    return (
        _as_text("time", row["time"]) or "not known",
        row["chain"],
        row["txid"],
        row["kind"],
        row["sender"] or "",
        row["recipient"] or "",
        _coins(row["amount_raw"], row["decimals"]),
        _asset(row["contract"], row["symbol"], row["decimals"], is_short=True) + piece,
        "not known" if row["fiat"] is None else f"{_money(row['fiat'])} {row['currency']}",
        price,
        "; ".join(filter(None, notes)),
    )


def _money(fiat: Decimal) -> str:
    """Return money to the cent; little is never shown as nothing."""
    return "< 0.01" if 0 < fiat < _CENT else f"{fiat:,.2f}"


def _as_text(name: str, cell: Any) -> str:
    """Return a cell as text that no reader rounds; times in UTC, distances in time by their side."""
    if cell is None:
        return ""
    if name == "time":
        return f"{cell:%Y-%m-%d %H:%M:%S} UTC"
    if name == "price_distance":
        hours = abs(cell) / timedelta(hours=1)
        return f"{hours:.3g} h {'before' if cell < timedelta(0) else 'after'} the block"
    return f"{cell.normalize(_EXACT):f}" if name == "fiat" else str(cell)
