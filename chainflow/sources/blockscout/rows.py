"""One row of each list of Blockscout's REST v2; names changed over its versions, so two are looked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from chainflow.errors import ProofFailed
from chainflow.model import TokenRecord, TransferKind
from chainflow.sources.accounts import (
    NOT_MOVING,
    SCAM,
    Frame,
    Row,
    block_subject,
    check_touched,
    decimal,
    evm_address,
    evm_hash,
    fee_marks,
    token_party,
    whole,
)
from chainflow.sources.strict import REJECTED, Field
from chainflow.transfers import UNCHECKED_KIND

__all__ = ["READERS", "internal", "native", "time_of", "token"]

_HEIGHT = 10**9
_TIMESTAMP = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_UNSETTLED = "unsettled: the source is reading this block again"
_UNKNOWN_AMOUNT = "unknown amount: the source states none"


def native(chain: str, address: str, txid: str, item: Field) -> Row:
    """Return a transaction: its value, and the fee that it paid, whether or not it succeeded."""
    txid = _txid(item, txid, "hash")
    sender, recipient = _party(item, "from"), _party(item, "to")
    created = _party(item, "created_contract")
    check_touched(item, address, sender, recipient, created)
    ok, marks, frame = _outcome(item), _marks(item), _frame(chain, txid, item, position="position")
    value_raw = decimal(item["value"])
    made = frame.moved(TransferKind.NATIVE, sender, recipient or created, value_raw, ok=ok, marks=marks)
    fee = item.get("fee")
    # the fee of a pending transaction is the most it could be: nobody has paid it
    if fee is None or fee["type"].text() != "actual" or fee.get("value") is None:
        return Row(txid, (made,))
    marks = _fee_marks(chain, item, ok=ok)
    paid = frame.moved(TransferKind.FEE, sender, None, decimal(fee["value"]), ok=True, marks=marks)
    return Row(txid, (made, paid))


def _fee_marks(chain: str, item: Field, *, ok: bool | None) -> tuple[str, ...]:
    blobs = item.get("blob_gas_used")
    without_blobs = blobs is not None and blobs.value not in ("0", 0)
    marks = fee_marks(chain, failed=None if ok is None else not ok, has_l1_fee=item.get("l1_fee") is not None)
    return (*marks, "partial: without the blob fee") if without_blobs else marks


def _outcome(item: Field) -> bool | None:
    """Return whether a transaction succeeded; `None` while it is in no block, or where that is not known."""
    status = item["status"].value
    if status not in ("ok", "error", None):
        raise item["status"].refuse('"ok", "error" or null')
    return None if status is None else bool(status == "ok")


def internal(chain: str, address: str, txid: str, item: Field) -> Row:
    """Return an internal call; of one that moves nothing of its own, that it did not.

    A delegated call states the value of the call it is made from, and index 0 is the transaction itself.
    """
    txid = _txid(item, txid, "transaction_hash", "tx_hash")
    sender, recipient = _party(item, "from"), _party(item, "to")
    created = _party(item, "created_contract")
    check_touched(item, address, sender, recipient, created)
    kind, index = item.get("type"), item["index"].integer(0, 2**31)
    if index == 0:
        return Row(txid)
    frame, place = _frame(chain, txid, item, position="transaction_index"), f"trace:{index}"
    if kind is not None and kind.text() in NOT_MOVING:
        stated_raw = 0 if item.get("value") is None else decimal(item["value"])
        return Row(txid, frame.unmoved(kind.text(), sender, recipient, stated_raw, place=place))
    unchecked = (UNCHECKED_KIND,) if kind is None and created is None else ()
    made = frame.moved(
        TransferKind.INTERNAL,
        sender,
        recipient or created,
        decimal(item["value"]),
        ok=item["success"].flag(),
        place=place,
        marks=(*unchecked, *_marks(item)),
    )
    return Row(txid, (made,))


def token(chain: str, address: str, txid: str, item: Field, *, time: int | None = None) -> Row:
    """Return a transfer of a token; `time` is its transaction's, where a row does not tell its own."""
    txid = _txid(item, txid, "transaction_hash", "tx_hash")
    told = item["token"]
    contract = evm_address(_either(told, "address_hash", "address"))
    if contract is None:
        raise told.refuse("a token with its address")
    sender, recipient = _party(item, "from"), _party(item, "to")
    check_touched(item, address, sender, recipient)
    frame = _frame(chain, txid, item)
    frame = frame if frame.time is not None else frame._replace(time=time)
    log = item.get("log_index")
    moves = tuple(
        frame.moved(
            TransferKind.TOKEN,
            token_party(sender),
            token_party(recipient),
            value_raw or 0,
            ok=None if value_raw is None else True,
            contract=contract,
            place="" if log is None else f"log:{log.integer(0, 2**31)}",
            token_id=token_id,
            marks=(*(() if value_raw is not None else (_UNKNOWN_AMOUNT,)), *_marks(item)),
        )
        for token_id, value_raw in _amounts(item)
    )
    decimals = told.get("decimals")
    known = None if decimals is None or decimals.value == "" else whole(decimals, most=255)
    return Row(txid, moves, TokenRecord(chain, contract, told.words("symbol"), told.words("name"), known))


