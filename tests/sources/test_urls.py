"""Which URL may be asked, and how it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import BadInput, HostNotAllowed
from chainflow.sources.urls import is_private, read_endpoint, redact


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "192.168.1.7",
        "172.16.0.1",
        "169.254.1.1",
        "100.64.0.9",
        "fd00::1",
        "umbrel.local",
        "electrs",
        "node.lan",
        "btc.internal",
        "nas.home.arpa",
        "a.localhost",
        "::ffff:10.0.0.1",
    ],
)
def test_own_and_local_hosts_are_private(host):
    assert is_private(host)


@pytest.mark.parametrize(
    "host",
    [
        "blockstream.info",
        "8.8.8.8",
        "2606:4700::1111",
        "local.example",
        "localhost.example",
        "127.0.0.1.example",
        "134744072",
        "0x08080808",
        "::ffff:8.8.8.8",
        "172.32.0.1",
        "0x8.8.8.8",
        "8.134744",
    ],
)
def test_public_hosts_are_not(host):
    assert not is_private(host)


@pytest.mark.parametrize(
    "url", ["http://blockstream.info/api", "http://134744072/", "http://[::ffff:8.8.8.8]/"]
)
def test_unencrypted_questions_to_the_public_are_refused(url):
    with pytest.raises(HostNotAllowed, match="without encryption") as caught:
        read_endpoint(url)
    assert "https://" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000", "http://[::1]:3000/api", "http://umbrel.local:3006/api"]
)
def test_ones_own_node_may_speak_plain_http(url):
    assert read_endpoint(url).shown == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "blockstream.info/api",
        "ftp://host/",
        "file:///etc/passwd",
        "https://",
        "https:///api",
        "https://a b/",
        "https://good.example\\@evil.example/",
        "https://bloсkstream.info/api",
        "https://h:99999/",
        "https://h:x/",
        "https://host/api#part",
        "https://-x.example/",
        "https://a..b/",
        "https://[::1/",
        "javascript:alert(1)",
        "https://host%2eexample/",
        "https://host/\n",
    ],
)
def test_a_url_that_readers_could_understand_differently_is_refused(url):
    with pytest.raises(BadInput, match="not the URL of a source"):
        read_endpoint(url)


def test_a_stored_url_whose_key_is_gone_is_not_asked():
    with pytest.raises(BadInput, match="was never stored"):
        read_endpoint("https://node.example/v1/REDACTED/api")


def test_login_query_and_tokens_are_sent_but_not_shown():
    endpoint = read_endpoint(
        "https://ann:p%40ss@Node.Example:8443/v1/0a1b2c3d4e5f6a7b8c9d0e1f/api/?apikey=s3cret&v=2"
    )
    assert endpoint.auth == ("ann", "p@ss")
    assert (
        endpoint.url("/tx/1")
        == "https://node.example:8443/v1/0a1b2c3d4e5f6a7b8c9d0e1f/api/tx/1?apikey=s3cret&v=2"
    )
    assert endpoint.shown == "https://node.example:8443/v1/REDACTED/api"
    assert endpoint.shown_url("/tx/1") == endpoint.shown + "/tx/1?apikey=REDACTED&v=2"
    assert not [secret for secret in ("p@ss", "p%40ss", "s3cret", "0a1b2c") if secret in repr(endpoint)]


@given(
    st.sampled_from(
        ["apikey", "api_key", "key", "token", "access_token", "X-Auth", "sig", "PASSWORD", "session"]
    ),
    st.text("abcdefghijklmnop0123456789/?#:@!", min_size=4, max_size=20),
)
def test_a_secret_anywhere_before_the_host_or_in_a_key_is_hidden(name, secret):
    secret = f"CANARY{secret}CANARY"
    assert "CANARY" not in redact(f"https://ann:{secret}@host.example/api")
    plain = secret.replace("#", "").replace("?", "").replace("@", "")
    assert "CANARY" not in redact(f"https://host.example/api?page=2&{name}={plain}")


def test_what_is_no_secret_stays():
    url = "https://mempool.space/api/txs/outspends?txids=4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
    assert redact(url) == url
    assert redact("https://[") == "(an unreadable URL)"
