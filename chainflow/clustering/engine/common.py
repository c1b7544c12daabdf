"""Common input without CoinJoins: what other rules, and their calibration, take for known."""

from __future__ import annotations

from chainflow.clustering.change.payments import Payments
from chainflow.clustering.engine.claims import Claims
from chainflow.clustering.engine.places import Places
from chainflow.clustering.heuristics import MultiInput

__all__ = ["common_input"]


def common_input(payments: Payments, places: Places) -> Claims:
    """Return the claims of `multi-input` on a ledger, those of transactions of a CoinJoin's shape left out."""
    claims = places.claims(MultiInput().links(payments.ledger))
    keep = ~payments.is_coinjoin[claims.tx]
    return Claims(claims.table, claims.link[keep], claims.tx[keep], claims.a[keep], claims.b[keep])
