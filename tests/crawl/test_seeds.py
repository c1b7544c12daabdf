"""How a user's words become seeds, stops and a chain."""

from __future__ import annotations

import pytest

import chainflow as cf
from chainflow import samples
from chainflow.case import Case
from chainflow.crawl import chain_of
from chainflow.errors import AddressInvalid, BadInput
from chainflow.serve import Explorer

FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"
RANSOM = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"
PAYER = "bc1quq29mutxkgxmjfdr7ayj3zd9ad0ld5mrhh89l2"
LTC = "ltc1qg42tkwuuxefutzxezdkdel39gfstuap288mfea"
SHARED = "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"
CASH = "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
TXID = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"


@pytest.fixture
def explorer():
    with Explorer(samples.load("colonial")) as running:
        yield running


@pytest.fixture
def case(tmp_path, explorer):
    with Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}") as opened:
        yield opened


@pytest.mark.parametrize(
    ("seeds", "chain"),
    [
        (LTC, "ltc"),
        ([LTC, SHARED], "ltc"),
        ([SHARED, FBI], "btc"),
        ([f" {CASH}\n"], "bch"),
        (SHARED, None),
        ([LTC, FBI], None),
        (f"{TXID}:1", None),
        ([], None),
    ],
)
def test_the_clear_addresses_say_the_chain_and_the_ambiguous_say_nothing(seeds, chain):
    assert chain_of(seeds) == chain


@pytest.mark.parametrize("seed", [f" {TXID}", f"{TXID}:1\n", f"\t{FBI} ", FBI.upper()])
def test_blanks_and_capitals_of_a_seed_do_not_matter(case, explorer, seed):
    case.fetch(seed)
    asked = set(case.disclosures["subject"])
    assert asked == {TXID if TXID in seed else FBI}


def test_an_address_with_a_prefix_is_no_outpoint(explorer):
    with pytest.raises(AddressInvalid, match="an address of bch, not of btc"):
        cf.fetch(CASH, f"esplora:{explorer.url}", chain="btc")


@pytest.mark.parametrize("seed", [f"{TXID}:", f"{TXID}:x", f"{TXID}:-1"])
def test_a_broken_outpoint_is_called_one(case, seed):
    with pytest.raises(BadInput, match="not an outpoint"):
        case.fetch(seed)


@pytest.mark.parametrize("stop", [PAYER, [PAYER.upper()], {f" {PAYER} "}, (LTC, "script:6a", PAYER)])
def test_stops_are_read_like_seeds(case, stop):
    done = case.fetch(RANSOM, hops=2, direction="backward", stop=stop)
    assert dict(done.not_followed)[PAYER] == "stop: tagged"
    assert PAYER not in set(case.disclosures["subject"])


def test_a_mistyped_stop_is_refused_before_anything_is_asked(case, explorer):
    with pytest.raises(AddressInvalid):
        case.fetch(RANSOM, hops=2, stop=[PAYER[:-1] + "3"])
    assert explorer.requests == []


def test_tags_stop_a_fetch(case):
    tags = cf.Tags.of_rows([{"address": PAYER, "label": "Payer", "source": "a test", "chain": "btc"}])
    assert dict(case.fetch(RANSOM, hops=2, direction="backward", stop=tags).not_followed)[PAYER]
