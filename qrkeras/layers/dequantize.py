"""Noise that fills the bins of grey levels, drawn after the image: variational dequantisation  (Ho et al. 2019; thesis,
eq. 2.84).

**Choice**: with tau uniform in (0, 1), and m and s from a small network of the image x,

    u = S(m + s logit(tau)),    log q(u | x) = log[tau (1 - tau)] - log s - log[u (1 - u)],

S the logistic function. The family holds the uniform distribution, m = 0 and s = 1, at which training begins.
"""

import keras
from keras import ops

from qrkeras.layers.kernels import positive_int


def logistic_noise(tau, mean, log_scale):
    """u and `log q(u)` of levels tau: a logistic variable of that mean and scale, through S.

    Logarithms of u and 1 - u are those of its logit, which lose no digits at the ends.

    Args:
      tau: float32 in (0, 1).   mean, log_scale: m and log s; all broadcast.
    Returns: two tensors of the broadcast shape, unreduced.
    """
    logit = ops.log(tau) - ops.log1p(-tau)
    bent = mean + ops.exp(log_scale) * logit
    log_density = _log_slope(logit) - log_scale - _log_slope(bent)
    return ops.sigmoid(bent), log_density


def _log_slope(logit):
    """`log[u (1 - u)]`, `u = S(logit)`."""
    return -ops.softplus(logit) - ops.softplus(-logit)


@keras.saving.register_keras_serializable(package="qrkeras")
class Dequantizer(keras.layers.Layer):
    """Noise u for images, and its log-density: uniform at first, trained with the density that it serves.

    m and log s come from two residual blocks `x + conv(ELU(conv(ELU(x))))` of 3x3 convolutions between a first and a
    last one, which begins at zero.

    Args:
      planes: of the blocks.   seed: int, from which all weights are drawn, or None.
    Shapes: images `(batch, h, w, channels)` in [-1, 1], tau the same in (0, 1) -> u in (0, 1) and `log q(u | x)`, value
      by value: float32, the same shape.
    Raises:
      ValueError: for planes that are no positive int.
    """

    def __init__(self, planes=32, seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)  # tau loses too much in bfloat16
        self.planes = positive_int("planes", planes)
        self.seed = seed

    def build(self, images_shape, tau_shape):
        same = {"kernel_size": 3, "padding": "same", "data_format": "channels_last"}
        self.convolutions, inputs = [], images_shape
        for i in range(5):
            initializer = keras.initializers.GlorotUniform(None if self.seed is None else self.seed + i)
            convolution = keras.layers.Conv2D(
                self.planes, **same, kernel_initializer=initializer, dtype=self.dtype_policy, name=f"conv_{i}"
            )
            convolution.build(inputs)
            self.convolutions.append(convolution)
            inputs = (*inputs[:-1], self.planes)
        self.last = keras.layers.Conv2D(
            2 * images_shape[-1], **same, kernel_initializer="zeros", dtype="float32", name="last"
        )
        self.last.build(inputs)

    def call(self, images, tau):
        first, *blocks = self.convolutions
        x = first(images)
        for inner, outer in zip(blocks[::2], blocks[1::2], strict=True):
            x = x + outer(ops.elu(inner(ops.elu(x))))
        return logistic_noise(tau, *ops.split(self.last(ops.elu(x)), 2, axis=-1))

    def compute_output_spec(self, images, tau):
        return tuple(keras.KerasTensor(images.shape, "float32") for _ in range(2))

    def get_config(self):
        return {**super().get_config(), "planes": self.planes, "seed": self.seed}
