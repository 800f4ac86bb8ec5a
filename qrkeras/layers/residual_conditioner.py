"""The network that tells a coupling its scales and shifts  (Dinh et al. 2017; thesis, A.2).

    h = conv(x),    h <- h + conv(ELU(conv(ELU(h))))  R times,    o = conv(ELU(h)),
    s = exp(a) tanh(o_1),    t = o_2,

o_1 and o_2 the two halves of the planes of o, a trained, one for each of them, 0 at first. Convolutions are 3x3 and
weight-normalised, with g = |v| at first. In the last one g = 0, so that s and t begin at 0.

**Choice**: the start from data leaves the last convolution at g = 0; the others are started as everywhere.
"""

import keras
from keras import ops

from qrkeras.layers.kernels import positive_int
from qrkeras.layers.weight_norm import WeightNormConv2D


@keras.saving.register_keras_serializable(package="qrkeras")
class ResidualConditioner(keras.layers.Layer):
    """The network, float32 whatever the policy.

    Args:
      channels: of s and of t.   width: planes of h.   blocks: R.
      seed: int, from which the kernels N(0, 0.05^2) are drawn, or None.
    Shapes: `(batch, h, w, planes)` -> s and t, `(batch, h, w, channels)` each.
    Raises:
      ValueError: for sizes that are no positive ints.
    """

    def __init__(self, channels, width=32, blocks=2, seed=None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.channels = positive_int("channels", channels)
        self.width = positive_int("width", width)
        self.blocks = positive_int("blocks", blocks)
        self.seed = seed

    def build(self, input_shape):
        last = 2 * self.blocks + 1
        self.convolutions = []
        for i in range(last + 1):
            initializer = keras.initializers.RandomNormal(0.0, 0.05, None if self.seed is None else self.seed + i)
            filters, scale = (2 * self.channels, 0.0) if i == last else (self.width, 1.0)
            options = {"scale": scale, "kernel_initializer": initializer, "dtype": "float32"}
            convolution = WeightNormConv2D(filters, 3, **options, name=f"conv_{i}")
            convolution.build(input_shape if i == 0 else (*input_shape[:-1], self.width))
            self.convolutions.append(convolution)
        self.log_bound = self.add_weight(shape=(self.channels,), initializer="zeros", name="log_bound")

    def call(self, x):
        first, *blocks, last = self.convolutions
        h = first(x)
        for inner, outer in zip(blocks[::2], blocks[1::2], strict=True):
            h = h + outer(ops.elu(inner(ops.elu(h))))
        scale, shift = ops.split(last(ops.elu(h)), 2, axis=-1)
        return ops.exp(self.log_bound) * ops.tanh(scale), shift

    def compute_output_shape(self, input_shape):
        return 2 * ((*input_shape[:-1], self.channels),)

    def get_config(self):
        sizes = {"channels": self.channels, "width": self.width, "blocks": self.blocks}
        return {**super().get_config(), **sizes, "seed": self.seed}
