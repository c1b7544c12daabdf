"""What our sources make of real servers' answers is what the node and its wallets themselves say."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from chainflow.checkpoints import CHECKPOINTS
from chainflow.crawl import Limits, fetch_into, prove
from chainflow.errors import BadInput, NotFound, RateLimited
from chainflow.evidence import Log
from chainflow.ledger import Ledger
from chainflow.model import HeaderRecord, Listing, Tip
from chainflow.sources import Source, open_source
from chainflow.sources.electrum import Electrum
from chainflow.wire import parse_header

from .nodes import ElectrumX
from .payments import WALLETS, Economy, litoshi

pytestmark = pytest.mark.server

CHAIN = "ltc-regtest"
ALL = Limits(max_txs=10_000)


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[..., Source]]:
    """Return an opener of sources that are closed at the end."""
    sources: list[Source] = []

    def open_(spec: str, chain: str = CHAIN) -> Source:
        sources.append(open_source(spec, chain=chain))
        return sources[-1]

    yield open_
    for source in sources:
        source.close()


@pytest.fixture(scope="module")
def electrum(electrumx: Callable[..., ElectrumX], opened: Callable[..., Source]) -> Source:
    return opened(electrumx().spec)


@pytest.fixture(scope="module")
def by_addresses(economy: Economy, electrum: Source) -> Iterator[Log]:
    """Return a log with the history of every address, from the Electrum server, and all merkle proofs."""
    with Log(":memory:") as log:
        fetch_into(log, electrum, economy.everyone, limits=ALL)
        yield log


@pytest.fixture(scope="module")
def ledger(by_addresses: Log, electrum: Source) -> Ledger:
    return prove(by_addresses, electrum).ledger


@pytest.fixture(scope="module", params=["core", "core-rest"])
def by_blocks(request: Any, economy: Economy, opened: Callable[..., Source]) -> Ledger:
    """Return a ledger of all blocks, and of the transaction that is in none, from the node itself."""
    url = economy.node.url if request.param == "core" else economy.node.url_without_login
    blocks = f"block:0-{economy.node('getblockcount')}"
    with Log(":memory:") as log:
        done = fetch_into(log, opened(f"{request.param}:{url}"), [blocks, economy.unconfirmed], limits=ALL)
        return done.ledger


Coins = dict[tuple[str, int], tuple[str | None, int]]
"""Outpoint → address and litoshi."""


def unspent(ledger: Ledger) -> Coins:
    """Return the outputs of which the ledger says that they are unspent."""
    return _coins(row for row in ledger.outputs.to_pylist() if row["spend_state"] == "unspent")


def without_spender(ledger: Ledger) -> Coins:
    """Return the outputs that nothing in the ledger spends: of a ledger of all blocks, the unspent ones."""
    return _coins(row for row in ledger.outputs.to_pylist() if row["spent_by"] is None)


def _coins(rows: Iterable[dict[str, Any]]) -> Coins:
    return {(row["txid"], row["vout"]): (row["address"], row["value_sat"]) for row in rows}


def test_every_coin_of_every_wallet_is_found_to_the_litoshi(economy, ledger):
    found = unspent(ledger)
    for wallet in WALLETS:
        mine = {
            coin: value for coin, (address, value) in found.items() if address in economy.addresses[wallet]
        }
        assert mine == economy.unspent(wallet)


def test_every_address_has_what_a_scan_of_the_nodes_coins_finds(economy, ledger):
    scanned = economy.node("scantxoutset", "start", [f"addr({address})" for address in economy.everyone])
    counted = {(coin["txid"], coin["vout"]): litoshi(coin["amount"]) for coin in scanned["unspents"]}
    held = {
        (row["txid"], row["vout"]): row["value_sat"]
        for row in ledger.outputs.to_pylist()
        # the scan does not see the pool: neither what it pays, nor that it spends
        if row["address"] in economy.everyone
        and row["txid"] != economy.unconfirmed
        and row["spent_by"] in (None, economy.unconfirmed)
    }
    assert held == counted
    assert sum(held.values()) == litoshi(scanned["total_amount"])


def test_balances_of_wallets_are_the_nodes_own(economy, ledger):
    sums = ledger.balances()
    by_address = dict(zip(sums["address"], sums["balance_raw"], strict=True))
    for wallet in WALLETS:
        stated = economy.node("getbalances", wallet=wallet)["mine"]
        wanted = sum(litoshi(stated[kind]) for kind in ("trusted", "untrusted_pending", "immature"))
        assert sum(by_address[address] for address in economy.addresses[wallet]) == wanted
    assert not sums["unknown_raw"].any()


def test_every_merkle_branch_proves(economy, ledger):
    levels = {row["txid"]: row["level"] for row in ledger.txs.to_pylist()}
    assert levels.pop(economy.unconfirmed) == 2
    assert set(levels.values()) == {3}
    assert len(levels) > 150


def test_every_confirmed_transaction_is_chained_to_a_checkpoint_above_it(
    economy, by_addresses, electrum, ledger, checkpoint
):
    checkpoint(economy.node("getblockcount"))
    levels = anchored(by_addresses, electrum, ledger)
    assert levels.pop(economy.unconfirmed) == 2
    assert set(levels.values()) == {4}


def test_above_the_newest_checkpoint_five_blocks_must_be_on_top(
    economy, by_addresses, electrum, ledger, checkpoint
):
    checkpoint(50)
    levels, tip = anchored(by_addresses, electrum, ledger), economy.node("getblockcount")
    heights = {row["txid"]: row["height"] for row in ledger.txs.to_pylist()}
    del levels[economy.unconfirmed]
    deep = {txid: 4 if heights[txid] + 5 <= tip else 3 for txid in levels}
    assert set(deep.values()) == {3, 4}
    assert levels == deep


def test_the_nodes_rest_interface_gives_the_same_headers(economy, electrum, opened, checkpoint):
    checkpoint(economy.node("getblockcount"))
    node = opened(f"core-rest:{economy.node.url_without_login}")
    with Log(":memory:") as log:
        held = fetch_into(log, electrum, economy.addresses["anna"], limits=ALL).ledger.txs.to_pylist()
        first = min((row for row in held if row["height"]), key=operator.itemgetter("height"))
        assert 4 not in prove(log, electrum, [first["txid"]]).levels
        proved = prove(log, node, [first["txid"]], anchor=True)
        assert (proved.left, proved.levels[4]) == ((), 1)
    (path,) = electrum.header_paths(0, economy.node("getblockcount"))
    headers = electrum.facts(path, 200, electrum.ask(path).body)[first["height"] :]
    assert proved.ledger.headers["raw"].to_pylist() == [
        one.raw for one in sorted(headers, key=lambda one: parse_header(bytes.fromhex(one.raw)).hash)
    ]


@pytest.fixture
def checkpoint(economy: Economy, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a maker of checkpoints: the node's own block at a height."""

    def put(height: int) -> None:
        known = {height: economy.node("getblockhash", height)}
        monkeypatch.setitem(CHECKPOINTS, CHAIN, known)  # type: ignore[arg-type]

    return put


