"""Deposit addresses of exchanges, and the users who pay into them (E-1, E-1b, E-1c).

An exchange gives each customer an own address and sweeps what arrives there to its hot wallet. Whoever
pays into the same deposit address is the same customer. The three steps are one function each: which
payments and sweeps belong together (`_pairs`), which addresses are deposit addresses (`_is_deposit`), and
who is left as a user (`_Reuse.matches`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from chainflow import schema
from chainflow.clustering.accounts.moves import (
    Amounts,
    Bools,
    Ints,
    Moves,
    labels_of,
    needed,
)
from chainflow.clustering.rules import About, Kind
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import TransferKind
from chainflow.units import whole_number

__all__ = ["MATCHES", "DepositReuse", "TokenDeposit"]

MATCHES = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("user", pa.string(), nullable=False),
        pa.field("deposit", pa.string(), nullable=False),
        pa.field("exchange", pa.string(), nullable=False),
        pa.field("contract", pa.string()),  # of the token; null: the chain's own coin
        pa.field("user_txid", pa.string(), nullable=False),
        pa.field("forward_txid", pa.string(), nullable=False),
        pa.field("value_raw", pa.string(), nullable=False),  # what the user paid
        pa.field("difference_raw", pa.string(), nullable=False),  # of it that was not forwarded
        pa.field("blocks", pa.int64(), nullable=False),  # between the two
    ]
)
"""What a link of these rules rests on: a payment and a sweep, and how near they are."""

_WHENCE = 'hot wallets that tags name: exchanges=tags.of("exchange").addresses, or a list of your own'
_WRONG_WHEN = (
    "several people pay into one customer's address: friends, employers, an exchange not in the list",
    "the address is an ordinary account whose owner passes on what arrives",
    "the list of exchanges holds an address that is no hot wallet",
)


@dataclass(frozen=True, slots=True)
class _Reuse(ABC):
    """What both rules share: who the exchanges are, and when an address is called a deposit address."""

    exchanges: Mapping[str, str] | Collection[str] = ()
    max_blocks: int = 10_000
    excluded: Collection[str] = ()
    one_target: bool = True

    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse a rule that could find nothing."""
        needed("exchanges", self.exchanges, hint=_WHENCE)

    @abstractmethod
    def _rows(self, moves: Moves) -> Bools:
        """Return which transfers the rule looks at."""

    @property
    @abstractmethod
    def _difference(self) -> int:
        """Return how much less than the payment the sweep may be."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return self._shared()

    def _shared(self) -> dict[str, object]:
        given = self.exchanges
        return {
            "exchanges": dict(sorted(given.items())) if isinstance(given, Mapping) else sorted(given),
            "max_blocks": self.max_blocks,
            "excluded": sorted(self.excluded),
            "one_target": self.one_target,
        }

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from each user to a deposit address, from the user's payment."""
        moves = Moves.of(ledger)
        paid, _ = self._matched(moves)
        return moves.links(self.name, moves.sender[paid], moves.recipient[paid], moves.tx[paid])

    def matches(self, ledger: Ledger) -> pa.Table:
        """Return every payment with every sweep that it may belong to, columns as in `MATCHES`.

        How near the two are in blocks and amount is what the ledger shows; it is no probability.
        """
        moves = Moves.of(ledger)
        rows = []
        for paid, swept in zip(*(found.tolist() for found in self._matched(moves)), strict=True):
            chain, user = moves.names[moves.sender[paid]]
            deposit, exchange = (moves.names[moves.recipient[row]][1] for row in (paid, swept))
            contract = moves.names[moves.contract[paid]][1] if moves.contract[paid] >= 0 else None
            txids = (moves.txids[moves.tx[row]][1] for row in (paid, swept))
            value = moves.value[paid]
            near = (
                str(value),
                str(value - moves.value[swept]),
                int(moves.height[swept] - moves.height[paid]),
            )
            rows.append((chain, user, deposit, exchange, contract, *txids, *near))
        return schema.rows_to_table(rows, MATCHES)

    def _matched(self, moves: Moves) -> tuple[Ints, Ints]:
        """Return the rows of payments and of sweeps, pair by pair, in chain order of the sweeps."""
        whole_number(self.max_blocks, "blocks")
        actors = _actors(moves, self.exchanges)
        may_link = moves.may_link(self.excluded) & (actors < 0)
        rows = np.flatnonzero(self._rows(moves))
        rows = rows[may_link[moves.sender[rows]]]
        swept = rows[actors[moves.recipient[rows]] >= 0]
        paid = rows[may_link[moves.recipient[rows]]]
        paid, swept = _pairs(moves, paid, swept, blocks=self.max_blocks, difference=self._difference)
        is_deposit = _is_deposit(moves, paid, swept)
        if self.one_target:
            is_deposit &= _has_one_target(moves, actors)
        kept = is_deposit[moves.recipient[paid]] & ~is_deposit[moves.sender[paid]]
        return paid[kept], swept[kept]


