"""The rules of UTXO chains that put inputs, outputs or labels in another order: LIFO, TIHO, TILO, seniority.

Like all policies they are conventions, pure and in whole base units. All of them conserve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from chainflow.errors import BadInput
from chainflow.model import canonical_json
from chainflow.tracing.policies.coins import Coin, Slice, claimed, concatenate, cut

__all__ = ["Lifo", "Seniority", "Tiho", "Tilo"]


@dataclass(frozen=True, slots=True)
class Lifo:
    """Last in, first out: the inputs, laid end to end, are spent from the far end; the fee comes last.

    The whole line of base units is turned round, so what came last fills the first output, and the parts
    of an output lie in the order in which they were spent. Wrong as a statement of fact for the reason that
    FIFO is: whoever builds a transaction chooses the order.

    References
    ----------
    The mirror image of Clayton's case.

    Examples
    --------
    >>> stolen = Coin.of(3, {0: 3})
    >>> [coin.tainted_sat for coin in Lifo().spend([stolen, Coin(2), Coin(3)], [3, 4, 1])]
    [0, 2, 1]
    """

    name: ClassVar[str] = "lifo"
    conserves: ClassVar[bool] = True

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Cut the concatenated inputs, last unit first, into `values`; see `Policy.spend`."""
        whole = sum([coin.value_sat for coin in inputs])
        turned = [
            Slice(whole - start - length, length, label)
            for start, length, label in reversed(concatenate(inputs))
        ]
        return cut(turned, values)


@dataclass(frozen=True, slots=True)
class Tiho:
    """Taint in, highest out: the tainted sum fills the largest output first; the fee gets the remainder.

    Outputs of one value are filled in their order, labels in the order of the inputs. Wrong wherever the
    larger output is what its sender kept. The last of `values` is taken for the fee.

    References
    ----------
    The name is that of Tironsakkul et al., "Probing the Mystery of Cryptocurrency Theft", 2019.

    Examples
    --------
    >>> stolen = Coin.of(3, {0: 3})
    >>> [coin.tainted_sat for coin in Tiho().spend([stolen, Coin(2), Coin(3)], [3, 4, 1])]
    [0, 3, 0]
    """

    name: ClassVar[str] = "tiho"
    conserves: ClassVar[bool] = True

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Fill `values`, the largest first and the last one last; see `Policy.spend`."""
        return _filled(inputs, values, sorted(range(len(values) - 1), key=lambda vout: -values[vout]))


@dataclass(frozen=True, slots=True)
class Tilo:
    """Taint in, lowest out: the tainted sum fills the smallest output first; the fee gets the remainder.

    The counterpart of TIHO: the two together show how much hangs on which output is filled first.
    Wrong wherever change is the smaller output. The last of `values` is taken for the fee.

    References
    ----------
    The mirror image of `Tiho`.

    Examples
    --------
    >>> stolen = Coin.of(3, {0: 3})
    >>> [coin.tainted_sat for coin in Tilo().spend([stolen, Coin(2), Coin(3)], [3, 4, 1])]
    [3, 0, 0]
    """

    name: ClassVar[str] = "tilo"
    conserves: ClassVar[bool] = True

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Fill `values`, the smallest first and the last one last; see `Policy.spend`."""
        return _filled(inputs, values, sorted(range(len(values) - 1), key=values.__getitem__))


@dataclass(frozen=True, slots=True)
class Seniority:
    """By rank: what the senior label claims fills the outputs in their order, then the next; clean comes last.

    It is FIFO with the inputs sorted by whose they are. The rank is a choice, and the choice decides who
    finds what where: declare it with a reason.

    Parameters
    ----------
    order : sequence of str
        Names of labels, senior first; labels that are not named follow in the order of their numbers.
    numbers : tuple of int
        What `numbered` found those names to be; leave it out.

    Raises
    ------
    BadInput
        If `order` is one text, holds what is no text, or one name twice.

    References
    ----------
    Abramova, Schöttle and Böhme, "Mixing Coins of Different Quality: A Game-Theoretic Approach", 2017.

    Examples
    --------
    >>> inputs = [Coin(2), Coin.of(3, {0: 3}), Coin.of(3, {1: 3})]
    >>> [coin.by_label for coin in Seniority().spend(inputs, [4, 3, 1])]
    [{0: 3, 1: 1}, {1: 2}, {}]
    >>> rule = Seniority(("Bo",)).numbered(["Al", "Bo"])
    >>> rule.name, [coin.by_label for coin in rule.spend(inputs, [4, 3, 1])]
    ('seniority["Bo"]', [{1: 3, 0: 1}, {0: 2}, {}])
    """

    order: Sequence[str] = ()
    numbers: tuple[int, ...] | None = field(default=None, repr=False)

    conserves: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse an order that is none."""
        order = self.order
        is_list = isinstance(order, list | tuple) and all(isinstance(name, str) for name in order)
        if not is_list or len(set(order)) < len(order):
            raise BadInput(
                f"not an order of labels: {order!r}", hint="a list of names, senior first, each once"
            )
        object.__setattr__(self, "order", tuple(order))

    @property
    def name(self) -> str:
        """`seniority`, with the order in brackets where there is one."""
        return f"seniority{canonical_json(list(self.order))}" if self.order else "seniority"

    def numbered(self, labels: Sequence[str]) -> Seniority:
        """Return the rule for coins whose label number n is called `labels[n]`; one name may have several.

        Raises
        ------
        BadInput
            If the order names what is no label.
        """
        unknown = sorted(set(self.order) - set(labels))
        if unknown:
            raise BadInput(
                f"the order of seniority names {', '.join(unknown)}: no such label",
                hint=f"there are {', '.join(sorted(set(labels)))}",
            )
        places = {name: place for place, name in enumerate(self.order)}
        named = [number for number, label in enumerate(labels) if label in places]
        return replace(self, numbers=tuple(sorted(named, key=lambda number: places[labels[number]])))

    def rank(self, label: int) -> tuple[int, int]:
        """Return what sorts labels, senior first."""
        numbers = self.numbers or ()
        return (numbers.index(label) if label in numbers else len(numbers), label)

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Cut the tainted inputs, sorted by rank, into `values`; see `Policy.spend`.

        Raises
        ------
        BadInput
            If there is an order and nobody said which number each of its names is.
        """
        if self.order and self.numbers is None:
            raise BadInput(
                f"{self.name} does not know the labels by number", hint="use what numbered() returns"
            )
        sums = claimed(inputs)
        ranked = sorted(sums, key=self.rank)
        return cut(Coin.of(sum(values), {label: sums[label] for label in ranked}).slices, values)


def _filled(inputs: Sequence[Coin], values: Sequence[int], places: Sequence[int]) -> list[Coin]:
    """Fill `values` with all that is tainted, in the order of their `places`, what is not named last."""
    order = [*places, *range(len(places), len(values))]
    line = Coin.of(sum(values), claimed(inputs)).slices
    filled = dict(zip(order, cut(line, [values[place] for place in order]), strict=True))
    return [filled[place] for place in range(len(values))]
