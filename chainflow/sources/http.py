"""The polite HTTP session that every source asks through: paced, patient, bounded, and discreet.

A thin layer over `requests`: environment variables and `.netrc` are not read, cookies are not kept,
redirects stay on the host, and nothing secret reaches a message, a `repr` or the archive. What a reply
means is the adapter's business.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests

from chainflow.errors import BadInput, BadResponse, RateLimited, RedirectRefused, SourceUnavailable, TLSError
from chainflow.sources.failures import reason as why_failed
from chainflow.sources.failures import retry_after, tls_refusal
from chainflow.sources.pace import RATES, AskOptions, Patience, Rate, duration, rate_of
from chainflow.sources.strict import excerpt
from chainflow.sources.transport import bare_session, bounded
from chainflow.sources.urls import REDACTED, read_endpoint, redact

__all__ = ["RATES", "Rate", "Reply", "Session", "SessionOptions", "redact"]

_LOG = logging.getLogger(__name__)

_MAX_BODY = 32 * 2**20
_MAX_REDIRECTS = 3
_LONG_SECRET = 12
"""Letters from which on a secret stands in no answer by chance."""

_REDIRECTS = (301, 302, 303, 307, 308)
_PATH = re.compile(r"/[\x21-\x22\x24-\x5b\x5d-\x7e]*")
_DOTS = re.compile(r"/\.{1,2}(?=[/?]|$)")

_Bounds = tuple[float, int, float]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answered request, as it is archived.

    Attributes
    ----------
    path : str
        Path and query relative to the source's base URL, as asked.
    url : str
        The full URL that answered, without login and key-like query values.
    status : int
    body : bytes
        Verbatim, after content-decoding (gzip).
    retrieved : int
        Wall clock when the body was complete, Unix seconds UTC.
    server_date : str
        The server's `Date` header verbatim, "" if absent.
    """

    path: str
    url: str
    status: int
    body: bytes
    retrieved: int
    server_date: str


class SessionOptions(AskOptions, total=False):
    """The keywords of `Session` besides `proxy`, for adapters that pass them on."""

    headers: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class _Miss:
    """One try that gave no usable answer, and how long the server asks us to wait."""

    reason: str
    status: int | None = None
    retry_after: float | None = None


