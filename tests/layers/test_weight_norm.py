"""Weight normalisation: the kernel and its gradient, the start from data and its trap, classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import WeightNormConv2D, WeightNormConv2DTranspose, WeightNormDense, initializing
from tests.support.layers import Layers

BUILDS = {
    "dense": (lambda **options: WeightNormDense(5, **options), (6, 7)),
    "convolution": (lambda **options: WeightNormConv2D(5, 3, strides=2, **options), (4, 6, 7, 4)),
    "transposed": (lambda **options: WeightNormConv2DTranspose(5, 3, strides=2, **options), (4, 3, 5, 4)),
}
every_layer = pytest.mark.parametrize("name", BUILDS)
LAYERS = Layers(BUILDS)
RNG, _normal, _built = LAYERS.rng, LAYERS.normal, LAYERS.built


def _plain(name, kernel, bias, x):
    """Keras' layer of the kernel, outputs last."""
    same = {"strides": 2, "padding": "same"}
    layer = {
        "dense": lambda: keras.layers.Dense(5),
        "convolution": lambda: keras.layers.Conv2D(5, 3, **same),
        "transposed": lambda: keras.layers.Conv2DTranspose(5, 3, **same),
    }[name]()
    layer.build(x.shape)
    layer.set_weights([np.swapaxes(kernel, -1, -2) if name == "transposed" else kernel, bias])
    return layer(x)


def _normed(layer):
    v = layer.kernel.numpy()
    return v / np.sqrt(np.square(v).sum(axis=tuple(range(v.ndim - 1))))


def test_by_hand():
    # v = (3, 4), |v| = 5, g = 10: w = (6, 8); x = (1, 1/2), b = 1: 6 + 4 + 1.
    layer = WeightNormDense(1)
    layer.build((None, 2))
    layer.set_weights([np.array([[3.0], [4.0]]), np.array([10.0]), np.array([1.0])])
    assert float(layer(np.array([[1.0, 0.5]], "float32"))[0, 0]) == pytest.approx(11)


@every_layer
def test_not_started_it_is_the_ordinary_layer_of_v(name):
    layer, x = _built(name)
    assert np.std(layer.kernel) == pytest.approx(0.05, rel=0.25)
    np.testing.assert_allclose(layer(x), _plain(name, layer.kernel.numpy(), np.zeros(5), x), atol=1e-6)


@every_layer
def test_the_kernel_is_g_v_over_norm_by_output_plane(name):
    layer, x = _built(name, activation="elu")
    gain, bias = _normal(5), _normal(5)
    layer.gain.assign(gain)
    layer.bias.assign(bias)
    expected = keras.activations.elu(_plain(name, gain * _normed(layer), bias, x))
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == tuple(expected.shape)
    assert [w.name for w in layer.trainable_weights] == ["kernel", "gain", "bias"]


@every_layer
def test_gradient_of_v_is_orthogonal_to_it(name):
    layer, x = _built(name)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(x)))
    gradient, v = tape.gradient(loss, layer.kernel).numpy(), layer.kernel.numpy()
    axes = tuple(range(v.ndim - 1))
    lengths = np.sqrt(np.square(gradient).sum(axis=axes) * np.square(v).sum(axis=axes))
    assert np.all(np.abs((gradient * v).sum(axis=axes)) < 1e-5 * lengths) and np.all(lengths > 0)


