"""Our batch normalisation is Keras' own, computed otherwise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import BatchNormalization


def _pair(shape, **config):
    ours, keras_own = BatchNormalization(**config), keras.layers.BatchNormalization(**config)
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 2.0, shape[-1]).astype("float32") for _ in range(4)]
    for layer in (ours, keras_own):
        layer.build(shape)
        layer.set_weights(weights)
    return ours, keras_own


def _output_and_gradients(layer, x, upstream):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    return y, *tape.gradient(y, [x, *layer.trainable_variables], output_gradients=upstream)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 5, 7)])
def test_outputs_gradients_and_moving_statistics_are_those_of_keras(shape):
    ours, keras_own = _pair(shape, momentum=0.9, epsilon=1e-5)
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(0.5, 2.0, shape), "float32")
    upstream = tf.constant(rng.normal(size=shape), "float32")
    for got, expected in zip(
        _output_and_gradients(ours, x, upstream),
        _output_and_gradients(keras_own, x, upstream),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    for got, expected in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    np.testing.assert_allclose(ours(x, training=False), keras_own(x, training=False), rtol=1e-5, atol=1e-6)


def test_known_value():
    # One channel, x = 1, 3: mean 2, variance (1 + 9)/2 - 4 = 1, so the output is -1, 1 (epsilon 0).
    # The moving mean is 0.9 * 0 + 0.1 * 2 = 0.2, the moving variance 0.9 * 1 + 0.1 * 1 = 1.
    layer = BatchNormalization(momentum=0.9, epsilon=0.0)
    y = layer(np.array([[1.0], [3.0]], "float32"), training=True)
    np.testing.assert_allclose(y, [[-1.0], [1.0]], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_mean, [0.2], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [1.0], rtol=1e-6)


def _far_from_zero(n=4096):
    return np.random.default_rng(0).normal(100.0, 0.1, (n, 2)).astype("float32")


def test_a_channel_far_from_zero_keeps_its_digits():
    # Sums of squares have 1e4 + 1e-2 to tell from 1e4, of which float32 holds no more than seven digits.
    x = _far_from_zero()
    exact = (x - x.mean(axis=0, dtype="float64")) / np.sqrt(x.var(axis=0, dtype="float64") + 1e-5)
    np.testing.assert_allclose(BatchNormalization(epsilon=1e-5)(x, training=True), exact, atol=1e-3)


def test_replicas_keep_its_digits():
    x = _far_from_zero()
    exact = (x - x.mean(axis=0, dtype="float64")) / np.sqrt(x.var(axis=0, dtype="float64") + 1e-5)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        layer = BatchNormalization(epsilon=1e-5, synchronized=True)
        layer.build(x.shape)
    np.testing.assert_allclose(strategy.run(lambda: layer(x, training=True)), exact, atol=1e-3)


def test_a_constant_channel_stays_finite():
    y = BatchNormalization()(np.full((64, 3), 1.1, "float32"), training=True)
    assert np.all(np.isfinite(y)) and np.max(np.abs(y)) < 0.1


def test_a_mask_and_another_axis_are_those_of_keras():
    x = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
    mask = np.array([[True, True, False]] * 4)
    np.testing.assert_allclose(
        BatchNormalization()(x, training=True, mask=mask),
        keras.layers.BatchNormalization()(x, training=True, mask=mask),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        BatchNormalization(axis=1)(x, training=True),
        keras.layers.BatchNormalization(axis=1)(x, training=True),
    )


def test_keras_still_asks_for_the_moments_by_this_name():
    assert callable(getattr(keras.layers.BatchNormalization, "_moments", None))


def test_second_derivatives_are_those_of_keras():
    ours, keras_own = _pair((6, 2))
    x = tf.constant(np.random.default_rng(2).normal(size=(6, 2)), "float32")

    def second(layer):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(tf.sin(layer(x, training=True)))
            penalty = tf.reduce_sum(inner.gradient(y, x) ** 2)
        return outer.gradient(penalty, x)

    np.testing.assert_allclose(second(ours), second(keras_own), rtol=1e-3, atol=1e-5)


def test_bfloat16_policy_and_unknown_batch():
    layer = BatchNormalization(dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((4, 4, 3)), layer])
    step = tf.function(lambda x: model(x, training=True), input_signature=[tf.TensorSpec((None, 4, 4, 3))])
    for batch in (1, 5):
        y = step(tf.random.normal((batch, 4, 4, 3)))
        assert y.dtype == tf.bfloat16 and np.all(np.isfinite(tf.cast(y, "float32")))


def test_round_trip(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 3)), BatchNormalization(momentum=0.7, epsilon=1e-4)])
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0]) is BatchNormalization and loaded.layers[0].momentum == 0.7
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6)
