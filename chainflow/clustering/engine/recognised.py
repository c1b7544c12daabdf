"""The shapes of a ledger's transactions, each recognised when it is asked for: most never are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from chainflow.ledger import Ledger
from chainflow.patterns import Shapes, Verdict, recognise, shapes
from chainflow.patterns.coinjoin import shapes_of

__all__ = ["Recognised"]


class Recognised(Mapping[str, Verdict]):
    """Txid → the verdict on its shape, as `patterns.shapes` has it; who iterates asks for all of them.

    What speaks for and against a Whirlpool mix by its neighbours is only in `all`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, Verdict | None] = {}

    @cached_property
    def all(self) -> Shapes:
        """Every transaction of a named shape."""
        return shapes(self._ledger)

    def __getitem__(self, txid: str) -> Verdict:
        if txid not in self._known:
            self._known[txid] = self._recognised(txid)
        verdict = self._known[txid]
        if verdict is None:
            raise KeyError(txid)
        return verdict

    def _recognised(self, txid: str) -> Verdict | None:
        index = self._ledger.index
        rows = [row for row in index.tx_rows(txid)[:1] if not index.is_coinbase[row]]
        return next(map(recognise, shapes_of(self._ledger, np.array(rows, dtype=np.int64))), None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)
