"""Answers from the case where they are there, from the source where they are not, each one written down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from chainflow.errors import BadInput, BadResponse, ChainflowError, HostNotAllowed, NotFound, ProofFailed
from chainflow.evidence import Log
from chainflow.model import Fact
from chainflow.sources import Source

__all__ = ["Asker"]

logger = logging.getLogger(__name__)

_DECLINING: dict[object, type[ChainflowError]] = {404: NotFound, 400: BadResponse}
"""Statuses that answer a question with "no", for good; others are trouble, and asked again."""


class Asker:
    """Answers questions from the log where it can, from the source where it must."""

    def __init__(
        self, log: Log, source: Source, *, offline: bool, refresh: bool, dry_run: bool, budget: int | None
    ) -> None:
        self.log, self.source = log, source
        self.offline, self.refresh, self.dry_run, self.budget = offline, refresh, dry_run, budget
        self.asked = self.reused = 0
        self.planned: list[tuple[str, str]] = []
        self.batches = True
        self._declined = self._declined_before()

    def _declined_before(self) -> dict[str, ChainflowError]:
        """Return the questions that this source has answered with "no": such an answer is one, too."""
        found: dict[str, ChainflowError] = {}
        for event in self.log.events("reject"):
            kind = _DECLINING.get(event.content["status"])
            if kind is not None and event.content.get("source") == self.source.name:
                hint = f"the reply is log entry {event.seq}; refresh asks again"
                found[str(event.content.get("path"))] = kind(event.content["error"], hint=hint)
        return found

    @property
    def refusal(self) -> str:
        """Why `ask` returned `None`."""
        if self.dry_run:
            return "dry run"
        return "offline: not in the case" if self.offline else f"budget of {self.budget} requests spent"

    def ask(
        self, path: str, *, is_final: Callable[[Sequence[Fact]], bool] = lambda known: False
    ) -> list[Fact] | None:
        """Return what is stated in answer to `path`; `None` where it is not known and may not be asked.

        Parameters
        ----------
        is_final : callable
            Whether what is known cannot change any more: `refresh` does not ask for it again.

        Raises
        ------
        NotFound, BadResponse
            If the source declines, or did when it was asked before.
        ProofFailed, SourceUnavailable
            If its answer cannot be true, or there is none.
        """
        known = self.log.facts_of(self.source.name, path)
        if known is not None and (not self.refresh or is_final(known)):
            self.reused += 1
            return known
        if path in self._declined and not self.refresh:
            self.reused += 1
            raise self._declined[path]
        if self.offline and not self.dry_run:
            return None
        if self.budget is not None and self.asked >= self.budget:
            return None
        knows_better = self.source.tip_path() in self._declined and not self.refresh
        if self.asked == 0 and self.budget != 1 and not knows_better:
            self._ask_tip()  # with a budget of one, the only request is for the question itself
        return self._send(path)

    def _ask_tip(self) -> None:
        """Ask for the newest height, so that every `unspent` has its as-of; do without if there is none."""
        try:
            self._send(self.source.tip_path())
        except (NotFound, BadResponse) as error:
            logger.warning(
                "%s does not tell its tip (%s): results are as of an unknown block", self.source.name, error
            )

    def _send(self, path: str) -> list[Fact] | None:
        self.asked += 1
        if self.dry_run:
            self.planned.append((path, self.source.subject_of(path)))
            return None
        self.log.begin()  # before the host learns anything: what it learns must find room in the log
        request: dict[str, Any] = {
            "source": self.source.name,
            "family": self.source.family,
            "chain": self.source.chain,
            "host": self.source.host,
            "subject": self.source.subject_of(path),
        }
        try:
            reply = self.source.ask(path)
        except (BadInput, HostNotAllowed):
            raise  # before anything was sent
        except BaseException as error:  # Ctrl-C too: the host may have learnt what was asked
            self._note_unanswered(request, path, error)
            raise
        request |= {
            "path": reply.path,
            "url": reply.url,
            "status": reply.status,
            "retrieved": reply.retrieved,
            "server_date": reply.server_date,
        }
        try:
            facts = self.source.facts(path, reply.status, reply.body)
        except (BadResponse, ProofFailed, NotFound) as error:
            event = self.log.append("reject", {**request, "error": error.message}, body=reply.body)
            error.hint = f"{error.hint}; the reply is kept as log entry {event.seq}".lstrip("; ")
            raise
        self.log.record(request, reply.body, facts)
        return list(facts)

    def _note_unanswered(self, request: dict[str, Any], path: str, error: BaseException) -> None:
        """Write down a request without a usable answer: it may have reached the host."""
        # another library's words may hold the URL and its keys: only the name of its error is kept
        why = error.message if isinstance(error, ChainflowError) else type(error).__name__
        base = self.source.name.removeprefix(f"{self.source.family}:")
        nothing = {"status": None, "retrieved": None, "server_date": "", "size": 0}
        self.log.append("reject", {**request, "path": path, "url": base + path, **nothing, "error": why})
