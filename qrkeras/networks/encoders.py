"""Encoders of images for captions: `image -> (penultimate map, last map, vector)`."""

import keras
import numpy as np
from keras import layers

from qrkeras.networks.gan_layers import CHANNELS_LAST
from qrkeras.networks.seeds import layer_seeds

SCENES_SIDE = 64
VGG_SIDE = 224
VGG_MEANS = (103.939, 116.779, 123.68)  # of ImageNet, in the order BGR


def scenes_encoder(seed=None, channels=96, vector=128, name="scenes_encoder"):
    """The small encoder of 64 x 64 scenes: 3 x 3 convolutions, three of stride 2 and two more, at 8 x 8; a dense layer.

    Args: seed: int, of all weights, or None.
    Returns: `keras.Model` from images `(batch, 64, 64, 3)` in [-1, 1] to maps `(batch, 8, 8, channels)`, twice, and
      `(batch, vector)`, all after ReLU.
    """
    seeds = layer_seeds(seed, "scenes_encoder")

    def convolution(filters, stride, name):
        kernel = keras.initializers.HeNormal(next(seeds))
        return layers.Conv2D(
            filters,
            3,
            stride,
            "same",
            activation="relu",
            kernel_initializer=kernel,
            data_format=CHANNELS_LAST,
            name=name,
        )

    images = x = keras.Input((SCENES_SIDE, SCENES_SIDE, 3), name="images")
    for i, filters in enumerate((channels // 3, 2 * channels // 3, channels)):
        x = convolution(filters, 2, f"down_{i}")(x)
    penultimate = convolution(channels, 1, "penultimate")(x)
    last = convolution(channels, 1, "last")(penultimate)
    kernel = keras.initializers.HeNormal(next(seeds))
    flat = layers.Flatten(data_format=CHANNELS_LAST)(last)
    dense = layers.Dense(vector, activation="relu", kernel_initializer=kernel, name="vector")(flat)
    return keras.Model(images, [penultimate, last, dense], name=name)


def vgg16_encoder(weights="imagenet", name="vgg16_encoder"):
    """VGG16  (Simonyan & Zisserman 2015): `block5_conv2`, `block5_conv3`, `fc2`.

    Args: weights: "imagenet", from Keras' cache or the network; a file; None: new ones.
    Returns: `keras.Model` from images `(batch, 224, 224, 3)` in [-1, 1], RGB, to `(batch, 14, 14, 512)` twice, and
      `(batch, 4096)`.
    Raises:
      RuntimeError: where the weights are not to be had, saying where to put them.
    """
    try:
        vgg = keras.applications.VGG16(weights=None if weights is None else weights, include_top=True)
    except Exception as error:  # no network, no file, another file: as many kinds as there are libraries below
        raise RuntimeError(
            f"encoder vgg16 needs its weights. Received: {weights!r} ({error}). Put "
            "vgg16_weights_tf_dim_ordering_tf_kernels.h5 of keras.applications into ~/.keras/models, or name its path."
        ) from error
    images = keras.Input((VGG_SIDE, VGG_SIDE, 3), name="images")
    scaled = Bgr(name="bgr")(images)
    wanted = [vgg.get_layer(layer).output for layer in ("block5_conv2", "block5_conv3", "fc2")]
    return keras.Model(images, keras.Model(vgg.input, wanted, name="vgg16")(scaled), name=name)


def last_convolution(encoder):
    """The 3 x 3 convolution that makes an encoder's last map of its penultimate one, or None if there is none."""
    before, after = (shape[-1] for shape in encoder.output_shape[:2])
    found = [
        layer
        for layer in encoder._flatten_layers()
        if isinstance(layer, layers.Conv2D) and tuple(layer.kernel.shape) == (3, 3, before, after)
    ]
    return found[-1] if found else None


@keras.saving.register_keras_serializable(package="qrkeras")
class Bgr(layers.Layer):
    """RGB images in [-1, 1] as VGG takes them: BGR in 0..255, less ImageNet's means."""

    def call(self, images):
        return 127.5 * (images[..., ::-1] + 1.0) - np.array(VGG_MEANS, "float32")

    def compute_output_shape(self, input_shape):
        return input_shape
