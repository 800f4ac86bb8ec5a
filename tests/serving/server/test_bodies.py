"""Packed bodies, and bodies that are something else than JSON."""

import functools
import gzip
import json
import socket
import zlib

import pytest
import requests

from qrkeras.serving.server import bodies
from qrkeras.serving.server.errors import Refused
from qrkeras.serving.server.limits import Limits
from tests.support import servers

packed = functools.partial(gzip.compress, mtime=0)  # the same in every process: names of tests hold it
BODY = json.dumps({"inputs": [[1, 2]]}).encode()
DRAWN = [[[[12]] * 4] * 4]  # 10 * 1 + 2
GZIP = packed(BODY)


def post(url, data, headers):
    return requests.post(url + "/v1/models/painter:predict", data=data, headers=headers, timeout=600)


@pytest.mark.parametrize(
    "packing, data",
    [("gzip", GZIP), ("GZIP", GZIP), ("x-gzip", GZIP), ("identity, gzip", GZIP), ("identity", BODY), ("", BODY)],
)
def test_packed(url, packing, data):
    reply = post(url, data, {"Content-Encoding": packing})
    assert (reply.status_code, reply.json()) == (200, {"outputs": DRAWN})


@pytest.mark.parametrize(
    "packing, data, status, message",
    [
        ("gzip", BODY, 400, "the body must be gzip, as Content-Encoding says. Received: Error -3"),
        ("gzip", zlib.compress(BODY), 400, "the body must be gzip"),
        ("gzip", GZIP[:-3], 400, "the body must be gzip, as Content-Encoding says. Received: one that is cut short"),
        ("gzip", b"", 400, "cut short"),
        ("gzip", GZIP[:-8] + bytes(8), 400, "incorrect data check"),
        ("gzip", GZIP + b"more", 400, "the body must be one gzip stream. Received: 4 bytes after its end"),
        ("gzip", GZIP + GZIP, 400, "the body must be one gzip stream"),
        ("gzip", packed(GZIP), 400, "JSON Parse error"),
        ("gzip, gzip", packed(GZIP), 415, "Content-Encoding must be gzip, once, or identity. Received: gzip, g"),
        ("deflate", zlib.compress(BODY), 415, "Content-Encoding must be gzip, once, or identity. Received: deflate"),
        ("br", b"\x0b", 415, "Received: br"),
        ("", GZIP, 400, "JSON Parse error"),
    ],
)
def test_packed_wrong(url, packing, data, status, message):
    reply = post(url, data, {"Content-Encoding": packing})
    assert (reply.status_code, list(reply.json())) == (status, ["error"]) and message in reply.json()["error"]
    assert post(url, BODY, {}).json() == {"outputs": DRAWN}


def test_what_unpacks_to_more_than_the_bound_is_not_unpacked(base):
    bomb = packed(bytes(10**8))  # 97 kB
    with servers.running(base, Limits(max_request_mb=0.125)) as url:
        reply = post(url, bomb, {"Content-Encoding": "gzip"})
        assert reply.status_code == 413
        assert reply.json()["error"] == "a request may have 0.125 MB when it is unpacked. Received: more"
        reply = post(url, bytes(2**17 + 1), {"Content-Encoding": "gzip"})
        assert reply.json()["error"] == "a request may have 0.125 MB. Received: 131,073 bytes"


def test_the_bound_is_that_of_a_body_which_is_not_packed():
    assert bodies.unpack(packed(b"x" * 1_000), 1_000) == b"x" * 1_000
    assert bodies.unpack(packed(b""), 1_000) == b""
    with pytest.raises(Refused, match="when it is unpacked") as refused:
        bodies.unpack(packed(b"x" * 1_001), 1_000)
    assert refused.value.status == 413


@pytest.mark.parametrize("kind", [None, "application/json", "Application/JSON; charset=utf-8"])
def test_json(url, kind):
    assert post(url, BODY, {"Content-Type": kind}).json() == {"outputs": DRAWN}


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json",
     "text/plain; application/json"],
)  # fmt: skip
def test_what_is_not_called_json(url, kind):
    reply = post(url, BODY, {"Content-Type": kind})
    assert reply.status_code == 415
    expected = (
        "a body must be JSON and say so: Content-Type: application/json (curl: -H 'Content-Type: application/json')"
    )
    assert reply.json() == {"error": f"{expected}. Received: {kind}"}


def test_a_body_that_does_not_come(base):
    with servers.running(base, Limits(timeout_s=0.2)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=600) as connection:
            head = f"POST /v1/models/painter:predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99\r\n"
            connection.sendall(head.encode() + b"Connection: close\r\n\r\n{")
            answer = b"".join(iter(lambda: connection.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 408 ") and answer.endswith(b'{"error":"the request did not come within 0.2 s"}')
