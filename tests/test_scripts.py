"""The type of a pubkey script, by its template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.addresses import address_of, script_of
from chainflow.scripts import script_type

KEY = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
SCRIPTS = {
    "": "empty",
    "6a": "op_return",
    "6a0468656c6c": "op_return",
    "51": "unknown",
    "00": "unknown",
    "ac": "unknown",
    "ae": "unknown",
    "00ac": "unknown",
    "5101ff": "unknown",  # a program of one byte is too short
    "510200ff": "witness_unknown",
    "51024e73": "anchor",
    "52024e73": "witness_unknown",
    "0010" + "aa" * 16: "unknown",
    "0014" + "aa" * 20: "p2wpkh",
    "0020" + "aa" * 32: "p2wsh",
    "5120" + "aa" * 32: "p2tr",
    "5220" + "aa" * 32: "witness_unknown",
    "5129" + "aa" * 41: "unknown",
    "76a914" + "aa" * 20 + "88ac": "p2pkh",
    "76a914" + "aa" * 20 + "88ad": "unknown",
    "a914" + "aa" * 20 + "87": "p2sh",
    "21" + KEY + "ac": "p2pk",
    "20" + KEY + "ac": "unknown",
    "2105" + "aa" * 32 + "ac": "unknown",
    "4104" + "aa" * 64 + "ac": "p2pk",
    "51" + ("21" + KEY) * 2 + "52ae": "multisig",
    "53" + ("21" + KEY) * 2 + "52ae": "unknown",
    "51" + ("21" + KEY) * 2 + "53ae": "unknown",
    "51" + ("21" + KEY) * 2 + "ae": "unknown",
    "515121" + KEY + "51ae": "unknown",
    "50" + ("21" + KEY) * 2 + "52ae": "unknown",  # none of two
    "5121" + KEY + "2102" + "aa" * 30 + "52ae": "unknown",  # the second key would reach over the end
    "5121" + KEY[:-4] + "51ae": "witness_unknown",  # version 1 with a program of 33 bytes
    "5151ae": "unknown",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_type_follows_the_template(script: str) -> None:
    raw = bytes.fromhex(script)
    kind = SCRIPTS[script]
    assert script_type(raw) == kind
    has_address = kind.startswith(("p2wpkh", "p2wsh", "p2tr", "p2pkh", "p2sh", "anchor", "witness"))
    assert (address_of(raw) is not None) == has_address


@given(st.binary(max_size=80))
def test_any_script_has_a_type_and_perhaps_an_address(script: bytes) -> None:
    kinds = {*SCRIPTS.values()}
    assert script_type(script) in kinds
    address = address_of(script)
    assert address is None or script_of(address) == script
