"""Your own node of the Bitcoin Core family (bitcoind, litecoind, dogecoind, …): over JSON-RPC, or over REST."""

from chainflow.sources.core.rest import CoreRest
from chainflow.sources.core.rpc import Core

__all__ = ["Core", "CoreRest"]
