"""Malformed requests of all kinds, as the bytes that a client sends: what a server must refuse, and outlive.

`KINDS` maps a name to a function of `random.Random`, which returns a `Sent`. Each is for a model `count` whose
signature takes `x` int32 [batch] and answers `y = x + version`.
"""

import dataclasses
import functools
import gzip
import json

PATH = "/v1/models/count:predict"
GOOD = b'{"instances": [7]}'


@dataclasses.dataclass(frozen=True)
class Sent:
    """What a client sends.

    Attributes:
      data: bytes.   pieces: in how many parts, with a pause after each.
      end: `keep` the connection open, `half` closes the sending side, `leave` closes it, `reset` tears it down.
      good: how many of the requests in it are to be answered by 200, in this order.
    """

    data: bytes
    pieces: int = 1
    end: str = "keep"
    good: int = 0


def request(body=GOOD, path=PATH, method="POST", length=None, headers=(), host="localhost"):
    """An HTTP request, as bytes."""
    lines = [f"{method} {path} HTTP/1.1".encode(), *([f"Host: {host}".encode()] if host else [])]
    if length is None and body:
        length = len(body)
    lines += [f"Content-Length: {length}".encode()] if length is not None else []
    return b"\r\n".join([*lines, *headers, b"", body])


def chunked(*chunks, end=b"0\r\n\r\n"):
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    return request(body, length=None, headers=[b"Transfer-Encoding: chunked"]).replace(
        b"Content-Length: %d\r\n" % len(body), b""
    )


def torn_json(rng):
    return Sent(request(GOOD[: rng.randrange(len(GOOD))]))


def noise(rng):
    return Sent(request(rng.randbytes(rng.randrange(1, 300))))


def other_json(rng):
    values = [
        None, True, 1, 1.5, "x", [], {}, [1], {"instances": 1}, {"instances": []}, {"inputs": None}, {"inputs": {}},
        {"instances": [7], "inputs": [7]}, {"instances": [[7]]}, {"instances": ["7"]}, {"instances": [7.5]},
        {"instances": [2**31]}, {"instances": [True]}, {"instances": [None]}, {"instances": [[], [1]]},
        {"instances": [{"y": 7}]}, {"instances": [{"x": 7, "z": 1}]}, {"inputs": {"x": [7], "\ud800": 1}},
        {"instances": [{"b64": "AA=="}]}, {"instances": list(range(100))}, {"signature_name": 3, "instances": [7]},
        {"signature_name": "none", "instances": [7]}, {"signature_name": "\ud800", "instances": [7]},
    ]  # fmt: skip
    return Sent(request(json.dumps(rng.choice(values)).encode()))


def endless_json(rng):
    depth = rng.choice([100, 1_000, 100_000])
    return Sent(
        request(
            rng.choice(
                [
                    b'{"instances": ' + b"[" * depth + b"]" * depth + b"}",
                    b'{"instances": [' + b"9" * 5_000 + b"]}",
                    b'{"instances": [1e400]}',
                    b'{"instances": [NaN]}',
                    b'{"a":' * depth,
                ]
            )
        )
    )


def types_and_packings(rng):
    name = rng.choice([b"Content-Type: ", b"Content-Encoding: "])
    value = rng.choice(
        [b"text/plain", b"multipart/form-data; boundary=x", b"deflate", b"br", b"gzip, gzip", b"\xff", b"x;"]
    )
    return Sent(request(headers=[name + value]))


@functools.cache
def bomb():
    return gzip.compress(bytes(10**8), 9)


def packed(rng):
    whole = gzip.compress(GOOD, mtime=0)
    bodies = [
        GOOD,
        whole[:-1],
        whole[:9],
        whole + b"x",
        whole * 2,
        gzip.compress(whole),
        bomb(),
    ]
    return Sent(request(rng.choice(bodies), headers=[b"Content-Encoding: gzip"]))


def lengths(rng):
    wrong = ["-1", "+18", "0x12", "18, 19", "1e3", "", "18 18"]
    sent = [
        request(length=rng.choice(wrong)),
        request(length=len(GOOD) - 1),  # what is left is no request
        request(headers=[b"Content-Length: 3"]),
        request(headers=[b"Transfer-Encoding: gzip, identity"]),
    ]
    return Sent(rng.choice(sent))


def unfinished(rng):
    """It waits for an answer, and the server for the rest."""
    return Sent(rng.choice([request(length=10**30), request(length=99), chunked(GOOD, end=b""), chunked()[:-2]]))


def too_short(rng):
    return Sent(request(length=len(GOOD) + rng.randrange(1, 10**6)), end=rng.choice(["half", "leave", "reset"]))


