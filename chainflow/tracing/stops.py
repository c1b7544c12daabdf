"""Where a trace ends before the evidence does: the rules of one run, said before it, in one place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypedDict

from chainflow import units
from chainflow.addresses import label_on
from chainflow.errors import BadInput
from chainflow.model import EndReason
from chainflow.tags import Tags
from chainflow.tags.taxonomy import members

__all__ = ["Limits", "Owners", "StopOptions", "Stops", "addresses_on", "collection"]

DEFAULT_TXS = 100_000


class Owners(Protocol):
    """Anything that knows the cluster of an address and the members of a cluster, such as a `Clustering`."""

    def of(self, address: str) -> str:
        """Return the cluster of an address."""

    def members(self, cluster: str) -> Collection[str]:
        """Return the addresses of a cluster."""


class StopOptions(TypedDict, total=False):
    """The options of `trace` that end a branch; see there."""

    targets: Collection[str]
    coinjoins: Collection[str] | None
    contracts: Collection[str] | None
    owners: Owners | None
    max_cluster: int | None
    max_hops: int | None
    max_txs: int
    dust_sat: int
    min_purity_ppm: int
    within: timedelta | int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a trace goes: hops, transactions, base units, parts per million of a value, seconds.

    Raises
    ------
    BadInput
        If one is negative or no whole number.
    """

    max_hops: int | None = None
    max_txs: int = DEFAULT_TXS
    dust_sat: int = 0
    min_purity_ppm: int = 0
    within: int | None = None
    max_cluster: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_hops", "max_txs", "within", "max_cluster"):
            value = getattr(self, name)
            if value is not None:
                units.whole_number(value, f"the limit {name} of a trace", most=2**62)
        units.whole_number(self.dust_sat, "the limit dust_sat of a trace", most=10**77)
        units.whole_number(self.min_purity_ppm, "the limit min_purity_ppm of a trace", most=1_000_000)

    def late(self, seconds: int | None) -> EndReason | None:
        """Return why a transaction is outside the time of a trace; `None` where it is within, or none is set."""
        if self.within is None:
            return None
        if seconds is None:
            return EndReason.UNKNOWN  # whether it is still within the time cannot be said
        return EndReason.TIME if seconds > self.within else None

    def ends(self, value: int, tainted: int, hop: int, seconds: int | None) -> EndReason | None:
        """Return which limit is reached; `seconds` since the first seed, `None` where that is not known."""
        if tainted < self.dust_sat:
            return EndReason.DUST
        if tainted * 1_000_000 < value * self.min_purity_ppm:
            return EndReason.PURITY
        if (late := self.late(seconds)) is not None:
            return late
        if self.max_hops is not None and hop >= self.max_hops:
            return EndReason.LIMIT
        return None


@dataclass(frozen=True, slots=True)
class Stops:
    """Whose addresses a trace does not pass, and how far it goes.

    Attributes
    ----------
    places : mapping of str to EndReason
        Address as the ledger labels it → why a trace ends there.
    owners : Owners or None
        Whose clusters of more than `limits.max_cluster` addresses end a branch.
    """

    places: Mapping[str, EndReason]
    limits: Limits
    owners: Owners | None = None
    _sizes: dict[str, int] = field(default_factory=dict, repr=False)

    def at(self, address: str) -> EndReason | None:
        """Return why no trace goes through an address; `None` where nothing speaks against it."""
        found = self.places.get(address)
        if found is None and self.owners is not None and self.limits.max_cluster is not None:
            try:
                cluster = self.owners.of(address)
            except BadInput:  # not in what was clustered: nothing speaks against it
                return None
            if cluster not in self._sizes:
                self._sizes[cluster] = len(self.owners.members(cluster))
            if self._sizes[cluster] > self.limits.max_cluster:
                return EndReason.CLUSTER
        return found

    @classmethod
    def of(cls, chain: str, stop: Tags | Collection[str] | None, options: StopOptions) -> Stops:
        """Return the stops that `trace` was asked for.

        Raises
        ------
        BadInput
            If a limit is none, or a cluster size comes without a clustering, or the reverse.
        AddressInvalid
            If a place is no address.
        """
        within = options.get("within")
        seconds = int(within.total_seconds()) if isinstance(within, timedelta) else within
        names = ("max_hops", "max_txs", "dust_sat", "min_purity_ppm", "max_cluster")
        given: Mapping[str, Any] = options
        limits = Limits(within=seconds, **{name: given[name] for name in names if name in given})
        owners = options.get("owners")
        if (owners is None) != (limits.max_cluster is None):
            raise BadInput(
                "owners and max_cluster go together", hint="trace(…, owners=cluster(ledger), max_cluster=500)"
            )
        if owners is not None and getattr(owners, "recipe", None) is None:
            raise BadInput(
                "these owners do not say how they were made",
                hint="pass what cf.cluster returns: it has a recipe",
            )
        places = {**_services(chain, stop), **_named(chain, options.get("targets", ()), EndReason.REACHED)}
        return cls(places, limits, owners)


def _services(chain: str, stop: Tags | Collection[str] | None) -> dict[str, EndReason]:
    """Return what ends at tagged places: mixers and bridges by name, all others as services."""
    if not isinstance(stop, Tags):
        return _named(chain, stop or (), EndReason.SERVICE)
    mixing, bridging = members(["mixing_service", "coinjoin", "mixing"]), members(["bridge"])
    places = {}
    for address in stop.addresses:
        best = stop.best(address)
        stated = set(best.categories) if best is not None else set[str]()
        is_mixer, is_bridge = stated & mixing, stated & bridging
        places[address] = (
            EndReason.MIXER if is_mixer else EndReason.BRIDGE if is_bridge else EndReason.SERVICE
        )
    return places


def _named(chain: str, addresses: Collection[str], reason: EndReason) -> dict[str, EndReason]:
    return dict.fromkeys(addresses_on(chain, addresses), reason)


def addresses_on(chain: str, given: Collection[str]) -> frozenset[str]:
    """Return addresses as a ledger of `chain` labels them; one written otherwise must not stop nothing."""
    return frozenset(label_on(str(one), chain) for one in collection(given))


def collection(given: str | Iterable[str]) -> Iterable[str]:
    """Return one text as a collection of one."""
    return (given,) if isinstance(given, str) else given
