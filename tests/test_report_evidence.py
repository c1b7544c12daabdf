"""From a row of the report back to the replies: who stated what, in which log entry, and the reply itself."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import re

import pytest

import chainflow as cf
from chainflow.cli import commands
from chainflow.model import Listing, TokenRecord, TxOutline
from chainflow.report import entries_about
from tests.ledger.moves import ANN, SCAN, SCOUT, TX, USD, move, native
from tests.made import origin, tx

ONE, TWO = "esplora:https://one.example", "blockbook:https://two.test"
BODY = b'{"verbatim": 1}\n'


def told(case, source, *facts, body=b"{}", chain="btc-regtest", **more):
    """Write a reply of a source that states these facts; return its log entry."""
    host = source.partition("//")[2]
    request = {
        "source": source, "family": "made", "chain": chain, "host": host, "subject": "", "path": "/x",
        "url": source.partition(":")[2], "status": 200, "retrieved": 0, "server_date": "", **more,
    }  # fmt: skip
    return case.log.record(request, body, facts)


@pytest.fixture
def case(tmp_path):
    with cf.Case(tmp_path / "made.chainflow") as made:
        yield made


def page(case, tmp_path):
    case.report(tmp_path / "a.html")
    return (tmp_path / "a.html").read_text(encoding="utf-8")


def row_with(text, *parts):
    """Return the table rows that hold all of these."""
    rows = re.findall(r"<tr.*?</tr>", text, flags=re.DOTALL)
    return [row for row in rows if all(part in row for part in parts)]


def test_a_disputed_transaction_is_marked_and_each_row_is_one_statement(case, tmp_path):
    first = dataclasses.replace(tx([origin(70, "ann")], [(60, "ben")]), raw=None)
    other = dataclasses.replace(tx([origin(70, "ann")], [(50, "ben")]), raw=None, txid=first.txid)
    other = dataclasses.replace(other, height=101, block_hash=f"{101:064x}", time=other.time + 999)
    told(case, ONE, first)
    told(case, TWO, other)
    text = page(case, tmp_path)
    annex = text.partition("Transactions in evidence")[2]
    assert row_with(annex, first.txid, "in dispute")
    (mine,) = row_with(annex, f"{ONE} (log 2)")
    (theirs,) = row_with(annex, f"{TWO} (log 3)")
    assert all(part in mine for part in ("100", "0.00000060", "0.00000010"))
    assert all(part in theirs for part in ("101", "0.00000050", "0.00000020"))
    assert "0.00000050" not in mine
    assert "0.00000060" not in theirs
    listed = text.partition('<h3 id="disputes">')[2].partition("</table>")[0]
    (content,) = row_with(listed, "inputs and outputs")
    assert "neither" in content
    assert re.search(
        r"0\.00000060 .*says esplora:https://one\.example.*0\.00000050 .*says blockbook", content, re.S
    )
    assert "used" not in listed
    assert "refused" not in listed


def test_a_disputed_transfer_prints_both_amounts_in_coins_with_who_stated_which(case, tmp_path):
    token = TokenRecord("eth", USD, "USD", "", 6)
    told(case, SCAN, native(5 * 10**18), move(1_500_000, place="log:1"), token, chain="eth")
    told(case, SCOUT, native(6 * 10**18, height=101, time=1_700_000_900), chain="eth")
    text = page(case, tmp_path)
    listed = text.partition('<h3 id="disputes">')[2].partition("</table>")[0]
    (amounts,) = row_with(listed, "native")
    pattern = r"{}\.000000000000000000 ETH.*?says {}"
    assert re.search(pattern.format(5, re.escape(SCAN)), amounts, re.S)
    assert re.search(pattern.format(6, re.escape(SCOUT)), amounts, re.S)
    annex = text.partition("Transfers in evidence")[2]
    assert row_with(annex, TX, "in dispute")
    (theirs,) = row_with(annex, f"says {SCOUT} (log 3)")
    assert "101" in theirs
    assert "6.000000000000000000 ETH" in theirs
    assert "2023-11-14 22:28:20" in theirs
    for mine in row_with(annex, f"says {SCAN} (log 2)"):
        assert "2023-11-14 22:13:20" in mine
        assert ">100<" in mine


def test_what_is_only_named_by_a_file_is_unknown_and_the_file_is_listed(case, tmp_path):
    files = [["a.csv", "a" * 64], ["b.csv", "b" * 64]]
    named = TxOutline("btc-regtest", "7" * 64, is_placed=True, height=3)
    told(case, "file:arkham.csv", named, host="", url="arkham.csv", files=files, rejected=2)
    text = page(case, tmp_path)
    assert "1 transaction is named by arkham.csv (log entry 2) and not held: fetch it." in text
    assert "2 rows of arkham.csv (log entry 2) were not used." in text
    assert row_with(
        text.partition("Imported files")[2], "arkham.csv", '<td class="n">2</td>', '<td class="n">1</td>'
    )
    assert f"b.csv: {'b' * 64}" in text


def test_a_list_that_is_not_whole_is_named_and_refused_replies_lead_to_their_section(case, tmp_path):
    told(case, ONE, Listing("btc-regtest", "x", "", (), False, "not asked for", which="token"))
    words = {
        "source": ONE,
        "host": "one.example",
        "subject": "",
        "url": "/y" * 300,
        "size": 0,
        "status": None,
    }
    case.log.append("reject", {**words, "error": "nobody answered"})
    text = page(case, tmp_path)
    assert "(list “token”) is partial" in text
    assert "1 reply was refused or did not come; see the end of section 8." in text
    assert "Replies that were refused" in text.partition('<h2 id="check">')[2]


def test_rows_of_the_annex_name_the_entries_that_state_them(case, tmp_path):
    made = tx([origin(9, "ann")], [(9, "ben")])
    event = told(case, ONE, made, body=BODY)
    annex = page(case, tmp_path).partition("Transactions in evidence")[2]
    (row,) = row_with(annex, made.txid)
    assert f"{event.seq} ({hashlib.sha256(BODY).hexdigest()[:12]}…)" in row


def test_newly_made_coins_pay_no_fee(case, tmp_path):
    paid = tx([origin(9, "ann")], [(9, "ben")])
    coinbase = dataclasses.replace(paid, inputs=(), is_coinbase=True, raw=None)
    told(case, ONE, coinbase)
    assert "none: new coins" in page(case, tmp_path)


def test_nothing_is_said_of_a_dagger_where_no_trace_was_run(case, tmp_path):
    assert "†" not in page(case, tmp_path)


# --- chainflow evidence -------------------------------------------------------------------------


def shell(case, capsys, *arguments):
    case.close()
    before = pathlib.Path(case.path).read_bytes()
    commands(["evidence", case.path, *arguments], standalone_mode=False)
    assert pathlib.Path(case.path).read_bytes() == before
    return capsys.readouterr().out


def test_the_entries_that_speak_of_a_transaction_or_an_address_are_listed(case, capsys):
    made = tx([origin(9, "ann")], [(9, "ben")])
    told(case, ONE, made, body=BODY)
    told(case, TWO, tx([origin(9, "cat", number=2)], [(8, "dan")]))
    told(case, SCAN, native(), chain="eth")
    told(case, SCOUT, chain="eth", subject=ANN)
    ben = cf.addresses.address_of(bytes.fromhex(made.outputs[0].script), "btc-regtest")
    assert [entry.seq for entry in entries_about(case.log, made.txid)] == [2]
    assert [entry.seq for entry in entries_about(case.log, ben)] == [2]
    assert [entry.seq for entry in entries_about(case.log, ANN.upper().replace("0X", "0x"))] == [4, 5]
    assert [entry.seq for entry in entries_about(case.log)] == [2, 3, 4, 5]
    found = json.loads(shell(case, capsys, made.txid, "--json"))["entries"]
    assert [(e["seq"], e["sha256"], e["size"], e["status"]) for e in found] == [
        (2, hashlib.sha256(BODY).hexdigest(), len(BODY), 200)
    ]
    assert hashlib.sha256(BODY).hexdigest() in shell(case, capsys, ben)
    assert "that says nothing about the chain" in shell(case, capsys, "8" * 64)


def test_a_raw_reply_is_written_verbatim(case, capsys, tmp_path):
    event = told(case, ONE, body=BODY)
    shell(case, capsys, "--raw", str(event.seq), "-o", str(tmp_path / "raw"))
    assert (tmp_path / "raw").read_bytes() == BODY
    with pytest.raises(cf.ChainflowError, match="log entry 1 holds no raw reply"):
        shell(case, capsys, "--raw", "1", "-o", str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
