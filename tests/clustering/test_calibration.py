"""Change rules measured on change that the ledger itself reveals later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering.change.amounts import OptimalChange
from chainflow.clustering.change.graphsense import ClusterChange
from chainflow.clustering.change.histories import SelfChange
from chainflow.clustering.change.votes import Change, ballot
from chainflow.clustering.error_rates.calibration import calibrate
from chainflow.clustering.heuristics import MultiInput
from chainflow.clustering.rules import About, Kind
from chainflow.errors import BadInput
from tests.clustering.truth import litecoin
from tests.made import ledger, origin, tx


@dataclass(frozen=True)
class At(Change):
    """A rule that calls the output at one place."""

    vout: int
    about: ClassVar[About] = About(
        "T-1", "the output at a place", Kind.CHANGE, "was at", "a test", ("often",)
    )

    @property
    def name(self) -> str:
        return f"at-{self.vout}"

    def votes(self, payments):
        return ballot(payments.ledger.index.vout[payments.rows] == self.vout)


# Ann's one address A is paid twice; the first coin pays Ben (vout 0), rest to C; later she spends C with A's second
PAYS = tx([origin(100, "ann")], [(30, "ben"), (60, "change")])
MERGES = tx(
    [(PAYS.txid, 1, 60, "change"), origin(50, "ann", number=2)], [(80, "cleo"), (20, "rest")], height=101
)


def counts(found):
    return [(one.right, one.wrong, one.silent) for one in found.calls]


def test_change_that_is_spent_with_the_payers_address_later_is_known():
    found = calibrate(ledger(PAYS, MERGES), [At(1), At(0), At(7)])
    assert found.revealed.to_pylist() == [
        {"chain": "btc-regtest", "txid": PAYS.txid, "change": 1, "payment": 0}
    ]
    assert counts(found) == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]


def test_a_figure_of_the_case_says_where_when_and_how_and_has_its_interval():
    found = calibrate(ledger(PAYS, MERGES), [At(0)])
    (figure,) = found.figures
    assert (figure.wrong, figure.of, figure.tier, figure.unit) == (1, 1, "case", "outputs called change")
    assert figure.population == "1 payment of this ledger whose change was revealed later"
    assert (figure.date, figure.interval) == (found.date, pytest.approx((0.2065, 1.0), abs=1e-4))
    assert ledger(PAYS, MERGES).digest[:16] in figure.reference


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="nothing is merged"),
        pytest.param(
            [
                tx(
                    [(PAYS.txid, 0, 30, "ben"), (PAYS.txid, 1, 60, "change"), origin(5, "ann", number=3)],
                    [(90, "x")],
                    height=102,
                )
            ],
            id="both outputs join the payer",
        ),
        pytest.param(
            [
                tx([origin(5, "change", number=8), origin(5, "ann", number=9)], [(9, "y")], height=99),
                MERGES,
            ],
            id="the address was with the payer before",
        ),
    ],
)
def test_what_reveals_nothing_counts_nothing(others):
    assert calibrate(ledger(PAYS, *others), [At(1)]).revealed.num_rows == 0


def test_change_to_the_paying_address_and_payments_with_three_outputs_do_not_count():
    own = tx([origin(100, "ann")], [(30, "ben"), (60, "ann")])
    three = tx([origin(90, "dora", number=4)], [(30, "ben"), (20, "eve"), (30, "fay")], height=101)
    joins = tx(
        [(three.txid, 2, 30, "fay"), origin(5, "dora", number=5), (own.txid, 1, 60, "ann")],
        [(9, "x")],
        height=102,
    )
    found = calibrate(ledger(own, three, joins), [At(1), SelfChange()])
    assert (found.revealed.num_rows, counts(found)) == (0, [(0, 0, 0)])
    assert [figure.text[:12] for figure in found.figures] == ["not measured", "not measured"]


def test_a_rule_that_looks_at_the_same_evidence_is_not_measured():
    found = calibrate(ledger(PAYS, MERGES), [ClusterChange(), ClusterChange() & OptimalChange()])
    assert (found.calls, len(found.unmeasured)) == ((), 2)
    assert all(figure.of == 0 for figure in found.figures)
    assert "looks at the same evidence" in found._repr_html_()


def test_a_rule_with_nothing_to_find_is_not_measured_and_has_no_share():
    found = calibrate(ledger(PAYS, MERGES), [SelfChange(), SelfChange().unique, SelfChange() | At(1), At(7)])
    assert [rule for rule, _ in found.unmeasured] == ["self-change", "self-change.unique"]
    assert counts(found) == [(1, 0, 0), (0, 0, 1)]
    table = found.to_pandas().set_index("rule")
    assert table.loc["self-change"][["called_share", "silent"]].isna().all()
    assert table.loc["self-change", "error"].startswith("not measured: change to an input's own address")
    assert table.loc["at-7", "error"] == "not measured"
    assert table.loc["at-7", "called_share"] == 0.0
    assert table["wrong_share"].isna().tolist() == [False, True, True, True]
    assert "0 / 0" not in found._repr_html_()


def test_only_change_rules_are_measured():
    with pytest.raises(BadInput, match="no change rule"):
        calibrate(ledger(PAYS), [MultiInput()])


def test_a_ledger_of_coinbases_or_without_known_inputs_reveals_nothing():
    unknown = tx([origin(100, "ann")], [(30, "ben"), (60, "ann")])
    assert counts(calibrate(ledger(unknown), [At(0)])) == [(0, 0, 0)]
    assert calibrate(ledger(), [At(0)]).date == ""


def test_by_default_all_installed_change_rules_are_measured_and_shares_add_up():
    found = calibrate(samples.simulated_wallets(rounds=8).ledger)
    table = found.to_pandas()
    assert {"optimal-change", "one-time-change", "fingerprint-change"} <= set(table["rule"])
    assert set((table["right"] + table["wrong"] + table["silent"]).dropna()) == {found.revealed.num_rows}
    assert {"self-change", "cluster-change"} <= {rule for rule, _ in found.unmeasured} == set(found.why_not)
    assert found.revealed.num_rows > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_on_simulated_wallets_the_revealed_change_is_the_payers_own(seed):
    simulation = samples.simulated_wallets(seed)
    index, owners = simulation.ledger.index, simulation.truth.owners
    found = calibrate(simulation.ledger, [At(0)])
    for row in found.revealed.to_pylist():
        tx_row = index.row_of_tx[row["chain"], row["txid"]]
        (payer,) = {owners[index.label_of(output)] for output in index.inputs_of(tx_row).tolist()}
        paid = [owners[index.label_of(output)] for output in index.outputs_of(tx_row).tolist()]
        assert (paid[row["change"]] == payer, paid[row["payment"]] == payer) == (True, False)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1), st.integers(1, 40))
def test_the_place_of_the_revealed_change_does_not_matter(place, value):
    outputs = [(30, "ben"), (value, "change")]
    pays = tx([origin(100, "ann")], outputs if place else outputs[::-1])
    merges = tx([(pays.txid, place, value, "change"), origin(50, "ann", number=2)], [(60, "x")], height=101)
    assert counts(calibrate(ledger(pays, merges), [At(place)])) == [(1, 0, 0)]


def test_a_recorded_litecoin_chain_reveals_change_that_is_the_payers_own(shared: Path):
    made, owners = litecoin(shared / "nodes" / "litecoind_regtest")
    index = made.index
    for row in calibrate(made, [At(0)]).revealed.to_pylist():
        tx_row = index.row_of_tx[row["chain"], row["txid"]]
        payers = {owners[index.label_of(output)] for output in index.inputs_of(tx_row).tolist()}
        paid = {int(index.vout[o]): owners[index.label_of(o)] for o in index.outputs_of(tx_row).tolist()}
        assert {paid[row["change"]]} == payers
