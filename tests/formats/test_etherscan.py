"""Exports of Etherscan's website: amounts in coins made exact, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput, BadResponse, SourceError
from chainflow.formats.etherscan import EtherscanCsv
from chainflow.model import TransferKind

PATH = "/export.csv"
A, B = "0x52908400098527886E0F7030069857D2E4169EE7", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
T = f"0x{'5' * 64}"
HEAD = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","From","To","ContractAddress","Value_IN(ETH)",'
    '"Value_OUT(ETH)","CurrentValue @ $2500.00/Eth","TxnFee(ETH)","TxnFee(USD)","Historical $Price/Eth","Status",'
    '"ErrCode","Method"\r\n'
)
INTERNAL = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","ParentTxFrom","ParentTxTo","ParentTxETH_Value","From",'
    '"TxTo","ContractAddress","Value_IN(ETH)","Value_OUT(ETH)","CurrentValue @ $1/Eth","Historical $Price/Eth","Status",'
    '"ErrCode","Type"\n'
)
TOKEN = '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","From","To","TokenValue","USDValueDayOfTx","ContractAddress","TokenName","TokenSymbol"\n'
NFT = '"Txhash","Blockno","UnixTimestamp","DateTime","From","To","ContractAddress","TokenId","TokenName","TokenSymbol"\n'
WHEN = ("18000000", "1700000000", "2023-11-14 22:13:20")


def row(*cells):
    return ",".join(f'"{cell}"' for cell in cells) + "\n"


def native(value_in="0", value_out="0.5", fee="0.0021", status="", sender=A, when=WHEN, more=()):
    return row(
        T,
        *when,
        sender,
        B,
        "",
        value_in,
        value_out,
        "1250.00",
        fee,
        "5.25",
        "2000.00",
        status,
        "",
        "Transfer",
        *more,
    )


def token(value="1,234.5", contract=USDT):
    return row(T, *WHEN, A, B, value, "$1", contract, "Tether USD", "USDT")


def parse(text, options="", chain="eth"):
    return EtherscanCsv.parse(chain, PATH + options, text.encode())


def test_a_payment_and_its_fee_are_exact():
    moved, fee = parse(HEAD + native()).facts
    assert (moved.value_raw, moved.ok, moved.height, moved.time) == (
        5 * 10**17,
        True,
        18_000_000,
        1_700_000_000,
    )
    assert (fee.kind, fee.value_raw, fee.sender) == (TransferKind.FEE, 21 * 10**14, A.lower())


def test_one_wei_is_one_wei():
    assert (
        parse(HEAD + native(value_out="1,234,567.000000000000000001")).facts[0].value_raw
        == 1234567 * 10**18 + 1
    )


def test_a_failed_transaction_moved_nothing():
    moved, fee = parse(HEAD + native(status="Error(0)")).facts
    assert (moved.ok, moved.value_raw, moved.stated_raw) == (False, 0, 5 * 10**17)
    assert fee.value_raw == 21 * 10**14


def test_a_fee_of_nothing_is_not_stated_as_nothing():
    parsed = parse(HEAD + native(fee="0"))
    assert [fact.kind for fact in parsed.facts] == [TransferKind.NATIVE]
    assert "taken as not stated" in parsed.notes[0]


def test_a_cell_too_many_at_the_end_is_how_some_exports_are():
    assert len(parse(HEAD + native(more=("x",))).facts) == 2
    assert "18 cells under 16" in parse(HEAD + native(more=("x", "y"))).rejected[0].reason


@pytest.mark.parametrize(("status", "ok"), [("0", True), ("", True), ("1", False), ("Error(1)", False)])
def test_internal_transactions_write_their_outcome_as_a_number(status, ok):
    text = INTERNAL + row(T, *WHEN, A, B, "1", B, A, "", "0.25", "0", "1", "2000", status, "", "call")
    (fact,) = parse(text).facts
    assert (fact.kind, fact.ok, fact.stated_raw, fact.sender) == (
        TransferKind.INTERNAL,
        ok,
        25 * 10**16,
        B.lower(),
    )


def test_a_token_amount_is_scaled_by_decimals_that_are_known():
    parsed = parse(TOKEN + token())
    assert (parsed.facts[0].value_raw, parsed.facts[0].contract) == (1_234_500_000, USDT.lower())
    assert "from chainflow's own table" in parsed.notes[0]


def test_a_token_of_unknown_decimals_is_rejected_with_what_to_do():
    parsed = parse(TOKEN + token(contract=B))
    assert parsed.facts == ()
    assert "decimals" in parsed.rejected[0].reason
    assert f"decimals={B.lower()}:N" in parsed.rejected[0].error.hint
    assert parse(TOKEN + token(contract=B), f"?decimals={B}:2").facts[0].value_raw == 123_450


def test_an_amount_finer_than_the_token_is_rejected():
    assert "at most 6 decimals" in parse(TOKEN + token("0.0000001")).rejected[0].reason


def test_an_erc721_row_is_one_piece():
    (fact,) = parse(NFT + row(T, *WHEN, f"0x{'0' * 40}", B, USDT, "7", "Ape", "APE")).facts
    assert (fact.token_id, fact.value_raw, fact.sender) == (7, 1, None)


def test_two_equal_transfers_stay_two():
    assert len(parse(TOKEN + token() + token()).facts) == 2


@pytest.mark.parametrize(("bad", "why"), [
    (native(value_out="1.23457E+12"), "without exponent"),
    (native(value_out="-1"), "without exponent or sign"),
    (native(value_out="1,23"), "amount"),
    (native(value_out="=1+1"), "amount"),
    (native(value_in="1"), "has an amount too"),
    (native(sender=USDT[:-1] + "8"), "checksum"),
    (native(when=("1", "1700000001", "2023-11-14 22:13:20")), "DateTime"),
    (native(when=("1", "1700000000", "14/11/2023 22:13")), "time in UTC"),
    (native(status="pending"), "Status"),
    (native(fee="free"), "TxnFee"),
])  # fmt: skip
def test_a_wrong_cell_rejects_the_row_with_its_line(bad, why):
    parsed = parse(HEAD + native() + bad)
    assert len(parsed.facts) == 2
    assert parsed.rejected[0].line == 3
    assert why in parsed.rejected[0].reason


def test_the_coin_in_the_header_must_be_the_chains():
    with pytest.raises(BadInput, match="in ETH, not in the coin of bnb"):
        parse(HEAD + native(), chain="bnb")
    assert EtherscanCsv.chains_of("", HEAD.replace("ETH", "BNB").encode()) == ("bnb",)
    assert "base" in EtherscanCsv.chains_of("", HEAD.encode())


def test_a_broken_quote_refuses_the_whole_file():
    with pytest.raises(BadResponse, match="no table from line 2"):
        EtherscanCsv.read("eth", PATH, 200, (HEAD + native()[:-3] + native()).encode())


@given(at=st.integers(0, len(HEAD + native()) - 1), byte=st.integers(0, 127))
def test_a_changed_byte_gives_facts_or_a_typed_error(at, byte):
    body = bytearray((HEAD + native()).encode())
    body[at] = byte
    try:
        facts = EtherscanCsv.read("eth", PATH, 200, bytes(body))
    except (SourceError, BadInput):
        return
    assert all(fact.value_raw <= fact.stated_raw for fact in facts)


def test_a_recorded_export_is_read(shared):
    parsed = EtherscanCsv.parse(
        "eth", PATH, (shared / "cases" / "imports" / "etherscan_export.csv").read_bytes()
    )
    assert (parsed.rows, len(parsed.facts), parsed.rejected) == (5, 9, ())
    assert sum(fact.value_raw for fact in parsed.facts if fact.kind == TransferKind.NATIVE) == 1_849 * 10**15
