"""Real-NVP: an invertible map f of images to features, with the log-determinant of its Jacobian  (Dinh et al. 2017;
thesis, eqs. 2.24 to 2.30 and A.2).

Each scale of width w:

    three checkerboard couplings of width w, of parities 1, 0, 1
    and, if scales are left,
    squeeze: 2 x 2 places become one of four times the channels
    three channel couplings of width 2 w, of parities 1, 0, 1
    the first half of the channels is done; the second goes through the scales that are left, of width 2 w
    both halves are joined and unsqueezed

so features have the shape of the image, whatever the scales. After each coupling stands an affine map of each channel.
f begins as the identity, with log det 0.

**Choice**: three couplings, "three NVP layers with a single scale and two residual blocks"  (A.2); footnote 2 of Sec.
5.5.2 has three blocks, the reference implementation a fourth coupling at its last scale. **Choice**: width 32, the
reference's default. **Choice**: channel couplings have the parities of the others. **Choice**: the reference's first
layer, `logit(0.05 + 0.9 (x + 1) / 2)`, of which the sources say nothing, is an option, off. It takes values between
-10/9 and 10/9, images among them, and is NaN beyond. Its inverse ends `2^-21` of a share before either, where float32
still tells the value from the end: of features whose logit is beyond 14.5, f(f^-1(y)) is finite and not y.
"""

import math

import keras
import numpy as np
from keras import ops

from qrkeras.layers import ChannelAffine, ChannelCoupling, CheckerboardCoupling, squeeze, unsqueeze
from qrkeras.layers.kernels import positive_int
from qrkeras.networks.seeds import layer_seeds

MARGIN = 0.05  # of the logit, which takes values from -1 to 1 as shares from 0.05 to 0.95
SLOPE = 0.5 - MARGIN
EDGE = 2**-21  # nearest share to 0 and to 1 that an image may have


def real_nvp(image_shape, scales=1, couplings=3, width=32, blocks=2, logit=False, seed=None, name="real_nvp"):
    """The flow for images of a shape.

    Args:
      image_shape: `(height, width, channels)`.
      scales: number of resolutions, of which each but the first has half the sides of the one before.
      couplings: number of couplings of each kind at each scale.
      width, blocks: planes and residual blocks of the first scale's couplings.
      logit: whether the image's logit goes first.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a `RealNVP`.
    Raises:
      ValueError: for sizes that are no positive ints, an image_shape that is not of three such, or sides that
        `2**(scales - 1)` does not divide.
    """
    options = {"scales": scales, "couplings": couplings, "width": width, "blocks": blocks, "logit": logit}
    return RealNVP(image_shape, **options, seed=seed, name=name)


class _Scale(keras.layers.Layer):
    """One scale, with those that are left within it."""

    def __init__(self, scales, couplings, width, blocks, seeds, **kwargs):
        super().__init__(dtype="float32", **kwargs)

        def steps(kind, width):
            made = []
            for i in range(couplings):
                made += [kind((i + 1) % 2, width, blocks, next(seeds)), ChannelAffine()]
            return made

        self.checkerboards = steps(CheckerboardCoupling, width)
        self.channels, self.left = [], None
        if scales > 1:
            self.channels = steps(ChannelCoupling, 2 * width)
            self.left = _Scale(scales - 1, couplings, 2 * width, blocks, seeds, name="left")

    def build(self, input_shape):
        for layer in self.checkerboards:
            layer.build(input_shape)
        if self.left is not None:
            batch, height, width, channels = input_shape
            for layer in self.channels:
                layer.build((batch, height // 2, width // 2, 4 * channels))
            self.left.build((batch, height // 2, width // 2, 2 * channels))

    def call(self, x):
        x, log_det = _through(self.checkerboards, x)
        if self.left is None:
            return x, log_det
        x, of_channels = _through(self.channels, squeeze(x))
        done, x = ops.split(x, 2, axis=-1)
        x, of_left = self.left(x)
        return unsqueeze(ops.concatenate([done, x], axis=-1)), log_det + of_channels + of_left

    def inverse(self, y):
        if self.left is not None:
            done, y = ops.split(squeeze(y), 2, axis=-1)
            y = ops.concatenate([done, self.left.inverse(y)], axis=-1)
            y = unsqueeze(_back(self.channels, y))
        return _back(self.checkerboards, y)


@keras.saving.register_keras_serializable(package="qrkeras")
class RealNVP(keras.Model):
    """The flow that `real_nvp` makes, float32 whatever the policy.

    Example:
      ```python
      flow = real_nvp((32, 32, 3))
      features, log_det = flow(images)
      images = flow(features, inverse=True)
      ```

    Attributes:
      image_shape: `(height, width, channels)`, of images and of features.
    """

    def __init__(self, image_shape, scales, couplings, width, blocks, logit, seed, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if np.shape(image_shape) != (3,) or any(not isinstance(side, int) or side < 1 for side in image_shape):
            raise ValueError(
                f"image_shape must be (height, width, channels), positive ints. Received: image_shape={image_shape}"
            )
        self.image_shape = tuple(image_shape)
        sizes = {"scales": scales, "couplings": couplings, "width": width, "blocks": blocks}
        for argument, size in sizes.items():
            positive_int(argument, size)
        parts = 2 ** (scales - 1)
        if any(side % parts for side in self.image_shape[:2]):
            raise ValueError(
                f"image_shape must have sides that are multiples of {parts}, for {scales} scales. "
                f"Received: image_shape={self.image_shape}"
            )
        self._config = {"image_shape": self.image_shape, **sizes, "logit": logit, "seed": seed}
        self.logit = logit
        self.scale = _Scale(**sizes, seeds=layer_seeds(seed, "real_nvp"), name="scale")
        self.build((None, *self.image_shape))

    def build(self, input_shape):
        self.scale.build(input_shape)
        self.built = True

    def call(self, x, inverse=False):
        """`f(x)` and its log-determinant, or, of `inverse`, images of features x.

        Shapes: `(batch, *image_shape)` -> `(batch, *image_shape)` and `(batch,)`; the inverse: the former alone.
        """
        if inverse:
            return self.inverse(x)
        if not self.logit:
            return self.scale(x)
        x, of_logit = _logit(x)
        y, log_det = self.scale(x)
        return y, of_logit + log_det

    def inverse(self, y):
        """Images of features, float32 `(batch, *image_shape)`."""
        x = self.scale.inverse(ops.cast(y, "float32"))
        return _logit_inverse(x) if self.logit else x

    def get_config(self):
        return {**super().get_config(), **self._config}


def _through(layers, x):
    """What the layers make of x one after the other, and the sum of their log-determinants."""
    log_det = 0.0
    for layer in layers:
        x, of_layer = layer(x)
        log_det = log_det + of_layer
    return x, log_det


def _back(layers, y):
    for layer in reversed(layers):
        y = layer.inverse(y)
    return y


def _logit(x):
    """`log[p / (1 - p)]`, `p = 0.05 + 0.45 (x + 1)`, and its log-determinant, a sum of `log 0.45 - log[p (1 - p)]`."""
    p = MARGIN + SLOPE * (x + 1)
    log_p, log_rest = ops.log(p), ops.log1p(-p)
    return log_p - log_rest, ops.sum(math.log(SLOPE) - log_p - log_rest, axis=(1, 2, 3))


def _logit_inverse(y):
    return (ops.clip(ops.sigmoid(y), EDGE, 1 - EDGE) - MARGIN) / SLOPE - 1
