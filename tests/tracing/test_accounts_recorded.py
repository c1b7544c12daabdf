"""Tracing over accounts on recorded data, against books that are kept in the plainest way."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

import chainflow as cf
from chainflow.errors import BadInput, SourceError
from chainflow.formats.arkham import ArkhamCsv
from chainflow.formats.ethereum_etl import EthereumEtl
from chainflow.formats.etherscan import EtherscanCsv
from chainflow.ledger import Ledger, build
from chainflow.model import Evidence, Fact, TransferRecord
from chainflow.networks import EVM
from chainflow.sources.blockscout.facts import facts as blockscout_facts
from chainflow.sources.etherscan import Etherscan
from chainflow.sources.etherscan.facts import ACTIONS
from chainflow.sources.etherscan.facts import facts as etherscan_facts
from chainflow.tracing import Asset
from tests.sources.evm_reading import NODE
from tests.sources.evm_reading import read as read_block
from tests.tracing.bridge_case import EXCHANGE, POOL, THIEF, WALLETS, write_exports
from tests.tracing.naive_books import backward, forward, rows_of

POLICIES = ("fifo", "lifo", "haircut", "poison", "dirty-first", "clean-first", "libr")
ETL = ("expected_transactions", "expected_logs")


def ledger_of(replies: list[tuple[str, list[Fact]]]) -> Ledger:
    """Build a ledger of what each recorded reply states."""
    stated = []
    for number, (source, facts) in enumerate(replies):
        evidence = Evidence(number, f"{number:064x}", source, f"{source}/{number}", 0)
        stated += [(fact, evidence) for fact in facts]
    return build(stated)


def blocks(shared: Path) -> Ledger:
    """Return two whole blocks of Ethereum: native payments, fees and logs."""
    folder = shared / "evm" / "block_17173049"
    read = [(name, (folder / f"{name}.json.gz").read_bytes()) for name in ETL]
    facts = [fact for name, body in read for fact in EthereumEtl.read("eth", f"/{name}.json.gz", 200, body)]
    return ledger_of([("file:ethereum-etl", facts)])


def node(shared: Path) -> Ledger:
    """Return a development chain: a token, internal payments, transactions that failed."""
    held = json.loads((shared / "nodes" / "anvil" / "recorded.json").read_bytes())
    receipts = {one["transactionHash"]: one for one in [*held["receipts"], held["failed_receipt"]]}
    facts = []
    for block in held["blocks"]:
        own = [receipts.get(tx["hash"]) for tx in block["transactions"]]
        if own and all(own):
            facts += read_block(NODE.block_paths(int(block["number"], 16))[0], block, own, chain="evm-dev")[
                1:
            ]
    return ledger_of([("evm:http://127.0.0.1:8545", facts)])


def explorers(shared: Path, chain: str = "op") -> Ledger:
    """Return what recorded replies of three explorers state of a chain: native, internal and token payments, fees."""
    replies = []
    for file in sorted(shared.glob("explorers/*scan/*.json")) + sorted(
        shared.glob("explorers/blockscout/*.json")
    ):
        exchange = json.loads(file.read_text())
        url = urlsplit(exchange["request"]["url"])
        asked = {name.lower(): value for name, value in parse_qsl(url.query)}
        number = asked.get("chainid") or next((part for part in url.path.split("/") if part.isdigit()), "")
        if number != str(EVM[chain].number):
            continue
        text, read = exchange["body"], blockscout_facts
        path = f"{url.path.partition('/api/v2')[2]}?{url.query}".lower().rstrip("?")
        if "/api/v2/" not in url.path:
            read, path = etherscan_facts, _asked(chain, asked)
            if asked.get("action") == "txlist" and "sort" not in asked and "offset" not in asked:
                turned = json.loads(text)  # these were asked for newest first
                text = json.dumps({**turned, "result": turned["result"][::-1]})
        try:
            stated = [*read(chain, path, exchange["status"], text.encode())]
        except (SourceError, BadInput):
            continue
        replies.append(
            (f"{'blockscout' if read is blockscout_facts else 'etherscan'}:https://{url.netloc}", stated)
        )
    return ledger_of(replies)


def _asked(chain: str, asked: dict[str, str]) -> str:
    """Return the path under which the library asks for what was asked; "" where it never does."""
    action = asked.get("action", "")
    which = next((name for name, called in ACTIONS.items() if called == action), "")
    if which and "address" in asked:
        return Etherscan(chain=chain).history_path(asked["address"].lower(), "", which=which) or ""
    return f"/api?module=account&action={action}&txhash={asked.get('txhash', '')}"


def imports(shared: Path) -> Ledger:
    """Return the recorded exports of Arkham and Etherscan's website."""
    folder, replies = shared / "cases" / "imports", []
    for name in ("arkham_txns.csv", "arkham_bsc_native_multitx.csv", "arkham_multichain_tron.csv"):
        for chain in ("eth", "bnb", "tron", "base"):
            facts = ArkhamCsv.parse(chain, f"/{name}", (folder / name).read_bytes()).facts
            replies.append(("file:arkham-csv", [*facts]))
    export = (folder / "etherscan_export.csv").read_bytes()
    replies.append(("file:etherscan-csv", [*EtherscanCsv.parse("eth", "/e.csv", export).facts]))
    return ledger_of(replies)


