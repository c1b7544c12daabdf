"""Exposure of a target: of an address, of several, or of a cluster, in both directions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from chainflow import cards
from chainflow.addresses import label_on
from chainflow.attribution.exposures import HEADER, Exposure, exposure_with
from chainflow.attribution.holders import Holders, Owners, cluster_of, members_of, owners_digest
from chainflow.errors import BadInput, SeedUnknown
from chainflow.ledger.balances import NOT_ASKED
from chainflow.model import Recipe, digest_of
from chainflow.networks import is_account_chain
from chainflow.tags import Tag, Tags
from chainflow.tags.taxonomy import members
from chainflow.tracing import AccountPolicy, Asset, Claim, Policy, trace
from chainflow.tracing.accounts import Events
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["DIRECTIONS", "Evidence", "ExposureOf", "ends_at", "exposure_of", "exposure_within"]

DIRECTIONS = {"incoming": "backward", "outgoing": "forward"}
"""Which way a trace goes for each side of a target."""

_NO_HOLDER = members(["trait", "unknown"])
"""Categories that say nothing of who holds an address: a trace for exposure goes on there."""


@dataclass
class Evidence:
    """A ledger and what of it every target needs, found once."""

    ledger: Ledger
    _events: dict[str, Events] = field(default_factory=dict, repr=False)
    _known: dict[str, dict[Asset, str]] = field(default_factory=dict, repr=False)

    @cached_property
    def told(self) -> dict[str, list[str]]:
        """What the sources said of the histories that were asked: address → list by list."""
        found: dict[str, list[str]] = {}
        for row in self.ledger.coverage_table.to_pylist():
            how = f"{row['state']}: {row['reason']}" if row["reason"] else row["state"]
            found.setdefault(row["address"], []).append(f"{row['list']} {how}")
        return found

    def places(self, text: str) -> list[tuple[str, str]]:
        """Return the (chain, address as that chain labels it) under which an address is in evidence.

        Raises
        ------
        AddressInvalid
            If it is no address.
        """
        found = [(chain, label_on(text, chain)) for chain in self.ledger.chains]
        return [(chain, label) for chain, label in found if self._holds(chain, label)]

    def _holds(self, chain: str, label: str) -> bool:
        if is_account_chain(chain):
            return label in self.ledger.accounts
        index = self.ledger.index
        scripts = index.scripts_of_label.get(label, ())
        return any(
            index.output_chains[int(row)] == chain
            for script in scripts
            for row in index.outputs_to(script)[:1]
        )

    def moved(self, chain: str, label: str, assets: frozenset[str | None] | None) -> bool:
        """Return whether there is anything of an address that a trace can begin with."""
        if not is_account_chain(chain):
            return True
        if chain not in self._events:
            self._events[chain] = Events(self.ledger, chain)
        try:
            self._events[chain].named(Claim(label), assets)
        except SeedUnknown:
            return False
        return True

    def known(self, label: str) -> Mapping[Asset, str]:
        """Return asset → how far the history of an address is known; pieces of one kind under their contract."""
        if not self._known:
            frame = self.ledger.balances()
            columns = (frame[name] for name in ("chain", "address", "contract", "known"))
            for chain, address, contract, known in zip(*columns, strict=True):
                self._known.setdefault(address, {})[Asset(chain, contract)] = known
        return self._known.get(label, {})


@dataclass(frozen=True, repr=False, eq=False)
class ExposureOf:
    """Where a target's value came from and went, by category and actor. Get one from `exposure_of`.

    Parameters
    ----------
    target : str
    addresses : tuple of str
        All that were taken together; what moved between them is nobody else's.
    missing : tuple of str
        Asked for, and not in this evidence.
    incoming, outgoing : Exposure or None
        Source of funds, by a trace backward from all that was received; and where it went. `None`: not asked.
    known : mapping of Asset to str
        How far the histories of the addresses are known: `complete`, or why not.
    recipe : Recipe
    """

    target: str
    addresses: tuple[str, ...]
    missing: tuple[str, ...]
    incoming: Exposure | None
    outgoing: Exposure | None
    known: Mapping[Asset, str]
    recipe: Recipe

    @property
    def sides(self) -> dict[str, Exposure]:
        """The sides that were asked for, by their names."""
        both = {"incoming": self.incoming, "outgoing": self.outgoing}
        return {name: side for name, side in both.items() if side is not None}

    def at_least(self, asset: Asset) -> str:
        """Return "≥ " where the history of an asset is not known to be complete, else ""."""
        return "" if self.known.get(asset._replace(token_id=None)) == "complete" else "≥ "

    def total(self, side: str, asset: Asset) -> str:
        """Return what one side is a share of, for people."""
        found = self.sides[side]
        return self.at_least(asset) + found.trace.money(found.base(asset), asset)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        known = {str(asset): how for asset, how in self.known.items()}
        sides = {name: side.digest for name, side in self.sides.items()}
        return digest_of({"addresses": list(self.addresses), "known": known, "sides": sides})

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows of the sides and their legs, with the column `side`; see `Exposure.table`."""
        frames = [
            one.to_pandas().assign(side=name)
            for name, side in self.sides.items()
            for one in (side, *side.legs)
        ]
        return pd.concat(frames, ignore_index=True)

    @property
    def note(self) -> str:
        """What has to be said of the evidence beside the figures."""
        gaps = [f"{asset} {how}" for asset, how in self.known.items() if how != "complete"]
        history = f"History: {'; '.join(gaps)}; amounts marked ≥ are the least. " if gaps else ""
        gone = f"Not in this evidence: {', '.join(self.missing)}. " if self.missing else ""
        return f"{counted(len(self.addresses), 'address')} taken together. {history}{gone}"

    def __repr__(self) -> str:
        told = [f"{name} {side!r}" for name, side in self.sides.items()]
        return f"<ExposureOf {self.target}: {'; '.join(told)}>"

    def _repr_html_(self) -> str:
        return "".join(
            cards.card(
                f"{name.capitalize()} exposure of {self.target}: "
                + ", ".join(self.total(name, asset) for asset in side.trace.assets),
                side.rows(),
                header=HEADER,
                note=self.note + side.note,
            )
            for name, side in self.sides.items()
        )


