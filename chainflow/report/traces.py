"""What the report says of recorded traces: the closing balance, the ends, the way to the largest of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd

from chainflow.attribution import Exposure
from chainflow.errors import BadInput
from chainflow.figures import Figure
from chainflow.model import EndReason
from chainflow.report.declared import Declared
from chainflow.tags import Tag, Tags
from chainflow.tracing import AccountTrace, Asset, Trace
from chainflow.tracing.explained import Explained
from chainflow.units import counted, format_time

__all__ = [
    "EndRow",
    "Study",
    "collision_lines",
    "end_rows",
    "granted_rows",
    "lost_parts",
    "lost_sight",
    "parameters_of",
    "tagged_rows",
    "ways_to",
]

MOST_WAYS = 3
"""Largest ends of a trace of which the report shows how value came there."""


@dataclass(frozen=True, slots=True)
class Study:
    """One recorded trace, made again, with where it ended and how it looks.

    `step` is its log number, `order` what the log shows of its policy; `is_same` says whether it gave what
    the log recorded (evidence or tags may have grown since). `figure` is `None` for a trace over accounts.
    """

    step: int
    order: Declared
    trace: Trace
    exposure: Exposure
    figure: Figure | None
    is_same: bool

    @property
    def declared(self) -> int:
        """The entry that named the policy; the run's own where none did before it."""
        return self.step if self.order.entry is None else self.order.entry

    @property
    def is_conserving(self) -> bool:
        """Whether no value was counted again: only then are amounts shares of anything."""
        again = EndReason.POISON.value
        legs = (self.trace, *self.trace.legs)
        return all(again not in leg.balance_of(asset) for leg in legs for asset in leg.assets)


class EndRow(NamedTuple):
    """One row about an output or a transfer that a trace reached, for people.

    `is_stated`: its value is as a reply states it, the transaction that made the output is not held.
    """

    place: str
    address: str
    value: str
    traced: str
    when: str
    what: str
    is_stated: bool = False


When = Callable[[str, str, datetime | None], str]
"""(chain, txid, time) → the time for people, or why there is none."""


def end_rows(trail: Trace, when: When, *, proved: set[tuple[str, int]]) -> list[EndRow]:
    """Return where a trace ended, the largest first; of several assets one after the other."""
    return [_end_row(trail, row, when, proved) for row in _ranked(trail)]


def _ranked(trail: Trace) -> list[Any]:
    """Return the rows of the ends, asset by asset, the largest first."""
    rows = _plain(trail.ends)
    if isinstance(trail, AccountTrace):
        rows.sort(key=lambda row: (str(_asset(trail, row)), -row.tainted_raw, str(row.txid), str(row.place)))
    else:
        rows.sort(key=lambda row: (-int(row.tainted_sat), str(row.txid)))
    return rows


def _plain(frame: pd.DataFrame) -> list[Any]:
    """Return the rows of a frame, with `None` for what is missing."""
    return [*frame.astype(object).where(frame.notna(), None).itertuples(index=False)]


def _asset(trail: Trace, row: Any) -> Asset:
    return Asset(trail.chain, row.contract, row.token_id)


def _account_place(trail: Trace, row: Any) -> str:
    """Return what a row of a trace over accounts is about: a transfer, or what was held."""
    if row.txid is None:
        return _HELD_UNTIL.get(
            row.reason,
            "held before the evidence"
            if trail.direction == "backward"
            else "held at the end of the evidence",
        )
    return f"{row.txid}:{row.place}".removesuffix(":")


_HELD_UNTIL = {
    EndReason.TIME.value: "held when the time was over",
    EndReason.DISPUTED.value: "held before a payment in dispute",
}


def _account_time(row: Any) -> str:
    if row.txid is None:
        return ""
    block = "" if row.height is None or row.time is not None else f"block {row.height:,}, "
    return block + format_time(None if row.time is None else int(row.time.timestamp()))


