"""Functions as graphs: compiled once, and as a SavedModel that TensorFlow and TF Serving load without qrkeras."""

import tensorflow as tf

from qrkeras.models.signature import Signature


def compiled(function, *inputs):
    """`function` compiled once for inputs of the given `(shape, dtype)`."""
    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in inputs]
    return tf.function(function, input_signature=specs, autograph=False)  # it has no Python control flow to convert


def write_saved_model(signatures, path):
    """Writes a SavedModel of `signatures`, a dictionary of `Signature`s, to `path`.

    `serving_default` is the first. Where there is `sample` and its samples are uint8 images of 1 or 3 channels,
    `sample_png` gives them as PNG files. The SavedModel holds the weights that its signatures use and nothing else.

    Returns: name -> the concrete function.
    """
    functions = {key: _traced(signature) for key, signature in signatures.items()}
    functions["serving_default"] = functions[next(iter(signatures))]
    images = functions["sample"].structured_outputs.get("images") if "sample" in functions else None
    if images is not None and images.dtype == tf.uint8 and images.shape[-1] in (1, 3):
        functions["sample_png"] = _traced(_as_png(signatures["sample"]))

    module = tf.Module()
    module.weights = list({id(v): v for function in functions.values() for v in function.graph.variables}.values())
    tf.saved_model.save(module, str(path), signatures=functions)
    return functions


def _traced(signature):
    """The signature as a concrete function with inputs and outputs by name, which refuses what does not fit."""
    specs = {name: tf.TensorSpec((None, *shape), dtype, name=name) for name, (shape, dtype) in signature.inputs.items()}

    @tf.function(autograph=False)
    def served(**inputs):
        return signature.function(**_fitting(inputs, specs))

    return served.get_concrete_function(**specs)


def _fitting(inputs, specs):
    """The inputs, of the shapes that `specs` say and of one batch size.

    TF Serving's session feeds tensors of any shape, whatever the signature says: a mask `(batch, 8, 1)` would be
    broadcast, and no rows at all come back in another shape.
    """
    inputs = {name: tf.ensure_shape(x, specs[name].shape) for name, x in inputs.items()}
    rows = {name: tf.shape(x)[0] for name, x in inputs.items()}
    first, *others = rows
    checks = [tf.debugging.Assert(rows[first] > 0, [f"{first} must have at least one row. Received:", rows[first]])]
    for name in others:
        told = [f"{name} must have as many rows as {first}. Received:", rows[name], "and", rows[first]]
        checks.append(tf.debugging.Assert(rows[name] == rows[first], told))
    with tf.control_dependencies(checks):
        return {name: tf.identity(x) for name, x in inputs.items()}


def _as_png(signature):
    def sample_png(**inputs):
        return {"png_bytes": tf.io.encode_png(signature.function(**inputs)["images"])}

    return Signature(sample_png, signature.inputs)
