"""fetch over real HTTP against the replay explorer: what is asked, resumed, refused, disclosed."""

from __future__ import annotations

import pytest

import chainflow as cf
from chainflow import samples
from chainflow.case import Case
from chainflow.crawl import Plan
from chainflow.errors import AddressInvalid, BadInput, NotFound, OfflineMode, ProofFailed
from chainflow.serve import Explorer

FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
ANCHOR = "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"
RANSOM = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"


def test_fetched_over_http_equals_the_sealed_sample(explorer, colonial):
    fetched = cf.fetch([ANCHOR, FBI, RANSOM], f"esplora:{explorer.url}")
    columns = [name for name in colonial.outputs.column_names if name != "as_of_height"]
    assert fetched.outputs.select(columns).equals(colonial.outputs.select(columns))
    assert fetched.txs.drop_columns(["position"]).equals(colonial.txs.drop_columns(["position"]))
    assert fetched.verified == (10, 10)


def test_the_count_is_read_first_and_then_the_pages(explorer):
    cf.fetch(FBI, f"esplora:{explorer.url}")
    assert explorer.requests == ["/blocks/tip/height", f"/address/{FBI}", f"/address/{FBI}/txs"]


def test_a_second_fetch_asks_nothing(case, explorer):
    case.fetch(FBI)
    before, head = list(explorer.requests), case.log.head
    again = case.fetch(FBI)
    assert (again.asked, again.reused) == (0, 2)
    assert explorer.requests == before
    assert case.log.head == head


def test_a_dry_run_says_what_the_host_would_learn_and_sends_nothing(case, explorer):
    plan = case.fetch(
        [FBI, "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a:1"], dry_run=True
    )
    assert isinstance(plan, Plan)
    assert explorer.requests == []
    assert plan.host == f"127.0.0.1:{explorer.port}"
    assert FBI in plan.discloses
    assert "which learns that you look at" in str(plan)
    case.fetch(FBI)
    assert "learns nothing" in str(case.fetch(FBI, dry_run=True))


def test_the_disclosure_ledger_equals_the_servers_own_log(case, explorer):
    case.fetch([FBI, ANCHOR], hops=2, max_txs=3)
    asked = [path for path in explorer.requests if path != "/blocks/tip/height"]
    assert int(case.disclosures["requests"].sum()) == len(asked)
    assert all(any(subject in path for path in asked) for subject in case.disclosures["subject"])


def test_the_size_guard_does_not_read_a_service(case, explorer):
    done = case.fetch(FBI, max_txs=3)
    assert dict(done.not_followed) == {FBI: "4 transactions, more than max_txs=3"}
    assert f"/address/{FBI}/txs" not in explorer.requests
    assert case.ledger.coverage["reason"].tolist() == ["0 of 4 transactions: not asked for"]


def test_a_budget_stops_and_the_next_fetch_goes_on(case, explorer):
    first = case.fetch([ANCHOR, FBI], budget=2)
    assert first.asked == 2
    assert any("budget of 2 requests spent" in why for _, why in first.not_followed)
    case.fetch([ANCHOR, FBI])
    assert len(explorer.requests) == len(set(explorer.requests)) + 1  # only the tip is asked again


def test_hops_lead_along_payments_in_the_direction_asked(case):
    done = case.fetch(RANSOM, hops=2, direction="backward", max_txs=500)
    asked = set(case.disclosures["subject"])
    assert "bc1quq29mutxkgxmjfdr7ayj3zd9ad0ld5mrhh89l2" in asked  # paid the ransom address
    assert "1DToN8Q6y31TGAz75Df729Bnujk6Xg7q5X" not in asked  # was paid by it
    assert done.ledger.verified[0] == done.ledger.verified[1]


