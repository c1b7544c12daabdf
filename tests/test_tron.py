"""Tron's bytes, read and refused."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import AddressInvalid, BadBytes
from chainflow.tron import (
    ZERO_ADDRESS,
    TokenCall,
    address_bytes,
    address_text,
    asset_name,
    parse_raw_data,
    token_call,
)
from tests.tron_form import (
    NUMBERS,
    OTHER,
    OTHER_TEXT,
    OWNER,
    OWNER_TEXT,
    USDT,
    USDT_TEXT,
    field,
    message,
    pay,
    raw_data,
    varint,
)

# 41.677389 USDT, 3 February 2025
USDT_TXID = "0130dfde9281a48378109039ef512229d5359fbee2a8adbb17ad73aebc67ea99"
USDT_RAW = bytes.fromhex(
    "0a02afbf22084e85c21e37dfb0c540d0ce8ee6cc325aae01081f12a9010a31747970652e676f6f676c65617069732e636f6d"
    "2f70726f746f636f6c2e54726967676572536d617274436f6e747261637412740a15416e3b44b96104b26f84057974a1f0c9"
    "880f7c9b13121541a614f803b6fd780986a42c78ec9c7f77e6ded13c2244a9059cbb000000000000000000000041ec20315a"
    "879c48f5e3a6a1c9826d5225f8b658b800000000000000000000000000000000000000000000000000000000027bf24d708f"
    "ace6e5cc32900180e1eb17"
)
# 150.46632 TRX; 8,888.88 units of the TRC-10 token 1005065; the same day
TRX_TXID = "3f8b651bdf4a301a08693a2fa4b0d5fd808927ad658aa279ba030215fecdd6b3"
TRX_RAW = bytes.fromhex(
    "0a02afe3220895025447cce46fac40b09a95e6cc325a68080112640a2d747970652e676f6f676c65617069732e636f6d2f70"
    "726f746f636f6c2e5472616e73666572436f6e747261637412330a15416e3b44b96104b26f84057974a1f0c9880f7c9b1312"
    "154115e75fb8683b09c857d7b8a740b1d0234a3ca97b1890dedf4770d5faece5cc32"
)
TRC10_TXID = "034897cb63856eeb5c224c5fa9ff5d4c94af36d9e1e9087d5bcc9fd665fb5a6d"
TRC10_RAW = bytes.fromhex(
    "0a02b01122084330112818ce13e6408081f9e5cc325a77080212730a32747970652e676f6f676c65617069732e636f6d2f70"
    "726f746f636f6c2e5472616e736665724173736574436f6e7472616374123d0a07313030353036351215414a590bf4bbbb25"
    "e162987084d3529ae2078ac1771a15416e3b44b96104b26f84057974a1f0c9880f7c9b13208097c68e2170dbb0f5e5cc32"
)
STAKE_TXID = "56eddcf4efa284fc4ab7de6ee23da2246aa86d48e91c11164ccbdd080f2531e2"
STAKE_RAW = bytes.fromhex(
    "0a0250d22208dffd5d36c76e13ef40f8f9a3e5cb325a53080c124f0a34747970652e676f6f676c65617069732e636f6d2f70"
    "726f746f636f6c2e556e667265657a6542616c616e6365436f6e747261637412170a15416e3b44b96104b26f84057974a1f0"
    "c9880f7c9b1370f2a8a0e5cb32"
)


@pytest.mark.parametrize(
    ("raw", "txid"),
    [(USDT_RAW, USDT_TXID), (TRX_RAW, TRX_TXID), (TRC10_RAW, TRC10_TXID), (STAKE_RAW, STAKE_TXID)],
)
def test_a_txid_is_the_hash_of_the_signed_bytes(raw, txid):
    assert parse_raw_data(raw).txid == txid


def test_a_call_of_usdt_reads_as_the_chain_has_it():
    told = parse_raw_data(USDT_RAW)
    act = told.contract
    assert (act.kind, act.owner, act.recipient, act.amount) == (
        "TriggerSmartContract",
        OWNER_TEXT,
        USDT_TEXT,
        0,
    )
    assert token_call(act.data) == TokenCall(None, OTHER_TEXT, 41_677_389)
    assert (told.expiration, told.timestamp, told.fee_limit) == (1738602162000, 1738601502223, 50_000_000)
    assert (told.ref_block_bytes.hex(), told.ref_block_hash.hex()) == ("afbf", "4e85c21e37dfb0c5")


def test_a_payment_of_trx_is_in_sun():
    act = parse_raw_data(TRX_RAW).contract
    assert (act.kind, act.amount, act.asset) == ("TransferContract", 150_466_320, "")
    assert act.recipient == address_text(bytes.fromhex("4115e75fb8683b09c857d7b8a740b1d0234a3ca97b"))


def test_a_trc10_token_is_its_number():
    act = parse_raw_data(TRC10_RAW).contract
    assert (act.asset, act.amount, act.recipient) == ("1005065", 8_888_880_000, OWNER_TEXT)
    assert asset_name(b"") == ""


def test_an_act_that_moves_nothing_is_named_with_its_owner():
    act = parse_raw_data(STAKE_RAW).contract
    assert (act.kind, act.owner, act.recipient, act.amount) == ("UnfreezeBalanceContract", OWNER_TEXT, "", 0)


def test_an_account_name_is_not_taken_for_its_owner():
    value = message(f1=bytes.fromhex(OTHER), f2=bytes.fromhex(OWNER))  # the name looks like an address
    assert parse_raw_data(raw_data("AccountUpdateContract", value)).contract.owner == OWNER_TEXT


def test_a_contract_is_made_with_coins_and_tokens():
    made = message(f1=bytes.fromhex(OWNER), f4=b"\x60\x80", f5=7)
    value = message(f1=bytes.fromhex(OWNER), f2=made, f3=9, f4=1002000)
    act = parse_raw_data(raw_data("CreateSmartContract", value)).contract
    assert (act.recipient, act.amount, act.asset, act.token_value) == ("", 7, "1002000", 9)


def test_tokens_may_be_sent_along_with_a_call():
    value = message(f1=bytes.fromhex(OWNER), f2=bytes.fromhex(USDT), f3=5, f5=9, f6=1002000)
    act = parse_raw_data(raw_data("TriggerSmartContract", value)).contract
    assert (act.amount, act.asset, act.token_value) == (5, "1002000", 9)


def test_the_last_of_two_equal_fields_counts_as_for_every_node():
    twice = message(f1=bytes.fromhex(OWNER), f2=bytes.fromhex(OTHER), f3=5) + field(3, 6)
    assert parse_raw_data(raw_data("TransferContract", twice)).contract.amount == 6


def test_a_memo_is_kept():
    value = message(f1=bytes.fromhex(OWNER), f2=bytes.fromhex(OTHER), f3=5)
    assert parse_raw_data(raw_data("TransferContract", value, memo=b"invoice 7")).memo == b"invoice 7"


def test_a_kind_that_is_not_known_yet_goes_by_its_own_name():
    contract = message(f1=99, f2=message(f1=b"type.googleapis.com/protocol.LaterContract", f2=b""))
    act = parse_raw_data(field(11, contract)).contract
    assert (act.kind, act.owner) == ("LaterContract", "")


# --- refused ----------------------------------------------------------------------------------------


def paid(amount: int) -> bytes:
    value = message(f1=bytes.fromhex(OWNER), f2=bytes.fromhex(OTHER)) + varint(3 << 3) + varint(amount)
    return raw_data("TransferContract", value)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "0 contracts"),
        (USDT_RAW[:-1], "cut off"),
        (USDT_RAW[:40], "cut off"),
        (TRX_RAW + TRX_RAW, "2 contracts"),
        (paid(2**64 - 1), "amount is -1"),
        (varint(8 << 3) + b"\xff" * 10, "more than 64 bits"),
        (varint(8 << 3) + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
        (b"\x00\x00", "without a number"),
        (varint(2 << 3 | 3), "wire type 3"),
        (field(11, b"\x01"), "cut off"),
        (varint(11 << 3) + b"\x01", "contract is a number"),
        (TRX_RAW + field(8, b"x"), "expiration is bytes"),
        (field(11, message(f1=1, f2=message(f1=b"x/protocol.VoteWitnessContract"))), "calls itself"),
        (
            raw_data("TransferContract", message(f1=b"A" * 20 + b"A", f2=b"B" * 21, f3=1)),
            "not a Tron address",
        ),
        (raw_data("TransferContract", message(f1=bytes.fromhex(OWNER), f3=1)), "not a Tron address: nothing"),
    ],
)
def test_bytes_that_cannot_be_are_refused_and_named(raw, told):
    with pytest.raises(BadBytes, match=told):
        parse_raw_data(raw)


@given(st.binary(max_size=200))
def test_noise_is_read_or_refused_but_never_breaks(noise):
    with suppress(BadBytes):
        assert parse_raw_data(noise).txid == hashlib.sha256(noise).hexdigest()


@given(st.data())
def test_a_byte_changed_anywhere_changes_the_txid_or_is_refused(data):
    raw = bytearray(USDT_RAW)
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with suppress(BadBytes):
        assert parse_raw_data(bytes(raw)).txid != USDT_TXID


@given(
    st.sampled_from(sorted(NUMBERS)),
    st.integers(1, 2**63 - 1),
    st.binary(min_size=20, max_size=20),
    st.binary(max_size=80),
)
def test_what_is_written_is_read_back(kind, amount, account, data):
    raw_account = b"\x41" + account
    forms = {
        "TransferContract": message(f1=raw_account, f2=bytes.fromhex(OTHER), f3=amount),
        "TransferAssetContract": message(f1=b"1002000", f2=raw_account, f3=bytes.fromhex(OTHER), f4=amount),
        "ParticipateAssetIssueContract": message(f1=raw_account, f2=bytes.fromhex(OTHER), f3=b"7", f4=amount),
        "TriggerSmartContract": message(f1=raw_account, f2=bytes.fromhex(OTHER), f3=amount, f4=data),
        "CreateSmartContract": message(f1=raw_account, f2=message(f5=amount)),
        "AccountUpdateContract": message(f1=data, f2=raw_account),
    }
    act = parse_raw_data(raw_data(kind, forms.get(kind, field(1, raw_account)))).contract
    assert (act.kind, act.owner) == (kind, address_text(raw_account))
    if kind in forms and kind != "AccountUpdateContract":
        assert act.amount == amount
    if kind == "TriggerSmartContract":
        assert act.data == data


# --- calls of tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["41", "00"])
def test_a_recipient_is_the_last_twenty_bytes_of_its_word(padding):
    assert token_call(pay(OTHER, 1000, padded_with=padding)) == TokenCall(None, OTHER_TEXT, 1000)


def test_a_transfer_from_names_its_payer():
    words = "".join(f"{account[2:]:>064}" for account in (OWNER, OTHER))
    call = bytes.fromhex("23b872dd" + words) + (2**256 - 1).to_bytes(32)
    assert token_call(call) == TokenCall(OWNER_TEXT, OTHER_TEXT, 2**256 - 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pay(OTHER, 1)[:-1],
        bytes.fromhex("23b872dd") + bytes(64),
        bytes.fromhex("095ea7b3") + bytes(64),  # approve
    ],
)
def test_another_call_is_no_movement(data):
    assert token_call(data) is None


# --- addresses --------------------------------------------------------------------------------------


def test_addresses_in_both_forms_are_those_of_the_vectors(shared):
    vectors = json.loads((shared / "vectors" / "tron.json").read_text())
    for pair in vectors["valid"]:
        raw = bytes.fromhex(pair["hex"])
        assert address_bytes(pair["base58"]) == raw == address_bytes(pair["hex"])
        assert address_text(raw) == address_text(raw[1:]) == pair["base58"]
    assert len(vectors["valid"]) == 6
    for text in vectors["invalid"]:
        with pytest.raises(AddressInvalid):
            address_bytes(text)


def test_the_address_of_nobody_is_its_own():
    assert ZERO_ADDRESS == "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"


@pytest.mark.parametrize("text", ["41zz" + "00" * 19, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "", "41"])
def test_what_is_no_address_of_tron_is_refused(text):
    with pytest.raises(AddressInvalid):
        address_bytes(text)


@pytest.mark.parametrize("raw", [b"", bytes(19), bytes(21), b"\x41" * 22])
def test_bytes_that_are_no_address_are_refused(raw):
    with pytest.raises(BadBytes, match="not a Tron address"):
        address_text(raw)


@given(st.binary(min_size=20, max_size=20))
def test_an_address_comes_back(account):
    assert address_bytes(address_text(account)) == b"\x41" + account
