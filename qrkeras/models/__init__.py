"""Keras models that train: `fit`, `evaluate`, `save`, `sample`."""

from qrkeras.models.gan import GAN

__all__ = ["GAN"]
