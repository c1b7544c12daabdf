"""Typologies: patterns over several transactions, and red-flag indicators, with their base rates; never a score."""

from chainflow.typologies.findings import Findings, find
from chainflow.typologies.flags import FLAGS
from chainflow.typologies.hits import Amount, BaseRate, Hit
from chainflow.typologies.indicator import Indicator, Indicators, Shown, State
from chainflow.typologies.kinds import KINDS
from chainflow.typologies.measured import base_rates
from chainflow.typologies.parameters import Parameters
from chainflow.typologies.payments import Payment, Payments
from chainflow.typologies.red_flags import indicators

__all__ = [
    "FLAGS",
    "KINDS",
    "Amount",
    "BaseRate",
    "Findings",
    "Hit",
    "Indicator",
    "Indicators",
    "Parameters",
    "Payment",
    "Payments",
    "Shown",
    "State",
    "base_rates",
    "find",
    "indicators",
]
