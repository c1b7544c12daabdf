"""Patterns that are recounted by hand, on made-up and on published transactions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chainflow import samples
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.prices import PricePoint, Prices
from chainflow.typologies import find
from tests.clustering.account_made import ETHER, pay, token, who
from tests.clustering.account_made import ledger as accounts
from tests.made import ledger, origin, tx
from tests.typologies.test_payments import address

SEIZED = "daf38c7b38eb0a587cf843f47000d5c294affb4f56017370ad48c5147f5e69d9"
SPLIT = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"
ONWARD = "6f8fcc22e2167b39f4dd5f47971a0f4e688c64064c2feaec2dae69f079c20c74"
RANSOM = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"


def peels(*small: int, start: int = 1000) -> Ledger:
    """Return a chain of transactions that each split so much off."""
    facts, coin = [], origin(start, "carrier 0")
    for hop, value in enumerate(small):
        left = coin[2] - value
        made = tx([coin], [(value, f"payee {hop}"), (left, f"carrier {hop + 1}")], height=100 + hop)
        facts.append(made)
        coin = (made.txid, 1, left, f"carrier {hop + 1}")
    return ledger(*facts)


def test_a_peel_chain_is_as_long_as_the_larger_output_goes_on():
    (hit,) = find(peels(10, 20, 30), ["peel-chain"])
    assert len(hit.txids) == 3
    assert [(one.what, one.value_raw) for one in hit.amounts] == [
        ("at the start", 1000),
        ("peeled", 60),
        ("carried on", 940),
    ]
    assert hit.roles["peeled to"] == tuple(address(f"payee {hop}") for hop in range(3))


def test_an_even_split_ends_a_peel_chain():
    assert not find(peels(10, 450, 30), ["peel-chain"])
    assert len(find(peels(10, 20, 450, 5, 6, 7), ["peel-chain"], peel_hops=2)) == 2


def test_what_the_software_does_otherwise_on_the_way_speaks_against_one_wallet():
    (hit,) = find(peels(10, 20, 30), ["peel-chain"])
    assert len(hit.against) == 1


def test_inputs_of_one_transaction_are_one_payer_of_a_fan_in_and_one_hit_of_a_fan_out():
    coins = [origin(1000, f"coin {n}", number=n + 1) for n in range(12)]
    made = ledger(tx(coins, [(1000, f"payee {n}") for n in range(11)]))
    assert not find(made, ["fan-in"], coinjoins=())
    (hit,) = find(made, ["fan-out"], coinjoins=())
    assert (len(hit.roles["payer"]), len(hit.roles["payees"])) == (12, 11)
    assert hit.amounts[0].value_raw == 11_000
    assert "batch payout" in hit.against[1]


def test_a_fan_that_is_slower_than_the_window_is_none():
    rows = [pay(f"payer {n}", "shop", 5 + n, 1000 * n) for n in range(1, 11)]
    assert not find(accounts(*rows), ["fan-in"], hours=24)
    assert len(find(accounts(*rows), ["fan-in"], hours=48)) == 1


@pytest.mark.parametrize(("last", "found"), [(90, 1), (89, 0), (101, 0)])
def test_a_cycle_may_lose_a_tenth_and_gain_nothing(last, found):
    rows = (pay("ann", "ben", 100, 1), pay("ben", "cat", 95, 2), pay("cat", "ann", last, 3))
    assert len(find(accounts(*rows), ["cycle"])) == found


def test_a_cycle_whose_payments_are_not_in_order_is_none():
    rows = (pay("ann", "ben", 100, 3), pay("ben", "cat", 95, 2), pay("cat", "ann", 91, 4))
    assert not find(accounts(*rows), ["cycle"])


def test_a_payment_back_at_once_is_no_cycle():
    assert not find(accounts(pay("ann", "ben", 100, 1), pay("ben", "ann", 100, 2)), ["cycle"])


def test_coins_spent_together_after_a_scatter_look_like_one_wallet():
    out = tx([origin(400, "ann")], [(99, f"between {n}") for n in range(4)])
    back = tx([(out.txid, n, 99, f"between {n}") for n in range(4)], [(390, "eve")], height=110)
    (hit,) = find(ledger(out, back), ["scatter-gather"], coinjoins=())
    assert (hit.roles["source"], hit.roles["sink"]) == ((address("ann"),), (address("eve"),))
    assert [(one.what, one.value_raw) for one in hit.amounts] == [("paid out", 396), ("paid on", 390)]
    assert "one wallet" in hit.against[1]


@pytest.mark.parametrize(("value", "found"), [(9_999, 2), (9_000, 2), (8_999, 0), (10_000, 0)])
def test_structuring_is_less_than_the_threshold_by_a_tenth_at_most(value, found):
    rows = [pay("ann", "ben", value, 100 * n) for n in range(1, 4)]
    hits = find(accounts(*rows), ["structuring"], threshold=10_000).hits
    assert len(hits) == found
    assert {role for hit in hits for role in hit.roles} >= ({"payer", "payee"} if found else set())


def test_structuring_in_money_needs_a_price_of_the_day():
    price = PricePoint("ETH", "USD", 1_700_001_000, "made", Decimal(2000))
    near = [pay("ann", "ben", 49 * ETHER // 10 + n, 10 * n) for n in range(1, 4)]
    found = find(accounts(*near), ["structuring"], threshold=10_000, prices=Prices.of([price]))
    assert [hit.amounts[0].value_raw for hit in found] == [147 * ETHER // 10 + 6] * 2
    late = [pay("ann", "ben", 49 * ETHER // 10 + n, 100_000 + n) for n in range(1, 4)]
    found = find(accounts(*late), ["structuring"], threshold=10_000, prices=Prices.of([price]))
    assert (len(found), sum(found.cut.values())) == (0, 3)


def test_base_units_of_two_assets_have_no_common_threshold():
    made = accounts(pay("ann", "ben", 9, 1), token("ann", "ben", 9, 2))
    with pytest.raises(BadInput, match="2 assets"):
        find(made, ["structuring"], threshold=10)
    assert not find(made, ["structuring"], threshold=10, asset="eth")


def test_a_share_of_an_output_is_no_amount_under_a_threshold():
    coins = [origin(50, f"coin {n}", number=n + 1) for n in range(2)]
    made = [tx(coins, [(99, "ben")], height=100)]
    assert not find(ledger(*made), ["structuring"], threshold=50, times=2)


def test_deposits_are_swept_to_the_exchanges_that_are_given():
    rows = [
        pay("ann", "deposit", ETHER, 100),
        pay("deposit", "hot", ETHER - 10**15, 105),
        pay("ben", "deposit", 2 * ETHER, 200),
        pay("deposit", "hot", 2 * ETHER - 10**15, 205),
    ]
    (hit,) = find(accounts(*rows), ["deposit-sweep"], exchanges=[who("hot")])
    assert hit.roles["users"] == tuple(sorted((who("ann"), who("ben"))))
    assert hit.amounts[0].value_raw == 3 * ETHER - 2 * 10**15
    assert find(accounts(*rows), ["deposit-sweep"]).not_looked_for == {"deposit-sweep": "needs exchanges="}


def test_coins_are_swept_where_nobody_but_exchanges_is_paid():
    coins = [origin(50, f"deposit {n}", number=n + 1) for n in range(3)]
    made = ledger(tx(coins, [(149, "hot")]), tx([origin(9, "ann", number=9)], [(8, "hot")], height=101))
    (hit,) = find(made, ["deposit-sweep"], exchanges=[address("hot")])
    assert (len(hit.roles["deposits"]), hit.amounts[0].value_raw) == (3, 149)


REAL, FAKE = "0xabcd" + "1" * 32 + "4321", "0xabcd" + "2" * 32 + "4321"


@pytest.mark.parametrize(("dust", "found"), [(0, 1), (ETHER // 2000, 1), (ETHER // 2, 0)])
def test_a_look_alike_that_sends_nothing_or_dust_is_told_with_what_it_was_paid(dust, found):
    rows = (
        replace(pay("ann", "ben", ETHER, 1), recipient=REAL),
        replace(pay("ben", "ann", dust, 2), sender=FAKE),
        replace(pay("ann", "ben", 7 * ETHER, 3), recipient=FAKE),
    )
    hits = find(accounts(*rows), ["address-poisoning"]).hits
    assert len(hits) == found
    for hit in hits:
        assert hit.roles == {"account": (who("ann"),), "look-alike": (FAKE,), "resembles": (REAL,)}
        assert [one.value_raw for one in hit.amounts] == [7 * ETHER]


def test_a_coin_is_as_old_as_the_block_that_made_it():
    first = tx([origin(10, "ann")], [(9, "ben")], height=100)
    second = tx([(first.txid, 0, 9, "ben")], [(8, "cat")], height=100 + 144 * 400)
    made = ledger(first, second)
    (hit,) = find(made, ["dormant"])
    assert (hit.txids, hit.amounts[0].value_raw) == ((second.txid,), 9)
    assert "400 days (57,600 blocks" in hit.reading
    assert not find(made, ["dormant"], dormant_blocks=57_601)
    assert not find(made, ["dormant"], dormant_days=401)


def test_colonial_the_coins_put_together_and_the_chain_after_the_split():
    colonial = samples.load("colonial")
    (whole,) = find(colonial, ["consolidation"])
    assert (whole.txids, whole.first_height, len(whole.roles["inputs"])) == ((SEIZED,), 685_213, 23)
    assert whole.amounts[0].value_raw == 6_960_422_177
    (chain,) = find(colonial, ["peel-chain"], peel_hops=2)
    assert chain.txids == (SPLIT, ONWARD)
    assert [one.value_raw for one in chain.amounts] == [6_960_422_177, 590_432_177, 6_369_984_900]


def test_colonial_the_ransom_passed_through_within_the_hour():
    (hit,) = find(samples.load("colonial"), ["pass-through"])
    assert hit.roles["through"] == (RANSOM,)
    assert [one.value_raw for one in hit.amounts] == [7_500_050_000, 1_693 + 7_500_034_246]
    assert datetime.fromtimestamp(hit.last_time, tz=UTC).isoformat() == "2021-05-08T17:47:50+00:00"


def test_colonial_ninety_days_are_not_reached_and_seventy_are():
    colonial = samples.load("colonial")
    assert not find(colonial, ["dormant"], dormant_days=90)
    (hit,) = find(colonial, ["dormant"], dormant_days=70)
    assert (hit.txids, hit.amounts[0].value_raw) == ((ONWARD,), 6_369_996_546)


def test_a_hub_is_bounded_and_the_result_says_so():
    payers = [pay(f"payer {n}", "hub", 1000, n) for n in range(1, 400)]
    payees = [pay("hub", f"payee {n}", 1000, 400 + n) for n in range(1, 400)]
    found = find(accounts(*payers, *payees), ["scatter-gather", "cycle", "bipartite"])
    assert any(why.startswith("scatter-gather") for why in found.cut)
    assert any(why.startswith("bipartite") for why in found.cut)
    assert "cut by a bound" in repr(found)
