"""Densities for discrete values: noise fills the bins, and a density bounds the probability  (thesis, 2.78 to 2.84).

Where u, in [0, 1) for each of D values, is drawn from q(u | x), and `y = (v + u) / 128 - 1`,

    -log P(x) <= E[log q(u | x) - log p(y)] + D log 128,

since a bin of y is 1/128 wide. With u uniform, `log q = 0`.
"""

import math

from keras import ops


def dequantized(values, u, levels=256):
    """`y = 2 (v + u) / levels - 1`, in [-1, 1); `quantized` leads back.

    It is another scale than that of images inside a model, `v / 127.5 - 1`.

    Args:
      values: int `(...)` in 0..levels - 1.   u: float32 in [0, 1), the same shape.
    Returns: float32, the same shape.
    """
    return (ops.cast(values, "float32") + u) * (2.0 / levels) - 1.0


def quantized(y, levels=256):
    """`floor(levels (y + 1) / 2)`, clipped to 0..levels - 1: int32, the shape of y."""
    return ops.cast(ops.clip(ops.floor((y + 1.0) * (levels / 2.0)), 0, levels - 1), "int32")


def dequantized_nats(nats, log_q, levels=256):
    """`log q(u | x) - log p(y) + log(levels / 2)`: a value's share of the bound of `-log P(x)`, in nats.

    A density that is uniform over [-1, 1) gives `log levels`, exactly 8 bits for 256.

    Args:
      nats: `-log p(y)` of a value, or the mean over the values of an image.   log_q: `log q(u | x)`, likewise; 0 for
        uniform noise.
      levels: number of levels that y was made of.
    Returns: the broadcast shape, unreduced.
    """
    return nats + log_q + math.log(levels / 2.0)
