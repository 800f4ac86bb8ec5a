"""Polyak average of a network's weights, for sampling and evaluation only."""

from keras import ops


def check_decay(average_decay):
    """Raises ValueError where `average_decay` is not in [0, 1)."""
    if not 0 <= average_decay < 1:
        raise ValueError(f"average_decay must be in [0, 1). Received: {average_decay}")


def averaged_copy(network):
    """A network of the same weights that does not train: what `averaged` moves after `network`."""
    # It hands `trainable` on to its layers where that changes.
    average = type(network).from_config({**network.get_config(), "name": "average", "trainable": True})
    average.set_weights(network.get_weights())
    average.trainable = False
    return average


def averaged(mean, weight, average_decay, step):
    """`d mean + (1 - d) weight` after step t = 0, 1, ..., `d = min(average_decay, (1 + t) / (10 + t))`.

    **Choice**: AIQN's supplement names a constant decay and no warm-up; this one is that of TensorFlow's
    ExponentialMovingAverage. Early on it forgets the initial weights as fast as their age allows, and needs no
    correction of its bias.
    """
    age = ops.cast(step, "float32")
    decay = ops.minimum(average_decay, (1.0 + age) / (10.0 + age))
    return decay * mean + (1.0 - decay) * weight
