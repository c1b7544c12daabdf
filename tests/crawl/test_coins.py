"""follow="coins": only the transactions that spend, or made, the very coins are read, in few requests."""

from __future__ import annotations

from typing import NamedTuple

import pytest

import chainflow as cf
from benchmarks.requests import make_collector
from chainflow.case import Case
from chainflow.crawl import Plan
from chainflow.errors import OfflineMode
from chainflow.ledger import Ledger
from chainflow.samples.make import Maker
from chainflow.serve import Answer, Explorer
from tests.crawl.servers import answering, changed

TIP = "/blocks/tip/height"
GONE = Answer(404, "text/plain", b"Transaction not found")


@pytest.fixture(scope="module")
def collector():
    return make_collector(1_200)


@pytest.fixture
def busy(collector):
    with Explorer(collector.ledger) as running:
        yield running


class Fan(NamedTuple):
    """A transaction with a large, a middling and a small output, each of which goes on twice."""

    ledger: Ledger
    txid: str
    lines: dict[str, list[str]]
    addresses: dict[str, str]


@pytest.fixture(scope="module")
def fan():
    maker = Maker("fan", seed=3)
    sizes = {"large": 3_000_000_000, "middling": 900_000_000, "small": 50_000_000}
    addresses = {name: maker.address(name) for name in sizes}
    paid = {addresses[name]: value for name, value in sizes.items()}
    coins = maker.pay([maker.mine("miner")], paid)
    lines: dict[str, list[str]] = {}
    for name in ("small", "large", "middling"):
        here, lines[name] = coins[addresses[name]], []
        for number in range(2):
            there = maker.address(f"{name} {number}")
            here = maker.pay([here], {there: here.value_sat - 1_000})[there]
            lines[name].append(here.txid)
    return Fan(maker.ledger(), coins[addresses["large"]].txid, lines, addresses)


def opened(folder, explorer, **options):
    return Case(folder / "a.chainflow", f"esplora:{explorer.url}", chain="btc-regtest", **options)


def held(done):
    return set(done.ledger.txs["txid"].to_pylist())


def test_a_busy_collector_is_crossed_forward_in_four_requests(tmp_path, busy, collector):
    with opened(tmp_path, busy) as case:
        done = case.fetch(collector.paid.outpoint, follow="coins", direction="forward")
        assert held(done) == {collector.paid.txid, collector.spender}
        assert len(busy.requests) == done.asked == 4
        assert not any("address" in path for path in busy.requests)
        trail = case.trace(str(collector.paid.outpoint), "fifo")
        assert trail.seed_sat == collector.paid.value_sat


def test_a_busy_collector_is_crossed_backward_in_three_requests(tmp_path, busy, collector):
    with opened(tmp_path, busy) as case:
        done = case.fetch(collector.spender, follow="coins", direction="backward")
        assert held(done) == {collector.paid.txid, collector.spender}
        assert len(busy.requests) == 3  # a transaction names the coins that it spends


@pytest.mark.parametrize("batched", [True, False])
def test_both_kinds_of_explorer_give_the_same_coins(tmp_path, fan, batched):
    with (
        Explorer(fan.ledger, batched_outspends=batched) as explorer,
        opened(tmp_path, explorer) as case,
    ):
        done = case.fetch(fan.txid, hops=3, follow="coins", direction="forward")
        assert held(done) == {fan.txid, *(txid for line in fan.lines.values() for txid in line)}
        assert done.not_followed == ()
        assert len(explorer.requests) == len(set(explorer.requests))
        single = [path for path in explorer.requests if path.endswith("/outspends")]
        # where batches are declined, each of the first three spenders, then each of the last three
        assert len(single) == (1 if batched else 7)


def test_hops_count_the_transactions_after_the_seed(tmp_path, fan):
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        assert len(held(case.fetch(fan.txid, hops=1, follow="coins", direction="forward"))) == 1 + 3
        assert len(held(case.fetch(fan.txid, hops=2, follow="coins", direction="forward"))) == 1 + 6


def test_an_outpoint_leads_along_that_output_alone(tmp_path, fan):
    (small,) = [
        row["vout"]
        for row in fan.ledger.outputs.to_pylist()
        if row["txid"] == fan.txid and row["address"] == fan.addresses["small"]
    ]
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        done = case.fetch(f"{fan.txid}:{small}", hops=3, follow="coins", direction="forward")
        assert held(done) == {fan.txid, *fan.lines["small"]}


