"""Addresses: published vectors, other libraries, every chain's own, and what must be refused."""

from __future__ import annotations

from collections.abc import Callable

import bitcoin
import pytest
from bitcoin.wallet import CBitcoinAddress
from btclib.script import ScriptPubKey
from hypothesis import given
from hypothesis import strategies as st

from chainflow.addresses import (
    CHAINS,
    Address,
    address_of,
    decode,
    derive,
    find_addresses,
    is_address,
    script_of,
    script_type,
)
from chainflow.checksums import base58_encode, segwit_encode
from chainflow.errors import AddressInvalid, BadBytes, BadInput
from chainflow.networks import is_account_chain

SCRIPT_CHAINS = [chain for chain in CHAINS if not is_account_chain(chain)]
SEGWIT_CHAINS = [chain for chain in SCRIPT_CHAINS if chain.startswith(("btc", "ltc"))]
GENERATOR = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
SATOSHI = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

VALID = {  # BIP173, BIP350, BIP433, CashAddr specification, and public addresses of each chain
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4": ("btc", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7": (
        "btc-testnet",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y": (
        "btc",
        "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
    ),
    "BC1SW50QGDZ25J": ("btc", "6002751e"),
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs": ("btc", "5210751e76e8199196d454941c45d1b3a323"),
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0": (
        "btc",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
    "bc1pfeessrawgf": ("btc", "51024e73"),
    "bcrt1pfeesnyr2tx": ("btc-regtest", "51024e73"),
    SATOSHI: ("btc", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"),
    "3P14159f73E4gFr7JterCCQh9QjiTjiZrG": ("btc", "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87"),
    "2MuKeQzUHhUQWUZgx5AuNWoQ7YWx6vsXxrv": ("btc-testnet", None),
    "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV": ("btc-testnet", None),
    "LX4YojYdeBk3TtUcryCcgAqYxjicKfK7AD": ("ltc", None),
    "MJfELhwt9S6Sr9hadHGsnTELZzFUVjMrFc": ("ltc", None),
    "ltc1gxr529607w908ccru6uguk6pay5ugmvk5mdh6jj4w5dw3jj6e2dcqkulphy": ("ltc", None),
    "tltc1q677973lw0w796gttpy52f296jqaaksz0duklcr": ("ltc-testnet", None),
    "rltc1qvfp3xz48e7asmccc6423ehca85ptlmsn32xp44": ("ltc-regtest", None),
    "DAcDAtJRztxBHyA6D6h8du1HguyTR43Mas": ("doge", None),
    "9xzLEaWbi3eVzRzv6YdGcXbXQMHydntSq7": ("doge", None),
    "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a": (
        "bch",
        "76a91476a04053bda0a88bda5177b86a15c3b29f55987388ac",
    ),
    "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq": (
        "bch",
        "a91476a04053bda0a88bda5177b86a15c3b29f55987387",
    ),
    "XnLyZhQDr3JqFQi7UPC8LddHMgbAyQWiZo": ("dash", None),
    "7Y5u3566rd7s3dcyDXwDHgvK5VLVhzoeoy": ("dash", None),
    "t1Msw6c7mLQbPnHRyTC6NB3y2U2HjcrHiRM": ("zec", None),
    "t3PDRLn9XNChQHFJ3826hT7yvv1or9gg52H": ("zec", None),
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed": ("eth", ""),
    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t": ("tron", ""),
}

INVALID = {
    "": "too short",
    "Satoshi": "too short",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb": "base58 checksum fails",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfN": "base58 checksum fails",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfN0": "character 34 is '0', which base58",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7\u0414ivfNa": r"character 29 is '\\u0414', which no address",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7\u212av8f3t4": r"character 36 is '\\u212a', which no address",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5": "bech32 checksum fails",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj8": "bech32m checksum fails",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd": "needs a bech32m checksum",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh": "needs a bech32 checksum",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq": "case are mixed",
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4": "character 60 is 'o', which bech32",
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R": "version 17 does not exist",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav": "41 bytes does not exist",
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P": "16 bytes does not exist in version 0",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j": "not filled up with zeros",
    "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty": "prefix tc1",
    "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6c": "CashAddr checksum fails",
    "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6o": "character 54 is 'o'",
    "bitcoincash:q9adhakpwzztepkpwp5z0dq62m6u5v5xtyj7j3h2ws4mr9g0": "another kind",
    "BitcoinCash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a": "case are mixed",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe": "character 1 is '0'",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD": "EIP-55 checksum fails",
    "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAEd": "EIP-55 checksum fails",
    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T": "base58 checksum fails",
    segwit_encode("bc", 1, bytes(60)): "too short or too long",
    "1" * 5000: "too long",
}


@pytest.mark.parametrize("text", VALID)
def test_known_address_is_of_its_chain(text: str) -> None:
    chain, script = VALID[text]
    decoded = decode(f" {text}\n")
    assert decoded.chain == chain
    assert script is None or decoded.script.hex() == script
    if decoded.script:
        assert script_of(text) == decoded.script
        assert decoded.script_type == script_type(decoded.script)
        assert address_of(decoded.script, chain) == decoded.address
        assert decoded.address in (text, text.lower())
    else:
        assert decoded.script_type == "account"


@pytest.mark.parametrize("text", INVALID)
def test_invalid_address_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(AddressInvalid, match=INVALID[text]) as refusal:
        decode(text)
    assert refusal.value.hint
    assert len(text) > 100 or text in refusal.value.message
    assert not is_address(text)


def test_shared_form_is_every_chain_s_and_bitcoin_s_first() -> None:
    assert decode(SATOSHI).chains == ("btc", "bch")
    assert decode("3P14159f73E4gFr7JterCCQh9QjiTjiZrG").chains == ("btc", "ltc", "bch")
    tests = ("btc-testnet", "btc-regtest", "ltc-testnet", "ltc-regtest")
    assert decode("mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV").chains == tests


def test_one_script_has_one_text_per_chain() -> None:
    assert decode(SATOSHI, chain="bch").address == "bitcoincash:qp3wjpa3tjlj042z2wv7hahsldgwhwy0rq9sywjpyy"
    assert decode("QP3WJPA3TJLJ042Z2WV7HAHSLDGWHWY0RQ9SYWJPYY") == Address(
        "bitcoincash:qp3wjpa3tjlj042z2wv7hahsldgwhwy0rq9sywjpyy", "bch", ("bch",), "p2pkh", script_of(SATOSHI)
    )
    litecoin = decode("3P14159f73E4gFr7JterCCQh9QjiTjiZrG", chain="ltc")
    assert litecoin.address.startswith("M")
    assert decode(litecoin.address).script == litecoin.script
    assert (
        decode("0xDE709F2102306220921060314715629080E2FB77").address
        == "0xde709f2102306220921060314715629080e2fb77"
    )


def test_address_of_another_chain_is_refused() -> None:
    for text, chain in (
        (SATOSHI, "ltc"),
        ("bc1pfeessrawgf", "btc-testnet"),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "btc"),
    ):
        with pytest.raises(AddressInvalid, match=f"not of {chain}"):
            decode(text, chain=chain)


