"""One row of each list of the Etherscan family: every value is text, and every explorer leaves out another."""

from __future__ import annotations

from collections.abc import Callable

from chainflow.errors import BadResponse, ProofFailed
from chainflow.model import TokenRecord, TransferKind
from chainflow.sources.accounts import (
    NOT_MOVING,
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
from chainflow.transfers import UNCHECKED_CALL

__all__ = ["READERS", "frame_of", "internal"]

_HEIGHT = 10**9
_TIME = 2**34
_GWEI = 10**9
_CREATES = ("create", "create2")
_UNCHECKED_OUTCOME = "unchecked: isError and txreceipt_status disagree"


def frame_of(chain: str, txid: str, row: Field) -> Frame:
    """Return the place of a row with decimal numbers."""
    block_hash = _given(row, "blockHash")
    return Frame(
        chain,
        txid,
        decimal(row["blockNumber"], most=_HEIGHT),
        None if block_hash is None else evm_hash(block_hash),
        _number(row, "timeStamp", most=_TIME),
        _number(row, "transactionIndex", most=2**31),
    )


def native(chain: str, address: str, row: Field) -> Row:
    """Return a transaction: its value, and its fee, which one that failed has paid too."""
    recipient = evm_address(_given(row, "to")) or evm_address(_given(row, "contractAddress"))
    value_raw = decimal(row["value"])
    if row["hash"].value == f"GENESIS_{address[2:]}":
        subject = block_subject(0)
        check_touched(row, address, recipient)
        first = Frame(chain, subject, height=0)
        made = first.moved(TransferKind.NATIVE, None, recipient, value_raw, ok=True, place="genesis")
        return Row(subject, (made,))
    txid, sender = evm_hash(row["hash"]), evm_address(row["from"])
    frame = frame_of(chain, txid, row)
    check_touched(row, address, sender, recipient)
    ok, marks = _outcome(row)
    made = frame.moved(TransferKind.NATIVE, sender, recipient, value_raw, ok=ok, marks=marks)
    gas, price, l1 = (_number(row, name) for name in ("gasUsed", "gasPrice", "L1FeesPaid"))
    if gas is None or price is None:
        return Row(txid, (made,))
    failed = None if ok is None else not ok
    marks = fee_marks(chain, failed=failed, has_l1_fee=l1 is not None)
    paid = frame.moved(TransferKind.FEE, sender, None, gas * price + (l1 or 0), ok=True, marks=marks)
    return Row(txid, (made, paid))


def _outcome(row: Field) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether a transaction succeeded; before Byzantium there was no receipt status to tell."""
    failed, status = _flag(row["isError"]), _given(row, "txreceipt_status")
    if status is not None and _flag(status) is failed:
        return None, (_UNCHECKED_OUTCOME,)
    return not failed, ()


def internal(chain: str, address: str, row: Field, *, txid: str = "") -> Row:
    """Return an internal call; of one that moves nothing of its own, that it did not.

    A delegated call states the value of the call it is made from, and Blockscout's index 0 is the
    transaction itself.
    """
    stated = _given(row, "hash") or _given(row, "transactionHash")
    if stated is not None and evm_hash(stated) != (txid or evm_hash(stated)):
        raise ProofFailed(f"{row.what}: {stated.named} is another transaction", hint=REJECTED)
    txid = txid or evm_hash(stated if stated is not None else row["hash"])
    kind, call, trace = row["type"].text(), _given(row, "callType"), _given(row, "traceId")
    sender = evm_address(row["from"])
    recipient = evm_address(_given(row, "to")) or evm_address(_given(row, "contractAddress"))
    check_touched(row, address, sender, recipient, evm_address(_given(row, "contractAddress")))
    index = None if trace is not None else _number(row, "index")
    if index == 0:
        return Row(txid)
    at = trace.text() if trace is not None else "" if index is None else str(index)
    frame, place = frame_of(chain, txid, row), f"trace:{at}" if at else ""
    if delegated := {kind, "" if call is None else call.text()} & NOT_MOVING:
        stated_raw = _number(row, "value") or 0
        return Row(txid, frame.unmoved(min(delegated), sender, recipient, stated_raw, place=place))
    made = frame.moved(
        TransferKind.INTERNAL,
        sender,
        recipient,
        decimal(row["value"]),
        ok=not _flag(row["isError"]),
        place=place,
        marks=(UNCHECKED_CALL,) if kind == "call" and call is None else (),
    )
    return Row(txid, (made,), trace="" if trace is None else at)


def token(chain: str, address: str, row: Field) -> Row:
    """Return a transfer of a token: it happened, or there would be no event of it."""
    txid, contract = evm_hash(row["hash"]), evm_address(row["contractAddress"])
    frame = frame_of(chain, txid, row)
    if contract is None:
        raise row["contractAddress"].refuse("the contract of the token")
    sender, recipient = evm_address(row["from"]), evm_address(row["to"])
    check_touched(row, address, sender, recipient)
    log = _number(row, "logIndex")
    moves = tuple(
        frame.moved(
            TransferKind.TOKEN,
            token_party(sender),
            token_party(recipient),
            value_raw,
            ok=True,
            contract=contract,
            place="" if log is None else f"log:{log}",
            token_id=token_id,
        )
        for token_id, value_raw in _amounts(row)
    )
    symbol, name, decimals = (
        row.words("tokenSymbol"),
        row.words("tokenName"),
        _number(row, "tokenDecimal", most=255),
    )
    return Row(txid, moves, TokenRecord(chain, contract, symbol, name, decimals))


def _amounts(row: Field) -> list[tuple[int | None, int]]:
    """Return (token id, value) of a row; a batch has lists of both, a token that is one of its kind no value."""
    ids, values = _given(row, "tokenIDs"), _given(row, "values")
    if ids is not None and values is not None:
        pairs = list(zip(ids.items(), values.items(), strict=False))
        if not pairs or len(pairs) != len(list(ids.items())) or len(pairs) != len(list(values.items())):
            raise values.refuse("as many values as there are ids")
        return [(whole(one), whole(value)) for one, value in pairs]
    token_id = _given(row, "tokenID")
    stated = _given(row, "tokenValue") or _given(row, "value")
    if token_id is None:
        return [(None, whole(row["value"]))]
    return [(whole(token_id), 1 if stated is None else whole(stated))]


def withdrawal(chain: str, address: str, row: Field) -> Row:
    """Return what a validator was paid out: gwei, made by the block."""
    if chain == "gnosis":
        raise BadResponse(
            f"{row.what}: Gnosis pays withdrawals in the token GNO", hint="see the list of tokens"
        )
    height = decimal(row["blockNumber"], most=_HEIGHT)
    number = decimal(row["withdrawalIndex"], most=2**63)
    recipient = evm_address(row["address"])
    check_touched(row, address, recipient)
    value_raw = _GWEI * decimal(row["amount"], most=2**64)
    frame = Frame(chain, block_subject(height), height, time=decimal(row["timestamp"], most=_TIME))
    place = f"withdrawal:{number}"
    made = frame.moved(TransferKind.WITHDRAWAL, None, recipient, value_raw, ok=True, place=place)
    return Row(frame.txid, (made,))


def reward(chain: str, address: str, row: Field) -> Row:
    """Return what an address was paid for a block: since the merge its tips, before it the subsidy too."""
    height = decimal(row["blockNumber"], most=_HEIGHT)
    value_raw = decimal(row["blockReward"])
    frame = Frame(chain, block_subject(height), height, time=decimal(row["timeStamp"], most=_TIME))
    return Row(frame.txid, (frame.moved(TransferKind.REWARD, None, address, value_raw, ok=True),))


READERS: dict[str, Callable[[str, str, Field], Row]] = {
    "native": native,
    "internal": internal,
    "token": token,
    "nft": token,
    "token1155": token,
    "withdrawals": withdrawal,
    "rewards": reward,
}
"""List → who reads its rows."""


def _given(row: Field, name: str) -> Field | None:
    """Return a member, `None` where it is absent, null or an empty text."""
    member = row.get(name)
    return None if member is None or member.value == "" else member


def _number(row: Field, name: str, *, most: int = 2**256 - 1) -> int | None:
    member = _given(row, name)
    return None if member is None else decimal(member, most=most)


def _flag(field: Field) -> bool:
    if field.value not in ("0", "1"):
        raise field.refuse('"0" or "1"')
    return bool(field.value == "1")
