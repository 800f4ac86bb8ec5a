"""Likelihood of discrete values: cross-entropy, bits per dimension, quantiles."""

import math

from keras import ops


def categorical_cross_entropy(values, logits):
    """`-log softmax(logits)[value]`, in nats  (PixelCNN).

    Args:
      values: int `(...)` in 0..k - 1.   logits: `(..., k)`.
    Returns: `(...)`, unreduced.
    """
    return ops.sparse_categorical_crossentropy(values, logits, from_logits=True)


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
