"""Bounds by hand, on a real case, and for every named policy on random ledgers."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.case import Case
from chainflow.cli.group import commands
from chainflow.errors import AddressInvalid, BadInput, SeedUnknown
from chainflow.model import AddressClaim, Listing
from chainflow.serve import Explorer
from chainflow.tracing import trace
from chainflow.tracing.bounding import bounds
from chainflow.tracing.conversions import find_conversions
from chainflow.tracing.paths.graph import ELSEWHERE, TARGET, FlowGraph
from chainflow.tracing.paths.question import ask
from chainflow.tracing.seeds import Claim
from tests.clustering import account_made
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import OWNERS, ledgers_with_seeds
from tests.tracing.test_trace import CHAIN, address, next_tx

ROOT = "9436dbf0435b15378f309c35754a110db880fa9bb66a062160a25533bb4a212a:0"
RANSOM = "6a798026d44af27dbacd28ea21462808df8deca51794cec80c1b59e07ef924a2:3"
PAYER = "bc1qwh7sj44utpe4nn4x3ql33xs008r8qmr37zav62"
FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"

THEFT = tx([origin(60, "victim")], [(60, "thief")])
SEED = f"{THEFT.txid}:0"
MIX = tx([(THEFT.txid, 0, 60, "thief"), origin(40, "x", number=2)], [(70, "shop"), (25, "y")], height=101)
MADE = ledger(THEFT, MIX)


def whole_history(owner: str, *txids: str):
    """State that all there is of an address is in these transactions."""
    return [
        AddressClaim(CHAIN, address(owner), len(txids)),
        Listing(CHAIN, address(owner), "", tuple(txids), complete=True),
    ]


def test_least_and_most_by_hand():
    """60 of 100 are stolen; shop gets 70, so at least 60 − 25 − fee 5 and at most all 60."""
    found = bounds(MADE, SEED, address("shop"), policies=["fifo", "haircut", "poison"])
    assert (found.seed, found.least, found.most) == (60, 30, 60)
    assert [reading.reached for reading in found.by_policy] == [60, 42, None]
    assert found.to_pandas()["is_within"].tolist() == [True, True, None]
    assert not found.is_agreed


def test_where_least_is_most_and_nothing_is_open_no_convention_is_needed():
    alone = next_tx(THEFT, 0, [(50, "shop"), (10, "y")], height=101)
    found = bounds(ledger(THEFT, alone, *whole_history("shop", alone.txid)), SEED, address("shop"))
    assert (found.least, found.most, found.open, found.is_agreed) == (50, 50, 0, True)
    assert {reading.reached for reading in found.by_policy} == {50, None}
    assert "exactly 0.00000050 tBTC reached the target, and nothing is open." in found.sentence
    unasked = bounds(ledger(THEFT, alone), SEED, address("shop"))
    assert (unasked.least, unasked.most, unasked.open, unasked.is_agreed) == (50, 50, 10, False)
    assert "exactly" not in unasked.sentence


def test_the_sentence_leads_with_what_the_truth_can_be():
    found = bounds(MADE, SEED, address("shop"), policies=["fifo"])
    assert found.sentence == (
        "Of 0.00000060 tBTC, at least 0.00000030 tBTC reached the target; at most 0.00000060 tBTC within the "
        "evidence, at most 0.00000060 tBTC with what the evidence leaves open. This holds under any rule that "
        "conserves; under fifo 0.00000060 tBTC."
    )


def test_nothing_is_exact_where_the_spender_of_a_seed_is_not_in_evidence():
    made = samples.load("colonial")
    found = bounds(made, RANSOM, PAYER, policies=["fifo"])
    assert found.limits[1:] == (0, 0, 0, 7_500_030_000, 0)
    assert not found.is_agreed
    assert "at most 75.00030000 BTC with what the evidence leaves open" in found.sentence


def test_a_rule_that_gives_no_amount_is_never_compared_and_says_why_once():
    pay, who = account_made.pay, account_made.who
    seed = account_made.txid(800_001)
    straight = account_made.ledger(pay("zoe", "cat", 30, 5, txid=seed), pay("cat", "dan", 10, 9))
    found = bounds(straight, seed, who("dan"), policies=["fifo", "libr", "poison"])
    assert found.by_policy == (
        ("fifo", 10, ""),
        ("libr", None, "follows no payment"),
        ("poison", None, "counts value more than once"),
    )
    unmoved = account_made.ledger(pay("zoe", "cat", 30, 5, txid=seed), pay("ann", "dan", 10, 9))
    assert bounds(unmoved, seed, who("dan"), policies=["libr"]).by_policy == found.by_policy[1:2]
    assert ("under libr", "no amount: follows no payment") in found.rows
    assert "no amount: counts value more than once" in found._repr_html_()


def test_what_leaves_the_evidence_is_open_as_far_as_the_target_could_have_got_it():
    split = next_tx(THEFT, 0, [(20, "shop"), (40, "y")], height=101)
    assert (
        bounds(ledger(THEFT, split), SEED, address("shop")).open == 40
    )  # nobody asked what else it received
    later = tx([origin(15, "z", number=8)], [(15, "shop")], height=105)
    whole = whole_history("shop", split.txid, later.txid)
    found = bounds(ledger(THEFT, split, later, *whole), SEED, address("shop"))
    assert (found.least, found.most, found.open) == (20, 20, 15)
    only = ledger(THEFT, split, *whole_history("shop", split.txid))
    assert bounds(only, SEED, address("shop")).open == 0


def test_what_left_the_evidence_cannot_come_back_in_an_earlier_block():
    split = next_tx(THEFT, 0, [(20, "shop"), (40, "y")], height=101)
    early = tx([origin(15, "z", number=8)], [(15, "shop")], height=99)
    whole = whole_history("shop", split.txid, early.txid)
    assert bounds(ledger(THEFT, split, early, *whole), SEED, address("shop")).open == 0


def test_a_seed_at_the_target_has_arrived():
    split = next_tx(THEFT, 0, [(20, "shop"), (40, "y")], height=101)
    found = bounds(
        ledger(THEFT, split), [SEED, f"{split.txid}:0"], address("shop"), policies=["fifo", "haircut"]
    )
    assert (found.least, found.most) == (20, 20)
    assert [reading.reached for reading in found.by_policy] == [20, 20]


class Owners:
    """A clustering that puts some addresses together."""

    def __init__(self, *together: str) -> None:
        self._together = together

    def of(self, address: str) -> str:
        return "one" if address in self._together else address

    def members(self, cluster: str) -> tuple[str, ...]:
        return self._together if cluster == "one" else (cluster,)


def test_a_clustering_widens_the_target():
    owners = {"co-spend": Owners(address("shop"), address("y")), "none": Owners()}
    found = bounds(MADE, SEED, address("shop"), policies=[], clusterings=owners)
    assert found.clusterings["clustering"].tolist() == ["the addresses alone", "co-spend", "none"]
    assert found.clusterings["least"].tolist() == [30, 55, 30]
    assert found.over_clusterings == (30, 60)
    assert found.by_clustering["none"] == found.by_clustering["the addresses alone"]


def test_a_stop_ends_what_could_have_reached_the_target():
    onward = next_tx(MIX, 1, [(25, "goal")], height=102)
    made = ledger(THEFT, MIX, onward)
    assert bounds(made, SEED, address("goal"), policies=[]).most == 25
    found = bounds(made, SEED, address("goal"), policies=["fifo"], stop=address("y"))
    assert (found.most, found.stopped, found.is_agreed) == (0, 25, False)
    assert (
        "Ended at stops: up to 0.00000025 tBTC; what becomes of value there is not counted." in found.sentence
    )


def test_what_ends_in_a_coinjoin_counts_as_stopped():
    onward = next_tx(MIX, 1, [(25, "goal")], height=102)
    made = ledger(THEFT, MIX, onward)
    assert bounds(made, SEED, address("goal"), policies=[], coinjoins=[onward.txid]).stopped == 25


def test_what_conversions_bring_to_the_target_is_no_more_than_what_ended_at_stops():
    """A trace finds 12 ether that were wrapped and unwrapped on the way; the bounds say that they do not look."""
    case = samples.account_case()
    seeds = {name: case.seeds[name] for name in ("Ann", "Ben")}
    far = case.answers["far"]
    trail = trace(case.ledger, seeds, "fifo", targets=[far], conversions=find_conversions(case.ledger))
    came = sum(trail.ends["tainted_raw"][trail.ends["reason"] == "reached"].astype(object))
    assert came == 12 * account_made.ETHER
    found = bounds(case.ledger, seeds, far, asset="native", policies=[], stop=case.tags.services)
    assert found.most == account_made.ETHER // 10 < came <= found.most + found.stopped
    assert not found.is_agreed
    assert "what becomes of value there is not counted. Conversions into other assets" in found.sentence


def test_a_burnt_token_may_come_back_as_another_asset():
    token, who = account_made.token, account_made.who
    burn, given = token("ann", "dan", 20, 7), token("zoe", "dan", 1, 8)
    burn[-1] = replace(burn[-1], recipient=None)
    made = account_made.ledger(*token("zoe", "ann", 30, 5), *burn, *given)
    found = bounds(made, who("ann"), who("dan"), asset=who("USD"), policies=[])
    assert (found.most, found.stopped) == (0, 20)


def test_a_contract_is_found_however_its_digits_are_written():
    token, who = account_made.token, account_made.who
    made = account_made.ledger(*token("zoe", "ann", 30, 5), *token("ann", "dan", 20, 7))
    found = bounds(made, who("ann"), who("dan"), asset="0x" + who("USD")[2:].upper(), policies=["fifo"])
    assert (found.network.asset, found.most) == (f"eth:{who('USD')}", 20)


def test_unknown_history_of_an_account_lowers_the_least():
    pay, who = account_made.pay, account_made.who
    seed = account_made.txid(800_002)
    made = account_made.ledger(pay("zoe", "ann", 30, 5, txid=seed), pay("ann", "dan", 30, 9))
    found = bounds(made, seed, who("dan"), policies=[])
    assert (found.least, found.limits.open_least, found.is_agreed) == (30, 0, False)
    assert "reached the target with unknown history (within the evidence " in found.sentence
    assert [label for label, _ in found.rows][1] == "least with unknown history"


def test_labels_and_parts_are_claimed_together():
    parts = bounds(
        MADE, {"A": f"{SEED}=20", "B": Claim(SEED, 40)}, address("shop"), policies=["fifo", "tilo"]
    )
    whole = bounds(MADE, SEED, address("shop"), policies=["fifo", "tilo"])
    assert (parts.seed, parts.limits, parts.by_policy) == (60, whole.limits, whole.by_policy)
    some = bounds(MADE, f"{SEED}=45", address("shop"), policies=["fifo", "haircut"])
    assert (some.seed, some.least, some.most) == (45, 15, 45)
    assert [reading.reached for reading in some.by_policy] == [45, 31]
    assert some.recipe.parameters["seeds"] == [f"{SEED}=45"]


def test_parts_of_transfers_are_claimed_in_the_chains_own_coin():
    pay, who = account_made.pay, account_made.who
    seed = account_made.txid(800_003)
    made = account_made.ledger(
        pay("zoe", "ann", 30, 5, txid=seed), pay("ann", "dan", 10, 7), pay("ann", "eve", 20, 9)
    )
    found = bounds(made, {"A": f"{seed}=15"}, who("dan"), asset="native", policies=["fifo", "clean-first"])
    assert (found.seed, found.least, found.most) == (15, 0, 10)
    assert found.by_policy == (("clean-first", 0, ""), ("fifo", 10, ""))


@settings(max_examples=40, deadline=None)
@given(made_seeds=ledgers_with_seeds(most=3), data=st.data())
def test_every_conserving_policy_lies_between_least_and_most(made_seeds, data):
    made, seeds = made_seeds
    target = data.draw(st.sampled_from(sorted(set(made.index.labels))))
    stop = [address(owner) for owner in data.draw(st.sets(st.sampled_from(OWNERS), max_size=1))]
    values = [made.index.value[made.index.resolve([seed])[0]] for seed in seeds]
    parts = [data.draw(st.none() | st.integers(1, value)) if value else None for value in values]
    claims = [Claim(seed, part) for seed, part in zip(seeds, parts, strict=True)]
    found = bounds(made, claims, target, stop=stop, coinjoins=())
    amounts = [reading.reached for reading in found.by_policy if reading.reached is not None]
    assert len(amounts) >= 3
    assert found.least <= min(amounts) <= max(amounts) <= found.most
    limits = found.limits
    assert limits.open_least == found.least <= found.most <= limits.open_most <= found.seed
    assert found.least + limits.stopped <= found.seed


@settings(max_examples=60, deadline=None)
@given(made_seeds=ledgers_with_seeds(most=2), data=st.data())
def test_least_and_most_are_met_by_some_rule(made_seeds, data):
    """All that the seeds hold can be placed at once with the target's part as large, or as small, as said."""
    made, seeds = made_seeds
    target = data.draw(st.sampled_from(sorted(set(made.index.labels))))
    question = ask(made, seeds, None, stop=None, coinjoins=())
    arcs = question.network.arcs
    goal = frozenset(number for number, arc in enumerate(arcs) if arc.payee == target)
    graph = FlowGraph.of(question.between(question.sources, goal))
    found = bounds(made, seeds, target, policies=[], coinjoins=())
    for sink, other, part in ((TARGET, ELSEWHERE, found.most), (ELSEWHERE, TARGET, found.seed - found.least)):
        both = FlowGraph(dict(graph.capacity), {})
        both.add(sink, "all", part)
        both.add(other, "all", found.seed - part)
        assert both.most("all") == found.seed == graph.total
    assert graph.most(TARGET) == found.most


