"""What is said of one transaction's shape, and the mapping of such verdicts over a ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import ClassVar

import pandas as pd

from chainflow import cards
from chainflow.model import Recipe, digest_of

__all__ = ["Verdict", "Verdicts"]

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """That one transaction has a named shape, why, and what speaks against it.

    Attributes
    ----------
    family : str
        The name of the shape, one of `patterns.SHAPES`.
    ambiguous : bool
        Whether one owner can make this shape too, or some inputs were not there to be tested.
    reasons : tuple of str
        What was counted, for people.
    against : tuple of str
        What speaks against it, and which other shape failed by one condition only, for people.
    """

    txid: str
    family: str
    ambiguous: bool
    reasons: tuple[str, ...]
    against: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Verdicts(Mapping[str, Verdict]):
    """Transactions of a ledger by shape: txid → `Verdict`, in spending order.

    `in`, `len` and iteration work as for a set of txids.
    """

    verdicts: Mapping[str, Verdict]
    recipe: Recipe

    _title: ClassVar[str] = "Transactions of a named shape"
    _note: ClassVar[str] = "A name is that of a shape: it does not say who took part or why."

    def __getitem__(self, txid: str) -> Verdict:
        return self.verdicts[txid]

    def __iter__(self) -> Iterator[str]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all verdicts."""
        return digest_of([asdict(verdict) for verdict in self.verdicts.values()])

    @cached_property
    def families(self) -> dict[str, int]:
        """Family → how many transactions, by name; a family without any is left out."""
        return dict(sorted(Counter(verdict.family for verdict in self.verdicts.values()).items()))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per transaction: `txid`, `family`, `ambiguous`, `reasons`, `against`."""
        rows = [
            (v.txid, v.family, v.ambiguous, "; ".join(v.reasons), "; ".join(v.against))
            for v in self.verdicts.values()
        ]
        return pd.DataFrame(rows, columns=["txid", "family", "ambiguous", "reasons", "against"])

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {family}" for family, count in self.families.items())
        return f"<{type(self).__name__} {len(self):,}{': ' if counts else ''}{counts}>"

    def _repr_html_(self) -> str:
        title = f"{self._title}: {len(self):,}"
        counts = cards.card(title, self.families.items(), header=("family", "transactions"), note=self._note)
        return counts + self._first() if self.verdicts else counts

    def _first(self) -> str:
        """Show some verdicts in full: pandas cuts long cells."""
        shown = list(self.verdicts.values())[:_SHOWN]
        rows = [
            (v.txid, v.family, "; ".join(v.reasons), "; ".join(v.against) or "nothing noted") for v in shown
        ]
        more = f": the first {len(shown)} of {len(self):,}" if len(self) > len(shown) else ""
        note = "All of them: .to_pandas()." if more else ""
        return cards.card(f"Why{more}", rows, header=("txid", "family", "reasons", "against"), note=note)
