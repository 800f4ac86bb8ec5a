"""Areas against patches read off by hand, convolution, and loops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from qrkeras.layers import areas

MAP = (10 * np.arange(9)[:, None] + np.arange(9)).astype("float32")[None, :, :, None]  # gamma(y, x) = 10 y + x


@pytest.mark.parametrize(
    ("transform", "patch"),
    [
        ([[2, 0, 0], [0, 2, 0]], [[12, 14, 16], [32, 34, 36], [52, 54, 56]]),
        ([[1, 0, 0.5], [0, 1, -0.25]], [[21, 22, 23], [31, 32, 33], [41, 42, 43]]),
        ([[0, -1, 0], [1, 0, 0]], [[25, 35, 45], [24, 34, 44], [23, 33, 43]]),
    ],
    ids=["twice as large", "moved", "turned"],
)
def test_patches_by_hand(transform, patch):
    """At (y, x) = (3, 4), where gamma is 34. Moved: 10 (3 - 1/4) + 4 + 1/2 = 32."""
    transforms = np.broadcast_to(np.float32(transform), (1, 9, 9, 2, 3))
    points = areas.transformed_points(transforms)[:, 3, 4]  # (1, 9, 2)
    np.testing.assert_allclose(ops.reshape(areas.sample_points(MAP, points), (3, 3)), patch, atol=1e-5)


def test_points_agree_with_keras_and_are_zero_outside():
    random = np.random.default_rng(0)
    maps = random.normal(size=(2, 5, 7, 1)).astype("float32")
    points = random.uniform(-3, 9, size=(2, 40, 2)).astype("float32")
    found = np.asarray(areas.sample_points(maps, points))[..., 0]
    for i in range(2):
        at = np.stack([points[i, :, 1], points[i, :, 0]])
        expected = ops.image.map_coordinates(maps[i, :, :, 0], at, order=1, fill_mode="constant")
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    outside = (points[0] < -1).any(1) | (points[0, :, 0] > 7) | (points[0, :, 1] > 5)
    assert outside.any() and not found[0][outside].any()


@pytest.mark.parametrize("stride", [1, 2])
def test_transformers_that_change_nothing_are_a_convolution(stride):
    maps = np.random.default_rng(1).normal(size=(2, 7, 6, 3)).astype("float32")
    layer = areas.TransformedPatches(5, hidden=4, scale=1, stride=stride)
    found, corners = layer(maps)
    expected = ops.relu(ops.conv(maps, layer.kernel, padding="same"))[:, ::stride, ::stride]
    np.testing.assert_allclose(found, ops.reshape(expected, (2, -1, 5)), atol=1e-5)
    # The patch at the first location reaches from cell -1 to cell 1, half a cell more each way: -1/6 to 2/6 of 6 cells.
    np.testing.assert_allclose(
        corners[0, 0], [[-1 / 6, -1 / 7], [2 / 6, -1 / 7], [2 / 6, 2 / 7], [-1 / 6, 2 / 7]], atol=1e-6
    )
    assert found.shape == layer.compute_output_shape(maps.shape)[0]


def test_localisation_moves_patches_and_learns():
    maps = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype("float32")
    layer = areas.TransformedPatches(5, hidden=4)
    layer.build(maps.shape)
    np.testing.assert_array_equal(layer.transforms(maps), np.broadcast_to([[2, 0, 0], [0, 2, 0]], (2, 4, 4, 2, 3)))
    layer.localize[1].bias.assign([0, 0, 1, 0, 0, 0])  # one cell to the right, where the map ends a cell sooner
    moved = np.reshape(layer(maps)[0], (2, 4, 4, 5))
    layer.localize[1].bias.assign(np.zeros(6))
    np.testing.assert_allclose(moved[:, :, :3], np.reshape(layer(maps)[0], (2, 4, 4, 5))[:, :, 1:], atol=1e-5)
    model = keras.Sequential([keras.Input((4, 4, 3)), layer, keras.layers.Lambda(lambda both: both[0])])
    model.compile("sgd", "mse")
    model.fit(maps, np.ones((2, 16, 5), "float32"), verbose=0)
    assert np.abs(layer.localize[1].kernel).max() > 0, "gradients reach the transforms through the points"


def test_boxes_take_the_greatest_of_what_they_touch():
    maps = np.random.default_rng(2).normal(size=(2, 4, 5, 3)).astype("float32")
    boxes = np.float32([[[0, 0, 1, 1], [0.26, 0.5, 0.5, 0.5], [0.3, 0.1, 0.8, 0.65]]] * 2)
    found = np.asarray(areas.pool_boxes(maps, boxes))
    np.testing.assert_allclose(found[:, 0], maps.max((1, 2)))
    np.testing.assert_allclose(
        found[:, 1], maps[:, 1, 2], err_msg="rows 1 to 1; an empty box has the cell that it lies in"
    )
    # Rows floor(1.2) = 1 to ceil(3.2) - 1 = 3, columns floor(0.5) = 0 to ceil(3.25) - 1 = 3.
    np.testing.assert_allclose(found[:, 2], maps[:, 1:4, 0:4].max((1, 2)))


def test_corners():
    np.testing.assert_allclose(areas.grid_corners(2, 4)[5], [[0.25, 0.5], [0.5, 0.5], [0.5, 1], [0.25, 1]])
    np.testing.assert_allclose(
        areas.box_corners(np.float32([[0.1, 0.2, 0.3, 0.5]])), [[[0.2, 0.1], [0.5, 0.1], [0.5, 0.3], [0.2, 0.3]]]
    )


def test_points_on_a_cell_are_moved_by_what_lies_behind_it():
    # Where a transformer begins, all points lie on cells. maps = [1, 4, 2]: at x = 1 a step to the right gains 2 - 4.
    maps = tf.constant([1.0, 4.0, 2.0])[None, None, :, None]
    points = tf.Variable([[[1.0, 0.0], [1.5, 0.0], [5.0, 0.0]]])
    with tf.GradientTape() as tape:
        found = areas.sample_points(maps, points)
    np.testing.assert_allclose(found[0, :, 0], [4.0, 3.0, 0.0])
    np.testing.assert_allclose(tape.gradient(found, points)[0, :, 0], [-2.0, -2.0, 0.0])
