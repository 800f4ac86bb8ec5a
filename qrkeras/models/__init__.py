"""Keras models that train: `fit`, `evaluate`, `save`, `sample`.

Raises:
  RuntimeError: where Keras runs on another backend than TensorFlow, or is set to other floats or image layouts.
"""

# ruff: noqa: E402
from qrkeras.machine.keras_settings import check_keras

check_keras()

from qrkeras.models.ade import DensityModel
from qrkeras.models.agave import AGAVE
from qrkeras.models.aiqn_vae import AIQNVAE
from qrkeras.models.captioner import Captioner
from qrkeras.models.gan import GAN
from qrkeras.models.hierarchical_vae import HierarchicalVAE
from qrkeras.models.pixelcnn import PixelCNN
from qrkeras.models.pixelcnnpp import PixelCNNPlusPlus
from qrkeras.models.pixeliqn import PixelIQN
from qrkeras.models.vae import VAE
from qrkeras.models.vqvae import VQVAE

__all__ = [
    "AGAVE",
    "AIQNVAE",
    "Captioner",
    "DensityModel",
    "GAN",
    "HierarchicalVAE",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "PixelIQN",
    "VAE",
    "VQVAE",
]
