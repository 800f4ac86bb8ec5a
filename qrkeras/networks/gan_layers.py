"""Layers that all convolutional GANs here have alike  (DCGAN: Radford et al. 2016; SNGAN: Miyato et al. 2018)."""

import keras
from keras import layers

from qrkeras.layers import BatchNormalization

CHANNELS_LAST = "channels_last"  # whatever keras.json says


def initializer(seed):
    """N(0, 0.02^2)."""
    return keras.initializers.RandomNormal(0.0, 0.02, seed=seed)


def normalisation():
    """Batch normalisation with momentum and epsilon of the usual DCGAN code."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5)


def to_image(x, channels, seed):
    """3x3 convolution and tanh, float32: an image in (-1, 1)."""
    options = {"padding": "same", "data_format": CHANNELS_LAST, "dtype": "float32"}
    x = layers.Conv2D(channels, 3, kernel_initializer=initializer(seed), **options)(x)
    return layers.Activation("tanh", dtype="float32")(x)
