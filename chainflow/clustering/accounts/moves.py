"""The transfers of a ledger as columns, and which of them a link may rest on; gathered once per rule.

Accounts, transactions and heights are integers; amounts are Python integers, as they exceed 64 bits. What
is not in evidence is −1, never a guess.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import schema
from chainflow.addresses import decode
from chainflow.clustering.change.payments import Bools, Ints
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import TransferKind

__all__ = ["Amounts", "Bools", "Ints", "Moves", "labels_of", "needed"]

Amounts = npt.NDArray[np.object_]

_NEVER = np.iinfo(np.int64).max
_SIGNED = (TransferKind.NATIVE, TransferKind.FEE)
"""Kinds whose sender signed the transaction; a token's log says what its contract likes to say."""


def labels_of(names: Collection[str]) -> frozenset[str]:
    """Return addresses in the form that ledgers have them.

    Raises
    ------
    AddressInvalid
        If one is none.
    BadInput
        If `names` is one text instead of several.
    """
    if isinstance(names, str):
        raise BadInput(f"a list of addresses is wanted, not one: {names[:80]!r}", hint="put it in a list")
    return frozenset(decode(name).address for name in names)


def needed(name: str, given: Collection[object], *, hint: str) -> None:
    """Refuse an empty collection that a rule cannot do without: it would find nothing, and that says nothing.

    Raises
    ------
    BadInput
        If it is empty.
    """
    if not len(given):
        raise BadInput(f"no {name}: without them this finds nothing, whatever is there", hint=hint)


