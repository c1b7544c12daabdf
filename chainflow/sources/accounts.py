"""What the readers of account-chain explorers share: amounts and addresses in JSON, and rows of transfers.

The rules of counting are here once: a failed transaction moved nothing and its fee was paid; a value of
zero is marked and kept; a token is its contract, whatever it calls itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from chainflow.addresses import decode
from chainflow.errors import BadInput, ProofFailed
from chainflow.model import Fact, TokenRecord, TransferKind, TransferRecord
from chainflow.networks import EVM
from chainflow.sources.strict import REJECTED, Field
from chainflow.transfers import NOT_MOVED, OF_FAILED

__all__ = [
    "APPROVAL_TOPIC",
    "BLOCKSCOUTS",
    "NOT_MOVING",
    "OF_FAILED",
    "PAYS_REWARDS",
    "PAYS_WITHDRAWALS",
    "SCAM",
    "TRANSFER_TOPIC",
    "UNCHECKED_OUTCOME",
    "ZERO_ADDRESS",
    "Frame",
    "Row",
    "TokenMove",
    "account",
    "block_subject",
    "check_touched",
    "checked_evm_hash",
    "decimal",
    "evm_address",
    "evm_hash",
    "fee_marks",
    "is_evm_txid",
    "joined",
    "missing_lists",
    "quantity",
    "token_moves",
    "token_party",
    "transfer",
    "whole",
]

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak("Transfer(address,address,uint256)"): of ERC-20 (2 indexed) and ERC-721 (3 indexed)."""

APPROVAL_TOPIC = "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"
"""keccak("Approval(address,address,uint256)"): a permission, never a payment."""

ZERO_ADDRESS = "0x" + "0" * 40

NOT_MOVING = frozenset({"delegatecall", "callcode", "staticcall"})
"""Calls that run another contract's code in one's own name; the value they state is their parent's."""

SCAM = "scam: the source says so"

UNCHECKED_OUTCOME = "unchecked: whether the transaction succeeded"

PAYS_WITHDRAWALS = ("eth", "eth-sepolia")
"""Chains whose validators are paid out in the chain's own coin; Gnosis pays in the token GNO."""

PAYS_REWARDS = (*PAYS_WITHDRAWALS, "gnosis")
"""Chains on which blocks paid, or pay, those who make them."""

_HOSTED = ("eth", "op", "gnosis", "polygon", "zksync", "base", "arbitrum", "celo", "scroll", "eth-sepolia")

BLOCKSCOUTS: Mapping[str, Mapping[str, str]] = {
    "api.blockscout.com": {chain: f"/{EVM[chain].number}" for chain in _HOSTED},
    **{f"{'optimism' if chain == 'op' else chain}.blockscout.com": {chain: ""} for chain in _HOSTED},
}
"""Public Blockscout → chain → what its API paths begin with."""

_SINGLE_TOPIC = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
_BATCH_TOPIC = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
_ODD_FORM = "unchecked: an unusual form of Transfer, its number may be a token's id"

TokenMove = tuple[str, str, int | None, int, tuple[str, ...]]
"""What one log moved: (sender, recipient, token id or `None`, value, marks)."""

_L1_FEE = frozenset({"base", "blast", "mantle", "op", "scroll"})
"""Chains that take a fee for their parent chain beside gas × price."""

_MAX = 2**256 - 1
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_QUANTITY = re.compile(r"0x[0-9a-f]{0,64}", re.IGNORECASE)
_DECIMAL = re.compile(r"[0-9]{1,78}")


