"""What the readers of UTXO explorers share: names of scripts, bytes, sums, and the end of a list."""

from __future__ import annotations

import pytest
from esplora_form import FIRST_TXID, RANSOM_RAW, RANSOM_TXID
from hypothesis import given
from hypothesis import strategies as st

from chainflow.addresses import decode, derive
from chainflow.errors import BadResponse, ProofFailed
from chainflow.model import Outpoint, SpendRecord
from chainflow.sources.strict import Field
from chainflow.sources.utxo import (
    check_name,
    check_spends,
    names_of,
    offset_page,
    record_of,
    touches,
    transaction_of,
)

KEYS = [
    bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
    bytes.fromhex("0411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f8"
                  "2e160bfa9b8b64f9d4c03f999b8643f656b412a3"),
]  # fmt: skip
MULTISIG = b"\x51" + b"".join(bytes((len(key),)) + key for key in KEYS) + b"\x52\xae"
ADDRESS = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"


@pytest.mark.parametrize("chain", ["btc", "ltc", "doge", "dash", "bch", "zec"])
def test_bare_keys_may_be_shown_under_the_addresses_of_their_keys(chain):
    own = [decode(derive(key, "p2pkh", chain), chain=chain).script for key in KEYS]
    assert names_of(MULTISIG.hex(), chain) == {MULTISIG, *own}
    bare = bytes((len(KEYS[1]),)) + KEYS[1] + b"\xac"
    assert names_of(bare.hex(), chain) == {bare, own[1]}
    assert touches([bare.hex()], own[1], chain)
    assert not touches([bare.hex()], own[0], chain)


def test_another_chains_address_beside_a_script_is_refused():
    script = decode(ADDRESS).script.hex()
    for text in (ADDRESS, "d-5555", "OP_RETURN"):
        check_name(Field(text, "row"), script, "btc")
    with pytest.raises(ProofFailed, match="but the script's address is LPXC"):
        check_name(Field(ADDRESS, "row"), script, "ltc")


def test_bytes_are_read_only_if_they_are_the_transaction_asked_for():
    built = transaction_of(RANSOM_RAW.hex(), RANSOM_TXID, what="A")
    assert record_of("btc", built, what="A").raw == RANSOM_RAW
    for text in (RANSOM_RAW.hex()[:-2], "zz", ""):
        with pytest.raises(BadResponse, match=f"A gives no bytes of {RANSOM_TXID}"):
            transaction_of(text, RANSOM_TXID, what="A")
    with pytest.raises(ProofFailed, match="its content was altered"):
        transaction_of(RANSOM_RAW.hex(), FIRST_TXID, what="A")


def test_more_coins_than_there_can_be_are_refused():
    rich = RANSOM_RAW.replace((7_500_034_246).to_bytes(8, "little"), (2**60).to_bytes(8, "little"))
    raw = rich.hex()
    with pytest.raises(ProofFailed, match="hashes to") as caught:
        transaction_of(raw, RANSOM_TXID, what="A")
    txid = caught.value.message.split("hashes to ")[1][:64]
    with pytest.raises(ProofFailed, match="pays more than all coins of btc"):
        record_of("btc", transaction_of(raw, txid, what="A"), what="A")


def test_one_input_spends_one_output():
    spends = [SpendRecord("btc", Outpoint(RANSOM_TXID, vout), FIRST_TXID, 0) for vout in (0, 1)]
    check_spends("A", spends[:1] * 2)
    with pytest.raises(ProofFailed, match="cannot be spent by input 0"):
        check_spends("A", spends)


@given(total=st.integers(0, 40), size=st.integers(1, 9), claimed_more=st.integers(0, 3))
def test_paging_ends_complete_exactly_if_all_that_is_claimed_came(total, size, claimed_more):
    txids = [f"{n:064x}" for n in range(total)]
    got: list[str] = []
    after = ""
    for _ in range(total + 2):
        offset = int(after or 0)
        page = offset_page(
            "btc",
            ADDRESS,
            after,
            txids[offset : offset + size],
            claimed=total + claimed_more,
            what="A",
        )
        got += page.txids
        after = page.next
        if not after:
            break
    assert got == txids
    assert page.complete is (claimed_more == 0)
    assert bool(page.reason) is not page.complete
