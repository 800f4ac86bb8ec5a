"""Likelihood of discrete values: cross-entropy, discretised logistic, squared error, bits per dimension, quantiles;
Gaussian KL."""

import math

from keras import ops


def categorical_cross_entropy(values, logits):
    """`-log softmax(logits)[value]`, in nats  (PixelCNN).

    Args:
      values: int `(...)` in 0..k - 1.   logits: `(..., k)`.
    Returns: `(...)`, unreduced.
    """
    return ops.sparse_categorical_crossentropy(values, logits, from_logits=True)


def discretized_logistic(values, mean, log_scale):
    """`-log P(value)`, in nats, of a logistic distribution cut into 256 bins  (Salimans et al. 2017, eq. 2).

    The grey level v stands for `x = v / 127.5 - 1`, the middle of a bin of width 2/255; the bins of 0 and 255 take the
    tails. With `a = (x + 1/255 - mean) / scale`, `b = (x - 1/255 - mean) / scale` and S the logistic function,
    `P(v) = S(a) - S(b) = S(a) S(-b) (1 - exp(b - a))`, of which no factor's logarithm loses digits.

    Args:
      values: int `(...)` in 0..255.   mean, log_scale: broadcast with them, in units of x.
    Returns: the broadcast shape, unreduced.
    """
    values = ops.cast(values, "float32")
    distance, width = values / 127.5 - 1.0 - mean, ops.exp(-log_scale) / 255.0  # half a bin, in scales
    below = ops.softplus(-(distance * 255.0 + 1.0) * width)  # -log S(a)
    above = ops.softplus((distance * 255.0 - 1.0) * width)  # -log S(-b)
    within = ops.log(-ops.expm1(-2.0 * width))
    nats = ops.where(values < 255, below, 0.0) + ops.where(values > 0, above, 0.0)
    return nats - ops.where((values > 0) & (values < 255), within, 0.0)


def squared_error(values, mean):
    """`(x - mean)^2` of the grey level x = v / 127.5 - 1, plus the constant that makes it `-log P(value)` in nats.

    It is that of `N(mean, 1/2)`, whose negative log density is `(x - mean)^2 + log(pi) / 2`, the density times 2/255,
    the width of a grey level.

    Args:
      values: int `(...)` in 0..255.   mean: broadcasts with them, in units of x.
    Returns: the broadcast shape, unreduced.
    """
    error = ops.cast(values, "float32") / 127.5 - 1.0 - mean
    return ops.square(error) + (0.5 * math.log(math.pi) - math.log(2 / 255))


def gaussian_kl(mean, log_variance):
    """`KL(N(mean, variance) || N(0, 1)) = (mean^2 + variance - 1 - log variance) / 2`, in nats  (Kingma 2014).

    Args:
      mean, log_variance: tensors of one shape.
    Returns: that shape, unreduced: independent dimensions add up.
    """
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)


def bits_per_dim(nats):
    """`nats / log 2`, of the mean cross-entropy of a value (a pixel's colour): bits that a value costs."""
    return nats / math.log(2.0)


def categorical_quantile(logits, fractions):
    """Quantile of the categorical distribution: the least k with `P(value <= k) >= tau`.

    With tau uniform it is a draw from softmax(logits); a greater tau never gives a lesser value.

    Args:
      logits: `(..., k)`.   fractions: tau, `(...)` in (0, 1).
    Returns: int32 `(...)` in 0..k - 1.
    """
    weights = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
    cumulative = ops.cumsum(weights, axis=-1)
    below = cumulative < fractions[..., None] * cumulative[..., -1:]
    return ops.sum(ops.cast(below, "int32"), axis=-1)
