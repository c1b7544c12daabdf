"""An EVM node's answers made by hand: the questions, a block, and the way from an answer to facts."""

from __future__ import annotations

from typing import Any

from chainflow.model import TransferKind, TransferRecord
from chainflow.sources.accounts import TRANSFER_TOPIC
from chainflow.sources.evm import Evm, facts
from chainflow.sources.evm.facts import padded
from tests.evm_form import (
    CALL,
    COIN,
    CREATION,
    EXAMPLE,
    HEIGHT,
    OTHER,
    SETTING,
    SIGNER,
    block_of,
    body,
    log_of,
)

NODE = Evm("http://127.0.0.1:8545")
TIP = NODE.tip_path()
BLOCK, INSIDE_BLOCK = NODE.block_paths(HEIGHT)
NATIVE = NODE.history_path(SIGNER, which="native")
TOKEN = NODE.history_path(SIGNER, which="token")
SINGLE = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
BATCH = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
DEPOSIT_TOPIC = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
WITHDRAWAL_TOPIC = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
ABSENT = RuntimeError("Method not found")


def words(*numbers: int) -> str:
    return "0x" + "".join(f"{number:064x}" for number in numbers)


def transfers(value: int = 500) -> list[dict[str, Any]]:
    return [log_of(COIN, [TRANSFER_TOPIC, padded(SIGNER), padded(OTHER)], words(value))]


def a_block(**header: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A payment, a call that leaves a log, a creation, and a call that failed."""
    return block_of(
        (EXAMPLE, {}),
        (CALL, {"gasUsed": "0xc350", "logs": transfers()}),
        (CREATION, {"gasUsed": "0xea60"}),
        (SETTING, {"status": "0x0", "gasUsed": "0x30d40"}),
        **header,
    )


def read(path: str, *results: Any, chain: str = "eth", status: int = 200) -> list[Any]:
    return list(facts(chain, path, status, body(*results)))


def rows(found: list[Any], kind: TransferKind) -> list[TransferRecord]:
    return [fact for fact in found if isinstance(fact, TransferRecord) and fact.kind is kind]


def of_tx(raw: bytes, chain: str = "eth", **special: Any) -> list[Any]:
    """Read one mined transaction with its receipt."""
    block, receipts = block_of((raw, special))
    tx = block["transactions"][0]
    return read(NODE.tx_paths([tx["hash"]])[0], tx, receipts[0], chain=chain)
