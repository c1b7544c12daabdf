"""CoinJoin families: for each the conditions that its transactions meet, and how one is classified.

A family is the name of a *shape*: a verdict says that a transaction looks as that software makes them,
with the reasons, and nothing about who took part or why. `docs/concepts/coinjoin.md` lists the rules,
`docs/rules` has a page for each: its source, how often it was right and when it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from chainflow import units
from chainflow.patterns.shape import Shape
from chainflow.patterns.verdict import Verdict
from chainflow.patterns.wasabi import (
    coordinator_paid,
    divides_evenly,
    levels,
    near_base,
    standard_outputs,
    standard_values,
)
from chainflow.patterns.whirlpool import FIRST_BLOCK, MIX_FEE, entrants, is_tx0, pool_of
from chainflow.units import counted

__all__ = ["FAMILIES", "RULES", "Condition", "Family", "classify", "doubts", "missing"]

_NEAR = 4
"""A rule of fewer conditions than this is no near miss when one fails: too much meets the rest."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing a rule asks of a shape, in words and as a predicate.

    Attributes
    ----------
    is_core : bool
        Whether a shape without it is not even near to the family.
    """

    text: str
    holds: Callable[[Shape], bool]
    is_core: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """One CoinJoin family.

    Attributes
    ----------
    rule : str
        Its number in `docs/concepts/coinjoin.md`.
    first_block : int
        On chain `btc` nothing below is named so; 0 for no such guard.
    ways : tuple of tuple of Condition
        A shape is of the family when all conditions of one way hold.
    reasons : callable
        What was counted in a shape of the family, in words.
    """

    name: str
    rule: str
    first_block: int
    ways: tuple[tuple[Condition, ...], ...]
    reasons: Callable[[Shape], tuple[str, ...]]

    def holds(self, shape: Shape) -> bool:
        """Return whether a shape is of the family."""
        if self._is_too_early(shape):
            return False
        return any(all(condition.holds(shape) for condition in way) for way in self.ways)

    def miss(self, shape: Shape) -> str | None:
        """Return the one condition for want of which a shape is not of the family; `None` if it is not near."""
        guard = Condition(f"from block {self.first_block:,}", lambda shape: not self._is_too_early(shape))
        for way in self.ways:
            failed = [condition for condition in (guard, *way) if not condition.holds(shape)]
            if len(failed) == 1 and len(way) >= _NEAR and not failed[0].is_core:
                return failed[0].text
        return None

    def _is_too_early(self, shape: Shape) -> bool:
        return shape.chain == "btc" and shape.height is not None and shape.height < self.first_block


def _inputs(least: int) -> Condition:
    return Condition(f"{least} or more inputs", lambda shape: len(shape.inputs) >= least)


def _equals(least: int) -> Condition:
    return Condition(
        f"{least} or more equal outputs, and no more of them than input scripts",
        lambda shape: least <= shape.denomination[1] <= shape.payers,
        is_core=True,
    )


_ONCE = Condition("no output script repeats", lambda shape: shape.pays_each_once)
_SPREAD = Condition("no script brings more than a tenth of the inputs", lambda shape: shape.spreads_inputs)
_REPAID = Condition("the largest payer is repaid", lambda shape: shape.repays_the_largest_payer)
_HALF = Condition(
    "one value is paid to half of the outputs, less one",
    lambda shape: 2 * shape.denomination[1] >= len(shape.spendable) - 1,
)
_HALF_MIXED = Condition(
    "half of the outputs, less one, repeat a value", lambda shape: 2 * shape.mixed >= len(shape.spendable) - 1
)
_THREE_VALUES = Condition("3 or more values repeat", lambda shape: len(shape.repeated) >= 3, is_core=True)
_NO_DUST = Condition(
    "no output below 5,000 sat", lambda shape: min((o.value_sat for o in shape.spendable), default=0) >= 5_000
)
_COORDINATOR = Condition("Wasabi's coordinator is paid", lambda shape: coordinator_paid(shape) is not None)
_UNEVEN = Condition(
    "20 or more inputs, or the outputs are no whole number of equal values", lambda s: not divides_evenly(s)
)


def _whirlpool_new(shape: Shape) -> bool:
    new = len(entrants(shape))
    return new <= 4 and (new >= 1 or shape.unknown > 0)


_WHIRLPOOL = (
    Condition("5 to 8 inputs and as many outputs", lambda s: 5 <= len(s.inputs) == len(s.outputs) <= 8),
    Condition(
        "all outputs are the value of one pool, each to its own script",
        lambda s: pool_of(s) is not None,
        is_core=True,
    ),
    Condition("each input has its own script", lambda s: s.payers == len(s.inputs)),
    Condition(
        "each input is the pool's value or 100 to 110,000 sat more",
        lambda s: all(excess in MIX_FEE for excess in entrants(s)),
    ),
    Condition("1 to 4 inputs are more than the pool's value", _whirlpool_new),
)


def _is_one_level(shape: Shape) -> bool:
    return _fits_payers(near_base(shape)[1], shape)


def _fits_payers(count: int, shape: Shape) -> bool:
    return 3 <= count <= shape.payers <= 7 * count


_BASE_VALUE = Condition(
    "3 or more outputs near 0.1 BTC are equal, for one to seven input scripts each",
    _is_one_level,
    is_core=True,
)
_BASE_HALF = Condition(
    "they are half of the outputs, less one", lambda s: 2 * near_base(s)[1] >= len(s.spendable) - 1
)
_LEVEL_VALUES = Condition(
    "3 or more outputs near 0.1 BTC or a doubling are equal, for one to seven input scripts each",
    lambda s: _fits_payers(max(levels(s).values(), default=0), s),
    is_core=True,
)
_LEVEL_HALF = Condition(
    "such outputs are half of all, less one", lambda s: 2 * sum(levels(s).values()) >= len(s.spendable) - 1
)
_NATIVE = (
    Condition("all scripts are P2WPKH", lambda s: s.is_native),
    Condition(
        "10 or more equal outputs of 0.08 to 0.12 BTC",
        lambda s: s.denomination[1] >= 10 and _is_tenth(s),
        is_core=True,
    ),
    _equals(10),
    Condition("2 or more values are paid once", lambda s: list(s.amounts.values()).count(1) >= 2),
    Condition("most amounts are not WabiSabi's", lambda s: 5 * standard_outputs(s) < 4 * len(s.spendable)),
)


def _is_tenth(shape: Shape) -> bool:
    return 8_000_000 <= shape.denomination[0] <= 12_000_000


_WABISABI = (
    _inputs(20),
    _SPREAD,
    _ONCE,
    _NO_DUST,
    _THREE_VALUES,
    _HALF_MIXED,
    Condition("not all outputs repeat a value", lambda s: s.mixed < len(s.spendable)),
)
_SMALL_WABISABI = (
    _inputs(10),
    _SPREAD,
    _ONCE,
    _NO_DUST,
    _THREE_VALUES,
    Condition("2 or more powers of 2 or 3, or twice one of 3, repeat", lambda s: standard_values(s) >= 2),
    Condition(
        "four fifths of the amounts are WabiSabi's", lambda s: 5 * standard_outputs(s) >= 4 * len(s.spendable)
    ),
)
_JOINMARKET = (
    Condition("no OP_RETURN", lambda s: len(s.spendable) == len(s.outputs)),
    _ONCE,
    Condition(
        "half of all outputs are equal",
        lambda s: s.denomination[1] == (len(s.outputs) + 1) // 2,
        is_core=True,
    ),
    _equals(3),
    Condition("at most four inputs per output", lambda s: len(s.inputs) <= 4 * len(s.outputs)),
    Condition("no script is over 34 % of all", lambda s: not s.reuses_a_script),
    _REPAID,
)


def _is_twin(shape: Shape) -> bool:
    """Return whether one value of 5,000 sat or more appears exactly twice and no other repeats."""
    twins = [value for value, count in shape.amounts.items() if count > 1]
    return len(twins) == 1 and shape.amounts[twins[0]] == 2 and twins[0] >= 5_000


_STONEWALL = (
    Condition("3 or 4 outputs", lambda s: len(s.spendable) in (3, 4)),
    Condition("2 or more input scripts", lambda s: s.payers >= 2),
    _ONCE,
    Condition("two outputs are equal and the others differ", _is_twin, is_core=True),
)


def _equal(shape: Shape) -> str:
    value, count = shape.denomination
    return f"{count} outputs of exactly {units.format_coins(value, shape.chain)}"


def _list(counts: Mapping[int, int], shape: Shape) -> str:
    return ", ".join(f"{count} × {units.format_coins(value, shape.chain)}" for value, count in counts.items())


def _said_whirlpool(shape: Shape) -> tuple[str, ...]:
    shown = (
        f"the {counted(len(shape.known), 'input')} in evidence"
        if shape.unknown
        else f"{len(shape.inputs)} inputs"
    )
    return (
        f"{_equal(shape)}, a Whirlpool pool, and nothing else",
        f"{len(entrants(shape))} of {shown} are new to the pool and bring the miners' fee",
    )


def _said_wasabi(shape: Shape) -> tuple[str, ...]:
    coordinator, found = coordinator_paid(shape), levels(shape)
    paid = () if coordinator is None else (f"pays Wasabi's coordinator {coordinator}",)
    mixed = sum(found.values())
    near = f"{mixed} of {len(shape.spendable)} outputs are equal and near 0.1 BTC or its doubles: {_list(found, shape)}"
    equal = near if found and not paid else f"{_equal(shape)} among {len(shape.spendable)} outputs"
    return (equal, *paid, f"{shape.payers} distinct input scripts")


def _said_mixed(shape: Shape) -> tuple[str, ...]:
    return (
        f"{shape.mixed} of {len(shape.spendable)} outputs repeat one of {len(shape.repeated)} values, "
        f"{standard_outputs(shape)} are of an amount that WabiSabi splits into",
        f"{len(shape.inputs)} inputs of {shape.payers} distinct scripts, none with more than a tenth of them",
    )


def _said_joinmarket(shape: Shape) -> tuple[str, ...]:
    return (
        f"{_equal(shape)}, half of all {len(shape.outputs)} outputs",
        f"{shape.payers} distinct input scripts: enough for {shape.denomination[1]} participants",
    )


def _said_stonewall(shape: Shape) -> tuple[str, ...]:
    return (
        f"{_equal(shape)} among {len(shape.spendable)} outputs, the others differ",
        f"{shape.payers} distinct input scripts: one wallet and two parties make this shape alike",
    )


def _said_equal(shape: Shape) -> tuple[str, ...]:
    by_one = _HALF.holds(shape) and shape.repays_the_largest_payer
    several = f"{shape.mixed} of {len(shape.spendable)} outputs repeat one of {len(shape.repeated)} values"
    return (
        f"{_equal(shape)} among {len(shape.spendable)} outputs" if by_one else several,
        f"{shape.payers} distinct input scripts; one owner can make this shape too",
    )


_ONE_LEVEL = (
    (_COORDINATOR, _equals(3), _HALF),
    (_inputs(10), _SPREAD, _ONCE, _BASE_VALUE, _BASE_HALF, _UNEVEN),
)
_LEVELS = ((_COORDINATOR, _equals(3)), (_inputs(10), _SPREAD, _ONCE, _LEVEL_VALUES, _LEVEL_HALF, _UNEVEN))

RULES = {
    family.name: family
    for family in (
        Family("whirlpool", "CJ-4", FIRST_BLOCK, (_WHIRLPOOL,), _said_whirlpool),
        Family("wasabi-1.0", "CJ-6", 530_500, (*_ONE_LEVEL, (*_NATIVE, _HALF)), _said_wasabi),
        Family("wasabi-1.1", "CJ-6", 530_500, (*_LEVELS, _NATIVE), _said_wasabi),
        Family("wabisabi", "CJ-7", 741_213, (_WABISABI, _SMALL_WABISABI), _said_mixed),
        Family("joinmarket", "CJ-1, CJ-8", 392_300, (_JOINMARKET,), _said_joinmarket),
        Family("stonewall", "CJ-9", 0, (_STONEWALL,), _said_stonewall),
        Family(
            "equal-output",
            "CJ-2",
            0,
            ((_equals(2), _HALF, _REPAID), (_equals(2), _THREE_VALUES, _HALF_MIXED)),
            _said_equal,
        ),
    )
}
"""In the order they are asked: the narrower first. First blocks: Dumplings, `Constants.cs`."""

FAMILIES = tuple(RULES)
"""The families a transaction can be said to look like; `stonewall` and `equal-output` are always ambiguous."""

_AMBIGUOUS = ("stonewall", "equal-output")


def classify(shape: Shape, *, families: Collection[str] = FAMILIES) -> Verdict | None:
    """Return which CoinJoin family one transaction looks like, why, and what speaks against it.

    `None` for no family. Assumes nothing but the shape: no tag, no neighbour in the chain. A Whirlpool Tx0
    is none.

    Examples
    --------
    >>> from chainflow.model import OutputRecord
    >>> mix = [OutputRecord(100_000, f"0014{n:040x}") for n in range(10)]
    >>> paid_in = [OutputRecord(100_300, mix[0].script), *mix[1:5]]
    >>> classify(Shape(tuple(paid_in), tuple(mix[5:]))).family
    'whirlpool'
    """
    if len(shape.inputs) < 2 or not shape.repeated or is_tx0(shape):
        return None
    for family in RULES.values():
        if family.name in families and family.holds(shape):
            is_ambiguous = family.name in _AMBIGUOUS or shape.unknown > 0
            against = (*doubts(shape), *_others(shape, family))
            return Verdict(shape.txid, family.name, is_ambiguous, family.reasons(shape), against)
    return None


def missing(shape: Shape) -> tuple[str, ...]:
    """Return, in words, that not all inputs are in evidence; nothing where they are."""
    return (
        (f"only {len(shape.known)} of {len(shape.inputs)} inputs are in evidence",) if shape.unknown else ()
    )


def doubts(shape: Shape) -> Iterator[str]:
    """Yield what speaks against several owners in a shape, whatever its family."""
    inputs = len(shape.inputs)
    yield from missing(shape)
    if 2 * shape.most_of_one_script > inputs or (inputs >= 10 and not shape.spreads_inputs):
        yield f"one script brings {100 * shape.most_of_one_script // inputs} % of the inputs"
    if len(shape.repeated) == 1 and not shape.repays_the_largest_payer:
        yield "the largest payer is not repaid: it brings more than one equal output and one other cover"
    if not shape.pays_each_once:
        yield "an output script repeats"
    if shape.pays_itself:
        yield "a script that is spent from is paid again"


def _others(shape: Shape, chosen: Family) -> Iterator[str]:
    """Yield the other families that a shape has too, or has but for one condition."""
    told = {chosen.rule, RULES["equal-output"].rule}  # both forms of Wasabi 1 are one rule: tell one of them
    for other in RULES.values():
        if other.rule in told:
            continue
        told.add(other.rule)
        if other.holds(shape):
            yield f"it has the shape of {other.name} too"
        elif (missing := other.miss(shape)) is not None:
            yield f"{other.name} but for: {missing}"
