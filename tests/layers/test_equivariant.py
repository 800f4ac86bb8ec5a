"""Equivariant layers: by hand, under permutations, against ordinary layers, and what their initial scales do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import EquivariantConv2D, EquivariantDense
from qrkeras.networks import mlp
from tests.support.layers import Layers

BUILDS = {
    "dense": (lambda **options: EquivariantDense(5, batch_size=6, **options), (6, 7)),
    "convolution": (lambda **options: EquivariantConv2D(5, 4, batch_size=6, strides=2, **options), (6, 8, 7, 3)),
}
every_layer = pytest.mark.parametrize("name", BUILDS)
LAYERS = Layers(BUILDS)
RNG, _normal, _built = LAYERS.rng, LAYERS.normal, LAYERS.built


def _given(units, weights, features=1, activation="relu"):
    layer = EquivariantDense(units, batch_size=1, activation=activation)
    layer.build((None, features))
    layer.set_weights([np.asarray(weight, "float32") for weight in weights])
    return layer


def test_by_hand():
    # x = (1, 3), rho = 2: relu(1/2 + 2 * 1 - 2) = 1/2, relu(1/2 + 2 * 3 - 2) = 9/2.
    layer = _given(1, [[[2.0]], [[-1.0]], [0.5]])
    np.testing.assert_allclose(layer(np.array([[1.0], [3.0]], "float32")), [[0.5], [4.5]], rtol=1e-6)


def test_two_units_are_the_mean_absolute_deviation():
    # relu(x - rho) + relu(rho - x) = |x - rho|, then the mean over the batch.
    layer = _given(2, [[[1.0, -1.0]], [[-1.0, 1.0]], [0.0, 0.0]])
    x = _normal(50, 1)
    expected = np.mean(np.abs(x - x.mean()))
    np.testing.assert_allclose(tf.reduce_mean(tf.reduce_sum(layer(x), axis=1)), expected, rtol=1e-5)


@every_layer
def test_rows_and_outputs_change_places_together(name):
    layer, x = _built(name, activation="relu")
    order = RNG.permutation(6)
    np.testing.assert_allclose(layer(tf.gather(x, order)), tf.gather(layer(x), order), atol=1e-6)


def test_a_networks_mean_does_not_see_the_order():
    network, x = mlp(2, 1, width=16, hidden_layers=3, equivariant_batch_size=8, seed=0), _normal(8, 2)
    mean = tf.reduce_mean(network(x))
    np.testing.assert_allclose(tf.reduce_mean(network(x[RNG.permutation(8)])), mean, atol=1e-6)
    # It is no mean of what the network makes of each row by itself.
    assert abs(np.mean([network(row[None]) for row in x]) - mean) > 1e-3


@every_layer
def test_one_example_moves_anothers_output(name):
    layer, x = _built(name)
    other = tf.concat([x[:5], x[5:] + 1.0], axis=0)
    assert np.abs(layer(x)[0] - layer(other)[0]).max() > 1e-2
    with tf.GradientTape() as tape:
        tape.watch(x)
        first = tf.reduce_sum(layer(x)[0] ** 2)
    assert np.abs(tape.gradient(first, x)[5]).max() > 1e-3


@every_layer
def test_without_gamma_it_is_the_ordinary_layer(name):
    layer, x = _built(name)
    layer.mean_kernel.assign(0.0 * layer.mean_kernel)
    layer.bias.assign(_normal(5))
    plain = keras.layers.Dense(5) if name == "dense" else keras.layers.Conv2D(5, 4, strides=2, padding="same")
    plain.build(x.shape)
    plain.set_weights([layer.kernel, layer.bias])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-5, atol=1e-5)
    assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *plain(x).shape[1:])


@every_layer
def test_gamma_is_applied_to_the_mean(name):
    # phi(x)_b with Lambda = 0 is the ordinary layer of the mean, for every b.
    layer, x = _built(name)
    layer.kernel.assign(0.0 * layer.kernel)
    alone = layer.applied(layer.mean_kernel, tf.reduce_mean(x, axis=0, keepdims=True))
    np.testing.assert_allclose(layer(x), np.repeat(alone, 6, axis=0), rtol=1e-5, atol=1e-6)


@every_layer
def test_initial_scales(name):
    # B = 6: 6/7 of what the initializer draws, and 1/7.
    initializers = {
        "kernel_initializer": keras.initializers.HeNormal(seed=1),
        "mean_kernel_initializer": keras.initializers.HeNormal(seed=2),
    }
    layer, _ = _built(name, **initializers)
    one, two = (keras.initializers.HeNormal(seed=seed)(layer.kernel.shape) for seed in (1, 2))
    np.testing.assert_allclose(layer.kernel, one * 6 / 7, rtol=1e-6)
    np.testing.assert_allclose(layer.mean_kernel, two / 7, rtol=1e-6)
    np.testing.assert_array_equal(layer.bias, 0.0)


def _variances(factors):
    """Of six layers' pre-activations, relative to an ordinary first layer's 2; and the cosine between examples."""
    keras.utils.set_random_seed(0)
    x, found = tf.constant(_normal(128, 512)), []
    for _ in range(6):
        layer = EquivariantDense(512, 128, kernel_initializer="he_normal", mean_kernel_initializer="he_normal")
        layer.build(x.shape)
        for weight, factor in zip((layer.kernel, layer.mean_kernel), factors, strict=True):
            weight.assign(weight * factor)
        y = layer(x)
        found.append(float(tf.math.reduce_variance(y)) / 2)
        x = tf.nn.relu(y)
    rows = tf.math.l2_normalize(x, axis=1)
    return found, float(tf.reduce_mean(tf.matmul(rows[:64], rows[64:], transpose_b=True)))


def test_scales_keep_the_variance():
    # (B / (B + 1))^2 a layer.
    variances, cosine = _variances((1.0, 1.0))
    np.testing.assert_allclose(variances, 0.984 ** np.arange(1, 7), rtol=0.12)
    # Without them the mean of what was rectified adds up, and examples become alike.
    unscaled, alike = _variances((129 / 128, 129.0))
    np.testing.assert_allclose(unscaled, [1.01, 1.33, 2.13, 3.73, 6.76, 13.8], rtol=0.2)
    assert cosine < 0.8 and alike > 0.95


@every_layer
def test_spectral_norms_come_before_the_scales(name):
    layer, x = _built(name, spectral_norm=True)
    kernel, mean_kernel = layer.kernel.numpy(), layer.mean_kernel.numpy()
    for _ in range(100):
        y = layer(x, training=True)
    sigma, mean_sigma = (np.linalg.svd(w.reshape(-1, 5), compute_uv=False)[0] for w in (kernel, mean_kernel))
    expected = layer.applied(kernel / sigma * (6 / 7), x)
    expected += layer.applied(mean_kernel / mean_sigma / 7, tf.reduce_mean(x, axis=0, keepdims=True))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
    # Both kernels start alike: what a step of an optimizer means for each does not depend on B.
    assert 0.5 < np.std(kernel) / np.std(mean_kernel) < 2


def test_a_spectrally_normalised_map_of_the_batch_contracts():
    layer, x = _built("dense", spectral_norm=True)
    for _ in range(100):
        layer(x, training=True)
    step = tf.constant(_normal(6, 7))
    assert np.linalg.norm(layer(x + step) - layer(x)) <= np.linalg.norm(step) * (1 + 1e-5)


def test_the_mean_keeps_its_digits_under_bfloat16():
    # The mean of 1 and 1 + 2^-7 has one digit more than bfloat16.
    layer = EquivariantDense(1, batch_size=2, dtype="mixed_bfloat16")
    mean = layer.mean(tf.constant([[1.0], [1.0078125]], tf.bfloat16))
    assert mean.dtype == tf.float32
    np.testing.assert_array_equal(mean, [[1.00390625]])


@pytest.mark.parametrize("spectral_norm", [False, True])
@every_layer
def test_bfloat16_policy(name, spectral_norm):
    layer, x = _built(name, dtype="mixed_bfloat16", spectral_norm=spectral_norm)
    full, _ = _built(name, spectral_norm=spectral_norm)
    full.set_weights(layer.get_weights())
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(tf.cast(y, "float32"))
    assert y.dtype == tf.bfloat16 and all(weight.dtype == "float32" for weight in layer.weights)
    np.testing.assert_allclose(tf.cast(y, "float32"), full(x), atol=0.1)
    assert all(g.dtype == tf.float32 for g in tape.gradient(loss, layer.trainable_variables))


@every_layer
def test_an_unknown_batch_in_a_graph(name):
    layer, x = _built(name)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, *x.shape[1:]))])
    for batch in (1, 6):
        np.testing.assert_allclose(graph(x[:batch]), layer(x[:batch]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spectral_norm", [False, True])
@every_layer
def test_round_trip(name, spectral_norm, tmp_path):
    build, shape = BUILDS[name]
    inputs = keras.Input(shape[1:])
    layer = build(activation="tanh", mean_kernel_initializer="he_normal", spectral_norm=spectral_norm)
    model, x = keras.Model(inputs, layer(inputs)), _normal(*shape)
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == layer.get_config()
    for training in (False, True):
        np.testing.assert_array_equal(loaded(x, training=training), model(x, training=training))


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, None])
def test_a_batch_size_that_is_none(batch_size):
    with pytest.raises(ValueError, match=f"batch_size must be a positive int. Received: batch_size={batch_size}"):
        EquivariantDense(2, batch_size=batch_size)


def test_two_layers_learn_the_standard_deviation():
    size, rng = 16, np.random.default_rng(0)
    network = mlp(1, 1, width=16, hidden_layers=1, equivariant_batch_size=size, seed=1)

    def batches(n):
        return tf.constant(
            rng.normal(size=(n, 1, 1)) + rng.uniform(0.2, 2, (n, 1, 1)) * rng.normal(size=(n, size, 1)), "float32"
        )

    def errors(x):
        told = tf.map_fn(lambda batch: tf.reduce_mean(network(batch)), x)
        return told - tf.math.reduce_std(x, axis=(1, 2))

    optimizer = keras.optimizers.Adam(5e-3)
    optimizer.build(network.trainable_variables)

    @tf.function(autograph=False)
    def update(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(errors(x) ** 2)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)

    for _ in range(400):
        update(batches(16))
    x = batches(500)
    spread = float(tf.math.reduce_std(tf.math.reduce_std(x, axis=(1, 2))))
    assert float(tf.sqrt(tf.reduce_mean(errors(x) ** 2))) < 0.2 * spread
