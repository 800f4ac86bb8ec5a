"""Keras models that train: `fit`, `evaluate`, `save`, `sample`."""

from qrkeras.models.aiqn_vae import AIQNVAE
from qrkeras.models.gan import GAN
from qrkeras.models.pixelcnn import PixelCNN
from qrkeras.models.pixeliqn import PixelIQN
from qrkeras.models.vae import VAE

__all__ = ["AIQNVAE", "GAN", "PixelCNN", "PixelIQN", "VAE"]
