"""Likelihood of discrete values: cross-entropy, discretised logistic, squared error, bits per dimension, quantiles;
Gaussian density and KL."""

import math

from keras import ops


def categorical_cross_entropy(values, logits):
    """`-log softmax(logits)[value]`, in nats  (PixelCNN).

    Args:
      values: int `(...)` in 0..k - 1.   logits: `(..., k)`.
    Returns: `(...)`, unreduced.
    """
    return ops.sparse_categorical_crossentropy(values, logits, from_logits=True)


def check_levels(levels):
    """Raises ValueError if uint8 images cannot have so many levels."""
    if not 2 <= levels <= 256:
        raise ValueError(f"levels must be 2 to 256. Received: {levels}")


def grey_level(values, levels):
    """`round(v (levels - 1) / 255)`, the level of a uint8 value among `levels` that are spread over 0..255.

    For images that have so few levels of their own, it gives these: `round(255 j / (levels - 1))` becomes j.

    Args:
      values: uint8 or int `(...)` in 0..255.   levels: number of levels, 2 to 256.
    Returns: int32, the same shape, in 0..levels - 1.
    """
    return ops.cast(ops.round(ops.cast(values, "float32") * (levels - 1) / 255.0), "int32")


def discretized_logistic(values, mean, log_scale, levels=256, lowest=-1.0, step=2 / 255):
    """`-log P(value)`, in nats, of a logistic distribution cut into bins  (Salimans et al. 2017, eq. 2).

    The level j stands for `x = lowest + step j`, the middle of a bin of width `step`; the bins of 0 and `levels - 1`
    take the tails. With `a = (x + step/2 - mean) / scale`, `b = (x - step/2 - mean) / scale` and S the logistic
    function, `P(j) = S(a) - S(b) = S(a) S(-b) (1 - exp(b - a))`, of which no factor's logarithm loses digits.

    By default these are the grey levels of uint8. Images of 17 levels (`grey_level(images, 17)`) have
    `levels=17, step=2/16`; bins `[c j, c j + c)` of grey levels, `c = 256 / levels`, have `step=2 c / 255,
    lowest=(c - 1) / 255 - 1`, so that what a coarse level has is the sum of its fine levels  (thesis, eq. 3.17).
    Figures of different levels do not compare.

    Args:
      values: int `(...)` in 0..levels - 1.   mean, log_scale: broadcast with them, in units of x.
      levels: number of bins.   lowest: x of level 0.   step: width of a bin.
    Returns: the broadcast shape, unreduced.
    """
    halves = 2.0 / step  # half bins in a unit of x
    values = ops.cast(values, "float32")
    distance, width = values / (0.5 * halves) + lowest - mean, ops.exp(-log_scale) / halves  # half a bin, in scales
    below = ops.softplus(-(distance * halves + 1.0) * width)  # -log S(a)
    above = ops.softplus((distance * halves - 1.0) * width)  # -log S(-b)
    within = ops.log(-ops.expm1(-2.0 * width))
    nats = ops.where(values < levels - 1, below, 0.0) + ops.where(values > 0, above, 0.0)
    return nats - ops.where((values > 0) & (values < levels - 1), within, 0.0)


def gaussian_nats(values, mean, log_scale):
    """`-log N(value; mean, scale^2) = ((value - mean) / scale)^2 / 2 + log scale + log(2 pi) / 2`, of a density.

    Args:
      values, mean, log_scale: tensors that broadcast, in one unit.
    Returns: the broadcast shape, unreduced.
    """
    return 0.5 * ops.square((values - mean) * ops.exp(-log_scale)) + log_scale + 0.5 * math.log(2 * math.pi)


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


def gaussian_kl_between(mean, log_scale, prior_mean, prior_log_scale):
    """`KL(N(m1, s1^2) || N(m2, s2^2)) = log(s2 / s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2`, in nats.

    Args:
      mean, log_scale, prior_mean, prior_log_scale: m1, log s1, m2, log s2; tensors that broadcast.
    Returns: the broadcast shape, unreduced: independent dimensions add up.
    """
    ratio = log_scale - prior_log_scale
    shift = (mean - prior_mean) * ops.exp(-prior_log_scale)
    return 0.5 * (ops.exp(2.0 * ratio) + ops.square(shift) - 1.0) - ratio


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
