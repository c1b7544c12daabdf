"""An honest explorer of a made-up chain in a process of its own: `python -m tests.faults.serve FILE`.

Prints its URL, and writes each path that is asked into FILE. Its clock is wrong, as some are.
"""

from __future__ import annotations

import functools
import http.server
import random
import sys

from chainflow.samples.make import CHAIN, Maker
from chainflow.serve import Replay

__all__ = ["CHAIN", "made"]


@functools.cache
def made() -> tuple[Maker, list[str]]:
    """Return a chain in which a shop is paid 150 times and pays two banks, and these addresses."""
    maker = Maker("long", seed=9)
    shop, one, two = (maker.address(name) for name in ("shop", "one", "two"))
    coins = []
    for number in range(150):
        mined = maker.mine(f"miner {number}")
        coins.append(maker.pay([mined], {shop: 1_000_000 + number}, change=maker.address("m"))[shop])
    for number in range(20):
        maker.pay(coins[5 * number : 5 * number + 5], {one if number % 2 else two: 4_000_000 + number})
    return maker, [shop, one, two]


def main(asked_file: str) -> None:
    """Serve until killed."""
    replay, dice = Replay(made()[0].ledger(), closed_world=True), random.Random(4)
    dates = ("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday", "")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with open(asked_file, "a", encoding="utf-8") as file:
                file.write(f"{self.path}\n")
            status, _, body = replay.answer(self.path)
            head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nDate: {dice.choice(dates)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    open(asked_file, "a", encoding="utf-8").close()
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
