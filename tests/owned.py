"""Case files for tests about owners: the fetched sample, and two customers of one exchange."""

from __future__ import annotations

import pathlib

from chainflow import samples
from chainflow.case import Case
from chainflow.serve import Explorer
from tests.clustering.account_made import ETHER, pay
from tests.ledger.moves import SCAN


def fetch_colonial(path: pathlib.Path) -> pathlib.Path:
    """Write a case that fetched the addresses of the Colonial sample."""
    with Explorer(samples.load("colonial")) as explorer, Case(path, f"esplora:{explorer.url}") as case:
        case.fetch(samples.facts("colonial")["addresses"])
    return path


def write_accounts(path: pathlib.Path) -> None:
    """Write a case in which ann and ben pay into one deposit address of the exchange `hot`."""
    paid = [
        *(pay("ann", "dep", ETHER, 100), pay("dep", "hot", ETHER - 10**15, 105)),
        *(pay("ben", "dep", 2 * ETHER, 200), pay("dep", "hot", 2 * ETHER - 10**15, 205)),
    ]
    request = {
        "source": SCAN, "family": "etherscan", "chain": "eth", "host": "api.etherscan.io", "subject": "",
        "path": "/x", "url": "https://api.etherscan.io/x", "status": 200, "retrieved": 0, "server_date": "",
    }  # fmt: skip
    with Case(path, offline=True) as made:
        made.log.record(request, b"{}", paid)
