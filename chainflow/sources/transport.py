"""A `requests` session that reads nothing from its surroundings, and bodies that have an end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import requests
from requests.auth import HTTPBasicAuth

from chainflow.errors import BadInput
from chainflow.sources.urls import Endpoint
from chainflow.version import __version__

__all__ = ["bare_session", "bounded"]


class _NoRedirects(requests.Session):
    """A session that leaves redirects alone.

    Even when told not to follow one, `requests` parses its target and reads its body without any bound.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing to follow."""


def bare_session(
    endpoint: Endpoint, proxy: str | None, headers: Mapping[str, str], ca_bundle: str | None
) -> requests.Session:
    """Return a `requests` session that reads nothing from its surroundings and keeps no cookie."""
    http = _NoRedirects()
    http.trust_env = False  # no .netrc, no *_PROXY, no REQUESTS_CA_BUNDLE
    http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    http.headers.update({"User-Agent": f"chainflow/{__version__}", "Accept-Encoding": "gzip", **headers})
    if endpoint.secrets():
        # at DEBUG urllib3 logs every path with its query, keys included
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    if endpoint.auth is not None:
        user, password = endpoint.auth
        http.auth = HTTPBasicAuth(user.encode(), password.encode())
    if proxy is not None:
        http.proxies = {"http": proxy, "https": proxy}
    if ca_bundle is not None:
        if not Path(ca_bundle).exists():
            raise BadInput(f"no such file of certificates: {ca_bundle}", hint="ca_bundle names a PEM file")
        http.verify = ca_bundle
    return http


def bounded(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    """Yield the body's parts, ending soon after more than `max_bytes` have come."""
    total = 0
    for part in response.iter_content(65_536):
        yield part
        total += len(part)
        if total > max_bytes:
            return
