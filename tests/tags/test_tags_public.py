"""The real public packs and lists: every count, every address that is none, every category."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from chainflow.errors import AddressInvalid
from chainflow.tags import Tags

# file: rows used, rows that cannot be used
PACKS = {
    "binance_hack.yaml": (44, 0),
    "blender_io.yaml": (45, 0),
    "coinjoin_bounty.yaml": (1, 0),
    "demo.yaml": (4, 1),
    "exchange-wallets-bitfinexcom.yaml": (32, 103),
    "graphsense.actorpack.yaml": (3813, 0),
    "hacks.yaml": (608, 0),
    "hydra.yaml": (117, 0),
    "lazarus.yaml": (21, 0),
    "lazarus2.yaml": (6, 0),
    "miners_additional.yaml": (234, 0),
    "mixing_fc2021.yaml": (66, 0),
    "ofac.yaml": (564, 8),
    "plustoken.yaml": (10, 2),
    "ransomware.yaml": (7178, 0),
    "ransomwhere.yaml": (7457, 0),
    "ronin_bridge.yaml": (6, 0),
    "sextortion_excello.yaml": (12521, 6),
    "sinbad_io.yaml": (2, 0),
    "tornado_cash.yaml": (39, 0),
    "twitter_hack_scam.yaml": (3, 0),
    "usdt_blacklist.yaml": (774, 0),
    "walletexplorer.yaml": (386, 0),
    "wasabi_collector.yaml": (2, 0),
}
INVALID = {
    ("plustoken.yaml", 11): "1MFgcyJ7ZNSknbTBRaih6zWDE6V1A64tRYs",
    ("plustoken.yaml", 31): "14bwh6gmvol5ntwbvxqjkjdtzv4y5ebtvm",
    ("sextortion_excello.yaml", 2867): "3CD19JE8F4C48L43E3A5TH8XD45JLRXUL",
    ("sextortion_excello.yaml", 6485): "1GL9JtXPRTPetxgiJ8UcgrEECp12spD4t",
    ("sextortion_excello.yaml", 10617): "1MJzarWdCR8dXGt6vpK62f7MxcWYcVynM",
    ("sextortion_excello.yaml", 12935): "1AzdzwWHaJXytimxenzi45JVtY4FsXwLZ",
    ("sextortion_excello.yaml", 20861): "1MK4uue11JnVxjUQhq19KNSpAuyaFqBwM",
    ("sextortion_excello.yaml", 20871): "3daa7ab7451f4215c9fe53c6c739e8e534",
    ("ofac.yaml", 1069): "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq",
}
NO_CHAIN = {  # OFAC's addresses on chains that are not read here
    "BSV": {"12sjrrhoFEsedNRhtgwvvRqjFTh8fZTDX9"},
    "BTG": {"GPwg61XoHqQPNmAucFACuQ5H9sGCDv9TpS"},
    "XRP": {"rnXyVQzgxZe7TR1EPzTkGj2jxH4LMJYh66"},
    "XVG": {"DFFJhnQNZf8rf67tYnesPu7MuGUpYtzv7Z"},
    "XMR": {
        "49HqitRzdnhYjgTEAhgGpCfsjdTeMbUTU6cyR4JV1R7k2Eej9rGT8JpFiYDa4tZM6RZiFrHmMzgSrhHEqpDYKBe5B2ufNsL",
        "5be5543ff73456ab9f2d207887e2af87322c651ea1a873c5b25b7ffae456c320",
        "884Bz8UH63aYsjVdkfWfScRYWZGGNbjFL7pztqvWNSrtYT4reFSwyvkCj9KEGUtheHhhMUj87ciTBFyzoesrMJ4L1FvSoxL",
    },
}


@pytest.fixture(scope="module")
def packs(shared: Path) -> Tags:
    return Tags.read(shared / "tags" / "tagpacks")


@pytest.fixture(scope="module")
def lists(shared: Path) -> list[Tags]:
    return [Tags.read(path) for path in sorted((shared / "tags" / "ofac").glob("*.txt"))]


def test_every_row_of_every_pack_is_used_or_listed(packs: Tags) -> None:
    assert {file.name: (file.used, file.rejected) for file in packs.files} == PACKS
    assert Counter(row.file for row in packs.rejected) == {n: bad for n, (_, bad) in PACKS.items() if bad}


def test_the_invalid_addresses_are_named_with_file_and_line(packs: Tags) -> None:
    named = {(r.file, r.line): r.text for r in packs.rejected if isinstance(r.error, AddressInvalid)}
    assert {place: text for place, text in named.items() if "bitfinex" not in place[0]} == INVALID


def test_what_the_exchange_publishes_for_other_chains_is_named(packs: Tags) -> None:
    texts = {row.text for row in packs.rejected if row.file == "exchange-wallets-bitfinexcom.yaml"}
    assert {"X-avax1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9x", "14BMRtbwkhFME8pjPkn17hKesesD99EVKs"} < texts


def test_the_taxonomy_knows_every_category_of_the_packs(packs: Tags) -> None:
    assert packs.unmapped == {}
    stated = Counter(tag.abuse for tag in packs if tag.abuse)
    assert set(stated) == {"ransomware", "sextortion", "scam", "service_hack", "sanctioned"}
    assert stated["sextortion"] == 12_521
    assert {word for actor in packs.actors for word in actor.categories} >= {"exchange", "defi_dex", "bridge"}


def test_services_of_the_packs_have_no_address_of_a_hack(packs: Tags) -> None:
    assert {tag.abuse for tag in packs.services} == {""}
    assert len(packs.of("mixing_service").addresses) == 188


def test_ransomware_lists_spell_their_families_differently(packs: Tags) -> None:
    drifts = {frozenset((c.first.label, c.second.label)) for c in packs.conflicts if c.about == "label"}
    assert frozenset(("Dmalocker", "DMALockerv3")) in drifts
    assert frozenset(("Samsam", "SamSam")) in drifts


def test_all_packs_survive_json_and_being_written(packs: Tags, tmp_path: Path) -> None:
    some = packs.of("service", "scam", "sanctioned", "coinjoin", "organization")
    again = Tags.read(some.write(tmp_path / "all.yaml")) + Tags(actors=packs.actors)
    assert again.digest == some.digest
    assert Tags.from_json(packs.to_json()) == packs


def test_the_digest_does_not_depend_on_the_hash_seed(shared: Path) -> None:
    code = (
        "import sys; from chainflow.tags import Tags; t = Tags.read(sys.argv[1]); print(t.recipe.digest, t)"
    )
    command = [sys.executable, "-c", code, str(shared / "tags" / "tagpacks" / "hacks.yaml")]
    runs = {
        subprocess.run(
            command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_the_ofac_lists_have_654_rows_and_641_addresses(lists: list[Tags]) -> None:
    used = sum(file.used for tags in lists for file in tags.files)
    rejected = [row for tags in lists for row in tags.rejected]
    assert (used, len(rejected), used + len(rejected)) == (647, 7, 654)
    distinct = {tag.address for tags in lists for tag in tags} | {row.text for row in rejected}
    assert len(distinct) == 641


def test_ofac_addresses_that_fit_no_chain_are_named(lists: list[Tags]) -> None:
    named: dict[str, set[str]] = {}
    for row in (row for tags in lists for row in tags.rejected):
        named.setdefault(row.file.removeprefix("sanctioned_addresses_").removesuffix(".txt"), set()).add(
            row.text
        )
    assert named == NO_CHAIN


def test_ofac_addresses_are_on_the_chain_they_are_of(lists: list[Tags]) -> None:
    by_file = {tags.files[0].name: Counter(tag.chain for tag in tags) for tags in lists}
    assert by_file["sanctioned_addresses_XBT.txt"] == {"btc": 434, "tron": 1}
    assert by_file["sanctioned_addresses_USDT.txt"] == {"tron": 11, "eth": 8, "btc": 7}
    assert by_file["sanctioned_addresses_BCH.txt"] == {"bch": 7}
    assert by_file["sanctioned_addresses_ARB.txt"] == {"arbitrum": 1}


def test_text_and_json_lists_of_one_folder_are_one_statement(shared: Path, lists: list[Tags]) -> None:
    folder = Tags.read(shared / "tags" / "ofac")
    assert (len(folder.files), len(folder), len(folder.addresses)) == (34, 647, 634)
    assert folder.digest == sum(lists, Tags()).digest


def test_two_sources_flag_the_hydra_address_and_are_not_merged(shared: Path) -> None:
    folder = shared / "cases" / "hydra"
    names = ("hydra_tagpack.yaml", "hydra_actorpack.yaml", "hydra_ofac_sdn.xml")
    tags = Tags.read(*(folder / name for name in names), strict=True)
    found = tags.at("16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T")
    assert {(t.source[:8], t.label, t.category) for t in found} == {
        ("OFAC SDN", "HYDRA MARKET", "sanctioned"),
        ("https://", "Hydra Market", "market"),
    }
    assert [c.about for c in tags.conflicts] == ["label", "label"]


def test_a_dump_of_29945_labels_is_read(shared: Path) -> None:
    tags = Tags.read(
        shared / "tags" / "etherscan_combinedAllLabels.json.gz", source="Etherscan, October 2023"
    )
    assert (len(tags), len(tags.rejected), len(tags.addresses)) == (29_945, 0, 29_772)
    assert {tag.chain for tag in tags} == {"eth"}
    assert len(tags.of("sanctioned")) == 72
