import numpy as np
import pytest
from keras import ops

from qrkeras.losses import bits_per_dim, categorical_cross_entropy, categorical_quantile

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
