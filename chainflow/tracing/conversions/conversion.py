"""One conversion: value that left in one place and came back as another asset or on another chain."""

from __future__ import annotations

from dataclasses import dataclass

from chainflow.errors import BadInput
from chainflow.tracing.asset import Asset

__all__ = ["EVIDENCE", "KINDS", "RULES", "Conversion", "Leg", "convert"]

KINDS = ("swap", "bridge", "wrap", "unwrap", "atomic swap", "refund")
"""A refund is value that a service sent back unconverted: it left, and it is followed on from where it came back."""

EVIDENCE = ("id", "same transaction", "amount and time")
"""What a conversion rests on, the strongest first: an id on both sides; logs of one transaction; an inference."""

RULES = ("wrapped token", "one transaction", "memo", "amount and time")
"""The `source` of what was found here; anyone else's name means that somebody asserts it."""

_SEPARATOR = "+"


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a conversion, as it stands in a ledger.

    Attributes
    ----------
    chain, txid : str
    place : str
        On UTXO chains the number of the output. On account chains the place of the transfer as ledgers have it
        (`log:12`, `trace:0_1`, "" for the transaction's own payment); several are joined by `+`. "" also means
        that the transaction as a whole is meant.
    asset : Asset
    address : str
        Whom this movement paid: on the paid side a service, a pool, a token's contract; on the received side
        who has the value afterwards. "" where it paid several, or nobody.
    amount_raw : int
        Base units. Of several movements their sum, less what came back to their payer in the transaction.
    """

    chain: str
    txid: str
    place: str
    asset: Asset
    address: str
    amount_raw: int

    @property
    def places(self) -> tuple[str, ...]:
        """The places one by one."""
        return tuple(self.place.split(_SEPARATOR))

    @property
    def keys(self) -> tuple[tuple[str, str, str], ...]:
        """(chain, txid, place) of each movement."""
        return tuple((self.chain, self.txid, place) for place in self.places)

    @property
    def order(self) -> tuple[object, ...]:
        """What sorts legs: the same on every machine."""
        return (self.chain, self.txid, self.place, str(self.asset), self.address, self.amount_raw)

    def __str__(self) -> str:
        place = f" {self.place}" if self.place else ""
        return f"{self.amount_raw:,} base units of {self.asset} in {self.txid}{place}"


@dataclass(frozen=True, slots=True)
class Conversion:
    """Value `paid` that came back as `received`.

    Attributes
    ----------
    paid, received : Leg
    kind : str
        One of `KINDS`.
    evidence : str
        One of `EVIDENCE`.
    reason : str
        Why the two belong together, for a reader.
    source : str
        Who says so: one of `RULES` where it was found here, else whoever asserts it.
    candidates : int
        How many receipts fit the payment, or payments the receipt: the larger of the two. 1 is unique.
    chosen_by : str
        Who decided for this one of several candidates; "" is nobody.
    """

    paid: Leg
    received: Leg
    kind: str
    evidence: str
    reason: str
    source: str
    candidates: int = 1
    chosen_by: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind or an evidence that there is not.

        Raises
        ------
        BadInput
            With those that there are.
        """
        for what, given, known in (("kind", self.kind, KINDS), ("evidence", self.evidence, EVIDENCE)):
            if given not in known:
                raise BadInput(f"no {what} of a conversion: {given!r}", hint=f"one of {', '.join(known)}")

    @property
    def is_followed(self) -> bool:
        """Whether a trace may go through it: it is the only candidate, or somebody chose it by name."""
        return self.candidates == 1 or bool(self.chosen_by)

    @property
    def is_asserted(self) -> bool:
        """Whether somebody says so, rather than a rule here having found it."""
        return self.source not in RULES

    @property
    def order(self) -> tuple[object, ...]:
        """What sorts conversions: paid leg, received leg, then what is said of them."""
        said = (self.kind, self.evidence, self.reason, self.source, self.candidates, self.chosen_by)
        return (*self.paid.order, *self.received.order, *said)


def convert(conversion: Conversion, tainted_raw: int) -> int:
    """Return how much of the receipt is tainted if `tainted_raw` of the payment is: pro rata, rounded down.

    The whole payment becomes exactly the whole receipt, nothing becomes nothing, and more never becomes less.

    Parameters
    ----------
    tainted_raw : int
        Base units of the paid asset, at most what was paid. Where the movements were larger than the leg, as
        part of them came back in the same transaction, the caller says which part it was.

    Raises
    ------
    BadInput
        If it is negative or more than was paid.

    Examples
    --------
    >>> leg = Leg("eth", "0x1", "", Asset("eth", None), "", 10)
    >>> other = Leg("eth", "0x1", "log:0", Asset("eth", "0xa0"), "", 7)
    >>> [convert(Conversion(leg, other, "swap", "same transaction", "", "one transaction"), n) for n in (0, 5, 10)]
    [0, 3, 7]
    """
    paid, received = conversion.paid.amount_raw, conversion.received.amount_raw
    if not 0 <= tainted_raw <= paid:
        raise BadInput(
            f"{tainted_raw:,} of {paid:,} base units paid in {conversion.paid.txid}",
            hint="the tainted part of a payment is between nothing and all of it",
        )
    return tainted_raw * received // paid
