"""What every model shares: random state, replicas, compiled functions, the step of one loss.

Beside `adversarial.py`, `feed.py` and `saved_model.py`, the one file of `models` that imports TensorFlow.
"""

import keras
import numpy as np
import tensorflow as tf

from qrkeras.models.average import averaged
from qrkeras.models.base import GenerativeModel
from qrkeras.models.feed import require

# What a random number is for: each use draws from its own stream.
USES = NOISE, INTERPOLATION, EVALUATION = range(3)


class SeededModel(GenerativeModel):
    """A model all of whose noise is a pure function of (seed, step, use, place in the batch).

    The pair (seed, step) is a weight: a reloaded model continues as if it had never stopped.

    Under `tf.distribute.MirroredStrategy` R replicas with B examples each train as one does with R B: each takes its
    rows of the whole batch's noise, and statistics of a batch (`_whole_batch`, batch normalisation) are those of the
    whole batch. Build, load and compile the model in the strategy's scope.

    A subclass gives `noise_shape`, of one example, and `noise(shape, seed)`.

    Attributes:
      update_parts: parts that a batch is cut into, one for each of several updates in a step.

    Args:
      seed: int32, of the noise.
    """

    update_parts = 1

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.random_state = self.add_weight(
            name="random_state",
            shape=(2,),
            dtype="int64",  # int32 has no place on a GPU
            trainable=False,
            aggregation="only_first_replica",  # replicas count alike
            initializer=lambda shape, dtype: tf.constant([seed, 0], dtype),
        )

    def compile(self, optimizer="adam", **kwargs):
        """Configures training by one optimizer: see `GenerativeModel.compile`.

        Raises:
          ValueError: where several replicas are to take more than one step an execution.
        """
        # jit_compile="auto" would change with device and strategy; compile it on purpose.
        kwargs.setdefault("jit_compile", False)
        if self._replicas > 1 and kwargs.get("steps_per_execution", 1) > 1:
            raise ValueError(
                f"steps_per_execution must be 1 where {self._replicas} replicas train: Keras cannot loop over their "
                f"steps (keras issue 19246). Received: {kwargs['steps_per_execution']}"
            )
        for layer in self._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = self._replicas > 1
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def get_compile_config(self):
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer), **self._compile_arguments}

    def compile_from_config(self, config):
        """Compiles as a model that was saved; several replicas take one step an execution, whatever one took."""
        self.compile(**config if self._replicas == 1 else {**config, "steps_per_execution": 1})

    def _checked(self, x, y, batch_size, *weights):
        checked = super()._checked(x, y, batch_size, *weights)
        self._check_shares(x, batch_size)
        return checked

    @property
    def _replicas(self):
        return self.distribute_strategy.num_replicas_in_sync

    def _check_shares(self, x, batch_size):
        """Raises ValueError where replicas would not get equal parts of every batch of `x`."""
        if self._replicas == 1:
            return
        parts = self._replicas * self.update_parts
        if isinstance(x, tf.data.Dataset):
            sizes = {part.shape[0] for part in tf.nest.flatten(x.element_spec)}
        elif hasattr(x, "shape"):
            size = min(batch_size or 32, len(x))
            sizes = {size, len(x) % size}
        else:  # PyDataset or generator, whose batches may be of any size
            sizes = {None}
        if None in sizes or any(size % parts for size in sizes):
            each = f", {self.update_parts} updates each" if self.update_parts > 1 else ""
            raise ValueError(
                f"x must come in batches that {self._replicas} replicas can share evenly{each}. Received batches of "
                f"{sorted(s for s in sizes if s) or 'unknown size'}. Give a multiple of {parts}, and "
                "drop_remainder=True to tf.data's batch."
            )

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
        state = [self.seed, 0] if use == EVALUATION else self.random_state
        return tf.random.experimental.stateless_fold_in(state, tf.cast(index * len(USES) + use, tf.int32))

    @staticmethod
    def _seen(tracker):
        """Examples that a metric, weighted by examples, has seen so far on all replicas, which share them equally."""
        return tf.cast(tracker.count, tf.int32) * tf.distribute.get_replica_context().num_replicas_in_sync

    @staticmethod
    def _rows(draw, n):
        """This replica's `n` rows of `draw(n)` over the whole batch.

        Every replica draws all rows and keeps its own: an example's noise does not depend on where it is computed.
        """
        replicas = tf.distribute.get_replica_context()
        if replicas.num_replicas_in_sync == 1:
            return draw(n)
        start = tf.cast(replicas.replica_id_in_sync_group, tf.int32) * n
        return draw(replicas.num_replicas_in_sync * n)[start : start + n]

    def _batch_noise(self, shape, seed):
        """`noise` for this replica's part of a batch, of `shape`."""
        return self._rows(lambda n: self.noise((n, *shape[1:]), seed), shape[0])

    @staticmethod
    def _whole_batch(outputs):
        """Rows `(batch, n)` of all replicas, in the order of the batch.

        Every replica computes the loss of the whole batch and differentiates it by its own rows, so that the sum over
        replicas is the gradient. It is R-fold here, since `_per_replica` divides by R.
        """
        replicas = tf.distribute.get_replica_context()
        count = replicas.num_replicas_in_sync
        if count == 1:
            return outputs
        n, place = tf.shape(outputs)[0], tf.cast(replicas.replica_id_in_sync_group, tf.int32)
        own = tf.pad(outputs, [[place * n, (count - 1 - place) * n], [0, 0]])
        # NCCL sums, and does not gather: rows of the others are zero.
        everything = replicas.all_reduce(tf.distribute.ReduceOp.SUM, tf.stop_gradient(own))
        return everything + count * (own - tf.stop_gradient(own))

    @staticmethod
    def _assign(variables, function, *others):
        """`variable = function(variable, *others)`, each replica for itself: values that agree need not travel."""

        def update(strategy):
            for variable, *values in zip(variables, *others, strict=True):
                strategy.extended.update(
                    variable.value, lambda v, *args: v.assign(function(v, *args)), args=[v.value for v in values]
                )

        tf.distribute.get_replica_context().merge_call(update)

    def _update_average(self, average, network, average_decay):
        """Moves the weights of `average` after those of `network`: see `average.averaged`."""
        step = self.random_state[1]
        self._assign(average.weights, lambda mean, w: averaged(mean, w, average_decay, step), network.weights)

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

    _require = staticmethod(require)

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
