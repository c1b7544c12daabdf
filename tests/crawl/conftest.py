"""The recorded case behind a replay explorer, and a new case file that asks it."""

from __future__ import annotations

import pytest

from chainflow import samples
from chainflow.case import Case
from chainflow.ledger import Ledger
from chainflow.serve import Explorer


@pytest.fixture(scope="module")
def colonial() -> Ledger:
    return samples.load("colonial")


@pytest.fixture
def explorer(colonial):
    with Explorer(colonial) as running:
        yield running


@pytest.fixture
def case(tmp_path, explorer):
    with Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as opened:
        yield opened
