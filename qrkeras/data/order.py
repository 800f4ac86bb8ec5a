"""Which example comes when: the order of training data as a function of (seed, step)."""

import math
import operator
import os
import zlib

import numpy as np

TAKEN_BATCH = 256


def shuffled(size, batch_size, seed, start_step):
    """Endless batches of indices; batch `k` is a function of (seed, k).

    Epoch `e` is the permutation drawn from (seed, e), and epochs follow one another without a gap:
    batch `k` holds places `k * batch_size .. (k + 1) * batch_size - 1` of that endless row, so every
    index comes exactly once per epoch and no remainder is dropped. Only the first epoch's
    permutation is computed to start at any step.

    Returns: `tf.data.Dataset` of `(batch_size,)` int64, indices in `[0, size)`.
    """
    import tensorflow as tf

    first_epoch, offset = divmod(start_step * batch_size, size)

    def epoch_order(epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(size, dtype="int64"), seed=tf.stack([tf.cast(seed, "int64"), epoch])
        )
        return order[tf.where(epoch == first_epoch, offset, 0) :]

    epochs = tf.data.Dataset.counter(first_epoch).map(epoch_order).prefetch(1)
    return epochs.rebatch(batch_size, drop_remainder=True)


def check_batches(data, batch_size, seed=0, start_step=0):
    """Raises ValueError unless `data` can be cut into full batches from `start_step` on."""
    for argument, value, least in (
        ("batch_size", batch_size, 1),
        ("seed", seed, None),
        ("start_step", start_step, 0),
    ):
        try:
            number = operator.index(value)
        except TypeError:
            number = None
        if number is None or (least is not None and number < least):
            bound = "" if least is None else f" of at least {least}"
            raise ValueError(f"{argument} must be an integer{bound}. Received: {value!r}")
    if data.size is not None and batch_size > data.size:
        raise ValueError(
            f"batch_size must be at most the number of examples, and {data.name!r} has "
            f"{data.size}. Received: {batch_size}. Choose a smaller batch_size or more data."
        )


def rows(batch_size, share):
    """The rows of every batch that are part i of n, `share=(i, n)`, as a slice.

    Whoever trains on part i makes and decodes no others. Raises ValueError where n does not divide the batch.
    """
    i, n = share
    if not 0 <= i < n or batch_size % n:
        raise ValueError(f"share must be a part i of n that divides batch_size={batch_size}. Received: {share}")
    return slice(i * batch_size // n, (i + 1) * batch_size // n)


def take(source, n=None):
    """The first `n` examples in the fixed order of `source`, as NumPy arrays.

    Args:
      source: what `load` or `from_arrays` returns.
      n: how many; all where None, or where there are fewer. An endless mixture needs `n`, and gives
        its `sample(n, seed=0)`.

    Returns: `(n, *shape)`, or the pair `(examples, labels)` where `source` has labels.
    """
    if n is not None and (not isinstance(n, int | np.integer) or n < 1):
        raise ValueError(f"n must be a positive integer or None. Received: {n!r}")
    labelled = source.num_classes is not None
    if source.size is None:
        if n is None:
            raise ValueError(f"n must be given for {source.name!r}, which is endless. Received: None")
        sample = source.sample(n, seed=0)
        return tuple(part.numpy() for part in sample) if labelled else sample.numpy()
    n = source.size if n is None else min(n, source.size)
    arrays = [np.empty((n, *source.shape), source.dtype)]
    if labelled:
        arrays.append(np.empty(n, "int32"))
    batches = source.evaluation_batches(min(n, TAKEN_BATCH)).take(math.ceil(n / TAKEN_BATCH))
    row = 0
    for batch in batches.as_numpy_iterator():
        parts = batch if labelled else (batch,)
        for array, part in zip(arrays, parts):
            array[row : row + len(part)] = part[: n - row]
        row += len(parts[0])
    if row < n:
        raise ValueError(f"{source.name!r} must hold {source.size} examples. Received: {row} of the first {n}")
    return tuple(arrays) if labelled else arrays[0]


def held_out(key):
    """True for the tenth of all keys that forms the test split: `crc32(key) % 10 == 0`.

    A hash of the key alone: adding or removing examples moves no other example between the splits.
    """
    return zlib.crc32(os.fsencode(str(key))) % 10 == 0  # a file's name, whatever its encoding
