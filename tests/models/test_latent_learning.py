"""What a small AIQN-VAE learns, seeded: a decoder of an arch, and the distribution of its codes."""

import keras
import numpy as np
import pytest

from qrkeras import networks
from qrkeras.metrics import kernel_distance
from qrkeras.models import AIQNVAE


def arches(n, seed):
    """8 x 8 images of a bright spot on a half circle: one degree of freedom, and codes that are far from Gaussian."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, np.pi, n)
    y, x = np.mgrid[:8, :8]
    centre = np.stack([6 - 5 * np.sin(angle), 3.5 + 3 * np.cos(angle)])
    distance = (y - centre[0, :, None, None]) ** 2 + (x - centre[1, :, None, None]) ** 2
    return np.round(250 * np.exp(-distance / 3)).astype("uint8")[..., None]


@pytest.fixture(scope="module")
def model():
    sizes = {"channels": 1, "latent_dim": 4, "width": 8, "hidden_layers": 1}
    encoder, decoder = networks.vae_encoder(8, **sizes, seed=1), networks.vae_decoder(8, **sizes, seed=2)
    aiqn = networks.aiqn(4, 64, 3, seed=3)
    result = AIQNVAE(encoder, decoder, aiqn, kl_weight=0.5, latent_variance=0.1, average_decay=0.99)
    result.compile(keras.optimizers.Adam(3e-3), steps_per_execution=40)
    keras.utils.set_random_seed(1)  # of the order of images
    result.fit(arches(2560, 0), batch_size=64, epochs=30, verbose=0)
    return result


def test_codes_are_modelled_better_than_by_the_prior(model):
    codes = model.encode(arches(2000, 1))  # held out
    learned, prior = (kernel_distance(codes, model.sample_latents(2000, way=way)).mean for way in ("aiqn", "prior"))
    assert learned < 0.3 * prior


def test_samples_are_nearer_to_the_data_through_the_aiqn(model):
    real = arches(2000, 1).reshape(2000, -1) / 255
    distances = {
        way: kernel_distance(real, model.sample(2000, way=way).reshape(2000, -1) / 255).mean
        for way in ("aiqn", "prior")
    }
    assert distances["aiqn"] < 0.5 * distances["prior"]


def test_held_out_images_are_reconstructed(model):
    held_out = arches(500, 2)
    error = np.abs(model.reconstruct(held_out).astype(int) - held_out).mean()
    mean_image = np.abs(held_out.mean(axis=0) - held_out).mean()
    assert error < 0.3 * mean_image
    # A uniform byte costs 8 bits.
    assert model.bits_per_dim(held_out, 20).mean() < 6
