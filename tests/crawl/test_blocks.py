"""Blocks as seeds, and proofs of what is held: read whole, checked, or refused."""

from __future__ import annotations

import json

import pytest

import chainflow as cf
from chainflow.case import Case
from chainflow.errors import AddressInvalid, BadInput, NotFound, ProofFailed
from chainflow.merkle import merkle_branch
from chainflow.serve import Answer, Explorer
from chainflow.sources.esplora import Esplora
from chainflow.sources.mined import block_records
from tests import made
from tests.crawl.servers import answering, broken
from tests.sources.core_form import CHAIN, ONE, PAYMENT, SPENT, TWO, raw_of
from tests.sources.faulty import text

BLOCKS = {1: ONE, 2: TWO}
TXIDS = [tx.txid for tx in TWO.transactions]


def hash_of(height):
    return BLOCKS[height].header.hash


def asked_of(height):
    return [f"/block-height/{height}", f"/block/{hash_of(height)}/raw?height={height}"]


@pytest.fixture
def server():
    """Run an explorer that gives blocks as bytes."""
    with broken(text("not found", 404)) as running:
        running.answers["/blocks/tip/height"] = [text("2")]
        for height, block in BLOCKS.items():
            named, raw = asked_of(height)
            running.answers |= {named: [text(hash_of(height))], raw: [text(raw_of(block))]}
        yield running


@pytest.fixture
def case(tmp_path, server):
    with Case(tmp_path / "a.chainflow", f"esplora:{server.url}", chain=CHAIN) as opened:
        yield opened


def paths(server):
    return [asked.path for asked in server.asked]


def test_a_block_is_read_whole_in_two_questions(case, server):
    done = case.fetch("block:2")
    assert paths(server) == ["/blocks/tip/height", *asked_of(2)]
    assert set(done.ledger.txs["txid"].to_pylist()) == set(TXIDS)
    assert set(done.ledger.txs["height"].to_pylist()) == {2}
    assert dict(
        zip(done.ledger.txs["txid"].to_pylist(), done.ledger.txs["position"].to_pylist(), strict=True)
    ) == {txid: place for place, txid in enumerate(TXIDS)}
    assert done.ledger.levels == {3: 3}
    assert len(case.disclosures) == 0  # of no address and no transaction in particular
    assert case.fetch("block:2").asked == 0
    assert case.verify().ok


def test_a_range_of_blocks_is_read_in_order(case, server):
    done = case.fetch("block:1-2")
    assert paths(server) == ["/blocks/tip/height", *asked_of(1), *asked_of(2)]
    assert len(done.ledger) == 4
    spent = [row for row in done.ledger.outputs.to_pylist() if row["txid"] == ONE.transactions[0].txid]
    assert [row["spent_by"] for row in spent] == [PAYMENT.txid]


def test_a_range_in_pieces_goes_on_where_it_stopped(case, server):
    done = case.fetch("block:1-2", budget=3)
    assert dict(done.not_followed) == {"block:2": "budget of 3 requests spent"}
    assert case.fetch("block:1-2").not_followed == ()
    assert len(paths(server)) == 6  # the newest height twice
    assert case.fetch("block:1-2", budget=0).asked == 0


def test_a_plan_for_blocks_discloses_nothing(case, server):
    plan = case.fetch("block:2", dry_run=True)
    assert plan.discloses == ()
    assert paths(server) == []


def test_an_altered_block_is_refused_as_a_whole(case, server):
    _, raw = asked_of(2)
    body = raw_of(TWO)
    script = bytes.fromhex(SPENT[2][0].script)
    assert script in body
    server.answers[raw] = [text(body.replace(script, script[:-1] + b"\0"))]
    with pytest.raises(ProofFailed):
        case.fetch("block:2")
    assert len(case.ledger) == 0
    assert [event.kind for event in case.log.events("reject")] == ["reject"]


def test_another_block_than_the_one_that_was_named_is_refused(case, server):
    server.answers[asked_of(2)[1]] = [text(raw_of(ONE))]
    with pytest.raises(ProofFailed):
        case.fetch("block:2")
    assert len(case.ledger) == 0


def test_a_block_above_the_tip_is_the_explorers_word(case):
    with pytest.raises(NotFound):
        case.fetch("block:3")


@pytest.mark.parametrize("seed", ["block:", "block:x", "block:-1", "block:2-", "block:2-1", "block:٣"])
def test_what_names_no_block_is_refused_before_anything_is_asked(case, server, seed):
    with pytest.raises((BadInput, AddressInvalid)):
        case.fetch(seed)
    assert paths(server) == []


