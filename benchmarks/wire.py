"""Reading a block and computing its txids, against python-bitcoinlib and btclib: `python -m benchmarks.wire`.

Made up, not recorded, so that it runs everywhere: 2,500 transactions with the mix of types, input and
output counts of Bitcoin's block 702861. Peers are called at their own most direct entry point, and
asked for no more than the transactions and their txids.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable

from bitcoin.core import CBlockHeader, CTransaction
from bitcoin.core.serialize import VarIntSerializer
from btclib import var_int
from btclib.tx import Tx

from benchmarks.measure import (
    describe_machine,
    describe_versions,
    goal,
    medians,
    print_result,
    ratios,
    time_in_turns,
)
from chainflow.merkle import merkle_root
from chainflow.transactions import Header, Transaction, TxInput, TxOutput
from chainflow.wire import parse_block

TRANSACTIONS = 2_500
REPETITIONS = 25


def make_block(*, seed: int) -> bytes:
    """Return a block that looks like a full one, the same for the same seed."""
    chance = random.Random(seed)
    transactions = [_make_coinbase(chance)]
    transactions += [make_transaction(chance) for _ in range(TRANSACTIONS - 1)]
    root = merkle_root([transaction.txid for transaction in transactions])
    header = Header(0x20000000, chance.randbytes(32).hex(), root, 1_632_900_000, 0x170ED0EB, 7)
    count = b"\xfd" + len(transactions).to_bytes(2, "little")
    return header.serialize() + count + b"".join(transaction.serialize() for transaction in transactions)


def _make_coinbase(chance: random.Random) -> Transaction:
    spent = TxInput("00" * 32, 0xFFFFFFFF, chance.randbytes(60), 0xFFFFFFFF, (bytes(32),))
    outputs = (TxOutput(629_000_000, _make_script(chance)), TxOutput(0, b"\x6a\x24" + chance.randbytes(36)))
    return Transaction(1, (spent,), outputs)


def make_transaction(chance: random.Random) -> Transaction:
    inputs = chance.choices((1, 2, 3, 6, 60), (76, 14, 4, 4, 2))[0]
    outputs = chance.choices((1, 2, 3, 6, 40), (16, 79, 2, 2, 1))[0]
    return Transaction(
        version=chance.choice((1, 2)),
        inputs=tuple(_make_input(chance) for _ in range(inputs)),
        outputs=tuple(TxOutput(chance.randrange(546, 10**9), _make_script(chance)) for _ in range(outputs)),
        locktime=chance.choice((0, 702_860)),
    )


def _make_input(chance: random.Random) -> TxInput:
    scriptsig, witness = chance.choices(
        (
            (b"", (71, 33)),  # p2wpkh
            (b"\x16\x00\x14" + chance.randbytes(20), (72, 33)),  # p2sh-p2wpkh
            (chance.randbytes(107), ()),  # p2pkh
            (b"", (0, 71, 72, 105)),  # p2wsh, two of three
            (b"", (64,)),  # p2tr
        ),
        (40, 24, 30, 4, 2),
    )[0]
    stack = tuple(chance.randbytes(size) for size in witness)
    return TxInput(chance.randbytes(32).hex(), chance.randrange(8), scriptsig, 0xFFFFFFFD, stack)


def _make_script(chance: random.Random) -> bytes:
    before, size, after = chance.choices(
        (
            (b"\x00\x14", 20, b""),
            (b"\xa9\x14", 20, b"\x87"),
            (b"\x76\xa9\x14", 20, b"\x88\xac"),
            (b"\x00\x20", 32, b""),
            (b"\x51\x20", 32, b""),
        ),
        (40, 30, 26, 2, 2),
    )[0]
    return before + chance.randbytes(size) + after


def read_with_bitcoinlib(raw: bytes) -> list[bytes]:
    stream = io.BytesIO(raw)
    CBlockHeader.stream_deserialize(stream)
    count = VarIntSerializer.stream_deserialize(stream)
    return [CTransaction.stream_deserialize(stream).GetTxid()[::-1] for _ in range(count)]


def read_with_btclib(raw: bytes) -> list[bytes]:
    stream = io.BytesIO(raw)
    stream.seek(80)
    return [Tx.parse(stream, check_validity=False).id for _ in range(var_int.parse(stream))]


def run() -> dict[str, object]:
    """Return the benchmark's result, after all contenders agreed on every txid."""
    raw = make_block(seed=702_861)
    contenders: dict[str, Callable[[], object]] = {
        "chainflow": lambda: parse_block(raw),
        "python-bitcoinlib": lambda: read_with_bitcoinlib(raw),
        "btclib": lambda: read_with_btclib(raw),
    }
    block = parse_block(raw)
    txids = [bytes.fromhex(transaction.txid) for transaction in block.transactions]
    if not txids == read_with_bitcoinlib(raw) == read_with_btclib(raw):
        raise SystemExit("the contenders disagree on a txid: nothing was timed")
    seconds = time_in_turns(contenders, repetitions=REPETITIONS, clock=time.process_time)
    times_slower, figures = ratios(seconds), medians(seconds)
    inputs = sum(len(transaction.inputs) for transaction in block.transactions)
    outputs = sum(len(transaction.outputs) for transaction in block.transactions)
    return {
        "benchmark": "wire",
        "workload": f"a made-up block of {len(txids):,} transactions, {inputs:,} inputs, {outputs:,} outputs, "
        f"{len(raw):,} bytes: parse it and compute all txids (median CPU time of {REPETITIONS})",
        "machine": describe_machine(),
        "versions": describe_versions(*contenders),
        "figures": {f"{name}, s per block": median for name, median in figures.items()},
        "ratios": times_slower,
        "goals": [
            goal("times faster than python-bitcoinlib", times_slower["python-bitcoinlib"], at_least=3.0),
            goal("s per block", figures["chainflow"], at_most=0.1),
        ],
    }


if __name__ == "__main__":
    print_result(run())
