"""Several claimants to what is left of one mixed account: Clayton, rolling charge, pari passu.

Which of the three holds is for a court; the arithmetic is exact under each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor, gcd
from typing import NamedTuple

import pandas as pd

from chainflow import cards, units
from chainflow.errors import BadInput
from chainflow.model import Recipe, digest_of
from chainflow.tracing.policies.coins import Coin, base_units
from chainflow.tracing.policies.lots import AccountFifo

__all__ = ["Deposit", "Division", "Withdrawal", "divide"]

_LONGEST = 10**20


class Deposit(NamedTuple):
    """So many base units that a claimant's money brought into the account."""

    claimant: str
    amount: int


class Withdrawal(NamedTuple):
    """So many base units that left the account, for whatever purpose."""

    amount: int


Event = Deposit | Withdrawal
Interests = dict[str, Fraction]


@dataclass(frozen=True, repr=False, eq=False)
class Division:
    """What is left of a mixed account, divided among those whose money went in.

    Get one from `divide`. Claimants stand in the order of their first deposit.

    Parameters
    ----------
    rule : str
    paid_in : mapping of str to int
        Claimant → base units that were deposited.
    interests : mapping of str to Fraction
        Claimant → exact share of what is left, in base units; they add up to `left`.
    amounts : mapping of str to int
        The same in whole base units, by largest remainder; they add up to `left`.
    recipe : Recipe
    """

    rule: str
    paid_in: Mapping[str, int]
    interests: Mapping[str, Fraction]
    amounts: Mapping[str, int]
    recipe: Recipe

    @property
    def left(self) -> int:
        """Base units that the account holds after the last event."""
        return sum(self.amounts.values())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        # in base 16, as Python refuses to write very long numbers in base 10
        exact = {
            name: [f"{part.numerator:x}", f"{part.denominator:x}"] for name, part in self.interests.items()
        }
        return digest_of({"rule": self.rule, "interests": exact, "amounts": dict(self.amounts)})

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per claimant: `claimant`, `paid_in`, `interest`, `amount`, `not_recovered`.

        Amounts are exact base units of any size; `interest` is the exact share as text where it is short
        enough to read, and `interests` has it always.
        """
        rows = [
            (name, paid, _text(self.interests[name]), self.amounts[name], paid - self.amounts[name])
            for name, paid in self.paid_in.items()
        ]
        names = ["claimant", "paid_in", "interest", "amount", "not_recovered"]
        return pd.DataFrame(rows, columns=names, dtype=object)

    def __repr__(self) -> str:
        among = units.counted(len(self.amounts), "claimant")
        return f"<Division by {self.rule}: {self.left:,} base units among {among}>"

    def _repr_html_(self) -> str:
        total = sum(self.paid_in.values())
        rows = [
            (name, f"{paid:,}", _text(self.interests[name]), f"{amount:,}", units.percent(amount, paid))
            for (name, paid), amount in zip(self.paid_in.items(), self.amounts.values(), strict=True)
        ]
        rows.append(
            ("= all", f"{total:,}", f"{self.left:,}", f"{self.left:,}", units.percent(self.left, total))
        )
        return cards.card(
            f"Division by {self.rule}",
            rows,
            header=("claimant", "paid in", "exact share", "base units", "of what was paid in"),
            note="Which rule holds is for a court; this is one rule for the whole account. "
            f"Recipe {self.recipe.digest[:16]}.",
        )


def divide(events: Sequence[Event], rule: str) -> Division:
    """Divide what is left of a mixed account among its claimants, by one rule.

    Parameters
    ----------
    events : sequence of Deposit and Withdrawal
        All entries of one account and one asset in their order, in base units. Give money that nobody
        claims a name too: it bears its part of the withdrawals.
    rule : {"clayton", "rolling-charge", "pari-passu"}
        Clayton: first in, first out. Rolling charge (the North American method): all interests of a moment
        bear a withdrawal pro rata. Pari passu, ex post: what is left, by what each paid in, whenever it was.

    Raises
    ------
    BadInput
        If there is no such rule or no deposit, an amount is negative or not whole, or a withdrawal is more
        than the account holds.

    References
    ----------
    Barlow Clowes International Ltd v Vaughan [1992] 4 All ER 22, where the three are weighed;
    Clayton's case (Devaynes v Noble, 1816).

    Examples
    --------
    >>> events = [Deposit("A", 6), Deposit("B", 4), Withdrawal(8), Deposit("C", 5)]
    >>> dict(divide(events, "clayton").amounts), dict(divide(events, "pari-passu").amounts)
    ({'A': 0, 'B': 2, 'C': 5}, {'A': 3, 'B': 2, 'C': 2})
    """
    if rule not in _RULES:
        raise BadInput(f"no rule {rule!r} among claimants", hint=f"known are {', '.join(_RULES)}")
    entries = _checked(events)
    paid_in = dict.fromkeys((entry.claimant for entry in entries if isinstance(entry, Deposit)), 0)
    if not paid_in:
        raise BadInput(
            "nothing was paid in", hint="the events are Deposit(claimant, amount) and Withdrawal(amount)"
        )
    for entry in entries:
        if isinstance(entry, Deposit):
            paid_in[entry.claimant] += entry.amount
    interests = _RULES[rule](entries, paid_in)
    recipe = Recipe("divide", {"rule": rule}, inputs=[digest_of([list(entry) for entry in entries])])
    return Division(rule, paid_in, interests, _whole(interests, _left(entries)), recipe)


def _checked(events: Sequence[Event]) -> list[Event]:
    """Return the entries with plain amounts, none of which takes more than there is."""
    entries: list[Event] = []
    balance = 0
    for place, event in enumerate(events):
        is_named = isinstance(event, Deposit) and isinstance(event.claimant, str)
        if not (is_named or isinstance(event, Withdrawal)):
            raise BadInput(
                f"event {place} is {event!r}", hint='write Deposit("name", amount) or Withdrawal(amount)'
            )
        amount = base_units(event.amount, f"event {place}")
        if isinstance(event, Withdrawal) and amount > balance:
            raise BadInput(
                f"event {place} withdraws {amount} base units from an account that holds {balance}",
                hint="enter all that was paid in before it, in the order of the account",
            )
        balance += amount if isinstance(event, Deposit) else -amount
        entries.append(event._replace(amount=amount))
    return entries


def _clayton(entries: Sequence[Event], paid_in: Mapping[str, int]) -> Interests:
    """First in, first out: the book of an account in which each claimant is a label."""
    book, numbers = AccountFifo().open(), {name: number for number, name in enumerate(paid_in)}
    for entry in entries:
        if isinstance(entry, Deposit):
            book.receive(Coin.of(entry.amount, {numbers[entry.claimant]: entry.amount}))
        else:
            book.pay(entry.amount)
    left = book.claimed
    return {name: Fraction(left.get(number, 0)) for name, number in numbers.items()}


def _rolling_charge(entries: Sequence[Event], paid_in: Mapping[str, int]) -> Interests:
    """Each withdrawal is borne pro rata to the interests at that moment.

    All interests have one denominator, and withdrawals without a deposit between them are borne as one:
    cutting fractions at every entry would cost the square of their number.
    """
    parts, whole = dict.fromkeys(paid_in, 0), 1
    before = balance = 0
    for entry in (*entries, Deposit(next(iter(paid_in)), 0)):
        if isinstance(entry, Withdrawal):
            balance -= entry.amount
            continue
        if balance < before:
            common = gcd(balance, before)
            parts = {name: part * (balance // common) for name, part in parts.items()}
            whole = whole * (before // common) if balance else 1
        parts[entry.claimant] += entry.amount * whole
        before = balance = balance + entry.amount
    return {name: Fraction(part, whole) for name, part in parts.items()}


def _pari_passu(entries: Sequence[Event], paid_in: Mapping[str, int]) -> Interests:
    """Share what is left by what was paid in, whenever that was."""
    left, total = _left(entries), sum(paid_in.values())
    return {name: Fraction(left * paid, total or 1) for name, paid in paid_in.items()}


_RULES: dict[str, Callable[[Sequence[Event], Mapping[str, int]], Interests]] = {
    "clayton": _clayton,
    "rolling-charge": _rolling_charge,
    "pari-passu": _pari_passu,
}


def _left(entries: Sequence[Event]) -> int:
    return sum(entry.amount if isinstance(entry, Deposit) else -entry.amount for entry in entries)


def _whole(interests: Mapping[str, Fraction], left: int) -> dict[str, int]:
    """Round to whole base units by largest remainder; equal ones in the order of the claimants."""
    amounts = {name: floor(part) for name, part in interests.items()}
    missing = left - sum(amounts.values())
    ranked = sorted(interests, key=lambda name: amounts[name] - interests[name])
    for name in ranked[:missing]:
        amounts[name] += 1
    return amounts


def _text(part: Fraction) -> str:
    """Write an exact share, or what of it can be read."""
    if part.denominator < _LONGEST:
        return str(part)
    return f"{floor(part)} and a part of one"
