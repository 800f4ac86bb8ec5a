"""R replicas with B examples each train as one does with R B: rows, sums and averages over devices.

Each replica takes its rows of the whole batch's noise, and statistics of a batch are those of the whole batch.
"""

import tensorflow as tf

from qrkeras.layers import Gathering, Synchronized
from qrkeras.models.average import averaged


def count():
    """Replicas that take this step together: 1 outside of steps."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


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


def gathered(rows):
    """Rows `(n, k)` of all replicas, `(batch, k)` in the order of the batch, on each of them.

    The gradient by a row is the sum of all replicas' gradients by it: what a layer makes of others' rows moves them.
    """
    if count() == 1:
        return rows
    # NCCL sums, and does not gather: rows of the others are zero. The gradient of a sum over replicas is one.
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, _padded(rows))


def whole_batch(outputs):
    """Rows `(n, k)` of all replicas, `(batch, k)` in the order of the batch, for the loss of the whole batch.

    Every replica computes that same loss and differentiates it by its own rows, so that the sum over replicas is the
    gradient. It is R-fold here, since `share` divides by R. Others' rows are constants: each has its own replica.
    """
    if count() == 1:
        return outputs
    own = _padded(outputs)
    return gathered(tf.stop_gradient(outputs)) + count() * (own - tf.stop_gradient(own))


def _padded(rows):
    """This replica's rows where they stand in the whole batch, zeros elsewhere."""
    n = tf.shape(rows)[0]
    return tf.pad(rows, [[place() * n, (count() - 1 - place()) * n], [0, 0]])


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
    """Layers that look at the batch look at the whole one if there are several replicas."""
    for layer in layers:
        if isinstance(layer, Synchronized):
            layer.synchronized = replicas > 1
        if isinstance(layer, Gathering):
            layer.gather = gathered


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
