"""Paths between two sets of outputs: by hand, against all paths of random ledgers, on a real case."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.errors import AddressInvalid, BadInput, SeedUnknown
from chainflow.model import EndReason
from chainflow.tags import Tags
from chainflow.tracing.paths import NoPath, Paths, paths, to_nearest
from chainflow.tracing.paths.question import Question, ask
from chainflow.tracing.paths.search import best_paths
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import ledgers_with_seeds
from tests.tracing.test_trace import address, next_tx

ROOT = "9436dbf0435b15378f309c35754a110db880fa9bb66a062160a25533bb4a212a:0"
SEIZED = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a:1"

THEFT = tx([origin(100, "victim")], [(60, "near"), (40, "far")], height=100)
SHORT = next_tx(THEFT, 0, [(10, "shop"), (50, "x")], height=200)
LONG = next_tx(THEFT, 1, [(38, "mule")], height=150)
LAST = next_tx(LONG, 0, [(35, "shop")], height=160)
MADE = ledger(THEFT, SHORT, LONG, LAST)


def routes(found) -> list[list[str]]:
    return [[step.place for _, step in path.steps] for path in found]


def test_the_fewest_transactions_win_and_a_hop_is_one_transaction():
    found = paths(MADE, THEFT.txid, address("shop"), k=5)
    assert routes(found) == [
        [f"{THEFT.txid}:0", f"{SHORT.txid}:0"],
        [f"{THEFT.txid}:1", f"{LONG.txid}:0", f"{LAST.txid}:0"],
    ]
    assert [path.transactions for path in found] == [1, 2]
    assert [hop for hop, _ in found[1].steps] == [0, 1, 2]


def test_the_largest_path_is_the_one_with_the_widest_narrowest_place():
    found = paths(MADE, THEFT.txid, address("shop"), by="largest")
    assert (found.bottleneck, found[0].transactions) == (35, 2)


def test_of_equally_wide_paths_the_shorter_comes_first_though_a_longer_one_was_wider_before():
    wide = next_tx(THEFT, 0, [(60, "m")], height=101)
    join = tx([(wide.txid, 0, 60, "m"), (THEFT.txid, 1, 40, "far")], [(5, "shop"), (95, "x")], height=102)
    found = paths(ledger(THEFT, wide, join), THEFT.txid, address("shop"), by="largest")
    assert (found.bottleneck, found[0].transactions) == (5, 1)


def test_the_fastest_path_counts_from_its_first_transaction_to_its_last():
    slow = next_tx(LONG, 0, [(35, "shop")], height=190)
    made = ledger(THEFT, SHORT, LONG, slow, next_tx(SHORT, 1, [(50, "shop")], height=210))
    found = paths(made, THEFT.txid, address("shop"), by="fastest", k=3)
    assert [path.seconds for path in found] == [0, 10 * 600, 40 * 600]


def test_of_equally_short_paths_the_larger_comes_first():
    both = next_tx(THEFT, 0, [(20, "shop"), (30, "shop"), (10, "shop")], height=101)
    found = paths(ledger(THEFT, both), f"{THEFT.txid}:0", address("shop"), k=2)
    assert [path.bottleneck for path in found] == [30, 20]


def test_a_missing_time_makes_the_duration_unknown_and_never_short():
    timeless = dataclasses.replace(LAST, time=None)
    made = ledger(THEFT, SHORT, LONG, timeless)
    found = paths(made, THEFT.txid, address("shop"), by="fastest", k=2)
    assert [path.seconds for path in found] == [0, None]
    alone = paths(made, f"{THEFT.txid}:1", address("shop"), by="fastest")
    assert alone.duration is None
    assert "time not known" in repr(alone)


def test_a_payment_from_before_is_no_path():
    before = tx([origin(50, "thief", number=2)], [(50, "exchange")], height=90)
    stolen = tx([origin(9, "victim", number=3)], [(9, "thief")])
    found = paths(ledger(before, stolen), stolen.txid, address("exchange"))
    assert isinstance(found, NoPath)
    assert not found


def test_a_service_on_the_way_ends_a_path_and_a_target_is_reached_though_it_is_one():
    assert not paths(MADE, f"{THEFT.txid}:1", address("shop"), stop=address("mule"))
    assert paths(MADE, f"{THEFT.txid}:1", address("shop"), stop=address("shop"))


def test_a_coinjoin_ends_a_path_unless_it_is_walked_through():
    assert not paths(MADE, f"{THEFT.txid}:1", address("shop"), coinjoins=[LAST.txid])
    assert paths(MADE, f"{THEFT.txid}:1", address("shop"), coinjoins=())


def test_after_leaves_out_what_moved_before():
    assert not paths(MADE, f"{THEFT.txid}:1", address("shop"), after=155)
    assert paths(MADE, f"{THEFT.txid}:1", address("shop"), after=150)


def test_the_table_adds_who_says_what_a_place_is():
    tags = Tags.of_rows([{"address": address("shop"), "label": "Kiosk", "source": "https://example.org/t"}])
    found = to_nearest(MADE, THEFT.txid, tags, k=2)
    assert isinstance(found, Paths)
    frame = found.to_pandas()
    assert frame.columns.tolist() == [
        "path", "hop", "txid", "from", "to", "place", "amount", "height", "time", "tag", "said_by",
    ]  # fmt: skip
    assert frame["path"].tolist() == [1, 1, 2, 2, 2]
    assert frame["amount"].tolist() == [60, 10, 40, 38, 35]
    assert frame["from"].tolist()[1:2] == [address("near")]
    assert frame[frame["tag"] == "Kiosk"]["said_by"].unique().tolist() == ["https://example.org/t"]
    assert found.digest == to_nearest(MADE, THEFT.txid, tags, k=2).digest


def test_no_tagged_place_in_reach_is_no_path_and_no_error():
    tags = Tags.of_rows([{"address": address("stranger"), "label": "Far", "source": "https://example.org/t"}])
    assert not to_nearest(MADE, THEFT.txid, tags)


def all_paths(question: Question) -> list[tuple[int, ...]]:
    """Return every path as its arcs, by going everywhere."""
    found = []

    def go(trail: tuple[int, ...], fate) -> None:
        if fate is EndReason.REACHED:
            found.append(trail)
        elif not isinstance(fate, EndReason):
            for number in question.network.leaving[fate]:
                if number not in question.sources:
                    go((*trail, number), question.fate(number))

    for number in question.sources:
        if question.network.arcs[number].amount:
            fate = question.fate(number)
            if fate is not EndReason.REACHED:
                go((number,), fate)
    return found


def measured(question: Question, trail: tuple[int, ...], by: str) -> tuple:
    arcs, times = [question.network.arcs[number] for number in trail], question.network.txs
    seconds = times[arcs[-1].tx].time - times[arcs[1].tx].time
    count, amount = len(trail) - 1, min(arc.amount for arc in arcs)
    return {"fewest": (count, -amount), "largest": (-amount, count), "fastest": (seconds, count, -amount)}[by]


@pytest.mark.parametrize("by", ["fewest", "fastest", "largest"])
@settings(max_examples=60, deadline=None)
@given(
    made_seeds=ledgers_with_seeds(most=2), k=st.integers(1, 4), goals=st.sets(st.integers(0, 40), min_size=1)
)
def test_the_k_best_are_those_of_all_paths_there_are(by, made_seeds, k, goals):
    made, seeds = made_seeds
    question = ask(made, seeds, None, stop=None, coinjoins=())
    targets = frozenset(goal for goal in goals if goal < made.index.n_outputs) - question.sources
    asked = question.between(question.sources, targets)
    expected = sorted(measured(asked, trail, by) for trail in all_paths(asked))[:k]
    found = [tuple(label.arcs()) for label in best_paths(asked, by, k)]
    assert len(set(found)) == len(found)
    assert [measured(asked, trail, by) for trail in found] == expected


def test_colonial_from_the_ransom_to_the_seizure_takes_two_transactions():
    found = paths(samples.load("colonial"), ROOT, SEIZED, by="fastest")
    assert (found[0].transactions, found.bottleneck, found.duration) == (2, 6_369_996_546, 916_770)


@pytest.mark.parametrize(
    ("sources", "targets", "options", "error"),
    [
        ("e" * 64, THEFT.txid, {}, SeedUnknown),
        (THEFT.txid, "not an address", {}, AddressInvalid),
        ([], THEFT.txid, {}, BadInput),
        (THEFT.txid, [], {}, BadInput),
        (THEFT.txid, THEFT.txid, {}, BadInput),
        (THEFT.txid, LAST.txid, {"by": "cheapest"}, BadInput),
        (THEFT.txid, LAST.txid, {"k": 0}, BadInput),
    ],
)
def test_what_is_no_question_is_refused(sources, targets, options, error):
    with pytest.raises(error):
        paths(MADE, sources, targets, **options)
