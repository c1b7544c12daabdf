"""A receipt as a node states it: compared with its transaction, and turned into movements of coins and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainflow.evm import EvmLog, EvmReceipt
from chainflow.evm.hextext import hex_bytes
from chainflow.model import TransferKind, TransferRecord
from chainflow.sources.accounts import (
    TokenMove,
    evm_address,
    evm_hash,
    fee_marks,
    quantity,
    token_moves,
    token_party,
)
from chainflow.sources.evm.place import lies, naming
from chainflow.sources.evm.transactions import Stated
from chainflow.sources.strict import Field

__all__ = ["WRAPPED_TOPICS", "Mined", "mined", "moves_of"]

_DEPOSIT = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
_WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
WRAPPED_TOPICS = (_DEPOSIT, _WITHDRAWAL)
"""Of Deposit(address,uint256) and Withdrawal(address,uint256): wrapped ether is made and destroyed."""

_WRAPPED = {
    "eth": "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
    "op": "0x4200000000000000000000000000000000000006",
    "base": "0x4200000000000000000000000000000000000006",
}
"""Where those events mean that, and no Transfer says it: any other contract may use their names freely."""

_U64 = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction with its receipt.

    Attributes
    ----------
    receipt : EvmReceipt or None
        What the block commits to; `None` where the kind cannot be serialised here.
    first_log : int
        The number in its block of the receipt's first log.
    gas_used, price : int
        Units of gas, and what was paid for each.
    blob_gas, blob_price, extra_raw : int
        The same of blobs; what is charged for the parent chain.
    currency : str or None
        The token in which the fee was paid (Celo).
    """

    tx: Stated
    receipt: EvmReceipt | None
    logs: tuple[EvmLog, ...]
    first_log: int
    cumulative_gas: int
    gas_used: int
    price: int
    blob_gas: int
    blob_price: int
    extra_raw: int
    marks: tuple[str, ...]
    currency: str | None

    @property
    def fee_raw(self) -> int:
        """All that was paid for the transaction, to whomever."""
        return self.gas_used * self.price + self.blob_gas * self.blob_price + self.extra_raw

    def rows(self, *, native: int, fee: int, token: int) -> list[TransferRecord]:
        """Return all movements with their levels: coins, the fee (to nobody in particular), tokens."""
        paid = self.tx.frame.moved(
            TransferKind.FEE,
            self.tx.sender,
            None,
            self.fee_raw,
            ok=True,
            contract=self.currency,
            marks=self.marks,
            level=fee,
        )
        return [*self.tx.rows(level=native), paid, *self._tokens(level=token)]

    def _tokens(self, *, level: int) -> list[TransferRecord]:
        rows = []
        for number, log in enumerate(self.logs, self.first_log):
            contract = "0x" + log.address.hex()
            moves = moves_of(self.tx.frame.chain, contract, log)
            for part, (sender, recipient, token_id, value_raw, marks) in enumerate(moves):
                row = self.tx.frame.moved(
                    TransferKind.TOKEN,
                    token_party(sender),
                    token_party(recipient),
                    value_raw,
                    ok=True,
                    contract=contract,
                    place=f"log:{number}_{part}" if len(moves) > 1 else f"log:{number}",
                    token_id=token_id,
                    marks=marks,
                    level=level,
                )
                rows.append(row)
        return rows


