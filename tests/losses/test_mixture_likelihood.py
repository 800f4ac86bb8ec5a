"""Mixtures of discretised logistics: a distribution over pixels, TFP's, and quantiles by enumeration."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import logsumexp

from qrkeras.losses import logistic_mixture, logistic_mixture_quantile, mixture_outputs

RNG = np.random.default_rng(0)
COLOURS = pytest.mark.parametrize("colours", [1, 3])
K = 4


def some_outputs(colours, rows=(), components=K, spread=1.0):
    return (RNG.normal(size=(*rows, mixture_outputs(colours, components))) * spread).astype("float32")


def all_pixels(colours, levels):
    return np.array(list(itertools.product(range(levels), repeat=colours)))


def probabilities(outputs, colours, levels):
    """P of every pixel, `(levels,) * colours`."""
    nats = logistic_mixture(all_pixels(colours, levels), outputs, levels)
    return np.exp(-ops.convert_to_numpy(nats).astype("float64")).reshape((levels,) * colours)


def test_numbers_of_outputs():
    # K logits; means, scales, coefficients of three colours: K + 9 K. One colour: K + 2 K.
    assert mixture_outputs(3, 10) == 100 and mixture_outputs(1, 10) == 30


@COLOURS
@pytest.mark.parametrize("levels", [2, 8])
def test_a_distribution_over_pixels(colours, levels):
    for spread in (0.3, 3.0):
        assert probabilities(some_outputs(colours, spread=spread), colours, levels).sum() == pytest.approx(1, abs=2e-5)


def test_one_component_of_one_colour_is_the_discretised_logistic():
    from qrkeras.losses import discretized_logistic

    outputs = np.array([0.7, 0.2, -2.0], "float32")  # a logit that weighs nothing, mean, log-scale
    np.testing.assert_allclose(
        logistic_mixture(np.arange(256)[:, None], outputs), discretized_logistic(np.arange(256), 0.2, -2.0), rtol=1e-6
    )


@COLOURS
def test_against_tensorflow_probability(colours):
    import tensorflow_probability as tfp

    tfd = tfp.distributions
    outputs, values = some_outputs(colours, (50,)), RNG.integers(0, 256, (50, colours))
    parts = outputs.astype("float64").reshape(50, -1, K)  # logits; means; log-scales; coefficients
    means, log_scales = parts[:, 1 : 1 + colours].copy(), np.maximum(parts[:, 1 + colours : 1 + 2 * colours], -7)
    if colours == 3:
        x = values[:, :, None] / 127.5 - 1
        a, b, c = np.moveaxis(np.tanh(parts[:, 7:]), 1, 0)
        means[:, 1] += a * x[:, 0]
        means[:, 2] += b * x[:, 0] + c * x[:, 1]
    # In grey levels, v = 127.5 (x + 1): TFP's bin of v ends at v, ours half a level above.
    shifted = tfp.bijectors.Shift(np.float64(-0.5))(tfd.Logistic((means + 1) * 127.5, np.exp(log_scales) * 127.5))
    quantized = tfd.QuantizedDistribution(shifted, low=np.float64(0), high=np.float64(255))
    log_p = quantized.log_prob(values[:, :, None].astype("float64")).numpy().sum(axis=1)
    logits = parts[:, 0] - logsumexp(parts[:, 0], axis=1, keepdims=True)
    np.testing.assert_allclose(logistic_mixture(values, outputs), -logsumexp(logits + log_p, axis=1), rtol=1e-5)


@COLOURS
def test_finite_far_off_and_at_the_least_scale(colours):
    outputs = np.zeros((4, mixture_outputs(colours, K)), "float32")
    outputs[:, K : K + colours * K] = np.array([-30, -1, 1, 30], "float32")[:, None]
    outputs[:, K + colours * K : K + 2 * colours * K] = -50.0  # cut to -7
    for value in (0, 1, 128, 255):
        tensor = tf.constant(outputs)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            nats = logistic_mixture(tf.fill((4, colours), value), tensor)
        assert np.isfinite(nats).all() and np.isfinite(tape.gradient(nats, tensor)).all()
    # One level from the mean, 2/255 of scale e^-7: what is beyond half of it is e^(-e^7 / 255).
    outputs[:, K : K + colours * K] = -1.0
    first = float(logistic_mixture(np.full((1, colours), 1), outputs[:1])[0]) / colours
    assert first == pytest.approx(np.exp(7) / 255 + np.log1p(np.exp(-np.exp(7) / 255)), rel=0.01)


@COLOURS
@pytest.mark.parametrize("levels", [3, 8, 17])
def test_quantiles_by_enumeration(colours, levels):
    outputs = some_outputs(colours, spread=2.0)
    p, tau = probabilities(outputs, colours, levels), RNG.uniform(0.001, 0.999, (200, colours)).astype("float32")
    drawn = ops.convert_to_numpy(logistic_mixture_quantile(np.tile(outputs, (200, 1)), tau, levels))
    for pixel, level in zip(drawn, tau, strict=True):
        for colour in range(colours):
            # P(colour | earlier colours), the later ones summed out: cdf(k - 1) < tau <= cdf(k).
            given = p[tuple(pixel[:colour])]
            conditional = given.reshape(given.shape[0], -1).sum(axis=1)
            cdf = np.concatenate([[0], np.cumsum(conditional / conditional.sum())])
            assert cdf[pixel[colour]] - 1e-4 < level[colour] <= cdf[pixel[colour] + 1] + 1e-4


def test_uniform_levels_draw_from_the_mixture():
    outputs = some_outputs(1, spread=2.0)
    tau = ((np.arange(20_000) + 0.5) / 20_000).astype("float32")[:, None]
    drawn = ops.convert_to_numpy(logistic_mixture_quantile(np.tile(outputs, (20_000, 1)), tau))[:, 0]
    assert np.all(np.diff(drawn) >= 0)
    np.testing.assert_allclose(np.bincount(drawn, minlength=256) / 20_000, probabilities(outputs, 1, 256), atol=1.1e-4)


def test_errors():
    with pytest.raises(ValueError, match="values must be pixels of 1 or 3 colours. Received: 2"):
        logistic_mixture(np.zeros((4, 2), "int32"), np.zeros((4, 30), "float32"))
    with pytest.raises(ValueError, match=r"outputs must be 10 for each component of a pixel of 3 colour\(s\). .* 33"):
        logistic_mixture(np.zeros((4, 3), "int32"), np.zeros((4, 33), "float32"))


def test_a_graph_of_known_shapes_gives_the_same():
    # TensorFlow's optimizer takes a slice with a new axis, of tensors that were stacked, for one without.
    outputs, tau = some_outputs(3, (16,)), RNG.uniform(0.01, 0.99, (16, 3)).astype("float32")

    def draw(outputs, tau):
        return logistic_mixture_quantile(outputs, tau)

    traced = tf.function(draw, input_signature=[tf.TensorSpec(x.shape, x.dtype) for x in (outputs, tau)])
    np.testing.assert_array_equal(traced(outputs, tau), draw(outputs, tau))