@pytest.fixture(scope="module", params=[blocks, node, explorers, imports], ids=lambda made: made.__name__)
def recorded(request, shared):
    return request.getfixturevalue("ledgers")[request.param.__name__]


@pytest.fixture(scope="module")
def ledgers(shared):
    return {made.__name__: made(shared) for made in (blocks, node, explorers, imports)}


def seeds_of(ledger: Ledger, chain: str, most: int) -> list[str]:
    """Return the accounts that were paid and paid on what they got, the busiest first."""
    paid, paying = Counter(), Counter()
    for row in rows_of(ledger, chain):
        paid[row.recipient, row.contract] += row.kind != "fee"
        paying[row.sender, row.contract] += 1
    busy = Counter()
    for (address, contract), count in paid.items():
        if address is not None and count:
            busy[address] += count * paying[address, contract]
    ranked = sorted(busy, key=lambda address: (-busy[address], address))
    return ranked[:most]


def account_chains(ledger: Ledger) -> list[str]:
    return sorted(set(ledger.transfers["chain"].to_pylist()))


def contracts_of(ledger: Ledger, chain: str) -> set[str]:
    """Return tokens, and what made a payment inside a transaction."""
    rows = [row for row in ledger.transfers.to_pylist() if row["chain"] == chain]
    inside = {row["sender"] for row in rows if row["kind"] == "internal"}
    return {*inside, *(row["contract"] for row in rows)} - {None}


@pytest.mark.parametrize("policy", POLICIES)
def test_every_closing_balance_is_that_of_books_kept_by_hand(recorded, policy):
    checked = 0
    assert not recorded.disputed
    for chain in account_chains(recorded):
        contracts = contracts_of(recorded, chain)
        for seed in seeds_of(recorded, chain, 3):
            trail = cf.trace(recorded, seed, policy)
            ends, claimed = forward(recorded, chain, seed, policy, stops={}, contracts=contracts)
            assert {asset[1:]: sum(trail.opened[asset].values()) for asset in trail.assets} == claimed
            for asset in trail.assets:
                balance = trail.balance_of(asset)
                assert sum(balance.values()) == claimed[asset[1:]]
                balance.pop("counted more than once", None)
                assert balance == ends[asset[1:]], (seed, asset)
            checked += len(trail.assets)
    assert checked >= 3


@pytest.mark.parametrize("policy", ["fifo", "lifo"])
def test_backward_a_transfer_came_from_what_lots_with_an_origin_say(recorded, policy):
    checked = 0
    for chain in account_chains(recorded):
        contracts = contracts_of(recorded, chain)
        named = Counter(name for row in rows_of(recorded, chain) for name in (name_of(row),))
        rows = [
            row for row in rows_of(recorded, chain) if row.recipient is not None and named[name_of(row)] == 1
        ]
        for row in [*rows[-3:], *sorted(rows, key=lambda one: -int(one.value_raw))[:3]]:
            found = cf.trace(recorded, name_of(row), policy, direction="backward")
            came = backward(recorded, chain, lambda one, row=row: one == row, policy, contracts=contracts)
            assert found.balance == came
            checked += 1
    assert checked >= 6


def name_of(row):
    return f"{row.txid}:{row.place}".removesuffix(":")


def test_two_runs_over_recorded_data_give_one_digest(recorded):
    (chain, *_) = account_chains(recorded)
    seed = seeds_of(recorded, chain, 1)[0]
    assert len({cf.trace(recorded, seed, "haircut").digest for _ in range(2)}) == 1


def test_token_amounts_beyond_64_bits_are_exact(ledgers):
    made = ledgers["blocks"]
    rows = [row for row in rows_of(made, "eth") if row.contract and not row.token_id]
    row = max(rows, key=lambda one: int(one.value_raw))
    trail = cf.trace(made, name_of(row), "haircut")
    assert trail.asset == Asset("eth", row.contract)
    assert sum(trail.balance.values()) == trail.seed_sat == int(row.value_raw) > 10**30
    assert {type(amount) for amount in trail.ends["tainted_raw"]} == {int}


