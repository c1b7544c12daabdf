"""One time-ordered table of who paid whom, for chains of outputs and chains of accounts alike.

What is not in evidence is −1, never a guess; what cannot be ordered or did not certainly move is left out and
counted. Amounts are whole base units and add up: of each transaction, payments, what returned to its payers
and the fee are exactly what it spent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chainflow.clustering.accounts.moves import Moves
from chainflow.errors import AddressInvalid, SeedUnknown
from chainflow.ledger import Ledger
from chainflow.model import TransferKind
from chainflow.patterns import coinjoins as find_coinjoins
from chainflow.tracing.asset import Asset
from chainflow.units import split

__all__ = ["NOBODY", "Owners", "Payment", "Payments"]

NOBODY = -1
"""The payer of what is made from nothing, or whose payer is not in evidence; the payee of what has no address."""

_MOST_PAIRS = 20_000
"""Payers times outputs of one transaction: more are left out and counted, so that the table stays linear."""


class Owners(Protocol):
    """Anything that knows the cluster of an address and the members of a cluster, such as a `Clustering`."""

    def of(self, address: str) -> str:
        """Return the cluster of an address."""

    def members(self, cluster: str) -> Iterable[str]:
        """Return the addresses of a cluster."""


class Payment(NamedTuple):
    """One row: what one payer paid one payee in one output or transfer.

    `payer`, `payee`, `asset` and `tx` are numbers of `Payments`; `amount` is the payer's share, in base units,
    of an output or transfer of `whole`; `leg` numbers that output. `lead` is the payer that stands for all who
    signed one transaction of a chain of outputs: addresses spent together are not several payers.
    """

    payer: int
    payee: int
    asset: int
    tx: int
    amount: int
    whole: int
    leg: int
    lead: int


class Place(NamedTuple):
    """A transaction of the table: where it is in its chain. `clock` is its block's time, never running back."""

    chain: str
    txid: str
    height: int
    time: int
    clock: int
    low: int
    high: int


