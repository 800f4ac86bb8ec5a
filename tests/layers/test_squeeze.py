"""Squeeze: where values go, and back."""

import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import squeeze, unsqueeze


def test_by_hand():
    # Two planes of 2 x 2, (place, plane): the four places in raster order, each with both planes.
    x = np.arange(8, dtype="float32").reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(squeeze(x), x.reshape(1, 1, 1, 8))
    # One plane of 2 x 4: two blocks side by side.
    x = np.arange(8, dtype="float32").reshape(1, 2, 4, 1)
    np.testing.assert_array_equal(np.ravel(squeeze(x)), [0, 1, 4, 5, 2, 3, 6, 7])


@pytest.mark.parametrize("shape", [(3, 4, 6, 1), (2, 2, 2, 5), (1, 8, 4, 3)])
def test_they_are_exact_inverses_and_those_of_tensorflow(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    squeezed = squeeze(x)
    np.testing.assert_array_equal(squeezed, tf.nn.space_to_depth(x, 2))
    np.testing.assert_array_equal(unsqueeze(squeezed), x)
    wide = np.concatenate([x, 2 * x, 3 * x, 4 * x], axis=-1)
    np.testing.assert_array_equal(unsqueeze(wide), tf.nn.depth_to_space(wide, 2))
    np.testing.assert_array_equal(squeeze(unsqueeze(wide)), wide)
