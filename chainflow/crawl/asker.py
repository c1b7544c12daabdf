"""Answers from the case where they are there, from the source where they are not, each one written down."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from chainflow.errors import (
    BadInput,
    BadResponse,
    ChainflowError,
    HostNotAllowed,
    NotFound,
    ProofFailed,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from chainflow.evidence import Log
from chainflow.model import Fact, Tip
from chainflow.sources import Source

__all__ = ["Asker"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_DECLINING: dict[object, type[ChainflowError]] = {404: NotFound, 400: BadResponse}
"""Statuses that answer a question with "no", for good; others are trouble, and asked again."""

_PAUSES = (2.0, 10.0, 30.0)
"""Seconds to wait when an answer that came with status 200 says that we ask too much."""


class Asker:
    """Answers questions from the log where it can, from the sources where it must.

    Parameters
    ----------
    sources : sequence of Source
        The first that answers is asked; one that does not is not asked again in this fetch.
    """

    def __init__(
        self,
        log: Log,
        sources: Sequence[Source],
        *,
        offline: bool,
        refresh: bool,
        dry_run: bool,
        budget: int | None,
    ) -> None:
        self.log, self.sources = log, tuple(sources)
        self.offline, self.refresh, self.dry_run, self.budget = offline, refresh, dry_run, budget
        self.asked = self.reused = 0
        self.planned: list[tuple[str, str, str]] = []
        self.down: dict[str, str] = {}
        self.one_by_one: set[str] = set()  # sources that know of spends, and take no batches
        self.pauses = _PAUSES
        self._has_tip: set[str] = set()
        self._sent: set[tuple[str, str]] = set()
        self._declined = self._declined_before()

    def _declined_before(self) -> dict[tuple[str, str], ChainflowError]:
        """Return the questions that a source has answered with "no": such an answer is one, too."""
        names = {source.name for source in self.sources}
        found: dict[tuple[str, str], ChainflowError] = {}
        for event in self.log.events("reject"):
            kind = _DECLINING.get(event.content["status"])
            kind = NotFound if event.content.get("refused") == NotFound.__name__ else kind
            name = str(event.content.get("source"))
            if kind is not None and name in names:
                hint = f"the reply is log entry {event.seq}; refresh asks again"
                found[name, str(event.content.get("path"))] = kind(event.content["error"], hint=hint)
        return found

    @property
    def alive(self) -> tuple[Source, ...]:
        """The sources that have not failed, in the order given."""
        return tuple(source for source in self.sources if source.name not in self.down)

    def most_spends(self, source: Source) -> int:
        """Return how many transactions one question for spends may name: 1 once a batch was declined."""
        return 1 if source.name in self.one_by_one else max(1, source.most_spends)

    @property
    def looks_on(self) -> bool:
        """Whether, where one answer is missing, what comes after it is looked at all the same."""
        return self.dry_run or self.offline

    @property
    def refusal(self) -> str:
        """Why `ask` returned `None`."""
        if self.dry_run:
            return "dry run"
        return "offline: not in the case" if self.offline else f"budget of {self.budget} requests spent"

    def first(
        self,
        subject: str,
        read: Callable[[Source], T],
        *,
        is_whole: Callable[[T], bool] = lambda found: True,
        is_held: Callable[[T], bool] = lambda found: True,
    ) -> T:
        """Return what `read` gives with the first source that has a whole answer, else what the first gave.

        Of answers that are not whole, one that holds something (`is_held`) comes before one that does not.

        A source that gives none to anything is `down` for the rest of this fetch; one that declines only
        this is asked for the next thing again.

        Raises
        ------
        SourceError
            What the first source said, where none has an answer.
        """
        failed: list[SourceError] = []
        partial: list[T] = []
        for source in self.alive:
            try:
                found = read(source)
                if is_whole(found) or self.dry_run:  # a plan speaks of the first source alone
                    return found
                partial.append(found)
                continue
            except SourceUnavailable as error:
                self.down[source.name] = error.message
                failed.append(error)
            except (NotFound, BadResponse, ProofFailed) as error:
                failed.append(error)
            if len(self.sources) > 1:
                logger.warning("%s gives nothing for %s: %s", source.name, subject, failed[-1].message)
        if partial:
            return next(filter(is_held, partial), partial[0])
        raise failed[0] if failed else self._all_down()

    def _all_down(self) -> SourceUnavailable:
        why = "; ".join(f"{name}: {message}" for name, message in self.down.items())
        return SourceUnavailable(
            f"no source is left to ask ({why})",
            hint="run the same fetch again later: it goes on where it stopped",
        )

    def ask(
        self,
        source: Source,
        path: str,
        *,
        is_final: Callable[[Sequence[Fact]], bool] = lambda known: False,
        about: Mapping[str, Any] | None = None,
    ) -> list[Fact] | None:
        """Return what is stated in answer to `path`; `None` where it is not known and may not be asked.

        Parameters
        ----------
        is_final : callable
            Whether what is known cannot change any more: `refresh` does not ask for it again.
        about : mapping, optional
            What is written down with the question, such as the lists that there are beside this one.

        Raises
        ------
        NotFound, BadResponse
            If the source declines, or did when it was asked before.
        ProofFailed, SourceUnavailable
            If its answer cannot be true, or there is none.
        """
        known = self.log.facts_of(source.name, path)
        is_old = self.refresh and (source.name, path) not in self._sent
        if known is not None and (not is_old or is_final(known)):
            self.reused += 1
            return known
        if (source.name, path) in self._declined and not is_old:
            self.reused += 1
            raise self._declined[source.name, path]
        if (self.offline and not self.dry_run) or (self.budget is not None and self.asked >= self.budget):
            return None
        tip = source.tip_path()
        knows_better = (source.name, tip) in self._declined and not self.refresh
        if tip is not None and source.name not in self._has_tip and not knows_better:
            self._has_tip.add(source.name)
            # with a budget of one, the only request is for the question itself
            if self.budget is None or self.asked + 1 < self.budget:
                self._ask_tip(source, tip)
        return self._send(source, path, about or {})

    @property
    def may_ask_again(self) -> bool:
        """Whether an answer from an earlier run may be asked for once more."""
        return not (self.offline or self.dry_run or self.refresh)

    @contextmanager
    def asking_again(self) -> Iterator[None]:
        """Ask, for a while, also what the log holds from an earlier run; what this run asked is not repeated."""
        self.refresh = True
        try:
            yield
        finally:
            self.refresh = False

    def is_known(self, source: Source, path: str) -> bool:
        """Return whether the log holds an answer to this question."""
        query = "select 1 from reply where source = ? and path = ? limit 1"
        return bool(self.log.rows(query, source.name, path))

    def newest(self, source: Source) -> int | None:
        """Return the height of the source's newest block, asked for once in a run; `None` if it does not tell."""
        path = source.tip_path()
        if path is None:
            return None
        if source.name not in self._has_tip and self._may_ask and not self.offline:
            self._has_tip.add(source.name)
            self._ask_tip(source, path)
        known = self.log.facts_of(source.name, path) or []
        return max((fact.height for fact in known if isinstance(fact, Tip)), default=None)

    def _ask_tip(self, source: Source, path: str) -> None:
        """Ask for the newest height, so that every `unspent` has its as-of; do without if there is none."""
        try:
            self._send(source, path, {})
        except (NotFound, BadResponse) as error:
            logger.warning(
                "%s does not tell its tip (%s): results are as of an unknown block", source.name, error
            )

    def _send(self, source: Source, path: str, about: Mapping[str, Any]) -> list[Fact] | None:
        for pause in (*self.pauses, None):
            try:
                return self._send_once(source, path, about)
            except RateLimited as error:
                # an answer with status 200 that says so; the session has waited for those with 429
                if pause is None or not error.was_answered or not self._may_ask:
                    raise
                logger.warning("%s; waiting %g s", error.message, pause)
                time.sleep(pause)
        return None

    @property
    def _may_ask(self) -> bool:
        return self.budget is None or self.asked < self.budget

    def _send_once(self, source: Source, path: str, about: Mapping[str, Any]) -> list[Fact] | None:
        self.asked += 1
        self._sent.add((source.name, path))
        if self.dry_run:
            self.planned.append((source.host, path, source.subject_of(path)))
            return None
        self.log.begin()  # before the host learns anything: what it learns must find room in the log
        request: dict[str, Any] = {
            "source": source.name,
            "family": source.family,
            "chain": source.chain,
            "host": source.host,
            "subject": source.subject_of(path),
            **about,
        }
        try:
            reply = source.ask(path)
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
            facts = source.facts(path, reply.status, reply.body)
        except SourceError as error:
            words = {"error": error.message, "refused": type(error).__name__}
            event = self.log.append("reject", {**request, **words}, body=reply.body)
            error.hint = f"{error.hint}; the reply is kept as log entry {event.seq}".lstrip("; ")
            error.was_answered = True
            if isinstance(error, NotFound) or reply.status in _DECLINING:
                self._declined[source.name, path] = error
            raise
        self.log.record(request, reply.body, facts)
        return list(facts)

    def _note_unanswered(self, request: dict[str, Any], path: str, error: BaseException) -> None:
        """Write down a request without a usable answer: it may have reached the host."""
        # another library's words may hold the URL and its keys: only the name of its error is kept
        why = error.message if isinstance(error, ChainflowError) else type(error).__name__
        base = str(request["source"]).removeprefix(f"{request['family']}:")
        nothing = {"status": None, "retrieved": None, "server_date": "", "size": 0}
        self.log.append("reject", {**request, "path": path, "url": base + path, **nothing, "error": why})
