"""bfloat16: what is computed in it and what is not, saving, going on, refusal of float16."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras import models, networks, presets
from qrkeras.experiments import build
from qrkeras.families.preset import Data
from qrkeras.losses import QuantileRegression, Wasserstein
from qrkeras.models.noise import NOISE, BatchNoise
from qrkeras.models.reports import Batch
from tests.support import golden

KINDS = ("tiny_points", "tiny_images", "tiny_pixels", "tiny_latents")
LONG = ("hierarchy", "codes")


@pytest.fixture
def hierarchy():
    return dataclasses.replace(golden.tiny("iafvae-digits"), likelihood="dequantized_variational")


@pytest.fixture
def codes():
    return golden.tiny("vqvae-digits")


@pytest.fixture(params=[*KINDS, *(pytest.param(kind, marks=pytest.mark.long) for kind in LONG)])
def preset(request):
    return request.getfixturevalue(request.param)


def built(preset, precision):
    source = build.dataset(preset, labels=preset.takes_labels)
    halved = dataclasses.replace(preset, precision=precision, steps_per_execution=1)
    return build.model(halved, source, seed=0), source


def layers_of(model):
    return [layer for layer in model._flatten_layers(include_self=False) if layer.weights and not layer._layers]


def outputs(model):
    """What the loss is computed from, for fixed inputs."""
    if isinstance(model, models.GAN):
        fake = model.generator(model.noise((4, model.latent_dim), [1, 2]))
        return [fake, model.discriminator(fake)]
    images = tf.random.stateless_uniform((4, *model.example_shape), [1, 2], minval=-1)
    if isinstance(model, models.VAE):
        mean, log_variance = model.encoder(images)
        return [mean, log_variance, model.decoder(mean), model.log_scale]
    if isinstance(model, models.HierarchicalVAE):
        tau = model.noise((4, model.latent_dim), [3, 4])
        inferred = model.hierarchy(images, model.gaussian_noise(tau))
        dequantised = model.dequantizer(images, model.noise(images.shape, [5, 6]))
        return [inferred.outputs, inferred.log_ratio, *dequantised, model.log_scale]
    if isinstance(model, models.VQVAE):
        features = model.encoder(images)
        prior = model.prior(tf.zeros((4, *model.code_shape[:-1], 1), "int32"))
        return [features, model.decoder(features), prior, model.codebook(features)[2], model.log_scale]
    return [model.network(images, model.noise(images.shape, [3, 4]))]


def test_layers_compute_in_bfloat16_and_outputs_and_weights_are_float32(preset):
    (single, _), (half, _) = built(preset, "float32"), built(preset, "bfloat16")
    assert {layer.compute_dtype for layer in layers_of(single)} == {"float32"}
    assert "bfloat16" in {layer.compute_dtype for layer in layers_of(half)}
    assert {v.dtype for v in half.trainable_variables} == {"float32"}
    for a, b in zip(outputs(single), outputs(half), strict=True):
        assert keras.backend.standardize_dtype(b.dtype) == "float32"
        # Eight bits of mantissa: near, and not equal.
        np.testing.assert_allclose(a, b, atol=0.05, rtol=0.05)
    assert any(np.abs(np.asarray(a) - np.asarray(b)).max() > 0 for a, b in zip(outputs(single), outputs(half)))


def test_training_in_bfloat16_goes_on_exactly(preset, tmp_path):
    whole, source = built(preset, "bfloat16")
    half, _ = built(preset, "bfloat16")

    def fit(model, steps):
        batches = build.batches(preset, source, 0, model.step)
        return model.fit(batches.take(steps), steps_per_epoch=steps, shuffle=False, verbose=0).history

    losses = fit(whole, 4)
    assert np.all(np.isfinite([value for values in losses.values() for value in values]))
    fit(half, 2)
    half.save(tmp_path / "half.keras")
    again = keras.saving.load_model(tmp_path / "half.keras")
    assert [layer.compute_dtype for layer in layers_of(again)] == [layer.compute_dtype for layer in layers_of(half)]
    fit(again, 2)
    for a, b in zip(again.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_losses_and_penalty_are_float32_whatever_the_networks_return():
    wide = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="mixed_bfloat16")])
    critic = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False, dtype="mixed_bfloat16")])
    critic.layers[0].kernel.assign([[3.0], [4.0]])
    model = models.GAN(wide, critic, 3, Wasserstein(), gradient_penalty=10.0)
    model.compile()
    points = tf.ones((4, 2))
    # |w| = 5: 10 (5 - 1)^2 = 160, as in float32.
    assert float(10.0 * model.penalty(points, points, tf.ones(4))) == pytest.approx(160.0)
    assert model.whole_outputs(points, training=True).dtype == tf.float32
    measured = model.measures(Batch(points), BatchNoise(model, 4, NOISE, 0), training=True)
    assert {x.dtype for x in measured.values()} == {tf.float32}


def test_the_policy_outside_is_left_as_it_was(tiny_points):
    before = keras.config.dtype_policy()
    built(tiny_points, "bfloat16")
    with pytest.raises(ValueError, match="network must be Dcgan"):
        images = dataclasses.replace(tiny_points, data=Data("digits"))
        built(images, "bfloat16")
    assert keras.config.dtype_policy() is before
    assert networks.mlp(2, 2).layers[1].compute_dtype == "float32"
    assert QuantileRegression(4).fractions.dtype == "float32"


@pytest.mark.parametrize("precision", ["float16", "double", ""])
def test_other_precisions_are_refused(tiny_points, precision):
    message = "precision must be float32 or bfloat16.*float16 would need a loss scale for each network.*Received: "
    with pytest.raises(ValueError, match=f"{message}'{precision}'"):
        presets.check(dataclasses.replace(tiny_points, precision=precision))
