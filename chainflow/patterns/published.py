"""The CoinJoin rules of other programs as they are published, as named predicates, to compare with.

None of them is a veto here: each misses whole families or hits ordinary payments (see
`docs/concepts/coinjoin.md`). Inputs that are not in evidence count as inputs with a script of their own;
their values cannot be tested and are passed over. Written anew from the definitions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from chainflow.patterns.shape import DUST_SAT, Shape
from chainflow.patterns.wasabi import divides_evenly, standard_outputs

__all__ = ["PUBLISHED"]

_BASE, _BAND = 10_000_000, 500_000
_POOL_FEES = {100_000: 5_000, 1_000_000: 50_000, 5_000_000: 175_000, 50_000_000: 1_750_000}


def _counts(shape: Shape) -> Counter[int]:
    """Return value → how many outputs, unspendable ones included."""
    return Counter(output.value_sat for output in shape.outputs)


def _most(counts: Mapping[int, int]) -> tuple[int, int]:
    """Return the value that is most frequent (the first of several) and how often; (0, 0) without one."""
    value = max(counts, key=lambda each: counts[each], default=0)
    return value, counts.get(value, 0)


def _has_op_return(shape: Shape) -> bool:
    return len(shape.spendable) < len(shape.outputs)


def _blocksci(shape: Shape) -> bool:
    """CJ-1: half of the outputs, rounded up, are equal, and no fewer input scripts."""
    outputs, participants = len(shape.outputs), (len(shape.outputs) + 1) // 2
    if len(shape.inputs) < 2 or outputs < 3 or participants > shape.payers:
        return False
    value, count = _most(_counts(shape))
    return count == participants and value not in (546, 2_730)


def _esplora(shape: Shape) -> bool:
    """CJ-2: as many equal outputs as half of all, at least 2 and at most 5 being asked for."""
    least = min(max(len(shape.outputs) // 2, 2), 5)
    return len(shape.inputs) > 1 and _most(_counts(shape))[1] >= least


def _mempool(shape: Shape) -> bool:
    """CJ-3: no script twice, five or more on both sides, half of the values repeat, no OP_RETURN."""
    inputs, outputs = len(shape.inputs), len(shape.outputs)
    scripts = Counter(record.script for record in shape.outputs)
    scripts.update({entry.script for entry in shape.known} & set(scripts))
    values = len({entry.value_sat for entry in shape.known}) + shape.unknown + len(_counts(shape))
    return (
        min(inputs, outputs) >= 5
        and max(scripts.values()) == 1
        and 2 * values <= inputs + outputs
        and not _has_op_return(shape)
        and outputs < 5 * inputs < 25 * outputs
    )


def _mempool_consolidation(shape: Shape) -> bool:
    return len(shape.outputs) > 0 and len(shape.inputs) >= 5 * len(shape.outputs)


def _mempool_batch_payout(shape: Shape) -> bool:
    return 0 < 5 * len(shape.inputs) <= len(shape.outputs)


def _graphsense_whirlpool(shape: Shape) -> bool:
    """CJ-4 with the four pools of Samourai."""
    count, (pool, equal) = len(shape.inputs), _most(shape.amounts)
    brought = [entry.value_sat - pool for entry in shape.known]
    new = [excess for excess in brought if excess]
    return (
        5 <= count <= 8
        and equal == count == len(shape.spendable) == shape.payers
        and pool in _POOL_FEES
        and shape.pays_each_once
        and all(100 <= excess <= 110_000 for excess in new)
        and (1 <= len(new) <= 4 or (not new and shape.unknown > 0))
    )


def _graphsense_tx0(shape: Shape) -> bool:
    """CJ-5 as published: exactly one output in the fee's band, so that a change there rejects it."""
    if len(shape.outputs) - len(shape.spendable) != 1 or len(shape.spendable) < 2:
        return False
    for pool, fee in _POOL_FEES.items():
        premix = [(n, value) for value, n in shape.amounts.items() if pool + 100 <= value <= pool + 110_000]
        count = max(premix, default=(0, 0))[0]
        fees = sum(n for value, n in shape.amounts.items() if fee <= 2 * value <= 6 * fee)
        if 1 <= count <= 70 and count >= len(shape.spendable) - 2 and fees == 1:
            return True
    return False


def _fits_wasabi(shape: Shape, count: int) -> bool:
    """Return what both forms of CJ-6 ask besides the amounts."""
    return (
        len(shape.inputs) >= 10
        and shape.spreads_inputs
        and shape.pays_each_once
        and 3 <= count <= shape.payers <= 7 * count
        and not divides_evenly(shape)
    )


def _graphsense_wasabi_1_0(shape: Shape) -> bool:
    near = {value: n for value, n in shape.amounts.items() if abs(value - _BASE) <= _BAND}
    count = _most(near)[1]
    return _fits_wasabi(shape, count) and 2 * count >= len(shape.spendable) - 1


