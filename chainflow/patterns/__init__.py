"""Patterns: transactions of a known shape, found from amounts and scripts alone; they serve as vetoes."""

from chainflow.patterns.coinjoin import FAMILIES, CoinJoins, Verdict, classify, coinjoins
from chainflow.patterns.shape import Shape

__all__ = ["FAMILIES", "CoinJoins", "Shape", "Verdict", "classify", "coinjoins"]
