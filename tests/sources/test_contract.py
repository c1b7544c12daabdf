"""The contract of all sources, kept by each of ours: with small replies made here, and with recorded ones."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from esplora_form import RANSOM_ADDRESS, RANSOM_PREVOUTS, RANSOM_RAW, RANSOM_TXID, esplora
from utxo_forms import RANSOM, SPENDER, blockchain_info, blockchair, blockcypher, envelope

from chainflow.errors import SchemaMismatch
from chainflow.model import Listing, Tip, TransferKind, TransferRecord
from chainflow.registry import plugins
from chainflow.sources import GROUP, Source, open_source
from chainflow.sources.esplora import Esplora
from chainflow.testing import Exchange, check_source, damages
from chainflow.testing.contract import _MEMBERS
from chainflow.wire import parse_transaction

Made = tuple[Source, list[Exchange]]
TX = parse_transaction(RANSOM_RAW)


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def ok(path: str | None, value: object) -> Exchange:
    assert path is not None
    return path, 200, value if isinstance(value, bytes) else body(value)


def esplora_made() -> Made:
    source, ransom = Esplora(), esplora(RANSOM_RAW, RANSOM_PREVOUTS)
    spends = [{"spent": True, "txid": SPENDER, "vin": 2}, {"spent": False}]
    count = {"address": RANSOM_ADDRESS, "chain_stats": {"tx_count": 2}, "mempool_stats": {"tx_count": 0}}
    return source, [
        ok(source.tip_path(), b"698767"),
        ok(source.address_path(RANSOM_ADDRESS), count),
        ok(source.history_path(RANSOM_ADDRESS), [ransom]),
        ok(source.tx_paths([RANSOM_TXID])[0], ransom),
        ok(source.outspends_path([RANSOM_TXID]), spends),
        (source.history_path(RANSOM_ADDRESS), 400, b"Too many history entries"),
    ]


def blockbook_made() -> Made:
    form = importlib.import_module("blockbook_form")
    source, ransom = open_source("blockbook"), form.blockbook_of(TX, RANSOM_PREVOUTS)
    return source, [
        ok(source.tip_path(), {"blockbook": {"coin": "Bitcoin", "inSync": True, "bestHeight": 700_000}}),
        ok(source.history_path(RANSOM_ADDRESS), form.page_of(RANSOM_ADDRESS, [ransom])),
        ok(source.tx_paths([RANSOM_TXID])[0], ransom),
    ]


def blockchain_info_made() -> Made:
    source, ransom = open_source("blockchain-info"), blockchain_info(*RANSOM)
    page = {"address": RANSOM_ADDRESS, "n_tx": 1, "txs": [ransom]}
    outline, raw = source.tx_paths([RANSOM_TXID])
    return source, [
        ok(source.history_path(RANSOM_ADDRESS), page),
        *(ok(path, RANSOM_RAW.hex().encode() if "hex" in path else ransom) for path in (outline, raw)),
    ]


def blockchair_made() -> Made:
    source, (txid, entry) = open_source("blockchair"), blockchair(*RANSOM)
    row = {"type": "pubkeyhash", "script_hex": RANSOM_PREVOUTS[0][1].hex(), "transaction_count": 1}
    page = {RANSOM_ADDRESS: {"address": row, "transactions": [txid], "utxo": []}}
    return source, [
        ok(source.history_path(RANSOM_ADDRESS), envelope(page)),
        ok(source.tx_paths([txid])[0], envelope({txid: entry})),
    ]


def blockcypher_made() -> Made:
    source, ransom = open_source("blockcypher"), blockcypher(*RANSOM)
    page = {"address": RANSOM_ADDRESS, "n_tx": 1, "unconfirmed_n_tx": 0, "txs": [ransom]}
    return source, [
        ok(source.history_path(RANSOM_ADDRESS), page),
        ok(source.tx_paths([RANSOM_TXID])[0], ransom),
    ]


def haskoin_made() -> Made:
    source, haskoin_of = open_source("haskoin"), importlib.import_module("test_haskoin").haskoin_of
    ransom = haskoin_of(TX, RANSOM_PREVOUTS)
    return source, [
        ok(source.history_path(RANSOM_ADDRESS), [ransom]),
        ok(source.tx_paths([RANSOM_TXID])[0], ransom),
    ]


def electrum_made() -> Made:
    source = open_source("electrum:ssl://electrum.example.org:50002", chain="btc")

    def answer(result: object) -> bytes:
        return body({"jsonrpc": "2.0", "id": 0, "result": result})

    return source, [
        ok(source.history_path(RANSOM_ADDRESS), answer([{"tx_hash": RANSOM_TXID, "height": 170}])),
        ok(source.tx_paths([RANSOM_TXID])[0], answer(RANSOM_RAW.hex())),
    ]


def core_made(family: str = "core") -> Made:
    form = importlib.import_module("core_form")
    source = open_source(f"{family}:http://127.0.0.1:18443", chain=form.CHAIN)
    (hash_path,) = source.block_paths(2)
    (block,) = source.block_paths(2, form.TWO.header.hash)
    answered = form.result if family == "core" else form.dumps
    return source, [
        ok(
            hash_path,
            answered(form.TWO.header.hash if family == "core" else {"blockhash": form.TWO.header.hash}),
        ),
        ok(block, answered(form.block_json(form.TWO, 2, form.SPENT))),
    ]


def etherscan_made() -> Made:
    form, source = importlib.import_module("test_etherscan"), open_source("etherscan")

    def page(which: str, *rows: object) -> Exchange:
        return ok(source.history_path(form.THIEF, which=which), {**form.OK, "result": list(rows)})

    failed = form.native(value="7", isError="1", txreceipt_status="0", hash="0x" + "11" * 32)
    refusal = {"status": "0", "message": "NOTOK", "result": "Max calls per sec rate limit reached (3/sec)"}
    nothing = {"status": "0", "message": "No transactions found", "result": []}
    return source, [
        ok(source.tip_path(), {"jsonrpc": "2.0", "id": 1, "result": "0x10"}),
        page("native", form.native(), failed),
        page("internal", form.internal()),
        page("token", form.token()),
        ok(source.history_path(form.THIEF), refusal),
        ok(source.history_path(form.THIEF, which="nft"), nothing),
    ]


def blockscout_made() -> Made:
    form, source = importlib.import_module("test_blockscout"), open_source("blockscout", chain="eth")

    def page(which: str, *rows: object, then: object = None) -> Exchange:
        value = {"items": list(rows), "next_page_params": then}
        return ok(source.history_path(form.THIEF, which=which), value)

    return source, [
        page("native", form.transaction()),
        page("internal", form.internal(), then=form.NEXT),
        page("token", form.token()),
        ok(source.tx_paths([form.TXID])[0], form.transaction()),
    ]


def trongrid_made() -> Made:
    form, source = importlib.import_module("tests.tron_form"), open_source("trongrid")
    page = {
        "data": [form.transfer(150_466_320)],
        "success": True,
        "meta": {"at": 1738601801000, "page_size": 1},
    }
    return source, [ok(source.history_path(form.OWNER_TEXT), page)]


def evm_made() -> Made:
    form, source = (
        importlib.import_module("tests.evm_form"),
        open_source("evm:http://127.0.0.1:8545", chain="eth"),
    )
    block, receipts = form.block_of((form.CALL, {"status": "0x1"}), (form.EXAMPLE, {"status": "0x0"}))

    def answer(*results: object) -> bytes:
        return body([{"jsonrpc": "2.0", "id": n, "result": one} for n, one in enumerate(results)])

    mined, _ = source.tx_paths([block["transactions"][0]["hash"]])
    return source, [
        ok(source.tip_path(), answer("0x1", "0x10")),
        ok(source.block_paths(form.HEIGHT)[0], answer(block, receipts)),
        ok(mined, answer(block["transactions"][0], receipts[0])),
    ]


MADE: dict[str, Callable[[], Made]] = {
    "esplora": esplora_made,
    "blockbook": blockbook_made,
    "blockchain-info": blockchain_info_made,
    "blockchair": blockchair_made,
    "blockcypher": blockcypher_made,
    "haskoin": haskoin_made,
    "electrum": electrum_made,
    "core": core_made,
    "core-rest": lambda: core_made("core-rest"),
    "etherscan": etherscan_made,
    "blockscout": blockscout_made,
    "trongrid": trongrid_made,
    "evm": evm_made,
}


UNPROVED = {"etherscan", "blockscout"}
"""Families whose lists no hash stands behind: what they say of an amount can only be believed."""


@pytest.mark.parametrize("family", MADE)
def test_each_source_keeps_the_contract_with_good_and_with_damaged_replies(family):
    source, exchanges = MADE[family]()
    report = check_source(source, exchanges, most=300 if family == "evm" else 1_200)
    source.close()
    assert report.ok, report
    assert report.facts > 0
    assert report.refused > report.damaged // 10
    believed = [name for name in report.believed.get("amounts", ()) if "value is" in name]
    assert bool(believed) == (family in UNPROVED), believed


def test_every_source_that_is_registered_is_under_this_contract():
    labels_only = {"walletexplorer"}  # states no facts of a chain
    assert set(plugins(GROUP)) - labels_only == set(MADE)


def recorded(shared) -> Iterator[tuple[str, Exchange]]:
    for file in sorted((shared / "explorers" / "esplora" / "txs").glob("*.json")):
        raw = file.read_bytes()
        tx = json.loads(raw)
        if isinstance(tx, dict) and "vin" in tx:
            yield "esplora", (f"/tx/{tx['txid']}", 200, raw)
    for file in sorted((shared / "explorers").glob("blockscout/v2-transaction-*.json"))[:3]:
        exchange = json.loads(file.read_text())
        path = exchange["request"]["url"].partition("/api/v2")[2]
        yield "blockscout", (path, exchange["status"], as_bytes(exchange["body"]))


def as_bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else body(text)


def test_recorded_replies_keep_the_contract(shared):
    by_family: dict[str, list[Exchange]] = {}
    for family, exchange in recorded(shared):
        by_family.setdefault(family, []).append(exchange)
    assert {family: len(exchanges) for family, exchanges in by_family.items()} == {
        "esplora": 10,
        "blockscout": 3,
    }
    for family, exchanges in by_family.items():
        source = open_source(family, chain="op" if family == "blockscout" else "btc")
        report = check_source(source, exchanges, most=150)
        assert report.ok, report
        assert report.facts >= len(exchanges)


# --- the contract finds what it forbids -------------------------------------------------------------


class Broken(Esplora):
    """An Esplora whose reading is wrong in one way."""

    family = "esplora"
    flaw: Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]

    def facts(self, path: str, status: int, body: bytes) -> tuple[Any, ...]:
        return type(self).flaw(json.loads(body), super().facts(path, status, body))


def changed(kind: type, **fields: Any) -> Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]:
    return lambda _, facts: tuple(
        replace(fact, **fields) if isinstance(fact, kind) else fact for fact in facts
    )


def moved(**fields: Any) -> Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]:
    move = TransferRecord("btc", "0x" + "11" * 32, TransferKind.NATIVE, None, None, None, 5, 5, True)
    return lambda _, facts: (*facts, replace(move, **fields))


def looking_at_the_clock(_: Any, facts: tuple[Any, ...]) -> tuple[Any, ...]:
    import time

    return (*facts, Tip("btc", int(time.time()) // 1_000_000))


FLAWS = [
    (changed(Listing, complete=True, reason="more"), "complete, or has a reason"),
    (changed(Listing, complete=False, reason=""), "complete, or has a reason"),
    (changed(Listing, after="x", next="x"), "leads back to this one"),
    (changed(Listing, txids=("a", "a")), "listed twice"),
    (changed(Listing, chain="ltc"), "is of ltc"),
    (changed(Listing, which="odd"), "not in lists"),
    (moved(ok=False), "failed and moved something"),
    (moved(value_raw=4), "moved another amount"),
    (moved(value_raw=5.0, stated_raw=5.0), "no whole number"),
    (moved(value_raw=-5, stated_raw=-5), "negative"),
    (moved(kind=TransferKind.FEE, recipient="x"), "fee that is paid to somebody"),
    (lambda value, facts: (*facts, value), "is no fact"),
    (lambda value, facts: list(facts), "not a tuple"),
    (lambda value, facts: facts[9], "raises IndexError"),
    (looking_at_the_clock, "not state the same twice"),
]


@pytest.mark.parametrize(("flaw", "told"), FLAWS)
def test_a_source_that_reads_wrongly_is_found(flaw, told):
    source = type("Wrong", (Broken,), {"flaw": staticmethod(flaw)})()
    exchange = ok(source.history_path(RANSOM_ADDRESS), [esplora(RANSOM_RAW, RANSOM_PREVOUTS)])
    report = check_source(source, [exchange], broken=False)
    assert any(told in problem for problem in report.problems), report


def lenient(chain: str, path: str, status: int, body: bytes) -> tuple[Any, ...]:
    """A reader like many: whatever `int` takes is an amount, and the last of two keys counts."""
    if path != f"/{'11' * 32}" or status != 200:
        raise SchemaMismatch("no", hint="no")
    try:
        value = int(json.loads(body)["value"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise SchemaMismatch("no", hint="no") from None
    return (TransferRecord(chain, "11" * 32, TransferKind.NATIVE, None, None, None, value, value, True),)


@pytest.mark.parametrize("told", ["value is 1.5", "value is true", "value is -", '"value":6'])
def test_a_reader_that_takes_what_it_gets_is_found(told):
    source = type("Lenient", (Esplora,), {"read": staticmethod(lenient)})()
    report = check_source(source, [(f"/{'11' * 32}", 200, b'{"value": 5}')])
    assert any(told in problem and "amount" in problem for problem in report.problems), report


def test_what_is_no_source_is_told_what_it_lacks():
    report = check_source(object(), [])  # type: ignore[arg-type]
    assert not report.ok
    assert all(name in report.problems[0] for name in _MEMBERS)


@pytest.mark.parametrize(
    "damage", ["empty", "a web page", "not UTF-8", "nested 100,000 times", "cut off after"]
)
def test_every_body_is_damaged_as_a_whole(damage):
    names = [one.name for one in damages(b"698767 and some more text, no JSON")]
    assert any(name.startswith(damage) for name in names)


def test_the_same_body_is_damaged_in_the_same_ways():
    made = [list(damages(body(esplora(RANSOM_RAW, RANSOM_PREVOUTS)), most=50)) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) > 70
