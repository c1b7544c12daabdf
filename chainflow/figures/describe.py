"""Appearances → items and flows with everything they say: names, tags, ends, times, inference marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chainflow.figures.figure import End, Flow, Item, Payment, Stated, TxNote
from chainflow.figures.flow import KNOT, UNSEEN, Appearance, Stage
from chainflow.figures.fold import Flows
from chainflow.figures.marks import FAMILIES, family_of, letter_of
from chainflow.figures.text import brief_amount, legible, short_name, span
from chainflow.ledger.graph import COINBASE
from chainflow.model import EndReason
from chainflow.tags.conflicts import rank
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.tags import Tags
    from chainflow.tags.tag import Tag

__all__ = ["Describer", "amount_and_time", "room_for"]

_MAX_TAGS = 20
_NOBODY = (COINBASE, "unseen", "transaction")
_LETTERS = {COINBASE: "+", "transaction": "T", "others": "…"}


@dataclass(frozen=True, slots=True)
class Describer:
    """Names appearances and flows for people.

    Parameters
    ----------
    tags : Tags or None
    coverage : mapping of str to str
        Address → what its sources told of its history, as a sentence.
    notes : mapping of str to TxNote
        Every transaction of the picture, in the chain's order.
    chain : str
    """

    tags: Tags | None
    coverage: Mapping[str, str]
    notes: Mapping[str, TxNote]
    chain: str

    def items(self, appearances: list[Appearance], numbers: Mapping[Appearance, str]) -> tuple[Item, ...]:
        """Return one item for each appearance, in the same order; places are still to come."""
        parts = Counter(appearance.key for appearance in appearances)
        seen: Counter[str] = Counter()
        items = []
        for appearance in appearances:
            seen[appearance.key] += 1
            part = (1, 1) if appearance.others else (seen[appearance.key], parts[appearance.key])
            items.append(self._item(appearance, numbers[appearance], part))
        return tuple(items)

    def flows(self, flows: Flows, numbers: Mapping[Appearance, str], stage: Stage) -> tuple[Flow, ...]:
        """Return the flows in the order of their payers and payees; lines are still to come."""
        order = {txid: place for place, txid in enumerate(self.notes)}
        found: list[Flow] = []
        for side in sorted(flows, key=lambda side: (side[0].number, side[1].number)):
            txids = sorted(flows[side], key=order.__getitem__)
            payments = tuple(
                Payment(txid, flows[side][txid], stage.paid_to(side, txid), stage.basis_of(side, txid))
                for txid in txids
            )
            flow = self._flow(f"f{len(found)}", (numbers[side[0]], numbers[side[1]]), payments)
            found.append(replace(flow, inferred=any(self.is_cluster(appearance) for appearance in side)))
        return tuple(found)

    def is_cluster(self, appearance: Appearance) -> bool:
        """Return whether this stands for more than its own address because a rule says so."""
        if appearance.others:
            return any(self.is_cluster(member) for member in appearance.others)
        if appearance.key.startswith(KNOT):
            return False
        return list(appearance.addresses) != [appearance.key]

    def best(self, appearance: Appearance) -> Tag | None:
        """Return the strongest tag on any of its addresses."""
        return None if appearance.others else min(self._tags_on(appearance), key=rank, default=None)

    def _tags_on(self, appearance: Appearance) -> list[Tag]:
        """Return the tags on its addresses, as far as they are about this chain."""
        if self.tags is None:
            return []
        found = [tag for a in sorted(appearance.addresses) for tag in self.tags.by_address.get(a, ())]
        return [tag for tag in found if tag.chain == self.chain or not tag.chain]

    def _item(self, appearance: Appearance, number: str, part: tuple[int, int]) -> Item:
        tag = self.best(appearance)
        category = next(iter(tag.categories), "") if tag is not None else ""
        kind, label, second = self._names(appearance, tag)
        return Item(
            id=number,
            name=appearance.key,
            kind=kind,
            label=label,
            second=second,
            addresses=() if kind in _NOBODY else tuple(sorted(appearance.addresses)),
            category=legible(category, limit=40),
            letter=_LETTERS.get(kind) or letter_of(category),
            colour="#4A5866" if kind == "transaction" else FAMILIES[family_of(category)].colour,
            part=part[0],
            parts=part[1],
            received_sat=appearance.received_sat,
            sent_sat=appearance.sent_sat,
            internal_sat=appearance.internal_sat,
            spent_sat=appearance.spent_sat,
            seed=appearance.seed,
            unordered=appearance.is_unordered,
            ends=_ends(appearance),
            tags=self._stated(appearance),
            coverage=self._covered(appearance),
            column=appearance.column,
        )

    def _names(self, appearance: Appearance, tag: Tag | None) -> tuple[str, str, str]:
        """Return kind, label and second line of an item."""
        key = appearance.key
        if appearance.others:
            return (
                "others",
                f"{len(appearance.others):,} others",
                counted(len(appearance.addresses), "address"),
            )
        if key == COINBASE:
            return COINBASE, "newly made coins", "block subsidy and fees"
        if key.startswith(UNSEEN):
            return "unseen", "payer not in evidence", ""
        if key.startswith(KNOT):
            return "transaction", "one transaction", short_name(key.removeprefix(KNOT))
        kind, short = "cluster" if self.is_cluster(appearance) else "address", short_name(key)
        second = f"cluster of {len(appearance.addresses):,}" if kind == "cluster" else ""
        if tag is None:
            return kind, short, second
        return kind, legible(tag.label, limit=60) or "tag without a label", second or short

    def _stated(self, appearance: Appearance) -> tuple[Stated, ...]:
        return tuple(
            Stated(
                address=tag.address,
                label=legible(tag.label, limit=300),
                category=legible(", ".join(tag.categories), limit=120),
                actor=legible(tag.actor_name or tag.actor, limit=120),
                source=legible(tag.source or tag.creator, limit=300),
                confidence=legible(tag.confidence, limit=60),
                date=legible(tag.date, limit=40),
                context=legible(tag.context, limit=1000),
            )
            for tag in self._tags_on(appearance)[:_MAX_TAGS]
        )

    def _covered(self, appearance: Appearance) -> str:
        told = [self.coverage.get(address, "") for address in appearance.addresses]
        if not told or appearance.key == COINBASE or appearance.key.startswith((UNSEEN, KNOT)):
            return ""
        if len(told) == 1:
            return told[0] or "not asked for: other payments of this address are not known"
        complete = sum(text.startswith("complete") for text in told)
        return f"complete for {complete:,} of {len(told):,} addresses"

    def _flow(self, number: str, sides: tuple[str, str], payments: tuple[Payment, ...]) -> Flow:
        moments = [time for entry in payments if (time := self.notes[entry.txid].time) is not None]
        return Flow(
            number, *sides, payments, min(moments, default=None), max(moments, default=None), inferred=False
        )


def _ends(appearance: Appearance) -> tuple[End, ...]:
    by_reason: dict[str, list[tuple[int, str]]] = {}
    for reason, value, place in appearance.ends:
        by_reason.setdefault(reason, []).append((value, place))
    known = [reason.value for reason in EndReason]
    order = sorted(
        by_reason, key=lambda reason: (known.index(reason) if reason in known else len(known), reason)
    )
    return tuple(
        End(
            reason,
            sum(value for value, _ in by_reason[reason]),
            tuple(place for _, place in by_reason[reason]),
        )
        for reason in order
    )


def amount_and_time(flow: Flow, unit: str) -> tuple[str, str]:
    """Return the two lines of a flow's label: the amount, and when (and in how many transactions)."""
    often = f" · {len(flow.payments)} tx" if len(flow.payments) > 1 else ""
    return f"{brief_amount(flow.value_sat)} {unit}", f"{span(flow.first, flow.last)}{often}"


def room_for(label: tuple[str, str]) -> int:
    """Return the width of a label in pixels: bold 12 px above 11 px in a wide font."""
    return max(78, round(len(label[0]) * 7.7), round(len(label[1]) * 6.6))
