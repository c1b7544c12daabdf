"""Clustering: addresses grouped by declared rules, with the transactions behind each group."""

from chainflow.clustering.clustering import Clustering
from chainflow.clustering.explain import Explanation, Link
from chainflow.clustering.heuristics import MultiInput
from chainflow.clustering.join import Heuristic, cluster

__all__ = ["Clustering", "Explanation", "Heuristic", "Link", "MultiInput", "cluster"]
