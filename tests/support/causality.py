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
