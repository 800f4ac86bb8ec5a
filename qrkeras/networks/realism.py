"""The end of a discriminator: one logit of its features, of classes or of none."""

import keras
from keras import layers

from qrkeras.layers import ClassProjection


def realism(images, features, num_classes, seed, name):
    """The discriminator from `images` to the logit `w phi + b` of features phi `(batch, n)`, float32.

    With `num_classes` it takes int labels `(batch,)` beside images, and their projection is added: see
    `layers.ClassProjection`.
    """
    logit = layers.Dense(1, dtype="float32", kernel_initializer=keras.initializers.GlorotUniform(seed))(features)
    if num_classes is None:
        return keras.Model(images, logit, name=name)
    labels = keras.Input((), dtype="int32", name="labels")
    projected = ClassProjection(num_classes)(features, labels)
    return keras.Model([images, labels], layers.Add(dtype="float32")([logit, projected]), name=name)
