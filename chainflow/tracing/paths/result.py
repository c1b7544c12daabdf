"""`Paths` and `NoPath`: what was found between two sets, or the proof that the evidence holds nothing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from chainflow import cards, units
from chainflow.model import EndReason, Recipe, digest_of
from chainflow.tracing.paths.network import OUTSIDE, Network
from chainflow.tracing.paths.question import LEAVES, STOPS

__all__ = ["Branch", "NoPath", "Path", "Paths", "Step", "frame_of", "step_of", "steps_of"]

_LONGEST = 12
"""How many rows a card shows."""


class Step(NamedTuple):
    """Value that one transaction moved: `place` is the outpoint, or the transfer's place in its transaction.

    `payer` is `None` where nobody in particular paid, `payee` where nobody got it; `time` Unix seconds.
    """

    txid: str
    payer: str | None
    payee: str | None
    place: str
    amount: int
    height: int | None
    time: int | None


class Path(NamedTuple):
    """One path: `steps` are (hop, step); hop 0 is what it begins with.

    `bottleneck` is the most that can have gone along it in base units; `seconds` is from its first
    transaction to its last, `None` where a block time is not known (never 0 for that).
    """

    steps: tuple[tuple[int, Step], ...]
    transactions: int
    bottleneck: int
    seconds: int | None


class Branch(NamedTuple):
    """What was reached, and how it ends there: `reason` is `None` where it goes on."""

    step: Step
    reason: str | None


def step_of(network: Network, number: int, payer: str | None = None) -> Step:
    """Return one arc as a step; `payer` says who held it before where the arc does not."""
    arc = network.arcs[number]
    moment = network.moment(arc)
    txid = moment.txid or arc.place.partition(":")[0]  # an output says who made it, held or not
    return Step(txid, arc.payer or payer, arc.payee, arc.place, arc.amount, moment.height, moment.time)


def frame_of(rows: Iterable[tuple[Mapping[str, object], Step, Mapping[str, object]]]) -> pd.DataFrame:
    """Return steps as a table with exact integers, with columns before and after those of a step."""
    listed = [
        {**before, "txid": step.txid, "from": step.payer, "to": step.payee, "place": step.place,
         "amount": step.amount, "height": step.height, "time": step.time, **after}
        for before, step, after in rows
    ]  # fmt: skip
    names = list(listed[0]) if listed else ["txid", "from", "to", "place", "amount", "height", "time"]
    frame = pd.DataFrame(listed, columns=names, dtype=object)
    times = [None if one is None else units.to_utc(int(one)) for one in frame["time"]]
    frame["time"] = pd.Series(times, dtype="datetime64[s, UTC]")
    frame["height"] = frame["height"].astype("Int64")
    return frame


@dataclass(frozen=True, repr=False, eq=False)
class Paths(Sequence[Path]):
    """The best paths between two sets, best first; get them from `paths` or `to_nearest`.

    Parameters
    ----------
    found : tuple of Path
        At least one.
    by : {"fewest", "fastest", "largest"}
    said : mapping of str to tuple of str
        Address → (label, source): who says what it is. Empty where no tags were given.
    network : Network
    as_of : int or None
        The block up to which the ledger's sources were asked; None where they did not say.
    recipe : Recipe
    """

    found: tuple[Path, ...]
    by: str
    said: Mapping[str, tuple[str, str]]
    network: Network
    as_of: int | None
    recipe: Recipe

    def __getitem__(self, number: int) -> Path:  # type: ignore[override]
        return self.found[number]

    def __len__(self) -> int:
        return len(self.found)

    @property
    def bottleneck(self) -> int:
        """The most that can have gone along the best path, in base units."""
        return self.found[0].bottleneck

    @property
    def duration(self) -> int | None:
        """Seconds from the first to the last transaction of the best path; `None`: a time is not known."""
        return self.found[0].seconds

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        return digest_of([self.by, sorted(self.said.items()), self.found])

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per step: path, hop, txid, from, to, place, amount, height, time, tag, said_by."""
        return frame_of(
            ({"path": number, "hop": hop}, step, self._words(step))
            for number, path in enumerate(self.found, start=1)
            for hop, step in path.steps
        )

    def _words(self, step: Step) -> dict[str, object]:
        label, source = self.said.get(step.payee or "", ("", ""))
        return {"tag": label, "said_by": source}

    def __repr__(self) -> str:
        best, words = self.found[0], self.network.words(self.bottleneck)
        return (
            f"<Paths by {self.by}: {units.counted(len(self), 'path')}; the best has "
            f"{units.counted(best.transactions, 'transaction')}, carries at most {words}, {_lasts(best)}>"
        )

    def _repr_html_(self) -> str:
        rows = [
            (number, f"{path.transactions:,}", self.network.words(path.bottleneck), _lasts(path), _end(path))
            for number, path in enumerate(self.found[:_LONGEST], start=1)
        ]
        header = ("path", "transactions", "carries at most", "from first to last", "to")
        note = (
            f"A path says what can have moved, not that it did. {_as_of(self.as_of)} "
            f"Recipe {self.recipe.digest[:16]}."
        )
        return cards.card(f"Paths by {self.by}", rows, header=header, note=note)