def exposure_of(
    ledger: Ledger,
    target: str | Collection[str],
    tags: Tags,
    *,
    direction: str = "both",
    policy: str | Policy | AccountPolicy = "haircut",
    owners: Owners | None = None,
    stop: Tags | Collection[str] | None = None,
    as_of: int | None = None,
    **options: Any,
) -> ExposureOf:
    """Say from whom a target's value came and to whom it went, direct and indirect, each base unit once.

    Everything the target received is traced back, and forward. What came back to it (its own change,
    payments between its addresses) is counted once, and its own addresses are no counterparties.

    Parameters
    ----------
    ledger : Ledger
    target : str or collection of str
        An address, or several that are taken together.
    tags : Tags
    direction : {"both", "incoming", "outgoing"}
    policy : str, Policy or AccountPolicy
        Haircut unless told otherwise: exposure is a share of a mixture, and haircut does not depend on the
        order in which a wallet happened to list its inputs. Name another (`"fifo"`) where the law does.
    owners : Clustering, optional
        The target is then the whole cluster of each address, and tags that hold for a cluster do so for all
        its addresses.
    stop : Tags or collection of str, optional
        Where to end, by default at every address with a tag that says anything of its holder: value paid
        to a sanctioned person would else count as paid to whoever that person paid. Pass `tags.services`
        to go on through all others. The target's own addresses never end it.
    as_of : int, optional
        Use what this ledger knows up to and with this block.
    **options
        As for `trace`: `max_hops`, `dust_sat`, `asset`, …

    Raises
    ------
    SeedUnknown, AddressInvalid
        If no address of the target is in this evidence, or one of them is none.
    BadInput
        For another direction, and as `trace` raises it.

    References
    ----------
    Rules R-1 and R-4 of docs/concepts/tracing.md; direct and indirect after Chainalysis.
    """
    if direction not in ("both", *DIRECTIONS):
        raise BadInput(f"no direction {direction!r}", hint="both, incoming or outgoing")
    evidence = Evidence(ledger if as_of is None else ledger.until(as_of))
    holders = Holders(tags, owners)
    given = {"policy": policy, "stop": ends_at(holders, evidence.ledger) if stop is None else stop, **options}
    sides = tuple(DIRECTIONS) if direction == "both" else (direction,)
    return exposure_within(evidence, target, holders, sides=sides, options=given)


