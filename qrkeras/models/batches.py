"""Many rows, a batch at a time."""

import numpy as np
from keras import ops, tree


def in_batches(function, batch_size, *arrays):
    """`function` of at most `batch_size` rows of each array at a time, tensors or a structure of them: generator of
    NumPy arrays, or of such structures; raises ValueError."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
    for i in range(0, len(arrays[0]), batch_size):
        yield tree.map_structure(ops.convert_to_numpy, function(*(x[i : i + batch_size] for x in arrays)))


def shared(n, batch_size, share):
    """Which of `n` rows worker i of w draws, `share=(i, w)`: an array of indices, and how many to draw at a time.

    All draw equally many at a time, and what they have drawn by then, one worker's after the other's, is a run of rows
    in order; past the end the last row is drawn again, where there are several workers.
    """
    i, w = share
    size = min(batch_size, -(-n // w))
    if w == 1:
        return np.arange(n), size
    starts = np.arange(0, n, size * w)
    return np.minimum(starts[:, None] + i * size + np.arange(size), n - 1).ravel(), size


def all_batches(function, batch_size, *arrays):
    """All that `in_batches` yields, as one NumPy array, or one structure of them."""
    return tree.map_structure(lambda *parts: np.concatenate(parts), *in_batches(function, batch_size, *arrays))
