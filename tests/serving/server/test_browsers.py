"""What a web page makes a browser send: names that point here, pages of other origins, and those that are named."""

import http.client
import json

import pytest

from qrkeras.serving.server import browsers
from tests.support import servers

BODY = json.dumps({"inputs": [[1, 2]]})


def asked(url, headers, method="GET", path="/v1/models", body=None):
    """Status, headers and text of an answer; of `headers`, {port} is the server's."""
    address = url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=600)
    connection.putrequest(method, path, skip_host=True)
    for name, value in headers:
        connection.putheader(name, value.replace("{port}", address.split(":")[1]))
    connection.putheader("Content-Length", str(len(body or "")))
    connection.endheaders((body or "").encode())
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, reply.headers, text


@pytest.fixture(scope="module")
def named(base):
    """A server on all addresses that goes by two more names, and one page of which may ask it."""
    guards = browsers.guards("0.0.0.0", ["gpu1.lan", "*.Lab.example", "fe80::1"], ["https://lab.example"])
    with servers.running(base, guards=guards) as url:
        yield url


OURS = ("Host", "127.0.0.1:{port}")


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/v1/models", "/v1/models/painter", "/nowhere"])
def test_another_name_is_refused_whatever_it_asks_for(url, path):
    status, headers, text = asked(url, [("Host", "evil.example")], path=path)
    expected = "Host must be one of localhost, 127.0.0.1, [::1], or named by --allow-host. Received: evil.example"
    assert (status, json.loads(text)) == (400, {"error": expected})


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:{port}", "LocalHost:1", "127.0.0.1", "127.0.0.1:{port}", "[::1]", "[::1]:{port}"],
)  # fmt: skip
def test_names_of_this_machine(url, named, host):
    assert asked(url, [("Host", host)])[0] == 200
    assert asked(named, [("Host", host)])[0] == 200


@pytest.mark.parametrize(
    "host",
    ["", "localhost.evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "::1",
     "[::2]", "[::1", "localhost:x", "localhost, evil.example", "0.0.0.0:{port}", "192.168.0.7", "2130706433", "*",
     "gpu1.lan"],
)  # fmt: skip
def test_names_that_are_none(url, host):
    assert asked(url, [("Host", host)])[0] == 400


def test_no_name_and_two_names(url):
    assert asked(url, [])[0] == 400
    assert asked(url, [OURS, ("Host", "evil.example")])[0] == 400


def test_names_that_are_allowed(named):
    for host in ("gpu1.lan", "GPU1.lan:{port}", "a.lab.example", "[fe80::1]:{port}"):
        assert asked(named, [("Host", host)])[0] == 200, host
    for host in ("gpu2.lan", "lab.example", "a.gpu1.lan", "0.0.0.0:{port}", "evil.example"):
        assert asked(named, [("Host", host)])[0] == 400, host


def test_the_name_that_is_listened_on_is_a_name():
    def hosts(*arguments):
        return browsers.guards(*arguments)[0].kwargs["hosts"]

    assert hosts() == hosts("0.0.0.0") == hosts("::") == hosts("::1") == ["localhost", "127.0.0.1", "[::1]"]
    assert hosts("gpu1", ["gpu1", "b"]) == ["localhost", "127.0.0.1", "[::1]", "gpu1", "b"]
    assert hosts("fe80::1")[3:] == ["[fe80::1]"]


@pytest.mark.parametrize("method, body", [("POST", BODY), ("GET", None), ("OPTIONS", None)])
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:1", "https://lab.example.evil", "http://lab.example", "",
     "127.0.0.1:{port}", "http://127.0.0.1:{port}.evil.example"],
)  # fmt: skip
def test_pages_of_other_origins(named, method, body, origin):
    path = "/v1/models/painter:predict" if body else "/v1/models"
    given = [OURS, ("Origin", origin), ("Content-Type", "application/json")]
    status, headers, text = asked(named, given, method, path, body)
    assert status == 403 and "Origin must be this server's, or named by --allow-origin" in json.loads(text)["error"]
    assert "Access-Control-Allow-Origin" not in headers


def test_a_post_that_says_only_that_it_is_from_elsewhere(url):
    for site, expected in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        given = [OURS, ("Sec-Fetch-Site", site)]
        assert asked(url, given, "POST", "/v1/models/painter:predict", BODY)[0] == expected, site
    assert asked(url, [OURS, ("Sec-Fetch-Site", "cross-site")], path="/")[0] == 200, "a link to the page"


def test_its_own_page(url):
    for host in ("127.0.0.1:{port}", "localhost:{port}"):
        given = [("Host", host), ("Origin", f"http://{host}"), ("Content-Type", "application/json")]
        status, headers, text = asked(url, given, "POST", "/v1/models/painter:predict", BODY)
        assert status == 200 and "Access-Control-Allow-Origin" not in headers
    proxied = [("Host", "localhost"), ("Origin", "https://localhost")]  # encrypted by a proxy in front
    assert asked(url, proxied, "POST", "/v1/models/painter:predict", BODY)[0] == 200
    both = [*proxied, ("Origin", "http://evil.example")]
    assert asked(url, both, "POST", "/v1/models/painter:predict", BODY)[0] == 403


def test_a_page_that_is_named_may_ask_and_read(named):
    page = ("Origin", "https://lab.example")
    wanted = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type")]
    local = ("Access-Control-Request-Private-Network", "true")
    status, headers, _ = asked(named, [OURS, page, *wanted, local], "OPTIONS", "/v1/models/painter:predict")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://lab.example")
    assert "content-type" in headers["Access-Control-Allow-Headers"].lower()
    assert headers["Access-Control-Allow-Private-Network"] == "true"
    given = [OURS, page, ("Content-Type", "application/json")]
    for body, expected in ((BODY, 200), ("{", 400)):  # it reads errors, too
        status, headers, _ = asked(named, given, "POST", "/v1/models/painter:predict", body)
        assert (status, headers["Access-Control-Allow-Origin"]) == (expected, "https://lab.example")
    text = [OURS, page, ("Content-Type", "text/plain")]
    assert asked(named, text, "POST", "/v1/models/painter:predict", BODY)[0] == 415


def test_any(base):
    with servers.running(base, guards=browsers.guards(allow_host=["*"], allow_origin=["*"])) as url:
        status, headers, _ = asked(url, [("Host", "any.example"), ("Origin", "null")])
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"allow_host": ["gpu1:8501"]}, "allow_host must be names or addresses without port.*Received: 'gpu1:8501'"),
        ({"allow_host": ["http://gpu1"]}, "Received: 'http://gpu1'"),
        ({"allow_host": ["a*b"]}, r"such as gpu1.lan or \*.lan, or \*. Received: 'a\*b'"),
        ({"allow_host": [""]}, "Received: ''"),
        ({"allow_origin": ["lab.example"]}, "allow_origin must be SCHEME://HOST.*Received: 'lab.example'"),
        ({"allow_origin": ["https://lab.example/"]}, "Received: 'https://lab.example/'"),
        ({"allow_origin": ["null"]}, "Received: 'null'"),
    ],
)
def test_bad_names(options, message):
    with pytest.raises(ValueError, match=message):
        browsers.guards(**options)
