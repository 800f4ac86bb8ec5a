"""PixelCNN++: its likelihood by NumPy, the start from data, dropout, draws, inpainting, saving, what is served."""

import itertools

import keras
import numpy as np
import pytest
from scipy.special import expit, logsumexp

from qrkeras import networks
from qrkeras.models import PixelCNNPlusPlus
from qrkeras.models.noise import EVALUATION, NOISE, BatchNoise
from qrkeras.models.pixelcnnpp import pixel_quantile
from tests.support.going_on import reloaded
from tests.support.pixel_sampling import plain_sample_pixels
from tests.support.weights import assert_equal

RNG = np.random.default_rng(0)
LEVELS = 5
IMAGES = np.round(255 * RNG.integers(0, LEVELS, (16, 4, 4, 3)) / (LEVELS - 1)).astype("uint8")
LABELS = RNG.integers(0, 3, 16).astype("int32")
MASK = np.tril(np.ones((4, 4), int))


def model(run_eagerly=True, channels=3, num_classes=None, levels=LEVELS, dropout=0.3, optimizer=None, **options):
    sizes = {"planes": 3, "blocks": 1, "resolutions": 2, "components": 2, "levels": levels, "dropout": dropout}
    network = networks.pixelcnnpp(4, channels, **sizes, num_classes=num_classes, seed=1)
    result = PixelCNNPlusPlus(network, **{"average_decay": 0.9, **options})
    result.compile(optimizer or keras.optimizers.Adamax(0.01), run_eagerly=run_eagerly)
    return result


def started(**options):
    result = model(**options)
    result.initialize(IMAGES[..., : options.get("channels", 3)], LABELS if options.get("num_classes") else None)
    return result


def fit(model, x=IMAGES, y=None, epochs=1):
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


def test_nats_by_numpy():
    m = started()
    outputs = m.network(IMAGES / np.float32(127.5) - 1).numpy().astype("float64")
    k = 2
    logits, rest = outputs[..., :k], outputs[..., k:].reshape(*outputs.shape[:-1], 9, k)
    means, scales, (a, b, c) = (
        rest[..., :3, :],
        np.maximum(rest[..., 3:6, :], -7),
        np.moveaxis(np.tanh(rest[..., 6:, :]), -2, 0),
    )
    j = np.round(IMAGES / 255 * (LEVELS - 1))
    red, green, _ = np.moveaxis(2 * j / (LEVELS - 1) - 1, -1, 0)[..., None]
    shifted = means[..., 0, :], means[..., 1, :] + a * red, means[..., 2, :] + b * red + c * green
    logs = logits - logsumexp(logits, axis=-1, keepdims=True)
    for colour, mean in enumerate(shifted):
        level, scale = j[..., colour, None], np.exp(scales[..., colour, :])
        upper = np.where(level == LEVELS - 1, np.inf, ((level + 0.5) * 2 / (LEVELS - 1) - 1 - mean) / scale)
        lower = np.where(level == 0, -np.inf, ((level - 0.5) * 2 / (LEVELS - 1) - 1 - mean) / scale)
        # On the side of the mean where the difference does not cancel.
        logs = logs + np.log(np.where(lower > 0, expit(-lower) - expit(-upper), expit(upper) - expit(lower)))
    nats = -logsumexp(logs, axis=-1).sum(axis=(1, 2)) / 48
    np.testing.assert_allclose(m.bits_per_dim(IMAGES, batch_size=5), nats / np.log(2), rtol=1e-4)
    result = m.evaluate(IMAGES, verbose=0, batch_size=9, return_dict=True)
    assert result["loss"] == pytest.approx(nats.mean(), rel=1e-4)
    assert result["bits_per_dim"] == pytest.approx(nats.mean() / np.log(2), rel=1e-4)


def test_probabilities_of_all_images_sum_to_one():
    # 4 pixels of 4 levels: 256 images.
    network = networks.pixelcnnpp(2, 1, planes=3, blocks=1, resolutions=2, components=2, levels=4, seed=1)
    m = PixelCNNPlusPlus(network)
    for weight in (*m.network.weights, *m.average.weights):
        weight.assign(weight + 0.1)
    every = np.array(list(itertools.product(range(4), repeat=4))).reshape(-1, 2, 2, 1)
    bits = m.bits_per_dim(np.round(255 * every / 3).astype("uint8")).astype("float64")
    assert (2.0 ** (-4 * bits)).sum() == pytest.approx(1, abs=1e-4)
    assert np.ptp(bits) > 0.1


def test_started_from_data_with_the_average():
    m, fresh = started(), model()
    out = m.average(IMAGES / np.float32(127.5) - 1).numpy()
    np.testing.assert_allclose(out.std(axis=(0, 1, 2)), 1, rtol=1e-3)
    assert_equal(m.network.get_weights(), m.average.get_weights())
    assert np.std(fresh.average(IMAGES / np.float32(127.5) - 1)) < 0.5
    by_class = started(num_classes=3)
    assert len(by_class.bits_per_dim(IMAGES, LABELS)) == 16


