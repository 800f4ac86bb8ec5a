"""Keras layers, one idea a file."""

from qrkeras.layers.normalization import BatchNormalization
from qrkeras.layers.resampling import (
    ConvAveragePool2D,
    UpsampleConv2D,
    conv_average_pool,
    conv_average_pool_plain,
    upsample_conv,
    upsample_conv_plain,
)

__all__ = [
    "BatchNormalization",
    "ConvAveragePool2D",
    "UpsampleConv2D",
    "conv_average_pool",
    "conv_average_pool_plain",
    "upsample_conv",
    "upsample_conv_plain",
]
