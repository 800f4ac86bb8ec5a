"""The block of PixelCNN++, for whole images, for one row and for one pixel at a time."""

from typing import Any, NamedTuple

import keras
from keras import ops

from qrkeras.layers.shifted import ShiftedConv2D, last_row
from qrkeras.layers.weight_norm import WeightNormDense

SCALE = 0.1  # of g at the start from data


def concat_elu(x):
    """`ELU([x, -x])`, of twice as many planes  (PixelCNN++)."""
    return ops.elu(ops.concatenate([x, -x], axis=-1))


def dropout(x, rate, uniforms):
    """x with a share `rate` of its values at 0 and the others divided by `1 - rate`  (Srivastava et al. 2014).

    Args: uniforms: on [0, 1), of the shape of x; None: x as it is.
    """
    if uniforms is None or not rate:
        return x
    return ops.where(ops.cast(uniforms, "float32") < rate, ops.zeros_like(x), x / (1.0 - rate))


class BlockParts(NamedTuple):
    """Weights of a block for `row`, `context` and `pixel`, with what of biases and classes goes with them.

    Attributes:
      first, second: kernels of K and K'.   skip: matrices of A, one for each aux.   condition: that of B, or None.
      first_bias: of K and A.   second_bias: of K' and the classes, `(2 planes,)` or `(batch, 1, 2 planes)`.
      first_last, second_last: what a pixel multiplies by: the last rows of K and K', that of K with A of further aux.
    """

    first: Any
    second: Any
    skip: Any
    condition: Any
    first_bias: Any
    second_bias: Any
    first_last: Any
    second_last: Any


