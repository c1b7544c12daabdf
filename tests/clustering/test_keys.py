"""Exact links: one key or one script spelled in several ways, and multisigs that share a key."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from hashlib import sha256

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainflow import samples, schema
from chainflow.addresses import address_of, hash160, script_of
from chainflow.clustering import cluster
from chainflow.clustering.keys import SameKey, SharedMultisigKey, WrappedScript
from chainflow.clustering.revealed import Shown, forms_of_key, forms_of_script, opened, serialisations
from chainflow.clustering.rules import Kind, described, rule_of
from chainflow.formats.blocks import block_facts
from chainflow.ledger.store import record_of
from chainflow.model import OutputRecord, TxRecord
from chainflow.scripts import make_script, script_type
from chainflow.wire import Transaction, TxInput, TxOutput, parse_block
from tests.clustering.truth import ledger_of, litecoin

FEW = settings(max_examples=60, deadline=None)
P = 2**256 - 2**32 - 977
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
SIG = b"\x30" + b"s" * 70


def plus(one, two):
    """Return the sum of two points of secp256k1, by school algebra."""
    (x1, y1), (x2, y2) = one, two
    slope = 3 * x1 * x1 * pow(2 * y1, -1, P) if one == two else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def key_of(secret: int) -> tuple[bytes, bytes]:
    """Return the compressed and the uncompressed public key of a (small) private key."""
    total, double = None, G
    while secret:
        if secret & 1:
            total = double if total is None else plus(total, double)
        double, secret = plus(double, double), secret >> 1
    x, y = (number.to_bytes(32) for number in total)
    return bytes((2 + (y[-1] & 1),)) + x, b"\x04" + x + y


def push(*items: bytes) -> bytes:
    return b"".join(
        bytes((len(item),)) + item if len(item) < 76 else b"\x4c" + bytes((len(item),)) + item
        for item in items
    )


def multisig(needed: int, *keys: bytes) -> bytes:
    return bytes((0x50 + needed,)) + push(*keys) + bytes((0x50 + len(keys), 0xAE))


def pay(
    *scripts: bytes, spends: Sequence[tuple[bytes | None, bytes, Sequence[bytes]]] = (), number: int = 1
) -> TxRecord:
    """Return a transaction that pays to `scripts` and spends (script or None, scriptsig, witness)."""
    spends = spends or [(make_script("p2tr", bytes(32)), b"", (SIG,))]
    inputs = tuple(
        TxInput(f"{number:032x}{vin:032x}", vin, scriptsig, 0, tuple(witness))
        for vin, (_, scriptsig, witness) in enumerate(spends)
    )
    outputs = tuple(TxOutput(1_000 + n, script) for n, script in enumerate(scripts))
    prevouts = [None if script is None else OutputRecord(2_000, script.hex()) for script, _, _ in spends]
    place = (number, f"{number:064x}", 1_700_000_000, 1)
    return record_of(Transaction(2, inputs, outputs).serialize(), prevouts, chain="btc", block=place)


def label(script: bytes) -> str:
    return address_of(script, "btc") or f"script:{script.hex()}"


def said(rule, *records: TxRecord) -> list[tuple[str, str, str]]:
    table = rule.links(ledger_of(records))
    assert table.schema.equals(schema.LINKS)
    assert set(table["rule"].to_pylist()) <= {rule.name}
    return [(row["a"], row["b"], row["txid"]) for row in table.to_pylist()]


SHOP = make_script("p2wpkh", b"shop" * 5)
BOTH = key_of(1)
PKH, WPKH, SH = (make_script(kind, hash160(BOTH[0])) for kind in ("p2pkh", "p2wpkh", "p2sh"))
NESTED = make_script("p2sh", hash160(WPKH))


# --- keys ------------------------------------------------------------------------------------------


def test_the_forms_of_private_key_1_are_its_published_addresses():
    compressed, uncompressed, _ = serialisations(BOTH[0])
    assert (compressed, uncompressed) == BOTH
    assert [address_of(form) for form in forms_of_key(compressed)[1:]] == [
        "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",  # BIP173
        "3JvL6Ymt8MVWiCNHC7oWU6nLeHNJKLZGLN",
    ]
    assert address_of(forms_of_key(uncompressed)[1]) == "1EHNa6Q4Jz2uvNExL497mE43ikXhwF6kZm"


def test_a_key_given_by_a_spend_joins_its_forms_and_the_link_names_that_spend():
    paid = pay(PKH, WPKH, NESTED, SHOP)
    spent = pay(SHOP, spends=[(PKH, push(SIG, BOTH[0]), ())], number=2)
    statement = [(label(PKH), label(other), spent.txid) for other in (WPKH, NESTED)]
    # the hash stands in the payment already, the key itself is first shown by the spend
    assert said(SameKey(), paid, spent) == statement
    assert said(SameKey(), paid) == [(a, b, paid.txid) for a, b, _ in statement]


def test_a_veto_does_not_touch_the_links_of_a_key():
    spent = pay(SHOP, NESTED, spends=[(PKH, push(SIG, BOTH[0]), ()), (SHOP, b"", (SIG,))])
    owners = cluster(ledger_of([spent]), ["multi-input", "same-key"], veto=[spent.txid])
    assert owners.members(label(PKH)) == tuple(sorted([label(PKH), label(NESTED)]))


def test_the_compressed_and_the_uncompressed_form_are_one_key():
    old = make_script("p2pkh", hash160(BOTH[1]))
    spent = pay(old, spends=[(WPKH, b"", (SIG, BOTH[0]))], number=2)
    assert said(SameKey(), spent) == [(label(old), label(WPKH), spent.txid)]


def test_a_segwit_form_of_an_uncompressed_key_counts_only_where_the_key_is_shown_so():
    segwit = make_script("p2wpkh", hash160(BOTH[1]))
    spends = [(WPKH, b"", (SIG, BOTH[0]))]
    assert said(SameKey(), pay(segwit, SHOP, spends=spends)) == []
    # the compressed form counts however the key is written
    wide = [(make_script("p2pkh", hash160(BOTH[1])), push(SIG, BOTH[1]), ())]
    assert len(said(SameKey(), pay(WPKH, spends=wide))) == 1
    seen = pay(segwit, push(BOTH[1]) + b"\xac", spends=spends)
    assert {label(segwit), label(WPKH)} <= {end for link in said(SameKey(), seen) for end in link[:2]}


def test_no_square_root_is_taken_where_no_other_way_to_write_a_key_can_be_paid(monkeypatch):
    roots = []
    monkeypatch.setattr("chainflow.clustering.keys.serialisations", lambda key: roots.append(key) or ())
    spent = pay(SHOP, spends=[(WPKH, b"", (SIG, BOTH[0])), (PKH, push(SIG, BOTH[0]), ())][:1])
    assert (said(SameKey(), spent), roots) == ([], [])
    paid = pay(make_script("p2pkh", bytes(20)), spends=[(WPKH, b"", (SIG, BOTH[0]))], number=2)
    assert (said(SameKey(), paid), roots) == ([], [BOTH[0]])


def test_the_keys_of_a_ledger_are_read_once():
    held = ledger_of([pay(SHOP, spends=[(WPKH, b"", (SIG, BOTH[0]))])])
    assert Shown.of(held) is Shown.of(held)


def test_the_genesis_output_and_the_address_of_its_key_are_one_owner():
    key = bytes.fromhex(
        "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
        "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"
    )
    bare = push(key) + b"\xac"
    gift = pay(script_of("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), bare)
    assert {frozenset(link[:2]) for link in said(SameKey(), gift)} == {
        frozenset(("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", f"script:{bare.hex()}"))
    }


def test_a_key_of_a_multisig_joins_its_own_forms_and_not_the_multisig():
    bare = multisig(1, BOTH[1], key_of(2)[0])
    made = pay(bare, WPKH, PKH)
    assert [link[:2] for link in said(SameKey(), made)] == [(label(WPKH), label(PKH))]


@FEW
@given(
    secret=st.integers(1, 2**40),
    chosen=st.sets(st.integers(0, 11), min_size=2),
    shown=st.sampled_from([0, 1]),
)
def test_any_forms_of_one_key_are_one_statement(secret, chosen, shown):
    forms = [form for written in serialisations(key_of(secret)[0]) for form in forms_of_key(written)]
    # the last two of each four are segwit: of 65 bytes they count where the key is shown so
    picked = [forms[number] for number in sorted(chosen) if number % 4 < 2 or number // 4 in (0, shown)]
    assume(len(picked) > 1)
    key = key_of(secret)[shown]
    spent = pay(SHOP, *picked, spends=[(None, push(SIG, key), ())])
    found = said(SameKey(), spent)
    assert {txid for _, _, txid in found} == {spent.txid}
    assert [(a, b) for a, b, _ in found] == [(label(picked[0]), label(other)) for other in picked[1:]]


def test_a_key_that_does_not_hash_to_the_spent_script_is_not_taken():
    other = key_of(7)[0]
    forms = forms_of_key(other)[:1] + forms_of_key(key_of(7)[1])[1:2]
    for script, scriptsig, witness in (
        (PKH, push(SIG, other), ()),
        (WPKH, b"", (SIG, other)),
        (NESTED, push(WPKH), (SIG, other)),
        (NESTED, push(make_script("p2wpkh", hash160(other))), (SIG, other)),
    ):
        damaged = pay(
            SHOP, forms[1], make_script("p2pkh", hash160(other)), spends=[(script, scriptsig, witness)]
        )
        assert said(SameKey(), damaged) == []
        assert ("btc", other) not in Shown.of(ledger_of([damaged])).keys


@pytest.mark.parametrize(
    "scriptsig",
    [b"", b"\x4c", b"\x05abc", b"\x4d\xff", b"\x76\xa9", b"\x50", b"\x4e" + b"\xff" * 4, b"\x00\x51\x4f"],
)
@pytest.mark.parametrize("script", [PKH, WPKH, SH, NESTED, make_script("p2wsh", bytes(32)), b"", None])
def test_a_broken_scriptsig_shows_no_key(scriptsig, script):
    for witness in ((), (b"",), (b"", b"\x02"), (BOTH[0][:-1],)):
        scripts, key = opened(TxInput("0" * 64, 0, scriptsig, 0, witness), script)
        assert key == b""
        assert script is None or scripts == []


def test_damaged_bytes_of_a_transaction_show_nothing():
    spent = pay(PKH, NESTED, spends=[(make_script("p2tr", bytes(32)), push(BOTH[0]), ())])
    ledger = ledger_of([spent])
    short = pa.array([spent.raw[:-3]], pa.binary())
    at = schema.TXS.get_field_index("raw")
    broken = dataclasses.replace(ledger, txs=ledger.txs.set_column(at, schema.TXS.field(at), short))
    assert Shown.of(broken).keys == {}
    assert SameKey().links(broken).num_rows == 1  # the hash still stands in both outputs


def test_a_taproot_output_key_gives_nothing():
    key = BOTH[0]
    taproot = make_script("p2tr", key[1:])
    path = pay(taproot, WPKH, spends=[(taproot, b"", (SIG, push(key) + b"\xac", b"\xc0" + key[1:]))])
    assert said(SameKey(), path) == said(WrappedScript(), path) == []
    assert Shown.of(ledger_of([path])).keys == {}


def test_what_is_no_point_of_the_curve_is_no_key():
    nobody = b"\x02" + (5).to_bytes(32)  # 5³ + 7 has no square root
    assert serialisations(nobody) == serialisations(b"\x04" + bytes(64)) == serialisations(b"") == ()
    wrong_parity = bytes((6 + (BOTH[0][0] == 2),)) + BOTH[1][1:]
    assert serialisations(wrong_parity) == ()
    assert said(SameKey(), pay(multisig(1, nobody), forms_of_key(nobody)[0], SHOP)) == []


def test_a_key_shown_on_one_chain_says_nothing_of_another():
    here = pay(SHOP, spends=[(PKH, push(SIG, BOTH[0]), ())])
    there = dataclasses.replace(pay(make_script("p2pkh", hash160(BOTH[1])), SHOP, number=2), chain="ltc")
    assert said(SameKey(), here, there) == []


# --- scripts ---------------------------------------------------------------------------------------


def test_a_script_behind_two_hashes_is_followed_to_the_end():
    bare = multisig(2, key_of(1)[0], key_of(2)[0], key_of(3)[0])
    _, plain, native, nested = forms_of_script(bare)
    spent = pay(bare, plain, native, spends=[(nested, push(native), (b"", SIG, SIG, bare))])
    found = said(WrappedScript(), spent)
    assert {link[:2] for link in found} == {(label(bare), label(form)) for form in (plain, native, nested)}
    assert said(SameKey(), spent) == []


def test_a_hash_that_is_not_opened_is_not_guessed():
    bare = multisig(1, *BOTH)
    _, plain, native, nested = forms_of_script(bare)
    assert said(WrappedScript(), pay(plain, native)) == []
    assert said(WrappedScript(), pay(SHOP, plain, spends=[(native, b"", (b"", SIG, bare[:-1]))])) == []
    # a P2WSH that stands in the open opens its own P2SH
    both = pay(native, nested)
    assert said(WrappedScript(), both) == [(label(native), label(nested), both.txid)]


@FEW
@given(
    chosen=st.sets(st.integers(0, 3), min_size=2), how=st.sampled_from(["p2sh", "p2wsh", "nested", "bare"])
)
def test_any_forms_of_one_script_are_one_statement(chosen, how):
    bare = multisig(1, *BOTH)
    _, plain, native, nested = forms = forms_of_script(bare)
    spend = {
        "p2sh": (plain, push(b"", SIG, bare), ()),
        "p2wsh": (native, b"", (b"", SIG, bare)),
        "nested": (nested, push(native), (b"", SIG, bare)),
        "bare": (bare, push(b"", SIG), ()),
    }[how]
    made = pay(*(forms[number] for number in sorted(chosen)), spends=[spend])
    found = said(WrappedScript(), made)
    assert len({a for a, _, _ in found}) == 1
    assert {place for link in found for place in link[:2]} == {
        label(spend[0]),
        *(label(forms[number]) for number in chosen),
    }


# --- multisigs that share a key ----------------------------------------------------------------------


def test_a_multisig_paid_by_one_with_a_common_key_stays_with_its_keepers():
    before, after = multisig(2, key_of(1)[0], key_of(2)[0]), multisig(2, key_of(2)[1], key_of(3)[0])
    hidden = make_script("p2wsh", sha256(after).digest())
    move = pay(hidden, SHOP, spends=[(WPKH, b"", (SIG, BOTH[0])), (before, push(b"", SIG, SIG), ())])
    later = pay(SHOP, spends=[(hidden, b"", (b"", SIG, SIG, after))], number=2)
    assert said(SharedMultisigKey(), move, later) == [(label(before), label(hidden), move.txid)]
    assert said(SharedMultisigKey(), move) == []  # not opened: not known


def test_multisigs_without_a_common_key_and_single_keys_are_not_joined():
    before, after = multisig(1, key_of(1)[0]), multisig(1, key_of(2)[0])
    filler = b"\x02" + (5).to_bytes(32)
    spends = [(multisig(1, key_of(1)[0], filler), push(b"", SIG), ()), (before, push(b"", SIG), ())]
    assert said(SharedMultisigKey(), pay(after, WPKH, multisig(1, key_of(3)[0], filler), spends=spends)) == []


# --- real transactions -------------------------------------------------------------------------------


def test_every_p2pkh_input_of_block_300025_shows_the_key_that_its_script_names(shared):
    folder = shared / "blocks"
    raw, undo = (folder / "block300025.raw").read_bytes(), (folder / "block300025-undo.raw").read_bytes()
    _, *records = block_facts("btc", raw, 300_025, undo=undo)
    kinds, keys = [], []
    for record, made in zip(records[1:], parse_block(raw).transactions[1:], strict=True):
        for stated, entry in zip(record.inputs, made.inputs, strict=True):
            script = bytes.fromhex(stated.prevout.script)
            kinds.append(script_type(script))
            keys.append(opened(entry, script)[1])
    assert [kind for kind, key in zip(kinds, keys, strict=True) if key] == ["p2pkh"] * kinds.count("p2pkh")
    ledger = ledger_of(records)
    assert SameKey().links(ledger).num_rows == WrappedScript().links(ledger).num_rows == 0
    (link,) = SharedMultisigKey().links(ledger).to_pylist()
    assert link["txid"] == "5ceec2d8ee90cb4b956870fac6055bead9333570f656ec3014307031de518cec"
    shared_key = "02f884647516015a0f5861633406a0c8b2ef2d8967aa61a97a5fc2b14bf0ce23ba"
    assert link["a"].endswith(f"21{shared_key}53ae")
    assert link["b"].endswith(f"21{shared_key}53ae")


def test_recorded_wallets_show_their_keys_and_none_uses_one_in_two_forms(shared):
    ledger, owners = litecoin(shared / "nodes" / "litecoind_regtest")
    shown = Shown.of(ledger)
    assert len({serialisations(key)[0] for _, key in shown.keys}) == 534
    forms = {form for _, key in shown.keys for form in forms_of_key(key)}
    found = {ledger.index.labels[number] for (_, script), number in shown.numbers.items() if script in forms}
    assert len(found) == 534
    assert len(found & set(owners)) > 400
    for rule in (SameKey(), WrappedScript(), SharedMultisigKey()):
        assert rule.links(ledger).num_rows == 0
        assert rule.links(samples.load("colonial")).num_rows == 0


def test_the_rules_of_keys_are_found_by_name_and_say_when_they_are_wrong():
    for rule, kind in (
        (SameKey, Kind.EXACT),
        (WrappedScript, Kind.EXACT),
        (SharedMultisigKey, Kind.CO_SPEND),
    ):
        assert rule_of(described(rule())) == rule()
        assert (rule.about.kind, bool(rule.about.wrong_when)) == (kind, True)