@dataclass(frozen=True, slots=True)
class DepositReuse(_Reuse):
    """Whoever pays into one exchange deposit address is one customer (E-1, E-1b), for the chain's own coin.

    A payment A → D and a later sweep D → exchange belong together if they are at most `max_blocks` apart
    and the sweep is less by at most `max_difference_raw`, which pays for the gas. All payments that fit a
    sweep are kept, not only the last. A payment of `max_difference_raw` or less fits almost any sweep and
    counts for nothing: so gas that a service sends to deposit addresses joins no customers.

    D is called a deposit address if it has two users or two sweeps; an exchange is neither user nor
    deposit address, a deposit address is never a user, and contracts are neither.

    Parameters
    ----------
    exchanges : collection of str, or mapping of str to str
        Hot wallets; with names, where several exchanges are in the list: address → exchange. Needed: tags
        have them, `tags.of("exchange").addresses`.
    max_blocks : int
        Victor: 10,000. Tutela: 3,200.
    max_difference_raw : int
        In the coin's smallest unit; 10^16 wei are 0.01 ether.
    excluded : collection of str
        Miners and services: neither users nor deposit addresses.
    one_target : bool
        Whether an address that pays anybody but one exchange is no deposit address.

    Raises
    ------
    BadInput
        If there are no exchanges.

    References
    ----------
    F. Victor, 2020, Address clustering heuristics for Ethereum, FC 2020; M. Wu et al., 2022, Tutela.
    """

    max_difference_raw: int = 10**16

    name: ClassVar[str] = "deposit-reuse"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-1",
        title="Accounts that pay into one deposit address of an exchange are one customer",
        kind=Kind.ACCOUNT,
        reading="are a customer and its exchange deposit address",
        source="F. Victor, 2020, Address clustering heuristics for Ethereum; M. Wu et al., 2022, Tutela",
        wrong_when=_WRONG_WHEN,
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return {**self._shared(), "max_difference_raw": self.max_difference_raw}

    @property
    def _difference(self) -> int:
        if type(self.max_difference_raw) is not int or self.max_difference_raw < 0:
            raise BadInput(f"max_difference_raw is {self.max_difference_raw!r}", hint="base units, 0 or more")
        return self.max_difference_raw

    def _rows(self, moves: Moves) -> Bools:
        large = (moves.value > self._difference).astype(np.bool_)
        to_exchange = _actors(moves, self.exchanges)[moves.recipient] >= 0
        return moves.is_own & moves.is_kind(TransferKind.NATIVE) & (large | to_exchange)


@dataclass(frozen=True, slots=True)
class TokenDeposit(_Reuse):
    """Whoever pays a token into one exchange deposit address is one customer (E-1c).

    As `DepositReuse`, for tokens: the sweep is of the same token and of exactly the same amount, and both
    transfers were signed by who they are from, so that no made-up token can claim them. A sweep of several
    payments at once, or of another token, matches nothing. Takes the parameters of `DepositReuse` but
    `max_difference_raw`.

    References
    ----------
    F. Victor, 2020, Address clustering heuristics for Ethereum, FC 2020.
    """

    name: ClassVar[str] = "token-deposit"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-1c",
        title="Accounts that pay a token into one deposit address of an exchange are one customer",
        kind=Kind.ACCOUNT,
        reading="are a customer and its exchange deposit address for tokens",
        source="F. Victor, 2020, Address clustering heuristics for Ethereum",
        wrong_when=_WRONG_WHEN,
    )

    @property
    def _difference(self) -> int:
        return 0

    def _rows(self, moves: Moves) -> Bools:
        return moves.is_own & moves.is_kind(TransferKind.TOKEN) & moves.is_fungible


