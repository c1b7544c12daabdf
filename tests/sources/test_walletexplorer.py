"""WalletExplorer: off without consent, and a name with its provenance is all that is taken."""

from __future__ import annotations

from typing import Any

import pytest
from faulty import FaultyServer, text
from hypothesis import given
from hypothesis import strategies as st
from utxo_forms import BROKEN, body, damaged

from chainflow.errors import AddressInvalid, BadInput, BadResponse, ChainflowError, RateLimited, SourceError
from chainflow.sources import open_source
from chainflow.sources.walletexplorer import WalletExplorer, WalletLabel, facts, read_label
from chainflow.tags import Tags

ADDRESS = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"
PATH = f"/address-lookup?address={ADDRESS}&caller=chainflow"
KRAKEN = {
    "found": True,
    "label": "Kraken.com",
    "wallet_id": "00001012b1848923",
    "updated_to_block": 923639,
}
LABEL = WalletLabel(ADDRESS, "Kraken.com", "00001012b1848923", 923_639)


def read(value: object) -> WalletLabel:
    return read_label("btc", PATH, 200, body(value))


@pytest.mark.parametrize("place", ["", ":https://www.walletexplorer.com/api/1", ":www.walletexplorer.com"])
def test_it_is_off_without_consent_and_says_why(place):
    with pytest.raises(BadInput) as caught:
        open_source(f"walletexplorer{place}")
    for reason in ("Chainalysis", "logs your IP", "frozen since 2016", "lag", "walletexplorer:I-accept"):
        assert reason in str(caught.value)
    assert str(caught.value).count("\n") == 1


def test_consent_is_a_word_or_a_keyword():
    for source in (open_source("walletexplorer:I-accept"), WalletExplorer(consent=True)):
        assert (source.name, source.chain) == ("walletexplorer:https://www.walletexplorer.com/api/1", "btc")


@pytest.mark.parametrize("consent", [1, "yes", "I-accept"])
def test_only_true_is_consent(consent):
    with pytest.raises(BadInput, match="WalletExplorer is off"):
        WalletExplorer(consent=consent)


def test_there_is_bitcoin_only():
    with pytest.raises(BadInput):
        WalletExplorer(consent=True, chain="ltc")
    with pytest.raises(BadInput, match="knows nothing of ltc"):
        WalletExplorer("https://example.org", consent=True, chain="ltc")


def test_a_label_is_read_with_its_wallet():
    assert read(KRAKEN) == LABEL


def test_a_wallet_without_a_name_has_no_label_and_makes_no_tag():
    unnamed = read({name: value for name, value in KRAKEN.items() if name != "label"})
    assert (unnamed.label, unnamed.wallet_id, unnamed.as_tag()) == ("", "00001012b1848923", {})


def test_an_unknown_address_has_nothing():
    assert read({"found": False, "updated_to_block": 923639}) == WalletLabel(ADDRESS, "", "", 923_639)


def test_a_label_is_never_a_fact_of_the_chain():
    assert facts("btc", PATH, 200, body(KRAKEN)) == ()


def test_a_label_makes_a_tag_that_names_its_source_and_its_age():
    (tag,) = Tags.of_rows([LABEL.as_tag()])
    assert (tag.address, tag.label, tag.confidence) == (ADDRESS, "Kraken.com", "heuristic")
    assert tag.source == "https://www.walletexplorer.com/wallet/00001012b1848923"
    assert "frozen since 2016" in tag.context
    assert "block 923639" in tag.context


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (KRAKEN | {"found": False}, "field label is 'Kraken.com'.*nothing, for an address that is not found"),
        (KRAKEN | {"found": 1}, "field found is 1"),
        (KRAKEN | {"wallet_id": "0001"}, "field wallet_id is '0001'"),
        (KRAKEN | {"wallet_id": None}, "field wallet_id is None"),
        (KRAKEN | {"label": "a\nb"}, "field label is"),
        (KRAKEN | {"updated_to_block": "923639"}, "field updated_to_block is '923639'"),
        ({"error": "Invalid address"}, "Invalid address"),
    ],
)
def test_an_answer_of_another_form_is_refused(value, told):
    with pytest.raises(BadResponse, match=told):
        read(value)


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (403, BadResponse), (500, BadResponse)])
def test_a_refusal_is_no_answer(status, error):
    with pytest.raises(error):
        facts("btc", PATH, status, b"<html>no</html>")


@pytest.mark.parametrize("answer", BROKEN)
def test_a_broken_body_is_never_a_label(answer):
    with pytest.raises(SourceError):
        facts("btc", PATH, 200, answer)


@given(st.data())
def test_a_field_changed_into_anything_is_refused_or_is_what_it_says(data):
    changed = damaged(data, KRAKEN, set())
    try:
        label = read(changed)
    except SourceError:
        return
    stated: dict[str, Any] = changed
    assert label.label == (stated["label"] or "").strip()
    assert label.wallet_id == (stated["wallet_id"] if stated["found"] else "")
    assert label.updated_to_block == stated["updated_to_block"]


def test_the_path_tells_what_the_host_learns():
    source = WalletExplorer(consent=True)
    assert source.label_paths([ADDRESS, ADDRESS]) == (PATH,)
    assert source.subject_of(PATH) == ADDRESS
    assert (source.history_path(ADDRESS), source.tx_paths(["ab" * 32]), source.tip_path()) == (None, (), None)
    for wrong in ("/tx?txid=1", PATH.replace(ADDRESS, "1x")):
        with pytest.raises(BadInput, match="not a path"):
            source.subject_of(wrong)


def test_a_typing_error_is_asked_of_nobody(server: FaultyServer):
    source = WalletExplorer(server.url, consent=True)
    with pytest.raises(AddressInvalid):
        source.labels([ADDRESS, ADDRESS[:-1]])
    assert server.asked == []


def test_labels_are_asked_for_one_by_one(server: FaultyServer):
    server.answers = {PATH: [text(body(KRAKEN))]}
    source = WalletExplorer(server.url, consent=True)
    assert source.labels([ADDRESS]) == (LABEL,)
    source.close()
    assert [asked.path for asked in server.asked] == [PATH]


def test_every_error_is_one_of_ours():
    with pytest.raises(ChainflowError):
        read_label("ltc", PATH, 200, body(KRAKEN))
