import json

import ml_dtypes
import numpy as np
import pytest

from qrkeras.serving import wire


@pytest.mark.parametrize(
    "array, text",
    [
        (np.array([[1, 2], [3, 255]], "uint8"), "[[1,2],[3,255]]"),
        (np.array([[1, 2], [3, 4]], "int64").T, "[[1,3],[2,4]]"),  # not contiguous
        (np.array([0.1, 3.0, 1e30], "float32"), "[0.1,3.0,1e+30]"),  # 0.1f is 0.100000001490116..., and reads back so
        (np.array([0.5], ml_dtypes.bfloat16), "[0.5]"),
        (np.array([True, False]), "[true,false]"),
        (np.array(7, "int32"), "7"),
        (np.float32(0.1), "0.1"),
        (np.zeros((2, 0)), "[[],[]]"),
        # JSON has no such numbers; TF Serving writes and reads these tokens.
        (np.array([1.5, np.nan, np.inf, -np.inf], "float32"), "[1.5, NaN, Infinity, -Infinity]"),
        (np.array(np.nan), "NaN"),
    ],
)
def test_arrays(array, text):
    assert wire.encode({"a": array}).decode() == f'{{"a":{text}}}'
    back = np.array(wire.decode(wire.encode(array)), array.dtype)
    np.testing.assert_array_equal(back, array)


def test_what_is_no_json():
    with pytest.raises(TypeError, match="no JSON for set|not JSON serializable"):
        wire.encode({"a": {1}})
    for body in (b"", b"{", b"\xff", b"[" * 100_000, b'{"a": 1}}', b"1" * 5_000):
        with pytest.raises(ValueError):
            wire.decode(body)
    assert json.loads(wire.encode({"τ": "é"})) == {"τ": "é"}