def test_two_outpoints_of_one_transaction_are_both_followed(tmp_path, fan):
    places = {
        row["address"]: row["vout"] for row in fan.ledger.outputs.to_pylist() if row["txid"] == fan.txid
    }
    seeds = [f"{fan.txid}:{places[fan.addresses[name]]}" for name in ("small", "large")]
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        done = case.fetch(seeds, hops=3, follow="coins", direction="forward")
        assert held(done) == {fan.txid, *fan.lines["small"], *fan.lines["large"]}
        assert explorer.requests.count(f"/tx/{fan.txid}") == 1


def test_an_output_that_the_transaction_does_not_have_is_said(tmp_path, fan):
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        done = case.fetch(f"{fan.txid}:9", follow="coins")
        assert dict(done.not_followed) == {f"{fan.txid}:9": "the transaction has no such output"}


def test_an_address_leads_to_the_coins_that_it_paid_and_to_no_other_history(tmp_path, fan):
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        done = case.fetch(fan.addresses["large"], hops=3, follow="coins", direction="forward")
        assert held(done) == {fan.txid, *fan.lines["large"]}
        asked = {path.split("/")[2] for path in explorer.requests if path.startswith("/address/")}
        assert asked == {fan.addresses["large"]}


def test_the_largest_flow_is_read_first_where_a_budget_ends_the_walk(tmp_path, fan):
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        # tip, seed, who spends it, and one transaction more
        done = case.fetch(fan.txid, hops=3, follow="coins", direction="forward", budget=4)
        assert held(done) == {fan.txid, fan.lines["large"][0]}
        assert set(dict(done.not_followed).values()) == {
            "budget of 4 requests spent",
            "its spends were not asked: budget of 4 requests spent",
        }
        assert fan.lines["small"][0] in dict(done.not_followed)


def test_the_largest_address_is_read_first_where_a_budget_ends_the_walk(tmp_path, fan):
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        done = case.fetch(fan.txid, hops=2, direction="forward", budget=5)
        read = [path.split("/")[2] for path in explorer.requests if path.startswith("/address/")]
        assert read == [fan.addresses["large"], fan.addresses["middling"]]
        assert "budget" in dict(done.not_followed)[fan.addresses["small"]]


@pytest.mark.parametrize("budget", [2, 3, 5, 7])
def test_a_fetch_in_pieces_ends_where_one_piece_does(tmp_path, fan, budget):
    options = {"hops": 3, "follow": "coins", "direction": "forward"}
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        for _ in range(40):
            if not case.fetch(fan.txid, budget=budget, **options).not_followed:
                break
        whole = cf.fetch(fan.txid, f"esplora:{explorer.url}", chain="btc-regtest", **options)
        assert held(case.fetch(fan.txid, budget=0, **options)) == set(whole.txs["txid"].to_pylist())
        assert whole.digest == case.ledger.digest


def test_a_second_walk_asks_nothing_and_one_offline_finds_the_same(tmp_path, fan):
    options = {"hops": 3, "follow": "coins", "direction": "forward"}
    with Explorer(fan.ledger) as explorer:
        with opened(tmp_path, explorer) as case:
            first = case.fetch(fan.txid, **options)
            before = list(explorer.requests)
            assert case.fetch(fan.txid, **options).asked == 0
        with opened(tmp_path, explorer, offline=True) as case:
            done = case.fetch(fan.txid, **options)
            assert (done.asked, done.ledger.digest) == (0, first.ledger.digest)
            further = case.fetch(fan.txid, **{**options, "hops": 4})
            assert all("offline: not in the case" in why for _, why in further.not_followed)
            with pytest.raises(OfflineMode):
                case.fetch("ab" * 32, **options)
        assert explorer.requests == before


def test_a_dry_run_asks_nothing_and_names_what_would_be_learnt(tmp_path, fan):
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        plan = case.fetch(fan.txid, follow="coins", dry_run=True)
        assert isinstance(plan, Plan)
        assert plan.discloses == (fan.txid,)
        case.fetch(fan.txid, follow="coins", direction="forward", budget=2)
        before = list(explorer.requests)
        further = case.fetch(fan.txid, follow="coins", direction="forward", dry_run=True)
        assert [path for path, _ in further.requests] == [TIP, f"/tx/{fan.txid}/outspends"]
        assert explorer.requests == before