MOVES = st.lists(
    st.tuples(*itertools.repeat(st.sampled_from(("ann", "ben", "cat", "dan")), 2), st.integers(1, 20)),
    min_size=1,
    max_size=9,
)


@settings(max_examples=40, deadline=None)
@given(moves=MOVES)
def test_every_conserving_account_policy_lies_between_least_and_most(moves):
    pay, who = account_made.pay, account_made.who
    rows = [pay(payer, payee, value, 10 + at) for at, (payer, payee, value) in enumerate(moves)]
    made = account_made.ledger(
        pay("zoe", "ann", 30, 5, txid=account_made.txid(800_000)), *rows, pay("zoe", "cat", 1, 90)
    )
    found = bounds(made, account_made.txid(800_000), who("cat"), contracts=())
    amounts = [reading.reached for reading in found.by_policy if reading.reached is not None]
    assert len(amounts) >= 3
    assert found.least <= min(amounts) <= max(amounts) <= found.most
    limits = found.limits
    assert limits.open_least <= found.least <= found.most <= limits.open_most <= found.seed == 30


def test_colonial_at_least_5779_of_6370_million_were_seized_whatever_the_rule():
    found = bounds(samples.load("colonial"), ROOT, FBI)
    assert (found.seed, found.least, found.most) == (6_370_000_000, 5_778_585_047, 6_369_996_546)
    by_policy = {reading.policy: reading.reached for reading in found.by_policy}
    assert by_policy["fifo"] == 6_146_816_619
    assert abs(by_policy["haircut"] - 5_828_829_110) <= 1
    assert by_policy["poison"] is None
    assert found.open == 6_370_000_000 - 6_369_996_546  # the rest of the ransom; the fee alone is as much
    assert "at least 57.78585047 BTC reached the target; at most 63.69996546 BTC within" in found.sentence
    assert "at most 63.70000000 BTC with what the evidence leaves open" in found.sentence


