"""Minibatch discrimination: how close a row is to the others of its batch  (Salimans et al. 2016, Sec. 3.2)."""

import keras
from keras import ops

from qrkeras.layers.kernels import positive_int


@keras.saving.register_keras_serializable(package="qrkeras")
class MinibatchDiscrimination(keras.layers.Layer):
    """A row's features and its closeness to the others', `[f_i, o(i)]`  (Salimans et al. 2016, Sec. 3.2).

        M_i = f_i T,    o_k(i) = sum_(j != i) exp(-sum_c |M_ikc - M_jkc|)

    **Choice**: without j = i, as in the authors' code; of two equal rows, o is 1. Distances are float32.

    Args:
      num_kernels: K, the number of closenesses.   kernel_dim: C, the size of what each compares.
      kernel_initializer: of T, as a matrix `(features, K * C)`.
    Attributes:
      gather: this replica's rows to those of all: `compile` of a model sets it where there are several.
    Shapes: `(batch, features)` -> `(batch, features + K)`.
    Raises:
      ValueError: for sizes that are no positive ints.
    """

    looks_at_batch = True

    def __init__(self, num_kernels=100, kernel_dim=5, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.num_kernels = positive_int("num_kernels", num_kernels)
        self.kernel_dim = positive_int("kernel_dim", kernel_dim)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.gather = _alone
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def build(self, input_shape):
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: input_shape[-1]})
        shape = (input_shape[-1], self.num_kernels * self.kernel_dim)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")

    def call(self, x):
        own = ops.cast(ops.matmul(x, self.kernel), "float32")  # (n, K C)
        everyone = self.gather(own)  # (batch, K C)
        split = (-1, self.num_kernels, self.kernel_dim)
        differences = ops.reshape(own, split)[:, None] - ops.reshape(everyone, split)[None]  # (n, batch, K, C)
        closeness = ops.exp(-ops.sum(ops.abs(differences), axis=-1))
        others = ops.sum(closeness, axis=1) - 1.0  # a row's closeness to itself is exp(0)
        return ops.concatenate([x, ops.cast(others, self.compute_dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + self.num_kernels)

    def get_config(self):
        return {
            **super().get_config(),
            "num_kernels": self.num_kernels,
            "kernel_dim": self.kernel_dim,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _alone(rows):
    return rows