def test_refresh_asks_for_spends_again_and_not_for_confirmed_transactions(tmp_path, fan):
    options = {"hops": 3, "follow": "coins", "direction": "forward"}
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        first = case.fetch(fan.txid, **options)
        before = len(explorer.requests)
        again = case.fetch(fan.txid, refresh=True, **options)
        assert again.ledger.digest == first.ledger.digest
        asked = explorer.requests[before:]
        assert asked
        assert all("outspends" in path or path == TIP for path in asked)
        assert len(asked) == len(set(asked))


@pytest.mark.parametrize("listed", ["large", "small"])
def test_coins_of_a_listed_address_are_not_followed(tmp_path, fan, listed):
    stop = {fan.addresses[listed]}
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        done = case.fetch(fan.txid, hops=3, follow="coins", direction="forward", stop=stop)
        others = [txid for name, line in fan.lines.items() if name != listed for txid in line]
        assert held(done) == {fan.txid, *others}
        assert dict(done.not_followed) == {fan.addresses[listed]: "stop: tagged"}
        assert not {txid for txid in fan.lines[listed] if f"/tx/{txid}" in explorer.requests}


@pytest.mark.parametrize(
    ("answer", "why"),
    [(GONE, "the source declines"), (Answer(200, "text/html", b"<html>Just a moment"), "was refused")],
)
def test_one_lost_spender_does_not_make_the_others_unreachable(tmp_path, fan, answer, why):
    lost = fan.lines["large"][0]
    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        answering(explorer, lambda path, found: answer if path == f"/tx/{lost}" else found)
        done = case.fetch(fan.txid, hops=3, follow="coins", direction="forward")
        assert list(dict(done.not_followed)) == [lost]
        assert why in dict(done.not_followed)[lost]
        assert held(done) == {fan.txid, *fan.lines["middling"], *fan.lines["small"]}
        assert explorer.requests.count(f"/tx/{lost}") == 1


def test_an_altered_spender_is_refused_and_said(tmp_path, fan):
    altered = fan.lines["large"][0]

    def change(path, found):
        def more(tx):
            tx["vout"][0]["value"] += 1
            return tx

        return changed(found, more) if path == f"/tx/{altered}" else found

    with Explorer(fan.ledger) as explorer, opened(tmp_path, explorer) as case:
        answering(explorer, change)
        done = case.fetch(fan.txid, hops=3, follow="coins", direction="forward")
        assert "hashes to" in dict(done.not_followed)[altered]
        assert altered not in held(done)
        assert [event.content["subject"] for event in case.log.events("reject")] == [altered]


def test_a_transaction_reached_by_two_ways_is_followed_from_both(tmp_path):
    """Address histories put it in the case first; the coins that lead to it later go on from there."""
    maker = Maker("two ways", seed=9)
    both, far = maker.address("both"), maker.address("far")
    other, last = maker.address("other"), maker.address("last")
    first = maker.pay([maker.mine("miner")], {other: 2_000_000_000, both: 2_000_000_000})
    joined = maker.pay([first[other]], {both: 1_999_999_000, far: 500})  # pays the seed, is not paid by it
    onward = maker.pay([joined[both]], {last: 1_999_998_000})
    with Explorer(maker.ledger()) as explorer, opened(tmp_path, explorer) as case:
        seeds = [both, f"{first[other].outpoint}"]
        done = case.fetch(seeds, hops=4, follow="coins", direction="forward")
        assert onward[last].txid in held(done)
        assert joined[both].txid in held(done)


def test_what_is_reached_again_in_fewer_hops_leads_as_far_as_those_say(tmp_path):
    """The larger flow comes to an address the long way round; the short way must not be cut for it."""
    maker = Maker("short cut", seed=4)
    names = ("start", "round", "meet", "next", "end")
    start, around, meet, following, end = (maker.address(name) for name in names)
    coins = maker.pay([maker.mine("miner")], {start: 4_000_000_000})
    split = maker.pay([coins[start]], {around: 3_000_000_000, meet: 900_000_000})
    merged = maker.pay([split[around]], {meet: 2_999_999_000}, wait=1)
    paid = maker.pay([split[meet], merged[meet]], {following: 3_899_998_000}, wait=1)
    final = maker.pay([paid[following]], {end: 3_899_997_000}, wait=1)
    with Explorer(maker.ledger()) as explorer, opened(tmp_path, explorer) as case:
        # start 1, meet 2 (its small coin), next 3: the long way round has meet at 3
        done = case.fetch(start, hops=3, direction="forward")
        assert following in set(done.ledger.coverage["address"])
        assert final[end].txid in held(done)
        assert len(explorer.requests) == len(set(explorer.requests))
