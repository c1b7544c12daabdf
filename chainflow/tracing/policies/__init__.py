"""Policies: the conventions that say which part of what is paid comes from which part of what was received."""

from chainflow.tracing.policies.claimants import Deposit, Division, Withdrawal, divide
from chainflow.tracing.policies.coins import Coin, Slice
from chainflow.tracing.policies.lots import AccountFifo, AccountLifo, CleanFirst, DirtyFirst
from chainflow.tracing.policies.named import account_policy_named, declared_name, policy_named
from chainflow.tracing.policies.ordered import Lifo, Seniority, Tiho, Tilo
from chainflow.tracing.policies.outputs import Fifo, Haircut, Poison
from chainflow.tracing.policies.policy import AccountPolicy, Book, Policy
from chainflow.tracing.policies.shares import AccountHaircut, AccountPoison, LowestBalance

__all__ = [
    "AccountFifo",
    "AccountHaircut",
    "AccountLifo",
    "AccountPoison",
    "AccountPolicy",
    "Book",
    "CleanFirst",
    "Coin",
    "Deposit",
    "DirtyFirst",
    "Division",
    "Fifo",
    "Haircut",
    "Lifo",
    "LowestBalance",
    "Poison",
    "Policy",
    "Seniority",
    "Slice",
    "Tiho",
    "Tilo",
    "Withdrawal",
    "account_policy_named",
    "declared_name",
    "divide",
    "policy_named",
]
