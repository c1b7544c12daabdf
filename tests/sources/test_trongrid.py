"""What TronGrid and Tron nodes state, every way in which they are refused, and how they are asked."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from damage import leaves, put
from faulty import text
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import (
    AddressInvalid,
    BadInput,
    BadResponse,
    NotFound,
    ProofFailed,
    RateLimited,
    SchemaMismatch,
    SourceError,
)
from chainflow.model import Listing, Tip, TokenRecord, TransferKind, TransferRecord, TxOutline
from chainflow.sources import Source, open_source
from chainflow.sources.trongrid import TronGrid, facts
from chainflow.tron import address_text
from tests.tron_form import (
    OTHER,
    OTHER_TEXT,
    OWNER,
    OWNER_TEXT,
    USDT,
    USDT_TEXT,
    as_json,
    call,
    message,
    pay,
    transfer,
)

SOURCE = TronGrid()
NATIVE = SOURCE.history_path(OWNER_TEXT)
TOKEN = SOURCE.history_path(OWNER_TEXT, which="token")
INTERNAL = SOURCE.history_path(OWNER_TEXT, which="internal")
HASH = "da0588c6f39cbed2f65d810203b360f9ee1c6579b48b254ddaf78d0a719d7995"
USDT_TXID = "0130dfde9281a48378109039ef512229d5359fbee2a8adbb17ad73aebc67ea99"


def page(*rows: Any, fingerprint: str = "", **more: Any) -> dict[str, Any]:
    meta = {"at": 1738601801000, "page_size": len(rows)} | (
        {"fingerprint": fingerprint} if fingerprint else {}
    )
    return {"data": list(rows), "success": True, "meta": meta} | more


def read(value: object, path: str = NATIVE, *, status: int = 200) -> Any:
    return facts("tron", path, status, json.dumps(value).encode())


def moved(stated: Any, *kinds: TransferKind) -> list[TransferRecord]:
    return [f for f in stated if isinstance(f, TransferRecord) and (not kinds or f.kind in kinds)]


def only(stated: Any, kind: TransferKind) -> TransferRecord:
    (found,) = moved(stated, kind)
    return found


def tx_path(value: dict[str, Any]) -> str:
    return SOURCE.tx_paths([value["txID"]])[0]


# --- native -----------------------------------------------------------------------------------------


def test_a_payment_is_read_from_its_signed_bytes():
    tx = transfer(150_466_320)
    listing, *stated = read(page(tx))
    assert listing == Listing("tron", OWNER_TEXT, "", (tx["txID"],), True, "", "", "native")
    row = only(stated, TransferKind.NATIVE)
    assert (row.sender, row.recipient, row.value_raw) == (OWNER_TEXT, OTHER_TEXT, 150_466_320)
    assert (row.ok, row.level, row.height, row.time) == (True, 2, 69316562, 1738601505)


def test_a_fee_is_all_that_is_burnt_also_for_opening_an_account():
    fee = only(read(page(transfer(fee=1_100_000, net_fee=100_000))), TransferKind.FEE)
    assert (fee.sender, fee.recipient, fee.value_raw, fee.ok, fee.level) == (
        OWNER_TEXT,
        None,
        1_100_000,
        True,
        0,
    )


def test_a_fee_less_than_its_parts_is_refused():
    with pytest.raises(ProofFailed, match="fee of 5, less than its parts, 9"):
        read(page(transfer(fee=5, net_fee=4, energy_fee=5)))


def test_a_fee_of_which_only_parts_are_stated_is_marked():
    fee = only(
        read(page(transfer(ret=[{"contractRet": "SUCCESS"}], net_fee=4, energy_fee=5))), TransferKind.FEE
    )
    assert (fee.value_raw, fee.marks) == (9, ("partial: only energy and bandwidth are stated",))


def test_a_fee_that_is_not_stated_is_not_zero():
    tx = transfer(ret=[{"contractRet": "SUCCESS"}])
    del tx["net_fee"], tx["energy_fee"]
    assert moved(read(page(tx)), TransferKind.FEE) == []


def test_a_failed_transaction_moves_nothing_and_pays_its_fee():
    stated = read(page(call(b"", value=7, ret=[{"contractRet": "OUT_OF_ENERGY", "fee": 345_000}])))
    row = only(stated, TransferKind.NATIVE)
    assert (row.ok, row.value_raw, row.stated_raw) == (False, 0, 7)
    assert only(stated, TransferKind.FEE).value_raw == 345_000


@pytest.mark.parametrize("ret", [None, [], [{}], [{"contractRet": "DEFAULT"}]])
def test_success_that_is_not_stated_is_unknown(ret):
    assert only(read(page(transfer(ret=ret))), TransferKind.NATIVE).ok is None


def test_a_failure_code_is_a_failure():
    assert only(read(page(transfer(ret=[{"ret": "FAILED"}]))), TransferKind.NATIVE).ok is False


def test_a_call_of_a_token_is_itself_and_not_the_movement():
    stated = read(page(call(pay(OTHER, 1000))))
    assert only(stated, TransferKind.NATIVE).value_raw == 0
    assert only(stated, TransferKind.NATIVE).recipient == USDT_TEXT
    assert moved(stated, TransferKind.TOKEN) == []


@pytest.mark.parametrize("name", ["1005065", "31303035303635"])
def test_a_trc10_token_is_a_contract_of_its_number_in_text_or_hex(name):
    value = message(f1=b"1005065", f2=bytes.fromhex(OTHER), f3=bytes.fromhex(OWNER), f4=8_888_880_000)
    told = {"amount": 8_888_880_000, "asset_name": name, "owner_address": OTHER, "to_address": OWNER}
    row = only(read(page(as_json("TransferAssetContract", value, told))), TransferKind.TOKEN)
    assert (row.contract, row.value_raw, row.level) == ("trc10:1005065", 8_888_880_000, 2)


def test_another_trc10_token_than_was_signed_is_refused():
    value = message(f1=b"1005065", f2=bytes.fromhex(OTHER), f3=bytes.fromhex(OWNER), f4=1)
    told = {"amount": 1, "asset_name": "1002000", "owner_address": OTHER, "to_address": OWNER}
    with pytest.raises(ProofFailed, match="asset_name is '1002000', but the signed bytes say '1005065'"):
        read(page(as_json("TransferAssetContract", value, told)))


def test_tokens_sent_along_with_a_call_move_too():
    value = message(f1=bytes.fromhex(OWNER), f2=bytes.fromhex(USDT), f3=5, f5=9, f6=1002000)
    told = {
        "owner_address": OWNER,
        "contract_address": USDT,
        "call_value": 5,
        "call_token_value": 9,
        "token_id": 1002000,
    }
    stated = read(page(as_json("TriggerSmartContract", value, told)))
    assert only(stated, TransferKind.NATIVE).value_raw == 5
    assert only(stated, TransferKind.TOKEN).contract == "trc10:1002000"


@pytest.mark.parametrize("kind", ["VoteWitnessContract", "FreezeBalanceV2Contract"])
def test_stakes_and_votes_are_no_payments_but_cost_their_fee(kind):
    value = message(f1=bytes.fromhex(OWNER), f2=5_000_000)
    stated = read(page(as_json(kind, value, {"owner_address": OWNER}, fee=252_000)))
    assert [row.kind for row in moved(stated)] == [TransferKind.FEE]


def test_what_moves_coins_and_is_not_read_says_so():
    told = {"owner_address": OWNER, "exchange_id": 1}
    stated = read(page(as_json("ExchangeTransactionContract", message(f1=bytes.fromhex(OWNER), f2=1), told)))
    row = only(stated, TransferKind.NATIVE)
    assert (row.value_raw, row.marks) == (0, ("partial: what ExchangeTransactionContract moves is not read",))


def test_a_witness_draws_a_reward():
    told = {"owner_address": OWNER}
    tx = as_json("WithdrawBalanceContract", message(f1=bytes.fromhex(OWNER)), told, withdraw_amount=6_600_255)
    row = only(read(page(tx)), TransferKind.REWARD)
    assert (row.sender, row.recipient, row.value_raw) == (None, OWNER_TEXT, 6_600_255)
    del tx["withdraw_amount"]
    assert only(read(page(tx)), TransferKind.REWARD).marks == ("partial: the amount is not stated",)


@pytest.mark.parametrize("stated", [USDT, None])
def test_a_new_contract_is_paid_where_it_is_named(stated):
    value = message(f1=bytes.fromhex(OWNER), f2=message(f1=bytes.fromhex(OWNER), f5=7))
    more = {"contract_address": stated} if stated else {}
    tx = as_json(
        "CreateSmartContract", value, {"owner_address": OWNER, "new_contract": {"call_value": 7}}, **more
    )
    row = only(read(tx, tx_path(tx)), TransferKind.NATIVE)
    assert (row.recipient, row.value_raw) == (USDT_TEXT if stated else None, 7)
    assert bool(row.marks) is (stated is None)


def test_addresses_may_be_written_either_way():
    tx = transfer()
    tx["raw_data"]["contract"][0]["parameter"]["value"] |= {
        "owner_address": OWNER_TEXT,
        "to_address": OTHER_TEXT,
    }
    assert read(page(tx)) == read(page(transfer()))


# --- inside contracts -------------------------------------------------------------------------------


def inner(**more: Any) -> dict[str, Any]:
    """Return a movement inside a contract in the form of TronGrid's lists."""
    return {
        "internal_tx_id": HASH,
        "tx_id": USDT_TXID,
        "from_address": USDT,
        "to_address": OWNER,
        "block_timestamp": 1738601505000,
        "data": {"note": "call", "rejected": False, "call_value": {"_": 405_000_000}},
    } | more


