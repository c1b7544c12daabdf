"""Checkpoints: each hash is that of the real header, wherever the header's bytes are at hand."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from chainflow.checkpoints import CHECKPOINTS
from chainflow.ledger.levels import Proofs, has_work
from chainflow.model import HeaderRecord
from chainflow.transactions import Header
from chainflow.wire import parse_block, parse_header

NOTHING = "00" * 32
HEADERS = [
    ("btc", 0, Header(1, NOTHING, "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 1231006505, 0x1D00FFFF, 2083236893)),
    ("btc-testnet", 0, Header(1, NOTHING, "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 1296688602, 0x1D00FFFF, 414098458)),
    ("bch", 0, Header(1, NOTHING, "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", 1231006505, 0x1D00FFFF, 2083236893)),
    ("ltc", 0, Header(1, NOTHING, "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9", 1317972665, 0x1E0FFFF0, 2084524493)),
    ("ltc-testnet", 0, Header(1, NOTHING, "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9", 1486949366, 0x1E0FFFF0, 293345)),
    ("doge", 0, Header(1, NOTHING, "5b2a3f53f605d62c53e62932dac6925e3d74afa5a4b459745c36d42d0ed26a69", 1386325540, 0x1E0FFFF0, 99943)),
    ("btc", 960_000, parse_header(bytes.fromhex("04000030ad8ce3ad969436c2f9e9b0d3c592475eed9751cc7e6401000000000000000000a9db2e8247ff2e4227ab45004074878b6b723bc9ff6e9a6e32fe0f5cf407e416dcd9686ad43a021789c128b6"))),
]  # fmt: skip
FOLLOWERS = {
    804_384: "00a0e3234e37dbef2c93ce1bef104ccc84edaec2aaa730d67a9600000000000000000000b5c7986c"
    "75880b1b85e99bff729dcc5af8c7ec0faabf8ab129bf7231fb0d9b8877ede4647b0f051702f0969c",
    822_528: "00e0ff3f82f7aacf60fac3873b0beade61d0701639090ae5f47800000000000000000000acbc1b33"
    "81c671b2b7753bb2252d3ebd6900486ec8153ceb10e954a86e3f9e1468788665b3e80317f5171649",
}


@pytest.mark.parametrize(("chain", "height", "header"), HEADERS, ids=lambda value: str(value)[:12])
def test_a_header_at_hand_hashes_to_the_checkpoint(chain, height, header):
    assert CHECKPOINTS[chain][height] == header.hash
    if chain in ("btc", "ltc", "bch"):
        assert has_work(header, chain)


@pytest.mark.parametrize("height", FOLLOWERS)
def test_the_block_after_a_checkpoint_names_it(height):
    header = parse_header(bytes.fromhex(FOLLOWERS[height]))
    assert has_work(header, "btc")
    assert header.prev_hash == CHECKPOINTS["btc"][height - 1]


def test_every_hash_is_one_and_stands_once_in_ascending_order():
    for rows in CHECKPOINTS.values():
        assert list(rows) == sorted(rows)
        assert len(set(rows.values())) == len(rows)
        assert all(re.fullmatch("[0-9a-f]{64}", block) for block in rows.values())


def test_every_checkpoint_of_a_chain_of_plain_sha256_has_some_work():
    for chain in ("btc", "bch"):
        assert all(block.startswith("00000000") for block in CHECKPOINTS[chain].values())


def test_bitcoin_cash_agrees_with_bitcoin_up_to_the_split_and_no_further():
    shared = CHECKPOINTS["btc"].items() & CHECKPOINTS["bch"].items()
    assert len(shared) == sum(height < 478_559 for height in CHECKPOINTS["bch"])
    assert max(height for height, _ in shared) < 478_559


def recorded_headers(shared: pathlib.Path) -> dict[int, Header]:
    """Return the recorded bytes of Bitcoin headers by height: of whole blocks, and of an explorer's reply."""
    found = {}
    for name in ("mainnet_702861.raw", "block482683.raw", "block300025.raw"):
        block = parse_block((shared / "blocks" / name).read_bytes())
        stated = block.transactions[0].inputs[0].scriptsig  # BIP34: the coinbase begins with the height
        found[int.from_bytes(stated[1 : 1 + stated[0]], "little")] = block.header
    samples = shared / "explorers" / "mempool" / "docs_samples"
    reply = json.loads((samples / "get-blocks-bulk.Mainnet.txt").read_text("utf-8"))
    return found | {row["height"]: parse_header(bytes.fromhex(row["header"])) for row in reply}


def test_recorded_headers_hash_to_the_checkpoints_at_their_heights(shared):
    headers = recorded_headers(shared)
    met = {height for height in headers if height in CHECKPOINTS["btc"]}
    assert met == {100_000, 702_861}
    for height in met:
        assert headers[height].hash == CHECKPOINTS["btc"][height]


def test_a_block_below_a_checkpoint_that_leads_to_it_is_anchored():
    proofs = Proofs()
    late = next(header for _, height, header in HEADERS if height == 960_000)
    proofs.add(HeaderRecord("btc", 960_000, late.serialize().hex()))
    assert proofs.anchored("btc") == {late.hash}


def test_one_header_on_top_of_a_checkpoint_is_not_deep_enough():
    proofs = Proofs()
    proofs.add(HeaderRecord("btc", 822_528, FOLLOWERS[822_528]))
    assert proofs.anchored("btc") == frozenset()
