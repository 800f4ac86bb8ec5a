"""Plain samplers: the whole network once for every value of a PixelCNN, once for every pixel of a PixelCNN++."""

import numpy as np
import tensorflow as tf


def plain_sample(network, tau, known, mask, labels, value_of):
    """What `PixelNetwork.sample` computes, straight from the definition. Returns a NumPy array."""
    image = np.zeros(known.shape, "float32")
    predict = tf.function(lambda image: network(image, tau if network.quantile else None, labels), autograph=False)
    for i, j, c in np.ndindex(known.shape[1:]):
        outputs = predict(tf.constant(image)).numpy()
        drawn = np.asarray(value_of(outputs[:, i, j, c], tau[:, i, j, c]))
        image[:, i, j, c] = np.where(mask[:, i, j] > 0, known[:, i, j, c], drawn)
    return image


def plain_sample_pixels(network, tau, known, mask, labels, pixel_of, condition=None):
    """What `PixelPlusNetwork.sample` computes, straight from the definition. Returns a NumPy array."""
    image = np.zeros(known.shape, "float32")
    predict = tf.function(lambda image: network(image, condition=condition, labels=labels), autograph=False)
    for i, j in np.ndindex(known.shape[1:3]):
        outputs = predict(tf.constant(image)).numpy()
        drawn = np.asarray(pixel_of(outputs[:, i, j], tau[:, i, j]))
        image[:, i, j] = np.where(mask[:, i, j, None] > 0, known[:, i, j], drawn)
    return image
