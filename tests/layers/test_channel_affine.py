"""Affine map of each channel: by hand, its log-determinant, the identity at first."""

import keras
import numpy as np
import tensorflow as tf

from qrkeras.layers import ChannelAffine


def _normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_by_hand():
    # Channels (1, 3), biases (1, -1), scales (log 2, log 3): y = (4, 6), log det of 2 x 5 places: 10 log 6.
    layer = ChannelAffine()
    x = np.broadcast_to(np.array([1, 3], "float32"), (4, 2, 5, 2))
    layer.build(x.shape)
    layer.set_weights([np.array([1, -1]), np.log([2, 3])])
    y, log_det = layer(x)
    np.testing.assert_allclose(y, np.broadcast_to([4, 6], x.shape), rtol=1e-6)
    np.testing.assert_allclose(log_det, np.full(4, 10 * np.log(6)), rtol=1e-6)
    np.testing.assert_allclose(layer.inverse(y), x, rtol=1e-6)


def test_identity_at_first():
    layer, x = ChannelAffine(), _normal(3, 4, 2, 5)
    y, log_det = layer(x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(log_det, np.zeros(3))
    assert layer.count_params() == 10 and len(layer.trainable_weights) == 2


def test_float32_whatever_the_policy_and_round_trip(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input((3, 3, 2))
        layer = ChannelAffine()
        model = keras.Model(inputs, layer(inputs))
    finally:
        keras.config.set_dtype_policy("float32")
    layer.set_weights([_normal(2), _normal(2)])
    x = _normal(4, 3, 3, 2)
    y, log_det = model(x)
    assert y.dtype == log_det.dtype == layer.inverse(tf.cast(x, "bfloat16")).dtype == tf.float32
    assert log_det.shape == (4,)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x)[0], y)
