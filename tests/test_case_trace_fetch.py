"""case.trace(…, fetch=True) over real HTTP: as on the whole ledger, in few requests, within a budget, resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.requests import BATCH, make_collector
from benchmarks.trace_requests import fewest, make_spread
from chainflow import samples
from chainflow.case import Case
from chainflow.crawl import Plan
from chainflow.errors import BadInput, OfflineMode, SeedUnknown
from chainflow.model import TxRecord
from chainflow.samples.make import Maker
from chainflow.serve import Answer, Explorer
from chainflow.sources.esplora import Esplora
from chainflow.tracing import trace
from chainflow.tracing.growth import Missing
from chainflow.tracing.open_ends import open_ends
from tests.clustering import account_made
from tests.crawl.servers import answering

TIP = "/blocks/tip/height"
FACTS = samples.facts("colonial")


@pytest.fixture(scope="module")
def lesson():
    return samples.training_case()


@pytest.fixture(scope="module")
def spread():
    return make_spread(40)


def opened(folder, explorer, name="a", **options: Any):
    source = options.pop("source", f"esplora:{explorer.url}")
    return Case(folder / f"{name}.chainflow", source, chain=explorer.replay.chain, **options)


def asked_twice(explorer):
    paths = [path for path in explorer.requests if path != TIP]
    return sorted({path for path in paths if paths.count(path) > 1})


def runs(case):
    return case.steps["kind"].tolist().count("trace.run")


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("policy", ["fifo", "haircut", "poison"])
def test_from_an_empty_case_the_trace_is_the_one_on_the_whole_ledger(tmp_path, lesson, direction, policy):
    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(lesson.seed, policy, direction=direction, fetch=True)
        assert trail.digest == trace(lesson.ledger, lesson.seed, policy, direction=direction).digest
        assert trail.growth.is_whole
        assert trail.growth.left == ()
        assert trail.growth.asked == len(explorer.requests)
        assert asked_twice(explorer) == []
        assert runs(case) == 1
        assert int(case.disclosures["requests"].sum()) >= len(explorer.requests) - 1


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("name", ["ransom", "seizure"])
def test_colonial_takes_at_most_a_fifth_more_requests_than_the_fewest(tmp_path, name, direction):
    colonial, seed = samples.load("colonial"), FACTS[name]["outpoint"]
    with Explorer(colonial, closed_world=True) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(seed, direction=direction, fetch=True)
        count = len(explorer.requests)
        case.fetch(colonial.txs["txid"].to_pylist())
        whole = trace(case.ledger, seed, direction=direction)
        assert trail.digest == whole.digest
        assert count <= 1.2 * fewest(whole, case.ledger, batch=BATCH)


@pytest.mark.parametrize("batched", [True, False])
def test_coins_that_split_and_merge_take_few_requests_with_and_without_batches(tmp_path, spread, batched):
    ledger, seed = spread
    with Explorer(ledger, batched_outspends=batched) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(seed, "haircut", fetch=True)
        whole = trace(ledger, seed, "haircut")
        assert trail.digest == whole.digest
        assert len(explorer.requests) <= 1.2 * fewest(whole, ledger, batch=BATCH if batched else 1)


def test_a_budget_ends_it_visibly_and_making_it_again_goes_on_without_asking_twice(tmp_path, lesson):
    whole = trace(lesson.ledger, lesson.seed)
    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(lesson.seed, fetch=True, budget=3)
        assert trail.growth.asked == len(explorer.requests) == 3
        assert "unknown: not in evidence" in trail.balance
        assert [end.amount for end in trail.growth.next] == [5_000_000_000]
        assert "1 question(s) not asked, first" in repr(trail)
        assert "would ask next" in trail._repr_html_()
        for _ in range(40):
            trail = case.trace(lesson.seed, fetch=True, budget=3)
            assert trail.growth.asked <= 3
            if trail.growth.is_whole:
                break
        assert trail.digest == whole.digest
        assert asked_twice(explorer) == []
        assert case.trace(lesson.seed, fetch=True).growth.asked == 0


def test_the_largest_amount_is_asked_for_first(tmp_path):
    maker = Maker("two branches", seed=5)
    small, large = maker.address("small"), maker.address("large")
    paid = maker.pay([maker.mine("payer")], {small: 1_000_000_000, large: 3_999_990_000})
    onward = {
        name: maker.pay([paid[name]], {maker.address("next"): paid[name].value_sat - 1_000})
        for name in (small, large)
    }
    txids = {name: next(iter(coins.values())).txid for name, coins in onward.items()}
    with Explorer(maker.ledger()) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(paid[small].txid, fetch=True, budget=4)
        assert explorer.requests[-1] == f"/tx/{txids[large]}"
        assert trail.growth.next[0].amount == 3_999_989_000
        assert txids[small] in {end.what for end in trail.growth.next}


def test_an_interrupted_trace_goes_on_where_it_was(tmp_path, lesson):
    class Interrupted(Esplora):
        def ask(self, path: str):
            if len(explorer.requests) == 9:
                raise KeyboardInterrupt
            return super().ask(path)

    with Explorer(lesson.ledger) as explorer:
        source = Interrupted(explorer.url, chain=lesson.ledger.chain)
        with opened(tmp_path, explorer, source=source) as case, pytest.raises(KeyboardInterrupt):
            case.trace(lesson.seed, fetch=True)
        source.close()
        with opened(tmp_path, explorer) as case:
            assert runs(case) == 0
            trail = case.trace(lesson.seed, fetch=True)
            assert trail.digest == trace(lesson.ledger, lesson.seed).digest
        assert asked_twice(explorer) == []


def test_nothing_is_asked_beyond_a_stop(tmp_path):
    collector = make_collector(3)
    with Explorer(collector.ledger) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(collector.seed, stop=[collector.address], fetch=True)
        assert set(trail.balance) == {"fee", "service"}
        assert trail.growth.is_whole
        assert not any("outspends" in path for path in explorer.requests)
        assert not any(collector.spender in path for path in explorer.requests)


def test_nothing_is_asked_for_dust_nor_for_transactions_beyond_the_last_hop(tmp_path, lesson):
    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(lesson.seed, fetch=True, dust_sat=5_000_000_001)
        assert trail.growth.is_whole
        assert not any("outspends" in path for path in explorer.requests)
    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer, "b") as case:
        case.trace(lesson.seed, fetch=True, max_hops=0)
        asked = f"/tx/{lesson.seed.partition(':')[0]}"
        assert explorer.requests == [TIP, asked, f"{asked}/outspends"]


@pytest.fixture(scope="module")
def service():
    """A service with 6,000 transactions that a stolen coin comes to, and that pays everybody out of it."""
    maker = Maker("service", seed=17)
    hot, thief = maker.address("service"), maker.address("thief")
    stolen = maker.pay([maker.mine("victim")], {thief: 4_000_000_000}, change=maker.address("victim"))[thief]
    here = paid = maker.pay([stolen], {hot: 3_999_990_000})[hot]
    for _ in range(6_000):
        customer = maker.address("customer")
        here = maker.pay([here], {customer: 100_000}, change=hot, wait=0)[hot]
    return maker.ledger(), stolen, paid


def test_a_tagged_service_with_6_000_transactions_is_not_asked_about(tmp_path, service):
    ledger, stolen, paid = service
    with Explorer(ledger) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(str(stolen.outpoint), stop=[paid.address], fetch=True)
        assert trail.balance == {"fee": 10_000, "service": 3_999_990_000}
        assert len(explorer.requests) == 4
        assert paid.address not in set(case.disclosures["subject"])


def test_in_an_untagged_service_the_budget_holds(tmp_path, service):
    ledger, stolen, _ = service
    with Explorer(ledger) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(str(stolen.outpoint), fetch=True, budget=25)
        assert len(explorer.requests) == trail.growth.asked == 25
        assert sum(trail.balance.values()) == trail.seed_sat
        assert not trail.growth.is_whole
        assert not any("/address/" in path for path in explorer.requests)


def test_an_address_is_read_whole_before_the_trace_and_once(tmp_path, lesson):
    address = lesson.ledger.index.label_of(lesson.ledger.index.resolve([lesson.seed])[0])
    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer) as case:
        trail = case.trace(address, fetch=True)
        assert trail.digest == trace(lesson.ledger, address).digest
        assert asked_twice(explorer) == []
        assert case.trace(address, fetch=True).growth.asked == 0


def test_a_seed_that_the_budget_did_not_reach_is_said_and_not_left_out(tmp_path, lesson):
    address = lesson.ledger.index.label_of(lesson.ledger.index.resolve([lesson.seed])[0])
    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer) as case:
        with pytest.raises(SeedUnknown, match="budget of 0 requests spent"):
            case.trace(lesson.seed, fetch=True, budget=0)
        trail = case.trace([lesson.seed, address], fetch=True, budget=1)
        assert trail.growth.next[0] == (Missing.HISTORY, address, None, ())
        assert not trail.growth.is_whole


class Silent(Esplora):
    """A server that does not tell what spent an output."""

    def outspends_path(self, txids):  # type: ignore[override]
        del txids


def test_where_no_source_tells_spenders_histories_are_read_instead_and_it_is_said(tmp_path, lesson):
    with Explorer(lesson.ledger) as explorer:
        source = Silent(explorer.url, chain=lesson.ledger.chain)
        with opened(tmp_path, explorer, source=source) as case:
            trail = case.trace(lesson.seed, fetch=True)
            assert trail.digest == trace(lesson.ledger, lesson.seed).digest
            assert any("read instead: the history of" in why for _, why in trail.growth.left)
            assert asked_twice(explorer) == []
        source.close()


class Bare(Esplora):
    """A server whose transactions come without the outputs that they spend, like a node's."""

    states_prevouts = False

    def facts(self, path, status, body):
        found = super().facts(path, status, body)
        return tuple(_without_prevouts(fact) if isinstance(fact, TxRecord) else fact for fact in found)


