"""Bodies of `predict` requests and replies: JSON to tensors and back, by TF Serving's rules.

Row format: `{"instances": [{"images": ..., "seed": ...}, ...]}` is answered by `{"predictions": [...]}`, one entry a
row. Column format: `{"inputs": {"images": [...], "seed": [...]}}` is answered by `{"outputs": ...}`. Where there is one
input, or one output, its name may be, or is, left out. Bytes are `{"b64": "..."}`; so are outputs named `..._bytes`.

Stricter than TF Serving in one place: a name in `inputs` that is no input is refused, not passed over.
"""

import base64
import binascii
import dataclasses

import numpy as np

from qrkeras.serving import wire
from qrkeras.serving.server.errors import Refused

TYPES = {int: "integers", float: "decimals", bool: "booleans", str: "strings", type(None): "null", dict: "objects"}
ACCEPTED = {"i": {int}, "u": {int}, "f": {int, float}, "V": {int, float}, "b": {bool}, "O": {str, dict}}  # V: bfloat16


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a tensor of a signature is: NumPy dtype (object: strings), and shape, None where a size is free, or None."""

    dtype: np.dtype
    shape: tuple | None

    def __str__(self):
        kind = "string" if self.dtype.kind == "O" else self.dtype.name
        if self.shape is None:
            return kind
        sizes = ["batch" if i == 0 else "any" for i in range(len(self.shape))]
        sizes = [free if size is None else str(size) for free, size in zip(sizes, self.shape, strict=True)]
        return f"{kind} of shape ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def admits(self, shape):
        """Whether an array of `shape` is one of these."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(own in (None, size) for own, size in zip(self.shape, shape))


def parse(body):
    """The JSON object of a `predict` request; raises Refused.

    Returns: name of its signature, its value, whether that is in row format.
    """
    try:
        request = wire.decode(body)
    except ValueError as error:
        raise Refused(400, f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise Refused(400, f"the request must be a JSON object. Received: {_kind(request)}")
    name = request.get("signature_name", "serving_default")
    if not isinstance(name, str):
        raise Refused(400, f"signature_name must be a string. Received: {_kind(name)}")
    if ("instances" in request) == ("inputs" in request):
        raise Refused(400, "the request must have one of the keys 'instances' and 'inputs', and not both.")
    return name or "serving_default", request.get("instances", request.get("inputs")), "instances" in request


def inputs_of(value, specs, rows):
    """The tensors that a request hands to a signature; raises Refused, naming the input.

    Args:
      value: of `instances` or `inputs`.   specs: `{name: Spec}` of the signature's inputs.
      rows: whether it is `instances`.
    Returns: `{name: array}`.
    """
    columns = _columns_of_rows(value, specs) if rows else _columns(value, specs)
    return {name: tensor(name, columns[name], spec) for name, spec in specs.items()}


def _columns(value, specs):
    if not isinstance(value, dict) or _is_bytes(value, specs):
        if len(specs) > 1:
            raise Refused(400, f"inputs must be an object with the keys {_names(specs)}. Received: {_kind(value)}")
        return dict.fromkeys(specs, value)
    _check_names("inputs", value, specs)
    return value


def _columns_of_rows(value, specs):
    if not isinstance(value, list) or not value:
        raise Refused(400, f"instances must be a list with at least one entry. Received: {_kind(value)}")
    named = isinstance(value[0], dict) and not _is_bytes(value[0], specs)
    if not named and len(specs) == 1:
        return dict.fromkeys(specs, value)
    for i, row in enumerate(value):
        if not isinstance(row, dict):
            expected = f"an object with the keys {_names(specs)}"
            raise Refused(400, f"instances[{i}] must be {expected}. Received: {_kind(row)}")
        _check_names(f"instances[{i}]", row, specs)
    return {name: [row[name] for row in value] for name in specs}


def _check_names(where, given, specs):
    for name in specs:
        if name not in given:
            raise Refused(400, f"{where} must have the keys {_names(specs)}. Missing: {name}")
    for name in given:
        if name not in specs:
            raise Refused(400, f"{where} must have the keys {_names(specs)}. Received also: {name[:80]}")


def tensor(name, value, spec):
    """Nested lists as the array that `spec` asks for; raises Refused, naming the input."""
    array = np.array(value, dtype=object)
    values = array.ravel().tolist()
    found = set(map(type, values))
    if list in found:
        raise Refused(400, f"{name} must be {spec}. Received: lists of unequal length or depth")
    if spec.dtype.kind not in ACCEPTED:
        raise Refused(400, f"{name} must be {spec}, for which there is no JSON.")
    if wrong := found - ACCEPTED[spec.dtype.kind]:
        raise Refused(400, f"{name} must be {spec}. Received: {', '.join(sorted(TYPES[kind] for kind in wrong))}")
    if not spec.admits(array.shape):
        raise Refused(400, f"{name} must be {spec}. Received: shape {array.shape}")
    if spec.dtype.kind == "O":
        strings = np.empty(array.shape, object)
        strings.ravel()[:] = [_bytes(name, entry) for entry in values]
        return strings
    try:
        with np.errstate(over="ignore"):
            result = array.astype(spec.dtype)
    except OverflowError:
        raise Refused(400, f"{name} must be {spec}. Received: a number beyond its range") from None
    if spec.dtype.kind in "fV" and np.any(np.isinf(result) & ~np.isinf(array.astype("float64"))):
        raise Refused(400, f"{name} must be {spec}. Received: a number beyond its range")
    return result


def _bytes(name, entry):
    try:
        if isinstance(entry, str):
            return entry.encode()
        if set(entry) == {"b64"} and isinstance(entry["b64"], str):
            return base64.b64decode(entry["b64"], validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        pass
    raise Refused(400, f'{name} must hold text, or bytes as {{"b64": BASE64}}. Received neither')


def reply(outputs, rows):
    """The body that answers a request: bytes of JSON.

    Args:
      outputs: `{name: array}`.   rows: whether the request was in row format.
    """
    columns = {name: _strings(name, array) if array.dtype.kind == "O" else array for name, array in outputs.items()}
    if not rows:
        return wire.encode({"outputs": _only(columns)})
    sizes = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if None in sizes.values() or len(set(sizes.values())) > 1:
        raise Refused(
            400, f"outputs must share their first dimension in row format; ask by 'inputs'. They have: {sizes}"
        )
    if len(columns) == 1:
        return wire.encode({"predictions": _only(columns)})
    count = next(iter(sizes.values()))
    return wire.encode({"predictions": [{name: column[i] for name, column in columns.items()} for i in range(count)]})


def _strings(name, array):
    def text(entry):
        if isinstance(entry, list):
            return [text(each) for each in entry]
        return {"b64": base64.b64encode(entry).decode()} if name.endswith("_bytes") else entry.decode(errors="replace")

    return text(array.tolist())


def _only(columns):
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _is_bytes(value, specs):
    return set(value) == {"b64"} and "b64" not in specs


def _names(specs):
    return ", ".join(specs)


def _kind(value):
    if isinstance(value, (list, dict)):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return TYPES[type(value)]
