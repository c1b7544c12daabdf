"""Recipients of one airdrop that pass exactly its amount on to one account (E-2)."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from chainflow.clustering.accounts.moves import Ints, Moves
from chainflow.clustering.rules import About, Kind
from chainflow.ledger import Ledger
from chainflow.units import whole_number

__all__ = ["Airdrop"]


@dataclass(frozen=True, slots=True)
class Airdrop:
    """Recipients of an airdrop that pass its exact amount on to one account share its owner (E-2).

    Who wants more than one share registers several addresses and collects what they got. Wrong where the
    collector is a service that many use: an exchange, a deposit address, a buyer of tokens.

    Parameters
    ----------
    min_recipients : int
        Accounts that get one amount of one token from one distributor: fewer are no airdrop.
    max_median_gap : int
        Blocks between one transfer of the airdrop and the next, in the median.
    min_sources : int
        Recipients that pass it on to one account.
    excluded : collection of str
        Exchanges, their deposit addresses, services: never linked.

    References
    ----------
    F. Victor, 2020, Address clustering heuristics for Ethereum, FC 2020.
    """

    min_recipients: int = 1000
    max_median_gap: int = 2
    min_sources: int = 2
    excluded: Collection[str] = ()

    name: ClassVar[str] = "airdrop"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-2",
        title="Recipients of one airdrop that pass exactly its amount on to one account share its owner",
        kind=Kind.ACCOUNT,
        reading="are a recipient of an airdrop and the account that collected its share",
        source="F. Victor, 2020, Address clustering heuristics for Ethereum",
        wrong_when=(
            "the collector is an exchange, a deposit address or a buyer of tokens that is not excluded",
            "the amount is one that people pay each other anyway",
        ),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return {
            "min_recipients": self.min_recipients,
            "max_median_gap": self.max_median_gap,
            "min_sources": self.min_sources,
            "excluded": sorted(self.excluded),
        }

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from each recipient to its collector, from the transfer between them."""
        least = whole_number(self.min_recipients, "recipients", least=1)
        whole_number(self.max_median_gap, "blocks")
        sources = whole_number(self.min_sources, "sources", least=1)
        moves = Moves.of(ledger)
        may_link = moves.may_link(self.excluded) & moves.is_active
        found = [np.zeros(0, dtype=np.int64)]
        for dropped, same in _drops(moves, least, self.max_median_gap):
            rows = _passed_on(moves, dropped, same)
            rows = rows[may_link[moves.sender[rows]] & may_link[moves.recipient[rows]]]
            found.append(rows[_reached(moves, rows)[moves.recipient[rows]] >= sources])
        rows = np.concatenate(found)
        return moves.links(self.name, moves.sender[rows], moves.recipient[rows], moves.tx[rows])


def _drops(moves: Moves, least: int, gap: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield per airdrop its rows, and all rows of its token and amount that their sender signed."""
    rows = np.flatnonzero(moves.is_sure & moves.is_fungible & (moves.recipient >= 0))
    amount = np.unique(moves.value[rows], return_inverse=True)[1].astype(np.int64)
    same = _group(moves.contract[rows], amount)
    group = _group(same, moves.sender[rows] + 1)  # 0: made from nothing, which is how some are given
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order], prepend=-1, append=-1))
    for start, stop in itertools.pairwise(edges.tolist()):
        if stop - start < least:
            continue
        dropped = rows[order[start:stop]]
        gaps = np.diff(np.sort(moves.height[dropped]))
        if len(np.unique(moves.recipient[dropped])) >= least and (not len(gaps) or np.median(gaps) <= gap):
            yield dropped, rows[(same == same[order[start]]) & moves.is_own[rows]]


def _passed_on(moves: Moves, dropped: Ints, same: Ints) -> Ints:
    """Return the rows by which a recipient, having got its share, paid somebody other than the distributor."""
    low, high = moves.moments
    got = np.full(len(moves.names), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(got, moves.recipient[dropped], high[dropped])
    back = moves.recipient[same] == moves.sender[dropped[0]]
    kept: Ints = same[(got[moves.sender[same]] < low[same]) & ~back]
    return kept


def _reached(moves: Moves, rows: Ints) -> Ints:
    """Return, per account, how many different accounts paid it in these rows."""
    pairs = np.unique(np.stack([moves.recipient[rows], moves.sender[rows]], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=len(moves.names)).astype(np.int64)


def _group(one: Ints, other: Ints) -> Ints:
    """Return a number for each different pair."""
    width = np.int64(other.max() + 1 if len(other) else 1)
    return np.array(np.unique(one * width + other, return_inverse=True)[1], dtype=np.int64)
