"""Layers that cannot see the order of their batch, and see the batch as a whole  (BGAN, eqs. 4.11, 4.12).

    phi(x)_b = mu(bias + x_b Lambda + rho(x) Gamma),    rho(x) = mean_b x_b

If rows change places, so do the outputs. Networks of such layers can compute any statistic of the batch.

**Choice**: kernels start as `Lambda B / (B + 1)` and `Gamma / (B + 1)` and train freely from there ("this explicit
initialization", Sec. 4.4.3): as constant factors these would slow Gamma down by B + 1. Under spectral normalisation
each kernel is divided by its own sigma, and *then* multiplied by these factors, so that a map of the batch stays
1-Lipschitz; unit norms would undo initial scales.
"""

import keras
from keras import ops

from qrkeras.layers.kernels import Conv2DShape, DenseShape, KernelLayer, positive_int
from qrkeras.layers.spectral import SpectralNorm


class _Equivariant(KernelLayer):
    """Both kernels of either layer.

    Attributes:
      kernel, mean_kernel: Lambda and Gamma, of one shape.
      synchronized: whether rho is the mean over all replicas' rows: `compile` of a model says so.
    """

    looks_at_batch = True

    def __init__(
        self,
        batch_size,
        activation=None,
        kernel_initializer="glorot_uniform",
        mean_kernel_initializer="glorot_uniform",
        spectral_norm=False,
        **kwargs,
    ):
        super().__init__(activation, kernel_initializer, **kwargs)
        self.batch_size = positive_int("batch_size", batch_size)
        self.mean_kernel_initializer = keras.initializers.get(mean_kernel_initializer)
        self.spectral_norm = spectral_norm
        self.synchronized = False
        self.scales = batch_size / (batch_size + 1), 1 / (batch_size + 1)

    def add_kernels(self, shape):
        scale, mean_scale = (1, 1) if self.spectral_norm else self.scales
        self.kernel = self.add_kernel(shape, _scaled(self.kernel_initializer, scale), "kernel")
        self.mean_kernel = self.add_kernel(shape, _scaled(self.mean_kernel_initializer, mean_scale), "mean_kernel")
        if self.spectral_norm:
            self.normalised, self.mean_normalised = SpectralNorm("norm"), SpectralNorm("mean_norm")
            self.normalised.build(shape)
            self.mean_normalised.build(shape)

    def linear(self, x, training):
        kernel, mean_kernel = self.kernel, self.mean_kernel
        if self.spectral_norm:
            scale, mean_scale = self.scales
            kernel = scale * self.normalised(kernel, training=training)
            mean_kernel = mean_scale * self.mean_normalised(mean_kernel, training=training)
        everyone = self.applied(mean_kernel, ops.cast(self.mean(x), self.compute_dtype)) + self.bias  # (1, ...)
        return self.applied(kernel, x) + everyone

    def mean(self, x):
        """rho: the mean over the batch axis alone, float32 `(1, ...)`."""
        mean = ops.mean(ops.cast(x, "float32"), axis=0, keepdims=True)
        return ops.moments(mean, [0], keepdims=True, synchronized=True)[0] if self.synchronized else mean

    def get_config(self):
        return {
            **super().get_config(),
            "batch_size": self.batch_size,
            "mean_kernel_initializer": keras.initializers.serialize(self.mean_kernel_initializer),
            "spectral_norm": self.spectral_norm,
        }


def _scaled(initializer, scale):
    return lambda shape, dtype: scale * initializer(shape, dtype)


@keras.saving.register_keras_serializable(package="qrkeras")
class EquivariantDense(DenseShape, _Equivariant):
    """`mu(bias + x_b Lambda + rho(x) Gamma)`, rho the mean over the batch  (BGAN, eq. 4.12).

    Args:
      units: number of outputs.
      batch_size: B of the initial scales `B / (B + 1)` and `1 / (B + 1)`, of all replicas together. The layer takes
        batches of any size.
      activation: mu, as in `keras.layers.Dense`; the bias starts at 0.
      kernel_initializer, mean_kernel_initializer: of Lambda and of Gamma, before they are scaled. Give each its own
        seed: one seed draws the same values twice.
      spectral_norm: True divides each kernel by its own largest singular value; the scales are then constant.
    Shapes: `(batch, ..., features)` -> `(batch, ..., units)`.
    Raises:
      ValueError: for sizes that are no positive ints.
    """


@keras.saving.register_keras_serializable(package="qrkeras")
class EquivariantConv2D(Conv2DShape, _Equivariant):
    """`mu(bias + conv(x_b, Lambda) + conv(rho(x), Gamma))`, rho the mean over the batch, position by position
    (BGAN, eq. 4.12).

    Both convolutions are of one size and stride; that of rho costs 1/B of the other.

    Args:
      filters: number of output channels.   kernel_size, strides: ints, of both axes.
      batch_size, activation, kernel_initializer, mean_kernel_initializer, spectral_norm: as in `EquivariantDense`.
    Shapes: `(batch, h, w, channels)` -> `(batch, h', w', filters)`, as of `keras.layers.Conv2D` with padding "same".
    Raises:
      ValueError: for sizes that are no positive ints.
    """
