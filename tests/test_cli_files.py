"""The shell on files and amounts: what a file names, what it asserts, and how far a figure is known."""

from __future__ import annotations

import csv
import json

import pytest

from chainflow.case import Case
from tests.shell import run_here

HEAD = (
    "transactionHash,fromAddress,fromLabel,fromIsContract,toAddress,toLabel,toIsContract,tokenAddress,type,blockTimestamp,"
    "blockNumber,blockHash,tokenName,tokenSymbol,tokenDecimals,unitValue,tokenId,historicalUSD,chain\n"
)
TXID, BLOCK = "4a" * 32, "5b" * 32
GENESIS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
A, B, USDT = "0x" + "aa" * 20, "0x" + "bb" * 20, "0xdac17f958d2ee523a2206206994597c13d831ec7"
BITCOIN = (
    f"{TXID},{GENESIS},Satoshi (1A1zP),false,{GENESIS},Satoshi (1A1zP),false,,,2026-06-28T13:21:56Z,955807,{BLOCK},"
    "Bitcoin,BTC,8,0.00000546,bitcoin,0.3,bitcoin\n"
)


def token(chain, n):
    return (
        f"0x{str(n) * 64},{A},{A},false,{B},{B},false,{USDT},,2022-06-06T21:48:21Z,1491721{n},0x{BLOCK},"
        f"Tether USD,USDT,6,32.5,tether,32,{chain}\n"
    )


@pytest.fixture
def shell(monkeypatch, capsys, tmp_path):
    """Run a command as the shell would, in this process, in a folder with files and prices."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "btc.csv").write_text(HEAD + BITCOIN)
    (tmp_path / "two.csv").write_text(HEAD + token("ethereum", 1) + token("bsc", 2))
    (tmp_path / "BTC-USD.csv").write_text("date,close\n2026-06-28,60000\n")

    def run(*arguments, code=0):
        return run_here(monkeypatch, capsys, *arguments, code=code)

    return run


def test_a_file_that_only_names_transactions_is_not_called_nothing(shell):
    assert "1 transaction(s) of btc are named by files and not held" in shell(
        "import", "c.chainflow", "btc.csv"
    )
    for command in (
        ("value", "--prices", "BTC-USD.csv"),
        ("balances",),
        ("cross-check", "--source", "mempool"),
    ):
        text = shell(command[0], "c.chainflow", *command[1:], code=1)
        assert "1 transaction(s) of btc are named by files and not held: fetch them" in text
        assert "--list-txids" in text
        assert "nothing was fetched" not in text


def test_the_txids_that_a_file_names_are_listed_for_a_pipe_and_nothing_is_written(shell, tmp_path):
    assert shell("import", "c.chainflow", "btc.csv", "--list-txids") == f"{TXID}\n"
    found = json.loads(shell("import", "c.chainflow", "btc.csv", "--list-txids", "--json"))
    assert found == {"txids": {"btc": [TXID]}}
    assert not (tmp_path / "c.chainflow").exists()


def test_names_in_a_file_become_tags_that_say_in_which_file_they_stand(shell):
    assert "1 name(s) of addresses; 1 new tag(s)." in shell("import", "c.chainflow", "btc.csv", "--labels")
    assert "0 new tag(s)." in shell("import", "c.chainflow", "btc.csv", "--labels")
    with Case("c.chainflow", read_only=True) as case:
        (tag,) = case.tags
        (file,) = case.tags.files
    assert (tag.label, tag.source, tag.file, file.name) == ("Satoshi", "Arkham", "btc.csv", "btc.csv")


def test_without_labels_an_import_adds_no_tag(shell):
    shell("import", "c.chainflow", "btc.csv")
    with Case("c.chainflow", read_only=True) as case:
        assert len(case.tags) == 0


def test_of_a_file_with_several_chains_exactly_these_are_offered(shell, tmp_path):
    text = shell("import", "c.chainflow", "two.csv", code=1)
    assert "two.csv has rows of eth, bnb" in text
    assert "--chain all" in text
    assert "pass chain=" not in text
    assert not (tmp_path / "c.chainflow").exists()


def test_all_chains_of_a_file_are_taken_once_each(shell):
    found = json.loads(shell("import", "c.chainflow", "two.csv", "--chain", "all", "--json"))["chains"]
    assert [(one["facts"], one["is_new"]) for one in found] == [(2, True), (2, True)]
    again = json.loads(shell("import", "c.chainflow", "two.csv", "--chain", "all", "--json"))["chains"]
    assert [one["is_new"] for one in again] == [False, False]
    with Case("c.chainflow", read_only=True) as case:
        assert case.ledger.chains == ("bnb", "eth")
    assert "Everything holds." in shell("verify", "c.chainflow")


def test_all_chains_is_refused_where_rows_name_none(shell, tmp_path):
    (tmp_path / "own.csv").write_text(f"txid,height\n{TXID},7\n")
    assert "does not say of which chains" in shell(
        "import", "c.chainflow", "own.csv", "--chain", "all", code=1
    )


def test_a_balance_whose_history_nobody_asked_for_is_not_known(shell):
    shell("import", "c.chainflow", "two.csv", "--chain", "eth")
    line = next(line for line in shell("balances", "c.chainflow").splitlines() if A in line)
    cells = [cell.strip() for cell in line.split("│")]
    assert cells[2:] == [
        *(
            f"“USDT” {USDT}",
            "none held",
            "32.5",
            "",
            "not known (net of what is held: -32.5)",
            "at least 32.5",
        ),
        "history not asked",
    ]
    rows = json.loads(shell("balances", "c.chainflow", "--json"))["balances"]
    sent = next(row for row in rows if row["address"] == A)
    assert (sent["balance_raw"], sent["balance"], sent["decimals"], sent["known"]) == (
        *("-32500000", "-32.500000", 6, "history not asked"),
    )


def test_worth_is_readable_in_the_table_and_exact_in_the_file(shell, tmp_path):
    shell("import", "c.chainflow", "two.csv", "--chain", "eth")
    (tmp_path / "token.csv").write_text(f"date,close,asset,currency\n2022-06-06,1.00123,eth:{USDT},USD\n")
    text = shell("value", "c.chainflow", "--prices", "token.csv")
    for cell in ("eth", A, B, "32.5", "“USDT” 0xdac17f…1ec7", "32.54 USD", "outcome not told"):
        assert f" {cell} " in text.replace("\n", " ")
    shell("value", "c.chainflow", "--prices", "token.csv", "-o", "worth.csv")
    (row,) = csv.DictReader((tmp_path / "worth.csv").read_text(encoding="utf-8").splitlines())
    assert (row["fiat"], row["amount_raw"], row["decimals"], row["sender"], row["contract"]) == (
        *("32.539975", "32500000", "6", A, USDT),
    )


def test_why_there_is_no_worth_is_counted_by_reason(shell):
    shell("import", "c.chainflow", "two.csv", "--chain", "all")
    text = shell("value", "c.chainflow", "--prices", "BTC-USD.csv", "-o", "worth.csv")
    assert "2 rows in worth.csv." in text
    assert "2 without a worth: no price of this asset in USD at all: the files hold BTC in USD." in text
