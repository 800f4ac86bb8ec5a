"""Vector quantisation: nearest codes, gradients, the start from data, perplexity."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import VectorQuantizer, initializing, perplexity

RNG = np.random.default_rng(0)


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _built(num_codes=6, dimensions=3):
    layer = VectorQuantizer(num_codes)
    layer.build((None, dimensions))
    layer.codebook.assign(_normal(num_codes, dimensions))
    return layer


def test_by_hand():
    # e = {0, 1}, f = 0.3: code 0, distance 0.09. d|sg(f) - e|^2 / de = -0.6, d|f - sg(e)|^2 / df = 0.6; the decoder's
    # gradient, here 5, arrives at f as it is.
    layer = VectorQuantizer(2)
    layer.build((None, 1))
    layer.codebook.assign([[0.0], [1.0]])
    f = tf.constant([[0.3]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(f)
        output, codes, codebook_loss, encoder_loss = layer(f)
        decoded = 5 * output
    assert codes.numpy().tolist() == [0] and float(output[0, 0]) == 0.0
    np.testing.assert_allclose([codebook_loss, encoder_loss], np.full((2, 1), 0.09), rtol=1e-6)
    np.testing.assert_allclose(tf.convert_to_tensor(tape.gradient(codebook_loss, layer.codebook)), [[-0.6], [0]])
    np.testing.assert_allclose(tape.gradient(encoder_loss, f), [[0.6]])
    np.testing.assert_allclose(tape.gradient(decoded, f), [[5.0]])
    assert tape.gradient(codebook_loss, f) is None
    assert tape.gradient(encoder_loss, layer.codebook) is None and tape.gradient(decoded, layer.codebook) is None


def test_codes_are_the_nearest_rows():
    layer, f = _built(), _normal(2, 4, 5, 3)
    distances = np.square(f[..., None, :] - layer.codebook.numpy()).sum(axis=-1)
    output, codes, codebook_loss, encoder_loss = layer(f)
    np.testing.assert_array_equal(codes, distances.argmin(axis=-1))
    np.testing.assert_allclose(output, layer.codebook.numpy()[codes], atol=1e-6)
    np.testing.assert_array_equal(layer.look_up(codes), layer.codebook.numpy()[codes])
    np.testing.assert_allclose(codebook_loss, distances.min(axis=-1), rtol=1e-4)
    np.testing.assert_array_equal(codebook_loss, encoder_loss)


def test_started_from_data_the_codebook_holds_encodings():
    layer, f = _built(6), _normal(4, 3, 3, 3)
    with initializing():
        layer(f)
    # 36 encodings, every sixth.
    np.testing.assert_array_equal(layer.codebook, f.reshape(36, 3)[::6])
    assert perplexity(layer(f)[1], 6) > 1
    kept = layer.codebook.numpy()
    layer(2 * f)
    np.testing.assert_array_equal(layer.codebook, kept)
    message = "at least as many encodings as there are codes, 6, to begin with. Received: 5"
    with pytest.raises(ValueError, match=message), initializing():
        layer(f.reshape(36, 3)[:5])


def test_descending_its_loss_moves_codes_to_the_means_of_their_encodings():
    layer, f = _built(2, 1), np.array([[0.0], [0.2], [0.9], [1.3]], "float32")
    layer.codebook.assign([[0.3], [0.7]])
    optimizer = keras.optimizers.SGD(0.1)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(f)[2])
        optimizer.apply([tape.gradient(loss, layer.codebook)], [layer.codebook])
    np.testing.assert_allclose(layer.codebook, [[0.1], [1.1]], atol=1e-4)


def test_perplexity_by_hand():
    # Shares 1/2, 1/4, 1/4: entropy 3/2 log 2, perplexity 2^1.5. All alike: 1. Each once: K.
    assert float(perplexity(np.array([[0, 0], [1, 2]]), 5)) == pytest.approx(2**1.5)
    assert float(perplexity(np.full((3, 2), 4), 5)) == pytest.approx(1)
    assert float(perplexity(np.arange(7), 7)) == pytest.approx(7, rel=1e-5)
    compiled = tf.function(perplexity, jit_compile=True)  # XLA has no count of unknown length
    assert float(compiled(tf.constant([[0, 0], [1, 2]]), 5)) == pytest.approx(2**1.5)


def test_float32_whatever_the_policy_and_round_trip(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input((4, 4, 3))
        model = keras.Model(inputs, VectorQuantizer(7, embeddings_initializer="glorot_uniform")(inputs))
    finally:
        keras.config.set_dtype_policy("float32")
    outputs = model(_normal(2, 4, 4, 3))
    assert [y.dtype.name for y in outputs] == ["float32", "int32", "float32", "float32"]
    for symbolic, y in zip(model.outputs, outputs, strict=True):
        assert symbolic.shape[1:] == tuple(y.shape[1:]) and symbolic.dtype == y.dtype.name
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_errors():
    with pytest.raises(ValueError, match="num_codes must be a positive int. Received: num_codes=0"):
        VectorQuantizer(0)
