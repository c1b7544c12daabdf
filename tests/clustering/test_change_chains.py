"""Change rules that follow a payer hop by hop: peeling chains and chains of one fingerprint."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering.change import Payments, vote_table
from chainflow.clustering.change.chains import ChainChange, PeelingChange
from chainflow.clustering.rules import described, rule_of
from chainflow.errors import BadInput, SeedUnknown
from tests.clustering.signed import signed
from tests.clustering.truth import litecoin
from tests.made import ledger, origin

START = origin(1_000_000, "ann 0")


def payment(before, value, owner, *, vout=1, pays=100, **how):
    """Return a transaction that spends one output, pays `pays` at vout 0 and keeps the rest at vout 1."""
    spends = [(before.txid, vout, value, owner)] if before else [START]
    kept = f"{owner.rsplit(' ', 1)[0]} {int(owner.rsplit(' ', 1)[1]) + 1}"
    return signed(spends, [(pays, f"payee of {owner}"), (value - pays - 10, kept)], **how)


def peels(count, **how):
    """Return payments of ann, each from the change of the one before."""
    made = [payment(None, 1_000_000, "ann 0", **how)]
    for n in range(1, count):
        made.append(payment(made[-1], 1_000_000 - 110 * n, f"ann {n}", **how))
    return made


def sweep(before, *, vout=0, value=100, owner="payee of ann 0", **how):
    return signed([(before.txid, vout, value, owner)], [(value - 10, f"swept {before.txid[:4]}")], **how)


def votes(rule, *records):
    table = vote_table(ledger(*records), [rule]).to_pylist()
    return {(row["txid"], row["vout"]): row[rule.name] for row in table}


def test_a_peel_goes_on_where_its_spender_looks_like_one_too():
    first, second = peels(2)
    found = votes(PeelingChange(), first, second, sweep(first))
    assert (found[first.txid, 0], found[first.txid, 1]) == (-1, 1)
    assert (found[second.txid, 0], found[second.txid, 1]) == (0, 0)  # nobody spent them yet


def test_what_no_neighbour_shows_to_be_a_peel_is_not_voted_on():
    (lone,) = peels(1)
    assert set(votes(PeelingChange(), lone, sweep(lone)).values()) == {-2}
    three = signed([START], [(1, "a"), (2, "b"), (900_000, "ann 1")])
    assert votes(PeelingChange(), three, payment(three, 900_000, "ann 1", vout=2))[three.txid, 2] == -2


def test_a_chain_hops_to_the_only_output_that_keeps_fingerprint_and_type():
    first, second = peels(2)
    other = sweep(first, version=1)
    found = votes(ChainChange(), first, second, other)
    assert (found[first.txid, 0], found[first.txid, 1]) == (-1, 1)
    assert (found[second.txid, 0], found[second.txid, 1]) == (-2, -2)  # no hop that is held


def test_two_that_qualify_or_one_that_may_stop_the_chain():
    first, second = peels(2)
    alike = sweep(first)
    assert votes(ChainChange(), first, second, alike)[first.txid, 0] == 1
    assert votes(ChainChange(), first, second)[first.txid, 0] == 0
    for held in (ledger(first, second, alike), ledger(first, second)):
        assert ChainChange().links(held).num_rows == 0
        assert ChainChange().follow(held, first.txid).num_rows == 0


def test_an_output_of_another_script_type_is_no_hop():
    first = signed([START], [(100, "p2pkh:bob"), (900_000, "ann 1")])
    to_bob = sweep(first, owner="p2pkh:bob")
    found = votes(ChainChange(), first, payment(first, 900_000, "ann 1"), to_bob)
    assert (found[first.txid, 0], found[first.txid, 1]) == (-1, 1)


def chain_of(count, *, broken_at=None):
    """Return payments of ann and, for each, the payee's sweep by other software."""
    made = peels(count)
    swept = [
        sweep(one, owner=f"payee of ann {n}", version=2 if n == broken_at else 1)
        for n, one in enumerate(made)
    ]
    return made, [*made, *swept]