def exposure_within(
    evidence: Evidence,
    target: str | Collection[str],
    holders: Holders,
    *,
    sides: Collection[str],
    options: Mapping[str, Any],
) -> ExposureOf:
    """Return the exposure of a target with what was found before; see `exposure_of`."""
    asked = [target] if isinstance(target, str) else sorted(set(target))
    found, missing = _members(evidence, asked, holders.owners, _assets(options))
    if not found:
        raise SeedUnknown(
            f"nothing that moved to or from {', '.join(asked[:3])} is in this ledger",
            hint="fetch it first; this says nothing about the chain itself",
        )
    own = frozenset(found)
    chosen = {**options, "stop": _others(options["stop"], own)}
    if options.get("max_cluster") is not None:
        chosen["owners"] = holders.owners
    made = {}
    name = asked[0] if len(asked) == 1 else f"{asked[0]} and {len(asked) - 1:,} more"
    for side in sides:
        trail = trace(evidence.ledger, {name: found}, direction=DIRECTIONS[side], **chosen)
        made[side] = exposure_with(trail, holders, own)
    known = _known(evidence, found, {asset for one in made.values() for asset in one.trace.assets})
    parameters = {"target": asked, "owners": owners_digest(holders.owners, found)}
    inputs = [side.recipe.digest for side in made.values()]
    recipe = Recipe("exposure_of", parameters, inputs=inputs)
    return ExposureOf(
        name, tuple(found), tuple(missing), made.get("incoming"), made.get("outgoing"), known, recipe
    )


def ends_at(holders: Holders, ledger: Ledger) -> Tags:
    """Return the tags that end a trace for exposure: those that say anything of a holder.

    Also on addresses that inherit one from their cluster; only those in the ledger: no trace meets others.
    """
    held = {*ledger.index.labels, *ledger.accounts}
    near = [tag for tag in holders.tags if tag.address in held and _names_holder(tag)]
    if holders.owners is not None:
        near += [
            replace(tag, address=member, file="", line=0)
            for tag in near
            if tag.is_cluster_definer
            for member in members_of(holders.owners, cluster_of(holders.owners, tag.address))
            if member not in holders.tags.by_address
        ]
    return Tags(tuple(near), files=holders.tags.files, actors=holders.tags.actors)


def _names_holder(tag: Tag) -> bool:
    """Return whether a tag says who holds an address, or of what kind they are."""
    return bool(tag.actor) or not tag.categories or not _NO_HOLDER.issuperset(tag.categories)


def _members(
    evidence: Evidence, asked: Collection[str], owners: Owners | None, assets: frozenset[str | None] | None
) -> tuple[list[str], list[str]]:
    """Return all addresses of a target that a trace can begin with, sorted, and those that it cannot."""
    found, missing = set[str](), list[str]()
    for text in asked:
        places = evidence.places(text)
        labels = {label for _, label in places}
        if owners is not None:
            labels |= {member for label in labels for member in members_of(owners, cluster_of(owners, label))}
        begin = {
            label
            for label in labels
            if any(evidence.moved(chain, one, assets) for chain, one in evidence.places(label))
        }
        found |= begin
        if not begin:
            missing.append(text)
    return sorted(found), missing


def _assets(options: Mapping[str, Any]) -> frozenset[str | None] | None:
    asset = options.get("asset")
    if asset is None:
        return None
    given = (asset,) if isinstance(asset, str) else asset
    return frozenset(None if one == "native" else one for one in given)


def _others(stop: Tags | Collection[str], own: frozenset[str]) -> Tags | list[str]:
    """Return where to end without the target's own addresses: nobody is a counterparty of themselves."""
    if isinstance(stop, Tags):
        if own.isdisjoint(stop.addresses):
            return stop
        kept = tuple(tag for tag in stop if tag.address not in own)
        return Tags(kept, files=stop.files, actors=stop.actors)
    return [one for one in ([stop] if isinstance(stop, str) else stop) if one not in own]


def _known(evidence: Evidence, addresses: Collection[str], assets: Collection[Asset]) -> dict[Asset, str]:
    """Return how far the histories of all addresses are known, per asset; the first that is not whole counts."""
    found: dict[Asset, str] = {}
    for asset in sorted({asset._replace(token_id=None) for asset in assets}, key=str):
        told = [evidence.known(address).get(asset) for address in addresses]
        gaps = [one for one in told if one not in (None, "complete")]
        found[asset] = gaps[0] if gaps else "complete" if any(told) else NOT_ASKED
    return found
