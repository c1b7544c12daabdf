"""Pictures: `draw` turns a trace or a ledger into a `Figure`; renderers turn that into a file."""

from chainflow.figures.chain import ChainPicture
from chainflow.figures.figure import Basis, End, Figure, Flow, Item, Legend, Payment, Renderer, TxNote
from chainflow.figures.picture import draw

__all__ = [
    "Basis",
    "ChainPicture",
    "End",
    "Figure",
    "Flow",
    "Item",
    "Legend",
    "Payment",
    "Renderer",
    "TxNote",
    "draw",
]
