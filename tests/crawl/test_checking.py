"""Asking another operator about what is held: agreement, disputes, and what neither total nor trace counts."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from chainflow import samples
from chainflow.case import Case
from chainflow.cli.group import commands
from chainflow.errors import BadInput
from chainflow.model import EndReason, TransferKind, TransferRecord
from chainflow.serve import Answer, Explorer
from tests.crawl.servers import answering, changed

FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
GONE = Answer(404, "text/plain", b"Transaction not found")


@pytest.fixture
def second(colonial):
    """Run the explorer of another operator: another name is another host."""
    with Explorer(colonial) as running:
        yield running


@pytest.fixture
def other(second):
    return f"esplora:http://localhost:{second.port}"


def pair_of(ledger):
    """Return an output that is held, whose spender is held too: (txid, vout, spender)."""
    held = set(ledger.txs["txid"].to_pylist())
    rows = [row for row in ledger.outputs.to_pylist() if row["txid"] in held and row["spent_by"] in held]
    assert rows
    return rows[0]["txid"], rows[0]["vout"], rows[0]["spent_by"]


def lie(explorer, txid, change):
    answering(explorer, lambda path, found: changed(found, change) if path == f"/tx/{txid}" else found)


def later_block(tx):
    tx["status"]["block_height"] += 1
    return tx


def richer(tx):
    """State that the first coin spent was worth more, and the fee with it: the sums still agree."""
    tx["vin"][0]["prevout"]["value"] += 1_000
    tx["fee"] += 1_000
    return tx


def test_two_that_say_the_same_agree(case, other, second, explorer):
    before = case.fetch(FBI).ledger
    checked = case.cross_check(other)
    assert (checked.disputed, checked.not_given, checked.host) == ((), (), f"localhost:{second.port}")
    assert list(checked.agreed) == sorted(before.txs["txid"].to_pylist())
    assert checked.ledger.txs.equals(before.txs)
    assert set(case.disclosures["host"]) == {f"127.0.0.1:{explorer.port}", f"localhost:{second.port}"}
    assert len(second.requests) == 1 + len(before)
    assert "4 agree, 0 statement(s) disputed" in repr(checked)
    assert "Cross-check with localhost" in checked._repr_html_()
    assert case.verify().ok


def test_a_second_check_asks_nothing(case, other, second):
    case.fetch(FBI)
    case.cross_check(other)
    before = list(second.requests)
    assert len(case.cross_check(other).agreed) == 4
    assert second.requests == before


def test_a_lie_about_the_block_is_found_and_counted_nowhere(case, other, second):
    ledger = case.fetch(FBI).ledger
    txid, vout, spender = pair_of(ledger)
    lie(second, spender, later_block)
    checked = case.cross_check(other)
    assert {row[:2] for row in checked.disputed} == {(spender, "block")}
    assert set(checked.agreed) == set(ledger.txs["txid"].to_pylist()) - {spender}
    assert checked.ledger.disputed == {("btc", spender)}
    sums = checked.ledger.balances()
    assert sums.attrs["disputed"] == [spender]
    assert sums["received_raw"].sum() < ledger.balances()["received_raw"].sum()
    trail = case.trace(f"{txid}:{vout}", "fifo", stop=())
    assert trail.balance == {EndReason.DISPUTED: trail.seed_sat}
    html = checked.ledger._repr_html_()
    assert "left out of every total: sources disagree" in html
    assert spender in html
    assert spender in checked._repr_html_()
    assert case.verify().ok


def test_a_lie_about_an_amount_that_nothing_proves_is_a_dispute(case, other, second):
    ledger = case.fetch(FBI).ledger
    held = set(ledger.txs["txid"].to_pylist())
    spent = [row for row in ledger.outputs.to_pylist() if row["txid"] not in held and row["spent_vin"] == 0]
    spender = spent[0]["spent_by"]
    lie(second, spender, richer)
    checked = case.cross_check(other)
    assert {row[0] for row in checked.disputed} == {spender}
    (row,) = checked.disputed
    assert row[1] == f"prevout {spent[0]['txid']}:{spent[0]['vout']}"
    assert str(spent[0]["value_sat"]) in row[2]
    assert str(spent[0]["value_sat"] + 1_000) in row[3]
    assert checked.ledger.disputed == {("btc", spender)}
    assert spender in checked.ledger._repr_html_()


def test_a_lie_about_an_amount_whose_transaction_is_held_is_refuted_by_its_bytes(case, other, second):
    ledger = case.fetch(FBI).ledger
    rows = ledger.outputs.to_pylist()
    held = set(ledger.txs["txid"].to_pylist())
    (spender, *_) = [row["spent_by"] for row in rows if row["txid"] in held and row["spent_vin"] == 0]
    lie(second, spender, richer)
    checked = case.cross_check(other)
    assert {row[0] for row in checked.disputed} == {spender}
    assert checked.ledger.disputed == frozenset()
    assert set(case.disputes["why"]) == {"the transaction that made it says otherwise"}
    before = ledger.balances().drop(columns="contract")
    assert checked.ledger.balances().drop(columns="contract").equals(before)


def test_an_answer_that_hashes_to_another_txid_is_not_used(case, other, second):
    ledger = case.fetch(FBI).ledger
    txid = ledger.txs["txid"].to_pylist()[0]

    def pays_more(tx):
        tx["vout"][0]["value"] += 1
        return tx

    lie(second, txid, pays_more)
    checked = case.cross_check(other)
    ((name, why),) = checked.not_given
    assert name == txid
    assert "hashes to" in why
    assert checked.disputed == ()
    assert len(checked.agreed) == len(ledger) - 1
    assert checked.ledger.txs.equals(ledger.txs)


def test_what_the_second_does_not_know_is_said_and_the_others_are_checked(case, other, second):
    ledger = case.fetch(FBI).ledger
    lost = ledger.txs["txid"].to_pylist()[1]
    answering(second, lambda path, found: GONE if path == f"/tx/{lost}" else found)
    checked = case.cross_check(other)
    assert [name for name, _ in checked.not_given] == [lost]
    assert "the source declines" in checked.not_given[0][1]
    assert len(checked.agreed) == len(ledger) - 1


def test_only_the_chosen_transactions_are_asked_for(case, other, second):
    txid = case.fetch(FBI).ledger.txs["txid"].to_pylist()[0]
    assert case.cross_check(other, [txid]).agreed == (txid,)
    assert second.requests == ["/blocks/tip/height", f"/tx/{txid}"]
    with pytest.raises(BadInput, match="is not in this case"):
        case.cross_check(other, ["ab" * 32])


def test_a_budget_says_what_was_not_asked(case, other, second):
    case.fetch(FBI)
    checked = case.cross_check(other, budget=3)
    assert len(second.requests) == 3
    assert [why for _, why in checked.not_given] == ["budget of 3 requests spent"] * 2
    assert len(case.cross_check(other).agreed) == 4


def test_a_check_with_the_same_server_is_refused_before_it_is_asked(case, explorer):
    case.fetch(FBI)
    before = list(explorer.requests)
    with pytest.raises(BadInput, match=f"everything in this case comes from 127.0.0.1:{explorer.port}"):
        case.cross_check(f"esplora:{explorer.url}")
    assert explorer.requests == before


def test_another_server_on_the_same_machine_may_be_asked_and_makes_no_second_operator(case, second):
    before = case.fetch(FBI).ledger
    checked = case.cross_check(f"esplora:{second.url}")
    assert (len(checked.agreed), checked.compared, checked.host) == (4, 4, f"127.0.0.1:{second.port}")
    assert checked.ledger.levels == before.levels


def test_where_the_second_gives_nothing_the_result_says_that_nothing_was_compared(case, other, second):
    case.fetch(FBI)
    answering(second, lambda path, found: GONE)
    checked = case.cross_check(other)
    assert (checked.agreed, checked.disputed, checked.compared) == ((), (), 0)
    assert len(checked.not_given) == 4
    assert "nothing was compared" in repr(checked)
    assert "nothing was compared" in checked._repr_html_()
    assert "0 transactions" not in checked._repr_html_()


def test_the_command_says_that_nothing_was_compared_and_fails(case, other, second):
    case.fetch(FBI)
    case.close()
    answering(second, lambda path, found: GONE)
    told = CliRunner().invoke(commands, ["cross-check", case.path, "--source", other])
    assert told.exit_code == 1
    assert "Nothing was compared" in told.output
    told = CliRunner().invoke(commands, ["cross-check", case.path, "--source", other, "--json"])
    assert (told.exit_code, json.loads(told.stdout)["compared"]) == (1, 0)


def test_accounts_have_no_proofs_and_asking_for_them_is_refused(tmp_path):
    row = TransferRecord("eth", "0x" + "11" * 32, TransferKind.NATIVE, None, "0x" + "22" * 20, None, 5, 5)
    request = dict.fromkeys(("path", "url", "host", "subject"), "") | {"source": "file:a", "family": "file:x"}
    with Case(tmp_path / "a.chainflow", "etherscan:http://127.0.0.1:1", chain="eth") as case:
        case.log.record({**request, "chain": "eth", "status": 200, "retrieved": 0}, b"", [row])
        with pytest.raises(BadInput, match="proving blocks of accounts"):
            case.prove()


def test_what_only_the_checking_host_gave_is_not_called_agreed(case, other, second, tmp_path):
    ransom = samples.facts("colonial")["addresses"][0]
    first = set(case.fetch(FBI).ledger.txs["txid"].to_pylist())
    path = case.path
    case.close()
    with Case(path, other) as again:
        both = set(again.fetch(ransom).ledger.txs["txid"].to_pylist())
        assert both - first
        checked = again.cross_check(other)
        assert not set(checked.agreed) & (both - first)
        assert {(name, why) for name, why in checked.not_given} == {
            (txid, f"localhost:{second.port} alone gave it") for txid in both - first
        }
