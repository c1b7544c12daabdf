"""The bytes of EVM chains: hashes, transactions, signatures, blocks; no network, nothing but bytes and numbers.

What recomputes is proved: a transaction's hash, its sender from its signature, its place in a block from
the block's roots, the block's hash from its header. That a block is of the chain everyone follows is not:
compare its hash with one you trust.
"""

from __future__ import annotations

from chainflow.evm.blocks import EvmLog, EvmReceipt, block_hash, receipts_root, withdrawals_root
from chainflow.evm.hashes import checksummed, keccak256, read_address
from chainflow.evm.transactions import EvmTransaction, transaction_from_raw, transaction_from_rpc
from chainflow.evm.trie import EMPTY_ROOT, ordered_root

__all__ = [
    "EMPTY_ROOT",
    "EvmLog",
    "EvmReceipt",
    "EvmTransaction",
    "block_hash",
    "checksummed",
    "keccak256",
    "ordered_root",
    "read_address",
    "receipts_root",
    "transaction_from_raw",
    "transaction_from_rpc",
    "withdrawals_root",
]
