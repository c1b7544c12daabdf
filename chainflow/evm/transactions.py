"""EVM transactions: from a node's JSON or raw bytes to the hash, and from the signature to the sender.

Read are legacy transactions (before and since EIP-155), EIP-2930, 1559, 4844 and 7702, and deposits of the OP
stack. Other kinds (Arbitrum's, zkSync's, Celo's own) cannot be recomputed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from chainflow.errors import BadBytes
from chainflow.evm import rlp
from chainflow.evm.hashes import created_address, keccak256
from chainflow.evm.hextext import hex_bytes, hex_number
from chainflow.evm.secp256k1 import recover

__all__ = ["BLOB_GAS", "EvmTransaction", "transaction_from_raw", "transaction_from_rpc"]

BLOB_GAS = 131_072
"""Gas that each blob of an EIP-4844 transaction takes."""

_LEGACY, _BLOBS, _DEPOSIT = 0, 3, 0x7E
_CALL = ("gas", "to", "value", "input")
_SIGNATURE = ("yParity", "r", "s")
_FEES = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas")
_LAYOUTS: Mapping[int, tuple[str, ...]] = {
    _LEGACY: ("nonce", "gasPrice", *_CALL, "v", "r", "s"),
    1: ("chainId", "nonce", "gasPrice", *_CALL, "accessList", *_SIGNATURE),
    2: (*_FEES, *_CALL, "accessList", *_SIGNATURE),
    _BLOBS: (*_FEES, *_CALL, "accessList", "maxFeePerBlobGas", "blobVersionedHashes", *_SIGNATURE),
    4: (*_FEES, *_CALL, "accessList", "authorizationList", *_SIGNATURE),
    _DEPOSIT: ("sourceHash", "from", "to", "mint", "value", "gas", "isSystemTx", "input"),
}
"""Kind → its fields in the order in which they are serialised (EIP-2718 and the EIPs named above)."""

_AUTHORIZATION = ("chainId", "address", "nonce", *_SIGNATURE)
_ASK_OTHER = "ask another source"


@dataclass(frozen=True, slots=True)
class EvmTransaction:
    """One transaction that was read whole; its bytes hash to `txid`.

    Attributes
    ----------
    kind : int
        0 legacy, 1 EIP-2930, 2 EIP-1559, 3 EIP-4844, 4 EIP-7702, 126 OP-stack deposit.
    raw : bytes
        As the block commits to it.
    chain_id : int or None
        The chain it was signed for; `None` where it is not bound to one (legacy before EIP-155, deposits).
    to : str or None
        `None` creates a contract, at `recipient`.
    price, priority : int
        The most that is paid for a unit of gas, and the most that goes to the block's maker of it.
    blobs : int
    mint_raw : int
        What a deposit makes on this chain for its sender.
    """

    kind: int
    raw: bytes = field(repr=False)
    chain_id: int | None
    nonce: int
    to: str | None
    value_raw: int
    gas_limit: int
    price: int
    priority: int
    input: bytes = field(repr=False)
    blobs: int = 0
    mint_raw: int = 0
    _signed: tuple[bytes, int, int, int] | None = field(default=None, repr=False)
    _stated: str = field(default="", repr=False)

    @property
    def txid(self) -> str:
        """The Keccak-256 of the bytes: `0x` and 64 hex digits."""
        return "0x" + keccak256(self.raw).hex()

    @property
    def sender(self) -> str:
        """The address whose key signed, recovered from the signature; a deposit, unsigned, states it.

        Raises
        ------
        BadBytes
            If no key could have made the signature.
        """
        if self._signed is None:
            return self._stated
        return "0x" + keccak256(recover(*self._signed))[12:].hex()

    @property
    def recipient(self) -> str | None:
        """Who is paid: `to`, or the contract that is created; `None` for a deposit's, whose nonce is not here."""
        if self.to is not None or self.kind == _DEPOSIT:
            return self.to
        return created_address(self.sender, self.nonce)


def transaction_from_rpc(tx: Mapping[str, Any]) -> EvmTransaction | None:
    """Return a transaction built anew from JSON-RPC fields; `None` where its kind cannot be recomputed.

    What the JSON states of `hash` and `from` is not used: compare it with `txid` and `sender`.

    Raises
    ------
    BadBytes
        If a field that is hashed is missing or malformed; it is named.
    """
    kind = hex_number(tx.get("type") or "0x0", "type")
    layout = _LAYOUTS.get(kind)
    if layout is None or (kind == _LEGACY and not any(_is_nonzero(tx.get(name)) for name in "rs")):
        return None  # a system transaction without a signature (Polygon, early Optimism) has no such hash
    items = [_READERS.get(name, _number_item)(_member(tx, name), name) for name in layout]
    raw = rlp.encode(items)
    return transaction_from_raw(bytes((kind,)) + raw if kind else raw)