@dataclass(frozen=True, repr=False, eq=False)
class NoPath:
    """That there is no path within the evidence, and where one could still be; it is false in a condition.

    Parameters
    ----------
    branches : tuple of Branch
        All that value can have reached from the sources, in order.
    network, as_of, recipe
        As those of `Paths`.
    """

    branches: tuple[Branch, ...]
    network: Network
    as_of: int | None
    recipe: Recipe

    def __bool__(self) -> bool:
        return False

    @cached_property
    def ends(self) -> dict[str, tuple[int, int]]:
        """Reason → (how many branches end so, the whole value of what they end in, in base units)."""
        found: dict[str, tuple[int, int]] = {}
        for branch in self.branches:
            if branch.reason is not None:
                count, amount = found.get(branch.reason, (0, 0))
                found[branch.reason] = (count + 1, amount + branch.step.amount)
        return {reason.value: found[reason.value] for reason in EndReason if reason.value in found}

    @property
    def open(self) -> pd.DataFrame:
        """Where branches leave the evidence, and a path could still be; columns as `to_pandas`."""
        return _branches(branch for branch in self.branches if branch.reason in LEAVES)

    @property
    def is_closed(self) -> bool:
        """Whether no branch leaves the evidence: then the proof is complete as of the block, with its stops."""
        return not any(reason in self.ends for reason in LEAVES)

    @property
    def sentence(self) -> str:
        """The result in words."""
        leaving = sum(self.ends[reason][0] for reason in LEAVES if reason in self.ends)
        stopped = sum(self.ends[reason][0] for reason in STOPS if reason in self.ends)
        parts = [f"No path within the evidence: {units.counted(len(self.branches), 'place')} can be reached."]
        if leaving:
            verb = "leaves" if leaving == 1 else "leave"
            parts.append(f"{_branch_words(leaving)} {verb} the evidence: a path could still be there.")
        else:
            parts.append(f"No branch leaves the evidence: this is complete {_block(self.as_of)}.")
        if stopped:
            parts.append(f"{_branch_words(stopped)} ended at a declared stop and went no further here.")
        return " ".join(parts)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        return digest_of(self.branches)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per place reached: txid, from, to, place, amount, height, time, reason (None: goes on)."""
        return _branches(self.branches)

    def __repr__(self) -> str:
        return f"<NoPath: {self.sentence}>"

    def _repr_html_(self) -> str:
        rows = [
            (reason, f"{count:,}", self.network.words(amount))
            for reason, (count, amount) in self.ends.items()
        ]
        header = ("ends as", "branches", "value of what they end in")
        note = f"{self.sentence} Recipe {self.recipe.digest[:16]}."
        return cards.card("No path within the evidence", rows, header=header, note=note)


def _branches(branches: Iterable[Branch]) -> pd.DataFrame:
    frame = frame_of(({}, branch.step, {"reason": branch.reason}) for branch in branches)
    return frame if "reason" in frame else frame.assign(reason=pd.Series(dtype=object))


def _branch_words(count: int) -> str:
    return "1 branch" if count == 1 else f"{count:,} branches"


def _lasts(path: Path) -> str:
    return "time not known" if path.seconds is None else f"{path.seconds:,} s"


def _end(path: Path) -> str:
    return path.steps[-1][1].payee or ""


def _block(as_of: int | None) -> str:
    return "as of a block that no source told" if as_of is None else f"as of block {as_of:,}"


def _as_of(as_of: int | None) -> str:
    words = _block(as_of)
    return f"{words[0].upper()}{words[1:]}."


def steps_of(network: Network, numbers: Sequence[int], sources: Container[int]) -> Iterator[tuple[int, Step]]:
    """Yield the arcs of a path as (hop, step): transfers of one transaction share a hop, what is held has none."""
    hop, last, payer = 0, OUTSIDE, None
    for number in numbers:
        arc = network.arcs[number]
        is_source = number in sources
        if arc.tx != OUTSIDE and not is_source and arc.tx != last:
            hop, last = hop + 1, arc.tx
        if arc.tx != OUTSIDE or is_source:
            yield hop, step_of(network, number, payer)
        payer = arc.payee
