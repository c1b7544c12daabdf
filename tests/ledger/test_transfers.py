"""Transfers merged: each movement once whoever states it, contradictions named, amounts exact."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput, LedgerFileRejected
from chainflow.ledger import Ledger, address_graph, build
from chainflow.model import Evidence, Listing, TokenRecord, TransferKind, TxOutline
from chainflow.sources.accounts import OF_FAILED, SCAM
from tests.ledger.moves import (
    ANN,
    BEN,
    CAT,
    NODE,
    OTHER,
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

KINDS = [move, native, internal, fee]


def rows(ledger: Ledger) -> list[dict[str, object]]:
    return ledger.transfers.to_pylist()


# --- how many there are ------------------------------------------------------------------------


@pytest.mark.parametrize("made", KINDS)
def test_one_payment_in_three_replies_of_three_explorers_stays_one(made):
    replies = [reply(number, source, made()) for number, source in enumerate((SCAN, SCOUT, ROUTE), 1)]
    assert len(rows(ledger_of(*replies, *[reply(9 + n, SCAN, made()) for n in range(3)]))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", ""),
        ("log:3", "log:3"),
        ("log:3", ""),
        ("trace:0_1", "trace:7"),
        ("trace:0", ""),
        ("log:3", "log:3_0"),
    ],
)
def test_explorers_that_count_differently_still_speak_of_one_payment(one, other):
    kind = TransferKind.INTERNAL if one.startswith("trace") else TransferKind.TOKEN
    made = ledger_of(
        reply(1, SCAN, move(kind=kind, place=one)), reply(2, SCOUT, move(kind=kind, place=other))
    )
    (row,) = rows(made)
    assert row["place"] in {one, other} - ({""} if one or other else set())
    assert made.disputes.num_rows == 0


@pytest.mark.parametrize(
    "statements",
    [
        [(SCAN, ["", ""])],
        [(SCAN, ["", ""]), (SCOUT, ["", ""])],
        [(SCAN, ["log:3", "log:9"]), (SCOUT, [""])],
        [(SCAN, ["log:3"]), (SCOUT, ["log:9"])],
        [(SCAN, ["log:3"]), (SCAN, ["log:9"])],
        [(SCAN, ["log:3", "log:9"]), (SCOUT, ["", ""]), (ROUTE, ["log:9"])],
    ],
)
def test_two_equal_payments_in_one_transaction_stay_two(statements):
    replies = [
        reply(number, source, *(move(place=place) for place in places))
        for number, (source, places) in enumerate(statements, 1)
    ]
    for order in itertools.permutations(range(len(replies))):
        assert amounts(ledger_of(*shuffled(replies, order))) == [5, 5]


@pytest.mark.parametrize(
    "statements",
    [
        [(SCAN, ["trace:0", "trace:1"])],
        [(SCAN, ["trace:0", "trace:1"]), (SCOUT, ["trace:2", "trace:5"]), (ROUTE, ["", ""])],
        [(SCAN, ["trace:0"]), (SCAN, ["trace:1"]), (SCOUT, ["trace:5"])],
    ],
)
def test_two_equal_calls_stay_two_though_each_explorer_numbers_calls_in_its_own_way(statements):
    replies = [
        reply(number, source, *(internal(place=place) for place in places))
        for number, (source, places) in enumerate(statements, 1)
    ]
    assert amounts(ledger_of(*replies)) == [5, 5]


def page(address, after="", following="", *txids):
    why = "more may follow" if following else ""
    return Listing("eth", address, after, txids or (TX,), not following, why, following, "token")


def test_two_equal_payments_on_two_pages_of_one_list_stay_two():
    made = ledger_of(
        reply(1, SCAN, page(ANN, "", "2"), move()),
        reply(2, SCAN, page(ANN, "2"), move()),
        reply(3, SCOUT, move()),
    )
    assert amounts(made) == [5, 5]


def test_a_page_read_again_and_the_other_ones_list_add_nothing():
    first, second = [page(ANN, "", "2"), move()], [page(ANN, "2"), move()]
    theirs = [page(BEN), move(), move()]
    replies = [reply(n, SCAN, *facts) for n, facts in enumerate((first, second, first, second, theirs), 1)]
    for order in itertools.permutations(range(len(replies))):
        assert amounts(ledger_of(*shuffled(replies, order))) == [5, 5]


def test_a_reward_that_moved_to_the_next_page_while_it_was_read_is_still_one():
    paid = move(9, TransferKind.REWARD, txid="block:7", sender=None, height=7)
    pages = (
        Listing("eth", BEN, "", ("block:7",), False, "more", "2", "rewards"),
        Listing("eth", BEN, "2", ("block:7",), True, which="rewards"),
    )
    assert amounts(ledger_of(reply(1, SCAN, pages[0], paid), reply(2, SCAN, pages[1], paid))) == [9]


def test_a_list_whose_pages_lead_in_a_circle_ends():
    looped = [reply(1, SCAN, page(ANN, "1", "2"), move()), reply(2, SCAN, page(ANN, "2", "1"), move())]
    assert amounts(ledger_of(*looped)) == [5, 5]


def test_two_files_are_two_replies_though_neither_has_a_number_in_a_log():
    files = [Evidence(0, digit * 64, f"file:{digit}.csv", f"{digit}.csv", None) for digit in "12"]
    made = build((move(), file) for file in files)
    assert len(rows(made)) == 1
    assert made.evidence["sha256"].to_pylist() == ["1" * 64, "2" * 64]


@pytest.mark.parametrize("place", ["log:3", ""])
def test_a_batch_of_equal_tokens_is_as_many_as_the_log_says_however_its_parts_are_named(place):
    batch = [
        move(1, token_id=7, place=place),
        move(1, token_id=7, place=place),
        move(2, token_id=8, place=place),
    ]
    node = [
        move(value, token_id=one, place=f"log:3_{n}")
        for n, (one, value) in enumerate([(7, 1), (7, 1), (8, 2)])
    ]
    made = ledger_of(reply(1, SCAN, *batch), reply(2, SCOUT, *node), reply(3, ROUTE, *batch))
    assert sorted(amounts(made)) == [1, 1, 2]
    assert made.disputes.num_rows == 0


def test_a_log_states_one_payment_though_a_list_names_it_twice():
    assert amounts(ledger_of(reply(1, SCAN, move(place="log:3"), move(place="log:3")))) == [5]


def test_logs_of_tron_are_counted_by_each_explorer_in_its_own_way():
    made = [move(place=place) for place in ("log:0", "log:57")]
    tron = [
        type(one)(**{name: getattr(one, name) for name in one.__slots__} | {"chain": "tron"}) for one in made
    ]
    assert amounts(ledger_of(reply(1, SCAN, tron[0]), reply(2, SCOUT, tron[1]))) == [5]


def test_rows_at_one_place_are_told_apart_by_their_number():
    made = ledger_of(reply(1, SCAN, move(5), move(6), move(6), move(5, contract=CAT)))
    keys = [(row["txid"], row["kind"], row["place"], row["number"]) for row in rows(made)]
    assert len(set(keys)) == 4
    assert address_graph(made).number_of_edges(ANN, BEN) == 4


# --- what failed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told", [[native(9, ok=False)], [fee(marks=(OF_FAILED,))], [native(9, ok=None), fee(marks=(OF_FAILED,))]]
)
def test_a_failed_transaction_moved_nothing_but_its_fee_whoever_says_so(told):
    ignorant = [native(9, ok=None), internal(7, place="trace:1"), fee()]
    for order in itertools.permutations(range(2)):
        made = ledger_of(*shuffled([reply(1, SCAN, *told), reply(2, SCOUT, *ignorant)], order))
        moved = {(row["kind"], row["value_raw"], row["stated_raw"], row["ok"]) for row in rows(made)}
        assert moved == {
            ("native", "0", "9", False),
            ("internal", "0", "7", False),
            ("fee", "21", "21", True),
        }
        assert made.disputes.num_rows == 0


def test_a_failure_told_with_a_fee_that_is_not_used_is_still_known():
    part = fee(20, marks=("partial: without the L1 fee", OF_FAILED))
    made = ledger_of(reply(1, SCAN, part), reply(2, SCOUT, fee(21), native(9, ok=None)))
    assert (amounts(made, "fee"), amounts(made, "native")) == ([21], [0])


def test_a_transaction_that_one_host_calls_failed_and_another_successful_is_in_no_total():
    made = ledger_of(reply(1, SCAN, native(ok=True)), reply(2, SCOUT, fee(marks=(OF_FAILED,))))
    assert disputes(made) == [("outcome", True)]
    assert made.disputed == {("eth", TX)}
    assert amounts(made, "native") == [0]


def test_a_token_that_moved_contradicts_a_failure():
    made = ledger_of(reply(1, SCAN, native(ok=False)), reply(2, SCOUT, move()))
    assert disputes(made) == [("outcome", True)]


def test_one_host_that_corrects_itself_is_a_dispute_that_excludes_nothing():
    made = ledger_of(reply(1, SCAN, native(ok=True)), reply(2, SCAN, native(ok=False)))
    assert (disputes(made), amounts(made)) == ([("outcome", False)], [0])


def test_of_two_equal_calls_one_may_fail_and_the_other_succeed():
    calls = [internal(place="trace:0", ok=False), internal(place="trace:1", ok=True)]
    again = [internal(ok=True), internal(ok=False)]
    made = ledger_of(reply(1, SCAN, *calls), reply(2, SCOUT, *again))
    assert sorted(amounts(made)) == [0, 5]
    assert made.disputes.num_rows == 0


def test_explorers_that_differ_on_whether_a_call_failed_are_a_dispute():
    made = ledger_of(
        reply(1, SCAN, internal(place="trace:0")), reply(2, SCOUT, internal(place="trace:3", ok=False))
    )
    assert amounts(made) == [0]
    assert [excluded for _, excluded in disputes(made)] == [True]


def test_an_outcome_that_only_one_explorer_tells_is_told():
    made = ledger_of(reply(1, SCAN, native(ok=None)), reply(2, SCOUT, native(ok=True)))
    assert [row["ok"] for row in rows(made)] == [True]
    assert [row["ok"] for row in rows(ledger_of(reply(1, SCAN, native(ok=None))))] == [None]


# --- what contradicts --------------------------------------------------------------------------


@pytest.mark.parametrize("made", [native, fee])
def test_two_hosts_that_differ_on_the_value_of_a_transaction_are_a_dispute_and_it_is_in_no_total(made):
    told = ledger_of(reply(1, SCAN, made(5)), reply(2, SCOUT, made(6)))
    assert disputes(told) == [(str(made().kind), True)]
    assert len(rows(told)) == 1
    found = told.balances()
    assert (found.attrs["disputed"], set(found["disputed_txs"])) == ([TX], {1})
    assert {*found["received_raw"], *found["sent_raw"], *found["fee_raw"]} == {0}


@pytest.mark.parametrize(("one", "other"), [("log:3", "log:3"), ("", ""), ("log:3", "")])
def test_two_hosts_that_differ_on_the_value_of_a_token_are_a_dispute(one, other):
    made = ledger_of(reply(1, SCAN, move(5, place=one)), reply(2, SCOUT, move(6, place=other)))
    assert disputes(made) == [("token", True)]


def test_two_hosts_that_differ_on_who_was_paid_by_one_log_are_a_dispute():
    made = ledger_of(reply(1, SCAN, move(place="log:3")), reply(2, SCOUT, move(place="log:3", recipient=CAT)))
    assert (disputes(made), len(rows(made))) == ([("token", True)], 1)


def test_a_host_that_shows_fewer_contradicts_nothing():
    made = ledger_of(reply(1, SCAN, move(5), move(6)), reply(2, SCOUT, move(6)))
    assert (amounts(made), disputes(made)) == ([5, 6], [])


def test_ones_own_node_is_believed_over_an_explorer():
    made = ledger_of(reply(1, SCAN, native(5)), reply(2, NODE, native(6, level=2)))
    assert (amounts(made), disputes(made)) == ([6], [("native", False)])
    tokens = ledger_of(reply(1, SCAN, move(5)), reply(2, NODE, move(6, place="log:3")))
    assert (amounts(tokens), disputes(tokens)) == ([6], [("token", False)])


def test_what_follows_from_bytes_is_believed_over_a_statement():
    made = ledger_of(
        reply(1, SCAN, native(5, level=2)), reply(2, SCOUT, native(6)), reply(3, ROUTE, native(6))
    )
    assert (amounts(made), disputes(made)) == ([5], [("native", False)])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_partial_fee_gives_way_to_the_whole_one_without_a_dispute(order):
    replies = [reply(1, SCAN, fee(20, marks=("partial: without the L1 fee",))), reply(2, SCOUT, fee(21))]
    made = ledger_of(*shuffled(replies, order))
    assert (amounts(made), made.disputes.num_rows, rows(made)[0]["marks"]) == ([21], 0, "")


def test_a_part_that_is_more_than_the_whole_is_a_dispute():
    made = ledger_of(reply(1, SCAN, fee(22, marks=("partial: x",))), reply(2, SCOUT, fee(21)))
    assert disputes(made) == [("fee", True)]


def test_two_hosts_that_differ_on_the_height_are_a_dispute_and_one_that_follows_a_reorg_is_not():
    two = ledger_of(reply(1, SCAN, native()), reply(2, SCOUT, native(height=101)))
    one = ledger_of(reply(1, SCAN, native()), reply(2, SCAN, native(height=101)))
    assert (disputes(two), disputes(one)) == ([("block", True)], [("block", False)])
    assert [row["height"] for row in rows(one)] == [101]


def test_all_that_moved_in_a_transaction_is_in_the_block_that_any_statement_names():
    outline = TxOutline("eth", TX, True, 100, "0xbb", 1_700_000_000, 4)
    nowhere = {"height": None, "time": None}
    made = ledger_of(reply(1, SCAN, move(**nowhere), native(**nowhere)), reply(2, SCOUT, outline))
    assert {(row["height"], row["position"], row["block_hash"]) for row in rows(made)} == {(100, 4, "0xbb")}


def test_a_time_without_a_block_is_kept_until_the_block_is_known():
    timed = reply(1, SCAN, move(height=None, time=77))
    assert [row["time"].timestamp() for row in rows(ledger_of(timed))] == [77]
    both = ledger_of(timed, reply(2, SCOUT, move()))
    assert [(row["height"], row["time"].timestamp()) for row in rows(both)] == [(100, 1_700_000_000)]


def test_what_a_block_itself_pays_may_go_to_many():
    genesis = [
        native(v, txid="block:0", sender=None, recipient=who, height=0) for v, who in ((5, ANN), (6, BEN))
    ]
    made = ledger_of(reply(1, SCAN, genesis[0]), reply(2, SCAN, genesis[1]))
    assert (sorted(amounts(made)), made.disputes.num_rows) == ([5, 6], 0)


# --- how well it is known ----------------------------------------------------------------------


def test_two_operators_make_level_one_and_one_operator_under_two_names_does_not():
    assert ledger_of(reply(1, SCAN, move()), reply(2, SCOUT, move())).transfer_levels == {1: 1}
    again = "blockscout:https://api.blockscout.com/1"
    assert ledger_of(reply(1, SCOUT, move()), reply(2, again, move())).transfer_levels == {0: 1}
    assert ledger_of(reply(1, SCAN, move()), reply(2, "file:x.csv", move())).transfer_levels == {0: 1}


def test_of_two_equal_payments_the_second_is_only_as_well_known_as_who_shows_two():
    made = ledger_of(reply(1, SCAN, move(), move()), reply(2, SCOUT, move()))
    assert sorted(row["level"] for row in rows(made)) == [0, 1]


def test_a_proved_payment_does_not_prove_its_equal():
    made = ledger_of(reply(1, SCAN, move(place="log:3", level=3)), reply(2, SCAN, move(place="log:9")))
    assert [(row["place"], row["level"]) for row in rows(made)] == [("log:3", 3), ("log:9", 0)]


def test_ones_own_node_makes_level_five_and_its_public_twin_does_not():
    assert ledger_of(reply(1, NODE, move())).transfer_levels == {5: 1}
    assert ledger_of(reply(1, "evm:https://rpc.example.org", move())).transfer_levels == {0: 1}


def test_the_verification_of_accounts_speaks_of_transfers_only():
    said = ledger_of(reply(1, SCAN, native(level=2), fee()), reply(2, SCOUT, fee())).verification
    assert said.startswith("1 of 2 transfers follow from bytes")
    assert "1 are stated alike by independent hosts" in said


# --- amounts, marks, tokens --------------------------------------------------------------------

HUGE = 10**30 + 7  # 31 digits


def test_amounts_beyond_64_bits_are_exact_everywhere(tmp_path):
    made = ledger_of(reply(1, SCAN, move(HUGE, place="log:1"), move(2**63, place="log:2")))
    frame = made.to_pandas("transfers")
    assert frame["value_raw"].tolist() == [HUGE, 2**63]
    assert frame["value_raw"].sum() == HUGE + 2**63
    total = made.sql("select sum(value_raw::hugeint)::varchar as total from transfers")["total"][0]
    assert int(total) == HUGE + 2**63
    made.write(tmp_path / "l.json")
    again = Ledger.read(tmp_path / "l.json")
    assert again.digest == made.digest
    assert again.to_pandas("transfers")["stated_raw"].tolist() == [HUGE, 2**63]


def test_an_amount_beyond_what_sql_can_add_is_an_error_and_exact_in_python():
    made = ledger_of(reply(1, SCAN, move(2**256 - 1)))
    assert made.to_pandas("transfers")["value_raw"].sum() == 2**256 - 1
    with pytest.raises(BadInput, match="query failed"):
        made.sql("select sum(value_raw::hugeint) from transfers")


def test_tokens_that_are_one_of_their_kind_keep_their_numbers(tmp_path):
    made = ledger_of(reply(1, SCAN, *(move(1, token_id=one) for one in (2**255, 7, 0))))
    assert sorted(int(row["token_id"]) for row in rows(made)) == [0, 7, 2**255]
    made.write(tmp_path / "l.json")
    assert Ledger.read(tmp_path / "l.json").transfers.equals(made.transfers)


def test_noise_is_marked_and_counted():
    made = ledger_of(
        reply(1, SCAN, move(0, place="log:1"), move(10**9, place="log:2")),
        reply(2, SCOUT, move(10**9, place="log:2", marks=(SCAM,))),
    )
    assert [row["marks"] for row in rows(made)] == ["zero-value", SCAM]
    assert made.balances().set_index("address").loc[BEN, "received_raw"] == 10**9


def test_a_token_is_what_it_first_says_of_itself_filled_and_what_differs_is_named():
    told = [TokenRecord("eth", USD, "", "Dollar", 6), TokenRecord("eth", USD, "USD", "", None)]
    made = ledger_of(reply(1, SCAN, *told), reply(2, SCOUT, TokenRecord("eth", USD, "USD", "Doll", 18)))
    assert made.tokens.to_pylist() == [
        {"chain": "eth", "contract": USD, "symbol": "USD", "name": "Dollar", "decimals": 6}
    ]
    assert disputes(made) == [("decimals of the token", False), ("name of the token", False)]


def test_a_written_ledger_of_accounts_reads_back_equal_and_as_hearsay(tmp_path):
    made = ledger_of(
        reply(1, SCAN, native(level=2), fee(), TokenRecord("eth", USD, "USD", "Dollar", 6)),
        reply(2, SCOUT, native(6), move(ok=None)),
    )
    made.write(tmp_path / "l.json")
    again = Ledger.read(tmp_path / "l.json")
    assert again.digest == made.digest
    assert again.disputes.equals(made.disputes)
    assert set(again.transfer_levels) == {0}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("value_raw", "abc"),
        ("value_raw", "-5"),
        ("value_raw", "7"),
        ("value_raw", None),
        ("stated_raw", "1e9"),
        ("token_id", "x"),
        ("kind", "gift"),
        ("ok", False),
        ("time", 2**70),
        ("number", "one"),
    ],
)
def test_a_file_with_a_transfer_that_cannot_be_is_refused_whatever_its_seal_says(tmp_path, column, value):
    made = ledger_of(reply(1, SCAN, move()))
    made.write(tmp_path / "l.json")
    content = json.loads((tmp_path / "l.json").read_text())
    content["transfers"][0][made.transfers.column_names.index(column)] = value
    (tmp_path / "l.json").write_text(json.dumps(content))
    with pytest.raises(LedgerFileRejected, match="is not a ledger file"):
        Ledger.read(tmp_path / "l.json")


# --- graphs ------------------------------------------------------------------------------------


def test_every_transfer_that_moved_something_is_an_edge_of_the_address_graph():
    minted = move(7, sender=None, recipient=ANN, place="log:1")
    burnt = move(3, recipient=None, place="log:2")
    made = ledger_of(reply(1, SCAN, native(5), fee(), minted, burnt, internal(9, ok=False)))
    edges = {
        (a, b, given["value_raw"], given["contract"]) for a, b, given in address_graph(made).edges(data=True)
    }
    assert edges == {(ANN, BEN, 5, None), ("coinbase", ANN, 7, USD)}


# --- properties --------------------------------------------------------------------------------

PARTIES = st.sampled_from([ANN, BEN, CAT])
TRUTH = st.lists(
    st.tuples(
        st.sampled_from([TX, OTHER]), PARTIES, PARTIES, st.sampled_from([0, 5, 6, HUGE]), st.booleans()
    ),
    max_size=8,
)


@st.composite
def stories(draw):
    """Return what moved, and replies of three explorers that each tell parts of it, or tell it wrongly."""
    moves = [
        (txid, sender, recipient, value, is_token, number)
        for number, (txid, sender, recipient, value, is_token) in enumerate(draw(TRUTH))
    ]
    replies = []
    for number in range(draw(st.integers(0, 5))):
        source = draw(st.sampled_from([SCAN, SCOUT, ROUTE, NODE]))
        has_places, wrong = draw(st.booleans()), draw(st.sampled_from([0, 0, 0, 1]))
        facts = []
        for txid, sender, recipient, value, is_token, place in moves:
            if draw(st.booleans()):
                kind = TransferKind.TOKEN if is_token else TransferKind.INTERNAL
                named = f"{'log' if is_token else 'trace'}:{place}" if has_places else ""
                given = {"txid": txid, "sender": sender, "recipient": recipient, "place": named}
                ok = draw(st.sampled_from([True, None])) if is_token else draw(st.sampled_from([True, False]))
                facts.append(move(value + wrong, kind, ok=ok, **given))
        for txid in draw(st.sets(st.sampled_from([TX, OTHER]))):
            facts += [native(4 + wrong, txid=txid, ok=draw(st.sampled_from([True, None]))), fee(txid=txid)]
        replies.append(reply(number + 1, source, *facts))
    return replies


@given(stories(), st.randoms(use_true_random=False))
def test_the_order_of_replies_changes_neither_table_nor_digest(replies, chance):
    order = list(range(len(replies)))
    chance.shuffle(order)
    made, again = ledger_of(*replies), ledger_of(*shuffled(replies, order))
    assert again.transfers.equals(made.transfers)
    assert again.disputes.equals(made.disputes)
    assert again.digest == made.digest


@given(stories())
def test_a_reply_that_comes_again_changes_nothing(replies):
    made = ledger_of(*replies)
    again = [
        reply(100 + number, one[0][1].source, *(fact for fact, _ in one))
        for number, one in enumerate(replies)
        if one
    ]
    repeated = ledger_of(*replies, *again)
    assert repeated.transfers.equals(made.transfers)
    assert repeated.digest == made.digest


@given(TRUTH, st.permutations([SCAN, SCOUT, ROUTE]))
def test_explorers_that_tell_the_truth_in_any_way_give_the_truth(truth, sources):
    """One with the places of the chain, one with its own, one with none: the table is what moved."""
    replies = []
    for number, source in enumerate(sources):
        facts = []
        for place, (txid, sender, recipient, value, is_token) in enumerate(truth):
            kind = TransferKind.TOKEN if is_token else TransferKind.INTERNAL
            named = [f"log:{place}" if is_token else f"trace:{place}_{number}", ""][number % 2]
            given = {"txid": txid, "sender": sender, "recipient": recipient, "place": named}
            facts.append(move(value, kind, **given))
        replies.append(reply(number + 1, source, *facts))
    made = ledger_of(*replies)
    names = ("txid", "sender", "recipient", "value_raw", "kind")
    found = sorted(tuple(row[name] for name in names) for row in rows(made))
    told = sorted((t, a, b, str(v), "token" if token else "internal") for t, a, b, v, token in truth)
    assert found == told
    assert (made.disputes.num_rows, set(made.transfer_levels) <= {1}) == (0, True)
