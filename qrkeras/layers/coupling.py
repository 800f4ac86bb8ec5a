"""Affine couplings: half of x is kept, and tells how the other half is scaled and shifted  (Dinh et al. 2017; thesis,
eqs. 2.25 to 2.30).

    y = b x + (1 - b) (x exp(s) + t),    log det = sum (1 - b) s,
    x = b y + (1 - b) (y - t) exp(-s),

b a mask of 0 and 1, s and t functions of b x = b y alone, from a `ResidualConditioner`. s and t are 0 where b is 1, so
that what is kept is kept bit for bit.
"""

import keras
import numpy as np
from keras import ops

from qrkeras.layers.kernels import positive_int
from qrkeras.layers.residual_conditioner import ResidualConditioner


class Coupling(keras.layers.Layer):
    """What couplings share. A subclass says what of x the conditioner sees, and of how many channels it gives s and t:
    `seen(x)`, `num_seen(channels)`, `num_moved(channels)`; `placed(parameters, shape)` are s or t, 0 where b is 1.
    """

    def __init__(self, parity, width=32, blocks=2, seed=None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if parity not in (0, 1):
            raise ValueError(f"parity must be 0 or 1. Received: parity={parity!r}")
        self.parity = parity
        self.width = positive_int("width", width)
        self.blocks = positive_int("blocks", blocks)
        self.seed = seed

    def build(self, input_shape):
        if None in input_shape[1:]:
            raise ValueError(
                "input_shape must have a known height, width and number of channels; give them in keras.Input. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        channels = self.num_moved(input_shape[-1])
        self.conditioner = ResidualConditioner(channels, self.width, self.blocks, self.seed, name="conditioner")
        self.conditioner.build((*input_shape[:-1], self.num_seen(input_shape[-1])))

    def call(self, x):
        log_scale, shift = self._log_scale_and_shift(x)
        return x * ops.exp(log_scale) + shift, ops.sum(log_scale, axis=(1, 2, 3))

    def inverse(self, y):
        """x of y, float32 of its shape."""
        y = ops.cast(y, "float32")
        log_scale, shift = self._log_scale_and_shift(y)
        return (y - shift) * ops.exp(-log_scale)

    def _log_scale_and_shift(self, x):
        return (self.placed(parameters, x.shape) for parameters in self.conditioner(self.seen(x)))

    def get_config(self):
        sizes = {"parity": self.parity, "width": self.width, "blocks": self.blocks}
        return {**super().get_config(), **sizes, "seed": self.seed}


@keras.saving.register_keras_serializable(package="qrkeras")
class CheckerboardCoupling(Coupling):
    """`b[i, j] = (i + j + parity) mod 2`, in all channels alike; s and t are functions of `[b x, b]`, b one plane.

    Args:
      parity: 0 or 1; 1 keeps the place at the upper left.
      width, blocks, seed: as of `ResidualConditioner`.
    Shapes: `(batch, h, w, channels)`, all but the batch known -> y of the same shape, and log det `(batch,)`: float32
      whatever the policy.
    Raises:
      ValueError: for another parity, sizes that are no positive ints, or unknown shapes.
    """

    def num_seen(self, channels):
        return channels + 1

    def num_moved(self, channels):
        return channels

    def seen(self, x):
        mask = self._mask(x.shape)
        return ops.concatenate([x * mask, ops.broadcast_to(mask, (ops.shape(x)[0], *mask.shape[1:]))], axis=-1)

    def placed(self, parameters, shape):
        return parameters * (1 - self._mask(shape))

    def _mask(self, shape):
        """b, `(1, h, w, 1)`."""
        rows, columns = np.indices(tuple(shape[1:3]))
        return ops.convert_to_tensor((rows + columns + self.parity)[None, ..., None] % 2, "float32")


@keras.saving.register_keras_serializable(package="qrkeras")
class ChannelCoupling(Coupling):
    """b is 1 in the first half of the channels (parity 0) or in the second.

    **Choice**: s and t of the half that moves are functions of the half that is kept; the other s and t, the zeros of
    b x and the planes of b, which are constant, are left out, as in the reference implementation.

    Args, shapes: as of `CheckerboardCoupling`, for an even number of channels.
    Raises:
      ValueError: as `CheckerboardCoupling`, and for an odd number of channels.
    """

    def build(self, input_shape):
        if input_shape[-1] is not None and input_shape[-1] % 2:
            raise ValueError(f"channels must be even in number, for two halves. Received: {input_shape[-1]} channels")
        super().build(input_shape)

    def num_seen(self, channels):
        return channels // 2

    def num_moved(self, channels):
        return channels // 2

    def seen(self, x):
        return ops.split(x, 2, axis=-1)[self.parity]

    def placed(self, parameters, shape):
        halves = [ops.zeros_like(parameters), parameters]
        return ops.concatenate(halves[::-1] if self.parity else halves, axis=-1)