def test_the_command_prints_every_limit(tmp_path):
    file = tmp_path / "a.chainflow"
    with (
        Explorer(samples.load("colonial")) as explorer,
        Case(file, source=f"esplora:{explorer.url}") as case,
    ):
        case.fetch([FBI, "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"])
    asked = ["bounds", str(file), ROOT, "--target", FBI]
    found = json.loads(CliRunner().invoke(commands, [*asked, "--json"], catch_exceptions=False).output)
    assert (found["least"], found["open_least"]) == ("5778585047", "5778585047")
    assert (found["most"], found["open_most"], found["stopped"]) == ("6369996546", "6370000000", "0")
    assert found["is_agreed"] is False
    said = CliRunner().invoke(commands, asked, catch_exceptions=False).output
    for words in ("most with what the evidence leaves open", "ended at stops", "counts value more than once"):
        assert words in said


@pytest.mark.parametrize(
    ("seeds", "target", "options", "error"),
    [
        ("e" * 64, address("shop"), {}, SeedUnknown),
        (SEED, address("nobody"), {}, SeedUnknown),
        (SEED, "no address", {}, AddressInvalid),
        (SEED, [], {}, SeedUnknown),
        ([], address("shop"), {}, BadInput),
        (SEED, address("shop"), {"policies": ["clayton"]}, BadInput),
        (f"{SEED}=61", address("shop"), {"policies": []}, BadInput),
        (f"{MIX.txid}=5", address("shop"), {"policies": []}, BadInput),
        (f"{SEED}=half", address("shop"), {}, BadInput),
    ],
)
def test_what_cannot_be_bounded_is_refused(seeds, target, options, error):
    with pytest.raises(error):
        bounds(MADE, seeds, target, **options)
