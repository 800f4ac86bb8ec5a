"""Convolutions that change the resolution by two, in their cheap exact form.

Nearest upsampling is zero insertion followed by a 2x2 box filter, 2x2 average pooling is a 2x2 box
filter followed by dropping every other position, and two convolutions may change places. So

    conv(upsample(x))      =  4 box(conv_transpose(x, stride 2))
    average_pool(conv(x))  =  conv(box(x), stride 2)

with `box` the mean over each 2x2 window (stride 1): the same function of the same weights. For a
3x3 kernel each takes 9 multiplications per low-resolution position and channel pair, where the
plain form takes 36. Nothing non-linear may stand between the two.
"""

import keras
from keras import ops

_FORMAT = "channels_last"


def _check_kernel(kernel_size, padding):
    if not isinstance(kernel_size, int) or kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(
            "kernel_size must be an odd int of at least 3, one size for both axes (for others "
            "use keras.layers.Conv2D beside a resampling layer). "
            f"Received: kernel_size={kernel_size!r}"
        )
    if padding not in ("same", "valid"):
        raise ValueError(f'padding must be "same" or "valid". Received: padding={padding!r}')


def _box(x):
    """Mean over each 2x2 window: `(batch, h, w, c)` -> `(batch, h - 1, w - 1, c)`."""
    return ops.average_pool(x, 2, strides=1, padding="valid", data_format=_FORMAT)


def _crop(x, margin):
    return x[:, margin:-margin, margin:-margin] if margin else x


def upsample_conv(x, kernel, padding="same"):
    """`conv(nearest_upsample_x2(x), kernel)` as `4 box(conv_transpose(x, kernel, stride 2))`
    (QRGAN, Fig. 8).

    Args:
      x: `(batch, h, w, c)`.   kernel: `(k, k, c, filters)`, k odd, at least 3.
      padding: "same" pads the upsampled image with zeros, "valid" leaves it.
    Returns: `(batch, 2h, 2w, filters)` for "same",
      `(batch, 2h - k + 1, 2w - k + 1, filters)` for "valid".
    """
    size = kernel.shape[0]
    _check_kernel(size, padding)
    flipped = ops.transpose(ops.flip(4 * kernel, axis=(0, 1)), (0, 1, 3, 2))  # (k, k, filters, c)
    spread = ops.conv_transpose(x, flipped, strides=2, padding="valid", data_format=_FORMAT)
    full = _box(spread)  # (batch, 2h + k - 3, 2w + k - 3, filters)
    return _crop(full, (size - 3) // 2 if padding == "same" else size - 2)


def conv_average_pool(x, kernel, padding="same"):
    """`average_pool_2x2(conv(x, kernel))` as `conv(box(x), kernel, stride 2)`  (QRGAN, Fig. 8).

    An odd row or column of the convolution is dropped, as the pooling drops it.

    Args:
      x: `(batch, h, w, c)`.   kernel: `(k, k, c, filters)`, k odd, at least 3.
      padding: "same" pads the image with zeros, "valid" leaves it.
    Returns: `(batch, h // 2, w // 2, filters)` for "same",
      `(batch, (h - k + 1) // 2, (w - k + 1) // 2, filters)` for "valid".
    """
    size = kernel.shape[0]
    _check_kernel(size, padding)
    if padding == "same":
        margin = size // 2
        x = ops.pad(x, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
    return ops.conv(_box(x), kernel, strides=2, padding="valid", data_format=_FORMAT)


class _ResamplingConv2D(keras.layers.Layer):
    """Weights and configuration of both layers: those of `keras.layers.Conv2D`.

    A subclass gives `_convolve(x, kernel, padding)` and `_output_size(size)` of one axis.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        padding="same",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(filters, int) or filters < 1:
            raise ValueError(f"filters must be a positive int. Received: filters={filters!r}")
        _check_kernel(kernel_size, padding)
        self.filters = filters
        self.kernel_size = kernel_size
        self.padding = padding
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                "input_shape must end in a known number of channels (channels_last); give it in "
                f"keras.Input. Received: input_shape={tuple(input_shape)}"
            )
        self.compute_output_shape(input_shape)  # refuses an image that is too small
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: channels})
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer=self.bias_initializer, name="bias")

    def call(self, inputs):
        outputs = self._convolve(inputs, self.kernel, self.padding)
        return ops.add(outputs, self.bias) if self.use_bias else outputs

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        output_shape = (batch, self._output_size(height), self._output_size(width), self.filters)
        if any(size is not None and size < 1 for size in output_shape[1:3]):
            raise ValueError(
                f"inputs must be large enough for kernel_size={self.kernel_size} with "
                f'padding={self.padding!r}; use larger images or padding="same". '
                f"Received: input_shape={tuple(input_shape)}"
            )
        return output_shape

    def _margin(self):
        return 0 if self.padding == "same" else self.kernel_size - 1

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


@keras.saving.register_keras_serializable(package="qrkeras")
class UpsampleConv2D(_ResamplingConv2D):
    """Nearest upsampling by two followed by a convolution, `upsample_conv(x, kernel) + bias`
    (QRGAN, Fig. 8).

    Equal to `UpSampling2D(2)` followed by `Conv2D`, with the weights of that `Conv2D`: kernel
    `(k, k, c, filters)`, bias `(filters,)`. Images are channels_last whatever the Keras
    configuration says.

    Args:
      filters: number of output channels.   kernel_size: k, odd, at least 3.
      padding: "same" or "valid", of the convolution.
      use_bias, kernel_initializer, bias_initializer: as in `keras.layers.Conv2D`.
    Shapes: `(batch, h, w, c)` -> `(batch, 2h, 2w, filters)` for "same",
      `(batch, 2h - k + 1, 2w - k + 1, filters)` for "valid".
    """

    _convolve = staticmethod(upsample_conv)

    def _output_size(self, size):
        return None if size is None else 2 * size - self._margin()


@keras.saving.register_keras_serializable(package="qrkeras")
class ConvAveragePool2D(_ResamplingConv2D):
    """A convolution followed by 2x2 average pooling, `conv_average_pool(x, kernel) + bias`
    (QRGAN, Fig. 8).

    Equal to `Conv2D` followed by `AveragePooling2D(2)`, with the weights of that `Conv2D`: kernel
    `(k, k, c, filters)`, bias `(filters,)`. Images are channels_last whatever the Keras
    configuration says.

    Args:
      filters: number of output channels.   kernel_size: k, odd, at least 3.
      padding: "same" or "valid", of the convolution.
      use_bias, kernel_initializer, bias_initializer: as in `keras.layers.Conv2D`.
    Shapes: `(batch, h, w, c)` -> `(batch, h // 2, w // 2, filters)` for "same",
      `(batch, (h - k + 1) // 2, (w - k + 1) // 2, filters)` for "valid".
    """

    _convolve = staticmethod(conv_average_pool)

    def _output_size(self, size):
        return None if size is None else (size - self._margin()) // 2
