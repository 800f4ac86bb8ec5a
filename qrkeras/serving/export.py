"""`qrkeras export`: trained models as SavedModels that plain TensorFlow and TF Serving load without qrkeras.

`server/` is what answers requests out of them, `qrkeras serve`. A version on disk, `base_dir/name/version`:

saved_model.pb, variables/                     the signatures, and the weights that they use
assets.extra/tf_serving_warmup_requests        one request for each signature, which TF Serving answers while it loads
assets.extra/qrkeras.json                      what was exported: signatures, step, versions, git revision, ...
"""

import errno
import json
import math
import operator
import pathlib
import re
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from qrkeras.experiments import directories, runs
from qrkeras.models.saved_model import write_saved_model

WARMUP = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
METADATA = pathlib.Path("assets.extra", "qrkeras.json")
NAME = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
"""Names that are one folder and one part of a URL, everywhere."""
LARGEST = 10**18 - 1
"""The largest version: servers read 18 digits."""


def export_model(model, base_dir, name, version=None, metadata=None):
    """Writes `base_dir/name/version`, a SavedModel of what `model.signatures()` serves.

    `serving_default` is the first. Where samples are uint8 images of 1 or 3 channels, `sample_png` gives them as PNG
    files. Row i of an answer depends on row i of the request alone, so that requests may share a batch; all
    randomness comes from the seeds.

    The version is written beside its place and renamed into it: a server that watches the folder sees all of it or
    nothing.

    Args:
      model: of `qrkeras.models`; its averaged weights where it has them.
      base_dir: folder that the server watches; made where it is not there.
      name: of the served model: letters, digits, "_", "-" and ".", of which the last two do not come first.
      version: int from 1 to 10**18 - 1, not there yet; None: the next free one.
      metadata: JSON-ready dictionary of what else is known, such as the preset; it goes into `qrkeras.json`.
    Returns: path of the version.
    Raises:
      ValueError: before anything is written, if name or version cannot be served, the version exists, or the folder
        holds something other than versions or cannot be written.
    """
    if not (isinstance(name, str) and re.fullmatch(NAME, name)):
        raise ValueError(
            "name must be 1 to 100 letters (a to z), digits and _ - ., beginning with none of - and . Received: "
            f"{name!r}. Choose one with --name."
        )
    folder = pathlib.Path(base_dir) / name
    with directories.written(base_dir, "base_dir", "Name another."):
        _check_folder(folder)
        there = _versions(folder)
        first = _checked(max(there, default=0) + 1 if version is None else version)
        if first in there:
            raise _taken(folder / str(first))
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as temporary:
            made = pathlib.Path(temporary) / "model"
            _write(model, name, metadata or {}, made)
            return _publish(made, folder, version)


def read_metadata(path):
    """What `export_model` wrote of a version: its `qrkeras.json`."""
    return json.loads((pathlib.Path(path) / METADATA).read_text())


def table(metadata):
    """Markdown table of a version's signatures."""

    def tensors(specs):
        free = {key: ["batch", *["any"] * len(shape)] for key, (shape, _) in specs}
        shapes = {
            key: ", ".join(name if size is None else str(size) for size, name in zip(shape, free[key]))
            for key, (shape, _) in specs
        }
        return ", ".join(f"{key} {dtype} [{shapes[key]}]" for key, (_, dtype) in specs)

    lines = ["| signature | inputs | outputs |", "|---|---|---|"]
    for name, signature in metadata["signatures"].items():
        inputs, outputs = (
            tensors([(key, (spec["shape"], spec["dtype"])) for key, spec in signature[side].items()])
            for side in ("inputs", "outputs")
        )
        lines.append(f"| {name} | {inputs} | {outputs} |")
    return "\n".join(lines)


def _checked(version):
    """`version` as an int that servers read."""
    try:
        number = None if isinstance(version, bool) else operator.index(version)
    except TypeError:
        number = None
    if number is None or not 1 <= number <= LARGEST:
        raise ValueError(f"version must be an integer from 1 to {LARGEST}. Received: {version!r}")
    return number


def _check_folder(folder):
    """Refuses a base that is the folder of one model, and a model's folder that is something else."""
    if any((folder.parent / str(number) / "saved_model.pb").exists() for number in _versions(folder.parent)):
        raise ValueError(
            f"base_dir must hold a folder for each model, and these their versions. Received: {folder.parent}, which "
            "holds versions. Give the folder above it, and the model's name with --name."
        )
    others = [path.name for path in _entries(folder) if path.is_file() and not path.name.startswith(".")]
    if others and not _versions(folder):
        raise ValueError(
            f"base_dir/name must be a new folder, or one of versions. Received: {folder}, which holds "
            f"{', '.join(sorted(others)[:3])}. Choose another base_dir, or another name with --name."
        )


def _versions(folder):
    """The versions in a model's folder, as servers read their names."""
    return {int(path.name) for path in _entries(folder) if re.fullmatch("[0-9]{1,18}", path.name)}


def _entries(folder):
    return list(folder.iterdir()) if folder.is_dir() else []


def _publish(written, folder, version):
    while True:
        target = folder / str(version or max(_versions(folder), default=0) + 1)
        try:
            return written.rename(target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            if version is not None:
                raise _taken(target) from error  # by another export, since we looked


def _taken(target):
    return ValueError(
        f"version must be a free one. Received: {target.name}, and {target} exists. Leave it out for the next."
    )


def _write(model, name, metadata, path):
    signatures = model.signatures()
    functions = write_saved_model(signatures, path)
    examples = {key: signature.examples for key, signature in signatures.items()}
    examples["serving_default"] = next(iter(examples.values()))
    (path / WARMUP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path / WARMUP)) as writer:
        for key, function in functions.items():
            writer.write(_warmup(name, key, function, examples.get(key, {})).SerializeToString())
    record = {
        "name": name,
        "step": model.step,
        "example_shape": list(model.example_shape),
        "num_classes": model.num_classes,
        "signatures": {
            key: {"inputs": _specs(_inputs(function)), "outputs": _specs(function.structured_outputs)}
            for key, function in functions.items()
        },
        "versions": runs.versions(),
        "git_revision": runs.git_revision(),
        **metadata,
    }
    (path / METADATA).write_text(json.dumps(_strict(record), indent=2, allow_nan=False) + "\n")


def _strict(value):
    """`value` for JSON, which has no infinity: "Infinity" and "NaN" are strings, as in protobuf's JSON."""
    if isinstance(value, dict):
        return {key: _strict(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(x) for x in value]
    return json.dumps(value) if isinstance(value, float) and not math.isfinite(value) else value


def _inputs(function):
    return function.structured_input_signature[1]


def _specs(tensors):
    return {key: {"shape": x.shape.as_list(), "dtype": x.dtype.name} for key, x in tensors.items()}


def _warmup(name, signature, function, examples):
    """One request, of one row, that the signature answers: examples, else 0 for whole numbers, 1/2 for fractions."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, spec in _inputs(function).items():
        sizes = [size or 1 for size in spec.shape[1:]]
        guess = np.full(sizes, 0.5 if spec.dtype.is_floating else 0, spec.dtype.as_numpy_dtype)
        row = np.array(examples.get(key, guess))[None]
        request.inputs[key].CopyFrom(tf.make_tensor_proto(row))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
