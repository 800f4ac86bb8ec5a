"""A random number is a function of (seed, step, name, place in the batch).

The pair (seed, step) is a weight of the model, `random_state`: a reloaded model goes on as if it had never stopped.
"""

import zlib

import numpy as np
import tensorflow as tf

from qrkeras.models import replicas

# What a random number is for: each use draws from its own stream.
USES = NOISE, INTERPOLATION, EVALUATION = range(3)


def levels(shape, seed):
    """Uniform on [2^-24, 1): 0 and 1 are no quantile levels."""
    return tf.maximum(tf.random.stateless_uniform(shape, seed), 2.0**-24)


def normal(shape, seed):
    """Standard normal."""
    return tf.random.stateless_normal(shape, seed)


def uniform(shape, seed):
    """Uniform on [-1, 1]."""
    return tf.random.stateless_uniform(shape, seed, minval=-1.0, maxval=1.0)


# Pure functions of shape and seed, int32 `(2,)`.
DISTRIBUTIONS = {"levels": levels, "normal": normal, "uniform": uniform}


def stream(state, use, index=0):
    """The seed of a stream, of the pair (seed, step), a member of `USES` and a place among its like."""
    return tf.random.experimental.stateless_fold_in(state, tf.cast(index * len(USES) + use, tf.int32))


class BatchNoise:
    """The noise of one batch: `noise("tau")`, say, has a row for each example, and each name its own stream.

    Args:
      model: whose `NOISES`, `noise` and `noise_shape` are drawn.   rows: examples on this replica.
      use: `NOISE` where it trains, else `EVALUATION`.
      place: of the update in its step, or of the batch in the data that is evaluated.
    """

    def __init__(self, model, rows, use, place):
        self.model, self.rows, self.use, self.place = model, rows, use, place
        # Held-out examples meet the same noise at every step.
        self.state = [model.seed, 0] if use == EVALUATION else model.random_state

    def __call__(self, name, index=None):
        """Noise `(rows, *noise_shape)`, or of its own shape in `noise_shapes`.

        An int `index` gives more of the same name: each index its own.
        """
        names = self.model.NOISES
        seed = stream(self.state, self.use, len(names) * self.place + names.index(name))
        if index is not None:
            seed = tf.random.experimental.stateless_fold_in(seed, index)
        shape = self.model.noise_shapes.get(name, self.model.noise_shape)
        return replicas.rows(lambda n: self.model.noise((n, *shape), seed), self.rows)

    def shares(self, draw):
        """Shares of real examples in mixtures: those of the whole batch, and of this replica's rows.

        Args: draw: function of uniforms `(batch, 2)` in [0, 1) to shares `(batch,)`, which may look at all of them.
        """
        # Folded out of the first noise's stream: another member of USES would move every stream there is.
        seed = stream(self.state, self.use, len(self.model.NOISES) * self.place)
        seed = tf.random.experimental.stateless_fold_in(seed, 0)
        whole = draw(tf.random.stateless_uniform([replicas.count() * self.rows, 2], seed))
        return whole, replicas.rows(lambda n: whole, self.rows)

    def dropout(self, name, shape):
        """Uniform on [0, 1), `(rows, *shape)`: what a layer called `name` drops by, each name its own stream."""
        seed = stream(self.state, self.use, len(self.model.NOISES) * self.place)
        seed = tf.random.experimental.stateless_fold_in(seed, zlib.crc32(name.encode()) & 0x7FFFFFFF)
        return replicas.rows(lambda n: tf.random.stateless_uniform([n, *shape], seed), self.rows)

    def fractions(self):
        """Uniform on [0, 1), `(rows,)`: where between two examples a penalty is taken."""
        seed = stream(self.state, INTERPOLATION, self.place)
        return replicas.rows(lambda n: tf.random.stateless_uniform([n], seed), self.rows)


def of_seeds(draw, shape, seeds, *indices):
    """`draw(shape, seed)` for each row of `seeds`, int32 `(batch, 2)`: row i depends on seed i alone.

    Ints `indices` give more noise of the same seeds, all of them its own; None is none.
    """

    def noise(seed):
        for index in indices:
            seed = seed if index is None else tf.random.experimental.stateless_fold_in(seed, index)
        return draw(shape, seed)

    return tf.map_fn(noise, seeds, fn_output_signature=tf.TensorSpec(shape, "float32"))


def sample_seeds(seed, n):
    """Seeds of `n` samples, `[[seed, 0], [seed, 1], ...]`: int32 NumPy array `(n, 2)`; raises ValueError."""
    if n < 1:
        raise ValueError(f"n must be at least 1 sample. Received: {n}")
    if not (isinstance(seed, int | np.integer) and -(2**31) <= seed < 2**31):
        raise ValueError(f"seed must be an int32. Received: {seed!r}")
    return np.stack([np.full(n, seed), np.arange(n)], axis=1).astype("int32")