def test_dropout_while_it_trains_only_and_by_step_and_block():
    m = started()
    x = IMAGES / np.float32(127.5) - 1
    noise = BatchNoise(m, 16, NOISE, 0)
    drawn = noise.dropout("one", (4, 4, 6)).numpy()
    assert drawn.shape == (16, 4, 4, 6) and drawn.min() >= 0 and drawn.max() < 1
    assert np.abs(drawn - noise.dropout("two", (4, 4, 6))).max() > 0.5
    np.testing.assert_array_equal(noise.dropout("one", (4, 4, 6)), drawn)
    first = m.outputs(m.network, x, None, noise)
    assert np.abs(first - m.network(x)).max() > 1e-3
    batch = type("Batch", (), {"examples": IMAGES, "labels": None})
    training = m.losses(m.network, batch, noise, True)
    np.testing.assert_allclose(training, m.nats(IMAGES, first), rtol=1e-5)
    held_out = m.losses(m.network, batch, BatchNoise(m, 16, EVALUATION, 0), False)
    np.testing.assert_allclose(held_out, m.nats(IMAGES, m.network(x)), rtol=1e-5)
    m.random_state.assign([0, 1])
    assert np.abs(BatchNoise(m, 16, NOISE, 0).dropout("one", (4, 4, 6)) - drawn).max() > 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_draws_are_those_of_the_plain_sampler(channels):
    m = started(channels=channels)
    drawn = m.sample(5, seed=7)
    assert drawn.shape == (5, 4, 4, channels) and drawn.dtype == np.uint8
    assert set(np.unique(drawn)) <= set(np.round(255 * np.arange(LEVELS) / (LEVELS - 1)).astype(int))
    tau = m.noise_of_seeds(np.array([[7, i] for i in range(5)], "int32")).numpy()
    nothing = np.zeros((5, 4, 4), int)
    plain = plain_sample_pixels(
        m.average, tau, np.zeros(tau.shape, "float32"), nothing, None, lambda o, t: pixel_quantile(o, t, LEVELS)
    )
    np.testing.assert_array_equal(drawn, np.round((plain + 1) * 127.5))
    np.testing.assert_array_equal(m.sample(3, seed=7, batch_size=2), drawn[:3])


def test_drawn_pixels_are_those_of_uint8_images():
    # So the network sees what it was trained on: 64 for level 1 of 5, where 255 / 4 = 63.75.
    outputs, tau = RNG.normal(size=(64, 20)).astype("float32"), RNG.uniform(0.01, 0.99, (64, 3)).astype("float32")
    grey = (np.asarray(pixel_quantile(outputs, tau, LEVELS)) + 1) * 127.5
    np.testing.assert_allclose(grey, np.round(grey), atol=1e-3)
    assert set(np.unique(np.round(grey))) == {0, 64, 128, 191, 255}


def test_inpainting():
    m = started()
    odd = RNG.integers(0, 256, IMAGES.shape).astype("uint8")  # of no level
    painted = m.inpaint(odd, MASK, seed=1)
    np.testing.assert_array_equal(painted[:, MASK == 1], odd[:, MASK == 1])
    assert np.any(painted[:, MASK == 0] != m.inpaint(odd, MASK, seed=2)[:, MASK == 0])
    np.testing.assert_array_equal(m.inpaint(odd[:5], np.zeros((4, 4)), seed=7), m.sample(5, seed=7))
    whole = m.sample(4, seed=2)
    np.testing.assert_array_equal(m.inpaint(whole, MASK, seed=2), whole)
    sweep = [m.inpaint(odd, MASK, tau=tau)[:, 0, 1, 0].astype(int) for tau in (0.02, 0.3, 0.5, 0.7, 0.98)]
    assert np.all(np.diff(sweep, axis=0) >= 0) and np.any(sweep[-1] > sweep[0])


@pytest.mark.long
def test_it_learns_and_class_decides():
    # Images of one grey level each, which the class tells.
    flat = np.broadcast_to(np.array([0, 128, 255], "uint8")[LABELS][:, None, None, None], (16, 4, 4, 1))
    m = model(False, channels=1, num_classes=3, dropout=0.0, levels=3)
    m.initialize(flat, LABELS)
    losses = fit(m, flat, LABELS, epochs=120)["loss"]
    assert losses[-1] < 0.1 < losses[0]
    np.testing.assert_array_equal(m.sample(3, labels=[2, 0, 1])[:, 0, 0, 0], [255, 0, 128])
    wrong = m.bits_per_dim(flat, (LABELS + 1) % 3)
    assert np.all(wrong > m.bits_per_dim(flat, LABELS) + 0.1)


@pytest.mark.long  # test_plus goes on from a run, too
def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path):
    def made():
        return started(run_eagerly=False, seed=3)

    with reloaded(made, lambda m, halves: fit(m, epochs=halves), tmp_path) as (half, again):
        assert type(again) is PixelCNNPlusPlus and again.network.levels == LEVELS and again.step == 2
        np.testing.assert_array_equal(again.bits_per_dim(IMAGES), half.bits_per_dim(IMAGES))


def test_what_is_served(tmp_path):
    import tensorflow as tf

    m = started(num_classes=3)
    assert set(m.signatures()) == {"sample", "inpaint", "score"}
    m.export(tmp_path / "served", verbose=0)
    served = tf.saved_model.load(tmp_path / "served").signatures
    score = served["score"](images=tf.constant(IMAGES[:2]), label=tf.constant(LABELS[:2]))["bits_per_dim"]
    np.testing.assert_allclose(score, m.bits_per_dim(IMAGES[:2], LABELS[:2]), rtol=1e-4)
    sample = served["sample"](seed=tf.constant([[7, 0]]), label=tf.constant([1]))["images"]
    np.testing.assert_array_equal(sample, m.sample(1, seed=7, labels=1))


def test_errors():
    for network in (networks.pixelcnnpp(4, 1, 3, 1, 1, condition=(4, 4, 1)), networks.pixelcnn(4, 1, 1, 3, 2, 2)):
        with pytest.raises(ValueError, match=r"network must be pixelcnnpp\(\.\.\., condition=None\)"):
            PixelCNNPlusPlus(network)
    with pytest.raises(ValueError, match="uint8 images"):
        model().initialize(IMAGES.astype("float32"))
    with pytest.raises(ValueError, match="labels must hold class labels, 0 to 2"):
        model(num_classes=3).initialize(IMAGES)
