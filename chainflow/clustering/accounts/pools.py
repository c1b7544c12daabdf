"""Deposits and withdrawals of mixing pools that one owner made (E-4 to E-7).

Each rule pairs deposits with withdrawals of the same pool. Where both are of one account (E-4) there is no
link between two accounts, but the pair leaves the anonymity set of everybody else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa

from chainflow import schema
from chainflow.clustering.accounts.moves import Moves, needed
from chainflow.clustering.accounts.visits import Visit, Visits, checked_pools
from chainflow.clustering.rules import About, Kind
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import TransferKind
from chainflow.units import whole_number

__all__ = ["PAIRS", "PoolAddress", "PoolGasPrice", "PoolLinkedAddress", "PoolPortfolio", "PoolRule"]

PAIRS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("pool", pa.string(), nullable=False),
        pa.field("depositor", pa.string(), nullable=False),
        pa.field("recipient", pa.string(), nullable=False),
        pa.field("deposit_txid", pa.string(), nullable=False),
        pa.field("withdrawal_txid", pa.string(), nullable=False),
    ]
)
"""A deposit and a withdrawal that a rule says are of one owner."""

_SOURCE = "M. Wu et al., 2022, Tutela, arXiv 2201.06811"
_PARTIAL = "the ledger does not hold all deposits of the pool: another may fit as well"


@dataclass(frozen=True, slots=True)
class PoolRule(ABC):
    """What all pool rules share.

    Parameters
    ----------
    pools : mapping of str to int
        Address of a pool → base units of one deposit. Needed.
    excluded : collection of str
        Relayers and services: never linked.

    Raises
    ------
    BadInput
        If there are no pools, or a deposit is no whole number above 0.
    AddressInvalid
        If a pool is no address.
    """

    pools: Mapping[str, int] = field(default_factory=dict)
    excluded: Collection[str] = ()

    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse a rule that could find nothing."""
        checked_pools(self.pools)

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return self._shared()

    def _shared(self) -> dict[str, object]:
        return {"pools": dict(sorted(self.pools.items())), "excluded": sorted(self.excluded)}

    @abstractmethod
    def matched(self, visits: Visits) -> list[tuple[int, int]]:
        """Return pairs of a deposit and a later withdrawal of one pool, as places in `visits`."""

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from each depositor to each recipient, from the withdrawal."""
        moves, pairs = self._pairs(ledger)
        rows = [(one.account, other.account, other.tx) for one, other in pairs]
        return moves.links(self.name, *np.array(rows, dtype=np.int64).reshape(-1, 3).T)

    def pairs(self, ledger: Ledger) -> pa.Table:
        """Return the deposits and withdrawals that are of one owner, columns as in `PAIRS`."""
        moves, pairs = self._pairs(ledger)
        rows: list[tuple[object, ...]] = []
        for one, other in pairs:
            chain, pool = moves.names[one.pool]
            accounts = (moves.names[visit.account][1] for visit in (one, other))
            rows.append((chain, pool, *accounts, *(moves.txids[visit.tx][1] for visit in (one, other))))
        return schema.rows_to_table(rows, PAIRS)

    def _pairs(self, ledger: Ledger) -> tuple[Moves, list[tuple[Visit, Visit]]]:
        moves = Moves.of(ledger)
        visits = Visits.of(moves, self.pools)
        may_link = moves.may_link(self.excluded)
        pairs = [(visits.deposits[one], visits.withdrawals[other]) for one, other in self.matched(visits)]
        return moves, [pair for pair in pairs if all(may_link[visit.account] for visit in pair)]


@dataclass(frozen=True, slots=True)
class PoolAddress(PoolRule):
    """A withdrawal to the account that had deposited into the same pool is that account's (E-4).

    Depositor and recipient are one address, so that there are `pairs` and no links between two addresses.
    """

    name: ClassVar[str] = "pool-address"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-4",
        title="A withdrawal to an account that had deposited into the same pool is of its own deposit",
        kind=Kind.ACCOUNT,
        reading="are one account that withdrew what it had deposited",
        source=_SOURCE,
        wrong_when=(
            "somebody else sends a withdrawal to the account on purpose, as a payment or to confuse",
            "the account deposited for somebody else",
        ),
    )

    def matched(self, visits: Visits) -> list[tuple[int, int]]:
        """Return every deposit and later withdrawal of one account and pool."""
        accounts = {visit.account for visit in visits.withdrawals} - {-1}
        return list(_between(visits, {account: (account,) for account in accounts}))


@dataclass(frozen=True, slots=True)
class PoolGasPrice(PoolRule):
    """A deposit and a later withdrawal at a gas price that no other deposit had are of one owner (E-5).

    Wallets once let people type the price, and some typed an odd one twice. The withdrawal must be signed
    by its recipient: a relayer's price is the relayer's. It is meaningful for legacy transactions only.

    Parameters
    ----------
    gas_prices : mapping of str to int or None
        txid → wei per gas of a legacy transaction, `None` for a transaction of another type. A pool with
        a deposit that is not in the mapping gives nothing: whether a price is unique is not known there.
    """

    gas_prices: Mapping[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a rule that could find nothing."""
        PoolRule.__post_init__(self)  # `super()` does not work in a class with slots
        needed("gas prices", self.gas_prices, hint="{txid: wei per gas} of the deposits and withdrawals")

    name: ClassVar[str] = "pool-gas-price"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-5",
        title="A withdrawal at the gas price of one deposit only is of the same owner as that deposit",
        kind=Kind.ACCOUNT,
        reading="are a depositor and a recipient that paid one unusual gas price",
        source=_SOURCE,
        wrong_when=("two people chose one odd price, or one program did for both", _PARTIAL),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return {**self._shared(), "gas_prices": dict(sorted(self.gas_prices.items()))}

    def matched(self, visits: Visits) -> list[tuple[int, int]]:
        """Return the only deposit at each price, with the later withdrawals at that price."""
        prices = self._checked()
        paid = [prices.get(visits.moves.txids[visit.tx][1]) for visit in visits.deposits]
        untold = {one.pool for one in visits.deposits if visits.moves.txids[one.tx][1] not in prices}
        counts = Counter((one.pool, price) for one, price in zip(visits.deposits, paid, strict=True))
        first = {
            (one.pool, price): n for n, (one, price) in enumerate(zip(visits.deposits, paid, strict=True))
        }
        found = []
        for n, out in enumerate(visits.withdrawals):
            price = prices.get(visits.moves.txids[out.tx][1])
            is_told = price is not None and out.pool not in untold and out.signer == out.account >= 0
            if is_told and counts[out.pool, price] == 1:
                deposit = first[out.pool, price]
                if visits.deposits[deposit].account >= 0 and visits.deposits[deposit].is_before(out):
                    found.append((deposit, n))
        return found

    def _checked(self) -> dict[str, int | None]:
        for txid, price in self.gas_prices.items():
            if price is not None and (type(price) is not int or price < 0):
                raise BadInput(f"the gas price of {txid} is {price!r}", hint="wei per gas, or None")
        return {txid.lower(): price for txid, price in self.gas_prices.items()}


