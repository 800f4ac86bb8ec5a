"""z ~ N(0, 1), x ~ N(z, 1), x = 1: log p(x) = log N(1; 0, 2), and the posterior is N(1/2, 1/2)."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.stats import norm

from qrkeras.losses import free_nats, log_mean_exp, log_mean_weight

TRUE = norm.logpdf(1, 0, np.sqrt(2))  # -1.515512


def log_weight(z, variance):
    """log p(x | z) + log p(z) - log q(z), q = N(1/2, variance)."""
    return norm.logpdf(1, z) + norm.logpdf(z) - norm.logpdf(z, 0.5, np.sqrt(variance))


@pytest.mark.parametrize(
    ("variance", "samples", "expected"),
    [(1.0, 1, -1.668939), (1.0, 2, -1.567304), (0.25, 1, -1.612086), (0.25, 2, -1.583050)],
)
def test_expectation_by_quadrature(variance, samples, expected):
    points, masses = np.polynomial.hermite_e.hermegauss(100)
    masses = masses / masses.sum()
    one = log_weight(0.5 + np.sqrt(variance) * points, variance)
    log_weights = np.stack(np.meshgrid(*[one] * samples, indexing="ij"), axis=-1)
    mass = np.prod(np.meshgrid(*[masses] * samples, indexing="ij"), axis=0)
    bound = ops.convert_to_numpy(log_mean_exp(log_weights, axis=-1))
    assert (mass * bound).sum() == pytest.approx(expected, abs=1e-5)
    assert (mass * bound).sum() < TRUE


def test_the_true_posterior_gives_the_likelihood_at_every_number_of_samples():
    z = np.random.default_rng(0).normal(0.5, np.sqrt(0.5), (50, 7))
    for samples in (1, 3, 7):
        np.testing.assert_allclose(log_mean_exp(log_weight(z[:, :samples], 0.5), axis=1), np.full(50, TRUE), rtol=1e-5)


def test_ten_samples_by_draws():
    z = np.random.default_rng(0).normal(0.5, 1, (200_000, 10))
    assert np.mean(log_mean_exp(log_weight(z, 1.0), axis=1)) == pytest.approx(-1.5234, abs=5e-4)


def test_one_at_a_time_is_all_at_once():
    log_weights = np.random.default_rng(0).normal(size=(3, 9)).astype("float32") * 20
    expected = log_mean_exp(log_weights, axis=1)

    traced = []

    def log_weight_of(s):
        traced.append(s)
        return tf.gather(log_weights, s, axis=1)

    @tf.function(input_signature=[tf.TensorSpec((), "int32")])
    def one_at_a_time(samples):
        return log_mean_weight(log_weight_of, samples)

    np.testing.assert_allclose(one_at_a_time(9), expected, rtol=1e-5)
    np.testing.assert_allclose(one_at_a_time(1), log_weights[:, 0], rtol=1e-6)
    assert len(traced) == 2  # the first sample and the loop's: the graph does not grow with S


def test_gradient_weighs_samples_by_their_weights():
    # d log mean_s w_s = sum_s w_s / (sum w) d log w_s  (eq. 2.68); w = 1, 3: a quarter and three quarters.
    log_weights = tf.Variable([0.0, np.log(3.0)])
    with tf.GradientTape() as tape:
        bound = log_mean_exp(log_weights, axis=0)
    assert float(bound) == pytest.approx(np.log(2))
    np.testing.assert_allclose(tape.gradient(bound, log_weights), [0.25, 0.75], rtol=1e-6)


def test_free_nats_cost_the_same_and_are_not_descended():
    kl = tf.Variable([0.1, 0.25, 0.4])
    with tf.GradientTape() as tape:
        costs = free_nats(kl, 0.25)
    np.testing.assert_allclose(costs, [0.25, 0.25, 0.4])
    gradient = tape.gradient(costs, kl).numpy()
    assert gradient[0] == 0 and gradient[2] == 1


def test_no_free_nats_leave_a_sampled_kl_alone():
    np.testing.assert_array_equal(free_nats(np.array([-0.1, 0.2]), 0.0), [-0.1, 0.2])
