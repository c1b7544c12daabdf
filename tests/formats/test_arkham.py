"""Arkham's exports: transfers, marks on rounded amounts, and names that stay claims."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadResponse, SourceError
from chainflow.formats.arkham import ArkhamCsv
from chainflow.model import TokenRecord, TransferKind, TransferRecord, TxOutline
from chainflow.tags import Tags

PATH = "/arkham.csv"
HEAD = (
    "transactionHash,fromAddress,fromLabel,fromIsContract,toAddress,toLabel,toIsContract,tokenAddress,type,blockTimestamp,"
    "blockNumber,blockHash,tokenName,tokenSymbol,tokenDecimals,unitValue,tokenId,historicalUSD,chain\n"
)
A, B = "0x52908400098527886E0F7030069857D2E4169EE7", "0xdAC17F958D2ee523a2206206994597C13D831ec7"
T, BLOCK = f"0x{'5' * 64}", f"0x{'6' * 64}"


def row(
    value="32", token=B, contract="false", label="Bittrex: Hot Wallet (0x529)", decimals="6", chain="ethereum"
):
    return (
        f"{T},{A},{label},{contract},{B},{B},false,{token},,2022-06-06T21:48:21Z,14917217,{BLOCK},Tether USD,USDT,"
        f"{decimals},{value},tether,32,{chain}\n"
    )


def parse(text, chain="eth"):
    return ArkhamCsv.parse(chain, PATH, text.encode())


def transfers(text):
    return [fact for fact in parse(text).facts if isinstance(fact, TransferRecord)]


def test_a_token_transfer_is_stated_with_unknown_outcome():
    (fact,) = transfers(HEAD + row())
    assert (fact.kind, fact.value_raw, fact.ok, fact.marks) == (TransferKind.TOKEN, 32_000_000, None, ())
    assert (fact.height, fact.time, fact.block_hash) == (14917217, 1654552101, BLOCK)
    assert TokenRecord("eth", B.lower(), "USDT", "Tether USD", 6) in parse(HEAD + row()).facts


def test_coins_that_leave_a_contract_moved_inside_a_transaction():
    (fact,) = transfers(HEAD + row(token="", contract="true", decimals="18"))
    assert (fact.kind, fact.contract) == (TransferKind.INTERNAL, None)
    assert transfers(HEAD + row(token="", decimals="18"))[0].kind == TransferKind.NATIVE


@pytest.mark.parametrize(("value", "decimals", "rounded"), [
    ("0.06531824972817167", "18", True), ("0.00099", "18", False), ("999999999.999999", "6", False),
    ("1000000000", "6", True), ("5e-7", "18", False),
])  # fmt: skip
def test_amounts_that_a_float_cannot_tell_apart_are_marked(value, decimals, rounded):
    (fact,) = transfers(HEAD + row(value, decimals=decimals))
    assert any(mark.startswith("rounded") for mark in fact.marks) is rounded


def test_names_are_claims_for_tags_and_never_facts():
    text = HEAD + row() + row(label='"Myric16" on OpenSea (0xB1a)')
    assert "Bittrex" not in str(parse(text).facts)
    labels = ArkhamCsv.labels(text.encode())
    assert [words["label"] for words in labels] == ["Bittrex: Hot Wallet", "Myric16 on OpenSea"]
    assert {words["source"] for words in labels} == {"Arkham"}
    assert len(Tags.of_rows(labels)) == 2


def test_a_row_of_bitcoin_only_says_which_transaction_is_in_which_block():
    txid = "717faa0d655567a53db456b183808508b671d729a90c4011fc4bb83f4790c7d2"
    block = "0000000000000000000054502ab84e7a205e40a1754c3a78958e6835d1f653ba"
    text = (
        f'{HEAD}{txid},"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa,bc1qx",x (+1),false,1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa,y,false,,'
        f"inflow,2026-06-28T13:21:56Z,955807,{block},Bitcoin,BTC,8,0.00000546,bitcoin,0.3,bitcoin\n"
    )
    assert parse(text, "btc").facts == (TxOutline("btc", txid, True, 955807, block, 1782652916),)


def test_rows_of_other_chains_are_counted_and_left():
    parsed = parse(HEAD + row() + row(chain="bsc"))
    assert parsed.chains == {"bnb": 1, "eth": 1}
    assert len([fact for fact in parsed.facts if isinstance(fact, TransferRecord)]) == 1


@pytest.mark.parametrize("bad", [
    row("1.1234567"), row("many"), row("-1"), row(decimals=""), row(token="USDT"), row(chain="atlantis"),
    row(label="a, b"), row().replace(T, "0x5"), row().replace("2022-06-06T21:48:21Z", "6 June 2022"),
])  # fmt: skip
def test_a_wrong_row_is_rejected_alone(bad):
    parsed = parse(HEAD + bad + row())
    assert [rejected.line for rejected in parsed.rejected] == [2]
    assert len(parsed.facts) == 2
    with pytest.raises(BadResponse):
        ArkhamCsv.read("eth", PATH, 200, (HEAD + bad).encode())


@given(at=st.integers(0, len(HEAD + row()) - 1), byte=st.integers(0, 127))
def test_a_changed_byte_gives_facts_or_a_source_error(at, byte):
    body = bytearray((HEAD + row()).encode())
    body[at] = byte
    try:
        ArkhamCsv.read("eth", PATH, 200, bytes(body))
        ArkhamCsv.labels(bytes(body))
    except SourceError:
        return


@pytest.mark.parametrize(("file", "chain", "count"), [
    ("arkham_txns.csv", "eth", 1), ("arkham_bsc_native_multitx.csv", "bnb", 16), ("arkham_multichain_tron.csv", "tron", 9),
    ("arkham_multichain_tron.csv", "eth", 4), ("arkham_multichain_tron.csv", "base", 1), ("arkham_satoshi.csv", "btc", 16),
])  # fmt: skip
def test_recorded_exports_are_read(shared, file, chain, count):
    parsed = ArkhamCsv.parse(chain, PATH, (shared / "cases" / "imports" / file).read_bytes())
    assert parsed.rejected == ()
    assert sum(not isinstance(fact, TokenRecord) for fact in parsed.facts) == count
