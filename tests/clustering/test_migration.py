"""Wallet migration: everything of one script type moves to one other, or the rule is silent."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples, schema
from chainflow.addresses import address_of
from chainflow.clustering.heuristics import WalletMigration
from chainflow.clustering.rules import Kind, about, described, rule_of
from chainflow.model import OutputRecord, TxRecord
from tests.clustering.truth import ledger_of, litecoin
from tests.made import ledger, origin, script, tx

TYPES = ("p2pkh", "p2sh", "p2wpkh")


def at(name: str) -> str:
    return address_of(script(name), "btc-regtest")


def move(*spent: str, to: tuple[str, ...], number: int = 1) -> TxRecord:
    spends = [origin(1_000 + n, name, number=1_000 * number + n) for n, name in enumerate(spent)]
    return tx(spends, [(500 + n, name) for n, name in enumerate(to)])


def said(*records: TxRecord, max_outputs: int = 1) -> list[tuple[str, str, str]]:
    table = WalletMigration(max_outputs=max_outputs).links(ledger_of(records))
    assert table.schema.equals(schema.LINKS)
    return [(row["a"], row["b"], row["txid"]) for row in table.to_pylist()]


def test_two_old_coins_swept_into_one_new_address_are_a_migration():
    one = move("p2pkh:ann", "p2pkh:ben", to=("p2wpkh:cat",))
    assert said(one) == [(at("p2pkh:ann"), at("p2wpkh:cat"), one.txid)]


def test_with_several_outputs_some_may_be_payments():
    one = move("p2pkh:ann", "p2pkh:ben", to=("p2wpkh:dan", "p2wpkh:eve"))
    assert said(one) == []
    assert [b for _, b, _ in said(one, max_outputs=2)] == [at("p2wpkh:dan"), at("p2wpkh:eve")]


@pytest.mark.parametrize(
    ("spent", "to"),
    [
        (("p2pkh:ann", "p2wpkh:ben"), ("p2sh:cat",)),  # two types before
        (("p2pkh:ann",), ("p2wpkh:cat", "p2sh:dan")),  # two types after
        (("p2wpkh:ann",), ("p2wpkh:cat",)),  # the type stays
    ],
)
def test_no_change_of_type_no_migration(spent, to):
    assert said(move(*spent, to=to), max_outputs=9) == []


@settings(max_examples=60, deadline=None)
@given(
    spent=st.lists(st.sampled_from(TYPES), min_size=1, max_size=4),
    to=st.lists(st.sampled_from(TYPES), min_size=1, max_size=4),
    most=st.integers(1, 4),
)
def test_a_link_needs_one_type_before_and_one_other_after(spent, to, most):
    one = move(
        *(f"{kind}:in {n}" for n, kind in enumerate(spent)),
        to=tuple(f"{kind}:out {n}" for n, kind in enumerate(to)),
    )
    holds = len(set(spent)) == len(set(to)) == 1 and spent[0] != to[0] and len(to) <= most
    found = said(move("p2wpkh:other", to=("p2wpkh:one",), number=9), one, max_outputs=most)
    assert [b for _, b, _ in found] == [at(f"{kind}:out {n}") for n, kind in enumerate(to) if holds]


def test_an_op_return_beside_the_output_does_not_count_and_a_keyless_script_does():
    one = move("p2pkh:ann", to=("p2wpkh:cat",))
    note, anchor, odd = (OutputRecord(0, text) for text in ("6a0548656c6c6f", "51024e73", "51"))
    noted = dataclasses.replace(one, outputs=(*one.outputs, note), raw=None)
    assert len(said(noted)) == 1
    for strange in (anchor, odd):
        assert said(dataclasses.replace(one, outputs=(strange,), raw=None)) == []
        assert said(dataclasses.replace(one, outputs=(*one.outputs, strange), raw=None), max_outputs=9) == []


def test_an_input_that_is_not_in_evidence_and_a_coinbase_give_none():
    one = move("p2pkh:ann", "p2pkh:ben", to=("p2wpkh:cat",))
    half = dataclasses.replace(one, inputs=(one.inputs[0], dataclasses.replace(one.inputs[1], prevout=None)))
    coinbase = TxRecord("btc-regtest", "c" * 64, (), one.outputs, is_coinbase=True, height=1)
    assert said(half) == said(coinbase) == []
    assert WalletMigration().links(ledger()).num_rows == 0


def test_the_rule_is_found_by_name_with_its_parameter():
    rule = WalletMigration(max_outputs=3)
    assert rule_of(described(rule)) == rule
    assert about(rule).kind is Kind.CHANGE


def test_of_the_recorded_wallets_payments_only_change_type_and_the_bound_leaves_them_out(shared):
    held, owners = litecoin(shared / "nodes" / "litecoind_regtest")
    pairs = [
        (owners[link["a"]], owners[link["b"]])
        for link in WalletMigration(max_outputs=99).links(held).to_pylist()
    ]
    assert (len(pairs), sum(a == b for a, b in pairs)) == (36, 18)
    assert WalletMigration().links(held).num_rows == 0


def test_the_colonial_sweep_of_24_coins_is_a_change_over_to_the_address_that_was_seized():
    (link,) = WalletMigration().links(samples.load("colonial")).to_pylist()
    assert link["txid"] == "daf38c7b38eb0a587cf843f47000d5c294affb4f56017370ad48c5147f5e69d9"
    assert link["b"] == "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"