def test_a_chain_is_followed_forward_and_backward_from_any_of_its_transactions():
    made, records = chain_of(5)
    held = ledger(*records)
    hops = [(one.txid, after.txid) for one, after in pairwise(made)]
    for one in made:
        followed = ChainChange().follow(held, one.txid)
        assert list(zip(followed["txid"].to_pylist(), followed["spent_by"].to_pylist(), strict=True)) == hops
        assert set(followed["vout"].to_pylist()) == {1}
    assert ChainChange().follow(held, records[-1].txid).num_rows == 0


def test_backward_a_chain_stops_where_two_arrive():
    left = peels(1)[0]
    right = signed([origin(1_000_000, "eve 0", number=9)], [(200, "payee of eve 0"), (999_790, "ann 1")])
    spends = [(left.txid, 1, 999_890, "ann 1"), (right.txid, 1, 999_790, "ann 1")]
    both = signed(spends, [(100, "payee of both 0"), (1_999_000, "ann 2")])
    last = payment(both, 1_999_000, "ann 2")
    swept = [sweep(one, owner=o, value=v, version=1) for one, o, v in (
        (left, "payee of ann 0", 100), (right, "payee of eve 0", 200), (both, "payee of both 0", 100))]  # fmt: skip
    held = ledger(left, right, both, last, *swept)
    assert ChainChange().follow(held, last.txid)["txid"].to_pylist() == [both.txid]
    assert ChainChange().follow(held, left.txid)["txid"].to_pylist() == [left.txid, both.txid]


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(1, 8), st.none() | st.integers(0, 6))
def test_a_chain_counts_only_where_it_has_so_many_hops(count, hops, broken_at):
    made, records = chain_of(count, broken_at=broken_at)
    runs = [0]  # hops in a row, by hand
    for n in range(count - 1):
        runs = [*runs, 0] if n == broken_at else [*runs[:-1], runs[-1] + 1]
    linked = ChainChange(hops=hops).links(ledger(*records))["txid"].to_pylist()
    assert len(linked) == sum(run for run in runs if run >= hops)
    assert set(linked) <= {one.txid for one in made}


@pytest.mark.parametrize("rule", [PeelingChange(), ChainChange(), ChainChange(hops=3, fields=["rbf"])])
def test_a_rule_describes_itself_and_an_empty_ledger_has_no_votes(rule):
    assert rule_of(json.loads(json.dumps(described(rule)))) == rule
    assert rule.votes(Payments.of(ledger())).tolist() == []


def test_what_means_nothing_is_refused():
    for wrong in ({"hops": 0}, {"hops": 1.5}, {"fields": ["locktime"]}):
        with pytest.raises(BadInput, match="not "):
            ChainChange(**wrong)
    with pytest.raises(SeedUnknown, match="is not in this ledger"):
        ChainChange().follow(ledger(), "f" * 64)


def test_in_the_colonial_case_the_peeling_rule_names_the_wrong_output():
    held = samples.load("colonial")
    (link,) = PeelingChange().links(held).to_pylist()
    assert link["txid"] == "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"
    paid = [held.index.label_of(row) for row in held.index.outputs_of(held.index.tx_rows(link["txid"])[0])]
    assert paid == [link["a"], link["b"]]  # the other output goes back to the very address that paid
    assert ChainChange().links(held).num_rows == 0


def test_calls_on_the_litecoin_chain_of_known_owners(shared):
    held, owners = litecoin(shared / "nodes" / "litecoind_regtest")
    payments, index = Payments.of(held), held.index
    payer = [owners[index.label_of(int(index.inputs_of(tx)[0]))] for tx in payments.tx.tolist()]
    payee = [owners[index.label_of(row)] for row in payments.rows.tolist()]
    is_own = np.array(payer) == np.array(payee)
    rules = [PeelingChange(), ChainChange(), ChainChange(hops=2), ChainChange(hops=3)]
    found = [Counter(is_own[rule.candidates(payments)].tolist()) for rule in rules]
    calls = [(count[True], count.total()) for count in found]
    assert calls == [(43, 62), (75, 99), (37, 41), (9, 9)]  # right, made
