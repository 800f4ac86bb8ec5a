"""Convolutions that read earlier places only, weight-normalised  (PixelCNN++, Salimans et al. 2017).

A kernel is cut to its causal part: the image is padded or cropped on either side, and nothing is multiplied by zeros.
With `rows=(first, last)` and `columns=(first, last)`, the output at (i, j) reads rows i + first to i + last, and
columns likewise; of stride s, around (s i, s j). The network's stream u, which knows the rows above, and its stream l,
which knows the pixels to the left too, have

    u  rows=(-1, 0), columns=(-1, 1)      2x3
    l  rows=(-1, 0), columns=(-1, 0)      2x2

and where they begin, rows and columns that end at -1.
"""

import keras
from keras import ops

from qrkeras.layers.kernels import positive_int
from qrkeras.layers.weight_norm import WeightNorm


class _Shifted(WeightNorm):
    """What both directions share: sizes, and the kernel cut to them."""

    def __init__(self, filters, rows, columns, **kwargs):
        super().__init__(**kwargs)
        self.filters = positive_int("filters", filters)
        self.rows, self.columns = _range("rows", rows), _range("columns", columns)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def kernel_shape(self, input_shape):
        (top, bottom), (left, right) = self.rows, self.columns
        return bottom - top + 1, right - left + 1, input_shape[-1], self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "columns": self.columns}


@keras.saving.register_keras_serializable(package="qrkeras")
class ShiftedConv2D(_Shifted):
    """The convolution of `w = g v / |v|` over rows and columns that are given relative to the output's.

    Args:
      filters: number of output planes.
      rows, columns: the first and the last that are read, ints of at most 0 and of any sign.   strides: of both axes.
      activation, kernel_initializer, scale: as of `WeightNormDense`.
    Shapes: `(batch, h, w, planes)` -> `(batch, h / strides, w / strides, filters)`.
    Raises:
      ValueError: for rows or columns that are no such pair, and as `WeightNormDense`.
    """

    def __init__(self, filters, rows=(-1, 0), columns=(-1, 1), strides=1, **kwargs):
        super().__init__(filters, rows, columns, **kwargs)
        self.strides = positive_int("strides", strides)

    def applied(self, kernel, x):
        top, bottom = self.rows
        x = _cropped(x, 1, bottom)
        x = ops.pad(x, [[0, 0], [-top, max(bottom, 0)], [0, 0], [0, 0]])
        return self.windowed(ops.cast(kernel, self.compute_dtype), x)

    def windowed(self, kernel, window):
        """Outputs of rows whose view lies in `window` as a whole, or what those of its rows add to them.

        Args:
          kernel: of `parts()`, or some of its rows, k.   window: `(batch, at least k, w, planes)`.
        Returns: `(batch, n, w / strides, filters)`, without a bias.
        """
        left, right = self.columns
        window = _cropped(window, 2, right)
        window = ops.pad(window, [[0, 0], [0, 0], [-left, max(right, 0)], [0, 0]])
        return ops.conv(window, kernel, self.strides, "valid", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        sizes = (None if size is None else -(-size // self.strides) for size in input_shape[1:3])
        return (input_shape[0], *sizes, self.filters)

    def get_config(self):
        return {**super().get_config(), "rows": self.rows, "strides": self.strides}


@keras.saving.register_keras_serializable(package="qrkeras")
class ShiftedConv2DTranspose(_Shifted):
    """The transposed convolution of stride 2: the input at (I, J) spreads to rows 2I, 2I + 1 and to columns around 2J.

    An output at (i, j) so reads the inputs at row i // 2, and no later one than the stream may know.

    Args:
      filters: number of output planes.
      columns: the first and the last of the outputs, relative to 2J: (0, 1), or (-1, 1).
      activation, kernel_initializer, scale: as of `WeightNormDense`.
    Shapes: `(batch, h, w, planes)` -> `(batch, 2h, 2w, filters)`.
    Raises:
      ValueError: as `ShiftedConv2D`.
    """

    def __init__(self, filters, columns=(-1, 1), **kwargs):
        super().__init__(filters, (0, 1), columns, **kwargs)

    def applied(self, kernel, x):
        return self.windowed(ops.cast(kernel, self.compute_dtype), x)

    def windowed(self, kernel, rows):
        """What rows `(batch, n, w, planes)` spread to: `(batch, 2n, 2w, filters)`, without a bias.

        Args: kernel: of `parts()`.
        """
        kernel = ops.transpose(kernel, (0, 1, 3, 2))
        spread = ops.conv_transpose(rows, kernel, 2, "valid", data_format="channels_last")
        return spread[:, :, -self.columns[0] :]

    def compute_output_shape(self, input_shape):
        sizes = (None if size is None else 2 * size for size in input_shape[1:3])
        return (input_shape[0], *sizes, self.filters)


def last_row(kernel):
    """`(columns planes, filters)`: what the columns of the last row that is read, side by side, are multiplied by."""
    last = kernel[-1]
    return ops.reshape(last, (-1, last.shape[-1]))


def _range(name, pair):
    first, last = pair
    if not (isinstance(first, int) and isinstance(last, int) and first <= min(0, last)):
        raise ValueError(
            f"{name} must be the first and the last that are read, ints, the first at most 0. Received: {name}={pair}"
        )
    return first, last


def _cropped(x, axis, last):
    """x without what lies behind `last`, where that is before the place itself."""
    return x if last >= 0 else ops.split(x, [x.shape[axis] + last], axis=axis)[0]
