"""Claims: somebody else's list of hops and amounts, audited row by row against the evidence."""

from chainflow.tracing.claims.check import check_claims
from chainflow.tracing.claims.listing import claims_of
from chainflow.tracing.claims.result import CheckedHop, ClaimCheck
from chainflow.tracing.claims.rows import COLUMNS, ClaimedHop

__all__ = ["COLUMNS", "CheckedHop", "ClaimCheck", "ClaimedHop", "check_claims", "claims_of"]
