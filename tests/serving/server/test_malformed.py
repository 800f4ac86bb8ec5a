"""Malformed requests: each is answered by a 4xx that names the input, and the next good request is answered."""

import asyncio
import copy
import json

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qrkeras.serving.server.limits import Limits
from tests.support import malformed, servers
from tests.support.askers import send_malformed
from tests.support.server_load import export

GOOD = {
    "seed": [[1, 2], [3, 4]],
    "images": [[[[7]] * 4] * 4] * 2,
    "mask": [[[0] * 4] * 4] * 2,
    "tau": [0.2, 0.4],
}
TAKES = {
    "sample": ["seed"],
    "inpaint": ["images", "mask", "seed"],
    "inpaint_quantile": ["images", "mask", "tau"],
    "score": ["images"],
}
RANGE = {"seed": (-(2**31), 2**31 - 1), "mask": (-(2**31), 2**31 - 1), "images": (0, 255)}
SHAPE = {"seed": (2,), "images": (4, 4, 1), "mask": (4, 4), "tau": ()}
quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.text(alphabet="\ud800\udfff", min_size=1, max_size=2)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3) | st.just("b64"), inner, max_size=2)
    ),
    max_leaves=12,
)


def valid(name, value, shape=None):
    """Whether JSON is two rows of this input: written anew here, value by value."""
    shape = (2, *SHAPE[name]) if shape is None else shape
    if shape:
        return (
            isinstance(value, list) and len(value) == shape[0] and all(valid(name, entry, shape[1:]) for entry in value)
        )
    if name == "tau":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1
    low, high = RANGE[name]
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


@pytest.fixture(scope="module")
def post(url):
    with requests.Session() as session:

        def send(body, path="/v1/models/painter:predict"):
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            return session.post(url + path, data=data, timeout=600)

        yield send


def check(post, body, *named, answered=False):
    reply = post(body)
    if answered:
        assert reply.status_code == 200, reply.text
    else:
        error = reply.json()["error"]
        assert reply.status_code == 400, (reply.status_code, error)
        assert not named or any(name in error for name in named), (named, error)
    good = post({"signature_name": "sample", "inputs": {"seed": [[1, 2]]}})
    assert good.status_code == 200 and good.json()["outputs"][0][3][3] == [12]  # 10 * 1 + 2


@st.composite
def broken_input(draw):
    """A request in which one value of one input is something else, or gone: the body, the input's name, its value."""
    signature = draw(st.sampled_from(sorted(TAKES)))
    inputs = {name: copy.deepcopy(GOOD[name]) for name in TAKES[signature]}
    name = draw(st.sampled_from(TAKES[signature]))
    holder, place = inputs, name
    for _ in range(draw(st.integers(0, len(SHAPE[name]) + 1))):
        holder = holder[place]
        place = draw(st.integers(0, len(holder) - 1))
    if isinstance(holder, list) and draw(st.booleans()):
        del holder[place]
    else:
        holder[place] = draw(values)
    body = {"signature_name": signature, "inputs": inputs}
    if isinstance(inputs[name], list) and len(inputs[name]) == 2 and draw(st.booleans()):
        rows = [{key: inputs[key][i] for key in inputs} for i in range(2)]
        body = {"signature_name": signature, "instances": rows}
    return body, name, inputs[name]


@quickly
@given(broken_input())
def test_an_input_that_is_broken(post, case):
    body, name, value = case
    alone = len(TAKES[body["signature_name"]]) == 1
    # One row of the only input, or more, is as good as two.
    count = len(value) if alone and isinstance(value, list) and value else 2
    check(post, body, name, answered=valid(name, value, (count, *SHAPE[name])))


@quickly
@given(st.sampled_from(sorted(TAKES)), st.data())
def test_names_that_are_missing_or_too_many(post, signature, data):
    inputs = {name: GOOD[name] for name in TAKES[signature]}
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from(TAKES[signature]))
        del inputs[name]
    else:
        name = data.draw(st.text(alphabet="abcxyz_", min_size=1, max_size=8))
        inputs[name] = data.draw(values)
    if name in TAKES[signature] and name in inputs:
        return
    if inputs and data.draw(st.booleans()):
        rows = [{key: value[i] if key in GOOD else value for key, value in inputs.items()} for i in range(2)]
        check(post, {"signature_name": signature, "instances": rows}, name)
    else:
        check(post, {"signature_name": signature, "inputs": inputs}, name)


@quickly
@given(values, st.sampled_from(["instances", "inputs", "signature_name", None]))
def test_any_json(post, value, key):
    body = value if key is None else {"signature_name": "score", key: value}
    names = {None: ["request"], "signature_name": ["instances" if isinstance(value, str) else "signature_name"]}
    check(post, body, *names.get(key, [key, "images"]))


@quickly
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,0123456789einstances ', max_size=60).map(str.encode))
def test_any_bytes(post, body):
    try:
        json.loads(body)
    except ValueError:
        check(post, body, "JSON Parse error")


@quickly
@given(st.text(alphabet="abz0129:/.%-_?#é²", max_size=30))
def test_any_path(post, url, path):
    for url_path in ("/v1/models/" + path, "/v1/models/painter" + path, "/v1/models/painter/versions/" + path):
        reply = post({"inputs": [[1, 2]]}, url_path)
        assert reply.status_code in (400, 404) and reply.json()["error"]
        assert requests.get(url + url_path, timeout=600).status_code in (200, 400, 404)
    check(post, b"{}", "instances")


@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_lists_without_end(post, depth):
    body = b'{"signature_name": "sample", "inputs": ' + b"[" * depth + b"]" * depth + b"}"
    check(post, body, "seed" if depth < 1_000 else "JSON Parse error")


def test_endless_numbers(post):
    check(post, b'{"inputs": [[1, ' + b"9" * 5_000 + b"]]}", "JSON Parse error")
    check(post, b'{"inputs": [[1, ' + b"9" * 4_000 + b"]]}", "seed")
    check(post, b'{"inputs": [[1, 1e400]]}', "seed")


def test_ten_of_every_kind_at_once(tmp_path, caplog):
    """A short turn of tests/support/server_load.py, which sends 10,000 to a process."""
    export(tmp_path / "count" / "1", 1)
    kinds = [kind for kind in malformed.KINDS if kind != "unfinished"]  # which waits for its deadline
    with servers.running(tmp_path, Limits(timeout_s=servers.PATIENCE)) as url:
        host, port = url.removeprefix("http://").split(":")
        call = send_malformed((host, int(port)), 10 * len(kinds), 20, servers.PATIENCE, kinds=kinds)
        found, wrong = asyncio.run(call)
    assert not wrong, "good requests between them are answered"
    outcomes = {outcome for kind in found.values() for outcome in kind}
    assert outcomes <= {"left", "end", 200, 400, 403, 404, 405, 413, 415, 501}
    assert not [record for record in caplog.records if record.exc_info]
