"""Tron transactions made from their parts: the signed bytes, and the JSON in which servers give them."""

from __future__ import annotations

import hashlib
from typing import Any

OWNER = "416e3b44b96104b26f84057974a1f0c9880f7c9b13"
OWNER_TEXT = "TL24LCps5FKwp3PoU1MvrYrwhi5LU1tHre"
OTHER = "41ec20315a879c48f5e3a6a1c9826d5225f8b658b8"
OTHER_TEXT = "TXVj38D1XR3TPgSHTCZGC8wkLDAGqF1oqx"
USDT = "41a614f803b6fd780986a42c78ec9c7f77e6ded13c"
USDT_TEXT = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"

NUMBERS = {
    "TransferContract": 1,
    "TransferAssetContract": 2,
    "VoteWitnessContract": 4,
    "ParticipateAssetIssueContract": 9,
    "AccountUpdateContract": 10,
    "WithdrawBalanceContract": 13,
    "CreateSmartContract": 30,
    "TriggerSmartContract": 31,
    "ExchangeTransactionContract": 44,
    "FreezeBalanceV2Contract": 54,
}


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, value: int | bytes) -> bytes:
    """Return one field of a protobuf message; one that is 0 or empty is left out, as writers do."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(**fields: int | bytes) -> bytes:
    """Return a message from `f1=…, f2=…`, in the order given."""
    return b"".join(field(int(name[1:]), value) for name, value in fields.items())


def raw_data(
    kind: str, value: bytes, *, timestamp: int = 1738601502223, fee_limit: int = 0, memo: bytes = b""
) -> bytes:
    url = f"type.googleapis.com/protocol.{kind}".encode()
    contract = message(f1=NUMBERS[kind], f2=message(f1=url, f2=value))
    head = message(f1=bytes.fromhex("afbf"), f4=bytes.fromhex("4e85c21e37dfb0c5"), f8=1738602162000)
    return head + message(f10=memo, f11=contract, f14=timestamp, f18=fee_limit)


def transfer(
    amount: int = 150466320, *, owner: str = OWNER, recipient: str = OTHER, **more: Any
) -> dict[str, Any]:
    value = message(f1=bytes.fromhex(owner), f2=bytes.fromhex(recipient), f3=amount)
    told = {"amount": amount, "owner_address": owner, "to_address": recipient}
    return as_json("TransferContract", value, told, **more)


def call(
    data: bytes, *, value: int = 0, contract: str = USDT, owner: str = OWNER, **more: Any
) -> dict[str, Any]:
    raw = message(f1=bytes.fromhex(owner), f2=bytes.fromhex(contract), f3=value, f4=data)
    told: dict[str, Any] = {"data": data.hex(), "owner_address": owner, "contract_address": contract}
    return as_json("TriggerSmartContract", raw, told | ({"call_value": value} if value else {}), **more)


def as_json(
    kind: str,
    value: bytes,
    told: dict[str, Any],
    *,
    ret: Any = ...,
    fee: int = 0,
    timestamp: int = 1738601502223,
    **more: Any,
) -> dict[str, Any]:
    """Return a transaction in the form of TronGrid's lists."""
    raw = raw_data(kind, value, timestamp=timestamp)
    parameter = {"value": told, "type_url": f"type.googleapis.com/protocol.{kind}"}
    body = {
        "contract": [{"parameter": parameter, "type": kind}],
        "ref_block_bytes": "afbf",
        "ref_block_hash": "4e85c21e37dfb0c5",
        "expiration": 1738602162000,
        "timestamp": timestamp,
    }
    return {
        "ret": [{"contractRet": "SUCCESS", "fee": fee}] if ret is ... else ret,
        "txID": hashlib.sha256(raw).hexdigest(),
        "raw_data_hex": raw.hex(),
        "net_fee": 0,
        "energy_fee": 0,
        "blockNumber": 69316562,
        "block_timestamp": 1738601505000,
        "raw_data": body,
        "internal_transactions": [],
    } | more


def pay(recipient: str, value: int, *, padded_with: str = "41") -> bytes:
    """Return the call data of `transfer(recipient, value)`."""
    word = ("00" * 11 + padded_with + recipient[2:]).rjust(64, "0")
    return bytes.fromhex("a9059cbb" + word) + value.to_bytes(32)
