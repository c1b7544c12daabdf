"""Each kind of error, planted in a list that holds, is named by its reason in its row."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from chainflow import samples, schema
from chainflow.errors import BadInput, ChainflowError
from chainflow.ledger import Ledger
from chainflow.model import SpendRecord
from chainflow.tracing import trace
from chainflow.tracing.claims import ClaimCheck, check_claims, claims_of
from chainflow.tracing.conversions import Conversions
from tests.clustering.account_made import ledger as account_ledger
from tests.clustering.account_made import pay, token, who
from tests.made import ledger, origin, tx
from tests.tracing.test_trace import address

ANN, BOB, CAT, DAN, VIC = map(address, ("ann", "bob", "cat", "dan", "vic"))
STOLEN = tx([origin(10, "vic")], [(8, "ann"), (1, "vic")], height=100)
MOVED = tx([(STOLEN.txid, 0, 8, "ann"), origin(4, "ann", number=2)], [(9, "bob"), (2, "ann")], height=101)
LAST = tx([(MOVED.txid, 0, 9, "bob")], [(5, "cat"), (3, "cat")], height=102)
OTHER = tx([origin(5, "bob", number=3)], [(5, "dan")], height=103)
MADE = ledger(STOLEN, MOVED, LAST, OTHER)


def row(hop, made, payer, payee, amount, **more) -> dict[str, str]:
    cells = {"hop": hop, "txid": made.txid, "from": payer, "to": payee, "amount_raw": amount, **more}
    return {name: str(cell) for name, cell in cells.items()}


def good() -> list[dict[str, str]]:
    """Vic's 8 go to Ann, with 4 more to Bob, and on to Cat: as FIFO has it."""
    return [
        row(1, STOLEN, VIC, ANN, 8, height=100, tainted_raw=8, path="A"),
        row(2, MOVED, ANN, BOB, 9, time="2023-11-15 15:03:20 UTC", tainted_raw=8, path="A"),
        row(3, LAST, BOB, CAT, 5, tainted_raw=5, path="A"),
    ]


def reasons(found: ClaimCheck) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(one.hop.line, one.verdict, one.reasons) for one in found.rows if one.verdict != "holds"]


def test_a_correct_list_holds_and_says_so():
    found = check_claims(MADE, good(), "fifo")
    assert reasons(found) == []
    assert found.holds
    assert found.sentences[0].startswith("3 rows: 3 holds, 0 fails, 0 cannot be said; under fifo")
    assert [one.traced_raw for one in found.rows] == [8, 8, 5]


@pytest.mark.parametrize(
    ("number", "cells", "reason"),
    [
        (1, {"from": DAN}, "payer"),
        (3, {"to": DAN, "amount_raw": ""}, "payee"),
        (1, {"amount_raw": "7"}, "amount"),
        (2, {"place": "7"}, "place"),
        (1, {"height": "99"}, "height"),
        (2, {"time": "2023-11-15 15:04 UTC"}, "time"),
        (2, {"asset": "LTC"}, "asset"),
        (3, {"tainted_raw": "4"}, "rule"),
        (3, {"policy": "haircut"}, "rule-changed"),
    ],
)
def test_one_false_cell_fails_for_its_reason_alone(number, cells, reason):
    rows = good()
    rows[number - 1] |= cells
    assert reasons(check_claims(MADE, rows, "fifo")) == [(number, "fails", (reason,))]


def test_the_figure_of_the_whole_transaction_is_told_from_what_the_payee_got():
    rows = good()
    rows[0]["amount_raw"] = "9"
    (failed,) = check_claims(MADE, rows, "fifo").failed
    assert "all that the transaction pays, change included" in failed.sentence


def test_several_outputs_to_one_payee_may_be_stated_as_their_sum():
    rows = [*good()[:2], row(3, LAST, BOB, CAT, 8, path="A")]
    found = check_claims(MADE, rows, "fifo")
    assert found.holds
    assert found.rows[2].notes == ("the amount is the sum of 2 payments",)


def test_a_local_time_fails_and_the_zone_is_suspected():
    rows = good()
    rows[1]["time"] = "2023-11-15 17:03:20"
    (failed,) = check_claims(MADE, rows, "fifo").failed
    assert "2:00:00 apart: another time zone?" in failed.sentence


def test_another_coin_of_the_same_address_is_named_as_that():
    rows = [*good()[:2], row(3, OTHER, BOB, DAN, 5, path="A")]
    assert reasons(check_claims(MADE, rows)) == [(3, "fails", ("other-coin",))]


