"""Ten thousand faults: nothing acknowledged is lost, nothing wrong is believed, nothing secret is written."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import traceback
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from chainflow.case import Case
from chainflow.errors import ChainflowError
from chainflow.ledger import Ledger, build
from chainflow.model import Evidence, Tip, TransferRecord, TxRecord
from chainflow.samples.make import CHAIN, Maker
from chainflow.serve import Replay
from chainflow.sources.esplora import Esplora
from chainflow.sources.etherscan import Etherscan
from tests.faults.rig import CANARIES, LARGEST, LONGEST, FaultServer, slow_loris
from tests.faults.worlds import ACCOUNTS, COINS, LIES, AccountExplorer, made_payments

FAULTS = 10_000
SHARE = {"coins": 6_600, "accounts": 2_800, "lies": 600}
ANN = "0x" + "a1" * 20
WORDS = (*CANARIES, b64encode(f"ann:{CANARIES[2]}".encode()).decode())
_IMPATIENT: dict[str, Any] = {
    "tries": 12,
    "backoff": 0.0,
    "longest_wait": 0.0,
    "timeout": 5.0,
    "max_bytes": LARGEST,
    "max_seconds": LONGEST,
    "headers": {"X-Api-Key": CANARIES[1]},
}


@dataclass
class Tally:
    """What all runs together did."""

    injected: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    runs: int = 0
    given: int = 0
    rows: int = 0
    healed_by_refresh: int = 0


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainflow.crawl.asker._PAUSES", (0.0,))


# --- truths ------------------------------------------------------------------------------------------


def busy(seed: int, payments: int = 14) -> tuple[Maker, str, str]:
    """Return a chain in which one address is paid often and pays another."""
    maker = Maker("faults", seed=seed)
    shop, bank = maker.address("shop"), maker.address("bank")
    coins = []
    for number in range(payments):
        mined = maker.mine(f"miner {number}")
        coins.append(maker.pay([mined], {shop: 1_000_000 + number}, change=maker.address("m"))[shop])
    for number in range(4):
        maker.pay(coins[3 * number : 3 * number + 3], {bank: 2_000_000 + number})
    return maker, shop, bank


def reorganised(ledger_facts: list[Any], depth: int) -> Ledger:
    """Return the chain with its newest blocks replaced: the same transactions, one block later."""
    top = sorted({fact.height for fact in ledger_facts if isinstance(fact, TxRecord)})[-depth]
    changed = [
        replace(fact, height=fact.height + 1, block_hash=hashlib.sha256(fact.block_hash.encode()).hexdigest())
        if isinstance(fact, TxRecord) and fact.height >= top
        else replace(fact, height=fact.height + 1)
        if isinstance(fact, Tip)
        else fact
        for fact in ledger_facts
    ]
    return build((fact, Evidence(0, "0" * 64, "made-up:reorg", "", None)) for fact in changed)


def without(facts: list[Any], tx: TxRecord) -> Ledger:
    """Return the chain before a transaction was made."""
    kept = [fact for fact in facts if isinstance(fact, Tip) or (isinstance(fact, TxRecord) and fact != tx)]
    return build((fact, Evidence(0, "0" * 64, "made-up:before", "", None)) for fact in kept)


# --- what must hold after every run -------------------------------------------------------------------


def attempt(case: Case, seeds: list[str], tally: Tally, **options: Any) -> bool:
    """Fetch once; return whether it came to its end. Any error is one of ours, or the test fails."""
    try:
        done = case.fetch(seeds, **options)
    except ChainflowError as error:
        tally.errors[type(error).__name__] += 1
        tally.said += [str(error), repr(error), error.hint, "".join(traceback.format_exception(error))]
        return False
    tally.said += [repr(done), done._repr_html_()]
    return not done.not_followed


def wrong_rows(case: Case, truth: dict[str, Any]) -> list[str]:
    """Return the statements of the case that are not true."""
    wrong = []
    for fact, _ in case.log.statements():
        if isinstance(fact, TxRecord):
            known = truth.get(fact.txid)
            if known is None or (known.inputs, known.outputs, known.raw) != (
                fact.inputs,
                fact.outputs,
                fact.raw,
            ):
                wrong.append(fact.txid)
        elif isinstance(fact, TransferRecord) and fact not in truth.get(fact.txid, ()):
            wrong.append(f"{fact}")
    return wrong


def not_kept(case: Case, server: FaultServer) -> set[str]:
    """Return what was given whole and is not in the case."""
    return {one.sha256 for one in server.given} - {row[0] for row in case.log.rows("select sha256 from raw")}


def rows_of(ledger: Ledger) -> tuple[list[Any], ...]:
    """Return all rows of the chain that a fetch must bring, whenever it was made."""
    outputs = ledger.outputs.drop_columns(["as_of_height"]).to_pylist()
    coverage = ledger.coverage[["address", "list", "state", "reason", "received"]].to_dict("records")
    return ledger.txs.to_pylist(), outputs, ledger.transfers.to_pylist(), coverage


def secrets_in(*texts: bytes) -> list[str]:
    return [canary for canary in WORDS for text in texts if canary.encode() in text]


def case_bytes(path: Path) -> Iterator[bytes]:
    """Yield everything that is in a case, packed and unpacked."""
    for file in path.parent.glob(path.name + "*"):
        yield file.read_bytes()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as sql:
        for (body,) in sql.execute("select body from raw"):
            yield zlib.decompress(body)
        yield from ("\n".join(map(str, row)).encode() for row in sql.execute("select * from log"))
    sql.close()


# --- the runs ----------------------------------------------------------------------------------------


def life(
    path: Path, server: FaultServer, source: Any, seeds: list[str], truth: dict[str, Any], tally: Tally
) -> Case:
    """Fetch into one new case twenty times, while the server fails; check what was learnt so far."""
    case = Case(path, source)
    held: set[str] = set()
    for number in range(16):
        attempt(case, seeds, tally, refresh=number % 4 > 0)
        now = {
            row[0]
            for row in case.log.rows("select distinct subject from fact where kind in ('tx', 'transfer')")
        }
        assert held <= now
        held = now
    assert wrong_rows(case, truth) == []
    assert not_kept(case, server) == set()
    tally.runs += 1
    return case


def finish(case: Case, path: Path, tally: Tally, server: FaultServer, truth: dict[str, Any]) -> None:
    """Check a case after its last fetch, and look for the canaries in all that is written."""
    assert wrong_rows(case, truth) == []
    assert not_kept(case, server) == set()
    checked = case.verify()
    assert checked.ok, checked.problems
    tally.given += len(server.given)
    tally.rows += checked.facts
    tally.injected += server.injected
    shown = [repr(case), case._repr_html_(), case.steps.to_html(), case.disclosures.to_html()]
    case.close()
    assert secrets_in(*case_bytes(path), *(text.encode() for text in (*shown, *tally.said))) == []
    tally.said.clear()


@pytest.mark.parametrize("seed", [1, 2])
def test_coins_survive_all_that_the_line_and_the_server_do(tmp_path, tally, caplog, seed):
    caplog.set_level(logging.DEBUG)
    maker, shop, bank = busy(seed)
    truth = {fact.txid: fact for fact in maker._facts() if isinstance(fact, TxRecord)}
    world = Replay(maker.ledger(), closed_world=True, page_size=5).answer
    expected = rows_of(clean(world, [shop, bank]))
    wanted, number = tally.injected.total() + SHARE["coins"] // 2, 0
    while tally.injected.total() < wanted:
        number += 1
        faults = COINS | ({"slow-loris": (25, slow_loris)} if number % 20 == 1 else {})
        server = FaultServer([world], faults, seed=1_000 * seed + number, rate=0.9)
        path = tmp_path / f"{number}.chainflow"
        source = Esplora(server.with_secrets.format(""), chain=CHAIN, **_IMPATIENT)
        case = life(path, server, source, [shop, bank], truth, tally)
        server.calm()
        assert attempt(case, [shop, bank], tally)
        assert rows_of(case.ledger) == expected
        finish(case, path, tally, server, truth)
        source.close()
        server.stop()
    assert secrets_in(caplog.text.encode()) == []


def clean(world: Any, seeds: list[str]) -> Ledger:
    """Return what a fetch from an honest server brings."""
    server = FaultServer([world], {}, seed=0, rate=0)
    source = Esplora(server.url, chain=CHAIN)
    with Case(":memory:", source) as case:
        case.fetch(seeds)
        ledger = case.ledger
    source.close()
    server.stop()
    return ledger


@pytest.mark.parametrize("seed", [3, 4])
def test_accounts_survive_all_that_the_line_and_the_server_do(tmp_path, tally, caplog, seed):
    caplog.set_level(logging.DEBUG)
    payments = made_payments(ANN, seed=seed, count=130)
    world = AccountExplorer(payments)
    truth, expected = account_truth(world)
    assert sum(len(rows) for rows in truth.values()) == len(payments) + sum(
        payment.which == "native" for payment in payments
    )
    wanted, number = tally.injected.total() + SHARE["accounts"] // 2, 0
    while tally.injected.total() < wanted:
        number += 1
        faults = ACCOUNTS | ({"slow-loris": (25, slow_loris)} if number % 20 == 1 else {})
        server = FaultServer([world], faults, seed=1_000 * seed + number, rate=0.9)
        path = tmp_path / f"{number}.chainflow"
        source = Etherscan(server.with_secrets.format("/v2"), chain="polygon", **_IMPATIENT)
        case = life(path, server, source, [ANN], truth, tally)
        server.calm()
        assert attempt(case, [ANN], tally)
        assert rows_of(case.ledger) == expected
        finish(case, path, tally, server, truth)
        source.close()
        server.stop()
    assert secrets_in(caplog.text.encode()) == []


def account_truth(world: AccountExplorer) -> tuple[dict[str, Any], tuple[list[Any], ...]]:
    """Return the movements by txid, and the rows that a fetch from an honest server brings."""
    server = FaultServer([world], {}, seed=0, rate=0)
    source = Etherscan(f"{server.url}/v2", chain="polygon")
    with Case(":memory:", source) as case:
        case.fetch([ANN])
        truth: dict[str, set[TransferRecord]] = {}
        for fact, _ in case.log.statements():
            if isinstance(fact, TransferRecord):
                truth.setdefault(fact.txid, set()).add(fact)
        rows = rows_of(case.ledger)
    source.close()
    server.stop()
    return truth, rows


@pytest.mark.parametrize("seed", [5])
def test_lies_that_no_reply_gives_away_never_make_a_history_complete(tmp_path, tally, seed):
    maker, shop, bank = busy(seed, payments=34)
    facts = list(maker._facts())
    truth = {fact.txid: fact for fact in facts if isinstance(fact, TxRecord)}
    newest = [fact for fact in facts if isinstance(fact, TxRecord)][-1]
    worlds = [
        Replay(ledger, closed_world=True).answer
        for ledger in (without(facts, newest), maker.ledger(), reorganised(facts, depth=3))
    ]
    expected = rows_of(clean(worlds[-1], [shop, bank]))
    sizes: dict[str, set[int]] = {shop: set(), bank: set()}
    for world in worlds:
        for row in clean(world, [shop, bank]).coverage.itertuples():
            sizes[row.address].add(row.received)
    wanted, number = tally.injected.total() + SHARE["lies"], 0
    while tally.injected.total() < wanted:
        number += 1
        server = FaultServer(worlds, LIES, seed=1_000 * seed + number, rate=0.75)
        path = tmp_path / f"{number}.chainflow"
        source = Esplora(server.with_secrets.format(""), chain=CHAIN, **_IMPATIENT)
        case = life(path, server, source, [shop, bank], truth, tally)
        server.calm()
        attempt(case, [shop, bank], tally)
        told = case.ledger.coverage
        assert all(row.received in sizes[row.address] for row in told.itertuples() if row.state == "complete")
        assert attempt(case, [shop, bank], tally, refresh=True)
        tally.healed_by_refresh += 1
        assert rows_of(case.ledger) == expected
        finish(case, path, tally, server, truth)
        source.close()
        server.stop()


def test_a_plain_rerun_asks_again_where_the_case_contradicts_the_count(tmp_path):
    maker, shop, _ = busy(7)
    truth = Replay(maker.ledger(), closed_world=True, page_size=5).answer
    pages: list[str] = []

    def lying_once(path: str) -> Any:
        pages.extend([path] if "/txs" in path else [])
        return truth(f"/address/{shop}/txs" if len(pages) == 3 and path == pages[-1] else path)

    server = FaultServer([lying_once], {}, seed=0, rate=0)
    source = Esplora(server.url, chain=CHAIN)
    with Case(tmp_path / "a.chainflow", source) as case:
        case.fetch(shop)
        assert case.ledger.coverage["state"].tolist() == ["partial"]
        case.fetch(shop)
        healed = case.ledger.coverage["state"].tolist()
    source.close()
    server.stop()
    assert healed == ["complete"]


def test_ten_thousand_faults_were_injected(tally, capsys):
    counts = tally.injected
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{counts.total():,} faults in {tally.runs} cases: 0 of {tally.given:,} whole answers lost, "
            f"0 of {tally.rows:,} rows wrong; errors told: {dict(tally.errors)}"
        )
        print(", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items())))  # noqa: T201
    assert counts.total() >= FAULTS
    assert [name for name in {*COINS, *ACCOUNTS, *LIES} if not counts[name]] == []
