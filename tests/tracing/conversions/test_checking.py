"""What a ledger says to conversions that somebody asserts."""

from dataclasses import replace

import pytest

from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import Conversion, Conversions, Leg, Refusal
from tests.clustering.account_made import call, pay, txid, who
from tests.clustering.account_made import ledger as account_ledger
from tests.made import ledger, origin, tx
from tests.tracing.conversions.conversions_made import BTC, ETH, address, token_moved

IN = tx([origin(1000, "ann")], [(600, "shop"), (390, "ann")], height=100, chain="btc")
OUT = [
    pay("shop", "ben", 70, 50, txid=txid(1)),
    token_moved("shop", "cat", 30, txid(2), height=51),
]
BOTH = (ledger(IN), account_ledger(OUT))
PAID = Leg("btc", IN.txid, "0", BTC, address("shop"), 600)
GOT = Leg("eth", txid(1), "", ETH, who("ben"), 70)


def said(paid: Leg = PAID, received: Leg = GOT, **given: object) -> Conversion:
    words = {"kind": "bridge", "evidence": "id", "reason": "order 7", "source": "the shop"} | given
    return Conversion(paid, received, **words)  # type: ignore[arg-type]


def refused(*conversions: Conversion, ledgers=BOTH) -> list[Refusal]:
    return [one.why for one in Conversions(conversions).checked(*ledgers).refused]


def test_what_both_ledgers_show_is_accepted():
    accepted, wrong = Conversions((said(),)).checked(*BOTH)
    assert (accepted.conversions, wrong) == ((said(),), ())


@pytest.mark.parametrize(
    ("paid", "received", "why"),
    [
        ({"txid": "ab" * 32}, {}, Refusal.NOT_HELD),
        ({"place": "7"}, {}, Refusal.NOT_HELD),
        ({"amount_raw": 601}, {}, Refusal.AMOUNT),
        ({"address": address("ann")}, {}, Refusal.ADDRESS),
        ({}, {"asset": Asset("eth", who("USD"))}, Refusal.ASSET),
        ({}, {"amount_raw": 69}, Refusal.AMOUNT),
        ({}, {"chain": "base", "asset": Asset("base", None)}, Refusal.NOT_HELD),
    ],
)
def test_what_contradicts_the_ledger_is_refused_with_its_reason(paid, received, why):
    one = said(replace(PAID, **paid), replace(GOT, **received))
    accepted, wrong = Conversions((one, said())).checked(*BOTH)
    assert accepted.conversions == (said(),)
    assert [(found.conversion, found.why) for found in wrong] == [(one, why)]
    assert wrong[0].reason.startswith("paid: " if paid else "received: ")


def test_without_a_place_any_movement_of_that_amount_will_do():
    assert refused(said(replace(PAID, place=""))) == []
    assert refused(said(replace(PAID, place="", address="", amount_raw=990))) == []  # all of it


def test_a_failed_movement_and_one_of_unknown_outcome_are_refused():
    for ok, why in ((False, Refusal.FAILED), (None, Refusal.UNKNOWN)):
        out = account_ledger(pay("shop", "ben", 70, 50, txid=txid(1), ok=ok))
        assert refused(said(), ledgers=(BOTH[0], out)) == [why]


def test_on_one_chain_the_receipt_may_not_stand_before_the_payment():
    early = account_ledger(pay("ann", "shop", 5, 60, txid=txid(3)), *OUT)
    one = said(Leg("eth", txid(3), "", ETH, who("shop"), 5), GOT, kind="swap")
    assert refused(one, ledgers=(early,)) == [Refusal.ORDER]
    same_block = account_ledger(pay("ann", "shop", 5, 50, txid=txid(3), position=1), *OUT)
    assert refused(one, ledgers=(same_block,)) == [Refusal.ORDER]
    unplaced = account_ledger(pay("ann", "shop", 5, 50, txid=txid(3), position=None), *OUT)
    assert refused(one, ledgers=(unplaced,)) == []


def test_one_receipt_is_not_used_twice_but_one_payment_may_have_two():
    change = Leg("btc", IN.txid, "1", BTC, address("ann"), 390)
    token_leg = Leg("eth", txid(2), "log:0", Asset("eth", who("USD")), who("cat"), 30)
    assert refused(said(), said(change)) == [Refusal.USED_TWICE] * 2
    assert refused(said(), said(PAID, token_leg)) == []


def test_several_candidates_may_share_a_receipt_until_one_is_chosen():
    change = Leg("btc", IN.txid, "1", BTC, address("ann"), 390)
    both = (said(candidates=2), said(change, candidates=2))
    assert refused(*both) == []
    chosen = Conversions(both).choose(both[0], by="A. Analyst").choose(both[1], by="B. Analyst")
    assert [one.why for one in chosen.checked(*BOTH).refused] == [Refusal.USED_TWICE] * 2


def test_what_came_back_in_the_transaction_may_be_taken_off():
    made = account_ledger(
        pay("ann", "shop", 100, 50, txid=txid(4)), call("shop", "ann", 8, 50, txid(4)), *OUT
    )
    one = said(
        Leg("eth", txid(4), "", ETH, who("shop"), 92),
        Leg("eth", txid(2), "log:0", Asset("eth", who("USD")), who("cat"), 30),
    )
    assert refused(one, ledgers=(made,)) == []
