"""What a coin was worth: the nearest price or none, exact money, and what each host and file states."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import (
    BadInput,
    BadResponse,
    NotFound,
    ProofFailed,
    SchemaMismatch,
    SourceError,
    SourcesDisagree,
)
from chainflow.prices import HOSTS, PricePoint, Prices, open_host
from chainflow.prices.assets import asset_of, to_llama
from tests.sources.faulty import FaultyServer, text

HOUR = 3600
RANSOM = 1620493977  # 8 May 2021, 17:12:57 UTC
USDT = "tron:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


def point(
    time: int, price: str = "100", *, source: str = "a", asset: str = "BTC", currency: str = "USD"
) -> PricePoint:
    return PricePoint(asset, currency, time, source, Decimal(price), "00" * 32)


# --- the nearest price ------------------------------------------------------------------------------


def test_the_nearest_price_is_taken_before_or_after():
    prices = Prices.of([point(0, "1"), point(10 * HOUR, "2")])
    assert prices.at("BTC", 4 * HOUR).price == 1
    assert prices.at("BTC", 6 * HOUR).price == 2


def test_a_price_says_how_far_it_is_and_to_which_side():
    prices = Prices.of([point(10 * HOUR)])
    assert prices.at("BTC", 4 * HOUR).distance == timedelta(hours=6)
    assert prices.at("BTC", 12 * HOUR).distance == -timedelta(hours=2)
    assert prices.at("BTC", 10 * HOUR).distance == timedelta(0)


def test_of_two_equally_near_the_older_is_taken():
    assert Prices.of([point(0, "1"), point(2 * HOUR, "2")]).at("BTC", HOUR).price == 1


def test_of_two_sources_the_nearer_then_the_first_by_name():
    prices = Prices.of([point(0, "1", source="b"), point(0, "2", source="a"), point(HOUR, "3", source="z")])
    assert prices.at("BTC", 0).source == "a"
    assert prices.at("BTC", HOUR).source == "z"
    assert prices.at("BTC", 0, source="b").price == 1


def test_too_far_is_none_and_never_zero():
    prices = Prices.of([point(0)])
    assert prices.at("BTC", 24 * HOUR) is not None
    assert prices.at("BTC", 24 * HOUR + 1) is None
    assert prices.at("BTC", 24 * HOUR + 1, within=timedelta(days=4)) is not None
    assert prices.value(5, "BTC", 24 * HOUR + 1) is None


@pytest.mark.parametrize("asked", [("ETH", 0, "USD"), ("BTC", 0, "EUR")])
def test_what_nobody_priced_has_no_price(asked):
    assert Prices.of([point(0)]).at(*asked) is None
    assert Prices().at("BTC", 0) is None


def test_a_time_may_be_aware_and_never_naive():
    prices = Prices.of([point(RANSOM)])
    assert prices.at("btc", datetime(2021, 5, 8, 17, 12, 57, tzinfo=UTC)).distance == timedelta(0)
    with pytest.raises(BadInput, match="without a zone"):
        prices.at("btc", datetime(2021, 5, 8))  # noqa: DTZ001
    with pytest.raises(BadInput, match="not a time"):
        prices.at("btc", 1.5)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from("abc")), max_size=12, unique=True),
    st.integers(-50, 350),
    st.integers(0, 100),
)
def test_no_price_in_reach_is_nearer(rows, asked, within):
    prices = Prices.of([point(time, str(time * 3 + 1), source=source) for time, source in rows])
    found = prices.at("BTC", asked, within=timedelta(seconds=within))
    reach = sorted((abs(time - asked), time, source) for time, source in rows if abs(time - asked) <= within)
    assert (found is None) is not bool(reach)
    if found is not None:
        assert (abs(found.point.time - asked), found.point.time, found.source) == reach[0]


# --- money ------------------------------------------------------------------------------------------


def test_money_is_exact_and_says_where_it_comes_from():
    value = Prices.of([point(1620518400, "58803.776789", source="yahoo")]).value(7_500_030_000, "btc", RANSOM)
    assert value.amount == Decimal("58803.776789") * Decimal("75.0003")
    assert str(value) == (
        "4,410,300.90 USD at 58,803.776789 USD per BTC (yahoo, 2021-05-09 00:00:00 UTC, 6 h 47 min after)"
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [(10, "30 s after"), (40, "that moment"), (100, "1 min before"), (40 + 90_061, "1 d 1 h before")],
)
def test_a_distance_is_told_in_words(asked, told):
    assert str(Prices.of([point(40)]).at("BTC", asked, within=timedelta(days=9))).endswith(f", {told})")


@given(st.integers(0, 2**256), st.decimals("0.000001", "1e12", places=12), st.integers(0, 30))
def test_any_amount_times_any_price_is_exact(amount, price, decimals):
    prices = Prices.of([PricePoint(USDT, "USD", 0, "a", price)])
    value = prices.value(amount, USDT, 0, decimals=decimals)
    assert Fraction(value.amount) == Fraction(amount) * Fraction(price) / 10**decimals


def test_a_tokens_decimals_must_be_given():
    prices = Prices.of([PricePoint(USDT, "USD", 0, "a", Decimal("0.999"))])
    assert prices.value(41_677_389, USDT, 0, decimals=6).amount == Decimal("41.635711611")
    with pytest.raises(BadInput, match="decimals of tron:TR7"):
        prices.value(41_677_389, USDT, 0)


def test_a_chains_name_means_its_own_coin():
    assert [asset_of(name) for name in ("btc", "BTC", "eth", "base", "tron")] == [
        "BTC",
        "BTC",
        "ETH",
        "ETH",
        "TRX",
    ]
    prices = Prices.of([point(0, "3000", asset="ETH")])
    assert prices.value(10**18, "arbitrum", 0).amount == 3000


@pytest.mark.parametrize("name", ["", "a b", "<b>", "eth:", ":0x1", "x" * 40])
def test_what_is_no_asset_is_refused(name):
    with pytest.raises(BadInput, match="not an asset"):
        Prices().at(name, 0)


def test_what_is_no_currency_is_refused():
    with pytest.raises(BadInput, match="not a currency"):
        Prices().at("BTC", 0, "$")


# --- putting together -------------------------------------------------------------------------------


def test_prices_add_up_and_each_counts_once():
    one, two = Prices.of([point(0), point(HOUR)]), Prices.of([point(HOUR), point(0, source="b")])
    assert len(one + two) == 3
    assert one + two == two + one
    assert (one + two).sources == ("a", "b")


def test_one_source_with_two_prices_for_one_moment_is_a_conflict():
    with pytest.raises(
        SourcesDisagree, match="a states two prices of BTC in USD at 1970-01-01 00:00:00 UTC: 1 and 2"
    ):
        _ = Prices.of([point(0, "1")]) + Prices.of([point(0, "2")])


def test_a_table_keeps_decimals_and_zones():
    table = Prices.of([point(RANSOM, "58803.776789")]).to_pandas()
    assert table["price"][0] == Decimal("58803.776789")
    assert str(table["time"][0]) == "2021-05-08 17:12:57+00:00"
    assert list(table.columns) == ["asset", "currency", "time", "price", "source", "sha256", "confidence"]
    assert Prices().to_pandas().empty


def test_a_summary_is_escaped():
    shown = Prices.of([point(0, source="<script>")])._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "1 by" in shown
    assert repr(Prices.of([point(0)])) == "<Prices 1 price(s) of BTC>"


# --- files ------------------------------------------------------------------------------------------


def written(tmp_path, content: str, name: str = "BTC-USD.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_close_is_the_price_at_the_end_of_its_day(tmp_path):
    path = written(tmp_path, "Date,Open,Close\n2021-05-08,57352.765625,58803.777344\n")
    (row,) = Prices.read(path).rows
    assert (row.asset, row.currency, row.time, row.price) == (
        "BTC",
        "USD",
        1620518400,
        Decimal("58803.777344"),
    )
    assert (row.source, len(row.sha256)) == ("BTC-USD.csv", 64)


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2021-05-08", 1620432000 + 12 * HOUR),  # of any moment of the day: its noon
        ("2021-05-08T17:12:57", RANSOM),
        ("2021-05-08T19:12:57+02:00", RANSOM),
        (str(RANSOM), RANSOM),
    ],
)
def test_a_price_of_your_own_table_is_at_its_time(tmp_path, cell, moment):
    path = written(tmp_path, f"date,price\n{cell},58803.78\n", "mine.csv")
    (row,) = Prices.read(path, asset="btc", currency="eur", source="bank").rows
    assert (row.asset, row.currency, row.time, row.source) == ("BTC", "EUR", moment, "bank")


def test_a_table_may_name_its_assets(tmp_path):
    path = written(tmp_path, "asset,currency,timestamp,price\neth,EUR,5,1800.5\nBTC,EUR,5,\n", "all.csv")
    assert [(row.asset, row.price) for row in Prices.read(path).rows] == [("ETH", Decimal("1800.5"))]


@pytest.mark.parametrize("cell", ["", "null", "0", "0.00", "-", "n/a"])
def test_a_cell_without_a_price_is_no_price(tmp_path, cell):
    assert len(Prices.read(written(tmp_path, f"date,price\n2021-05-08,{cell}\n"))) == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("date,price\n2021-05-08,-1\n", "line 2: not a price: '-1'"),
        ("date,price\n2021-05-08,1\n2021-05-09,1e999999999\n", "line 3: not a price"),
        ("date,price\n2021-05-08,sNaN\n", "not a price"),
        ("date,price\n2021-05-08,1_000\n", "not a price"),
        ("date,price\n08/05/2021,1\n", "line 2: not a time: '08/05/2021'"),
        ("date,volume\n2021-05-08,1\n", "no columns of times and prices: date, volume"),
        ("", "no columns of times and prices: none"),
        ('date,price\n2021-05-08,"1\n', "line"),
    ],
)
def test_a_table_that_is_wrong_in_one_place_is_refused(tmp_path, content, told):
    with pytest.raises(BadInput, match=told):
        Prices.read(written(tmp_path, content))


def test_of_what_in_what_must_be_known(tmp_path):
    with pytest.raises(BadInput, match="of what, in what currency"):
        Prices.read(written(tmp_path, "date,price\n2021-05-08,1\n", "mine.csv"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"date,price\n\xff,1\n"),
        ("a.csv.gz", b"not packed"),
        ("a.csv.gz", gzip.compress(b"date,price\n" * 99)[:-9]),
        ("a.json", b"[{}]"),
        ("a.json", b'[{"ct": 5, "c": "-5"}]'),
        ("a.json", b"<html>"),
        ("a.json", b'{"ct": 5}'),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput):
        Prices.read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"cannot read none\.csv: No such file"):
        Prices.read(tmp_path / "none.csv")


def test_the_recorded_daily_prices_read_to_the_last_digit(shared):
    prices = Prices.read(*(shared / "prices").glob("BTC-USD*.csv.gz"))
    assert len(prices) == 4_630
    ransom = prices.at("btc", RANSOM)
    assert (ransom.price, ransom.distance) == (
        Decimal("58803.777344"),
        timedelta(hours=6, minutes=47, seconds=3),
    )
    assert prices.at("btc", 1325376000) is None  # 1 January 2012
    assert prices.at("btc", datetime(2024, 10, 27, tzinfo=UTC)).price == Decimal("67014.695313")


def test_the_recorded_weeks_begin_with_eight_cents(shared):
    prices = Prices.read(shared / "prices" / "mtgox-weekly.json", source="Mt. Gox")
    assert (prices.rows[0].time, prices.rows[0].price) == (1279497600, Decimal("0.08584"))
    assert len(prices) == 190
    assert prices.at("btc", 1279497600 + 2 * 86400) is None
    assert prices.at("btc", 1279497600 + 2 * 86400, within=timedelta(days=4)).source == "Mt. Gox"


# --- hosts ------------------------------------------------------------------------------------------


def read(host: str, path: str, value: object, *, status: int = 200) -> Any:
    return HOSTS[host].read(path, status, json.dumps(value).encode())


(MEMPOOL,) = HOSTS["mempool"].paths(currency="EUR")
(CHARTS,) = HOSTS["blockchain-info"].paths()
(LLAMA,) = HOSTS["llama"].paths([("BTC", RANSOM), (USDT, RANSOM)])
(GECKO,) = HOSTS["coingecko"].paths([("ETH", 1704067200)])
(COMPARE,) = HOSTS["cryptocompare"].paths([("BTC", 1761762960)])


def test_mempool_states_one_currency_and_leaves_out_what_is_unknown():
    answer = {
        "prices": [
            {"time": 1620493200, "EUR": 48327, "USD": 58794},
            {"time": 5, "EUR": -1},
            {"time": 6, "EUR": 0},
        ],
        "exchangeRates": {"USDEUR": 0.92},
    }
    (row,) = read("mempool", MEMPOOL, answer)
    assert (row.asset, row.currency, row.time, row.price, row.source) == (
        "BTC",
        "EUR",
        1620493200,
        48327,
        "mempool",
    )


def test_charts_leave_out_the_years_without_a_market():
    answer = {
        "status": "ok",
        "unit": "USD",
        "values": [{"x": 1230940800, "y": 0.0}, {"x": 1620432000, "y": 57352.77}],
    }
    (row,) = read("blockchain-info", CHARTS, answer)
    assert (row.time, row.price) == (1620432000, Decimal("57352.77"))
    with pytest.raises(ProofFailed, match="is in 'EUR'"):
        read("blockchain-info", CHARTS, answer | {"unit": "EUR"})


def test_llama_answers_many_moments_of_many_coins():
    answer = {
        "coins": {
            "coingecko:bitcoin": {
                "prices": [{"timestamp": 1620493900, "price": 58794.1, "confidence": 0.99}]
            },
            USDT: {"symbol": "USDT", "decimals": 6, "prices": []},
        }
    }
    (row,) = read("llama", LLAMA, answer)
    assert (row.asset, row.time, row.price, row.confidence) == (
        "BTC",
        1620493900,
        Decimal("58794.1"),
        Decimal("0.99"),
    )
    assert "confidence 0.99" in str(Prices.of([row]).at("BTC", RANSOM))


def test_llama_is_asked_in_parts():
    paths = HOSTS["llama"].paths([("BTC", moment) for moment in range(130)])
    assert len(paths) == 3
    assert all(path.startswith("/batchHistorical?coins=%7B%22coingecko%3Abitcoin") for path in paths)


def test_llama_may_not_answer_what_was_not_asked():
    with pytest.raises(ProofFailed, match="which was not asked for"):
        read("llama", LLAMA, {"coins": {"coingecko:tether": {"price": 1, "timestamp": 5}}})


def recorded(shared, name: str) -> tuple[str, int, bytes]:
    exchange = json.loads((shared / "explorers" / "prices" / name).read_text())
    url = exchange["request"]["url"]
    base = next(host.base for host in HOSTS.values() if url.startswith(host.base))
    return url.removeprefix(base), exchange["status"], exchange["body"].encode()


@pytest.mark.parametrize(
    ("name", "asset", "price", "confidence"),
    [
        ("llama-historical-529be596.json", "coingecko:matic-network", "0.540342", "0.99"),
        ("llama-historical-e6b7f1f5.json", "BNB", "26.765469766407215", None),
        (
            "llama-current-7eea4479.json",
            "solana:9BEcn9aPEmhSPbPQeFGjidRiEKki46fVQDyPpSQXPA2D",
            "1.0380694020838834",
            "0.9",
        ),
        (
            "llama-current-a2d11e5e.json",
            "polygon:0x3b7e1ce09afe2bb3a23919afb65a38e627cfbe97",
            "0.00085796",
            "0.99",
        ),
    ],
)
def test_recorded_llama_answers_read(shared, name, asset, price, confidence):
    (row,) = HOSTS["llama"].read(*recorded(shared, name))
    assert (row.asset, row.price) == (asset, Decimal(price))
    assert row.confidence == (None if confidence is None else Decimal(confidence))


def test_a_recorded_unknown_token_has_no_price(shared):
    assert HOSTS["llama"].read(*recorded(shared, "llama-current-9b499f15.json")) == ()


def test_a_recorded_coingecko_day_reads_in_its_currencies(shared):
    rows = HOSTS["coingecko"].read(*recorded(shared, "coingecko-coins-history-a85b8a3f.json"))
    prices = Prices.of(rows)
    assert prices.at("eth", 1704067200, "EUR").price == Decimal("2065.603754353392")
    assert prices.at("eth", 1704067200).price == Decimal("2279.9410085689606")
    assert {row.time for row in rows} == {1704067200}
    assert recorded(shared, "coingecko-coins-history-a85b8a3f.json")[0] == GECKO


@pytest.mark.parametrize(
    ("name", "asset", "moment", "price"),
    [
        ("cryptocompare-21dedb87.json", "BTC", 1761782399, "110108.026746427"),
        ("cryptocompare-45c206bb.json", "BTC", 1579564740, "8827.25596417741"),
        ("cryptocompare-55cf3451.json", "ETH", 1761782399, "3906.77168760658"),
        ("cryptocompare-bd014e8c.json", "ETH", 1604447940, "387.920015862958"),
    ],
)
def test_recorded_cryptocompare_days_read(shared, name, asset, moment, price):
    (row,) = HOSTS["cryptocompare"].read(*recorded(shared, name))
    assert (row.asset, row.currency, row.time, row.price) == (asset, "USD", moment, Decimal(price))


def test_a_recorded_time_without_a_market_is_not_found(shared):
    exchange = recorded(shared, "cryptocompare-404-e46b546c.json")
    with pytest.raises(NotFound, match="was not trading"):
        HOSTS["cryptocompare"].read(*exchange)


def test_older_than_a_year_at_coingecko_is_told_as_such(shared):
    rows = json.loads((shared / "explorers" / "error_bodies.json").read_text())["rows"]
    (body,) = (row["body"].encode() for row in rows if row["source"] == "coingecko")
    with pytest.raises(BadResponse, match="public access ends 365 days ago") as caught:
        HOSTS["coingecko"].read(GECKO, 401, body)
    assert "ask llama" in caught.value.hint


def test_no_recorded_error_body_is_taken_for_a_price(shared):
    rows = json.loads((shared / "explorers" / "error_bodies.json").read_text())["rows"]
    for row in rows:
        for host, path in EVERY.items():
            with pytest.raises(SourceError):
                HOSTS[host].read(path, row["http"], row["body"].encode())


EVERY = {
    "mempool": MEMPOOL,
    "blockchain-info": CHARTS,
    "llama": LLAMA,
    "coingecko": GECKO,
    "cryptocompare": COMPARE,
}


@pytest.mark.parametrize("host", EVERY)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"prices": [', b"NaN", b'{"coins": []}'])
def test_what_is_no_answer_is_refused(host, body):
    with pytest.raises(BadResponse):
        HOSTS[host].read(EVERY[host], 200, body)


@pytest.mark.parametrize("price", ["one", None, True, -5, 1e300, 1e-300, {}, []])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(SchemaMismatch):
        read("blockchain-info", CHARTS, {"values": [{"x": 5, "y": price}]})


GOOD: dict[str, Any] = {
    "mempool": {"prices": [{"time": 1620493200, "EUR": 48327, "USD": 58794}]},
    "blockchain-info": {"unit": "USD", "values": [{"x": 1620432000, "y": 57352.77}]},
    "llama": {
        "coins": {"coingecko:bitcoin": {"prices": [{"timestamp": 5, "price": 8.1, "confidence": 0.9}]}}
    },
    "coingecko": {"id": "ethereum", "market_data": {"current_price": {"usd": 2279.94, "eur": 2065.6}}},
    "cryptocompare": {
        "Data": [{"TIMESTAMP": 1761696000, "INSTRUMENT": "BTC-USD", "CLOSE": 110108.02, "OPEN": 1}],
        "Err": {},
    },
}
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.text(max_size=20), st.just([]), st.just({})
)


@settings(max_examples=200)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_any_change_is_refused_with_a_typed_error_or_a_real_price(host, data):
    value = json.loads(json.dumps(GOOD[host]))
    assert read(host, EVERY[host], value)
    target: Any = value
    while isinstance(target, dict | list) and target:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(target[key], dict | list) or not target[key] or data.draw(st.booleans()):
            target[key] = data.draw(JUNK)
            break
        target = target[key]
    try:
        rows = read(host, EVERY[host], value)
    except SourceError:
        return
    assert all(row.price > 0 and row.price.is_finite() for row in rows)


@pytest.mark.parametrize(
    ("host", "wanted", "currency", "told"),
    [
        ("mempool", [("ETH", 5)], "USD", "prices BTC only, not ETH"),
        ("mempool", [], "CNY", "no prices in CNY"),
        ("blockchain-info", [], "EUR", "in USD only"),
        ("llama", [("BTC", 5)], "EUR", "in USD only"),
        ("llama", [("XYZ", 5)], "USD", "name it coingecko:ID"),
        ("cryptocompare", [(USDT, 5)], "USD", "not by tron:TR7"),
        ("llama", [("BTC", -5)], "USD", "not a time"),
    ],
)
def test_a_question_that_a_host_cannot_answer_is_not_asked(host, wanted, currency, told):
    with pytest.raises(BadInput, match=told):
        HOSTS[host].paths(wanted, currency=currency)


@pytest.mark.parametrize("host", EVERY)
def test_a_path_of_another_host_is_bad_input(host):
    with pytest.raises(BadInput):
        HOSTS[host].read("/elsewhere", 200, json.dumps(GOOD[host]).encode())


def test_a_host_that_is_not_known_is_named():
    with pytest.raises(BadInput, match="no price host is called 'kraken'") as caught:
        open_host("kraken")
    assert "mempool, blockchain-info, llama" in caught.value.hint


def test_every_host_says_what_it_learns():
    assert all(host.learns for host in HOSTS.values())
    assert str(RANSOM) not in MEMPOOL + CHARTS


def test_tokens_go_by_the_names_that_llama_uses():
    assert to_llama(asset_of("tron")) == "coingecko:tron"
    assert to_llama(USDT) == USDT


def test_prices_are_fetched_over_http():
    server = FaultyServer()
    try:
        server.answers["/api" + MEMPOOL] = [text("busy", 503), text(json.dumps(GOOD["mempool"]))]
        host = open_host("mempool", url=server.url + "/api")
        prices = host.fetch([("btc", RANSOM)], currency="eur", backoff=0.001)
    finally:
        server.stop()
    assert prices.at("btc", RANSOM, "EUR").price == 48327
    assert [asked.path for asked in server.asked] == ["/api" + MEMPOOL] * 2