class Frame(NamedTuple):
    """What all movements of one transaction (or of a block itself) share, `None` each where it is not told.

    `ok` is whether the transaction succeeded.
    """

    chain: str
    txid: str
    height: int | None = None
    block_hash: str | None = None
    time: int | None = None
    position: int | None = None
    ok: bool | None = None

    def moved(
        self,
        kind: TransferKind,
        sender: str | None,
        recipient: str | None,
        stated_raw: int,
        *,
        ok: bool | None,
        contract: str | None = None,
        place: str = "",
        token_id: int | None = None,
        marks: tuple[str, ...] = (),
        level: int = 0,
    ) -> TransferRecord:
        """Return one movement; `ok` is its own: a fee is paid, a call inside may fail alone."""
        return transfer(
            self.chain,
            self.txid,
            kind,
            sender=sender,
            recipient=recipient,
            stated_raw=stated_raw,
            ok=ok,
            contract=contract,
            place=place,
            token_id=token_id,
            height=self.height,
            block_hash=self.block_hash,
            time=self.time,
            position=self.position,
            marks=marks,
            level=level,
        )

    def unmoved(
        self, call: str, sender: str | None, recipient: str | None, stated_raw: int, *, place: str = ""
    ) -> tuple[TransferRecord, ...]:
        """Return that a delegated call moved nothing; nothing where it states no value either."""
        marks = (f"{NOT_MOVED}: {call}",)
        made = self.moved(
            TransferKind.INTERNAL, sender, recipient, stated_raw, ok=False, place=place, marks=marks
        )
        return (made,) if stated_raw else ()


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of a list states: of which transaction (or block), and what moved.

    A delegated call moves nothing, which is what its row states. `trace` is its place among the internal
    calls, where that tells which call was made by which (`0_1_2` by `0_1`).
    """

    txid: str
    moves: tuple[TransferRecord, ...] = ()
    token: TokenRecord | None = None
    trace: str = ""


def joined(rows: Iterable[Row]) -> list[Fact]:
    """Return the facts of rows, every token once; inside a call that failed nothing moved."""
    listed = list(rows)
    failed = {(row.txid, row.trace) for row in listed if row.trace and any(m.ok is False for m in row.moves)}
    facts: list[Fact] = []
    for row in listed:
        undone = any(txid == row.txid and row.trace.startswith(f"{trace}_") for txid, trace in failed)
        facts += [replace(move, ok=False, value_raw=0) for move in row.moves] if undone else row.moves
    return facts + list(dict.fromkeys(row.token for row in listed if row.token is not None))


def check_touched(row: Field, address: str, *parties: str | None) -> None:
    """Check that a row of an address's list is one of its rows; "" is no address: any row will do.

    Raises
    ------
    ProofFailed
        If it is none.
    """
    if address and address not in parties:
        raise ProofFailed(f"{row.what}: {row.named} does not touch {address}", hint=REJECTED)


def account(address: str) -> str:
    """Return an EVM address in lower case, whatever EVM chain it is meant for.

    Raises
    ------
    AddressInvalid
        If it is none.

    Examples
    --------
    >>> account("0x098B716B8Aaf21512996dC57EB0615e2383E2f96")
    '0x098b716b8aaf21512996dc57eb0615e2383e2f96'
    """
    return decode(address, chain="eth").address


def missing_lists(chain: str, lists: Sequence[str]) -> tuple[str, ...]:
    """Return the lists in which there can be something on a chain, and which are not among `lists`."""
    paid = {"withdrawals": PAYS_WITHDRAWALS, "rewards": PAYS_REWARDS}
    return tuple(which for which, chains in paid.items() if chain in chains and which not in lists)


def is_evm_txid(text: str) -> bool:
    """Return whether `text` is 0x and 64 lower-case hex digits; `block:17` is not."""
    return _HASH.fullmatch(text) is not None


def checked_evm_hash(text: str) -> str:
    """Return the hash of a transaction or block that may stand in a question.

    Raises
    ------
    BadInput
        If it is none.
    """
    if not is_evm_txid(text):
        raise BadInput(f"not a txid or block hash: {text[:80]!r}", hint="0x and 64 lower-case hex digits")
    return text


def token_party(address: str | None) -> str | None:
    """Return who a token left or reached; `None` for address zero, from which tokens are made and burnt."""
    return None if address == ZERO_ADDRESS else address


def fee_marks(chain: str, *, failed: bool | None, has_l1_fee: bool = False) -> tuple[str, ...]:
    """Return what must be said of a fee of gas × price: what it leaves out, and what it was paid for."""
    marks = []
    if chain in _L1_FEE and not has_l1_fee:
        marks.append("partial: without the L1 fee")
    if chain == "celo":
        marks.append("unchecked: may be paid in a token")
    if failed is None:
        marks.append(UNCHECKED_OUTCOME)
    return (*marks, OF_FAILED) if failed else tuple(marks)


def token_moves(topics: Sequence[str], words: Sequence[int]) -> tuple[TokenMove, ...]:
    """Return what a log says that moved, nothing for logs that are not about transfers.

    Parameters
    ----------
    topics : sequence of str
        As the log states them, lower case.
    words : sequence of int
        Its data, in words of 32 bytes.

    References
    ----------
    EIP-20, EIP-721, EIP-1155.

    Examples
    --------
    >>> a, b = (f"0x{number:064x}" for number in (10, 11))
    >>> token_moves([TRANSFER_TOPIC, a, b], [500])[0][2:]
    (None, 500, ())
    >>> token_moves([TRANSFER_TOPIC, a, b, f"0x{77:064x}"], [])[0][2:]
    (77, 1, ())
    >>> token_moves([APPROVAL_TOPIC, a, b], [500])
    ()
    """
    kind, *rest = topics or ("",)
    if kind == TRANSFER_TOPIC:
        if len(rest) == 2 and words:
            return ((_party(rest[0]), _party(rest[1]), None, words[0], ()),)
        if len(rest) == 3:
            return ((_party(rest[0]), _party(rest[1]), int(rest[2], 16), 1, ()),)
        if not rest and len(words) >= 3:
            return ((_party(f"{words[0]:064x}"), _party(f"{words[1]:064x}"), None, words[2], (_ODD_FORM,)),)
    if kind == _SINGLE_TOPIC and len(rest) == 3 and len(words) >= 2:
        return ((_party(rest[1]), _party(rest[2]), words[0], words[1], ()),)
    if kind == _BATCH_TOPIC and len(rest) == 3:
        sender, recipient = _party(rest[1]), _party(rest[2])
        return tuple((sender, recipient, one, value, ()) for one, value in _pairs(words))
    return ()


def _party(topic: str) -> str:
    return f"0x{topic[-40:]}"


def _pairs(words: Sequence[int]) -> list[tuple[int, int]]:
    """Return the ids and values of a batch: two offsets in bytes, each to a length and its numbers."""
    lists = [_numbers(words, offset // 32) for offset in words[:2]]
    if len(lists) < 2 or len(lists[0]) != len(lists[1]):
        return []
    return list(zip(*lists, strict=True))


def _numbers(words: Sequence[int], start: int) -> Sequence[int]:
    """Return the numbers of a list whose length is at `start`; none where the data does not hold them all."""
    count = words[start] if start < len(words) else 0
    return words[start + 1 : start + 1 + count] if start + count < len(words) else []


def evm_address(field: Field | None) -> str | None:
    """Return an address in lower case, `None` where it is absent or empty (a creation has no recipient)."""
    if field is None or field.value == "":
        return None
    if not isinstance(field.value, str) or not _ADDRESS.fullmatch(field.value):
        raise field.refuse("0x and 40 hex digits")
    return field.value.lower()


def evm_hash(field: Field) -> str:
    """Return a transaction or block hash: 0x and 64 hex digits."""
    if not isinstance(field.value, str) or not _HASH.fullmatch(field.value.lower()):
        raise field.refuse("0x and 64 hex digits")
    return field.value.lower()


def quantity(field: Field, *, most: int = _MAX) -> int:
    """Return a hex quantity of JSON-RPC; `0x` alone is 0, as some explorers write it."""
    if not isinstance(field.value, str) or not _QUANTITY.fullmatch(field.value):
        raise field.refuse("0x and hex digits")
    number = int(field.value[2:] or "0", 16)
    if number > most:
        raise field.refuse(f"0…{most:,}")
    return number


def decimal(field: Field, *, most: int = _MAX) -> int:
    """Return a whole number written as text, as explorers write amounts; never through a float."""
    if not isinstance(field.value, str) or not _DECIMAL.fullmatch(field.value) or int(field.value) > most:
        raise field.refuse(f"a whole number as text, 0…{most:,}")
    return int(field.value)


def whole(field: Field, *, most: int = _MAX) -> int:
    """Return a whole number, stated as a number or as text."""
    return field.integer(0, most) if type(field.value) is int else decimal(field, most=most)


def block_subject(height: int) -> str:
    """Return what stands for a txid where a block itself pays: a reward, a withdrawal."""
    return f"block:{height}"


def transfer(
    chain: str,
    txid: str,
    kind: TransferKind,
    *,
    sender: str | None,
    recipient: str | None,
    stated_raw: int,
    ok: bool | None,
    contract: str | None = None,
    place: str = "",
    token_id: int | None = None,
    height: int | None = None,
    block_hash: str | None = None,
    time: int | None = None,
    position: int | None = None,
    marks: tuple[str, ...] = (),
    level: int = 0,
) -> TransferRecord:
    """Return one row of transfers: what failed moved nothing, what is zero is marked.

    A fee is paid by a failed transaction too: pass `ok=True` for it.
    """
    moved = 0 if ok is False else stated_raw
    zero = ("zero-value",) if stated_raw == 0 and kind in (TransferKind.TOKEN, TransferKind.INTERNAL) else ()
    return TransferRecord(
        chain,
        txid,
        kind,
        contract,
        sender,
        recipient,
        moved,
        stated_raw,
        ok,
        place=place,
        token_id=token_id,
        height=height,
        block_hash=block_hash,
        time=time,
        position=position,
        marks=(*zero, *marks),
        level=level,
    )
