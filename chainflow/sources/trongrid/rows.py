"""What one row of TronGrid's lists, or one log, states: who paid whom.

Amounts of the chain's own coin are sun, 1 TRX is 1,000,000. A TRC-20 token is its contract's address, a
TRC-10 token `trc10:` and its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chainflow.errors import ProofFailed
from chainflow.model import Fact, TokenRecord, TransferKind, TransferRecord
from chainflow.sources.accounts import TRANSFER_TOPIC, Frame, decimal
from chainflow.sources.strict import REJECTED, Field
from chainflow.sources.trongrid.frame import MOST, address_in, frame_of
from chainflow.sources.trongrid.signed import Signed, signed
from chainflow.tron import ZERO_ADDRESS, Contract, address_bytes, address_text, token_call

__all__ = ["Row", "internal_row", "internal_rows", "log_rows", "native_row", "token_row", "transaction"]

_PAYMENTS = ("call", "create", "suicide", "")


class Row(NamedTuple):
    """What one row states: what its transaction as a whole does, what it adds, what could not be read.

    A transaction may have several rows: `whole` is the same in each of them, and counts once.
    """

    txid: str
    whole: tuple[Fact, ...] = ()
    added: tuple[Fact, ...] = ()
    unread: str = ""


def transaction(chain: str, tx: Field) -> Row:
    """Return all that a whole transaction states: what it moves itself, its fee, what moved inside."""
    return _whole(signed(chain, tx), tx)


def _whole(outer: Signed, tx: Field) -> Row:
    frame, inside = outer.frame, tx.get("internal_transactions")
    inner = () if inside is None else internal_rows(frame, inside)
    return Row(frame.txid, (*outer.moved, *inner))


def native_row(chain: str, address: str, row: Field) -> Row:
    """Return a row of an address's transactions; those inside contracts stand among them."""
    if row.get("internal_tx_id") is not None:
        return internal_row(chain, address, row)
    read = transaction(chain, row)
    named = row["raw_data_hex"].text() + str(row.value.get("internal_transactions"))
    if address_bytes(address)[1:].hex() not in named and address not in named:
        raise ProofFailed(f"{row.what} lists {read.txid}, which does not touch it", hint=REJECTED)
    return read


def token_row(chain: str, address: str, row: Field) -> Row:
    """Return a row of an address's TRC-20 movements, with all that its transaction states."""
    txid = row["transaction_id"].hexadecimal(size=32)
    detail = row.get("detail")
    outer = None if detail is None else signed(chain, detail)
    known: tuple[Fact, ...] = ()
    if detail is not None and outer is not None:
        if outer.frame.txid != txid:
            told = f"the row of {txid} has the detail of {outer.frame.txid}"
            raise ProofFailed(f"{row.what}: {told}", hint=REJECTED)
        known = _whole(outer, detail).whole
    kind = row["type"].text()
    if kind != "Transfer":  # an approval is a permission, not a payment
        return Row(txid, known, unread="" if kind == "Approval" else f"a token event {kind[:40]!r}")
    event = (address_in(row["from"]), address_in(row["to"]), decimal(row["value"]))
    if address not in event[:2]:
        raise ProofFailed(f"{row.what} lists {txid}, which does not touch it", hint=REJECTED)
    called = None if outer is None else _called_token(outer.act, event)
    info = row.get("token_info")
    stated = None if info is None else info.get("address")
    contract = called if stated is None else address_in(stated)
    if contract is None:
        # nothing of the transaction is taken, so that it is asked for itself: its log names the token
        return Row(txid, unread="a token movement without its contract")
    frame = frame_of(chain, txid, row) if outer is None else outer.frame
    sender, recipient = _account(event[0]), _account(event[1])
    level = 2 if called == contract else 0
    moved = frame.moved(
        TransferKind.TOKEN, sender, recipient, event[2], ok=frame.ok, contract=contract, level=level
    )
    return Row(txid, known, (moved, *_token(chain, contract, info)))


def _called_token(act: Contract, event: tuple[str, str, int]) -> str | None:
    """Return the token that a transaction itself calls, if it asks for exactly this movement."""
    call = token_call(act.data) if act.kind == "TriggerSmartContract" else None
    if call is None or (call.sender or act.owner, call.recipient, call.value) != event:
        return None
    return act.recipient


def internal_row(chain: str, address: str, row: Field) -> Row:
    """Return a row of an address's movements inside contracts."""
    outer = row.get("tx_id") or row["transaction_id"]
    txid = outer.hexadecimal(size=32)
    height = "block" if row.get("block") is not None else "blockNumber"
    found = tuple(_internal(frame_of(chain, txid, row, height=height), row))
    parties = (address_in(row.get("from_address") or row["caller_address"]), _recipient(row))
    if address not in parties:
        raise ProofFailed(f"{row.what} lists {txid}, which does not touch it", hint=REJECTED)
    return Row(txid, added=found)


