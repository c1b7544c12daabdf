"""What the report, and each verb, says of accounts and of times: what is not known or not possible is said."""

from __future__ import annotations

import dataclasses

import pytest

import chainflow as cf
from chainflow.crawl.fetching import ledger_of as ledger_in
from chainflow.errors import BadInput
from chainflow.model import Listing, TokenRecord
from chainflow.report import render_page
from chainflow.report.accounts import moved_by_asset
from chainflow.sources.accounts import SCAM
from tests.ledger.moves import (
    ANN,
    BEN,
    OTHER,
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
from tests.made import origin, tx

EVIL = "</td><script>alert(1)</script>"
FACTS = [
    native(10**18, position=4),
    fee(21_000 * 10**9),
    move(1_500_000, place="log:1"),
    move(0, place="log:2"),
    move(7_000_000, place="log:3", marks=(SCAM,)),
    move(1, token_id=7, place="log:4", contract=BEN),
    internal(5, ok=None, time=None, height=None),
    native(3, txid=OTHER, ok=False, time=None, height=None),
    TokenRecord("eth", USD, EVIL, "Dollar", 6),
    Listing("eth", ANN, "", (TX,), True, which="native"),
    Listing("eth", ANN, "", (TX,), False, "truncated: 10,000 rows", which="token"),
]


@pytest.fixture
def ledger():
    return ledger_of(reply(1, SCAN, *FACTS), reply(2, SCOUT, fee(21_000 * 10**9)))


@pytest.fixture
def case(tmp_path):
    """Return a case whose one reply states all this; no source of such a form exists."""
    with cf.Case(tmp_path / "accounts.chainflow") as made:
        request = {
            "source": SCAN, "family": "etherscan", "chain": "eth", "host": "api.etherscan.io", "subject": ANN,
            "path": "/x", "url": "https://api.etherscan.io/x", "status": 200, "retrieved": 0, "server_date": "",
        }  # fmt: skip
        made.log.record(request, b"{}", FACTS)
        yield made


def test_a_picture_and_a_trace_of_accounts_are_refused_in_words(ledger):
    for verb, what in (
        (lambda: cf.draw(ledger), "drawing"),
        (lambda: cf.trace(ledger, ANN), "tracing"),
        (lambda: cf.trace(ledger, TX), "tracing"),
    ):
        with pytest.raises(BadInput, match=f"{what} accounts .eth. is not in this version"):
            verb()


def test_of_a_ledger_of_both_kinds_outputs_are_traced_and_accounts_refused():
    paid = tx([origin(9, "ann")], [(9, "ben")])
    both = ledger_of(reply(1, SCAN, *FACTS, paid))
    assert cf.trace(both, paid.txid).seed_sat == 9
    assert len(cf.cluster(both)) == len({*both.index.labels, *both.accounts}) == 4
    for seed in (ANN, ANN.upper().replace("0X", "0x"), TX):
        with pytest.raises(BadInput, match="tracing accounts"):
            cf.trace(both, seed)


def test_the_verbs_of_a_case_refuse_accounts_in_the_same_words(case):
    for verb in (case.draw, lambda: case.trace(ANN)):
        with pytest.raises(BadInput, match="is not in this version"):
            verb()


def test_the_card_of_a_ledger_of_accounts_counts_transfers_and_no_coins(ledger):
    card = ledger._repr_html_()
    assert "1 fee, 1 internal, 2 native, 4 token" in card
    assert "sum of all outputs" not in card
    assert "no block time is known" not in card
    assert repr(ledger) == "<Ledger 8 transfers, 2 addresses>"


def test_transfers_are_counted_by_asset_and_kind_with_their_noise(ledger):
    found = {(row.asset[:3], row.kind): row for row in moved_by_asset(ledger)}
    token = found["0xd", "token"]
    assert (token.rows, token.marked, token.amount) == (3, 2, "8.500000")
    assert found["0xb", "token"].amount == ""
    assert (found["ETH", "native"].rows, found["ETH", "native"].failed) == (2, 1)
    assert found["ETH", "native"].amount == "1.000000000000000000 ETH"
    assert found["ETH", "internal"].untold == 1


def test_of_a_token_whose_decimals_are_in_dispute_no_coins_are_shown():
    told = [TokenRecord("eth", USD, "USD", "", decimals) for decimals in (6, 18)]
    (row,) = moved_by_asset(ledger_of(reply(1, SCAN, move(1_500_000), *told)))
    assert row.amount == "1,500,000 base units"


def test_what_is_in_dispute_is_counted_and_not_summed():
    (row,) = moved_by_asset(ledger_of(reply(1, SCAN, native(5)), reply(2, SCOUT, native(6))))
    assert (row.rows, row.disputed, row.amount) == (1, 1, "0.000000000000000000 ETH")


def test_the_report_lists_what_moved_on_accounts(case, tmp_path):
    case.report(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    for part in (
        "Transfers of account chains",
        "calls itself “&lt;/td&gt;&lt;script&gt;alert",
        "8.500000",
        "zero-value",
        SCAM,
        "1 of number 7",
        "failed, moved nothing",
        "outcome not told",
        "time not known",
        "(list “token”) is partial: 1 transactions, truncated: 10,000 rows",
        "Of 1 of 8 transfers no source has told whether they succeeded",
        "8 of 8 transfers are one source&#39;s word",
        "tracing and drawing them is not in this version",
        "two independent hosts agree",
        "3 and 4 Traces, exposure",
        "1 reply or file is kept",
    ):
        assert part in text, part
    assert "<script" not in text
    assert "No trace was run" not in text
    assert "unconfirmed" not in text
    assert ledger_in(case.log).transfers.num_rows == 8


def test_two_reports_of_accounts_are_the_same_bytes(case, tmp_path):
    assert case.report(tmp_path / "a.html") == case.report(tmp_path / "b.html")


def test_tags_on_accounts_in_evidence_stand_on_the_report(case, tmp_path):
    case.tags += cf.Tags.of_rows([{"address": ANN, "label": "A mixer", "source": "somebody", "chain": "eth"}])
    case.report(tmp_path / "a.html")
    assert "A mixer" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_the_notebook_view_of_a_case_of_accounts_works(case):
    assert "transfers" in case._repr_html_()


def test_a_report_without_accounts_does_not_speak_of_them(tmp_path):
    with cf.Case(tmp_path / "empty.chainflow") as empty:
        empty.report(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Transfers" not in text
    assert "Transactions in evidence" in text


# --- times --------------------------------------------------------------------------------------


def page_of(tmp_path, record):
    """Return the report and the picture of one transaction."""
    made = ledger_of(reply(1, "made", record))
    with cf.Case(tmp_path / "empty.chainflow") as empty:
        empty.note("nothing")
        page = render_page(dataclasses.replace(empty.material(), ledger=made)).decode()
    return page.partition("Transactions in evidence")[2], cf.draw(made).render("html").decode()


def test_a_confirmed_transaction_whose_time_nobody_told_is_not_called_unconfirmed(tmp_path):
    report, picture = page_of(tmp_path, dataclasses.replace(tx([origin(9, "a")], [(9, "b")]), time=None))
    assert "time not known" in report
    assert "unconfirmed" not in report
    assert '"when":"time not known"' in picture


def test_an_unconfirmed_transaction_is_called_so(tmp_path):
    report, picture = page_of(tmp_path, tx([origin(9, "a")], [(9, "b")], height=None))
    assert "unconfirmed" in report
    assert '"when":"time not known"' in picture


def test_bytes_without_a_place_are_not_called_unconfirmed(tmp_path):
    bare = dataclasses.replace(tx([origin(9, "a")], [(9, "b")], height=None), is_placed=False)
    report, _ = page_of(tmp_path, bare)
    assert "time not known" in report
    assert "unconfirmed" not in report
