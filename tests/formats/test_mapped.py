"""Any CSV: a mapping that the user confirms, units that are stated, rows that are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput, BadResponse, SourceError
from chainflow.formats import open_file
from chainflow.formats.mapped import MappedCsv
from chainflow.formats.shape import question
from chainflow.model import Outpoint, SpendRecord, TransferKind, TxOutline

A, B = f"0x{'a' * 40}", f"0x{'b' * 40}"
T = f"0x{'5' * 64}"
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
MAP = {"txid": "Tx", "sender": "Von", "recipient": "An", "value": "Betrag", "unit": "coins"}
HEAD = "Tx;Von;An;Betrag;Wann;Block;Token;Notiz\n"


def row(value="0,5", when="08.05.2021 17:12:57", token="", note="x"):
    return f"{T};{A};{B};{value};{when};12;{token};{note}\n"


def parse(text, chain="eth", **options):
    body = text if isinstance(text, bytes) else text.encode()
    return MappedCsv.parse(chain, question("rows.csv", MAP | {"decimal_mark": ","} | options), body)


WHEN = {"time": "Wann", "time_format": "%d.%m.%Y %H:%M:%S", "zone": "utc", "height": "Block"}


def test_mapped_columns_are_read_in_the_units_that_are_stated():
    parsed = parse(HEAD + row("1.234,5"), **WHEN)
    (fact,) = parsed.facts
    assert (fact.kind, fact.value_raw, fact.ok) == (TransferKind.NATIVE, 12345 * 10**17, None)
    assert (fact.time, fact.height) == (1620493977, 12)
    assert parsed.understood["Betrag"] == "amount in coins"
    assert "outcome is unknown" in parsed.notes[0]


def test_base_units_are_whole_numbers():
    assert parse(HEAD + row("17"), unit="base").facts[0].value_raw == 17
    assert "whole number" in parse(HEAD + row("17,5"), unit="base").rejected[0].reason


def test_tokens_need_their_decimals():
    text = HEAD + row(token=USDT) + row(token=B)
    parsed = parse(text, contract="Token")
    assert [fact.value_raw for fact in parsed.facts] == [500_000]
    assert "decimals" in parsed.rejected[0].reason
    assert parse(text, contract="Token", decimals="2").facts[1].value_raw == 50


def test_without_a_mapping_nothing_is_read_and_a_proposal_is_made():
    with pytest.raises(BadInput, match="which column is sender") as caught:
        MappedCsv.parse("eth", question("rows.csv", {"txid": "Tx"}), HEAD.encode())
    assert "which column" in str(caught.value)
    with pytest.raises(BadInput, match="unit of the amounts is not stated"):
        MappedCsv.parse(
            "eth", question("rows.csv", {k: v for k, v in MAP.items() if k != "unit"}), HEAD.encode()
        )
    with pytest.raises(BadInput, match="no column 'Sum' for value"):
        parse(HEAD + row(), value="Sum")


@pytest.mark.parametrize(("options", "cells", "why"), [
    ({"decimal_mark": ""}, {"value": "0,5"}, "decimal_mark"),
    ({"time": "Wann"}, {}, "time_format="),
    (WHEN | {"zone": ""}, {}, "zone=utc"),
    (WHEN, {"when": "05/08/2021"}, "of the form"),
    ({"time": "Wann"}, {"when": "20210508"}, "time in UTC"),
    ({"time": "Wann"}, {"when": "2021-05-08T17:12:57"}, "zone=utc"),
])  # fmt: skip
def test_what_can_be_read_in_two_ways_is_rejected(options, cells, why):
    assert why in parse(HEAD + row(**cells), **options).rejected[0].reason


def test_a_time_with_its_zone_is_read():
    (fact,) = parse(HEAD + row(when="2021-05-08T19:12:57+02:00"), time="Wann").facts
    assert fact.time == 1620493977


def test_other_encodings_must_be_named():
    body = (HEAD + row(note="Überweisung")).encode("cp1252")
    with pytest.raises(BadResponse, match="not UTF-8"):
        parse(body)
    assert len(parse(body, encoding="cp1252").facts) == 1
    assert len(parse((HEAD + row(note="ü")).encode("utf-16")).facts) == 1
    with pytest.raises(BadInput, match="no encoding"):
        parse(body, encoding="klingon")


def test_a_formula_is_only_text():
    parsed = parse(HEAD + row(note="=HYPERLINK(1)") + row("=1+1"))
    assert (len(parsed.facts), parsed.rejected[0].line) == (1, 3)


def test_on_bitcoin_a_row_is_a_spend_or_a_block_and_no_amount():
    txid, by = "4a" * 32, "5b" * 32
    path = question("x.csv", {"txid": "t", "vout": "n", "spent_by": "by", "spent_vin": "i"})
    facts = MappedCsv.parse("btc", path, f"t,n,by,i\n{txid},0,{by},1\n".encode()).facts
    assert facts == (SpendRecord("btc", Outpoint(txid, 0), by, 1),)
    path = question("x.csv", {"txid": "t", "height": "h"})
    assert MappedCsv.parse("btc", path, f"t,h\n{txid},7\n".encode()).facts == (
        TxOutline("btc", txid, True, 7),
    )


def test_a_proposal_is_shown_and_used_only_when_confirmed(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(f"Tx Hash,From,To,Amount,Block\n{T},{A},{B},1.5,7\n{T},{A},nobody,1.5,7\n")
    source = open_file(file, chain="eth")
    assert source.family == "csv"
    with pytest.raises(BadInput, match="which column"):
        source.facts  # noqa: B018
    shown = str(source.preview())
    assert "NOT CONFIRMED" in shown
    assert "proposed: sender: From" in shown
    assert "unit of the amounts is not stated" in shown
    ready = source.confirmed(unit="coins")
    assert [fact.value_raw for fact in ready.facts] == [15 * 10**17]
    assert "not used: line 3" in str(ready.preview())
    assert (
        ready.path == "/rows.csv?height=Block&recipient=To&sender=From&txid=Tx%20Hash&unit=coins&value=Amount"
    )
    assert MappedCsv.read("eth", ready.path, 200, ready.body) == ready.facts


@given(at=st.integers(0, len(HEAD + row()) - 1), byte=st.integers(0, 127))
def test_a_changed_byte_gives_facts_or_a_typed_error(at, byte):
    body = bytearray((HEAD + row()).encode())
    body[at] = byte
    try:
        MappedCsv.read("eth", question("rows.csv", MAP | WHEN | {"decimal_mark": ","}), 200, bytes(body))
    except (SourceError, BadInput):
        return


def test_a_row_that_is_refused_is_not_counted_as_understood():
    parsed = parse(HEAD + row() + row("half"))
    assert (parsed.counts, len(parsed.rejected)) == ({"native transfers": 1}, 1)
    path = question("x.csv", {"txid": "t", "vout": "n", "spent_by": "by", "spent_vin": "i"})
    spent = MappedCsv.parse("btc", path, f"t,n,by,i\n{'4a' * 32},0,nobody,1\n".encode())
    assert spent.counts == {}


def test_a_refused_amount_is_shown_as_it_stands_with_the_stated_decimal_mark():
    (refused,) = parse(HEAD + row("1,234.5678")).rejected
    assert refused.reason.startswith("value is '1,234.5678' (allowed: an amount as 1.234,5678,")
    assert parse(HEAD + row("1.234,5678")).facts[0].value_raw == 12345678 * 10**14