def _end_row(trail: Trace, row: Any, when: When, proved: set[tuple[str, int]]) -> EndRow:
    what = f"{row.reason}: {row.tag}" if row.tag else row.reason
    if isinstance(trail, AccountTrace):
        asset, address = _asset(trail, row), row.address or "nobody"
        amounts = (trail.money(row.value_raw, asset), trail.money(row.tainted_raw, asset))
        return EndRow(_account_place(trail, row), address, *amounts, _account_time(row), what)
    is_fee = row.vout is None
    is_stated = not is_fee and (row.txid, row.vout) not in proved
    mark = "\u202f†" if is_stated else ""
    place = f"{row.txid} (fee)" if is_fee else f"{row.txid}:{row.vout}"
    amounts = (trail.money(int(row.value_sat)) + mark, trail.money(int(row.tainted_sat)))
    return EndRow(place, row.address or "", *amounts, when(row.chain, row.txid, row.time), what, is_stated)


def tagged_rows(trail: Trace, tags: Tags) -> list[tuple[str, str, str, str]]:
    """Return where a trace reached tagged addresses, ends or not: place, address, traced, the best tag."""
    known, rows = tags.by_address, []
    for row in _plain(trail.outputs):
        best: Tag | None = tags.best(str(row.address)) if str(row.address) in known else None
        if best is None:
            continue
        if isinstance(trail, AccountTrace):
            traced = trail.money(row.tainted_raw, _asset(trail, row))
            held = "held before the evidence" if row.txid is None else _account_place(trail, row)
            rows.append((held, str(row.address), traced, best.label))
        else:
            rows.append(
                (f"{row.txid}:{row.vout}", str(row.address), trail.money(int(row.tainted_sat)), best.label)
            )
    return rows


def ways_to(trail: Trace) -> Iterator[tuple[str, Explained]]:
    """Yield the addresses of the largest ends and how value came there; without fees and what is at a seed."""
    shown = 0
    for row in _ranked(trail):
        way = None if not row.hop or row.address is None or shown == MOST_WAYS else _way_to(trail, row)
        if way is not None:
            yield row.address, way
            shown += 1


def _way_to(trail: Trace, row: Any) -> Explained | None:
    """Return how value came to an end, `None` where there is no way: it was held before the evidence."""
    if not isinstance(trail, AccountTrace):
        return trail.explain(f"{row.txid}:{row.vout}")
    asset = _asset(trail, row)
    receipts = [
        one for one in _plain(trail.outputs) if (one.address, _asset(trail, one)) == (row.address, asset)
    ]
    receipts.sort(key=lambda one: (-one.tainted_raw, str(one.txid), str(one.place)))
    # of an account with several assets only a transfer says which of them is meant
    held = [row.address, *(_account_place(trail, one) for one in receipts if one.txid is not None)]
    for place in held if row.txid is None else [_account_place(trail, row)]:
        try:
            way = trail.explain(place)
        except BadInput:
            continue
        if way.asset == asset:
            return way
    return None


def parameters_of(trail: Trace, tags: Tags) -> str:
    """Return what else the caller chose, in words."""
    chosen = trail.recipe.parameters
    stop = chosen["stop"]
    if stop == tags.services.digest:
        at = "addresses tagged as services in this case"
    elif isinstance(stop, str):
        at = f"a list of tags with digest {stop}"
    else:
        at = f"{len(stop)} named addresses" if stop else "no address"
    hops = "no limit of hops" if chosen["max_hops"] is None else f"at most {chosen['max_hops']} hops"
    dust = f"dust below {chosen['dust_sat']} base units" if chosen["dust_sat"] else "no dust limit"
    said = [
        f"Stops at {at}",
        *_through(trail),
        hops,
        f"at most {chosen['max_txs']:,} transactions",
        dust,
        *_more(chosen),
    ]
    return f"{'; '.join(said)}."


def _through(trail: Trace) -> Iterator[str]:
    """Yield in words where a trace ends because no rule can see through."""
    chosen, kinds = trail.recipe.parameters, {isinstance(leg, AccountTrace) for leg in (trail, *trail.legs)}
    mixed, contracts = chosen["coinjoins"], chosen.get("contracts")
    if False in kinds and mixed is None:
        yield "ends at CoinJoins that the default detectors find"
    elif False in kinds:
        yield f"ends at {len(mixed)} named CoinJoins" if mixed else "walks through CoinJoins"
    if True in kinds and contracts is None:
        yield "ends at contracts that the evidence shows"
    elif True in kinds:
        yield (
            f"ends at {counted(len(contracts), 'named contract')}" if contracts else "walks through contracts"
        )


