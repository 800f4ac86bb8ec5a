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
    gaussian_kl_between,
    gaussian_nats,
    grey_level,
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


def test_the_grey_levels_are_the_default():
    # S(1/255 - 1) at both ends; the bin of 127 is -2/255 < x < 0, S(0) - S(-2/255).
    p = np.exp(-ops.convert_to_numpy(discretized_logistic(np.arange(256), 0.0, 0.0)))
    np.testing.assert_allclose(p[[0, 127, 255]], [0.2697131, 0.00196077, 0.2697131], rtol=1e-5)


def _all_levels(mean, log_scale, **bins):
    nats = ops.convert_to_numpy(discretized_logistic(np.arange(bins["levels"]), mean, log_scale, **bins))
    return np.exp(-nats.astype("float64"))


@pytest.mark.parametrize("levels", [2, 16, 17, 256])
@pytest.mark.parametrize(("mean", "log_scale"), [(0.5, -1.0), (-0.9, -4.0), (2.0, 0.0)])
def test_bins_of_other_widths(levels, mean, log_scale):
    p = _all_levels(mean, log_scale, levels=levels, lowest=-3.0, step=0.25)
    edges = np.concatenate([[-np.inf], -3.0 + 0.25 * (np.arange(levels - 1) + 0.5), [np.inf]])
    np.testing.assert_allclose(p, np.diff(logistic.cdf(edges, mean, np.exp(log_scale))), rtol=1e-3, atol=1e-6)
    assert p.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("coarse", [2, 8, 64])
def test_a_coarse_level_has_what_its_fine_levels_have(coarse):
    # Bins [c j, c j + c) of grey levels, c = 256 / b: the middle of the first is (c - 1) / 255 - 1.
    c = 256 // coarse
    p = _all_levels(0.5, -1.0, levels=coarse, step=2 * c / 255, lowest=(c - 1) / 255 - 1)
    fine = _all_levels(0.5, -1.0, levels=256, step=2 / 255, lowest=-1.0)
    np.testing.assert_allclose(p, fine.reshape(coarse, c).sum(axis=1), rtol=1e-4)
    if coarse == 2:  # the edge is 127.5, x = 0: P(0) = S(-0.5 e)
        assert p[0] == pytest.approx(0.2043800, rel=1e-5)


def test_digits_have_seventeen_levels():
    levels = np.arange(17)
    images = np.round(255 * levels / 16).astype("uint8")
    np.testing.assert_array_equal(grey_level(images, 17), levels)
    np.testing.assert_array_equal(grey_level(np.arange(256), 256), np.arange(256))
    # The middle of level j is 2 j / 16 - 1, that of its grey level to rounding.
    np.testing.assert_allclose(2 * levels / 16 - 1, images / 127.5 - 1, atol=1 / 255)


def test_gaussian_nats_by_scipy():
    nats = gaussian_nats(np.float32(0.7), np.float32(-0.4), np.float32(-1.5))
    np.testing.assert_allclose(nats, -norm.logpdf(0.7, -0.4, np.exp(-1.5)), rtol=1e-6)


def test_squared_error_is_a_gaussian_of_variance_one_half():
    # Value 255 is x = 1, value 0 is x = -1: squared errors of 0.25 and 2.25 around a mean of 0.5.
    nats = squared_error(np.array([255, 0]), np.float32(0.5))
    np.testing.assert_allclose(nats[1] - nats[0], 2.0, rtol=1e-6)
    np.testing.assert_allclose(nats, -norm.logpdf([1, -1], 0.5, np.sqrt(0.5)) - np.log(2 / 255), rtol=1e-6)


def test_gaussian_kl_by_hand():
    # (9 + 4 - 1 - log 4) / 2 = 6 - log 2; none where the two are the same.
    kl = gaussian_kl(np.array([3.0, 0.0], "float32"), np.log(np.array([4.0, 1.0], "float32")))
    np.testing.assert_allclose(kl, [6 - np.log(2), 0], atol=1e-6)


def test_gaussian_kl_against_tensorflow_probability():
    import tensorflow_probability as tfp

    mean, log_scale, other_mean, other_log_scale = RNG.normal(size=(4, 50)).astype("float32")
    zero = np.float32(0)
    given = (mean, log_scale), (other_mean, other_log_scale), (zero, zero)
    one, other, standard = (tfp.distributions.Normal(m, np.exp(s)) for m, s in given)
    for found, theirs in (
        (gaussian_kl_between(mean, log_scale, other_mean, other_log_scale), one.kl_divergence(other)),
        (gaussian_kl(mean, 2 * log_scale), one.kl_divergence(standard)),
    ):
        np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-5)


def test_gaussian_kl_between_by_hand():
    # N(1, 2^2) to N(0, 1): log(1/2) + (4 + 1)/2 - 1/2 = 2 - log 2. Back: log 2 + (1 + 1)/8 - 1/2 = log 2 - 1/4.
    one, other = (np.float32(1), np.log(np.float32(2))), (np.float32(0), np.float32(0))
    np.testing.assert_allclose(gaussian_kl_between(*one, *other), 2 - np.log(2), rtol=1e-6)
    np.testing.assert_allclose(gaussian_kl_between(*other, *one), np.log(2) - 0.25, rtol=1e-6)
    np.testing.assert_allclose(gaussian_kl_between(*one, *one), 0, atol=1e-7)
    # To N(0, 1) it is `gaussian_kl`, of the log-variance.
    mean, log_scale = RNG.normal(size=(2, 50)).astype("float32")
    np.testing.assert_allclose(
        gaussian_kl_between(mean, log_scale, 0.0, 0.0), gaussian_kl(mean, 2 * log_scale), rtol=1e-5, atol=1e-6
    )
