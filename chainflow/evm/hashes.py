"""Keccak-256, and the two things made with it that people see: an address's checksum, a contract's address."""

from __future__ import annotations

from chainflow.checksums import evm_decode as read_address
from chainflow.checksums import evm_encode as checksummed
from chainflow.checksums import keccak256
from chainflow.evm import rlp

__all__ = ["checksummed", "created_address", "keccak256", "read_address"]


def created_address(sender: str, nonce: int) -> str:
    """Return the address of the contract that a sender's transaction number `nonce` creates.

    Examples
    --------
    >>> created_address("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", 0)
    '0x5fbdb2315678afecb367f032d93f642f64180aa3'
    """
    return "0x" + keccak256(rlp.encode([bytes.fromhex(sender[2:]), rlp.number(nonce)]))[12:].hex()
