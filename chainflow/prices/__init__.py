"""What coins were worth, in a currency, at a time: prices from files and from public hosts, each with its origin.

A price is somebody's statement about a market, never a fact of a chain. Every answer says who stated it and
how far in time it is from the moment asked about; where there is none near enough, the answer is `None`.
"""

from __future__ import annotations

from chainflow.prices.book import Price, PricePoint, Prices, Value
from chainflow.prices.hosts import HOSTS, PriceHost, open_host
from chainflow.prices.valued import value_table

__all__ = ["HOSTS", "Price", "PriceHost", "PricePoint", "Prices", "Value", "open_host", "value_table"]
