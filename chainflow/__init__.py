"""chainflow: follow value through public blockchains, with the evidence for every step.

Values (`Ledger`, `Tags`, `Clustering`, `Trace`, `Exposure`, `Figure`) are immutable; verbs (`fetch`,
`cluster`, `trace`, `exposure`, `draw`) turn values into values; `Case` is the one thing with state: a
file that remembers the evidence and every step. Public names are loaded when they are first used, so
that a bare import costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainflow.version import __version__

if TYPE_CHECKING:
    from chainflow import clustering, patterns, samples, typologies
    from chainflow.attribution import Exposure, exposure, exposure_of, screen
    from chainflow.case import Case
    from chainflow.clustering import Clustering, cluster
    from chainflow.crawl import fetch
    from chainflow.errors import ChainflowError
    from chainflow.figures import Figure, draw
    from chainflow.formats import open_file
    from chainflow.ledger import Ledger, address_graph, cluster_graph, transaction_graph
    from chainflow.model import Outpoint
    from chainflow.prices import Prices, value_table
    from chainflow.proving import prove_amounts
    from chainflow.tags import Tags
    from chainflow.tracing import Claim, Trace, trace
    from chainflow.tracing.bounding import bounds
    from chainflow.tracing.claims import check_claims
    from chainflow.tracing.conversions import Conversions, find_conversions
    from chainflow.tracing.paths import max_flow, paths, to_nearest

__all__ = [
    "Case",
    "ChainflowError",
    "Claim",
    "Clustering",
    "Conversions",
    "Exposure",
    "Figure",
    "Ledger",
    "Outpoint",
    "Prices",
    "Tags",
    "Trace",
    "__version__",
    "address_graph",
    "bounds",
    "check_claims",
    "cluster",
    "cluster_graph",
    "clustering",
    "draw",
    "exposure",
    "exposure_of",
    "fetch",
    "find_conversions",
    "max_flow",
    "open_file",
    "paths",
    "patterns",
    "prove_amounts",
    "samples",
    "screen",
    "to_nearest",
    "trace",
    "transaction_graph",
    "typologies",
    "value_table",
]

_HOME = {
    "Case": "case",
    "ChainflowError": "errors",
    "Claim": "tracing",
    "Clustering": "clustering",
    "Conversions": "tracing.conversions",
    "Exposure": "attribution",
    "Figure": "figures",
    "Ledger": "ledger",
    "Outpoint": "model",
    "Prices": "prices",
    "Tags": "tags",
    "Trace": "tracing",
    "address_graph": "ledger",
    "bounds": "tracing.bounding",
    "check_claims": "tracing.claims",
    "cluster": "clustering",
    "cluster_graph": "ledger",
    "draw": "figures",
    "exposure": "attribution",
    "exposure_of": "attribution",
    "fetch": "crawl",
    "find_conversions": "tracing.conversions",
    "max_flow": "tracing.paths",
    "open_file": "formats",
    "paths": "tracing.paths",
    "prove_amounts": "proving",
    "screen": "attribution",
    "to_nearest": "tracing.paths",
    "trace": "tracing",
    "transaction_graph": "ledger",
    "value_table": "prices",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'chainflow' has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"chainflow.{_HOME.get(name, name)}")
    found: object = getattr(home, name) if name in _HOME else home
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
