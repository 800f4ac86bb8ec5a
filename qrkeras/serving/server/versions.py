"""A version of a model: a SavedModel in memory, its signatures by name."""

import logging
import pathlib
import re

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from qrkeras.serving.server.batching import Batcher
from qrkeras.serving.server.errors import Refused
from qrkeras.serving.server.tensors import Spec

# TensorFlow's error codes as TF Serving answers them; 500 for others.
STATUS = {1: 499, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 14: 503, 16: 401}


class Signature:
    """A signature as a function of NumPy arrays.

    Args:
      name: of the signature.   definition: its `SignatureDef`.   function: what `tf.saved_model.load` gives for it.
    """

    def __init__(self, name, definition, function):
        self.name = name
        self.inputs = {key: _spec(definition.inputs[key]) for key in sorted(definition.inputs)}
        self.outputs = {key: _spec(definition.outputs[key]) for key in sorted(definition.outputs)}
        self._function = function

    @property
    def batch_major(self):
        """Whether the first size of every input and output is free: then rows of several requests may run together."""
        specs = [*self.inputs.values(), *self.outputs.values()]
        return all(spec.shape is not None and spec.shape[:1] == (None,) for spec in specs)

    def __call__(self, inputs):
        """`{name: array}` of the outputs; raises Refused with TensorFlow's message and TF Serving's status for it."""
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        try:
            return {name: np.asarray(output.numpy()) for name, output in self._function(**tensors).items()}
        except tf.errors.OpError as error:
            raise Refused(STATUS.get(error.error_code, 500), _message(error)) from None


class Version:
    """A SavedModel that is served.

    Args:
      path: folder of the SavedModel.   limits: `Limits`.   pool: executor that runs TensorFlow.
      observe: `observe(signature name, rows)`, told of every batch.   warm_up: run every signature once, on one row.
    Attributes:
      signatures: `{name: Signature}`.   batchers: `{name: Batcher}`.
      metadata: `{name: dict}`, each the JSON of a `SignatureDef`.
    """

    def __init__(self, path, limits, pool, observe, warm_up=True):
        definitions = _definitions(path)
        self._loaded = tf.saved_model.load(str(path))  # a signature may need what it holds, such as a lookup table
        self.metadata = {name: _json(definition) for name, definition in definitions.items()}
        self.signatures = {
            name: Signature(name, definitions[name], function)
            for name, function in self._loaded.signatures.items()
            if definitions[name].inputs
        }
        self.batchers = {
            name: Batcher(signature, limits, pool, lambda rows, name=name: observe(name, rows))
            for name, signature in self.signatures.items()
        }
        if warm_up:
            for signature in self.signatures.values():
                _warm_up(signature)

    def batcher(self, signature_name):
        if signature_name not in self.batchers:
            raise Refused(400, f'Serving signature name: "{signature_name}" not found in signature def')
        return self.batchers[signature_name]


def _definitions(path):
    message = saved_model_pb2.SavedModel()
    message.ParseFromString((pathlib.Path(path) / "saved_model.pb").read_bytes())
    for graph in message.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ValueError("no graph of this SavedModel has the tag 'serve'")


def _spec(info):
    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
    return Spec(np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype), sizes)


def _json(definition):
    return json_format.MessageToDict(
        definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _warm_up(signature):
    """Runs a row of zeros (floats: 1/2, a level in (0, 1)), so that no request waits for the first run."""
    values = {"O": b"", "f": 0.5, "V": 0.5}
    inputs = {
        name: np.full([size or 1 for size in spec.shape or ()], values.get(spec.dtype.kind, 0), spec.dtype)
        for name, spec in signature.inputs.items()
    }
    try:
        signature(inputs)
    except Exception as error:  # it is a guess: inputs that the model refuses are no fault of the model
        logging.getLogger(__name__).debug("warming up %s: %s", signature.name, error)


def _message(error):
    """TensorFlow's message without the names of its nodes."""
    text = re.sub(r"\AGraph execution error:.*?<stack traces unavailable>\n", "", error.message, flags=re.DOTALL)
    return re.sub(r"\{\{\w+ [^}]*\}\} ", "", text.split("\n\t [[")[0]).strip()
