"""A clustering against a truth: each figure is a count that a reader can redo."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import samples
from chainflow.clustering.accounts import DepositReuse
from chainflow.clustering.engine.join import cluster
from chainflow.clustering.error_rates.comparison import MERGED, compare
from chainflow.clustering.error_rates.evaluation import _main_clusters, _overlap, evaluate
from chainflow.clustering.error_rates.figure import ErrorFigure
from chainflow.errors import AddressInvalid, BadInput
from chainflow.samples import Truth
from chainflow.samples.owners import compare_owners
from tests.clustering import account_made
from tests.clustering.truth import experiment, litecoin
from tests.conftest import REPOSITORY
from tests.made import ledger, origin, tx

# Ann spends two coins of hers for Ben (60) with change (35); Ben, with another coin, pays Cleo (50), rest 40
FIRST = tx([origin(50, "ann1"), origin(50, "ann2", number=2)], [(60, "ben1"), (35, "ann3")])
SECOND = tx(
    [(FIRST.txid, 0, 60, "ben1"), origin(35, "ben2", number=3)], [(50, "cleo"), (40, "ben3")], height=101
)
NAMES = ("ann1", "ann2", "ann3", "ben1", "ben2", "ben3", "cleo")


@pytest.fixture(scope="module")
def small():
    made = ledger(FIRST, SECOND)
    address: dict[str, str] = {}
    for record in (FIRST, SECOND):
        (row,) = made.index.tx_rows(record.txid)
        for output in [*made.index.inputs_of(row).tolist(), *made.index.outputs_of(row).tolist()]:
            name = bytes.fromhex(made.outputs["script"][output].as_py())[2:].rstrip(b".").decode()
            address[name] = made.index.label_of(output)
    return made, {address[name]: name.rstrip("123").title() for name in NAMES}, address


def test_every_figure_of_the_example_in_the_documentation(small):
    made, owners, _ = small
    found = evaluate(cluster(made), owners)
    counts = {share.name: (share.right, share.of) for share in found.figures}
    assert counts == {
        "pair precision": (2, 2),  # ann1-ann2, ben1-ben2
        "pair recall": (2, 6),  # three pairs of Ann, three of Ben
        "address coverage": (5, 7),  # two of three, two of three, Cleo's one
        "address purity": (5, 5),
        "flow precision": (2, 4),  # the change of both looks like a payment
        "flow precision by amount": (110, 185),
        "flow recall": (2, 2),
        "flow recall by amount": (110, 110),
        "role agreement": (2, 4),  # ann3 and ben3 are change; the origins have no receipt in the ledger
    }


def test_the_truth_as_clustering_is_right_in_every_figure(small):
    made, owners, address = small
    both = Truth(owners, {address["ann3"]: "change", address["cleo"]: "receive"})
    right = _clustered(made, owners)
    assert all(share.right == share.of > 0 for share in evaluate(right, both).figures)


def test_a_wrong_merge_lowers_precision_purity_and_flow_recall(small):
    made, owners, _ = small
    found = evaluate(_clustered(made, dict.fromkeys(owners, "all")), owners)
    counts = {share.name: (share.right, share.of) for share in found.figures}
    assert counts["pair precision"] == (6, 21)
    assert counts["address purity"] == (7, 21)
    assert (counts["flow precision"], counts["flow recall"]) == ((0, 0), (0, 2))
    assert found["flow precision"].text == "not measured"
    assert [owners for _, owners in found.merged] == [("Ann", "Ben", "Cleo")]


def test_what_is_not_in_the_ledger_is_listed_and_what_has_no_truth_is_counted(small):
    made, _, address = small
    stranger = "bcrt1qq6hag67dl53wl99vzg42z8eyzfz2xlkvwk6f7m"
    known = {address["ann1"]: "Ann", address["ann2"].upper(): "Ann", stranger: "Nobody"}
    found = evaluate(cluster(made), known)
    assert (found.unknown, found.without_truth) == ((stranger,), 5)
    assert (found["pair recall"].right, found["pair recall"].of) == (1, 1)
    assert "1 address of the truth" in found._repr_html_()


def test_population_and_date_come_from_the_caller_or_the_truth_and_never_from_the_clock(small):
    made, owners, _ = small
    stated = Truth(owners, population="three friends", date="2024-05-01")
    assert set(evaluate(cluster(made), stated).to_pandas()["population"]) == {"three friends"}
    assert set(evaluate(cluster(made), stated, date="2025-01-01").to_pandas()["date"]) == {"2025-01-01"}
    unstated = evaluate(cluster(made), owners)
    assert (unstated.figures[0].date, unstated.figures[0].population) == ("", "truth without a name")
    assert "date: not stated" in unstated._repr_html_()


def test_money_has_no_interval_and_counts_have_wilsons(small):
    made, owners, _ = small
    found = evaluate(cluster(made), owners)
    assert found["flow recall by amount"].interval is None
    assert found["pair recall"].interval == pytest.approx((0.0968, 0.7000), abs=1e-4)
    row = found.to_pandas().set_index("name").loc["flow recall by amount"]
    assert row["low"] is pd.NA


def test_lower_bound_and_extended_clustering_stand_side_by_side(small):
    made, owners, _ = small
    table = compare({"lower bound": cluster(made), "owners": _clustered(made, owners)}, owners)
    recall = (
        "2 of 6 pairs of one owner (33.33%; 95 %: 9.68% to 70.00%)",
        "6 of 6 pairs of one owner (100.00%; 95 %: 60.97% to 100.00%)",
    )
    assert table.texts("pair recall") == recall
    assert table.texts(MERGED) == ("0", "0")
    assert all(text in table._repr_html_() for text in ("lower bound", "owners", MERGED, *recall))
    assert repr(table) == "<Comparison 2 clusterings, 10 figures: lower bound, owners>"
    assert table["owners"]["pair recall"].right == 6


def test_a_comparison_can_be_cut_to_some_figures_and_is_a_table_of_numbers(small):
    made, owners, _ = small
    cut = compare({"a": cluster(made), "b": cluster(made)}, owners).only("flow recall", "pair recall")
    frame = cut.to_pandas()
    assert frame.columns[:4].tolist() == ["clustering", "name", "right", "of"]
    assert frame.iloc[:, :4].values.tolist() == [
        [name, *row] for name in "ab" for row in (["flow recall", 2, 2], ["pair recall", 2, 6])
    ]
    assert "pair precision" not in cut._repr_html_()


def test_what_cannot_be_compared_is_refused(small):
    made, owners, _ = small
    table = compare({"a": cluster(made)}, owners)
    for wrong in (lambda: table["b"], lambda: table.only("luck"), lambda: compare({}, owners)):
        with pytest.raises(BadInput, match=r"no (clustering|figure)"):
            wrong()


@pytest.mark.parametrize("name", ["0", "9"])
def test_of_equal_clusters_the_main_one_holds_most_others_whatever_its_name_so_that_a_tie_never_flatters(
    name,
):
    # Shop has three addresses, all apart; one of them lies in Jan's cluster of three
    clusters = {"j1": name, "j2": name, "s1": name, "s2": "4", "s3": "5"}
    owners = {place: "Jan" if place[0] == "j" else "Shop" for place in clusters}
    cells = compare_owners(clusters, owners)
    assert _main_clusters(cells) == {"Jan": name, "Shop": name}
    assert [figure[1:3] for figure in _overlap(cells)] == [(3, 5), (3, 6)]


def test_one_of_a_unit_is_told_in_the_singular(small):
    figure = ErrorFigure("rule", "1", 1, 1, "outputs called change", "here", "2026", "again", "shipped")
    assert figure.text.startswith("1 wrong of 1 output called change (95 %: ")
    made, _, address = small
    alone = evaluate(cluster(made), {address["cleo"]: "Cleo"})
    assert alone["address coverage"].text.startswith("1 of 1 address (")


@pytest.mark.parametrize(
    ("truth", "says"),
    [({}, "without addresses"), ({"bcrt1qq6hag67dl53wl99vzg42z8eyzfz2xlkvwk6f7m": "Ann"}, "none of the 1")],
)
def test_a_truth_that_says_nothing_of_this_ledger_is_refused(small, truth, says):
    with pytest.raises(BadInput, match=says):
        evaluate(cluster(small[0]), truth)


def test_one_address_in_two_spellings_with_two_owners_is_refused(small):
    made, _, address = small
    with pytest.raises(BadInput, match="two owners"):
        evaluate(cluster(made), {address["ann1"]: "Ann", address["ann1"].upper(): "Ben"})


def test_on_two_chains_addresses_carry_their_chain_and_amounts_are_not_added_up(small):
    _, owners, address = small
    made = ledger(FIRST, SECOND, tx([origin(9, "ann1")], [(8, "ben1")], chain="ltc-regtest"))
    named = {f"btc-regtest:{place}": owner for place, owner in owners.items()}
    found = evaluate(cluster(made), named)
    assert (found["flow recall"].right, found["flow recall"].of, found.without_truth) == (2, 2, 2)
    assert found["flow recall by amount"].text == "not measured"
    assert address["ann1"] not in found.unknown


def test_what_is_no_address_is_refused(small):
    with pytest.raises(AddressInvalid):
        evaluate(cluster(small[0]), {"bcrt1qwrong": "Ann"})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=9))
def test_pair_counts_are_those_of_all_pairs(cells):
    clusters = {str(n): f"c{cluster}" for n, (cluster, _) in enumerate(cells)}
    owners = {str(n): f"o{owner}" for n, (_, owner) in enumerate(cells)}
    found = compare_owners(clusters, owners)
    pairs = [(clusters[a] == clusters[b], owners[a] == owners[b]) for a, b in combinations(clusters, 2)]
    assert (found.true, found.false, found.missed) == tuple(
        pairs.count(kind) for kind in ((True, True), (True, False), (False, True))
    )


def test_accounts_are_compared_by_pairs_and_their_flow_is_not_measured():
    rows = [account_made.pay("user", "deposit", 10**18, 5), account_made.pay("user", "other", 10**18, 6)]
    truth = {
        account_made.who("user"): "Ann",
        account_made.who("deposit"): "Ann",
        account_made.who("other"): "Ben",
    }
    found = evaluate(cluster(account_made.ledger(*rows), [DepositReuse([account_made.who("hot")])]), truth)
    assert (found["pair recall"].right, found["pair recall"].of) == (0, 1)
    assert found["flow recall"].text == found["role agreement"].text == "not measured"


# --- files


def test_a_truth_is_read_from_csv_and_from_both_forms_of_json(small, tmp_path):
    _, owners, address = small
    lines = [f"{a},{owner},change" for a, owner in owners.items()]
    (tmp_path / "a.csv").write_text("\n".join(["address,owner,role", *lines]))
    pairs = ", ".join(f'"{a}": "{owner}"' for a, owner in owners.items())
    (tmp_path / "b.json").write_text(f"{{{pairs}}}")
    rows = ", ".join(f'{{"address": "{a}", "owner": "{owner}"}}' for a, owner in owners.items())
    (tmp_path / "c.json").write_text(f"[{rows}]")
    found = [Truth.read(tmp_path / name, date="2024-05-01") for name in ("a.csv", "b.json", "c.json")]
    assert [dict(truth.owners) for truth in found] == [owners] * 3
    assert found[0].roles[address["ann1"]] == "change"
    assert (found[0].population, found[0].date, found[1].roles) == ("a.csv", "2024-05-01", {})


GOOD = "bcrt1qq6hag67dl53wl99vzg42z8eyzfz2xlkvwk6f7m"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", f"address,owner\n{GOOD}\n", "a.csv, line 2: not as many cells"),
        ("a.csv", f"address,owner\n{GOOD},Ann,too,many\n", "line 2: not as many cells"),
        ("a.csv", f"address,owner\n{GOOD},Ann\n{GOOD},Ben\n", "line 3: .* twice"),
        ("a.csv", f"address,owner\n{GOOD}, \n", "line 2: no owner"),
        ("a.csv", f"address,owner\n{GOOD[:-1]}q,Ann\n", "line 2: "),
        ("a.csv", "who,what\n", "columns who, what"),
        ("a.csv", "", "columns none"),
        ("a.csv", f'address,owner\n"{GOOD},Ann\n', "line"),
        ("a.json", f'{{"{GOOD}": "Ann", "{GOOD}": "Ben"}}', "entry 2: .* twice"),
        ("a.json", f'{{"{GOOD}": 7}}', "entry 1: .* not texts"),
        ("a.json", "[1]", "entry 1: not an object"),
        ("a.json", "7", "neither an object nor a list"),
        ("a.json", "{", "not JSON"),
    ],
)
def test_a_damaged_truth_file_is_refused_and_the_row_named(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=says):
        Truth.read(tmp_path / name)


def test_a_truth_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no truth in"):
        Truth.read(tmp_path / "missing.csv")
    (tmp_path / "raw.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not UTF-8"):
        Truth.read(tmp_path / "raw.csv")


# --- recorded and shipped truth


def test_the_shipped_regtest_run_is_right_with_the_veto_and_wrong_without():
    made, truth = samples.load("regtest"), samples.truth("regtest")
    with_veto = evaluate(cluster(made), truth)
    without = evaluate(cluster(made, veto=()), truth)
    assert with_veto.unknown == without.unknown == ()
    assert (with_veto["pair precision"].value, with_veto.merged) == (1.0, ())
    assert with_veto["flow recall"].value == 1.0
    assert without["pair precision"].value < 1.0
    assert {"Ada", "Bela", "Gus", "Hana"} == {owner for _, owners in without.merged for owner in owners}


def test_a_recorded_litecoin_chain_has_425_right_pairs_and_no_wrong_one(shared: Path):
    made, owners = litecoin(shared / "nodes" / "litecoind_regtest")
    found = evaluate(cluster(made), owners)
    assert (found["pair precision"].right, found["pair precision"].of, found.merged) == (425, 425, ())
    assert found["flow recall"].value == 1.0


@pytest.mark.parametrize(
    ("run", "right", "of", "purity"),
    [("joinmarket_43_wallets", 6, 361, (47, 245)), ("wasabi2_10_wallets", 196, 1_813, (49, 302))],
)
def test_recorded_mixing_experiments_are_nearly_all_wrong_without_a_veto(
    shared: Path, run, right, of, purity
):
    made, _, owners = experiment(shared / "coinjoin" / "regtest_truth" / run)
    found = evaluate(cluster(made, veto=()), owners)
    assert (found["pair precision"].right, found["pair precision"].of) == (right, of)
    assert found.merged
    assert (found["address purity"].right, found["address purity"].of) == purity
    assert evaluate(cluster(made), owners)["pair precision"].text == "not measured"


@pytest.mark.parametrize("page", ["concepts/error-figures.md", "how-to/measure.md"])
def test_the_examples_of_the_documentation_run(page):
    names: dict[str, object] = {}
    for block in re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / page).read_text("utf-8"), re.DOTALL
    ):
        exec(block, names)
    assert names["found"]["pair precision"].value == 1.0


def _clustered(made, owners):
    """Return a clustering that groups addresses as `owners` says: every link is decided by hand."""
    from chainflow.clustering.decisions import Decision

    first: dict[str, str] = {}
    decided = [
        Decision("same", first[owner], address, "for the test")
        for address, owner in owners.items()
        if first.setdefault(owner, address) != address
    ]
    return cluster(made, decisions=decided)
