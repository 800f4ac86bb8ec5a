"""The bound of several latents in training: what it is, by an oracle and by NumPy; what it costs to measure."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from qrkeras import networks
from qrkeras.losses import gaussian_nats
from qrkeras.models import AIQNVAE, VAE, HierarchicalVAE
from qrkeras.models.latent import LatentModel, normal_quantile
from qrkeras.models.noise import NOISE, BatchNoise
from qrkeras.models.reports import Batch

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (16, 8, 8, 1)).astype("uint8")


class LinearGaussian(LatentModel):
    """z ~ N(0, 1), x ~ N(z, 1), q(z | x) = N(x / 2, variance); x is a grey level as it is."""

    def __init__(self, samples, variance):
        super().__init__((1, 1, 1), 1)
        self.importance_samples, self.log_scale = samples, math.log(variance) / 2

    def posterior(self, images, training=False):
        return ops.cast(images[:, 0, 0], "float32") / 2

    def infer(self, posterior, tau, training=False):
        z = posterior + math.exp(self.log_scale) * normal_quantile(tau)
        ratio = gaussian_nats(z, posterior, self.log_scale) - gaussian_nats(z, 0.0, 0.0)
        return z, ops.sum(ratio, axis=-1), z

    def outputs(self, latents):
        return latents

    def codes(self, images):
        return self.posterior(images)

    def reconstruction(self, images, outputs):
        return ops.sum(gaussian_nats(ops.cast(images[:, 0, 0], "float32"), outputs, 0.0), axis=-1)


@pytest.mark.parametrize(
    "samples, variance, expected",
    [
        # Of x = 1; log p = -1.515512, and the posterior is N(1/2, 1/2). By quadrature, S = 10 by 200,000 draws.
        (1, 0.5, -1.515512), (3, 0.5, -1.515512), (1, 1.0, -1.668939), (2, 1.0, -1.567304), (10, 1.0, -1.5234),
        (1, 0.25, -1.612086), (2, 0.25, -1.583050),
    ],
)  # fmt: skip
def test_the_bound_of_a_linear_gaussian(samples, variance, expected):
    model, n = LinearGaussian(samples, variance), 100_000
    images = np.ones((n, 1, 1, 1), "uint8")
    found = model.importance_weighted(images, model.posterior(images), BatchNoise(model, n, NOISE, 0), True)
    # One draw's deviation is below 0.7, so that 100,000 leave an error of 0.0022.
    assert -float(found["loss"]) == pytest.approx(expected, abs=1e-5 if variance == 0.5 else 0.006)
    assert float(found["bits_per_dim"]) == pytest.approx(float(found["loss"]) / math.log(2))
    # KL(N(1/2, v) || N(0, 1)) = (1/4 + v - 1 - log v) / 2.
    assert float(found["kl"]) == pytest.approx((variance - 0.75 - math.log(variance)) / 2, abs=0.01)


def vae(**options):
    sizes = {"channels": 1, "latent_dim": 2, "width": 2, "hidden_layers": 1}
    return VAE(networks.vae_encoder(8, seed=1, **sizes), networks.vae_decoder(8, seed=2, **sizes), **options)


def aiqnvae(**options):
    plain = vae()
    return AIQNVAE(plain.encoder, plain.decoder, networks.aiqn(2, 4, 1, seed=3), **options)


def hierarchical(**options):
    sizes = {"planes": (2,), "latent_planes": (1,), "blocks": (2,), "stem": (3, 2)}
    return HierarchicalVAE(networks.top_down(8, 1, **sizes, seed=1), **options)


BUILT = pytest.mark.parametrize("build", [vae, aiqnvae, hierarchical])


def measured(model, training=False):
    noise = BatchNoise(model, len(IMAGES), NOISE, 0)
    return {name: float(x) for name, x in model.measures(Batch(IMAGES), noise, training).items()}


@BUILT
def test_training_has_the_mean_weight_of_all_samples(build):
    model = build(importance_samples=3)
    noise, posterior = BatchNoise(model, len(IMAGES), NOISE, 0), model.posterior(IMAGES)
    drawn = [model.infer(posterior, noise("tau", s)) for s in range(3)]
    log_weights = np.array([ratio - model.reconstruction(IMAGES, outputs) for _, ratio, outputs in drawn], "float64")
    assert log_weights.std(axis=0).min() > 0, "each sample has noise of its own"
    bound = np.log(np.exp(log_weights - log_weights.max(axis=0)).mean(axis=0)) + log_weights.max(axis=0)
    found = measured(model)
    added = found.get("aiqn_loss", 0.0) * 2 / 64
    assert found["loss"] == pytest.approx(-bound.mean() / 64 + added, rel=1e-4)
    assert found["bits_per_dim"] == pytest.approx(-bound.mean() / 64 / np.log(2), rel=1e-4)
    assert found["kl"] == pytest.approx(-np.mean([ratio for _, ratio, _ in drawn]), rel=1e-4, abs=1e-5)
    assert found["bits_per_dim"] < np.mean(-log_weights) / 64 / np.log(2)


@BUILT
def test_it_trains_and_comes_back(build, tmp_path):
    model = build(importance_samples=4)
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(IMAGES, batch_size=8, epochs=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.importance_samples == 4
    assert again.evaluate(IMAGES, verbose=0, return_dict=True) == model.evaluate(IMAGES, verbose=0, return_dict=True)


def test_networks_normalise_as_in_training():
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(64), keras.layers.BatchNormalization()])
    decoder.add(keras.layers.Reshape((8, 8, 1)))
    model = VAE(vae().encoder, decoder, importance_samples=2)
    assert measured(model, training=True)["loss"] != measured(model)["loss"]
    assert np.abs(decoder.layers[1].moving_mean.numpy()).max() > 0


@pytest.mark.parametrize(
    "build, options, message",
    [
        (vae, {"importance_samples": 0}, "importance_samples must be an int of at least 1. Received: 0"),
        (vae, {"importance_samples": 2.0}, "importance_samples must be an int of at least 1. Received: 2.0"),
        (vae, {"importance_samples": 2, "kl_weight": 0.5}, "with kl_weight 1. Received: 2 and kl_weight=0.5"),
        (aiqnvae, {"importance_samples": 2, "latent_variance": 0.1}, "with latent_variance 1. Received: 2 and latent_"),
        (hierarchical, {"importance_samples": 2, "free_nats": 0.1}, "with free_nats 0. Received: 2 and free_nats=0.1"),
    ],
)
def test_what_is_no_bound_is_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_memory_of_measuring_does_not_grow_with_samples():
    model = hierarchical()
    function = tf.function(model.bound)
    inputs = tf.TensorSpec((8, 8, 8, 1), "uint8"), tf.TensorSpec((8, 2), "int32")
    sizes = [len(function.get_concrete_function(*inputs, samples).graph.as_graph_def().node) for samples in (2, 150)]
    assert sizes[0] == sizes[1], "samples are drawn in a loop and not side by side"
    few, many = (model.bits_per_dim(IMAGES[:4], samples).mean() for samples in (1, 150))
    assert many < few
