"""Tracing: where value went or came from, under a declared policy, to the last base unit."""

from chainflow.tracing.follow import policy_named, trace
from chainflow.tracing.policies import Coin, Fifo, Haircut, Poison, Slice
from chainflow.tracing.result import Trace
from chainflow.tracing.walk import Move, Policy

__all__ = ["Coin", "Fifo", "Haircut", "Move", "Poison", "Policy", "Slice", "Trace", "policy_named", "trace"]
