"""Tracing: where value went or came from, under a declared policy, to the last base unit."""

from chainflow.tracing.accounts import AccountMove, AccountTrace
from chainflow.tracing.asset import Asset
from chainflow.tracing.closing import ClosingBalance
from chainflow.tracing.follow import trace
from chainflow.tracing.policies import (
    AccountPolicy,
    Book,
    Coin,
    Fifo,
    Haircut,
    Poison,
    Policy,
    Slice,
    account_policy_named,
    policy_named,
)
from chainflow.tracing.result import End, Trace
from chainflow.tracing.seeds import Claim
from chainflow.tracing.walk import Move

__all__ = [
    "AccountMove",
    "AccountPolicy",
    "AccountTrace",
    "Asset",
    "Book",
    "Claim",
    "ClosingBalance",
    "Coin",
    "End",
    "Fifo",
    "Haircut",
    "Move",
    "Poison",
    "Policy",
    "Slice",
    "Trace",
    "account_policy_named",
    "policy_named",
    "trace",
]
