"""A node over JSON-RPC: which calls ask what, and how it is logged in to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from chainflow.errors import BadInput
from chainflow.sources.adapter import Place, check_batch
from chainflow.sources.core.facts import check_ready, facts, is_torn, subject_of
from chainflow.sources.core.node import Node
from chainflow.sources.jsonrpc import payload_of, question
from chainflow.sources.utxo import checked_txid

if TYPE_CHECKING:
    from chainflow.sources.http import Reply, Session, SessionOptions

__all__ = ["Core"]

_TRIES = 5
"""How often a question is asked again because a block came in while it was answered."""


class Core(Node):
    """One's own bitcoind, litecoind, dogecoind, … over JSON-RPC: makes questions, asks them, reads answers.

    Parameters
    ----------
    url : str, optional
        `http://user:password@127.0.0.1:8332`; without it the node on this machine at its usual port.
        `?cookie_file=PATH` at its end stands for the keyword.
    chain : str, optional
        `btc` unless given; the node's first block must be that of the chain.
    proxy : str, optional
        As for `Session`.
    cookie_file : str or Path, optional
        The `.cookie` in the node's data directory, in place of a login; read anew at each start of a node.
    **options
        Further keywords of `Session`.

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL cannot be used. Nothing is asked yet.

    Examples
    --------
    >>> Core("http://ann:secret@127.0.0.1:19443", chain="ltc-regtest")
    Core('http://127.0.0.1:19443', chain='ltc-regtest')
    """

    family = "core"
    most_txids = 50
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)

    def __init__(
        self,
        url: str | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        cookie_file: str | Path | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        url, named = _without_cookie_file(url)
        super().__init__(url, chain=chain, proxy=proxy, **options)
        self._plain_url = self._url
        self._cookie_file = Path(cookie_file or named) if cookie_file or named else None

    def tip_path(self) -> str:
        """Return the question for the newest height, and for the first block: is it this chain's node?"""
        return question(("getblockcount", []), ("getblockhash", [0]))

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str | None:
        """Return the question for what is unspent of an address; older history no node can list."""
        del which
        return None if after else question(("scantxoutset", ["start", [f"addr({self.canonical(address)})"]]))

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the question for up to 50 transactions, between two counts that tell their heights."""
        wanted = [checked_txid(txid) for txid in dict.fromkeys(txids)]
        check_batch(wanted, self.most_txids)
        calls = [("getrawtransaction", [txid, 2]) for txid in wanted]
        return (question(("getblockcount", []), *calls, ("getblockcount", [])),)

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return a question each for the merkle branch and the header; without a block it needs `txindex`."""
        return tuple(
            question(
                (
                    "gettxoutproof",
                    [[checked_txid(txid)], *([checked_txid(block_hash)] if block_hash else [])],
                ),
                ("getblockhash", [height]),
            )
            for txid, height, block_hash in places
        )

    def block_paths(self, height: int, block_hash: str = "") -> tuple[str, ...]:
        """Return the question for a block with all that it spends, or for its hash first."""
        if block_hash:
            return (question(("getblock", [checked_txid(block_hash), 3])),)
        return (question(("getblockhash", [height])),)

    def ask(self, path: str) -> Reply:
        """Return the node's answer to a question; once more where a block came in between its parts.

        Raises
        ------
        SourceUnavailable
            The login is refused, the node is still starting, or does not answer.
        SourceError
            As for `Session.post`.
        """
        payload = payload_of(path, version="1.0")
        reply = self.session.post(path, payload)
        if reply.status == 401 and self._cookie_file is not None:
            self.close()  # a node that was started again has a new cookie
            reply = self.session.post(path, payload)
        for _ in range(_TRIES):
            check_ready(path, reply.status, reply.body)
            if not is_torn(path, reply.body):
                break
            reply = self.session.post(path, payload)
        return reply

    @property
    def session(self) -> Session:
        """The session that asks this node, opened and logged in at the first question."""
        if self._session is None and self._cookie_file is not None:
            self._url = _with_login(self._plain_url, self._cookie_file)
        return super().session


def _without_cookie_file(url: str | None) -> tuple[str | None, str]:
    """Return a URL without its `cookie_file=`, which is for us and not for the node, and its value."""
    base, mark, query = (url or "").partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    rest = [pair for pair in pairs if pair[0] != "cookie_file"]
    if len(rest) == len(pairs):
        return url, ""
    return base + (mark + urlencode(rest) if rest else ""), dict(pairs)["cookie_file"]


def _with_login(url: str, cookie_file: Path) -> str:
    """Return a URL with the login that a node wrote for those who may read its files.

    Raises
    ------
    BadInput
        If there is no such file, or it holds no login.
    """
    hint = "it is called .cookie and is there while the node runs; or write http://user:password@…"
    try:
        user, colon, password = cookie_file.expanduser().read_text("ascii").strip().partition(":")
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"the node's cookie file cannot be read: {cookie_file}", hint=hint) from None
    if not (user and colon and password):
        raise BadInput(f"no login is in the cookie file: {cookie_file}", hint=hint)
    parts = urlsplit(url)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return parts._replace(netloc=netloc).geturl()