def transaction_from_raw(raw: bytes) -> EvmTransaction:
    """Return the transaction that `raw` is, in the form in which blocks commit to it.

    Raises
    ------
    BadBytes
        If it is malformed, has a value in another than its shortest form, or is of an unknown kind.

    Examples
    --------
    >>> example = transaction_from_raw(bytes.fromhex(  # of EIP-155
    ...     "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340b"
    ...     "d939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64"
    ...     "214b297fb1966a3b6d83"))
    >>> example.sender, example.chain_id
    ('0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f', 1)
    """
    is_typed = raw[:1] < b"\x80" and raw != b""
    kind = raw[0] if is_typed else _LEGACY
    layout = _LAYOUTS.get(kind) if kind or not is_typed else None
    if layout is None:
        raise BadBytes(f"no transaction of kind {kind} is read here", hint="it may be of another chain")
    body = raw[1:] if is_typed else raw
    items = rlp.decode(body)
    if isinstance(items, bytes) or len(items) != len(layout):
        raise BadBytes(f"not the {len(layout)} fields of a transaction of kind {kind}", hint=_ASK_OTHER)
    by_name = dict(zip(layout, items, strict=True))
    signed, chain_id = _what_was_signed(kind, items, by_name)
    price = _number(by_name, "maxFeePerGas" if "maxFeePerGas" in by_name else "gasPrice")
    return EvmTransaction(
        kind,
        raw,
        chain_id,
        _number(by_name, "nonce"),
        _address(by_name, "to") if by_name["to"] else None,
        _number(by_name, "value"),
        _number(by_name, "gas"),
        price,
        _number(by_name, "maxPriorityFeePerGas") if "maxPriorityFeePerGas" in by_name else price,
        _bytes(by_name, "input"),
        blobs=len(by_name.get("blobVersionedHashes", ())),
        mint_raw=_number(by_name, "mint"),
        _signed=signed,
        _stated=_address(by_name, "from") if kind == _DEPOSIT else "",
    )


def _what_was_signed(
    kind: int, items: Sequence[rlp.Item], by_name: Mapping[str, rlp.Item]
) -> tuple[tuple[bytes, int, int, int] | None, int | None]:
    """Return (digest, r, s, parity) and the chain that the signature is for."""
    if kind == _DEPOSIT:
        return None, None
    r, s = _number(by_name, "r"), _number(by_name, "s")
    if kind != _LEGACY:
        digest = keccak256(bytes((kind,)) + rlp.encode(items[:-3]))
        return (digest, r, s, _number(by_name, "yParity")), _number(by_name, "chainId")
    v = _number(by_name, "v")
    if v < 35:
        return (keccak256(rlp.encode(items[:6])), r, s, v - 27), None
    chain_id, parity = divmod(v - 35, 2)  # EIP-155
    return (keccak256(rlp.encode([*items[:6], rlp.number(chain_id), b"", b""])), r, s, parity), chain_id


def _bytes(by_name: Mapping[str, rlp.Item], name: str) -> bytes:
    item = by_name[name]
    if not isinstance(item, bytes):
        raise BadBytes(f"{name} is a list", hint=_ASK_OTHER)
    return item


def _number(by_name: Mapping[str, rlp.Item], name: str) -> int:
    """Return a number, 0 for a field that this kind does not have."""
    item = _bytes(by_name, name) if name in by_name else b""
    if len(item) > 32 or item[:1] == b"\0":
        raise BadBytes(f"{name} is not a number in its shortest form", hint=_ASK_OTHER)
    return int.from_bytes(item)


def _address(by_name: Mapping[str, rlp.Item], name: str) -> str:
    item = _bytes(by_name, name)
    if len(item) != 20:
        raise BadBytes(f"{name} has {len(item)} bytes, an address has 20", hint=_ASK_OTHER)
    return "0x" + item.hex()


# --- from JSON -------------------------------------------------------------------------------------


def _member(tx: Mapping[str, Any], name: str) -> Any:
    """Return a field by the names that nodes give it."""
    others = {"yParity": "v", "input": "data", "isSystemTx": "isSystemTransaction"}
    value = tx.get(name)
    return tx.get(others[name]) if value is None and name in others else value


def _is_nonzero(value: Any) -> bool:
    return isinstance(value, str) and value.strip("0x") != ""


def _number_item(value: Any, name: str) -> rlp.Item:
    return rlp.number(hex_number(value, name))


def _optional_number_item(value: Any, name: str) -> rlp.Item:
    return b"" if value is None else _number_item(value, name)


def _flag_item(value: Any, name: str) -> rlp.Item:
    if value not in (None, True, False):
        raise BadBytes(f"{name} is not true or false", hint=_ASK_OTHER)
    return b"\x01" if value else b""


def _address_item(value: Any, name: str) -> bytes:
    return hex_bytes(value, name, 20)


def _hash_item(value: Any, name: str) -> bytes:
    return hex_bytes(value, name, 32)


def _to_item(value: Any, name: str) -> bytes:
    return b"" if value in (None, "", "0x") else _address_item(value, name)


def _list_of(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadBytes(f"{name} is not a list", hint=_ASK_OTHER)
    return value


def _hashes_item(value: Any, name: str) -> rlp.Item:
    return [_hash_item(entry, name) for entry in _list_of(value, name)]


def _access_item(value: Any, name: str) -> rlp.Item:
    entries = [_object(entry, name) for entry in _list_of(value, name)]
    return [
        [_address_item(entry.get("address"), name), _hashes_item(entry.get("storageKeys"), name)]
        for entry in entries
    ]


def _authorization_item(value: Any, name: str) -> rlp.Item:
    entries = [_object(entry, name) for entry in _list_of(value, name)]
    return [
        [
            (_address_item if part == "address" else _number_item)(_member(entry, part), f"{name}.{part}")
            for part in _AUTHORIZATION
        ]
        for entry in entries
    ]


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadBytes(f"{name} holds something else than objects", hint=_ASK_OTHER)
    return cast("dict[str, Any]", value)


_READERS: Mapping[str, Callable[[Any, str], rlp.Item]] = {
    "to": _to_item,
    "from": _address_item,
    "input": hex_bytes,
    "sourceHash": _hash_item,
    "accessList": _access_item,
    "blobVersionedHashes": _hashes_item,
    "authorizationList": _authorization_item,
    "mint": _optional_number_item,
    "isSystemTx": _flag_item,
}
