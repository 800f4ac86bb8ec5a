"""Multilayer perceptrons: the networks of the mixture experiments."""

import keras

from qrkeras.layers import EquivariantDense
from qrkeras.networks.seeds import layer_seeds


def mlp(
    input_dim,
    output_dim,
    width=128,
    hidden_layers=2,
    activation="relu",
    kernel_initializer="glorot_uniform",
    equivariant_batch_size=None,
    seed=None,
    name=None,
):
    """`x -> W_L a(... a(W_1 x + b_1)) + b_L`, no batch normalisation, no activation at the end
    (QRGAN, Fig. 7, Table 2).

    **Choice**: the number of hidden layers is only in Fig. 7, which did not survive; 2 with ReLU
    reproduces the paper's claim.

    Args:
      width: units of each hidden layer.   kernel_initializer: name of a random Keras initialiser.
      equivariant_batch_size: None; or B for layers that see the whole batch, the last one too  (BGAN, eq. 4.10), with
        the initial scales of batches of B.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a functional `keras.Model`, `(batch, input_dim)` -> `(batch, output_dim)` float32.
    """
    try:
        keras.initializers.get({"class_name": kernel_initializer, "config": {"seed": 0}})
    except (TypeError, ValueError) as error:
        raise ValueError(
            'kernel_initializer must name a random Keras initialiser, such as "he_normal". '
            f"Received: {kernel_initializer!r}"
        ) from error
    seeds = layer_seeds(seed, f"mlp {input_dim} {output_dim}")

    def initializer():
        return {"class_name": kernel_initializer, "config": {"seed": next(seeds)}}

    def dense(units, activation=None, dtype=None):
        options = {"activation": activation, "kernel_initializer": initializer(), "dtype": dtype}
        if equivariant_batch_size is None:
            return keras.layers.Dense(units, **options)
        return EquivariantDense(units, equivariant_batch_size, mean_kernel_initializer=initializer(), **options)

    inputs = keras.Input((input_dim,))
    x = inputs
    for _ in range(hidden_layers):
        x = dense(width, activation)(x)
    return keras.Model(inputs, dense(output_dim, dtype="float32")(x), name=name)
