"""A rule for tests that says what it is told, of any kind."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from chainflow import schema
from chainflow.clustering import About, Kind
from chainflow.ledger import Ledger

__all__ = ["Told"]


@dataclass(frozen=True)
class Told:
    """Links as (a, b, txid); `kind` is what they are said to rest on."""

    rows: tuple[tuple[str, str, str], ...]
    kind: Kind = Kind.CO_SPEND
    name: str = "told"
    version: str = "1"

    @property
    def about(self) -> About:
        """What kind of rule it is."""
        return About("T-1", "what a test says", self.kind, "were told together", "this test", ("always",))

    @property
    def parameters(self) -> dict[str, object]:
        """How many links."""
        return {"rows": len(self.rows)}

    def links(self, held: Ledger) -> pa.Table:
        """Return what it is told."""
        return schema.rows_to_table([(a, b, self.name, txid) for a, b, txid in self.rows], schema.LINKS)
