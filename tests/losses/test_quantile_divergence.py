import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy.stats import wasserstein_distance

from qrkeras.losses import pinball, quantile_divergence, quantile_divergence_of_functions

RNG = np.random.default_rng(0)
SAMPLES = st.lists(st.integers(-8, 8), min_size=1, max_size=7).map(lambda x: np.array(x, "float32"))


def uniform(tau):
    return tau


@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0])
def test_shifted_uniform_has_a_closed_form(shift):
    # P uniform on [0, 1], Q(tau) = tau + c. For tau <= 1 - c the inner integral of (x - tau) from tau to tau + c is
    # c^2 / 2; above, with u = 1 - tau, it is u^2 / 2 up to x = 1, where F_P stops, and u (c - u) beyond. Together
    # (1 - c) c^2 / 2 + c^3 / 6 + c^3 / 2 - c^3 / 3 = c^2 / 2 - c^3 / 6.
    value = quantile_divergence_of_functions(uniform, lambda tau: tau + shift)
    assert float(value) == pytest.approx(shift**2 / 2 - shift**3 / 6, abs=1e-4)


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, -0.5])
def test_proposition_1(shift):
    # E_tau E_X rho_tau(X - Q(tau)) = q(P, Q) + h(P). For Q = P, uniform: E_X rho_tau(X - tau) = tau (1 - tau) / 2,
    # so h(P) = 1 / 12.
    points = (np.arange(2000) + 0.5) / 2000
    loss = np.mean(ops.convert_to_numpy(pinball(points[:, None], points[None] + shift, points[None])))
    divergence = float(quantile_divergence_of_functions(uniform, lambda tau: tau + shift))
    assert loss == pytest.approx(divergence + 1 / 12, abs=1e-4)


@given(SAMPLES, SAMPLES)
@settings(max_examples=100, deadline=None)
def test_proposition_1_holds_exactly_for_samples(p, q):
    # The mean over tau of a loss linear in tau, cell by cell of both step functions: the cell's middle is exact.
    cells = (np.arange(420) + 0.5) / 420  # 420 is a multiple of 1..7
    steps = lambda x: np.sort(x)[(cells * len(x)).astype(int)]  # noqa: E731
    loss = lambda x: np.mean(ops.convert_to_numpy(pinball(p[:, None].astype("float64"), steps(x), cells)))  # noqa: E731
    assert float(quantile_divergence(p, q)) == pytest.approx(loss(q) - loss(p), abs=1e-5)


@given(SAMPLES, SAMPLES)
@settings(max_examples=200, deadline=None)
def test_divergence_is_at_most_wasserstein_and_zero_only_where_equal(p, q):
    value, distance = float(quantile_divergence(p, q)), wasserstein_distance(p, q)
    assert -1e-5 <= value <= distance + 1e-5
    assert (value > 1e-4) == (distance > 0)


def test_two_points_by_hand():
    # P a point at 0, Q a point at 10: F_P = 1 between them, so the integral of 1 - tau is 10 / 2. The other way round
    # F_P = 0, and the integral of tau is 10 / 2 too.
    p, q = np.zeros(3, "float32"), np.full(2, 10.0, "float32")
    np.testing.assert_allclose([quantile_divergence(p, q), quantile_divergence(q, p)], 5.0, rtol=1e-6)


def test_gradient_is_that_of_the_quantile_loss():
    p, q = (RNG.normal(size=n).astype("float32") for n in (50, 7))
    variable = tf.Variable(q)
    with tf.GradientTape() as tape:
        value = quantile_divergence(p, variable)
    # d/dq_j = E over the cell of q_j of (F_P(q_j) - tau) = (F_P(q_j) - its middle level) / 7.
    rank = np.argsort(np.argsort(q))
    expected = ((p[:, None] <= q).mean(axis=0) - (rank + 0.5) / 7) / 7
    np.testing.assert_allclose(tape.gradient(value, variable), expected, atol=1e-5)


def test_many_samples_stay_precise():
    p = (1000 + RNG.normal(size=20_000)).astype("float32")
    q = p + 0.5
    # Normal: between the bounds 0 and W1 = 0.5; and equal samples give 0.
    assert 0.01 < float(quantile_divergence(p, q)) < 0.5
    assert abs(float(quantile_divergence(p, p))) < 1e-4
