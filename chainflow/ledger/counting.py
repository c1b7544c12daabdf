"""How many movements a number of statements are about: what several replies state of one is counted once.

Explorers tell movements apart in different ways, or not at all: `log:12` in one, `trace:0_1` in another,
nothing in a third. So movements are first grouped by what they are (transaction, kind, asset, from, to,
amount); of each group there are as many as the way of counting shows that shows most of them. Two equal
payments in one transaction stay two; one payment in three replies stays one.

Two ways of counting are bounded. Logs enumerate what tokens moved: where a source gives them and its list is
whole, a way without places counts no more than there are logs, and a surplus is named. And a source that knows
a call for a delegated one takes it from those that do not know the kinds of calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from chainflow.ledger.levels import AGREED, HEARSAY, OWN_NODE, is_own_node, operator_of
from chainflow.model import Evidence, Listing, TransferKind, TransferRecord
from chainflow.networks import EVM
from chainflow.transfers import AMOUNT_OR_ID, NOT_MOVED, UNCHECKED_CALL, UNCHECKED_KIND

__all__ = ["SINGLE", "Group", "Pages", "Reply", "Shown", "What", "chain_log", "natural"]

SINGLE = (TransferKind.NATIVE, TransferKind.FEE)
"""Kinds of which a transaction has at most one."""

_PAGED = (TransferKind.INTERNAL, TransferKind.TOKEN)
"""Kinds of which equal rows on two pages of one list are two movements."""

_OF_CALLS = frozenset({UNCHECKED_CALL, UNCHECKED_KIND})
_OPEN = _OF_CALLS | {AMOUNT_OR_ID}
"""Marks that a statement without them answers, if it says where the movement stands."""


class What(NamedTuple):
    """What a movement is, without where it stands and whether it succeeded."""

    chain: str
    txid: str
    kind: TransferKind
    contract: str | None
    token_id: int | None
    sender: str | None
    recipient: str | None
    stated_raw: int

    def __str__(self) -> str:
        number = "" if self.token_id is None else f" of number {self.token_id}"
        return f"{self.stated_raw}{number} from {self.sender} to {self.recipient}"


class Reply(NamedTuple):
    """One reply, or one file."""

    source: str
    seq: int
    sha256: str

    @classmethod
    def of(cls, evidence: Evidence) -> Reply:
        """Return the reply that evidence names."""
        return cls(evidence.source, evidence.seq, evidence.sha256)


class _Spot(NamedTuple):
    """Where a movement stands, by whose count: "" for a number that stands on the chain itself."""

    counter: str
    scheme: str
    number: str


class Pages:
    """Which reply is which page of which list."""

    def __init__(self) -> None:
        self._pages: dict[Reply, tuple[tuple[str, ...], str, str]] = {}
        self._ends: dict[tuple[str, ...], dict[str, str | None]] = {}

    def add(self, page: Listing, reply: Reply) -> None:
        """Take in the page that a reply is."""
        of = (reply.source, page.chain, page.address, page.which)
        self._pages[reply] = (of, page.after, page.next)
        self._ends.setdefault(of, {})[page.after] = None if page.complete else page.next

    def follows(self, first: Reply, second: Reply) -> bool:
        """Return whether one reply is the page after another."""
        page, other = self._pages.get(first), self._pages.get(second)
        return page is not None and other is not None and page[0] == other[0] and page[2] == other[1] != ""

    def is_whole(self, reply: Reply) -> bool:
        """Return whether a list was read to its end from this page on; a reply of its own is whole."""
        if reply not in self._pages:
            return True
        of, after, _ = self._pages[reply]
        left, cursor = dict(self._ends[of]), str(after)
        while cursor in left:
            following = left.pop(cursor)
            if following is None:
                return True
            cursor = following or "\0"  # no page is asked with this: the line ends
        return False


def chain_log(record: TransferRecord) -> str:
    """Return the number in its block of the log that states a movement, "" where it is not known.

    Tron has none: each of its explorers counts in its own way.
    """
    scheme, _, number = record.place.partition(":")
    return number.partition("_")[0] if scheme == "log" and record.chain in EVM else ""


def _spot(record: TransferRecord, source: str) -> _Spot:
    scheme, _, number = record.place.partition(":")
    if log := chain_log(record):
        return _Spot("", scheme, log)
    return _Spot("" if scheme == "withdrawal" else source, scheme, number)


class Shown(NamedTuple):
    """How many equal movements one source shows, and of how many it says that they failed or succeeded."""

    many: int
    failed: int
    succeeded: int


@dataclass(slots=True)
class Group:
    """All statements about movements that are equal."""

    spots: dict[_Spot, dict[Reply, list[TransferRecord]]] = field(default_factory=dict)
    unmoved: Group | None = None

    def add(self, fact: TransferRecord, reply: Reply) -> None:
        """Take in one statement; one that nothing moved is kept apart."""
        if any(mark.startswith(NOT_MOVED) for mark in fact.marks):
            fact = replace(fact, marks=())
            self.unmoved = self.unmoved or Group()
            self.unmoved.add(fact, reply)
            return
        self.spots.setdefault(_spot(fact, reply.source), {}).setdefault(reply, []).append(fact)

    def drop_log(self, number: str) -> None:
        """Forget what was said of one log."""
        self.spots.pop(_Spot("", "log", number), None)

    def is_empty(self, pages: Pages) -> bool:
        """Return whether nothing is left: all that was stated are delegated calls."""
        return not self.spots or (self.unmoved is not None and not self._ways(pages))

    def surplus(self, pages: Pages) -> dict[str, int]:
        """Return how many each source shows without places, of those that show more than there are logs."""
        most, found = self._logs(pages), dict[str, int]()
        if most is None or all(spot.scheme == "log" and not spot.counter for spot in self.spots):
            return {}
        for source in {reply.source for replies in self.spots.values() for reply in replies}:
            longest = max(map(len, self._counted(pages, source).values()), default=0)
            if longest > most:
                found[source] = longest
        return found

    def _logs(self, pages: Pages) -> int | None:
        """Return how many logs state these movements, `None` where nobody is known to give them all."""
        ways = self._counted(pages)
        replies = {reply for spot, told in self.spots.items() if spot[:2] == _BY_LOGS for reply in told}
        return len(ways[_BY_LOGS]) if any(map(pages.is_whole, replies)) else None

    @property
    def statements(self) -> list[tuple[Reply, TransferRecord]]:
        """Every statement with the reply that made it."""
        return [
            (reply, record)
            for replies in self.spots.values()
            for reply, records in replies.items()
            for record in records
        ]

    @property
    def marks(self) -> tuple[str, ...]:
        """All that anybody says against these movements."""
        return tuple(sorted({mark for _, record in self.statements for mark in record.marks}))

    def shown(self, pages: Pages) -> dict[str, Shown]:
        """Return what each source shows, by the way of counting in which it shows most."""
        found = {}
        sources = sorted({reply.source for replies in self.spots.values() for reply in replies})
        for source in sources:
            way = max(self._ways(pages, source if len(sources) > 1 else None), key=len)
            failed, succeeded = (sum(ok in oks for _, oks in way) for ok in (False, True))
            found[source] = Shown(len(way), failed, succeeded)
        return found

    def records(self, pages: Pages, shown: Mapping[str, Shown]) -> list[TransferRecord]:
        """Return the movements, in the order of their places, each with all that is known of it."""
        ways = self._ways(pages)
        # of ways that show equally many, the better proved one, then the more cautious about success
        chosen = max(
            ways,
            key=lambda way: (
                len(way),
                sum(record.level for record, _ in way),
                sum(record.ok is False for record, _ in way),
                way[0][0].place != "",
            ),
        )
        known = {record.ok for way in ways for record, _ in way} - {None}
        only = known.pop() if len(known) == 1 else None
        made, all_marks = [], self.marks
        answered = max((len(way) for way in ways if all(_is_answer(record) for record, _ in way)), default=0)
        for rank, (record, _) in enumerate(chosen):
            ok = only if record.ok is None else record.ok
            marks = tuple(mark for mark in all_marks if rank >= answered or mark not in _OPEN)
            made.append(replace(record, marks=marks, ok=ok, level=_level(record, rank, shown)))
        return sorted(made, key=lambda record: natural(record.place))

    def _ways(self, pages: Pages, source: str | None = None) -> list[list[_Moved]]:
        """Return the movements in each way of counting, of one source or of all, within their bounds."""
        ways = self._counted(pages, source)
        gone = 0 if self.unmoved is None else max(map(len, self.unmoved._counted(pages).values()))
        most = self._logs(pages)
        bounded = [_moving(ways[name], gone)[: None if name == _BY_LOGS else most] for name in sorted(ways)]
        return [way for way in bounded if way]

    def _counted(self, pages: Pages, source: str | None = None) -> dict[tuple[str, str], list[_Moved]]:
        """Return the movements in each way of counting, as they are stated."""
        ways: dict[tuple[str, str], list[_Moved]] = {}
        for spot, replies in sorted(self.spots.items(), key=lambda item: item[0]):
            own = {reply: told for reply, told in replies.items() if source in (None, reply.source)}
            if own:
                lists = _lists(spot, own, pages)
                equal = [[one[k] for one in lists if k < len(one)] for k in range(max(map(len, lists)))]
                ways.setdefault(spot[:2], []).extend(map(_merged, equal))
        return ways


def natural(place: str) -> tuple[str, tuple[int, ...], str]:
    """Return a place so that log:9 stands before log:12."""
    scheme, _, path = place.partition(":")
    return scheme, tuple(int(part) for part in path.split("_") if part.isdecimal()), path


def _level(record: TransferRecord, rank: int, shown: Mapping[str, Shown]) -> int:
    """Return how well the movement of this rank is known: who shows so many of them?"""
    showing = [source for source, one in shown.items() if one.many > rank]
    if any(is_own_node(source) for source in showing):
        return OWN_NODE
    operators = {operator_of(source) for source in showing} - {""}
    return AGREED if len(operators) > 1 and record.level == HEARSAY else record.level


_BY_LOGS = ("", "log")
"""The way of counting by the numbers of logs in their block."""

_Moved = tuple[TransferRecord, frozenset[bool | None]]
"""A movement, and what replies say of its outcome."""


def _moving(way: list[_Moved], gone: int) -> list[_Moved]:
    """Return a way without as many calls of unknown kind as are known for delegated ones."""
    kept: list[_Moved] = []
    for moved in reversed(way):  # the call that delegates comes before the delegated one
        is_delegated = gone > 0 and not _OF_CALLS.isdisjoint(moved[0].marks)
        gone -= is_delegated
        kept += [] if is_delegated else [moved]
    return kept[::-1]


def _is_answer(record: TransferRecord) -> bool:
    return record.place != "" and _OPEN.isdisjoint(record.marks)


def _lists(
    spot: _Spot, replies: Mapping[Reply, list[TransferRecord]], pages: Pages
) -> list[list[TransferRecord]]:
    """Return what stands at a spot, reply by reply, pages that follow one another together."""
    stated = [sorted(records, key=_order) for _, records in sorted(replies.items())]
    one = stated[0][0]
    if spot.scheme or one.kind in SINGLE:
        # one place is one movement, but a log that moves several tokens may hold equal ones
        return stated if one.token_id is not None else [records[:1] for records in stated]
    if len(replies) == 1 or one.kind not in _PAGED:
        return stated
    lines: dict[Reply, list[TransferRecord]] = {}

    def line(reply: Reply) -> list[TransferRecord]:
        if reply not in lines:
            lines[reply] = []  # a list that leads back to itself ends here
            tails = [line(other) for other in sorted(replies) if pages.follows(reply, other)]
            lines[reply] = [*replies[reply], *max(tails, key=len, default=[])]
        return lines[reply]

    return [sorted(line(reply), key=_order) for reply in sorted(replies)]


def _order(record: TransferRecord) -> tuple[object, ...]:
    return natural(record.place), record.ok is not False, record.ok is not None, record.level


def _merged(records: Sequence[TransferRecord]) -> _Moved:
    """Return one movement of what several replies state of it; a failure anywhere moved nothing."""
    oks = frozenset(record.ok for record in records)
    if len(records) == 1:
        return records[0], oks
    made = replace(
        records[0],
        place=max((record.place for record in records), key=lambda place: (len(place), place)),
        ok=False if False in oks else True if True in oks else None,
        level=max(record.level for record in records),
    )
    return made, oks
