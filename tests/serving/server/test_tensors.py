"""JSON to tensors and back, without a server. The first cases are those of TF Serving's documentation (api_rest.md)."""

import json

import ml_dtypes
import numpy as np
import pytest

from qrkeras.serving.server import tensors
from qrkeras.serving.server.errors import Refused
from qrkeras.serving.server.tensors import Spec

STRING = Spec(np.dtype(object), (None,))
NAMED = {
    "sensor": Spec(np.dtype("float32"), (None, 2, 2)),
    "signal": Spec(np.dtype("int32"), (None, 5)),
    "tag": STRING,
}


def read(body, specs):
    name, value, rows = tensors.parse(json.dumps(body).encode())
    return tensors.inputs_of(value, specs, rows)


def test_three_strings():
    assert read({"instances": ["foo", "bar", "baz"]}, {"x": STRING})["x"].tolist() == [b"foo", b"bar", b"baz"]


def test_two_tensors_of_shape_1_2():
    # "List of 2 tensors each of [1, 2] shape"
    found = read({"instances": [[[1, 2]], [[3, 4]]]}, {"x": Spec(np.dtype("int64"), (None, 1, 2))})["x"]
    assert found.dtype == "int64" and found.tolist() == [[[1, 2]], [[3, 4]]]


ROWS = [
    {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]},
    {"tag": "bar", "signal": [3, 4, 1, 2, 5], "sensor": [[4, 5], [6, 8]]},
]
COLUMNS = {
    "tag": ["foo", "bar"],
    "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
    "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]],
}


@pytest.mark.parametrize("body", [{"instances": ROWS}, {"inputs": COLUMNS}])
def test_three_named_inputs(body):
    found = read(body, NAMED)
    assert found["tag"].tolist() == [b"foo", b"bar"]
    assert found["signal"].dtype == "int32" and found["signal"].tolist() == COLUMNS["signal"]
    assert found["sensor"].dtype == "float32" and found["sensor"].tolist() == COLUMNS["sensor"]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": ["a", {"b64": "AP8="}]},
        {"inputs": {"x": ["a", {"b64": "AP8="}]}},
        {"instances": [{"x": "a"}, {"x": {"b64": "AP8="}}]},
        {"instances": ["a", {"b64": "AP8="}]},
    ],
)
def test_bytes(body):
    assert read(body, {"x": STRING})["x"].tolist() == [b"a", b"\x00\xff"]  # AP8= is 0, 255


def test_bytes_come_first_in_rows():
    assert read({"instances": [{"b64": "AP8="}, "a"]}, {"x": STRING})["x"].tolist() == [b"\x00\xff", b"a"]
    assert read({"inputs": {"b64": "AP8="}}, {"x": Spec(np.dtype(object), ())})["x"].tolist() == b"\x00\xff"


@pytest.mark.parametrize(
    "dtype, value, expected",
    [
        ("float32", [1, 2.5, -3], [1.0, 2.5, -3.0]),
        ("float64", [1e300], [1e300]),
        (ml_dtypes.bfloat16, [0.5], [0.5]),
        ("bool", [True, False], [True, False]),
        ("uint64", [2**64 - 1], [2**64 - 1]),
        ("int64", [-(2**63)], [-(2**63)]),
    ],
)
def test_dtypes(dtype, value, expected):
    found = tensors.tensor("x", value, Spec(np.dtype(dtype), (None,)))
    assert found.dtype == dtype and found.tolist() == expected


def test_tokens_of_floats():
    name, value, rows = tensors.parse(b'{"inputs": {"x": [NaN, Infinity, -Infinity]}}')
    found = tensors.inputs_of(value, {"x": Spec(np.dtype("float32"), (None,))}, rows)["x"]
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf])


SEED = Spec(np.dtype("int32"), (None, 2))


@pytest.mark.parametrize(
    "spec, value, message",
    [
        (SEED, [[1, 2], [3]], "Received: lists of unequal length or depth"),
        (SEED, [[1, 2], 3], "Received: lists of unequal length or depth"),
        (SEED, [[1, 2, 3]], r"Received: shape \(1, 3\)"),
        (SEED, [1, 2], r"Received: shape \(2,\)"),
        (SEED, 3, r"Received: shape \(\)"),
        (SEED, [], r"Received: shape \(0,\)"),
        (SEED, [[1, 2.0]], "Received: decimals"),
        (SEED, [[1, True]], "Received: booleans"),
        (SEED, [[1, "2"]], "Received: strings"),
        (SEED, [[1, None]], "Received: null"),
        (SEED, [[1, {"b64": "AA=="}]], "Received: objects"),
        (SEED, [[1, 2**31]], "Received: a number beyond its range"),
        (SEED, [[1, 2**80]], "Received: a number beyond its range"),
        (Spec(np.dtype("uint8"), (None, 2)), [[0, 256]], "beyond its range"),
        (Spec(np.dtype("uint8"), (None, 2)), [[0, -1]], "beyond its range"),
        (Spec(np.dtype("uint64"), (None,)), [-1], "beyond its range"),
        (Spec(np.dtype("float32"), (None,)), [1e39], "beyond its range"),
        (Spec(np.dtype("float32"), (None,)), [10**400], "beyond its range"),
        (Spec(np.dtype("complex64"), None), [1], "complex64, for which there is no JSON"),
        (STRING, [1], "Received: integers"),
        (STRING, [{"b64": "AA="}], "text, or bytes"),
        (STRING, [{"b64": 3}], "text, or bytes"),
        (STRING, [{"c64": "AA=="}], "text, or bytes"),
        (STRING, ["\ud800"], "text, or bytes"),
    ],
)
def test_an_input_that_is_wrong_is_named(spec, value, message):
    with pytest.raises(Refused, match=rf"^seed must .*{message}") as refused:
        tensors.tensor("seed", value, spec)
    assert refused.value.status == 400


