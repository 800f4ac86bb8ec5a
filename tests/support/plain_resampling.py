"""Convolutions that change the resolution by two, step by step: what `qrkeras.layers.resampling` is compared with."""

from keras import ops


def upsample_conv(x, kernel, padding="same"):
    """`conv(nearest_upsample_x2(x), kernel)` step by step."""
    upsampled = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
    return ops.conv(upsampled, kernel, padding=padding, data_format="channels_last")


def conv_average_pool(x, kernel, padding="same"):
    """`average_pool_2x2(conv(x, kernel))` step by step."""
    features = ops.conv(x, kernel, padding=padding, data_format="channels_last")
    return ops.average_pool(features, 2, strides=2, padding="valid", data_format="channels_last")
