"""`trail.explain(place)`: how traced value came to one output or account, step by step, in tables that add up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from chainflow import cards
from chainflow.errors import BadInput
from chainflow.model import EndReason, Recipe, digest_of
from chainflow.tracing.asset import Asset, amount_of
from chainflow.tracing.route import FEE
from chainflow.units import counted, format_time

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger
    from chainflow.tracing.crossing import Crossed
    from chainflow.tracing.result import Trace
    from chainflow.tracing.walk import Walk

__all__ = ["Entry", "Explained", "Step", "explain_outputs"]


class Entry(NamedTuple):
    """One line of a step: what came in or went out, how much of it is traced, whether it leads to the place asked.

    `side` is "in", "out", "fee" or, of an account, "held". `place` names the output or transfer.
    """

    side: str
    place: str
    address: str
    value_raw: int
    tainted_raw: int
    is_on_the_way: bool


class Step(NamedTuple):
    """One transaction, or one account's book up to a payment: what came in equals what went out, column by column.

    Attributes
    ----------
    title : str
        The transaction's id, or the account.
    height, seconds : int or None
        Block and its time (Unix seconds) of the transaction or of the payment.
    entries : tuple of Entry
    """

    title: str
    height: int | None
    seconds: int | None
    entries: tuple[Entry, ...]

    def total(self, *, incoming: bool) -> tuple[int, int]:
        """Return the sums of value and of traced value on one side."""
        side = [entry for entry in self.entries if (entry.side == "in") == incoming]
        return sum(entry.value_raw for entry in side), sum(entry.tainted_raw for entry in side)

    def folded(self) -> list[Entry]:
        """Return the entries with neighbours that carry nothing traced put together: the sums stay."""
        found: list[Entry] = []
        for is_idle, some in groupby(self.entries, key=lambda one: (one.side, not one.tainted_raw)):
            side, idle = is_idle
            listed = list(some)
            if idle and side in ("in", "out") and len(listed) > 1:
                value = sum(one.value_raw for one in listed)
                words = f"({counted(len(listed), 'other')}, nothing traced)"
                found.append(Entry(side, "", words, value, 0, False))
            else:
                found += listed
        return found


@dataclass(frozen=True, repr=False)
class Explained:
    """How traced value came to one place. Get one from `trail.explain(place)`.

    Parameters
    ----------
    place : str
    address : str
    asset : Asset
    value_raw, tainted_raw : int
        What is there, and how much of it is traced.
    shares : tuple of (str, int)
        Label of a seed → base units of `tainted_raw`; they add up to it.
    hop : int
        Transactions from the nearest seed.
    ended : str
        Why the trace ends there, "" where it goes on.
    steps : tuple of Step
        In the chain's order; backward traces have theirs in that order too. Empty for a seed.
    through : tuple of str
        The conversions by which value came on this way, in words: what lies behind one is on its other side.
    policy, direction : str
    recipe : Recipe
    ledger : Ledger
    """

    place: str
    address: str
    asset: Asset
    value_raw: int
    tainted_raw: int
    shares: tuple[tuple[str, int], ...]
    hop: int
    ended: str
    steps: tuple[Step, ...]
    policy: str
    direction: str
    recipe: Recipe
    ledger: Ledger
    through: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """The explanation in words: what is there, then one sentence per step."""
        steps = (self._step(number, step) for number, step in enumerate(self.steps, start=1))
        return (self._whole(), *self.through, *steps)

    def _money(self, amount: int) -> str:
        return amount_of(self.ledger, self.asset, amount)

    def _whole(self) -> str:
        whose = " and ".join(f"{self._money(amount)} of {label}" for label, amount in self.shares)
        verb = "come from" if self.direction == "forward" else "went to"
        ended = f" The trace ends there: {self.ended}." if self.ended else ""
        return (
            f"Of {self._money(self.value_raw)} at {self.place} ({self.address}), {self._money(self.tainted_raw)} "
            f"{verb} the seeds under {self.policy}, a convention: {whose}; "
            f"{counted(self.hop, 'transaction')} from the nearest seed.{ended}"
        )

    def _step(self, number: int, step: Step) -> str:
        (came, traced), (went, paid) = step.total(incoming=True), step.total(incoming=False)
        side = "in" if self.direction == "backward" else "out"
        on_the_way = [entry for entry in step.entries if entry.is_on_the_way and entry.side == side]
        names = ", ".join(
            f"{entry.address} ({self._money(entry.tainted_raw)} in all)" for entry in on_the_way[:3]
        )
        more = f" and {len(on_the_way) - 3:,} more" if len(on_the_way) > 3 else ""
        block = "in no known block" if step.height is None else f"in block {step.height:,}"
        again = f" ({self.policy} counts value again: {self._money(paid)} is traced after)"
        verb = "came from" if self.direction == "backward" else "went to"
        return (
            f"{number}. {step.title}, {block}, {format_time(step.seconds)}: {self._money(came)} in, "
            f"{self._money(traced)} of it traced; {self._money(went)} out{'' if traced == paid else again}; on this "
            f"way traced value {verb} {names or 'nobody'}{more}."
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the explanation."""
        return digest_of([self.place, self.value_raw, self.tainted_raw, self.shares, self.steps])

    def to_pandas(self) -> pd.DataFrame:
        """Return every entry: step, title, height, time, side, place, address, value_raw, tainted_raw, on_the_way.

        Within a step the values and traced values of side "in" and of all others have equal sums (traced
        values under a policy that conserves).
        """
        rows = [
            (number, step.title, step.height, format_time(step.seconds), *entry)
            for number, step in enumerate(self.steps, start=1)
            for entry in step.entries
        ]
        names = [
            "step",
            "title",
            "height",
            "time",
            "side",
            "place",
            "address",
            "value_raw",
            "tainted_raw",
            "on_the_way",
        ]
        return pd.DataFrame(rows, columns=names, dtype=object)

    def __repr__(self) -> str:
        return f"<Explained {self._whole()} {counted(len(self.steps), 'step')}>"

    def _repr_html_(self) -> str:
        parts = [cards.card(f"How it came to {self.place}", [(line,) for line in self.sentences])]
        header = ("side", "output or transfer", "address", "value", "traced", "on the way")
        for number, step in enumerate(self.steps, start=1):
            rows = [
                (
                    entry.side,
                    entry.place,
                    entry.address,
                    self._money(entry.value_raw),
                    self._money(entry.tainted_raw),
                    "yes" if entry.is_on_the_way else "",
                )
                for entry in step.folded()
            ]
            for incoming, name in ((True, "= in"), (False, "= out")):
                value, traced = step.total(incoming=incoming)
                rows.append((name, "", "", self._money(value), self._money(traced), ""))
            parts.append(cards.card(f"{number}. {step.title}", rows, header=header))
        return "".join(parts)


