"""Whose machine a host name means: this one and the local network, or somebody else's."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

__all__ = ["is_private", "server_of"]

_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
_LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")


def is_private(host: str) -> bool:
    """Return whether `host`, as written, can only mean this machine or the local network.

    Names are judged by their form alone, nothing is looked up: a name without a dot, or under
    `.localhost`, `.local`, `.lan`, `.internal`, `.home.arpa`; of IP addresses all that are not global.

    Examples
    --------
    >>> is_private("192.168.1.7"), is_private("umbrel.local"), is_private("blockstream.info")
    (True, True, False)
    """
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        # "134744072" and "0x08080808" are other spellings of public 8.8.8.8
        plain_name = "." not in host and not _NUMERIC.fullmatch(host)
        return plain_name or host.endswith(_LOCAL_SUFFIXES)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return not (mapped or ip).is_global


def server_of(host: str, source: str) -> str:
    """Return who is asked, for people: a public host by its name, a private one with the port in the source's name.

    On one's own machine several servers answer at one host; at a public host it is one operator.

    Examples
    --------
    >>> server_of("127.0.0.1", "esplora:http://127.0.0.1:3000"), server_of("::1", "electrum:tcp://[::1]:50001")
    ('127.0.0.1:3000', '[::1]:50001')
    >>> server_of("mempool.space", "esplora:https://mempool.space/api")
    'mempool.space'
    """
    if not is_private(host):
        return host
    try:
        port = urlsplit(source.partition(":")[2]).port
    except ValueError:  # a case may come from anyone
        return host
    name = f"[{host}]" if ":" in host else host
    return host if port is None else f"{name}:{port}"
