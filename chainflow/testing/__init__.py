"""The contract of a source: the tests that ours pass, and that yours must pass.

`check_source` needs recorded or made-up replies and no network; `check_live` asks a real server whose
truth is known. How to write a source is told in docs/how-to/write-a-source.md.
"""

from chainflow.testing.contract import ContractReport, Exchange, check_source
from chainflow.testing.damage import Damage, damaged_bodies, damages
from chainflow.testing.live import LiveReport, check_live

__all__ = [
    "ContractReport",
    "Damage",
    "Exchange",
    "LiveReport",
    "check_live",
    "check_source",
    "damaged_bodies",
    "damages",
]
