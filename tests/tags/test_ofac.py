"""OFAC's addresses: both XML forms and plain lists; what fits no chain is named, never dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import TagFileRejected
from chainflow.tags import Tags
from chainflow.tags.ofac import read_address_list
from chainflow.tags.sdn import read_sdn

HYDRA = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"
LAZARUS = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
TRON = "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq"

PLAIN = f"""<?xml version="1.0" encoding="UTF-8"?>
<sdnList xmlns="https://www.treasury.gov/ofac/downloads/sanctions/1.0/sdn.xsd">
  <publshInformation><Publish_Date>04/05/2022</Publish_Date></publshInformation>
  <sdnEntry><uid>1</uid><lastName>NO ADDRESS</lastName>
    <idList><id><uid>8</uid><idType>Passport</idType><idNumber>A1</idNumber></id></idList></sdnEntry>
  <sdnEntry>
    <uid>36216</uid><lastName>HYDRA MARKET</lastName>
    <programList><program>CYBER2</program></programList>
    <akaList><aka><uid>99</uid><lastName>RUSSIAN ANONYMOUS MARKETPLACE</lastName></aka></akaList>
    <idList>
      <id><uid>900101</uid><idType>Digital Currency Address - XBT</idType><idNumber>{HYDRA}</idNumber></id>
    </idList>
  </sdnEntry>
</sdnList>
"""
ADVANCED = f"""<?xml version="1.0" encoding="utf-8"?>
<Sanctions xmlns="NAMESPACE">
  <DateOfIssue CalendarTypeID="1"><Year>2024</Year><Month>9</Month><Day>7</Day></DateOfIssue>
  <ReferenceValueSets><FeatureTypeValues>
    <FeatureType ID="8">Birthdate</FeatureType>
    <FeatureType ID="345" FeatureTypeGroupID="1">Digital Currency Address - ETH</FeatureType>
    <FeatureType ID="887" FeatureTypeGroupID="1">Digital Currency Address - USDT</FeatureType>
  </FeatureTypeValues></ReferenceValueSets>
  <DistinctParties><DistinctParty FixedRef="27307"><Profile ID="27307" PartySubTypeID="3">
    <Identity ID="19011">
      <Alias Primary="false"><DocumentedName><DocumentedNamePart>
        <NamePartValue>HIDDEN COBRA</NamePartValue></DocumentedNamePart></DocumentedName></Alias>
      <Alias Primary="true">
        <DocumentedName><DocumentedNamePart><NamePartValue>LAZARUS</NamePartValue></DocumentedNamePart>
          <DocumentedNamePart><NamePartValue>GROUP</NamePartValue></DocumentedNamePart></DocumentedName>
        <DocumentedName><DocumentedNamePart><NamePartValue>ЛАЗАРЬ</NamePartValue></DocumentedNamePart></DocumentedName>
      </Alias>
    </Identity>
    <Feature FeatureTypeID="8"><FeatureVersion><VersionDetail>1 May</VersionDetail></FeatureVersion></Feature>
    <Feature FeatureTypeID="345"><FeatureVersion>
      <VersionDetail DetailTypeID="1432">{LAZARUS}</VersionDetail></FeatureVersion></Feature>
    <Feature FeatureTypeID="887"><FeatureVersion>
      <VersionDetail DetailTypeID="1432">{TRON}</VersionDetail></FeatureVersion></Feature>
  </Profile></DistinctParty></DistinctParties>
  <SanctionsEntries><SanctionsEntry ID="27307" ProfileID="27307">
    <EntryEvent><Date><Year>2019</Year><Month>9</Month><Day>13</Day></Date></EntryEvent>
    <SanctionsMeasure SanctionsTypeID="1705"/>
    <SanctionsMeasure SanctionsTypeID="1"><Comment>DPRK3</Comment></SanctionsMeasure>
  </SanctionsEntry></SanctionsEntries>
