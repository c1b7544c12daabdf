"""Tracing over accounts: per account and asset, in the chain's order."""

from chainflow.tracing.accounts.events import Event, Events, Holding
from chainflow.tracing.accounts.result import AccountTrace
from chainflow.tracing.accounts.walk import AccountMark, AccountMove

__all__ = ["AccountMark", "AccountMove", "AccountTrace", "Event", "Events", "Holding"]
