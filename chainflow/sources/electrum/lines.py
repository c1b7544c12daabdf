"""One connection that carries a JSON text per line: TCP or TLS, direct or through SOCKS5; all with an end.

Errors are those of `socket`, `ssl` and `socks`; what they mean for a question is decided in `asking`.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from typing import Self
from urllib.parse import unquote, urlsplit

import socks  # type: ignore[import-untyped]
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from chainflow.errors import BadResponse, TLSError
from chainflow.sources.electrum.place import ServerPlace
from chainflow.sources.failures import tls_refusal
from chainflow.sources.strict import excerpt

__all__ = ["Lines"]

_PART = 65_536


class Lines:
    """An open connection.

    Parameters
    ----------
    place : ServerPlace
    proxy : str or None
        `socks5://` (names are resolved here) or `socks5h://` (by the proxy).
    ca_bundle : str or None
        A file of certificates to trust in place of the public ones.
    timeout : float
        Seconds to connect, and between two parts of a line.
    max_bytes, max_seconds
        Bounds for one line.

    Raises
    ------
    TLSError
        If the certificate is not accepted, or is not the pinned one. Nothing was sent but the handshake.
    OSError
        If nobody answers.
    """

    def __init__(
        self,
        place: ServerPlace,
        *,
        proxy: str | None,
        ca_bundle: str | None,
        timeout: float,
        max_bytes: int,
        max_seconds: float,
    ) -> None:
        self._place, self._timeout = place, timeout
        self._max_bytes, self._max_seconds = max_bytes, max_seconds
        self._rest = bytearray()
        self._socket: socket.socket = _connected(place, proxy, timeout)
        if place.is_tls:
            try:
                self._socket = _secured(self._socket, place, ca_bundle)
            except BaseException as error:
                self._socket.close()
                refused = tls_refusal(error)
                if refused is None:
                    raise
                raise _not_trusted(place, refused, _seen_certificate(place, proxy, timeout)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def send(self, line: bytes) -> None:
        """Send one line."""
        self._socket.settimeout(self._timeout)
        self._socket.sendall(line + b"\n")

    def receive(self) -> bytes:
        """Return the next line without its end.

        Raises
        ------
        BadResponse
            If it is larger or takes longer than allowed.
        ConnectionResetError
            If the other side hangs up before its end.
        OSError
            If the connection breaks, or is silent for too long.
        """
        deadline = time.monotonic() + self._max_seconds
        searched = 0
        while (end := self._rest.find(b"\n", searched)) < 0:
            searched = len(self._rest)
            if searched > self._max_bytes:
                raise self._unfit(f"is larger than {self._max_bytes:,} bytes")
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._unfit(f"took longer than {self._max_seconds:g} s")
            self._receive_part(left)
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return line

    def _receive_part(self, left: float) -> None:
        """Wait for more of a line."""
        self._socket.settimeout(min(self._timeout, left))
        try:
            part = self._socket.recv(_PART)
        except TimeoutError:
            if left < self._timeout:
                return  # the bound of the whole line is told instead
            raise
        if not part:
            raise ConnectionResetError("the server hung up")
        self._rest += part

    def _unfit(self, why: str) -> BadResponse:
        start = f" (starts with {excerpt(bytes(self._rest[:200]))})" if self._rest else ""
        return BadResponse(
            f"an answer of {self._place.host} {why}{start}; it was not used",
            hint="too much at once: ask for less, or raise max_bytes / max_seconds",
        )


def _connected(place: ServerPlace, proxy: str | None, timeout: float) -> socket.socket:
    """Return a connected socket, through the proxy where one is given."""
    if proxy is None:
        return socket.create_connection((place.host, place.port), timeout=timeout)
    parts = urlsplit(proxy)
    made: socket.socket = socks.create_connection(
        (place.host, place.port),
        timeout=timeout,
        proxy_type=socks.SOCKS5,
        proxy_addr=parts.hostname,
        proxy_port=parts.port or 1080,
        proxy_rdns=parts.scheme == "socks5h",
        proxy_username=None if parts.username is None else unquote(parts.username),
        proxy_password=None if parts.password is None else unquote(parts.password),
    )
    return made


def _secured(plain: socket.socket, place: ServerPlace, ca_bundle: str | None) -> ssl.SSLSocket:
    """Return the socket with TLS, its certificate checked: the pinned one, or one that is vouched for."""
    if not place.pin:
        # neither the system's store nor environment variables: what is trusted is the same everywhere
        context = ssl.create_default_context(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
        return context.wrap_socket(plain, server_hostname=place.host)
    secured = _unverified().wrap_socket(plain, server_hostname=place.host)
    seen = _fingerprint(secured)
    if seen != place.pin:
        secured.close()
        raise _not_trusted(place, "it is not the pinned one", seen)
    return secured


def _unverified() -> ssl.SSLContext:
    """Return a context that accepts any certificate: the caller compares it, or only looks at it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(secured: ssl.SSLSocket) -> str:
    """Return the SHA-256 of the server's certificate."""
    return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def _seen_certificate(place: ServerPlace, proxy: str | None, timeout: float) -> str:
    """Return the fingerprint of the certificate that was refused, "" where it is not shown again."""
    try:
        with (
            _connected(place, proxy, timeout) as plain,
            _unverified().wrap_socket(plain, server_hostname=place.host) as secured,
        ):
            return _fingerprint(secured)
    except OSError:
        return ""


def _not_trusted(place: ServerPlace, why: str, seen: str) -> TLSError:
    """Return the error that shows the certificate, so that it can be compared with what is published."""
    hint = "pass ca_bundle=FILE for your own authority"
    if seen:
        hint = (
            f"if the operator publishes this SHA-256, name the server as {place.shown}?pin={seen}; "
            "else somebody may stand in between"
        )
    return TLSError(f"{place.host} was not asked: its certificate was not accepted ({why})", hint=hint)