def test_stop_addresses_are_not_read(case):
    payer = "bc1quq29mutxkgxmjfdr7ayj3zd9ad0ld5mrhh89l2"
    done = case.fetch(RANSOM, hops=2, direction="backward", stop={payer})
    assert dict(done.not_followed)[payer] == "stop: tagged"
    assert payer not in set(case.disclosures["subject"])


def test_a_transaction_is_fetched_with_its_spends(case):
    txid = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"
    case.fetch(f"{txid}:1")
    assert case.ledger.txs["txid"].to_pylist() == [txid]
    states = {r["vout"]: r["spent_by"] for r in case.ledger.outputs.to_pylist() if r["txid"] == txid}
    assert states[1].startswith("6f8fcc22")


@pytest.mark.parametrize("batched", [True, False])
def test_spends_are_asked_in_batches_where_the_source_takes_them(tmp_path, colonial, batched):
    with (
        Explorer(colonial, batched_outspends=batched) as explorer,
        Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case,
    ):
        case.fetch(ANCHOR, spends=True)
        single = [path for path in explorer.requests if path.endswith("/outspends")]
        assert len(single) == (0 if batched else 4)
        assert case.ledger.to_pandas()["spend_state"].tolist().count("unknown") < 170


def test_offline_reads_the_case_and_never_asks(tmp_path, explorer):
    with Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case:
        case.fetch(FBI)
        digest = case.ledger.digest
    before = list(explorer.requests)
    with Case(tmp_path / "a.chainflow", offline=True) as case:
        done = case.fetch(FBI, hops=2)
        assert done.ledger.digest == digest
        assert all(why == "offline: not in the case" for _, why in done.not_followed)
        with pytest.raises(OfflineMode, match="is not in the case"):
            case.fetch(ANCHOR)
    assert explorer.requests == before


def test_refresh_asks_again(case, explorer):
    case.fetch(FBI)
    case.fetch(FBI, refresh=True)
    assert explorer.requests.count(f"/address/{FBI}/txs") == 2
    assert case.verify().ok


@pytest.mark.parametrize(
    "seed", ["bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gl5", "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fR"]
)
def test_a_wrong_character_is_refused_before_anything_is_asked(case, explorer, seed):
    with pytest.raises(AddressInvalid):
        case.fetch(seed)
    assert explorer.requests == []


@pytest.mark.parametrize("seeds", [[], "abc:x"])
def test_what_is_no_seed_is_refused(case, seeds):
    with pytest.raises((BadInput, AddressInvalid)):
        case.fetch(seeds)


def test_an_address_of_another_chain_than_was_said_is_refused(tmp_path, explorer):
    source = f"esplora:{explorer.url}"
    with Case(tmp_path / "a.chainflow", source, chain="btc") as case, pytest.raises(AddressInvalid):
        case.fetch("ltc1qg42tkwuuxefutzxezdkdel39gfstuap288mfea")
    assert explorer.requests == []


def test_the_chain_of_an_own_server_is_what_the_seeds_say(tmp_path):
    lesson = samples.peel_chain(length=2)
    payee = lesson.ledger.outputs["address"].to_pylist()[0]
    with Explorer(lesson.ledger) as explorer:
        assert cf.fetch(payee, f"esplora:{explorer.url}").chains == ("btc-regtest",)
        with Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case:
            assert case.fetch(payee).ledger.chains == ("btc-regtest",)
            assert case.fetch(lesson.seed).ledger.chains == ("btc-regtest",)


def test_a_reply_about_another_chain_says_which_to_name():
    lesson = samples.peel_chain(length=2)
    with Explorer(lesson.ledger) as explorer, pytest.raises(ProofFailed, match="pass chain='btc-regtest'"):
        cf.fetch(lesson.seed, f"esplora:{explorer.url}")


def test_a_transaction_that_the_source_does_not_have_is_kept_as_its_word(case):
    with pytest.raises(NotFound):
        case.fetch("ab" * 32)
    assert [event.content["status"] for event in case.log.events("reject")] == [404]
    assert case.verify().ok