</Sanctions>
"""


def read(folder: Path, text: str, name: str = "sdn.xml") -> Tags:
    (folder / name).write_text(text, encoding="utf-8")
    return Tags.read(folder / name)


def test_the_plain_form_gives_name_programs_uid_and_list_date(tmp_path: Path) -> None:
    (tag,) = read(tmp_path, PLAIN)
    assert (tag.address, tag.chain, tag.label, tag.category) == (HYDRA, "btc", "HYDRA MARKET", "sanctioned")
    assert (tag.source, tag.date, tag.confidence_score, tag.line) == ("OFAC SDN", "2022-04-05", 60, 11)
    assert json.loads(tag.context) == {"programs": ["CYBER2"], "ticker": "XBT", "uid": "36216"}


@pytest.mark.parametrize("namespace", ["http://www.un.org/sanctions/1.0", "urn:another", ""])
def test_the_advanced_form_is_read_whatever_its_namespace(tmp_path: Path, namespace: str) -> None:
    text = ADVANCED.replace(' xmlns="NAMESPACE"', f' xmlns="{namespace}"' if namespace else "")
    tags = read(tmp_path, text)
    assert [(t.address, t.chain, t.line) for t in tags] == [(LAZARUS, "eth", 21), (TRON, "tron", 23)]
    assert {(t.label, t.date) for t in tags} == {("LAZARUS GROUP", "2024-09-07")}
    held = {"listed": "2019-09-13", "programs": ["DPRK3"], "ticker": "ETH", "uid": "27307"}
    assert json.loads(tags.at(LAZARUS)[0].context) == held


def test_an_sdn_list_without_addresses_is_refused() -> None:
    text = PLAIN.replace("Digital Currency Address", "Digital Coin Address")
    with pytest.raises(TagFileRejected, match="no digital-currency address"):
        read_sdn(text.encode(), name="sdn.xml")


def test_an_entity_without_a_name_is_listed(tmp_path: Path) -> None:
    tags = read(tmp_path, PLAIN.replace("<lastName>HYDRA MARKET</lastName>", ""))
    assert [(row.text, row.reason) for row in tags.rejected] == [(HYDRA, "no label")]


LAUGHS = "<!DOCTYPE a [" + "".join(
    f'<!ENTITY l{i} "{("&l" + str(i - 1) + ";") * 10 if i else "ha"}">' for i in range(9)
)
HOSTILE = {
    "billion laughs": LAUGHS + "]><a>&l8;</a>",
    "external entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "document type": '<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a/>',
    "truncated": PLAIN[:700],
    "not XML": "hello",
    "empty": "",
    "control character": "<a>\x07</a>",
    "deep": "<a>" * 100_000,
    "unknown encoding": '<?xml version="1.0" encoding="klingon"?><a/>',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_or_broken_xml_is_refused_as_a_whole(kind: str) -> None:
    with pytest.raises(TagFileRejected, match=r"sdn\.xml"):
        read_sdn(HOSTILE[kind].encode(), name="sdn.xml")


@given(st.integers(0, len(PLAIN) - 1), st.integers(1, 40), st.binary(max_size=10))
def test_damaged_xml_is_read_or_refused_and_nothing_else(start: int, length: int, put: bytes) -> None:
    content = PLAIN.encode()
    try:
        parsed = read_sdn(content[:start] + put + content[start + length :], name="sdn.xml")
    except TagFileRejected:
        return
    assert parsed.rows


def test_a_plain_list_takes_its_ticker_from_its_name(tmp_path: Path) -> None:
    (tag,) = read(tmp_path, f"\n{HYDRA}\n\n", "sanctioned_addresses_XBT.txt")
    assert (tag.address, tag.chain, tag.category, tag.source) == (HYDRA, "btc", "sanctioned", "OFAC SDN")
    assert (tag.line, tag.context) == (2, '{"ticker":"XBT"}')


def test_a_json_list_says_the_same(tmp_path: Path) -> None:
    text = read(tmp_path, HYDRA, "sanctioned_addresses_XBT.txt")
    listed = read(tmp_path, json.dumps([HYDRA]), "sanctioned_addresses_XBT.json")
    assert listed.digest == text.digest
    assert len(text + listed) == 1


def test_an_address_under_a_wrong_ticker_goes_to_the_chain_it_is_of(tmp_path: Path) -> None:
    (tag,) = read(tmp_path, TRON, "sanctioned_addresses_XBT.txt")
    assert (tag.chain, tag.context) == ("tron", '{"ticker":"XBT"}')


@pytest.mark.parametrize(
    ("ticker", "address"),
    [
        ("XMR", "5be5543ff73456ab9f2d207887e2af87322c651ea1a873c5b25b7ffae456c320"),
        ("XVG", "DFFJhnQNZf8rf67tYnesPu7MuGUpYtzv7Z"),
        ("BSV", "12sjrrhoFEsedNRhtgwvvRqjFTh8fZTDX9"),
        ("XBT", "12sjrrhoFEsedNRhtgwvvRqjFTh8fZTDX8"),
    ],
)
def test_what_fits_no_chain_is_named(tmp_path: Path, ticker: str, address: str) -> None:
    tags = read(tmp_path, address, f"sanctioned_addresses_{ticker}.txt")
    assert (len(tags), [row.text for row in tags.rejected]) == (0, [address])


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", "[", '"x"', "[" * 100_000])
def test_a_list_without_addresses_is_refused(text: str) -> None:
    with pytest.raises(TagFileRejected):
        read_address_list(text, name="sanctioned_addresses_XBT.json")
