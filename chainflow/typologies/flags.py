"""The red flags by name: what each asks, who lists it, and what is needed to answer."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FATF", "FLAGS", "Flag"]

FATF = "FATF, Virtual Assets Red Flag Indicators of Money Laundering and Terrorist Financing, September 2020"
_HEADINGS = {
    "transactions": "Red Flag Indicators Related to Transactions",
    "patterns": "Red Flag Indicators Related to Transaction Patterns",
    "anonymity": "Red Flag Indicators Related to Anonymity",
}
_EGMONT = "Egmont Group, on virtual assets (recalled, not checked)"


class Flag(NamedTuple):
    """One indicator: its title, and who lists it under which heading."""

    title: str
    sources: tuple[str, ...]


def _listed(heading: str, *, egmont: bool = False, note: str = "") -> tuple[str, ...]:
    fatf = f"{FATF}, heading “{_HEADINGS[heading]}”{note}"
    return (fatf, _EGMONT) if egmont else (fatf,)


FLAGS = {
    "just-below-threshold": Flag(
        "Several amounts just under a threshold within a window",
        _listed("transactions", egmont=True),
    ),
    "emptied-fast": Flag(
        "A first receipt that is most of all it ever got, passed on within a window",
        _listed("patterns"),
    ),
    "gathered-and-cashed-out": Flag(
        "Receipts from many, then all of it paid on within a window, some of it to an exchange",
        _listed("patterns", egmont=True),
    ),
    "mixing": Flag(
        "Payments with a mixing service, or a part in a transaction that looks like a CoinJoin",
        _listed("anonymity", egmont=True),
    ),
    "other-asset": Flag(
        "Payments to a bridge or a decentralised exchange, where coins become others",
        _listed("anonymity", note=" (anonymity-enhanced coins; that bridges count is our reading)"),
    ),
    "several-services": Flag(
        "Payments to several exchanges or hosted wallets within a window",
        _listed("transactions"),
    ),
    "peer-to-peer": Flag(
        "Receipts from peer-to-peer platforms, and payments to an exchange",
        _listed("anonymity"),
    ),
    "dormant": Flag(
        "What lay still for long moves again",
        _listed("transactions", note=" (transfers to a previously inactive account)"),
    ),
}
"""Every indicator, in the order of `docs/typologies/indicators.md`."""