@dataclass(frozen=True, slots=True)
class PoolPortfolio(PoolRule):
    """Who withdraws, within a day, what only one account had deposited within a day is its owner (E-6).

    The withdrawals of a recipient in the 24 hours up to and with one of them are counted per pool; so are
    the deposits of an account up to and with one of them. Both windows hold the current event: where only
    one does, equal portfolios differ by one. Counts over at least `min_pools` pools and `min_withdrawals`
    withdrawals are compared exactly. A link needs one single depositor among all whose counts equal any of
    the recipient's: with two nothing is known, and `candidates` names them.

    Parameters
    ----------
    min_pools, min_withdrawals : int
    seconds : int
        Length of the window.
    """

    min_pools: int = 2
    min_withdrawals: int = 5
    seconds: int = 86_400

    name: ClassVar[str] = "pool-portfolio"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-6",
        title="Withdrawals of one day that repeat the deposits of one account only are of its owner",
        kind=Kind.ACCOUNT,
        reading="are a depositor and a recipient with equal counts per pool",
        source=_SOURCE,
        wrong_when=("two people deposited alike, and one did so outside the window", _PARTIAL),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        mine = {name: getattr(self, name) for name in ("min_pools", "min_withdrawals", "seconds")}
        return {**self._shared(), **mine}

    def matched(self, visits: Visits) -> list[tuple[int, int]]:
        """Return the deposits and withdrawals of equal portfolios, pool by pool."""
        found = set()
        for portfolios in self._equal(visits).values():
            if len({visits.deposits[into[-1]].account for into, _ in portfolios}) == 1:
                found |= {(one, other) for into, out in portfolios for one in into for other in out}
        return sorted(pair for pair in found if _is_later(visits, pair))

    def candidates(self, ledger: Ledger) -> dict[str, tuple[str, ...]]:
        """Return, per recipient, all depositors whose portfolio equals one of its own; one makes a link."""
        moves = Moves.of(ledger)
        visits = Visits.of(moves, self.pools)
        return {
            moves.names[recipient][1]: tuple(
                sorted({moves.names[visits.deposits[into[-1]].account][1] for into, _ in portfolios})
            )
            for recipient, portfolios in self._equal(visits).items()
        }

    def _equal(self, visits: Visits) -> dict[int, list[tuple[list[int], list[int]]]]:
        """Return, per recipient, pairs of equal portfolios (deposits, withdrawals), the deposits first."""
        for what, number in (("pools", self.min_pools), ("withdrawals", self.min_withdrawals)):
            whole_number(number, what, least=1)
        whole_number(self.seconds, "seconds", least=1)
        known: dict[tuple[tuple[int, int], ...], list[list[int]]] = defaultdict(list)
        for counts, into in self._portfolios(visits.deposits):
            known[counts].append(into)
        found: dict[int, list[tuple[list[int], list[int]]]] = {}
        for counts, out in self._portfolios(visits.withdrawals):
            last = visits.withdrawals[out[-1]]
            fits = [(into, out) for into in known[counts] if visits.deposits[into[-1]].is_before(last)]
            if fits:
                found.setdefault(last.account, []).extend(fits)
        return found

    def _portfolios(
        self, visits: tuple[Visit, ...]
    ) -> Iterator[tuple[tuple[tuple[int, int], ...], list[int]]]:
        """Yield, at each visit, how many its account made per pool in the window, and which these are."""
        windows: dict[int, deque[int]] = defaultdict(deque)
        for number, visit in enumerate(visits):
            if visit.account < 0 or visit.time < 0:
                continue
            window = windows[visit.account]
            window.append(number)
            while visits[window[0]].time <= visit.time - self.seconds:
                window.popleft()
            counts = Counter(visits[one].pool for one in window)
            if len(window) >= self.min_withdrawals and len(counts) >= self.min_pools:
                yield tuple(sorted(counts.items())), list(window)