def internal_rows(frame: Frame, rows: Field) -> list[TransferRecord]:
    """Return what moved inside the contracts of one transaction."""
    return [found for row in rows.items() for found in _internal(frame, row)]


def _internal(frame: Frame, row: Field) -> Iterator[TransferRecord]:
    """Yield what one call inside a contract moved: coins, and TRC-10 tokens by their numbers."""
    name = row.get("hash") or row.get("internal_tx_id") or row["internal_transaction_id"]
    place = f"trace:{name.hexadecimal(size=32)}"
    inner = row.get("data")
    inner = inner if inner is not None and isinstance(inner.value, dict) else None
    sender = address_in(row.get("caller_address") or row["from_address"])
    recipient = _recipient(row)
    refused = row.get("rejected") or (None if inner is None else inner.get("rejected"))
    if refused is not None and (refused.flag() or frame.ok is None):
        frame = frame._replace(ok=not refused.flag())
    ok, note = frame.ok, _note(row.get("note") or (None if inner is None else inner.get("note")))
    for asset, value in _values(row, inner):
        kind = TransferKind.INTERNAL if asset is None else TransferKind.TOKEN
        if note in _PAYMENTS:
            yield frame.moved(kind, sender, recipient, value, ok=ok, contract=asset, place=place)
        elif value:  # staking and votes by contracts: what they return is not a payment between two
            marks = (f"partial: {note[:40]} by a contract is not read",)
            yield frame.moved(kind, sender, recipient, 0, ok=ok, contract=asset, place=place, marks=marks)


def _recipient(row: Field) -> str | None:
    stated = row.get("transferTo_address") or row.get("to_address")
    return None if stated is None or stated.value == "" else address_in(stated)


def _values(row: Field, inner: Field | None) -> Iterator[tuple[str | None, int]]:
    """Yield the assets and amounts of one inner call, in the form of nodes or of TronGrid's lists."""
    stated = row.get("callValueInfo")
    if stated is not None:
        for item in stated.items():
            number, value = item.get("tokenId"), item.get("callValue")
            asset = None if number is None or number.value == "" else f"trc10:{_token_number(number)}"
            yield asset, 0 if value is None else value.integer(0, MOST)
        return
    listed = None if inner is None else inner.get("call_value")
    if listed is None:
        yield None, 0
    elif isinstance(listed.value, dict):
        for name in listed.value:
            number = Field(name, listed.what, f"{listed.path}.{name}")
            asset = None if name == "_" else f"trc10:{_token_number(number)}"
            yield asset, listed[name].integer(0, MOST)
    else:
        yield None, listed.integer(0, MOST)


def _token_number(field: Field) -> str:
    if not str(field.value).isascii() or not str(field.value).isdigit():
        raise field.refuse("the number of a TRC-10 token")
    return str(field.value)


def _note(field: Field | None) -> str:
    """Return what a call inside a contract is, written as text or as its hex."""
    text = "" if field is None else field.text()
    try:
        return bytes.fromhex(text).decode("ascii")
    except ValueError:
        return text


def log_rows(frame: Frame, logs: Field | None) -> list[TransferRecord]:
    """Return the token movements that contracts reported in one transaction, by their place in its log."""
    found = []
    for place, log in enumerate(() if logs is None else logs.items()):
        topics = [topic.hexadecimal(size=32) for topic in log["topics"].items()] if log.get("topics") else []
        if f"0x{topics[0]}" != TRANSFER_TOPIC if topics else True:
            continue
        stated = log.get("data")
        body = "" if stated is None else stated.hexadecimal()
        if len(topics) == 3 and len(body) >= 64:
            value, token_id = int(body[:64], 16), None
        elif len(topics) == 4:
            value, token_id = 1, int(topics[3], 16)
        else:
            continue  # of the same name, and of another form than tokens have
        sender, recipient = (_account(address_text(bytes.fromhex(topic[-40:]))) for topic in topics[1:3])
        found.append(
            frame.moved(
                TransferKind.TOKEN,
                sender,
                recipient,
                value,
                ok=frame.ok,
                contract=address_in(log["address"]),
                place=f"log:{place}",
                token_id=token_id,
            )
        )
    return found


def _token(chain: str, contract: str, info: Field | None) -> tuple[TokenRecord, ...]:
    """Return what a token says of itself."""
    if info is None or not info.value:
        return ()
    decimals = info.get("decimals")
    known = None if decimals is None else decimals.integer(0, 255)
    return (TokenRecord(chain, contract, info.words("symbol"), info.words("name"), known),)


def _account(address: str) -> str | None:
    """Return who holds a token: nobody, where it is made from nothing or burnt."""
    return None if address == ZERO_ADDRESS else address