def test_a_hop_before_the_money_came_fails():
    rows = [row(1, MOVED, ANN, BOB, 9), row(2, STOLEN, VIC, ANN, 8)]
    assert reasons(check_claims(MADE, rows)) == [(2, "fails", ("order",))]


def test_a_hop_of_strangers_fails_as_a_broken_link():
    rows = [row(1, STOLEN, VIC, ANN, 8), row(2, OTHER, BOB, DAN, 5)]
    assert reasons(check_claims(MADE, rows)) == [(2, "fails", ("link",))]


def test_more_traced_than_paid_fails():
    rows = good()
    rows[2]["tainted_raw"] = "6"
    assert "more-than-paid" in check_claims(MADE, rows).rows[2].reasons


def test_more_going_out_than_came_in_comes_from_nothing():
    rows = good()[:2]
    rows[1]["tainted_raw"] = "9"
    assert "from-nothing" in check_claims(MADE, rows).rows[1].reasons


def test_one_unit_in_two_branches_is_counted_twice():
    first = [row(1, STOLEN, VIC, ANN, 8, tainted_raw=6, path=path) for path in "AB"]
    rows = [first[0], row(2, MOVED, ANN, BOB, 9, tainted_raw=6, path="A")]
    rows += [first[1], row(2, MOVED, ANN, ANN, 2, tainted_raw=2, path="B")]
    assert not any(
        "counted-twice" in one.reasons for one in check_claims(MADE, rows).rows
    )  # 6 + 2 of 8: two parts
    rows[1]["tainted_raw"] = rows[0]["tainted_raw"] = rows[2]["tainted_raw"] = "8"
    assert "counted-twice" in check_claims(MADE, rows).rows[3].reasons


def test_a_sum_that_does_not_add_up_fails_and_one_that_does_holds():
    total = {"hop": "total", "path": "A", "amount_raw": "22"}
    assert check_claims(MADE, [*good(), total], "fifo").holds
    assert reasons(check_claims(MADE, [*good(), total | {"amount_raw": "23"}], "fifo")) == [
        (4, "fails", ("sum",))
    ]


@pytest.mark.parametrize(
    ("options", "reason", "said"),
    [
        ({"coinjoins": [LAST.txid]}, "coinjoin", "CoinJoin"),
        ({"stop": [BOB]}, "service", "service"),
    ],
)
def test_what_no_rule_sees_through_must_be_said(options, reason, said):
    rows = [{name: cell for name, cell in one.items() if name != "tainted_raw"} for one in good()]
    assert reasons(check_claims(MADE, rows, **options)) == [(3, "fails", (reason,))]
    rows[2]["via"] = said
    assert check_claims(MADE, rows, **options).holds


def test_figures_of_two_rules_fail_where_the_rule_changes():
    rows = good()
    rows[2]["tainted_raw"] = "4"  # haircut: 8 of 12 → 6 of 9 → 3⅓ of 5; poison 5; tiho 4
    rows[1]["tainted_raw"] = "6"
    found = check_claims(MADE, rows)
    assert found.rows[1].fits == ("haircut", "tilo")
    assert "haircut" not in found.rows[2].fits
    assert found.rows[2].verdict != "holds"


def test_the_first_row_that_no_rule_gives_with_those_before_is_named():
    rows = good()
    rows[1]["tainted_raw"] = "6"  # haircut
    found = check_claims(MADE, rows)
    assert reasons(found)[-1] == (3, "fails", ("rule-changed",))
    assert found.rows[2].fits


def test_what_is_not_in_evidence_is_not_held_against_the_list():
    found = check_claims(MADE, [good()[0] | {"txid": "ab" * 32}])
    assert reasons(found) == [(1, "cannot be said", ("not-in-evidence",))]
    assert "fetch it" in found.sentences[1]


def test_an_output_known_only_from_its_spender_is_judged_as_far_as_it_goes():
    source = {"txid": f"{2:064x}", "to": ANN, "amount_raw": "4"}
    assert check_claims(MADE, [source]).holds
    assert reasons(check_claims(MADE, [source | {"from": VIC}])) == [(1, "cannot be said", ("payer",))]


