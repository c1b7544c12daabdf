"""Pictures: `draw` turns a trace or a ledger into a `Figure`; renderers turn that into a file."""

from chainflow.figures.figure import Basis, End, Figure, Flow, Item, Legend, Payment, Renderer, TxNote
from chainflow.figures.picture import draw

__all__ = ["Basis", "End", "Figure", "Flow", "Item", "Legend", "Payment", "Renderer", "TxNote", "draw"]
