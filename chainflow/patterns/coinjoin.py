"""The CoinJoins of a ledger: the transactions in which several owners seem to spend together."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import OutputRecord, Recipe
from chainflow.patterns.families import FAMILIES, classify
from chainflow.patterns.shape import Shape
from chainflow.patterns.sweep import Columns, sweep
from chainflow.patterns.verdict import Verdict, Verdicts
from chainflow.patterns.whirlpool import lineage

__all__ = ["CoinJoins", "coinjoins", "shapes_of", "with_lineage"]


class CoinJoins(Verdicts):
    """The transactions of a ledger that look like CoinJoins: txid → `Verdict`, in spending order.

    `in`, `len` and iteration work as for a set of txids, so it serves as a veto or a list of stops.
    """

    _title: ClassVar[str] = "Transactions that look like CoinJoins"
    _note: ClassVar[str] = (
        "A family is a shape: it does not say who took part or why. "
        "stonewall and equal-output can have one owner."
    )


def coinjoins(ledger: Ledger, *, families: Collection[str] = FAMILIES) -> CoinJoins:
    """Return the transactions that look like CoinJoins, each with its family, the reasons and the doubts.

    Wrong in both directions: see `docs/concepts/coinjoin.md`. What is not in the ledger is not judged,
    and an input that is not in evidence makes a verdict ambiguous.

    Parameters
    ----------
    families : collection of str
        Which of `FAMILIES` to look for.

    Raises
    ------
    BadInput
        If a family is not known.

    References
    ----------
    CJ-1, CJ-4 … CJ-9 in `docs/concepts/coinjoin.md`: BlockSci, Dumplings, GraphSense, am-i-exposed;
    Schnoering and Vazirgiannis 2023; Stütz et al. 2022, arXiv 2109.10229.

    Examples
    --------
    >>> from chainflow.ledger import build
    >>> coinjoins(build(()))
    <CoinJoins 0>
    """
    strange = sorted(set(families) - set(FAMILIES))
    if strange:
        raise BadInput(f"no CoinJoin family {strange[0]!r}", hint=f"one of {', '.join(FAMILIES)}")
    chosen = [family for family in FAMILIES if family in families]
    found = sweep(Columns.of(ledger))
    can = np.flatnonzero(np.any([found[family] for family in FAMILIES], axis=0))
    verdicts: dict[str, Verdict] = {}
    for shape in shapes_of(ledger, can):
        verdict = classify(shape, families=chosen)
        if verdict is not None:
            verdicts.setdefault(verdict.txid, verdict)
    recipe = Recipe("coinjoins", {"families": chosen}, inputs=[ledger.digest])
    return CoinJoins(with_lineage(ledger, verdicts), recipe)


def shapes_of(ledger: Ledger, rows: npt.NDArray[np.int64]) -> Iterator[Shape]:
    """Yield the shape of each transaction row, in that order; coinbases are for the caller to leave out."""
    index, heights = ledger.index, ledger.txs["height"].take(pa.array(rows)).to_pylist()
    spent = [index.inputs_of(int(row)) for row in rows]
    made = [index.outputs_of(int(row)) for row in rows]
    wanted = np.concatenate(
        [np.zeros(0, dtype=np.int64), *(part for pair in zip(spent, made, strict=True) for part in pair)]
    )
    scripts = ledger.outputs["script"].take(pa.array(wanted)).to_pylist()
    held = map(OutputRecord, index.value[wanted].tolist(), scripts)
    for row, height, ins, outs in zip(rows.tolist(), heights, spent, made, strict=True):
        known = tuple(next(held) for _ in ins)
        missing = (None,) * (index.n_inputs[row] - len(known))
        outputs = tuple(next(held) for _ in outs)
        yield Shape((*known, *missing), outputs, height, index.chains[row], index.txids[row])


def with_lineage(ledger: Ledger, verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Return verdicts with what the makers of each Whirlpool mix's coins say for it and against it (CJ-4)."""
    index, said = ledger.index, dict(verdicts)
    mixes = {txid for txid, verdict in verdicts.items() if verdict.family == "whirlpool"}
    for txid in mixes:
        row = index.tx_rows(txid)[0]
        makers = index.created_by[index.inputs_of(row)]
        shapes = dict(zip(makers[makers >= 0].tolist(), shapes_of(ledger, makers[makers >= 0]), strict=True))
        (shape,) = shapes_of(ledger, np.array([row]))
        reasons, against = lineage(shape, [shapes.get(maker) for maker in makers.tolist()], mixes)
        verdict = verdicts[txid]
        said[txid] = dataclasses.replace(
            verdict, reasons=(*verdict.reasons, *reasons), against=(*verdict.against, *against)
        )
    return said
