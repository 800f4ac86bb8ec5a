"""Keras layers, one idea a file."""

from qrkeras.layers.causal import HorizontalConv2D, VerticalConv2D
from qrkeras.layers.colours import ColourDense, colour_mask, cut_matrix, cut_planes, plane_colours
from qrkeras.layers.gated import GatedBlock, append_planes, gate
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
    "ColourDense",
    "ConvAveragePool2D",
    "GatedBlock",
    "HorizontalConv2D",
    "UpsampleConv2D",
    "VerticalConv2D",
    "append_planes",
    "colour_mask",
    "conv_average_pool",
    "conv_average_pool_plain",
    "cut_matrix",
    "cut_planes",
    "gate",
    "plane_colours",
    "upsample_conv",
    "upsample_conv_plain",
]
