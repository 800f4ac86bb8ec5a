"""Attention correctness by hand."""

import numpy as np
import pytest

from qrkeras.layers.areas import grid_corners
from qrkeras.metrics.attention import correctness, inside_boxes, masses

P = np.array([0.1, 0.2, 0.3, 0.4])
CELLS = grid_corners(2, 2)


def test_by_hand():
    """2 x 2 cells on 4 x 4 pixels: the left half has 0.1 + 0.3; the middle 2 x 2 pixels a quarter of each cell."""
    of_areas = masses(CELLS, 4)
    left, middle = (0, 0, 1, 0.5), (0.25, 0.25, 0.75, 0.75)
    assert correctness(P, of_areas, [left]) == pytest.approx(0.4)
    assert correctness(P, of_areas, [middle]) == pytest.approx(0.25)
    assert correctness(P, of_areas, [left, middle]) == pytest.approx(0.4 + 0.6 / 4)
    assert inside_boxes([left, middle], 4).mean() == pytest.approx(10 / 16)
    np.testing.assert_allclose(correctness([P, P[::-1]], of_areas, [left]), [0.4, 0.6])


def test_each_area_has_a_mass_of_one():
    found = masses(CELLS, 4)
    np.testing.assert_allclose(found[0, :2, :2], 1 / 4)
    np.testing.assert_allclose(found.sum((1, 2)), 1)
    tiny = np.float64([[[0.49, 0.49], [0.5, 0.49], [0.5, 0.5], [0.49, 0.5]]])
    expected = np.zeros((1, 4, 4))
    expected[0, 1, 1] = 1
    np.testing.assert_array_equal(masses(tiny, 4), expected)


def test_turned_and_beyond_the_border():
    turned = np.float64([[[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]]])  # a square on its corner, half of the image
    [found] = masses(turned, 64)
    assert found.sum() == pytest.approx(1, abs=0.05) and found[0, 0] == 0 and found[32, 32] > 0
    half_out = np.float64([[[-0.5, 0], [0.5, 0], [0.5, 1], [-0.5, 1]]])
    assert masses(half_out, 8).sum() == pytest.approx(0.5)
    np.testing.assert_allclose(masses(half_out[:, ::-1], 8), masses(half_out, 8))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"weights must have one for each of 4 areas.*Received: \(3,\)"):
        correctness(P[:3], masses(CELLS, 4), [])
    with pytest.raises(ValueError, match=r"corners must be \(areas, 4, 2\). Received: \(4, 2\)"):
        masses(CELLS[0], 4)
