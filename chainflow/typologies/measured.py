"""How often patterns and indicators are found where nothing is hidden, read from `measured.json`.

No figure there is typed: `python -m chainflow.typologies.measuring` counts and writes them all.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from chainflow.typologies.hits import BaseRate

__all__ = ["FILE", "base_rates", "rates_in"]

FILE = Path(__file__).with_name("measured.json")
"""The figures that this version comes with."""


def base_rates(kind: str) -> tuple[BaseRate, ...]:
    """Return what was counted of a pattern or an indicator with default parameters; empty: not measured.

    Examples
    --------
    >>> base_rates("address-poisoning")[0].text
    'not measured on the shipped populations: they have no account chain'
    """
    return tuple(rate for rate in _shipped() if rate.kind == kind)


@cache
def _shipped() -> tuple[BaseRate, ...]:
    return rates_in(FILE.read_text(encoding="utf-8")) if FILE.is_file() else ()


def rates_in(text: str) -> tuple[BaseRate, ...]:
    """Return the figures of a file that `measuring` wrote."""
    found = json.loads(text)
    where = {one["population"]: (one["date"], one["reference"]) for one in found["populations"]}
    return tuple(
        BaseRate(
            one["kind"],
            one["found"],
            one["of"],
            one["unit"],
            one["population"],
            *where[one["population"]],
        )
        for one in found["figures"]
    )