def _without_prevouts(tx):
    return replace(tx, inputs=tuple(replace(given, prevout=None) for given in tx.inputs))


@pytest.mark.parametrize("budget", [None, 7])
def test_transactions_without_their_inputs_amounts_are_completed_by_their_parents(tmp_path, lesson, budget):
    with Explorer(lesson.ledger) as explorer:
        source = Bare(explorer.url, chain=lesson.ledger.chain)
        with opened(tmp_path, explorer, source=source) as case:
            for _ in range(40):
                trail = case.trace(lesson.seed, fetch=True, budget=budget)
                if trail.growth.is_whole:
                    break
            assert trail.digest == trace(lesson.ledger, lesson.seed).digest
            assert asked_twice(explorer) == []
        source.close()


def test_what_the_source_declines_stays_unknown_and_is_not_asked_again(tmp_path, lesson):
    def change(path: str, found: Answer) -> Answer:
        if not path.startswith("/txs/outspends"):
            return Answer(404, "text/plain", b"Transaction not found") if "outspends" in path else found
        return found._replace(body=json.dumps([[] for _ in json.loads(found.body)]).encode())

    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer) as case:
        answering(explorer, change)
        trail = case.trace(lesson.seed, fetch=True)
        assert trail.balance == {"unknown: not in evidence": trail.seed_sat}
        ((txid, why),) = trail.growth.left
        assert lesson.seed.startswith(txid)
        assert "the source declines" in why
        before = len(explorer.requests)
        case.trace(lesson.seed, fetch=True)
        assert len(explorer.requests) == before


