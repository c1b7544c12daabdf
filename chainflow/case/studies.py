"""The verbs that ask about paths, amounts and patterns; each question is written down as a step of the case."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from chainflow import typologies
from chainflow.attribution import ExposureOf, exposure_of
from chainflow.case.memory import Memory
from chainflow.tags import Tags
from chainflow.tracing.bounding import Bounds, bounds
from chainflow.tracing.claims import ClaimCheck, check_claims
from chainflow.tracing.paths import Flow, NoPath, Paths, max_flow, paths, to_nearest
from chainflow.typologies import Findings, Indicators, indicators

__all__ = ["Studies"]


class Studies(Memory):
    """What a case can be asked beside traces; made as a `Case` is.

    `stop` defaults to the case's tags of services, as in `case.trace`; pass `stop=()` to walk through them.
    """

    def bounds(
        self,
        seeds: Any,
        target: str | Collection[str],
        *,
        stop: Tags | Collection[str] | None = None,
        **options: Any,
    ) -> Bounds:
        """Say between what amounts the truth must lie, whatever the rule; see `chainflow.tracing.bounding`."""
        found = bounds(self.ledger, seeds, target, stop=self._stops(stop), **options)
        self._step(found.recipe, found.digest)
        return found

    def paths(
        self, sources: Any, targets: Any, *, stop: Tags | Collection[str] | None = None, **options: Any
    ) -> Paths | NoPath:
        """Return the best ways from some places to others, or the proof that there is none in the evidence."""
        found = paths(self.ledger, sources, targets, stop=self._stops(stop), **options)
        self._step(found.recipe, found.digest)
        return found

    def to_nearest(self, sources: Any, tags: Tags | None = None, **options: Any) -> Paths | NoPath:
        """Return the ways to the nearest tagged service; `tags` are by default the case's services."""
        found = to_nearest(self.ledger, sources, self._stops(tags), **options)  # type: ignore[arg-type]
        self._step(found.recipe, found.digest)
        return found

    def max_flow(
        self, sources: Any, targets: Any, *, stop: Tags | Collection[str] | None = None, **options: Any
    ) -> Flow:
        """Return the most that can have gone from some places to others, and the cut that proves it."""
        found = max_flow(self.ledger, sources, targets, stop=self._stops(stop), **options)
        self._step(found.recipe, found.digest)
        return found

    def check_claims(
        self,
        claims: str | os.PathLike[str] | Iterable[Mapping[str, object]],
        policy: str | None = None,
        *,
        stop: Tags | Collection[str] | None = None,
        **options: Any,
    ) -> ClaimCheck:
        """Audit somebody else's list of hops and amounts; see `chainflow.tracing.claims.check_claims`."""
        found = check_claims(self.ledger, claims, policy, stop=self._stops(stop), **options)
        self._step(found.recipe, found.digest)
        return found

    def exposure_of(self, target: str | Collection[str], **options: Any) -> ExposureOf:
        """Return the exposure of an address or a cluster, in and out; see `cf.exposure_of`."""
        found = exposure_of(self.ledger, target, self.tags, **options)
        self._step(found.recipe, found.digest)
        return found

    def patterns(self, kinds: Collection[str] | None = None, **options: Any) -> Findings:
        """Return where this case has patterns of several transactions; see `chainflow.typologies.find`."""
        found = typologies.find(self.ledger, kinds, **options)
        self._step(found.recipe, found.digest)
        return found

    def indicators(self, subject: str, **options: Any) -> Indicators:
        """Return which red flags the evidence shows of an address; see `chainflow.typologies.indicators`."""
        found = indicators(self.ledger, subject, **{"tags": self.tags, **options})
        self._step(found.recipe, found.digest)
        return found

    def _stops(self, stop: Tags | Collection[str] | None) -> Tags | Collection[str]:
        return self.tags.services if stop is None else stop
