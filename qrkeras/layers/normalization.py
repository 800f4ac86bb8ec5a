"""Batch normalisation whose statistics are matrix products."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="qrkeras")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` with mean `m = 1'x / n` and variance `1'(x - m)^2 / n`
    (Ioffe and Szegedy 2015).

    The same function, arguments and weights as Keras' own; `x` stands for the inputs as an
    `(n, channels)` matrix. Sums over positions are products with a row of ones, which the CPU runs
    faster than Keras' reductions, forward and backward. Replicas that synchronise centre their inputs
    first as well: Keras' own sums of squares lose all digits of a channel far from zero.
    """

    def _moments(self, inputs, mask):
        if mask is not None or self.axis not in (-1, len(inputs.shape) - 1):
            return super()._moments(inputs, mask)
        if self.synchronized:
            centre = ops.stop_gradient(super()._moments(inputs, None)[0])
            shift, variance = super()._moments(inputs - centre, None)
            return centre + shift, variance
        x = ops.reshape(inputs, (-1, inputs.shape[-1]))
        n = ops.shape(x)[0]
        averaging = ops.ones((1, n), x.dtype) / ops.cast(n, x.dtype)
        mean = ops.matmul(averaging, x)[0]
        centre = ops.stop_gradient(mean)
        # The last term is zero, and gives second derivatives what the constant centre takes from them.
        variance = ops.matmul(averaging, ops.square(x - centre))[0] - ops.square(mean - centre)
        return mean, variance
