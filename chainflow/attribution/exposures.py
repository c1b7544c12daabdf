"""Exposure: where a trace ended, by what tags assert about those addresses; each base unit once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from chainflow import cards, schema, units
from chainflow.attribution.holders import UNTAGGED, Holder, Holders, Owners, owners_digest
from chainflow.model import EndReason, Recipe, digest_of
from chainflow.tags import Tags
from chainflow.tracing import AccountTrace, Asset, End, Trace

__all__ = ["FIRST_HAND", "FURTHER", "OWN", "Exposure", "exposure", "exposure_with"]

OWN, FIRST_HAND, FURTHER = "own", "direct", "indirect"
"""The degree of an end: at the seeds' own addresses, at a counterparty of theirs, or behind one."""

_NOBODY = frozenset({EndReason.FEE, EndReason.BURNT, EndReason.LOST})

_TOLD = _NOBODY | {
    *(EndReason.COINBASE, EndReason.COINJOIN, EndReason.CONTRACT, EndReason.CONVERTED),
    *(EndReason.LIMIT, EndReason.DUST, EndReason.PURITY, EndReason.TIME),
}
"""Reasons that are the category of an end without a tag: what became of it is known, or we stopped looking."""

_LAST = (EndReason.CONVERTED.value, EndReason.POISON.value)
"""Categories that are no ends, shown after all ends."""

_KEY = ("asset", "degree", "category", "actor", "label", "source", "reason", "basis", "conflict")
_COLUMNS = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in _KEY[:-1]),
        pa.field("conflict", pa.bool_(), nullable=False),
        pa.field("amount", pa.string(), nullable=False),  # decimal digits; becomes integers
        pa.field("share_ppm", pa.int64(), nullable=False),
        pa.field("ends", pa.int64(), nullable=False),
        pa.field("nearest_hop", pa.int32()),
    ]
)
_Key = tuple[str, str, str, str, str, str, str, str, bool]


class Line(NamedTuple):
    """One line of an exposure for people: category, why it ended there, base units, the same and its share in words."""

    category: str
    reason: str
    amount_raw: int
    amount: str
    share: str


