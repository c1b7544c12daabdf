"""A node over REST (`rest=1`): no login, no txid batches; blocks, and with `txindex` transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainflow.errors import BadResponse, NotFound, ProofFailed, SourceUnavailable
from chainflow.model import BlockHash, Fact, Tip
from chainflow.sources.adapter import Place
from chainflow.sources.core.blocks import block_facts
from chainflow.sources.core.node import Node
from chainflow.sources.core.transactions import transaction
from chainflow.sources.headers import chained_headers
from chainflow.sources.mined import base_of, tx_record
from chainflow.sources.routes import HASH, TXID, Routes, answer_to
from chainflow.sources.strict import Field, excerpt
from chainflow.sources.utxo import MAX_HEIGHT, check_asked, checked_txid

if TYPE_CHECKING:
    from chainflow.sources.http import Reply

__all__ = ["CoreRest", "rest_facts"]

_NETWORKS = {"main": "", "regtest": "-regtest"}
"""How a node calls its network → the end of ours; all others are `-testnet`."""

_MOST_HEADERS = 2_000
"""Headers that a node gives at once."""


def rest_facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what a node's REST answer states about `chain`; as `chainflow.sources.core.facts.facts`.

    A transaction comes with the hash of its block at most: its height is then unknown, not none.

    Raises
    ------
    NotFound
        The node does not have it: without `txindex` it knows only unconfirmed transactions.
    SourceUnavailable
        Its REST interface is switched off.
    BadResponse, SchemaMismatch, ProofFailed
        The reply is no answer to this question, or cannot be true.
    BadInput
        `path` is no question of this family.

    Examples
    --------
    >>> rest_facts("btc", "/rest/blockhashbyheight/170.json", 200, b'{"blockhash": "' + b"00" * 32 + b'"}')[0].height
    170
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    _check_open(status, body)
    words = excerpt(body, limit=160)
    if status == 404:
        raise NotFound(
            f"{what} is “not found” ({words})",
            hint="is it of this chain? without txindex=1 a node finds no confirmed transaction",
        )
    if status != 200:
        raise BadResponse(f"{what} has status {status} ({words}); it was not used", hint="ask another source")
    is_json = path.endswith(".json")
    given = Field.parse(body, what) if is_json else Field(body.decode("ascii", "replace").strip(), what)
    return tuple(read(chain, asked, given))


class CoreRest(Node):
    """One's own bitcoind, litecoind, … over REST; it takes no login, so keep it on this machine.

    Parameters
    ----------
    url : str, optional
        `http://127.0.0.1:8332`; without it the node on this machine at its usual port.
    chain : str, optional
        `btc` unless given.
    proxy : str, optional
        As for `Session`.
    **options
        Further keywords of `Session`.

    Raises
    ------
    BadInput, HostNotAllowed
        If the URL cannot be used. Nothing is asked yet.

    Examples
    --------
    >>> CoreRest(chain="ltc").name
    'core-rest:http://127.0.0.1:9332'
    """

    family = "core-rest"
    read = staticmethod(rest_facts)

    def tip_path(self) -> str:
        """Return the path that asks for the newest height and the network."""
        return "/rest/chaininfo.json"

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return a path for each transaction."""
        return tuple(f"/rest/tx/{checked_txid(txid)}.json" for txid in txids)

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return the paths of the whole blocks: there are no branches, but a block proves all it holds."""
        known = dict.fromkeys(block_hash for _, _, block_hash in places if block_hash)
        return tuple(f"/rest/block/{checked_txid(block_hash)}.json" for block_hash in known)

    def block_paths(self, height: int, block_hash: str = "") -> tuple[str, ...]:
        """Return the path of a block, or of its hash first (nodes from version 0.18)."""
        if block_hash:
            return (f"/rest/block/{checked_txid(block_hash)}.json",)
        return (f"/rest/blockhashbyheight/{height}.json",)

    def header_paths(self, first: int, last: int, first_hash: str = "") -> tuple[str, ...]:
        """Return the path of up to 2,000 headers from a known block on: those that follow need the last one's hash."""
        if not first_hash:
            return ()
        return (f"/rest/headers/{min(last - first + 1, _MOST_HEADERS)}/{checked_txid(first_hash)}.hex",)

    def subject_of(self, path: str) -> str:
        """Return the txid that the node learns from `path`, "" for none."""
        return _ROUTES.subject_of(path)

    def ask(self, path: str) -> Reply:
        """Return the node's final answer to `path`.

        Raises
        ------
        SourceUnavailable
            Its REST interface is switched off, or it does not answer.
        SourceError
            As for `Session.get`.
        """
        reply = self.session.get(path)
        _check_open(reply.status, reply.body)
        return reply


def _check_open(status: int, body: bytes) -> None:
    if status == 404 and not body.strip():  # what is not found has a text
        raise SourceUnavailable("the node does not answer REST", hint="start it with rest=1")


def _tip(chain: str, _asked: Sequence[str], info: Field) -> list[Fact]:
    network = info["chain"].text()
    found = base_of(chain) + _NETWORKS.get(network, "-testnet")
    if found != chain:
        shown = excerpt(network.encode("utf-8", "replace"))
        raise ProofFailed(f"the node's network is {shown}, not that of {chain}", hint=f"pass chain={found!r}")
    return [Tip(chain, info["blocks"].integer(0, MAX_HEIGHT))]


def _block_hash(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    return [BlockHash(chain, int(asked[0]), answer["blockhash"].hexadecimal(size=32))]


def _headers(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    raw = bytes.fromhex(answer.hexadecimal())  # nothing at all where the block is not on the best chain
    return list(chained_headers(chain, raw, int(asked[0]), first=asked[1], what=answer.what))


def _block(chain: str, asked: Sequence[str], block: Field) -> list[Fact]:
    return list(block_facts(chain, asked[0], block))


def _transaction(chain: str, asked: Sequence[str], tx: Field) -> list[Fact]:
    built, spent = transaction(chain, tx)
    check_asked(tx.what, built.txid, asked[0])
    block = tx.get("blockhash")
    block_hash = None if block is None else block.hexadecimal(size=32)
    return [tx_record(chain, built, spent, block_hash=block_hash, is_placed=block_hash is None, what=tx.what)]


_ROUTES = Routes(
    "CoreRest",
    {
        r"/rest/chaininfo\.json": _tip,
        r"/rest/blockhashbyheight/(0|[1-9][0-9]{0,8})\.json": _block_hash,
        rf"/rest/headers/([1-9][0-9]{{0,3}})/({HASH})\.hex": _headers,
        rf"/rest/block/({HASH})\.json": _block,
        rf"/rest/tx/{TXID}\.json": _transaction,
    },
)