def moves_of(chain: str, contract: str, log: EvmLog) -> Sequence[TokenMove]:
    """Return what a log says that moved: transfers, and wrapped ether made or destroyed."""
    topics = ["0x" + topic.hex() for topic in log.topics]
    words = [int.from_bytes(log.data[start : start + 32]) for start in range(0, len(log.data) // 32 * 32, 32)]
    if topics[:1] in ([_DEPOSIT], [_WITHDRAWAL]) and contract == _WRAPPED.get(chain):
        if len(topics) != 2 or len(words) != 1:
            return ()
        holder, nobody = "0x" + topics[1][-40:], "0x" + 40 * "0"
        pair = (nobody, holder) if topics[0] == _DEPOSIT else (holder, nobody)
        return ((*pair, None, words[0], ()),)
    return token_moves(topics, words)


def mined(tx: Stated, receipt: Field) -> Mined:
    """Return a transaction with its receipt, after comparing what both state.

    Raises
    ------
    ProofFailed
        If the receipt is of another transaction or block, or states what the transaction does not allow.
    """
    _check_same(tx, receipt)
    logs, first_log = _logs(tx, receipt)
    outcome, ok = _outcome(receipt, has_logs=bool(logs))
    cumulative_gas = quantity(receipt["cumulativeGasUsed"], most=_U64)
    receipt_bytes = None
    if tx.built is not None:
        receipt_bytes = EvmReceipt(tx.built.kind, outcome, cumulative_gas, logs, _deposit(receipt))
    has_blobs = tx.built is not None and tx.built.blobs > 0
    l1_fee = receipt.get("l1Fee")
    return Mined(
        tx.having(ok=ok, recipient=_recipient(tx, receipt)),
        receipt_bytes,
        logs,
        first_log,
        cumulative_gas,
        _gas_used(tx, receipt),
        _price(tx, receipt),
        quantity(receipt["blobGasUsed"], most=_U64) if has_blobs else 0,
        quantity(receipt["blobGasPrice"], most=2**128) if has_blobs else 0,
        0 if l1_fee is None else quantity(l1_fee, most=2**128),
        _marks(tx, receipt, ok=ok),
        evm_address(tx.field.get("feeCurrency")),
    )


def _check_same(tx: Stated, receipt: Field) -> None:
    """Check that a receipt speaks of this transaction in this block."""
    frame = tx.frame
    found = (
        evm_hash(receipt["transactionHash"]),
        evm_hash(receipt["blockHash"]),
        quantity(receipt["blockNumber"], most=_U64),
        quantity(receipt["transactionIndex"], most=_U64),
    )
    if found != (frame.txid, frame.block_hash, frame.height, frame.position):
        raise lies(receipt, f"the receipt is not of {frame.txid} at this place")
    if evm_address(receipt.get("from")) not in (None, tx.sender):
        raise lies(receipt, f"the receipt of {frame.txid} names another sender")


def _recipient(tx: Stated, receipt: Field) -> str | None:
    """Return who was paid; of a creation the contract, computed where that is possible."""
    made = evm_address(receipt.get("contractAddress"))
    if tx.to is not None:
        return tx.to
    if tx.recipient is not None and made not in (None, tx.recipient):
        raise lies(receipt, f"{tx.frame.txid} creates {tx.recipient}, not {made}")
    return tx.recipient or made


def _outcome(receipt: Field, *, has_logs: bool) -> tuple[bytes, bool | None]:
    """Return the outcome as the block commits to it, and whether the transaction succeeded.

    Before Byzantium receipts hold a state root in place of a status. Then only logs tell: what fails
    leaves none.
    """
    status = receipt.get("status")
    if status is not None:
        ok = quantity(status, most=1) == 1
        return (b"\x01" if ok else b""), ok
    root = receipt["root"]
    return naming(root, lambda value: hex_bytes(value, "is no state root", 32)), True if has_logs else None


def _gas_used(tx: Stated, receipt: Field) -> int:
    gas_used = quantity(receipt["gasUsed"], most=_U64)
    if tx.built is not None and gas_used > tx.built.gas_limit:
        raise lies(receipt, f"{tx.frame.txid} used {gas_used:,} gas, its limit is {tx.built.gas_limit:,}")
    return gas_used


def _price(tx: Stated, receipt: Field) -> int:
    """Return what a unit of gas cost; nodes older than London's rule state it with the transaction only."""
    effective = receipt.get("effectiveGasPrice")
    price = quantity(tx.field["gasPrice"] if effective is None else effective)
    if tx.built is not None and price > tx.built.price:
        raise lies(receipt, f"{tx.frame.txid} paid {price:,} for gas, it offers {tx.built.price:,}")
    return price


def _marks(tx: Stated, receipt: Field, *, ok: bool | None) -> tuple[str, ...]:
    """Return what must be said of a fee."""
    has_l1_fee = receipt.get("l1Fee") is not None
    marks = fee_marks(tx.frame.chain, failed=None if ok is None else not ok, has_l1_fee=has_l1_fee)
    operator = [receipt.get(name) for name in ("operatorFeeScalar", "operatorFeeConstant")]
    if any(field is not None and quantity(field, most=_U64) for field in operator):
        return (*marks, "partial: without the operator's fee")
    return marks


def _deposit(receipt: Field) -> tuple[int, ...]:
    """Return what an OP-stack deposit's receipt holds besides, since its version 1."""
    version = receipt.get("depositReceiptVersion")
    if version is None:
        return ()
    return quantity(receipt["depositNonce"], most=_U64), quantity(version, most=_U64)


def _logs(tx: Stated, receipt: Field) -> tuple[tuple[EvmLog, ...], int]:
    """Return the logs, and the number in its block of the first."""
    logs, numbers = [], []
    for log in receipt["logs"].items():
        if evm_hash(log["transactionHash"]) != tx.frame.txid:
            raise lies(log, f"the log is not of {tx.frame.txid}")
        numbers.append(quantity(log["logIndex"], most=_U64))
        logs.append(naming(log, _read_log))
    if numbers != list(range(numbers[0] if numbers else 0, len(numbers) + (numbers[0] if numbers else 0))):
        raise lies(receipt, f"the logs of {tx.frame.txid} are not in their order")
    return tuple(logs), numbers[0] if numbers else 0


def _read_log(log: dict[str, object]) -> EvmLog:
    topics = log.get("topics")
    listed = topics if isinstance(topics, list) else [topics]
    return EvmLog(
        hex_bytes(log.get("address"), "address", 20),
        tuple(hex_bytes(topic, "topics", 32) for topic in listed),
        hex_bytes(log.get("data"), "data"),
    )
