"""Conversions of recorded Ethereum blocks (17173049 and 17173050)."""

import gzip
import json
from collections import Counter
from dataclasses import replace

import pytest

from chainflow.formats.ethereum_etl import EthereumEtl
from chainflow.sources.evm.receipts import WRAPPED_TOPICS
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import find_conversions
from tests.clustering.account_made import ledger
from tests.tracing.conversions.conversions_made import token_moved

WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
USDT = Asset("eth", "0xdac17f958d2ee523a2206206994597c13d831ec7")
SWAPPER = "0xee61d14b941654a249421aa1fa9457872edcd66a"


@pytest.fixture(scope="module")
def facts(shared):
    folder = shared / "evm" / "block_17173049"
    names = ("expected_transactions", "expected_logs")
    read = [(name, (folder / f"{name}.json.gz").read_bytes()) for name in names]
    return [fact for name, body in read for fact in EthereumEtl.read("eth", f"/{name}.json.gz", 200, body)]


@pytest.fixture(scope="module")
def blocks(facts):
    return ledger(facts)


def test_two_recorded_blocks_hold_42_unique_swaps_of_signers_and_two_ambiguous_ones(blocks):
    found = find_conversions(blocks)
    assert Counter((one.kind, one.candidates) for one in found) == {
        ("swap", 1): 42,
        ("swap", 2): 2,
        ("swap", 5): 5,
    }
    assert len({one.paid.txid for one in found}) == 44
    assert "No payments made inside transactions are held" in found.notes[0]
    assert found.checked(blocks).refused == ()


def test_a_recorded_swap_is_what_its_two_logs_say(blocks):
    (one,) = [
        one for one in find_conversions(blocks) if one.received.address == SWAPPER and one.paid.asset == USDT
    ]
    assert (one.paid.place, one.paid.amount_raw) == ("log:8", 500_000_000)
    assert (one.received.place, one.received.amount_raw) == ("log:12", 2_018_391_280_111_522_936_728_527_039)
    rows = blocks.to_pandas("transfers")
    mine = rows[(rows.txid == one.paid.txid) & (rows.kind == "token")]
    flows = Counter()
    for row in mine.itertuples():
        flows[row.sender, row.contract] -= row.value_raw
        flows[row.recipient, row.contract] += row.value_raw
    assert {contract: net for (who, contract), net in flows.items() if who == SWAPPER} == {
        USDT.contract: -500_000_000,
        one.received.asset.contract: one.received.amount_raw,
    }
    for contract in {contract for _, contract in flows}:
        assert sum(net for (_, of), net in flows.items() if of == contract) == 0


def test_an_exact_swap_shows_what_was_sent_where_the_change_is_not_in_evidence(blocks):
    buyer = "0xe14767042159e5bd2bf16f81a0fe387ab153fbb4"
    (one,) = [one for one in find_conversions(blocks) if one.received.address == buyer]
    assert (one.paid.amount_raw, one.paid.asset) == (549_833_942_481_639_659, Asset("eth", None))


def test_every_account_and_asset_nets_to_what_the_legs_say(blocks):
    frame = blocks.to_pandas("transfers")
    moved = frame[frame.kind.isin(["native", "token"])]
    for one in find_conversions(blocks):
        rows = moved[moved.txid == one.paid.txid]
        for leg, sign in ((one.paid, -1), (one.received, 1)):
            of = rows.contract.isna() if leg.asset.contract is None else rows.contract == leg.asset.contract
            if leg.asset.token_id is not None:
                of = of & (rows.token_id == leg.asset.token_id)
            net = rows[of & (rows.recipient == one.received.address)].value_raw.sum()
            net -= rows[of & (rows.sender == one.received.address)].value_raw.sum()
            assert net == sign * leg.amount_raw


def test_wrapped_ether_whose_coins_moved_unseen_is_no_wrap(shared, facts):
    body = gzip.decompress((shared / "evm" / "block_17173049" / "expected_logs.json.gz").read_bytes())
    logs = [log for log in map(json.loads, body.splitlines()) if log["topics"][:1] and log["address"] == WETH]
    made = []
    for log in logs:
        if log["topics"][0] in WRAPPED_TOPICS:
            holder, place = "0x" + log["topics"][1][-40:], f"log:{log['log_index']}"
            ends = {"sender": None, "recipient": holder} if log["topics"][0] == WRAPPED_TOPICS[0] else {}
            row = token_moved("", "", int(log["data"], 16), log["transaction_hash"], place=place,
                              height=log["block_number"], position=log["transaction_index"])  # fmt: skip
            made.append(replace(row, contract=WETH, **{"sender": holder, "recipient": None} | ends))
    assert len(made) == 61
    kinds = Counter(one.kind for one in find_conversions(ledger(facts, made)))
    assert kinds == {"swap": 49}
