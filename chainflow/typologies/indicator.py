"""`Indicators`: red flags of published lists beside what a ledger shows of one party; never a score, never a sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property

import pandas as pd

from chainflow import cards
from chainflow.clustering.error_rates.figure import NOT_MEASURED
from chainflow.model import Recipe, digest_of
from chainflow.typologies.hits import Amount, BaseRate

__all__ = ["Indicator", "Indicators", "Shown", "State"]

_NOTE = "A single indicator proves nothing, and several are not added up."


class State(StrEnum):
    """What can be said of an indicator."""

    PRESENT = "present"
    NOT_PRESENT = "not present in the evidence"
    CANNOT_BE_SAID = "cannot be said"


@dataclass(frozen=True, slots=True)
class Shown:
    """What in the ledger an indicator rests on."""

    reading: str
    txids: tuple[str, ...]
    amounts: tuple[Amount, ...]
    first_time: int
    last_time: int


@dataclass(frozen=True, slots=True)
class Indicator:
    """One red flag and what the evidence says of it.

    Attributes
    ----------
    name, title : str
    sources : tuple of str
        Who lists it, and under which heading.
    state : State
    shown : tuple of Shown
        Empty unless present.
    missing : tuple of str
        What was not at hand: without it more may be there than is shown.
    rates : tuple of BaseRate
        How many addresses have it where nothing is hidden; empty: not measured for these parameters.
    """

    name: str
    title: str
    sources: tuple[str, ...]
    state: State
    shown: tuple[Shown, ...]
    missing: tuple[str, ...]
    rates: tuple[BaseRate, ...]

    @property
    def base_rate(self) -> str:
        """The base rates in words; `not measured` is one."""
        return "; ".join(rate.text for rate in self.rates) or NOT_MEASURED


@dataclass(frozen=True, repr=False, eq=False)
class Indicators:
    """The red flags that can be looked for on a chain, for one address or cluster.

    Parameters
    ----------
    rows : tuple of Indicator
        Always all of them, in one order.
    subject : str
        As given.
    addresses : tuple of str
        What it stands for.
    recipe : Recipe
    """

    rows: tuple[Indicator, ...]
    subject: str
    addresses: tuple[str, ...]
    recipe: Recipe

    def __iter__(self) -> Iterator[Indicator]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the rows: equal for equal results on every machine."""
        return digest_of([self.addresses, [asdict(row) for row in self.rows]])

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per indicator: `name`, `indicator`, `state`, `evidence`, `txids`, `missing`, `sources`, …"""
        return pd.DataFrame(
            {
                "name": [row.name for row in self.rows],
                "indicator": [row.title for row in self.rows],
                "state": [str(row.state) for row in self.rows],
                "evidence": [tuple(one.reading for one in row.shown) for row in self.rows],
                "txids": [tuple(txid for one in row.shown for txid in one.txids) for row in self.rows],
                "missing": [row.missing for row in self.rows],
                "sources": [row.sources for row in self.rows],
                "base_rate": [row.base_rate for row in self.rows],
            }
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{sum(row.state is one for row in self.rows)} {one}" for one in State)
        return f"<Indicators of {self.subject}: {counts}; a single indicator proves nothing>"

    def _repr_html_(self) -> str:
        rows = [
            (
                row.title,
                row.state,
                " ".join(one.reading for one in row.shown) or "–",
                "; ".join(row.missing) or "–",
                "; ".join(row.sources),
                row.base_rate,
            )
            for row in self.rows
        ]
        header = ("indicator", "state", "evidence", "not at hand", "listed by", "base rate")
        note = f"{_NOTE} Recipe {self.recipe.digest[:16]}."
        return cards.card(f"Indicators of {self.subject}", rows, header=header, note=note)