@keras.saving.register_keras_serializable(package="qrkeras")
class GatedResidual(keras.layers.Layer):
    """Gated residual block of one stream  (PixelCNN++, Salimans et al. 2017).

    With v the stream, `aux` what comes from the other one and from skips, `e` of `concat_elu`, s a condition and K, K'
    of the cut kernels of `ShiftedConv2D`:

        t = K e(v) + A e(aux)
        g = K' drop(e(t)) + B s + class        2 planes, scale 0.1 at the start
        v' = v + g_1 sigmoid(g_2)

    K, A and K' are weight-normalised, and start from data; B is not, and begins at zero.

    **Choice**: a class adds a row of a table, N(0, 0.05^2), without a norm, as in the authors' code.

    Args:
      planes: of the stream, and of each aux.
      columns: that K and K' read, `(-1, 1)` for the stream that knows the rows above, `(-1, 0)` for the other.
      aux: number of tensors that come in by A.   dropout: rate, in [0, 1).
      condition: whether s is added.   num_classes: of the class that is added, or None.
      seed: int, of all weights, or None.
    Shapes: v, each aux and s `(batch, h, w, planes)`, labels int `(batch,)`, uniforms `(batch, h, w, 2 planes)`
      -> `(batch, h, w, planes)`.
    Raises:
      ValueError: for a rate that is not in [0, 1).
    """

    def __init__(self, planes, columns, aux=0, dropout=0.0, condition=False, num_classes=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), the share that is left out. Received: {dropout}")
        self.planes, self.columns, self.aux, self.dropout = planes, tuple(columns), aux, dropout
        self.condition, self.num_classes, self.seed = condition, num_classes, seed

        def options(i):
            kernels = keras.initializers.RandomNormal(0.0, 0.05, None if seed is None else seed + i)
            return {"kernel_initializer": kernels, "dtype": self.dtype_policy}

        self.first = ShiftedConv2D(planes, columns=columns, **options(0))
        self.second = ShiftedConv2D(2 * planes, columns=columns, scale=SCALE, **options(1))
        self.skip = WeightNormDense(planes, **options(2)) if aux else None
        self.table_initializer = options(3)["kernel_initializer"]
        self.condition_kernel = self.table = None

    def build(self, v_shape):
        doubled = (*v_shape[:-1], 2 * self.planes)
        self.first.build(doubled)
        self.second.build(doubled)
        if self.aux:
            self.skip.build((*v_shape[:-1], 2 * self.planes * self.aux))
        if self.condition:
            shape = (self.planes, 2 * self.planes)
            self.condition_kernel = self.add_weight(shape=shape, initializer="zeros", name="condition")
        if self.num_classes is not None:
            shape = (self.num_classes, 2 * self.planes)
            self.table = self.add_weight(shape=shape, initializer=self.table_initializer, name="classes")

    def call(self, v, aux=(), condition=None, labels=None, uniforms=None):
        t = self.first(concat_elu(v))
        if self.aux:
            t = t + self.skip(ops.concatenate([concat_elu(x) for x in aux], axis=-1))
        g = self.second(dropout(concat_elu(t), self.dropout, uniforms))
        if self.condition:
            g = g + ops.matmul(condition, ops.cast(self.condition_kernel, self.compute_dtype))
        if self.table is not None:
            g = g + self._classes(labels)[:, None, None]
        return v + _gated(g)

    def _classes(self, labels):
        return ops.cast(ops.take(self.table, labels, axis=0), self.compute_dtype)  # (batch, 2 planes)

    def parts(self, labels=None):
        """`BlockParts`: make them once, outside the loop over rows and pixels."""
        first, first_bias = self.first.parts()
        second, second_bias = self.second.parts()
        skip = ()
        if self.aux:
            matrix, bias = self.skip.parts()
            skip, first_bias = ops.split(matrix, self.aux, axis=0), first_bias + bias
        condition = None if not self.condition else ops.cast(self.condition_kernel, self.compute_dtype)
        if self.table is not None:
            second_bias = second_bias + self._classes(labels)[:, None]
        first_last = ops.concatenate([last_row(first), *skip[1:]], axis=0)
        return BlockParts(first, second, skip, condition, first_bias, second_bias, first_last, last_row(second))

    def row(self, parts, v, above, aux=(), condition=None):
        """One row of a stream that knows the rows above.

        Args:
          parts: of `parts()`.   v, each of aux, condition: the row, `(batch, w, planes)`.
          above: e(v) and e(t) of the row above, `(batch, w, 2 planes)`.
        Returns: v', and what the row below takes as `above`.
        """
        here = concat_elu(v)
        t = self._window(self.first, parts.first, above[0], here) + parts.first_bias
        for x, matrix in zip(aux, parts.skip, strict=True):
            t = t + ops.matmul(concat_elu(x), matrix)
        inner = concat_elu(t)
        g = self._window(self.second, parts.second, above[1], inner) + self._given(parts, condition)
        return v + _gated(g), (here, inner)

    def context(self, parts, above, aux, condition=None):
        """What a row adds to t and g of its pixels before the first of them is known: all but left and present columns.

        Args:
          parts, above, condition: as of `row`.   aux: the first aux, of the other stream, `(batch, w, planes)`.
        Returns: `(batch, w, planes)` and `(batch, w, 2 planes)`.
        """
        t = self._window(self.first, parts.first[:1], above[0]) + parts.first_bias
        t = t + ops.matmul(concat_elu(aux), parts.skip[0])
        g = self._window(self.second, parts.second[:1], above[1]) + self._given(parts, condition)
        return t, g

    def pixel(self, parts, v, left, context, aux=()):
        """One pixel of a stream that knows the pixels to the left.

        Args:
          parts: of `parts()`.   v, each of aux: the pixel, `(batch, planes)`; aux those behind the first.
          left: e(v) and e(t) of the column to the left, `(batch, 2 planes)`.   context: of `context`, for the column.
        Returns: v', and what the column to the right takes as `left`.
        """
        here = concat_elu(v)
        seen = left[0], here, *(concat_elu(x) for x in aux)
        t = ops.matmul(ops.concatenate(seen, axis=-1), parts.first_last) + context[0]
        inner = concat_elu(t)
        g = ops.matmul(ops.concatenate([left[1], inner], axis=-1), parts.second_last) + context[1]
        return v + _gated(g), (here, inner)

    def _window(self, convolution, kernel, *rows):
        return convolution.windowed(kernel, ops.stack(rows, axis=1))[:, 0]

    def _given(self, parts, condition):
        return parts.second_bias if condition is None else parts.second_bias + ops.matmul(condition, parts.condition)

    def get_config(self):
        return {
            **super().get_config(),
            "planes": self.planes,
            "columns": self.columns,
            "aux": self.aux,
            "dropout": self.dropout,
            "condition": self.condition,
            "num_classes": self.num_classes,
            "seed": self.seed,
        }


def _gated(g):
    first, second = ops.split(g, 2, axis=-1)
    return first * ops.sigmoid(second)
