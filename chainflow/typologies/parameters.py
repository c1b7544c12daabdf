"""What a search for patterns can be told: one value per number, each with its default and its range."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from chainflow.errors import BadInput
from chainflow.prices import Prices
from chainflow.units import whole_number

__all__ = ["Parameters"]

_RANGES = {
    "peel_ratio": (1, 10**6),
    "peel_hops": (2, 10**6),
    "degree": (2, 10**6),
    "hours": (1, 24 * 3660),
    "via": (2, 10**6),
    "loss_percent": (0, 100),
    "cycle_length": (3, 20),
    "side": (2, 1000),
    "layers": (3, 100),
    "receipts": (1, 10**6),
    "times": (2, 10**6),
    "under_percent": (1, 100),
    "dormant_days": (1, 36600),
    "dormant_blocks": (0, 2**31 - 1),
    "most": (2, 10**6),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What each pattern is looked for with.

    Attributes
    ----------
    peel_ratio, peel_hops : int
        The carried output is at least so many times the peeled one; so many transactions in a row.
    degree, hours : int
        Counterparties of a fan; the window W of every pattern that has one.
    via : int
        Intermediaries of scatter–gather; payers and payees of gather–scatter.
    loss_percent : int
        δ: how much of a value may be lost on the way, fees included.
    cycle_length : int
        Payments in a cycle, at most.
    side, layers : int
        Parties on each side of a bipartite pattern; layers of parties in a stack.
    receipts : int
        Payments into a pass-through before it empties: every address of one coin passes that one on.
    threshold : int, Decimal, str, optional
        Of structuring: base units of `asset`; with `prices`, money in `currency`. Without it, not looked for.
    times, under_percent : int
        So many transfers, each less than the threshold by at most so much.
    asset : str, optional
        The only asset to look for structuring in (`btc`, `eth:0x…`); needed where a ledger has several.
    prices : Prices, optional
    currency : str
    exchanges : collection of str, or mapping of str to str
        Hot wallets, for deposit sweeps. Without any, not looked for.
    dormant_days, dormant_blocks : int
        Age by time and by height; both must be reached.
    most : int
        The bound of every search: counterparties or candidates looked at per party or payment.
    """

    peel_ratio: int = 5
    peel_hops: int = 3
    degree: int = 10
    hours: int = 24
    via: int = 4
    loss_percent: int = 10
    cycle_length: int = 6
    side: int = 3
    layers: int = 3
    receipts: int = 2
    threshold: int | Decimal | str | None = None
    times: int = 3
    under_percent: int = 10
    asset: str | None = None
    prices: Prices | None = None
    currency: str = "USD"
    exchanges: Mapping[str, str] | Collection[str] = ()
    dormant_days: int = 365
    dormant_blocks: int = 0
    most: int = 50

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Parameters:
        """Return the parameters that a caller named.

        Raises
        ------
        BadInput
            For a name that is none, or a number out of its range.
        """
        known: dict[str, Any] = {field.name: field.default for field in fields(cls)}
        strange = sorted(set(given) - set(known))
        if strange:
            raise BadInput(f"no parameter {strange[0]!r}", hint=f"one of {', '.join(known)}")
        chosen = known | dict(given)
        for name, (least, most) in _RANGES.items():
            chosen[name] = whole_number(chosen[name], name, least=least, most=most)
        if chosen["threshold"] is not None:
            _threshold(chosen["threshold"], is_money=chosen["prices"] is not None)
        if isinstance(chosen["exchanges"], str):
            raise BadInput("a list of exchange addresses is wanted, not one", hint="put it in a list")
        return cls(**chosen)

    @property
    def seconds(self) -> int:
        """The window W."""
        return 3600 * self.hours

    @property
    def limit(self) -> Decimal:
        """The threshold, exactly."""
        return _threshold(self.threshold, is_money=self.prices is not None)

    def keeps(self, before: int, after: int) -> bool:
        """Return whether no more than δ of a value was lost between two amounts, and nothing gained."""
        return self.least(before) <= after <= before

    def least(self, before: int) -> int:
        """Return the least that may be left of an amount."""
        return -(-before * (100 - self.loss_percent) // 100)

    def of(self, names: Iterable[str]) -> dict[str, object]:
        """Return some of them as plain JSON-able values."""
        return {name: _plain(getattr(self, name)) for name in names}


def _threshold(given: object, *, is_money: bool) -> Decimal:
    """Return a threshold: whole base units, or exact money."""
    if isinstance(given, (bool, float)):
        raise BadInput(f"not a threshold: {given!r}", hint="base units as int; money as text or Decimal")
    try:
        found = Decimal(str(given))
        is_whole = found == found.to_integral_value()
    except InvalidOperation:
        raise BadInput(f"not a threshold: {given!r}", hint="base units as int; money as text") from None
    if not found.is_finite() or found <= 0 or not (is_money or is_whole):
        raise BadInput(
            f"not a threshold: {given!r}", hint="more than 0; whole base units unless prices are given"
        )
    return found


def _plain(value: object) -> object:
    if isinstance(value, Prices):
        return len(value)
    if isinstance(value, Mapping):
        return dict(sorted(value.items()))
    if isinstance(value, Decimal):
        return str(value)
    return sorted(value) if isinstance(value, Collection) and not isinstance(value, str) else value
