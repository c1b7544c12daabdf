"""Random account ledgers for tests: several assets, fees, failures, self-payments, one block without an order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from chainflow.ledger import Ledger
from chainflow.model import TransferRecord
from tests.clustering.account_made import ledger, pay, token, txid, who
from tests.ledger.moves import fee

OWNERS = ("ann", "ben", "cat", "dan")
ASSETS = ("coin", "USD")


@st.composite
def payments(draw: st.DrawFn) -> list[TransferRecord]:
    """Return up to twelve transfers among four accounts, of two assets; some failed, some are fees."""
    rows: list[TransferRecord] = []
    for number in range(draw(st.integers(1, 12))):
        sender, recipient = draw(st.sampled_from(OWNERS)), draw(st.sampled_from(OWNERS))
        value, height = draw(st.integers(1, 30)), 1 + number // draw(st.integers(1, 2))
        made = txid(1000 + number)
        kind = draw(st.sampled_from(("coin", "coin", "USD", "failed", "fee")))
        if kind == "fee":
            rows.append(fee(value, sender=who(sender), height=height, txid=made, position=number))
        elif kind == "USD":
            (row,) = token(sender, recipient, value, height, signer=None)
            rows.append(_placed(row, made, number))
        else:
            ok = kind != "failed"
            rows.append(pay(sender, recipient, value, height, txid=made, position=number, ok=ok))
    return rows


def _placed(row: TransferRecord, made: str, position: int) -> TransferRecord:
    return replace(row, txid=made, position=position)


def followed(made: Ledger) -> list[str]:
    """Return the names of the transfers that a trace can begin at."""
    rows = made.transfers.to_pylist()
    return [
        f"{row['txid']}:{row['place']}" if row["place"] else row["txid"]
        for row in rows
        if row["kind"] != "fee" and int(row["value_raw"]) and row["sender"] != row["recipient"]
    ]


@st.composite
def ledgers_with_seeds(draw: st.DrawFn, *, most: int = 2) -> tuple[Ledger, list[str]]:
    """Return a ledger and up to `most` transfers in it."""
    first = pay("dan", "ann", draw(st.integers(1, 30)), 1, txid=txid(999), position=0)
    made = ledger(first, *draw(payments()))
    return made, draw(st.lists(st.sampled_from(followed(made)), min_size=1, max_size=most, unique=True))