@pytest.mark.parametrize(
    "call",
    [
        lambda: decode(SATOSHI, chain="xmr"),
        lambda: is_address(SATOSHI, chain="BTC"),
        lambda: find_addresses("", chain="usd"),
        lambda: address_of(b"", "tron"),
        lambda: derive(GENERATOR, "p2pkh", "eth"),
    ],
)
def test_unknown_chain_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(BadInput, match="the chain"):
        call()


def test_account_has_no_script() -> None:
    with pytest.raises(AddressInvalid, match="account"):
        script_of("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")


@pytest.mark.parametrize(
    "payload",
    [
        b"\x80" + b"\x01" * 32,
        b"\x80" + b"\x01" * 33,
        b"\xef" + b"\x02" * 33,
        bytes.fromhex("0488ade4") + bytes(74),
    ],
)
def test_private_key_is_refused_and_not_shown(payload: bytes) -> None:
    secret = base58_encode(payload)
    for text, reason in (
        (secret, "a private key, not|an extended key, not"),
        (secret[:-1] + ("y" if secret[-1] == "z" else "z"), "checksum"),
    ):
        with pytest.raises(AddressInvalid, match=reason) as refusal:
            decode(text)
        assert text not in str(refusal.value)
        assert text[5:] not in str(refusal.value)


PROGRAMS = st.one_of(
    st.binary(min_size=20, max_size=20).map(lambda program: b"\x00\x14" + program),
    st.binary(min_size=32, max_size=32).map(lambda program: b"\x00\x20" + program),
    st.builds(
        lambda version, program: bytes((0x50 + version, len(program))) + program,
        st.integers(1, 16),
        st.binary(min_size=2, max_size=40),
    ),
)
HASHES = st.binary(min_size=20, max_size=20)
LEGACY = st.one_of(
    HASHES.map(lambda payload: b"\x76\xa9\x14" + payload + b"\x88\xac"),
    HASHES.map(lambda payload: b"\xa9\x14" + payload + b"\x87"),
)


@given(st.sampled_from(SCRIPT_CHAINS), LEGACY)
def test_hash_goes_to_an_address_and_back_on_every_chain(chain: str, script: bytes) -> None:
    address = address_of(script, chain)
    assert address is not None
    decoded = decode(address, chain=chain)
    assert (decoded.script, decoded.address, decoded.chain) == (script, address, chain)


@given(st.sampled_from(SCRIPT_CHAINS), PROGRAMS)
def test_witness_program_goes_to_an_address_and_back(chain: str, script: bytes) -> None:
    address = address_of(script, chain)
    if chain not in SEGWIT_CHAINS:
        assert address is None
        return
    assert address is not None
    assert decode(address) == decode(address.upper(), chain=chain)
    assert decode(address).script == script


