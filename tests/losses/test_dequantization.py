import numpy as np
import pytest
from keras import ops

from qrkeras.losses import bits_per_dim, dequantized, dequantized_nats, gaussian_nats, quantized


def test_a_uniform_density_costs_eight_bits():
    # y in [-1, 1) has density 1/2: log 2 + log 128 = log 256.
    assert bits_per_dim(dequantized_nats(np.log(2), 0.0)) == pytest.approx(8, abs=1e-12)
    assert bits_per_dim(dequantized_nats(np.log(2), 0.0, levels=16)) == pytest.approx(4, abs=1e-12)
    # The constant alone: 7 bits.
    assert bits_per_dim(dequantized_nats(0.0, 0.0)) == pytest.approx(7, abs=1e-12)


@pytest.mark.parametrize("levels", [17, 256])
def test_there_and_back(levels):
    values = np.arange(levels)
    for u in (0.001, 0.5, 0.999):
        y = ops.convert_to_numpy(dequantized(values, np.full(levels, u, "float32"), levels))
        assert y.min() >= -1 and y.max() < 1
        np.testing.assert_array_equal(quantized(y, levels), values)
    np.testing.assert_array_equal(quantized(np.array([-3.0, 1.0, 7.0], "float32"), levels), [0, levels - 1, levels - 1])


def test_by_hand():
    # v = 0, u = 0: the lower edge, -1; v = 255, u = 1/2: 255.5 / 128 - 1.
    np.testing.assert_allclose(dequantized(np.array([0, 255]), np.array([0.0, 0.5], "float32")), [-1, 255.5 / 128 - 1])


@pytest.mark.parametrize("value", [0, 1])
def test_uniform_bound_by_quadrature(value):
    # Two levels, y = v + u - 1 in [-1, 1), p(y) = (y + 1) / 2: P(0) = 1/4, P(1) = 3/4. The bound of log P is
    # int_v^(v + 1) log(t / 2) dt: -1 - log 2 at 0, log 2 - 1 at 1.
    u = ((np.arange(1_000_000) + 0.5) / 1_000_000).astype("float32")
    y = ops.convert_to_numpy(dequantized(np.full(u.shape, value), u, levels=2)).astype("float64")
    bound = -np.mean(dequantized_nats(-np.log((y + 1) / 2), 0.0, levels=2))
    assert bound == pytest.approx([-1 - np.log(2), np.log(2) - 1][value], abs=1e-4)
    assert bound < np.log([1 / 4, 3 / 4][value])


def test_it_bounds_the_probability_of_a_grey_level():
    # p = N(0.2, 0.01^2), a bin of 1/128 at the mean: Jensen's gap is the variance of log p in it.
    u = ((np.arange(10_000) + 0.5) / 10_000).astype("float32")
    y = ops.convert_to_numpy(dequantized(np.full(u.shape, 153), u)).astype("float64")
    nats = ops.convert_to_numpy(gaussian_nats(y, 0.2, np.log(0.01))).astype("float64")
    true = -np.log(np.mean(np.exp(-nats)) / 128)
    bound = np.mean(dequantized_nats(nats, 0.0))
    assert true < bound < true + np.var(nats)
