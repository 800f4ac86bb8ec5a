"""Encoder and decoder of a variational autoencoder of images.

**Choice**: the supplement of AIQN changes an implementation (github.com/LynnHo/VAE-Tensorflow) whose networks for
64 x 64 have four layers of stride 2 with 64, 128, 256 and 512 channels, mirrored in the decoder. The channels here are
those; its 5x5 convolutions of stride 2 are 3x3 convolutions with pooling and upsampling, as in `dcgan`, which leave no
checkerboards; batch normalisation is left out, so that an image's code does not depend on its batch; weights are
Glorot uniform, biases zero.
"""

import keras
from keras import layers

from qrkeras.layers import ConvAveragePool2D, UpsampleConv2D
from qrkeras.networks.dcgan import base_resolution
from qrkeras.networks.gan_layers import CHANNELS_LAST
from qrkeras.networks.seeds import layer_seeds


def vae_encoder(image_size, channels=3, latent_dim=32, width=64, hidden_layers=3, seed=None, name="encoder"):
    """Image to the Gaussian posterior of its latents: `hidden_layers` x (convolution, average pooling, LeakyReLU(0.2)),
    then a dense layer each for mean and log-variance.

    Args:
      image_size: side of the image, `base * 2**hidden_layers` with base 4 or 8.   channels: of the image.
      latent_dim: number of latents.   width: channels of the first hidden layer, doubled by each further one.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`, `(batch, image_size, image_size, channels)` in [-1, 1] -> mean and
      log-variance, `(batch, latent_dim)` float32 each.
    """
    base_resolution(image_size, hidden_layers)
    initializer = _initializers(seed, "vae_encoder")
    images = keras.Input((image_size, image_size, channels))
    x = images
    for i in range(hidden_layers):
        x = ConvAveragePool2D(width * 2**i, 3, kernel_initializer=next(initializer))(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten(CHANNELS_LAST)(x)
    outputs = [
        layers.Dense(latent_dim, kernel_initializer=next(initializer), dtype="float32", name=output)(x)
        for output in ("mean", "log_variance")
    ]
    return keras.Model(images, outputs, name=name)


def vae_decoder(
    image_size,
    channels=3,
    latent_dim=32,
    width=64,
    hidden_layers=3,
    activation=None,
    seed=None,
    name="decoder",
):
    """Latents to the mean of each value: dense layer, `hidden_layers` x (upsample x2, convolution, ReLU), convolution.

    **Choice**: no tanh behind the last, unless `activation="tanh"` is given, as for squared errors. The mean may leave
    [-1, 1], where the discretised logistic puts ever more of a value's probability on 0 or on 255; a sample is clipped
    when it becomes uint8.

    Args: as of `vae_encoder`, `width` being the channels of the last hidden layer, `activation` Keras' of the means.
    Returns: a functional `keras.Model`, `(batch, latent_dim)` -> `(batch, image_size, image_size, channels)` float32.
    """
    base = base_resolution(image_size, hidden_layers)
    initializer = _initializers(seed, "vae_decoder")
    widest = width * 2 ** (hidden_layers - 1)
    latents = keras.Input((latent_dim,))
    x = layers.Dense(base * base * widest, activation="relu", kernel_initializer=next(initializer))(latents)
    x = layers.Reshape((base, base, widest))(x)
    for i in reversed(range(hidden_layers)):
        x = UpsampleConv2D(width * 2 ** max(i - 1, 0), 3, kernel_initializer=next(initializer))(x)
        x = layers.ReLU()(x)
    last = {"padding": "same", "data_format": CHANNELS_LAST, "activation": activation, "dtype": "float32"}
    means = layers.Conv2D(channels, 3, kernel_initializer=next(initializer), **last)(x)
    return keras.Model(latents, means, name=name)


def _initializers(seed, network):
    return (keras.initializers.GlorotUniform(seed) for seed in layer_seeds(seed, network))