def _amounts(item: Field) -> list[tuple[int | None, int | None]]:
    """Return (token id, value) of a row: several for a batch; a token that is one of its kind counts as 1."""
    total = item.get("total")
    if total is None:
        return [(None, None)]
    parts = list(total.items()) if isinstance(total.value, list) else [total]
    return [_amount(part) for part in parts]


def _amount(part: Field) -> tuple[int | None, int | None]:
    token_id, value = part.get("token_id"), part.get("value")
    one = None if token_id is None else whole(token_id)
    if value is not None:
        return one, whole(value)
    return one, 1 if one is not None and "value" not in part.value else None


def withdrawal(chain: str, address: str, _txid: str, item: Field) -> Row:
    """Return what a validator was paid out: wei here, made by the block."""
    height, number = item["block_number"].integer(0, _HEIGHT), item["index"].integer(0, 2**63)
    recipient = _party(item, "receiver")
    check_touched(item, address, recipient)
    value_raw, place = decimal(item["amount"]), f"withdrawal:{number}"
    frame = Frame(chain, block_subject(height), height, time=time_of(item))
    made = frame.moved(TransferKind.WITHDRAWAL, None, recipient, value_raw, ok=True, place=place)
    return Row(frame.txid, (made,))


READERS: dict[str, Callable[[str, str, str, Field], Row]] = {
    "native": native,
    "internal": internal,
    "token": token,
    "withdrawals": withdrawal,
}
"""List → who reads its rows."""


def time_of(item: Field) -> int | None:
    """Return the Unix seconds of a row's timestamp, `None` where it has none."""
    stated = item.get("timestamp")
    if stated is None:
        return None
    text = stated.text()
    try:
        moment = datetime.fromisoformat(f"{text[:19]}+00:00") if _TIMESTAMP.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise stated.refuse("a time such as 2023-04-28T12:26:59.000000Z")
    return int(moment.timestamp())


def _frame(chain: str, txid: str, item: Field, *, position: str = "") -> Frame:
    """Return where a row is; all `None` while it is in no block."""
    height = _either(item, "block_number", "block")
    if height is None:
        return Frame(chain, txid)
    block_hash, index = item.get("block_hash"), item.get(position) if position else None
    return Frame(
        chain,
        txid,
        height.integer(0, _HEIGHT),
        None if block_hash is None else evm_hash(block_hash),
        time_of(item),
        None if index is None else index.integer(0, 2**31),
    )


def _marks(item: Field) -> tuple[str, ...]:
    """Return what the source itself says against a row: scam, or a block that it has not settled."""
    accused = [item.get(name) for name in ("from", "to", "created_contract", "token")]
    pending = item.get("is_pending_update")
    is_scam = any(_is_scam(one) for one in accused if one is not None)
    is_unsettled = pending is not None and pending.flag()
    return (*((SCAM,) if is_scam else ()), *((_UNSETTLED,) if is_unsettled else ()))


def _is_scam(accused: Field) -> bool:
    said, reputation = accused.get("is_scam"), accused.get("reputation")
    return (said is not None and said.flag()) or (reputation is not None and reputation.text() == "scam")


def _party(item: Field, name: str) -> str | None:
    """Return the address of an object such as `from`, `None` where it is null."""
    party = item.get(name)
    return None if party is None else evm_address(party["hash"])


def _txid(item: Field, expected: str, *names: str) -> str:
    """Return a row's txid, which is `expected` where that is given."""
    stated = _either(item, *names)
    txid = evm_hash(stated if stated is not None else item[names[0]])
    if expected and txid != expected:
        raise ProofFailed(f"{item.what}: {item.named} is of another transaction, {txid}", hint=REJECTED)
    return txid


def _either(item: Field, *names: str) -> Field | None:
    """Return the first member of these names that is there."""
    return next((member for name in names if (member := item.get(name)) is not None), None)
