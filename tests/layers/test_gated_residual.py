"""The block of PixelCNN++: its equations by NumPy, rows and pixels against images, dropout, conditions."""

import keras
import numpy as np
import pytest
from scipy.special import expit

from qrkeras.layers import GatedResidual, concat_elu, dropout, initializing

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5, 2)
U, L = (-1, 1), (-1, 0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def block(columns=L, aux=2, drawn=True, **options):
    layer = GatedResidual(2, columns, aux, **options)
    layer.build(SHAPE)
    if drawn:
        for weight in layer.weights:
            weight.assign(normal(*weight.shape))
    return layer


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def e(x):
    return elu(np.concatenate([x, -x], axis=-1))


def inputs(n=2):
    return normal(*SHAPE), [normal(*SHAPE) for _ in range(n)]


@pytest.mark.parametrize("columns", [U, L])
def test_by_numpy(columns):
    layer = block(columns, condition=True, num_classes=3, dropout=0.25)
    (v, aux), s, labels = inputs(), normal(*SHAPE), np.array([2, 0, 2])
    uniforms = RNG.uniform(size=(3, 4, 5, 4)).astype("float32")
    mixed = np.concatenate([e(x) for x in aux], axis=-1)
    t = layer.first(e(v)).numpy() + layer.skip(mixed).numpy()
    kept = np.where(uniforms < 0.25, 0, e(t) / 0.75).astype("float32")
    g = layer.second(kept).numpy() + s @ layer.condition_kernel.numpy()
    g += layer.table.numpy()[labels][:, None, None]
    expected = v + g[..., :2] * expit(g[..., 2:])
    np.testing.assert_allclose(layer(v, aux, s, labels, uniforms), expected, atol=1e-4)
    assert np.abs(layer(v, aux, s, labels) - expected).max() > 0.01  # without uniforms, without dropout


def test_concat_elu_and_dropout():
    # ELU(2) = 2, ELU(-2) = e^-2 - 1.
    np.testing.assert_allclose(concat_elu(np.array([2.0])), [2, np.expm1(-2)], rtol=1e-6)
    x, uniforms = np.array([1.0, 2.0, 4.0], "float32"), np.array([0.0, 0.49, 0.5], "float32")
    np.testing.assert_allclose(dropout(x, 0.5, uniforms), [0, 0, 8])
    np.testing.assert_array_equal(dropout(x, 0.0, uniforms), x)
    np.testing.assert_array_equal(dropout(x, 0.5, None), x)


@pytest.mark.parametrize("given", [False, True])
def test_rows_come_to_the_image(given):
    layer = block(U, aux=1, condition=given, num_classes=3 if given else None)
    (v, aux), s, labels = inputs(1), normal(*SHAPE), np.array([2, 0, 2])
    whole = layer(v, aux, s if given else None, labels if given else None)
    parts = layer.parts(labels if given else None)
    above = [np.zeros((3, 5, 4), "float32")] * 2
    for i in range(4):
        row, above = layer.row(parts, v[:, i], above, [aux[0][:, i]], s[:, i] if given else None)
        np.testing.assert_allclose(row, whole[:, i], atol=1e-4)


@pytest.mark.parametrize("given", [False, True])
def test_pixels_come_to_the_image(given):
    layer = block(L, aux=2, condition=given, num_classes=3 if given else None)
    (v, aux), s, labels = inputs(), normal(*SHAPE), np.array([2, 0, 2])
    whole = layer(v, aux, s if given else None, labels if given else None)
    parts = layer.parts(labels if given else None)
    above = [np.zeros((3, 5, 4), "float32")] * 2
    for i in range(4):
        contexts = layer.context(parts, above, aux[0][:, i], s[:, i] if given else None)
        left, kept = [np.zeros((3, 4), "float32")] * 2, []
        for j in range(5):
            context = [x[:, j] for x in contexts]
            pixel, left = layer.pixel(parts, v[:, i, j], left, context, [aux[1][:, i, j]])
            np.testing.assert_allclose(pixel, whole[:, i, j], atol=1e-4)
            kept.append(left)
        above = [np.stack(columns, axis=1) for columns in zip(*kept, strict=True)]


def test_a_condition_begins_at_zero_and_a_class_does_not():
    v, aux = inputs()
    plain, conditioned = block(drawn=False, seed=1), block(drawn=False, seed=1, condition=True)
    np.testing.assert_array_equal(conditioned(v, aux, normal(*SHAPE)), plain(v, aux))
    by_class = block(drawn=False, num_classes=3)
    changed = np.abs(by_class(v, aux, labels=np.array([0, 1, 2])) - by_class(v, aux, labels=np.array([1, 1, 2])))
    assert changed[0].min() > 0 == changed[1:].max()


def test_started_from_data_g_is_small():
    layer, (v, aux) = block(drawn=False, seed=1), inputs()
    with initializing():
        y = layer(v, aux)
    t = layer.first(e(v))
    np.testing.assert_allclose(np.std(t, axis=(0, 1, 2)), 1, rtol=1e-4)
    # g_1 of deviation 0.1, times about a half.
    assert np.std(y - v) == pytest.approx(0.05, rel=0.1)
    np.testing.assert_array_equal(layer(v, aux), y)


def test_round_trip(tmp_path):
    v, s = keras.Input(SHAPE[1:]), keras.Input(SHAPE[1:])
    layer = GatedResidual(2, U, 1, dropout=0.3, condition=True, seed=3)
    model = keras.Model([v, s], layer(v, [s], s))
    layer.condition_kernel.assign(normal(2, 4))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == layer.get_config()
    x = [normal(*SHAPE), normal(*SHAPE)]
    np.testing.assert_array_equal(loaded(x), model(x))


def test_a_share_of_one_is_refused():
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), .* Received: 1.0"):
        GatedResidual(2, U, dropout=1.0)