def test_an_unasked_spender_is_not_known_and_another_one_is_a_fault():
    unknown = ledger(STOLEN)
    rows = [row(1, STOLEN, VIC, ANN, 8), {"hop": "2", "txid": "ab" * 32}]
    assert check_claims(unknown, rows).rows[1].verdict == "cannot be said"
    assert check_claims(MADE, rows).rows[1].reasons == ("not-in-evidence", "link")


def test_unspent_money_does_not_go_on():
    known = ledger(STOLEN, OTHER, SpendRecord(STOLEN.chain, _outpoint(STOLEN, 0), None, None))
    found = check_claims(known, [row(1, STOLEN, VIC, ANN, 8), row(2, OTHER, BOB, DAN, 5)])
    assert "unspent" in found.failed[0].sentence


def _outpoint(made, vout):
    from chainflow.model import Outpoint

    return Outpoint(made.txid, vout)


def test_unconfirmed_and_disputed_transactions_cannot_be_said_unless_the_row_says_so():
    waiting = tx([origin(10, "vic")], [(8, "ann")], height=None)
    claim = {"txid": waiting.txid, "to": ANN}
    assert reasons(check_claims(ledger(waiting), [claim])) == [(1, "cannot be said", ("unconfirmed",))]
    assert check_claims(ledger(waiting), [claim | {"standing": "unconfirmed"}]).holds
    one = (STOLEN.chain, STOLEN.txid, "height", "100", "99", "two sources", True)
    disputed = replace(MADE, disputes=schema.rows_to_table([one], schema.DISPUTES))
    assert reasons(check_claims(disputed, good()[:1])) == [(1, "cannot be said", ("disputed",))]


# --- broken input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        {"amount": "6.37E+01"},
        {"amount": "-3"},
        {"amount": "1,5"},
        {"amount": "3 sat 4"},
        {"time": "31.5.2021"},
        {"time": "2021-02-30"},
        {"height": "1.5"},
        {"txid": "9436dbf0…212a"},
        {"outpoint": "x:0"},
        {"to": "bc1qnone"},
    ],
)
def test_a_cell_that_cannot_be_read_is_named_and_the_row_is_kept(cells):
    found = check_claims(MADE, [{"txid": STOLEN.txid, "from": VIC} | cells])
    assert found.rows[0].verdict == "cannot be said"
    assert found.rows[0].reasons[0] == "unread"


def test_rows_of_a_broken_file_are_kept_one_by_one(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        f"Tx Hash;From;Amount;Colour\n{STOLEN.txid};{VIC};9 sat;red\n{STOLEN.txid};{VIC}\n;;;blue\n"
    )
    found = check_claims(MADE, path)
    assert [one.hop.line for one in found.rows] == [2, 3, 4]
    assert [one.reasons for one in found.rows] == [(), ("unread",), ("txid",)]
    assert found.unread == ("Colour",)


@pytest.mark.parametrize("body", ["", "a,b\n1,2\n", 'txid,"to\n1', 'txid,to\n1,"x', "[1, 2"])
def test_a_file_that_is_no_list_is_refused(tmp_path, body):
    path = tmp_path / "list.csv"
    path.write_text(body)
    with pytest.raises(ChainflowError):
        check_claims(MADE, path)


def test_an_entry_that_is_no_row_is_kept():
    found = check_claims(MADE, [{"txid": "", "to": None, "amount": float("nan")}])
    assert reasons(found) == [(1, "cannot be said", ("txid",))]
    assert not check_claims(MADE, []).holds


def test_a_wrong_unit_rule_or_place_is_refused():
    for options in ({"unit": "btc"}, {"policy": "nonsense"}):
        with pytest.raises(BadInput):
            check_claims(MADE, good(), **options)
    with pytest.raises(BadInput):
        check_claims(MADE, "/nowhere/list.csv")


def test_no_cell_of_the_written_table_is_a_formula(tmp_path):
    rows = [good()[0] | {"path": "=1+1", "statement": "@x", "hop": ""}]
    path = check_claims(MADE, rows).write(tmp_path / "out.csv")
    (cells,) = csv.DictReader(io.StringIO(path.read_text()))
    assert cells["path"] == "'=1+1"
    assert not any(cell[:1] in ("=", "+", "-", "@") for cell in cells.values())


def test_the_result_escapes_and_has_a_digest_of_its_own():
    found = check_claims(MADE, [good()[0] | {"path": "<b>"}])
    assert "<b>&" not in found._repr_html_()
    assert "&lt;b&gt;" in found._repr_html_()
    assert found.digest == check_claims(MADE, [good()[0] | {"path": "<b>"}]).digest
    assert found.digest != check_claims(MADE, good()).digest