def test_a_movement_inside_a_contract_has_its_hash_as_place():
    listing, row = read(page(inner()), INTERNAL)
    assert (listing.which, listing.txids, listing.complete) == ("internal", (USDT_TXID,), True)
    assert (row.kind, row.sender, row.recipient) == (TransferKind.INTERNAL, USDT_TEXT, OWNER_TEXT)
    assert (row.value_raw, row.place, row.ok, row.time) == (405_000_000, f"trace:{HASH}", True, 1738601505)


def test_the_form_of_nodes_states_the_same_movement():
    form = {
        "hash": HASH,
        "caller_address": USDT,
        "transferTo_address": OWNER,
        "callValueInfo": [{"callValue": 5}, {"callValue": 9, "tokenId": "1002000"}],
        "note": "63616c6c",
    }
    stated = read(page(call(b"\x01", internal_transactions=[form])))
    row, asset = moved(stated, TransferKind.INTERNAL, TransferKind.TOKEN)
    assert (row.value_raw, row.ok, row.height) == (5, True, 69316562)
    assert (asset.contract, asset.value_raw, asset.place) == ("trc10:1002000", 9, f"trace:{HASH}")


def test_a_movement_listed_twice_counts_once():
    tx = call(b"\x01", internal_transactions=[inner()])
    stated = read(page(tx, inner(tx_id=tx["txID"], blockNumber=tx["blockNumber"])))
    assert len(moved(stated, TransferKind.INTERNAL)) == 1
    assert len(stated[0].txids) == 1


