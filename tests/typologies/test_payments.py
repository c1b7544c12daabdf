"""The table of payments: who paid whom, exactly, and what is left out of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from chainflow import samples
from chainflow.addresses import address_of
from chainflow.clustering import cluster
from chainflow.typologies import Payments
from chainflow.typologies.payments import NOBODY
from tests.clustering.account_made import ETHER, paid_fee, pay, token, who
from tests.clustering.account_made import ledger as accounts
from tests.made import ledger, origin, script, tx
from tests.tracing.random_ledgers import ledgers


def paid(payments: Payments) -> list[tuple[str, str, int]]:
    """Return payer, payee and amount of every row, each payer and payee by where its address begins."""
    names = [name for _, name in payments.names]
    return [
        (names[row.payer] if row.payer != NOBODY else "?", names[row.payee], row.amount)
        for row in payments.rows
    ]


def address(name: str) -> str:
    return address_of(script(name), "btc-regtest")


def test_an_output_is_paid_by_all_inputs_pro_rata_and_to_the_last_unit():
    made = ledger(tx([origin(1, "ann"), origin(2, "ben", number=2)], [(2, "cat")]))
    # a third of 2 is less than one unit: ann's share is rounded down, and nothing is lost
    assert paid(Payments.of(made)) == [(address("ben"), address("cat"), 2)]
    made = ledger(tx([origin(3, "ann"), origin(7, "ben", number=2)], [(9, "cat")]))
    assert paid(Payments.of(made)) == [
        (address("ann"), address("cat"), 2),
        (address("ben"), address("cat"), 7),
    ]


def test_change_to_an_input_address_is_no_payment_but_is_kept():
    payments = Payments.of(ledger(tx([origin(10, "ann")], [(3, "ben"), (6, "ann")])))
    assert paid(payments) == [(address("ann"), address("ben"), 3)]
    assert payments.returned == (6,)


def test_where_one_input_is_not_known_the_payer_is_nobody():
    made = tx([origin(10, "ann"), origin(5, "ben", number=2)], [(14, "cat")])
    payments = Payments.of(
        ledger(replace(made, inputs=(replace(made.inputs[0], prevout=None), made.inputs[1])))
    )
    assert paid(payments) == [("?", address("cat"), 14)]
    assert "payers are not all in evidence" in next(iter(payments.left_out))


def test_an_unconfirmed_transaction_is_left_out_and_counted():
    payments = Payments.of(ledger(tx([origin(10, "ann")], [(9, "ben")], height=None)))
    assert (len(payments), list(payments.left_out.values())) == (0, [1])


def test_coinjoins_are_left_out_unless_told_otherwise():
    day = samples.coinjoin_day()
    payments, whole = Payments.of(day.ledger), Payments.of(day.ledger, coinjoins=())
    mixes = {txid for txid, kind in day.joint.items() if kind != "payjoin"}
    assert mixes <= payments.coinjoins
    assert payments.left_out["transactions that look like CoinJoins"] == len(payments.coinjoins)
    assert not whole.coinjoins
    assert len(whole) > len(payments)


def test_what_moves_inside_a_cluster_is_no_payment():
    first = tx([origin(10, "ann"), origin(10, "ben", number=2)], [(19, "cat")])
    made = ledger(first, tx([origin(8, "ann", number=3)], [(7, "ben")], height=101))
    payments = Payments.of(made, cluster(made))
    assert sum(amount for _, _, amount in paid(payments)) == 19
    assert payments.returned == (0, 7)


def test_transfers_that_failed_or_moved_nothing_are_left_out_and_counted():
    rows = (
        pay("ann", "ben", ETHER, 1),
        pay("ann", "ben", 0, 2),
        pay("ann", "cat", 5, 3, ok=False),
        pay("ann", "cat", 5, 4, ok=None),
        paid_fee("ann", 5),
    )
    payments = Payments.of(accounts(*rows))
    assert paid(payments) == [(who("ann"), who("ben"), ETHER)]
    assert {why.split(" ")[0]: count for why, count in payments.left_out.items()} == {
        "failed": 1,
        "transfers": 1,
    }


def test_amounts_of_two_assets_are_told_apart():
    payments = Payments.of(accounts(pay("ann", "ben", 5, 1), token("ann", "ben", 5, 2)))
    assert [str(payments.assets[row.asset]) for row in payments.rows] == ["eth", f"eth:{who('USD')}"]


@settings(max_examples=60, deadline=None)
@given(ledgers())
def test_payments_and_what_returned_are_all_that_a_transaction_paid(made):
    payments = Payments.of(made, coinjoins=())
    held = {tx_row["txid"]: tx_row["output_sat"] for tx_row in made.txs.to_pylist()}
    for number, place in enumerate(payments.places):
        rows = [row for row in payments.rows if row.tx == number]
        assert sum(row.amount for row in rows) + payments.returned[number] == held[place.txid]
        legs = {row.leg: row.whole for row in rows}
        assert sum(legs.values()) == sum(row.amount for row in rows)


def test_two_transactions_of_one_block_are_ordered_only_where_one_spends_the_other():
    one = tx([origin(10, "ann")], [(9, "ben")])
    two = tx([(one.txid, 0, 9, "ben")], [(8, "cat")])
    other = tx([origin(10, "dan", number=2)], [(9, "eve")])
    payments = Payments.of(ledger(one, two, other))
    number = {place.txid: tx for tx, place in enumerate(payments.places)}
    assert payments.is_before(number[one.txid], number[two.txid])
    assert not payments.is_before(number[two.txid], number[one.txid])
    assert not payments.is_before(number[one.txid], number[other.txid])
