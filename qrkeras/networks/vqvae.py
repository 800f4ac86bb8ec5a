"""Encoder, decoder and codebook of a VQ-VAE  (van den Oord et al. 2017, Section 4.1).

Convolutions of 4x4 and stride 2 lead down, then residual blocks `x + 1x1(ReLU(3x3(ReLU(x))))`, all of one width; the
decoder leads back with transposed convolutions.

**Choice**: a convolution of 1x1 makes the codes' features, one of 3x3 takes them in; weights are Glorot uniform, biases
zero.
"""

import keras
from keras import layers

from qrkeras.layers import VectorQuantizer
from qrkeras.networks.gan_layers import CHANNELS_LAST
from qrkeras.networks.seeds import layer_seeds


def vqvae_encoder(
    image_size, channels=3, code_dim=64, width=256, hidden_layers=2, residual_blocks=2, seed=None, name="encoder"
):
    """Image to the features that codes stand for.

    Args:
      image_size: side of the image, a multiple of `2**hidden_layers`.   channels: of the image.
      code_dim: of the features.   width: channels of every hidden layer.
      hidden_layers: layers of stride 2.   residual_blocks: behind them.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`, `(batch, image_size, image_size, channels)` in [-1, 1] -> `(batch, side, side,
      code_dim)` float32, `side = image_size / 2**hidden_layers`.
    Raises:
      ValueError: if the layers of stride 2 do not divide image_size.
    """
    _side(image_size, hidden_layers)
    convolution = _convolutions(seed, "vqvae_encoder")
    images = x = keras.Input((image_size, image_size, channels))
    for _ in range(hidden_layers):
        x = layers.ReLU()(convolution(width, 4, strides=2)(x))
    x = _residual(x, width, residual_blocks, convolution)
    return keras.Model(images, convolution(code_dim, 1, dtype="float32", name="features")(x), name=name)


def vqvae_decoder(
    image_size, channels=3, code_dim=64, width=256, hidden_layers=2, residual_blocks=2, seed=None, name="decoder"
):
    """Features of codes to the mean of each value.

    Args: as of `vqvae_encoder`.
    Returns: a functional `keras.Model`, `(batch, side, side, code_dim)` -> `(batch, image_size, image_size, channels)`
      float32.
    """
    side = _side(image_size, hidden_layers)
    convolution = _convolutions(seed, "vqvae_decoder")
    features = keras.Input((side, side, code_dim))
    x = _residual(convolution(width, 3)(features), width, residual_blocks, convolution)
    for _ in range(hidden_layers - 1):
        x = layers.ReLU()(convolution(width, 4, layers.Conv2DTranspose, strides=2)(x))
    means = convolution(channels, 4, layers.Conv2DTranspose, strides=2, dtype="float32", name="means")(x)
    return keras.Model(features, means, name=name)


def vqvae_codebook(num_codes=512):
    """The codebook between the two, zero until it starts from data: `layers.VectorQuantizer`."""
    return VectorQuantizer(num_codes, "zeros", name="codebook")


def _side(image_size, hidden_layers):
    if hidden_layers < 1 or image_size % 2**hidden_layers:
        raise ValueError(
            "image_size must be a multiple of 2**hidden_layers, hidden_layers at least 1. Received: "
            f"image_size={image_size}, hidden_layers={hidden_layers}"
        )
    return image_size // 2**hidden_layers


def _convolutions(seed, network):
    seeds = layer_seeds(seed, network)

    def convolution(filters, size, kind=layers.Conv2D, **options):
        initializer = keras.initializers.GlorotUniform(next(seeds))
        same = {"padding": "same", "data_format": CHANNELS_LAST}
        return kind(filters, size, kernel_initializer=initializer, **same, **options)

    return convolution


def _residual(x, width, blocks, convolution):
    for _ in range(blocks):
        inner = layers.ReLU()(convolution(width, 3)(layers.ReLU()(x)))
        x = layers.Add()([x, convolution(width, 1)(inner)])
    return layers.ReLU()(x)
