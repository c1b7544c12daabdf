"""What an input shows of the script that it spends."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.addresses import hash160
from chainflow.errors import SchemaMismatch
from chainflow.scripts import make_script
from chainflow.sources.shown import address_stated, pushes, shows
from chainflow.sources.strict import Field


@pytest.mark.parametrize(
    ("scriptsig", "pushed"),
    [
        ("", ()),
        ("00", (b"",)),
        ("4f5160", (b"\x81", b"\x01", b"\x10")),
        ("02abcd", (b"\xab\xcd",)),
        ("4c01ff", (b"\xff",)),
        ("4d0200abcd", (b"\xab\xcd",)),
        ("4e02000000abcd", (b"\xab\xcd",)),
        ("02ab", None),  # a push that runs out
        ("4c", None),
        ("02abcd76", None),  # more than a push
        ("50", None),
    ],
)
def test_pushes_are_read_as_the_script_machine_does(scriptsig, pushed):
    assert pushes(bytes.fromhex(scriptsig)) == pushed


@given(st.lists(st.binary(min_size=1, max_size=75), max_size=5))
def test_what_is_pushed_is_found(items):
    assert pushes(b"".join(bytes((len(item),)) + item for item in items)) == tuple(items)


@given(st.binary(max_size=60))
def test_noise_is_read_or_not_told(noise):
    found = pushes(noise)
    assert found is None or sum(map(len, found)) <= len(noise)


@given(st.binary(min_size=33, max_size=33), st.binary(min_size=33, max_size=33))
def test_a_key_is_shown_for_its_own_script_and_for_no_other(key, other):
    for kind in ("p2pkh", "p2sh", "p2wpkh", "p2wsh"):
        hashed = hashlib.sha256(key).digest() if kind == "p2wsh" else hash160(key)
        script = make_script(kind, hashed)
        for shown in (key, other):
            scriptsig = b"" if kind.startswith("p2w") else b"\x01s\x21" + shown
            witness = (b"s", shown) if kind.startswith("p2w") else ()
            assert shows(script, scriptsig, witness) is (shown == key)


def test_where_nothing_is_shown_nothing_is_told():
    assert shows(make_script("p2tr", b"\1" * 32), b"", (b"signature",)) is None
    assert shows(make_script("p2wpkh", b"\1" * 20), b"", ()) is None
    assert shows(make_script("p2pkh", b"\1" * 20), b"", ()) is None
    assert shows(make_script("p2pkh", b"\1" * 20), b"\x76", ()) is None


def test_every_recorded_input_shows_what_it_spends(shared):
    told = {True: 0, False: 0, None: 0}
    file = shared / "explorers" / "esplora" / "block_680000_first_1200.jsonl.gz"
    for line in gzip.decompress(file.read_bytes()).splitlines():
        for vin in json.loads(line)["vin"]:
            if not vin["is_coinbase"]:
                witness = [bytes.fromhex(item) for item in vin.get("witness", [])]
                script = bytes.fromhex(vin["prevout"]["scriptpubkey"])
                told[shows(script, bytes.fromhex(vin["scriptsig"]), witness)] += 1
    for recording in sorted((shared / "explorers" / "haskoin").glob("blockchain-multiaddr-*")):
        text = recording.read_text()
        for tx in json.loads(json.loads(text[text.index("{") :])["body"])["txs"]:
            for given_ in tx["inputs"]:
                script = bytes.fromhex(given_["prev_out"]["script"])
                told[shows(script, bytes.fromhex(given_["script"]), ())] += 1
    assert (told[False], told[None]) == (0, 0)
    assert told[True] > 1799


def test_an_account_has_no_script():
    for text in ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "x", ""):
        with pytest.raises(SchemaMismatch, match="allowed: an address of tron"):
            address_stated(Field(text, "The answer", "address"), "tron")