@dataclass(frozen=True, repr=False, eq=False)
class Exposure:
    """Where a trace ended, by category and actor. Get one from `exposure`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per (asset, degree, category, actor, label, source, reason, basis, conflict), the largest
        amount of an asset first: the amount (`tainted_sat`; over accounts `tainted_raw`, exact integers of
        any size), `share_ppm` (of `base`, in parts per million, rounded to the nearest), `ends` (how many)
        and `nearest_hop` (transactions from a seed).
    trace : Trace
    recipe : Recipe
    legs : tuple of Exposure
        The same for the trace's legs on other chains.
    """

    table: pd.DataFrame
    trace: Trace
    recipe: Recipe
    legs: tuple[Exposure, ...] = ()

    @cached_property
    def balance(self) -> dict[str, int]:
        """Category → base units of the only asset, the largest first; the sum is exactly what was traced.

        Raises
        ------
        BadInput
            If there are several assets: see `balance_of`.
        """
        return self.balance_of(self.trace.asset)

    def balance_of(self, asset: Asset) -> dict[str, int]:
        """Return category → base units of one asset, the largest first."""
        found = self.sums("category")
        sums = {category: amount for (of, category), amount in found.items() if of == str(asset)}
        return dict(sorted(sums.items(), key=lambda entry: (-entry[1], entry[0])))

    def base(self, asset: Asset) -> int:
        """Return what shares of an asset are of: what the seeds claimed of it, else what conversions brought."""
        return _base(self.trace, asset)

    def base_note(self, asset: Asset) -> str:
        """Return what has to be said of an asset's shares where conversions took part, else ""."""
        claimed, brought = _claimed(self.trace, asset)
        said = []
        if brought and claimed:
            words = self.trace.money(claimed, asset), self.trace.money(brought, asset)
            said.append(
                f"Shares are of the {words[0]} that the seeds claimed; conversions brought {words[1]} more."
            )
        elif brought:
            said.append("The seeds claimed nothing of this asset: shares are of what conversions brought.")
        if EndReason.CONVERTED.value in self.balance_of(asset):
            said.append(
                "What was converted is no end: it went on as another asset, and stands in that asset's table again."
            )
        return " ".join(said)

    def lines(self, asset: Asset) -> list[Line]:
        """Return one asset by category and reason, the largest first; what was converted apart, at the end."""
        sums = {
            key[1:]: amount for key, amount in self.sums("category", "reason").items() if key[0] == str(asset)
        }
        ranked = sorted(sums.items(), key=lambda item: (item[0][0] in _LAST, -item[1], item[0]))
        base = self.base(asset)
        return [
            Line(
                category,
                _REASONS.get(reason, reason),
                amount,
                self.trace.money(amount, asset),
                units.percent(amount, base),
            )
            for (category, reason), amount in ranked
        ]

    def sums(self, *columns: str) -> dict[tuple[str, ...], int]:
        """Return (asset, value of each column) → base units; of each asset they add up to what was traced."""
        keys = zip(*(self.table[name] for name in ("asset", *columns)), strict=True)
        found: dict[tuple[str, ...], int] = {}
        for key, amount in zip(keys, self.table[amount_column(self.trace)], strict=True):
            found[key] = found.get(key, 0) + int(amount)
        return found

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the table: equal for equal results on every machine."""
        plain = self.table.astype(object)
        found: dict[str, object] = {"rows": plain.where(plain.notna(), None).to_dict("list")}
        return digest_of(found | ({"legs": [leg.digest for leg in self.legs]} if self.legs else {}))

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `table`."""
        return self.table.copy()

    def __repr__(self) -> str:
        told = []
        for asset in self.trace.assets:
            total = self.base(asset)
            found = self.balance_of(asset).items()
            told.append(", ".join(f"{name} {units.percent(amount, total)}" for name, amount in found))
        return f"<Exposure {self.trace.direction} by {self.trace.policy}: {' | '.join(told)}>"

    def _repr_html_(self) -> str:
        return cards.card("Exposure", self.rows(), header=HEADER, note=self.note) + "".join(
            leg._repr_html_() for leg in self.legs
        )

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield the rows for people, as `HEADER` names them."""
        totals = {str(asset): asset for asset in self.trace.assets}
        plain = self.table.astype(object).where(self.table.notna(), "")
        for row in plain.itertuples(index=False):
            asset, amount = totals[row[0]], int(row[9])
            share = units.percent(amount, self.base(asset))
            shown = (self.trace.money(amount, asset), share)
            yield (*row[1:8], "yes" if row[8] else "", *shown, *row[11:])

    @property
    def note(self) -> str:
        """What has to be said beside the figures."""
        traced = ", ".join(
            self.trace.money(sum(amounts.values()), asset) for asset, amounts in self.trace.opened.items()
        )
        return (
            f"Of {traced} traced {self.trace.direction} by {self.trace.policy}. Categories and actors are asserted "
            "by the sources named, not by the chain; “no tag” means that no tag at hand speaks of it, and clears "
            f"nobody. {''.join(f'{self.base_note(asset)} ' for asset in self.trace.assets).lstrip()}"
            f"Recipe {self.recipe.digest[:16]}."
        )


_REASONS = {EndReason.CONVERTED.value: "converted: see the table of the asset that it became"}
"""Reasons that people are told in more words."""
HEADER = (*_KEY[1:], "amount", "share", "ends", "nearest hop")


def exposure(trace: Trace, tags: Tags, owners: Owners | None = None) -> Exposure:
    """Sum up where a trace ended, by the category and actor that tags assert, each base unit once.

    An end without a tag keeps its reason. Its category is "no tag", and where the reason tells what became of
    it (a fee, a CoinJoin, a limit) that reason. What was converted is no end: its category is "converted",
    whoever it was paid to, and it stands again under the asset that it became. Where tags contradict each
    other the best one (`Tags.best`) is used with its source, and `conflict` is true. `degree` is "own"
    (no transaction away from a seed), "direct" (one) or "indirect" (more); what came to nobody, such as
    a fee, has its reason there.

    Parameters
    ----------
    trace : Trace
        Over outputs or accounts, of one asset or several: their amounts are never added.
    tags : Tags
        Need not be those the trace stopped at.
    owners : Owners, optional
        An address without a tag then inherits the best tag in its cluster whose source says that it
        holds for the whole cluster. That rests on the clustering being right; `basis` says so.

    References
    ----------
    Direct and indirect exposure after Chainalysis; that each unit counts once, by a taint policy and not
    by counting paths, is ours.
    """
    return exposure_with(trace, Holders(tags, owners))


def exposure_with(trace: Trace, holders: Holders, own: Collection[str] = frozenset()) -> Exposure:
    """Return the exposure with holders that were looked up before; ends at `own` addresses are nobody else's."""
    ends, groups = list(ends_of(trace)), dict[_Key, list[End]]()
    for end in ends:
        holder = _holder(end, holders)
        key = (str(end.asset), degree_of(end, own), *holder[:4], end.reason, *holder[4:])
        groups.setdefault(key, []).append(end)
    totals = {str(asset): _base(trace, asset) for asset in trace.assets}
    rows = [_row(key, found, totals[key[0]]) for key, found in groups.items()]
    rows += _counted_again(trace, totals)
    rows.sort(key=lambda row: (row[0], -int(str(row[9])), *map(str, row[1:9])))
    reached = sorted({end.address for end in ends if end.address is not None})
    parameters = {"owners": owners_digest(holders.owners, reached), "categories": "tag or reason"}
    recipe = Recipe("exposure", parameters, inputs=[trace.recipe.digest, holders.tags.digest])
    legs = tuple(exposure_with(leg, holders, own) for leg in trace.legs)
    return Exposure(_frame(trace, rows), trace, recipe, legs)


