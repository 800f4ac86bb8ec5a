"""Builders that return `keras.Model`: one architecture a file."""

from qrkeras.networks.dcgan import dcgan_discriminator, dcgan_generator
from qrkeras.networks.mlp import mlp

__all__ = ["dcgan_discriminator", "dcgan_generator", "mlp"]
