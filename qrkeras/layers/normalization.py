"""Batch normalisation whose statistics are matrix products."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qrkeras")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` with mean `1'x / n` and variance `1'x^2 / n - mean^2`
    (Ioffe and Szegedy 2015).

    The same function, arguments and weights as Keras' own; `x` stands for the inputs as an
    `(n, channels)` matrix. Sums over positions are products with a row of ones, which the CPU runs
    faster than Keras' reductions, forward and backward.
    """

    def _moments(self, inputs, mask):
        if mask is not None or self.synchronized or self.axis not in (-1, len(inputs.shape) - 1):
            return super()._moments(inputs, mask)
        x = ops.reshape(inputs, (-1, inputs.shape[-1]))
        n = ops.shape(x)[0]
        averaging = ops.ones((1, n), x.dtype) / ops.cast(n, x.dtype)
        mean = ops.matmul(averaging, x)[0]
        variance = ops.matmul(averaging, ops.square(x))[0] - ops.square(mean)
        return mean, ops.maximum(variance, 0.0)  # rounding may leave a constant channel below zero
