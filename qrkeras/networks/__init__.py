"""Builders that return `keras.Model`: one architecture a file."""

from qrkeras.networks.classifier import image_classifier, whiten
from qrkeras.networks.dcgan import dcgan_discriminator, dcgan_generator
from qrkeras.networks.mlp import mlp
from qrkeras.networks.pixelcnn import PixelNetwork, pixelcnn

__all__ = [
    "PixelNetwork",
    "dcgan_discriminator",
    "dcgan_generator",
    "image_classifier",
    "mlp",
    "pixelcnn",
    "whiten",
]
