"""What one row of a screening says: an address, its tags, the lists, its exposure, what was not looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from chainflow import units
from chainflow.addresses import decode
from chainflow.attribution.exposures import FIRST_HAND, FURTHER, OWN, Exposure, degree_of
from chainflow.attribution.holders import DIRECT, INHERITED, Holders
from chainflow.attribution.listings import Listed, Listing, listings_of, on_list
from chainflow.attribution.questions import Question
from chainflow.attribution.targets import DIRECTIONS, Evidence, ExposureOf, exposure_within
from chainflow.attribution.timed import timed_ends
from chainflow.errors import ChainflowError, SeedUnknown
from chainflow.ledger.balances import NOT_ASKED
from chainflow.model import EndReason
from chainflow.tags.conflicts import find_conflicts
from chainflow.tracing import Asset

__all__ = ["COLUMNS", "Answers"]

_SIDES = tuple(
    f"{side}_{what}"
    for side in DIRECTIONS
    for what in ("total", "direct", "indirect", "rest", "sanctioned_then", "sanctioned_as_of")
)
COLUMNS = (
    *("line", "given", "address", "error", "in_evidence", "coverage", "taken_together"),
    *("tag_category", "tag_actor", "tag_label", "tag_source", "tag_conflict"),
    *("sanctioned", "sanctioned_by", *_SIDES, "not_looked_at"),
)
"""The columns of a screening."""

_NONE_FOUND = "none found"
_OPEN = {
    EndReason.UNKNOWN: "not in evidence",
    EndReason.DISPUTED: "in dispute",
    EndReason.UNCONFIRMED: "in no block yet",
    EndReason.CONTRACT: "behind contracts",
    EndReason.COINJOIN: "behind CoinJoins",
    EndReason.CLUSTER: "behind large clusters",
    EndReason.CONVERTED: "converted, and not followed further here",
    EndReason.LIMIT: "beyond the limits of this run",
    EndReason.DUST: "beyond the limits of this run",
    EndReason.PURITY: "beyond the limits of this run",
    EndReason.TIME: "beyond the limits of this run",
}
"""Why value ended where nobody looked further."""


class _Hit(NamedTuple):
    """What came from or went to a listed address, and on which day."""

    listings: tuple[Listing, ...]
    degree: str
    asset: Asset
    amount: int
    day: date | None


@dataclass(slots=True)
class Answers:
    """What answers a question; an address that comes twice is looked at once.

    Parameters
    ----------
    evidence : Evidence
    holders : Holders
    day : datetime.date or None
        The day that the lists are asked about.
    options : mapping
        Of the traces.
    has_lists : bool
        Whether any tag states a sanction: without, nothing can be said of who is on no list.
    """

    evidence: Evidence
    holders: Holders
    day: date | None
    options: Mapping[str, Any]
    has_lists: bool
    _told: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    def row(self, question: Question) -> tuple[str, ...]:
        """Return the row of one question; what is wrong with it stands in its column `error`."""
        cells = {"line": str(question.line), "given": question.given, "error": question.fault}
        if not question.fault:
            try:
                cells |= self._about(question.given)
            except ChainflowError as error:
                cells["error"] = error.message
        return tuple(cells.get(name, "") for name in COLUMNS)

    def _about(self, given: str) -> dict[str, str]:
        places = self.evidence.places(given)
        address = places[0][1] if places else decode(given).address
        if address not in self._told:
            found = {"address": address, **self._tags(address)}
            try:
                found |= self._exposure(address, is_held=bool(places))
            except ChainflowError as error:  # one address must not end the others
                found["error"] = error.message
            self._told[address] = found
        return self._told[address]

    # --- tags ---------------------------------------------------------------------------------------

    def _tags(self, address: str) -> dict[str, str]:
        tags, basis = self.holders.at(address)
        if not tags:
            return {"tag_category": "no tag", **self._sanctions(address)}
        inherited = "" if basis == DIRECT else f" ({basis})"
        columns = {
            "tag_category": [", ".join(tag.categories) + inherited for tag in tags],
            "tag_actor": [tag.actor for tag in tags],
            "tag_label": [tag.label for tag in tags],
            "tag_source": [tag.source for tag in tags],
        }
        found = {name: " | ".join(cells) for name, cells in columns.items()}
        conflicts = [str(one) for one in find_conflicts([tags])]
        return {**found, "tag_conflict": " | ".join(conflicts), **self._sanctions(address)}

    def _sanctions(self, address: str) -> dict[str, str]:
        direct, inherited = map(listings_of, self.holders.all_at(address))
        listings = {**dict.fromkeys(inherited, f" ({INHERITED})"), **dict.fromkeys(direct, "")}
        answer = on_list(listings, self.day) if listings or self.has_lists else Listed.NO_LIST
        said = sorted(f"{one}{basis}" for one, basis in listings.items())
        return {"sanctioned": answer.value, "sanctioned_by": " | ".join(said)}

    def _listings(self, address: str) -> tuple[Listing, ...]:
        """Return the listings of an address and, where clusters are known, of its cluster."""
        return listings_of(tag for tags in self.holders.all_at(address) for tag in tags)

    # --- exposure -----------------------------------------------------------------------------------

    def _exposure(self, address: str, *, is_held: bool) -> dict[str, str]:
        if not is_held:
            is_asked = address in self.evidence.told
            return self._blank(address, "asked: no transaction held" if is_asked else "no")
        try:
            found = exposure_within(
                self.evidence, address, self.holders, sides=DIRECTIONS, options=self.options
            )
        except SeedUnknown:
            return self._blank(address, "yes: nothing moved in what is held")
        cells = {
            "in_evidence": "yes",
            "coverage": "; ".join(f"{asset}: {how}" for asset, how in found.known.items()),
            "taken_together": str(len(found.addresses)),
            "not_looked_at": "; ".join(self._gaps(found)),
        }
        for side, one in found.sides.items():
            cells |= {f"{side}_{name}": cell for name, cell in self._side(found, side, one).items()}
        return cells

    def _blank(self, address: str, held: str) -> dict[str, str]:
        """Return the cells of an address of which nothing moved, with what the sources said of it."""
        told = "; ".join(self.evidence.told.get(address, ())) or NOT_ASKED
        gap = "not in evidence" if held == "no" else "nothing moved in what is held"
        return {"in_evidence": held, "coverage": told, "not_looked_at": told, **dict.fromkeys(_SIDES, gap)}

    def _side(self, found: ExposureOf, side: str, one: Exposure) -> dict[str, str]:
        hits = list(self._hits(found, one)) if self.has_lists else []
        return {
            "total": "; ".join(found.total(side, asset) for asset in one.trace.assets),
            "direct": _by_category(one, FIRST_HAND),
            "indirect": _by_category(one, FURTHER),
            "rest": _rest(one),
            "sanctioned_then": self._sanctioned(one, hits, is_then=True),
            "sanctioned_as_of": self._sanctioned(one, hits, is_then=False),
        }

    def _hits(self, found: ExposureOf, one: Exposure) -> Iterator[_Hit]:
        """Yield the ends at listed addresses of others."""
        own = frozenset(found.addresses)
        for end, day in timed_ends(one.trace):
            degree = degree_of(end, own)
            if end.address is not None and degree in (FIRST_HAND, FURTHER):
                listings = self._listings(end.address)
                if listings:
                    yield _Hit(listings, degree, end.asset, end.tainted_raw, day)

    def _sanctioned(self, one: Exposure, hits: list[_Hit], *, is_then: bool) -> str:
        """Return what ended there, by what the lists say of the day of the transaction, or of the day asked."""
        sums: dict[tuple[str, str, Asset], int] = {}
        for hit in hits:
            asked = hit.day if is_then else self.day
            answer = Listed.NO_DAY if is_then and asked is None else on_list(hit.listings, asked)
            key = (answer.value, hit.degree, hit.asset)
            sums[key] = sums.get(key, 0) + hit.amount
        if not sums:
            return _NONE_FOUND if self.has_lists else Listed.NO_LIST.value
        told = (
            f"{answer}: {degree} {one.trace.money(amount, asset)}"
            for (answer, degree, asset), amount in sorted(sums.items(), key=str)
        )
        return "; ".join(told)

    def _gaps(self, found: ExposureOf) -> Iterator[str]:
        """Yield what was not looked at: histories that are not whole, and ends behind which nobody looked."""
        for asset, how in found.known.items():
            if how != "complete":
                yield f"{asset} {how}"
        for side, one in found.sides.items():
            for asset in one.trace.assets:
                sums: dict[str, int] = {}
                for reason, amount in one.trace.balance_of(asset).items():
                    if reason in _OPEN:
                        why = _OPEN[EndReason(reason)]
                        sums[why] = sums.get(why, 0) + amount
                yield from (f"{side}: {one.trace.money(sums[why], asset)} {why}" for why in sorted(sums))


def _by_category(one: Exposure, degree: str) -> str:
    """Return the categories at one degree with amounts and shares, the largest first."""
    found = {key: amount for key, amount in one.sums("degree", "category").items() if key[1] == degree}
    return _listed_amounts(one, {(asset, name): amount for (asset, _, name), amount in found.items()})


def _rest(one: Exposure) -> str:
    """Return what ended at the address itself or at nobody, by reason."""
    sums: dict[tuple[str, str], int] = {}
    for (asset, degree, reason), amount in one.sums("degree", "reason").items():
        if degree not in (FIRST_HAND, FURTHER):
            name = f"{degree}, {reason}" if degree == OWN else reason
            sums[asset, name] = sums.get((asset, name), 0) + amount
    return _listed_amounts(one, sums)


def _listed_amounts(one: Exposure, sums: Mapping[tuple[str, str], int]) -> str:
    assets = {str(asset): asset for asset in one.trace.assets}
    totals = {name: one.base(asset) for name, asset in assets.items()}
    ranked = sorted(sums.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    told = (
        f"{name} {one.trace.money(amount, assets[asset])} ({units.percent(amount, totals[asset])})"
        for (asset, name), amount in ranked
    )
    return "; ".join(told) or _NONE_FOUND
