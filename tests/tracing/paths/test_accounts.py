"""Paths and flows over accounts: balances bound them, time orders them, tokens never mix."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput, SeedUnknown
from chainflow.model import EndReason
from chainflow.tracing import trace
from chainflow.tracing.paths import NoPath, max_flow, paths
from chainflow.tracing.paths.question import ask
from chainflow.tracing.paths.search import best_paths
from tests.clustering.account_made import ledger, pay, token, txid, who
from tests.ledger.moves import fee, move


def test_a_payment_from_before_is_no_path_between_accounts():
    made = ledger(pay("ben", "cat", 5, 10), pay("ann", "ben", 5, 20))
    found = paths(made, who("ann"), who("cat"))
    assert isinstance(found, NoPath)
    assert found.ends == {"unknown: not in evidence": (1, 5)}
    assert paths(ledger(pay("ann", "ben", 5, 10), pay("ben", "cat", 5, 20)), who("ann"), who("cat"))


def in_one_transaction(*payments: tuple[str, str]):
    """Return the transfers of one token in one transaction, in the order of their logs."""
    return ledger(
        [
            move(5, sender=who(payer), recipient=who(payee), place=f"log:{at}", position=0)
            for at, (payer, payee) in enumerate(payments)
        ]
    )


def test_the_log_index_orders_what_is_in_one_transaction():
    assert paths(in_one_transaction(("ann", "ben"), ("ben", "cat")), who("ann"), who("cat"))
    assert not paths(in_one_transaction(("ben", "cat"), ("ann", "ben")), who("ann"), who("cat"))


def test_what_was_paid_on_before_bounds_what_is_left():
    made = ledger(
        pay("ann", "ben", 10, 10),
        pay("ben", "dan", 8, 20),
        pay("eve", "ben", 20, 30),
        pay("ben", "cat", 20, 40),
    )
    flow = max_flow(made, who("ann"), who("cat"))
    assert (flow.amount, flow.seed) == (2, 10)
    assert flow.cut_table["amount"].tolist() == [2]
    found = paths(made, who("ann"), who("cat"), by="largest")
    assert (found.bottleneck, found[0].transactions) == (2, 2)


def test_a_path_begins_with_a_payment_of_its_source_and_names_every_party():
    made = ledger(pay("zoe", "ann", 9, 5), pay("ann", "ben", 7, 10), pay("ben", "cat", 6, 20))
    frame = paths(made, who("ann"), who("cat"), by="fastest", k=3).to_pandas()
    assert frame["hop"].tolist() == [1, 2]
    assert frame["from"].tolist() == [who("ann"), who("ben")]
    assert frame["to"].tolist() == [who("ben"), who("cat")]
    assert frame["amount"].tolist() == [7, 6]


def test_two_transfers_of_one_transaction_are_one_hop():
    found = paths(in_one_transaction(("ann", "ben"), ("ben", "cat")), who("ann"), who("cat"))
    assert (found[0].transactions, [hop for hop, _ in found[0].steps]) == (1, [1, 1])


def test_the_chains_coin_and_a_token_are_two_networks():
    made = ledger(pay("ann", "ben", 5, 10), *token("ben", "cat", 5, 20, signer=None))
    assert paths(made, who("ann"), who("ben"), asset="eth")
    with pytest.raises(BadInput, match="2 assets"):
        paths(made, who("ben"), who("cat"))
    with pytest.raises(SeedUnknown, match="moved nothing"):
        paths(made, who("nobody"), who("cat"))


def test_fees_and_failed_transfers_reach_nobody():
    failed = pay("ann", "cat", 5, 20, ok=False)
    made = ledger(
        pay("ann", "ben", 5, 10),
        failed,
        fee(1, sender=who("ann"), txid=failed.txid, height=20),
        pay("x", "cat", 1, 30),
    )
    found = paths(made, who("ann"), who("cat"))
    assert not found
    assert found.ends["fee"] == (1, 1)


NAMES = ("ann", "ben", "cat", "dan")


@settings(max_examples=40, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(1, 20)), min_size=1, max_size=10
    )
)
def test_no_conserving_rule_brings_more_than_the_flow(moves):
    rows = [pay(payer, payee, value, 10 + at) for at, (payer, payee, value) in enumerate(moves)]
    made = ledger(pay("zoe", "ann", 30, 5), *rows, pay("zoe", "cat", 1, 90))
    flow = max_flow(made, who("ann"), who("cat"), contracts=())
    assert flow.cut_table["amount"].sum() == flow.amount
    for rule in ("fifo", "lifo", "haircut", "dirty-first", "clean-first"):
        trail = trace(made, who("ann"), rule, targets=[who("cat")], contracts=())
        assert trail.balance.get("reached", 0) <= flow.amount


def all_paths(question) -> set[tuple[int, ...]]:
    """Return every path as its transfers and the least it passes, by going everywhere."""
    arcs, found = question.network.arcs, set()

    def go(node: int, trail: tuple[int, ...], least: int) -> None:
        for number in question.network.leaving[node]:
            if number in question.sources or arcs[number].head in question.starts:
                continue
            fate, amount = question.fate(number), min(least, arcs[number].amount)
            longer = (*trail, number) if arcs[number].tx >= 0 else trail
            if fate is EndReason.REACHED:
                found.add((longer, amount))
            elif not isinstance(fate, EndReason):
                go(fate, longer, amount)

    for node in question.starts:
        go(node, (), 10**9)
    return found


@pytest.mark.parametrize("by", ["fewest", "largest"])
@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(1, 9), st.integers(0, 3)),
        min_size=1,
        max_size=9,
    ),
    k=st.integers(1, 4),
)
def test_the_k_best_are_those_of_all_paths_though_transfers_share_transactions(by, moves, k):
    moves = sorted(moves, key=lambda one: one[3])
    rows = [
        move(value, txid=txid(700_000 + tx), sender=who(payer), recipient=who(payee), height=10 + tx,
             place=f"log:{at}", position=0)
        for at, (payer, payee, value, tx) in enumerate(moves)
    ]  # fmt: skip
    ends = [move(1, txid=txid(1), sender=who("ann"), recipient=who("zoe"), height=1, place="log:0"),
            move(1, txid=txid(2), sender=who("zoe"), recipient=who("dan"), height=99, place="log:0")]  # fmt: skip
    question = ask(ledger([*ends, *rows]), who("ann"), who("dan"), stop=None, coinjoins=(), contracts=())
    arcs, expected = question.network.arcs, []
    for trail, least in all_paths(question):
        count = 1 + sum(arcs[one].tx != arcs[other].tx for one, other in pairwise(trail))
        expected.append((count, -least) if by == "fewest" else (-least, count))
    found = best_paths(question, by, k)
    assert len({tuple(label.arcs()) for label in found}) == len(found)
    measured = [(label.steps, -label.amount) for label in found]
    assert (measured if by == "fewest" else [(b, a) for a, b in measured]) == sorted(expected)[:k]
