"""The simple networks of SNGAN, and what BGAN makes of their discriminator  (Miyato et al. 2018, Table 3; BGAN, 4.5.2).

With `width` w = 64, at 32 x 32:

    generator       dense to 4 x 4 x 8w; 4x4 transposed convolutions of stride 2: 4w, 2w, w; 3x3 to the image, tanh
    discriminator   3x3, then 4x4 of stride 2: w, w; the same: 2w, 2w; the same: 4w, 4w; 3x3: 8w; dense to the outputs

Batch normalisation and ReLU follow all of the generator's layers but the last, leaky ReLU of slope 0.1 those of the
discriminator, which has no batch normalisation. At 48 x 48 the generator starts from 6 x 6 (as printed).

**Choice**: the authors' code has 64, 128, 128, 256, 256, 512, 512 channels in the discriminator; the printed table is
taken. Batch normalisation and ReLU stand after the generator's dense layer too, as in that code, with momentum 0.9 and
epsilon 1e-5, as in the project's DCGAN. Weights are drawn from N(0, 0.02), biases are zero, and layers that batch
normalisation follows have none.
**Choice**: "adding a layer to both networks" (64 x 64) is a 4x4 transposed convolution to 8w first in the generator
and a 4x4 convolution of stride 2 to 8w last in the discriminator. For 8 x 8 both networks keep their layers at 4 x 4
and 8 x 8, and the channels that these have next to the image: dense to 4 x 4 x 2w and w; w, w, and 3x3 to 2w; for
16 x 16 they have one stage more.
"""

import keras
from keras import layers

from qrkeras.layers import (
    EquivariantConv2D,
    EquivariantDense,
    MinibatchDiscrimination,
    SpectralConv2D,
    SpectralDense,
)
from qrkeras.networks.gan_layers import CHANNELS_LAST, initializer, normalisation, to_image
from qrkeras.networks.seeds import layer_seeds

# Image size -> resolution of the deepest channels, doublings whose channels double too, doublings that keep them.
_RESOLUTIONS = {8: (4, 1, 0), 16: (4, 2, 0), 32: (4, 3, 0), 48: (6, 3, 0), 64: (4, 3, 1)}


def _resolutions(image_size):
    if image_size not in _RESOLUTIONS:
        raise ValueError(f"image_size must be one of {', '.join(map(str, _RESOLUTIONS))}. Received: {image_size!r}")
    return _RESOLUTIONS[image_size]


def sngan_generator(image_size=32, channels=3, latent_dim=128, width=64, seed=None, name="generator"):
    """Latent to image  (Miyato et al. 2018, Table 3): see the module.

    Args:
      image_size: 8, 16, 32, 48 or 64.   width: channels of the last hidden layer.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`, `(batch, latent_dim)` -> `(batch, image_size, image_size, channels)` in
      (-1, 1), float32.
    Raises:
      ValueError: for another image_size.
    """
    base, doublings, more = _resolutions(image_size)
    seeds = layer_seeds(seed, "sngan_generator")
    deepest = width * 2**doublings

    def normalised(x):
        return layers.ReLU()(normalisation()(x))

    latents = keras.Input((latent_dim,))
    project = layers.Dense(base * base * deepest, use_bias=False, kernel_initializer=initializer(next(seeds)))
    x = normalised(layers.Reshape((base, base, deepest))(project(latents)))
    for filters in [deepest] * more + [deepest // 2**i for i in range(1, doublings + 1)]:
        options = {"padding": "same", "use_bias": False, "data_format": CHANNELS_LAST}
        upsample = layers.Conv2DTranspose(filters, 4, strides=2, kernel_initializer=initializer(next(seeds)), **options)
        x = normalised(upsample(x))
    return keras.Model(latents, to_image(x, channels, next(seeds)), name=name)


def sngan_discriminator(
    image_size=32,
    channels=3,
    num_outputs=1,
    width=64,
    spectral_norm=False,
    batch_features=None,
    batch_size=None,
    seed=None,
    name="discriminator",
):
    """Image to outputs  (Miyato et al. 2018, Table 3; BGAN, Sec. 4.5.2): see the module.

    **Choice**: spectral normalisation is an option of BGAN's discriminators too ("all other choices unchanged" speaks
    for it, "the same network trained with spectral normalization" as a row of its own against). It normalises every
    kernel but that of minibatch discrimination.

    Args:
      image_size: 8, 16, 32, 48 or 64.   width: channels of the first layer.
      num_outputs: 1, or the number of quantiles of `QuantileRegression`.
      spectral_norm: True divides each kernel by its largest singular value.
      batch_features: what outputs know of the batch. None: nothing. "equivariant": every layer sees its mean (BGAN).
        "minibatch": minibatch discrimination stands before the last layer (Salimans et al. 2016).
      batch_size: B of the equivariant layers' initial scales, of all replicas together; others need none.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`, `(batch, image_size, image_size, channels)` -> `(batch, num_outputs)`, float32.
    Raises:
      ValueError: for another image_size or batch_features, or equivariant layers without a batch_size.
    """
    _, doublings, more = _resolutions(image_size)
    if batch_features not in (None, "equivariant", "minibatch"):
        raise ValueError(f'batch_features must be None, "equivariant" or "minibatch". Received: {batch_features!r}')
    equivariant = batch_features == "equivariant"
    if equivariant and batch_size is None:
        raise ValueError(
            'batch_size must be given for batch_features="equivariant", whose initial scales depend on it. '
            "Received: None"
        )
    seeds = layer_seeds(seed, "sngan_discriminator")

    def options():
        own = {"kernel_initializer": initializer(next(seeds))}
        if equivariant:
            own |= {"mean_kernel_initializer": initializer(next(seeds)), "batch_size": batch_size}
            own |= {"spectral_norm": spectral_norm}
        return own

    def convolution(filters, size, strides):
        if equivariant or spectral_norm:
            kind = EquivariantConv2D if equivariant else SpectralConv2D
            return kind(filters, size, strides=strides, **options())
        return layers.Conv2D(filters, size, strides, "same", CHANNELS_LAST, **options())

    images = keras.Input((image_size, image_size, channels))
    x = images
    stages = [(width * 2**i, size, strides) for i in range(doublings) for size, strides in ((3, 1), (4, 2))]
    deepest = width * 2**doublings
    for filters, size, strides in [*stages, (deepest, 3, 1), *[(deepest, 4, 2)] * more]:
        x = layers.LeakyReLU(0.1)(convolution(filters, size, strides)(x))
    x = layers.Flatten(CHANNELS_LAST)(x)
    if batch_features == "minibatch":
        x = MinibatchDiscrimination(kernel_initializer=initializer(next(seeds)))(x)
    dense = EquivariantDense if equivariant else SpectralDense if spectral_norm else layers.Dense
    return keras.Model(images, dense(num_outputs, dtype="float32", **options())(x), name=name)
