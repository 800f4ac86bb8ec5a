"""Keras layers, one idea a file."""

from qrkeras.layers.across import Gathering, LooksAtBatch, Synchronized, looks_at_batch
from qrkeras.layers.areas import TransformedPatches, box_corners, grid_corners, pool_boxes
from qrkeras.layers.causal import HorizontalConv2D, VerticalConv2D
from qrkeras.layers.channel_affine import ChannelAffine
from qrkeras.layers.colours import ColourDense, colour_mask, cut_matrix, cut_planes, plane_colours
from qrkeras.layers.coupling import ChannelCoupling, CheckerboardCoupling
from qrkeras.layers.dequantize import Dequantizer, logistic_noise
from qrkeras.layers.equivariant import EquivariantConv2D, EquivariantDense
from qrkeras.layers.first_batch import initializing, is_initializing
from qrkeras.layers.flow import InverseAutoregressiveFlow
from qrkeras.layers.gated import GatedBlock, append_planes, gate
from qrkeras.layers.gated_residual import GatedResidual, concat_elu, dropout
from qrkeras.layers.joint_attention import JointAttention, joint_marginals, log_areas_given
from qrkeras.layers.minibatch import MinibatchDiscrimination
from qrkeras.layers.normalization import BatchNormalization
from qrkeras.layers.projection import ClassProjection
from qrkeras.layers.quantize import VectorQuantizer, perplexity
from qrkeras.layers.resampling import ConvAveragePool2D, UpsampleConv2D, conv_average_pool, upsample_conv
from qrkeras.layers.residual_conditioner import ResidualConditioner
from qrkeras.layers.shifted import ShiftedConv2D, ShiftedConv2DTranspose, last_row
from qrkeras.layers.spectral import SpectralConv2D, SpectralDense, power_round, spectral_norm
from qrkeras.layers.squeeze import squeeze, unsqueeze
from qrkeras.layers.weight_norm import WeightNormConv2D, WeightNormConv2DTranspose, WeightNormDense

__all__ = [
    "BatchNormalization",
    "ChannelAffine",
    "ChannelCoupling",
    "CheckerboardCoupling",
    "ClassProjection",
    "ColourDense",
    "ConvAveragePool2D",
    "Dequantizer",
    "EquivariantConv2D",
    "EquivariantDense",
    "GatedBlock",
    "GatedResidual",
    "Gathering",
    "HorizontalConv2D",
    "InverseAutoregressiveFlow",
    "JointAttention",
    "LooksAtBatch",
    "MinibatchDiscrimination",
    "ResidualConditioner",
    "ShiftedConv2D",
    "ShiftedConv2DTranspose",
    "SpectralConv2D",
    "SpectralDense",
    "Synchronized",
    "TransformedPatches",
    "UpsampleConv2D",
    "VectorQuantizer",
    "VerticalConv2D",
    "WeightNormConv2D",
    "WeightNormConv2DTranspose",
    "WeightNormDense",
    "append_planes",
    "box_corners",
    "colour_mask",
    "concat_elu",
    "conv_average_pool",
    "cut_matrix",
    "cut_planes",
    "dropout",
    "gate",
    "grid_corners",
    "initializing",
    "is_initializing",
    "joint_marginals",
    "last_row",
    "log_areas_given",
    "logistic_noise",
    "looks_at_batch",
    "perplexity",
    "plane_colours",
    "pool_boxes",
    "power_round",
    "spectral_norm",
    "squeeze",
    "unsqueeze",
    "upsample_conv",
]
