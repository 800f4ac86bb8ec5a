"""DCGAN generator and discriminator  (QRGAN, Sec. 3.2.2, Tables 3 and 4; Radford et al. 2016).

The base resolution `image_size / 2**hidden_layers` is 4 or 8 in every experiment (32/2^3, 64/2^4,
128/2^4).

**Choice**: the channel counts are only in Fig. 8, which did not survive. The discriminator's hidden
layer i (from 0) has `width * min(2**i, 4)` channels. The generator mirrors it: `4 * width` at the
base resolution, then `max(width, 4 * width / 2**i)` after hidden layer i (from 1).
**Choice**: batch normalisation and ReLU also follow the generator's first layer, as in DCGAN; its
momentum 0.9 and epsilon 1e-5 are those of the usual DCGAN code. A layer that batch normalisation
follows has no bias, which would have no effect.
"""

import keras
from keras import layers

from qrkeras.layers import ConvAveragePool2D, UpsampleConv2D
from qrkeras.networks.gan_layers import CHANNELS_LAST, initializer, normalisation, to_image
from qrkeras.networks.seeds import layer_seeds


def base_resolution(image_size, hidden_layers):
    """`image_size / 2**hidden_layers`; raises ValueError where that is neither 4 nor 8."""
    for base in (4, 8):
        if hidden_layers >= 1 and image_size == base * 2**hidden_layers:
            return base
    raise ValueError(
        "image_size must be base * 2**hidden_layers with base 4 or 8 and hidden_layers 1 or more "
        "(for example 32 with 3 hidden layers, 64 or 128 with 4). "
        f"Received: image_size={image_size}, hidden_layers={hidden_layers}"
    )


def _check_resampling(resampling):
    if resampling not in ("resize", "transposed"):
        raise ValueError(
            'resampling must be "resize" (nearest upsampling, average pooling) or "transposed" '
            f"(transposed and strided convolutions). Received: resampling={resampling!r}"
        )


def dcgan_generator(
    image_size=32,
    channels=3,
    latent_dim=100,
    width=64,
    hidden_layers=3,
    resampling="resize",
    batch_norm=True,
    seed=None,
    name="generator",
):
    """Latent to image: full convolution, `hidden_layers` x (upsample x2, convolution, batch norm,
    ReLU), 3x3 convolution, tanh.

    Convolution weights from N(0, 0.02), biases zero  (QRGAN, Sec. 3.2.2, Tables 3 and 4).

    Args:
      image_size: side of the image, `base * 2**hidden_layers` with base 4 or 8.
      width: channels of the last hidden layer.
      resampling: "resize" for nearest upsampling and a 3x3 convolution; "transposed" for the 4x4
        transposed convolution of stride 2 of the classic DCGAN, which shows checkerboard artefacts
        (Fig. 9).
      batch_norm: False leaves batch normalisation out.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`,
      `(batch, latent_dim)` -> `(batch, image_size, image_size, channels)` in (-1, 1).
    """
    base = base_resolution(image_size, hidden_layers)
    _check_resampling(resampling)
    seeds = layer_seeds(seed, "dcgan_generator")

    def upsample(filters):
        options = {
            "padding": "same",
            "use_bias": not batch_norm,
            "kernel_initializer": initializer(next(seeds)),
        }
        if resampling == "resize":
            return UpsampleConv2D(filters, 3, **options)
        return layers.Conv2DTranspose(filters, 4, strides=2, data_format=CHANNELS_LAST, **options)

    latents = keras.Input((latent_dim,))
    # A convolution over the whole of a 1x1 image is a dense layer.
    project = layers.Dense(
        base * base * 4 * width,
        use_bias=not batch_norm,
        kernel_initializer=initializer(next(seeds)),
    )
    x = layers.Reshape((base, base, 4 * width))(project(latents))
    for i in range(hidden_layers + 1):
        if i > 0:
            x = upsample(max(width, 4 * width // 2**i))(x)
        if batch_norm:
            x = normalisation()(x)
        x = layers.ReLU()(x)
    return keras.Model(latents, to_image(x, channels, next(seeds)), name=name)


def dcgan_discriminator(
    image_size=32,
    channels=3,
    num_outputs=64,
    width=64,
    hidden_layers=3,
    resampling="resize",
    batch_norm=True,
    seed=None,
    name="discriminator",
):
    """Image to outputs: `hidden_layers` x (convolution, average pooling, batch norm,
    LeakyReLU(0.2)), full-size convolution.

    Batch normalisation stands from the second hidden layer on; the outputs have no activation.
    Convolution weights from N(0, 0.02), biases zero  (QRGAN, Sec. 3.2.2, Tables 3 and 4).

    Args:
      image_size: side of the image, `base * 2**hidden_layers` with base 4 or 8.
      num_outputs: number of quantiles N, or 1 for the other objectives.
      width: channels of the first hidden layer.
      resampling: "resize" for a 3x3 convolution and 2x2 average pooling; "transposed" for the 4x4
        convolution of stride 2 of the classic DCGAN, the partner of the generator's "transposed".
      batch_norm: False leaves batch normalisation out, as gradient penalties need it.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`,
      `(batch, image_size, image_size, channels)` -> `(batch, num_outputs)`.
    """
    base_resolution(image_size, hidden_layers)
    _check_resampling(resampling)
    seeds = layer_seeds(seed, "dcgan_discriminator")

    def downsample(filters, use_bias):
        options = {
            "padding": "same",
            "use_bias": use_bias,
            "kernel_initializer": initializer(next(seeds)),
        }
        if resampling == "resize":
            return ConvAveragePool2D(filters, 3, **options)
        return layers.Conv2D(filters, 4, strides=2, data_format=CHANNELS_LAST, **options)

    images = keras.Input((image_size, image_size, channels))
    x = images
    for i in range(hidden_layers):
        normalise = batch_norm and i > 0
        x = downsample(width * min(2**i, 4), use_bias=not normalise)(x)
        if normalise:
            x = normalisation()(x)
        x = layers.LeakyReLU(0.2)(x)
    # A convolution over the whole image is a dense layer.
    read_out = layers.Dense(num_outputs, kernel_initializer=initializer(next(seeds)), dtype="float32")
    return keras.Model(images, read_out(layers.Flatten(CHANNELS_LAST)(x)), name=name)
