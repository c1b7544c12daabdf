"""Building a ledger pauses Python's search for cycles, and leaves it as it was."""

from __future__ import annotations

import gc

import pytest

from chainflow.errors import SourcesDisagree
from chainflow.ledger import build
from tests import made

ONE = made.tx([made.origin(5_000, "a")], [(4_000, "b")])


@pytest.fixture
def collector():
    yield gc
    gc.enable()


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_on_afterwards_where_it_was_on_before(collector, is_on):
    (collector.enable if is_on else collector.disable)()
    made.ledger(ONE)
    assert collector.isenabled() is is_on


def test_the_collector_is_on_again_after_statements_that_cannot_be_merged(collector):
    collector.enable()

    def broken():
        yield ONE, made.HERE
        raise SourcesDisagree("made up")

    with pytest.raises(SourcesDisagree):
        build(broken())
    assert collector.isenabled()
