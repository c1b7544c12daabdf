"""Etherscan and the explorers that speak its language: Blockscout's compatible API, and Routescan.

Here is what is asked and where; what the answers state is `chainflow.sources.etherscan.facts`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Unpack
from urllib.parse import parse_qsl, urlencode, urlsplit

from chainflow.errors import BadInput
from chainflow.networks import EVM
from chainflow.sources.accounts import (
    BLOCKSCOUTS,
    PAYS_REWARDS,
    PAYS_WITHDRAWALS,
    account,
    checked_evm_hash,
    missing_lists,
)
from chainflow.sources.adapter import HttpSource, Places
from chainflow.sources.etherscan.facts import ACTIONS, REWARDS_PAGE, WINDOW, facts, subject_of
from chainflow.sources.etherscan.words import is_momentary_limit

if TYPE_CHECKING:
    from chainflow.sources.http import Reply, SessionOptions

__all__ = ["Etherscan", "facts"]

_ETHERSCAN = "api.etherscan.io"
_AT_ETHERSCAN = re.compile(r"(?:https?://)?(?:[^/?#]*@)?api\.etherscan\.io(?:[:/?]|$)", re.IGNORECASE)
_LAST_BLOCK = 999_999_999
_MOST_BYTES = 128 * 2**20
_MOST_SECONDS = 300.0

_ON_ETHERSCAN = (
    *("eth", "op", "bnb", "gnosis", "polygon", "base", "arbitrum", "celo", "avax", "linea", "mantle"),
    *("blast", "scroll", "eth-sepolia"),
)
_ON_ROUTESCAN = ("eth", "avax", "op", "base", "arbitrum", "bnb", "polygon", "mantle", "blast", "scroll")


class Etherscan(HttpSource):
    """One explorer of this family as a source; see `HttpSource` for how one is named.

    Which of the three it is, is seen in the URL: `…/v2` is Etherscan, which takes the chain's number with
    each question; `…/etherscan` is Routescan; any other is Blockscout. `/api` at the end may be left out.

    Raises
    ------
    BadInput
        Also if `chain` is no EVM chain, or is not the one that the URL names.

    Examples
    --------
    >>> source = Etherscan("https://api.etherscan.io/v2/api?apikey=SECRET", chain="base")
    >>> source.name, source.chain, source.tip_path()
    ('etherscan:https://api.etherscan.io/v2', 'base', '/api?chainid=8453&module=proxy&action=eth_blockNumber')
    """

    family = "etherscan"
    own_chain = "eth"
    canonical = staticmethod(account)
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)
    places: ClassVar[Places] = {
        _ETHERSCAN: dict.fromkeys(_ON_ETHERSCAN, "/v2"),
        **BLOCKSCOUTS,
        "api.routescan.io": {
            chain: f"/v2/network/mainnet/evm/{EVM[chain].number}/etherscan" for chain in _ON_ROUTESCAN
        },
    }

    def __init__(
        self,
        url: str | None = None,
        *,
        chain: str | None = None,
        proxy: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        url, named = _without_api(url)
        if named is not None and chain not in (None, named):
            raise BadInput(f"this URL speaks of {named}, not of {chain}", hint="leave out chain=")
        chain = chain or named
        if chain is None and (url is None or _is_etherscan(url)):
            chain = self.own_chain
        # a page of 10,000 rows carries what was sent to contracts too
        options.setdefault("max_bytes", _MOST_BYTES)
        options.setdefault("max_seconds", _MOST_SECONDS)
        super().__init__(url, chain=chain, proxy=proxy, **options)
        if self.chain not in EVM:
            raise BadInput(f"{self.chain} is no EVM chain", hint=f"one of: {', '.join(sorted(EVM))}")
        base = urlsplit(self.name.partition(":")[2]).path
        self._is_etherscan = base.endswith("/v2")
        self._has_proxy = self._is_etherscan or base.endswith("/etherscan")
        self._waits = options.get("backoff", 2.0)

    @classmethod
    def chain_of_url(cls, url: str) -> str | None:
        """Return the chain of a public explorer's base URL; `None` where one URL serves them all."""
        parts = urlsplit(url)
        paths = cls.places.get(parts.hostname or "", {})
        chains = [chain for chain, path in paths.items() if parts.path.rstrip("/") == path]
        return chains[0] if len(chains) == 1 else None

    @property
    def lists(self) -> tuple[str, ...]:  # type: ignore[override]  # which there are depends on chain and host
        """The lists that make up an address's history here: only those in which there can be anything."""
        lists = ["native", "internal", "token", "nft", "token1155"]
        if self._is_etherscan and self.chain in PAYS_WITHDRAWALS:
            lists.append("withdrawals")
        if self._is_etherscan and self.chain in PAYS_REWARDS:
            lists.append("rewards")
        return tuple(lists)

    @property
    def not_offered(self) -> tuple[str, ...]:
        """The lists in which there can be something on this chain, but which this explorer does not have."""
        return missing_lists(self.chain, self.lists)

    def tip_path(self) -> str:
        """Return the path that asks for the height of the newest block."""
        if self._has_proxy:
            return self._path(module="proxy", action="eth_blockNumber")
        return self._path(module="block", action="eth_block_number")

    def history_path(self, address: str, after: str = "", *, which: str = "") -> str:
        """Return the path of a page of a list ("" is `native`): its first, or the one at the cursor `after`.

        Raises
        ------
        AddressInvalid
            If `address` is none.
        BadInput
            If there is no such list here, or `after` is no cursor of this family.
        """
        which = which or "native"
        if which not in self.lists:
            raise BadInput(f"no list called {which[:40]!r} here", hint=f"there are: {', '.join(self.lists)}")
        cursor = re.fullmatch(r"([0-9]{0,9})(?:\+([1-9][0-9]{0,4}))?", after)
        if cursor is None or (not cursor[1] and after) or (cursor[2] and which == "rewards"):
            raise BadInput(f"not a cursor: {after[:40]!r}", hint="take it from the page before: Listing.next")
        action, who = ACTIONS[which], self.canonical(address)
        if which == "rewards":
            page, size = after or "1", str(REWARDS_PAGE)
            return self._account(action, address=who, blocktype="blocks", page=page, offset=size)
        # what follows so many rows is the second page of that size
        page, size = ("2", cursor[2]) if cursor[2] else ("1", str(WINDOW))
        blocks = {"startblock": cursor[1] or "0", "endblock": str(_LAST_BLOCK)}
        return self._account(action, address=who, **blocks, page=page, offset=size, sort="asc")

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that together ask for transactions; nothing for what a block itself pays."""
        return tuple(path for txid in txids if not txid.startswith("block:") for path in self._tx_paths(txid))

    def _tx_paths(self, txid: str) -> Iterable[str]:
        checked_evm_hash(txid)
        if self._has_proxy:
            yield self._path(module="proxy", action="eth_getTransactionByHash", txhash=txid)
            yield self._path(module="proxy", action="eth_getTransactionReceipt", txhash=txid)
        else:
            yield self._path(module="transaction", action="gettxinfo", txhash=txid)
        yield self._account("txlistinternal", txhash=txid)

    def ask(self, path: str) -> Reply:
        """Return the server's final answer; the limit of calls per second, told in HTTP 200, is waited out.

        Raises
        ------
        SourceError
            As for `Session.get`.
        """
        reply = super().ask(path)
        for pause in (self._waits / 2, self._waits, 2 * self._waits):
            if not is_momentary_limit(reply.body):
                break
            time.sleep(pause)
            reply = super().ask(path)
        return reply

    def _account(self, action: str, **asked: str) -> str:
        return self._path(module="account", action=action, **asked)

    def _path(self, **asked: str) -> str:
        number = {"chainid": str(EVM[self.chain].number)} if self._is_etherscan else {}
        return "/api?" + urlencode({**number, **asked})


def _without_api(url: str | None) -> tuple[str | None, str | None]:
    """Return a URL without `/api` at its end and `chainid=` in its query, and the chain of that number."""
    if url is None:
        return None, None
    where, mark, query = url.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    numbers = [value for name, value in pairs if name.lower() == "chainid"]
    kept = "&".join(pair for pair in query.split("&") if not pair.lower().startswith("chainid="))
    chain = None
    if numbers:
        chain = next((name for name, network in EVM.items() if str(network.number) == numbers[0]), None)
        if chain is None:
            raise BadInput("no chain of this chainid is known", hint=f"one of: {', '.join(sorted(EVM))}")
    where = where.rstrip("/").removesuffix("/api")
    if _is_etherscan(where) and where != _ETHERSCAN and not where.endswith("/v2"):
        raise BadInput("Etherscan switched this API off", hint=f"https://{_ETHERSCAN}/v2/api?apikey=KEY")
    return (f"{where}?{kept}" if mark and kept else where), chain


def _is_etherscan(url: str) -> bool:
    return _AT_ETHERSCAN.match(url) is not None
