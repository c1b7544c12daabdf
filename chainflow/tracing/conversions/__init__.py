"""Conversions: value that left one place and came back as another asset or on another chain, and on what evidence."""

from chainflow.tracing.conversions.checking import Checked, Refusal, Refused
from chainflow.tracing.conversions.conversion import EVIDENCE, KINDS, Conversion, Leg, convert
from chainflow.tracing.conversions.conversions import Conversions
from chainflow.tracing.conversions.crossings import Crossing, find_crossings
from chainflow.tracing.conversions.finding import find_conversions
from chainflow.tracing.conversions.ids import IdRow, MemoRow
from chainflow.tracing.conversions.memos import Memo, parse_memo
from chainflow.tracing.conversions.rates import FixedRates, PriceRates, Rates
from chainflow.tracing.conversions.shifts import Shifts

__all__ = [
    "EVIDENCE",
    "KINDS",
    "Checked",
    "Conversion",
    "Conversions",
    "Crossing",
    "FixedRates",
    "IdRow",
    "Leg",
    "Memo",
    "MemoRow",
    "PriceRates",
    "Rates",
    "Refusal",
    "Refused",
    "Shifts",
    "convert",
    "find_conversions",
    "find_crossings",
    "parse_memo",
]
