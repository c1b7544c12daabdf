"""The evidence: raw replies by SHA-256 and an append-only, hash-chained log, in one SQLite file."""

from chainflow.evidence.check import Verification, verify
from chainflow.evidence.log import Event, Log

__all__ = ["Event", "Log", "Verification", "verify"]
