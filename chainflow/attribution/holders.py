"""What tags assert about the holder of an address: by a tag on it, or by one that holds for its cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from chainflow.errors import SeedUnknown
from chainflow.model import digest_of
from chainflow.tags import Tag, Tags
from chainflow.tags.conflicts import find_conflicts, rank

__all__ = [
    "DIRECT",
    "INHERITED",
    "NOT_STATED",
    "UNKNOWN",
    "UNTAGGED",
    "Holder",
    "Holders",
    "Owners",
    "cluster_of",
    "members_of",
    "owners_digest",
]

DIRECT, INHERITED, UNTAGGED = "direct tag", "inherited from cluster", "no tag"
"""The basis of a row: a tag on the address itself, a cluster definer's tag in its cluster, or nothing."""

UNKNOWN = UNTAGGED
"""The category of what no tag speaks of: that is a gap in our tags, not a finding, and not "not in evidence"."""
NOT_STATED = "category not stated"
"""The category of a tag that states none, or states that it is unknown."""


class Owners(Protocol):
    """Anything that knows the cluster of an address and the members of a cluster, such as a `Clustering`."""

    def of(self, address: str) -> str:
        """Return the cluster of an address."""

    def members(self, cluster: str) -> Collection[str]:
        """Return the addresses of a cluster."""


class Holder(NamedTuple):
    """What the tags assert about the holder of an address, and on what basis we apply it."""

    category: str = UNKNOWN
    actor: str = ""
    label: str = ""
    source: str = ""
    basis: str = UNTAGGED
    conflict: bool = False

    @classmethod
    def of(cls, ranked: Sequence[Tag], basis: str) -> Holder:
        """Return what the first of some tags asserts, and whether the others contradict it."""
        if not ranked:
            return cls()
        best = ranked[0]
        stated = [one for one in best.categories if one != "unknown"]
        category = stated[0] if stated else NOT_STATED
        conflict = next(find_conflicts([ranked]), None) is not None
        return cls(category, best.actor, best.label, best.source, basis, conflict)


@dataclass(slots=True)
class Holders:
    """Tags applied to addresses, each cluster looked at once.

    Parameters
    ----------
    tags : Tags
    owners : Owners, optional
        An address without a tag takes those in its cluster whose source says that they hold for all of it.
    """

    tags: Tags
    owners: Owners | None = None
    _by_cluster: dict[str, tuple[Tag, ...]] = field(default_factory=dict, repr=False)

    def at(self, address: str) -> tuple[tuple[Tag, ...], str]:
        """Return the tags that speak of an address, the best first, and on what basis."""
        found = self.tags.by_address.get(address, ())
        if found:
            return tuple(sorted(found, key=rank)), DIRECT
        inherited = () if self.owners is None else self._definers(self.owners, address)
        return inherited, INHERITED if inherited else UNTAGGED

    def all_at(self, address: str) -> tuple[tuple[Tag, ...], tuple[Tag, ...]]:
        """Return the tags on an address, and those that hold for its cluster, whether it has its own or not."""
        found = self.tags.by_address.get(address, ())
        return found, () if self.owners is None else self._definers(self.owners, address)

    def holder(self, address: str | None) -> Holder:
        """Return what the best tag asserts about an address; `None`: of nobody."""
        return Holder() if address is None else Holder.of(*self.at(address))

    def _definers(self, owners: Owners, address: str) -> tuple[Tag, ...]:
        cluster = cluster_of(owners, address)
        if cluster not in self._by_cluster:
            near = (
                tag for member in members_of(owners, cluster) for tag in self.tags.by_address.get(member, ())
            )
            definers = sorted((tag for tag in near if tag.is_cluster_definer), key=rank)
            self._by_cluster[cluster] = tuple(definers)
        return self._by_cluster[cluster]


def owners_digest(owners: Owners | None, addresses: Iterable[str]) -> str | None:
    """Return a digest of all that a result can have taken from `owners`, whatever object that is."""
    if owners is None:
        return None
    clusters = {cluster_of(owners, address) for address in addresses}
    return digest_of({cluster: sorted(members_of(owners, cluster)) for cluster in sorted(clusters)})


def cluster_of(owners: Owners, address: str) -> str:
    """Return the cluster of an address; what a clustering does not know stands alone."""
    try:
        return owners.of(address)
    except SeedUnknown:
        return address


def members_of(owners: Owners, cluster: str) -> Collection[str]:
    """Return the addresses of a cluster, of one that a clustering does not know itself."""
    try:
        return owners.members(cluster)
    except SeedUnknown:
        return (cluster,)
