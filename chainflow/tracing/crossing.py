"""How conversions lead a trace on: which may be followed, what ends at them, what begins where they come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import networkx as nx

from chainflow import units
from chainflow.model import EndReason
from chainflow.networks import is_account_chain
from chainflow.tracing.accounts.back import AccountBack
from chainflow.tracing.accounts.events import Events
from chainflow.tracing.accounts.walk import AccountWalk
from chainflow.tracing.conversions import Conversion, Conversions, Leg, convert
from chainflow.tracing.register import Brought
from chainflow.tracing.walk import Mark, Walk

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Crossed", "Crossing", "Walked"]

Walked = Walk | AccountWalk | AccountBack

Came = dict[Leg, tuple[int, dict[int, int]]]
"""Where a conversion leads → after how many transactions, and label → base units."""


class Crossed(NamedTuple):
    """One conversion at which traced value arrived: whose, how much of each side, and what speaks of it.

    `left` and `onward` are its legs as the trace meets them; `places` the output rows or events it leads to.
    """

    conversion: Conversion
    label: int | None
    paid_raw: int
    received_raw: int
    why: str
    left: Leg
    onward: Leg
    places: tuple[int, ...] = ()


class _Way(NamedTuple):
    """A conversion, turned to the direction of a trace: where value leaves and where it goes on."""

    conversion: Conversion
    left: Leg
    onward: Leg


class Crossing:
    """The conversions of one trace. None leads back before it was paid, and no receipt is claimed by two.

    Parameters
    ----------
    ledger : Ledger
    events_on : callable
        Chain → its events.
    conversions : Conversions or None
        As given; what the ledger does not bear out is not followed, and told in `refused`.
    forward : bool
    """

    def __init__(
        self,
        ledger: Ledger,
        events_on: Callable[[str], Events],
        conversions: Conversions | None,
        *,
        forward: bool,
    ) -> None:
        self._ledger, self._events_on, self._forward = ledger, events_on, forward
        checked = (conversions or Conversions()).checked(ledger)
        self._accepted = checked.accepted
        self.refused = [self._told(one.conversion, f"{one.why}: {one.reason}") for one in checked.refused]
        self.came: Came = {}

    @cached_property
    def _ways(self) -> list[_Way]:
        """The conversions that are followed, those that would claim one receipt twice or lead back in time left out."""
        ways = [self._way(one) for one in self._accepted.followed]
        by_place: dict[tuple[str, int], list[_Way]] = {}
        for way in ways:
            for number in self.numbers(way.onward):
                by_place.setdefault((way.onward.chain, number), []).append(way)
        twice = {id(one) for some in by_place.values() if len(some) > 1 for one in some}
        looped = {id(one) for one in self._looped([way for way in ways if id(way) not in twice])}
        for way in ways:
            if id(way) in twice:
                why = "the receipt is used by another conversion too"
            elif id(way) in looped:
                why = "with others it would lead back before it was paid"
            else:
                continue
            self.refused.append(self._told(way.conversion, why))
        return [way for way in ways if id(way) not in twice | looped]

    def _way(self, conversion: Conversion) -> _Way:
        legs = (conversion.paid, conversion.received)
        return _Way(conversion, *(legs if self._forward else legs[::-1]))

    def _told(self, conversion: Conversion, why: str) -> Crossed:
        way = self._way(conversion)
        return Crossed(conversion, None, 0, 0, why, way.left, way.onward)

    def _looped(self, ways: list[_Way]) -> list[_Way]:
        """Return the conversions that can feed themselves: value would come back before it had left."""
        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from(range(len(ways)))
        for number, way in enumerate(ways):
            for other, onward in enumerate(ways):
                if self._can_reach(way.onward, onward.left):
                    graph.add_edge(number, other)
        groups = (sorted(group) for group in nx.strongly_connected_components(graph))
        return [ways[one] for group in groups for one in group if len(group) > 1 or graph.has_edge(one, one)]

    def _can_reach(self, begin: Leg, end: Leg) -> bool:
        """Return whether value that is back at a leg can be what leaves by another, by the chain's order."""
        starts, ends = self.numbers(begin), self.numbers(end)
        if begin.chain != end.chain or begin.asset != end.asset or not starts or not ends:
            return False
        places = (
            [self._place(begin.chain, number) for number in starts],
            [self._place(end.chain, one) for one in ends],
        )
        return min(places[0]) <= max(places[1]) if self._forward else max(places[0]) >= min(places[1])

    def _place(self, chain: str, number: int) -> int:
        return number if is_account_chain(chain) else int(self._ledger.index.created_by[number])

    # --- where legs are -------------------------------------------------------------------------------

    def numbers(self, leg: Leg) -> list[int]:
        """Return the output rows or events that a leg names; none where they are not in evidence."""
        if is_account_chain(leg.chain):
            events = self._events_on(leg.chain)
            return sorted({one for place in leg.places for one in events.at(leg.txid, place, leg.asset)})
        index = self._ledger.index
        rows = [int(row) for tx in index.tx_rows(leg.txid) for row in index.outputs_of(tx)]
        rows = [row for row in rows if index.output_chains[row] == leg.chain]
        if leg.place:
            return [row for row in rows if str(index.vout[row]) in leg.places]
        return [row for row in rows if leg.address in ("", index.label_of(row))]

    def _value(self, leg: Leg, number: int) -> int:
        if is_account_chain(leg.chain):
            return self._events_on(leg.chain)[number].value
        return int(self._ledger.index.value[number])

    # --- what leaves and what comes -------------------------------------------------------------------

    def left_on(self, chain: str) -> dict[int, int]:
        """Return output row or event → base units of it that conversions took, all of them together.

        Of what was paid a part may have come back in the transaction: that part was not converted.
        """
        found: dict[int, int] = {}
        for leg in dict.fromkeys(way.left for way in self._ways if way.left.chain == chain):
            numbers = self.numbers(leg)
            values = [self._value(leg, number) for number in numbers]
            parts = units.split(min(leg.amount_raw, sum(values)), values)
            for number, part in zip(numbers, parts, strict=True):
                found[number] = found.get(number, 0) + part
        return found

    def brought_to(self, chain: str) -> dict[int, Brought]:
        """Return the output rows or events at which conversions bring value, and whose it is."""
        found: dict[int, Brought] = {}
        for leg, (hop, by_label) in sorted(self.came.items(), key=lambda item: item[0].order):
            if leg.chain != chain:
                continue
            left = dict(by_label)
            for number in self.numbers(leg):
                room, shares = self._value(leg, number), list[tuple[int, int]]()
                for label in sorted(left):
                    part = min(left[label], room)
                    left[label] -= part
                    room -= part
                    shares += [(label, part)] if part else []
                if shares:
                    found[number] = Brought(hop, tuple(shares))
        return found

    def update(self, walks: Mapping[str, Walked]) -> set[str]:
        """Take what the walks of the moment bring through conversions; return the chains where that is new."""
        before, self.came = self.came, self._found(walks)
        return {leg.chain for leg in {*before, *self.came} if before.get(leg) != self.came.get(leg)}

    def _found(self, walks: Mapping[str, Walked]) -> Came:
        found: Came = {}
        for way in self._ways:
            hop, tainted = self._at(walks.get(way.left.chain), way.left)
            for label, amount in tainted.items():
                received = self._received(way, amount)
                if received:
                    _, by_label = found.setdefault(way.onward, (hop + 1, {}))
                    by_label[label] = by_label.get(label, 0) + received
        return found

    def _received(self, way: _Way, tainted: int) -> int:
        """Return what a traced part of one side is of the other, pro rata, rounded down."""
        tainted = min(tainted, way.left.amount_raw)
        if self._forward:
            return convert(way.conversion, tainted)
        return tainted * way.onward.amount_raw // way.left.amount_raw

    def _at(self, walk: Walked | None, leg: Leg, *, is_any: bool = False) -> tuple[int, dict[int, int]]:
        """Return the least hop and label → base units of what ended at a leg as converted, or came there at all."""
        found, hops = dict[int, int](), list[int]()
        places = set(self.numbers(leg)) if walk is not None else set[int]()
        for mark in [] if walk is None else walk.marks if is_any else walk.ends:
            number = mark.row if isinstance(mark, Mark) else mark.event
            if number in places and (is_any or mark.reason is EndReason.CONVERTED):
                hops.append(mark.hop)
                for label, amount in mark.shares:
                    found[label] = found.get(label, 0) + amount
        return min(hops, default=0), dict(sorted(found.items()))

    # --- what is told of it ---------------------------------------------------------------------------

    def crossed(self, walks: Mapping[str, Walked]) -> Iterator[Crossed]:
        """Yield each conversion that value went through, with whose it was, how much left and how much came."""
        for way in self._ways:
            _, tainted = self._at(walks.get(way.left.chain), way.left)
            for label, amount in tainted.items():
                received, places = self._received(way, amount), tuple(self.numbers(way.onward))
                why = way.conversion.reason
                yield Crossed(way.conversion, label, amount, received, why, way.left, way.onward, places)

    def undecided(self, walks: Mapping[str, Walked]) -> Iterator[Crossed]:
        """Yield the conversions that were not followed, what came to them, and why: several fit, or one is wrong."""
        for way in map(self._way, self._accepted):
            if not way.conversion.is_followed:
                yield from self._ended_at(walks, way, "nobody decided which of several it is")
        refused = [] if self._ways is None else self.refused
        for one in refused:
            ended = [*self._ended_at(walks, self._way(one.conversion), one.why)]
            yield from ended or [one]

    def _ended_at(self, walks: Mapping[str, Walked], way: _Way, why: str) -> Iterator[Crossed]:
        _, tainted = self._at(walks.get(way.left.chain), way.left, is_any=True)
        for label, amount in tainted.items():
            yield Crossed(way.conversion, label, amount, 0, why, way.left, way.onward)

    def __len__(self) -> int:
        return len(self._ways)
