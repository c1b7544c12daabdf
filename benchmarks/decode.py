"""From bodies to checked facts, per source, against `json.loads` of the same bodies: `python -m benchmarks.decode`.

Made up: 1,000 transactions with the mix of types of Bitcoin's block 702861, each as the answer to one
question in the form of its explorer; for Etherscan a page of as many rows. `json.loads` alone is the floor:
it checks nothing. Where an answer carries the bytes, python-bitcoinlib parses and hashes those as a peer.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence

from bitcoin.core import CTransaction

from benchmarks.measure import describe_machine, describe_versions, goal, medians, print_result, time_in_turns
from benchmarks.wire import make_transaction
from chainflow.model import Fact, OutputRecord, TransferRecord, TxRecord
from chainflow.sources.blockbook import Blockbook
from chainflow.sources.core.rest import CoreRest
from chainflow.sources.esplora import Esplora
from chainflow.sources.etherscan import Etherscan
from chainflow.transactions import Transaction
from tests.sources.blockbook_form import blockbook_of
from tests.sources.core_form import dumps, tx_json
from tests.sources.esplora_form import esplora_of

TRANSACTIONS = 1_000
REPETITIONS = 5
SCRIPT = b"\x51\x20" + bytes(range(32))
"""What is spent: taproot, whose inputs show nothing that a reader could compare with it."""
PAYER, PAYEE = "0x" + "1a" * 20, "0x" + "2b" * 20

Answers = Sequence[tuple[str, bytes]]
Reader = Callable[[str, str, int, bytes], tuple[Fact, ...]]


def make_transactions(count: int) -> list[tuple[Transaction, list[tuple[int, bytes]]]]:
    """Return transactions and what they spend, the same for the same count."""
    chance = random.Random(702_861)
    made = [make_transaction(chance) for _ in range(count)]
    return [(tx, _prevouts(tx)) for tx in made]


def _prevouts(tx: Transaction) -> list[tuple[int, bytes]]:
    """Return outputs that are worth what the transaction pays and a fee."""
    paid = sum(output.value_sat for output in tx.outputs) + 1_000
    values = [600 for _ in tx.inputs]
    values[0] += max(paid - 600 * len(values), 0)
    return [(value, SCRIPT) for value in values]


def make_answers(count: int) -> dict[str, tuple[Reader, str, Answers]]:
    """Return reader, chain and answers of each source."""
    pairs = make_transactions(count)
    esplora, book, rest, scan = Esplora(), Blockbook(chain="btc"), CoreRest(), Etherscan(chain="eth")
    spent = [[OutputRecord(value, script.hex()) for value, script in prevouts] for _, prevouts in pairs]
    return {
        "esplora": (
            Esplora.read,
            "btc",
            [
                (esplora.tx_paths([tx.txid])[0], json.dumps(esplora_of(tx, prevouts)).encode())
                for tx, prevouts in pairs
            ],
        ),
        "blockbook": (
            Blockbook.read,
            "btc",
            [
                (book.tx_paths([tx.txid])[0], json.dumps(blockbook_of(tx, prevouts)).encode())
                for tx, prevouts in pairs
            ],
        ),
        "core-rest": (
            CoreRest.read,
            "btc",
            [
                (rest.tx_paths([tx.txid])[0], dumps(tx_json(tx, known, chain="btc")))
                for (tx, _), known in zip(pairs, spent, strict=True)
            ],
        ),
        "etherscan": (
            Etherscan.read,
            "eth",
            [(scan.history_path(PAYER, which="native") or "", _account_page(count + 1))],
        ),
    }


def _account_page(count: int) -> bytes:
    """Return a page of so many rows; of a number that is some server's page size the last would be left out."""
    rows = [
        {
            "blockNumber": str(14_000_000 + number),
            "timeStamp": str(1_640_000_000 + number),
            "hash": f"0x{number:064x}",
            "nonce": str(number),
            "blockHash": "0x" + "cd" * 32,
            "transactionIndex": "85",
            "from": PAYER,
            "to": PAYEE,
            "value": str(10**18 + number),
            "gas": "250000",
            "gasPrice": "43000000000",
            "isError": "0",
            "txreceipt_status": "1",
            "input": "0x",
            "contractAddress": "",
            "cumulativeGasUsed": "1",
            "gasUsed": "21000",
            "confirmations": "1",
        }
        for number in range(count)
    ]
    return json.dumps({"status": "1", "message": "OK", "result": rows}).encode()


def _read(reader: Reader, chain: str, answers: Answers) -> list[Fact]:
    return [fact for path, body in answers for fact in reader(chain, path, 200, body)]


def _check(name: str, facts: Sequence[Fact], expected: Mapping[str, bytes]) -> None:
    """Compare what was read with the transactions that were made."""
    if name == "etherscan":
        moved = {fact.txid for fact in facts if isinstance(fact, TransferRecord)}
        is_right = len(moved) == len(expected) + 1
    else:
        is_right = {fact.txid: fact.raw for fact in facts if isinstance(fact, TxRecord)} == expected
    if not is_right:
        raise SystemExit(f"{name} gives other facts than were made: nothing was timed")


def run() -> dict[str, object]:
    """Return the benchmark's result."""
    pairs = make_transactions(TRANSACTIONS)
    raws = [tx.serialize() for tx, _ in pairs]
    expected = {tx.txid: raw for (tx, _), raw in zip(pairs, raws, strict=True)}
    figures: dict[str, object] = {}
    slower: dict[str, float] = {}
    rates: dict[str, float] = {}
    for name, (reader, chain, answers) in make_answers(TRANSACTIONS).items():
        _check(name, _read(reader, chain, answers), expected)
        contenders: dict[str, Callable[[], object]] = {
            "chainflow": lambda r=reader, c=chain, a=answers: _read(r, c, a),  # type: ignore[misc]
            "json.loads": lambda a=answers: [json.loads(body) for _, body in a],  # type: ignore[misc]
        }
        taken = medians(time_in_turns(contenders, repetitions=REPETITIONS, clock=time.process_time))
        rates[name] = round(TRANSACTIONS / max(taken["chainflow"], 1e-6))
        slower[f"{name}: our time ÷ json.loads"] = round(
            taken["chainflow"] / max(taken["json.loads"], 1e-6), 1
        )
        figures[f"{name}, transactions/s"] = rates[name]
    parsed = {"bytes": lambda: [CTransaction.deserialize(raw).GetTxid() for raw in raws]}
    peer = medians(time_in_turns(parsed, repetitions=REPETITIONS, clock=time.process_time))["bytes"]
    figures["python-bitcoinlib, bytes alone, transactions/s"] = round(TRANSACTIONS / max(peer, 1e-6))
    return {
        "benchmark": "decode",
        "workload": f"{TRANSACTIONS:,} transactions from answers to checked facts (CPU time)",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow", "python-bitcoinlib"),
        "figures": figures,
        "ratios": slower,
        "goals": [goal(f"transactions/s, {name}", rate, at_least=1_000) for name, rate in rates.items()],
    }


if __name__ == "__main__":
    print_result(run())
