"""What every model shares: random state, replicas, compiled functions, the step of one loss.

Beside `adversarial.py`, the one file of `models` that imports TensorFlow.
"""

import keras
import numpy as np
import tensorflow as tf

# What a random number is for: each use draws from its own stream.
USES = NOISE, INTERPOLATION, EVALUATION = range(3)


class SeededModel(keras.Model):
    """A model all of whose noise is a pure function of (seed, step, use, replica).

    The pair (seed, step) is a weight: a reloaded model continues as if it had never stopped.

    A subclass gives `noise_shape`, of one example, and `noise(shape, seed)`.

    Args:
      seed: int32, of the noise.
    """

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.random_state = self.add_weight(
            name="random_state",
            shape=(2,),
            dtype="int64",  # int32 has no place on a GPU
            trainable=False,
            initializer=lambda shape, dtype: tf.constant([seed, 0], dtype),
        )

    def compile(self, optimizer="adam", **kwargs):
        """Configures training by one optimizer.

        Args:
          optimizer: Keras optimizer, name or configuration.
          **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly` of `keras.Model.compile`.
        """
        # jit_compile="auto" would change with device and strategy; compile it on purpose.
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)
        self._compile_arguments = kwargs

    def get_compile_config(self):
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer), **self._compile_arguments}

    def compile_from_config(self, config):
        self.compile(**config)

    @property
    def step(self):
        """Number of updates so far, a Python int."""
        return int(keras.ops.convert_to_numpy(self.random_state)[1])

    def noise_of_seeds(self, seeds, index=None):
        """Noise `(batch, *noise_shape)` whose row i depends on row i of `seeds`, int32 `(batch, 2)`, alone.

        An int `index` gives more noise of the same seeds: each index its own.
        """

        def noise(seed):
            seed = seed if index is None else tf.random.experimental.stateless_fold_in(seed, index)
            return self.noise(self.noise_shape, seed)

        return tf.map_fn(noise, seeds, fn_output_signature=tf.TensorSpec(self.noise_shape, "float32"))

    def _seed(self, use, index=0):
        replicas = tf.distribute.get_replica_context()
        stream = (index * len(USES) + use) * replicas.num_replicas_in_sync
        state = [self.seed, 0] if use == EVALUATION else self.random_state
        return tf.random.experimental.stateless_fold_in(
            state, tf.cast(stream, tf.int32) + tf.cast(replicas.replica_id_in_sync_group, tf.int32)
        )

    def _descend(self, loss_of):
        """One update by the optimizer of `loss_of()`, a scalar, which is returned."""
        with tf.GradientTape() as tape:
            loss = loss_of()
            total = self.optimizer.scale_loss(self._per_replica(loss))
        self.optimizer.apply(tape.gradient(total, self.trainable_variables), self.trainable_variables)
        return loss

    def _per_replica(self, loss):
        """A replica's share of the loss: TensorFlow sums gradients over replicas."""
        return loss / tf.distribute.get_replica_context().num_replicas_in_sync

    def _advance(self, **losses):
        """Ends a step; stops training where a loss is not finite, naming it."""
        for name, loss in losses.items():
            step = self.random_state[1] + 1
            tf.debugging.Assert(tf.math.is_finite(loss), [f"{name} is not finite at step", step, loss])
        self.random_state.assign_add([0, 1])

    @staticmethod
    def _require(condition, message, value):
        """Stops a compiled function where `condition`, of the shape of `value`, is not all True; tells what it met."""
        tf.debugging.Assert(tf.reduce_all(condition), [message, tf.boolean_mask(value, ~condition)])

    @staticmethod
    def _uniform(shape, seed):
        """Uniform on [2^-24, 1): 0 and 1 are no quantile levels. A pure function of `seed`, int32 `(2,)`."""
        return tf.maximum(tf.random.stateless_uniform(shape, seed), 2.0**-24)

    @staticmethod
    def _compiled(function, *inputs):
        """`function` compiled once for inputs of the given `(shape, dtype)`."""
        return tf.function(function, input_signature=[tf.TensorSpec(shape, dtype) for shape, dtype in inputs])


def sample_seeds(seed, n):
    """Seeds of `n` samples, `[[seed, 0], [seed, 1], ...]`: int32 NumPy array `(n, 2)`; raises ValueError."""
    if n < 1:
        raise ValueError(f"n must be at least 1 sample. Received: {n}")
    if not (isinstance(seed, int | np.integer) and -(2**31) <= seed < 2**31):
        raise ValueError(f"seed must be an int32. Received: {seed!r}")
    return np.stack([np.full(n, seed), np.arange(n)], axis=1).astype("int32")
