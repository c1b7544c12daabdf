"""A real HTTP server that misbehaves as told, and a real SOCKS5 proxy that knows made-up names."""

from __future__ import annotations

import http.server
import select
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable
from typing import NamedTuple

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]


def text(body: str | bytes, status: int = 200, **headers: str) -> Answer:
    """Answer properly."""
    raw = body.encode() if isinstance(body, str) else body

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def redirect(location: str) -> Answer:
    return text("", 302, Location=location)


def cut_off(body: bytes, claimed: int) -> Answer:
    """Promise `claimed` bytes, send fewer, hang up."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        text(body, Content_Length=str(claimed))(handler)
        handler.close_connection = True

    return answer


def chunks_cut_off(body: bytes) -> Answer:
    """Send one chunk and hang up before the last."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        handler.close_connection = True

    return answer


def hang_up(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def raw(sent: bytes) -> Answer:
    """Send bytes that need not be HTTP, and hang up."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(sent)
        handler.close_connection = True

    return answer


def drip_chunks(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Send chunks of one byte for ever."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while not handler.server.stopped.wait(0.02):  # type: ignore[attr-defined]
        handler.wfile.write(b"1\r\n[\r\n")


def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Send one byte at a time for ever: no pause is long enough for a read time-out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    stopped = handler.server.stopped  # type: ignore[attr-defined]
    while not stopped.wait(0.02):
        handler.wfile.write(b"[")


class FaultyServer(http.server.ThreadingHTTPServer):
    """Answers each path with the next of its answers, the last one again and again."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.stopped = threading.Event()
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are expected here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def do_GET(self) -> None:
        self.server.asked.append(Asked(self.path, dict(self.headers)))
        queue = self.server.answers.get(self.path) or [text("not found", 404)]
        (queue.pop(0) if len(queue) > 1 else queue[0])(self)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


class SocksProxy(socketserver.ThreadingTCPServer):
    """SOCKS5 without a login: connects the names it knows to a local port, notes what it was asked."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, ports_by_name: dict[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _SocksHandler)
        self.ports_by_name = ports_by_name
        self.asked: list[tuple[str, int]] = []
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _SocksHandler(socketserver.StreamRequestHandler):
    server: SocksProxy

    def handle(self) -> None:
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.connection.sendall(b"\x05\x00")
        _, _, _, kind = self.rfile.read(4)
        raw = self.rfile.read(self.rfile.read(1)[0] if kind == 3 else 4)
        name = raw.decode() if kind == 3 else socket.inet_ntoa(raw)  # 3: a name, resolved here
        (port,) = struct.unpack("!H", self.rfile.read(2))
        self.server.asked.append((name, port))
        if name not in self.server.ports_by_name:
            self.connection.sendall(b"\x05\x04\x00\x01" + bytes(6))  # host unreachable
            return
        with socket.create_connection(("127.0.0.1", self.server.ports_by_name[name])) as there:
            self.connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
            self._relay(there)

    def _relay(self, there: socket.socket) -> None:
        pairs = {self.connection: there, there: self.connection}
        while True:
            for ready in select.select(list(pairs), [], [])[0]:
                part = ready.recv(65536)
                if not part:
                    return
                pairs[ready].sendall(part)