@dataclass(frozen=True, eq=False, repr=False)
class Payments:
    """Who paid whom how much, in chain order. Make one with `Payments.of(ledger)`.

    Parameters
    ----------
    ledger : Ledger
    rows : tuple of Payment
        In chain order: parents before their children, transfers by height, position and place.
    names : tuple of (chain, name)
        By party number: an address, `script:<hex>` where there is none, or its cluster.
    assets : tuple of Asset
    places : tuple of Place
        By transaction number.
    returned : tuple of int
        By transaction number: base units that went back to a payer of the same transaction.
    left_out : mapping of str to int
        Why → how many transactions (or transfers) are not in the table, or are there without their payer.
    coinjoins : frozenset of str
        The txids that were left out because several owners seem to spend in them.
    """

    ledger: Ledger
    rows: tuple[Payment, ...]
    names: tuple[tuple[str, str], ...]
    assets: tuple[Asset, ...]
    places: tuple[Place, ...]
    returned: tuple[int, ...]
    left_out: Mapping[str, int]
    coinjoins: frozenset[str]

    @classmethod
    def of(
        cls, ledger: Ledger, owners: Owners | None = None, *, coinjoins: Collection[str] | None = None
    ) -> Payments:
        """Return the payments of a ledger.

        Parameters
        ----------
        owners : Owners, optional
            Payers and payees are then clusters, and what moves inside one is no payment.
        coinjoins : collection of str, optional
            Transactions to leave out: by default all that look like CoinJoins (`patterns.coinjoins`).
        """
        mixes = frozenset(find_coinjoins(ledger) if coinjoins is None else coinjoins)
        made = _Maker(ledger, owners, mixes)
        made.add_outputs()
        made.add_transfers()
        return made.table()

    def name(self, party: int) -> str:
        """Return the address or cluster of a party number."""
        return self.names[party][1]

    @cached_property
    def tx_numbers(self) -> dict[tuple[str, str], int]:
        """(chain, txid) → transaction number."""
        return {(place.chain, place.txid): tx for tx, place in enumerate(self.places)}

    def is_before(self, one: int, other: int) -> bool:
        """Return whether a transaction is certainly before another: by block and position, or spent by it."""
        return self.places[one].high < self.places[other].low or (one, other) in self.spends

    @cached_property
    def spends(self) -> frozenset[tuple[int, int]]:
        """The (parent, child) transactions of one block: there who spends whom is the only order known."""
        index, number = self.ledger.index, self.tx_numbers
        pairs = zip(index.created_by.tolist(), index.spent_by.tolist(), strict=True)
        keys = {
            tuple(number.get((index.chains[row], index.txids[row]), -1) for row in pair)
            for pair in pairs
            if min(pair) >= 0
        }
        held = ((a, b) for a, b in keys if min(a, b) >= 0)
        return frozenset((a, b) for a, b in held if self.places[a].height == self.places[b].height)

    @cached_property
    def by_payer(self) -> dict[tuple[int, int], list[int]]:
        """(party, asset) → its rows as the payer, in chain order."""
        return self._grouped("payer")

    @cached_property
    def by_payee(self) -> dict[tuple[int, int], list[int]]:
        """(party, asset) → its rows as the payee, in chain order."""
        return self._grouped("payee")

    def _grouped(self, side: str) -> dict[tuple[int, int], list[int]]:
        found: dict[tuple[int, int], list[int]] = {}
        for number, row in enumerate(self.rows):
            party = row.payer if side == "payer" else row.payee
            if party != NOBODY:
                found.setdefault((party, row.asset), []).append(number)
        return found

    def clock(self, row: int) -> int:
        """Return the time of a row's block in Unix seconds, never before that of an earlier row of its chain."""
        return self.places[self.rows[row].tx].clock

    def only(self, rows: Iterable[int]) -> Payments:
        """Return the same table with some of its rows."""
        kept = tuple(self.rows[row] for row in sorted(rows))
        return Payments(
            self.ledger,
            kept,
            self.names,
            self.assets,
            self.places,
            self.returned,
            self.left_out,
            self.coinjoins,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Payments {len(self):,} of {len(self.names):,} parties, {sum(self.left_out.values()):,} left out>"


class _Maker:
    """Collects rows; parties, assets and transactions get their numbers in the order they are met."""

    def __init__(self, ledger: Ledger, owners: Owners | None, mixes: frozenset[str]) -> None:
        self.ledger, self.owners, self.mixes = ledger, owners, mixes
        self.parties: dict[tuple[str, str], int] = {}
        self.party_of: dict[tuple[str, str], int] = {}
        self.assets: dict[Asset, int] = {}
        self.rows: list[Payment] = []
        self.places: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        self.returned: Counter[int] = Counter()
        self.left_out: Counter[str] = Counter()
        self.legs = 0

    def party(self, chain: str, label: str) -> int:
        """Return the number of an address, or of its cluster; one that the owners do not know stands for itself."""
        key = (chain, label)
        if key not in self.party_of:
            name = label
            if self.owners is not None:
                try:
                    name = self.owners.of(label)
                except (SeedUnknown, AddressInvalid):  # they speak of another ledger, or not of bare scripts
                    name = label
            self.party_of[key] = self.parties.setdefault((chain, name), len(self.parties))
        return self.party_of[key]

    def asset(self, asset: Asset) -> int:
        """Return the number of an asset."""
        return self.assets.setdefault(asset, len(self.assets))

    def place(self, chain: str, txid: str, height: int, position: int, time: int) -> int:
        """Return the number of a transaction."""
        key = (chain, txid)
        self.places.setdefault(key, (height, position, time))
        return self.numbers.setdefault(key, len(self.numbers))

    # --- outputs ---------------------------------------------------------------------------------

    def add_outputs(self) -> None:
        """Add what the transactions of a chain of outputs paid."""
        txs, index = self.ledger.txs, self.ledger.index
        heights, positions = (_whole(txs[name]) for name in ("height", "position"))
        times = _whole(txs["time"])
        op_return = [kind == "op_return" for kind in self.ledger.outputs["script_type"].to_pylist()]
        for row in range(index.n_txs):
            chain, txid = index.chains[row], index.txids[row]
            why = self._why_not(chain, txid, int(heights[row]), int(times[row]))
            if why:
                self.left_out[why] += 1
                continue
            spent = index.inputs_of(row).tolist()
            is_known = len(spent) == index.n_inputs[row] and not index.is_coinbase[row]
            payers: Counter[int] = Counter()
            for output in spent:
                payers[self.party(chain, index.label_of(output))] += int(index.value[output])
            made = [int(output) for output in index.outputs_of(row) if not op_return[output]]
            if is_known and len(payers) * len(made) > _MOST_PAIRS:
                self.left_out[f"transactions of more than {_MOST_PAIRS:,} pairs of payer and output"] += 1
                continue
            if not is_known and not index.is_coinbase[row]:
                self.left_out[
                    "transactions whose payers are not all in evidence: kept, as paid by nobody known"
                ] += 1
            number = self.place(chain, txid, int(heights[row]), int(positions[row]), int(times[row]))
            for output in made:
                payee, value = self.party(chain, index.label_of(output)), int(index.value[output])
                self._pay(number, Asset(chain, None), payers, payee, value, is_known=is_known)

    def _why_not(self, chain: str, txid: str, height: int, time: int) -> str:
        if (chain, txid) in self.ledger.disputed:
            return "disputed transactions"
        if height < 0 or time < 0:
            return "transactions in no block, or at a time, that is known"
        return "transactions that look like CoinJoins" if txid in self.mixes else ""

    def _pay(
        self, tx: int, asset: Asset, payers: Counter[int], payee: int, value: int, *, is_known: bool
    ) -> None:
        """Add the shares of one output, pro rata by what each payer put in."""
        if payee in payers:
            self.returned[tx] += value
            return
        self.legs += 1
        if not is_known or not sum(payers.values()):
            if value:
                self._add(NOBODY, payee, asset, tx, value, value, NOBODY)
            return
        lead = min(payers)
        for payer, share in zip(payers, split(value, list(payers.values())), strict=True):
            if share:
                self._add(payer, payee, asset, tx, share, value, lead)

    def _add(self, payer: int, payee: int, asset: Asset, tx: int, amount: int, whole: int, lead: int) -> None:
        self.rows.append(Payment(payer, payee, self.asset(asset), tx, amount, whole, self.legs, lead))

    # --- transfers -------------------------------------------------------------------------------

    def add_transfers(self) -> None:
        """Add what moved on chains of accounts; fees are no payments."""
        moves = Moves.of(self.ledger)
        if not len(moves.tx):
            return
        positions = _whole(self.ledger.transfers["position"])
        token_ids = self.ledger.transfers["token_id"].to_pylist()
        is_fee, reasons = moves.is_kind(TransferKind.FEE), _reasons(moves)
        for row in range(len(moves.tx)):
            if is_fee[row]:
                continue
            chain, txid = moves.txids[moves.tx[row]]
            height, time = int(moves.height[row]), int(moves.time[row])
            # one that moved nothing has a place too: a pattern may be about it
            number = (
                self.place(chain, txid, height, int(positions[row]), time) if min(height, time) >= 0 else -1
            )
            if reasons[row]:
                self.left_out[reasons[row]] += 1
                continue
            if txid in self.mixes:
                self.left_out["transactions that look like CoinJoins"] += 1
                continue
            payer, payee = (
                self.party(*moves.names[side[row]]) if side[row] >= 0 else NOBODY
                for side in (moves.sender, moves.recipient)
            )
            value = int(moves.value[row])
            if payer == payee:
                self.returned[number] += value
                continue
            contract = moves.names[moves.contract[row]][1] if moves.contract[row] >= 0 else None
            self.legs += 1
            self._add(payer, payee, Asset(chain, contract, token_ids[row]), number, value, value, payer)

    def table(self) -> Payments:
        """Return what was collected."""
        return Payments(
            self.ledger,
            tuple(self.rows),
            tuple(self.parties),
            tuple(self.assets),
            tuple(_placed(self.places)),
            tuple(self.returned[tx] for tx in range(len(self.places))),
            dict(sorted(self.left_out.items())),
            self.mixes,
        )


def _placed(places: Mapping[tuple[str, str], tuple[int, int, int]]) -> Iterator[Place]:
    """Yield each transaction with its clock and with its earliest and latest place in its chain."""
    keys, latest = list(places), Counter[str]()
    clocks: dict[int, int] = {}
    by_height = sorted(range(len(keys)), key=lambda tx: (keys[tx][0], places[keys[tx]][0], tx))
    for tx in by_height:
        chain, time = keys[tx][0], places[keys[tx]][2]
        latest[chain] = clocks[tx] = max(latest[chain], time)
    for tx, key in enumerate(keys):
        height, position, time = places[key]
        low = (height << 32) | max(position, 0)
        high = (height << 32) | (position if position >= 0 else 2**32 - 1)
        yield Place(*key, height, time, clocks[tx], low, high)


def _whole(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.array(column.cast(pa.int64()).fill_null(-1).to_numpy(), dtype=np.int64)


def _reasons(moves: Moves) -> list[str]:
    """Return, per transfer, why it is no payment that certainly took place; "" where it is one."""
    disputed = np.array([txid in moves.ledger.disputed for txid in moves.txids], dtype=np.bool_)[moves.tx]
    marked = np.array([bool(mark) for mark in moves.ledger.transfers["marks"].to_pylist()], dtype=np.bool_)
    checks = (
        ("disputed transfers", disputed),
        ("failed transfers", moves.outcome == 0),
        ("transfers of nothing", np.array(moves.value == 0, dtype=np.bool_)),
        ("transfers of which nobody says whether they succeeded", moves.outcome < 0),
        ("transfers in no block, or at a time, that is known", (moves.height < 0) | (moves.time < 0)),
        ("transfers that a source marks", marked),
        ("transfers between an account and a look-alike of one it knows", moves.is_bait),
    )
    found = [""] * len(moves.tx)
    for why, holds in reversed(checks):
        for row in np.flatnonzero(holds).tolist():
            found[row] = why
    return found