def explain_outputs(trail: Trace, place: str) -> Explained:
    """Return how traced value came to an output; see `Trace.explain`."""
    walk: Walk = trail._walk
    row = _row_of(trail, place)
    mark = next((mark for mark in walk.marks if mark.row == row), None)
    if mark is None:
        raise BadInput(
            f"nothing of this trace is at {place}",
            hint="trail.outputs lists what was reached; under another policy it may be reached",
        )
    ended = next((end.reason for end in walk.ends if end.row == row), None)
    steps, wanted = _steps(trail, walk, row)
    index = trail.ledger.index
    return Explained(
        place=f"{index.outpoint_txids[row]}:{index.vout[row]}",
        address=index.label_of(row),
        asset=trail.asset,
        value_raw=mark.value_sat,
        tainted_raw=mark.tainted_sat,
        shares=tuple((trail.seeds[label], amount) for label, amount in mark.shares),
        hop=mark.hop,
        ended="" if ended is None else ended.value,
        steps=steps,
        policy=trail.policy,
        direction=trail.direction,
        recipe=Recipe("explain", {"place": place}, inputs=[trail.recipe.digest]),
        ledger=trail.ledger,
        through=through_of(trail, wanted),
    )


def through_of(trail: Trace, wanted: Collection[int]) -> tuple[str, ...]:
    """Return in words the conversions that bring value to one of some output rows or events."""
    here = (one for one in trail.crossed if one.onward.chain == trail.chain and {*one.places} & {*wanted})
    return tuple(_crossing(trail, one) for one in here)