class WithoutBlocks(Esplora):
    def block_paths(self, height, block_hash=""):
        del height, block_hash
        return ()


def test_a_source_without_blocks_says_so(tmp_path, server):
    source = WithoutBlocks(server.url, chain=CHAIN)
    with Case(tmp_path / "b.chainflow", source) as case:
        done = case.fetch("block:1-2")
        assert dict(done.not_followed) == {f"block:{n}": f"{source.name} gives no blocks" for n in (1, 2)}
        assert paths(server) == []


def test_the_next_source_gives_the_block_that_the_first_has_not(tmp_path, server):
    first = WithoutBlocks("http://localhost:9", chain=CHAIN)
    with Case(tmp_path / "b.chainflow", [first, Esplora(server.url, chain=CHAIN)]) as case:
        done = case.fetch("block:2")
        assert set(done.ledger.txs["txid"].to_pylist()) == set(TXIDS)
        assert done.not_followed == ()


# --- proofs ------------------------------------------------------------------------------------


def branch(height=2, position=1, txids=TXIDS):
    merkle = list(merkle_branch(txids, position))
    body = json.dumps({"block_height": height, "merkle": merkle, "pos": position})
    return Answer(200, "application/json", body.encode())


HEADER = Answer(200, "text/plain", TWO.header.serialize().hex().encode())


@pytest.fixture
def proving(tmp_path):
    """Run an explorer that knows a block's transactions and what `answers` adds."""
    ledger = made.ledger(*block_records(CHAIN, TWO, 2, SPENT))
    with Explorer(ledger, closed_world=True) as explorer:
        answers = {
            f"/tx/{PAYMENT.txid}/merkle-proof": branch(),
            f"/block/{TWO.header.hash}/header": HEADER,
        }
        answering(explorer, lambda path, found: answers.get(path, found))
        with Case(tmp_path / "p.chainflow", f"esplora:{explorer.url}", chain=CHAIN) as case:
            yield case, explorer, answers


def test_prove_raises_a_transaction_to_level_three(proving):
    case, explorer, answers = proving
    assert case.fetch(PAYMENT.txid).ledger.levels == {2: 1}
    before = len(explorer.requests)
    proved = case.prove()
    assert (proved.levels, proved.left) == ({3: 1}, ())
    asked = [path for path in explorer.requests[before:] if "tip" not in path]
    assert asked == list(answers)
    assert case.prove().levels == {3: 1}
    assert explorer.requests[before:].count(asked[0]) == 1
    assert case.verify().ok


def test_proofs_of_a_fetch_are_asked_with_it(proving):
    case, *_ = proving
    assert case.fetch(PAYMENT.txid, proofs=True).ledger.levels == {3: 1}


@pytest.mark.parametrize(
    "wrong",
    [
        branch(position=0),
        branch(txids=[TXIDS[0], TXIDS[1], "ab" * 32]),
        branch(position=1, txids=["cd" * 32, *TXIDS[1:]]),
    ],
)
def test_a_branch_that_leads_elsewhere_proves_nothing_and_is_said(proving, wrong):
    case, _, answers = proving
    answers[f"/tx/{PAYMENT.txid}/merkle-proof"] = wrong
    case.fetch(PAYMENT.txid)
    proved = case.prove()
    assert proved.levels == {2: 1}
    assert case.disputes["field"].tolist() == ["merkle branch"]


def test_a_proof_that_is_declined_is_named_by_its_transaction(proving):
    case, _, answers = proving
    answers[f"/tx/{PAYMENT.txid}/merkle-proof"] = Answer(404, "text/plain", b"not found")
    case.fetch(PAYMENT.txid)
    ((name, why),) = case.prove().left
    assert name == PAYMENT.txid
    assert "the source declines" in why


def test_the_header_of_another_block_is_refused(proving):
    case, _, answers = proving
    answers[f"/block/{TWO.header.hash}/header"] = HEADER._replace(body=ONE.header.serialize().hex().encode())
    case.fetch(PAYMENT.txid)
    proved = case.prove()
    assert proved.levels == {2: 1}
    assert "is the header of another block" in proved.left[0][1]


def test_a_ledger_of_blocks_needs_no_case(server):
    assert cf.fetch("block:2", f"esplora:{server.url}", chain=CHAIN).levels == {3: 3}
