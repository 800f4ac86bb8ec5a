"""A small convolutional classifier, cut for training in minutes."""

import keras
import numpy as np
from keras import layers
from keras.initializers import GlorotUniform

from qrkeras.layers import BatchNormalization
from qrkeras.networks.gan_layers import CHANNELS_LAST
from qrkeras.networks.seeds import layer_seeds

FEATURES = "features"


def image_classifier(image_size, channels, num_classes, widths=(64, 128, 256), seed=0, name="classifier"):
    """Images to class logits through a 2x2 stem and one block per width, each of which halves the image.

    A block is convolution 3x3, maximum over 2x2, batch normalisation, ReLU, convolution 3x3, batch
    normalisation, ReLU; maximum over all positions and a dense layer end it. Stem, blocks and identity
    initialisation are those of Jordan 2024, "94% on CIFAR-10 in 3.29 seconds", with narrower blocks.

    Args:
      image_size: height and width, at least `2**len(widths) + 1`.   channels: 1 or 3.
      widths: channels of each block; the last is the number of features.
      seed: int, of all weights.

    Returns: `keras.Model` from `(batch, image_size, image_size, channels)` float in [-1, 1] to logits
      `(batch, num_classes)`; its layer "features" gives `(batch, widths[-1])`.

    Raises:
      ValueError: where the image is too small for the blocks.
    """
    if image_size < 2 ** len(widths) + 1:
        raise ValueError(
            f"image_size must be at least {2 ** len(widths) + 1} for {len(widths)} widths. Received: {image_size}. "
            "Give fewer widths."
        )
    seeds = layer_seeds(seed, "classifier")

    def convolution(filters, size, initializer, **options):
        kernel = initializer(next(seeds))
        return layers.Conv2D(
            filters, size, use_bias=False, kernel_initializer=kernel, data_format=CHANNELS_LAST, **options
        )

    inputs = x = keras.Input((image_size, image_size, channels), name="images")
    # The stem is not trained: `whiten` fits it to the data.
    x = convolution(8 * channels, 2, GlorotUniform, name="stem")(x)
    x = layers.ReLU()(x)
    for width in widths:
        x = convolution(width, 3, Identity, padding="same")(x)
        x = layers.MaxPooling2D(2, data_format=CHANNELS_LAST)(x)
        x = layers.ReLU()(BatchNormalization(momentum=0.6)(x))
        x = convolution(width, 3, Identity, padding="same")(x)
        x = layers.ReLU()(BatchNormalization(momentum=0.6)(x))
    x = layers.GlobalMaxPooling2D(data_format=CHANNELS_LAST, name=FEATURES)(x)
    logits = layers.Dense(num_classes, use_bias=False, kernel_initializer=GlorotUniform(next(seeds)), dtype="float32")(
        x
    )
    model = keras.Model(inputs, layers.Rescaling(1 / 9, dtype="float32", name="logits")(logits), name=name)
    model.get_layer("stem").trainable = False
    return model


@keras.saving.register_keras_serializable(package="qrkeras")
class Identity(GlorotUniform):
    """Kernels `(3, 3, in, out)` whose first `in` filters pass their channel on; the rest is Glorot's uniform."""

    def __call__(self, shape, dtype=None):
        kernel = keras.ops.convert_to_numpy(super().__call__(shape, dtype)).copy()
        channels = min(shape[-2:])
        kernel[..., :channels] = 0
        kernel[shape[0] // 2, shape[1] // 2, range(channels), range(channels)] = 1
        return keras.ops.convert_to_tensor(kernel, dtype)


def whiten(classifier, images):
    """Sets the stem to plus and minus the principal directions of 2x2 patches, scaled to unit variance.

    Args:
      classifier: of `image_classifier`.   images: `(n, height, width, channels)` float, as the classifier takes them.
    """
    stem = classifier.get_layer("stem")
    products, count = 0, 0
    for i in range(0, len(images), 100):  # all patches together are 32 times as large as the images
        part = np.asarray(images[i : i + 100], "float64")
        patches = np.lib.stride_tricks.sliding_window_view(part, (2, 2), axis=(1, 2))
        patches = np.moveaxis(patches, 3, -1).reshape(-1, 4 * part.shape[-1])  # (n, 2 * 2 * channels)
        products, count = products + patches.T @ patches, count + len(patches)
    variances, directions = np.linalg.eigh(products / count)
    directions /= np.sqrt(variances + 5e-4)
    kernel = np.concatenate([directions, -directions], axis=1)
    stem.set_weights([kernel.reshape(stem.kernel.shape)])