def _crossing(trail: Trace, one: Crossed) -> str:
    said = one.conversion
    chosen = f", chosen by {said.chosen_by}" if said.chosen_by else ""
    left = amount_of(trail.ledger, one.left.asset, one.paid_raw)
    came = amount_of(trail.ledger, one.onward.asset, one.received_raw)
    return (
        f"On this way lies a conversion ({said.kind}, evidence: {said.evidence}, "
        f"{counted(said.candidates, 'candidate')}{chosen}): {left} of the traced value ended in {one.left.txid}, "
        f"{came} came for it in {one.onward.txid}. The books before it are explained at that payment."
    )


def _row_of(trail: Trace, place: str) -> int:
    rows = trail.ledger.index.resolve([place])
    held = [row for row in rows if trail.ledger.index.output_chains[row] == trail.chain]
    reached = [row for row in held if row in {mark.row for mark in trail._walk.marks}]
    if len(reached) > 1:
        names = ", ".join(trail._name(row) for row in reached[:3])
        raise BadInput(
            f"{place} names {len(reached):,} outputs that were reached: {names} …", hint="explain one"
        )
    return reached[0] if reached else held[0]


def _steps(trail: Trace, walk: Walk, row: int) -> tuple[tuple[Step, ...], set[int]]:
    """Return the transactions on the way to an output in the chain's order, and the outputs on it."""
    route, tainted = walk.route, {mark.row: mark.tainted_sat for mark in walk.marks}
    wanted, steps = {row}, dict[int, Step]()
    flows = walk.flows()
    for tx in sorted(flows, reverse=route.forward):
        leading = [(source, target, amount) for source, target, amount in flows[tx] if target in wanted]
        if leading:
            wanted |= {source for source, _, _ in leading}
    for tx in flows:
        if any(target in wanted for _, target, _ in flows[tx]):
            steps[tx] = _step(trail, walk, tx, flows[tx], wanted, tainted)
    return tuple(steps[tx] for tx in sorted(steps)), wanted


def _step(
    trail: Trace,
    walk: Walk,
    tx: int,
    flows: Sequence[tuple[int, int, int]],
    wanted: set[int],
    tainted: dict[int, int],
) -> Step:
    """Return one transaction: its inputs, outputs and fee, with what the walk took through it."""
    route, index = walk.route, trail.ledger.index
    sources, targets = route.sides(tx)
    came, went = dict[int, int](), dict[int, int]()
    for source, target, amount in flows:
        came[source] = came.get(source, 0) + amount
        went[target] = went.get(target, 0) + amount
    carried = {source: walk.carried[source].tainted_sat for source in came}
    entries = []
    for (rows, taken), side in ((((sources, carried)), "in"), (((targets, went)), "out")):
        if not route.forward:
            side = "out" if side == "in" else "in"
        for row, value in rows:
            is_fee = row == FEE
            entries.append(
                Entry(
                    EndReason.FEE.value if is_fee else side,
                    "" if is_fee else f"{index.outpoint_txids[row]}:{index.vout[row]}",
                    "(fee)" if is_fee else index.label_of(row),
                    value,
                    taken.get(row, 0),
                    row in wanted and not is_fee,
                )
            )
    entries.sort(key=lambda entry: (("in", "out", "fee").index(entry.side), not entry.tainted_raw))
    height = trail.ledger.txs["height"][tx].as_py()
    return Step(index.txids[tx], height, route.time(tx), tuple(entries))