# --- the published case ------------------------------------------------------------------------

ROOT = "9436dbf0435b15378f309c35754a110db880fa9bb66a062160a25533bb4a212a:0"
SWEPT = "daf38c7b38eb0a587cf843f47000d5c294affb4f56017370ad48c5147f5e69d9"
SEIZED = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"
POOL, TAKEN = "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq", "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
PAYER = "3EYkxQSUv2KcuRTnHQA8tNuG7S2pKcdNxB"
COLONIAL = f"""Hop,Transaction ID,From,To,Amount,Time,Block,Traced amount
1,{SWEPT},{PAYER},{POOL},69.60422177,2021-05-28T03:06:11Z,685213,63.70
2,{SEIZED},{POOL},{TAKEN},63.7 BTC,2021-06-07 17:45 UTC,"686,683",61.46816619
"""


@pytest.fixture(scope="module")
def colonial() -> Ledger:
    return samples.load("colonial")


def test_the_hops_of_the_colonial_case_hold_under_fifo(colonial, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(COLONIAL)
    found = check_claims(colonial, path, "fifo", seeds=ROOT)
    assert found.holds, found.sentences
    assert found.rows[1].amount_raw == 6_369_996_546
    assert any("rounded to the digits given" in note for note in found.rows[1].notes)
    assert found.rows[1].level == 2


def test_the_fifo_figure_of_the_colonial_case_fails_under_haircut(colonial, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(COLONIAL)
    found = check_claims(colonial, path, "haircut", seeds=ROOT)
    assert "haircut gives 58.28829110 BTC" in found.failed[-1].sentence


@pytest.mark.parametrize("policy", ["fifo", "haircut", "lifo", "poison"])
def test_the_list_of_a_trace_of_the_colonial_case_holds_completely(colonial, policy):
    rows = claims_of(trace(colonial, ROOT, policy))
    assert check_claims(colonial, rows, policy, seeds=ROOT).holds


# --- accounts ----------------------------------------------------------------------------------


def account_rows(*payments, **more) -> list[dict[str, str]]:
    names = {1: "vic", 2: "ann", 3: "bob"}
    return [
        {
            "hop": str(hop),
            "txid": one.txid,
            "from": who(names[hop]),
            "to": one.recipient,
            "amount_raw": str(one.value_raw),
            **more,
        }
        for hop, one in enumerate(payments, start=1)
    ]


def test_a_list_over_accounts_holds_and_an_earlier_payment_does_not():
    early, came, went = pay("ann", "bob", 3, 1), pay("vic", "ann", 8, 2), pay("ann", "bob", 6, 3)
    made = account_ledger(pay("x", "ann", 5, 0), early, came, went)
    assert check_claims(made, account_rows(came, went, unit="base")).holds
    assert reasons(check_claims(made, account_rows(came, early)))[0] == (2, "fails", ("order",))


def test_money_that_was_paid_away_between_cannot_go_on():
    came, away, more, went = (
        pay("vic", "ann", 8, 1),
        pay("ann", "x", 8, 2),
        pay("y", "ann", 8, 3),
        pay("ann", "bob", 8, 4),
    )
    made = account_ledger(came, away, more, went)
    (found,) = [
        one
        for one in check_claims(made, account_rows(came, went, tainted_raw="8")).rows
        if one.verdict != "holds"
    ]
    assert "balance" in found.reasons
    assert "held only 0" in found.sentence


def test_a_change_of_asset_must_be_stated():
    came, (signed, went) = pay("vic", "ann", 8, 1), token("ann", "bob", 5, 2)
    made = account_ledger(came, signed, went)
    rows = account_rows(came, went)
    rows[1]["asset"] = who("USD")
    assert reasons(check_claims(made, rows)) == [(2, "fails", ("conversion",))]
    rows[1]["through"] = "conversion"
    assert reasons(check_claims(made, rows, conversions=Conversions())) == [
        (2, "cannot be said", ("conversion",))
    ]


def test_a_token_without_known_decimals_needs_base_units():
    made = account_ledger(*token("ann", "bob", 5, 2))
    claim = {"txid": made.transfers["txid"][0].as_py(), "to": who("bob"), "asset": who("USD"), "amount": "5"}
    assert reasons(check_claims(made, [claim])) == [(1, "cannot be said", ("amount",))]
    assert check_claims(made, [claim | {"unit": "base"}]).holds
