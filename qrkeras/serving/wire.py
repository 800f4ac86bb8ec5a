"""JSON as TF Serving speaks it, for both ends: NumPy arrays as nested lists, and the tokens NaN and Infinity."""

import json

import numpy as np
import orjson


def encode(value):
    """`value` as JSON: bytes. Arrays become nested lists, floats the shortest decimals that read back the same."""
    return orjson.dumps(value, default=_array)


def decode(body):
    """What the JSON `body` says; raises ValueError where it is none."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _array(array):
    if not isinstance(array, (np.ndarray, np.generic)):
        raise TypeError(f"no JSON for {type(array).__name__}")
    if array.dtype.kind not in "biuf":
        array = array.astype("float32")  # bfloat16
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return orjson.Fragment(json.dumps(array.tolist()))  # orjson would write null
    if array.ndim == 0:
        return orjson.Fragment(orjson.dumps(array.reshape(1), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1])
    return orjson.Fragment(orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY))
