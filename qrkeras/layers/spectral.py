"""Spectral normalisation whose gradient is that of the normalised kernel  (Miyato et al. 2018, Sec. 2.1, Algorithm 1).

The layer uses `W / sigma`, with W the kernel as a matrix `(outputs, height * width * inputs)` and sigma its largest
singular value. One round of power iteration, `v = W'u / |W'u|, u = Wv / |Wv|`, follows it from use to use, and
`sigma = |W'u|`. With u held fixed, that has the gradient `d sigma / dW = u v'` of the singular value itself.

`keras.layers.SpectralNormalization` overwrites the trained kernel by `W / sigma` instead, and leaves sigma out of the
gradient. Here the kernel is normalised at use alone.
"""

import keras
from keras import ops

from qrkeras.layers.kernels import Conv2DShape, DenseShape, KernelLayer


def power_round(kernel, u):
    """One round of power iteration: the next u  (Miyato et al. 2018, Algorithm 1).

    Args:
      kernel: `(..., inputs, outputs)`.   u: `(outputs,)`, of any length but 0.
    Returns: `(outputs,)`, of length 1, without gradient.
    """
    matrix = ops.stop_gradient(_matrix(kernel))
    v = _unit(ops.matmul(matrix, u))
    return _unit(ops.matmul(v, matrix))


def spectral_norm(kernel, u):
    """`|W'u|`, the largest singular value of a kernel if u is its left singular vector, a constant.

    Args:
      kernel: `(..., inputs, outputs)`.   u: `(outputs,)`, of length 1.
    Returns: scalar.
    """
    return ops.sqrt(ops.sum(ops.square(ops.matmul(_matrix(kernel), u))))


def _matrix(kernel):
    return ops.reshape(kernel, (-1, kernel.shape[-1]))  # W', (height * width * inputs, outputs)


def _unit(vector):
    return vector / ops.sqrt(ops.sum(ops.square(vector)))


def _start(shape, dtype):
    return _unit(keras.initializers.RandomNormal(seed=0)(shape, dtype))


class SpectralNorm(keras.layers.Layer):
    """`W / sigma` of a kernel that the layer around it trains, in float32.

    u is a weight that is not trained, the same on all replicas. It moves where `training` is True, and nowhere else.

    Shapes: `(..., inputs, outputs)` -> the same.
    Raises: ValueError, of a bias or another weight that is no kernel.
    """

    def __init__(self, name):
        super().__init__(name=name, dtype="float32")

    def build(self, kernel_shape):
        *inputs, outputs = kernel_shape
        if not inputs:
            raise ValueError(
                "kernel_shape must have two axes or more, (..., inputs, outputs): only a kernel has a spectral norm. "
                f"Received: {tuple(kernel_shape)}"
            )
        self.u = self.add_weight(
            shape=(outputs,),
            initializer=_start,
            trainable=False,
            aggregation="only_first_replica",
            name="u",
        )

    def call(self, kernel, training=None):
        u = ops.convert_to_tensor(self.u)
        if training:
            u = power_round(kernel, u)
            self.u.assign(u)
        return kernel / spectral_norm(kernel, u)


class _Spectral(KernelLayer):
    def add_kernels(self, shape):
        self.kernel = self.add_kernel(shape, self.kernel_initializer, "kernel")
        self.normalised = SpectralNorm("spectral_norm")
        self.normalised.build(shape)

    def linear(self, x, training):
        return self.applied(self.normalised(self.kernel, training=training), x) + self.bias


@keras.saving.register_keras_serializable(package="qrkeras")
class SpectralDense(DenseShape, _Spectral):
    """`mu(bias + x W / sigma)`, sigma the largest singular value of W  (Miyato et al. 2018).

    Args:
      units: number of outputs.   activation, kernel_initializer: as in `keras.layers.Dense`. The bias starts at 0.
    Shapes: `(batch, ..., features)` -> `(batch, ..., units)`.
    Raises:
      ValueError: for units that are no positive int.
    """


@keras.saving.register_keras_serializable(package="qrkeras")
class SpectralConv2D(Conv2DShape, _Spectral):
    """`mu(bias + conv(x, W / sigma))`, sigma the largest singular value of W as a matrix  (Miyato et al. 2018).

    Args:
      filters: number of output channels.   kernel_size, strides: ints, of both axes.
      activation, kernel_initializer: as in `keras.layers.Conv2D`. The bias starts at 0.
    Shapes: `(batch, h, w, channels)` -> `(batch, h', w', filters)`, as of `keras.layers.Conv2D` with padding "same".
    Raises:
      ValueError: for sizes that are no positive ints.
    """
