"""Keras models that train: `fit`, `evaluate`, `save`, `sample`."""

from qrkeras.models.gan import GAN
from qrkeras.models.pixelcnn import PixelCNN
from qrkeras.models.pixeliqn import PixelIQN

__all__ = ["GAN", "PixelCNN", "PixelIQN"]
