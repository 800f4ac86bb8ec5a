"""What a GAN's step computes, against the same taken apart: modes of batch normalisation, fractions of the penalty."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.losses import BatchSmoothing, LeastSquares, Mixup, Wasserstein
from qrkeras.models import GAN, step
from qrkeras.models.noise import EVALUATION, INTERPOLATION, NOISE, BatchNoise, stream

REAL = np.random.default_rng(0).normal(1.0, 2.0, (8, 2)).astype("float32")


def normalised(inputs, outputs, seed):
    """A perceptron whose batch normalisation has moving statistics far from those of any batch."""
    initializers = [keras.initializers.GlorotUniform(seed + i) for i in range(2)]
    network = keras.Sequential([
        keras.Input((inputs,)),
        keras.layers.Dense(5, "tanh", kernel_initializer=initializers[0]),
        keras.layers.BatchNormalization(momentum=0.5),
        keras.layers.Dense(outputs, kernel_initializer=initializers[1]),
    ])  # fmt: skip
    network.layers[1].moving_mean.assign(np.full(5, 3.0))
    network.layers[1].moving_variance.assign(np.full(5, 9.0))
    return network


def still(update, **options):
    """A GAN whose weights do not move."""
    model = GAN(normalised(3, 2, 10), normalised(2, 1, 20), 3, LeastSquares(), seed=4, **options)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), update=update, run_eagerly=True)
    return model


def losses(model):
    return {name: values[0] for name, values in model.fit(REAL, batch_size=8, shuffle=False, verbose=0).history.items()}


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_both_networks_train_on_the_statistics_of_their_batch(update):
    model = still(update)
    # The generator's loss is of the same noise (Algorithm 1), or of fresh noise.
    noises = [
        model.noise((8, 3), stream(model.random_state, NOISE, i))
        for i in ((0, 0) if update == "simultaneous" else (0, 1))
    ]
    fakes = [model.generator(noise, training=True) for noise in noises]
    outputs = [model.discriminator(x, training=True).numpy() for x in (REAL, *fakes)]
    # LSGAN: ((o_real - 1)^2 + o_fake^2) / 2 and (o_fake - 1)^2 / 2.
    expected = {
        "d_loss": (np.mean((outputs[0] - 1) ** 2) + np.mean(outputs[1] ** 2)) / 2,
        "g_loss": np.mean((outputs[2] - 1) ** 2) / 2,
    }
    assert losses(still(update)) == pytest.approx(expected, rel=1e-5)


def test_a_judgement_depends_on_no_other_example():
    model = still("simultaneous")
    many = model.realism(REAL)
    np.testing.assert_allclose([model.realism(REAL[i : i + 1])[0] for i in range(8)], many, rtol=1e-5, atol=1e-6)
    inference = model.discriminator(REAL, training=False).numpy()[:, 0]
    np.testing.assert_allclose(many, inference, rtol=1e-5, atol=1e-6)


def test_the_penalty_is_taken_between_each_pair():
    critic = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    rng = np.random.default_rng(1)
    critic.set_weights([rng.normal(size=w.shape).astype("float32") for w in critic.get_weights()])
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model = GAN(generator, critic, 2, Wasserstein(), gradient_penalty=3.0, seed=4)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(1.0), run_eagerly=True)
    fakes = generator(model.noise((8, 2), stream(model.random_state, NOISE)))
    fractions = tf.random.stateless_uniform([8], stream(model.random_state, INTERPOLATION)).numpy()
    assert np.ptp(fractions) > 0.5, "a fraction for each pair"
    points = fractions[:, None] * REAL + (1 - fractions[:, None]) * fakes
    w1, b1, w2, _ = critic.trainable_variables
    with tf.GradientTape() as tape:
        # D(x) = w2 . tanh(x W1 + b1): its gradient is W1 (w2 (1 - tanh^2)).
        slopes = ((1 - tf.tanh(points @ w1 + b1) ** 2) * w2[:, 0]) @ tf.transpose(w1)
        penalty = tf.reduce_mean((tf.norm(slopes, axis=1) - 1) ** 2)
        loss = tf.reduce_mean(critic(fakes)) - tf.reduce_mean(critic(REAL)) + 3.0 * penalty
    before = critic.get_weights()
    gradients = tape.gradient(loss, critic.trainable_variables)
    losses(model)
    for old, gradient, new in zip(before, gradients, critic.get_weights(), strict=True):
        np.testing.assert_allclose(new, old - gradient.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_mixtures_and_their_complements_are_shown(update):
    objective = Mixup(0.5)
    model = GAN(normalised(3, 2, 10), normalised(2, 1, 20), 3, objective, seed=4)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), update=update, run_eagerly=True)
    expected, twin = {}, still(update)  # whose statistics do not move before they are looked at
    for name, place in (("d_loss", 0), ("g_loss", 0 if update == "simultaneous" else 1)):
        seed = stream(twin.random_state, NOISE, place)
        uniforms = tf.random.stateless_uniform([8, 2], tf.random.experimental.stateless_fold_in(seed, 0))
        shares = objective.shares(uniforms)
        assert float(tf.math.reduce_std(shares)) > 0
        fake = twin.generator(twin.noise((8, 3), seed), training=True)
        first = shares[:, None] * REAL + (1 - shares[:, None]) * fake
        outputs = [twin.discriminator(x, training=True) for x in (first, REAL + fake - first)]
        total = {
            "d_loss": objective.discriminator(*outputs, shares),
            "g_loss": objective.generator(*outputs[::-1], shares),
        }
        expected[name] = float(total[name])
    assert losses(model) == pytest.approx(expected, rel=1e-5)


def test_shares_are_fresh_in_each_update_and_the_same_in_each_evaluation():
    model = still("alternating")
    seen = []
    for use, place in ((NOISE, 0), (NOISE, 1), (EVALUATION, 0), (EVALUATION, 0)):
        whole, own = BatchNoise(model, 4, use, place).shares(BatchSmoothing().shares)
        np.testing.assert_array_equal(whole, own)
        seen.append(BatchNoise(model, 4, use, place).shares(lambda uniforms: uniforms)[0].numpy())
    assert np.any(seen[0] != seen[1]) and np.any(seen[0] != seen[2])
    np.testing.assert_array_equal(seen[2], seen[3])
    z = BatchNoise(model, 4, NOISE, 0)("z").numpy()
    assert np.abs(np.corrcoef(z[:, :2].ravel(), seen[0].ravel())[0, 1]) < 0.99, "another stream than the noise's"


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_no_weight_moves_before_all_that_the_old_ones_give_is_there(update, monkeypatch):
    model = GAN(normalised(3, 2, 10), normalised(2, 1, 20), 3, LeastSquares(), seed=4)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), update=update)
    moves = []

    def move(model, player, gradients):
        moves.append((player, set(tf.no_op().control_inputs), {gradient.op for gradient in gradients}))

    monkeypatch.setattr(step, "_move", move)
    tf.function(lambda: step.take(model, model._batch(tf.constant(REAL)))).get_concrete_function()
    assert [player for player, _, _ in moves] == ["d_total", "g_loss"]
    for _, waits_for, gradients in moves:
        assert gradients <= waits_for
    if update == "simultaneous":
        assert moves[0][1] == moves[1][1], "each player for the gradients of both"
