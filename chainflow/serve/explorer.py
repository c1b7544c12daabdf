"""The web server around a `Replay`: loopback only, GET and HEAD only, every asked path kept."""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.serve.replay import Answer, Replay, text_answer
from chainflow.version import __version__

__all__ = ["Explorer"]

logger = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_NAMES = (_HOST, "localhost")


class Explorer:
    """A `Replay` on a port of this machine; use it in a `with` statement.

    Only loopback is listened on, and only requests that call the server by a loopback name are
    answered, so that no web page in the analyst's browser can read the case.

    Parameters
    ----------
    ledger : Ledger
    port : int
        0 takes a free one.
    page_size, closed_world, batched_outspends
        As for `Replay`.

    Attributes
    ----------
    requests : list of str
        Every path asked, in order: what a client has disclosed.

    Raises
    ------
    IncompleteData
        If the ledger cannot be served.
    BadInput
        On entering, if the port is taken.

    Examples
    --------
    >>> import requests
    >>> from chainflow.samples.make import Maker
    >>> maker = Maker("one coin", seed=1)
    >>> coin = maker.mine("Ann")
    >>> with Explorer(maker.ledger()) as explorer:
    ...     requests.get(f"{explorer.url}/tx/{coin.txid}/outspends").json(), explorer.requests == [
    ...         f"/tx/{coin.txid}/outspends"
    ...     ]
    ([{'spent': False}], True)
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        port: int = 0,
        page_size: int = 25,
        closed_world: bool = False,
        batched_outspends: bool = True,
    ) -> None:
        self.replay = Replay(
            ledger, page_size=page_size, closed_world=closed_world, batched_outspends=batched_outspends
        )
        self.requests: list[str] = []
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port listened on; the one asked for while closed."""
        return self._port if self._server is None else self._server.server_port

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://{_HOST}:{self.port}"

    def start(self) -> Self:
        """Begin to serve; `stop` ends it. A `with` statement does both.

        Raises
        ------
        BadInput
            If the port is taken.
        """
        try:
            self._server = _Server((_HOST, self._port), _Handler)
        except (OSError, OverflowError) as error:
            raise BadInput(
                f"cannot listen on port {self._port}: {error}", hint="port 0 takes a free one"
            ) from None
        self._server.explorer = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving; nothing to do when it is not."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Serve until interrupted (Ctrl-C); call it inside the `with` statement."""
        if self._thread is not None:
            self._thread.join()


class _Server(ThreadingHTTPServer):
    """The listening socket; each request has a thread of its own."""

    explorer: Explorer

    def handle_error(self, request: object, client_address: object) -> None:
        """Write a failure, such as a client that hung up, to the log."""
        logger.warning("a request from %s failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request: GET and HEAD are answered, anything else is refused."""

    server: _Server
    server_version = f"chainflow/{__version__}"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a body."""
        self.wfile.write(self._reply().body)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._reply()

    def _reply(self) -> Answer:
        name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if name not in _NAMES:
            answer = text_answer("this explorer answers to loopback names only", status=403)
        else:
            self.server.explorer.requests.append(self.path)
            answer = self.server.explorer.replay.answer(self.path)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        return answer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write the request line to the log, not to the terminal."""
        logger.debug(format, *args)