def test_a_dry_run_says_what_would_be_asked_and_sends_nothing(tmp_path, lesson):
    txid = lesson.seed.partition(":")[0]
    with Explorer(lesson.ledger) as explorer, opened(tmp_path, explorer) as case:
        head = case.log.head
        plan = case.trace(lesson.seed, fetch=True, dry_run=True)
        assert isinstance(plan, Plan)
        assert plan.discloses == (txid,)
        assert (explorer.requests, case.log.head) == ([], head)
        case.trace(lesson.seed, fetch=True, budget=2)
        plan = case.trace(lesson.seed, fetch=True, dry_run=True)
        assert [path for path, _ in plan.requests] == [TIP, f"/tx/{txid}/outspends"]
        assert len(explorer.requests) == 2


def test_a_dry_run_without_fetch_is_refused(tmp_path, lesson):
    with Case(tmp_path / "a.chainflow") as case, pytest.raises(BadInput, match="a dry run"):
        case.trace(lesson.seed, dry_run=True)


def test_offline_an_unseen_seed_is_an_error_and_a_held_one_is_traced_as_far_as_it_is_known(tmp_path, lesson):
    with Explorer(lesson.ledger) as explorer:
        with opened(tmp_path, explorer) as case:
            case.trace(lesson.seed, fetch=True, budget=5)
        with opened(tmp_path, explorer, offline=True) as case:
            trail = case.trace(lesson.seed, fetch=True)
            assert trail.growth.asked == 0
            assert trail.growth.next
            with pytest.raises(OfflineMode):
                case.trace("ab" * 32, fetch=True)
        assert len(explorer.requests) == 5


def test_open_ends_name_what_is_missing_each_once_and_the_largest_first():
    colonial = samples.load("colonial")
    back = open_ends(trace(colonial, FACTS["seizure"]["outpoint"], direction="backward"))
    assert {end.kind for end in back} == {Missing.TRANSACTION}
    assert [end.amount for end in back] == sorted((end.amount for end in back), reverse=True)
    assert len({end.what for end in back}) == len(back)
    (ahead,) = open_ends(trace(colonial, FACTS["ransom"]["outpoint"]))
    assert (ahead.kind, ahead.amount) == (Missing.SPENDERS, 7_500_015_939)


def test_open_ends_of_accounts_name_the_accounts_whose_history_is_not_known():
    first = account_made.pay("zoe", "ann", 30, 5)
    made = account_made.ledger(first, account_made.pay("ann", "ben", 20, 6))
    trail = trace(made, first.txid, contracts=())
    ben, ann = account_made.who("ben"), account_made.who("ann")
    assert open_ends(trail) == [(Missing.HISTORY, ben, 20, ()), (Missing.HISTORY, ann, 10, ())]
