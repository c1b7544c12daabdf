"""One row becomes one tag, or is refused with a reason."""

from __future__ import annotations

import pytest

from chainflow.errors import AddressInvalid, BadInput
from chainflow.tags.rows import chain_id, check, tag_of
from chainflow.tags.tag import Tag

ARCHIVE = "1Archive1n2C579dMsAu3iC6tWzuQJz8dN"
TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"


def make(**fields: object) -> Tag:
    row = {"address": ARCHIVE, "label": "Internet Archive", "source": "https://archive.org", **fields}
    return tag_of({name: value for name, value in row.items() if value is not None}, file="a.csv", line=7)


def test_a_row_becomes_a_tag_that_says_where_it_stands() -> None:
    tag = make(category="organization", date="2021-11-12")
    assert (tag.address, tag.chain, tag.label) == (ARCHIVE, "btc", "Internet Archive")
    assert (tag.category, tag.date, tag.file, tag.line) == ("organization", "2021-11-12", "a.csv", 7)


def test_what_a_row_does_not_state_is_empty() -> None:
    tag = make()
    assert (tag.category, tag.actor, tag.confidence, tag.abuse, tag.date) == ("", "", "", "", "")
    assert tag.confidence_score is None
    assert tag.is_cluster_definer is False


@pytest.mark.parametrize("name", ["label", "source"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_row_needs_a_label_and_a_source(name: str, value: str | None) -> None:
    with pytest.raises(BadInput, match=f"no {name}"):
        make(**{name: value})


def test_an_address_with_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(AddressInvalid):
        make(address="1Archive1n2C579dMsAu3iC6tWzuQJz8dM")


def test_an_address_of_another_chain_than_stated_is_refused() -> None:
    with pytest.raises(AddressInvalid):
        make(address="TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq", currency="BTC")


def test_a_token_row_gets_the_chain_its_address_is_of() -> None:
    addresses = (
        "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq",
        "0x8589427373D6D84E98730D7795D8f6f8731FDA16",
        "16iWn2J1McqjToYLHSsAyS6En3QA8YQ91H",
    )
    assert [make(address=a, currency="USDT").chain for a in addresses] == ["tron", "eth", "btc"]


def test_an_evm_chain_keeps_its_name() -> None:
    tag = make(address="0x4f47bc496083c727c5fbe3ce9cdf2b0f6496270c", currency="BSC")
    assert (tag.chain, tag.address) == ("bsc", "0x4f47bc496083c727c5fbe3ce9cdf2b0f6496270c")


def test_the_network_says_the_chain_before_the_currency() -> None:
    assert make(address="TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq", currency="ETH", network="TRX").chain == "tron"


def test_a_chain_that_cannot_be_checked_is_named() -> None:
    # Verge and Dogecoin share the form of their addresses: without its own rule this would become `doge`.
    with pytest.raises(BadInput, match="xvg"):
        make(address="DFFJhnQNZf8rf67tYnesPu7MuGUpYtzv7Z", currency="XVG")


def test_a_tag_can_be_on_a_transaction() -> None:
    tag = make(address=None, tx_hash="0x" + TXID.upper(), currency="BTC")
    assert (tag.address, tag.txid, tag.chain) == ("", TXID, "btc")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"address": None}, "neither"),
        ({"txid": TXID}, "both"),
        ({"address": None, "txid": "abc", "currency": "BTC"}, "not a txid"),
        ({"address": None, "txid": TXID}, "no chain"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"confidence": "sure"}, "not a confidence id"),
        ({"date": "yesterday"}, "not an ISO date"),
        ({"date": "05/04/2022"}, "not an ISO date"),
        ({"is_cluster_definer": "perhaps"}, "neither true nor false"),
        ({"tag_type": "rumour"}, "not a tag_type"),
        ({"concepts": "exchange"}, "not a list"),
        ({"label": 7}, "not text"),
        ({"label": "x" * 20_001}, "20,001 characters"),
    ],
)
def test_a_malformed_row_is_refused_with_its_reason(fields: dict[str, object], match: str) -> None:
    with pytest.raises(BadInput, match=match) as caught:
        make(**fields)
    assert caught.value.hint


@pytest.mark.parametrize("hidden", ["\0", "\x1b", "\x07", "\x85", "\u202e", "\u2066", "\ud800"])
@pytest.mark.parametrize("name", ["label", "source", "actor", "context"])
def test_hidden_characters_are_refused(hidden: str, name: str) -> None:
    with pytest.raises(BadInput, match="hidden character"):
        make(**{name: f"a{hidden}b"})


@pytest.mark.parametrize("value", [True, "true", "True", "yes", "1"])
def test_truth_is_read_in_its_usual_spellings(value: object) -> None:
    assert make(is_cluster_definer=value).is_cluster_definer is True


def test_a_time_is_kept_as_iso_text() -> None:
    assert make(lastmod="2022-04-05 10:00:00+00:00").date == "2022-04-05T10:00:00+00:00"


def test_tickers_mean_chains() -> None:
    stated = ("XBT", "BTC", "OMNI", "TRX", "MATIC", "USDC", "", "bch", "XMR")
    assert [chain_id(t) for t in stated] == ["btc", "btc", "btc", "tron", "polygon", "", "", "bch", "xmr"]


def test_bad_rows_are_listed_and_the_others_used() -> None:
    good = {"address": ARCHIVE, "label": "a", "source": "b"}
    tags, rejected = check([(1, good), (2, {**good, "address": "1Archive"})], file="x.yaml")
    assert ([tag.line for tag in tags], len(rejected)) == ([1], 1)
    assert (rejected[0].file, rejected[0].line, rejected[0].text) == ("x.yaml", 2, "1Archive")
    assert isinstance(rejected[0].error, AddressInvalid)
    assert rejected[0].reason


def test_a_private_key_in_place_of_an_address_is_not_repeated() -> None:
    secret = "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"  # the key 1: known to everybody
    _, rejected = check([(1, {"address": secret, "label": "a", "source": "b"})], file="x")
    assert secret not in repr(rejected)
    assert rejected[0].text == "KwDi…"
