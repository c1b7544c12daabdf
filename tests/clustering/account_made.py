"""Made-up payments on an account chain, one line each: who pays whom how much in which block."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from chainflow.ledger import Ledger
from chainflow.model import TransferRecord
from tests.ledger.moves import SCAN, fee, internal, ledger_of, move, native, reply

ETHER = 10**18
_numbers = itertools.count(1)


def who(name: str) -> str:
    """Return an address that stands for `name`: no two look alike, as each begins with another hash."""
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def txid(number: int) -> str:
    return f"0x{number:064x}"


def pay(sender: str, recipient: str, value: int, height: int, **given: Any) -> TransferRecord:
    """Return a payment in the chain's own coin, in a transaction of its own unless told otherwise."""
    given = {"txid": txid(next(_numbers)), "position": 0} | given
    return native(
        value,
        sender=who(sender),
        recipient=who(recipient),
        height=height,
        time=1_700_000_000 + 12 * height,
        **given,
    )


def token(
    sender: str,
    recipient: str,
    value: int,
    height: int,
    *,
    signer: str | None = "",
    of: str = "USD",
    **given: Any,
) -> list[TransferRecord]:
    """Return a transfer of a token and the transaction that made it, which its sender signed unless told otherwise."""
    made = txid(next(_numbers))
    row = move(
        value,
        txid=made,
        sender=who(sender) if sender else None,
        recipient=who(recipient),
        contract=who(of),
        height=height,
        position=0,
        place="log:0",
        **given,
    )
    call = [] if signer is None else [pay(signer or sender, of, 0, height, txid=made)]
    return [*call, row]


def call(
    sender: str, recipient: str, value: int, height: int, made: str, place: str = "trace:0"
) -> TransferRecord:
    """Return a payment that a contract made inside the transaction `made`."""
    return internal(
        value,
        sender=who(sender),
        recipient=who(recipient),
        height=height,
        txid=made,
        place=place,
        position=0,
        time=1_700_000_000 + 12 * height,
    )


def paid_fee(sender: str, height: int) -> TransferRecord:
    """Return the fee of a transaction: its sender has a key."""
    return fee(sender=who(sender), height=height, txid=txid(next(_numbers)), position=0)


def ledger(*rows: TransferRecord | Iterable[TransferRecord]) -> Ledger:
    """Build a ledger of transfers that one explorer stated."""
    flat = [one for row in rows for one in ([row] if isinstance(row, TransferRecord) else row)]
    return ledger_of(reply(1, SCAN, *flat))


def linked(links: pa.Table, *names: str) -> set[tuple[str, str]]:
    """Return the (a, b) of links, by the names that addresses stand for."""
    known = {who(name): name for name in names}
    return {(known[row["a"]], known[row["b"]]) for row in links.to_pylist()}
