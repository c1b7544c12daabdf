"""Transfers of account chains merged: each movement once, and what contradicts named.

How many movements there are is counted in `chainflow.ledger.counting`; here they are held against each
other: two values for what can have only one, two sources that show different amounts between the same
two, a transaction that one calls failed and another successful.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chainflow.ledger.counting import SINGLE, Group, Pages, Reply, Shown, What, chain_log, natural
from chainflow.ledger.levels import INCLUDED, RECOMPUTED, host_of, is_own_node
from chainflow.ledger.order import TxKey
from chainflow.ledger.placing import Place, Placing
from chainflow.model import Evidence, Listing, TokenRecord, TransferKind, TransferRecord
from chainflow.transfers import AMOUNT_OR_ID, OF_FAILED, PARTIAL, ROUNDED

__all__ = ["Transfers"]

_UNDONE = (TransferKind.NATIVE, TransferKind.INTERNAL, TransferKind.TOKEN)
"""Kinds that a failure of the transaction undoes; its fee is paid all the same."""

_ORDER = {kind: number for number, kind in enumerate(TransferKind)}
_VAGUE = (PARTIAL, "unknown amount")
"""Marks that begin so say that the amount is not (wholly) known: it contradicts no other."""

_UNCHECKED_WHOLE = "unchecked: the transaction's own outcome is not held"
"""An internal call may succeed in a transaction that fails."""

Groups = dict[What, Group]
Row = tuple[object, ...]


@dataclass(slots=True)
class Transfers:
    """The movements while statements come in."""

    txs: dict[TxKey, Groups] = field(default_factory=dict)
    tokens: dict[tuple[str, str], TokenRecord] = field(default_factory=dict)
    times: dict[TxKey, int] = field(default_factory=dict)
    pages: Pages = field(default_factory=Pages)
    disputes: dict[Row, None] = field(default_factory=dict)

    def add(self, fact: TransferRecord, evidence: Evidence) -> None:
        """Take in what a reply says that moved."""
        what = What(*(getattr(fact, name) for name in What._fields))
        key = (fact.chain, fact.txid)
        self.txs.setdefault(key, {}).setdefault(what, Group()).add(fact, Reply.of(evidence))
        if fact.height is None and fact.time is not None:  # tables often tell the time and not the block
            self.times[key] = min(fact.time, self.times.get(key, fact.time))

    def add_page(self, page: Listing, evidence: Evidence) -> None:
        """Note which page of which list a reply is: equal rows on two pages are two movements."""
        self.pages.add(page, Reply.of(evidence))

    def add_token(self, new: TokenRecord) -> None:
        """Keep what a token first said of itself, filled with what it said later."""
        key = (new.chain, new.contract)
        old = self.tokens.setdefault(key, new)
        for name in ("symbol", "name", "decimals"):
            mine, other = getattr(old, name), getattr(new, name)
            if mine in ("", None):
                old = replace(old, **{name: other})
            elif other not in ("", None, mine):
                words = (f"{name} of the token", str(mine), str(other), "two replies")
                self.disputes[(*key, *words, False)] = None
        self.tokens[key] = old

    def token_rows(self) -> list[Row]:
        """Return the rows of the tokens table."""
        return [
            (token.chain, token.contract, token.symbol, token.name, token.decimals)
            for _, token in sorted(self.tokens.items())
        ]

    def rows(self, placing: Placing) -> list[Row]:
        """Return the rows of the transfers table in chain order; what contradicts is in `disputes`."""
        found: list[tuple[Row, TransferRecord]] = []
        for key, groups in self.txs.items():
            place = placing.place_of(key)
            time = self.times.get(key) if place.time is None else place.time
            found += [
                (_rank(one, place), one) for one in self._records(key, groups, replace(place, time=time))
            ]
        found.sort(key=lambda pair: pair[0])
        seen: dict[Row, int] = {}
        return [_row(record, seen) for _, record in found]

    def _records(self, key: TxKey, groups: Groups, place: Place) -> Iterator[TransferRecord]:
        """Yield the movements of one transaction, in its block; what failed moved nothing."""
        groups = {what: group for what, group in groups.items() if not group.is_empty(self.pages)}
        outcome = self._outcome(key, groups)
        for what, group in sorted(self._settled(key, groups).items(), key=lambda item: _named(item[0])):
            shown = group.shown(self.pages)
            self._compare_counts(key, what, group)
            self._compare_outcomes(key, what, shown)
            for record in group.records(self.pages, shown):
                is_undone = record.ok is False or (outcome is False and what.kind in _UNDONE)
                is_open = outcome is None and what.kind is TransferKind.INTERNAL and record.ok is True
                is_open = is_open and not key[1].startswith("block:")
                yield replace(
                    record,
                    ok=False if is_undone else None if is_open else record.ok,
                    marks=self._marks(record, (_UNCHECKED_WHOLE,) if is_open else ()),
                    value_raw=0 if is_undone else what.stated_raw,
                    height=place.height,
                    block_hash=place.block_hash,
                    time=place.time,
                    position=place.position,
                )

    def _marks(self, record: TransferRecord, more: tuple[str, ...]) -> tuple[str, ...]:
        """Return the marks of a movement; a token with decimals is one of amounts, not of ids."""
        token = self.tokens.get((record.chain, record.contract or ""))
        answered = {AMOUNT_OR_ID} if token is not None and token.decimals else set[str]()
        return tuple(sorted({*record.marks, *more} - answered)) if more or answered else record.marks

    def _outcome(self, key: TxKey, groups: Groups) -> bool | None:
        """Return whether a transaction succeeded, whoever says so, `None` where nobody does.

        It is said of itself, of its fee if that was paid for nothing, or by a token that moved. What a call
        inside it says of itself is no such word.
        """
        said: dict[bool, set[str]] = {}
        for what, group in groups.items():
            for reply, record in group.statements:
                if what.kind is TransferKind.FEE and OF_FAILED in record.marks:
                    said.setdefault(False, set()).add(reply.source)
                elif what.kind is TransferKind.NATIVE and record.ok is not None:
                    said.setdefault(record.ok, set()).add(reply.source)
                elif what.kind is TransferKind.TOKEN and record.ok:  # what fails leaves no log
                    said.setdefault(True, set()).add(reply.source)
        if len(said) > 1:
            self._dispute(key, "outcome", ("failed", said[False]), ("succeeded", said[True]))
        return None if not said else False not in said

    def _compare_counts(self, key: TxKey, what: What, group: Group) -> None:
        """Note where a source shows more equal movements than there are logs of them: no total counts them."""
        for source, many in sorted(group.surplus(self.pages).items()):
            words = (f"number of {what}", "as many as there are logs", f"{many:,}", f"{source} shows more")
            self.disputes[(*key, *words, True)] = None

    def _compare_outcomes(self, key: TxKey, what: What, shown: Mapping[str, Shown]) -> None:
        """Note where one source says that more of these failed than another leaves room for."""
        if what.kind is TransferKind.NATIVE:
            return  # is the outcome of the transaction
        most = max(one.many for one in shown.values())
        for source, one in shown.items():
            rivals = {other for other, theirs in shown.items() if one.failed + theirs.succeeded > most}
            if rivals:
                name = f"{what.kind} outcome of {what}"
                self._dispute(key, name, ("failed", {source}), ("succeeded", rivals))

    def _settled(self, key: TxKey, groups: Groups) -> Groups:
        """Return the movements that count: of contradicting ones those that are better founded."""
        left = _without_ids(_without_rounded(groups))
        if not key[1].startswith("block:"):  # what a block itself pays may go to many
            for kind in SINGLE:
                self._keep_one(key, left, [what for what in left if what.kind is kind])
        logs: dict[str, dict[What, None]] = {}
        for what, group in left.items():
            for _, record in group.statements:
                if number := chain_log(record):
                    logs.setdefault(number, {})[what] = None
        for number, rivals in sorted(logs.items()):
            parties = {(what.contract, what.sender, what.recipient) for what in rivals}
            is_batch = len(parties) == 1 and all(what.token_id is not None for what in rivals)
            if len(rivals) > 1 and not is_batch:
                self._keep_one(key, left, list(rivals), log=number)
        self._compare_sources(key, left, dict(left))
        return left

    def _keep_one(self, key: TxKey, left: Groups, rivals: Sequence[What], *, log: str = "") -> None:
        """Take out all but the best of several statements about one thing; each is a dispute."""
        if len(rivals) < 2:
            return
        best, *others = sorted(
            rivals, key=lambda what: (*self._trust(left[what]), _named(what)), reverse=True
        )
        for other in others:
            vague = _is_vague(left[other]) and not _is_vague(left[best])
            is_part = vague and other.sender == best.sender and other.stated_raw <= best.stated_raw
            if not is_part:
                self._refuse(key, (best, left[best]), (other, left[other]))
        for other in others:
            left[other] = replace(left[other], spots=dict(left[other].spots))
            if log:
                left[other].drop_log(log)
            if not log or not left[other].spots:
                del left[other]

    def _compare_sources(self, key: TxKey, left: Groups, groups: Groups) -> None:
        """Note where two sources show different amounts between the same two, each one that the other lacks."""
        ends: dict[Row, list[What]] = {}
        for what, group in groups.items():
            if not _is_vague(group):
                ends.setdefault((what.kind, what.contract, what.sender, what.recipient), []).append(what)
        for whats in ends.values():
            if len(whats) < 2:
                continue
            by_source: dict[str, set[What]] = {}
            for what in whats:
                for reply, _ in groups[what].statements:
                    by_source.setdefault(reply.source, set()).add(what)
            for one, other in _at_odds(by_source):
                best, worse = sorted(
                    (max(one - other, key=_named), max(other - one, key=_named)),
                    key=lambda what: (*self._trust(groups[what]), _named(what)),
                    reverse=True,
                )
                if self._refuse(key, (best, groups[best]), (worse, groups[worse]), proof=INCLUDED):
                    for what in (other - one) if best in one else (one - other):
                        left.pop(what, None)

    def _trust(self, group: Group) -> tuple[bool, bool, int, int]:
        """Return how well founded a statement is: whole, by the own node, proved, by how many."""
        statements = group.statements
        sources = {reply.source for reply, _ in statements}
        level = max(record.level for _, record in statements)
        return not _is_vague(group), any(map(is_own_node, sources)), level, len(sources)

    def _refuse(
        self, key: TxKey, best: tuple[What, Group], other: tuple[What, Group], *, proof: int = RECOMPUTED
    ) -> bool:
        """Note a contradiction; where neither is better founded no total counts the transaction."""
        (_, is_own, level, _), (_, is_too, less, _) = self._trust(best[1]), self._trust(other[1])
        is_proved = (is_own and not is_too) or (level >= proof and level > less)
        names = sorted({reply.source for reply, _ in (*best[1].statements, *other[1].statements)})
        why = "the other is better founded" if is_proved else f"stated by {' and '.join(names)}"
        words = (str(best[0].kind), str(best[0]), str(other[0]), why)
        self.disputes[(*key, *words, not is_proved)] = None
        return is_proved

    def _dispute(
        self, key: TxKey, name: str, used: tuple[str, set[str]], refused: tuple[str, set[str]]
    ) -> None:
        """Note two outcomes; between two hosts it excludes the transaction from every total."""
        hosts = {host_of(source) or source for source in used[1] | refused[1]}
        first, second = (" and ".join(sorted(sources)) for _, sources in (used, refused))
        why = f"{first} and {second} disagree" if len(hosts) > 1 else "two replies differ"
        self.disputes[(*key, name, used[0], refused[0], why, len(hosts) > 1)] = None


def _without_rounded(groups: Groups) -> Groups:
    """Return the movements without those that are a rounded statement of another one."""
    exact = [what for what, group in groups.items() if _digits_of(group) is None]
    return {
        what: group
        for what, group in groups.items()
        if (digits := _digits_of(group)) is None or not any(_rounds(what, other, digits) for other in exact)
    }


def _without_ids(groups: Groups) -> Groups:
    """Return the movements without those whose amount is the id of the token that another statement names."""
    ids = {
        (*what[:4], what.sender, what.recipient, what.token_id)
        for what in groups
        if what.token_id is not None
    }
    return {
        what: group
        for what, group in groups.items()
        if (*what[:4], what.sender, what.recipient, what.stated_raw) not in ids
        or what.token_id is not None
        or not all(AMOUNT_OR_ID in record.marks for _, record in group.statements)
    }


def _rounds(rounded: What, exact: What, digits: int) -> bool:
    same = _unvalued(rounded) == _unvalued(exact)
    return same and abs(rounded.stated_raw - exact.stated_raw) * 10 ** (digits - 1) <= exact.stated_raw


def _unvalued(what: What) -> What:
    """Return a movement as if it were of nothing: what else tells it from others."""
    return what._replace(stated_raw=0)


def _digits_of(group: Group) -> int | None:
    """Return to how many digits an amount was rounded, `None` where it was not."""
    found = [re.search(r"[0-9]+", mark) for mark in group.marks if mark.startswith(ROUNDED)]
    return next((int(digits[0]) for digits in found if digits), None)


def _is_vague(group: Group) -> bool:
    return any(mark.startswith(_VAGUE) for mark in group.marks)


def _at_odds(by_source: Mapping[str, set[What]]) -> Iterator[tuple[set[What], set[What]]]:
    """Yield pairs of sets of which neither holds the other: a source that shows fewer contradicts nothing."""
    for (_, one), (_, other) in itertools.combinations(sorted(by_source.items()), 2):
        if not (one <= other or other <= one):
            yield one, other


def _named(what: What) -> tuple[object, ...]:
    """Return what orders movements, whatever was learnt first."""
    token_id = -1 if what.token_id is None else what.token_id
    names = (what.contract or "", what.sender or "", what.recipient or "")
    return _ORDER[what.kind], names, token_id, what.stated_raw


def _rank(record: TransferRecord, place: Place) -> Row:
    far = 2**62
    height = far if place.height is None else place.height
    position = far if place.position is None else place.position
    token_id = -1 if record.token_id is None else record.token_id
    names = (record.sender or "", record.recipient or "", record.contract or "", token_id, record.stated_raw)
    outcome = (record.ok is not False, record.ok is not None, record.level)
    here = (_ORDER[record.kind], natural(record.place))
    return (height, position, record.chain, record.txid, here, names, outcome)


def _row(record: TransferRecord, seen: dict[Row, int]) -> Row:
    """Return a row of the table; its number tells it from the others at the same place."""
    place = (record.chain, record.txid, str(record.kind), record.place)
    number = seen[place] = seen.get(place, -1) + 1
    token_id = None if record.token_id is None else str(record.token_id)
    named = (record.contract, token_id, record.sender, record.recipient)
    amounts = (str(record.value_raw), str(record.stated_raw), record.ok)
    block = (record.height, record.position, record.time, record.block_hash)
    return (*place, number, *named, *amounts, *block, "; ".join(record.marks), record.level)
