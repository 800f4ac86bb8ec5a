"""Builders that return `keras.Model`: one architecture a file."""

from qrkeras.networks.classifier import image_classifier, whiten
from qrkeras.networks.dcgan import dcgan_discriminator, dcgan_generator
from qrkeras.networks.mlp import mlp

__all__ = ["dcgan_discriminator", "dcgan_generator", "image_classifier", "mlp", "whiten"]
