"""The lists of an account's history: what was not asked for, refused, or is not to be had is in the coverage."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from chainflow.case import Case
from chainflow.crawl import Plan
from chainflow.errors import BadResponse, OfflineMode
from chainflow.sources.etherscan import Etherscan
from tests.sources.faulty import Answer, FaultyServer, text

WHO = "0x" + "ab" * 20
LISTS = ["native", "internal", "token", "nft", "token1155"]
ABSENT = ["withdrawals", "rewards"]
ACTIONS = ["txlist", "txlistinternal", "tokentx", "tokennfttx", "token1155tx"]
NONE = {"status": "0", "message": "No transactions found", "result": []}
NOT_READY = {"status": "2", "message": "OK", "result": "Some internal transactions are not processed yet"}
TIP = {"jsonrpc": "2.0", "id": 1, "result": "0x100"}


class _ByAction(dict[str, list[Answer]]):
    def get(self, path: str, default: object = None) -> list[Answer]:  # type: ignore[override]
        action = parse_qs(urlsplit(path).query)["action"][0]
        return [text(json.dumps(super().get(action, default or NONE)))]


@pytest.fixture
def server():
    running = FaultyServer()
    running.answers = _ByAction(eth_block_number=TIP)
    yield running
    running.stop()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.chainflow"


@pytest.fixture
def case(path, server):
    with Case(path, f"etherscan:{server.url}", chain="eth") as opened:
        yield opened


def covered(ledger):
    rows = ledger.coverage.to_dict("records")
    assert {row["address"] for row in rows} <= {WHO}
    assert all((row["state"] == "partial") == bool(row["reason"]) for row in rows)
    return {row["list"]: row["reason"] for row in rows}


def test_lists_that_nobody_asked_for_are_in_the_coverage_and_so_are_those_that_the_host_lacks(case):
    reasons = covered(case.fetch(WHO, budget=2).ledger)
    assert reasons == {
        "native": "",
        **dict.fromkeys(LISTS[1:], "not asked for"),
        **dict.fromkeys(ABSENT, "not offered by this source"),
    }
    assert case.ledger.coverage.query("reason == 'not asked for'")["as_of_height"].isna().all()
    assert case.verify().ok


def test_lists_that_are_asked_for_later_are_complete_then(case):
    case.fetch(WHO, budget=2)
    reasons = covered(case.fetch(WHO).ledger)
    assert reasons == dict.fromkeys(LISTS, "") | dict.fromkeys(ABSENT, "not offered by this source")


def test_a_refused_list_says_in_which_words_and_hides_no_other(case, server):
    case.fetch(WHO, budget=2)
    before = case.ledger.digest
    server.answers["txlistinternal"] = NOT_READY
    case.fetch(WHO)
    reasons = covered(case.ledger)
    assert case.ledger.digest != before
    assert reasons["internal"].startswith("refused: ")
    assert "not processed yet" in reasons["internal"]
    assert [reasons[which] for which in ("native", "token", "nft", "token1155")] == [""] * 4
    server.answers["txlistinternal"] = NONE
    assert covered(case.fetch(WHO).ledger)["internal"] == ""
    assert case.verify().ok


def test_a_refusal_to_a_refresh_does_not_take_away_what_was_read(case, server):
    case.fetch(WHO)
    server.answers["txlistinternal"] = NOT_READY
    case.fetch(WHO, refresh=True)
    assert covered(case.ledger)["internal"] == ""


def test_where_every_list_is_refused_the_coverage_says_so_and_not_none(case, server):
    server.answers |= dict.fromkeys(ACTIONS, NOT_READY)
    with pytest.raises(BadResponse):
        case.fetch(WHO)
    assert all(covered(case.ledger)[which].startswith("refused: ") for which in LISTS)


def test_a_dry_run_plans_the_first_page_of_every_list(case, server):
    plan = case.fetch(WHO, dry_run=True)
    assert isinstance(plan, Plan)
    assert len(plan.requests) == 6
    case.fetch(WHO)
    assert [asked.path for asked in server.asked] == [path for path, _ in plan.requests]


def test_a_dry_run_with_a_budget_plans_no_more_than_that(case):
    plan = case.fetch(WHO, dry_run=True, budget=3)
    assert isinstance(plan, Plan)
    assert len(plan.requests) == 3


def test_offline_shows_the_lists_that_are_held_and_says_which_are_not(path, case):
    case.fetch(WHO, budget=3)
    case.close()
    with Case(path, offline=True) as again:
        done = again.fetch(WHO)
        assert dict(done.not_followed) == {WHO: "offline: not in the case"}
        assert covered(done.ledger)["internal"] == ""
        assert covered(done.ledger)["token"] == "not asked for"
        with pytest.raises(OfflineMode):
            again.fetch("0x" + "cd" * 20)


def test_offline_a_later_list_is_read_though_an_earlier_one_is_not_held(path, case, server):
    server.answers["txlist"] = NOT_READY
    case.fetch(WHO)
    case.close()
    with Case(path, offline=True) as again:
        done = again.fetch(WHO)
    assert covered(done.ledger)["token"] == ""
    assert covered(done.ledger)["native"].startswith("refused: ")
    assert done.not_followed


def test_only_what_can_be_there_and_is_not_is_called_not_offered():
    for url, chain, absent in [
        (None, "eth", ()),
        ("http://127.0.0.1:4000", "eth", ("withdrawals", "rewards")),
        ("http://127.0.0.1:4000", "gnosis", ("rewards",)),
        ("http://127.0.0.1:4000", "base", ()),
    ]:
        assert Etherscan(url, chain=chain).not_offered == absent


def test_a_page_that_was_refused_after_others_is_named_with_what_came_before(tmp_path, server):
    names = ("hash", "blockHash")
    numbers = (
        "gasUsed",
        "gasPrice",
        "gas",
        "cumulativeGasUsed",
        "confirmations",
        "transactionIndex",
        "nonce",
    )
    row = {
        **dict.fromkeys(names, "0x" + "33" * 32),
        **dict.fromkeys(numbers, "1"),
        "from": WHO,
        "to": "0x" + "22" * 20,
        "value": "5",
        "timeStamp": "1600000000",
        "isError": "0",
        "txreceipt_status": "1",
        "contractAddress": "",
        "input": "0x",
    }
    rows = [{**row, "blockNumber": str(7 + k // 49), "hash": f"0x{k:064x}"} for k in range(50)]
    first = {"status": "1", "message": "OK", "result": rows}
    server.answers["txlist"] = first
    asked = []

    class Once(_ByAction):
        def get(self, path, default=None):
            if "action=txlist&" in path:
                asked.append(path)
                return [text(json.dumps(first if "startblock=0" in path else NOT_READY))]
            return super().get(path, default)

    server.answers = Once(server.answers)
    with Case(tmp_path / "b.chainflow", f"etherscan:{server.url}", chain="eth") as case:
        case.fetch(WHO)
        reason = covered(case.ledger)["native"]
    assert len(asked) == 2
    assert reason.startswith("49 transactions: refused: ")
