"""Balances: exact sums per asset, what is unknown of them, and what is left out."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from chainflow.ledger import Ledger, build
from chainflow.ledger.balances import NOT_ASKED
from chainflow.model import Evidence, Listing, Outpoint, SpendRecord, TokenRecord, TransferKind
from tests.ledger.moves import (
    ANN,
    BEN,
    CAT,
    NODE,
    SCAN,
    SCOUT,
    TX,
    USD,
    fee,
    internal,
    ledger_of,
    move,
    native,
    reply,
)
from tests.made import ledger, origin, script, tx

COLUMNS = ["received_raw", "sent_raw", "fee_raw", "balance_raw", "unknown_raw"]


def row(made: Ledger, address: str, contract: str | None = None) -> dict[str, Any]:
    rows = made.balances().to_dict("records")
    (found,) = [one for one in rows if (one["address"], one["contract"]) == (address, contract)]
    return {str(name): cell for name, cell in found.items()}


def sums(made: Ledger, address: str, contract: str | None = None) -> tuple[int, ...]:
    return tuple(row(made, address, contract)[name] for name in COLUMNS)


def known(made: Ledger, address: str, contract: str | None = None) -> str:
    return str(row(made, address, contract)["known"])


def address(name: str) -> str:
    made = ledger(tx([origin(9, "z")], [(9, name)]))
    return next(row["address"] for row in made.outputs.to_pylist() if row["script"] == script(name).hex())


def test_an_address_has_what_it_received_less_what_was_spent():
    first = tx([origin(100, "ann")], [(60, "ben"), (30, "ann")])
    second = tx([(first.txid, 0, 60, "ben")], [(55, "cat")], height=101)
    told = SpendRecord(first.chain, Outpoint(first.txid, 1), None, None)
    made = ledger(first, second, told)
    assert sums(made, address("ann")) == (130, 100, 0, 30, 0)
    assert sums(made, address("ben")) == (60, 60, 0, 0, 0)
    assert sums(made, address("cat")) == (55, 0, 0, 55, 55)  # nobody said whether it is spent


def test_of_coins_whose_spender_is_in_dispute_it_is_unknown_whether_they_are_there():
    first = tx([origin(100, "ann")], [(60, "ben")])
    spender = dataclasses.replace(tx([(first.txid, 0, 60, "ben")], [(55, "cat")], height=101), raw=None)
    other = dataclasses.replace(spender, outputs=(dataclasses.replace(spender.outputs[0], value_sat=50),))
    made = build(
        (fact, Evidence(n, f"{n:064x}", f"x:https://host{n}.org", "", 0))
        for n, fact in enumerate((first, spender, other))
    )
    assert made.disputed == {(first.chain, spender.txid)}
    assert sums(made, address("ben")) == (60, 0, 0, 60, 60)
    assert sums(made, address("cat")) == (0, 0, 0, 0, 0)
    assert known(made, address("cat")) == NOT_ASKED
    assert row(made, address("cat"))["disputed_txs"] == row(made, address("ben"))["disputed_txs"] == 1
    assert made.balances().attrs["disputed"] == [spender.txid]


def test_an_account_has_what_it_received_less_what_it_sent_and_paid():
    facts = [native(50), fee(21), internal(7, sender=BEN, recipient=ANN), move(9), move(4, sender=None)]
    made = ledger_of(reply(1, SCAN, *facts))
    assert sums(made, ANN) == (7, 50, 21, -64, 0)
    assert sums(made, BEN) == (50, 7, 0, 43, 0)
    assert sums(made, BEN, USD) == (13, 0, 0, 13, 0)


def test_a_failed_transaction_costs_its_fee_and_nothing_else():
    made = ledger_of(reply(1, SCAN, native(50, ok=False), fee(21)))
    assert sums(made, ANN) == (0, 0, 21, -21, 0)


def test_what_nobody_said_succeeded_is_counted_and_unknown():
    made = ledger_of(reply(1, SCAN, native(50, ok=None)))
    assert sums(made, ANN) == (0, 50, 0, -50, 50)
    assert sums(made, BEN) == (50, 0, 0, 50, 50)


def test_disputed_transactions_are_left_out_and_named():
    told = [native(50), fee(21, txid=TX)]
    made = ledger_of(reply(1, SCAN, *told), reply(2, SCOUT, native(51)))
    frame = made.balances()
    assert frame.attrs["disputed"] == [TX]
    assert set(frame["balance_raw"]) == {0}
    assert [frame["disputed_txs"].tolist(), frame["address"].tolist()] == [[1, 1], [ANN, BEN]]


def test_an_empty_ledger_has_no_balances():
    assert len(ledger().balances()) == 0


def test_amounts_are_exact_at_any_size():
    made = ledger_of(reply(1, SCAN, move(10**30, place="log:1"), move(10**30 + 1, place="log:2")))
    assert sums(made, BEN, USD)[0] == 2 * 10**30 + 1


# --- how far it is known ----------------------------------------------------------------------------


def listed(which: str, address: str = ANN, *, whole: bool = True, chain: str = "eth") -> Listing:
    reason = "" if whole else "the host gives no more than 10"
    return Listing(chain, address, "", (TX,), complete=whole, reason=reason, which=which)


COIN_LISTS = ("native", "internal", "withdrawals", "rewards")


def test_a_counterparty_whose_history_nobody_asked_for_says_so():
    made = ledger_of(reply(1, SCAN, native(5, sender=BEN, recipient=ANN), *map(listed, COIN_LISTS)))
    assert known(made, ANN) == "complete"
    assert (row(made, BEN)["balance_raw"], known(made, BEN)) == (-5, NOT_ASKED)


def test_a_coin_is_known_when_all_lists_that_move_it_are():
    made = ledger_of(reply(1, SCAN, native(), listed("native"), listed("internal", whole=False)))
    assert known(made, ANN) == (
        "partial: withdrawals not asked; rewards not asked; internal: 1 transactions, the host gives no more than 10"
    )
    whole = ledger_of(
        reply(1, SCAN, native(), *map(listed, COIN_LISTS), listed("internal", whole=False)),
        reply(2, SCOUT, listed("internal")),
    )
    assert known(whole, ANN) == "complete"  # another source has it whole


def test_a_token_is_known_by_the_list_of_tokens_only():
    coins = reply(1, SCAN, native(), move(), *map(listed, COIN_LISTS))
    assert known(ledger_of(coins), ANN, USD) == NOT_ASKED
    tokens = ledger_of(coins, reply(2, SCAN, listed("token")))
    assert known(tokens, ANN, USD) == "complete"
    piece = reply(3, SCAN, move(1, token_id=7), listed("token"))
    assert known(ledger_of(piece), ANN, USD) == NOT_ASKED  # pieces stand in lists of their own


def test_calls_that_a_node_did_not_tell_make_a_coin_partial():
    lists = [listed("native"), *map(listed, ("withdrawals", "rewards"))]
    untold = Listing("eth", TX, "", (), complete=False, reason="no tracer", which="internal")
    assert known(ledger_of(reply(1, NODE, native(), *lists)), ANN) == "complete"
    assert known(ledger_of(reply(1, NODE, native(), *lists, untold)), ANN) == (
        "partial: calls inside 1 transaction(s) not told"
    )


def test_a_disputed_transaction_makes_a_history_partial():
    made = ledger_of(reply(1, SCAN, native(50), *map(listed, COIN_LISTS)), reply(2, SCOUT, native(51)))
    assert known(made, ANN) == "partial: 1 transaction(s) in dispute left out"


def test_an_address_with_outputs_is_known_by_its_history():
    first = tx([origin(100, "ann")], [(60, "ben")])
    name = address("ben")
    assert known(ledger(first), name) == NOT_ASKED
    page = Listing(first.chain, name, "", (first.txid,), complete=True)
    made = ledger(first, page)
    assert (known(made, name), row(made, name)["balance"]) == ("complete", Decimal("0.00000060"))


def test_amounts_in_coins_need_decimals_that_nobody_disputes():
    said = [TokenRecord("eth", USD, "USDT", "Tether", decimals) for decimals in (6, 8)]
    one = row(ledger_of(reply(1, SCAN, move(5), said[0])), BEN, USD)
    assert (one["symbol"], one["decimals"], one["balance"]) == ("USDT", 6, Decimal("0.000005"))
    two = row(ledger_of(reply(1, SCAN, move(5), said[0]), reply(2, SCOUT, said[1])), BEN, USD)
    assert (two["symbol"], two["decimals"], two["balance"]) == ("USDT", None, None)


WHO = st.sampled_from([ANN, BEN, CAT, None])
MOVES = st.lists(
    st.tuples(WHO, WHO, st.integers(0, 2**200), st.sampled_from([True, False, None]), st.booleans()),
    max_size=12,
)


@given(MOVES)
def test_balances_conserve_what_was_made_and_burnt(moves):
    facts = []
    for number, (sender, recipient, value, ok, is_token) in enumerate(moves):
        kind = TransferKind.TOKEN if is_token else TransferKind.INTERNAL
        txid = f"0x{number:064x}"
        facts.append(move(value, kind, txid=txid, sender=sender, recipient=recipient, ok=ok))
        facts.append(fee(number, txid=txid))
    made = ledger_of(reply(1, SCAN, *facts))
    rows = made.to_pandas("transfers")
    moved = [
        (row.sender, row.recipient, int(row.value_raw)) for row in rows.itertuples() if row.kind != "fee"
    ]
    minted = sum(value for sender, recipient, value in moved if pd.isna(sender) and not pd.isna(recipient))
    burnt = sum(value for sender, recipient, value in moved if pd.isna(recipient) and not pd.isna(sender))
    found = made.balances()
    assert found["received_raw"].sum() - found["sent_raw"].sum() == minted - burnt
    assert found["fee_raw"].sum() == sum(range(len(moves)))
    assert found["balance_raw"].sum() == minted - burnt - sum(range(len(moves)))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(0, 5))
def test_outputs_that_are_not_spent_are_what_is_left(values, spent):
    first = tx([origin(sum(values), "ann")], [(value, f"owner{n}") for n, value in enumerate(values)])
    facts = [first]
    if spent < len(values):
        facts.append(tx([(first.txid, spent, values[spent], f"owner{spent}")], [(1, "end")], height=101))
    made = ledger(*facts)
    left = sum(values) - (values[spent] - 1 if spent < len(values) else 0)
    assert made.balances()["balance_raw"].sum() == left
