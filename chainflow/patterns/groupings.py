"""How many ways there are to pay outputs from inputs in groups: the counting behind `boltzmann`.

Coins of one amount are one kind, and binomials say which of them a group takes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb, prod

__all__ = ["TooLarge", "count_groupings"]

_LISTING = 16
"""What listing one sum, or one group that can pay another, counts for: it costs memory."""


class TooLarge(Exception):
    """The count would take more steps than allowed."""

    def __init__(self, steps: int, limit: int) -> None:
        super().__init__(f"too large: at least {steps:,} steps, {limit:,} are allowed")


def count_groupings(
    inputs: Sequence[int], outputs: Sequence[int], *, intra_fee_sat: int, limit: int
) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """Return the number of interpretations, and in how many each input (row) meets each output (column).

    Raises
    ------
    TooLarge
        If that takes more than `limit` steps; it is known before the count begins.
    """
    kinds = _Kinds.of(inputs, outputs)
    count, met = _solved(kinds, sum(inputs) - sum(outputs), intra_fee_sat, limit)
    return count, tuple(tuple(met[kinds.of_input[i]][kinds.of_output[o]] for o in outputs) for i in inputs)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The distinct amounts, and how a choice of so many coins of each is packed into one integer.

    Each kind has a field, inputs' below outputs', one bit wider than its number of coins needs: with these
    `guards` set, one subtraction compares all fields at once.
    """

    of_input: Mapping[int, int]
    of_output: Mapping[int, int]
    amounts: tuple[int, ...]
    coins: tuple[int, ...]
    shifts: tuple[int, ...]
    guards: int

    @classmethod
    def of(cls, inputs: Sequence[int], outputs: Sequence[int]) -> _Kinds:
        sides = [sorted(Counter(side).items(), reverse=True) for side in (inputs, outputs)]
        amounts = tuple(amount for side in sides for amount, _ in side)
        coins = tuple(number for side in sides for _, number in side)
        shifts, guards, end = [], 0, 0
        for number in coins:
            shifts.append(end)
            end += number.bit_length() + 1
            guards |= 1 << (end - 1)
        of_input, of_output = ({amount: n for n, (amount, _) in enumerate(side)} for side in sides)
        return cls(of_input, of_output, amounts, coins, tuple(shifts), guards)

    @property
    def n_inputs(self) -> int:
        return len(self.of_input)

    @property
    def full(self) -> int:
        return sum(number << shift for number, shift in zip(self.coins, self.shifts, strict=True))

    def taken(self, packed: int) -> list[int]:
        """Return how many coins of each kind a choice takes."""
        return [
            packed >> shift & (1 << number.bit_length()) - 1
            for number, shift in zip(self.coins, self.shifts, strict=True)
        ]

    def first(self, packed: int) -> int:
        """Return the first kind of which a choice takes a coin."""
        lowest = packed & -packed
        return bisect_right(self.shifts, lowest.bit_length() - 1) - 1

    def choices(self, kinds: slice) -> list[tuple[int, int]]:
        """Return (sum, packed) of every choice of at least one coin of these kinds, by sum."""
        found = [(0, 0)]
        for amount, number, shift in zip(
            self.amounts[kinds], self.coins[kinds], self.shifts[kinds], strict=True
        ):
            found = [
                (total + some * amount, packed + (some << shift))
                for some in range(number + 1)
                for total, packed in found
            ]
        return sorted(found)[1:]


def _groups(kinds: _Kinds, fee: int, intra_fee_sat: int, limit: int) -> list[tuple[int, int]]:
    """Return (packed, what it brings beyond what it receives) of all pairs that any interpretation can hold.

    One group may lack `intra_fee_sat`, and then another may bring so much more.
    """
    n = kinds.n_inputs
    _allow(_LISTING * (prod(c + 1 for c in kinds.coins[:n]) + prod(c + 1 for c in kinds.coins[n:])), limit)
    slack = intra_fee_sat * min(sum(kinds.coins[:n]), sum(kinds.coins[n:]))
    paid = kinds.choices(slice(n, None))
    sums = [total for total, _ in paid]
    ranges = [
        (total, packed, bisect_left(sums, total - fee - slack), bisect_right(sums, total + slack))
        for total, packed in kinds.choices(slice(n))
    ]
    _allow(_LISTING * sum(end - start for _, _, start, end in ranges), limit)
    return sorted(
        (packed + other, total - received)
        for total, packed, start, end in ranges
        for received, other in paid[start:end]
    )


def _allow(steps: int, limit: int) -> None:
    if steps > limit:
        raise TooLarge(steps, limit)


def _solved(kinds: _Kinds, fee: int, intra_fee_sat: int, limit: int) -> tuple[int, list[list[int]]]:
    """Return N, and by kind of input and of output in how many interpretations two such coins meet.

    `ways[rest]` is the number of interpretations of a choice of coins: a sum over the groups that its first
    coin can be in, times the ways of what they leave. A choice less a part of it is a smaller integer, so
    that ascending order meets every rest before it is needed.
    """
    choices = _groups(kinds, fee, intra_fee_sat, limit)
    groups = [packed for packed, beyond in choices if beyond >= -intra_fee_sat]
    by_first: dict[int, list[int]] = {}
    for group in groups:
        by_first.setdefault(kinds.first(group), []).append(group)
    cells = kinds.n_inputs * (len(kinds.coins) - kinds.n_inputs)
    heads = [(choice, by_first.get(kinds.first(choice), [])) for choice, _ in choices]
    _allow(sum(len(candidates) for _, candidates in heads) + cells * len(groups), limit)
    ways = {0: 1}
    for choice, candidates in heads:
        found = sum(_decompositions(kinds, choice, candidates, ways))
        if found:
            ways[choice] = found
    return ways[kinds.full], _meetings(kinds, groups, ways)


def _decompositions(
    kinds: _Kinds, choice: int, candidates: Sequence[int], ways: Mapping[int, int]
) -> Iterator[int]:
    """Yield, for each group that the first coin of `choice` can be in, the interpretations that have it."""
    guards, guarded = kinds.guards, choice | kinds.guards
    first = kinds.first(choice)
    several = [
        (shift, (1 << number.bit_length()) - 1, int(kind == first))
        for kind, (number, shift) in enumerate(zip(kinds.coins, kinds.shifts, strict=True))
        if number > 1
    ]
    for group in candidates:
        if group > choice:
            return
        if (guarded - group) & guards == guards and choice - group in ways:
            found = ways[choice - group]
            for shift, mask, fixed in several:  # the first coin is in the group: it is no choice
                found *= comb((choice >> shift & mask) - fixed, (group >> shift & mask) - fixed)
            yield found


def _meetings(kinds: _Kinds, groups: Iterable[int], ways: Mapping[int, int]) -> list[list[int]]:
    """Return by kinds in how many interpretations one input and one output are in one group.

    Of `c` coins of a kind a group takes `x`: a given one is among them in x / c of the choices.
    """
    n = kinds.n_inputs
    met = [[0] * (len(kinds.coins) - n) for _ in range(n)]
    for group in groups:
        rest = ways.get(kinds.full - group)
        if rest:
            taken = kinds.taken(group)
            number = rest * prod(comb(c, x) for c, x in zip(kinds.coins, taken, strict=True))
            for kind, some in enumerate(taken[:n]):
                if some:
                    met[kind] = [
                        so_far + number * some * x for so_far, x in zip(met[kind], taken[n:], strict=True)
                    ]
    return [
        [total // (kinds.coins[i] * kinds.coins[n + o]) for o, total in enumerate(row)]
        for i, row in enumerate(met)
    ]
