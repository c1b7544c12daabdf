"""fetch(): the only loop that asks for more. It walks what is known and asks for what is missing."""

from chainflow.crawl.fetching import Fetched, Plan, Seeds, chain_of, fetch, fetch_into, ledger_of
from chainflow.crawl.walk import LimitOptions, Limits

__all__ = [
    "Fetched",
    "LimitOptions",
    "Limits",
    "Plan",
    "Seeds",
    "chain_of",
    "fetch",
    "fetch_into",
    "ledger_of",
]
