"""A client of TF Serving's REST, for TF Serving and `qrkeras serve` alike: NumPy arrays in and out, no TensorFlow."""

import base64
import dataclasses

import numpy as np
import requests

from qrkeras.serving import wire

DTYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_BFLOAT16": "float32"}
DTYPES |= {f"DT_{name.upper()}": name for name in ("bool", "uint8", "uint16", "uint32", "uint64")}
DTYPES |= {f"DT_{name.upper()}": name for name in ("int8", "int16", "int32", "int64")} | {"DT_STRING": "object"}


class ServingError(Exception):
    """What the server answered in place of a result.

    Attributes:
      status: HTTP status; None where there was no answer.   message: the server's.
    """

    def __init__(self, status, message):
        super().__init__(message if status is None else f"{status}: {message}")
        self.status, self.message = status, message


@dataclasses.dataclass(frozen=True)
class Signature:
    """Inputs and outputs by name: `{name: (dtype, shape)}`, None where a size is free, `object` for strings."""

    inputs: dict
    outputs: dict


class Client:
    """Asks one model of a server; nothing is tried again.

    Example:
      ```python
      model = Client("http://127.0.0.1:8501", "pixeliqn-digits")
      images = model.sample(16, seed=0)  # uint8 (16, 8, 8, 1)
      mask = np.ones((8, 8), "uint8")
      mask[4:] = 0  # 1 is known
      completed = model.inpaint_quantile(images, mask, tau=0.5)
      ```

    Args:
      url: of the server, http://HOST:PORT.   model: its name.
      version: number, or `label`: of the version; None: the newest.
      batch_size: rows of one request; larger arrays are sent in parts, one after another.
      timeout: seconds to wait for an answer.
    """

    def __init__(self, url, model, version=None, label=None, batch_size=64, timeout=60.0):
        if version is not None and label is not None:
            raise ValueError(f"version and label must not both be given. Received: {version} and {label!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
        part = "" if version is None else f"/versions/{version}"
        part = part if label is None else f"/labels/{requests.utils.quote(label, safe='')}"
        self._path = f"{url.rstrip('/')}/v1/models/{requests.utils.quote(model, safe='')}"
        self._path_of_version = self._path + part
        self._batch_size, self._timeout = batch_size, timeout
        self._session = requests.Session()
        self._signatures = None

    def close(self):
        """Lets go of the connection; `with Client(...) as model:` does so at its end."""
        self._session.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def status(self):
        """`{version: state}`, such as `{2: "AVAILABLE", 1: "END"}`."""
        listed = self._ask("GET", self._path_of_version)["model_version_status"]
        return {int(entry["version"]): entry["state"] for entry in listed}

    def signatures(self):
        """`{name: Signature}`; asked of the server once."""
        if self._signatures is None:
            metadata = self._ask("GET", f"{self._path_of_version}/metadata")["metadata"]
            definitions = metadata["signature_def"]["signature_def"]
            self._signatures = {
                name: Signature(_tensors(each["inputs"]), _tensors(each["outputs"]))
                for name, each in definitions.items()
                if each["inputs"]
            }
        return self._signatures

    def predict(self, signature="serving_default", **inputs):
        """The outputs of a signature for arrays whose first size is the batch.

        Args:
          signature: its name.   **inputs: arrays by name, cast to the dtypes of the signature.
        Returns: array, or `{name: array}` where there are several outputs; arrays of `bytes` for strings.
        Raises:
          ValueError: where an input is missing, unknown or of another kind, or batches differ.   ServingError.
        """
        found = self.signatures().get(signature)
        if found is None:
            raise ValueError(f"signature must be one of {', '.join(self.signatures())}. Received: {signature!r}")
        if inputs.keys() != found.inputs.keys():
            raise ValueError(f"{signature} takes {', '.join(found.inputs)}. Received: {', '.join(inputs) or 'nothing'}")
        arrays = {name: _cast(name, inputs[name], *found.inputs[name]) for name in inputs}
        rows = {name: len(array) for name, array in arrays.items()}
        if len(set(rows.values())) > 1:
            raise ValueError(f"inputs must have as many rows each. Received: {rows}")
        parts = []
        for i in range(0, max(rows.values()), self._batch_size):
            part = {name: _jsonable(array[i : i + self._batch_size]) for name, array in arrays.items()}
            request = {"signature_name": signature, "inputs": part}
            outputs = self._ask("POST", f"{self._path_of_version}:predict", request)["outputs"]
            parts.append(outputs if len(found.outputs) > 1 else dict.fromkeys(found.outputs, outputs))
        arrays = {name: np.concatenate([_array(p[name], *kind) for p in parts]) for name, kind in found.outputs.items()}
        return arrays if len(arrays) > 1 else next(iter(arrays.values()))

    def sample(self, n=None, seed=0, seeds=None, signature="sample", **conditions):
        """Samples; the i-th is a function of (seed, i), as with `model.sample`.

        Args:
          n: number of samples.   seed: int32.   seeds: int32 `(n, 2)`, in place of n and seed.
          signature: `sample`, another that takes seeds alike, or `sample_png` for an array of PNG files as bytes.
          **conditions: `label` where the model takes it: one, or `(n,)`.
        """
        if (n is None) == (seeds is None):
            raise ValueError(f"n or seeds must be given, and not both. Received: n={n}, seeds={seeds}")
        seeds = _seeds(seed, n) if seeds is None else np.asarray(seeds)
        return self.predict(signature, seed=seeds, **_rows(conditions, len(seeds)))

    def inpaint(self, images, mask, seed=0, **conditions):
        """Completes images: known pixels stay, the others are drawn.

        Args:
          images: uint8 `(n, height, width, channels)`.
          mask: 1 where a pixel is known, 0 where it is drawn; `(height, width)` or `(n, height, width)`.
          seed: int32, of the draw.   **conditions: `label` where the model takes it: one, or `(n,)`.
        Returns: uint8, of the shape of `images`.
        """
        seeds = _seeds(seed, len(images))
        return self.predict(
            "inpaint", images=images, mask=_masks(mask, images), seed=seeds, **_rows(conditions, len(images))
        )

    def inpaint_quantile(self, images, mask, tau, **conditions):
        """Completes images with every unknown value at its tau-quantile given those before it.

        Args:
          images, mask, **conditions: as in `inpaint`.   tau: in (0, 1), one or `(n,)`.
        Returns: uint8, of the shape of `images`.
        """
        rows = _rows({"tau": tau, **conditions}, len(images))
        return self.predict("inpaint_quantile", images=images, mask=_masks(mask, images), **rows)

    def score(self, images, **conditions):
        """Bits per dimension `(n,)` of uint8 images, of a model with a likelihood or a bound of it.

        Of a captioner a dictionary: `nats_per_word` `(n,)` of given captions, and `attention` where it has areas.

        Args:
          **conditions: `label` where the model takes it, `caption` of a captioner: one, or `(n,)`.
        """
        return self.predict("score", images=images, **_rows(conditions, len(images)))

    def realism(self, images, **conditions):
        """The discriminator's outputs `(n, N)` for uint8 images: QRGAN's quantiles of realism; of AV-ADE a logit.

        Args:
          **conditions: `label` where the model takes it: one, or `(n,)`.
        """
        return self.predict("realism", images=images, **_rows(conditions, len(images)))

    def _ask(self, method, path, body=None):
        sent = {} if body is None else {"data": wire.encode(body), "headers": {"Content-Type": "application/json"}}
        try:
            reply = self._session.request(method, path, timeout=self._timeout, **sent)
        except requests.RequestException as error:
            raise ServingError(None, f"no answer from {path}: {error}") from error
        try:
            answer = wire.decode(reply.content)
        except ValueError:
            answer = {"error": reply.text[:200]}
        if not reply.ok:
            raise ServingError(reply.status_code, answer.get("error", reply.reason))
        return answer


def _tensors(infos):
    found = {}
    for name in sorted(infos):
        shape = infos[name]["tensor_shape"]
        sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
        found[name] = (
            np.dtype(DTYPES[infos[name]["dtype"]]),
            None if shape.get("unknown_rank") else tuple(None if size < 0 else size for size in sizes),
        )
    return found


def _cast(name, value, dtype, shape):
    """`value` as an array of `dtype`, where that loses nothing but digits; raises ValueError."""
    array = np.asarray(value, object if dtype.kind == "O" else None)
    if dtype.kind == "O":
        result = array
    else:
        sizes_fit = shape is None or (
            array.ndim == len(shape) and all(own in (None, size) for own, size in zip(shape, array.shape))
        )
        kinds = {"f": "fiub", "b": "b"}.get(dtype.kind, "iub")
        if not sizes_fit or array.dtype.kind not in kinds:
            expected = f"{dtype} of shape {shape}, None being free"
            raise ValueError(f"{name} must be {expected}. Received: {array.dtype} of shape {array.shape}")
        result = array.astype(dtype)
        if dtype.kind in "iu" and not np.array_equal(result, array):
            raise ValueError(f"{name} must fit {dtype}. Received: {array.min()} to {array.max()}")
    if result.ndim == 0 or not len(result):
        raise ValueError(f"{name} must have at least one row. Received: shape {result.shape}")
    return result


def _jsonable(array):
    if array.dtype.kind != "O":
        return array
    if array.ndim > 1:
        return [_jsonable(row) for row in array]
    return [{"b64": base64.b64encode(s).decode()} if isinstance(s, bytes) else s for s in array]


def _array(nested, dtype, shape):
    if dtype.kind != "O":
        return np.array(nested, dtype)

    def text(entry):
        if isinstance(entry, list):
            return [text(each) for each in entry]
        return base64.b64decode(entry["b64"]) if isinstance(entry, dict) else entry.encode()

    return np.array(text(nested), object)


def _seeds(seed, n):
    return np.stack([np.full(n, seed), np.arange(n)], axis=1)


def _rows(values, n):
    """Every value that is one number, n times."""
    return {name: np.full(n, value) if np.ndim(value) == 0 else value for name, value in values.items()}


def _masks(mask, images):
    mask = np.asarray(mask)
    return np.broadcast_to(mask, (len(images), *mask.shape)) if mask.ndim == 2 else mask
