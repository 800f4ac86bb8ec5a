"""Attention correctness by hand."""

import numpy as np
import pytest

from qrkeras.layers.areas import grid_corners
from qrkeras.metrics.attention import correctness, density, inside_boxes

P = np.array([0.1, 0.2, 0.3, 0.4])
CELLS = grid_corners(2, 2)


def test_by_hand():
    """2 x 2 cells on 4 x 4 pixels: the left half has 0.1 + 0.3; the middle 2 x 2 pixels a quarter of each cell."""
    assert correctness(P, CELLS, [(0, 0, 1, 0.5)], 4) == pytest.approx(0.4)
    assert correctness(P, CELLS, [(0.25, 0.25, 0.75, 0.75)], 4) == pytest.approx(0.25)
    assert correctness(P, CELLS, [(0, 0, 1, 0.5), (0.25, 0.25, 0.75, 0.75)], 4) == pytest.approx(0.4 + 0.6 / 4)
    assert inside_boxes([(0, 0, 1, 0.5), (0.25, 0.25, 0.75, 0.75)], 4).mean() == pytest.approx(10 / 16)


def test_density_keeps_the_mass():
    found = density(P, CELLS, 4)
    np.testing.assert_allclose(found[:2, :2], 0.1 / 4)
    assert found.sum() == pytest.approx(1)
    tiny = np.float64([[[0.49, 0.49], [0.5, 0.49], [0.5, 0.5], [0.49, 0.5]]])
    expected = np.zeros((4, 4))
    expected[1, 1] = 1
    np.testing.assert_array_equal(density([1.0], tiny, 4), expected)


def test_turned_and_beyond_the_border():
    turned = np.float64([[[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]]])  # a square on its corner, half of the image
    found = density([1.0], turned, 64)
    assert found.sum() == pytest.approx(1, abs=0.05) and found[0, 0] == 0 and found[32, 32] > 0
    half_out = np.float64([[[-0.5, 0], [0.5, 0], [0.5, 1], [-0.5, 1]]])
    assert density([1.0], half_out, 8).sum() == pytest.approx(0.5)
    np.testing.assert_allclose(density([1.0], half_out[:, ::-1], 8), density([1.0], half_out, 8))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"weights must be \(areas,\).*Received: \(3,\) and \(4, 4, 2\)"):
        density(P[:3], CELLS, 4)
