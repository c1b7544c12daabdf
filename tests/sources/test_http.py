"""The session against a real server that misbehaves, and through a real SOCKS proxy."""

from __future__ import annotations

import email.utils
import gzip
import itertools
import logging
import ssl
import subprocess
import time
import traceback

import pytest
from faulty import (
    FaultyServer,
    SocksProxy,
    chunks_cut_off,
    cut_off,
    drip,
    drip_chunks,
    hang_up,
    raw,
    redirect,
    text,
)
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import (
    BadInput,
    BadResponse,
    HostNotAllowed,
    RateLimited,
    RedirectRefused,
    SourceError,
    SourceUnavailable,
    TLSError,
)
from chainflow.sources.http import RATES, Rate, Session
from chainflow.sources.pace import DEFAULT_RATE, rate_of
from chainflow.version import __version__

BUSY = text("<html>503 Service Temporarily Unavailable</html>", 503)


def test_a_reply_is_kept_as_it_came(server, session):
    server.answers["/api/x?page=2"] = [text("698767", Date="Fri, 07 May 2021 12:00:00 GMT")]
    before = int(time.time())
    reply = session(server.url + "/api/").get("/x?page=2")
    assert (reply.path, reply.status, reply.body) == ("/x?page=2", 200, b"698767")
    assert reply.url == server.url + "/api/x?page=2"
    assert before <= reply.retrieved <= time.time()
    # http.server writes its own Date first; requests joins repeated headers
    assert reply.server_date.endswith("Fri, 07 May 2021 12:00:00 GMT")


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_a_refusal_is_an_answer_for_the_adapter(server, session, status):
    server.answers["/x"] = [text("Transaction not found", status)]
    reply = session(server.url).get("/x")
    assert (reply.status, reply.body, len(server.asked)) == (status, b"Transaction not found", 1)


def test_it_says_honestly_who_asks_and_keeps_no_cookie(server, session):
    server.answers["/x"] = [text("1", Set_Cookie="visitor=7; Path=/")]
    asking = session(server.url)
    asking.get("/x")
    asking.get("/x")
    assert server.asked[1].headers["User-Agent"] == f"chainflow/{__version__}"
    assert "Cookie" not in server.asked[1].headers


