"""Mixing pools: how deposits and withdrawals are read, which of them are one owner's, and who else may be."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering import cluster
from chainflow.clustering.accounts import (
    PoolAddress,
    PoolGasPrice,
    PoolLinkedAddress,
    PoolPortfolio,
    anonymity_sets,
)
from chainflow.clustering.accounts.moves import Moves
from chainflow.clustering.accounts.visits import Visits
from chainflow.errors import AddressInvalid, BadInput
from chainflow.model import Listing
from tests.clustering.account_made import ETHER, call, ledger, linked, pay, txid, who

ONE, TEN = who("one"), who("ten")
POOLS = {ONE: ETHER, TEN: 10 * ETHER}
SIZE = {"one": ETHER, "ten": 10 * ETHER}
NAMES = ("ann", "ben", "cat", "dan", "eve", "rel", "router", "one", "ten")
FEE = ETHER // 100


def put(name: str, height: int, *, pool: str = "one", made: int = 0, router: bool = False):
    """Return a deposit, direct or through a router."""
    at = txid(made or 5000 + height)
    if not router:
        return [pay(name, pool, SIZE[pool], height, txid=at)]
    return [pay(name, "router", SIZE[pool], height, txid=at), call("router", pool, SIZE[pool], height, at)]


def take(name: str, height: int, *, pool: str = "one", by: str = "", made: int = 0):
    """Return a withdrawal, by a relayer for a fee or by the recipient itself."""
    at = txid(made or 9000 + height)
    signed = pay(by or name, pool, 0, height, txid=at)
    left = SIZE[pool] - (FEE if by else 0)
    rows = [signed, call(pool, name, left, height, at, "trace:0")]
    return [*rows, call(pool, by, FEE, height, at, "trace:1")] if by else rows


def read(*rows, pools=POOLS):
    visits = Visits.of(Moves.of(ledger(*rows)), pools)
    name = {who(one): one for one in NAMES}

    def named(number: int) -> str | None:
        return None if number < 0 else name[visits.moves.names[number][1]]

    into = [(named(one.account), named(one.pool)) for one in visits.deposits]
    return into, [(named(one.account), named(one.relayer)) for one in visits.withdrawals]


# --- reading -------------------------------------------------------------------------------------


def test_deposits_are_read_direct_and_through_a_router_and_withdrawals_with_the_relayers_fee():
    rows = [put("ann", 1), put("ben", 2, router=True), take("cat", 3, by="rel"), take("dan", 4)]
    assert read(*rows) == ([("ann", "one"), ("ben", "one")], [("cat", "rel"), ("dan", None)])


def test_other_amounts_are_no_deposits():
    assert read([pay("ann", "one", ETHER - 1, 1), pay("ann", "ten", ETHER, 2)]) == ([], [])


def test_two_withdrawals_in_one_transaction_are_two():
    rows = [pay("ann", "router", 0, 5, txid=txid(1))]
    parts = [("ben", ETHER), ("cat", ETHER - FEE), ("rel", FEE)]
    rows += [call("one", who_, value, 5, txid(1), f"trace:{n}") for n, (who_, value) in enumerate(parts)]
    assert read(rows)[1] == [("ben", None), ("cat", "rel")]


@pytest.mark.parametrize(
    "parts",
    [
        [("ben", ETHER // 2), ("cat", ETHER // 2)],
        [("ben", ETHER + 1)],
        [("ben", 5)],
        [("ben", 5), ("cat", 6), ("dan", ETHER - 11)],
    ],
)
def test_a_payout_that_does_not_add_up_goes_to_nobody_known(parts):
    rows = [pay("ann", "router", 0, 5, txid=txid(1))]
    rows += [call("one", who_, value, 5, txid(1), f"trace:{n}") for n, (who_, value) in enumerate(parts)]
    assert read(rows)[1] == [(None, None)]


def test_a_deposit_whose_transaction_is_not_held_is_of_nobody_known():
    row = call("router", "one", ETHER, 5, txid(1))
    assert read([row]) == ([], [])  # nobody says that the transaction succeeded
    assert anonymity_sets(ledger([row]), POOLS).num_rows == 0


@pytest.mark.parametrize("pools", [{ONE: 0}, {ONE: 1.5}, {ONE: "1"}, [ONE]])
def test_a_pool_without_a_whole_amount_is_refused(pools):
    with pytest.raises(BadInput):
        PoolAddress(pools).pairs(ledger(put("ann", 1)))


@pytest.mark.parametrize("rule", [PoolAddress, PoolGasPrice, PoolPortfolio, PoolLinkedAddress])
def test_a_rule_without_pools_is_refused_when_it_is_made(rule):
    with pytest.raises(BadInput, match=r"no pools(?s:.)*base units of one deposit"):
        rule()
    with pytest.raises(BadInput, match="no pools"):
        cluster(ledger(put("ann", 1)), [rule.name])


def test_an_anonymity_set_needs_a_pool():
    with pytest.raises(BadInput, match="no pools"):
        anonymity_sets(ledger(put("ann", 1)), {})


def test_a_gas_price_rule_without_gas_prices_is_refused_when_it_is_made():
    with pytest.raises(BadInput, match="no gas prices"):
        PoolGasPrice(POOLS)


def test_a_pool_that_is_no_address_is_refused():
    with pytest.raises(AddressInvalid):
        anonymity_sets(ledger(put("ann", 1)), {"tornado": ETHER})


# --- E-4 -----------------------------------------------------------------------------------------


def test_a_withdrawal_to_the_depositor_is_a_pair_and_no_link():
    made = ledger(put("ann", 1), put("ben", 2), take("ann", 3, by="rel"), take("ann", 4, pool="ten"))
    (pair,) = PoolAddress(POOLS).pairs(made).to_pylist()
    assert (pair["pool"], pair["depositor"], pair["recipient"]) == (ONE, who("ann"), who("ann"))
    assert (pair["deposit_txid"], pair["withdrawal_txid"]) == (txid(5001), txid(9003))
    assert PoolAddress(POOLS).links(made).num_rows == 0


def test_a_deposit_after_the_withdrawal_is_no_pair():
    assert PoolAddress(POOLS).pairs(ledger(take("ann", 1), put("ann", 2))).num_rows == 0


# --- E-5 -----------------------------------------------------------------------------------------


def gas(**more):
    return {txid(5001): 77, txid(5002): 50, txid(9005): 77, txid(9006): 50} | more


def test_a_gas_price_of_one_deposit_links_it_to_the_withdrawal_at_that_price():
    made = ledger(put("ann", 1), put("ben", 2), take("cat", 5), take("dan", 6, by="rel"))
    found = PoolGasPrice(POOLS, gas_prices=gas()).links(made)
    assert linked(found, *NAMES) == {("ann", "cat")}  # dan's price is the relayer's
    assert found["txid"].to_pylist() == [txid(9005)]


def test_a_gas_price_that_two_deposits_had_or_that_is_not_known_links_nothing():
    made = ledger(put("ann", 1), put("ben", 2), put("eve", 3), take("cat", 5))
    for price, count in ((77, 0), (None, 1), (78, 1)):
        rule = PoolGasPrice(POOLS, gas_prices=gas() | {txid(5003): price})
        assert rule.links(made).num_rows == count
    assert PoolGasPrice(POOLS, gas_prices=gas()).links(made).num_rows == 0  # eve's may be 77 as well


def test_a_gas_price_that_is_no_whole_number_is_refused():
    with pytest.raises(BadInput):
        PoolGasPrice(POOLS, gas_prices={txid(1): 1.5}).links(ledger(put("ann", 1)))


# --- E-6 -----------------------------------------------------------------------------------------


def portfolio(name: str, made, start: int, ones: int, tens: int):
    """Deposits or withdrawals, one a block."""
    pools = ["one"] * ones + ["ten"] * tens
    return [made(name, start + n, pool=pool) for n, pool in enumerate(pools)]


def test_five_withdrawals_of_a_day_that_repeat_one_accounts_deposits_are_its_owners():
    rows = [
        *portfolio("ann", put, 1, 3, 2),
        *portfolio("ben", put, 20, 2, 3),
        *portfolio("cat", take, 100, 3, 2),
    ]
    found = PoolPortfolio(POOLS).links(ledger(*rows))
    assert linked(found, *NAMES) == {("ann", "cat")}
    assert set(found["txid"].to_pylist()) == {txid(9000 + height) for height in range(100, 105)}


def test_two_accounts_with_equal_deposits_are_both_named_and_not_linked():
    rows = [*portfolio("ann", put, 1, 3, 2), *portfolio("ben", put, 20, 3, 2)]
    made = ledger(*rows, *portfolio("cat", take, 100, 3, 2))
    assert PoolPortfolio(POOLS).links(made).num_rows == 0
    assert PoolPortfolio(POOLS).candidates(made) == {who("cat"): tuple(sorted((who("ann"), who("ben"))))}


@pytest.mark.parametrize(("ones", "tens"), [(5, 0), (2, 2)])
def test_one_pool_or_four_withdrawals_are_too_few(ones, tens):
    rows = [*portfolio("ann", put, 1, ones, tens), *portfolio("cat", take, 100, ones, tens)]
    assert PoolPortfolio(POOLS).links(ledger(*rows)).num_rows == 0


def test_the_window_is_one_day_and_holds_its_own_event():
    day = 86_400 // 12  # blocks
    for gap, count in ((day - 1, 1), (day, 0)):
        first = [put("ann", 1, pool="ten"), *portfolio("ann", put, gap - 2, 4, 0)]  # the last is at 1 + gap
        rows = [*first, *portfolio("cat", take, 20_000, 4, 1)]
        assert bool(PoolPortfolio(POOLS).links(ledger(*rows)).num_rows) == bool(count)


# --- E-7 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payments", "is_found"), [(3, True), (2, False)])
def test_a_depositor_and_a_recipient_that_pay_each_other_three_times_are_linked(payments, is_found):
    between = [pay(*(("ann", "cat") if n % 2 else ("cat", "ann")), 5 + n, 300 + n) for n in range(payments)]
    rows = [put("ann", 1), put("ben", 2), take("cat", 5, by="rel"), between]
    found = PoolLinkedAddress(POOLS).links(ledger(*rows))
    assert linked(found, *NAMES) == ({("ann", "cat")} if is_found else set())
    assert PoolLinkedAddress(POOLS, excluded=[who("cat")]).links(ledger(*rows)).num_rows == 0


def test_payments_between_users_of_different_pools_link_nothing():
    between = [pay("ann", "cat", 5 + n, 300 + n) for n in range(3)]
    assert (
        PoolLinkedAddress(POOLS).links(ledger(put("ann", 1), take("cat", 5, pool="ten"), between)).num_rows
        == 0
    )


# --- E-9 -----------------------------------------------------------------------------------------


def sets(*rows, linked=()):
    found = anonymity_sets(ledger(*rows), POOLS, linked=linked).to_pylist()
    return [(row["deposits"], row["linked"], row["size"], row["depositor"]) for row in found]


def test_the_set_is_the_earlier_deposits_without_those_linked_to_other_withdrawals():
    rows = [put("ann", 1), put("ben", 2), put("cat", 3, pool="ten"), take("eve", 4), put("dan", 5)]
    rows += [take("dan", 6), take("eve", 7)]
    assert sets(*rows) == [(2, 0, 2, None), (3, 0, 3, who("dan")), (3, 1, 2, None)]


def test_a_deposit_leaves_the_sets_of_withdrawals_before_it_was_linked_too():
    rows = [put("ann", 1), put("ben", 2), take("eve", 3), take("ann", 4)]
    assert sets(*rows) == [(2, 1, 1, None), (2, 0, 2, who("ann"))]


def test_three_deposits_and_one_withdrawal_of_an_account_take_one_deposit_away():
    rows = [put("ann", 1), put("ann", 2), put("ann", 3), take("ann", 4), take("eve", 5)]
    assert sets(*rows) == [(3, 0, 3, who("ann")), (3, 1, 2, None)]


def test_rules_take_their_pairs_away_and_must_be_of_the_same_pools():
    rows = [put("ann", 1), put("ben", 2), take("cat", 5), take("dan", 6)]
    rule = PoolGasPrice(POOLS, gas_prices=gas() | {txid(9006): None})
    assert sets(*rows, linked=[rule]) == [(2, 0, 2, None), (2, 1, 1, None)]
    with pytest.raises(BadInput):
        sets(*rows, linked=[PoolLinkedAddress({ONE: ETHER})])


def test_a_set_says_whether_the_whole_pool_is_held():
    rows = [*put("ann", 1), *take("cat", 5)]
    assert anonymity_sets(ledger(rows), POOLS)["is_whole"].to_pylist() == [False]
    pages = [Listing("eth", ONE, "", (txid(5001),), True, "", "", which) for which in ("native", "internal")]
    assert anonymity_sets(ledger([*rows, *pages]), POOLS)["is_whole"].to_pylist() == [True]


VISIT = st.tuples(st.booleans(), st.sampled_from(["ann", "ben", "cat"]), st.sampled_from(["one", "ten"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(VISIT, max_size=14))
def test_sets_are_what_counting_by_hand_gives(steps):
    rows = [
        (put if is_deposit else take)(name, 10 + n, pool=pool)
        for n, (is_deposit, name, pool) in enumerate(steps)
    ]
    found = anonymity_sets(ledger(*rows), POOLS).to_pylist()
    withdrawals = [n for n, step in enumerate(steps) if not step[0]]
    taken: dict[int, int] = {}
    for n in withdrawals:
        own = [d for d in range(n) if steps[d] == (True, *steps[n][1:]) and d not in taken.values()]
        taken |= {n: own[0]} if own else {}
    for n, row in zip(withdrawals, found, strict=True):
        earlier = {d for d in range(n) if steps[d][0] and steps[d][2] == steps[n][2]}
        gone = {deposit for withdrawal, deposit in taken.items() if withdrawal != n} & earlier
        assert (row["deposits"], row["linked"], row["size"]) == (len(earlier), len(gone), len(earlier - gone))


@settings(max_examples=60, deadline=None)
@given(st.lists(VISIT, min_size=8, max_size=24))
def test_portfolios_equal_the_definition(steps):
    rows = [
        (put if is_deposit else take)(f"{name}{'' if is_deposit else '2'}", 10 + n, pool=pool)
        for n, (is_deposit, name, pool) in enumerate(steps)
    ]
    rule = PoolPortfolio(POOLS, min_withdrawals=2)

    def counts(n: int) -> Counter[str]:
        same = [step for step in steps[: n + 1] if step[:2] == steps[n][:2]]
        return Counter(pool for _, _, pool in same)

    wanted: dict[str, set[str]] = {}
    for one, other in combinations(range(len(steps)), 2):
        if steps[one][0] and not steps[other][0] and counts(one) == counts(other) and len(counts(one)) == 2:
            wanted.setdefault(who(f"{steps[other][1]}2"), set()).add(who(steps[one][1]))
    assert rule.candidates(ledger(*rows)) == {one: tuple(sorted(names)) for one, names in wanted.items()}


def test_pool_rules_are_made_again_from_their_parameters():
    rules = [
        PoolAddress(POOLS),
        PoolGasPrice(POOLS, gas_prices={txid(1): 5, txid(2): None}),
        PoolPortfolio(POOLS, (who("rel"),), min_pools=3),
        PoolLinkedAddress(POOLS, min_payments=4),
    ]
    for rule in rules:
        again = type(rule)(**json.loads(json.dumps(rule.parameters)))
        assert again.parameters == rule.parameters
