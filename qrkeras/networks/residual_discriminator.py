"""The residual discriminator of AV-ADE  (thesis, Table A.1; the block: Gulrajani et al. 2017).

    block    x -> conv3x3(ReLU(conv3x3(ReLU(x)))) + conv1x1(x), averaged over places 2 x 2 where it halves the side

A 3x3 convolution, blocks, of which all but the first halve, ReLU, the average over the image, a dense layer. There is
no normalisation.

**Choice**: a ReLU stands before the average, as in the authors' code; kernels are drawn as Glorot and Bengio (2010)
draw them.
"""

import keras
from keras import layers

from qrkeras.networks.gan_layers import CHANNELS_LAST
from qrkeras.networks.realism import realism
from qrkeras.networks.seeds import layer_seeds


def residual_discriminator(
    image_size,
    channels=3,
    stem_planes=16,
    planes=(32, 64, 128, 256),
    num_classes=None,
    seed=None,
    name="discriminator",
):
    """Image to a logit; the defaults are Table A.1's at 32 x 32.

    Args:
      image_size: side of the image.   channels: of the image.
      stem_planes: of the first convolution.   planes: of each block, of which all but the first halve the side.
      num_classes: number of classes, of which labels are given beside images, or None.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`, `(batch, image_size, image_size, channels)`, and int labels `(batch,)` where
      there are classes -> `(batch, 1)`, float32.
    Raises:
      ValueError: for an image_size that the blocks do not divide.
    """
    divisor = 2 ** (len(planes) - 1)
    if image_size % divisor:
        raise ValueError(
            f"image_size must be a multiple of {divisor}, for {len(planes)} blocks. Received: {image_size}"
        )
    seeds = layer_seeds(seed, "residual_discriminator")

    def convolution(filters, size):
        kernels = keras.initializers.GlorotUniform(next(seeds))
        return layers.Conv2D(filters, size, padding="same", data_format=CHANNELS_LAST, kernel_initializer=kernels)

    images = keras.Input((image_size, image_size, channels))
    x = convolution(stem_planes, 3)(images)
    for i, filters in enumerate(planes):
        inner = convolution(filters, 3)(layers.ReLU()(x))
        x = layers.Add()([convolution(filters, 3)(layers.ReLU()(inner)), convolution(filters, 1)(x)])
        if i > 0:
            x = layers.AveragePooling2D(2, data_format=CHANNELS_LAST)(x)
    features = layers.GlobalAveragePooling2D(CHANNELS_LAST)(layers.ReLU()(x))
    return realism(images, features, num_classes, next(seeds), name)
