"""R replicas with B examples each train as one does with R B: rows, sums and averages over devices.

Each replica takes its rows of the whole batch's noise, and statistics of a batch are those of the whole batch. Replicas
of several workers, processes on machines of their own, are numbered one worker after another.
"""

import tensorflow as tf

from qrkeras.layers import Gathering, Synchronized
from qrkeras.machine import cluster
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


def reported(means):
    """What a step returns, name -> scalar, so that Keras can take its mean over workers.

    Keras 3.15 takes that over rows, `strategy.reduce("MEAN", value, axis=0)`, and a scalar has none.
    """
    if cluster.of(tf.distribute.get_strategy()).size == 1:
        return means
    return {name: mean[None] for name, mean in means.items()}


def shared(x, y, batch_size, strategy, seed=None):
    """`(x, y)` as Keras shall distribute them: on several workers this one's rows of every batch, cut for its replicas.

    Keras itself would give workers files or batches of their own, and not rows of the same batch.

    Args:
      x: a dataset, or an array of examples that comes in batches of `batch_size`, with labels `y` or None.
      seed: of the order of an array's examples, which all workers must know alike; None: as they come.
    """
    workers = cluster.of(strategy)
    if workers.size == 1:
        return x, y
    x = x if isinstance(x, tf.data.Dataset) else _batched(x, y, batch_size, seed)
    own = _holds_own_rows(x)
    replicas = strategy.num_replicas_in_sync // workers.size

    def cut(*batch):
        def of_this_worker(rows):  # (batch, ...) -> (replicas, rows of each, ...)
            cuts = [1 if own else workers.size, replicas, -1, *rows.shape[1:]]
            return tf.reshape(rows, cuts)[0 if own else workers.index]

        parts = tf.nest.map_structure(of_this_worker, batch)
        return parts if replicas > 1 else tf.nest.map_structure(lambda part: part[0], parts)

    cuts = x.map(cut).unbatch() if replicas > 1 else x.map(cut)
    return strategy.distribute_datasets_from_function(lambda context: cuts.with_options(_off())), None


def own_rows(x):
    """`x`, a dataset of this worker's rows of every batch, as one from which `fit` takes no others."""
    return x.with_options(_off())


def _off():
    off = tf.data.Options()
    off.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return off


def _batched(x, y, batch_size, seed):
    """Arrays as a dataset of the batches that `fit` makes of them."""
    order = tf.data.Dataset.range(len(x))
    order = order if seed is None else order.shuffle(len(x), seed=seed)
    parts = tf.nest.map_structure(tf.constant, (x,) if y is None else (x, y))
    return order.batch(batch_size or 32).map(
        lambda rows: tf.nest.map_structure(lambda part: tf.gather(part, rows), parts)
    )


def _holds_own_rows(x):
    """Whether a dataset says that each worker's holds that worker's rows alone, and not whole batches."""
    return x.options().experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF


def sizes(x, batch_size, workers=1):
    """Sizes of the batches that `fit` makes of `x` on all workers together; empty if they may be any."""
    if isinstance(x, tf.data.Dataset):
        found = {part.shape[0] if part.shape.rank else None for part in tf.nest.flatten(x.element_spec)}
        return set() if None in found else {size * (workers if _holds_own_rows(x) else 1) for size in found}
    if not hasattr(x, "shape") or not len(x):
        return set()  # PyDataset or generator, whose batches may be of any size
    size = min(batch_size or 32, len(x))
    return {size, len(x) % size} - {0}


def check_shares(x, batch_size, strategy, parts):
    """Raises ValueError where replicas would not get equal parts of every batch of `x`, for `parts` updates each."""
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return
    found = sizes(x, batch_size, cluster.of(strategy).size)
    if not found or any(size % (replicas * parts) for size in found):
        each = f", {parts} updates each" if parts > 1 else ""
        raise ValueError(
            f"x must come in batches that {replicas} replicas can share evenly{each}. Received batches of "
            f"{sorted(found) or 'unknown size'}. Give a multiple of {replicas * parts}, and "
            "drop_remainder=True to tf.data's batch."
        )
