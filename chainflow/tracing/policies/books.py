"""What every account's book counts, and the line of lots that some of them keep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping

from chainflow.errors import BadInput
from chainflow.tracing.policies.coins import Coin, Run, base_units

__all__ = ["Lots", "TaintBook"]


class TaintBook(ABC):
    """A `Book` but for the rule: a subclass says what a payment takes.

    All entries are exact `int` of any size; each costs the time of the labels or lots that it touches.
    """

    def __init__(self) -> None:
        self._balance = 0
        self._tainted = 0
        self._claimed: dict[int, int] = {}
        self._lost: dict[int, int] = {}

    @property
    def balance(self) -> int:
        """Base units that the account holds."""
        return self._balance

    @property
    def claimed(self) -> dict[int, int]:
        """Label → tainted base units that it holds, labels in order."""
        return dict(sorted(self._claimed.items()))

    @property
    def lost(self) -> dict[int, int]:
        """Label → tainted base units that left and that the rule follows no further, labels in order."""
        return dict(sorted(self._lost.items()))

    def receive(self, coin: Coin) -> None:
        """Enter what is paid in.

        Raises
        ------
        BadInput
            If its value is negative, not whole, or less than what is tainted of it.
        """
        coin = coin._replace(value_sat=base_units(coin.value_sat, "a receipt"))
        if coin.tainted_sat > coin.value_sat:
            raise BadInput(
                f"a receipt of {coin.value_sat} base units with {coin.tainted_sat} tainted",
                hint="a part cannot be more than the whole: look at what paid it",
            )
        self._balance += coin.value_sat
        self._enter(coin)

    def pay(self, value: int) -> Coin:
        """Enter what is paid out and return it with what is tainted of it.

        Raises
        ------
        BadInput
            If it is negative, not whole, or more than the account holds.
        """
        value = base_units(value, "a payment")
        if value > self._balance:
            raise BadInput(
                f"a payment of {value} base units from an account that holds {self._balance}",
                hint="enter all that was paid in before it: receipts are missing, or entered too late",
            )
        coin = self._take(value)
        self._balance -= value
        self._leave(coin.by_label)
        return coin

    def _enter(self, coin: Coin) -> None:
        """Count what each label claims of a receipt."""
        for label, amount in coin.by_label.items():
            self._claimed[label] = self._claimed.get(label, 0) + amount
            self._tainted += amount

    @abstractmethod
    def _take(self, value: int) -> Coin:
        """Return a payment of `value`, which the book holds, before it is counted."""

    def _leave(self, paid: Mapping[int, int]) -> None:
        """Count what each label claimed of a payment as gone."""
        for label, amount in paid.items():
            self._tainted -= amount
            self._claimed[label] -= amount
            if not self._claimed[label]:
                del self._claimed[label]


class Lots:
    """A line of base units in the order in which they came, with the label that claims each, or none."""

    def __init__(self) -> None:
        self._line: deque[Run] = deque()

    def add(self, length: int, label: int | None) -> None:
        """Put base units at the end; neighbours with one label become one lot."""
        if not length:
            return
        if self._line and self._line[-1][1] == label:
            length += self._line.pop()[0]
        self._line.append((length, label))

    def take(self, value: int, *, newest: bool = False) -> list[Run]:
        """Remove `value` base units from the beginning, or from the end, and return them as they go."""
        line, taken = self._line, []
        take, put_back = (line.pop, line.append) if newest else (line.popleft, line.appendleft)
        while value:
            length, label = take()
            if length > value:
                put_back((length - value, label))
                length = value
            taken.append((length, label))
            value -= length
        return taken