def test_a_spec_says_what_it_wants():
    assert str(SEED) == "int32 of shape (batch, 2)"
    assert str(STRING) == "string of shape (batch,)"
    assert str(Spec(np.dtype("uint8"), (None, None, 3))) == "uint8 of shape (batch, any, 3)"
    assert str(Spec(np.dtype("uint8"), None)) == "uint8"


@pytest.mark.parametrize(
    "body, message",
    [
        ([], "the request must be a JSON object. Received: a list of 0"),
        ({}, "one of the keys 'instances' and 'inputs', and not both"),
        ({"instances": [1], "inputs": [1]}, "and not both"),
        ({"instances": [1], "signature_name": 3}, "signature_name must be a string. Received: integers"),
        ({"instances": 3}, "instances must be a list with at least one entry. Received: integers"),
        ({"instances": []}, "instances must be a list with at least one entry. Received: a list of 0"),
        ({"instances": [[1]]}, r"instances\[0\] must be an object with the keys sensor, signal, tag. Received: a list"),
        ({"instances": [ROWS[0], 3]}, r"instances\[1\] must be an object with the keys sensor, signal, tag"),
        ({"instances": [ROWS[0], {"tag": "a", "sensor": 0}]}, r"instances\[1\] must .*Missing: signal"),
        ({"instances": [{**ROWS[0], "more": 1}]}, r"instances\[0\] must .*Received also: more"),
        ({"inputs": [1]}, "inputs must be an object with the keys sensor, signal, tag. Received: a list of 1"),
        ({"inputs": {"tag": ["a"]}}, "Missing: sensor"),
        ({"inputs": {**COLUMNS, "more": 1}}, "Received also: more"),
        ({"instances": [ROWS[0], {**ROWS[1], "signal": [1]}]}, "signal must be .*unequal length"),
    ],
)
def test_a_request_that_is_wrong_is_told_why(body, message):
    with pytest.raises(Refused, match=message) as refused:
        read(body, NAMED)
    assert refused.value.status == 400


def test_no_json():
    with pytest.raises(Refused, match="JSON Parse error: Expecting value"):
        tensors.parse(b"instances = [1, 2]")


def test_the_default_signature():
    assert tensors.parse(b'{"inputs": 1}') == ("serving_default", 1, False)
    assert tensors.parse(b'{"inputs": 1, "signature_name": ""}') == ("serving_default", 1, False)


@pytest.mark.parametrize(
    "outputs, rows, expected",
    [
        ({"y": np.array([3.5, 4, 5.5], "float32")}, True, '{"predictions":[3.5,4.0,5.5]}'),
        ({"y": np.array([3.5, 4, 5.5], "float32")}, False, '{"outputs":[3.5,4.0,5.5]}'),
        (
            {"a": np.array([1, 2]), "b": np.array([[0.1], [np.nan]], "float32")},
            True,
            '{"predictions":[{"a":1,"b":[0.1]},{"a":2,"b":[NaN]}]}',
        ),
        (
            {"a": np.array([1, 2]), "b": np.array([[True], [False]])},
            False,
            '{"outputs":{"a":[1,2],"b":[[true],[false]]}}',
        ),
        ({"y": np.array([b"\x00\xff"], object)}, True, '{"predictions":["\\u0000\ufffd"]}'),
        ({"y_bytes": np.array([[b"\x00\xff"]], object)}, True, '{"predictions":[[{"b64":"AP8="}]]}'),
        ({"y": np.array(3)}, False, '{"outputs":3}'),
    ],
)
def test_replies(outputs, rows, expected):
    assert tensors.reply(outputs, rows).decode() == expected


@pytest.mark.parametrize("other", [np.array([1, 2, 3]), np.array(1)])
def test_rows_that_do_not_match(other):
    with pytest.raises(Refused, match="outputs must share their first dimension in row format"):
        tensors.reply({"a": np.array([1, 2]), "b": other}, True)
