"""anvil, an EVM node with a private chain on a free loopback port, and a day of payments on it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chainflow.evm import keccak256

from .nodes import free_ports, stop, wait_until

CONTRACTS = pathlib.Path(__file__).resolve().parent / "contracts"
ETHER = 10**18
NEW_ACCOUNT = "0x00000000000000000000000000000000000c0ffe"


class Anvil:
    """A running node; `call` speaks to it directly, so that the tests do not believe what they test."""

    def __init__(self, path: str, *words: str) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        given = [path, "--host", "127.0.0.1", "--port", str(self.port), "--silent", "--no-mining", *words]
        self.process = subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "anvil", process=self.process)
        self.accounts: list[str] = self.call("eth_accounts")

    def _answers(self) -> bool:
        try:
            return bool(self.call("eth_chainId"))
        except OSError:
            return False

    def call(self, method: str, *params: Any) -> Any:
        payload = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        request = urllib.request.Request(
            self.url, json.dumps(payload).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            read = json.load(answer)
        if "error" in read:
            raise RuntimeError(f"{method}: {read['error']}")
        return read["result"]

    def number(self, method: str, *params: Any) -> int:
        return int(self.call(method, *params), 16)

    def balance(self, account: str, block: str = "latest") -> int:
        return self.number("eth_getBalance", account, block)

    def send(self, asked: dict[str, Any], *, value: int = 0) -> str:
        return str(self.call("eth_sendTransaction", {"value": hex(value), **asked}))

    def stop(self) -> None:
        stop(self.process)


def selector(signature: str) -> str:
    return keccak256(signature.encode())[:4].hex()


def word(value: int | str) -> str:
    return (value[2:] if isinstance(value, str) else format(value, "x")).rjust(64, "0")


@dataclass
class Day:
    """What was done: the contracts, and the transactions by what they are."""

    node: Anvil
    coin: str
    till: str
    helper: str
    txids: dict[str, str] = field(default_factory=dict)

    def send(self, name: str, sender: str, to: str, *, value: int = 0, data: str = "", **more: Any) -> None:
        """Send a transaction, which waits for a block."""
        self.txids[name] = self.node.send(
            {"from": sender, "to": to, "data": f"0x{data}", **more}, value=value
        )

    def do(self, name: str, sender: str, to: str, *, value: int = 0, data: str = "", **more: Any) -> None:
        """Send a transaction and make a block of it."""
        self.send(name, sender, to, value=value, data=data, **more)
        self.node.call("evm_mine")


def compiled(vyper: str) -> Callable[[str], str]:
    """Return a maker of bytecode."""

    def code(name: str) -> str:
        words = [vyper, "--evm-version", "shanghai", "-f", "bytecode", str(CONTRACTS / f"{name}.vy")]
        done = subprocess.run(words, capture_output=True, check=True, text=True)
        return done.stdout.strip()[2:]

    return code


def deployed(node: Anvil, code: str, *, value: int = 0) -> str:
    txid = node.send({"from": node.accounts[0], "data": f"0x{code}"}, value=value)
    node.call("evm_mine")  # blocks are made on demand only: otherwise the receipt may be late
    return str(node.call("eth_getTransactionReceipt", txid)["contractAddress"])


def a_day(node: Anvil, code: Callable[[str], str]) -> Day:
    """Do on the chain everything that the reader must tell apart."""
    a, b, c, d, e, f, *_ = node.accounts
    till = code("till")
    day = Day(
        node, deployed(node, code("coin") + word(10**15)), deployed(node, till), deployed(node, till, value=7)
    )
    _plain_payments(day)
    day.do(
        "split", b, day.till, value=4 * ETHER + 3, data=selector("split(address,address)") + word(c) + word(d)
    )
    attempt = selector("attempt(address,address)") + word(day.helper) + word(e)
    day.do("attempt", b, day.till, value=ETHER, data=attempt, gas=hex(500_000))
    borrow = selector("borrow(address,address,address)") + word(day.helper) + word(e) + word(f)
    day.do("borrow", c, day.till, value=8 * ETHER, data=borrow)
    day.do("clone", d, day.till, value=5, data=selector("clone(address)") + word(day.helper))
    failing = selector("pay_and_fail(address)") + word(b)
    day.do("fail", e, day.till, value=2 * ETHER, data=failing, gas=hex(300_000))
    for account in (a, b):
        data = selector("transfer(address,uint256)") + word(NEW_ACCOUNT) + word(11)
        day.do("coins", account, day.coin, data=data, gas=hex(200_000))  # the second has none: it fails
    day.do("burn", a, day.coin, data=selector("burn(uint256)") + word(10**6))
    day.do("nothing", a, day.coin, data=selector("transfer(address,uint256)") + word(c) + word(0))
    day.do("end", f, day.helper, data=selector("end(address)") + word(NEW_ACCOUNT))
    _several_in_a_block(day)
    return day


def _plain_payments(day: Day) -> None:
    """Pay one account thirty times: more than a page of its history holds."""
    a, b, *_ = day.node.accounts
    for number in range(30):
        day.do("plain", a, b, value=ETHER + number)
        day.do("token", a, day.coin, data=selector("transfer(address,uint256)") + word(b) + word(number))
    day.do("zero", a, b)
    day.do("legacy", a, b, value=1, gasPrice=hex(3 * 10**9))
    day.do(
        "2930", a, b, value=2, accessList=[{"address": day.coin, "storageKeys": [f"0x{word(0)}"]}], type="0x1"
    )


def _several_in_a_block(day: Day) -> None:
    """Put several transactions with logs and calls into one block."""
    node = day.node
    a, b, c, *_ = node.accounts
    for number in range(20):
        day.send("together", a, day.coin, data=selector("transfer(address,uint256)") + word(c) + word(number))
    day.send("together", b, day.till, value=400, data=selector("split(address,address)") + word(a) + word(c))
    day.send("together", c, NEW_ACCOUNT, value=9)
    node.call("evm_mine")
    day.send("pending", c, NEW_ACCOUNT, value=10)
