"""What is spent after a CoinJoin: which transactions spend its outputs, how many, and of which kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainflow.ledger import Ledger
from chainflow.patterns.shape import DUST_SAT
from chainflow.patterns.verdict import Verdict

__all__ = ["PostMix", "post_mix"]


@dataclass(frozen=True, slots=True)
class PostMix:
    """That one transaction spends outputs of CoinJoins.

    Several of them spent together are common spending of the wallet that holds them now. That says nothing
    about who brought the coins into the CoinJoin.

    Attributes
    ----------
    families : mapping of str to int
        Family of the CoinJoin → how many of its outputs are spent, by name.
    mixed, other : int
        Spent outputs whose value another output of that CoinJoin has too, and those whose value is alone:
        change or a coordinator's fee, which may be linked to an input.
    is_mix : bool
        Whether the spending transaction looks like a CoinJoin itself: a remix.
    """

    txid: str
    families: Mapping[str, int]
    mixed: int
    other: int
    is_mix: bool

    @property
    def spent(self) -> int:
        """How many outputs of CoinJoins are spent."""
        return self.mixed + self.other


def post_mix(ledger: Ledger, mixes: Mapping[str, Verdict]) -> dict[str, PostMix]:
    """Return the transactions that spend outputs of `mixes`: txid → `PostMix`, in spending order.

    Only spends in the ledger are seen; an output whose spender is not held may be spent all the same.

    Parameters
    ----------
    mixes : mapping of str to Verdict
        What `coinjoins` found, or a part of it; a txid that is not in the ledger adds nothing.

    References
    ----------
    CJ-13 in `docs/rules/post-mix.md`.
    """
    index, spent = ledger.index, []
    for txid, verdict in mixes.items():
        for row in index.tx_rows(txid):
            outputs = index.outputs_of(row)
            values, counts = np.unique(index.value[outputs], return_counts=True)
            shared = values[(counts > 1) & (values > DUST_SAT)]
            is_mixed = np.isin(index.value[outputs], shared).tolist()
            spenders = index.spent_by[outputs].tolist()
            spent += [
                (by, verdict.family, is_one) for by, is_one in zip(spenders, is_mixed, strict=True) if by >= 0
            ]
    by_spender: dict[int, list[tuple[str, bool]]] = {}
    for by, family, is_one in sorted(spent):
        by_spender.setdefault(by, []).append((family, is_one))
    found: dict[str, PostMix] = {}
    for by, outputs_of_mixes in by_spender.items():
        mixed = sum(is_one for _, is_one in outputs_of_mixes)
        families = dict(Counter(family for family, _ in outputs_of_mixes))
        txid = index.txids[by]
        found.setdefault(txid, PostMix(txid, families, mixed, len(outputs_of_mixes) - mixed, txid in mixes))
    return found
