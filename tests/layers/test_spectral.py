"""Spectral normalisation: the singular value, its gradient, and when u moves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import SpectralConv2D, SpectralDense, power_round, spectral_norm
from qrkeras.layers.spectral import SpectralNorm
from tests.support.layers import Layers

BUILDS = {
    "dense": (lambda **options: SpectralDense(5, **options), (6, 7)),
    "convolution": (lambda **options: SpectralConv2D(5, 3, strides=2, **options), (2, 6, 7, 4)),
}
every_layer = pytest.mark.parametrize("name", BUILDS)
LAYERS = Layers(BUILDS)
RNG, _normal, _built = LAYERS.rng, LAYERS.normal, LAYERS.built


def _largest(kernel):
    return np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0]


def test_a_round_by_hand():
    # Kernel diag(3, 1), u = (0.6, 0.8): v is along (1.8, 0.8), and the next u along (5.4, 0.8).
    kernel, u = tf.constant([[3.0, 0.0], [0.0, 1.0]]), tf.constant([0.6, 0.8])
    np.testing.assert_allclose(power_round(kernel, u), np.array([5.4, 0.8]) / np.hypot(5.4, 0.8), rtol=1e-6)
    # |W'u| = |(1.8, 0.8)|.
    np.testing.assert_allclose(spectral_norm(kernel, u), np.hypot(1.8, 0.8), rtol=1e-6)


@every_layer
def test_fifty_rounds_find_the_largest_singular_value(name):
    layer, x = _built(name)
    kernel = layer.kernel.numpy()
    for _ in range(50):
        y = layer(x, training=True)
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)  # what is trained is not overwritten
    np.testing.assert_allclose(np.linalg.norm(layer.normalised.u), 1.0, rtol=1e-6)
    np.testing.assert_allclose(spectral_norm(layer.kernel, layer.normalised.u), _largest(kernel), rtol=1e-5)
    # The layer is the ordinary one with the kernel W / sigma, in inference too.
    plain = keras.layers.Dense(5) if name == "dense" else keras.layers.Conv2D(5, 3, strides=2, padding="same")
    plain.build(x.shape)
    plain.set_weights([kernel / _largest(kernel), np.zeros(5)])
    np.testing.assert_allclose(y, plain(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)


def test_gradient_of_the_norm_against_differences():
    kernel = RNG.normal(size=(3, 3, 4, 5))
    u = np.linalg.svd(kernel.reshape(-1, 5).T)[0][:, 0]
    with tf.GradientTape() as tape:
        variable = tf.Variable(kernel)
        norm = spectral_norm(variable, tf.constant(u))
    gradient, h = tape.gradient(norm, variable).numpy(), 1e-6
    for place in [(0, 0, 0, 0), (1, 2, 3, 4), (2, 1, 0, 3)]:
        step = np.zeros_like(kernel)
        step[place] = h
        # u moves along with the kernel here: its part of the gradient is zero.
        difference = (_largest(kernel + step) - _largest(kernel - step)) / (2 * h)
        np.testing.assert_allclose(gradient[place], difference, atol=1e-7)


@every_layer
def test_the_layer_trains_its_kernel_through_the_norm(name):
    # d <g, W / sigma> / dW = (g - <g, W> / sigma u v') / sigma, with g the gradient by W / sigma.
    layer, x = _built(name)
    for _ in range(200):
        layer(x, training=True)
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.sin(y))
    plain = tf.Variable(layer.kernel.numpy() / _largest(layer.kernel.numpy()))
    with tf.GradientTape() as plain_tape:
        plain_loss = tf.reduce_sum(tf.sin(layer.applied(plain, x)))
    g = plain_tape.gradient(plain_loss, plain).numpy().reshape(-1, 5).astype("float64")
    matrix = layer.kernel.numpy().reshape(-1, 5).astype("float64")
    left, sigma, right = np.linalg.svd(matrix, full_matrices=False)
    expected = (g - np.sum(g * matrix) / sigma[0] * np.outer(left[:, 0], right[0])) / sigma[0]
    np.testing.assert_allclose(tape.gradient(loss, layer.kernel).numpy().reshape(-1, 5), expected, rtol=1e-3, atol=1e-4)


@every_layer
def test_u_is_a_constant_of_the_gradient_long_before_it_has_settled(name):
    layer, x = _built(name)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(x, training=True)))  # the first use
    u = tf.constant(layer.normalised.u)
    with tf.GradientTape() as held_tape:
        held = tf.reduce_sum(tf.sin(layer.applied(layer.kernel / spectral_norm(layer.kernel, u), x)))
    gradients = tape.gradient(loss, layer.kernel), held_tape.gradient(held, layer.kernel)
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)


@every_layer
def test_training_alone_moves_u_and_u_alone(name):
    layer, x = _built(name)
    before = layer.get_weights()
    for training in (False, None):
        layer(x, training=training)
        for one, other in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    layer(x, training=True)
    moved = [np.any(one != other) for one, other in zip(before, layer.get_weights(), strict=True)]
    assert moved == [False, False, True] and [w.name for w in layer.weights] == ["kernel", "bias", "u"]
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]


@every_layer
def test_u_starts_as_the_same_unit_vector(name):
    (one, _), (other, _) = _built(name), _built(name)
    np.testing.assert_array_equal(one.normalised.u, other.normalised.u)
    np.testing.assert_allclose(np.linalg.norm(one.normalised.u), 1.0, rtol=1e-6)


@every_layer
def test_bfloat16_normalises_in_float32(name):
    full, x = _built(name)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer, _ = _built(name)
    finally:
        keras.config.set_dtype_policy("float32")
    layer.set_weights(full.get_weights())
    with tf.GradientTape() as tape:
        y, expected = layer(x, training=True), full(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, "float32"))
    assert y.dtype == tf.bfloat16 and all(weight.dtype == "float32" for weight in layer.weights)
    assert all(g.dtype == tf.float32 for g in tape.gradient(loss, layer.trainable_variables))
    np.testing.assert_allclose(tf.cast(y, "float32"), expected, atol=0.03)
    # The round is float32's, whose digits are far beyond bfloat16's 4e-3.
    np.testing.assert_allclose(layer.normalised.u, full.normalised.u, atol=1e-6)


@every_layer
def test_round_trip(name, tmp_path):
    build, shape = BUILDS[name]
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, build(activation="tanh", kernel_initializer="he_normal")(inputs))
    x = _normal(*shape)
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for training in (False, True):  # u goes on where it was
        np.testing.assert_array_equal(loaded(x, training=training), model(x, training=training))


def test_what_is_no_kernel_has_no_spectral_norm():
    with pytest.raises(ValueError, match=r"kernel_shape must have two axes or more.* Received: \(3,\)"):
        SpectralNorm("spectral_norm").build((3,))


def test_shapes_and_an_unknown_batch():
    layer = SpectralConv2D(4, 4, strides=2)
    layer.build((None, None, None, 3))
    assert layer.compute_output_shape((2, 8, 7, 3)) == (2, 4, 4, 4) == layer(_normal(2, 8, 7, 3)).shape
    assert layer.compute_output_shape((None, None, 7, 3)) == (None, None, 4, 4)
    assert SpectralDense(5).compute_output_shape((None, 3, 2)) == (None, 3, 5)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))], jit_compile=True)
    def compiled(x):
        return layer(x, training=True)

    for batch in (1, 5):
        assert compiled(_normal(batch, 6, 6, 3)).shape == (batch, 3, 3, 4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SpectralDense(0), "units must be a positive int. Received: units=0"),
        (lambda: SpectralConv2D(2.5, 3), "filters must be a positive int. Received: filters=2.5"),
        (lambda: SpectralConv2D(2, (3, 3)), r"kernel_size must be a positive int. Received: kernel_size=\(3, 3\)"),
        (lambda: SpectralConv2D(2, 3, strides=0), "strides must be a positive int. Received: strides=0"),
        (
            lambda: SpectralDense(2).build((None, None)),
            r"input_shape must end in a known number of features; .*Received: input_shape=\(None, None\)",
        ),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()
