import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.stats import logistic, norm

from qrkeras.losses import (
    bits_per_dim,
    categorical_cross_entropy,
    categorical_quantile,
    discretized_logistic,
    gaussian_kl,
    squared_error,
)

RNG = np.random.default_rng(0)


def test_cross_entropy_by_hand():
    # softmax of (log 1, log 3) = 1/4, 3/4.
    logits = np.log([[1.0, 3.0], [1.0, 3.0]]).astype("float32")
    np.testing.assert_allclose(
        categorical_cross_entropy(np.array([0, 1]), logits), [np.log(4), np.log(4 / 3)], rtol=1e-6
    )


def test_bits_of_a_uniform_byte():
    # 256 equal values: log 256 nats, 8 bits.
    nats = categorical_cross_entropy(np.array([[7, 255]]), np.zeros((1, 2, 256), "float32"))
    np.testing.assert_allclose(bits_per_dim(nats), [[8.0, 8.0]], rtol=1e-6)


def test_quantile_by_hand():
    # P = 1/4, 1/2, 1/4: cumulative 1/4, 3/4, 1.
    logits = np.log(np.tile([1.0, 2.0, 1.0], (5, 1))).astype("float32")
    fractions = np.array([0.1, 0.2499, 0.2501, 0.74, 0.999], "float32")
    np.testing.assert_array_equal(categorical_quantile(logits, fractions), [0, 0, 1, 1, 2])


def test_quantile_of_uniform_levels_is_a_draw():
    logits = RNG.normal(size=8).astype("float32")
    fractions = ((np.arange(10_000) + 0.5) / 10_000).astype("float32")
    drawn = ops.convert_to_numpy(categorical_quantile(np.tile(logits, (10_000, 1)), fractions))
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(np.bincount(drawn, minlength=8) / 10_000, expected, atol=2e-4)
    assert np.all(np.diff(drawn) >= 0)


@pytest.mark.parametrize("fraction", [1e-7, 1 - 6e-8])
def test_quantile_stays_in_range_at_the_ends(fraction):
    logits = RNG.normal(size=(100, 256)).astype("float32") * 10
    drawn = ops.convert_to_numpy(categorical_quantile(logits, np.full(100, fraction, "float32")))
    assert drawn.min() >= 0 and drawn.max() <= 255


@pytest.mark.parametrize(("mean", "log_scale"), [(0.0, -1.0), (-1.3, -4.0), (0.999, -7.0), (0.2, 2.0), (5.0, 0.0)])
def test_discretized_logistic_is_a_distribution_over_256_values(mean, log_scale):
    nats = ops.convert_to_numpy(discretized_logistic(np.arange(256), mean, log_scale)).astype("float64")
    assert np.exp(-nats).sum() == pytest.approx(1, abs=1e-5)
    # Bins of 2/255 around v / 127.5 - 1, the outermost open: differences of SciPy's distribution function.
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 127.5 - 1, [np.inf]])
    expected = np.diff(logistic.cdf(edges, mean, np.exp(log_scale)))
    np.testing.assert_allclose(np.exp(-nats), expected, rtol=1e-3, atol=1e-7)


def test_discretized_logistic_by_hand():
    # Mean 0, scale 1/255: the bin of 127 is -1/127.5 < x < 0 or -2 < u < 0, S(0) - S(-2) = 0.5 - 0.1192 = 0.3808; below
    # the bin of 0, u < -254, e^-254: 254 nats, which float32 cannot hold as a probability.
    nats = discretized_logistic(np.array([127, 0, 255]), 0.0, -np.log(255.0).astype("float32"))
    np.testing.assert_allclose(nats, [-np.log(0.3808), 254.0, 254.0], rtol=1e-4)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_discretized_logistic_has_finite_gradients_far_out(value):
    for mean, log_scale in ((-30.0, -5.0), (30.0, -5.0), (0.0, -20.0), (0.0, 15.0)):
        inputs = [tf.constant(mean), tf.constant(log_scale)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            nats = discretized_logistic(np.array(value), *inputs)
        assert np.isfinite([nats, *tape.gradient(nats, inputs)]).all()


def test_squared_error_is_a_gaussian_of_variance_one_half():
    # Value 255 is x = 1, value 0 is x = -1: squared errors of 0.25 and 2.25 around a mean of 0.5.
    nats = squared_error(np.array([255, 0]), np.float32(0.5))
    np.testing.assert_allclose(nats[1] - nats[0], 2.0, rtol=1e-6)
    np.testing.assert_allclose(nats, -norm.logpdf([1, -1], 0.5, np.sqrt(0.5)) - np.log(2 / 255), rtol=1e-6)


def test_gaussian_kl_by_hand():
    # (9 + 4 - 1 - log 4) / 2 = 6 - log 2; none where the two are the same.
    kl = gaussian_kl(np.array([3.0, 0.0], "float32"), np.log(np.array([4.0, 1.0], "float32")))
    np.testing.assert_allclose(kl, [6 - np.log(2), 0], atol=1e-6)
