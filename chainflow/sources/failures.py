"""Why a request failed, in our own words: the library's words may hold the URL and its keys."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import requests

from chainflow.sources.pace import REFUSED

__all__ = ["reason", "retry_after", "tls_refusal"]

_BROKEN_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_DAMAGED = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the pause in seconds that the server asks for: a number, or a date against its own clock."""
    stated = headers.get("Retry-After", "").strip()
    if stated.isascii() and stated.isdigit():
        return float(stated[:9])
    now = _unix(headers.get("Date", ""))
    until = _unix(stated)
    return None if until is None else max(0.0, until - (time.time() if now is None else now))


def _unix(http_date: str) -> float | None:
    """Return an HTTP date as Unix seconds, `None` if it is not one."""
    try:
        when = parsedate_to_datetime(http_date)
    except (TypeError, ValueError, OverflowError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and every error wrapped in it: `requests` hides them in arguments and reasons."""
    pending, seen = [error], set[int]()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
        pending += [cause for cause in inner if isinstance(cause, BaseException)]


def tls_refusal(error: BaseException) -> str | None:
    """Return why TLS was refused, `None` where the connection merely broke."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _BROKEN_TLS):
            return (cause.reason or "TLS failed").replace("_", " ").lower()
    return None


def reason(error: BaseException, timeout: float) -> str:
    """Return in our own words why a request failed: the library's words may hold the URL and its keys."""
    causes = tuple(_causes(error))
    if any(isinstance(c, requests.exceptions.ProxyError) or type(c).__module__ == "socks" for c in causes):
        return "the proxy did not connect"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name does not resolve"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return REFUSED
    if any(isinstance(cause, (TimeoutError, requests.exceptions.Timeout)) for cause in causes):
        return f"silent for {timeout:g} s"
    if isinstance(error, _DAMAGED):
        return "the answer was cut off or damaged"
    return "the connection broke"
