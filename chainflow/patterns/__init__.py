"""Patterns: transactions of a known shape, found from amounts and scripts alone; they serve as vetoes."""

from chainflow.patterns.boltzmann import (
    EqualMix,
    Interpretations,
    boltzmann,
    boltzmann_of,
    boltzmann_of_shape,
    equal_mix,
)
from chainflow.patterns.coinjoin import CoinJoins, coinjoins
from chainflow.patterns.families import FAMILIES, classify
from chainflow.patterns.published import PUBLISHED
from chainflow.patterns.shape import Shape
from chainflow.patterns.shapes import SHAPES, Shapes, recognise, shapes
from chainflow.patterns.spends import PostMix, post_mix
from chainflow.patterns.sweep import Columns, sweep
from chainflow.patterns.verdict import Verdict, Verdicts

__all__ = [
    "FAMILIES",
    "PUBLISHED",
    "SHAPES",
    "CoinJoins",
    "Columns",
    "EqualMix",
    "Interpretations",
    "PostMix",
    "Shape",
    "Shapes",
    "Verdict",
    "Verdicts",
    "boltzmann",
    "boltzmann_of",
    "boltzmann_of_shape",
    "classify",
    "coinjoins",
    "equal_mix",
    "post_mix",
    "recognise",
    "shapes",
    "sweep",
]
