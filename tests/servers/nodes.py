"""Real servers on free loopback ports, each with its own folder, stopped at the end: litecoind and ElectrumX."""

from __future__ import annotations

import base64
import http.client
import json
import os
import pathlib
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from typing import Any

PATIENCE = 30.0


def free_ports(count: int) -> list[int]:
    """Return ports on 127.0.0.1 that nobody uses; held together, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def wait_until(is_so: Callable[[], object], what: str, *, process: subprocess.Popen[bytes]) -> None:
    """Wait for a server to reach a state; its death or half a minute is a failure that says which."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"{what}: exit code {process.poll()} after {PATIENCE:g} s at most")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)


class RpcError(Exception):
    """What the node declines, in its words."""


class Litecoind:
    """A node of a private chain, with wallets."""

    user, password = "chainflow", "loopback"

    def __init__(self, path: str, folder: pathlib.Path) -> None:
        (self.port,) = free_ports(1)
        (folder / "litecoin.conf").write_text(
            "regtest=1\nserver=1\nrest=1\ntxindex=1\n[regtest]\nlisten=0\nrpcbind=127.0.0.1\n"
            f"rpcallowip=127.0.0.1\nrpcport={self.port}\nrpcuser={self.user}\nrpcpassword={self.password}\n"
            "fallbackfee=0.0002\nkeypool=5\n"
        )
        words = [path, f"-datadir={folder}", "-connect=0", "-dnsseed=0", "-printtoconsole=0"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._is_ready, "litecoind", process=self.process)

    @property
    def url(self) -> str:
        """The address of its RPC, with the login."""
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.port}"

    @property
    def url_without_login(self) -> str:
        """The address of its REST interface."""
        return f"http://127.0.0.1:{self.port}"

    def __call__(self, method: str, *params: object, wallet: str = "") -> Any:
        """Return the result of an RPC; amounts are `Decimal`."""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        body = json.dumps({"id": 1, "method": method, "params": params}, default=str)
        path = f"/wallet/{wallet}" if wallet else "/"
        # the node closes connections that were idle: each call has its own
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("POST", path, body, {"Authorization": f"Basic {login}"})
            answer = json.loads(connection.getresponse().read(), parse_float=Decimal)
        if answer["error"]:
            raise RpcError(f"{method}: {answer['error']}")
        return answer["result"]

    def _is_ready(self) -> bool:
        try:
            self("getblockchaininfo")
        except (OSError, http.client.HTTPException, RpcError):
            return False
        return True

    def stop(self) -> None:
        stop(self.process)


class ElectrumX:
    """An Electrum server over a node."""

    def __init__(self, path: str, folder: pathlib.Path, node: Litecoind, **settings: str) -> None:
        self.node = node
        self.port, rpc_port = free_ports(2)
        surroundings = {
            "PATH": os.environ.get("PATH", ""),
            "DB_ENGINE": "leveldb",
            "COIN": "Litecoin",
            "NET": "regtest",
            "DB_DIRECTORY": str(folder),
            "DAEMON_URL": f"{node.url}/",
            "SERVICES": f"tcp://127.0.0.1:{self.port},rpc://127.0.0.1:{rpc_port}",
            "ALLOW_ROOT": "1",
            "PEER_DISCOVERY": "off",
            "PEER_ANNOUNCE": "",
            "REPORT_SERVICES": "",
            "COST_SOFT_LIMIT": "0",
            "COST_HARD_LIMIT": "0",
            **settings,
        }
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([path], env=surroundings, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(self._is_ready, "ElectrumX", process=self.process)
        except TimeoutError as error:
            stop(self.process)
            raise TimeoutError(f"{error}\n{self.log.read_text(errors='replace')[-2000:]}") from None

    @property
    def spec(self) -> str:
        """How it is named as a source."""
        return f"electrum:tcp://127.0.0.1:{self.port}"

    def _is_ready(self) -> bool:
        """Return whether it has read the chain and the pool: it listens only after that."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        stop(self.process)