def test_the_environment_cannot_redirect_or_log_in(server, session, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password from-netrc")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    server.answers["/x"] = [text("1")]
    assert session(server.url).get("/x").body == b"1"
    assert "Authorization" not in server.asked[0].headers


def test_gzip_is_unpacked_before_the_body_is_archived(server, session):
    server.answers["/x"] = [text(gzip.compress(b"[]"), Content_Encoding="gzip")]
    assert session(server.url).get("/x").body == b"[]"


@pytest.mark.parametrize(
    "fault",
    [
        text("Too many requests", 429),
        BUSY,
        text("", 502),
        text("cloudflare", 522),
        cut_off(b'[{"txid"', 5000),
        chunks_cut_off(b'[{"txid"'),
        text(b"no gzip at all", Content_Encoding="gzip"),
        hang_up,
    ],
)
def test_a_passing_fault_costs_another_try_and_nothing_else(server, session, fault):
    server.answers["/x"] = [fault, fault, text("[]")]
    assert session(server.url).get("/x").body == b"[]"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00\xff\xfe\n\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 7\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_what_is_not_http_is_never_an_answer(server, session, sent):
    server.answers["/x"] = [raw(sent)]
    with pytest.raises(
        SourceUnavailable, match=r"\(last: the (connection broke|answer was cut off or damaged)"
    ):
        session(server.url, tries=2).get("/x")


def test_lasting_faults_are_told_with_tries_last_status_and_wait(server, session):
    server.answers["/x"] = [BUSY]
    with pytest.raises(SourceUnavailable) as caught:
        session(server.url).get("/x")
    assert "127.0.0.1 did not answer after 3 tries (last: 503, waited 0.003 s)" in str(caught.value)
    assert not isinstance(caught.value, RateLimited)
    assert len(server.asked) == 3


def test_too_many_requests_every_time_is_its_own_error(server, session):
    server.answers["/x"] = [text('{"message":"Blockstream Explorer API NOTICE"}', 429)]
    with pytest.raises(RateLimited, match="to 3 tries"):
        session(server.url).get("/x")


def test_nobody_there_is_told_in_our_words(session):
    with pytest.raises(SourceUnavailable, match=r"after 2 tries \(last: connection refused"):
        session("http://127.0.0.1:9", tries=2).get("/x")


def test_a_name_that_does_not_resolve_is_told(session):
    with pytest.raises(SourceUnavailable, match="its name does not resolve"):
        session("http://nobody-here.localdomain.internal", tries=1).get("/x")


def test_retry_after_in_seconds_is_honoured_up_to_the_longest_wait(server, session):
    said: list[str] = []
    server.answers["/x"] = [text("", 429, Retry_After="1"), text("[]")]
    assert session(server.url, on_wait=said.append).get("/x").body == b"[]"
    assert said == ["127.0.0.1: answers “too many requests” (429); try 2 of 3; waiting 1 s"]


def test_a_pause_longer_than_allowed_is_told_instead_of_asked_through(server, session):
    server.answers["/x"] = [text("", 429, Retry_After="3600")]
    with pytest.raises(RateLimited, match=r"to 1 try .*asks for a pause of 60 min"):
        session(server.url).get("/x")
    assert len(server.asked) == 1


def test_retry_after_as_a_date_counts_from_the_servers_own_clock(server, session):
    server.answers["/x"] = [text("", 503, Retry_After="Thu, 01 Jan 2099 00:00:00 GMT")]
    with pytest.raises(SourceUnavailable, match="after 1 try"):
        session(server.url).get("/x")
    past = email.utils.formatdate(0, usegmt=True)
    server.answers["/y"] = [text("", 503, Retry_After=past), text("", 503, Retry_After="soon"), text("[]")]
    assert session(server.url).get("/y").body == b"[]"


def test_ctrl_c_ends_a_wait(server, session):
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    server.answers["/x"] = [text("", 429, Retry_After="60")]
    with pytest.raises(KeyboardInterrupt):
        session(server.url, on_wait=interrupt).get("/x")


def test_a_body_beyond_the_bound_is_not_read_to_its_end(server, session):
    server.answers["/x"] = [text(b"<html>" + b"A" * 500_000)]
    with pytest.raises(BadResponse, match=r"larger than 1,000 bytes \(starts with '<html>AAA"):
        session(server.url, max_bytes=1000).get("/x")


def test_a_compressed_bomb_counts_unpacked(server, session):
    server.answers["/x"] = [text(gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")]
    with pytest.raises(BadResponse, match="larger than 1,000,000 bytes"):
        session(server.url, max_bytes=1_000_000).get("/x")


@pytest.mark.parametrize("dripping", [drip, drip_chunks])
def test_a_dripping_body_is_cut_off_by_the_clock(server, session, dripping):
    server.answers["/x"] = [dripping]
    with pytest.raises(BadResponse, match=r"took longer than 0.3 s.*; it was not used"):
        session(server.url, max_seconds=0.3).get("/x")


def test_a_silent_server_is_left(server, session):
    server.answers["/x"] = [lambda handler: handler.server.stopped.wait(5)]
    with pytest.raises(SourceUnavailable, match=r"silent for 0.1 s"):
        session(server.url, timeout=0.1, tries=1).get("/x")


def test_a_redirect_on_the_host_is_followed_and_told(server, session):
    server.answers["/api/x"] = [redirect("/v2/x")]
    server.answers["/v2/x"] = [text("[]")]
    reply = session(server.url + "/api").get("/x")
    assert (reply.path, reply.url, reply.body) == ("/x", server.url + "/v2/x", b"[]")


@pytest.mark.parametrize(
    "place",
    [
        "http://[",
        "ftp://127.0.0.1/x",
        "http://other.example/x",
        "https://127.0.0.1/x",
        "//other.example/x",
        "http://ann:pw@127.0.0.1:{}/x",
    ],
)
def test_a_redirect_to_another_place_is_refused(server, session, place):
    server.answers["/x"] = [redirect(place.format(server.port))]
    with pytest.raises(RedirectRefused, match="nothing was sent there"):
        session(server.url).get("/x")
    assert len(server.asked) == 1


def test_the_body_of_a_redirect_is_not_read(server, session):
    def endless(handler):
        handler.send_response(302)
        handler.send_header("Location", "/y")
        handler.end_headers()
        while not handler.server.stopped.wait(0.02):
            handler.wfile.write(b"[")

    server.answers["/x"], server.answers["/y"] = [endless], [text("[]")]
    assert session(server.url).get("/x").body == b"[]"


def test_a_redirect_loop_ends(server, session):
    server.answers["/x"] = [redirect("/x")]
    with pytest.raises(RedirectRefused, match="more than 3 times"):
        session(server.url).get("/x")
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "path", ["x", "", "//other.example/x", "/a/../b", "/..", "/x\r\nHost: y", "/x y", "/x#y", "/ü"]
)
def test_only_plain_paths_are_sent(session, path):
    with pytest.raises(BadInput, match="not a path"):
        session("http://127.0.0.1:9").get(path)


# --- secrets -------------------------------------------------------------------------------------

SECRETS = ("canary-password", "canary-key", "canary-header", "canary0path0token0000000", "Y2FuYXJ5")


def _everything(error: BaseException) -> str:
    told = "".join(traceback.format_exception(error))
    while error is not None:
        told += repr(error) + repr(error.args) + repr(vars(error))
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize(
    "fault",
    [
        text("canary-password canary-key", 503),
        hang_up,
        drip,
        cut_off(b"canary-key", 100),
        redirect("http://canary:canary-password@other.example/?apikey=canary-key"),
        redirect("/loop?apikey=canary-key"),
        text("canary-header canary0path0token0000000 canary-password" * 50),
    ],
)
def test_no_secret_in_any_error(server, session, fault, caplog):
    caplog.set_level(logging.DEBUG)
    host = f"canary-user:canary-password@127.0.0.1:{server.port}"
    asking = session(
        f"http://{host}/canary0path0token0000000/?apikey=canary-key",
        headers={"X-Key": "canary-header"},
        max_bytes=500,
        max_seconds=0.2,
    )
    server.answers["/canary0path0token0000000/x?apikey=canary-key"] = [fault]
    server.answers["/loop?apikey=canary-key"] = [redirect("/loop?apikey=canary-key")]
    with pytest.raises(SourceError) as caught:
        asking.get("/x")
    told = _everything(caught.value) + repr(asking) + caplog.text
    assert not [secret for secret in SECRETS if secret in told]
    assert server.asked[0].headers["X-Key"] == "canary-header"
    assert server.asked[0].headers["Authorization"].startswith("Basic ")


def test_no_secret_in_a_reply(server, session):
    server.answers["/x?page=2&apikey=canary-key"] = [text("[]")]
    reply = session(f"http://ann:canary-password@127.0.0.1:{server.port}?apikey=canary-key").get("/x?page=2")
    assert reply.url == f"http://127.0.0.1:{server.port}/x?page=2&apikey=REDACTED"
    assert reply.path == "/x?page=2"
    assert "canary" not in repr(reply)


@pytest.mark.parametrize(
    "url", ["ftp://ann:canary@host/", "https://ann:can/ary@host/", "ann:canary@host", "https://a b"]
)
def test_no_secret_in_the_refusal_of_a_url(url):
    with pytest.raises(BadInput) as caught:
        Session(url)
    assert "can" not in _everything(caught.value).replace("cannot", "").split("BadInput")[-1]


# --- proxies, TLS, which host may be asked --------------------------------------------------------


@pytest.fixture
def socks(server):
    proxy = SocksProxy({"node.internal": server.port, "abcdefgh.onion": server.port})
    yield proxy
    proxy.stop()


@pytest.mark.parametrize("host", ["node.internal", "abcdefgh.onion"])
def test_socks5h_lets_the_proxy_find_the_name(server, socks, session, host):
    server.answers["/x"] = [text("[]")]
    reply = session(f"http://{host}", proxy=f"socks5h://{socks.address}").get("/x")
    assert (reply.url, reply.body) == (f"http://{host}/x", b"[]")
    assert socks.asked == [(host, 80)]


def test_a_proxy_is_never_passed_by(server, session, socks):
    server.answers["/x"] = [text("[]")]
    with pytest.raises(SourceUnavailable, match="the proxy did not connect"):
        session(server.url, proxy=f"socks5h://{socks.address}").get("/x")
    with pytest.raises(SourceUnavailable, match="the proxy did not connect"):
        session(server.url, proxy="http://ann:canary@127.0.0.1:9").get("/x")
    assert server.asked == []


def test_an_onion_is_not_looked_up_in_the_open():
    for proxy in (None, "socks5://127.0.0.1:9050"):
        with pytest.raises(HostNotAllowed, match="only be reached through Tor") as caught:
            Session("http://abcdefgh.onion/api", proxy=proxy)
        assert "socks5h://127.0.0.1:9050" in caught.value.hint


@pytest.mark.parametrize(
    "proxy", ["", "127.0.0.1:9050", "socks4://127.0.0.1:1", "socks5h://", "http://a:b:c"]
)
def test_a_proxy_that_cannot_be_used_is_refused_at_once(proxy):
    with pytest.raises(BadInput, match="not a proxy URL"):
        Session("https://blockstream.info/api", proxy=proxy)


def test_unknown_certificates_are_refused_and_own_ones_accepted(session, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = [
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    try:
        subprocess.run(["openssl", *made.split(), *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not on this machine")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = FaultyServer(context)
    try:
        server.answers["/x"] = [text("[]")]
        url = f"https://localhost:{server.port}"
        assert session(url, ca_bundle=str(certificate)).get("/x").body == b"[]"
        with pytest.raises(TLSError, match="self-signed certificate"):
            session(url).get("/x")
        assert len(server.asked) == 1
    finally:
        server.stop()


def test_https_to_a_plain_port_is_a_tls_error(server, session):
    with pytest.raises(TLSError, match=r"wrong version number|record layer"):
        session(server.url.replace("http:", "https:")).get("/x")


def test_a_missing_certificate_file_is_named():
    with pytest.raises(BadInput, match="no such file of certificates: /nowhere"):
        Session("https://blockstream.info/api", ca_bundle="/nowhere")


# --- pace -----------------------------------------------------------------------------------------


def test_the_budget_is_kept_per_host_across_sessions(server, session):
    said: list[str] = []
    server.answers["/x"] = [text("[]")]
    rates = {"127.0.0.1": Rate(2, 1.5)}
    session(server.url, rates=rates, on_wait=said.append).get("/x")
    other = session(server.url, rates=rates, on_wait=said.append)
    other.get("/x")
    other.get("/x")
    assert len(said) == 1
    assert said[0].startswith("127.0.0.1: at most 2 requests in 1.5 s; waiting 1.")


def test_public_hosts_have_a_budget_and_your_own_node_has_none():
    assert rate_of("blockstream.info", {}) == Rate(700, 3600, 0.25)
    assert rate_of("explorer.example", {}) == DEFAULT_RATE
    assert rate_of("192.168.1.7", {}) is None
    assert rate_of("mempool.space", {"mempool.space": Rate(1, 1)}) == Rate(1, 1)
    assert RATES["mempool.space"] == Rate(200, 60)


@given(
    st.builds(Rate, st.integers(1, 5), st.floats(0.1, 60), st.floats(0, 5)),
    st.lists(st.floats(0, 10), min_size=1, max_size=30),
)
def test_no_window_ever_holds_more_than_its_requests(rate, gaps):
    sent: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap
        now += rate.pause(sent, now)
        sent.append(now)
    for earlier, later in zip(sent, sent[rate.requests :], strict=False):
        assert later - earlier >= rate.seconds - 1e-9
    assert all(b - a >= rate.spacing - 1e-9 for a, b in itertools.pairwise(sent))
