"""A clustering on another ledger: one that grew, or the part of it up to a block; under the same terms."""

from __future__ import annotations

from dataclasses import replace

from chainflow.clustering.clustering import Clustering
from chainflow.clustering.engine.asserted import in_force
from chainflow.clustering.engine.join import proposals, settle
from chainflow.clustering.engine.places import Places, places_of
from chainflow.errors import SeedUnknown
from chainflow.ledger import Ledger

__all__ = ["on_ledger"]


def on_ledger(owners: Clustering, ledger: Ledger, *, is_part: bool = False) -> Clustering:
    """Return the clustering of a ledger under the terms of another clustering.

    Parameters
    ----------
    is_part : bool
        Whether decisions and constraints about addresses that are not in it are left out.

    Raises
    ------
    SeedUnknown
        If it is not a part, and an address of a decision is not in it.
    """
    terms, places = owners.terms, places_of(ledger)
    decisions, apart = terms.decisions, terms.apart
    if is_part:
        decisions = tuple(one for one in decisions if _is_held(places, one.a, one.b))
        apart = tuple(one for one in apart if _is_held(places, one.a, one.b))
    terms = replace(terms, decisions=in_force(places, decisions), apart=apart)
    return settle(ledger, places, places.claims(proposals(ledger, terms.rules)), terms)


def _is_held(places: Places, *addresses: str) -> bool:
    for address in addresses:
        try:
            places.find(address)
        except SeedUnknown:
            return False
    return True
