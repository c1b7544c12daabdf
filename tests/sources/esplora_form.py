"""Transactions in the form in which Esplora serves them, made from their bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chainflow.addresses import address_of
from chainflow.wire import Transaction, parse_transaction

CONFIRMED = {
    "confirmed": True,
    "block_height": 682603,
    "block_hash": "0000000000000000000bafc96be918239f5972d6af7fa8a842ef46805af252fc",
    "block_time": 1620496070,
}
UNCONFIRMED = {"confirmed": False}

# The DarkSide ransom of 8 May 2021 leaves the address it was paid to.
RANSOM_ADDRESS = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"
RANSOM_TXID = "915fb4f0a030937f2c1d2210996e8eb32b5a41b331965c7ec78961923775bd62"
RANSOM_RAW = bytes.fromhex(
    "020000000215097b4c0690a355441a9151f8113a03bec8b63ce707e723ea0f96c50c9f6861000000006a47304402205233"
    "85b5303f456bb1c5294855d5ebceab2fc783b2d8d6a9b7022e6eaa92a62202204e3f77bdd0fe49df6164607e090048a641"
    "6d8670f6c68621f8a402926fc047da0121034670b2940d92d7684597bada067806230f2f1b1d7c606a2becc510560bc0b5"
    "55fdffffffa224f97ee0591b0cc8ce9417a5ec8ddf08284621ea28cdba7df24ad42680796a030000006a47304402201c69"
    "7bc1ee98f9127affd9fd2fe5389af1cd14cfa07f15241426888c427c7ef3022035369f94e71d143812eaf99944828756a9"
    "39857147867f17827268c65c3f82710121034670b2940d92d7684597bada067806230f2f1b1d7c606a2becc510560bc0b5"
    "55fdffffff029d06000000000000160014f640e715bbd94353dcd420a88c3373c73547562ec67009bf010000001976a914"
    "88b30700aa5c1185457ceef0bcd8e01f07e4b9fd88ac5c6a0a00"
)
_PAID_TO = bytes.fromhex("76a9142f23d6abe13b271e90b1a61c685e5935a578e95f88ac")
RANSOM_PREVOUTS = ((20_000, _PAID_TO), (7_500_030_000, _PAID_TO))

# The first payment ever, from Satoshi to Hal Finney, in scripts that have no address.
FIRST_TXID = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
_SATOSHI = bytes.fromhex(
    "410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160b"
    "fa9b8b64f9d4c03f999b8643f656b412a3ac"
)
FIRST_RAW = bytes.fromhex(
    "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45"
    "e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d83"
    "1cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7"
    "159b2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00"
    f"286bee00000000{len(_SATOSHI):02x}{_SATOSHI.hex()}00000000"
)
FIRST_PREVOUTS = ((5_000_000_000, _SATOSHI),)

GENESIS_TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
GENESIS_RAW = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104"
    "455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f6620736563"
    "6f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a6"
    "7130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6b"
    "f11d5fac00000000"
)

Prevouts = Sequence[tuple[int, bytes]]


def esplora(
    raw: bytes, prevouts: Prevouts = (), status: dict[str, Any] | None = None, *, chain: str = "btc"
) -> dict[str, Any]:
    """Return one transaction as Esplora's JSON object."""
    return esplora_of(parse_transaction(raw), prevouts, status, chain=chain)


def esplora_of(
    tx: Transaction, prevouts: Prevouts = (), status: dict[str, Any] | None = None, *, chain: str = "btc"
) -> dict[str, Any]:
    paid = sum(value for value, _ in tx.outputs)
    return {
        "txid": tx.txid,
        "version": tx.version,
        "locktime": tx.locktime,
        "vin": [
            {
                "txid": spent.txid,
                "vout": spent.vout,
                "prevout": None if tx.is_coinbase else _output(*prevouts[index], chain),
                "scriptsig": spent.scriptsig.hex(),
                "scriptsig_asm": "",
                "witness": [item.hex() for item in spent.witness],
                "is_coinbase": tx.is_coinbase,
                "sequence": spent.sequence,
            }
            for index, spent in enumerate(tx.inputs)
        ],
        "vout": [_output(value, script, chain) for value, script in tx.outputs],
        "size": tx.size,
        "fee": 0 if tx.is_coinbase else sum(value for value, _ in prevouts) - paid,
        "status": dict(CONFIRMED if status is None else status),
    }


def _output(value_sat: int, script: bytes, chain: str) -> dict[str, Any]:
    address = address_of(script, chain)
    stated = {} if address is None else {"scriptpubkey_address": address}
    return {"scriptpubkey": script.hex(), "scriptpubkey_asm": "", **stated, "value": value_sat}


def ransom() -> dict[str, Any]:
    return esplora(RANSOM_RAW, RANSOM_PREVOUTS)


def body(value: object) -> bytes:
    return json.dumps(value).encode()
