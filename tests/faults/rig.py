"""A real HTTP server on loopback that serves a known truth, and fails on purpose as a seed says."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from chainflow.serve.replay import Answer

CANARIES = ("CanaryInTheQuery0123456789", "CanaryInAHeader0123456789", "CanaryInTheLogin0123456789")
LARGEST = 1_000_000
"""Bytes that the client takes: what is larger is refused."""

LONGEST = 0.5
"""Seconds that the client gives one answer."""

World = Callable[[str], Answer]
"""What an honest server answers to a path."""

Fault = Callable[["Handler", Answer], None]

_HTML = "<html><title>Just a moment...</title><p>Your request was {asked}</p></html>"
_NUMBER = re.compile(rb'(?<=":)-?[0-9]+|(?<=":")[0-9]+(?=")')


class Given(NamedTuple):
    """One answer that was given whole and unharmed."""

    path: str
    sha256: str


class FaultServer(http.server.ThreadingHTTPServer):
    """Answers like `world`, and where the dice say so fails instead; each failure is counted.

    Parameters
    ----------
    worlds : sequence of World
        The truth over time: a change of world is a fault of its own (a reorg, a new transaction).
    faults : mapping
        Name → (how often among the others, what it does).
    rate : float
        The share of requests that fail.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, worlds: Sequence[World], faults: dict[str, tuple[int, Fault]], *, seed: int, rate: float
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.worlds, self.faults, self.rate = list(worlds), faults, rate
        self.seed, self.dice = seed, random.Random(seed)
        self.injected: Counter[str] = Counter()
        self.given: list[Given] = []
        self.asked: list[str] = []
        self.is_failing = True
        self.changes = ("a new transaction between two questions", "a reorganisation between two questions")
        self.lock = threading.Lock()
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def with_secrets(self) -> str:
        """The base URL with a key in its query and a login."""
        query, _, login = CANARIES
        return f"http://ann:{login}@127.0.0.1:{self.port}{{}}?apikey={query}"

    def truth(self, path: str) -> Answer:
        return self.worlds[0](path)

    def draw(self) -> str | None:
        """Return which fault is next, `None` for an honest answer."""
        if not self.is_failing or self.dice.random() >= self.rate:
            return None
        names = list(self.faults)
        return self.dice.choices(names, [self.faults[name][0] for name in names])[0]

    def calm(self) -> None:
        """Fail no more, and let the world be the last one."""
        self.is_failing = False
        del self.worlds[:-1]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are expected here."""


class Unfit(Exception):
    """This fault does not fit this answer: another is drawn."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection; a fault may end it in any way."""

    protocol_version = "HTTP/1.1"
    server: FaultServer

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        server = self.server
        path = self.path.replace(f"&apikey={CANARIES[0]}", "").replace(f"?apikey={CANARIES[0]}", "")
        with server.lock:
            server.asked.append(path)
            if server.is_failing and len(server.worlds) > 1 and server.dice.random() < 0.04:
                server.worlds.pop(0)
                server.injected[server.changes[-len(server.worlds)]] += 1
        answer = server.truth(path)
        while True:
            with server.lock:
                name = server.draw()
            if name is None:
                break
            try:
                with suppress(ConnectionError):
                    server.faults[name][1](self, answer)
            except Unfit:
                continue
            with server.lock:
                server.injected[name] += 1
            return
        self.reply(answer.body, answer.status)
        if answer.status == 200:
            with server.lock:
                server.given.append(Given(path, hashlib.sha256(answer.body).hexdigest()))

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        head = [f"HTTP/1.1 {status} x", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
        if "Content_Length" not in headers:
            head.append(f"Content-Length: {len(body)}")
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

    def echo(self) -> bytes:
        """Return a web page that repeats what was asked, keys included, as careless servers do."""
        asked = f"{self.path} {self.headers}"
        return _HTML.format(asked=asked).encode()

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


# --- what the line and the proxies on it do -----------------------------------------------------------


def too_many(handler: Handler, answer: Answer) -> None:
    handler.reply(handler.echo(), 429)


def too_many_for_now(handler: Handler, answer: Answer) -> None:
    after = handler.server.dice.choice(
        ["0", "0", "99999", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "-1", "9" * 400]
    )
    handler.reply(b"slow down", 429, Retry_After=after)


def server_error(handler: Handler, answer: Answer) -> None:
    handler.reply(handler.echo(), handler.server.dice.choice([500, 502, 503, 504, 520]))


def cut_off(handler: Handler, answer: Answer) -> None:
    place = handler.server.dice.randrange(len(answer.body))
    handler.reply(answer.body[:place], Content_Length=str(len(answer.body)))
    handler.close_connection = True


def truncated(handler: Handler, answer: Answer) -> None:
    """Send a part as if it were the whole; a number that is cut off is a number, so not of these."""
    if not answer.body.endswith((b"]", b"}")):
        raise Unfit
    handler.reply(answer.body[: handler.server.dice.randrange(len(answer.body))])


def hang_up(handler: Handler, answer: Answer) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def reset(handler: Handler, answer: Answer) -> None:
    handler.reply(answer.body[: len(answer.body) // 2], Content_Length=str(len(answer.body)))
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def no_http(handler: Handler, answer: Answer) -> None:
    handler.wfile.write(handler.server.dice.randbytes(40) + b"\r\n\r\n")
    handler.close_connection = True


def web_page(handler: Handler, answer: Answer) -> None:
    handler.reply(_HTML.format(asked="refused").encode())


def echoing_page(handler: Handler, answer: Answer) -> None:
    handler.reply(handler.echo())


def to_itself(handler: Handler, answer: Answer) -> None:
    handler.reply(b"", 302, Location=handler.path)


def to_another_host(handler: Handler, answer: Answer) -> None:
    hosts = (
        f"http://127.0.0.1:{handler.server.port + 1}",
        "https://evil.example",
        "//evil.example",
        "file://x",
    )
    handler.reply(b"", 307, Location=f"{handler.server.dice.choice(hosts)}{handler.path}")


def slow_loris(handler: Handler, answer: Answer) -> None:
    handler.reply(b"", Content_Length="1000000")
    handler.close_connection = True
    until = time.monotonic() + LONGEST + 1
    while time.monotonic() < until:
        handler.wfile.write(b"[")
        time.sleep(0.05)


def false_gzip(handler: Handler, answer: Answer) -> None:
    packed = gzip.compress(answer.body)
    choices = (answer.body, packed[: len(packed) // 2], packed[:20] + b"\xff" * 30, b"\x1f\x8b\x08")
    handler.reply(handler.server.dice.choice(choices), Content_Encoding="gzip")


def oversized(handler: Handler, answer: Answer) -> None:
    handler.reply(b" " * (LARGEST + 100_000) + answer.body)


# --- what a broken or lying server says ---------------------------------------------------------------


def _field(text: bytes) -> Fault:
    """Put `text` in the place of one number; where there is none, this fault does not fit."""

    def fault(handler: Handler, answer: Answer) -> None:
        places = [*_NUMBER.finditer(answer.body)]
        if answer.status != 200 or not places:
            raise Unfit
        place = handler.server.dice.choice(places)
        new = answer.body[: place.start()] + text + answer.body[place.end() :]
        handler.reply(new)

    return fault


def negative(handler: Handler, answer: Answer) -> None:
    places = [one for one in _NUMBER.finditer(answer.body) if one.group().isdigit() and int(one.group()) > 0]
    if answer.status != 200 or not places:
        raise Unfit
    place = handler.server.dice.choice(places)
    handler.reply(answer.body[: place.start()] + b"-" + answer.body[place.start() :])


def nested(handler: Handler, answer: Answer) -> None:
    handler.reply(b"[" * 100_000 + b"]" * handler.server.dice.choice([0, 100_000]))


def not_utf8(handler: Handler, answer: Answer) -> None:
    if answer.body[:1] not in (b"[", b"{"):
        raise Unfit
    place = handler.server.dice.randrange(1, len(answer.body))
    handler.reply(answer.body[:place] + b"\xff" + answer.body[place:])


def twice_the_key(handler: Handler, answer: Answer) -> None:
    names = [*re.finditer(rb'[{,]("[a-zA-Z_]+":)', answer.body)]
    if answer.status != 200 or not names:
        raise Unfit
    place = handler.server.dice.choice(names)
    handler.reply(answer.body[: place.start(1)] + place.group(1) + b"0," + answer.body[place.start(1) :])


LINE: dict[str, tuple[int, Fault]] = {
    "429": (120, too_many),
    "429 with Retry-After": (40, too_many_for_now),
    "5xx": (160, server_error),
    "cut off": (140, cut_off),
    "truncated": (40, truncated),
    "hung up": (140, hang_up),
    "reset": (100, reset),
    "no HTTP": (60, no_http),
    "HTML with 200": (30, web_page),
    "HTML that repeats the key": (20, echoing_page),
    "redirect loop": (10, to_itself),
    "redirect to another host": (20, to_another_host),
    "slow-loris": (0, slow_loris),
    "garbage gzip": (60, false_gzip),
    "oversized": (5, oversized),
    "NaN": (30, _field(b"NaN")),
    "1e999": (30, _field(b"1e999")),
    "Infinity": (10, _field(b"-Infinity")),
    "wrong type": (20, _field(b'{"x":[1.5,null]}')),
    "a lone surrogate": (10, _field(b'"\\ud800"')),
    "a fraction": (10, _field(b"0.1")),
    "a huge number": (20, _field(b"1" + b"0" * 90)),
    "negative": (30, negative),
    "100,000 levels": (10, nested),
    "not UTF-8": (10, not_utf8),
    "a key twice": (20, twice_the_key),
}
"""What every source must refuse, or not notice because it does not read that field."""
