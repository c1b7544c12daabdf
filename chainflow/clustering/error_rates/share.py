"""A share that was counted: so many of so many, of what, where, when, with its interval where one is meant."""

from __future__ import annotations

from dataclasses import dataclass

from chainflow.clustering.error_rates.figure import NOT_MEASURED, number_of, wilson

__all__ = ["Share"]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of those counted are as they should be.

    Attributes
    ----------
    name : str
        What is measured, such as `pair precision`.
    right, of : int
        So many of so many; `of` 0 means that there was nothing to count.
    unit : str
        What was counted. Base units of a coin are no draws: they get no interval.
    population, date : str
        Where and when; "" where it is not stated.
    """

    name: str
    right: int
    of: int
    unit: str
    population: str
    date: str

    @property
    def value(self) -> float | None:
        """The share from 0 to 1; `None` where nothing was counted."""
        return self.right / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson 95 % interval; `None` for money and where nothing was counted."""
        return None if self.is_money or not self.of else wilson(self.right, self.of)

    @property
    def is_money(self) -> bool:
        """Whether amounts were added up instead of things counted."""
        return self.unit.startswith("base units")

    @property
    def text(self) -> str:
        """The share in words; `not measured` where nothing was counted."""
        if not self.of:
            return NOT_MEASURED
        said = f"{self.right:,} of {number_of(self.of, self.unit)} ({self.right / self.of:.2%}"
        low, high = self.interval or (0.0, 0.0)
        return said + (")" if self.is_money else f"; 95 %: {low:.2%} to {high:.2%})")
