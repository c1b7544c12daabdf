"""What the report, and each verb, says of accounts and of times: what is not known or not possible is said."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shlex
import sys

import pytest

import chainflow as cf
from chainflow.cli import main
from chainflow.crawl.fetching import ledger_of as ledger_in
from chainflow.errors import BadInput
from chainflow.model import Listing, TokenRecord
from chainflow.report import render_page
from chainflow.report.accounts import moved_by_asset
from chainflow.report.traces import granted_rows
from chainflow.sources.accounts import SCAM
from chainflow.tracing import Asset
from chainflow.tracing.conversions import Conversion, Conversions, Leg
from tests.ledger.moves import (
    ANN,
    BEN,
    CAT,
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


def test_a_picture_of_accounts_is_refused_in_words(case, ledger):
    trail = cf.trace(ledger, ANN)
    for verb in (lambda: cf.draw(ledger), lambda: cf.draw(trail, ledger=ledger), case.draw):
        with pytest.raises(BadInput, match=r"drawing accounts \(eth\) is not in this version"):
            verb()


def test_of_a_ledger_of_both_kinds_outputs_and_accounts_are_traced_each_on_its_own_chain():
    paid = tx([origin(9, "ann")], [(9, "ben")])
    both = ledger_of(reply(1, SCAN, *FACTS, paid))
    assert cf.trace(both, paid.txid).seed_sat == 9
    assert len(cf.cluster(both)) == len({*both.index.labels, *both.accounts}) == 4
    traced = [cf.trace(both, seed) for seed in (BEN, BEN.upper().replace("0X", "0x"))]
    assert traced[0].outputs.equals(traced[1].outputs)
    assert [str(asset) for asset in traced[0].assets] == ["eth", f"eth:{BEN}:7", f"eth:{USD}"]
    with pytest.raises(BadInput, match="the seeds are on btc-regtest and eth"):
        cf.trace(both, [BEN, paid.txid])


def test_amounts_of_several_assets_are_shown_apart_and_never_added(ledger):
    trail = cf.trace(ledger, TX)
    with pytest.raises(BadInput, match="which no sum can mix"):
        trail.seed_sat  # noqa: B018
    sums = {str(asset): both for asset, both in trail.closing().totals.items()}
    assert sums == {
        "eth": (10**18 + 5, 10**18 + 5),
        f"eth:{USD}": (8_500_000, 8_500_000),
        f"eth:{BEN}:7": (1, 1),
    }


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
        "drawing them is not in this version",
        "two independent hosts agree",
        "No trace was run in this case",
        "1 reply or file is kept",
    ):
        assert part in text, part
    assert "<script" not in text
    assert "unconfirmed" not in text
    assert ledger_in(case.log).transfers.num_rows == 8


def section(tmp_path, name):
    """Return the words of one section of the report that was written, without its marks."""
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    part = text.partition(f'<h2 id="{name}">')[2].partition("<h2 id=")[0]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part)))


HOSTILE = "theft </p><script>alert(2)</script> &amp;"


@pytest.fixture
def traced(case):
    """Return the case with a trace of each kind of choice that the report has to say."""
    case.tags += cf.Tags.of_rows(
        [{"address": BEN, "label": EVIL, "source": "<b>me</b>", "chain": "eth", "category": "exchange"}]
    )
    case.trace({HOSTILE: f"{TX}:log:1", "rest": [TX, BEN]}, "fifo")
    case.trace(BEN, "fifo", stop=(), direction="backward", asset=USD, max_txs=9)
    case.trace(TX, "fifo", targets=[BEN], contracts=(), within=60, dust_sat=2, stop=())
    return case


def test_the_report_of_a_trace_over_accounts_has_a_closing_balance_per_asset(traced, tmp_path):
    traced.report(tmp_path / "a.html")
    words = section(tmp_path, "traces")
    for part in (
        "Closing balance of eth :",
        f"Closing balance of eth:{USD} :",
        "seed rest 1.000000000000000005 ETH 100.00 % = opening 1.000000000000000005 ETH",
        "unknown unknown: not in evidence 1.000000000000000005 ETH 100.00 %",
        "= closing 1.000000000000000005 ETH",
        f"seed {HOSTILE} 0.000000 </td><script>alert(1)</script> (0xdddddd…)",
        "ends at contracts that the evidence shows",
        "walks through contracts",
        "within 60 seconds of the first seed",
        "1 address of interest, where it ends as reached",
        f"only {USD}",
    ):
        assert part in words, (part, words)
    assert words.count("difference 0.000000000000000000 ETH") == 2
    assert "has changed since" not in words
    assert "have changed since" not in words


def test_what_strangers_wrote_is_text_on_the_report_of_a_trace(traced, tmp_path):
    traced.report(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<b>me</b>" not in text
    assert "theft &lt;/p&gt;&lt;script&gt;alert(2)&lt;/script&gt; &amp;amp;" in text


def test_the_report_shows_the_way_to_the_largest_ends_and_who_was_reached(traced, tmp_path):
    traced.report(tmp_path / "a.html")
    words = section(tmp_path, "traces")
    assert f"How it went on from {ANN} : 7.000000" in words
    assert "Tagged addresses that the trace reached, as ends or on the way. The same coins may" in words
    exposed = section(tmp_path, "exposure")
    assert f"amount of eth:{USD} share exchange unknown: not in evidence 8.500000" in exposed


def test_the_report_says_what_a_trace_over_accounts_lost_sight_of(traced, tmp_path):
    traced.report(tmp_path / "a.html")
    words = section(tmp_path, "unknown")
    assert (
        "loses sight of 0.000000000000000005 ETH in transfers of which no source told whether they succeeded"
        in words
    )
    assert (
        "of step 5 loses sight of 8.500000 </td><script>alert(1)</script> (0xdddddd…) at accounts whose"
        in words
    )


def test_what_an_account_must_have_held_is_said_to_be_taken_for_granted(tmp_path):
    facts = [native(10, position=1), native(30, txid=OTHER, sender=BEN, recipient=CAT, position=2)]
    ledger = ledger_of(reply(1, SCAN, *facts))
    trail = cf.trace(ledger, TX, "lifo")
    assert granted_rows(trail) == [(BEN, "0.000000000000000020 ETH", "history not asked", "0")]
    assert trail.balance == {"unknown: not in evidence": 10}


def test_the_report_says_what_a_label_could_not_claim(traced, tmp_path):
    traced.report(tmp_path / "a.html")
    said = section(tmp_path, "traces")
    assert (
        f"{HOSTILE} could not claim 1.500000 </td><script>alert(1)</script> (0xdddddd…) at {TX}:log:1: rest"
        in said
    )


def test_the_steps_of_a_trace_over_accounts_are_made_again_and_are_the_same(traced):
    studies = traced.material().studies
    assert [(study.step > study.declared, study.is_same) for study in studies] == [(True, True)] * 3
    assert [study.figure for study in studies] == [None] * 3
    assert studies[0].trace.seeds == ("rest", HOSTILE)
    assert studies[2].trace.recipe.parameters["contracts"] == []


def test_the_commands_of_the_report_make_the_same_traces(traced, tmp_path, monkeypatch, capsys):
    traced.report(tmp_path / "a.html")
    text = html.unescape((tmp_path / "a.html").read_text(encoding="utf-8"))
    lines = [line for line in text.partition("<pre>")[2].splitlines() if line.startswith("chainflow trace")]
    studies = [one.trace for one in traced.material().studies]
    traced.close()
    monkeypatch.chdir(tmp_path)
    found = []
    for line in lines:
        monkeypatch.setattr(sys, "argv", [*shlex.split(line), "--json"])
        main()
        found.append(json.loads(capsys.readouterr().out)["digest"])
    assert found == [trail.digest for trail in studies]


def test_a_trace_through_conversions_is_made_again_from_the_case(traced):
    paid = Leg("eth", TX, "", Asset("eth", None), BEN, 10**18)
    token = Leg("eth", TX, "log:1", Asset("eth", USD), BEN, 1_500_000)
    stated = Conversions([Conversion(paid, token, "swap", "same transaction", "as told", "an analyst")])
    trail = traced.trace(TX, "fifo", asset="native", stop=(), conversions=stated)
    assert trail.recipe.parameters["conversions"] == stated.digest
    assert all(study.is_same for study in traced.material().studies)
    assert not traced.material().lost


def test_two_reports_of_accounts_are_the_same_bytes(case, traced, tmp_path):
    assert case is traced
    assert case.report(tmp_path / "a.html") == case.report(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


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
