"""One's own EVM node over JSON-RPC: geth, Erigon, Reth, Nethermind, Besu, anvil.

Here is what is asked; what the answers state is `chainflow.sources.evm.facts`. All questions only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from chainflow.errors import BadInput
from chainflow.evm import read_address
from chainflow.sources.accounts import checked_evm_hash, missing_lists
from chainflow.sources.adapter import HttpSource, Place, check_batch
from chainflow.sources.evm.facts import NATIVE, PAGE, TOKEN, TOKEN_TOPICS, facts, padded, subject_of
from chainflow.sources.jsonrpc import payload_of, question

if TYPE_CHECKING:
    from chainflow.sources.http import Reply

__all__ = ["Evm", "facts"]

_TRACER = {"tracer": "callTracer"}


class Evm(HttpSource):
    """One EVM node as a source; parameters as for `HttpSource`, the chain is `eth` unless told.

    Which methods a node has is seen in its answers: they are asked for apart, so that a node without traces
    still gives transactions, and says what it does not give.

    Examples
    --------
    >>> node = Evm("http://127.0.0.1:8545", chain="evm-dev")
    >>> node.name, node.tip_path()
    ('evm:http://127.0.0.1:8545', '/batch/[["eth_chainId",[]],["eth_blockNumber",[]]]')
    """

    family: ClassVar[str] = "evm"
    own_chain: ClassVar[str] = "eth"
    lists = (NATIVE, TOKEN)
    most_txids = 20
    read = staticmethod(facts)
    subject_of = staticmethod(subject_of)

    @property
    def not_offered(self) -> tuple[str, ...]:
        """The lists in which there can be something on this chain, but which no node keeps."""
        return missing_lists(self.chain, self.lists)

    def tip_path(self) -> str:
        """Return the question for the node's chain, which must be the one meant, and its height."""
        return question(("eth_chainId", []), ("eth_blockNumber", []))

    def history_path(self, address: str, after: str = "", *, which: str = NATIVE) -> str:
        """Return the question for a page of a list, newest first.

        Parameters
        ----------
        after : str
            The height of the oldest block of the page before; the token list has one page.
        which : {"native", "token"}
            Transactions that the address is party to, also inside (Otterscan's index); those with logs
            that name it as a party of a token movement.
        """
        who = self.canonical(address)
        if which == NATIVE:
            if after and not (after.isascii() and after.isdigit()):
                raise BadInput(f"not a cursor: {after[:40]!r}", hint="take it from Listing.next")
            return question(("ots_searchTransactionsBefore", [who, int(after or 0), PAGE]))
        if which != TOKEN or after:
            raise BadInput(f"no list {which[:40]!r} after {after[:40]!r}", hint=f"lists: {NATIVE}, {TOKEN}")
        everything = {"fromBlock": "0x0", "toBlock": "latest"}
        asked: list[tuple[str, list[Any]]] = [
            ("eth_getLogs", [{**everything, "topics": [list(kinds), *[None] * place, padded(who)]}])
            for place, kinds in enumerate(TOKEN_TOPICS)
        ]
        return question(*asked)

    def tx_paths(self, txids: Sequence[str]) -> tuple[str, ...]:
        """Return two questions: transactions with receipts, and what happened inside them."""
        check_batch(txids, self.most_txids)
        known = list(map(checked_evm_hash, txids))
        mined: list[tuple[str, list[Any]]] = []
        inside: list[tuple[str, list[Any]]] = []
        for txid in known:
            asked: tuple[str, list[Any]] = ("eth_getTransactionByHash", [txid])
            mined += [asked, ("eth_getTransactionReceipt", [txid])]
            inside += [asked, ("debug_traceTransaction", [txid, _TRACER]), ("trace_transaction", [txid])]
        return question(*mined), question(*inside)

    def block_paths(self, height: int, block_hash: str = "") -> tuple[str, ...]:
        """Return two questions: a block with its receipts, and what happened inside its transactions."""
        if height < 0:
            raise BadInput(f"no block has the height {height}", hint="the first is 0")
        number = hex(height)
        by_hash = [checked_evm_hash(block_hash)] if block_hash else []
        first = (
            ("eth_getBlockByHash", [*by_hash, True]) if by_hash else ("eth_getBlockByNumber", [number, True])
        )
        return (
            question(first, ("eth_getBlockReceipts", by_hash or [number])),
            question(
                ("eth_getBlockByNumber", [number, True]),
                ("debug_traceBlockByNumber", [number, _TRACER]),
                ("trace_block", [number]),
            ),
        )

    def proof_paths(self, places: Sequence[Place]) -> tuple[str, ...]:
        """Return the questions for the whole blocks of these transactions: what a block commits to is proved."""
        blocks = sorted({(height, block_hash) for _, height, block_hash in places})
        return tuple(self.block_paths(height, block_hash)[0] for height, block_hash in blocks)

    def ask(self, path: str) -> Reply:
        """Return the node's answer, over the network.

        Raises
        ------
        SourceError
            As for `Session.post`.
        """
        return self.session.post(path, payload_of(path))

    def canonical(self, address: str) -> str:
        """Return an address in lower case, after checking its checksum (EIP-55) if it has one."""
        return read_address(address)
