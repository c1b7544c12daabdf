"""The maker of made-up transactions: they hash, balance, and can be mistaken for nobody's."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.addresses import decode
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.samples.make import CHAIN, Habits, Maker
from chainflow.wire import parse_transaction


def small(seed: int = 1) -> Maker:
    """Return a chain with one payment from each kind of script."""
    kinds = ("p2pkh", "p2sh", "p2wpkh", "p2tr")
    maker = Maker("small", seed, {kind: Habits(kind) for kind in kinds})
    mined = [maker.mine(kind) for kind in kinds]
    maker.skip(100)
    maker.pay(mined, {maker.address("p2tr"): 1_000}, change=maker.address("p2pkh"), note="made up")
    return maker


def test_every_txid_hashes_and_every_sum_balances() -> None:
    ledger = small().ledger()
    assert ledger.verified == (5, 5)
    for tx in ledger.txs.to_pylist():
        assert parse_transaction(tx["raw"]).txid == tx["txid"]
        assert tx["input_sat"] == tx["output_sat"] + tx["fee_sat"]
        assert tx["fee_sat"] >= 0


def test_each_kind_of_script_is_spent_in_its_own_form() -> None:
    spent = parse_transaction(small().ledger().txs["raw"][4].as_py()).inputs
    shapes = [(len(given.scriptsig), [len(item) for item in given.witness]) for given in spent]
    assert shapes == [(106, []), (23, [71, 33]), (0, [71, 33]), (0, [64])]
    assert spent[2].witness[0][:4] == bytes.fromhex("30440220")


def test_no_made_up_address_is_one_of_the_main_chain() -> None:
    for address in small().owners:
        assert "btc" not in decode(address).chains
        assert CHAIN in decode(address).chains


def test_everything_says_that_it_is_made_up() -> None:
    ledger = small(3).ledger()
    assert ledger.chains == ("btc-regtest",)
    assert set(ledger.evidence["source"].to_pylist()) == {"made-up:small, seed 3"}
    assert set(ledger.coverage["source"]) == {"made-up:small, seed 3"}
    assert b"made up by chainflow" in ledger.txs["raw"][0].as_py()


def test_nothing_in_a_made_up_chain_is_unknown() -> None:
    ledger = small().ledger()
    assert set(ledger.outputs["spend_state"].to_pylist()) == {"spent", "unspent"}
    assert set(ledger.coverage["state"]) == {"complete"}
    assert ledger.disputes.num_rows == 0
    assert ledger.as_of == max(ledger.txs["height"].to_pylist()) + 144


def test_heights_and_times_only_increase() -> None:
    txs = small().ledger().txs
    for column in ("height", "time"):
        values = txs[column].to_pylist()
        assert all(a < b for a, b in pairwise(values))


def test_two_payments_can_share_a_block_in_their_order() -> None:
    maker = Maker("one block", 1)
    coin = maker.mine("Ann")
    first = maker.pay([coin], {}, change=maker.address("Ben"))
    second = maker.pay(list(first.values()), {}, change=maker.address("Cem"), wait=0)
    rows = maker.ledger().txs.to_pylist()
    assert [row["txid"] for row in rows[1:]] == [next(iter(c.values())).txid for c in (first, second)]
    assert rows[1]["height"] == rows[2]["height"]
    assert rows[1]["position"] < rows[2]["position"]


def test_what_nobody_takes_is_the_fee() -> None:
    maker = Maker("fee", 1)
    maker.pay([maker.mine("Ann", 10_000)], {maker.address("Ben"): 9_000})
    assert maker.ledger().txs["fee_sat"].to_pylist() == [0, 1_000]


def test_a_coin_is_spent_once() -> None:
    maker = Maker("twice", 1)
    coin = maker.mine("Ann")
    maker.pay([coin], {}, change=maker.address("Ben"))
    with pytest.raises(BadInput, match="spent already"):
        maker.pay([coin], {}, change=maker.address("Ben"))


def test_more_than_was_spent_cannot_be_paid() -> None:
    maker = Maker("too much", 1)
    with pytest.raises(BadInput, match="more is paid"):
        maker.pay([maker.mine("Ann", 1_000)], {maker.address("Ben"): 1_001})


def test_one_address_is_paid_once_in_a_transaction() -> None:
    maker = Maker("twice to one", 1)
    ben = maker.address("Ben")
    with pytest.raises(BadInput, match="twice to one address"):
        maker.pay([maker.mine("Ann")], {ben: 1_000}, change=ben)


def test_a_script_type_that_cannot_be_spent_here_is_refused() -> None:
    with pytest.raises(BadInput, match="p2wsh"):
        Maker("wsh", 1, {"Ann": Habits("p2wsh")}).address("Ann")


@given(st.integers(0, 2**63))
@settings(max_examples=15, deadline=None)
def test_the_seed_alone_decides_the_bytes(seed: int) -> None:
    one, same, other = (small(number).ledger() for number in (seed, seed, seed + 1))
    assert one.digest == same.digest != other.digest
    assert not set(one.txs["txid"].to_pylist()) & set(other.txs["txid"].to_pylist())


def test_a_made_up_ledger_can_be_sealed_and_read(tmp_path) -> None:
    ledger = small().ledger()
    ledger.write(tmp_path / "small.json")
    assert Ledger.read(tmp_path / "small.json").digest == ledger.digest
