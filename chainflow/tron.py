"""Tron's bytes: what a transaction's `raw_data` says, its txid, token calls, and addresses in their two forms.

Pure bytes. Whether a transaction succeeded, what it paid and what its contract did inside is not in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chainflow.checksums import base58_decode, base58_encode, refuse
from chainflow.errors import BadBytes

__all__ = [
    "ZERO_ADDRESS",
    "Contract",
    "RawData",
    "TokenCall",
    "address_bytes",
    "address_text",
    "asset_name",
    "parse_raw_data",
    "token_call",
]

_PREFIX = b"\x41"
_WHOLE = "fetch the transaction again, from another source if need be"
_INT64 = 2**63 - 1
_WORD = 32

_Fields = Mapping[int, Sequence[int | bytes]]

_KINDS = {
    0: "AccountCreateContract",
    1: "TransferContract",
    2: "TransferAssetContract",
    3: "VoteAssetContract",
    4: "VoteWitnessContract",
    5: "WitnessCreateContract",
    6: "AssetIssueContract",
    8: "WitnessUpdateContract",
    9: "ParticipateAssetIssueContract",
    10: "AccountUpdateContract",
    11: "FreezeBalanceContract",
    12: "UnfreezeBalanceContract",
    13: "WithdrawBalanceContract",
    14: "UnfreezeAssetContract",
    15: "UpdateAssetContract",
    16: "ProposalCreateContract",
    17: "ProposalApproveContract",
    18: "ProposalDeleteContract",
    19: "SetAccountIdContract",
    20: "CustomContract",
    30: "CreateSmartContract",
    31: "TriggerSmartContract",
    32: "GetContract",
    33: "UpdateSettingContract",
    41: "ExchangeCreateContract",
    42: "ExchangeInjectContract",
    43: "ExchangeWithdrawContract",
    44: "ExchangeTransactionContract",
    45: "UpdateEnergyLimitContract",
    46: "AccountPermissionUpdateContract",
    48: "ClearABIContract",
    49: "UpdateBrokerageContract",
    51: "ShieldedTransferContract",
    52: "MarketSellAssetContract",
    53: "MarketCancelOrderContract",
    54: "FreezeBalanceV2Contract",
    55: "UnfreezeBalanceV2Contract",
    56: "WithdrawExpireUnfreezeContract",
    57: "DelegateResourceContract",
    58: "UnDelegateResourceContract",
    59: "CancelAllUnfreezeV2Contract",
}

_OWNER_FIELD = {"AccountUpdateContract": 2, "SetAccountIdContract": 2}
"""Where the owner is not the first field of a contract; the first is text of the owner's own choice."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The one act that a transaction asks for.

    Attributes
    ----------
    kind : str
        Its type by name, such as `TransferContract`; others than the four below are named, not read.
    owner : str
        Who asks for it, signs it and pays its fee; "" where its bytes do not tell.
    recipient : str
        Who is paid, or the contract that is called; "" where there is none, or it is only created.
    amount : int
        Sun sent (1 TRX is 1,000,000), or units of `asset` for a `TransferAssetContract`.
    asset : str
        The TRC-10 token as the bytes name it, see `asset_name`; "" for none.
    token_value : int
        Units of the TRC-10 token `asset` sent along with a call.
    data : bytes
        What a smart contract is called with.
    """

    kind: str
    owner: str
    recipient: str = ""
    amount: int = 0
    asset: str = ""
    token_value: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class RawData:
    """The signed part of a transaction, the SHA-256 of which is its txid. Times are milliseconds."""

    txid: str
    contract: Contract
    ref_block_bytes: bytes
    ref_block_hash: bytes
    expiration: int
    timestamp: int
    fee_limit: int
    memo: bytes


class TokenCall(NamedTuple):
    """A call that moves a TRC-20 token; `sender` is `None` where the caller itself pays."""

    sender: str | None
    recipient: str
    value: int


def address_text(raw: bytes) -> str:
    """Return the `T…` address of 21 bytes that begin with 0x41, or of the last 20 as contracts write them.

    Raises
    ------
    BadBytes
        If it is neither.

    Examples
    --------
    >>> address_text(bytes.fromhex("41a614f803b6fd780986a42c78ec9c7f77e6ded13c"))
    'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'
    """
    if len(raw) == 20:
        raw = _PREFIX + raw
    if len(raw) != 21 or raw[:1] != _PREFIX:
        raise BadBytes(f"not a Tron address: {raw[:24].hex() or 'nothing'}", hint="41 and 20 bytes")
    return base58_encode(raw)


def address_bytes(address: str) -> bytes:
    """Return the 21 bytes of an address, written as `T…` or in hex with 41 before it.

    Raises
    ------
    AddressInvalid
        If the checksum, a character or the length is wrong.

    Examples
    --------
    >>> address_bytes("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").hex()
    '41a614f803b6fd780986a42c78ec9c7f77e6ded13c'
    """
    text = address.strip()
    if len(text) == 42 and text.startswith("41"):
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise refuse("not hex", text) from None
    raw = base58_decode(text)
    if len(raw) != 21 or raw[:1] != _PREFIX:
        raise refuse("not an address of Tron", text)
    return raw


ZERO_ADDRESS = address_text(bytes(20))
"""Where tokens come from when they are made, and go to when they are burnt."""


def asset_name(raw: bytes) -> str:
    """Return what a TRC-10 token is called in bytes: its number, or the name that it had before numbers.

    Examples
    --------
    >>> asset_name(b"1005065"), asset_name(b"IPFS"), asset_name(b"\\xff")
    ('1005065', 'name:IPFS', 'hex:ff')
    """
    text = raw.decode("ascii", "replace")
    if not raw or not text.isascii() or not text.isprintable():
        return f"hex:{raw.hex()}" if raw else ""
    return text if text.isdigit() else f"name:{text}"


def token_call(data: bytes) -> TokenCall | None:
    """Return the movement that a call asks of a TRC-20 token; `None` if it asks for another thing.

    An address is the last 20 bytes of its word: before them wallets write zeros, or zeros and 41.

    Examples
    --------
    >>> call = bytes.fromhex("a9059cbb" + "00" * 11 + "41ec20315a879c48f5e3a6a1c9826d5225f8b658b8")
    >>> token_call(call + (41677389).to_bytes(32)).value
    41677389
    """
    words = [data[start : start + _WORD] for start in range(4, len(data), _WORD)]
    words = [word for word in words if len(word) == _WORD]
    if data[:4] == bytes.fromhex("a9059cbb") and len(words) >= 2:
        return TokenCall(None, address_text(words[0][-20:]), int.from_bytes(words[1]))
    if data[:4] == bytes.fromhex("23b872dd") and len(words) >= 3:
        sender, recipient = (address_text(word[-20:]) for word in words[:2])
        return TokenCall(sender, recipient, int.from_bytes(words[2]))
    return None


def parse_raw_data(raw: bytes) -> RawData:
    """Return what the signed bytes of a transaction say.

    Fields that are not known are left aside, and of a field that is there twice the last counts: this is
    how every node reads them.

    Raises
    ------
    BadBytes
        If the bytes are cut off or of no known wire type, if there is not exactly one contract, if its
        two statements of its type differ, or if an address or an amount cannot be one.

    References
    ----------
    https://protobuf.dev/programming-guides/encoding/; `Tron.proto`, message `Transaction.raw`.

    Examples
    --------
    >>> parse_raw_data(b"")
    Traceback (most recent call last):
    chainflow.errors.BadBytes: 0 contracts in a Tron transaction, not one
    → fetch the transaction again, from another source if need be
    """
    fields = _fields(raw, "raw_data")
    contracts = fields.get(11, ())
    if len(contracts) != 1:
        raise BadBytes(f"{len(contracts)} contracts in a Tron transaction, not one", hint=_WHOLE)
    return RawData(
        txid=hashlib.sha256(raw).hexdigest(),
        contract=_contract(_fields(_bytes(fields, 11, "contract"), "contract")),
        ref_block_bytes=_bytes(fields, 1, "ref_block_bytes"),
        ref_block_hash=_bytes(fields, 4, "ref_block_hash"),
        expiration=_integer(fields, 8, "expiration"),
        timestamp=_integer(fields, 14, "timestamp"),
        fee_limit=_integer(fields, 18, "fee_limit"),
        memo=_bytes(fields, 10, "data"),
    )


def _contract(fields: _Fields) -> Contract:
    """Return a contract, by its type number and by the name in its parameter, which must agree."""
    parameter = _fields(_joined(fields, 2, "parameter"), "parameter")
    url = _bytes(parameter, 1, "type_url").decode("utf-8", "replace")
    named = url.rpartition("/")[2].removeprefix("protocol.")
    number = _integer(fields, 1, "type")
    kind = _KINDS.get(number, named)
    if kind != named:
        raise BadBytes(f"a contract of type {number} ({kind}) that calls itself {named[:80]!r}", hint=_WHOLE)
    value = _fields(_bytes(parameter, 2, "value"), kind)
    match kind:
        case "TransferContract":
            return Contract(kind, _owner(value), _address(value, 2), _integer(value, 3, "amount"))
        case "TransferAssetContract":
            asset = asset_name(_bytes(value, 1, "asset_name"))
            return Contract(kind, _owner(value, 2), _address(value, 3), _integer(value, 4, "amount"), asset)
        case "ParticipateAssetIssueContract":
            asset = asset_name(_bytes(value, 3, "asset_name"))
            return Contract(kind, _owner(value), _address(value, 2), _integer(value, 4, "amount"), asset)
        case "TriggerSmartContract":
            call = _integer(value, 3, "call_value")
            data = _bytes(value, 4, "data")
            return Contract(kind, _owner(value), _address(value, 2), call, *_sent_along(value, 5), data)
        case "CreateSmartContract":
            made = _fields(_joined(value, 2, "new_contract"), "new_contract")
            call = _integer(made, 5, "call_value")
            return Contract(kind, _owner(value), "", call, *_sent_along(value, 3))
    place = _OWNER_FIELD.get(kind, 1)
    told = value.get(place, (b"",))[-1]
    owner = address_text(told) if isinstance(told, bytes) and len(told) == 21 and told[:1] == _PREFIX else ""
    return Contract(kind, owner)


def _sent_along(value: _Fields, place: int) -> tuple[str, int]:
    """Return the TRC-10 token that a call brings with it, and how much of it."""
    amount = _integer(value, place, "call_token_value")
    number = _integer(value, place + 1, "token_id")
    return (str(number) if amount else "", amount)


def _owner(value: _Fields, place: int = 1) -> str:
    return address_text(_bytes(value, place, "owner_address"))


def _address(value: _Fields, place: int) -> str:
    return address_text(_bytes(value, place, "to_address"))


def _bytes(fields: _Fields, number: int, name: str) -> bytes:
    """Return a field of bytes, empty where it is absent."""
    value = fields.get(number, (b"",))[-1]
    if not isinstance(value, bytes):
        raise BadBytes(f"{name} is a number, not bytes", hint=_WHOLE)
    return value


def _joined(fields: _Fields, number: int, name: str) -> bytes:
    """Return a message that may come in parts: parts in a row read as one message."""
    return b"".join(_bytes({number: (part,)}, number, name) for part in fields.get(number, ()))


def _integer(fields: _Fields, number: int, name: str) -> int:
    """Return a field that is a whole number, 0 where it is absent; nothing here is ever negative."""
    value = fields.get(number, (0,))[-1]
    if not isinstance(value, int) or value > _INT64:
        shown = "bytes" if isinstance(value, bytes) else value - 2**64
        raise BadBytes(f"{name} is {shown}, not a whole number from 0", hint=_WHOLE)
    return value


def _fields(raw: bytes, what: str) -> _Fields:
    """Return the fields of a message by their numbers: numbers as `int`, everything else as bytes."""
    found: dict[int, list[int | bytes]] = {}
    place = 0
    while place < len(raw):
        key, place = _varint(raw, place, what)
        number, form = key >> 3, key & 7
        value: int | bytes
        if form == 0:
            value, place = _varint(raw, place, what)
        else:
            size, place = _varint(raw, place, what) if form == 2 else ({1: 8, 5: 4}.get(form, -1), place)
            value, place = raw[place : place + size], place + size
            if size < 0 or place > len(raw):
                problem = "is cut off" if size >= 0 else f"holds a field of wire type {form}"
                raise BadBytes(f"{what} {problem}", hint=_WHOLE)
        if number == 0:
            raise BadBytes(f"{what} holds a field without a number", hint=_WHOLE)
        found.setdefault(number, []).append(value)
    return found


def _varint(raw: bytes, place: int, what: str) -> tuple[int, int]:
    """Read a number of 1 to 10 bytes, seven bits in each, the lowest first."""
    number = 0
    for length, byte in enumerate(raw[place : place + 10]):
        number |= (byte & 0x7F) << 7 * length
        if byte < 0x80:
            if number >= 2**64:
                break
            return number, place + length + 1
    else:
        if len(raw) - place < 10:
            raise BadBytes(f"{what} is cut off", hint=_WHOLE)
    raise BadBytes(f"{what} holds a number of more than 64 bits", hint=_WHOLE)
