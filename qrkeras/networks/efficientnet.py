"""EfficientNet-Lite0, an encoder of photographs  (Tan & Le 2019; Lite: github.com/tensorflow/tpu, 2020)."""

import keras
from keras import layers

from qrkeras.networks.gan_layers import CHANNELS_LAST

SIDE = 224
# Stages of blocks: how many, kernel size, stride of the first, times that channels are expanded, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD = 32, 1280
PENULTIMATE = 4  # the stage, counted from 0, that ends at 14 x 14


def efficientnet_lite0(name="efficientnet_lite0"):
    """EfficientNet-Lite0 without its classifier, in inference form: of each batch normalisation a bias is left.

    Inverted residual blocks: 1 x 1 convolution that expands, depthwise convolution, 1 x 1 convolution that projects; a
    sum with the input where shapes agree. ReLU6 after all but the projections; no squeeze and excitation.

    Choice: batch normalisation is part of kernels and biases, so that images are told apart from their batch in the
    second stage of training, too.

    Returns: `keras.Model` from images `(batch, 224, 224, 3)` in [-1, 1] to what stage 5 ends in, `(batch, 14, 14,
      112)`, the last map `(batch, 7, 7, 1280)` and its mean `(batch, 1280)`. Layers that have weights are `stem`,
      `block_0_depthwise`, `block_0_project`, `block_1_expand`, ..., `head`, as the published file counts them.
    """
    images = keras.Input((SIDE, SIDE, 3), name="images")
    x = layers.Rescaling(127.5 / 128, 0.5 / 128, name="rescaled")(images)  # (levels - 127) / 128
    x = _convolution(x, "stem", STEM, 3, 2)
    number, maps = 0, []
    for count, kernel_size, stride, expansion, filters in STAGES:
        for i in range(count):
            x = _block(x, f"block_{number}", kernel_size, stride if i == 0 else 1, expansion, filters)
            number += 1
        maps.append(x)
    last = _convolution(x, "head", HEAD, 1)
    vector = layers.GlobalAveragePooling2D(data_format=CHANNELS_LAST, name="vector")(last)
    return keras.Model(images, [maps[PENULTIMATE], last, vector], name=name)


def _block(x, name, kernel_size, stride, expansion, filters):
    before, channels = x, x.shape[-1]
    if expansion > 1:
        x = _convolution(x, f"{name}_expand", expansion * channels, 1)
    x = layers.DepthwiseConv2D(kernel_size, stride, "same", data_format=CHANNELS_LAST, name=f"{name}_depthwise")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(filters, 1, data_format=CHANNELS_LAST, name=f"{name}_project")(x)
    return layers.Add(name=f"{name}_sum")([before, x]) if stride == 1 and filters == channels else x


def _convolution(x, name, filters, kernel_size, stride=1):
    x = layers.Conv2D(filters, kernel_size, stride, "same", data_format=CHANNELS_LAST, name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)
