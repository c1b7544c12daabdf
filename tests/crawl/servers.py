"""Explorers that lie, decline or break off, for the tests of the crawler; all are real servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chainflow.serve import Answer, Explorer
from chainflow.sources.esplora import Esplora
from tests.sources.faulty import Answer as Behaviour
from tests.sources.faulty import FaultyServer

__all__ = ["answering", "broken", "changed", "impatient", "paths_of"]


class _Always(dict[str, list[Behaviour]]):
    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__()
        self.behaviour = behaviour

    def get(self, path: str, default: object = None) -> list[Behaviour]:  # type: ignore[override]
        return super().get(path) or [self.behaviour]


@contextmanager
def broken(behaviour: Behaviour) -> Iterator[FaultyServer]:
    """Run a server that answers every question in the same way."""
    server = FaultyServer()
    server.answers = _Always(behaviour)
    try:
        yield server
    finally:
        server.stop()


def impatient(url: str, **options: Any) -> Esplora:
    """Return a source that asks once and gives up."""
    return Esplora(url, tries=1, **options)


def answering(explorer: Explorer, change: Callable[[str, Answer], Answer]) -> None:
    """Let an explorer say something else than it knows."""
    honest = explorer.replay.answer
    explorer.replay.answer = lambda path: change(path, honest(path))  # type: ignore[method-assign]


def changed(found: Answer, change: Callable[[Any], Any]) -> Answer:
    """Return an answer whose JSON was changed."""
    return found._replace(body=json.dumps(change(json.loads(found.body))).encode())


def paths_of(server: FaultyServer) -> list[str]:
    """Return what a broken server was asked."""
    return [asked.path for asked in server.asked]
