"""An account explorer of made-up payments, and what explorers of accounts and of coins say wrongly."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from chainflow.serve.replay import Answer
from tests.faults.rig import LINE, Fault, Handler, Unfit, World

# --- an explorer of an account chain ------------------------------------------------------------------


class Payment(NamedTuple):
    """One row of one list of the account explorer."""

    which: str
    height: int
    position: int
    txid: str
    sender: str
    recipient: str
    value: int
    failed: bool


USDT = "0x" + "da" * 20
_ACTIONS = {
    "txlist": "native",
    "txlistinternal": "internal",
    "tokentx": "token",
    "tokennfttx": "nft",
    "token1155tx": "token1155",
}


def made_payments(address: str, *, seed: int, count: int) -> list[Payment]:
    """Return made-up payments of and to an address, in the order of the chain."""
    dice = random.Random(seed)
    rows, height = [], 1_000
    for number in range(count):
        height += dice.choice([0, 1, 1, 2])
        other = f"0x{dice.getrandbits(160):040x}"
        pair = (address, other) if dice.random() < 0.4 else (other, address)
        which = dice.choice(["native", "native", "internal", "token"])
        txid = f"0x{hashlib.sha256(f'{seed} {number}'.encode()).hexdigest()}"
        failed = which != "token" and dice.random() < 0.2
        rows.append(Payment(which, height, number, txid, *pair, dice.randrange(10**24), failed))
    return rows


class AccountExplorer:
    """Answers in Etherscan's language about made-up payments, `page_size` rows at a time."""

    def __init__(self, payments: Sequence[Payment], *, page_size: int = 50) -> None:
        self.payments, self.page_size = payments, page_size

    def __call__(self, path: str) -> Answer:
        asked = dict(pair.partition("=")[::2] for pair in path.partition("?")[2].split("&"))
        if asked.get("action") == "eth_blockNumber":
            return _json({"jsonrpc": "2.0", "id": 1, "result": hex(10_000)})
        if asked.get("action") not in _ACTIONS:
            return _json(
                {"status": "0", "message": "NOTOK", "result": "Error! Missing Or invalid Action name"}
            )
        which, start = _ACTIONS[asked["action"]], int(asked.get("startblock", "0"))
        rows = [row for row in self.payments if row.which == which and row.height >= start]
        rows = [row for row in rows if asked.get("address") in (row.sender, row.recipient)][: self.page_size]
        if not rows:
            return _json({"status": "0", "message": "No transactions found", "result": []})
        return _json({"status": "1", "message": "OK", "result": [_row(row) for row in rows]})


def _row(row: Payment) -> dict[str, str]:
    shared = {
        "blockNumber": str(row.height),
        "timeStamp": str(1_700_000_000 + 12 * row.height),
        "hash": row.txid,
        "from": row.sender,
        "to": row.recipient,
        "value": str(row.value),
        "contractAddress": "",
    }
    failed = str(int(row.failed))
    placed = {"transactionIndex": str(row.position), "blockHash": f"0x{row.height:064x}"}
    if row.which == "native":
        receipt = {"isError": failed, "txreceipt_status": str(int(not row.failed))}
        return {**shared, **placed, **receipt, "gasUsed": "21000", "gasPrice": "7"}
    if row.which == "internal":
        return {**shared, "type": "call", "callType": "call", "traceId": "0_1", "isError": failed}
    token = {"tokenSymbol": "USDT", "tokenName": "Tether", "tokenDecimal": "6"}
    return {**shared, **placed, **token, "contractAddress": USDT}


def _json(value: Any) -> Answer:
    return Answer(200, "application/json", json.dumps(value, separators=(",", ":")).encode())


def not_ok(handler: Handler, answer: Answer) -> None:
    words = handler.server.dice.choice(
        [
            "Max calls per sec rate limit reached (3/sec)",
            "Max rate limit reached, please use API Key for higher rate limit",
            "Free API access is temporarily unavailable due to unusually high network activity.",
            "Query Timeout occured. Please select a smaller result dataset",
            "Missing/Invalid API Key",
        ]
    )
    handler.reply(_json({"status": "0", "message": "NOTOK", "result": words}).body)


def not_ready(handler: Handler, answer: Answer) -> None:
    words = "Some internal transactions within this block range have not yet been processed"
    handler.reply(_json({"status": "2", "message": words, "result": []}).body)


def empty_in_the_middle(handler: Handler, answer: Answer) -> None:
    """Say that there is nothing from a block on that the page before ended with."""
    if not re.search(r"startblock=[1-9]", handler.path):
        raise Unfit
    handler.reply(_json({"status": "0", "message": "No transactions found", "result": []}).body)


