"""A real TCP server of JSON lines that answers as an Electrum server would, or misbehaves as told."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Callable
from typing import Any

from chainflow.transactions import Header

Answer = Callable[["_Handler", Any], None]

GENESIS = (
    Header(
        1,
        "00" * 32,
        "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
        1296688602,
        0x207FFFFF,
        2,
    )
    .serialize()
    .hex()
)
"""The first block of `btc-regtest`."""


def results(**by_method: Any) -> Answer:
    """Answer each call with the result of its method (dots as double underscores), or an error."""
    known = {name.replace("__", "."): result for name, result in by_method.items()}

    def answer(handler: _Handler, asked: Any) -> None:
        entries = [_entry(call, known) for call in (asked if isinstance(asked, list) else [asked])]
        handler.send(entries if isinstance(asked, list) else entries[0])

    return answer


def _entry(call: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    given = known.get(call["method"], {"error": "no such thing"})
    given = given(*call["params"]) if callable(given) else given
    kind = {} if isinstance(given, dict) and "error" in given else {"result": given}
    return {"jsonrpc": "2.0", "id": call["id"], **(kind or given)}


def raw(sent: bytes) -> Answer:
    """Send bytes that need not be a line."""
    return lambda handler, asked: handler.wfile.write(sent)


def cut_off(sent: bytes) -> Answer:
    """Send the beginning of a line, and hang up."""

    def answer(handler: _Handler, asked: Any) -> None:
        handler.wfile.write(sent)
        handler.is_over = True

    return answer


def drip(handler: _Handler, asked: Any) -> None:
    """Send a byte at a time for ever."""
    while not handler.server.stopped.wait(0.02):
        handler.wfile.write(b" ")


def silent(handler: _Handler, asked: Any) -> None:
    """Say nothing."""


def error(words: Any, *, code: int = 1) -> Answer:
    """Decline whatever is asked, as one error for all of it."""

    def answer(handler: _Handler, asked: Any) -> None:
        number = None if isinstance(asked, list) else asked["id"]
        handler.send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": words}})

    return answer


class LineServer(socketserver.ThreadingTCPServer):
    """Greets properly, then answers each line with the next of its answers, the last one again and again."""

    daemon_threads = True
    software = "Test 1.0"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.answers: list[Answer] = []
        self.asked: list[Any] = []
        self.connections = 0
        self.first_header: Any = GENESIS
        self.stopped = threading.Event()
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are expected here."""


class _Handler(socketserver.StreamRequestHandler):
    server: LineServer
    is_over = False

    def handle(self) -> None:
        self.server.connections += 1
        while not self.is_over and (line := self.rfile.readline()):
            asked = json.loads(line)
            method = asked["method"] if isinstance(asked, dict) else "batch"
            if method == "server.version":
                self.send({"jsonrpc": "2.0", "id": asked["id"], "result": [self.server.software, "1.4"]})
            elif method == "blockchain.block.header" and asked["params"] == [0]:
                self.send({"jsonrpc": "2.0", "id": asked["id"], "result": self.server.first_header})
            else:
                self.server.asked.append(asked)
                queue = self.server.answers
                (queue.pop(0) if len(queue) > 1 else queue[0])(self, asked)

    def send(self, value: object) -> None:
        self.wfile.write(json.dumps(value).encode() + b"\n")
