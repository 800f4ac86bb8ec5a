"""The discriminator of AV-ADE without residual blocks: that of SNGAN, without spectral normalisation  (thesis,
Sec. 5.5.2 and A.2; Miyato et al. 2018, Table 3).

Convolutions one after the other, 3x3 where they keep the side and 4x4 where they halve it, leaky ReLU of slope 0.2
after each, then a dense layer of all that is left.

**Choice**: kernels are drawn as Glorot and Bengio (2010) draw them.
"""

import keras
from keras import layers

from qrkeras.networks.gan_layers import CHANNELS_LAST
from qrkeras.networks.realism import realism
from qrkeras.networks.seeds import layer_seeds

SLOPE = 0.2
STRIDES = (1, 2, 1, 2, 1, 2, 1)


def plain_discriminator(
    image_size,
    channels=3,
    planes=(64, 64, 128, 128, 256, 256, 512),
    strides=STRIDES,
    num_classes=None,
    seed=None,
    name="discriminator",
):
    """Image to a logit; the defaults are SNGAN's at 32 x 32.

    Args:
      image_size: side of the image.   channels: of the image.
      planes, strides: of each convolution, strides 1 or 2.
      num_classes: number of classes, of which labels are given beside images, or None.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`, `(batch, image_size, image_size, channels)`, and int labels `(batch,)` where
      there are classes -> `(batch, 1)`, float32.
    Raises:
      ValueError: for planes and strides of unequal numbers, or an image_size that the strides do not divide.
    """
    planes, strides = tuple(planes), tuple(strides)
    if len(planes) != len(strides) or not set(strides) <= {1, 2}:
        raise ValueError(
            f"planes and strides must be equally many, and strides 1 or 2. Received: planes={planes}, strides={strides}"
        )
    divisor = 2 ** strides.count(2)
    if image_size % divisor:
        raise ValueError(
            f"image_size must be a multiple of {divisor}, for {strides.count(2)} convolutions of stride 2. Received: "
            f"{image_size}"
        )
    seeds = layer_seeds(seed, "plain_discriminator")

    images = keras.Input((image_size, image_size, channels))
    x = images
    for filters, stride in zip(planes, strides):
        size, kernels = 4 if stride == 2 else 3, keras.initializers.GlorotUniform(next(seeds))
        convolution = layers.Conv2D(filters, size, stride, "same", CHANNELS_LAST, kernel_initializer=kernels)
        x = layers.LeakyReLU(SLOPE)(convolution(x))
    x = layers.Flatten(CHANNELS_LAST)(x)
    return realism(images, x, num_classes, next(seeds), name)
