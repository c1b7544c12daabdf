"""Files of conversions: read, written, and what is refused in them."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import Conversions
from chainflow.tracing.conversions.rows import COLUMNS, conversion_of, row_of
from tests.tracing.conversions.conversions_made import conversion

ROW = row_of(conversion())


def bad(**cells):
    return {**ROW, **cells}


@pytest.mark.parametrize("name", ["edges.csv", "edges.json"])
def test_what_is_written_is_read_again(tmp_path, name):
    given_set = Conversions((conversion(), conversion(8, reason='with "quotes", commas\nand lines')))
    again = Conversions.read(given_set.write(tmp_path / name))
    assert again.conversions == given_set.conversions
    assert again.rejected == ()
    assert again.recipe.parameters["files"][0]["name"] == name


def test_a_packed_file_is_read(tmp_path):
    plain = Conversions((conversion(),)).write(tmp_path / "edges.csv")
    packed = tmp_path / "edges.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert Conversions.read(packed).conversions == (conversion(),)


@given(
    st.integers(1, 10**70),
    st.sampled_from(["", "log:3", "trace:0_1", "log:3+log:5"]),
    st.text("abc ,;", max_size=9),
)
@settings(max_examples=50)
def test_a_row_is_read_as_it_was_written(amount, place, reason):
    one = conversion(amount, reason=reason.strip())
    one = type(one)(one.paid, type(one.received)("eth", one.received.txid, place, Asset("eth", "0xa0"), "", amount),
                    one.kind, one.evidence, one.reason, one.source, 3, "me")  # fmt: skip
    assert conversion_of(row_of(one)) == one


def test_left_out_cells_mean_the_own_coin_a_unique_candidate_and_no_reason():
    short = {name: ROW[name] for name in COLUMNS if not name.endswith(("asset", "place", "address"))}
    del short["reason"], short["candidates"], short["chosen_by"]
    one = conversion_of(short)
    assert (one.paid.asset, one.candidates, one.reason, one.is_asserted) == (Asset("btc", None), 1, "", True)


def test_a_bare_contract_is_one_of_the_legs_chain():
    assert conversion_of(bad(received_asset="0xA0")).received.asset == Asset("eth", "0xa0")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (bad(paid_txid="12"), "not a txid"),
        (bad(paid_amount_raw="1.5"), "paid_amount_raw is '1.5'"),
        (bad(paid_amount_raw="0"), "paid_amount_raw is '0'"),
        (bad(received_amount_raw="-7"), "received_amount_raw"),
        (bad(kind="laundering"), "not a kind of kind"),
        (bad(evidence="gut feeling"), "not a kind of evidence"),
        (bad(source=" "), "no source"),
        (bad(received_asset="tron:T1"), "is no asset of eth"),
        (bad(paid_place="../x"), "not a place"),
        (bad(candidates="many"), "candidates is 'many'"),
        (bad(reason="a\u202eb"), "hidden character"),
        (bad(score="9"), "unknown column 'score'"),
        ({**ROW, **{f"received_{name}": ROW[f"paid_{name}"] for name in ("chain", "txid", "place", "asset")}}, "both sides"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_the_others_are_used(row, words):
    found = Conversions.of_rows([ROW, row, ROW])
    assert (len(found), len(found.rejected)) == (1, 1)
    assert found.rejected[0].line == 2
    assert words in found.rejected[0].reason
    with pytest.raises(BadInput, match=r"row 2"):
        Conversions.of_rows([ROW, row], strict=True)


def test_each_bad_line_of_a_file_is_listed(tmp_path):
    place = Conversions((conversion(),)).write(tmp_path / "edges.csv")
    place.write_text(place.read_text() + "too,short\n\n" + ",".join(bad(source="").values()) + "\n")
    found = Conversions.read(place)
    assert [(one.line, one.reason) for one in found.rejected] == [
        (3, "2 cells under 18 headers"),
        (5, "no source"),
    ]
    with pytest.raises(BadInput, match=r"line 3 of edges\.csv"):
        Conversions.read(place, strict=True)


def test_a_number_in_json_is_an_amount_and_a_float_is_none(tmp_path):
    place = tmp_path / "edges.json"
    place.write_text(json.dumps([bad(paid_amount_raw=10**30), bad(paid_amount_raw=1.0), 7]))
    found = Conversions.read(place)
    assert [one.paid.amount_raw for one in found] == [10**30]
    assert [one.line for one in found.rejected] == [2, 3]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.csv", b""),
        ("a.csv", b"kind,evidence\n"),
        ("a.csv", ",".join([*COLUMNS, "kind"]).encode()),
        ("a.csv", b"\xff\xfe"),
        ("a.csv", (",".join(COLUMNS) + '\n"open').encode()),
        ("a.json", b"{}"),
        ("a.json", b"["),
        ("a.csv.gz", b"no gzip"),
    ],
)
def test_a_broken_file_is_refused_as_a_whole(tmp_path, name, body):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(BadInput):
        Conversions.read(tmp_path / name)
    with pytest.raises(BadInput):
        Conversions.read(tmp_path / "missing.csv")
