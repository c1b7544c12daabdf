"""Which URL may be asked at all, and how a URL is shown without the secrets in it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from chainflow.errors import BadInput, HostNotAllowed
from chainflow.hosts import is_private

__all__ = ["Endpoint", "check_proxy", "is_private", "read_endpoint", "redact"]

REDACTED = "REDACTED"

_SECRET_NAME = re.compile(r"key|token|secret|pass|pwd|auth|sig|session|credential|bearer", re.IGNORECASE)
_TOKEN = re.compile(r"(?=[^/]*[0-9])[A-Za-z0-9_-]{20,}")
"""A path segment that looks like a key; a base path has no txid or address that could look alike."""

_LOGIN = re.compile(r"^([a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
"""All that stands before the last @: a password may itself hold `/`, `?` or `#`."""

_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*")
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A source's base URL, split into what may be shown and what is only ever sent.

    Attributes
    ----------
    shown : str
        The base URL for people and archives: no user, no password, no key.
    scheme, host, port
        Where requests go; `port` is always stated.
    base, query : str
        The base URL to send to (without user and password), and the query added to every request.
    auth : tuple of str or None
        User and password, sent to this host only.
    """

    shown: str
    scheme: str
    host: str
    port: int
    base: str = field(repr=False)
    query: str = field(repr=False)
    auth: tuple[str, str] | None = field(repr=False)

    def url(self, path: str) -> str:
        """Return the URL to send for `path`, secrets included."""
        if not self.query:
            return self.base + path
        return f"{self.base}{path}{'&' if '?' in path else '?'}{self.query}"

    def shown_url(self, path: str) -> str:
        """Return the URL asked for `path`, as it may be shown and archived."""
        return self.shown + redact(self.url(path).removeprefix(self.base))

    def is_origin_of(self, url: str) -> bool:
        """Return whether `url` has this scheme, host and port, and carries no login of its own."""
        try:
            parts = urlsplit(url)
            port = _port(parts)
        except ValueError:
            return False
        same = (parts.scheme, parts.hostname, port) == (self.scheme, self.host, self.port)
        return same and "@" not in parts.netloc

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that must never be shown, longest first."""
        values = [value for _, _, value in (pair.partition("=") for pair in self.query.split("&"))]
        values += _TOKEN.findall(urlsplit(self.base).path)
        values += self.auth or ()
        # shorter texts would blot out ordinary words; where they stand in a URL, `redact` removes them
        long_ones = {value for value in (*values, *map(unquote, values)) if len(value) >= 4}
        return tuple(sorted(long_ones, key=len, reverse=True))


def redact(url: str) -> str:
    """Return `url` without user, password, fragment and the values of key-like query parameters.

    Examples
    --------
    >>> redact("https://ann:pw@node.example:8443/api/tx?apikey=abc&page=2")
    'https://node.example:8443/api/tx?apikey=REDACTED&page=2'
    """
    try:
        parts = urlsplit(_LOGIN.sub(r"\1", url))
    except ValueError:
        return "(an unreadable URL)"
    query = "&".join(_hide_value(pair) for pair in parts.query.split("&"))
    return parts._replace(query=query, fragment="").geturl()


def read_endpoint(url: str, *, proxy: str | None = None) -> Endpoint:
    """Return `url` as an endpoint that may be asked, through `proxy` if one is given.

    Raises
    ------
    BadInput
        If it is not an http(s) URL in plain ASCII, or `proxy` is no proxy URL.
    HostNotAllowed
        If it is http:// to a public host, or .onion without a proxy that resolves names itself.
    """
    if proxy is not None:
        check_proxy(proxy)
    parts = _split(url)
    host = parts.hostname or ""
    if host.endswith(".onion"):
        _check_onion(host, proxy)
    elif parts.scheme == "http" and not is_private(host):
        raise HostNotAllowed(
            f"{host} would be asked without encryption: anyone on the way could read and change the answers",
            hint=f"write https://{host}…; http:// is for your own node (loopback, private network, .onion)",
        )
    netloc = parts.netloc.rpartition("@")[2].lower()
    base = f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    return Endpoint(_hide_tokens(base), parts.scheme, host, _port(parts), base, parts.query, auth)


def check_proxy(proxy: str) -> None:
    """Check that `proxy` is a proxy URL of a kind that is supported.

    Raises
    ------
    BadInput
        If it is not http://, https://, socks5:// or socks5h:// with a host.
    """
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and _port(parts) >= 0
    except ValueError:
        usable = False
    if not usable or not _PLAIN.fullmatch(proxy):
        raise BadInput("the proxy is not a proxy URL", hint="for Tor write socks5h://127.0.0.1:9050")


def _split(url: str) -> SplitResult:
    """Return the parts of an http(s) URL that every reader understands alike."""
    hint = "write it as https://host/path, for example https://blockstream.info/api"
    if f"/{REDACTED}" in url:
        raise BadInput("the key in this URL was never stored", hint="name the source again, with its key")
    try:
        parts = urlsplit(url if _PLAIN.fullmatch(url) else "")
        _port(parts)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or parts.fragment or not _is_host(parts.hostname or ""):
        raise BadInput(f"not the URL of a source: {_hide_tokens(redact(url))!r}", hint=hint)
    return parts


def _hide_value(pair: str) -> str:
    """Return a `name=value` of a query, its value hidden where the name sounds like a key."""
    name, _, _ = pair.partition("=")
    return f"{name}={REDACTED}" if _SECRET_NAME.search(name) else pair


def _hide_tokens(base: str) -> str:
    """Return a base URL without the path segments that look like keys."""
    return "/".join(REDACTED if _TOKEN.fullmatch(segment) else segment for segment in base.split("/"))


def _is_host(host: str) -> bool:
    """Return whether `host` is an IP address or a name in plain ASCII."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return True


def _port(parts: SplitResult) -> int:
    """Return the port that is asked, stated or implied; `ValueError` if it is not a port."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def _check_onion(host: str, proxy: str | None) -> None:
    """Refuse an onion service where its name would be looked up in the open."""
    if proxy is None or urlsplit(proxy).scheme == "socks5":
        raise HostNotAllowed(
            f"{host} can only be reached through Tor",
            hint='pass proxy="socks5h://127.0.0.1:9050" (socks5h: Tor, not your own DNS, finds the name)',
        )
