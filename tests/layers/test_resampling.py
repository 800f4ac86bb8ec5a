"""The cheap form of the two resampling layers against the plain one, forward and backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import ConvAveragePool2D, UpsampleConv2D, conv_average_pool, upsample_conv
from tests.support import plain_resampling

PAIRS = [
    (upsample_conv, plain_resampling.upsample_conv),
    (conv_average_pool, plain_resampling.conv_average_pool),
]
LAYERS = [UpsampleConv2D, ConvAveragePool2D]
every_layer = pytest.mark.parametrize("layer_class", LAYERS)


def _normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), "float32")


def _output_and_gradients(function, *inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
    return y, *tape.gradient(y, inputs, output_gradients=_normal(*y.shape, seed=9))


@pytest.mark.parametrize(("cheap", "plain"), PAIRS)
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel_size", [3, 5, 7])
@pytest.mark.parametrize("size", [(8, 8), (9, 8), (8, 11), (9, 13)])
def test_cheap_form_is_the_plain_form(cheap, plain, padding, kernel_size, size):
    inputs = _normal(2, *size, 3), _normal(kernel_size, kernel_size, 3, 5, seed=1)
    got = _output_and_gradients(lambda x, kernel: cheap(x, kernel, padding), *inputs)
    expected = _output_and_gradients(lambda x, kernel: plain(x, kernel, padding), *inputs)
    for one, other in zip(got, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5 * np.abs(other).max())


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("use_bias", [True, False])
@every_layer
def test_layer_is_the_stack_of_keras_layers_with_the_same_weights(layer_class, padding, use_bias):
    config = {"filters": 5, "kernel_size": 3, "padding": padding, "use_bias": use_bias}
    ours, convolution = layer_class(**config), keras.layers.Conv2D(**config)
    if layer_class is UpsampleConv2D:
        stack = keras.Sequential([keras.layers.UpSampling2D(2), convolution])
    else:
        stack = keras.Sequential([convolution, keras.layers.AveragePooling2D(2)])
    x = _normal(2, 6, 7, 3)
    ours(x), stack(x)
    weights = [_normal(3, 3, 3, 5, seed=1), _normal(5, seed=2)][: 1 + use_bias]
    ours.set_weights(weights)
    convolution.set_weights(weights)

    def run(model):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        return y, *tape.gradient(y, [x, *model.trainable_variables], output_gradients=_normal(*y.shape, seed=9))

    for one, other in zip(run(ours), run(stack), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_known_value_of_upsampling():
    # One pixel 1 becomes a 2x2 block of ones; the kernel holds 1 .. 9. Padding "same": the output
    # at (0, 0) has the kernel's centre on the block's first pixel and sees the block under its
    # lower right 2x2 part: 5 + 6 + 8 + 9 = 28. Likewise (0, 1): 4 + 5 + 7 + 8 = 24, (1, 0): 2 + 3 +
    # 5 + 6 = 16, (1, 1): 1 + 2 + 4 + 5 = 12.
    kernel = np.arange(1.0, 10.0, dtype="float32").reshape(3, 3, 1, 1)
    y = upsample_conv(np.ones((1, 1, 1, 1), "float32"), kernel)
    np.testing.assert_allclose(y[0, :, :, 0], [[28.0, 24.0], [16.0, 12.0]], rtol=1e-6)


def test_known_value_of_pooling():
    # A 2x2 image of ones, the kernel 1 .. 9, padding "same": the convolution is the 28, 24, 16, 12
    # of the test above, whose mean is 20.
    kernel = np.arange(1.0, 10.0, dtype="float32").reshape(3, 3, 1, 1)
    y = conv_average_pool(np.ones((1, 2, 2, 1), "float32"), kernel)
    np.testing.assert_allclose(y, [[[[20.0]]]], rtol=1e-6)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size", [(8, 8), (9, 12)])
@every_layer
def test_output_shape(layer_class, padding, size):
    layer = layer_class(5, padding=padding)
    shape = layer.compute_output_shape((2, *size, 3))
    assert shape == layer(_normal(2, *size, 3)).shape
    assert layer.compute_output_shape((None, None, size[1], 3)) == (None, None, *shape[2:])


@pytest.mark.parametrize("padding", ["same", "valid"])
@every_layer
def test_unknown_batch_and_size_in_a_graph(layer_class, padding):
    layer = layer_class(4, padding=padding)
    layer.build((None, None, None, 3))

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def step(x):
        with tf.GradientTape() as tape:
            y = layer(x)
            loss = tf.reduce_mean(y**2)
        return y, tape.gradient(loss, layer.trainable_variables)

    for batch, size in ((1, 8), (3, 9)):
        x = _normal(batch, size, size + 2, 3)
        y, gradients = step(x)
        np.testing.assert_allclose(y, layer(x), rtol=1e-5, atol=1e-5)
        assert all(np.all(np.isfinite(g)) and np.any(g) for g in gradients)


@every_layer
def test_bfloat16_policy(layer_class):
    layer = layer_class(4, dtype="mixed_bfloat16", kernel_initializer="he_normal")
    x = _normal(2, 8, 8, 3)
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(tf.cast(y, "float32"))
    assert y.dtype == tf.bfloat16 and layer.kernel.dtype == "float32"
    full = layer_class(4)
    full.build(x.shape)
    full.set_weights(layer.get_weights())
    np.testing.assert_allclose(tf.cast(y, "float32"), full(x), atol=0.1)
    assert all(g.dtype == tf.float32 for g in tape.gradient(loss, layer.trainable_variables))


@every_layer
def test_call_assigns_nothing(layer_class):
    layer = layer_class(4)
    layer.build((None, 8, 8, 3))
    before = layer.get_weights()
    layer(_normal(2, 8, 8, 3), training=True)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@every_layer
def test_round_trip(layer_class, tmp_path):
    layer = layer_class(
        4,
        5,
        padding="valid",
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02, seed=3),
    )
    model = keras.Sequential([keras.Input((8, 8, 3)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].get_config() == layer.get_config()
    x = _normal(2, 8, 8, 3)
    np.testing.assert_array_equal(loaded(x), model(x))
    rebuilt = layer_class.from_config(layer.get_config())
    rebuilt.build((None, 8, 8, 3))
    np.testing.assert_array_equal(rebuilt.kernel, layer.kernel)


@every_layer
@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"kernel_size": 4},
            "kernel_size must be an odd int of at least 3.*Received: kernel_size=4",
        ),
        ({"kernel_size": 1}, "kernel_size must be"),
        ({"kernel_size": (3, 3)}, "kernel_size must be"),
        ({"padding": "full"}, 'padding must be "same" or "valid". Received: padding=\'full\''),
        ({"filters": 0}, "filters must be a positive int. Received: filters=0"),
    ],
)
def test_wrong_arguments_are_refused(layer_class, config, message):
    with pytest.raises(ValueError, match=message):
        layer_class(**{"filters": 4, **config})


@every_layer
def test_wrong_inputs_are_refused(layer_class):
    with pytest.raises(ValueError, match="channels"):
        layer_class(4).build((None, 8, 8, None))
    with pytest.raises(ValueError, match="ndim"):
        layer_class(4)(_normal(2, 8, 3))
    small = 3 if layer_class is ConvAveragePool2D else 1
    with pytest.raises(ValueError, match="large enough for kernel_size=3"):
        layer_class(4, padding="valid")(_normal(2, small, small, 3))


@pytest.mark.parametrize("function", [upsample_conv, conv_average_pool])
def test_functions_refuse_even_kernels(function):
    with pytest.raises(ValueError, match="kernel_size must be"):
        function(_normal(1, 4, 4, 1), _normal(4, 4, 1, 1))
