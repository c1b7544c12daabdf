"""`Bounds`: the least and the most that can have reached a target, and what each named rule says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from chainflow import cards
from chainflow.model import Recipe, digest_of
from chainflow.tracing.paths.network import Network

__all__ = ["ALONE", "Bounds", "Limits", "Reading"]

ALONE = "the addresses alone"
"""What the target is without a clustering."""

_UNCOUNTED = "what becomes of value there is not counted"


class Limits(NamedTuple):
    """The least and the most that can have reached a target, in base units.

    `least` and `most` are over every conserving rule, within the evidence; `open_least` and `open_most`
    also over whatever may have happened outside it. `stopped` is the most that can have ended at stops,
    and none of the others says what became of that. `addresses` is how many the target is.
    """

    addresses: int
    least: int
    most: int
    open_least: int
    open_most: int
    stopped: int

    @property
    def is_exact(self) -> bool:
        """Whether it is one amount, which nothing open and nothing behind a stop can change."""
        return self.open_least == self.least == self.most == self.open_most and not self.stopped


class Reading(NamedTuple):
    """What reached the target under one named policy; `None` where that is no amount, and then why."""

    policy: str
    reached: int | None
    why: str


@dataclass(frozen=True, repr=False, eq=False)
class Bounds:
    """Between what amounts the truth must lie; get one from `bounds`.

    Parameters
    ----------
    seed : int
        What the seeds claim together, in base units.
    by_policy : tuple of Reading
    by_clustering : mapping of str to Limits
        Name of the clustering, or `the addresses alone` → the limits for the target under it.
    network : Network
    as_of : int or None
    recipe : Recipe
    """

    seed: int
    by_policy: tuple[Reading, ...]
    by_clustering: Mapping[str, Limits]
    network: Network
    as_of: int | None
    recipe: Recipe

    @property
    def limits(self) -> Limits:
        """All limits for the addresses alone."""
        return self.by_clustering[ALONE]

    @property
    def least(self) -> int:
        """The least under any rule that conserves, within the evidence."""
        return self.limits.least

    @property
    def most(self) -> int:
        """The most under any rule that conserves, within the evidence and up to the stops."""
        return self.limits.most

    @property
    def open(self) -> int:
        """How much more it can be if what left the evidence came back to the target."""
        return self.limits.open_most - self.most

    @property
    def stopped(self) -> int:
        """The most that can have ended at stops; what became of it there is in no other figure."""
        return self.limits.stopped

    @property
    def over_clusterings(self) -> tuple[int, int]:
        """The least of all leasts and the most of all mosts, within the evidence."""
        found = self.by_clustering.values()
        return min(one.least for one in found), max(one.most for one in found)

    @property
    def is_agreed(self) -> bool:
        """Whether every rule that conserves gives one amount that nothing open or stopped can change."""
        return self.limits.is_exact

    @property
    def sentence(self) -> str:
        """The result in words: first what the truth can be."""
        words = self.network.words
        named = [
            f"under {one.policy} {words(one.reached)}" for one in self.by_policy if one.reached is not None
        ]
        rules = "; ".join(
            ["This holds under any rule that conserves", *([", ".join(named)] if named else [])]
        )
        parts = [f"Of {words(self.seed)}, {self._span()}.", f"{rules}."]
        if self.stopped:
            parts.append(f"Ended at stops: up to {words(self.stopped)}; {_UNCOUNTED}.")
        if not self.network.is_outputs:
            parts.append("Conversions into other assets are not followed.")
        return " ".join(parts)

    def _span(self) -> str:
        words, limits = self.network.words, self.limits
        if limits.is_exact:
            return f"exactly {words(limits.least)} reached the target, and nothing is open"
        least = f"at least {words(limits.open_least)} reached the target"
        if limits.open_least < limits.least:
            least += f" with unknown history (within the evidence {words(limits.least)})"
        return (
            f"{least}; at most {words(limits.most)} within the evidence, "
            f"at most {words(limits.open_most)} with what the evidence leaves open"
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        return digest_of([self.seed, self.by_policy, sorted(self.by_clustering.items())])

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per policy: policy, reached, why (no amount), is_within (of least and most)."""
        rows = [
            (*one, None if one.reached is None else self.least <= one.reached <= self.most)
            for one in self.by_policy
        ]
        return pd.DataFrame(rows, columns=[*Reading._fields, "is_within"], dtype=object)

    @property
    def clusterings(self) -> pd.DataFrame:
        """One row per clustering: clustering, addresses, least, most, open_least, open_most, stopped."""
        rows = [(name, *limits) for name, limits in self.by_clustering.items()]
        return pd.DataFrame(rows, columns=["clustering", *Limits._fields], dtype=object)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The result as a table for people: each limit, then each policy."""
        words = self.network.words
        found = [row for name, one in self.by_clustering.items() for row in self._rows_of(name, one)]
        return found + [
            (f"under {one.policy}", f"no amount: {one.why}" if one.reached is None else words(one.reached))
            for one in self.by_policy
        ]

    def _rows_of(self, name: str, limits: Limits) -> list[tuple[str, str]]:
        amounts = {
            "least, under any rule that conserves": limits.least,
            "least with unknown history": limits.open_least,
            "most within the evidence": limits.most,
            "most with what the evidence leaves open": limits.open_most,
            f"ended at stops, up to; {_UNCOUNTED}": limits.stopped,
        }
        if limits.open_least == limits.least:
            del amounts["least with unknown history"]
        before = "" if name == ALONE else f"{name}: "
        return [(f"{before}{what}", self.network.words(amount)) for what, amount in amounts.items()]

    def __repr__(self) -> str:
        return f"<Bounds: {self.sentence}>"

    def _repr_html_(self) -> str:
        asked = "not told by the source" if self.as_of is None else f"{self.as_of:,}"
        note = f"{self.sentence} As of block: {asked}. Recipe {self.recipe.digest[:16]}."
        return cards.card("What can have reached the target", self.rows, header=("", "amount"), note=note)
