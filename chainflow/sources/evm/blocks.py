"""A whole block: its hash from its header, its transactions, receipts and withdrawals from the header's roots.

What all three agree on is level 3. A chain whose headers have other fields is read too, at level 2.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainflow.errors import BadResponse
from chainflow.evm import EMPTY_ROOT, block_hash, ordered_root, receipts_root, withdrawals_root
from chainflow.evm.blocks import blob_price
from chainflow.evm.transactions import BLOB_GAS
from chainflow.model import BlockHash, Fact, TransferKind, TransferRecord
from chainflow.sources.accounts import Frame, block_subject, evm_address, evm_hash, quantity
from chainflow.sources.evm.place import ETHEREUM, lies, naming, result_of
from chainflow.sources.evm.receipts import Mined, mined
from chainflow.sources.evm.transactions import stated
from chainflow.sources.jsonrpc import Answer
from chainflow.sources.strict import Field

__all__ = ["block", "header"]

_SAME_HEADERS = ETHEREUM | {"op", "base"}
"""Chains of which every block's hash is known to follow from these fields: one that does not is refused."""

_NO_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
_COIN = 10**18
_GWEI = 10**9
_U64 = 2**64 - 1
_PROVED = 3


def block(chain: str, what: str, found: Sequence[Answer]) -> list[Fact]:
    """Read two answers: a block with its transactions, and their receipts.

    Raises
    ------
    ProofFailed
        If hash, roots, gas or prices do not agree.
    BadResponse
        If the node does not give receipts: without them nobody knows which transactions failed.
    """
    whole = result_of(found[0], what=what)
    frame, is_proved = header(chain, whole, found[0])
    if found[1].result is None or found[1].result.value is None:
        raise BadResponse(
            f"{what}: no receipts ({found[1].words or 'null'}); without them nobody knows what failed",
            hint="a node newer than 2023 gives them all at once; or ask for the transactions one by one",
        )
    listed = [stated(chain, tx, time=frame.time) for tx in whole["transactions"].items()]
    receipts = list(found[1].result.items())
    if len(receipts) != len(listed):
        raise lies(whole, f"has {len(listed)} transactions and {len(receipts)} receipts")
    txs = [mined(tx, receipt) for tx, receipt in zip(listed, receipts, strict=True)]
    wrong = _wrong_count(whole, frame, txs)
    if wrong and chain in _SAME_HEADERS:
        raise lies(whole, wrong)
    # anvil, against EIP-4844, commits to transactions with blobs together with the blobs themselves
    is_anvils = chain == "evm-dev" and any(one.blob_gas for one in txs)
    is_whole = not wrong and _follows(whole, txs, must=chain in _SAME_HEADERS and not is_anvils)
    facts: list[Fact] = [BlockHash(chain, frame.height or 0, frame.block_hash or "")]
    for one in txs:
        facts += _rows(whole, one, is_proved=is_proved and is_whole)
    facts += _withdrawals(whole, frame, is_proved=is_proved)
    facts += _reward(whole, frame, txs, is_proved=is_proved and is_whole)
    return facts


def header(chain: str, whole: Field, answer: Answer) -> tuple[Frame, bool]:
    """Return where a block is, and whether its hash follows from its header.

    Raises
    ------
    ProofFailed
        If it is another block than was asked for, or its hash should follow and does not.
    """
    height, digest = quantity(whole["number"], most=_U64), evm_hash(whole["hash"])
    asked = answer.call.params[0]
    if asked not in (hex(height), digest):
        raise lies(whole, f"is another block, {height:,} {digest}")
    is_proved = naming(whole, block_hash) == digest
    if not is_proved and chain in _SAME_HEADERS:
        raise lies(whole, f"the header of block {height:,} does not hash to {digest}")
    time = quantity(whole["timestamp"], most=_U64)
    return Frame(chain, block_subject(height), height, digest, time, None), is_proved


def _wrong_count(whole: Field, frame: Frame, txs: Sequence[Mined]) -> str:
    """Return where gas or logs do not count up through the block without a gap, "" where they do."""
    gas = logs = 0
    for position, one in enumerate(txs):
        at = one.tx.frame
        if (at.height, at.block_hash, at.position) != (frame.height, frame.block_hash, position):
            raise lies(one.tx.field, f"{at.txid} is not at position {position} of this block")
        gas += one.gas_used
        if one.cumulative_gas != gas or (one.logs and one.first_log != logs):
            return f"gas or logs do not add up at {at.txid}"
        logs += len(one.logs)
    stated_gas = quantity(whole["gasUsed"], most=_U64)
    return "" if gas == stated_gas else f"its transactions used {gas:,} gas, its header says {stated_gas:,}"


