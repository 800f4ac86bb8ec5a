"""Cut convolutions against their definition, place by place; rows alone; the start from data."""

import keras
import numpy as np
import pytest

from qrkeras.layers import ShiftedConv2D, ShiftedConv2DTranspose, initializing

RNG = np.random.default_rng(0)
# Of u and l, where they halve, and where they begin.
READ = [
    ((-1, 0), (-1, 1), 1),
    ((-1, 0), (-1, 0), 1),
    ((-1, 0), (-1, 1), 2),
    ((-1, 0), (-1, 0), 2),
    ((-2, -1), (-1, 1), 1),
    ((-1, -1), (-1, 1), 1),
    ((-1, 0), (-1, -1), 1),
]
every_read = pytest.mark.parametrize(("rows", "columns", "strides"), READ)


def built(layer, shape=(4, 4, 6, 3)):
    layer.build(shape)
    x = RNG.normal(size=shape).astype("float32")
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))
    return layer, x


def by_definition(layer, x):
    """Sum over places that are read, those outside of the image left out."""
    kernel, bias = (part.numpy() for part in layer.parts())
    height, width = x.shape[1] // layer.strides, x.shape[2] // layer.strides
    y = np.zeros((len(x), height, width, layer.filters)) + bias
    for i, j in np.ndindex(height, width):
        for a, b in np.ndindex(kernel.shape[:2]):
            row, column = layer.strides * i + layer.rows[0] + a, layer.strides * j + layer.columns[0] + b
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                y[:, i, j] += x[:, row, column] @ kernel[a, b]
    return y


@every_read
def test_what_is_read_is_by_definition(rows, columns, strides):
    layer, x = built(ShiftedConv2D(5, rows, columns, strides))
    y = layer(x)
    np.testing.assert_allclose(y, by_definition(layer, x), atol=1e-4)
    assert layer.compute_output_shape(x.shape) == y.shape
    height, width = 1 + rows[1] - rows[0], 1 + columns[1] - columns[0]
    assert layer.kernel.shape == (height, width, 3, 5), "a kernel holds what is read, and no more"


@pytest.mark.parametrize("columns", [(0, 1), (-1, 1)])
def test_what_is_spread_is_by_definition(columns):
    layer, x = built(ShiftedConv2DTranspose(5, columns))
    kernel, bias = (part.numpy() for part in layer.parts())
    expected = np.zeros((4, 8, 12, 5)) + bias
    for i, j in np.ndindex(4, 6):
        for a, b in np.ndindex(kernel.shape[:2]):
            if 2 * j + columns[0] + b >= 0:
                expected[:, 2 * i + a, 2 * j + columns[0] + b] += x[:, i, j] @ kernel[a, b]
    y = layer(x)
    np.testing.assert_allclose(y, expected, atol=1e-4)
    assert layer.compute_output_shape(x.shape) == y.shape
    kernel, _ = layer.parts()
    np.testing.assert_allclose(layer.windowed(kernel, x[:, 1:2]) + bias, y[:, 2:4], atol=1e-5)


@pytest.mark.parametrize("size", [1, 2])
def test_images_that_are_smaller_than_a_kernel(size):
    for rows, columns, _ in READ:
        layer, x = built(ShiftedConv2D(2, rows, columns), (2, size, size, 3))
        np.testing.assert_allclose(layer(x), by_definition(layer, x), atol=1e-5)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("columns", [(-1, 1), (-1, 0)])
def test_a_row_is_its_window_and_its_taps_add_up(columns, strides):
    layer, x = built(ShiftedConv2D(5, columns=columns, strides=strides))
    kernel, bias = layer.parts()
    whole = layer(x)[:, 2 // strides] - bias
    np.testing.assert_allclose(layer.windowed(kernel, x[:, 1:3])[:, 0], whole, atol=1e-5)
    upper, lower = layer.windowed(kernel[:1], x[:, 1:2]), layer.windowed(kernel[1:], x[:, 2:3])
    np.testing.assert_allclose((upper + lower)[:, 0], whole, atol=1e-5)


@pytest.mark.parametrize("build", [lambda: ShiftedConv2D(5, scale=0.1), lambda: ShiftedConv2DTranspose(5, scale=0.1)])
def test_started_from_data(build):
    layer, x = built(build(), (8, 4, 6, 3))
    with initializing():
        y = layer(5 * x + 2)
    np.testing.assert_allclose(np.mean(y, axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(y, axis=(0, 1, 2)), 0.1, rtol=1e-5)
    np.testing.assert_array_equal(layer(5 * x + 2), y)


@pytest.mark.parametrize(
    "build", [lambda: ShiftedConv2D(5, (-2, -1), (-1, 0), 2), lambda: ShiftedConv2DTranspose(5, (0, 1))]
)
def test_round_trip(build, tmp_path):
    layer = build()
    inputs = keras.Input((4, 6, 3))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    x = RNG.normal(size=(2, 4, 6, 3)).astype("float32")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x), model(x))


def test_errors():
    for build, message in (
        (lambda: ShiftedConv2D(2, rows=(0, -1)), r"rows must be the first and the last .*rows=\(0, -1\)"),
        (lambda: ShiftedConv2D(2, columns=(1, 2)), r"columns must be .*the first at most 0.*columns=\(1, 2\)"),
        (lambda: ShiftedConv2D(2, strides=0), "strides must be a positive int"),
        (lambda: ShiftedConv2DTranspose(0), "filters must be a positive int"),
    ):
        with pytest.raises(ValueError, match=message):
            build()
