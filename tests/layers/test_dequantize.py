"""Variational dequantisation: the family's density, the bound that it gives, where training begins."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from qrkeras.layers import Dequantizer, logistic_noise
from qrkeras.losses import dequantized, dequantized_nats

RNG = np.random.default_rng(0)
TAU = ((np.arange(200_000) + 0.5) / 200_000).astype("float64")


def _noise(tau, mean, log_scale):
    return (ops.convert_to_numpy(x) for x in logistic_noise(tau, np.float64(mean), np.float64(log_scale)))


def test_the_family_holds_the_uniform():
    u, log_q = _noise(TAU, 0.0, 0.0)
    np.testing.assert_allclose(u, TAU, rtol=1e-9)
    np.testing.assert_allclose(log_q, 0, atol=1e-9)


@pytest.mark.parametrize(("mean", "log_scale"), [(0.94, -0.213), (-2.0, 0.4), (0.5, -1.5)])
def test_its_density_integrates_to_one(mean, log_scale):
    u, log_q = _noise(TAU, mean, log_scale)
    assert np.all(np.diff(u) > 0)
    # The trapezoids between the drawn u, and what is left at the ends.
    assert np.trapezoid(np.exp(log_q), u) == pytest.approx(1, abs=1e-3)
    # q(u) = dtau / du, by differences, where they are fine enough.
    slopes = (TAU[2:] - TAU[:-2]) / (u[2:] - u[:-2])
    np.testing.assert_allclose(np.exp(log_q[1:-1])[200:-200], slopes[200:-200], rtol=1e-3)


def test_finite_at_the_ends_in_float32():
    tau = tf.constant([2.0**-24, 1 - 2.0**-24])
    for mean, log_scale in ((-20.0, 0.5), (20.0, 0.5), (0.0, -5.0)):
        inputs = [tf.constant(mean), tf.constant(log_scale)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            u, log_q = logistic_noise(tau, *inputs)
        assert np.isfinite([u, log_q]).all() and np.isfinite(tape.gradient([u, log_q], inputs)).all()


def _bound(mean, log_scale):
    """Of log P(0), where y = v + u - 1 for v = 0, 1 has density (y + 1) / 2: P(0) = 1/4."""
    u, log_q = _noise(TAU, mean, log_scale)
    y = ops.convert_to_numpy(dequantized(np.zeros(len(u)), u.astype("float32"), levels=2)).astype("float64")
    return -np.mean(dequantized_nats(-np.log(np.maximum((y + 1) / 2, 1e-12)), log_q, levels=2))


def test_the_best_of_the_family_beats_the_uniform():
    # -1.693147 = -1 - log 2 for uniform noise; -1.40070 at m = 0.940, log s = -0.213, by a search; log 1/4 = -1.386294.
    assert _bound(0, 0) == pytest.approx(-1 - np.log(2), abs=1e-4)
    best = _bound(0.940, -0.213)
    assert best == pytest.approx(-1.40070, abs=1e-4) and best < np.log(1 / 4)
    for mean, log_scale in ((0.99, -0.213), (0.89, -0.213), (0.94, -0.16), (0.94, -0.26)):
        assert _bound(mean, log_scale) < best


def _images(*shape):
    return RNG.uniform(-1, 1, shape).astype("float32"), RNG.uniform(0.01, 0.99, shape).astype("float32")


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_it_begins_as_the_uniform_and_every_weight_trains(policy):
    images, tau = _images(2, 6, 5, 3)
    layer = Dequantizer(8, seed=1, dtype=policy)
    u, log_q = layer(images, tau)
    assert u.dtype == log_q.dtype == tf.float32
    np.testing.assert_allclose(u, tau, rtol=1e-5)
    np.testing.assert_allclose(log_q, np.zeros_like(tau), atol=1e-5)
    layer.last.kernel.assign(RNG.normal(size=layer.last.kernel.shape) * 0.1)
    with tf.GradientTape() as tape:
        u, log_q = layer(images, tau)
        loss = tf.reduce_sum(tf.square(u) + log_q)
    assert np.abs(u - tau).max() > 0.01
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert len(gradients) == 12 and all(np.abs(g).max() > 0 for g in gradients)


def test_round_trip_and_seed(tmp_path):
    images, tau = _images(2, 4, 4, 1)
    inputs = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
    layer = Dequantizer(4, seed=2)
    model = keras.Model(inputs, layer(*inputs))
    layer.last.kernel.assign(RNG.normal(size=layer.last.kernel.shape))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model([images, tau]), loaded([images, tau]), strict=True):
        np.testing.assert_array_equal(one, other)
    again = Dequantizer(4, seed=2)
    again(images, tau)
    for one, other in zip(layer.convolutions, again.convolutions, strict=True):
        np.testing.assert_array_equal(one.kernel, other.kernel)
    with pytest.raises(ValueError, match="planes must be a positive int. Received: planes=0"):
        Dequantizer(0)
