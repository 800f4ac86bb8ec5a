"""Affine couplings: by hand, masks, what depends on what, the way back, the log-determinant, the identity at first."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import ChannelCoupling, CheckerboardCoupling, initializing
from tests.support.causality import dependence

RNG = np.random.default_rng(0)
PARITIES = pytest.mark.parametrize("parity", [0, 1])
KINDS = pytest.mark.parametrize("kind", [CheckerboardCoupling, ChannelCoupling])
SHAPE = (3, 4, 2)


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _coupling(kind, parity, shape=SHAPE):
    """A coupling with weights that make it far from the identity, and what it is applied to."""
    coupling = kind(parity, width=4, blocks=1, seed=1)
    x = _normal(3, *shape)
    coupling.build(x.shape)
    for weight in coupling.weights:
        weight.assign(_normal(*weight.shape) * 0.5)
    return coupling, x


def _mask(kind, parity):
    """b, value by value, as the definition has it."""
    b = np.zeros(SHAPE, bool)
    for i, j, c in np.ndindex(*SHAPE):
        b[i, j, c] = (i + j + parity) % 2 if kind is CheckerboardCoupling else c // (SHAPE[-1] // 2) == parity
    return b


def test_by_hand():
    # x = (1, 3), b = (1, 0), s = log 2, t = -1: y = (1, 2 * 3 - 1), log det = log 2. tanh(first) exp(a) = s, with
    # exp(a) = 2 s and tanh(first) = 1 / 2.
    for coupling, x in (
        (CheckerboardCoupling(1, width=2, blocks=1), np.array([1, 3], "float32").reshape(1, 1, 2, 1)),
        (ChannelCoupling(0, width=2, blocks=1), np.array([1, 3], "float32").reshape(1, 1, 1, 2)),
    ):
        coupling.build(x.shape)
        coupling.conditioner.log_bound.assign([np.log(2 * np.log(2))])
        coupling.conditioner.convolutions[-1].bias.assign([np.arctanh(0.5), -1])
        y, log_det = coupling(x)
        np.testing.assert_allclose(np.ravel(y), [1, 5], rtol=1e-6)
        np.testing.assert_allclose(log_det, [np.log(2)], rtol=1e-6)
        np.testing.assert_allclose(np.ravel(coupling.inverse(y)), [1, 3], rtol=1e-6)


def test_against_tensorflow_probability():
    import tensorflow_probability as tfp

    # Its RealNVP keeps the first half of a vector; the same s and t.
    coupling, x = _coupling(ChannelCoupling, 0, (1, 1, 6))

    def shift_and_log_scale(kept, units, **_):
        log_scale, shift = coupling.conditioner(kept[:, None, None])
        return tf.reshape(shift, (-1, units)), tf.reshape(log_scale, (-1, units))

    bijector = tfp.bijectors.RealNVP(num_masked=3, shift_and_log_scale_fn=shift_and_log_scale)
    y, log_det = coupling(x)
    np.testing.assert_allclose(np.reshape(y, (3, 6)), bijector.forward(x.reshape(3, 6)), atol=1e-5)
    np.testing.assert_allclose(log_det, bijector.forward_log_det_jacobian(x.reshape(3, 6), event_ndims=1), atol=1e-5)


@KINDS
@PARITIES
def test_what_the_mask_keeps_is_kept_bit_for_bit_and_all_else_moves(kind, parity):
    coupling, x = _coupling(kind, parity)
    b = _mask(kind, parity)
    y, _ = coupling(x)
    for outputs in (y.numpy(), coupling.inverse(x).numpy()):
        np.testing.assert_array_equal(outputs[:, b], x[:, b])
        assert np.all(outputs[:, ~b] != x[:, ~b])


@KINDS
@PARITIES
def test_what_depends_on_what(kind, parity):
    coupling, x = _coupling(kind, parity)
    b = _mask(kind, parity).ravel()
    seen = dependence(lambda x: tf.reshape(coupling(x)[0], (1, -1, 1)), x[:1])[0].reshape(b.size, b.size) > 0
    np.testing.assert_array_equal(seen[b], np.eye(b.size, dtype=bool)[b])  # what is kept: itself
    moved = seen[~b]
    np.testing.assert_array_equal(moved[:, ~b], np.eye(b.size, dtype=bool)[np.ix_(~b, ~b)])  # itself, of what moves
    assert moved[:, b].all()  # and all that is kept: four 3x3 convolutions reach over 3 x 4 places


@KINDS
@PARITIES
def test_the_log_determinant_by_the_jacobian(kind, parity):
    coupling, x = _coupling(kind, parity)
    for image in x[:, None]:
        given = tf.constant(image)
        with tf.GradientTape() as tape:
            tape.watch(given)
            y, log_det = coupling(given)
            flat = tf.reshape(y, [-1])
        sign, expected = np.linalg.slogdet(tape.jacobian(flat, given).numpy().reshape(24, 24))
        assert sign == 1 and abs(expected) > 0.1
        np.testing.assert_allclose(log_det, [expected], atol=1e-5)


@KINDS
@PARITIES
def test_there_and_back(kind, parity):
    coupling, x = _coupling(kind, parity)
    np.testing.assert_allclose(coupling.inverse(coupling(x)[0]), x, atol=1e-5)
    np.testing.assert_allclose(coupling(coupling.inverse(x))[0], x, atol=1e-5)


@KINDS
def test_the_identity_at_first_and_after_the_start_from_data(kind):
    coupling, x = kind(1, width=4, blocks=1), 3 * _normal(8, *SHAPE) + 7
    for start in (False, True):
        if start:
            with initializing():
                coupling(x)
        y, log_det = coupling(x)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(log_det, np.zeros(8))
        np.testing.assert_array_equal(coupling.inverse(x), x)


@KINDS
def test_every_weight_trains(kind):
    coupling, x = _coupling(kind, 0)
    with tf.GradientTape() as tape:
        y, log_det = coupling(x)
        loss = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
    for gradient in tape.gradient(loss, coupling.trainable_weights):
        assert gradient is not None and np.all(np.abs(gradient).reshape(-1, gradient.shape[-1]).max(axis=0) > 0)
    assert len(coupling.trainable_weights) == 4 * 3 + 1


def test_number_of_weights():
    # [b x, b] of 6 channels and one mask to s and t of 6; the half of 3 to s and t of 3: 9 c f + 2 f each convolution.
    for kind, seen, moved in ((CheckerboardCoupling, 7, 6), (ChannelCoupling, 3, 3)):
        coupling = kind(0, width=4, blocks=1)
        coupling.build((None, 2, 2, 6))
        convolutions = (36 * seen + 8) + 2 * (144 + 8) + (36 * 2 * moved + 4 * moved)
        assert coupling.count_params() == convolutions + moved


@KINDS
def test_float32_whatever_the_policy_and_round_trip(kind, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input(SHAPE)
        coupling = kind(1, width=3, blocks=1, seed=3)
        model = keras.Model(inputs, coupling(inputs))
    finally:
        keras.config.set_dtype_policy("float32")
    for weight in coupling.weights:
        weight.assign(_normal(*weight.shape) * 0.5)
    x = _normal(2, *SHAPE)
    y, log_det = model(x)
    assert y.dtype == log_det.dtype == coupling.inverse(tf.cast(x, "bfloat16")).dtype == tf.float32
    full = kind(1, width=3, blocks=1)
    full.build(x.shape)
    full.set_weights(coupling.get_weights())
    np.testing.assert_array_equal(full(x)[0], y)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x)[0], y)
    assert loaded.layers[-1].get_config() == coupling.get_config()


def test_errors():
    with pytest.raises(ValueError, match="parity must be 0 or 1. Received: parity=2"):
        CheckerboardCoupling(2)
    with pytest.raises(ValueError, match="width must be a positive int. Received: width=0"):
        ChannelCoupling(0, width=0)
    with pytest.raises(ValueError, match="channels must be even in number, for two halves. Received: 3 channels"):
        ChannelCoupling(0).build((None, 4, 4, 3))
    with pytest.raises(ValueError, match=r"known height, width .* Received: input_shape=\(None, None, 4, 2\)"):
        CheckerboardCoupling(0).build((None, None, 4, 2))
