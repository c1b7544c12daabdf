"""Opening a file: which format it is of, what a preview shows, and that the archive gives the same facts."""

from __future__ import annotations

import hashlib

import pytest

from chainflow.errors import BadInput, BadResponse
from chainflow.formats import chains_in, formats, open_file
from chainflow.model import TxRecord
from tests.formats import made
from tests.formats.test_arkham import HEAD as ARKHAM
from tests.formats.test_arkham import row as arkham_row
from tests.formats.test_etherscan import HEAD as ETHERSCAN
from tests.formats.test_etherscan import native

FILES = {
    "etherscan-csv": ("export.csv", (ETHERSCAN + native()).encode()),
    "arkham-csv": ("arkham.csv", (ARKHAM + arkham_row()).encode()),
    "bitcoin-etl": ("transactions.json", made.lines([made.etl(tx) for tx in made.CHAIN])),
    "blockchair-tsv": ("inputs.tsv", made.tsv(made.blockchair()["inputs"])),
    "graphsense": ("spent.csv", made.tsv([{"spending_tx_hash": "00", "spending_input_index": 0, "spent_tx_hash": "1", "spent_output_index": 0}], ",")),
    "ethereum-etl": ("token_transfers.csv", b"token_address,from_address,to_address,value,transaction_hash,log_index,block_number\n"),
    "csv": ("other.csv", b"when,what\n1,2\n"),
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    def write(family):
        name, body = FILES[family]
        (tmp_path / name).write_bytes(body)
        return tmp_path / name

    return write


@pytest.mark.parametrize("family", FILES)
def test_each_kind_of_file_is_recognised_by_one_format_only(written, family):
    assert open_file(written(family), chain="eth").family == family


def test_every_format_says_what_it_is_and_what_its_options_mean():
    assert FILES.keys() <= formats().keys()
    for name, known in formats().items():
        assert known.family == name
        assert known.title
        assert all(known.options.values())


def test_the_archived_bytes_and_path_give_the_same_facts(written):
    file = open_file(written("bitcoin-etl"), chain="btc")
    assert file.sha256 == hashlib.sha256(FILES["bitcoin-etl"][1]).hexdigest()
    assert file.path == "/transactions.json"
    assert file.format.read("btc", file.path, 200, file.body) == file.facts
    assert len(file.facts) == 3


def test_several_files_are_read_as_one(tmp_path):
    paths = []
    for name, table in made.blockchair().items():
        paths.append(tmp_path / f"blockchair_bitcoin_{name}_20210911.tsv")
        paths[-1].write_bytes(made.tsv(table))
    file = open_file(paths)
    assert (file.chain, len(file.files)) == ("btc", 4)
    assert all(isinstance(fact, TxRecord) for fact in file.facts)
    assert file.format.read("btc", file.path, 200, file.body) == file.facts
    assert open_file(list(reversed(paths))).body == file.body


def test_what_must_be_fetched_is_listed(tmp_path):
    (tmp_path / "t.csv").write_text("txid,height\n" + "4a" * 32 + ",7\n")
    assert open_file(tmp_path / "t.csv", chain="btc").confirmed().txids == ("4a" * 32,)


def test_a_preview_shows_columns_examples_and_rejected_rows_escaped(tmp_path):
    (tmp_path / "a.csv").write_text(ARKHAM + arkham_row() + arkham_row("<b>\x1b[31m"))
    preview = open_file(tmp_path / "a.csv", chain="eth").preview()
    text, page = str(preview), preview._repr_html_()
    assert "column unitValue: amount in coins, through a float" in text
    assert "not used: line 3" in text
    assert "\x1b" not in text + page
    assert "<b>\N{REPLACEMENT CHARACTER}" not in page
    assert "&lt;b&gt;" in page


def test_a_chain_that_nobody_knows_is_asked_for(written):
    with pytest.raises(BadInput, match="of which chain") as caught:
        open_file(written("etherscan-csv"))
    assert "base" in caught.value.hint


@pytest.mark.parametrize(("arguments", "why"), [
    ({"path": "none.csv"}, "no such file: none.csv"),
    ({"path": []}, "no file given"),
    ({"format": "excel"}, "no format 'excel'"),
    ({"table": "x"}, "no option 'table'"),
])  # fmt: skip
def test_what_cannot_be_opened_is_said(written, arguments, why):
    given = {"path": written("etherscan-csv"), "chain": "eth", **arguments}
    with pytest.raises(BadInput, match=why):
        open_file(**given).facts  # noqa: B018


def test_a_file_that_no_format_recognises_is_refused(tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(BadInput, match=r"no format recognises x\.png"):
        open_file(tmp_path / "x.png")


def test_a_status_that_no_file_has_is_refused(written):
    file = open_file(written("arkham-csv"), chain="eth")
    with pytest.raises(BadResponse, match="status 200"):
        file.format.read("eth", file.path, 404, file.body)


def test_of_a_file_that_names_chains_exactly_these_are_offered(tmp_path):
    (tmp_path / "a.csv").write_text(ARKHAM + arkham_row() + arkham_row().replace(",ethereum", ",bsc"))
    assert chains_in(tmp_path / "a.csv") == ("eth", "bnb")
    with pytest.raises(BadInput, match="has rows of eth, bnb"):
        open_file(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text(ARKHAM + arkham_row())
    assert open_file(tmp_path / "b.csv").chain == "eth"
