"""What workers tell one another while they train. All of them call these at the same places, or wait for each other."""

import contextlib
import hashlib

import numpy as np
import tensorflow as tf

from qrkeras.machine.cluster import ALONE, WorkerLost, of

_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
# These may also come from elsewhere, a file that cannot be read.
_PERHAPS = (tf.errors.FailedPreconditionError, tf.errors.InternalError, tf.errors.UnknownError)


def anywhere(strategy, flag):
    """Whether `flag` is true on any worker; returns when all have come here."""
    if of(strategy) == ALONE:
        return flag
    return bool(strategy.reduce("SUM", tf.constant(int(flag), "int64"), axis=None) > 0)


def of_first(strategy, arrays):
    """Worker 0's NumPy `arrays`, bit for bit, where every worker gives arrays of these shapes and types."""
    cluster = of(strategy)
    if cluster == ALONE:
        return arrays
    raw = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    words = np.frombuffer(raw + bytes(-len(raw) % 8), "int64")
    # Sums of bits and zeros: exact for every type, and in one message.
    summed = strategy.reduce("SUM", tf.constant(words if cluster.first else np.zeros_like(words)), axis=None)
    raw, at, found = summed.numpy().tobytes(), 0, []
    for array in arrays:
        found.append(np.frombuffer(raw, array.dtype, array.size, at).reshape(array.shape))
        at += array.nbytes
    return found


def rows(strategy):
    """Function of an array `(n, ...)` that returns the rows of all workers, of worker 0 first, on each of them."""
    if of(strategy) == ALONE:
        return lambda array: array
    return lambda array: strategy.gather(tf.constant(array), axis=0).numpy()


def differing(strategy, text):
    """Numbers of the workers whose `text` is not worker 0's."""
    if of(strategy) == ALONE:
        return []
    own = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=8).digest(), "int64")
    (first,) = of_first(strategy, [own])
    return np.flatnonzero(rows(strategy)((own != first).astype("int64"))).tolist()


@contextlib.contextmanager
def watched(cluster):
    """Within it another worker's end is told as such.

    Raises:
      WorkerLost: where TensorFlow gives a collective up.
    """
    try:
        yield
    except (*_GONE, *_PERHAPS) as error:
        if cluster == ALONE or (isinstance(error, _PERHAPS) and "ollective" not in str(error)):
            raise
        line = (error.message or type(error).__name__).strip().splitlines()[0]
        raise WorkerLost(
            f"worker {cluster.index} of {cluster.size}: another worker is gone, and its own line says why. The same "
            f"command, on all of them, goes on from the last checkpoint. TensorFlow: {line[:200]}"
        ) from error
