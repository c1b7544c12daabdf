"""How fast hosts may be asked, from a file of the user's: obeyed, or refused before anything is asked."""

from __future__ import annotations

import time

import pytest

from chainflow.case import Case
from chainflow.errors import BadInput
from chainflow.sources.pace import RATES, Rate, rate_of, rates_of

FBI = "bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "rates.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_says_how_fast_hosts_are_asked(written):
    path = written(
        '["example.org"]\nrequests = 700\nseconds = 3600\nspacing = 0.25\n["b.example"]\nrequests = 1\nseconds = 0.5\n'
    )
    rates = rates_of(path)
    assert rates == {"example.org": Rate(700, 3600, 0.25), "b.example": Rate(1, 0.5)}
    assert rate_of("example.org", rates) == Rate(700, 3600, 0.25)
    assert rate_of("mempool.space", rates) == RATES["mempool.space"]
    assert rates_of(rates) == rates
    assert rates_of(None) == {}


def test_the_spacing_that_is_shipped_stays_unless_the_file_states_one(written):
    shipped = RATES["blockstream.info"]
    assert shipped.spacing > 0
    rates = rates_of(written('["blockstream.info"]\nrequests = 5\nseconds = 60\n'))
    assert rates == {"blockstream.info": Rate(5, 60, shipped.spacing)}
    rates = rates_of(written('["blockstream.info"]\nrequests = 5\nseconds = 60\nspacing = 0\n'))
    assert rates == {"blockstream.info": Rate(5, 60, 0)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["a.example"]\nrequests = 5\nseconds = 1\nburst = 2\n', "'burst' of 'a.example' is not known"),
        ('["a.example"]\nrequests = 5\n', "seconds of 'a.example' missing"),
        ('["a.example"]\n', "requests and seconds of 'a.example' missing"),
        ("[a.example]\nrequests = 5\nseconds = 1\n", "a host's name with dots stands in quotes"),
        ('["a.example"]\nrequests = 5\nseconds = "1"\n', "seconds of 'a.example' is no number"),
        ("requests = 5", "'requests' stands outside a table of a host"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_words(written, text, words):
    with pytest.raises(BadInput) as caught:
        rates_of(written(text))
    assert words in caught.value.message
    assert "__init__" not in caught.value.message
    assert "argument" not in caught.value.message


def test_a_case_obeys_the_file(tmp_path, written, explorer):
    path = written('["127.0.0.1"]\nrequests = 2\nseconds = 0.6\n')
    start = time.monotonic()
    with Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}", rates=path) as case:
        case.fetch(FBI)
    assert len(explorer.requests) == 3
    assert time.monotonic() - start >= 0.6  # the third waits until the first is that old


def test_spacing_is_obeyed_too(tmp_path, explorer):
    url = explorer.url.replace("127.0.0.1", "localhost")
    start = time.monotonic()
    with Case(tmp_path / "a.chainflow", f"esplora:{url}", rates={"localhost": Rate(100, 1, 0.2)}) as case:
        case.fetch(FBI)
    assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize(
    "text",
    [
        "requests = 5",
        "[[",
        '["a.example"]\nrequests = 5\n',
        '["a.example"]\nrequests = 5\nseconds = 1\nburst = 2\n',
        '["a.example"]\nrequests = 0\nseconds = 1\n',
        '["a.example"]\nrequests = -1\nseconds = 1\n',
        '["a.example"]\nrequests = 1.5\nseconds = 1\n',
        '["a.example"]\nrequests = true\nseconds = 1\n',
        '["a.example"]\nrequests = 5\nseconds = 0\n',
        '["a.example"]\nrequests = 5\nseconds = -3\n',
        '["a.example"]\nrequests = 5\nseconds = nan\n',
        '["a.example"]\nrequests = 5\nseconds = inf\n',
        '["a.example"]\nrequests = 5\nseconds = 1\nspacing = -1\n',
        '["a.example"]\nrequests = 5\nseconds = 1\nspacing = nan\n',
        '["a.example"]\nrequests = "5"\nseconds = 1\n',
        '["a.example"]\nrequests = 5\nseconds = "1"\n',
        "[a.example]\nrequests = 5\nseconds = 1\n",  # not quoted: a table in a table
    ],
)
def test_a_file_that_says_no_rate_is_refused_before_anything_is_asked(tmp_path, written, explorer, text):
    with pytest.raises(BadInput, match="rate"):
        Case(tmp_path / "a.chainflow", f"esplora:{explorer.url}", rates=written(text))
    assert explorer.requests == []
    assert not (tmp_path / "a.chainflow").exists()


def test_a_file_that_is_not_there_or_is_no_text_is_refused(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.toml", "bytes.toml"):
        with pytest.raises(BadInput, match="no table of rates"):
            rates_of(tmp_path / name)
