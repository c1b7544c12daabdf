"""Who knows better: delegated calls, numbers of logs, outcomes of transactions, ids taken for amounts."""

from __future__ import annotations

import itertools

import pytest

from chainflow.ledger import Ledger
from chainflow.model import Listing, TokenRecord
from chainflow.sources.accounts import OF_FAILED
from chainflow.transfers import AMOUNT_OR_ID, UNCHECKED_CALL
from tests.ledger.moves import (
    ANN,
    BEN,
    CAT,
    ROUTE,
    SCAN,
    SCOUT,
    TX,
    USD,
    amounts,
    disputes,
    fee,
    internal,
    ledger_of,
    move,
    native,
    reply,
    shuffled,
)

OPEN = {"marks": (UNCHECKED_CALL,)}
OUTCOME = "unchecked: the transaction's own outcome is not held"


def delegated(value: int = 5, **given: object) -> object:
    return internal(value, ok=False, marks=("not moved: delegatecall",), **given)


def rows(ledger: Ledger) -> list[dict[str, object]]:
    return ledger.transfers.to_pylist()


def in_any_order(*replies: object) -> list[Ledger]:
    return [ledger_of(*shuffled(replies, order)) for order in itertools.permutations(range(len(replies)))]


# --- delegated calls ---------------------------------------------------------------------------


def test_a_delegated_call_is_no_row_whoever_else_takes_it_for_a_payment():
    paid = {"sender": CAT, "recipient": ANN}
    vague = [internal(5, place="trace:0", **paid, **OPEN), internal(5, place="trace:0_0", **OPEN), native()]
    exact = [internal(5, place="trace:1", **paid), delegated(5, place="trace:2"), native()]
    alone = ledger_of(reply(1, SCOUT, *exact))
    for made in in_any_order(reply(1, SCAN, *vague), reply(2, SCOUT, *exact)):
        kept = [(row["sender"], row["value_raw"], row["marks"]) for row in rows(made)]
        assert sorted(kept) == sorted((row["sender"], row["value_raw"], row["marks"]) for row in rows(alone))
        assert made.disputes.num_rows == 0


def test_a_delegated_call_alone_is_no_row():
    assert rows(ledger_of(reply(1, SCOUT, delegated()))) == []


def test_of_a_call_and_the_delegated_one_that_repeats_it_one_is_counted():
    vague = [internal(place="trace:0", **OPEN), internal(place="trace:0_0", **OPEN)]
    for made in in_any_order(
        reply(1, SCAN, *vague), reply(2, SCOUT, delegated(place="trace:2")), reply(3, ROUTE, *vague)
    ):
        assert amounts(made) == [5]


def test_one_delegated_call_in_two_lists_is_one():
    vague = [internal(place=f"trace:{number}", **OPEN) for number in range(3)]
    twice = [reply(number, SCOUT, delegated(place="trace:2")) for number in (2, 3)]
    for made in in_any_order(reply(1, SCAN, *vague), *twice):
        assert amounts(made) == [5, 5]


def test_a_call_of_known_kind_is_not_taken_for_the_delegated_one():
    known = [internal(place="trace:1"), delegated(place="trace:2")]
    assert amounts(ledger_of(reply(1, SCOUT, *known))) == [5]


def test_what_one_source_leaves_open_of_a_call_another_answers():
    vague = [internal(place="trace:0", **OPEN), internal(place="trace:1", **OPEN)]
    made = ledger_of(reply(1, SCAN, native(), *vague), reply(2, SCOUT, internal(place="trace:5")))
    assert sorted(row["marks"] for row in rows(made)) == ["", "", UNCHECKED_CALL]


# --- logs enumerate ----------------------------------------------------------------------------


def test_a_source_that_shows_more_than_there_are_logs_is_named_and_counted_nowhere():
    logs = [move(place="log:0"), move(place="log:1")]
    for made in in_any_order(reply(1, SCAN, *[move()] * 6), reply(2, SCOUT, *logs)):
        assert amounts(made) == [5, 5]
        assert (made.disputed, [excluded for _, excluded in disputes(made)]) == ({("eth", TX)}, [True])
        assert made.disputes["why"].to_pylist() == [f"{SCAN} shows more"]


def test_logs_of_a_list_that_was_not_read_to_its_end_are_perhaps_not_all():
    first = Listing("eth", ANN, "", (TX,), False, "more may follow", "2", "token")
    last = Listing("eth", ANN, "2", (TX,), True, which="token")
    told = [reply(1, SCAN, move(), move()), reply(2, SCOUT, first, move(place="log:1"))]
    for made in in_any_order(*told):
        assert (amounts(made), disputes(made)) == ([5, 5], [])
    for made in in_any_order(*told, reply(3, SCOUT, last)):
        assert (amounts(made), made.disputed) == ([5], {("eth", TX)})


# --- outcomes ----------------------------------------------------------------------------------


def test_a_call_is_not_known_to_have_paid_while_nobody_says_that_its_transaction_succeeded():
    (row,) = rows(made := ledger_of(reply(1, SCOUT, internal())))
    assert (row["ok"], row["value_raw"], row["marks"]) == (None, "5", OUTCOME)
    assert made.balances().set_index("address").loc[BEN, "unknown_raw"] == 5


@pytest.mark.parametrize("told", [native(0, recipient=CAT), move(1)])
def test_a_call_paid_where_its_transaction_is_known_to_have_succeeded(told):
    for made in in_any_order(reply(1, SCOUT, internal()), reply(2, SCAN, told)):
        assert {(row["ok"], row["marks"]) for row in rows(made) if row["kind"] == "internal"} == {(True, "")}


@pytest.mark.parametrize("told", [native(ok=False), fee(marks=(OF_FAILED,))])
def test_a_call_of_a_transaction_that_failed_paid_nothing(told):
    made = ledger_of(reply(1, SCOUT, internal()), reply(2, SCAN, told))
    assert amounts(made, "internal") == [0]


def test_what_a_block_itself_moved_has_no_transaction_that_could_fail():
    (row,) = rows(ledger_of(reply(1, SCOUT, internal(txid="block:7"))))
    assert row["ok"] is True


# --- ids and amounts ---------------------------------------------------------------------------


def test_an_amount_that_is_the_id_of_the_token_is_the_same_event_and_no_dispute():
    vague = move(894, place="log:3", marks=(AMOUNT_OR_ID,))
    for place in ("log:3", ""):
        for made in in_any_order(
            reply(1, "file:a", vague), reply(2, "file:b", move(1, token_id=894, place=place))
        ):
            assert [(row["token_id"], row["value_raw"], row["marks"]) for row in rows(made)] == [
                ("894", "1", "")
            ]
            assert made.disputes.num_rows == 0


def test_a_token_with_decimals_has_amounts():
    vague = move(894, place="log:3", marks=(AMOUNT_OR_ID,))
    assert [row["marks"] for row in rows(ledger_of(reply(1, "file:a", vague)))] == [AMOUNT_OR_ID]
    for decimals, marks in ((6, ""), (0, AMOUNT_OR_ID), (None, AMOUNT_OR_ID)):
        made = ledger_of(
            reply(1, "file:a", vague), reply(2, SCAN, TokenRecord("eth", USD, "USD", "", decimals))
        )
        assert [row["marks"] for row in rows(made)] == [marks]