def test_what_was_rejected_did_not_move():
    _, row = read(page(inner(data={"rejected": True, "call_value": {"_": 5}})), INTERNAL)
    assert (row.ok, row.value_raw, row.stated_raw) == (False, 0, 5)


def test_a_rejection_that_is_not_stated_is_unknown():
    assert read(page(inner(data={"call_value": {"_": 5}})), INTERNAL)[1].ok is None


def test_a_call_without_coins_is_marked():
    assert read(page(inner(data={"rejected": False})), INTERNAL)[1].marks == ("zero-value",)


def test_staking_by_a_contract_is_no_payment():
    note = b"freezeForEnergy".hex()
    _, row = read(page(inner(data={"note": note, "rejected": False, "call_value": {"_": 5}})), INTERNAL)
    assert row.value_raw == 0
    assert "partial: freezeForEnergy by a contract is not read" in row.marks


# --- tokens -----------------------------------------------------------------------------------------


def event(detail: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a row of TRC-20 movements: 41.677389 USDT."""
    tx = call(pay(OTHER, 41_677_389), fee=26_420_100, energy_fee=26_420_100) if detail is None else detail
    return {
        "transaction_id": tx["txID"],
        "token_info": {"symbol": "USDT", "address": USDT_TEXT, "decimals": 6, "name": "Tether USD"},
        "block_timestamp": 1738601505000,
        "from": OWNER_TEXT,
        "to": OTHER_TEXT,
        "detail": tx,
        "type": "Transfer",
        "value": "41677389",
    } | more


def test_a_token_movement_that_the_bytes_ask_for_is_proved():
    stated = read(page(event()), TOKEN)
    row = only(stated, TransferKind.TOKEN)
    assert (row.contract, row.sender, row.recipient) == (USDT_TEXT, OWNER_TEXT, OTHER_TEXT)
    assert (row.value_raw, row.level, row.place, row.height) == (41_677_389, 2, "", 69316562)
    assert stated[-1] == TokenRecord("tron", USDT_TEXT, "USDT", "Tether USD", 6)
    assert only(stated, TransferKind.FEE).value_raw == 26_420_100


def test_both_lists_state_a_call_alike():
    row = event()
    assert set(moved(read(page(row["detail"])))) < set(moved(read(page(row), TOKEN)))


@pytest.mark.parametrize(
    "more",
    [
        {"value": "41677388"},  # a token that keeps a part for itself
        {"to": USDT_TEXT},
        {"token_info": {"address": OTHER_TEXT}},
        {"detail": None},
    ],
)
def test_a_token_movement_that_the_bytes_do_not_ask_for_is_hearsay(more):
    row = only(read(page(event() | more), TOKEN), TransferKind.TOKEN)
    assert row.level == 0


def test_a_token_that_is_not_registered_is_the_contract_that_was_called():
    stated = read(page(event(token_info={"symbol": "X"})), TOKEN)
    assert only(stated, TransferKind.TOKEN).contract == USDT_TEXT
    assert stated[-1] == TokenRecord("tron", USDT_TEXT, "X", "", None)


def test_a_token_that_nobody_names_is_left_out_and_told():
    listing, *stated = read(page(event(token_info={}, value="1")), TOKEN)
    assert stated == []  # so that the crawler asks for the transaction itself, whose log names the token
    assert not listing.complete
    assert "not read: a token movement without its contract (" in listing.reason
    assert len(listing.txids) == 1


def test_an_approval_is_no_payment():
    listing, *stated = read(page(event(type="Approval")), TOKEN)
    assert listing.complete
    assert moved(stated, TransferKind.TOKEN) == []


def test_two_equal_movements_of_one_transaction_are_two_and_its_fee_is_one():
    stated = read(page(event(), event()), TOKEN)
    assert len(moved(stated, TransferKind.TOKEN)) == 2
    assert len(moved(stated, TransferKind.FEE)) == len(moved(stated, TransferKind.NATIVE)) == 1


def test_tokens_from_nobody_are_made_and_to_nobody_burnt():
    zero = address_text(bytes(20))
    assert (
        only(read(page(event(**{"from": zero, "to": OWNER_TEXT})), TOKEN), TransferKind.TOKEN).sender is None
    )
    assert only(read(page(event(to=zero)), TOKEN), TransferKind.TOKEN).recipient is None


def test_amounts_of_31_digits_are_exact():
    value = 1234567890123456789012345678901
    row = only(read(page(event(call(pay(OTHER, value)), value=str(value))), TOKEN), TransferKind.TOKEN)
    assert (row.value_raw, row.level) == (value, 2)


# --- what came of a transaction ---------------------------------------------------------------------


def outcome(**more: Any) -> dict[str, Any]:
    """Return what a node says came of the USDT payment."""
    log = {
        "address": USDT[2:],
        "topics": [
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            OWNER[2:].rjust(64, "0"),
            OTHER[2:].rjust(64, "0"),
        ],
        "data": f"{41_677_389:064x}",
    }
    return {
        "id": USDT_TXID,
        "fee": 26_420_100,
        "blockNumber": 69316562,
        "blockTimeStamp": 1738601505000,
        "contractResult": ["0" * 64],
        "contract_address": USDT,
        "receipt": {"energy_usage": 4475, "energy_fee": 26_420_100, "net_usage": 345, "result": "SUCCESS"},
        "log": [log],
    } | more


OUTCOME = SOURCE.tx_paths([USDT_TXID])[1]


def test_a_log_names_the_token_the_place_and_the_block():
    place, row = read(outcome(), OUTCOME)
    assert place == TxOutline("tron", USDT_TXID, is_placed=True, height=69316562, time=1738601505)
    assert (row.contract, row.sender, row.recipient, row.value_raw) == (
        USDT_TEXT,
        OWNER_TEXT,
        OTHER_TEXT,
        41_677_389,
    )
    assert (row.place, row.height, row.time, row.ok, row.level) == ("log:0", 69316562, 1738601505, True, 0)


def test_other_logs_are_passed_over_but_counted():
    other = {"address": USDT[2:], "topics": ["00" * 32], "data": ""}
    bare = {"address": USDT[2:]}
    assert read(outcome(log=[other, bare, *outcome()["log"]]), OUTCOME)[1].place == "log:2"


def test_a_token_of_its_kind_has_its_number_in_the_log():
    log = copy.deepcopy(outcome()["log"][0])
    log["topics"].append(f"{77:064x}")
    log["data"] = ""
    _, row = read(outcome(log=[log]), OUTCOME)
    assert (row.value_raw, row.token_id) == (1, 77)


def test_a_failed_outcome_moves_nothing():
    inside = {
        "hash": HASH,
        "caller_address": USDT,
        "transferTo_address": OWNER,
        "callValueInfo": [{"callValue": 5}],
    }
    failed = outcome(result="FAILED", internal_transactions=[inside | {"rejected": True}])
    assert {(row.ok, row.value_raw) for row in moved(read(failed, OUTCOME))} == {(False, 0)}


def test_a_transfer_outcome_has_a_block_only():
    bare = {"id": USDT_TXID, "blockNumber": 7, "blockTimeStamp": 3000, "receipt": {"net_usage": 265}}
    assert read(bare, OUTCOME) == (TxOutline("tron", USDT_TXID, is_placed=True, height=7, time=3),)


def test_the_newest_block_is_the_tip():
    assert read({"blockID": "00", "block_header": {"raw_data": {"number": 7}}}, "/wallet/getnowblock") == (
        Tip("tron", 7),
    )


# --- pages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "which"), [(NATIVE, "native"), (TOKEN, "token"), (INTERNAL, "internal")])
def test_an_empty_page_is_a_complete_history_of_nothing(path, which):
    assert read(page(), path) == (Listing("tron", OWNER_TEXT, "", (), True, which=which),)


def test_a_fingerprint_leads_to_the_next_page():
    listing = read(page(transfer(), fingerprint="Ab/c+1="))[0]
    assert (listing.complete, listing.next, listing.reason) == (False, "Ab/c+1=", "a next page follows")
    path = SOURCE.history_path(OWNER_TEXT, listing.next)
    assert path == NATIVE + "&fingerprint=Ab%2Fc%2B1%3D"
    assert read(page(), path)[0] == Listing("tron", OWNER_TEXT, "Ab/c+1=", (), True, which="native")


def test_a_page_that_leads_to_itself_is_refused():
    with pytest.raises(ProofFailed, match="leads to itself"):
        read(page(fingerprint="abc"), NATIVE + "&fingerprint=abc")


def test_a_page_without_an_end_is_not_the_end():
    listing, *_ = read({"data": [transfer()]})
    assert (listing.complete, listing.next) == (False, "")
    assert listing.reason == "the reply does not say whether more rows follow"


def test_a_page_of_another_size_than_it_says_is_refused():
    with pytest.raises(ProofFailed, match="says it has 2 rows, and has 1"):
        read(page(transfer(), meta={"page_size": 2}))


def test_a_transaction_listed_twice_is_refused():
    with pytest.raises(ProofFailed, match=r"lists [0-9a-f]{64} again"):
        read(page(transfer(), transfer()))


def test_a_transaction_in_two_versions_is_refused():
    with pytest.raises(ProofFailed, match="in two ways"):
        read(page(event(), event(event()["detail"] | {"blockNumber": 1})), TOKEN)


THIRD = "41" + "77" * 20


@pytest.mark.parametrize(
    ("path", "row"),
    [
        (NATIVE, transfer(owner=OTHER, recipient=THIRD)),
        (TOKEN, event(call(pay(OTHER, 1), owner=OTHER), **{"from": OTHER_TEXT})),
        (INTERNAL, inner(to_address=OTHER)),
    ],
)
def test_a_row_that_does_not_touch_the_address_is_refused(path, row):
    with pytest.raises(ProofFailed, match="which does not touch it"):
        read(page(row), path)


# --- refused ----------------------------------------------------------------------------------------


def test_another_transaction_than_asked_for_is_refused():
    with pytest.raises(ProofFailed, match="is another transaction"):
        read(transfer(), SOURCE.tx_paths([USDT_TXID])[0])
    with pytest.raises(ProofFailed, match="is another transaction"):
        read(outcome(id=HASH), OUTCOME)


@pytest.mark.parametrize(
    ("steps", "value", "told"),
    [
        (["raw_data_hex"], "0a", "cut off"),
        (["txID"], HASH, "hashes to"),
        (["raw_data", "expiration"], 1, "expiration is 1, but the signed bytes say 1738602162000"),
        (["raw_data", "ref_block_hash"], "00", "ref_block_hash"),
        (["raw_data", "contract", 0, "type"], "TransferAssetContract", "type is"),
        (
            ["raw_data", "contract", 0, "parameter", "value", "amount"],
            5,
            "amount is 5, but the signed bytes say 150466320",
        ),
        (["raw_data", "contract", 0, "parameter", "value", "amount"], True, "amount is True"),
        (["raw_data", "contract", 0, "parameter", "value", "to_address"], OWNER, "to_address is 416e"),
        (["raw_data", "contract", 0, "parameter", "value", "owner_address"], OTHER, "owner_address is 41ec"),
        (["raw_data", "contract"], [], "has one contract, not 0"),
        (["blockNumber"], -1, "blockNumber is -1"),
        (["block_timestamp"], 10**14, "block_timestamp is 1"),
        (["ret", 0, "fee"], -1, "fee is -1"),
        (["ret", 0, "contractRet"], 1, "contractRet is 1"),
    ],
)
def test_json_that_differs_from_the_signed_bytes_is_refused(steps, value, told):
    with pytest.raises((ProofFailed, SchemaMismatch), match=told):
        read(page(put(transfer(), steps, value)))


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**60), 10**60), st.text(max_size=50), st.just([]), st.just({})
)
HEARSAY = ("ret", "net_fee", "energy_fee", "blockNumber", "block_timestamp", "internal_transactions")


@settings(max_examples=300)
@given(st.data())
def test_a_field_changed_into_anything_is_refused_or_does_not_matter(data):
    value = page(transfer())
    row = [
        leaf for leaf in leaves(value) if leaf[:2] == ("data", 0) and len(leaf) > 2 and leaf[2] not in HEARSAY
    ]
    path = data.draw(st.sampled_from(row))
    try:
        stated = read(put(value, path, data.draw(JUNK)))
    except SourceError:
        return
    assert stated == read(page(transfer()))


@settings(max_examples=300)
@given(st.sampled_from(["native", "token", "internal", "outcome"]), st.data())
def test_any_change_is_refused_with_a_typed_error_or_read(form, data):
    value, path = {
        "native": (page(call(b"\x01", internal_transactions=[inner()])), NATIVE),
        "token": (page(event()), TOKEN),
        "internal": (page(inner()), INTERNAL),
        "outcome": (outcome(internal_transactions=[inner()]), OUTCOME),
    }[form]
    steps = data.draw(st.sampled_from([leaf for leaf in leaves(value) if leaf]))
    try:
        stated = read(put(value, steps, data.draw(JUNK)), path)
    except SourceError:
        return
    assert all(row.value_raw in (0, row.stated_raw) for row in moved(stated))


@given(st.sampled_from([NATIVE, TOKEN, INTERNAL, OUTCOME, "/wallet/getnowblock"]), st.binary(max_size=80))
def test_noise_is_never_a_fact(path, noise):
    with pytest.raises(SourceError):
        facts("tron", path, 200, noise)


@pytest.mark.parametrize("body", [b"<html>", b'{"data": [', b'{"data": {}}', b"[]", b'{"data": [NaN]}', b""])
def test_what_is_no_page_is_refused(body):
    with pytest.raises(BadResponse):
        facts("tron", NATIVE, 200, body)


@pytest.mark.parametrize("status", [403, 429, 503])
def test_too_much_is_never_an_answer(status):
    with pytest.raises(RateLimited, match="asked too much"):
        facts("tron", NATIVE, status, b"<html>slow down</html>")


@pytest.mark.parametrize(
    "body",
    [
        {"Error": "class java.lang.IllegalAccessException : lack of computing resources"},
        {"Success": False, "Error": "The key exceeds the frequency limit(15), suspended for 30 s"},
    ],
)
def test_a_limit_inside_a_200_is_a_limit(body):
    with pytest.raises(RateLimited):
        read(body, OUTCOME)


@pytest.mark.parametrize(
    "body",
    [
        {"Error": "class org.bouncycastle.util.encoders.DecoderException : exception decoding Hex string"},
        {"success": False, "error": "An invalid address"},
        {"success": False},
        {"success": 1, "data": []},
    ],
)
def test_an_error_inside_a_200_is_an_error(body):
    with pytest.raises(BadResponse, match="is an error"):
        read(body)


@pytest.mark.parametrize("path", SOURCE.tx_paths([USDT_TXID]))
def test_an_empty_object_is_not_found(path):
    with pytest.raises(NotFound):
        read({}, path)


def test_other_statuses_are_refused():
    with pytest.raises(NotFound):
        read({}, status=404)
    with pytest.raises(BadResponse, match="status 400"):
        read({"success": False, "error": "Invalid fingerprint"}, status=400)


@pytest.mark.parametrize(
    "path", ["/", "/wallet/getnowblock?x=1", "/v1/accounts/T1/transactions", NATIVE + "&limit=5"]
)
def test_a_path_of_another_family_is_bad_input(path):
    with pytest.raises(BadInput, match="not a path of the TronGrid family"):
        facts("tron", path, 200, b"{}")


# --- recorded ---------------------------------------------------------------------------------------


def test_the_recorded_page_proves_its_movements(shared):
    body = (shared / "explorers" / "trongrid" / "accounts-transactions-trc20-get_detail.json").read_bytes()
    listing, *stated = facts("tron", TOKEN, 200, body)
    rows = moved(stated, TransferKind.TOKEN)
    assert [row.level for row in rows] == [2, 2, 2]  # one of them is padded with 00, two with 41
    assert [row.value_raw for row in rows] == [41_677_389, 41_499_389, 13_409_316_000_000_000_000]
    assert {row.txid for row in rows} == set(listing.txids)
    assert sum(row.value_raw for row in moved(stated, TransferKind.FEE)) == 26_420_100
    assert not listing.complete


def test_no_recorded_error_body_is_taken_for_an_answer(shared):
    rows = json.loads((shared / "explorers" / "error_bodies.json").read_text())["rows"]
    for row in rows:
        for path in (NATIVE, TOKEN, INTERNAL, OUTCOME, "/wallet/getnowblock"):
            with pytest.raises(SourceError):
                facts("tron", path, row["http"], row["body"].encode())


# --- asking -----------------------------------------------------------------------------------------


def test_trongrid_is_a_source():
    source = open_source("trongrid", chain="tron")
    assert isinstance(source, Source)
    assert (source.name, source.host, source.chain) == (
        "trongrid:https://api.trongrid.io",
        "api.trongrid.io",
        "tron",
    )
    assert source.lists == ("native", "token", "internal")
    assert source.address_path(OWNER_TEXT) is None
    assert source.outspends_path([USDT_TXID]) is None


def test_an_address_in_hex_is_asked_as_text():
    assert SOURCE.history_path(OWNER) == NATIVE
    assert SOURCE.subject_of(TOKEN) == OWNER_TEXT
    assert SOURCE.subject_of(OUTCOME) == USDT_TXID
    assert SOURCE.subject_of(SOURCE.tip_path()) == ""


@pytest.mark.parametrize(
    "address", ["0x" + "00" * 20, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", OWNER_TEXT[:-1] + "f"]
)
def test_an_address_of_another_chain_is_not_asked_for(address):
    with pytest.raises(AddressInvalid):
        SOURCE.history_path(address)


def test_questions_that_are_none_are_refused():
    with pytest.raises(BadInput, match="no list 'nft'"):
        SOURCE.history_path(OWNER_TEXT, which="nft")
    with pytest.raises(BadInput, match="not a txid"):
        SOURCE.tx_paths(["0x" + USDT_TXID])


def test_the_key_is_sent_and_never_shown(server):
    server.answers[NATIVE] = [text(json.dumps(page(transfer())))]
    source = TronGrid(server.url, headers={"TRON-PRO-API-KEY": "0c1ab2f4-secret"})
    reply = source.ask(NATIVE)
    source.close()
    assert server.asked[0].headers["TRON-PRO-API-KEY"] == "0c1ab2f4-secret"
    assert "secret" not in f"{source!r}{source.name}{reply.url}{reply.path}"
    assert source.facts(reply.path, reply.status, reply.body)[0].complete


@pytest.mark.parametrize(
    "answer", [text("{}", 403), text('{"Error": "lack of computing resources"}'), text("<html>", 403)]
)
def test_a_server_that_has_enough_gives_no_reply_to_keep(server, answer):
    server.answers[NATIVE] = [answer]
    source = TronGrid(server.url)
    with pytest.raises(RateLimited) as caught:
        source.ask(NATIVE)
    source.close()
    assert "wait half a minute" in caught.value.hint
