import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from qrkeras.losses import pinball, quantile_fractions, quantile_huber


def test_fractions_by_hand():
    # (2 i - 1) / (2 * 2), i = 1, 2: 1/4, 3/4.
    np.testing.assert_allclose(quantile_fractions(2), [0.25, 0.75])
    # One quantile is the median.
    np.testing.assert_allclose(quantile_fractions(1), [0.5])


@given(st.integers(1, 300))
@settings(max_examples=30, deadline=None)
def test_fractions_are_increasing_symmetric_midpoints(n):
    tau = quantile_fractions(n)
    assert np.all(np.diff(tau) > 0) and tau[0] > 0 and tau[-1] < 1
    np.testing.assert_allclose(tau + tau[::-1], 1.0, atol=1e-6)
    # Midpoints of i / n: half a cell from each end.
    np.testing.assert_allclose(tau[0], 0.5 / n, rtol=1e-6)


def test_fractions_refuse_none():
    with pytest.raises(ValueError, match="n must be at least 1.*Received: 0"):
        quantile_fractions(0)


def test_pinball_by_hand():
    # tau = 1/4: u = 3 - 1 = 2 -> 1/4 * 2 = 0.5;  u = 0 - 2 = -2 -> |1/4 - 1| * 2 = 1.5;  u = 0 -> 0.
    value = pinball(np.array([3.0, 0.0, 1.0]), np.array([1.0, 2.0, 1.0]), 0.25)
    np.testing.assert_allclose(value, [0.5, 1.5, 0.0])


def test_pinball_is_least_at_the_quantile():
    rng = np.random.default_rng(0)
    data = rng.exponential(size=2_001)
    grid = np.linspace(0, 6, 601)  # step 0.01
    for tau in (0.1, 0.5, 0.9):
        loss = ops.mean(pinball(data[:, None], grid[None, :], tau), axis=0)
        assert abs(grid[int(np.argmin(loss))] - np.quantile(data, tau)) <= 0.02


def test_huber_by_hand():
    # kappa = 1, tau = 3/4.
    # u = 1/2: |3/4 - 0| * (1/2)^2 / 2 = 0.09375.   u = -3: |3/4 - 1| * (3 - 1/2) = 0.625.
    value = quantile_huber(np.array([0.5, -3.0]), np.zeros(2), 0.75, kappa=1.0)
    np.testing.assert_allclose(value, [0.09375, 0.625])
    # kappa = 2, u = 3, tau = 1/2: 1/2 * 2 * (3 - 1) / 2 = 1.
    np.testing.assert_allclose(quantile_huber(np.array([3.0]), 0.0, 0.5, kappa=2.0), [1.0])


def test_huber_becomes_pinball():
    u = np.linspace(-1, 1, 41)
    tau = np.full_like(u, 0.3)
    plain = ops.convert_to_numpy(pinball(u, 0.0, tau))
    np.testing.assert_allclose(quantile_huber(u, 0.0, tau, kappa=0.0), plain)
    # Away from 0 the Huber loss is short by |tau - 1| * kappa / 2 at most.
    np.testing.assert_allclose(quantile_huber(u, 0.0, tau, kappa=1e-4), plain, atol=1e-4)


def test_huber_refuses_negative_kappa():
    with pytest.raises(ValueError, match="kappa must be 0.*Received: -1"):
        quantile_huber(np.zeros(1), np.zeros(1), 0.5, kappa=-1)
