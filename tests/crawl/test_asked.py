"""How little is asked: a page first, a count only where a list cannot be believed without it."""

from __future__ import annotations

import pytest

from benchmarks.requests import make_relay
from chainflow.case import Case
from chainflow.errors import RateLimited, SourceUnavailable
from chainflow.serve import Answer, Explorer
from chainflow.sources.esplora import Esplora
from tests.crawl.servers import answering, changed, impatient

HOPS = 5


@pytest.fixture
def relay(tmp_path):
    ledger, first, others = make_relay(HOPS)
    with (
        Explorer(ledger) as explorer,
        Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case,
    ):
        yield explorer, case, first, others


def counts(explorer):
    return [path for path in explorer.requests if path.startswith("/address/") and path.count("/") == 2]


def test_a_hop_through_a_fresh_address_costs_one_request(relay):
    explorer, case, first, others = relay
    for hops in range(1, HOPS + 1):
        done = case.fetch(first, hops=hops, direction="forward")
        assert len(explorer.requests) == 2 + hops + (hops - 1)  # each call asks for the newest height once
    assert set(done.ledger.coverage["state"]) == {"complete"}
    assert counts(explorer) == [f"/address/{first}"]
    assert [path.split("/")[2] for path in explorer.requests if path.endswith("/txs")] == [first, *others]


def test_counts_asks_of_every_address_how_many_there_are(relay):
    explorer, case, first, others = relay
    case.fetch(first, hops=HOPS, direction="forward", counts=True)
    assert counts(explorer) == [f"/address/{name}" for name in (first, *others)]


def lacking(explorer, address, is_lost):
    """Let a history lack the transactions of which `is_lost` is true; the count stays."""

    def change(path, found):
        if not path.startswith(f"/address/{address}/txs"):
            return found
        return changed(found, lambda page: [tx for tx in page if not is_lost(tx)])

    answering(explorer, change)


def spends_from(address):
    return lambda tx: any(
        vin["prevout"] and vin["prevout"]["scriptpubkey_address"] == address for vin in tx["vin"]
    )


def pays(address):
    return lambda tx: any(out.get("scriptpubkey_address") == address for out in tx["vout"])


def test_a_list_without_the_transaction_that_led_there_makes_the_count_be_asked(relay):
    explorer, case, first, others = relay
    # what is left on the page spends a coin, too, that nothing on the page brought
    lacking(explorer, others[0], pays(others[0]))
    done = case.fetch(first, hops=2, direction="forward")
    assert counts(explorer) == [f"/address/{first}", f"/address/{others[0]}"]
    rows = done.ledger.coverage.set_index("address")
    assert (rows.loc[others[0], "state"], rows.loc[first, "state"]) == ("partial", "complete")
    assert rows.loc[others[0], "reason"] == "1 of 2 transactions: the source ended its list early"


def test_a_list_that_spends_what_nothing_brought_makes_the_count_be_asked(relay):
    explorer, case, _, others = relay
    lacking(explorer, others[1], pays(others[1]))
    # as a seed nothing is known of it: only its own contradiction speaks, and a seed is counted anyway
    case.fetch(others[1], hops=1)
    assert f"/address/{others[1]}" in counts(explorer)
    assert case.ledger.coverage["state"].tolist() == ["partial"]


def test_an_empty_list_of_an_address_that_was_paid_makes_the_count_be_asked(relay):
    explorer, case, first, others = relay
    lacking(explorer, others[0], lambda tx: True)
    done = case.fetch(first, hops=2, direction="forward")
    assert f"/address/{others[0]}" in counts(explorer)
    states = dict(zip(done.ledger.coverage["address"], done.ledger.coverage["state"], strict=True))
    assert states[others[0]] == "partial"


def test_a_lost_spend_alone_is_believed_and_nothing_is_called_unspent_where_the_count_is_asked(relay):
    """A list that lacks only the newest payment contradicts nothing: `counts` is what sees it."""
    explorer, case, first, others = relay
    lacking(explorer, others[0], spends_from(others[0]))
    done = case.fetch(first, hops=2, direction="forward", counts=True)
    states = dict(zip(done.ledger.coverage["address"], done.ledger.coverage["state"], strict=True))
    assert states[others[0]] == "partial"
    mine = [row for row in done.ledger.outputs.to_pylist() if row["address"] == others[0]]
    assert {row["spend_state"] for row in mine} == {"unknown"}


