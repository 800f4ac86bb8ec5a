import keras
import numpy as np
import pytest

from qrkeras.layers import HorizontalConv2D, VerticalConv2D, colour_mask, plane_colours
from tests.support.causality import dependence

RNG = np.random.default_rng(0)


def full_kernel(layer):
    """The usual k x k kernel, zeros where the layer has no taps."""
    k, (height, width, *planes) = layer.kernel_size, layer.kernel.shape
    full = np.zeros((k, k, *planes), "float32")
    top = 0 if isinstance(layer, VerticalConv2D) else k // 2
    full[top : top + height, :width] = layer.kernel.numpy()
    return full


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_vertical_is_the_full_kernel_times_zeros(kernel_size, strict):
    x = RNG.normal(size=(2, 6, 7, 4)).astype("float32")
    layer = VerticalConv2D(5, kernel_size, strict)
    y = layer(x)
    # 5x5: 3 rows of 5 taps, or 2 rows where the own row is hidden.
    assert layer.kernel.shape[:2] == (kernel_size // 2 + (0 if strict else 1), kernel_size)
    np.testing.assert_allclose(y, keras.ops.conv(x, full_kernel(layer), padding="same"), atol=1e-5)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("colours", "planes"), [(1, 4), (3, 4), (3, 3)])
def test_horizontal_is_the_full_kernel_times_zeros(colours, planes, strict):
    x = RNG.normal(size=(2, 3, 7, planes)).astype("float32")
    layer = HorizontalConv2D(10, 5, colours, 2, strict)
    y = layer(x)
    assert layer.kernel.shape[:2] == (1, 3)
    full = full_kernel(layer)
    full[2, 2] *= colour_mask(plane_colours(planes, colours), plane_colours(10, colours, 2), strict)
    np.testing.assert_allclose(y, keras.ops.conv(x, full, padding="same"), atol=1e-5)


@pytest.mark.parametrize("strict", [False, True])
def test_vertical_sees_rows_above_and_nothing_else(strict):
    seen = dependence(VerticalConv2D(2, 3, strict), RNG.normal(size=(2, 5, 5, 1)).astype("float32"))[..., 0] > 0
    rows = np.arange(5)
    near = np.abs(rows[:, None] - rows) <= 1
    above = near & (rows[:, None] > rows if strict else rows[:, None] >= rows)
    # output (example, row, column), input (example, row, column)
    expected = np.einsum("ab,ri,cj->arcbij", np.eye(2, dtype=bool), above, near)
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("strict", [False, True])
def test_horizontal_sees_columns_to_the_left_and_earlier_colours(strict):
    # Three planes, three colours: input plane c is colour c, output planes 0 and 3 are colour 0.
    layer = HorizontalConv2D(6, 3, 3, 2, strict)
    x = RNG.normal(size=(1, 2, 5, 3)).astype("float32")
    for colour in range(3):
        seen = dependence(lambda x: layer(x)[..., colour::3], x)[0, :, :, 0] > 0  # noqa: B023
        for i, j, row, column, plane in np.ndindex(seen.shape):
            left = column == j - 1
            present = column == j and (plane < colour if strict else plane <= colour)
            assert seen[i, j, row, column, plane] == (row == i and (left or present))


def test_rows_are_the_rows_of_the_whole():
    x = RNG.normal(size=(2, 6, 5, 3)).astype("float32")
    for strict in (False, True):
        layer = VerticalConv2D(4, 5, strict)
        whole = layer(x)
        # Row 4 sees rows 2, 3 and 4, or 2 and 3.
        np.testing.assert_allclose(layer.rows(x[:, 2 : 4 if strict else 5])[:, 0], whole[:, 4], atol=1e-5)


def test_columns_are_the_columns_of_the_whole():
    x = RNG.normal(size=(2, 1, 6, 4)).astype("float32")
    layer = HorizontalConv2D(6, 5, 3, 2)
    whole = layer(x)[:, 0, 3].numpy()
    # 4 planes of 3 colours: 2, 1, 1. 6 filters in two stacks: colour c is filters c and 3 + c.
    for colour, (end, kernel) in enumerate(zip((2, 3, 4), layer.parts())):
        seen = np.concatenate([x[:, 0, 1], x[:, 0, 2], x[:, 0, 3, :end]], axis=-1)
        np.testing.assert_allclose(seen @ kernel.numpy(), whole[:, [colour, 3 + colour]], atol=1e-5)


@pytest.mark.parametrize("size", [4, 1, 2.0])
def test_kernel_size_must_have_a_middle(size):
    with pytest.raises(ValueError, match=f"kernel_size must be an odd int of at least 3. Received: {size}"):
        VerticalConv2D(4, size)


@pytest.mark.parametrize("layer", [VerticalConv2D(4, 3, True), HorizontalConv2D(6, 3, 3, 2, True)])
def test_configuration_round_trip(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