def _follows(whole: Field, txs: Sequence[Mined], *, must: bool) -> bool:
    """Return whether the header commits to exactly these transactions and receipts.

    Where a kind cannot be recomputed, or (unless it `must`) other rules may hold, the answer is no.
    """
    built = [one.tx.built.raw for one in txs if one.tx.built is not None]
    receipts = [one.receipt for one in txs if one.receipt is not None]
    if len(built) < len(txs):
        return False
    for name, root in (("transactionsRoot", ordered_root(built)), ("receiptsRoot", receipts_root(receipts))):
        if evm_hash(whole[name]) != root:
            if must:
                raise lies(whole, f"its header does not commit to these {len(txs)} (field {name})")
            return False
    return True


def _rows(whole: Field, one: Mined, *, is_proved: bool) -> list[TransferRecord]:
    """Return the movements of one transaction."""
    if not is_proved:
        return one.rows(native=one.tx.level, fee=0, token=0)
    return one.rows(native=_PROVED, fee=_PROVED if _is_fee_proved(whole, one) else 0, token=_PROVED)


def _is_fee_proved(whole: Field, one: Mined) -> bool:
    """Return whether all parts of a fee follow from what the block commits to.

    Raises
    ------
    ProofFailed
        If the price is not the one that Ethereum's rule gives.
    """
    built, base = one.tx.built, whole.get("baseFeePerGas")
    if built is None:
        return False
    rule = built.price if base is None else min(built.price, quantity(base) + built.priority)
    if one.price != rule:
        if one.tx.frame.chain in ETHEREUM:
            raise lies(
                one.tx.field, f"{one.tx.frame.txid} paid {one.price:,} for gas, the rule gives {rule:,}"
            )
        return False
    if one.extra_raw or one.currency or any(mark.startswith("partial") for mark in one.marks):
        return False
    if built.blobs:
        excess = quantity(whole["excessBlobGas"], most=_U64)
        return one.blob_gas == BLOB_GAS * built.blobs and one.blob_price in blob_price(excess)
    return True


def _withdrawals(whole: Field, frame: Frame, *, is_proved: bool) -> list[TransferRecord]:
    """Return what the beacon chain paid out in this block; its amounts are in gwei."""
    listed = whole.get("withdrawals")
    entries = [
        (
            quantity(entry["index"], most=_U64),
            quantity(entry["validatorIndex"], most=_U64),
            evm_address(entry["address"]) or "",
            quantity(entry["amount"], most=_U64),
        )
        for entry in (() if listed is None else listed.items())
    ]
    root = whole.get("withdrawalsRoot")
    committed = withdrawals_root(entries) if all(address for _, _, address, _ in entries) else ""
    is_ethereum = frame.chain in ETHEREUM  # elsewhere the field holds other things
    if is_ethereum and committed != (EMPTY_ROOT if root is None else evm_hash(root)):
        raise lies(whole, f"its header does not commit to these {len(entries)} withdrawals")
    return [
        frame.moved(
            TransferKind.WITHDRAWAL,
            None,
            address,
            gwei * _GWEI,
            ok=True,
            place=f"withdrawal:{index}",
            level=_PROVED if is_proved and is_ethereum else 0,
        )
        for index, _, address, gwei in entries
    ]


def _reward(whole: Field, frame: Frame, txs: Sequence[Mined], *, is_proved: bool) -> list[TransferRecord]:
    """Return what the maker of the block got: the part of the fees that is not burnt, and new coins before 2022.

    Only where the rule is Ethereum's. What makers of uncles got is not in a block.
    """
    if frame.chain not in ETHEREUM or not frame.height:
        return []
    base, uncles = whole.get("baseFeePerGas"), list(whole["uncles"].items())
    burnt = 0 if base is None else quantity(base)
    earned = sum(one.gas_used * (one.price - burnt) for one in txs)
    if (evm_hash(whole["sha3Uncles"]) == _NO_UNCLES) == bool(uncles):
        raise lies(whole, f"its header does not commit to {len(uncles)} uncles")
    if quantity(whole["difficulty"]):
        if frame.chain != "eth":
            return []
        new = _new_coins(frame.height)
        earned += new + len(uncles) * (new // 32)
    miner = evm_address(whole["miner"])
    level = _PROVED if is_proved and not uncles else 0
    paid = frame.moved(TransferKind.REWARD, None, miner, earned, ok=True, level=level)
    return [paid] if earned else []


def _new_coins(height: int) -> int:
    """Return what a block of proof of work made: five ether, three since Byzantium, two since Constantinople."""
    if height < 4_370_000:
        return 5 * _COIN
    return (3 if height < 7_280_000 else 2) * _COIN
