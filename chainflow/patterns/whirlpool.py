"""Whirlpool: its pools, what a mix and a Tx0 look like, and where the coins of a mix come from."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from chainflow import units
from chainflow.patterns.shape import Shape

__all__ = ["FIRST_BLOCK", "MIX_FEE", "POOLS", "entrants", "is_tx0", "lineage", "pool_of", "tx0_parts"]

FIRST_BLOCK = 570_000

POOLS = {
    100_000: (5_000, FIRST_BLOCK),
    1_000_000: (50_000, FIRST_BLOCK),
    2_500_000: (125_000, 899_000),
    5_000_000: (175_000, FIRST_BLOCK),
    25_000_000: (1_250_000, 899_800),
    50_000_000: (1_750_000, FIRST_BLOCK),
}
"""Pool → its fee and first block. Ashigaru opened 0.025 on 2025-05-31 and 0.25 on 2025-06-06: the blocks are
counted back from block 900,000 and early rather than late; their fee is taken as 5 %, the band holds 3.5 % too.
"""

MIX_FEE = range(100, 110_001)
"""What a coin new to the pool brings for the miners, in sat."""

_MOST_PREMIX = 70


def pool_of(shape: Shape) -> int | None:
    """Return the pool whose value all outputs are, if it was open; `None` for none."""
    value, count = shape.denomination
    is_pool = value in POOLS and count == len(shape.outputs)
    return value if is_pool and _is_open(value, shape) else None


def _is_open(pool: int, shape: Shape) -> bool:
    return shape.chain != "btc" or shape.height is None or shape.height >= POOLS[pool][1]


def entrants(shape: Shape) -> list[int]:
    """Return by how much each input in evidence differs from the equal value, where it does."""
    value, _ = shape.denomination
    return [entry.value_sat - value for entry in shape.known if entry.value_sat != value]


def tx0_parts(shape: Shape) -> tuple[int, int, int] | None:
    """Return (pool, premix outputs, fee in sat) of a Tx0; `None` if the shape is none (CJ-5).

    One OP_RETURN; equal premix outputs a little above a pool's value; besides them the pool's fee (half to
    three times the published one) and at most one change, which may by chance be as large as a fee.
    """
    if len(shape.outputs) - len(shape.spendable) != 1 or len(shape.spendable) < 2:
        return None
    for pool, (fee, _) in POOLS.items():
        premix = {value: n for value, n in shape.amounts.items() if value - pool in MIX_FEE}
        count, value = max(((n, value) for value, n in premix.items()), default=(0, 0))
        others = [output.value_sat for output in shape.spendable if output.value_sat != value]
        fees = [other for other in others if fee <= 2 * other <= 6 * fee]
        if 1 <= count <= _MOST_PREMIX and len(others) <= 2 and fees and _is_open(pool, shape):
            return pool, count, min(fees)
    return None


def is_tx0(shape: Shape) -> bool:
    """Return whether one owner splits coins into premix outputs for Whirlpool: no CoinJoin."""
    return tx0_parts(shape) is not None


def lineage(
    shape: Shape, makers: Collection[Shape | None], mixes: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return what the makers of a mix's coins say for it and against it.

    Parameters
    ----------
    makers : collection of Shape or None
        For each input in evidence, the transaction that made it; `None` where that is not in evidence.
    mixes : collection of str
        Txids that have the shape of a mix.
    """
    fits = list(_fits(shape, makers, mixes))
    if not fits:
        return [], []
    right, wrong = fits.count(True), fits.count(False)
    said = f"{right} of {len(shape.inputs)} inputs come from where they should: new coins from a Tx0, others from a mix"
    strays = f"{units.counted(wrong, 'input')} should come from a Tx0 or a mix and {'does' if wrong == 1 else 'do'} not"
    return [said] if right else [], [strays] if wrong else []


def _fits(shape: Shape, makers: Collection[Shape | None], mixes: Collection[str]) -> Iterator[bool]:
    """Yield, for each input whose maker is in evidence, whether that is of the kind it should be."""
    value, _ = shape.denomination
    for entry, maker in zip(shape.known, makers, strict=True):
        if maker is not None:
            yield maker.txid in mixes if entry.value_sat == value else is_tx0(maker)
