"""Esplora as a source: what it asks, of whom, and how a user's word becomes one."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from esplora_form import FIRST_TXID, RANSOM_ADDRESS, RANSOM_TXID, body, ransom
from faulty import text

from chainflow.errors import AddressInvalid, BadInput, HostNotAllowed, NotFound
from chainflow.model import Listing, Tip
from chainflow.registry import load, plugins
from chainflow.sources import Source, open_source
from chainflow.sources.esplora import Esplora


def test_paths_are_those_of_the_esplora_api():
    source = Esplora()
    assert source.tip_path() == "/blocks/tip/height"
    assert source.address_path(RANSOM_ADDRESS) == f"/address/{RANSOM_ADDRESS}"
    assert source.history_path(RANSOM_ADDRESS) == f"/address/{RANSOM_ADDRESS}/txs"
    assert (
        source.history_path(RANSOM_ADDRESS, FIRST_TXID) == f"/address/{RANSOM_ADDRESS}/txs/chain/{FIRST_TXID}"
    )
    assert source.tx_paths([RANSOM_TXID]) == (f"/tx/{RANSOM_TXID}",)
    assert source.outspends_path([RANSOM_TXID]) == f"/tx/{RANSOM_TXID}/outspends"
    assert (
        source.outspends_path([RANSOM_TXID, FIRST_TXID]) == f"/txs/outspends?txids={RANSOM_TXID},{FIRST_TXID}"
    )


def test_every_path_it_makes_it_can_read_and_name_the_subject_of():
    source = Esplora()
    paths = [source.address_path(RANSOM_ADDRESS), source.history_path(RANSOM_ADDRESS, FIRST_TXID)]
    assert {source.subject_of(path) for path in paths} == {RANSOM_ADDRESS}
    assert source.subject_of(source.outspends_path([FIRST_TXID])) == FIRST_TXID
    assert source.subject_of(source.tip_path()) == ""


def test_an_archived_reply_is_read_by_its_family_alone():
    read = load("chainflow.sources", "esplora").read
    assert read("ltc", "/blocks/tip/height", 200, b"7") == (Tip("ltc", 7),)


def test_a_sources_name_opens_it_again():
    source = open_source("mempool", chain="btc-testnet")
    assert open_source(source.name, chain=source.chain).name == source.name


def test_an_address_is_asked_for_in_its_one_form():
    upper = "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"
    assert Esplora().address_path(upper) == f"/address/{upper.lower()}"


@pytest.mark.parametrize(
    "address", [RANSOM_ADDRESS[:-1] + "s", "", "../../tx", "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9"]
)
def test_what_is_no_address_of_the_chain_is_not_asked(address):
    with pytest.raises(AddressInvalid):
        Esplora().history_path(address)


def test_what_is_no_txid_is_not_asked():
    for txid in ("", "00", RANSOM_TXID.upper(), RANSOM_TXID + "/hex"):
        with pytest.raises(BadInput, match="not a txid"):
            Esplora().tx_paths([txid])
    for count in (0, 51):
        with pytest.raises(BadInput, match=f"{count} txids"):
            Esplora().outspends_path([RANSOM_TXID] * count)


def test_a_real_question_and_its_answer(server):
    server.answers[f"/api/address/{RANSOM_ADDRESS}/txs"] = [text(body([ransom()]))]
    source = Esplora(f"http://ann:canary@127.0.0.1:{server.port}/api?apikey=canary")
    server.answers[f"/api/address/{RANSOM_ADDRESS}/txs?apikey=canary"] = [text(body([ransom()]))]
    path = source.history_path(RANSOM_ADDRESS)
    reply = source.ask(path)
    listing, record = source.facts(reply.path, reply.status, reply.body)
    source.close()
    assert isinstance(listing, Listing)
    assert record.txid == RANSOM_TXID
    assert source.name == f"esplora:http://127.0.0.1:{server.port}/api"
    assert "canary" not in repr(source) + reply.url


def test_a_server_without_the_batch_says_not_found(server):
    source = Esplora(server.url)
    path = source.outspends_path([RANSOM_TXID, FIRST_TXID])
    reply = source.ask(path)
    source.close()
    with pytest.raises(NotFound):
        source.facts(path, reply.status, reply.body)


def test_reading_archived_replies_does_not_load_the_network():
    code = "import sys; from chainflow.sources import open_source; open_source('esplora'); print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "chain", "name", "speaks_of"),
    [
        ("esplora", None, "https://blockstream.info/api", "btc"),
        ("esplora", "ltc", "https://litecoinspace.org/api", "ltc"),
        ("esplora", "btc-testnet", "https://blockstream.info/testnet/api", "btc-testnet"),
        ("esplora:blockstream.info", None, "https://blockstream.info/api", "btc"),
        ("esplora:blockstream.info", "btc-testnet", "https://blockstream.info/testnet/api", "btc-testnet"),
        ("esplora:litecoinspace.org", None, "https://litecoinspace.org/api", "ltc"),
        (
            "esplora:https://blockstream.info/testnet/api/",
            None,
            "https://blockstream.info/testnet/api",
            "btc-testnet",
        ),
        ("esplora:https://mempool.space/api", None, "https://mempool.space/api", "btc"),
        (
            "esplora:https://mempool.space/signet/api",
            "btc-testnet",
            "https://mempool.space/signet/api",
            "btc-testnet",
        ),
        ("esplora:http://127.0.0.1:8000", None, "http://127.0.0.1:8000", "btc"),
        ("esplora:http://127.0.0.1:8000/ltc", "ltc", "http://127.0.0.1:8000/ltc", "ltc"),
        ("esplora:explorer.example/api", None, "https://explorer.example/api", "btc"),
        ("mempool", None, "https://mempool.space/api", "btc"),
        ("mempool", "btc-testnet", "https://mempool.space/testnet/api", "btc-testnet"),
    ],
)
def test_a_word_becomes_a_source(word, chain, name, speaks_of):
    source = open_source(word, chain=chain)
    assert (source.family, source.name, source.chain) == ("esplora", f"esplora:{name}", speaks_of)


def test_a_ready_source_is_returned_as_it_is():
    source = Esplora("mempool.space")
    assert isinstance(source, Source)
    assert open_source(source) is source
    assert open_source(source, chain="btc") is source


@pytest.mark.parametrize(
    ("word", "options", "told"),
    [
        ("monero", {}, "no source is called 'monero'"),
        ("", {}, "no source is called"),
        ("https://mempool.space/api", {}, "no source is called"),
        ("esplora:", {}, "no source is called"),
        ("mempool", {"chain": "ltc"}, "no public Esplora is known for 'ltc' at mempool.space"),
        ("esplora", {"chain": "doge"}, "no public Esplora is known for 'doge'"),
        ("esplora:https://litecoinspace.org/api", {"chain": "btc"}, "speaks of ltc, not of btc"),
        (
            "esplora:https://blockstream.info/liquid/api",
            {},
            "which chain is at https://blockstream.info/liquid/api",
        ),
        ("esplora", {"proxy": "127.0.0.1:9050"}, "not a proxy URL"),
        (Esplora(), {"proxy": "socks5h://127.0.0.1:9050"}, "takes no chain= or proxy="),
        (Esplora(), {"chain": "ltc"}, "takes no chain= or proxy="),
        (Tip("btc", 1), {}, "not a source: Tip"),
    ],
)
def test_a_word_that_names_no_source_is_refused_with_those_there_are(word, options, told):
    with pytest.raises(BadInput, match=told) as caught:
        open_source(word, **options)
    assert caught.value.hint
    if "is called" in told:
        assert {*plugins("chainflow.sources"), "mempool", "routescan"} <= set(
            re.findall(r"[\w-]+", caught.value.hint)
        )


def test_hosts_that_may_not_be_asked_are_refused_when_named():
    with pytest.raises(HostNotAllowed):
        open_source("esplora:http://blockstream.info/api")
    with pytest.raises(HostNotAllowed, match="through Tor"):
        open_source("esplora:http://abcdefgh.onion/api")
    assert (
        open_source("esplora:http://abcdefgh.onion/api", proxy="socks5h://127.0.0.1:9050").host
        == "abcdefgh.onion"
    )


def test_no_secret_in_the_refusal_of_a_word():
    for word in ("https://ann:canary@host.example/api", "canary-key:x", "esplora:ftp://ann:canary@host/"):
        with pytest.raises(BadInput) as caught:
            open_source(word)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("chain", ["btc", "btc-testnet", "ltc", "ltc-testnet"])
def test_a_default_url_speaks_of_its_chain(chain):
    assert Esplora.chain_of_url(Esplora.default_url(chain)) == chain
    assert Esplora.chain_of_url("https://explorer.example/api") is None
