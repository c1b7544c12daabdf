"""Fixtures: a misbehaving server, and sessions that are quick and closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from faulty import FaultyServer

from chainflow.sources.http import Session


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    server = FaultyServer()
    yield server
    server.stop()


@pytest.fixture
def session() -> Iterator[Callable[..., Session]]:
    """Return a maker of sessions that hardly wait."""
    made: list[Session] = []

    def make(url: str, **options: object) -> Session:
        made.append(Session(url, **{"backoff": 0.001, "tries": 3, "timeout": 5, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()
