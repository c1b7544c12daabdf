"""The ends of a trace with the day of the transaction that paid there, or was paid from there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd

from chainflow.attribution.exposures import ends_of
from chainflow.tracing import AccountTrace, End, Trace

__all__ = ["timed_ends"]


def timed_ends(trace: Trace) -> Iterator[tuple[End, date | None]]:
    """Yield each end with the day, in UTC, on which value went to it or, backward, came from it.

    `None` where that is not in evidence: a transaction in no block, or a balance that was held before.
    """
    if trace.direction == "backward" and not isinstance(trace, AccountTrace):
        times = _spent(trace)
    else:
        times = list(trace.ends["time"].tolist())
    for end, time in zip(ends_of(trace), times, strict=True):
        yield end, None if time is None or pd.isna(time) else time.date()


def _spent(trace: Trace) -> list[Any]:
    """Return when the output of each end was spent: backward, that is the payment that was traced."""
    index, times = trace.ledger.index, trace.ledger.txs["time"]
    found = []
    for chain, txid, vout in zip(
        *(trace.ends[name].tolist() for name in ("chain", "txid", "vout")), strict=True
    ):
        rows = index.row_of_outpoint.get((txid, int(vout)), [])
        spenders = [int(index.spent_by[row]) for row in rows if index.output_chains[row] == chain]
        found.append(times[spenders[0]].as_py() if spenders and spenders[0] >= 0 else None)
    return found
