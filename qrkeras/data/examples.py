"""Finite data with random access: arrays in memory, or files decoded when they are needed."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from qrkeras import kinds
from qrkeras.data import order

IN_MEMORY_BYTES = 2 * 2**30


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """`size` examples, each found by its index.

    Args:
      name: what errors and logs call it.
      shape: shape of one example, `(height, width, channels)` or `(features,)`.
      dtype: "uint8" for images in 0..255, "float32" for points.
      size: number of examples.
      read: function from indices `(batch,)` int64 to examples `(batch, *shape)`, or to the pair
        `(examples, labels)`, labels `(batch,)` int32, if `num_classes` is given.
      num_classes: labels lie in `[0, num_classes)`; None for examples without labels.
      left_out: names of what lay beside the examples and is none of them.
      fingerprint: function that returns what tells these data from others (`fingerprint.of_parts`), wherever they lie;
        None for data that cannot change.
    """

    name: str
    shape: tuple
    dtype: str
    size: int
    read: Callable = dataclasses.field(repr=False)
    num_classes: int | None = None
    left_out: tuple[str, ...] = ()
    fingerprint: Callable = dataclasses.field(default=lambda: None, repr=False)

    @property
    def kind(self):
        return kinds.of(self.shape)

    def batches(self, batch_size, seed, start_step=0, share=(0, 1)):
        """Endless full batches, freshly permuted every epoch; batch `k` is a function of (seed, k).

        Epochs follow one another without a gap (see `order.shuffled`), so the batch at an epoch's
        end may be filled up from the next one.

        Args:
          share: `(i, n)`: part i of n equal parts of every batch, the rest of which is not read.
        Returns: `tf.data.Dataset` of `(batch_size / n, *shape)`, or of pairs of these and labels
          `(batch_size / n,)`, beginning at batch `start_step`.
        """
        order.check_batches(self, batch_size, seed, start_step)
        rows = order.rows(batch_size, share)
        indices = order.shuffled(self.size, batch_size, seed, start_step).map(lambda batch: batch[rows])
        return self._read(indices, rows.stop - rows.start)

    def evaluation_batches(self, batch_size):
        """One pass in the fixed order of the data; the last batch may be smaller.

        Returns: `tf.data.Dataset` of `(<= batch_size, *shape)`, or of pairs of these and labels.
        """
        import tensorflow as tf

        order.check_batches(self, min(batch_size, self.size))
        return self._read(tf.data.Dataset.range(self.size).batch(batch_size), None)

    def _read(self, indices, batch_size):
        import tensorflow as tf

        def read(batch):
            if self.num_classes is None:
                return tf.ensure_shape(self.read(batch), (batch_size, *self.shape))
            examples, labels = self.read(batch)
            return tf.ensure_shape(examples, (batch_size, *self.shape)), tf.ensure_shape(labels, (batch_size,))

        return indices.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def from_arrays(array, name="arrays", labels=None, num_classes=None):
    """Data from an array that you hold: images or points.

    Args:
      array: `(n, height, width, channels)` uint8 images in 0..255 with 1 or 3 channels, or
        `(n, features)` floating-point points, which become float32.
      name: what errors and logs call it.
      labels: `(n,)` integers of at least 0, the class of each example; None for none.
      num_classes: number of classes; None is the largest label + 1. Give it where these labels may
        miss the last classes, as held-out ones may.

    Returns: `Examples` that holds one copy of the array in host memory.
    """
    import tensorflow as tf

    array = np.asarray(array)
    if array.size == 0:
        raise ValueError(f"array of {name!r} must hold at least one example. Received: {array.shape}")
    if np.issubdtype(array.dtype, np.floating):
        _check_finite(array, name)
        if array.ndim != 2:
            raise ValueError(
                f"array of {name!r} must be (n, features) if its dtype is floating-point; images "
                f"must be uint8 in 0..255. Received: {array.dtype} of shape {array.shape}. Convert "
                f"images in [0, 1] with np.rint(array * 255).astype('uint8')."
            )
        array = array.astype("float32", copy=False)
    elif array.dtype != np.uint8:
        raise ValueError(
            f"array of {name!r} must be uint8 images in 0..255 or floating-point points. "
            f"Received: {array.dtype}. Convert it with array.astype('uint8') or "
            f"array.astype('float32')."
        )
    elif array.ndim != 4 or array.shape[-1] not in (1, 3):
        raise ValueError(
            f"array of {name!r} must be (n, height, width, channels) with 1 or 3 channels if its "
            f"dtype is uint8. Received: shape {array.shape}. Grey images without a channel axis "
            f"need array[..., None]; an alpha channel is left out by array[..., :3]."
        )
    if labels is not None:
        labels, num_classes = _checked_labels(labels, num_classes, len(array), name)
    elif num_classes is not None:
        raise ValueError(f"num_classes of {name!r} must be None where labels are None. Received: {num_classes!r}")
    with tf.device("CPU"):
        values = tf.convert_to_tensor(array) if labels is None else (tf.constant(array), tf.constant(labels))
    return Examples(
        name=name,
        shape=array.shape[1:],
        dtype=array.dtype.name,
        size=len(array),
        read=lambda indices: tf.nest.map_structure(lambda value: tf.gather(value, indices), values),
        num_classes=num_classes,
    )


def fits_in_memory(size, shape):
    return size * math.prod(shape) <= IN_MEMORY_BYTES


def _checked_labels(labels, num_classes, size, name):
    """Returns: labels `(size,)` int32, and their number of classes."""
    labels = np.asarray(labels)
    if labels.shape != (size,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels of {name!r} must be integers, one for each of its {size} examples. Received: {labels.dtype} of "
            f"shape {labels.shape}. One-hot rows become labels with labels.argmax(axis=1), other names with "
            f"np.unique(labels, return_inverse=True)[1]."
        )
    least, most = int(labels.min()), int(labels.max())
    if least < 0:
        raise ValueError(
            f"labels of {name!r} must be at least 0. Received: {least} in {(labels < 0).sum()} of {size} examples, "
            f"the first at index {(labels < 0).argmax()}. Drop examples without a class with array[labels >= 0]."
        )
    if num_classes is None:
        num_classes = most + 1
    elif not isinstance(num_classes, int | np.integer) or num_classes <= most:
        raise ValueError(
            f"num_classes of {name!r} must be an integer larger than every label, and the largest is {most}. "
            f"Received: {num_classes!r}"
        )
    return labels.astype("int32"), int(num_classes)


def _check_finite(array, name):
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ValueError(
            f"array of {name!r} must be finite. Received: NaN or infinity in {len(bad)} of "
            f"{len(array)} examples, the first at index {bad[0]}. Drop them with "
            f"array[np.isfinite(array).reshape(len(array), -1).all(axis=1)]."
        )
