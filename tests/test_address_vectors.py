"""Addresses against the vectors of the BIPs and of other libraries, and against recorded replies."""

from __future__ import annotations

import json
import pathlib

import bitcoin.base58
import pytest

from chainflow.addresses import address_of, decode, derive, is_address, script_of, script_type
from chainflow.checksums import base58_decode, base58_encode


def test_bech32_vectors(shared: pathlib.Path) -> None:
    vectors = json.loads((shared / "vectors" / "bip173_bip350_addresses.json").read_text())
    for valid in vectors["valid"]:
        assert script_of(valid["address"]).hex() == valid["script"]
    for text in vectors["invalid_bip350"] + vectors["invalid_bip173"]:
        assert not is_address(text)


def test_bech32_vectors_of_bitcoinlib(shared: pathlib.Path) -> None:
    folder = shared / "vectors"
    for script, text in json.loads((folder / "pybitcoinlib_bech32_encode_decode.json").read_text()):
        is_version_0 = script.startswith("00")  # the others are older than bech32m
        assert is_address(text) == is_version_0
        assert not is_version_0 or script_of(text).hex() == script
    for text, _ in json.loads((folder / "pybitcoinlib_bech32_invalid.json").read_text()):
        assert not is_address(text)


def test_eip55_vectors(shared: pathlib.Path) -> None:
    cases = json.loads((shared / "vectors" / "eip55.json").read_text())["cases"]
    for text, is_right in cases:
        one_case = text.startswith("0x") and text[2:] in (text[2:].lower(), text[2:].upper())
        assert is_address(text) == (is_right or one_case)  # letters of one case carry no checksum
    assert sum(is_right for _, is_right in cases) == 7


def test_base58_digits_are_those_of_bitcoinlib(shared: pathlib.Path) -> None:
    for raw, text in json.loads((shared / "vectors" / "pybitcoinlib_base58_encode_decode.json").read_text()):
        assert not is_address(text)  # these carry no checksum
        payload = bytes.fromhex(raw)
        written = base58_encode(payload)
        assert bitcoin.base58.decode(written)[:-4] == payload
        assert base58_decode(written) == payload


OTHER_CHAINS = ("y", "np", "tm", "8j", "t2", "bchtest:", "simpleledger:", "ecash:")
BIP_UTILS = ("P2PKH", "P2SH", "P2TR", "P2WPKH", "bch_P2PKH", "bch_P2SH", "bch_addr_converter", "trx_addr")


@pytest.mark.parametrize("name", BIP_UTILS)
def test_address_vectors_of_bip_utils(shared: pathlib.Path, name: str) -> None:
    chains = json.loads((shared / "vectors" / "bip_utils_addresses.json").read_text())["chains"]
    for text in chains[name]["valid"]:
        assert is_address(text) != text.startswith(OTHER_CHAINS), text
    for text in chains[name]["invalid"]:  # an address of another type may be valid here
        assert not is_address(text) or decode(text).script_type != name.lower(), text


def test_tron_and_taproot_vectors(shared: pathlib.Path) -> None:
    tron = json.loads((shared / "vectors" / "tron.json").read_text())
    assert all(decode(valid["base58"]).chain == "tron" for valid in tron["valid"])
    assert not any(is_address(text, chain="tron") for text in tron["invalid"])
    for case in json.loads((shared / "vectors" / "bip341_tests.json").read_text())["scriptPubKey"]:
        expected = case["expected"]
        key = bytes.fromhex(case["intermediary"]["tweakedPubkey"])
        assert derive(key, "p2tr", "btc") == expected["bip350Address"]
        assert script_of(expected["bip350Address"]).hex() == expected["scriptPubKey"]


def test_addresses_of_recorded_outputs_agree_with_the_explorer(shared: pathlib.Path) -> None:
    names = {"v0_p2wpkh": "p2wpkh", "v0_p2wsh": "p2wsh", "v1_p2tr": "p2tr"}
    for path in sorted((shared / "explorers" / "esplora" / "txs").glob("*.json")):
        reply = json.loads(path.read_text())
        for tx in reply if isinstance(reply, list) else [reply]:
            for output in tx.get("vout", []):
                script = bytes.fromhex(output["scriptpubkey"])
                assert address_of(script) == output.get("scriptpubkey_address")
                shown = output["scriptpubkey_type"]
                assert shown == "unknown" or script_type(script) == names.get(shown, shown)


def test_addresses_of_a_litecoin_node_read_back(shared: pathlib.Path) -> None:
    owners = json.loads((shared / "nodes" / "litecoind_regtest" / "ground_truth_owner.json").read_text())
    assert len(owners) == 724
    for text in owners:
        assert address_of(script_of(text, chain="ltc-regtest"), "ltc-regtest") == text
