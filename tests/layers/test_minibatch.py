"""Minibatch discrimination: by hand, equal rows, permutations, rows from elsewhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import MinibatchDiscrimination

RNG = np.random.default_rng(0)


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _given(kernel, num_kernels, kernel_dim):
    layer = MinibatchDiscrimination(num_kernels, kernel_dim)
    layer.build((None, len(kernel)))
    layer.set_weights([np.asarray(kernel, "float32")])
    return layer


def test_by_hand():
    # One feature, K = 2, C = 2, T = (1, 2 | 0, -1/2): the distance of x and y is 3 |x - y| by the first, |x - y| / 2
    # by the second. Of x = 0, 1, 3 the first row has o = (e^-3 + e^-9, e^-1/2 + e^-3/2).
    layer = _given([[1.0, 2.0, 0.0, -0.5]], 2, 2)
    found = layer(np.array([[0.0], [1.0], [3.0]], "float32")).numpy()
    closeness = {distance: np.exp([-3.0 * distance, -distance / 2]) for distance in (1, 2, 3)}
    expected = [closeness[1] + closeness[3], closeness[1] + closeness[2], closeness[2] + closeness[3]]
    np.testing.assert_array_equal(found[:, 0], [0.0, 1.0, 3.0])
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-6)


def test_of_two_equal_rows_each_is_one_close():
    layer = MinibatchDiscrimination()
    found = layer(np.repeat(_normal(1, 8), 2, axis=0))
    assert found.shape == (2, 108) and layer.kernel.shape == (8, 500)
    np.testing.assert_array_equal(found[:, 8:], 1.0)


def test_a_row_alone_is_close_to_none():
    np.testing.assert_array_equal(MinibatchDiscrimination()(_normal(1, 8))[:, 8:], 0.0)


def test_rows_and_outputs_change_places_together():
    layer, x, order = MinibatchDiscrimination(7, 3), _normal(6, 4), RNG.permutation(6)
    np.testing.assert_allclose(layer(x[order]), layer(x).numpy()[order], atol=1e-6)


def test_gradients_reach_the_other_rows():
    layer, x = MinibatchDiscrimination(7, 3), tf.constant(_normal(6, 4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        first = tf.reduce_sum(layer(x)[0, 4:])
    gradient = tape.gradient(first, x)
    assert np.abs(gradient[5]).max() > 1e-4
    # Distances alone count: to move all rows alike changes nothing.
    np.testing.assert_allclose(tf.reduce_sum(gradient, axis=0), 0.0, atol=1e-5)


def test_rows_that_are_gathered_count_like_ones_own():
    layer, x = MinibatchDiscrimination(7, 3), _normal(6, 4)
    whole = layer(x)
    others = tf.matmul(x[2:], layer.kernel)
    layer.gather = lambda rows: tf.concat([rows, others], axis=0)
    np.testing.assert_allclose(layer(x[:2]), whole[:2], atol=1e-6)


def test_bfloat16_policy():
    layer, full = MinibatchDiscrimination(7, 3, dtype="mixed_bfloat16"), MinibatchDiscrimination(7, 3)
    x = _normal(6, 4)
    y = layer(x)
    full.build(x.shape)
    full.set_weights(layer.get_weights())
    assert y.dtype == tf.bfloat16 and layer.kernel.dtype == "float32"
    np.testing.assert_allclose(tf.cast(y, "float32"), full(x), atol=0.05)


def test_an_unknown_batch_in_a_graph():
    layer = MinibatchDiscrimination(7, 3)
    layer.build((None, 4))
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, 4))])
    for batch in (1, 6):
        x = _normal(batch, 4)
        np.testing.assert_allclose(graph(x), layer(x), atol=1e-6)
    assert layer.compute_output_shape((None, 4)) == (None, 11)


def test_round_trip(tmp_path):
    layer = MinibatchDiscrimination(7, 3, kernel_initializer="he_normal")
    model, x = keras.Sequential([keras.Input((4,)), layer]), _normal(6, 4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].get_config() == layer.get_config()
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("sizes", [{"num_kernels": 0}, {"kernel_dim": 1.5}])
def test_sizes_that_are_none(sizes):
    (name, value) = next(iter(sizes.items()))
    with pytest.raises(ValueError, match=f"{name} must be a positive int. Received: {name}={value}"):
        MinibatchDiscrimination(**sizes)
