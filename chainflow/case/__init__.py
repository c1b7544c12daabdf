"""The case: one file that remembers the evidence and every step, and offers the verbs as methods."""

from chainflow.case.verbs import Case

__all__ = ["Case"]