def _graphsense_wasabi_1_1(shape: Shape) -> bool:
    levels, step = [], 1
    while step * _BASE <= max(shape.amounts, default=0):
        band = range(step * (_BASE - _BAND), step * (_BASE + _BAND) + 1)
        levels.append(sum(n for value, n in shape.amounts.items() if value in band))
        step *= 2
    mixed = [count for count in levels if count >= 2]
    outputs = len(shape.spendable)
    is_enough = 2 * sum(mixed) >= outputs - 1 or sum(mixed) >= outputs - shape.payers - 1
    return _fits_wasabi(shape, max(mixed, default=0)) and is_enough


def _graphsense_wabisabi(shape: Shape) -> bool:
    """CJ-7: 20 or more inputs; three or more values repeat and are half of the outputs, but not all."""
    repeated = [count for count in shape.amounts.values() if count >= 2]
    return (
        len(shape.inputs) >= 20
        and shape.spreads_inputs
        and shape.pays_each_once
        and min(shape.amounts, default=0) >= 5_000
        and len(repeated) >= 3
        and len(shape.spendable) - 1 <= 2 * sum(repeated) < 2 * len(shape.spendable)
    )


def _graphsense_joinmarket(shape: Shape) -> bool:
    """CJ-8: three or more equal outputs, half of all, and at least one other."""
    outputs, inputs = len(shape.spendable), len(shape.inputs)
    count = _most({value: n for value, n in shape.amounts.items() if value > DUST_SAT})[1]
    if not (2 * count >= outputs and 3 <= count <= shape.payers and count < outputs and shape.pays_each_once):
        return False
    return inputs < 50 or (inputs <= 20 * count and 10 * outputs >= 17 * count)


def _graphsense(shape: Shape) -> bool:
    return any(
        rule(shape)
        for rule in (
            _graphsense_wasabi_1_0,
            _graphsense_wasabi_1_1,
            _graphsense_wabisabi,
            _graphsense_joinmarket,
            _graphsense_whirlpool,
        )
    )


def _dumplings_wasabi_1(shape: Shape) -> bool:
    """Dumplings: P2WPKH only, ten or more equal outputs of 0.1 BTC ± 0.02, two or more values alone."""
    value, count = _most(_counts(shape))
    lone = sum(n == 1 for n in _counts(shape).values())
    is_near = abs(value - _BASE) <= 2_000_000
    return shape.is_native and count >= 10 and len(shape.inputs) >= count and is_near and lone >= 2


def _dumplings_wabisabi(shape: Shape) -> bool:
    """Dumplings, form of 2023: P2WPKH and P2TR inputs, 50 or more, all in descending order of value."""
    spent, paid = [e.value_sat for e in shape.known], [o.value_sat for o in shape.outputs]
    return (
        len(shape.inputs) >= 50
        and shape.types_spent <= {"p2wpkh", "p2tr"}
        and spent == sorted(spent, reverse=True)
        and paid == sorted(paid, reverse=True)
        and 5 * standard_outputs(shape) > 4 * len(paid)
    )


def _coinjoin_analysis_joinmarket(shape: Shape) -> bool:
    """CJ-8, the form of coinjoin-analysis, whose own comment says that it passes ordinary transactions."""
    inputs, outputs, counts = len(shape.inputs), len(shape.outputs), _counts(shape)
    return (
        outputs > 0
        and 2 * _most(counts)[1] in (outputs, outputs + 1)
        and not _has_op_return(shape)
        and sum(n > 1 for n in counts.values()) <= 1
        and not shape.reuses_a_script
        and max(inputs, outputs) <= 100
        and max(inputs, outputs) <= 4 * min(inputs, outputs)
    )


def _stonewall(shape: Shape) -> bool:
    """CJ-9: three or four outputs of which exactly two are equal."""
    twins = [value for value, count in shape.amounts.items() if count > 1]
    return (
        len(shape.spendable) in (3, 4)
        and len(shape.inputs) >= 2
        and shape.pays_each_once
        and len(twins) == 1
        and shape.amounts[twins[0]] == 2
        and twins[0] >= 5_000
    )


PUBLISHED: Mapping[str, Callable[[Shape], bool]] = MappingProxyType(
    {
        "blocksci": _blocksci,
        "esplora": _esplora,
        "mempool": _mempool,
        "mempool-consolidation": _mempool_consolidation,
        "mempool-batch-payout": _mempool_batch_payout,
        "graphsense": _graphsense,
        "graphsense-whirlpool": _graphsense_whirlpool,
        "graphsense-tx0": _graphsense_tx0,
        "graphsense-wasabi-1.0": _graphsense_wasabi_1_0,
        "graphsense-wasabi-1.1": _graphsense_wasabi_1_1,
        "graphsense-wabisabi": _graphsense_wabisabi,
        "graphsense-joinmarket": _graphsense_joinmarket,
        "dumplings-wasabi-1": _dumplings_wasabi_1,
        "dumplings-wabisabi": _dumplings_wabisabi,
        "coinjoin-analysis-joinmarket": _coinjoin_analysis_joinmarket,
        "am-i-exposed-stonewall": _stonewall,
    }
)
"""Name → predicate; `graphsense` is the union of its CoinJoin rules, which its change heuristics use."""