@every_layer
@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_started_from_data(name, scale):
    layer, x = _built(name, scale=scale)
    x = 3 * x + 7
    with initializing():
        first = layer(x)
    axes = tuple(range(first.ndim - 1))
    np.testing.assert_allclose(np.mean(first, axis=axes), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(first, axis=axes), scale, rtol=1e-5)
    np.testing.assert_array_equal(layer(x), first)
    kept = layer.get_weights()
    layer(2 * x)  # afterwards a call sets nothing
    for one, other in zip(kept, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_start_one_after_the_other():
    inputs = keras.Input((8, 8, 3))
    x = WeightNormConv2D(6, 3, activation="elu")(inputs)
    model = keras.Model(inputs, WeightNormConv2D(4, 3, scale=0.5)(x))
    images = _normal(16, 8, 8, 3) * 5 + 2
    with initializing():
        model(images)
    np.testing.assert_allclose(np.std(model(images), axis=(0, 1, 2)), 0.5, rtol=1e-5)
    np.testing.assert_allclose(np.mean(model(images), axis=(0, 1, 2)), 0, atol=1e-5)


@every_layer
@pytest.mark.parametrize("value", [0.0, 1e-4])
def test_a_constant_input_does_not_blow_up_the_gain(name, value):
    layer, x = _built(name, scale=0.1)
    with initializing():
        y = layer(np.full(x.shape, value, "float32"))
    np.testing.assert_allclose(layer.gain, np.full(5, 0.1), rtol=1e-6)
    assert np.isfinite(y).all() and np.abs(y).max() < 1e-3


@every_layer
def test_of_scale_0_outputs_are_0_at_first_and_after_the_start(name):
    layer, x = _built(name, scale=0)
    np.testing.assert_array_equal(layer(x), 0)
    with initializing():
        np.testing.assert_array_equal(layer(3 * x + 7), 0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(x) - 1))
    assert np.all(tape.gradient(loss, layer.gain) != 0)  # and from there it trains


@every_layer
def test_an_error_within_ends_the_start(name):
    layer, x = _built(name)
    with pytest.raises(KeyError), initializing():
        raise KeyError
    kept = layer.get_weights()
    layer(x)
    np.testing.assert_array_equal(layer.gain, kept[1])


@every_layer
def test_classes_multiply_outputs_by_example(name):
    layer, x = _built(name, num_classes=3)
    labels = np.arange(len(x)) % 3
    np.testing.assert_allclose(layer(x, labels), _plain(name, layer.kernel.numpy(), np.zeros(5), x), atol=1e-6)
    gain, bias = _normal(3, 5), _normal(3, 5)
    layer.gain.assign(gain)
    layer.bias.assign(bias)
    for i, label in enumerate(labels):
        expected = _plain(name, gain[label] * _normed(layer), bias[label], x[i : i + 1])
        np.testing.assert_allclose(layer(x, labels)[i], expected[0], atol=1e-5)
    with initializing():
        y = layer(x, labels)
    axes = tuple(range(y.ndim - 1))
    np.testing.assert_allclose(np.std(y, axis=axes), 1, rtol=1e-5)
    np.testing.assert_array_equal(layer.gain[0], layer.gain[2])


@every_layer
def test_bfloat16_normalises_in_float32(name):
    full, x = _built(name)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer, _ = _built(name)
        by_class, _ = _built(name, num_classes=2)
    finally:
        keras.config.set_dtype_policy("float32")
    layer.set_weights(full.get_weights())
    assert layer(x).dtype == tf.bfloat16 == by_class(x, np.zeros(len(x), "int32")).dtype
    assert all(weight.dtype == "float32" for weight in layer.weights)
    np.testing.assert_allclose(tf.cast(layer(x), "float32"), full(x), atol=0.03)


@every_layer
@pytest.mark.parametrize("num_classes", [None, 3])
def test_round_trip(name, num_classes, tmp_path):
    build, shape = BUILDS[name]
    inputs = [keras.Input(shape[1:])] + ([keras.Input((), dtype="int32")] if num_classes else [])
    layer = build(activation="tanh", kernel_initializer="he_normal", scale=0.3, num_classes=num_classes)
    model = keras.Model(inputs, layer(*inputs))
    x = [_normal(*shape)] + ([np.arange(shape[0]) % 3] if num_classes else [])
    with initializing():
        y = model(x)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == layer.get_config()
    np.testing.assert_allclose(loaded(x), y, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WeightNormDense(0), "units must be a positive int. Received: units=0"),
        (lambda: WeightNormConv2D(2, 3, num_classes=0), "num_classes must be a positive int. Received: num_classes=0"),
        (lambda: WeightNormConv2D(2, 3, scale=-0.1), "scale must be the deviation .*, 0 or more. Received: scale=-0.1"),
        (
            lambda: WeightNormDense(2)(_normal(3, 4), np.zeros(3, "int32")),
            r"labels must be given where num_classes is, and only there. Received: labels=(.|\n)*num_classes=None",
        ),
        (lambda: WeightNormDense(2, num_classes=3)(_normal(3, 4)), "Received: labels=None, num_classes=3"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
