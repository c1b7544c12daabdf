"""Op Ferry: a made-up theft on an account chain, against what was made."""

from __future__ import annotations

import pytest

from chainflow import samples
from chainflow.samples.accounts import CHAIN, AccountMaker, Inside
from chainflow.tracing import Asset, trace
from chainflow.tracing.conversions import Conversions, find_conversions

ETHER, DOLLAR = 10**18, 10**6
COIN = Asset(CHAIN, None)
PAYMENT, CALL = 210_000_000_000_000, 1_500_000_000_000_000  # what a payment costs, and a call


@pytest.fixture(scope="module")
def case() -> samples.AccountCase:
    return samples.account_case()


@pytest.fixture(scope="module")
def conversions(case) -> Conversions:
    found = find_conversions(case.ledger)
    (dollars,) = (
        one for one in found if one.candidates == 2 and one.received.asset.contract == case.answers["dollars"]
    )
    return found.choose(dollars, by="the test")


@pytest.fixture(scope="module")
def trail(case, conversions):
    return trace(case.ledger, case.seeds, "fifo", stop=case.tags.services, conversions=conversions)


def dollars(case) -> Asset:
    return Asset(CHAIN, str(case.answers["dollars"]))


def test_it_is_the_same_each_time_and_another_seed_changes_names_only(case):
    again, other = samples.account_case(seed=1), samples.account_case(seed=2)
    assert again.ledger.digest == case.ledger.digest
    assert not set(other.truth) & set(case.truth)
    values = [one.ledger.to_pandas("transfers")["value_raw"].tolist() for one in (case, other)]
    assert values[0] == values[1]


def test_every_account_has_an_owner_and_nothing_contradicts(case):
    held = set(case.ledger.balances()["address"])
    assert held <= set(case.truth)
    assert not case.ledger.disputed
    assert case.ledger.disputes.num_rows == 0


def test_the_accounts_that_were_asked_are_known_whole_and_never_below_nothing(case):
    frame = case.ledger.balances()
    asked = frame[frame["address"].isin(case.asked)]
    assert set(asked["known"]) == {"complete"}
    assert (asked["balance_raw"] >= 0).all()
    assert set(frame[~frame["address"].isin(case.asked)]["known"]) == {"history not asked"}


def test_the_answers_name_what_the_ledger_shows(case):
    transfers = case.ledger.to_pandas("transfers")
    txids = set(transfers["txid"])
    assert {seed.partition(":")[0] for seed in case.seeds.values()} <= txids
    assert {value for value in case.answers.values() if len(str(value)) == 66} <= txids
    assert {value for value in case.answers.values() if len(str(value)) == 42} <= set(case.truth)
    failed = transfers[(transfers["txid"] == case.answers["failed"]) & (transfers["kind"] == "native")]
    assert failed["value_raw"].tolist() == [0]


def test_the_conversions_are_two_swaps_one_of_two_a_wrap_and_its_reverse(case):
    found = find_conversions(case.ledger)
    told = {(one.kind, one.paid.txid, one.candidates) for one in found}
    names = (("swap", "swap"), ("swap", "swapped_back"), ("wrap", "wrap"), ("unwrap", "unwrap"))
    single = {(kind, case.answers[name], 1) for kind, name in names}
    assert told == single | {("swap", case.answers["swap_for_two"], 2)}


def test_first_in_first_out_ends_where_it_was_worked_out_by_hand(case, trail):
    # the collector: 10 clean, 40 Ann, -16, 30 Ben, -16, -16, -16, -15, and a fee after each payment
    assert trail.balance_of(COIN)["service"] == 15 * ETHER - PAYMENT
    assert trail.balance_of(COIN)["mixer"] == 10 * ETHER
    assert trail.balance_of(COIN)["unknown: not in evidence"] == 12 * ETHER
    # of the 15 ether that were swapped 5 are Ann's: 10 of the 16 that came were the collector's own
    assert trail.converted_in[dollars(case)] == {"Ann": 12_500 * DOLLAR, "Ben": 34_900 * DOLLAR}
    assert trail.balance_of(dollars(case)) == {
        "unspent": 7_500 * DOLLAR,
        "service": 20_000 * DOLLAR,
        "bridge": 34_900 * DOLLAR,
        "converted": 10_000 * DOLLAR,
    }


def test_what_was_wrapped_is_unwrapped_to_the_base_unit(case, trail):
    wrapped = Asset(CHAIN, str(case.answers["wrapped"]))
    assert trail.books[wrapped] == {"Ann": {"converted": 155 * ETHER // 10}}
    assert trail.converted_in[COIN]["Ann"] == 155 * ETHER // 10 + 199 * ETHER // 100


def test_each_victims_books_close(trail):
    for asset in trail.assets:
        for victim, ended in trail.books[asset].items():
            assert sum(ended.values()) == trail.opened[asset][victim]
    opened = trail.opened[COIN]
    assert opened["Ann"] - trail.converted_in[COIN]["Ann"] == 40 * ETHER
    assert opened["Ben"] == 30 * ETHER


def test_a_swap_that_nobody_chose_is_not_followed(case):
    trail = trace(
        case.ledger,
        case.seeds,
        "fifo",
        stop=case.tags.services,
        conversions=find_conversions(case.ledger),
    )
    assert trail.balance_of(COIN)["contract: not decoded"] == 14 * ETHER
    assert "bridge" not in trail.balance_of(dollars(case))


@pytest.mark.parametrize("policy", ["fifo", "lifo", "haircut", "poison", "dirty-first", "clean-first"])
def test_no_rule_follows_anything_out_of_the_mixing_pool(case, conversions, policy):
    trail = trace(case.ledger, case.seeds, policy, stop=case.tags.services, conversions=conversions)
    reached = set(trail.outputs["address"])
    assert case.answers["hidden"] not in reached
    assert case.truth[str(case.answers["hidden"])] == "Thief"
    assert case.answers["mixer"] in reached


def test_what_a_transaction_moves_is_undone_if_it_fails():
    maker = AccountMaker("a failure", 1)
    ann, ben, token = map(maker.account, ("Ann", "Ben", "Token"))
    maker.write(ann, token, 0, [Inside(token, ann, ben, 5)], ok=False)
    moved = maker.ledger([ann]).to_pandas("transfers")
    assert moved["value_raw"].tolist() == [0, 0, CALL]
    assert moved["ok"].tolist() == [False, False, True]
