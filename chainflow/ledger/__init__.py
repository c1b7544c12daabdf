"""The ledger: facts merged into immutable tables, integer indexes over them, graphs of them."""

from chainflow.ledger.build import build
from chainflow.ledger.graph import address_graph, cluster_graph, transaction_graph
from chainflow.ledger.ledger import Ledger

__all__ = ["Ledger", "address_graph", "build", "cluster_graph", "transaction_graph"]
