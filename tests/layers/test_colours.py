import keras
import numpy as np
import pytest

from qrkeras.layers import ColourDense, colour_mask, cut_matrix, cut_planes, plane_colours

RNG = np.random.default_rng(0)


def test_groups_are_as_equal_as_can_be():
    # 128 / 3: 43, 43, 42.
    np.testing.assert_array_equal(np.bincount(plane_colours(128, 3)), [43, 43, 42])
    np.testing.assert_array_equal(plane_colours(8, 3, stacks=2), [0, 0, 1, 2, 0, 0, 1, 2])


def test_every_colour_needs_a_plane():
    with pytest.raises(ValueError, match="at least one plane for each of 3 colours. Received: 2"):
        plane_colours(2, 3)
    with pytest.raises(ValueError, match="2 equal stack.*Received: 7"):
        plane_colours(7, 3, stacks=2)


def test_masks_by_hand():
    colours = np.array([0, 1, 2])
    # Mask B: red sees red; green red and green; blue all. Mask A: one less.
    np.testing.assert_array_equal(colour_mask(colours, colours), [[1, 1, 1], [0, 1, 1], [0, 0, 1]])
    np.testing.assert_array_equal(colour_mask(colours, colours, strict=True), [[0, 1, 1], [0, 0, 1], [0, 0, 0]])


@pytest.mark.parametrize("strict", [False, True])
def test_parts_hold_exactly_what_the_mask_leaves(strict):
    inputs, outputs = plane_colours(14, 3, stacks=2), plane_colours(8, 3, stacks=2)
    mask, matrix = colour_mask(inputs, outputs, strict), np.arange(1.0, 14 * 8 + 1).reshape(14, 8)
    parts = cut_matrix(matrix, 3, 2, 2, strict)
    assert sum(part.shape[0] * part.shape[1] for part in parts) == mask.sum()
    for colour, part in enumerate(parts):
        whole = (matrix * mask)[:, outputs == colour]
        np.testing.assert_array_equal(part, whole[whole.any(axis=1)].reshape(part.shape))


def test_cut_planes_by_hand():
    # Two stacks of four planes, 2 + 1 + 1 each.
    parts = cut_planes(np.arange(8)[None], 3, stacks=2)
    assert [np.array(part).tolist() for part in parts] == [[[0, 1, 4, 5]], [[2, 6]], [[3, 7]]]


def test_dense_is_the_masked_product_and_its_parts_agree():
    x = RNG.normal(size=(2, 3, 3, 10)).astype("float32")
    layer = ColourDense(7, colours=3, input_stacks=2)
    y = layer(x).numpy()
    layer.bias.assign(RNG.normal(size=7))
    inputs = plane_colours(10, 3, stacks=2)
    kernel = layer.kernel.numpy() * colour_mask(inputs, plane_colours(7, 3))
    np.testing.assert_allclose(y, x @ kernel, atol=1e-5)
    y = layer(x).numpy()
    for colour, (kernel, bias) in enumerate(layer.parts()):
        part = x[..., inputs <= colour] @ kernel.numpy() + bias.numpy()
        np.testing.assert_allclose(part, y[..., plane_colours(7, 3) == colour], atol=1e-5)


@pytest.mark.parametrize("stacks", [1, 2])
def test_wide_maps_leave_the_masked_products_out(stacks):
    x = RNG.normal(size=(2, 3, 3, 10)).astype("float32")
    layer = ColourDense(512, colours=3, input_stacks=stacks)
    y = layer(x)
    kernel = layer.kernel.numpy() * colour_mask(plane_colours(10, 3, stacks), plane_colours(512, 3))
    np.testing.assert_allclose(y, x @ kernel, atol=1e-5)


def test_weights_are_masked_at_use():
    layer = ColourDense(6, colours=3)
    x = RNG.normal(size=(2, 6)).astype("float32")
    layer(x)
    before = layer.get_weights()
    layer(x)
    for a, b in zip(before, layer.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert np.all(before[0] != 0)


def test_configuration_round_trip():
    layer = ColourDense(6, 3, 2, 2, use_bias=False, name="dense")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
