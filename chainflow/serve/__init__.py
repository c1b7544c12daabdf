"""A ledger as a local explorer: to replay a case, to teach offline, to test a client against."""

from chainflow.serve.explorer import Explorer
from chainflow.serve.replay import Answer, Replay

__all__ = ["Answer", "Explorer", "Replay"]
