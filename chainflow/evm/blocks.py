"""What an EVM block commits to: its hash from its header, the roots of its receipts and withdrawals, its prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chainflow.evm import rlp
from chainflow.evm.hashes import keccak256
from chainflow.evm.hextext import hex_bytes, hex_number
from chainflow.evm.trie import ordered_root

__all__ = [
    "EvmLog",
    "EvmReceipt",
    "blob_price",
    "block_hash",
    "exponential",
    "logs_bloom",
    "receipts_root",
    "withdrawals_root",
]

_REQUIRED: Mapping[str, int | None] = {
    "parentHash": 32,
    "sha3Uncles": 32,
    "miner": 20,
    "stateRoot": 32,
    "transactionsRoot": 32,
    "receiptsRoot": 32,
    "logsBloom": 256,
    "difficulty": 0,
    "number": 0,
    "gasLimit": 0,
    "gasUsed": 0,
    "timestamp": 0,
    "extraData": None,
    "mixHash": 32,
    "nonce": 8,
}
"""Header fields in order and their sizes: 0 is a number, `None` any length."""

_ADDED: Mapping[str, int | None] = {
    "baseFeePerGas": 0,  # London
    "withdrawalsRoot": 32,  # Shanghai
    "blobGasUsed": 0,  # Cancun
    "excessBlobGas": 0,
    "parentBeaconBlockRoot": 32,
    "requestsHash": 32,  # Prague
}
"""Fields that forks added, in their order; those that are absent are left out."""

_BLOB_FRACTIONS = (3_338_477, 5_007_716, 8_346_193, 11_684_671)
"""How slowly the price of blobs follows demand: Cancun, Prague, and the two changes after Osaka."""


@dataclass(frozen=True, slots=True)
class EvmLog:
    """What a contract wrote into the receipt: its address, the topics, the data, as bytes."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class EvmReceipt:
    """What became of a transaction, as far as the block commits to it.

    Attributes
    ----------
    kind : int
        As of the transaction.
    outcome : bytes
        `b"\\x01"` where it succeeded, `b""` where it failed; before Byzantium the state root, which tells
        neither.
    cumulative_gas : int
        Gas used by the block up to here.
    deposit : tuple of int
        Nonce and version of an OP-stack deposit's receipt, since its fork Canyon.
    """

    kind: int
    outcome: bytes
    cumulative_gas: int
    logs: tuple[EvmLog, ...]
    deposit: tuple[int, ...] = ()

    def serialize(self) -> bytes:
        """Return the bytes that stand in the trie of receipts."""
        fields: list[rlp.Item] = [
            self.outcome,
            rlp.number(self.cumulative_gas),
            logs_bloom(self.logs),
            [[log.address, log.topics, log.data] for log in self.logs],
            *map(rlp.number, self.deposit),
        ]
        raw = rlp.encode(fields)
        return bytes((self.kind,)) + raw if self.kind else raw


def receipts_root(receipts: Iterable[EvmReceipt]) -> str:
    """Return the root that a block with these receipts states."""
    return ordered_root([receipt.serialize() for receipt in receipts])


def withdrawals_root(withdrawals: Iterable[tuple[int, int, str, int]]) -> str:
    """Return the root that a block with these withdrawals states: (index, validator, address, gwei) each.

    References
    ----------
    EIP-4895.
    """
    return ordered_root(
        [
            rlp.encode(
                [rlp.number(index), rlp.number(validator), bytes.fromhex(address[2:]), rlp.number(gwei)]
            )
            for index, validator, address, gwei in withdrawals
        ]
    )


def logs_bloom(logs: Sequence[EvmLog]) -> bytes:
    """Return the filter of 2,048 bits in which each address and topic of these logs sets three."""
    bits = 0
    for word in {word for log in logs for word in (log.address, *log.topics)}:
        digest = keccak256(word)
        for start in (0, 2, 4):
            bits |= 1 << (int.from_bytes(digest[start : start + 2]) & 2047)
    return bits.to_bytes(256)


def block_hash(header: Mapping[str, object]) -> str:
    """Return the hash of a block from the header fields of its JSON, of any fork up to Prague and Osaka.

    Raises
    ------
    BadBytes
        If a field is missing or malformed; it is named.

    References
    ----------
    Ethereum yellow paper, section 4.4; EIP-1559, 4788, 4844, 4895, 7685.
    """
    items = [_item(header.get(name), name, size) for name, size in _REQUIRED.items()]
    added = {name: header.get(name) for name in _ADDED}
    items += [_item(value, name, _ADDED[name]) for name, value in added.items() if value is not None]
    return "0x" + keccak256(rlp.encode(items)).hex()


def _item(value: object, name: str, size: int | None) -> bytes:
    """Return one header field as bytes."""
    return rlp.number(hex_number(value, name)) if size == 0 else hex_bytes(value, name, size)


def blob_price(excess_gas: int) -> frozenset[int]:
    """Return what a unit of blob gas may cost in a block: one price for each fork's rule.

    References
    ----------
    EIP-4844 (`fake_exponential`), EIP-7691, EIP-7892.

    Examples
    --------
    >>> sorted(blob_price(0))
    [1]
    """
    return frozenset(exponential(excess_gas, fraction) for fraction in _BLOB_FRACTIONS)


def exponential(excess_gas: int, fraction: int) -> int:
    """Return e^(excess/fraction), rounded as all nodes do it (EIP-4844, `fake_exponential`)."""
    total, term, step = 0, fraction, 1
    while term > 0 and step < 4_000:
        total += term
        term = term * excess_gas // (fraction * step)
        step += 1
    return total // fraction