class Session:
    """Ask one host, and return only answers that are final.

    Answers 408, 425, 429 and 5xx, broken connections, time-outs and cut-off bodies are tried again with
    doubling pauses, or after the pause that the server names. Every wait can be ended with Ctrl-C.

    Parameters
    ----------
    base_url : str
        Where the source is, with its base path; `user:password@` and a query are sent to this host only.
    proxy : str, optional
        `http(s)://`, `socks5://` (names are resolved here) or `socks5h://` (by the proxy: Tor). Proxy
        settings in environment variables are ignored.
    rates : mapping, optional
        Host → `Rate`, in place of what `RATES` says.
    timeout : float
        Seconds to connect, and between two parts of an answer.
    tries : int
        Requests made before giving up.
    backoff, longest_wait : float
        Seconds before the second try; the longest pause that is made. A server that asks for a longer
        one is not asked again.
    max_bytes, max_seconds
        Bounds for one body.
    headers : mapping, optional
        Added to every request, for example a key; `User-Agent` is `chainflow/VERSION` unless given.
    ca_bundle : str, optional
        A file of certificates to trust in place of the public ones.
    on_wait : callable, optional
        Called with a sentence before each wait of a second or more; without it the sentence is logged.

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL, the proxy or the certificate file cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        proxy: str | None = None,
        rates: Mapping[str, Rate] | None = None,
        timeout: float = 30.0,
        tries: int = 5,
        backoff: float = 2.0,
        longest_wait: float = 300.0,
        max_bytes: int = _MAX_BODY,
        max_seconds: float = 60.0,
        headers: Mapping[str, str] | None = None,
        ca_bundle: str | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self._endpoint = read_endpoint(base_url, proxy=proxy)
        self._http = bare_session(self._endpoint, proxy, headers or {}, ca_bundle)
        rate = rate_of(self.host, rates or {})
        self._bounds: _Bounds = (timeout, max_bytes, max_seconds)
        self._patience = Patience(self.host, rate, tries, backoff, longest_wait, on_wait or _LOG.info)
        login = ":".join(self._endpoint.auth or ()).encode()  # as it stands in a request
        shown = (*(headers or {}).values(), b64encode(login).decode())
        self._secrets = (*(text for text in shown if len(text) >= 4), *self._endpoint.secrets())

    @property
    def host(self) -> str:
        """The host that is asked, lower case."""
        return self._endpoint.host

    def __repr__(self) -> str:
        return f"Session({self._endpoint.shown!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str) -> Reply:
        """Return the answer to `path` (with its query), relative to the base URL.

        Raises
        ------
        SourceUnavailable, RateLimited
            After the last try, or when the server asks for a pause longer than `longest_wait`.
        TLSError, RedirectRefused
            At once: nothing was sent to an unknown or another host.
        BadResponse
            If the body is larger or slower than allowed.
        """
        return self._final(path, None)

    def post(self, path: str, payload: bytes, *, to: str = "") -> Reply:
        """Return the answer to a JSON-RPC payload that only reads; `path` names it in the archive.

        Parameters
        ----------
        to : str
            The path that is posted to, relative to the base URL; "" is the base URL itself.

        Raises
        ------
        SourceError
            As for `get`. Status 500 and 401 are answers here: JSON-RPC reports errors with them.
        """
        return replace(self._final(to, payload), path=path)

    def _final(self, path: str, payload: bytes | None) -> Reply:
        """Ask until an answer is final, or give up.

        Raises
        ------
        SourceUnavailable, RateLimited
            After the last try, or when the server asks for a pause longer than `longest_wait`.
        TLSError, RedirectRefused
            At once: nothing was sent to an unknown or another host.
        BadResponse
            If the body is larger or slower than allowed.
        """
        if payload is not None and not path:
            pass  # a JSON-RPC server answers at its base URL
        elif not _PATH.fullmatch(path) or _DOTS.search(path) or path.startswith("//"):
            raise BadInput(f"not a path: {redact(path)[:120]!r}", hint="it begins with / and has no .. parts")
        misses: list[_Miss] = []
        waited = 0.0
        while True:
            outcome = self._ask(path, payload)
            if isinstance(outcome, Reply):
                return outcome
            misses.append(outcome)
            asked = outcome.retry_after or 0.0
            if (
                self._patience.is_over([miss.reason for miss in misses])
                or asked > self._patience.longest_wait
            ):
                raise self._gave_up(misses, waited)
            waited += self._patience.before_next(len(misses), outcome.reason, asked=asked)

    def _ask(self, path: str, payload: bytes | None) -> Reply | _Miss:
        """Send one try, following redirects that stay on the host."""
        url = self._endpoint.url(path)
        for _ in range(_MAX_REDIRECTS + 1):
            self._patience.pace()
            response = self._send(url, payload)
            if isinstance(response, _Miss):
                return response
            with response:
                location = response.headers.get("Location")
                if response.status_code in _REDIRECTS and location is not None and payload is None:
                    url = self._same_origin(url, location)
                    continue
                return self._read(path, url, response, is_call=payload is not None)
        raise RedirectRefused(
            f"{self.host} redirects more than {_MAX_REDIRECTS} times for {redact(path)[:120]}",
            hint="check the base URL of the source",
        )

    def _send(self, url: str, payload: bytes | None) -> requests.Response | _Miss:
        """Send one request; secrets in the errors of `requests` never become the context of ours."""
        timeout, _, _ = self._bounds
        try:
            if payload is None:
                return self._http.get(url, stream=True, allow_redirects=False, timeout=timeout)
            kind = {"Content-Type": "application/json"}
            return self._http.post(
                url, payload, headers=kind, stream=True, allow_redirects=False, timeout=timeout
            )
        except OSError as error:  # every RequestException is one
            refused = tls_refusal(error)
            reason = why_failed(error, timeout)
        if refused is None:
            return _Miss(reason)
        raise TLSError(
            f"{self.host} was not asked: its certificate or TLS was not accepted ({refused})",
            hint="check the clock and the address; for your own authority pass ca_bundle=FILE",
        )

    def _read(self, path: str, url: str, response: requests.Response, *, is_call: bool) -> Reply | _Miss:
        """Return the reply with its body, or why this try does not count."""
        status = response.status_code
        is_error_of_call = is_call and status == 500  # JSON-RPC's way to say "no such transaction"
        if status in (408, 425, 429) or (status >= 500 and not is_error_of_call):
            reason = "answers “too many requests” (429)" if status == 429 else f"answers {status}"
            return _Miss(reason, status, retry_after(response.headers))
        body = self._body(response)
        if isinstance(body, _Miss):
            return body
        if any(secret.encode() in body for secret in self._secrets if len(secret) >= _LONG_SECRET):
            raise BadResponse(
                f"an answer of {self.host} repeats the key or login that it was asked with; it was not kept",
                hint="probably an error page that shows the request; ask again, or another source",
            )
        shown = self._endpoint.shown_url(path)
        if url != self._endpoint.url(path):  # redirected on the host
            shown = self._hide(redact(url))
        server_date = response.headers.get("Date", "")[:100]
        return Reply(redact(path), shown, status, body, int(time.time()), server_date)

    def _body(self, response: requests.Response) -> bytes | _Miss:
        """Return the whole body, or the miss; a body beyond the bounds is an error at once."""
        timeout, max_bytes, max_seconds = self._bounds
        expired = threading.Event()
        parts: list[bytes] = []

        def expire() -> None:
            # a server that drips a byte per second never trips the read time-out: hang up from here
            expired.set()
            with suppress(OSError, ValueError):
                getattr(response.raw, "shutdown", response.raw.close)()  # urllib3 < 2.3 can only close

        timer = threading.Timer(max_seconds, expire)
        timer.daemon = True
        timer.start()
        broken = ""
        try:
            for part in bounded(response, max_bytes):
                parts.append(part)
        except (OSError, ValueError) as error:
            broken = why_failed(error, timeout)
        finally:
            timer.cancel()
        body = b"".join(parts)
        if expired.is_set():
            raise self._unfit(body, f"took longer than {max_seconds:g} s")
        if len(body) > max_bytes:
            raise self._unfit(body, f"is larger than {max_bytes:,} bytes")
        return _Miss(broken) if broken else body

    def _same_origin(self, url: str, location: str) -> str:
        """Return where a redirect leads, if it stays on this scheme, host and port."""
        try:
            there = urljoin(url, location)
        except ValueError:
            there = ""
        if self._endpoint.is_origin_of(there):
            return there
        parts = urlsplit(redact(there))
        place = excerpt(f"{parts.scheme}://{parts.netloc}".encode("utf-8", "replace"))
        raise RedirectRefused(
            f"{self.host} redirects to another place ({self._hide(place)}); nothing was sent there",
            hint="if you trust that place, give its URL as the source",
        )

    def _gave_up(self, misses: Sequence[_Miss], waited: float) -> SourceUnavailable:
        """Return the error that tells how often, for how long and with what last answer."""
        last = misses[-1]
        tries = "1 try" if len(misses) == 1 else f"{len(misses)} tries"
        told = f"last: {last.status or last.reason}, waited {duration(waited)}"
        if all(miss.status == 429 for miss in misses):
            ask = f"; it asks for a pause of {duration(last.retry_after)}" if last.retry_after else ""
            return RateLimited(
                f"{self.host} answered “too many requests” to {tries} ({told}){ask}",
                hint="go on later, or ask your own node; what was saved is safe",
            )
        return SourceUnavailable(
            f"{self.host} did not answer after {tries} ({told})",
            hint="go on later, or name another source; what was saved is safe",
        )

    def _unfit(self, body: bytes, why: str) -> BadResponse:
        """Return the error for a body beyond the bounds."""
        start = f" (starts with {self._hide(excerpt(body))})" if body else ""
        return BadResponse(
            f"an answer of {self.host} {why}{start}; it was not used",
            hint="a proxy's page, or too much at once: ask for less, or raise max_bytes / max_seconds",
        )

    def _hide(self, text: str) -> str:
        """Return `text` without this session's secrets, should a server echo them."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text