def _holder(end: End, holders: Holders) -> Holder:
    """Return what tags assert of the holder at an end; without one, its reason where that tells what became of it."""
    if end.reason == EndReason.CONVERTED:
        return Holder(end.reason)
    found = holders.holder(end.address)
    return found._replace(category=end.reason) if found.basis == UNTAGGED and end.reason in _TOLD else found


def _claimed(trace: Trace, asset: Asset) -> tuple[int, int]:
    """Return what the seeds claimed of an asset, and what conversions brought of it."""
    brought = trace.converted_in.get(asset, {})
    came = sum(min(amount, brought.get(label, 0)) for label, amount in trace.opened[asset].items())
    return sum(trace.opened[asset].values()) - came, came


def _base(trace: Trace, asset: Asset) -> int:
    claimed, brought = _claimed(trace, asset)
    return claimed or brought


def ends_of(trace: Trace) -> Iterator[End]:
    """Yield the ends of a trace; whatever a frame holds for "missing" is `None`."""
    for end in trace.end_rows():
        yield end if isinstance(end.address, str) else end._replace(address=None)


def degree_of(end: End, own: Collection[str]) -> str:
    """Return how near an end is to the seeds; of what came to nobody, why."""
    if end.address is None or end.reason in _NOBODY:
        return end.reason
    if end.hop == 0 or end.address in own:
        return OWN
    return FIRST_HAND if end.hop == 1 else FURTHER


def amount_column(trace: Trace) -> str:
    """Return what the column of amounts is called: as in the frames of the trace."""
    return "tainted_raw" if isinstance(trace, AccountTrace) else "tainted_sat"


def _row(key: _Key, found: Sequence[End], total: int) -> tuple[object, ...]:
    amount = sum(end.tainted_raw for end in found)
    return (*key, str(amount), _ppm(amount, total), len(found), min(end.hop for end in found))


def _ppm(amount: int, total: int) -> int:
    return (2_000_000 * amount + total) // (2 * total) if total else 0


def _counted_again(trace: Trace, totals: dict[str, int]) -> Iterator[tuple[object, ...]]:
    """Yield the rows that take back what a policy that does not conserve counted more than once."""
    again = EndReason.POISON.value
    for asset in trace.assets:
        amount = trace.balance_of(asset).get(again, 0)
        if amount:
            key = (str(asset), again, again, "", "", "", again, UNTAGGED, False)
            yield (*key, str(amount), _ppm(amount, totals[str(asset)]), 0, None)


def _frame(trace: Trace, rows: list[tuple[object, ...]]) -> pd.DataFrame:
    """Return the rows as a frame of exact integers, of any size where the trace is over accounts."""
    table = schema.rows_to_table(rows, _COLUMNS)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    amounts = [int(str(row[9])) for row in rows]
    exact = isinstance(trace, AccountTrace)
    kind = object if exact else pd.ArrowDtype(pa.int64())
    frame["amount"] = pd.Series(amounts, dtype=kind, index=frame.index)
    return frame.rename(columns={"amount": amount_column(trace)})
