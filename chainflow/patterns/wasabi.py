"""What both generations of Wasabi leave in a transaction: coordinators, levels of 0.1 BTC, standard amounts."""

from __future__ import annotations

from chainflow.patterns.shape import Shape

__all__ = [
    "COORDINATORS",
    "coordinator_paid",
    "divides_evenly",
    "levels",
    "near_base",
    "standard_outputs",
    "standard_values",
]

COORDINATORS = {
    "0014869f5c7a4cd7776ae0c0fcd9c3315abb239a9f0d": "bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew",
    "0014eaaab82317670d0ee3013b073b25a7a5c780f528": "bc1qa24tsgchvuxsaccp8vrnkfd85hrcpafg20kmjw",
}
"""The two addresses that were paid in each round of Wasabi 1 up to about block 610,000."""

_BASE = 10_000_000
_LEAST, _MOST = 5_000, 134_375_000_000


def _series(base: int, factor: int) -> set[int]:
    """Return factor · base^i for all i, between the least and the most amount of WabiSabi."""
    values, value = set(), factor
    while value <= _MOST:
        values.add(value)
        value *= base
    return {value for value in values if value >= _LEAST}


_UNEVEN = _series(2, 1) | _series(3, 1) | _series(3, 2)
_STANDARD = _UNEVEN | _series(10, 1) | _series(10, 2) | _series(10, 5)
"""The amounts WabiSabi splits into; the `_UNEVEN` of them are no round sums that people pay."""


def coordinator_paid(shape: Shape) -> str | None:
    """Return the address of Wasabi's coordinator that is paid; `None` where none is."""
    found = (COORDINATORS[output.script] for output in shape.spendable if output.script in COORDINATORS)
    return next(found, None)


def near_base(shape: Shape) -> tuple[int, int]:
    """Return the value within 5 % of 0.1 BTC that is paid most often, and to how many scripts; or (0, 0)."""
    near = [(n, value) for value, n in shape.scripts_paid.items() if 20 * abs(value - _BASE) <= _BASE]
    count, value = max(near, default=(0, 0))
    return value, count


def levels(shape: Shape) -> dict[int, int]:
    """Return, for each doubling of 0.1 BTC ± 5 %, the value most paid there and to how many (2 or more)."""
    found: dict[int, int] = {}
    level = _BASE
    while 19 * level <= 20 * max(shape.repeated, default=0):
        near = [(count, value) for value, count in shape.repeated.items() if 20 * abs(value - level) <= level]
        if near:
            count, value = max(near)
            found[value] = count
        level *= 2
    return found


def divides_evenly(shape: Shape) -> bool:
    """Return whether few inputs give a whole number of equal values and no change: a split, not a mix."""
    value, _ = shape.denomination
    total = sum(output.value_sat for output in shape.spendable)
    if len(shape.inputs) >= 20 or not value:
        return False
    return 10_000 * min(total % value, -total % value) <= total


def standard_outputs(shape: Shape) -> int:
    """Return how many spendable outputs are of an amount WabiSabi splits into."""
    return sum(count for value, count in shape.amounts.items() if value in _STANDARD)


def standard_values(shape: Shape) -> int:
    """Return how many values repeat that are a power of 2 or 3, or twice one of 3."""
    return sum(value in _UNEVEN for value in shape.repeated)
