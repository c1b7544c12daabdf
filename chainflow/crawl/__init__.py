"""fetch(): the only loop that asks for more. It walks what is known and asks for what is missing."""

from chainflow.crawl.checking import CrossCheck, Proved, cross_check, prove
from chainflow.crawl.fetching import Fetched, Plan, Seeds, chain_of, fetch, fetch_into, ledger_of
from chainflow.crawl.limits import LimitOptions, Limits

__all__ = [
    "CrossCheck",
    "Fetched",
    "LimitOptions",
    "Limits",
    "Plan",
    "Proved",
    "Seeds",
    "chain_of",
    "cross_check",
    "fetch",
    "fetch_into",
    "ledger_of",
    "prove",
]
