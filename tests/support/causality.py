"""Which inputs an output depends on, by gradient."""

import numpy as np
import tensorflow as tf


def dependence(function, x):
    """`|d function(x)_i / d x_j|` of one example at a time, summed over further axes of the output.

    Args:
      function: `(batch, ...)` to `(batch, ..., n)`.   x: `(batch, *shape)`.
    Returns: NumPy array `(*output shape without n, batch, *shape)`: outputs of the whole batch, then inputs.
    """
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return np.abs(tape.jacobian(y, x).numpy()).sum(axis=y.shape.rank - 1)


def pixel_dependence(function, x):
    """`|d function(x)_i / d x_j|` for every pixel i of one image, its outputs mixed: quick where they are many.

    Args:
      function: `(batch, h, w, n)` of `(batch, ...)`, row by row.   x: `(1, *shape)`.
    Returns: NumPy array `(h w, *shape)`.
    """
    _, height, width, outputs = function(tf.constant(x)).shape
    mix = np.random.default_rng(0).normal(size=outputs).astype("float32")
    copies = tf.constant(np.repeat(x, height * width, axis=0))
    with tf.GradientTape() as tape:
        tape.watch(copies)
        mixed = tf.reshape(function(copies) @ mix[:, None], (height * width, height * width))
        own = tf.linalg.trace(mixed)  # pixel i of copy i
    return np.abs(tape.gradient(own, copies).numpy())
