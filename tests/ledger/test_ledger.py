"""The ledger value: seeds, tables, SQL, graphs, the sealed file."""

from __future__ import annotations

import dataclasses
import json

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow import units
from chainflow.errors import BadInput, LedgerFileRejected, SeedUnknown
from chainflow.ledger import Ledger, address_graph, cluster_graph, transaction_graph
from chainflow.model import AddressClaim
from tests.made import ledger, origin, tx


@pytest.fixture
def small() -> Ledger:
    first = tx([origin(100, "ann"), origin(50, "bob", number=2)], [(60, "ben"), (80, "ann")])
    second = tx([(first.txid, 0, 60, "ben")], [(55, "cat")], height=101)
    return ledger(first, second)


def label(made: Ledger, txid: str, vout: int) -> str:
    return next(r["address"] for r in made.outputs.to_pylist() if (r["txid"], r["vout"]) == (txid, vout))


def test_a_seed_is_an_address_a_txid_or_an_outpoint(small):
    first, second = small.txs["txid"].to_pylist()
    index = small.index
    assert [index.vout[row] for row in index.resolve([first])] == [0, 1]
    assert index.resolve([f"{first}:1"]) == [index.resolve([first])[1]]
    assert len(index.resolve([label(small, first, 1)])) == 2
    assert index.resolve([label(small, second, 0).upper()]) == index.resolve([second])


def test_an_unknown_seed_is_not_called_empty(small):
    with pytest.raises(SeedUnknown, match="not in this ledger"):
        small.index.resolve(["ff" * 32])


def test_exact_integers_survive_pandas(small):
    frame = small.to_pandas()
    assert int(frame["value_sat"].sum()) == 100 + 50 + 60 + 80 + 55
    assert str(frame["spent_vin"].dtype) == "int64[pyarrow]"


def test_sql_reads_the_tables_and_nothing_else(small, tmp_path):
    assert small.sql("select sum(fee_sat) as fees from txs")["fees"].tolist() == [15]
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(BadInput, match="disabled"):
        small.sql(f"select * from read_csv('{tmp_path}/secret.csv')")
    with pytest.raises(BadInput, match="failed"):
        small.sql("selec")


def test_sql_gives_times_in_utc_whatever_the_machine_says(small, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    frame = small.sql("select time, cast(min(time) over () as varchar) as words from txs")
    assert str(frame["time"].dtype) == "timestamp[us, tz=UTC][pyarrow]"
    assert frame["words"][0] == f"{small.txs['time'][0].as_py():%Y-%m-%d %H:%M:%S}+00"


def test_changing_a_frame_leaves_the_ledger_as_it_was(small):
    ask = AddressClaim("btc-regtest", "bcrt1qsomebody", 0)
    made = ledger(ask)
    for frame in (made.coverage, made.to_pandas("coverage")):
        frame.loc[0, "state"] = "partial"
    assert made.coverage["state"].tolist() == ["complete"]
    assert made.digest == ledger(ask).digest


def test_verification_names_what_is_only_asserted(small):
    assert small.verified == (2, 2)
    assert "2 of 2 transactions verified (L2" in small.verification
    assert "1 of 3 input amounts proved" in small.verification


def test_shares_into_an_address_add_up_to_what_is_paid_to_it(small):
    held = small.txs["txid"].to_pylist()
    received: dict[str, int] = {}
    for row in small.outputs.to_pylist():
        if row["txid"] in held:
            received[row["address"]] = received.get(row["address"], 0) + row["value_sat"]
    graph = address_graph(small)
    paid = {node: sum(v for *_, v in graph.in_edges(node, data="value_sat")) for node in graph}
    assert {node: value for node, value in paid.items() if value} == received


def test_where_an_input_is_not_known_nobody_is_named_as_payer():
    record = tx([origin(60, "ann"), origin(40, "bob", number=2)], [(95, "cat")])
    hidden = dataclasses.replace(record.inputs[1], prevout=None)
    graph = address_graph(ledger(dataclasses.replace(record, inputs=(record.inputs[0], hidden))))
    edges = [(payer, value) for payer, _, value in graph.edges(data="value_sat")]
    assert edges == [("payer not in evidence", 95)]


def test_transaction_graph_joins_maker_and_spender(small):
    first, second = small.txs["txid"].to_pylist()
    graph = transaction_graph(small)
    assert isinstance(graph, nx.MultiDiGraph)
    assert graph.edges[first, second, 0]["value_sat"] == 60


class OneOwner:
    def of(self, address: str) -> str:
        return "everybody"


def test_cluster_graph_keeps_every_payment(small):
    graph = cluster_graph(small, OneOwner())
    loop = graph.edges["everybody", "everybody"]
    assert loop["value_sat"] == 60 + 80 + 55
    assert loop["txids"] == small.txs["txid"].to_pylist()


def test_html_card_escapes_and_names_the_verification(small):
    assert "2 of 2 transactions verified" in small._repr_html_()


def test_a_written_ledger_reads_back_equal(small, tmp_path):
    small.write(tmp_path / "l.json")
    again = Ledger.read(tmp_path / "l.json")
    assert again.digest == small.digest
    assert again.outputs.equals(small.outputs)
    assert again.recipe.verb == "read"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"height":100', '"height":99', "changed after it was sealed"),
        ('"raw":"02', '"raw":"01', "hashes to"),
        ('"prevouts":[[100', '"prevouts":[[101', "changed after it was sealed"),
        ('"format":', '"form":', "not a ledger file"),
        ('"version":2', '"version":9', "version 9"),
        ('"transactions":[', '"transactions":[7,', "not a ledger file"),
    ],
)
def test_a_changed_ledger_file_is_refused(small, tmp_path, old, new, message):
    small.write(tmp_path / "l.json")
    text = (tmp_path / "l.json").read_text()
    assert old in text
    (tmp_path / "l.json").write_text(text.replace(old, new, 1))
    with pytest.raises(LedgerFileRejected, match=message):
        Ledger.read(tmp_path / "l.json")


def test_a_cut_ledger_file_is_refused_at_every_length(small, tmp_path):
    small.write(tmp_path / "l.json")
    body = (tmp_path / "l.json").read_bytes()
    for length in range(0, len(body) - 2, 97):
        (tmp_path / "cut.json").write_bytes(body[:length])
        with pytest.raises(LedgerFileRejected):
            Ledger.read(tmp_path / "cut.json")


def test_a_missing_ledger_file_says_where(tmp_path):
    with pytest.raises(LedgerFileRejected, match=r"nothing\.json"):
        Ledger.read(tmp_path / "nothing.json")


def test_the_file_is_plain_json(small, tmp_path):
    small.write(tmp_path / "l.json")
    assert json.loads((tmp_path / "l.json").read_text())["format"] == "chainflow-ledger"


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**15), min_size=1, max_size=20))
def test_split_adds_up_and_never_exceeds_a_weight(total, weights):
    total = min(total, sum(weights))
    if sum(weights) == 0:
        return
    parts = units.split(total, weights)
    assert sum(parts) == total
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))
    assert all(abs(p * sum(weights) - total * w) < sum(weights) for p, w in zip(parts, weights, strict=True))
