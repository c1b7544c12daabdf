"""Every detector finds what was planted in random traffic, and little else."""

from __future__ import annotations

import pytest

from chainflow.typologies import find
from tests.clustering.account_made import ETHER
from tests.typologies.planted import score, town

THRESHOLD = 50 * ETHER
ALONE = ("fan-out", "fan-in", "scatter-gather", "gather-scatter", "cycle", "bipartite", "stack", "dormant")
MIXED = ("fan-out", "fan-in", "scatter-gather", "cycle", "bipartite", "stack", "structuring", "dormant")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_that_strangers_do_in_random_traffic_is_found_and_nothing_else(seed):
    made = town(seed)
    found = find(made.ledger(), threshold=THRESHOLD)
    assert not found.cut
    for kind in (*ALONE, "structuring"):
        planted = made.planted[kind]
        assert score(found.of(kind), planted) == (len(planted), 0), kind


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_pass_through_is_found_and_the_middles_of_other_patterns_are_some_too(seed):
    made = town(seed)
    hits = find(made.ledger(), ["pass-through"]).hits
    assert score(hits, made.planted["pass-through"])[0] == 3
    # a payment or two of random people, the middle of a stack and of a gather-scatter: all pass on what they get
    middles = {party for kind in ("stack", "gather-scatter") for one in made.planted[kind] for party in one}
    others = [hit for hit in hits if not any(one <= hit.addresses for one in made.planted["pass-through"])]
    assert sum(not set(hit.roles["through"]) & middles for hit in others) <= 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_people_do_beside_their_ordinary_payments_is_found(seed):
    made = town(seed, is_mixed=True)
    found = find(made.ledger(), threshold=THRESHOLD)
    for kind in MIXED:
        assert score(found.of(kind), made.planted[kind])[0] == len(made.planted[kind]), kind


def test_who_holds_other_money_beside_it_empties_no_balance():
    made = town(1, is_mixed=True)
    found = find(made.ledger())
    assert score(found.of("pass-through"), made.planted["pass-through"])[0] < 3


def test_the_same_seed_gives_the_same_bytes_and_the_order_of_statements_does_not_matter():
    one, other = town(4), town(4)
    other.rows.reverse()
    assert find(one.ledger()).digest == find(other.ledger()).digest
