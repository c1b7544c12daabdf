"""Long histories: pages of any size, in order, to the end that the source claims."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

import chainflow as cf
from chainflow.case import Case
from chainflow.errors import BadInput, CaseBusy, NotFound
from chainflow.evidence import Log
from chainflow.ledger import Ledger
from chainflow.samples.make import Maker
from chainflow.serve import Explorer
from chainflow.serve.replay import Answer


@pytest.fixture(scope="module")
def busy() -> tuple[Ledger, str]:
    """Return a chain in which one address is paid 60 times and pays 3 times."""
    maker = Maker("busy", seed=5)
    shop = maker.address("shop")
    coins = []
    for number in range(60):
        mined = maker.mine(f"miner {number}")
        coins.append(
            maker.pay([mined], {shop: 1_000_000 + number}, change=maker.address(f"miner {number}"))[shop]
        )
    for number in range(3):
        maker.pay(coins[number * 5 : number * 5 + 5], {maker.address("bank"): 4_000_000})
    return maker.ledger(), shop


@pytest.mark.parametrize("page_size", [7, 25, 60, 63, 100])
def test_every_page_size_gives_the_whole_history(busy, page_size):
    ledger, shop = busy
    with Explorer(ledger, page_size=page_size) as explorer:
        fetched = cf.fetch(shop, f"esplora:{explorer.url}")
        pages = [path for path in explorer.requests if "/txs" in path]
    row = fetched.coverage.iloc[0]
    assert (row["state"], row["claimed"], row["received"]) == ("complete", 63, 63)
    full_last = page_size >= 63  # a full page does not say that it is the last: an empty one does
    assert len(pages) == -(-63 // page_size) + full_last
    mine = fetched.to_pandas()
    paid = mine[mine["address"] == shop]
    assert sorted(paid["spend_state"].unique()) == ["spent", "unspent"]
    assert int(paid["value_sat"].sum()) == sum(1_000_000 + number for number in range(60))


@pytest.mark.parametrize("claimed", [0, 3, 10, 25, 50, 62])
@pytest.mark.parametrize("page_size", [7, 25])
def test_a_claim_lower_than_the_pages_never_ends_the_walk(busy, page_size, claimed):
    ledger, shop = busy
    with Explorer(ledger, page_size=page_size) as explorer:
        claim_less(explorer, shop, claimed)
        fetched = cf.fetch(shop, f"esplora:{explorer.url}")
    assert fetched.coverage["received"].tolist() == [63]


@pytest.mark.parametrize("claimed", [3, 25])
def test_the_size_guard_holds_where_the_claim_is_too_low(busy, tmp_path, claimed):
    ledger, shop = busy
    with Explorer(ledger) as explorer, Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case:
        claim_less(explorer, shop, claimed)
        done = case.fetch(shop, hops=2, max_txs=30)
        assert len(explorer.requests) == 4  # tip, count and two pages
    assert dict(done.not_followed) == {shop: "50 transactions, more than max_txs=30"}


def claim_less(explorer, address, count):
    """Make an explorer state a count that is lower than what its pages give."""
    answer, claim = explorer.replay.answer, f"/address/{address}"
    low = f'{{"address":"{address}","chain_stats":{{"tx_count":{count}}},"mempool_stats":{{"tx_count":0}}}}'
    explorer.replay.answer = lambda path: (
        answer(path)._replace(body=low.encode()) if path == claim else answer(path)
    )


def test_a_source_that_ends_its_list_early_is_partial_and_nothing_is_called_unspent(busy):
    ledger, shop = busy
    with Explorer(ledger, page_size=25) as explorer:
        answer = explorer.replay.answer

        def ends_early(path):
            found = answer(path)
            return (
                found._replace(body=b"[]") if "/txs/chain/" in path and len(explorer.requests) > 4 else found
            )

        explorer.replay.answer = ends_early
        fetched = cf.fetch(shop, f"esplora:{explorer.url}")
    row = fetched.coverage.iloc[0]
    assert row["state"] == "partial"
    assert row["reason"] == "50 of 63 transactions: the source ended its list early"
    mine = fetched.to_pandas()
    assert "unspent" not in set(mine[mine["address"] == shop]["spend_state"])


def test_the_size_guard_reads_the_count_and_nothing_else(busy):
    ledger, shop = busy
    with Explorer(ledger) as explorer:
        fetched = cf.fetch(shop, f"esplora:{explorer.url}", max_txs=62)
        assert explorer.requests == ["/blocks/tip/height", f"/address/{shop}"]
    assert fetched.coverage["state"].tolist() == ["partial"]


def test_two_fetches_of_one_chain_are_one_digest(busy):
    ledger, shop = busy
    digests = set()
    for page_size in (25, 40):
        with Explorer(ledger, page_size=page_size) as explorer:
            fetched = cf.fetch(shop, f"esplora:{explorer.url}")
            said = fetched.coverage_table
            names = pa.array(["one and the same"] * said.num_rows)
            named = said.set_column(said.schema.get_field_index("source"), said.field("source"), names)
            digests.add(dataclasses.replace(fetched, coverage_table=named).digest)
    assert len(digests) == 1


class Strange:
    """Answers for one address something else than the explorer does."""

    def __init__(self, explorer, address, answer):
        honest = explorer.replay.answer
        explorer.replay.answer = lambda path: answer if f"/address/{address}" in path else honest(path)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(400, "text/plain", b"Invalid Bitcoin address"), "the source's answer was refused"),
        (Answer(404, "text/plain", b"Address not found"), "the source declines"),
        (Answer(200, "text/html", b"<html>Just a moment"), "the source's answer was refused"),
    ],
)
def test_one_strange_neighbour_does_not_make_the_others_unreachable(busy, answer, why, tmp_path):
    ledger, shop = busy
    rows = ledger.outputs.to_pylist()
    paid = {row["spent_by"] for row in rows if row["address"] == shop and row["spent_by"]}
    banks = sorted({row["address"] for row in rows if row["txid"] in paid})
    with Explorer(ledger) as explorer, Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case:
        Strange(explorer, banks[0], answer)
        done = case.fetch(shop, hops=2, direction="forward")
        assert list(dict(done.not_followed)) == [banks[0]]
        assert dict(done.not_followed)[banks[0]].startswith(why)
        reasons = dict(zip(done.ledger.coverage["address"], done.ledger.coverage["reason"], strict=True))
        assert set(reasons) == {shop, *banks}
        assert reasons.pop(banks[0]).startswith("refused: ")
        assert set(reasons.values()) == {""}


def test_an_answer_of_no_is_not_asked_again(busy, tmp_path):
    ledger, shop = busy
    gone = Answer(404, "text/plain", b"Address not found")
    with Explorer(ledger) as explorer, Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case:
        Strange(explorer, shop, gone)
        for _ in range(2):
            with pytest.raises(NotFound, match="Address not found"):
                case.fetch(shop)
        assert explorer.requests == ["/blocks/tip/height", f"/address/{shop}"]
        with pytest.raises(NotFound):
            case.fetch(shop, refresh=True)
        assert explorer.requests.count(f"/address/{shop}") == 2


@pytest.mark.parametrize("answer", [Answer(400, "text/plain", b"no"), Answer(200, "text/html", b"<html>")])
def test_a_strange_answer_about_spends_does_not_end_the_fetch(busy, answer):
    ledger, shop = busy
    with Explorer(ledger, batched_outspends=False) as explorer:
        honest, strange = explorer.replay.answer, ledger.txs["txid"].to_pylist()[-1]
        explorer.replay.answer = lambda path: answer if f"{strange}/outspends" in path else honest(path)
        fetched = cf.fetch([strange, shop], f"esplora:{explorer.url}", spends=True)
    assert shop in set(fetched.coverage["address"])


def test_a_stale_claim_and_a_full_page_are_not_a_whole_history(busy, tmp_path):
    ledger, shop = busy
    with (
        Explorer(ledger, page_size=25) as explorer,
        Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case,
    ):
        honest = explorer.replay.answer

        def grown(path):
            found = honest(path)
            return found._replace(body=found.body.replace(b'"tx_count":63', b'"tx_count":25'))

        explorer.replay.answer = grown
        case.fetch(shop, budget=3)
        assert case.ledger.coverage["state"].tolist() == ["partial"]
        case.fetch(shop)
        assert case.ledger.coverage["received"].tolist() == [63]


def test_a_tip_that_was_declined_is_asked_again_with_refresh(busy, tmp_path):
    ledger, shop = busy
    with Explorer(ledger) as explorer, Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as case:
        honest = explorer.replay.answer
        explorer.replay.answer = lambda path: (
            Answer(404, "text/plain", b"no") if "tip" in path else honest(path)
        )
        case.fetch(shop)
        assert case.ledger.as_of is None
        explorer.replay.answer = honest
        case.fetch(shop, refresh=True)
        assert case.ledger.as_of is not None


@pytest.mark.parametrize("seeds", [None, 5, [None], [b"x"]])
def test_what_cannot_be_a_seed_is_a_typed_error(seeds):
    with pytest.raises(BadInput, match="not a seed"):
        cf.fetch(seeds, "esplora:http://127.0.0.1:9")


def test_a_txid_in_capitals_is_the_same_transaction(busy):
    ledger, _ = busy
    txid = ledger.txs["txid"].to_pylist()[5]
    with Explorer(ledger) as explorer:
        fetched = cf.fetch(f"{txid.upper()}:0", f"esplora:{explorer.url}", chain="btc-regtest")
    assert fetched.txs["txid"].to_pylist() == [txid]
    assert ledger.index.resolve([txid.upper()]) == ledger.index.resolve([txid])


def test_a_case_in_use_is_found_out_before_anything_is_disclosed(busy, tmp_path):
    ledger, shop = busy
    path = tmp_path / "a.chainflow"
    with Explorer(ledger) as explorer:
        with Case(path, f"esplora:{explorer.url}") as case:
            case.note("made")
        with Log(path, read_only=True) as reader, reader.reading():
            reader.rows("select count(*) from log")
            case = Case(path, f"esplora:{explorer.url}")
            case.log.close()
            case.log = Log(path, busy_timeout=0.05)
            with pytest.raises(CaseBusy, match="in use"):
                case.fetch(shop)
            case.close()
        assert explorer.requests == []