@given(st.sampled_from(SCRIPT_CHAINS), st.one_of(LEGACY, PROGRAMS), st.data())
def test_one_wrong_character_is_refused(chain: str, script: bytes, data: st.DataObject) -> None:
    address = address_of(script, chain) or SATOSHI
    place = data.draw(st.integers(0, len(address) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != address[place]))
    assert not is_address(address[:place] + other + address[place + 1 :])


@given(st.text(max_size=100))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    assert is_address(text) in (True, False)
    find_addresses(text)


@given(st.sampled_from(["mainnet", "testnet", "regtest"]), st.one_of(LEGACY, PROGRAMS))
def test_address_is_that_of_btclib(network: str, script: bytes) -> None:
    chain = {"mainnet": "btc", "testnet": "btc-testnet", "regtest": "btc-regtest"}[network]
    ours = address_of(script, chain)
    if script_type(script) in ("p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr"):
        if network == "mainnet" and script_type(script) != "p2tr":  # bitcoinlib has no bech32m
            bitcoin.SelectParams("mainnet")
            assert bytes(CBitcoinAddress(ours).to_scriptPubKey()) == script
        assert ScriptPubKey(script, network, check_validity=False).address == ours


def test_generator_key_has_its_known_addresses() -> None:
    assert derive(GENERATOR, "p2pkh", "btc") == "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"
    assert derive(GENERATOR, "p2wpkh", "btc") == "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    assert derive(GENERATOR, "p2sh-p2wpkh", "btc") == "3JvL6Ymt8MVWiCNHC7oWU6nLeHNJKLZGLN"
    assert (
        derive(GENERATOR[1:], "p2tr", "btc")
        == "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
    )
    satoshi = bytes.fromhex(
        "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7"
        "ba0b8d578a4c702b6bf11d5f"
    )
    assert derive(satoshi, "p2pkh", "btc") == SATOSHI
    assert address_of(b"\x41" + satoshi + b"\xac") is None


@pytest.mark.parametrize(
    ("key", "kind", "chain", "error"),
    [
        (b"", "p2pkh", "btc", BadBytes),
        (bytes(33), "p2pkh", "btc", BadBytes),
        (GENERATOR[1:], "p2pkh", "btc", BadBytes),
        (GENERATOR, "p2tr", "btc", BadBytes),
        (b"\x04" + bytes(64), "p2wpkh", "btc", BadBytes),
        (GENERATOR, "p2wsh", "btc", BadInput),
        (GENERATOR, "p2wpkh", "doge", BadInput),
        (GENERATOR, "p2sh-p2wpkh", "bch", BadInput),
    ],
)
def test_underivable_address_is_refused(key: bytes, kind: str, chain: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        derive(key, kind, chain)


BECH32 = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
TEXTS = {
    f"({SATOSHI}), [{BECH32}]; \u201c{BECH32.upper()}\u201d.": [SATOSHI, BECH32, BECH32],
    f"bitcoin:{SATOSHI}?amount=0.1&label=x": [SATOSHI],
    f"https://mempool.space/address/{BECH32}#flow": [BECH32],
    f"{SATOSHI}\n{BECH32}\r\n\t{SATOSHI}": [SATOSHI, BECH32, SATOSHI],
    f"_{SATOSHI}_ *{BECH32}* a={SATOSHI}<br>": [SATOSHI, BECH32, SATOSHI],
    f"\u5730\u5740{SATOSHI}\u8f6c\u8d26": [SATOSHI],
    f"x{SATOSHI} {SATOSHI}x \u00e9{SATOSHI} {SATOSHI}\u0416 {SATOSHI}{SATOSHI}": [],
    f"{SATOSHI[:-1]}b {SATOSHI[:-1]} {SATOSHI[1:]}": [],
    "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a!": [
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
    ],
    "to qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a": [
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
    ],
    "paid 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed, in 0x" + "ab" * 32: [
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
    ],
    "USDT TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t/": ["TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"],
    "txid 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b": [],
    "bc1pfeessrawgf": ["bc1pfeessrawgf"],
    "": [],
}


@pytest.mark.parametrize("text", TEXTS)
def test_addresses_are_found_in_free_text(text: str) -> None:
    found = find_addresses(text)
    assert [each.address for each in found] == TEXTS[text]
    for each in found:
        assert decode(text[each.start : each.end]).address == each.address


def test_only_addresses_of_the_chain_are_found() -> None:
    text = f"{SATOSHI} {BECH32} TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    assert [each.address for each in find_addresses(text, chain="tron")] == [
        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    ]
    assert [each.chain for each in find_addresses(text, chain="bch")] == ["bch"]


@given(
    st.lists(st.sampled_from([text for text in VALID if not text.startswith("0x")]), min_size=1, max_size=5),
    st.sampled_from([" ", "\n", ", ", ";", "|", '","', ")(", "/", "\u3001", "\u200b"]),
)
def test_separated_addresses_are_all_found(texts: list[str], separator: str) -> None:
    found = find_addresses(separator.join(texts))
    assert [each.address for each in found] == [decode(text).address for text in texts]
