"""Weight normalisation: kernels in polar coordinates, `w = g v / |v|`  (Salimans & Kingma 2016).

Each output plane has a norm and a gain g of its own, in transposed convolutions too. What is trained is v and g; the
kernel is made at use. A layer that is not started from data has g = |v|, and is the ordinary layer of kernel v.

Within `initializing()` a layer is started from its batch: with `t = conv(x, v / |v|)`,

    g = scale / std(t),    b = -g mean(t),

over batch and places, so that outputs have mean 0 and deviation `scale`. Where the variance of t is below 1e-6, as
where the input is constant, g = scale: `1 / std` would be huge, and would multiply whatever training adds to the input.

A layer of scale 0 begins at g = 0, started or not: its outputs are 0 until it has been trained.

With classes, g and b are tables with a row for each class  (thesis, Sec. 5.8). The output is multiplied, example by
example, by the row of its label; the kernel `v / |v|` is shared. The start gives all rows the same values.
"""

import keras
from keras import ops

from qrkeras.layers.first_batch import is_initializing
from qrkeras.layers.kernels import Conv2DShape, Conv2DTransposeShape, DenseShape, KernelLayer, positive_int

LEAST_VARIANCE = 1e-6


class WeightNorm(KernelLayer):
    """What the layers share. A subclass may cut kernels in `masked(kernel)`, before their norms are taken."""

    def __init__(self, activation=None, kernel_initializer="random_normal", scale=1.0, num_classes=None, **kwargs):
        super().__init__(activation, kernel_initializer, **kwargs)
        if not scale >= 0:
            raise ValueError(f"scale must be the deviation of outputs at the start, 0 or more. Received: scale={scale}")
        self.scale = scale
        self.num_classes = None if num_classes is None else positive_int("num_classes", num_classes)

    def add_kernels(self, shape):
        self.kernel = self.add_kernel(shape, self.kernel_initializer, "kernel")
        self.gain = self.add_kernel(self.bias_shape(shape), self._first_gain, "gain")

    def bias_shape(self, kernel_shape):
        planes = kernel_shape[-1:]
        return planes if self.num_classes is None else (self.num_classes, *planes)

    def masked(self, kernel):
        return kernel

    def call(self, x, labels=None):
        """`mu(...)` of x; `labels`, int `(batch,)`, choose rows of the tables where there are classes."""
        if (labels is None) != (self.num_classes is None):
            raise ValueError(
                f"labels must be given where num_classes is, and only there. Received: labels={labels}, "
                f"num_classes={self.num_classes}"
            )
        if is_initializing():
            self._start(x)
        if labels is None:
            return self.activation(self.applied(self.gain * self._directions(), x) + self.bias)
        gain, bias = (_rows(table, labels, x) for table in (self.gain, self.bias))
        return self.activation(self.applied(self._directions(), x) * ops.cast(gain, self.compute_dtype) + bias)

    def parts(self):
        """The kernel `g v / |v|` and the bias, in the type that is computed in: to be made once, before a loop."""
        kernel = self.gain * self._directions()
        return ops.cast(kernel, self.compute_dtype), ops.cast(self.bias, self.compute_dtype)

    def _first_gain(self, shape, dtype):
        return ops.zeros(shape, dtype) + (_norms(self._cut()) if self.scale else 0)

    def _directions(self):
        kernel = self._cut()
        return kernel / _norms(kernel)

    def _cut(self):
        return self.masked(ops.convert_to_tensor(self.kernel))

    def _start(self, x):
        t = ops.cast(self.applied(self._directions(), x), "float32")
        mean, variance = ops.moments(t, axes=list(range(len(t.shape) - 1)))
        constant = variance < LEAST_VARIANCE
        gain = ops.where(constant, self.scale, self.scale / ops.sqrt(ops.where(constant, 1.0, variance)))
        self.gain.assign(ops.broadcast_to(gain, self.gain.shape))
        self.bias.assign(ops.broadcast_to(-gain * mean, self.bias.shape))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "num_classes": self.num_classes}


def _norms(kernel):
    """|v| of each output plane, `(planes,)`."""
    return ops.sqrt(ops.sum(ops.square(kernel), axis=tuple(range(len(kernel.shape) - 1))))


def _rows(table, labels, x):
    """Rows of a table by label, `(batch, 1, ..., planes)`."""
    return ops.reshape(ops.take(table, labels, axis=0), (-1, *[1] * (len(x.shape) - 2), table.shape[-1]))


@keras.saving.register_keras_serializable(package="qrkeras")
class WeightNormDense(DenseShape, WeightNorm):
    """`mu(x w + b)`, `w = g v / |v|` unit by unit  (Salimans & Kingma 2016).

    Args:
      units: number of outputs.
      activation, kernel_initializer: as in `keras.layers.Dense`; of v, by default N(0, 0.05^2). The bias starts at 0.
      scale: deviation of the outputs after a start from data; 0: the outputs are 0 at first.
      num_classes: number of rows of g and b, which labels choose, or None.
    Shapes: `(batch, ..., features)`, and int labels `(batch,)` where there are classes -> `(batch, ..., units)`.
    Raises:
      ValueError: for sizes that are no positive ints, a negative scale, or labels without classes.
    """


@keras.saving.register_keras_serializable(package="qrkeras")
class WeightNormConv2D(Conv2DShape, WeightNorm):
    """`mu(conv(x, w) + b)`, `w = g v / |v|` plane by plane  (Salimans & Kingma 2016).

    Args:
      filters: number of output planes.   kernel_size, strides: ints, of both axes.
      activation, kernel_initializer, scale, num_classes: as of `WeightNormDense`.
    Shapes: `(batch, h, w, channels)`, and labels -> `(batch, h', w', filters)`, as of `keras.layers.Conv2D` with
      padding "same".
    Raises:
      ValueError: as `WeightNormDense`.
    """


@keras.saving.register_keras_serializable(package="qrkeras")
class WeightNormConv2DTranspose(Conv2DTransposeShape, WeightNorm):
    """The transposed convolution of `w = g v / |v|`, with a norm for each plane that comes *out*.

    The code of the inverse autoregressive flow's authors has one for each plane that comes in.

    Args: as of `WeightNormConv2D`.
    Shapes: `(batch, h, w, channels)`, and labels -> `(batch, h strides, w strides, filters)`.
    Raises:
      ValueError: as `WeightNormDense`.
    """
