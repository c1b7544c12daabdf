"""value_table: worth at the time of the block, with its origin; what is missing is named, never 0."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal

import chainflow as cf
from chainflow.ledger import build
from chainflow.model import Evidence, TokenRecord, TransferKind, TransferRecord
from chainflow.prices import PricePoint
from tests import made

ANN, BEN, COIN = "0x" + "a" * 40, "0x" + "b" * 40, "0x" + "c" * 40
TIME = 1_700_000_000


def moved(n, kind, value, *, contract=None, time=TIME):
    txid = f"0x{n:064x}"
    return TransferRecord("eth", txid, kind, contract, ANN, BEN, value, value, True, height=n, time=time)


def ledger_of(*facts, source="blockscout:https://a.example"):
    return build((fact, Evidence(n, f"{n:064x}", source, "", 0)) for n, fact in enumerate(facts, 1))


def why(ledger, prices, currency="USD"):
    return cf.value_table(ledger, prices, currency)["why_not"].tolist()


PRICES = cf.Prices.of(
    [
        PricePoint("ETH", "USD", TIME + 3600, "a bourse", Decimal("2000")),
        PricePoint(f"eth:{COIN}", "USD", TIME, "a bourse", Decimal("1.5")),
    ]
)


def test_every_transfer_is_valued_with_source_and_distance():
    ledger = ledger_of(
        moved(1, TransferKind.NATIVE, 10**18),
        moved(2, TransferKind.TOKEN, 10_000_000, contract=COIN),
        TokenRecord("eth", COIN, "USDT", "", 6),
    )
    rows = cf.value_table(ledger, PRICES).to_dict("records")
    assert [row["fiat"] for row in rows] == [Decimal(2000), Decimal(15)]
    assert [row["price_distance"] for row in rows] == [timedelta(hours=1), timedelta(0)]
    assert {row["price_source"] for row in rows} == {"a bourse"}


def test_what_cannot_be_valued_is_missing_and_says_why():
    ledger = ledger_of(
        moved(1, TransferKind.NATIVE, 5, time=TIME - 10**6),
        moved(2, TransferKind.TOKEN, 5, contract=COIN),
        moved(3, TransferKind.NATIVE, 5, time=None),
    )
    rows = cf.value_table(ledger, PRICES).to_dict("records")
    assert [row["fiat"] for row in rows] == [None, None, None]
    told = ["no price within 24 h", "the token does not state its decimals", "the time is not known"]
    assert [row["why_not"] for row in rows] == told


def test_where_the_files_hold_no_price_of_an_asset_it_is_said_what_they_hold():
    ledger = ledger_of(moved(1, TransferKind.NATIVE, 5))
    assert why(ledger, PRICES, "EUR") == [
        f"no price of this asset in EUR at all: the files hold ETH, eth:{COIN} in USD"
    ]
    bitcoin = cf.Prices.of([PricePoint("BTC", "USD", TIME, "a bourse", Decimal(1))])
    assert why(ledger, bitcoin) == ["no price of this asset in USD at all: the files hold BTC in USD"]


def test_a_failed_transfer_is_worth_0_and_marked():
    ledger = ledger_of(dataclasses.replace(moved(1, TransferKind.NATIVE, 0), stated_raw=10**18, ok=False))
    (row,) = cf.value_table(ledger, PRICES).to_dict("records")
    assert (str(row["fiat"]), row["outcome"], row["why_not"]) == ("0", "failed", None)


def test_an_outcome_that_nobody_told_is_marked():
    ledger = ledger_of(dataclasses.replace(moved(1, TransferKind.NATIVE, 10**18), ok=None))
    (row,) = cf.value_table(ledger, PRICES).to_dict("records")
    assert (row["fiat"], row["outcome"]) == (Decimal(2000), "not told")


def test_nothing_moved_is_worth_plain_0():
    (row,) = cf.value_table(ledger_of(moved(1, TransferKind.NATIVE, 0)), PRICES).to_dict("records")
    assert str(row["fiat"]) == "0"


def test_decimals_in_dispute_and_pieces_of_their_kind_give_no_worth():
    said = [TokenRecord("eth", COIN, "USDT", "", decimals) for decimals in (6, 8)]
    token = moved(2, TransferKind.TOKEN, 10_000_000, contract=COIN)
    assert why(ledger_of(token, *said), PRICES) == ["sources disagree about the token's decimals"]
    piece = dataclasses.replace(token, token_id=7)
    assert why(ledger_of(piece, said[0]), PRICES) == [
        "nothing says what a piece that is one of its kind is worth"
    ]


def test_every_row_names_who_paid_whom_in_which_asset():
    (row,) = cf.value_table(ledger_of(moved(1, TransferKind.NATIVE, 5)), PRICES).to_dict("records")
    assert (row["sender"], row["recipient"], row["symbol"], row["decimals"]) == (ANN, BEN, "ETH", 18)


def test_outputs_of_a_utxo_ledger_are_valued_at_the_time_of_their_block():
    coin = made.tx([made.origin(9_000, "ann")], [(8_000, "ben")], height=1, chain="btc")
    prices = cf.Prices.of([PricePoint("BTC", "EUR", coin.time, "a bourse", Decimal("50000"))])
    rows = cf.value_table(made.ledger(coin), prices, "EUR").to_dict("records")
    paid = next(row for row in rows if row["txid"] == coin.txid)
    assert (paid["fiat"], paid["currency"]) == (Decimal(4), "EUR")


def test_a_rounded_row_of_a_file_is_not_counted_beside_the_exact_one():
    exact = moved(1, TransferKind.TOKEN, 123_456_789_123_456_789, contract=COIN)
    rounded = TransferRecord(
        *("eth", exact.txid, TransferKind.TOKEN, COIN, ANN, BEN, 123_456_790_000_000_000),
        123_456_790_000_000_000,
        True,
        marks=("rounded: the file states 8 digits",),
    )
    ledger = ledger_of(exact, rounded)
    assert ledger.to_pandas("transfers")["value_raw"].tolist() == [exact.value_raw]
    assert not ledger.disputed
