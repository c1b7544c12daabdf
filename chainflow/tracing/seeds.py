"""What a trace begins with: seeds, each under a label, whole or in part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from chainflow.errors import BadInput
from chainflow.model import Outpoint
from chainflow.units import whole_number

__all__ = ["Claim", "Seeds", "SomeSeeds", "as_given", "labelled", "split_name"]

_MOST_DIGITS = 78


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """A seed of which only a part is claimed, written `WHERE=BASE_UNITS`.

    Attributes
    ----------
    where : str
        `txid:vout`, or a transfer of an account chain; of an address with one receipt also the address.
    amount : int or None
        The first so many base units of what is not claimed yet; `None`: all of it.

    Examples
    --------
    >>> Claim.parse("deed:0=500")
    Claim(where='deed:0', amount=500)
    """

    where: str
    amount: int | None = None

    def __post_init__(self) -> None:
        if self.amount is not None:
            whole_number(self.amount, f"the amount claimed of {self.where}", least=1, most=10**77)

    @classmethod
    def parse(cls, text: str) -> Claim:
        """Read `WHERE` or `WHERE=BASE_UNITS`.

        Raises
        ------
        BadInput
            If the amount is no positive whole number.
        """
        where, is_part, digits = text.strip().partition("=")
        if is_part and not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
            raise BadInput(
                f"no amount to claim: {digits[:40]!r} of {where}",
                hint="write txid:vout=BASE_UNITS, a whole number",
            )
        return cls(where, int(digits) if is_part else None)

    def __str__(self) -> str:
        return self.where if self.amount is None else f"{self.where}={self.amount}"


SomeSeeds: TypeAlias = "str | Outpoint | Claim | Collection[str | Outpoint | Claim]"
Seeds: TypeAlias = "SomeSeeds | Mapping[str, SomeSeeds]"
"""One seed or several; a mapping gives the label under which each is claimed."""


def labelled(seeds: Seeds) -> dict[str, tuple[Claim, ...]]:
    """Return label → claims, sorted; a seed without a label is its own.

    Raises
    ------
    BadInput
        If there is no seed at all, a label without one, or one label twice.
    """
    if isinstance(seeds, Mapping):
        if len({*map(str, seeds)}) < len(seeds):
            raise BadInput("two labels read alike", hint="give each a text of its own")
        found = {str(label): tuple(sorted(set(_claims(some)))) for label, some in seeds.items()}
    else:
        found = {str(claim): (claim,) for claim in _claims(seeds)}
    if not found or not all(found.values()) or not all(label.strip() for label in found):
        raise BadInput(
            "a trace needs a seed, and a label a text", hint="an address, a txid, txid:vout, or label → these"
        )
    return dict(sorted(found.items()))


def as_given(claims: Mapping[str, tuple[Claim, ...]]) -> list[str] | dict[str, list[str]]:
    """Return labelled claims as a recipe states them; `labelled` reads that back."""
    if all([label] == [*map(str, some)] for label, some in claims.items()):
        return list(claims)
    return {label: [str(claim) for claim in some] for label, some in claims.items()}


def split_name(where: str) -> tuple[str, str]:
    """Return the transaction and the place in it that a name states; credits of a block have no transaction.

    Examples
    --------
    >>> split_name("0xAB:log:12"), split_name("block:17:withdrawal:3")
    (('0xAB', 'log:12'), ('block:17', 'withdrawal:3'))
    """
    head, _, place = where.partition(":")
    if head == "block":
        number, _, place = place.partition(":")
        head = f"{head}:{number}"
    return head, place


def _claims(some: SomeSeeds) -> list[Claim]:
    if not isinstance(some, Collection | Outpoint | Claim):
        raise BadInput(f"no seed: {some!r}", hint="an address, a txid, txid:vout, or a list of these")
    listed = [some] if isinstance(some, str | Outpoint | Claim) else list(some)
    return [one if isinstance(one, Claim) else Claim.parse(str(one)) for one in listed]
