"""How often a rule is wrong: counted, on a named population, with its interval; or "not measured"."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

__all__ = ["NOT_MEASURED", "NO_GUESS", "ErrorFigure", "number_of", "wilson"]

NOT_MEASURED = "not measured"
NO_GUESS = "no guess, so no figure: two forms of one key or script"
"""What stands where an exact link's error figure would."""
_TIERS = {"shipped": "shipped data", "case": "this case"}
_Z = 1.959963984540054  # two-sided 95 %


def wilson(count: int, of: int) -> tuple[float, float]:
    """Return the Wilson 95 % interval of a share; (0, 1) where nothing was counted.

    References
    ----------
    E. B. Wilson, 1927, JASA 22, 209-212.

    Examples
    --------
    >>> tuple(round(end, 4) for end in wilson(0, 425))
    (0.0, 0.009)
    """
    if of == 0:
        return 0.0, 1.0
    share, z2 = count / of, _Z * _Z
    middle = share + z2 / (2 * of)
    half = _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    whole = 1 + z2 / of
    # at none and at all of them an end is exact, whatever rounding makes of it
    low = (middle - half) / whole if count > 0 else 0.0
    return low, (middle + half) / whole if count < of else 1.0


def number_of(number: int, unit: str) -> str:
    """Return a number with a unit whose first word is a plural, in the singular for one.

    Examples
    --------
    >>> number_of(1, "outputs called change"), number_of(2, "addresses"), number_of(1, "addresses")
    ('1 output called change', '2 addresses', '1 address')
    """
    first, *rest = unit.split(" ")
    if number == 1:
        first = first.removesuffix("es") if first.endswith("sses") else first.removesuffix("s")
    return " ".join((f"{number:,}", first, *rest))


@dataclass(frozen=True, slots=True)
class ErrorFigure:
    """How often a rule was wrong where the truth is known (L-3).

    Attributes
    ----------
    rule, version : str
    wrong, of : int
        So many of so many; `of` 0 means that nothing could be counted.
    unit : str
        What was counted: "pairs of addresses", "change outputs".
    population : str
        Where.
    date : str
        When, ISO 8601.
    reference : str
        How to count again: a command.
    tier : str
        `shipped` (counted on truth that comes with chainflow), or `case` (this case's own later-revealed
        change).
    """

    rule: str
    version: str
    wrong: int
    of: int
    unit: str
    population: str
    date: str
    reference: str
    tier: str

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson 95 % interval of the share that is wrong."""
        return wilson(self.wrong, self.of)

    @property
    def text(self) -> str:
        """The figure in words; `not measured` where nothing was counted."""
        if self.of == 0:
            return f"{NOT_MEASURED} on {self.population}"
        low, high = self.interval
        return (
            f"{self.wrong:,} wrong of {number_of(self.of, self.unit)} (95 %: {low:.2%} to {high:.2%}; "
            f"{_TIERS.get(self.tier, self.tier)}: {self.population}, {self.date})"
        )