def anchored(log: Log, source: Source, ledger: Ledger) -> dict[str, int]:
    """Return how well each transaction is known once the headers up to a checkpoint are there."""
    assert 4 not in ledger.levels
    return {row["txid"]: row["level"] for row in prove(log, source, anchor=True).ledger.txs.to_pylist()}


def test_blocks_and_times_are_those_of_the_node(economy, ledger):
    for row in ledger.txs.to_pylist():
        stated = economy.node("getrawtransaction", row["txid"], True)
        assert row["block_hash"] == stated.get("blockhash")
        if row["txid"] != economy.unconfirmed:
            assert int(row["time"].timestamp()) == stated["blocktime"]


def test_a_payment_that_no_block_holds_is_known_as_such(economy, ledger):
    (row,) = [row for row in ledger.txs.to_pylist() if row["txid"] == economy.unconfirmed]
    assert (row["height"], row["is_confirmed"]) == (None, False)


def test_special_transactions_are_read(economy, ledger):
    rows = {row["txid"]: row for row in ledger.txs.to_pylist()}
    assert rows[economy.consolidation]["n_inputs"] > 1
    notes = [
        row
        for row in ledger.outputs.to_pylist()
        if row["txid"] == economy.note and row["script_type"] == "op_return"
    ]
    assert [bytes.fromhex(row["script"])[2:] for row in notes] == [b"chainflow"]


