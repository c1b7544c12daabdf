"""Made-up movements on account chains, and replies of explorers that state them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainflow.ledger import Ledger, build
from chainflow.model import Evidence, Fact, TransferKind, TransferRecord
from chainflow.sources.accounts import transfer

ANN, BEN, CAT = (f"0x{letter * 40}" for letter in "abc")
USD = f"0x{'d' * 40}"
TX, OTHER = f"0x{'1' * 64}", f"0x{'2' * 64}"
SCAN, SCOUT, ROUTE = (
    "etherscan:https://api.etherscan.io/v2",
    "blockscout:https://eth.blockscout.com",
    "etherscan:https://api.routescan.io/v2/network/mainnet/evm/1/etherscan",
)
NODE = "evm:http://192.168.1.7:8545"

Reply = list[tuple[Fact, Evidence]]


def move(value: int = 5, kind: TransferKind = TransferKind.TOKEN, **given: Any) -> TransferRecord:
    """Return a movement from ann to ben that succeeded, in block 100; of a token unless the kind says otherwise."""
    chosen = {
        "txid": TX,
        "sender": ANN,
        "recipient": None if kind is TransferKind.FEE else BEN,
        "contract": USD if kind is TransferKind.TOKEN else None,
        "ok": True,
        "height": 100,
        "time": 1_700_000_000,
    } | given
    return transfer("eth", chosen.pop("txid"), kind, stated_raw=value, **chosen)


def native(value: int = 5, **given: Any) -> TransferRecord:
    return move(value, TransferKind.NATIVE, **given)


def internal(value: int = 5, **given: Any) -> TransferRecord:
    return move(value, TransferKind.INTERNAL, **given)


def fee(value: int = 21, **given: Any) -> TransferRecord:
    return move(value, TransferKind.FEE, **given)


def reply(number: int, source: str, *facts: Fact) -> Reply:
    """Return the statements of one reply."""
    evidence = Evidence(number, f"{number:064x}", source, f"{source}/{number}", 0)
    return [(fact, evidence) for fact in facts]


def ledger_of(*replies: Reply) -> Ledger:
    """Build a ledger of replies in this order."""
    return build(statement for one in replies for statement in one)


def amounts(ledger: Ledger, kind: str = "") -> list[int]:
    """Return what moved, in the order of the table."""
    frame = ledger.to_pandas("transfers")
    return [
        int(value) for value, of in zip(frame["value_raw"], frame["kind"], strict=True) if kind in ("", of)
    ]


def disputes(ledger: Ledger) -> list[tuple[str, bool]]:
    """Return what is in dispute, and whether totals leave its transaction out."""
    return [(row["field"], row["is_excluded"]) for row in ledger.disputes.to_pylist()]


def shuffled(replies: Iterable[Reply], order: Iterable[int]) -> list[Reply]:
    """Return replies in another order."""
    listed = list(replies)
    return [listed[place] for place in order]
