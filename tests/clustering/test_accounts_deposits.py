"""Deposit addresses of exchanges: which payments and sweeps belong together, and who is one customer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.addresses import decode
from chainflow.clustering import cluster
from chainflow.clustering.accounts import DepositReuse, TokenDeposit
from chainflow.clustering.accounts.deposits import MATCHES
from chainflow.clustering.accounts.moves import Moves
from chainflow.errors import AddressInvalid, BadInput
from tests.clustering.account_made import ETHER, call, ledger, linked, paid_fee, pay, token, txid, who

HOT = who("hot")
NAMES = ("ann", "ben", "cat", "dep", "own", "hot", "pool", "gas")
RULE = DepositReuse([HOT])


def milli(number: int) -> int:
    return number * ETHER // 1000


def two_users(*, swept: int = 999, later: int = 5):
    """Ann and ben pay one ether each into dep, which passes each on."""
    return [
        pay("ann", "dep", ETHER, 100),
        pay("dep", "hot", milli(swept), 100 + later),
        pay("ben", "dep", 2 * ETHER, 200),
        pay("dep", "hot", 2 * ETHER - milli(1000 - swept), 200 + later),
    ]


def three_users():
    return [*two_users(), pay("cat", "dep", 3 * ETHER, 300), pay("dep", "hot", 3 * ETHER - 1, 301)]


# --- by hand -------------------------------------------------------------------------------------


def test_two_accounts_that_pay_into_one_deposit_address_are_linked_through_it():
    made = ledger(two_users())
    links = RULE.links(made)
    assert linked(links, *NAMES) == {("ann", "dep"), ("ben", "dep")}
    assert links["txid"].to_pylist() == [made.transfers["txid"][0].as_py(), made.transfers["txid"][2].as_py()]
    assert set(links["rule"].to_pylist()) == {"deposit-reuse"}


def test_amounts_on_two_sides_of_a_rounding_boundary_still_match():
    rows = [pay("ann", "dep", milli(15010) // 100, 1), pay("dep", "hot", milli(14990) // 100, 2)]
    rows += [pay("ann", "dep", milli(30000), 20_001), pay("dep", "hot", milli(29999), 20_002)]
    found = RULE.matches(ledger(rows)).to_pylist()
    assert [(row["value_raw"], row["difference_raw"], row["blocks"]) for row in found] == [
        ("150100000000000000", "200000000000000", 1),
        ("30000000000000000000", "1000000000000000", 1),
    ]


@pytest.mark.parametrize(
    ("swept", "later", "is_found"),
    [(990, 10_000, True), (990, 10_001, False), (989, 5, False), (1000, 5, True), (1001, 5, False)],
)
def test_the_limits_of_blocks_and_amounts_are_inside(swept, later, is_found):
    rows = [
        *(pay("ann", "dep", ETHER, at) for at in (100, 50_000)),
        *(pay("dep", "hot", milli(swept), at + later) for at in (100, 50_000)),
    ]
    assert bool(RULE.links(ledger(rows)).num_rows) == is_found


def test_all_payments_that_fit_one_sweep_are_kept():
    rows = [pay("ann", "dep", ETHER, 10), pay("ben", "dep", ETHER, 11), pay("dep", "hot", milli(999), 12)]
    found = RULE.matches(ledger(rows))
    assert found.schema == MATCHES
    assert linked(RULE.links(ledger(rows)), *NAMES) == {("ann", "dep"), ("ben", "dep")}
    assert found["blocks"].to_pylist() == [2, 1]


def test_one_user_and_one_sweep_do_not_make_a_deposit_address():
    rows = [pay("ann", "dep", ETHER, 10), pay("dep", "hot", milli(999), 12)]
    assert RULE.links(ledger(rows)).num_rows == 0


def test_an_exchange_is_no_user_and_a_deposit_address_is_none_either():
    rows = [*two_users(), pay("hot", "dep", 3 * ETHER, 300), pay("dep", "hot", 3 * ETHER - 1, 301)]
    # own is swept as well, and was once paid from the deposit address dep
    more = [
        *(pay(name, "own", 4 * ETHER, 400) for name in ("ann", "ben")),
        pay("own", "hot", 4 * ETHER - 1, 410),
        pay("dep", "own", 5 * ETHER, 500),
        pay("own", "hot", 5 * ETHER - 1, 501),
    ]
    found = linked(DepositReuse([HOT], one_target=False).links(ledger(rows, more)), *NAMES)
    assert found == {("ann", "dep"), ("ben", "dep"), ("ann", "own"), ("ben", "own")}


def test_an_address_that_also_pays_others_is_not_called_a_deposit_address():
    rows = [*two_users(), pay("dep", "cat", ETHER, 900)]
    assert RULE.links(ledger(rows)).num_rows == 0
    assert DepositReuse([HOT], one_target=False).links(ledger(rows)).num_rows == 2


def test_an_address_that_pays_two_exchanges_is_not_called_a_deposit_address():
    rows = [*two_users(), pay("dep", "pool", ETHER, 900)]
    assert DepositReuse({HOT: "One", who("pool"): "One"}).links(ledger(rows)).num_rows == 2
    assert DepositReuse({HOT: "One", who("pool"): "Other"}).links(ledger(rows)).num_rows == 0


def test_gas_that_a_service_sends_to_deposit_addresses_joins_no_customers():
    rows = [
        row
        for at, name in ((100, "dep"), (200, "own"))
        for row in (
            pay("gas", name, milli(8), at),
            pay(name, "hot", milli(5), at + 1),
            pay("gas", name, milli(8), at + 2),
            pay(name, "hot", milli(6), at + 3),
        )
    ]
    assert RULE.links(ledger(rows)).num_rows == 0


def test_miners_and_contracts_are_no_users():
    rows, others = three_users(), {("ben", "dep"), ("cat", "dep")}
    assert linked(DepositReuse([HOT], excluded=[who("ann")]).links(ledger(rows)), *NAMES) == others
    inside = [pay("gas", "ann", 0, 50, txid=txid(7)), call("ann", "gas", 5, 50, txid(7))]
    assert linked(RULE.links(ledger(rows, inside)), *NAMES) == others


@pytest.mark.parametrize("given", [{"ok": False}, {"ok": None}, {"marks": ("scam: x",)}, {"height": None}])
def test_what_failed_or_is_not_known_or_is_marked_makes_no_link(given):
    first, *rest = three_users()
    value = 0 if given.get("ok") is False else first.value_raw
    found = RULE.links(ledger(replace(first, **given, value_raw=value), rest))
    assert linked(found, *NAMES) == {("ben", "dep"), ("cat", "dep")}


def test_in_one_block_the_payment_must_be_known_to_be_earlier():
    for before, after, count in ((0, 1, 2), (1, 0, 0), (None, 1, 0), (0, None, 0), (None, None, 0)):
        rows = [
            row
            for at in (10, 20)
            for row in (
                pay("ann", "dep", ETHER, at, position=before),
                pay("dep", "hot", ETHER, at, position=after),
            )
        ]
        assert RULE.links(ledger(rows)).num_rows == count


def test_addresses_are_taken_in_any_case_and_checked():
    upper = "0x" + HOT[2:].upper()
    assert decode(upper).address == HOT
    assert DepositReuse([upper]).links(ledger(two_users())).num_rows == 2
    with pytest.raises(AddressInvalid):
        DepositReuse(["Binance 14"]).links(ledger(two_users()))
    for wrong in (DepositReuse(HOT), DepositReuse([HOT], max_blocks=-1), DepositReuse([HOT], max_blocks=1.5)):
        with pytest.raises(BadInput):
            wrong.links(ledger(two_users()))
    with pytest.raises(BadInput):
        DepositReuse([HOT], max_difference_raw=-1).links(ledger(two_users()))


def test_a_rule_is_made_again_from_its_parameters():
    for rule in (DepositReuse({HOT: "One"}, max_blocks=9), TokenDeposit([HOT], excluded=[who("ann")])):
        assert type(rule)(**rule.parameters).parameters == rule.parameters


@pytest.mark.parametrize("rule", [DepositReuse, TokenDeposit])
@pytest.mark.parametrize("given", [(), {}, [], frozenset()])
def test_a_rule_without_exchanges_is_refused_when_it_is_made_for_no_link_would_be_no_finding(rule, given):
    with pytest.raises(BadInput, match=r"no exchanges(?s:.)*tags\.of\(.exchange.\)"):
        rule(given)
    with pytest.raises(BadInput, match="no exchanges"):
        cluster(ledger(two_users()), [rule.name])


def test_two_customers_of_one_deposit_address_are_one_cluster_without_the_exchange():
    found = cluster(ledger(two_users()), [RULE])
    assert set(found.members(who("ann"))) == {who("ann"), who("ben"), who("dep")}
    assert found.members(HOT) == (HOT,)


def test_an_empty_ledger_gives_no_links():
    assert RULE.links(ledger()).num_rows == 0
    assert RULE.matches(ledger()).num_rows == 0


# --- a property ----------------------------------------------------------------------------------

AMOUNT = st.integers(0, 6).map(lambda number: ETHER + number * ETHER // 250)
PAYMENT = st.tuples(
    st.sampled_from(["ann", "ben", "cat", "dep", "own", "hot"]),
    st.sampled_from(["dep", "own", "hot", "ann"]),
    AMOUNT,
    st.integers(1, 12),
    st.sampled_from([None, 0, 1, 2]),
)


def by_definition(moves: Moves, blocks: int, difference: int) -> set[tuple[int, int]]:
    """Every payment with every sweep, one by one, as the definition reads."""
    rows = range(len(moves.tx))
    low, high = moves.moments
    name = [address for _, address in moves.names]
    pairs = {
        (one, other)
        for one in rows
        for other in rows
        if moves.recipient[one] == moves.sender[other]
        and moves.sender[one] != moves.recipient[one]
        and name[moves.recipient[other]] == HOT
        and HOT not in (name[moves.sender[one]], name[moves.recipient[one]])
        and high[one] < low[other]
        and 0 <= moves.height[other] - moves.height[one] <= blocks
        and 0 <= moves.value[one] - moves.value[other] <= difference
    }
    users = {
        d: {moves.sender[one] for one, _ in pairs if moves.recipient[one] == d} for d in range(len(name))
    }
    sweeps = {d: {other for _, other in pairs if moves.sender[other] == d} for d in range(len(name))}
    deposits = {d for d in users if len(users[d]) >= 2 or len(sweeps[d]) >= 2}
    return {
        (one, other)
        for one, other in pairs
        if moves.recipient[one] in deposits and moves.sender[one] not in deposits
    }


@settings(max_examples=100, deadline=None)
@given(st.lists(PAYMENT, max_size=25), st.integers(0, 6), st.integers(0, 3))
def test_the_interval_join_finds_what_the_quadratic_definition_finds(rows, blocks, steps):
    made = ledger([pay(*row[:4], position=row[4]) for row in rows])
    difference = steps * ETHER // 250
    rule = DepositReuse([HOT], max_blocks=blocks, max_difference_raw=difference, one_target=False)
    moves = Moves.of(made)
    paid, swept = rule._matched(moves)
    found = list(zip(paid.tolist(), swept.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == by_definition(moves, blocks, difference)


# --- tokens --------------------------------------------------------------------------------------

TOKENS = TokenDeposit([HOT])
HUGE = 10**30 + 7


def sweeps(*, swept: int = HUGE, of: str = "USD"):
    return [
        *token("ann", "dep", HUGE, 10),
        *token("dep", "hot", swept, 20, of=of),
        *token("ben", "dep", HUGE + 1, 30),
        *token("dep", "hot", swept + 1, 40, of=of),
    ]


def test_tokens_of_exactly_one_amount_match_beyond_64_bits():
    found = TOKENS.matches(ledger(sweeps())).to_pylist()
    assert [(row["value_raw"], row["difference_raw"]) for row in found] == [
        (str(HUGE), "0"),
        (str(HUGE + 1), "0"),
    ]
    assert linked(TOKENS.links(ledger(sweeps())), *NAMES) == {("ann", "dep"), ("ben", "dep")}


@pytest.mark.parametrize("other", [{"swept": HUGE - 10}, {"of": "DAI"}])
def test_another_amount_or_another_token_matches_nothing(other):
    assert TOKENS.links(ledger(sweeps(**other))).num_rows == 0


def test_a_made_up_token_cannot_claim_that_others_paid():
    forged = [
        *token("ann", "dep", 500, 50, signer="cat", of="FAKE"),
        *token("dep", "hot", 500, 51, signer="cat", of="FAKE"),
        *token("ben", "dep", 501, 52, signer=None, of="FAKE"),
        *token("dep", "hot", 501, 53, signer=None, of="FAKE"),
    ]
    assert TOKENS.links(ledger(forged, paid_fee("ann", 1), paid_fee("dep", 1))).num_rows == 0


def test_tokens_of_one_kind_are_no_amounts():
    rows = [
        *token("ann", "dep", 1, 10, token_id=5),
        *token("dep", "hot", 1, 20, token_id=5),
        *token("ben", "dep", 1, 30, token_id=6),
        *token("dep", "hot", 1, 40, token_id=6),
    ]
    assert TOKENS.links(ledger(rows)).num_rows == 0


def test_a_look_alike_of_a_known_counterparty_is_left_out():
    real, bait = who("dep"), who("dep")[:6] + "0" * 32 + who("dep")[-4:]
    assert real != bait
    # ann copies a look-alike of dep from her history and pays it twice
    copied = [replace(pay("ann", "dep", 3 * ETHER, at), recipient=bait) for at in (400, 500)]
    swept = [replace(pay("dep", "hot", 3 * ETHER - 1, at), sender=bait) for at in (401, 501)]
    found = RULE.links(ledger(two_users(), copied, swept))
    assert bait not in found["b"].to_pylist()
    assert linked(found, *NAMES) == {("ann", "dep"), ("ben", "dep")}
    alone = RULE.links(ledger(copied, swept))
    assert set(alone["b"].to_pylist()) == {bait}  # without the real one nothing shows that it is bait
