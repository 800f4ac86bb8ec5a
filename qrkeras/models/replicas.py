"""R replicas with B examples each train as one does with R B: rows, sums and averages over devices.

Each replica takes its rows of the whole batch's noise, and statistics of a batch are those of the whole batch.
"""

import keras
import tensorflow as tf

from qrkeras.models.average import averaged


def count():
    """Replicas that take this step together."""
    return tf.distribute.get_replica_context().num_replicas_in_sync


def place():
    """Which of them this one is, from 0."""
    return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32)


def rows(draw, n):
    """This replica's `n` rows of `draw(n)` over the whole batch.

    Every replica draws all rows and keeps its own: an example's noise does not depend on where it is computed.
    """
    if count() == 1:
        return draw(n)
    start = place() * n
    return draw(count() * n)[start : start + n]


def whole_batch(outputs):
    """Rows `(batch, n)` of all replicas, in the order of the batch.

    Every replica computes the loss of the whole batch and differentiates it by its own rows, so that the sum over
    replicas is the gradient. It is R-fold here, since `share` divides by R.
    """
    if count() == 1:
        return outputs
    n = tf.shape(outputs)[0]
    own = tf.pad(outputs, [[place() * n, (count() - 1 - place()) * n], [0, 0]])
    # NCCL sums, and does not gather: rows of the others are zero.
    everything = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.stop_gradient(own))
    return everything + count() * (own - tf.stop_gradient(own))


def share(loss):
    """A replica's share of the loss: TensorFlow sums gradients over replicas."""
    return loss / count()


def assign(variables, function, *others):
    """`variable = function(variable, *others)`, each replica for itself: values that agree need not travel."""

    def update(strategy):
        for variable, *values in zip(variables, *others, strict=True):
            strategy.extended.update(
                variable.value, lambda v, *args: v.assign(function(v, *args)), args=[v.value for v in values]
            )

    tf.distribute.get_replica_context().merge_call(update)


def move_average(average, network, average_decay, step):
    """Moves the weights of `average` after those of `network`: see `average.averaged`."""
    assign(average.weights, lambda mean, weight: averaged(mean, weight, average_decay, step), network.weights)


def synchronise(layers, replicas):
    """Batch normalisation of the whole batch where there are several replicas."""
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = replicas > 1


def sizes(x, batch_size):
    """Sizes of the batches that `fit` makes of `x`; empty if they may be any."""
    if isinstance(x, tf.data.Dataset):
        found = {part.shape[0] if part.shape.rank else None for part in tf.nest.flatten(x.element_spec)}
        return set() if None in found else found
    if not hasattr(x, "shape") or not len(x):
        return set()  # PyDataset or generator, whose batches may be of any size
    size = min(batch_size or 32, len(x))
    return {size, len(x) % size} - {0}


def check_shares(x, batch_size, replicas, parts):
    """Raises ValueError where `replicas` would not get equal parts of every batch of `x`, for `parts` updates each."""
    if replicas == 1:
        return
    found = sizes(x, batch_size)
    if not found or any(size % (replicas * parts) for size in found):
        each = f", {parts} updates each" if parts > 1 else ""
        raise ValueError(
            f"x must come in batches that {replicas} replicas can share evenly{each}. Received batches of "
            f"{sorted(found) or 'unknown size'}. Give a multiple of {replicas * parts}, and "
            "drop_remainder=True to tf.data's batch."
        )
