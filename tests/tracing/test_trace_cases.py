"""Published and hand-computed cases: the conformance vectors, Colonial Pipeline 2021, a Whirlpool mix 2019."""

from __future__ import annotations

import gzip
import json
import pathlib
from fractions import Fraction

import pytest

from chainflow.ledger import Ledger
from chainflow.ledger.store import record_of
from chainflow.model import OutputRecord
from chainflow.tracing import Trace, trace
from chainflow.wire import transaction_from_esplora
from tests.made import ledger, origin, tx

U1 = {
    "poison": ("3", "4", "1", "1", "5", "0"),
    "haircut": ("9/8", "3/2", "3/8", "1/4", "5/4", "0"),
    "fifo": ("3", "0", "0", "0", "0", "0"),
}
"""Tainted a=3 beside b=2 and c=3 → x=3, y=4, fee 1; then y beside d=2 → p=1, q=5, fee 0."""
U2 = {"poison": ("3", "4", "1"), "haircut": ("9/8", "3/2", "3/8"), "fifo": ("1", "2", "0")}
"""Tainted b=3 between a=2 and c=3, the first transaction alone."""

ROOT = "9436dbf0435b15378f309c35754a110db880fa9bb66a062160a25533bb4a212a:0"
SWEPT = "daf38c7b38eb0a587cf843f47000d5c294affb4f56017370ad48c5147f5e69d9"
SEIZED = ("943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a", 1)
SHARES = {"fifo": 6_146_816_619, "haircut": 5_828_829_110, "poison": 6_369_996_546}
"""Of the 63.7 BTC at ROOT, what each rule finds in the 63.69996546 BTC that the FBI seized."""


def vector_ledger(name: str) -> tuple[Ledger, list[tuple[str, int | None]]]:
    """Return U1 or U2 as a ledger, with (txid, vout) of each place the vector names."""
    values = [origin(3, "a", number=1), origin(2, "b", number=2), origin(3, "c", number=3)]
    if name == "U2":
        values = [origin(2, "a", number=2), origin(3, "b", number=1), origin(3, "c", number=3)]
    first = tx(values, [(3, "x"), (4, "y")])
    places = [(first.txid, 0), (first.txid, 1), (first.txid, None)]
    if name == "U2":
        return ledger(first), places
    second = tx([(first.txid, 1, 4, "y"), origin(2, "d", number=4)], [(1, "p"), (5, "q")], height=101)
    return ledger(first, second), [*places, (second.txid, 0), (second.txid, 1), (second.txid, None)]


def at(trail: Trace, txid: str, vout: int | None) -> int:
    """Return what arrived at an output, or ended in the fee of `txid`."""
    frame = trail.ends if vout is None else trail.outputs
    place = frame["vout"].isna() if vout is None else frame["vout"] == vout
    return int(frame[(frame["txid"] == txid) & place]["tainted_sat"].sum())


@pytest.mark.parametrize("name", ["U1", "U2"])
@pytest.mark.parametrize("policy", ["poison", "haircut", "fifo"])
def test_conformance_vectors(name, policy):
    made, places = vector_ledger(name)
    trail = trace(made, f"{1:064x}:0", policy)
    for place, exact in zip(places, (U1 if name == "U1" else U2)[policy], strict=True):
        found = at(trail, *place)
        assert abs(found - Fraction(exact)) < 1 if policy == "haircut" else found == Fraction(exact)
    assert sum(trail.balance.values()) == trail.seed_sat == 3


def test_the_typed_vectors_are_the_shared_ones(shared):
    recorded = json.loads((shared / "vectors" / "taint_vectors.json").read_text())
    for name, mine in (("U1", U1), ("U2", U2)):
        for policy, expected in mine.items():
            assert list(expected) == recorded[name]["expect"][policy]


@pytest.mark.parametrize("policy", SHARES)
def test_colonial_in_three_inputs(policy):
    """The sweep's 24 inputs, those before and after the 63.7 BTC added up: the shares are the same."""
    before, after, swept = 367_238_796, 224_172_703, 6_960_422_177
    inputs = [origin(before, "a"), origin(6_370_000_000, "affiliate", number=2), origin(after, "b", number=3)]
    sweep = tx(inputs, [(swept, "pool")])
    paid = tx([(sweep.txid, 0, swept, "pool")], [(590_422_177, "pool"), (6_369_996_546, "fbi")], height=101)
    trail = trace(ledger(sweep, paid), f"{2:064x}:0", policy)
    assert abs(at(trail, paid.txid, 1) - SHARES[policy]) <= (policy == "haircut")


def esplora_ledger(*files: pathlib.Path) -> Ledger:
    """Decode recorded Esplora replies, checking every txid."""
    facts = []
    for file in files:
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        found = json.loads(body)
        for entry in found if isinstance(found, list) else [found]:
            prevouts = [
                OutputRecord(vin["prevout"]["value"], vin["prevout"]["scriptpubkey"]) for vin in entry["vin"]
            ]
            status = entry["status"]
            block = (status["block_height"], status["block_hash"], status["block_time"], None)
            raw = transaction_from_esplora(entry).serialize()
            facts.append(record_of(raw, prevouts, chain="btc", txid=entry["txid"], block=block))
    return ledger(*facts)


@pytest.fixture(scope="module")
def colonial(shared) -> Ledger:
    folder = shared / "cases" / "colonial"
    return esplora_ledger(folder / "colonial_anchor_txs.json.gz", folder / "colonial_fbi_txs.json.gz")


@pytest.mark.parametrize("policy", SHARES)
def test_colonial_seizure_share_of_the_ransom(colonial, policy):
    trail = trace(colonial, ROOT, policy)
    assert trail.seed_sat == 6_370_000_000 == sum(trail.balance.values())
    assert abs(at(trail, *SEIZED) - SHARES[policy]) <= (policy == "haircut")


def test_colonial_fifo_ends_where_the_recorded_replies_do(colonial):
    trail = trace(colonial, ROOT)
    assert set(trail.balance) == {"unknown: not in evidence", "fee"}
    assert trail.outputs["hop"].tolist()[:2] == [0, 1]
    assert at(trail, SWEPT, 0) == 6_370_000_000


def test_colonial_backward_from_the_seizure_finds_the_ransom_again(colonial):
    trail = trace(colonial, f"{SEIZED[0]}:{SEIZED[1]}", direction="backward")
    assert at(trail, ROOT.split(":")[0], 0) == SHARES["fifo"]
    assert trail.balance == {"unknown: not in evidence": 6_369_996_546}
    assert len(trail.ends) == 5  # inputs 13 to 17 of the sweep


def test_whirlpool_ends_the_trace_of_what_entered_it(shared):
    folder = shared / "cases" / "whirlpool"
    made = esplora_ledger(folder / "coinjoin_tx0.json", folder / "coinjoin_tx.json")
    tx0 = "333f45431e47b9543772013ac83a9b33cc58dc3245ccfd48b972107bb8405c13"
    trail = trace(made, "e61fa5ad9fe931dc40f1025f4598a82029f148342885dcf557cf71faf9776622:0")
    assert trail.balance["coinjoin"] == 5_010_000
    assert at(trail, tx0, 8) == 5_010_000
    assert trail.balance == {"coinjoin": 5_010_000, "unknown: not in evidence": 76_746_981, "fee": 47_208}
