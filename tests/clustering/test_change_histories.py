"""Change rules that look at what an address did before: by hand, as properties, on recorded payments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from chainflow import samples
from chainflow.clustering.change import Payments
from chainflow.clustering.change.graphsense import ClusterChange, ConsensusChange
from chainflow.clustering.change.histories import (
    ErmilovChange,
    FreshChange,
    LegacyChange,
    OneTimeChange,
    SelfChange,
    ShadowChange,
)
from chainflow.errors import BadInput
from tests.clustering.change_made import address, calls, hide, histories, linked, votes, whole
from tests.clustering.truth import experiment, litecoin
from tests.made import ledger, origin, tx

# ben is paid at 100; ann pays ben again at 101, and the rest goes to a new address
OLD = tx([origin(50, "zoe")], [(40, "ben")], height=100)
PAY = tx([origin(90, "ann", number=2)], [(30, "ben"), (55, "new")], height=101)
TWICE = tx([origin(90, "cat", number=3)], [(20, "new"), (65, "dan")], height=105)
KNOWN = (whole("new", PAY), whole("ben", OLD, PAY))


def test_without_a_whole_history_a_new_address_is_only_not_ruled_out():
    assert votes(FreshChange(), ledger(OLD, PAY)) == [-1, 0]
    assert votes(FreshChange(), ledger(OLD, PAY, *KNOWN)) == [-1, 1]


def test_a_history_that_is_listed_but_not_all_held_proves_nothing():
    listed = whole("new", PAY, TWICE)
    assert votes(FreshChange(), ledger(OLD, PAY, listed), PAY) == [-1, 0]
    assert votes(FreshChange(), ledger(OLD, PAY, TWICE, listed), PAY) == [-1, 1]


def test_a_coin_spent_earlier_whose_origin_is_not_held_shows_that_its_address_is_not_new():
    spent = tx([origin(9, "new", number=7)], [(8, "zoe")], height=99)
    assert votes(FreshChange(), ledger(spent, PAY), PAY) == [0, -1]


def test_the_output_to_the_only_new_address_is_change():
    held = ledger(OLD, PAY, *KNOWN)
    for rule in (OneTimeChange(), ShadowChange()):
        assert votes(rule, held) == [-1, 1]
        assert linked(rule, held) == [(address("ann"), address("new"))]


def test_two_new_addresses_are_no_change_and_two_that_may_be_new_are_both_possible():
    known = (*KNOWN, whole("ben", PAY))
    for rule in (OneTimeChange(), ShadowChange()):
        assert votes(rule, ledger(PAY)) == [0, 0]
        assert votes(rule, ledger(PAY, KNOWN[0])) == [0, 0]
        assert votes(rule, ledger(PAY, KNOWN[0], known[2])) == [-2, -2]


def test_an_output_back_to_an_input_silences_one_time_change_but_not_the_shadow_rule():
    record = tx([origin(90, "ben")], [(30, "ben"), (55, "new")])
    held = ledger(record, whole("new", record))
    assert votes(OneTimeChange(), held) == [-2, -2]
    assert votes(ShadowChange(), held) == [-1, 1]
    assert votes(SelfChange(), held) == [1, -1]


def test_an_input_not_in_evidence_may_be_one_of_the_outputs():
    spends = [origin(90, "ann", number=5), origin(9, "cat", number=6)]
    record = hide(tx(spends, [(30, "ben"), (55, "new")], height=101), 0)
    held = ledger(OLD, record, whole("new", record))
    assert votes(OneTimeChange(), held, record) == [-1, 0]
    assert votes(SelfChange(), held, record) == [0, 0]


@pytest.mark.parametrize(
    ("wait", "later", "expected"),
    [
        (0, [TWICE], [-1, 1]),
        (3, [TWICE], [-1, 1]),  # it is paid again 4 blocks later
        (4, [TWICE], [-2, -2]),
        (4, [], [-1, 0]),  # the ledger ends at once: not known yet
    ],
)
def test_who_waits_takes_no_address_that_is_paid_again(wait, later, expected):
    held = ledger(OLD, PAY, *later, whole("new", PAY, *later))
    assert votes(OneTimeChange(wait_blocks=wait), held, PAY) == expected


def test_an_unconfirmed_payment_has_not_waited():
    record = tx([origin(90, "ann", number=2)], [(30, "ben"), (55, "new")], height=None)
    held = ledger(OLD, record, whole("new", record))
    assert votes(OneTimeChange(), held, record) == [-1, 1]
    assert votes(OneTimeChange(wait_blocks=1), held, record) == [-1, 0]


def test_a_payee_paid_once_before_may_be_a_change_address_too():
    held = ledger(OLD, PAY, *KNOWN)
    assert votes(OneTimeChange(void_once_paid=True), held) == [-2, -2]
    again = tx([origin(50, "zoe", number=9)], [(40, "ben")], height=100)
    more = ledger(OLD, again, PAY, whole("new", PAY), whole("ben", OLD, again, PAY))
    assert votes(OneTimeChange(void_once_paid=True), more, PAY) == [-1, 1]
    part = ledger(OLD, again, PAY, whole("new", PAY))
    assert votes(OneTimeChange(void_once_paid=True), part, PAY) == [-1, 0]


def test_a_payee_that_was_self_change_before_silences_the_rule_if_asked():
    own = tx([origin(50, "ben")], [(40, "ben"), (5, "zoe")], height=99)
    held = ledger(own, PAY, whole("new", PAY), whole("ben", own, PAY))
    assert votes(OneTimeChange(), held, PAY) == [-1, 1]
    assert votes(OneTimeChange(void_once_self=True), held, PAY) == [-2, -2]


def test_legacy_change_is_new_and_smaller_than_every_input():
    record = tx([origin(60, "ann"), origin(70, "cat", number=2)], [(80, "x"), (45, "y")])
    assert votes(FreshChange(), ledger(record)) == [0, 0]
    assert votes(LegacyChange(), ledger(record)) == [-1, 0]
    assert votes(LegacyChange(), ledger(record, whole("y", record))) == [-1, 1]
    both = tx([origin(60, "ann"), origin(70, "cat", number=2)], [(50, "x"), (45, "y")])
    assert votes(LegacyChange(), ledger(both, whole("x", both), whole("y", both))) == [-2, -2]
    assert votes(LegacyChange(), ledger(tx([origin(60, "ann")], [(45, "y")]))) == [-2]


@pytest.mark.parametrize(
    ("spends", "pays", "expected"),
    [
        (1, [(3_000_000, "ben"), (123_456, "new")], [-1, 1]),
        (3, [(3_000_000, "ben"), (123_456, "new")], [-1, 1]),
        (2, [(3_000_000, "ben"), (123_456, "new")], [-2, -2]),
        (1, [(3_000_000, "ben"), (120_000, "new")], [-1, -1]),  # 0.0012: four places
        (1, [(3_000_000, "ben"), (123_456, "new"), (1, "ben")], [-2, -2, -2]),
        (1, [(3_000_000, "ann1"), (123_456, "new")], [-2, -2]),
    ],
)
def test_ermilov_change_is_new_and_precise_and_the_other_old(spends, pays, expected):
    coins = [origin(4_000_000, f"ann{n}", number=10 + n) for n in range(1, spends + 1)]
    record = tx(coins, pays, height=101)
    assert votes(ErmilovChange(), ledger(OLD, record, whole("new", record))) == expected


def test_a_round_amount_does_not_show_that_its_address_is_old():
    record = tx([origin(4_000_000, "ann")], [(3_000_000, "x"), (123_456, "y")])
    assert votes(ErmilovChange(), ledger(record)) == [0, 0]


def consensus(*pays: tuple[int, str], inputs: tuple[str, ...] = ("p2pkh:ann",)):
    """Return a payment of coins of 90,000 each to a P2SH payee and these."""
    spends = [origin(90_000, owner, number=n + 1) for n, owner in enumerate(inputs)]
    return tx(spends, [(20_000, "p2sh:ben"), *pays], height=101)


def test_the_consensus_is_the_output_that_passes_all_tests():
    record = consensus((61_234, "p2pkh:new"))
    assert votes(ConsensusChange(), ledger(record)) == [-1, 0]
    assert votes(ConsensusChange(), ledger(record, whole("p2pkh:new", record))) == [-1, 1]


@pytest.mark.parametrize(
    "record",
    [
        consensus((61_000, "p2pkh:new")),
        consensus((61_234, "p2wpkh:new")),
        consensus((90_001, "p2pkh:new")),
        consensus((30_234, "p2pkh:new"), (30_235, "p2pkh:new")),
    ],
    ids=["round", "another type", "larger than the input", "address repeated"],
)
def test_to_fail_one_test_of_the_consensus_is_enough(record):
    assert set(votes(ConsensusChange(), ledger(record))) == {-1}


def test_the_consensus_says_nothing_of_mixed_inputs_many_outputs_or_two_that_pass():
    assert votes(ConsensusChange(), consensus((61_234, "p2pkh:new"), inputs=("p2pkh:a", "b"))) == [-2, -2]
    many = [(1_001 + n, f"p2pkh:{n}") for n in range(10)]
    assert set(votes(ConsensusChange(), consensus(*many))) == {-2}
    assert set(votes(ConsensusChange(max_outputs=11), consensus(*many))) == {-1, 0}
    two = consensus((30_234, "p2pkh:x"), (30_235, "p2pkh:y"))
    assert votes(ConsensusChange(), ledger(two, whole("p2pkh:x", two), whole("p2pkh:y", two))) == [-2] * 3


def test_a_later_reuse_takes_the_consensus_back():
    record = consensus((61_234, "p2pkh:new"))
    later = tx([origin(9, "zoe", number=8)], [(8, "p2pkh:new")], height=200)
    assert votes(ConsensusChange(), ledger(record), record) == [-1, 0]
    assert votes(ConsensusChange(), ledger(record, later), record) == [-1, -1]


def test_an_output_spent_later_together_with_the_sender_is_change():
    later = tx([(PAY.txid, 1, 55, "new"), origin(9, "ann", number=8)], [(60, "zoe")], height=110)
    assert votes(ClusterChange(), ledger(OLD, PAY), PAY) == [0, 0]
    held = ledger(OLD, PAY, later)
    assert votes(ClusterChange(), held, PAY) == [-1, 1]
    assert (address("ann"), address("new")) in linked(ClusterChange(), held)


def test_a_coinjoin_makes_no_change_and_shows_none():
    owners = ["new", "ann", "c", "d", "e"]
    mixed = tx(
        [origin(6_000_000, owner, number=n + 10) for n, owner in enumerate(owners)],
        [*((5_000_000, f"mix {n}") for n in range(5)), (900_000, "x"), (800_000, "y")],
        height=110,
    )
    held = ledger(OLD, PAY, mixed)
    assert Payments.of(held).is_coinjoin.tolist() == [False, False, True]
    assert votes(ClusterChange(), held, PAY) == [0, 0]
    for rule in (ClusterChange(), LegacyChange(), ConsensusChange()):
        assert set(votes(rule, held, mixed)) == {-2}


@settings(max_examples=60, deadline=None)
@given(histories())
def test_fresh_and_self_keep_to_their_definitions_on_random_histories(records):
    payments = Payments.of(ledger(*records))
    place = {txid: row for row, txid in enumerate(payments.ledger.index.txids)}
    seen: set[str] = set()
    fresh, own = [], []
    for record in sorted(records, key=lambda record: place[record.txid]):
        spent = {one.prevout.script for one in record.inputs}
        is_own = [output.script in spent for output in record.outputs]
        fresh += [-1 if output.script in seen | spent else 0 for output in record.outputs]
        own += [(1 if one else -1) if any(is_own) else -2 for one in is_own]
        seen |= spent | {output.script for output in record.outputs}
    assert FreshChange().votes(payments).tolist() == fresh
    assert SelfChange().votes(payments).tolist() == own


@pytest.mark.parametrize(
    ("rule", "called", "right"),
    [
        (LegacyChange(), 131, 131),
        (ConsensusChange(), 194, 187),
        *((rule(), 0, 0) for rule in (FreshChange, ShadowChange, OneTimeChange, SelfChange)),
        *((rule(), 0, 0) for rule in (ErmilovChange, ClusterChange)),
    ],
    ids=repr,
)
def test_calls_on_361_payments_made_with_litecoind_are_right_so_often(regtest, rule, called, right):
    assert calls(rule, *regtest) == (right, called)


@pytest.fixture(scope="module")
def regtest(shared):
    """The recorded Litecoin regtest chain and the owners of its addresses: none is ever paid twice."""
    return litecoin(shared / "nodes" / "litecoind_regtest")


def test_no_rule_that_knows_coinjoins_calls_change_in_a_wasabi_round(shared):
    made, mixes, _ = experiment(shared / "coinjoin" / "regtest_truth" / "wasabi2_10_wallets")
    payments = Payments.of(made)
    rounds = np.isin(payments.tx, [row for txid in mixes for row in made.index.tx_rows(txid)])
    assert int(rounds.sum()) > 100
    for rule in (LegacyChange(), ConsensusChange(), ClusterChange()):
        assert set(rule.votes(payments)[rounds]) == {-2}


def test_in_the_colonial_case_three_outputs_return_to_addresses_spent_from():
    held = samples.load("colonial")
    payments = Payments.of(held)
    own = np.flatnonzero(SelfChange().votes(payments) == 1)
    assert len(own) == 3
    assert set(ClusterChange().votes(payments)[own]) == {1}
    assert set(OneTimeChange().votes(payments)[np.isin(payments.tx, payments.tx[own])]) == {-2}
    assert set(FreshChange().votes(payments)[own]) == {-1}


@pytest.mark.parametrize(
    ("rule", "parameters"),
    [
        (OneTimeChange, {"wait_blocks": -1}),
        (ErmilovChange, {"decimals": 8}),
        (ConsensusChange, {"max_outputs": 1}),
        (ConsensusChange, {"digits": 0}),
    ],
)
def test_parameters_that_make_no_sense_are_refused_with_a_hint(rule, parameters):
    with pytest.raises(BadInput) as refused:
        rule(**parameters)
    assert refused.value.hint


def test_a_payment_in_time_counts_though_one_without_a_block_comes_before_it():
    before = tx([origin(90, "zed", number=7)], [(89, "ben")], height=50)
    paid = tx([origin(100, "ann", number=1)], [(30, "ben"), (55, "new")], height=100)
    untold = tx([origin(100, "cat", number=2)], [(10, "new"), (80, "dan")], height=None)
    again = tx([(untold.txid, 1, 80, "dan")], [(70, "new")], height=101)
    late = tx([origin(9, "q", number=9)], [(8, "q")], height=500)
    rule = OneTimeChange(wait_blocks=4)
    assert votes(rule, ledger(before, paid, untold, again, late), paid) == [-2, -2]
    assert votes(rule, ledger(before, paid, untold, late), paid) == [-1, 0]


def test_two_outputs_of_one_transaction_that_is_not_held_are_one_earlier_payment():
    unheld = "ab" * 32
    first = tx([(unheld, 0, 5, "ben")], [(4, "k")], height=60)
    second = tx([(unheld, 1, 5, "ben")], [(4, "m")], height=61)
    paid = tx([origin(100, "ann", number=1)], [(30, "ben"), (55, "new")], height=100)
    assert votes(OneTimeChange(void_once_paid=True), ledger(first, second, paid), paid) == [-2, -2]


@pytest.mark.parametrize("number", [float("nan"), True, 10**30, "3", -1, None])
def test_what_is_no_number_of_blocks_is_refused(number):
    with pytest.raises(BadInput, match="not a number of blocks"):
        OneTimeChange(wait_blocks=number)
