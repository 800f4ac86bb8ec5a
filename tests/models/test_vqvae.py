"""VQ-VAE: losses and who moves what, bits, codebook from data, samples, saving, what is served."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax
from scipy.stats import logistic

from qrkeras import networks
from qrkeras.layers import VectorQuantizer
from qrkeras.models import VQVAE
from qrkeras.models.noise import NOISE, BatchNoise
from qrkeras.models.reports import Batch
from tests.support.going_on import reloaded
from tests.support.weights import assert_equal

RNG = np.random.default_rng(0)
IMAGES = np.round(255 * RNG.integers(0, 17, (32, 8, 8, 1)) / 16).astype("uint8")
CODES, PLACES, D = 6, 16, 64


def prior(num_codes=CODES, size=4, **options):
    sizes = {"blocks": 2, "kernel_size": 3, "planes": 4, "output_planes": 8}
    return networks.pixelcnn(
        size, 1, **sizes, **{"num_outputs": num_codes, "num_categories": num_codes, "seed": 3, **options}
    )


def model(run_eagerly=True, learned=None, learning_rate=5e-3, **options):
    sizes = {"channels": 1, "code_dim": 3, "width": 8, "hidden_layers": 1, "residual_blocks": 1}
    parts = networks.vqvae_encoder(8, **sizes, seed=1), networks.vqvae_decoder(8, **sizes, seed=2)
    result = VQVAE(*parts, VectorQuantizer(CODES, "zeros"), learned or prior(), **{"levels": 17, **options})
    result.initialize(IMAGES)
    result.compile(keras.optimizers.Adam(learning_rate), keras.optimizers.Adam(learning_rate), run_eagerly=run_eagerly)
    return result


def fit(model, x=IMAGES, epochs=1):
    return model.fit(x, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


def measured(m, images=IMAGES):
    return {name: float(x) for name, x in m.measures(Batch(images), BatchNoise(m, len(images), NOISE, 0), True).items()}


def nearest(m, images=IMAGES):
    """Features, codes and rows of the codebook, by brute force."""
    features = m.encoder(images / np.float32(127.5) - 1).numpy()
    rows = m.codebook.codebook.numpy()
    codes = np.square(features[..., None, :] - rows).sum(axis=-1).argmin(axis=-1)
    return features, codes, rows[codes]


def by_numpy(m, images=IMAGES):
    """Nats of images, distances of features from their codes, nats of codes: `(batch,)` each."""
    features, codes, rows = nearest(m, images)
    means, scale = m.decoder(rows).numpy().astype("float64"), np.exp(m.log_scale.numpy())
    j = np.round(images / 255 * 16)  # 17 levels, bins of 2/16 around 2 j / 16 - 1
    lower = np.where(j == 0, -np.inf, (j - 0.5) / 8 - 1)
    upper = np.where(j == 16, np.inf, (j + 0.5) / 8 - 1)
    p = logistic.cdf(upper, means, scale) - logistic.cdf(lower, means, scale)
    logits = log_softmax(m.prior(codes[..., None]).numpy()[:, :, :, 0], axis=-1)
    log_prior = np.take_along_axis(logits, codes[..., None], axis=-1)
    distances = np.square(features - rows).sum(axis=(1, 2, 3))
    return -np.log(p).sum(axis=(1, 2, 3)), distances, -log_prior.sum(axis=(1, 2, 3))


def test_losses_and_reports_by_numpy():
    m = model(commitment=0.5)
    m.log_scale.assign([-1.5])
    nats, distances, prior_nats = by_numpy(m)
    found = measured(m)
    assert distances.mean() > 1e-3, "distances that are nothing prove nothing"
    assert found["loss"] == pytest.approx((nats.mean() + 1.5 * distances.mean()) / D, rel=1e-4)
    assert found["prior_loss"] == pytest.approx(prior_nats.mean() / PLACES, rel=1e-4)
    assert found["bits_per_dim"] == pytest.approx((nats + prior_nats).mean() / D / np.log(2), rel=1e-4)
    uniform = nats.mean() + PLACES * np.log(CODES)
    assert found["uniform_bits_per_dim"] == pytest.approx(uniform / D / np.log(2), rel=1e-4)
    shares = np.bincount(nearest(m)[1].ravel(), minlength=CODES) / (32 * PLACES)
    shares = shares[shares > 0]
    assert found["perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-4)
    assert 1 < found["perplexity"] <= CODES


def test_each_loss_moves_its_own_parts():
    m = model()
    with tf.GradientTape(persistent=True) as tape:
        found = m.measures(Batch(IMAGES), BatchNoise(m, 32, NOISE, 0), True)
    own = [*m.encoder.weights, *m.decoder.weights, *m.codebook.weights, m.log_scale]
    assert {id(v) for v in m.moved_by("loss")} == {id(v) for v in own}
    assert {id(v) for v in m.moved_by("prior_loss")} == {id(v) for v in m.prior.weights}
    assert len(own) + len(m.prior.weights) == len(m.trainable_variables)
    assert all(g is not None for g in tape.gradient(found["loss"], own))
    assert all(g is not None for g in tape.gradient(found["prior_loss"], m.prior.weights))
    assert all(g is None for g in tape.gradient(found["prior_loss"], own)), "codes are whole numbers"
    assert all(g is None for g in tape.gradient(found["loss"], m.prior.weights))


def test_commitment_weighs_the_encoders_distance_and_not_the_codebooks():
    found = []
    for commitment in (0.0, 2.0):
        m = model(commitment=commitment)
        with tf.GradientTape() as tape:
            loss = m.measures(Batch(IMAGES), BatchNoise(m, 32, NOISE, 0), True)["loss"]
        gradients = tape.gradient(loss, [m.codebook.codebook, m.encoder.weights[0]])
        found.append([tf.convert_to_tensor(g).numpy() for g in gradients])
    (codebook, encoder), (same, other) = found
    assert np.abs(codebook).max() > 1e-3
    np.testing.assert_allclose(same, codebook, rtol=1e-4, atol=1e-7)
    assert np.abs(other - encoder).max() > 1e-3


def test_the_codebook_begins_as_encodings():
    m = model()
    features = m.encoder(IMAGES / np.float32(127.5) - 1).numpy().reshape(-1, 3)
    np.testing.assert_allclose(m.codebook.codebook, features[np.arange(CODES) * len(features) // CODES], atol=1e-6)
    with pytest.raises(ValueError, match="Received: 6 for 4 encodings of 4 images. Choose fewer codes, or give more"):
        tiny = networks.vqvae_encoder(2, 1, 3, 4, 1, 1), networks.vqvae_decoder(2, 1, 3, 4, 1, 1)
        VQVAE(*tiny, VectorQuantizer(CODES), prior(size=1)).initialize(IMAGES[:4, :2, :2])


def test_it_learns_images_and_codes():
    m = model(run_eagerly=False)
    patterns = np.repeat(IMAGES[:4], 8, axis=0)
    history = fit(m, patterns, epochs=60)
    assert history["loss"][-1] < history["loss"][0] - 0.3
    assert history["prior_loss"][-1] < np.log(CODES) - 0.2, "uniform codes cost log K"
    error = np.abs(m.reconstruct(IMAGES[:4]).astype(int) - IMAGES[:4]).mean()
    assert error < 0.6 * np.abs(IMAGES[:4] - IMAGES[:4].mean()).mean()
    assert history["bits_per_dim"][-1] < history["uniform_bits_per_dim"][-1] - 0.05
    found = m.evaluate(IMAGES[:4], verbose=0, return_dict=True)
    assert m.bits_per_dim(IMAGES[:4]).mean() == pytest.approx(found["bits_per_dim"], rel=1e-5)


def test_a_second_stage_polishes_the_prior_alone():
    m = model(run_eagerly=False)
    m.freeze("encoder", "decoder", "codebook")
    before = {name: [w.numpy().copy() for w in part.weights] for name, part in m.parts.items()}
    fit(m, epochs=2)
    for name in ("encoder", "decoder", "codebook"):
        assert_equal(before[name], [w.numpy() for w in m.parts[name].weights])
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before["prior"], [w.numpy() for w in m.prior.weights]))


def test_bits_per_dim_counts_what_is_drawn():
    m = model()
    nats, _, prior_nats = by_numpy(m)
    bits = m.bits_per_dim(IMAGES, batch_size=5)
    np.testing.assert_allclose(bits, (nats + prior_nats) / D / np.log(2), rtol=1e-4)
    np.testing.assert_array_equal(m.bits_per_dim(IMAGES[:3], samples=20, seed=4), m.bits_per_dim(IMAGES[:3]))


def test_samples_are_decoded_codes_of_the_prior():
    learned = prior()
    learned.head[-1].bias.assign([0, 0, 0, 50.0, 0, 0])  # code 3 everywhere
    m = model(learned=learned)
    many = m.sample(5, seed=7)
    assert many.shape == (5, 8, 8, 1) and many.dtype == np.uint8
    means = m.decoder(np.tile(m.codebook.codebook.numpy()[3], (1, 4, 4, 1))).numpy()
    np.testing.assert_allclose(many, np.tile(np.clip(np.round((means + 1) * 127.5), 0, 255), (5, 1, 1, 1)), atol=1)
    learned.head[-1].bias.assign(np.zeros(CODES))
    several = m.sample(5, seed=7)
    np.testing.assert_array_equal(m.sample(3, seed=7, batch_size=2), several[:3])
    assert len(np.unique(several.reshape(5, -1), axis=0)) == 5


def test_codes_and_lines():
    m = model()
    features, _, rows = nearest(m, IMAGES[:4])
    np.testing.assert_allclose(m.encode(IMAGES[:4]), features.reshape(4, -1), atol=1e-5)
    grey = np.clip(np.round((m.decoder(rows).numpy() + 1) * 127.5), 0, 255)
    np.testing.assert_allclose(m.reconstruct(IMAGES[:4]), grey, atol=1)
    np.testing.assert_allclose(m(IMAGES[:4] / np.float32(127.5) - 1), m.decoder(rows), atol=1e-5)
    line = m.interpolate(IMAGES[:2], IMAGES[2:4], steps=3)
    np.testing.assert_array_equal(line[:, 0], m.reconstruct(IMAGES[:2]))


def test_a_reloaded_model_goes_on_as_if_never_stopped(tmp_path):
    def made():
        return model(run_eagerly=False, seed=3, commitment=0.5)

    with reloaded(made, lambda m, halves: fit(m, epochs=halves), tmp_path) as (half, again):
        assert type(again) is VQVAE and (again.commitment, again.levels, again.step) == (0.5, 17, 4)
        np.testing.assert_array_equal(again.sample(3), half.sample(3))


def test_what_is_served(tmp_path):
    m = model()
    assert set(m.signatures()) == {"sample", "reconstruct", "score"}
    m.export(tmp_path / "served", verbose=0)
    served = tf.saved_model.load(tmp_path / "served").signatures
    np.testing.assert_allclose(
        served["score"](images=tf.constant(IMAGES[:2]))["bits_per_dim"], m.bits_per_dim(IMAGES[:2]), rtol=1e-4
    )
    seeds = tf.constant([[5, 0], [5, 1]], "int32")
    np.testing.assert_array_equal(served["sample"](seed=seeds)["images"], m.sample(2, seed=5))


def test_errors():
    good = model()
    sizes = {"channels": 1, "code_dim": 2, "width": 4, "hidden_layers": 1}
    for parts, message in (
        ((good.encoder, networks.vqvae_decoder(8, **sizes), good.codebook, good.prior), "decoder must take the enc"),
        ((good.encoder, networks.vqvae_decoder(8, 2, 3, 4, 1), good.codebook, good.prior), "decoder must make images"),
        ((good.encoder, good.decoder, VectorQuantizer(5), good.prior), "prior must be pixelcnn.4, 1, num_outputs=5"),
        ((good.encoder, good.decoder, good.codebook, prior(num_categories=None)), "num_categories=None"),
        ((good.encoder, good.decoder, good.codebook, prior(size=3)), r"Received one of images \(3, 3, 1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            VQVAE(*parts)
    with pytest.raises(ValueError, match="commitment must be 0 or positive. Received: -1"):
        model(commitment=-1)
    with pytest.raises(ValueError, match="levels must be 2 to 256. Received: 257"):
        model(levels=257)
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="optimizer and prior_optimizer must be two objects"):
        good.compile(adam, adam)
