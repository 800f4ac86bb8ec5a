"""The presets of BGAN's chapter, against its tables."""

import dataclasses

import pytest

from qrkeras import presets
from qrkeras.families.gan import mixed
from qrkeras.families.gan.schema import BatchSmoothing, Mixup

POINTS = [f"{method}-{data}" for data in ("squares", "circles") for method in ("nsgan", "mixup", "bgan", "mbgan")]
METHODS = ("mbgan", "bgan", "bgan-pure", "sngan", "gan-gp", "wgan-gp-sngan", "minibatch")
IMAGES = [f"{method}-{data}" for data in ("digits", "cifar10", "stl10", "celeb_a") for method in METHODS]


def test_names():
    assert set(mixed.PRESETS) == {*POINTS, *IMAGES, "nsgan-celeb_a", "sngan-hinge-stl10"}


@pytest.mark.parametrize("name", POINTS)
def test_squares_and_circles(name):
    # Section 4.5.1: three layers of 512, two latents, Adam's defaults, five discriminator steps; Fig. 4.3's steps.
    preset = presets.get(name)
    method, data = name.split("-")
    assert preset.data.name == {"squares": "grid25", "circles": "ring8"}[data]
    assert (preset.network.width, preset.network.hidden_layers, preset.latent_dim, preset.prior) == (
        512,
        3,
        2,
        "normal",
    )
    for optimizer in (preset.generator_optimizer, preset.discriminator_optimizer):
        assert (optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2) == (1e-3, 0.9, 0.999)
    assert (preset.discriminator_steps, preset.steps, preset.batch_size) == (5, 20_000, 128)
    assert {10, 100, 1_000, 10_000, 20_000} <= set(preset.sample_every) and preset.steps_per_execution == 10
    assert preset.network.equivariant == (method in ("bgan", "mbgan"))
    if method == "mixup":
        assert preset.loss == Mixup(0.2)
    if preset.network.equivariant:
        assert preset.loss == BatchSmoothing(0.3, {"bgan": "outputs", "mbgan": "losses"}[method])


@pytest.mark.parametrize("data", ["cifar10", "stl10"])
def test_images(data):
    # Section 4.5.2: Adam 2e-4, 0.5, 0.999; 400,000 updates of both networks; Miyato 2018: 5,000 against 10,000.
    for method in METHODS:
        preset = presets.get(f"{method}-{data}")
        updates = preset.steps * (1 + preset.discriminator_steps)
        assert 400_000 - updates < 1 + preset.discriminator_steps
        assert (preset.batch_size, preset.latent_dim, preset.prior) == (64, 128, "normal")
        for optimizer in (preset.generator_optimizer, preset.discriminator_optimizer):
            assert (optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2) == (2e-4, 0.5, 0.999)
        assert (preset.evaluate_samples, preset.evaluate_references) == (5_000, 10_000)
        assert preset.data.image_size == {"cifar10": 32, "stl10": 48}[data]


def test_faces():
    # Section 4.5.3: Adam with beta_1 = 0, beta_2 = 0.9, alpha = 1e-4, one update of each.
    for method in ("nsgan", "bgan", "bgan-pure", "mbgan"):
        preset = presets.get(f"{method}-celeb_a")
        optimizer = preset.generator_optimizer
        assert (optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2) == (1e-4, 0.0, 0.9)
        assert (preset.discriminator_steps, preset.steps, preset.data.image_size) == (1, 66_000, 64)


@pytest.mark.parametrize("data", ["digits", "cifar10", "stl10", "celeb_a"])
def test_methods_differ_in_what_they_are_named_after(data):
    found = {method: presets.get(f"{method}-{data}") for method in METHODS}
    mbgan = found["mbgan"]
    assert mbgan.loss == BatchSmoothing(0.5, "losses") and mbgan.network.batch_features == "equivariant"
    assert dataclasses.replace(found["bgan"], loss=mbgan.loss) == mbgan
    assert found["bgan-pure"].loss == BatchSmoothing(0.0, "outputs")
    plain = dataclasses.replace(
        found["sngan"], network=dataclasses.replace(found["sngan"].network, spectral_norm=False)
    )
    assert plain.network.batch_features is None and found["sngan"].network.spectral_norm
    assert dataclasses.replace(found["gan-gp"], gradient_penalty=None) == plain
    assert found["gan-gp"].gradient_penalty == found["wgan-gp-sngan"].gradient_penalty == 10
    assert found["wgan-gp-sngan"].discriminator_steps == 5
    assert found["minibatch"].network.batch_features == "minibatch"