def heads(rng):
    sent = [
        b"", b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(64),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", rng.randbytes(200) + b"\r\n\r\n",
        request().replace(b"HTTP/1.1", b"HTTP/9.9"), request().replace(b"POST", b"P OST"),
        request(headers=[b"X" * 10**5 + b": 1"]), request(headers=[b"X: " + b"y" * 10**6]),
        request(headers=[b"X: \x00"]), request(headers=[b"X 1"]), request(headers=[b": 1"]),
        request(headers=[b"X: 1\r\n folded"]), request(headers=[b"X%d: 1" % i for i in range(5_000)]),
        request(method="BREW"), request(method="post"), request(headers=[b"Expect: 200-maybe"]),
        request(headers=[b"Upgrade: websocket", b"Connection: Upgrade"], method="PUT"),
        request().replace(b"\r\n", b"\n", 3).replace(b"instances", b"x"),
    ]  # fmt: skip
    return Sent(rng.choice(sent), end="half")


def hosts_and_origins(rng):
    sent = [request(host=None), request(host=rng.choice(["evil.example", "[::1", "a b", "localhost.evil.example"]))]
    sent += [
        request(headers=[b"Host: localhost"]),
        request(headers=[b"Origin: " + rng.choice([b"null", b"http://evil.example"])]),
    ]
    return Sent(rng.choice(sent))


def chunks(rng):
    sent = [
        chunked(GOOD[:3], b"{"), chunked(GOOD, end=b"0\r\nX: 1\r\n\r\n").replace(b"instances", b"instancez"),
        chunked(GOOD, end=b"zz\r\n"), chunked(GOOD, end=b"-1\r\n\r\n"), chunked(GOOD, end=b"f" * 40 + b"\r\n"),
        chunked(end=b"5;" + b"x" * 10**5 + b"\r\nabcde\r\n0\r\n\r\n"), chunked(GOOD).replace(b"12\r\n", b"13\r\n"),
    ]  # fmt: skip
    return Sent(rng.choice(sent))


def chunks_to_nowhere(rng):
    """Refused before its body is read, which is no HTTP."""
    wrong = rng.choice([(b"localhost", b"evil.example"), (b"models/count", b"models/none"), (b"POST", b"PUT")])
    return Sent(chunked(GOOD, end=b"zz\r\n").replace(*wrong), pieces=rng.choice([1, 1, 2, 5]))


def chunks_that_end(rng):
    return Sent(chunked(*[b" "] * rng.randrange(50), end=b""), end=rng.choice(["half", "leave", "reset"]))


def pipelined(rng):
    """Good and bad ones in one go: the good are answered, each in its place."""
    bad = rng.choice([request(b"{"), request(path="/v1/models/none:predict"), request(method="PUT")])
    return Sent(request() + bad + request(), good=2)


def pipelined_without_end(rng):
    return Sent(request(b"{") * rng.randrange(2, 50) + b"POST", end=rng.choice(["half", "leave", "reset"]))


def paths(rng):
    tricks = [
        "/v1/models/../../etc/passwd", "/../../etc/passwd", "/v1/models/%2e%2e/%2e%2e/count:predict",
        "//v1/models/count:predict", "/v1/models/count%00:predict", "/v1/models/count:predict/",
        "/v1/models/count:predict%20", "/v1/models//:predict",
        f"/v1/models/count/versions/{'9' * rng.randrange(18, 5_000)}:predict",
        "/v1/models/count/versions/-1:predict", "/v1/models/count/labels/%ff:predict",
        f"/v1/models/{'a' * 60_000}:predict", "/v1/models/count:train", "*",
        "http://evil.example/v1/models/none:predict", "/v1/models/\xe9:predict", "/v1/models/count;x:predict",
        "\\..\\x", "/v1/models/.%2fcount:predict", "/v1/models/count%252f1:predict", "/page.html", "/healthz/../v1",
        "/V1/models/count:predict",
    ]  # fmt: skip
    path = rng.choice(tricks)
    data = request(path="/PATH", method=rng.choice(["POST", "GET"]))
    return Sent(data.replace(b"/PATH", path.encode("latin-1")))


def slow(rng):
    """A body, good or not, in drops."""
    good = rng.random() < 0.5
    return Sent(request(GOOD if good else b"{" + GOOD), pieces=rng.randrange(2, 12), good=int(good))


def slow_and_gone(rng):
    data = request()
    return Sent(data[: rng.randrange(1, len(data))], pieces=4, end=rng.choice(["half", "leave", "reset"]))


def half_closed(rng):
    """Asked in full, and then no more: it is to be answered."""
    data, good = rng.choice([(request(), 1), (request(b"{"), 0), (request() * 3, 3), (request() + b"POST", 1)])
    return Sent(data, end="half", good=good)


def gone(rng):
    return Sent(request(rng.choice([GOOD, b"{"])), end=rng.choice(["leave", "reset"]))


KINDS = {
    function.__name__: function
    for function in (
        unfinished, torn_json, noise, other_json, endless_json, types_and_packings, packed, lengths, too_short, heads,
        hosts_and_origins, chunks, chunks_to_nowhere, chunks_that_end, pipelined, pipelined_without_end, paths, slow,
        slow_and_gone, half_closed, gone,
    )
}  # fmt: skip