class Limited(Esplora):
    """An explorer that says with status 200 that too much was asked, as some do."""

    limits = 1

    def __init__(self, url, *, limits=1, **options):
        super().__init__(url, **options)
        self.left = limits

    def facts(self, path, status, body):
        if "/txs" in path and self.left:
            self.left -= 1
            raise RateLimited(f"The answer to {path} says that too much was asked", hint="go on later")
        return super().facts(path, status, body)


@pytest.fixture
def pauses(monkeypatch):
    """Make the pauses short, and return those that were made."""
    made = []
    monkeypatch.setattr("chainflow.crawl.asker._PAUSES", (0.001, 0.002))
    monkeypatch.setattr("chainflow.crawl.asker.time.sleep", made.append)
    return made


def test_a_limit_inside_status_200_is_asked_again_after_a_pause_and_never_kept_as_an_answer(
    relay, tmp_path, pauses
):
    explorer, _, first, _ = relay
    with Case(tmp_path / "b.chainflow", Limited(explorer.url, limits=2, chain="btc-regtest")) as case:
        done = case.fetch(first)
        assert pauses == [0.001, 0.002]
        assert explorer.requests.count(f"/address/{first}/txs") == done.asked - 2 == 3
        assert [event.content["refused"] for event in case.log.events("reject")] == ["RateLimited"] * 2
        assert done.ledger.coverage["state"].tolist() == ["complete"]
        assert case.fetch(first).asked == 0


def test_a_limit_that_does_not_end_is_an_error_and_the_next_fetch_asks_again(relay, tmp_path, pauses):
    explorer, _, first, _ = relay
    source = Limited(explorer.url, limits=3, chain="btc-regtest")
    with Case(tmp_path / "b.chainflow", source) as case:
        with pytest.raises(RateLimited, match="too much was asked"):
            case.fetch(first)
        assert len(pauses) == 2
        assert case.fetch(first).ledger.coverage["state"].tolist() == ["complete"]


def test_pauses_stay_within_the_budget(relay, tmp_path, pauses):
    explorer, _, first, _ = relay
    with Case(tmp_path / "b.chainflow", Limited(explorer.url, limits=9, chain="btc-regtest")) as case:
        with pytest.raises(RateLimited):
            case.fetch(first, budget=4)
        assert len(explorer.requests) == 4


def test_after_a_limit_that_does_not_end_the_next_source_is_asked(relay, tmp_path, pauses):
    explorer, _, first, _ = relay
    with Explorer(explorer.replay.ledger) as second:
        sources = [
            Limited(explorer.url, limits=9, chain="btc-regtest"),
            Esplora(second.url, chain="btc-regtest"),
        ]
        with Case(tmp_path / "b.chainflow", sources) as case:
            done = case.fetch(first)
            assert [name for name, _ in done.failed] == [sources[0].name]
            assert second.requests[-1] == f"/address/{first}/txs"


def test_a_decline_is_asked_once_in_a_fetch(relay):
    explorer, case, first, _ = relay
    ledger = explorer.replay.ledger
    txid = ledger.txs["txid"].to_pylist()[1]
    answering(
        explorer, lambda path, found: Answer(404, "text/plain", b"no") if "outspends" in path else found
    )
    case.fetch(first)  # says which chain it is
    case.fetch(txid, spends=True)
    assert explorer.requests.count(f"/tx/{txid}/outspends") == 1


def test_a_source_that_stops_answering_keeps_what_it_gave(relay, tmp_path):
    explorer, _, first, _ = relay
    answering(
        explorer,
        lambda path, found: Answer(503, "text/plain", b"down") if len(explorer.requests) > 4 else found,
    )
    with Case(tmp_path / "b.chainflow", impatient(explorer.url, chain="btc-regtest")) as case:
        with pytest.raises(SourceUnavailable):
            case.fetch(first, hops=HOPS, direction="forward")
        assert len(case.ledger) >= 2
        assert case.verify().ok
