"""The convolutions that lead a condition to every layer of PixelCNN++: step by step, and their start from data."""

import itertools

import numpy as np

from qrkeras.layers import initializing
from qrkeras.networks.condition_stream import ConditionStream

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 4, 4, 2)).astype("float32")


def stream():
    """One pair of blocks down and two up at 4 x 4, one and one at 2 x 2."""
    made = ConditionStream(3, [(1, 2), (1, 1)], itertools.count(1))
    made.build((None, 4, 4, 2))
    return made


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def added(convolution, s):
    return s + convolution(elu(np.concatenate([s, -s], axis=-1))).numpy()


def test_step_by_step():
    made = stream()
    for weight in made.weights:
        weight.assign(weight + RNG.normal(0, 0.3, weight.shape))
    down = added(made.adding[0], made.first(X).numpy())
    coarse = added(made.adding[1], made.halving[0](down).numpy())
    coarsest = added(made.adding[2], coarse)
    up = added(made.adding[3], down + made.doubling[0](coarsest.repeat(2, 1).repeat(2, 2)).numpy())
    expected = [[down, up, added(made.adding[4], up)], [coarse, coarsest]]
    found = made(X)
    assert [len(each) for each in found] == [3, 2]
    for each, wanted in zip(found, expected, strict=True):
        for features, s in zip(each, wanted, strict=True):
            np.testing.assert_allclose(features, elu(s), atol=1e-4)


def test_started_from_data_what_is_added_is_small():
    made = stream()
    with initializing():
        made(X)
    first = made.first(X).numpy()
    np.testing.assert_allclose(first.std(axis=(0, 1, 2)), 1, rtol=1e-3)
    np.testing.assert_allclose((added(made.adding[0], first) - first).std(axis=(0, 1, 2)), 0.1, rtol=1e-3)