def test_a_failed_transaction_moves_nothing_and_pays_its_fee(ledgers):
    made = ledgers["blocks"]
    failed = [row for row in made.transfers.to_pylist() if row["ok"] is False and int(row["stated_raw"])]
    assert len(failed) == 8
    for row in failed:
        with pytest.raises(cf.errors.SeedUnknown, match="received nothing"):
            cf.trace(made, row["txid"])
    payers = {row["sender"] for row in failed}
    paid = cf.trace(made, sorted(payers)[0], "dirty-first", asset="native")
    assert "fee" in paid.balance


def test_what_a_contract_paid_inside_a_transaction_ends_or_begins_at_the_contract(ledgers):
    made = ledgers["explorers"]
    inside = [row for chain in account_chains(made) for row in rows_of(made, chain) if row.kind == "internal"]
    assert len(inside) > 20
    for row in inside[:8]:
        if row.recipient is None or row.ok is None:
            continue
        came = cf.trace(made, name_of(row), direction="backward")
        assert came.balance_of(Asset(row.chain, None)).get("contract: not decoded", 0) >= int(row.value_raw)


def test_contracts_are_walked_through_only_if_asked(ledgers):
    made = ledgers["node"]
    (contract,) = contracts_of(made, "evm-dev")
    into = [row for row in rows_of(made, "evm-dev") if row.recipient == contract]
    ended = {cf.trace(made, name_of(row)).balance.get("contract: not decoded", 0) for row in into}
    assert ended == {0}  # a seed is never stopped by its own address
    payer = into[0].sender
    stopped, walked = (cf.trace(made, payer, "dirty-first", contracts=given) for given in (None, ()))
    assert "contract: not decoded" in {*stopped.ends["reason"]}
    assert "contract: not decoded" not in {*walked.ends["reason"]}
    assert walked.recipe.parameters["contracts"] == []


def test_tables_with_times_only_give_the_same_trace_as_those_with_blocks(shared):
    export = (shared / "cases" / "imports" / "etherscan_export.csv").read_bytes()
    facts = [*EtherscanCsv.parse("eth", "/e.csv", export).facts]
    timed = [dataclasses.replace(fact, height=None) for fact in facts if isinstance(fact, TransferRecord)]
    first, second = (ledger_of([("file:etherscan-csv", one)]) for one in (facts, timed[::-1]))
    for address in sorted(first.accounts):
        for policy in POLICIES:
            try:
                told = cf.trace(first, address, policy)
            except cf.errors.SeedUnknown:
                continue
            assert told.books == cf.trace(second, address, policy).books


def test_in_a_partial_history_what_had_to_be_held_before_is_said_and_counts_as_clean(ledgers):
    made = ledgers["imports"]
    me = "0x52908400098527886e0f7030069857d2e4169ee7"
    trail = cf.trace(made, f"0x{'b2c3d4e5f60718293a4b5c6d7e8f90a1' * 2}", "fifo", asset="native")
    (row,) = [one for one in trail.openings.itertuples() if one.address == me]
    # 0.5 and 0.0021 were paid before 1.25 came
    assert (row.opening_raw, row.known) == (502_100_000_000_000_000, "history not asked")
    assert sum(trail.balance.values()) == trail.seed_sat == 1_250_000_000_000_000_000


def test_published_tags_stop_a_trace_at_a_mixer_and_name_the_wallets(shared, tmp_path):
    packs = shared / "tags" / "tagpacks"
    with cf.Case(tmp_path / "made.chainflow") as case:
        for export in write_exports(tmp_path):
            case.add_file(export, chain="eth")
        case.tags += cf.Tags.read(packs / "ronin_bridge.yaml") + cf.Tags.read(packs / "tornado_cash.yaml")
        trail = case.trace(THIEF, "fifo", asset="native")
        found = case.exposure(trail)
        labels = {one: case.tags.best(one).label for one in (THIEF, *WALLETS, POOL)}
    assert labels == {
        THIEF: "Ronin bridge exploiter",
        WALLETS[0]: "Ronin bridge exploiter 4",
        WALLETS[1]: "Ronin bridge exploiter 5",
        WALLETS[2]: "Ronin bridge exploiter 6",
        POOL: "tornado.cash",
    }
    assert trail.balance["mixer"] == 1_800 * 10**18
    assert found.balance["mixing_service"] == 1_800 * 10**18
    assert EXCHANGE not in {*trail.ends["address"]}


def test_tags_of_wallets_that_are_no_services_do_not_stop_a_trace(shared, tmp_path):
    with cf.Case(tmp_path / "made.chainflow") as case:
        for export in write_exports(tmp_path):
            case.add_file(export, chain="eth")
        case.tags += cf.Tags.read(shared / "tags" / "tagpacks" / "ronin_bridge.yaml")
        trail = case.trace(THIEF, "fifo", asset="native")
    assert {POOL, *WALLETS} < {*trail.outputs["address"]}