def page_before(handler: Handler, answer: Answer) -> None:
    """Give the first page in place of a later one."""
    if not re.search(r"startblock=[1-9]", handler.path):
        raise Unfit
    handler.reply(handler.server.truth(re.sub(r"startblock=[0-9]+", "startblock=0", handler.path)).body)


def of_somebody_else(handler: Handler, answer: Answer) -> None:
    if b'"from"' not in answer.body:
        raise Unfit
    handler.reply(re.sub(rb'"(from|to)":"0x[0-9a-f]{40}"', rb'"\1":"0x' + b"ee" * 20 + b'"', answer.body))


ACCOUNTS: dict[str, tuple[int, Fault]] = {
    **LINE,
    "NOTOK with 200": (60, not_ok),
    "not ready with 200": (20, not_ready),
    "an empty page in the middle": (200, empty_in_the_middle),
    "a page twice": (200, page_before),
    "rows of somebody else": (20, of_somebody_else),
}


# --- what an explorer of coins says wrongly -----------------------------------------------------------


def _rows_of(answer: Answer) -> list[Any]:
    rows = json.loads(answer.body) if answer.status == 200 and answer.body[:2] == b"[{" else []
    if not rows or "vin" not in rows[0]:
        raise Unfit
    return list(rows)


def row_twice(handler: Handler, answer: Answer) -> None:
    rows = _rows_of(answer)
    handler.reply(_json([*rows, handler.server.dice.choice(rows)]).body)


def _first_page(path: str, truth: World) -> tuple[bytes, bool]:
    """Return the first page of a list, and whether it holds the transaction after which was asked."""
    first, chain, after = path.partition("?")[0].partition("/chain/")
    body = truth(first).body
    if not chain:
        raise Unfit
    return body, after in {row["txid"] for row in json.loads(body)}


def page_again(handler: Handler, answer: Answer) -> None:
    """Give a page that holds the transaction after which was asked."""
    body, is_seen_through = _first_page(handler.path, handler.server.truth)
    if not is_seen_through:
        raise Unfit
    handler.reply(body)


def altered(handler: Handler, answer: Answer) -> None:
    """Pay a satoshi more in one output."""
    rows = _rows_of(answer)
    handler.server.dice.choice(handler.server.dice.choice(rows)["vout"])["value"] += 1
    handler.reply(_json(rows).body)


def of_another_address(handler: Handler, answer: Answer) -> None:
    rows = _rows_of(answer)
    other = json.loads(handler.server.truth(f"/tx/{rows[0]['vin'][0]['txid']}").body or b"{}")
    if "vin" not in other or not other["vin"][0]["is_coinbase"]:
        raise Unfit
    handler.reply(_json([*rows[:-1], other]).body)


COINS: dict[str, tuple[int, Fault]] = {
    **LINE,
    "a row twice": (40, row_twice),
    "a page twice": (200, page_again),
    "an altered amount": (40, altered),
    "a row of another address": (20, of_another_address),
}


def _lie_of(handler: Handler) -> int:
    """Return which of three lies an address is told: two that fit together could not be told from truth."""
    found = re.search(r"/address/([0-9a-z]+)", handler.path)
    return -1 if found is None else (found.group(1).encode()[-1] + handler.server.seed) % 3


def false_total(handler: Handler, answer: Answer) -> None:
    if _lie_of(handler) != 0 or b'"chain_stats"' not in answer.body:
        raise Unfit
    stats = json.loads(answer.body)
    stats["chain_stats"]["tx_count"] += handler.server.dice.choice([1, 5, 100, -1])
    handler.reply(_json(stats).body)


def empty_page(handler: Handler, answer: Answer) -> None:
    if _lie_of(handler) != 1:
        raise Unfit
    _rows_of(answer)
    handler.reply(b"[]")


def row_left_out(handler: Handler, answer: Answer) -> None:
    if _lie_of(handler) != 2:
        raise Unfit
    rows = _rows_of(answer)
    rows.pop(handler.server.dice.randrange(len(rows)))
    handler.reply(_json(rows).body)


def first_page_again(handler: Handler, answer: Answer) -> None:
    """Give the first page in place of one behind the second."""
    body, is_seen_through = _first_page(handler.path, handler.server.truth)
    if is_seen_through:
        raise Unfit
    handler.reply(body)


LIES: dict[str, tuple[int, Fault]] = {
    **COINS,
    "a lie about the total": (400, false_total),
    "an empty page": (400, empty_page),
    "a row left out": (400, row_left_out),
    "the first page again": (400, first_page_again),
}
"""With what no reader can refuse: only the count beside the list, or another source, shows it."""