def test_the_nodes_blocks_tell_the_same_as_the_addresses(by_blocks, ledger):
    left = without_spender(by_blocks)
    assert {coin: there for coin, there in left.items() if there[0] is not None} == unspent(ledger)
    fees = {row["txid"]: row["fee_sat"] for row in by_blocks.txs.to_pylist()}
    genesis = {row["txid"] for row in by_blocks.txs.to_pylist() if row["height"] == 0}
    assert {txid: fee for txid, fee in fees.items() if txid not in genesis} == {
        row["txid"]: row["fee_sat"] for row in ledger.txs.to_pylist()
    }


def test_what_ones_own_node_gives_is_known_best(by_blocks):
    assert set(by_blocks.levels) == {5}


def test_the_node_proves_by_its_own_branches(economy, by_addresses, opened):
    proved = prove(by_addresses, opened(f"core:{economy.node.url}"), [economy.note, economy.consolidation])
    levels = {row["txid"]: row["level"] for row in proved.ledger.txs.to_pylist()}
    assert proved.left == ()
    assert min(levels[economy.note], levels[economy.consolidation]) >= 3


def test_the_tip_is_the_nodes_and_its_header_hashes(economy, electrum):
    tip, header = electrum.facts("/tip", 200, electrum.ask("/tip").body)
    assert tip == Tip(CHAIN, economy.node("getblockcount"))
    assert isinstance(header, HeaderRecord)
    assert parse_header(bytes.fromhex(header.raw)).hash == economy.node("getbestblockhash")


def test_an_address_that_nobody_paid_has_an_empty_and_complete_history(economy, electrum):
    address = economy.node("getnewaddress", wallet="anna")
    path = electrum.history_path(address)
    assert electrum.facts(path, 200, electrum.ask(path).body) == (
        Listing(CHAIN, address, "", (), complete=True),
    )


def test_what_the_server_does_not_have_is_not_found(economy, electrum):
    path = f"/tx/{'00' * 32}"
    with pytest.raises(NotFound):
        electrum.facts(path, 200, electrum.ask(path).body)
    both = f"{path},{economy.note}"
    assert [fact.txid for fact in electrum.facts(both, 200, electrum.ask(both).body)] == [economy.note]


def test_a_server_of_another_chain_is_told_apart(electrumx, opened):
    with pytest.raises(BadInput, match="a server of ltc-regtest, not of ltc"):
        opened(electrumx().spec, "ltc").ask("/tip")


def test_a_server_that_has_had_enough_says_so(electrumx, economy, ledger):
    strict = electrumx(COST_SOFT_LIMIT="1", COST_HARD_LIMIT="20", REQUEST_TIMEOUT="1")
    source = Electrum(strict.spec.partition(":")[2], chain=CHAIN, tries=2, backoff=0.01)
    (path, *_) = source.tx_paths(ledger.txs["txid"].to_pylist()[:100])
    try:
        with pytest.raises(RateLimited, match=r"excessive resource usage|server busy|too much"):
            _ask_again_and_again(source, path)
    finally:
        source.close()


def _ask_again_and_again(source: Electrum, path: str) -> None:
    for _ in range(20):
        source.ask(path)
