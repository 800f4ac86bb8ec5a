"""What a feature network is to those who measure with it."""

import dataclasses
import hashlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from qrkeras.networks.classifier import FEATURES


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureNetwork:
    """Images to features, and to class logits where the network is a classifier.

    A figure measured with it carries its name: figures from two networks do not compare.

    Args:
      name: as figures show it, in `FID[name]`.
      fingerprint: of the weights; statistics of another fingerprint are not reused.
      rule: how images become the network's input, in words.
      channels: of the input; grey images are repeated for a network of 3.
      run: from uint8 `(batch, height, width, channels)` to float32 features `(batch, dim)` and logits
        `(batch, classes)`, or None where there are none.
    """

    name: str
    fingerprint: str
    rule: str
    channels: int
    run: Callable = dataclasses.field(repr=False)

    def __call__(self, images):
        """Features and logits (or None) of uint8 images, as NumPy arrays.

        Raises:
          ValueError: where images are not uint8, not `(batch, height, width, channels)`, or of channels that the
            network does not take.
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError(
                "images must be (batch, height, width, channels) uint8 in 0..255, generated ones quantised as real "
                f"ones are. Received: shape {images.shape} of {images.dtype}{_range(images)}. "
                "From [-1, 1]: np.clip(np.rint((images + 1) * 127.5), 0, 255).astype('uint8')."
            )
        if images.shape[-1] not in {1, self.channels}:
            raise ValueError(
                f"images must have {self.channels} channels for {self.name}. Received: shape {images.shape}. "
                "Choose another feature network."
            )
        if images.shape[-1] != self.channels:
            images = np.repeat(images, self.channels, axis=-1)
        features, logits = self.run(images)
        return np.asarray(features), None if logits is None else np.asarray(logits)


def from_keras(model, name):
    """A Keras model as feature network: bilinear resize (antialiased) to its input size, floats in [-1, 1].

    Features are the output of its layer "features", with the model's own output as logits; without such a layer,
    or where it is the last, they are the model's output, and there are no logits.

    Raises:
      ValueError: where the model does not take one batch of square images, or does not give one vector for each.
    """
    inputs, outputs = (getattr(model, ends, None) or () for ends in ("inputs", "outputs"))
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            f"the feature network {name} must be a functional or sequential Keras model of one input and one output. "
            f"Received: {type(model).__name__} of {len(inputs)} and {len(outputs)}"
        )
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] not in (1, 3):
        raise ValueError(
            f"the feature network {name} must take one batch of square images (batch, size, size, 1 or 3). "
            f"Received: a model of input shape {shape}"
        )
    found = [layer.output for layer in model.layers if layer.name == FEATURES]
    has_logits = bool(found) and found[0] is not outputs[0]
    outputs = [*found, *outputs] if has_logits else outputs
    if any(len(output.shape) != 2 for output in outputs):
        raise ValueError(
            f"the feature network {name} must give one vector for each image. Received outputs of shape "
            f"{[tuple(output.shape) for output in outputs]}. End it with a pooling layer."
        )
    network = keras.Model(inputs, outputs if has_logits else outputs[0])
    size, channels = shape[1], shape[3]

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, channels), "uint8")], autograph=False)
    def run(images):
        images = tf.cast(images, "float32")
        if size is not None:  # the identity for images of that size
            images = tf.image.resize(images, (size, size), antialias=True)
        found = network(images / 127.5 - 1.0, training=False)
        return found if has_logits else (found, None)

    rule = "[-1, 1]" if size is None else f"bilinear to {size}x{size}, [-1, 1]"
    return FeatureNetwork(name, fingerprint(model.get_weights()), rule, channels, run)


def fingerprint(arrays):
    """Hash of arrays, 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _range(images):
    return f" from {images.min():g} to {images.max():g}" if images.size and images.dtype.kind in "iuf" else ""
