"""Causal convolutions whose kernels hold their causal part only  (Gated PixelCNN, van den Oord et al. 2016b).

The usual form multiplies a full k x k kernel by a mask of zeros. Here the kernel is cut to the taps that the mask
would leave, and the image is padded on one side: of the 25 taps of a 5x5 kernel the vertical stack keeps 15, or 10
where its own row is hidden, and the horizontal stack keeps 3 of 5. Only the colours of the horizontal stack's
present pixel still need a mask.
"""

import keras
from keras import ops

from qrkeras.layers.colours import colour_bounds, colour_mask, cut_matrix, cut_planes, plane_colours

_FORMAT = "channels_last"


def check_kernel_size(kernel_size):
    if not isinstance(kernel_size, int) or kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be an odd int of at least 3. Received: {kernel_size!r}")


class _CausalConv2D(keras.layers.Layer):
    """Weights and configuration of both convolutions; neither has a bias."""

    def __init__(self, filters, kernel_size=5, strict=False, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        check_kernel_size(kernel_size)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strict = strict
        self.reach = kernel_size // 2
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _add_kernel(self, height, width, planes):
        shape = (height, width, planes, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strict": self.strict,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="qrkeras")
class VerticalConv2D(_CausalConv2D):
    """Row i sees rows i - k // 2 to i, or to i - 1 where `strict`, k columns wide; all colours.

    Args:
      filters: number of output planes.   kernel_size: k, odd, at least 3.
      strict: True for mask A, which hides row i itself.   kernel_initializer: as in `keras.layers.Conv2D`.
    Shapes: `(batch, h, w, planes)` -> `(batch, h, w, filters)`.
    """

    def build(self, input_shape):
        self._add_kernel(self.reach + (not self.strict), self.kernel_size, input_shape[-1])

    def call(self, x):
        if self.strict:
            x = x[:, :-1]
        return self.rows(ops.pad(x, [[0, 0], [self.reach, 0], [0, 0], [0, 0]]))

    def rows(self, window):
        """Output for the rows whose view lies in `window` as a whole.

        Args:
          window: `(batch, n + k // 2, w, planes)`, or one row less where `strict`.
        Returns: `(batch, n, w, filters)`.
        """
        padded = ops.pad(window, [[0, 0], [0, 0], [self.reach, self.reach], [0, 0]])
        kernel = ops.cast(self.kernel, self.compute_dtype)  # also called outside `call`, where nothing is cast
        return ops.conv(padded, kernel, padding="valid", data_format=_FORMAT)


@keras.saving.register_keras_serializable(package="qrkeras")
class HorizontalConv2D(_CausalConv2D):
    """Column j sees columns j - k // 2 to j of its row; in column j itself, the colours that the mask leaves.

    Args:
      filters: number of output planes.   kernel_size: k, odd, at least 3; k // 2 + 1 taps are kept.
      colours: number of colour groups.   output_stacks: stacks that the filters come in, each cut into groups.
      strict: True for mask A, which hides the present pixel's own colour; False for mask B.
      kernel_initializer: as in `keras.layers.Conv2D`.
    Shapes: `(batch, h, w, planes)` -> `(batch, h, w, filters)`.
    """

    def __init__(self, filters, kernel_size=5, colours=1, output_stacks=1, strict=False, **kwargs):
        super().__init__(filters, kernel_size, strict, **kwargs)
        self.colours = colours
        self.output_stacks = output_stacks
        colour_bounds(filters, colours, output_stacks)  # refuses filters that cannot be cut

    def build(self, input_shape):
        outputs = plane_colours(self.filters, self.colours, self.output_stacks)
        self._mask = colour_mask(plane_colours(input_shape[-1], self.colours), outputs, self.strict)
        self._add_kernel(1, self.reach + 1, input_shape[-1])

    def call(self, x):
        kernel = self.kernel
        if self.strict or self.colours > 1:
            present = kernel[:, -1:] * ops.cast(self._mask, kernel.dtype)
            kernel = ops.concatenate([kernel[:, :-1], present], axis=1)
        padded = ops.pad(x, [[0, 0], [0, 0], [self.reach, 0], [0, 0]])
        return ops.conv(padded, kernel, padding="valid", data_format=_FORMAT)

    def parts(self):
        """Weights for one column at a time: a list by colour of kernels `(planes seen, filters of the colour)`.

        The planes seen are those of the k // 2 columns to the left, side by side, the oldest first, and then those
        of the present column that the mask leaves.
        """
        kernel = ops.cast(self.kernel, self.compute_dtype)[0]
        past = cut_planes(ops.reshape(kernel[:-1], (-1, self.filters)), self.colours, self.output_stacks)
        present = cut_matrix(kernel[-1], self.colours, 1, self.output_stacks, self.strict)
        return [ops.concatenate(parts, axis=0) for parts in zip(past, present, strict=True)]

    def get_config(self):
        return {**super().get_config(), "colours": self.colours, "output_stacks": self.output_stacks}
