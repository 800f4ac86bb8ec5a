"""The conditioner of couplings: zero at first and after the start, its equation, its bound, its weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import ResidualConditioner, initializing

RNG = np.random.default_rng(0)


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _drawn(conditioner):
    for weight in conditioner.weights:
        weight.assign(_normal(*weight.shape))


def test_zero_at_first_and_of_kernels_as_they_are():
    conditioner, x = ResidualConditioner(3, width=5, blocks=2, seed=0), _normal(4, 6, 6, 2)
    for outputs in conditioner(x):
        np.testing.assert_array_equal(outputs, np.zeros((4, 6, 6, 3)))
    for convolution in conditioner.convolutions[:-1]:
        norms = np.linalg.norm(np.reshape(convolution.kernel, (-1, 5)), axis=0)
        np.testing.assert_allclose(convolution.gain, norms, rtol=1e-6)
    np.testing.assert_array_equal(conditioner.convolutions[-1].gain, np.zeros(6))


def test_started_from_data_it_is_zero_still():
    conditioner, x = ResidualConditioner(1, width=5, blocks=1, seed=0), 3 * _normal(16, 6, 6, 2) + 7
    with initializing():
        started = conditioner(x)
    for outputs in (*started, *conditioner(x)):
        np.testing.assert_array_equal(outputs, np.zeros((16, 6, 6, 1)))
    first, inner, outer, last = conditioner.convolutions
    h = first(x)
    added = outer(tf.nn.elu(inner(tf.nn.elu(h))))
    for outputs in (h, inner(tf.nn.elu(h)), added):
        np.testing.assert_allclose(np.mean(outputs, axis=(0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(np.std(outputs, axis=(0, 1, 2)), 1, rtol=1e-4)
    np.testing.assert_array_equal(last.gain, np.zeros(2))


def test_the_equation_by_ordinary_convolutions():
    conditioner, x = ResidualConditioner(2, width=4, blocks=2), _normal(2, 5, 4, 3)
    conditioner.build(x.shape)
    _drawn(conditioner)

    def convolved(i, x):
        v, gain, bias = (np.asarray(weight) for weight in conditioner.convolutions[i].weights)
        return tf.nn.conv2d(x, gain * v / np.sqrt(np.square(v).sum(axis=(0, 1, 2))), 1, "SAME") + bias

    h = convolved(0, x)
    h = h + convolved(2, tf.nn.elu(convolved(1, tf.nn.elu(h))))
    h = h + convolved(4, tf.nn.elu(convolved(3, tf.nn.elu(h))))
    out = convolved(5, tf.nn.elu(h)).numpy()
    log_scale, shift = conditioner(x)
    np.testing.assert_allclose(log_scale, np.exp(conditioner.log_bound) * np.tanh(out[..., :2]), atol=1e-5)
    np.testing.assert_allclose(shift, out[..., 2:], rtol=1e-4, atol=1e-5)


def test_scales_are_bounded_by_channel():
    conditioner = ResidualConditioner(2, width=3, blocks=1)
    conditioner.build((None, 4, 4, 1))
    conditioner.log_bound.assign(np.log([0.5, 2.0]))
    conditioner.convolutions[-1].bias.assign([100, -100, 7, 7])
    log_scale, shift = conditioner(_normal(2, 4, 4, 1))
    np.testing.assert_allclose(log_scale, np.broadcast_to([0.5, -2.0], (2, 4, 4, 2)), rtol=1e-6)
    np.testing.assert_allclose(shift, np.full((2, 4, 4, 2), 7), rtol=1e-6)


def test_number_of_weights():
    # A weight-normalised 3x3 convolution of c to f planes has 9 c f + 2 f weights: 3 to 4, four of 4 to 4, 4 to 2 * 2
    # planes; and a bound for each of 2 channels.
    conditioner = ResidualConditioner(2, width=4, blocks=2)
    conditioner.build((None, 5, 5, 3))
    assert conditioner.count_params() == (108 + 8) + 4 * (144 + 8) + (144 + 8) + 2


def test_seed_and_round_trip(tmp_path):
    x = _normal(2, 4, 4, 2)
    a, b, c = (ResidualConditioner(1, width=3, blocks=1, seed=seed) for seed in (0, 0, 1))
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, a(inputs))
    for conditioner in (b, c):
        conditioner.build(x.shape)
    for one, other in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.any(a.convolutions[0].kernel != c.convolutions[0].kernel)
    assert np.any(a.convolutions[1].kernel != a.convolutions[2].kernel)
    _drawn(a)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model(x), loaded(x), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("argument", ["channels", "width", "blocks"])
def test_errors(argument):
    with pytest.raises(ValueError, match=f"{argument} must be a positive int. Received: {argument}=0"):
        ResidualConditioner(**{"channels": 2, argument: 0})
