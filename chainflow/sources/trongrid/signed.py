"""What a whole Tron transaction states, checked against the bytes that were signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from chainflow.errors import BadBytes, ProofFailed, SchemaMismatch
from chainflow.model import TransferKind, TransferRecord
from chainflow.sources.accounts import Frame
from chainflow.sources.strict import REJECTED, Field
from chainflow.sources.trongrid.frame import MOST, address_in, frame_of
from chainflow.tron import Contract, RawData, asset_name, parse_raw_data

__all__ = ["Signed", "signed"]

_MOVES_UNREAD = frozenset(
    {
        "AssetIssueContract",
        "ExchangeCreateContract",
        "ExchangeInjectContract",
        "ExchangeTransactionContract",
        "ExchangeWithdrawContract",
        "MarketCancelOrderContract",
        "MarketSellAssetContract",
        "ParticipateAssetIssueContract",
        "ShieldedTransferContract",
    }
)
"""Acts that move coins or tokens between accounts by amounts that are not in the transaction."""


class Signed(NamedTuple):
    """A transaction whose bytes hash to its txid: what it asks for, and what it moved as far as they tell."""

    frame: Frame
    act: Contract
    moved: tuple[TransferRecord, ...]


def signed(chain: str, tx: Field) -> Signed:
    """Return what a transaction's bytes say, after comparing its JSON with them field by field.

    Raises
    ------
    ProofFailed
        If the bytes do not hash to the txid, or say another thing than the JSON.
    SchemaMismatch
        If the bytes are none of a transaction, or a field cannot be.
    """
    stated = tx["txID"].hexadecimal(size=32)
    try:
        told = parse_raw_data(bytes.fromhex(tx["raw_data_hex"].hexadecimal()))
    except BadBytes as error:
        raise SchemaMismatch(f"{tx.what}: {stated}: {error.message}", hint=REJECTED) from None
    if told.txid != stated:
        raise ProofFailed(
            f"{tx.what}: the transaction stated as {stated} hashes to {told.txid}; its content was altered",
            hint=REJECTED,
        )
    _check_agrees(tx, told)
    frame = frame_of(chain, stated, tx, ok=_success(tx))
    moved = (*_paid(frame, tx, told.contract), *_fee(frame, tx, told.contract.owner))
    return Signed(frame, told.contract, moved)


def _check_agrees(tx: Field, told: RawData) -> None:
    """Compare what the JSON says with what the bytes say, field by field."""
    body = tx["raw_data"]
    _check_same(body, "ref_block_bytes", told.ref_block_bytes.hex())
    _check_same(body, "ref_block_hash", told.ref_block_hash.hex())
    for name in ("expiration", "timestamp", "fee_limit"):
        _check_same(body, name, getattr(told, name))
    contracts = list(body["contract"].items())
    contract = told.contract
    if len(contracts) != 1:
        raise ProofFailed(f"{tx.what}: {told.txid} has one contract, not {len(contracts)}", hint=REJECTED)
    _check_same(contracts[0], "type", contract.kind)
    value = contracts[0]["parameter"]["value"]
    amounts: Mapping[str, int] = {}
    match contract.kind:
        case "TransferContract" | "TransferAssetContract" | "ParticipateAssetIssueContract":
            amounts = {"amount": contract.amount}
            _check_address(value, "to_address", contract.recipient)
        case "TriggerSmartContract":
            amounts = {"call_value": contract.amount, "call_token_value": contract.token_value}
            _check_address(value, "contract_address", contract.recipient)
            _check_same(value, "data", contract.data.hex())
        case "CreateSmartContract":
            amounts = {"call_token_value": contract.token_value}
    for name, amount in amounts.items():
        _check_same(value, name, amount)
    if contract.recipient or (contract.owner and value.get("owner_address") is not None):
        _check_address(value, "owner_address", contract.owner)
    if contract.kind in ("TransferAssetContract", "ParticipateAssetIssueContract"):
        _check_asset(value, contract.asset)


def _check_same(field: Field, name: str, told: str | int) -> None:
    """Refuse a field that differs from the bytes; JSON leaves out what is 0 or empty."""
    stated = field.get(name)
    value = (0 if isinstance(told, int) else "") if stated is None else stated.value
    if type(value) is not type(told) or value != told:
        shown = repr(value)[:80]
        raise ProofFailed(
            f"{field.what}: field {field.path}.{name} is {shown}, but the signed bytes say {told!r:.80}",
            hint=REJECTED,
        )


def _check_address(value: Field, name: str, told: str) -> None:
    if address_in(value[name]) != told:
        raise ProofFailed(
            f"{value.what}: field {value.path}.{name} is {value[name].value}, but the signed bytes say {told}",
            hint=REJECTED,
        )


def _check_asset(value: Field, told: str) -> None:
    """Refuse another TRC-10 token than the bytes name; nodes write it in hex, TronGrid as text."""
    text = value["asset_name"].text()
    forms = [asset_name(text.encode("utf-8", "replace"))]
    with suppress(ValueError):
        forms.append(asset_name(bytes.fromhex(text)))
    if told not in forms:
        raise ProofFailed(
            f"{value.what}: field {value.path}.asset_name is {text[:80]!r}, but the signed bytes say {told!r}",
            hint=REJECTED,
        )


def _success(tx: Field) -> bool | None:
    """Return whether a transaction succeeded, `None` where it is not said."""
    results = tx.get("ret")
    for result in () if results is None else results.items():
        if (code := result.get("ret")) is not None and code.text() == "FAILED":
            return False
        if (told := result.get("contractRet")) is not None and told.text() != "DEFAULT":
            return told.text() == "SUCCESS"
    return None


def _fee(frame: Frame, tx: Field, owner: str) -> Iterator[TransferRecord]:
    """Yield what the owner burnt: also for opening an account or a memo, so more than energy and bandwidth."""
    parts = [part.integer(0, MOST) for name in ("net_fee", "energy_fee") if (part := tx.get(name))]
    results = tx.get("ret")
    stated = [fee for result in (() if results is None else results.items()) if (fee := result.get("fee"))]
    whole = sum(fee.integer(0, MOST) for fee in stated)
    if stated and whole < sum(parts):
        raise ProofFailed(
            f"{tx.what}: {frame.txid} states a fee of {whole:,}, less than its parts, {sum(parts):,}",
            hint=REJECTED,
        )
    if owner and (stated or parts):
        marks = () if stated else ("partial: only energy and bandwidth are stated",)
        amount = whole if stated else sum(parts)
        yield frame.moved(TransferKind.FEE, owner, None, amount, ok=True, marks=marks)


def _paid(frame: Frame, tx: Field, act: Contract) -> Iterator[TransferRecord]:
    """Yield what a transaction itself moves, read from its bytes; a call of 0 is the call itself."""
    native, token, ok = TransferKind.NATIVE, TransferKind.TOKEN, frame.ok
    asset = f"trc10:{act.asset}"
    recipient: str | None = act.recipient or None
    unread = (f"partial: what {act.kind} moves is not read",) if act.kind in _MOVES_UNREAD else ()
    match act.kind:
        case "TransferContract" | "ParticipateAssetIssueContract":
            yield frame.moved(native, act.owner, recipient, act.amount, ok=ok, level=2, marks=unread)
        case "TransferAssetContract":
            yield frame.moved(token, act.owner, recipient, act.amount, ok=ok, contract=asset, level=2)
        case "TriggerSmartContract" | "CreateSmartContract":
            made = tx.get("contract_address") if recipient is None else None
            recipient = address_in(made) if made is not None else recipient
            marks = () if recipient else ("partial: the contract that it creates is not stated",)
            yield frame.moved(native, act.owner, recipient, act.amount, ok=ok, level=2, marks=marks)
            if act.token_value:
                yield frame.moved(
                    token,
                    act.owner,
                    recipient,
                    act.token_value,
                    ok=ok,
                    contract=asset,
                    level=2,
                    marks=marks,
                )
        case "WithdrawBalanceContract":
            amount = tx.get("withdraw_amount")
            marks = () if amount is not None else ("partial: the amount is not stated",)
            value = 0 if amount is None else amount.integer(0, MOST)
            yield frame.moved(TransferKind.REWARD, None, act.owner or None, value, ok=ok, marks=marks)
        case _ if unread:
            yield frame.moved(native, act.owner or None, None, 0, ok=ok, marks=unread)
