"""A block as a node writes it in JSON: its transactions, held together by the header that they make."""

from __future__ import annotations

from chainflow.errors import BadBytes, BadResponse, ProofFailed, SchemaMismatch
from chainflow.merkle import merkle_root
from chainflow.model import Fact
from chainflow.sources.core.transactions import transaction
from chainflow.sources.headers import PLAIN_HEADERS
from chainflow.sources.mined import base_of, block_records, tx_record
from chainflow.sources.strict import REJECTED, Field
from chainflow.sources.utxo import MAX_HEIGHT, U32
from chainflow.transactions import Block, Header

__all__ = ["block_facts"]


def block_facts(chain: str, asked: str, block: Field) -> tuple[Fact, ...]:
    """Return the header and the transactions of the block `asked`, from `getblock` with 2 or 3, or REST.

    The header is built from the fields and must hash to `asked`: with the merkle root over the recomputed
    txids that proves which transactions the block has, in which order.

    Raises
    ------
    BadResponse
        If the block is not on the node's best chain.
    SchemaMismatch, ProofFailed
        If a field is wrong, or the parts do not belong together.
    """
    if block["hash"].hexadecimal(size=32) != asked:
        raise ProofFailed(f"{block.what} is about another block, {block['hash'].value}", hint=REJECTED)
    if block["confirmations"].integer(-1, MAX_HEIGHT) < 0:
        raise BadResponse(
            f"{block.what}: the block is not on the node's best chain: what it holds may have happened elsewhere",
            hint="ask for the hash at this height again",
        )
    height = block["height"].integer(0, MAX_HEIGHT)
    pairs = [transaction(chain, item) for item in block["tx"].items()]
    stated = block.get("nTx")
    if stated is not None and stated.value != len(pairs):
        raise ProofFailed(f"{block.what}: {len(pairs)} transactions, not {stated.value}", hint=REJECTED)
    built = tuple(transaction for transaction, _ in pairs)
    spent = tuple(spends for _, spends in pairs)
    if base_of(chain) in PLAIN_HEADERS:
        header = _header(block)
        if header.hash != asked:
            raise ProofFailed(f"{block.what}: its header hashes to {header.hash}", hint=REJECTED)
        return block_records(chain, Block(header, built), height, spent, what=block.what)
    _check_root(block, [transaction.txid for transaction in built])
    time = block["time"].integer(0, U32)
    return tuple(
        tx_record(
            chain,
            made,
            spends,
            height=height,
            block_hash=asked,
            time=time,
            position=position,
            what=block.what,
        )
        for position, (made, spends) in enumerate(pairs)
    )


def _header(block: Field) -> Header:
    """Return the header that the fields describe."""
    previous = block.get("previousblockhash")  # the first block has none
    bits = block["bits"].hexadecimal(size=4)
    return Header(
        block["version"].integer(-(2**31), 2**31 - 1),
        "0" * 64 if previous is None else previous.hexadecimal(size=32),
        block["merkleroot"].hexadecimal(size=32),
        block["time"].integer(0, U32),
        int(bits, 16),
        block["nonce"].integer(0, U32),
    )


def _check_root(block: Field, txids: list[str]) -> None:
    try:
        root = merkle_root(txids)
    except BadBytes as error:
        raise SchemaMismatch(f"{block['tx'].what}: {error.message}", hint=REJECTED) from None
    if root != block["merkleroot"].value:
        raise ProofFailed(f"{block.what}: its merkle root is not of these transactions", hint=REJECTED)