def _actors(moves: Moves, exchanges: Mapping[str, str] | Collection[str]) -> Ints:
    """Return, per account, the number of the exchange it belongs to; −1: none."""
    by_name = exchanges if isinstance(exchanges, Mapping) else dict.fromkeys(exchanges, "")
    labels_of(exchanges)
    numbers = {name: number for number, name in enumerate(sorted(set(by_name.values())))}
    number_of = {label: numbers[by_name[name]] for name in by_name for label in labels_of([name])}
    return np.array([number_of.get(address, -1) for _, address in moves.names], dtype=np.int64)


def _pairs(moves: Moves, paid: Ints, swept: Ints, *, blocks: int, difference: int) -> tuple[Ints, Ints]:
    """Return the payments and sweeps that belong together, by intervals of blocks and of amounts.

    Two sorted lists, one by block and one by amount, tell for each sweep how many payments are near it;
    the shorter stretch is looked through. An address that gets n equal payments and makes n equal sweeps
    within `blocks` gives n² pairs: none of them is more right than another.
    """
    account = np.concatenate([moves.recipient[paid], moves.sender[swept]])
    asset = np.concatenate([moves.contract[paid], moves.contract[swept]]) + 1
    group = np.unique(account * np.int64(len(moves.names) + 1) + asset, return_inverse=True)[1]
    into, out = group[: len(paid)].astype(np.int64), group[len(paid) :].astype(np.int64)
    last, least = moves.height[swept], moves.value[swept]
    spans = (
        _spans(into, moves.height[paid], out, last - blocks, last),
        _spans(into, moves.value[paid], out, least, least + difference),
    )
    is_by_block = spans[0][2] - spans[0][1] <= spans[1][2] - spans[1][1]
    both = [_stretch(*span, taken) for span, taken in zip(spans, (is_by_block, ~is_by_block), strict=True)]
    one, other = (np.concatenate(parts) for parts in zip(*both, strict=True))
    one, other = paid[one], swept[other]
    low, high = moves.moments
    gap, less = moves.height[other] - moves.height[one], moves.value[one] - moves.value[other]
    fits = ((less >= 0) & (less <= difference)).astype(np.bool_)
    fits &= (gap <= blocks) & (high[one] < low[other])
    order = np.lexsort((one[fits], other[fits]))
    return one[fits][order], other[fits][order]


def _spans(
    group: Ints, at: Ints | Amounts, wanted: Ints, first: Ints | Amounts, last: Ints | Amounts
) -> tuple[Ints, Ints, Ints]:
    """Return an order of the entries, and where in it those of a group from `first` to `last` begin and end."""
    known = np.unique(at)
    width = np.int64(len(known) + 1)
    key = group * width + np.searchsorted(known, at)
    order = np.argsort(key, kind="stable")
    begin = np.searchsorted(key[order], wanted * width + np.searchsorted(known, first))
    end = np.searchsorted(key[order], wanted * width + np.searchsorted(known, last, side="right"))
    return order.astype(np.int64), begin.astype(np.int64), end.astype(np.int64)


def _stretch(order: Ints, begin: Ints, end: Ints, taken: Bools) -> tuple[Ints, Ints]:
    """Return every entry of the stretch of every sweep that is taken, with the sweep."""
    counts = np.where(taken, np.maximum(end - begin, 0), 0)
    sweep = np.repeat(np.arange(len(begin)), counts)
    within = np.arange(len(sweep)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[begin[sweep] + within], sweep


def _is_deposit(moves: Moves, paid: Ints, swept: Ints) -> Bools:
    """Return, per account, whether two users paid into it or two sweeps left it."""
    found = np.zeros(len(moves.names), dtype=np.bool_)
    for other in (moves.sender[paid], swept):
        pairs = np.unique(np.stack([moves.recipient[paid], other], axis=1), axis=0)
        found |= np.bincount(pairs[:, 0], minlength=len(found)) >= 2
    return found


def _has_one_target(moves: Moves, actors: Ints) -> Bools:
    """Return, per account, whether all that it paid out went to one exchange."""
    rows = np.flatnonzero(moves.is_own)
    low = np.full(len(moves.names), len(moves.names), dtype=np.int64)
    high = np.full(len(moves.names), -1, dtype=np.int64)
    np.minimum.at(low, moves.sender[rows], actors[moves.recipient[rows]])
    np.maximum.at(high, moves.sender[rows], actors[moves.recipient[rows]])
    found: Bools = (low >= 0) & (low == high)
    return found
