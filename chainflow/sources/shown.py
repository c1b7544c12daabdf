"""Scripts behind addresses: those that an answer states, and those that an input shows.

A legacy or segwit input reveals the key or script whose hash the spent output holds, so that the address
which an explorer states of an input need not be believed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from chainflow.addresses import Address, decode, hash160, script_type
from chainflow.errors import AddressInvalid, ProofFailed
from chainflow.sources.strict import REJECTED, Field, excerpt

__all__ = ["address_asked", "address_stated", "pushes", "shows"]

_PUSHDATA = {0x4C: 1, 0x4D: 2, 0x4E: 4}
_OP_1NEGATE, _OP_1, _OP_16 = 0x4F, 0x51, 0x60


def address_stated(stated: Field, chain: str) -> Address:
    """Return an address that an answer states; what is none of the chain, or has no script, is refused."""
    try:
        address = decode(stated.text(), chain=chain)
    except AddressInvalid:
        address = None
    if address is None or not address.script:
        raise stated.refuse(f"an address of {chain}")
    return address


def address_asked(answer: Field, asked: str, chain: str) -> Address:
    """Return the address that was asked for, if the answer is about it, in whatever form it writes it.

    Raises
    ------
    ProofFailed
        If the answer is about another one.
    """
    wanted = address_stated(Field(asked, answer.what, "address (asked)"), chain)
    if address_stated(answer["address"], chain).script != wanted.script:
        other = excerpt(answer["address"].text().encode(), limit=100)
        raise ProofFailed(f"{answer.what} is about another address ({other})", hint=REJECTED)
    return wanted


def pushes(scriptsig: bytes) -> tuple[bytes, ...] | None:
    """Return what a signature script puts on the stack; `None` if it does more than push.

    Examples
    --------
    >>> pushes(bytes.fromhex("02abcd00"))
    (b'\\xab\\xcd', b'')
    """
    found, at = [], 0
    while at < len(scriptsig):
        code, at = scriptsig[at], at + 1
        if code == _OP_1NEGATE or _OP_1 <= code <= _OP_16:
            found.append(b"\x81" if code == _OP_1NEGATE else bytes((code - _OP_1 + 1,)))
            continue
        width = _PUSHDATA.get(code, 0)
        if code > 0x4B and not width:
            return None
        size = int.from_bytes(scriptsig[at : at + width], "little") if width else code
        at += width + size
        if at > len(scriptsig):
            return None
        found.append(scriptsig[at - size : at])
    return tuple(found)


def shows(script: bytes, scriptsig: bytes, witness: Sequence[bytes]) -> bool | None:
    """Return whether an input reveals the key or script that `script` holds the hash of.

    `None` where it cannot be told: a type that holds no such hash (`p2pk`, `p2tr`), a witness that is not
    at hand, or a signature script that does more than push.

    References
    ----------
    BIP16, BIP141.

    Examples
    --------
    >>> key = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    >>> shows(bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6"), b"", (b"signature", key))
    True
    """
    kind = script_type(script)
    if kind in ("p2wpkh", "p2wsh"):
        if not witness:
            return None
        hashed = hash160(witness[-1]) if kind == "p2wpkh" else hashlib.sha256(witness[-1]).digest()
        return hashed == script[2:]
    pushed = pushes(scriptsig) if kind in ("p2pkh", "p2sh") else None
    if not pushed:
        return None
    return hash160(pushed[-1]) == (script[3:23] if kind == "p2pkh" else script[2:22])
