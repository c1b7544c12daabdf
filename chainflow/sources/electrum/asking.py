"""The polite asking of one Electrum server: paced, patient, bounded, and of the right chain only.

The counterpart of `chainflow.sources.http.Session` for lines. What an answer means is `facts`'s business;
here it only matters whether it is one.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chainflow.errors import BadInput, BadResponse, RateLimited, SourceUnavailable
from chainflow.model import canonical_json
from chainflow.sources.electrum.chains import check_chain, mark_of
from chainflow.sources.electrum.facts import is_too_much
from chainflow.sources.electrum.lines import Lines
from chainflow.sources.electrum.place import ServerPlace
from chainflow.sources.failures import reason as why_failed
from chainflow.sources.jsonrpc import payload_of, question
from chainflow.sources.pace import AskOptions, Patience, Rate, duration, rate_of
from chainflow.sources.strict import excerpt
from chainflow.version import __version__

__all__ = ["LineOptions", "LineSession"]

_LOG = logging.getLogger(__name__)

_MAX_LINE = 32 * 2**20
_PROTOCOL = ("1.4", "1.4.2")
_MOST_NOTICES = 1_000
_TOO_LARGE = re.compile(r"too large|limit", re.IGNORECASE)

_FILLER = "filler "
_MOST_FILLERS = 8
"""Beside a question of an ElectrumX 2 server some headers are asked for, whose answer is not looked at: it
holds back less than 1,024 bytes for up to a second, so that its packets look alike. Where it answers that
first, it is asked again, ever later."""

_Sent = dict[str, Any]
"""One call as it is sent."""


class LineOptions(AskOptions, total=False):
    """The keywords of `LineSession` that a user may set."""


class _TooMuchError(Exception):
    """The server asks for less, or is not ready."""


class LineSession:
    """Ask one server, and return only lines that are final.

    Broken connections, time-outs and servers that are busy are tried again on a new connection, with
    doubling pauses. Every wait can be ended with Ctrl-C; the connection is then given up, so that a late
    answer cannot be taken for another.

    Parameters
    ----------
    place : ServerPlace
    chain : str
        Of which the server must be: this is checked at each connection, where the chain is known here.
    proxy : str, optional
    **options
        As for `Session`.

    Raises
    ------
    BadInput
        If the certificate file is not there.
    """

    def __init__(
        self,
        place: ServerPlace,
        *,
        chain: str,
        proxy: str | None = None,
        rates: Mapping[str, Rate] | None = None,
        timeout: float = 30.0,
        tries: int = 5,
        backoff: float = 2.0,
        longest_wait: float = 300.0,
        max_bytes: int = _MAX_LINE,
        max_seconds: float = 60.0,
        ca_bundle: str | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        if ca_bundle is not None and not Path(ca_bundle).exists():
            raise BadInput(f"no such file of certificates: {ca_bundle}", hint="ca_bundle names a PEM file")
        self._place, self._chain, self._proxy, self._ca_bundle = place, chain, proxy, ca_bundle
        self._timeout, self._max_bytes, self._max_seconds = timeout, max_bytes, max_seconds
        rate = rate_of(place.host, rates or {})
        self._patience = Patience(place.host, rate, tries, backoff, longest_wait, on_wait or _LOG.info)
        self._lines: Lines | None = None
        self._batches, self._fills, self._fillers = True, False, 0

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def answer(self, asking: str) -> bytes:
        """Return the line that answers a question of `jsonrpc.question`, verbatim.

        To several calls it may be several lines: a server that refuses a batch, or some of it as too
        large, is asked in smaller parts, down to one call.

        Raises
        ------
        SourceUnavailable, RateLimited
            After the last try.
        TLSError
            At once: nothing was sent.
        BadResponse
            If a line is larger or slower than allowed.
        BadInput
            If the server is of another chain.
        """
        misses: list[str] = []
        busy, waited = 0, 0.0
        while True:
            try:
                return self._try(asking)
            except _TooMuchError as error:
                misses.append(str(error))
                busy += 1
            except OSError as error:
                misses.append(why_failed(error, self._timeout))
            if self._patience.is_over(misses):
                raise self._gave_up(misses, waited, busy=busy) from None
            waited += self._patience.before_next(len(misses), misses[-1])

    def _try(self, asking: str) -> bytes:
        """Send a question on the open connection, or on a new one, and return what answers it."""
        payload = json.loads(payload_of(asking))
        try:
            if self._lines is None:
                self._lines = self._greeted()
            self._patience.pace()
            if isinstance(payload, list):
                return b"\n".join(self._answer_many(self._lines, payload))
            return self._answer_singly(self._lines, [payload])[0]
        except BaseException:  # Ctrl-C too: what comes next on this connection would answer another question
            self.close()
            raise

    def _answer_many(self, lines: Lines, calls: list[_Sent]) -> list[bytes]:
        """Return the lines that answer these calls, sent as one batch where the server takes it."""
        if len(calls) == 1 or not self._batches:
            return self._answer_singly(lines, calls)
        try:
            line, value = self._exchange(lines, calls)
        except ConnectionError:
            self._batches = False  # some servers hang up on what they do not know
            raise
        if isinstance(value, dict):
            _check_busy(value)
            self._batches = False
            return self._answer_singly(lines, calls)
        entries = value if isinstance(value, list) else []
        for entry in entries:
            _check_busy(entry)
        if any(_TOO_LARGE.search(_words(entry)) for entry in entries):
            middle = len(calls) // 2
            return [*self._answer_many(lines, calls[:middle]), *self._answer_many(lines, calls[middle:])]
        self._leave_if_strange(entries, calls)
        return [line]

    def _answer_singly(self, lines: Lines, calls: list[_Sent]) -> list[bytes]:
        """Return a line for each call, all sent before the first answer is awaited."""
        self._send(lines, *calls)
        given: list[bytes] = []
        entries: list[Any] = []
        while len(given) < len(calls):
            line, value = self._next(lines)
            _check_busy(value)
            given.append(line)
            entries.append(value)
            if not isinstance(value, dict):
                break
        self._leave_if_strange(entries, calls)
        return given

    def _leave_if_strange(self, entries: list[Any], calls: list[_Sent]) -> None:
        """Close the connection where an answer is not to these calls; what it is, the reader says."""
        ids = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
        if sorted(map(str, ids)) != sorted(str(call["id"]) for call in calls):
            self.close()

    def _greeted(self) -> Lines:
        """Return a new connection to a server that speaks the protocol and is of the right chain."""
        lines = Lines(
            self._place,
            proxy=self._proxy,
            ca_bundle=self._ca_bundle,
            timeout=self._timeout,
            max_bytes=self._max_bytes,
            max_seconds=self._max_seconds,
        )
        self._fills = False
        try:
            software = self._result(lines, "server.version", [f"chainflow/{__version__}", _PROTOCOL])
            name = software[0] if isinstance(software, list) and software else ""
            self._fills = str(name).startswith("ElectrumX")
            height = mark_of(self._chain)
            if height is not None:
                header = self._result(lines, "blockchain.block.header", [height])
                check_chain(self._chain, header, host=self._place.host)
        except BaseException:
            lines.close()
            raise
        return lines

    def _result(self, lines: Lines, method: str, params: list[Any]) -> object:
        """Return the result of a call before the first question."""
        line, value = self._exchange(lines, json.loads(payload_of(question((method, params)))))
        _check_busy(value)
        if isinstance(value, dict) and value.get("result") is not None:
            return value["result"]
        words = excerpt(_words(value).encode("utf-8", "replace") or line, limit=160)
        raise BadResponse(
            f"{self._place.host} does not answer {method} ({words})",
            hint=f"is it an Electrum server of {self._chain} with protocol 1.4, and has it read the whole chain?",
        )

    def _exchange(self, lines: Lines, sent: _Sent | list[_Sent]) -> tuple[bytes, Any]:
        """Send a line and return the next one that answers something, with its JSON value."""
        self._send(lines, sent)
        return self._next(lines)

    def _send(self, lines: Lines, *sent: _Sent | list[_Sent]) -> None:
        """Send a line for each, and one that makes the server answer at once."""
        lines.send(b"\n".join([*(canonical_json(one).encode() for one in sent), *self._filler()]))

    def _filler(self) -> list[bytes]:
        """Return the next filler, none where the server needs none."""
        if not self._fills:
            return []
        self._fillers += 1
        sent = {"id": f"{_FILLER}{self._fillers}", "method": "blockchain.block.headers", "params": [0, 10]}
        return [canonical_json({"jsonrpc": "2.0", **sent}).encode()]

    def _next(self, lines: Lines) -> tuple[bytes, Any]:
        """Return the next line that answers a question, with its JSON value; `None` for what is not JSON."""
        repeated = 0
        for _ in range(_MOST_NOTICES):
            line = lines.receive()
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            number = value.get("id") if isinstance(value, dict) else None
            if number == f"{_FILLER}{self._fillers}" and repeated < _MOST_FILLERS:
                time.sleep(0.004 * 2**repeated)
                lines.send(*self._filler())
                repeated += 1
            is_aside = isinstance(value, dict) and ("method" in value or str(number).startswith(_FILLER))
            if not is_aside:  # such as a new block, which nobody asked for
                return line, value
        raise ConnectionError("nothing but notices")

    def _gave_up(self, misses: Sequence[str], waited: float, *, busy: int) -> SourceUnavailable:
        """Return the error that tells how often, for how long and with what last answer."""
        tries = "1 try" if len(misses) == 1 else f"{len(misses)} tries"
        told = f"last: {misses[-1]}, waited {duration(waited)}"
        if busy:  # having said so, a server may also hang up
            return RateLimited(
                f"{self._place.host} answered “too much” to {busy} of {tries} ({told})",
                hint="go on later, or ask your own server; what was saved is safe",
            )
        return SourceUnavailable(
            f"{self._place.host} did not answer after {tries} ({told})",
            hint="go on later, or name another source; what was saved is safe",
        )


def _words(entry: Any) -> str:
    """Return the words of an answer that is an error, "" for others."""
    error = entry.get("error") if isinstance(entry, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def _check_busy(entry: Any) -> None:
    """Raise if an answer is that the server has had enough: tried again, it may be another."""
    words = _words(entry)
    if is_too_much(words):
        raise _TooMuchError(f"answers {excerpt(words.encode('utf-8', 'replace'))}")