@dataclass(frozen=True, slots=True)
class PoolLinkedAddress(PoolRule):
    """A depositor and a later recipient of one pool that pay each other outside it are one owner (E-7).

    Parameters
    ----------
    min_payments : int
        Transactions between the two, in either direction, in the chain's own coin.
    """

    min_payments: int = 3

    name: ClassVar[str] = "pool-linked-address"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-7",
        title="A depositor and a later recipient of one pool that pay each other outside it are one owner",
        kind=Kind.ACCOUNT,
        reading="are a depositor and a recipient of one pool that pay each other outside it",
        source=_SOURCE,
        wrong_when=(
            "two people who deal with each other both use the pool",
            "one of them is a service that is not excluded",
        ),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return {**self._shared(), "min_payments": self.min_payments}

    def matched(self, visits: Visits) -> list[tuple[int, int]]:
        """Return the deposits and later withdrawals of accounts that pay each other."""
        least, moves = whole_number(self.min_payments, "payments", least=1), visits.moves
        rows = np.flatnonzero(moves.is_own & moves.is_kind(TransferKind.NATIVE))
        ends = np.sort(np.stack([moves.sender[rows], moves.recipient[rows]], axis=1), axis=1)
        paid = np.unique(np.column_stack([ends, moves.tx[rows]]), axis=0)[:, :2].tolist()
        partners: dict[int, set[int]] = defaultdict(set)
        for (one, other), count in Counter(map(tuple, paid)).items():
            if count >= least:
                partners[one].add(other)
                partners[other].add(one)
        return list(_between(visits, partners))


def _between(visits: Visits, partners: Mapping[int, Collection[int]]) -> Iterator[tuple[int, int]]:
    """Yield the deposits with each later withdrawal of one pool that went to a partner of the depositor."""
    made: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, visit in enumerate(visits.deposits):
        made[visit.pool, visit.account].append(number)
    for number, visit in enumerate(visits.withdrawals):
        for partner in sorted(partners.get(visit.account, ())):
            for deposit in made.get((visit.pool, partner), ()):
                if visits.deposits[deposit].is_before(visit):
                    yield deposit, number


def _is_later(visits: Visits, pair: tuple[int, int]) -> bool:
    """Return whether a withdrawal is later than a deposit of the same pool."""
    one, other = visits.deposits[pair[0]], visits.withdrawals[pair[1]]
    return one.pool == other.pool and one.is_before(other)
