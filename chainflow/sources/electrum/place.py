"""Where an Electrum server is, as a user writes it: `ssl://host:50002`, `tcp://127.0.0.1:50001`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from chainflow.errors import BadInput, HostNotAllowed
from chainflow.sources.urls import check_proxy, is_private, read_endpoint, redact

__all__ = ["ServerPlace", "read_place"]

_PORTS = {"tcp": 50001, "ssl": 50002}
_PIN = re.compile(r"[0-9a-f]{64}")
_HOW = "write it as ssl://host:50002, or tcp://127.0.0.1:50001 for your own"


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A server that may be asked.

    Attributes
    ----------
    host, port
    is_tls : bool
    pin : str
        The SHA-256 of its certificate that was given (hex), "" for none.
    """

    host: str
    port: int
    is_tls: bool
    pin: str = ""

    @property
    def shown(self) -> str:
        """The place as it stands in an archive; without the pin, which changes with the certificate."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ssl' if self.is_tls else 'tcp'}://{host}:{self.port}"


def read_place(url: str, *, proxy: str | None = None) -> ServerPlace:
    """Return the server that `url` names, if it may be asked, through `proxy` if one is given.

    Raises
    ------
    BadInput
        If it is not tcp:// or ssl:// with a host, a pin is no SHA-256, or the proxy is none for TCP.
    HostNotAllowed
        If it is tcp:// to a public host, or .onion without a proxy that resolves names itself.

    Examples
    --------
    >>> read_place("ssl://electrum.blockstream.info").shown
    'ssl://electrum.blockstream.info:50002'
    """
    if proxy is not None:
        check_proxy(proxy)
        if not proxy.startswith("socks5"):
            raise BadInput(
                "an Electrum server is reached through SOCKS5 only", hint="socks5h://127.0.0.1:9050"
            )
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    try:
        # the rules for names, ports and onions are those of web addresses
        endpoint = read_endpoint(f"https://{place}" if scheme in _PORTS else "", proxy=proxy)
    except BadInput:
        raise _no_place(scheme, place) from None
    parts = urlsplit(endpoint.base)
    if parts.path or endpoint.auth is not None:
        raise _no_place(scheme, place)
    host = endpoint.host
    if scheme == "tcp" and not is_private(host) and not host.endswith(".onion"):
        raise HostNotAllowed(
            f"{host} would be asked without encryption: anyone on the way could read and change the answers",
            hint=f"write ssl://{host}:50002; tcp:// is for your own server (loopback, private network, .onion)",
        )
    return ServerPlace(host, parts.port or _PORTS[scheme], scheme == "ssl", _pin_of(query, scheme))


def _no_place(scheme: str, place: str) -> BadInput:
    shown = redact(f"{scheme}://{place}")[:120]
    return BadInput(f"not the place of an Electrum server: {shown!r}", hint=_HOW)


def _pin_of(query: str, scheme: str) -> str:
    """Return the pinned SHA-256 as plain hex, from `pin=AB:CD:…`."""
    if not query:
        return ""
    name, _, value = query.partition("=")
    pin = value.replace(":", "").lower()
    if name != "pin" or scheme != "ssl" or not _PIN.fullmatch(pin):
        raise BadInput(
            "only ?pin=… may follow ssl://host:port: the certificate's SHA-256 in 64 hex digits",
            hint="openssl x509 -noout -fingerprint -sha256 shows it",
        )
    return pin