@dataclass(frozen=True, eq=False)  # no slots: `cached_property` keeps its value in the instance's dict
class Moves:
    """All transfers of a ledger in chain order: by height, position in the block, place in the transaction.

    Attributes
    ----------
    names : tuple of (chain, address)
        By account number: whoever sent or received, and the contracts of tokens.
    txids : tuple of (chain, txid)
        By transaction number, in chain order.
    sender, recipient, contract : int64[n]
        Account numbers; −1: nobody. A contract of −1 is the chain's own coin.
    tx : int64[n]
    """

    ledger: Ledger
    names: tuple[tuple[str, str], ...]
    txids: tuple[tuple[str, str], ...]
    sender: Ints
    recipient: Ints
    contract: Ints
    tx: Ints

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """Number the accounts and transactions of a ledger."""
        table = ledger.transfers
        names, (sender, recipient, contract) = _numbered(table, "sender", "recipient", "contract")
        txids, (tx,) = _numbered(table, "txid")
        return cls(ledger, names, txids, sender, recipient, contract, tx)

    # --- per transfer ----------------------------------------------------------------------------

    @cached_property
    def value(self) -> Amounts:
        """Base units that moved."""
        digits = self.ledger.transfers["value_raw"].to_pylist()
        found = np.empty(len(digits), dtype=object)
        found[:] = [int(one) for one in digits]
        return found

    @cached_property
    def height(self) -> Ints:
        """Block of each transfer; −1 where it is not told."""
        return self._whole("height")

    @cached_property
    def time(self) -> Ints:
        """Time of the block, seconds since 1970; −1 where it is not told."""
        seconds = self.ledger.transfers["time"].cast(pa.int64())
        return np.array(seconds.fill_null(-1).to_numpy(), dtype=np.int64)

    @cached_property
    def moments(self) -> tuple[Ints, Ints]:
        """The earliest and the latest place in its chain that each transfer can have.

        One transfer is certainly before another if its latest is less than the other's earliest. The two are
        equal where block and position are known; transfers of one transaction have one moment.
        """
        rank = np.unique(self.height, return_inverse=True)[1].astype(np.int64) << 32
        position = self._whole("position")
        is_placed, is_ordered = self.height >= 0, position >= 0
        low = np.where(is_placed, rank | np.where(is_ordered, position, 0), -1)
        high = np.where(is_placed, rank | np.where(is_ordered, position, 2**32 - 1), _NEVER)
        return low, high

    def is_kind(self, *kinds: TransferKind) -> Bools:
        """Return which transfers are of one of these kinds."""
        return self._is_in("kind", [str(kind) for kind in kinds])

    @cached_property
    def outcome(self) -> npt.NDArray[np.int8]:
        """1: it moved; 0: it failed; −1: nobody says."""
        said = self.ledger.transfers["ok"].cast(pa.int8()).fill_null(-1)
        return np.array(said.to_numpy(), dtype=np.int8)

    @cached_property
    def is_sure(self) -> Bools:
        """Whether value certainly moved, in a known block, and no source marks or disputes it."""
        disputed = np.array([txid in self.ledger.disputed for txid in self.txids], dtype=np.bool_)
        plain = self._is_in("marks", [""]) & (self.outcome == 1) & (self.height >= 0)
        return np.array(plain & ~disputed[self.tx] & (self.value > 0), dtype=np.bool_)

    @cached_property
    def is_bait(self) -> Bools:
        """Whether it runs between an account and a look-alike of one that it had dealt with before (E-12).

        Look-alikes share the first four and the last four characters after `0x` or `T`: an attacker makes
        such an address and sends dust or forged tokens, hoping that somebody copies it from the history.
        """
        shapes = [address.removeprefix("0x").removeprefix("T") for _, address in self.names]
        keys = np.unique([f"{text[:4]}{text[-4:]}" for text in shapes], return_inverse=True)[1]
        rows = np.flatnonzero(self.is_sure & (self.sender >= 0) & (self.recipient >= 0))
        order = np.argsort(np.concatenate([rows, rows]), kind="stable")
        own = np.concatenate([self.sender[rows], self.recipient[rows]])[order]
        other = np.concatenate([self.recipient[rows], self.sender[rows]])[order]
        group = own * np.int64(len(keys) + 1) + keys[other]
        _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
        bait = np.zeros(len(self.tx), dtype=np.bool_)
        bait[np.concatenate([rows, rows])[order][other != other[first][inverse]]] = True
        return bait

    @cached_property
    def counts(self) -> Bools:
        """Whether a link may rest on it: it is sure, no bait, and runs from one known account to another."""
        known = (self.sender >= 0) & (self.recipient >= 0) & (self.sender != self.recipient)
        found: Bools = self.is_sure & ~self.is_bait & known
        return found

    @cached_property
    def signer(self) -> Ints:
        """Who signed the transaction of each transfer; −1 where that row is not in evidence."""
        return self.signers[self.tx]

    @cached_property
    def is_own(self) -> Bools:
        """Whether it counts and its sender signed it: a token's contract may claim anything of others."""
        found: Bools = self.counts & (self.signer == self.sender)
        return found

    @cached_property
    def is_fungible(self) -> Bools:
        """Whether it is of a token of amounts, not of one of its kind."""
        table = self.ledger.transfers
        return (self.contract >= 0) & np.array(table["token_id"].is_null().to_numpy(), dtype=np.bool_)

    # --- per transaction and account -------------------------------------------------------------

    @cached_property
    def signers(self) -> Ints:
        """Who signed each transaction: the sender of its value or the payer of its fee; −1: not held."""
        signers = np.full(len(self.txids), -1, dtype=np.int64)
        rows = np.flatnonzero(self.is_kind(*_SIGNED) & (self.sender >= 0))[::-1]
        signers[self.tx[rows]] = self.sender[rows]
        return signers

    @cached_property
    def is_active(self) -> Bools:
        """Whether each account signed something in this ledger: then it is one with a key."""
        return self.among(self.signers[self.signers >= 0])

    @cached_property
    def is_contract(self) -> Bools:
        """Whether each account is shown to be a contract: a token's, or one that made an internal transfer."""
        inside = self.sender[self.is_kind(TransferKind.INTERNAL)]
        return self.among(np.concatenate([self.contract[self.contract >= 0], inside[inside >= 0]]))

    def among(self, accounts: Ints) -> Bools:
        """Return, per account, whether it is one of `accounts`."""
        found = np.zeros(len(self.names), dtype=np.bool_)
        found[accounts] = True
        return found

    def named(self, addresses: frozenset[str]) -> Bools:
        """Return, per account, whether its address (on any chain) is one of `addresses`."""
        return np.array([address in addresses for _, address in self.names], dtype=np.bool_)

    def may_link(self, excluded: Collection[str]) -> Bools:
        """Return, per account, whether it may be in a link: no contract (E-13), and not excluded."""
        return ~self.is_contract & ~self.named(labels_of(excluded))

    def links(self, rule: str, a: Ints, b: Ints, tx: Ints) -> pa.Table:
        """Return links between accounts in chain order, each once; columns as in `schema.LINKS`."""
        found = np.unique(np.stack([tx, a, b], axis=1), axis=0).tolist()
        names, txids = self.names, self.txids
        rows: list[tuple[object, ...]] = [
            (names[a][1], names[b][1], rule, txids[tx][1]) for tx, a, b in found if a != b
        ]
        return schema.rows_to_table(rows, schema.LINKS)

    def _whole(self, name: str) -> Ints:
        column = self.ledger.transfers[name].cast(pa.int64()).fill_null(-1)
        return np.array(column.to_numpy(), dtype=np.int64)

    def _is_in(self, name: str, values: list[str]) -> Bools:
        found = pc.is_in(self.ledger.transfers[name], value_set=pa.array(values, pa.string()))
        return np.array(found.to_numpy(), dtype=np.bool_)


def _numbered(table: pa.Table, *names: str) -> tuple[tuple[tuple[str, str], ...], list[Ints]]:
    """Return what stands in columns as (chain, text), and each column as numbers of these, −1 for null."""
    keyed = [pc.binary_join_element_wise(table["chain"], table[name], ":") for name in names]
    chunks = [chunk for column in keyed for chunk in column.chunks]
    coded = pa.chunked_array(chunks, pa.string()).combine_chunks().dictionary_encode()
    numbers = coded.indices.cast(pa.int64()).fill_null(-1).to_numpy().astype(np.int64)
    parts = [text.partition(":") for text in coded.dictionary.to_pylist()]
    return tuple((chain, text) for chain, _, text in parts), np.split(numbers, len(names))
