"""Real servers for the tests here, which run only where `CHAINFLOW_SERVERS=1` asks for them."""

from __future__ import annotations

import os
import pathlib
import runpy
from collections.abc import Callable, Iterator

import pytest

from .nodes import ElectrumX, Litecoind
from .payments import Economy, make_economy

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"


def program(script: str, name: str) -> str:
    """Return the path of a server's program, which `scripts/SCRIPT.py` finds.

    Where nobody asked for servers the test is skipped, where one is missing it fails.
    """
    if os.environ.get("CHAINFLOW_SERVERS") != "1":
        pytest.skip("real servers are started only where CHAINFLOW_SERVERS=1 (make test-servers)")
    known = runpy.run_path(str(SCRIPTS / f"{script}.py"))
    path = known[f"find_{name}"]()
    if path is None:
        pytest.fail(known[f"ADVICE_{name.upper()}"])
    return str(path)


@pytest.fixture(scope="session")
def economy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Economy]:
    """Return a private Litecoin chain on which five wallets have paid each other."""
    path = program("servers", "litecoind")
    node = Litecoind(path, tmp_path_factory.mktemp("litecoind"))
    try:
        yield make_economy(node)
    finally:
        node.stop()


@pytest.fixture(scope="session")
def electrumx(
    economy: Economy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., ElectrumX]]:
    """Return a starter of Electrum servers over that chain; without settings it is always the same one."""
    path = program("servers", "electrumx")
    started: dict[str, ElectrumX] = {}

    def start(**settings: str) -> ElectrumX:
        key = str(sorted(settings.items()))
        if key not in started:
            started[key] = ElectrumX(path, tmp_path_factory.mktemp("electrumx"), economy.node, **settings)
        return started[key]

    yield start
    for one in started.values():
        one.stop()