def _more(chosen: Any) -> Iterator[str]:
    """Yield in words what was chosen and seldom is."""
    if targets := chosen.get("targets"):
        yield f"{counted(len(targets), 'address')} of interest, where it ends as reached"
    if "asset" in chosen:
        yield f"only {', '.join(chosen['asset'])}"
    if "max_cluster" in chosen:
        yield f"ends at clusters of more than {chosen['max_cluster']:,} addresses"
    if "min_purity_ppm" in chosen:
        yield f"ends below a purity of {chosen['min_purity_ppm']:,} parts per million"
    if "within" in chosen:
        yield f"within {chosen['within']:,} seconds of the first seed"
    if "conversions" in chosen:
        yield f"through conversions with digest {chosen['conversions']}"


def lost_sight(studies: Sequence[Study]) -> Iterator[str]:
    """Yield how much each trace lost sight of, and where."""
    for study in studies:
        for leg in (study.trace, *study.trace.legs):
            for amount, where in lost_parts(leg):
                yield f"The {leg.direction} trace of step {study.step} loses sight of {amount} {where}."


def lost_parts(trail: Trace) -> Iterator[tuple[str, str]]:
    """Yield how much a trace lost sight of, asset by asset, and in words where and why."""
    if not isinstance(trail, AccountTrace):
        amount = trail.balance_of(trail.asset).get(EndReason.UNKNOWN.value)
        verb = "were made by a transaction" if trail.direction == "backward" else "are spent by a transaction"
        if amount:
            yield (
                trail.money(amount),
                f"at outputs that {verb} which is not (wholly) in evidence, or not known",
            )
        return
    sums: dict[tuple[Asset, bool], int] = {}
    for row in _plain(trail.ends):
        if row.reason == EndReason.UNKNOWN.value:
            key = (_asset(trail, row), row.txid is None)
            sums[key] = sums.get(key, 0) + row.tainted_raw
    for (asset, is_held), amount in sorted(sums.items(), key=lambda entry: (str(entry[0][0]), entry[0][1])):
        yield trail.money(amount, asset), _HELD[trail.direction] if is_held else _UNTOLD


_HELD = {
    "forward": "at accounts whose history is not wholly in evidence: whether it is still there is not known",
    "backward": "at accounts that held it before the evidence begins",
}
_UNTOLD = "in transfers of which no source told whether they succeeded, or when they were"


def collision_lines(trail: Trace) -> list[str]:
    """Return what each label could not claim, as another had claimed it, in sentences."""
    names = ("place", "label", "amount_raw", "claimed_by")
    assets = _asset_at(trail)
    found = []
    for place, label, amount, holders in trail.collisions[[*names]].to_numpy():
        asset = assets.get(place)
        words = f"{amount:,} base units" if asset is None else trail.money(amount, asset)
        found.append(f"{label} could not claim {words} at {place}: {holders} had claimed them first.")
    return found


def _asset_at(trail: Trace) -> dict[str, Asset]:
    """Return place → the asset there; of outputs it is the chain's own coin."""
    if not isinstance(trail, AccountTrace):
        return dict.fromkeys(trail.collisions["place"], trail.asset) if len(trail.assets) == 1 else {}
    rows = _plain(trail.outputs)
    return {_account_place(trail, row): _asset(trail, row) for row in rows if row.txid is not None}


def granted_rows(trail: Trace) -> list[tuple[str, str, str, str]]:
    """Return what a trace over accounts took for granted: account, opening, how far it is known, unordered.

    Accounts of which nothing had to be taken for granted are left out.
    """
    if not isinstance(trail, AccountTrace):
        return []
    names = ("asset", "address", "opening_raw", "known", "unordered")
    return [
        (address, trail.money(opening, Asset.parse(asset)), known, f"{unordered:,}")
        for asset, address, opening, known, unordered in trail.openings[[*names]].to_numpy()
        if opening or unordered
    ]
