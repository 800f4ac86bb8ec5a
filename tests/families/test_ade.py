"""AV-ADE and its relatives from preset to run: values, data that fit, stages, and every verb."""

import dataclasses
import json

import numpy as np
import pytest

from qrkeras import cli, data, presets
from qrkeras.experiments import build
from qrkeras.experiments.train import load_model, train
from qrkeras.families.ade.schema import Hierarchy, RealNvp
from qrkeras.families.optimizers import Adamax
from qrkeras.models import DensityModel
from qrkeras.verbs.rows import measure
from tests.support import golden
from tests.support.going_on import assert_run_goes_on

VARIANTS = ("gan", "vae", "v-ade", "av-gde", "av-ade")
TINY = dataclasses.replace(golden.tiny("av-ade-ade-digits"), flow_from=7, adversarial_from=3, sample_every=None)
NEITHER = dict.fromkeys(("discriminator", "adversarial_weight", "gradient_penalty"))
GAN = dataclasses.replace(golden.tiny("gan-ade-digits"), sample_every=None)


@pytest.fixture(scope="module")
def ade_run(shared_run):
    return shared_run("av-ade-ade-digits", TINY)


def test_the_chapters_values():
    preset = presets.get("av-ade-ade-cifar10")
    assert preset.optimizer == preset.discriminator_optimizer == Adamax(0.002, 0.9, 0.999)
    assert (preset.adversarial_weight, preset.gradient_penalty, preset.batch_size) == (100.0, 100.0, 64)
    assert preset.flow == RealNvp(scales=1, couplings=3, width=32, blocks=2)
    assert preset.network.planes == (64, 128, 256, 512) and set(preset.network.latent_planes) == {32}


@pytest.mark.parametrize("data", ["digits", "cifar10"])
def test_the_five_are_configurations_of_one(data):
    gan, vae, v_ade, av_gde, av_ade = (presets.get(f"{name}-ade-{data}") for name in VARIANTS)
    of_it = "discriminator", "discriminator_optimizer", "adversarial_weight", "gradient_penalty"
    assert v_ade == dataclasses.replace(av_ade, **dict.fromkeys(of_it))
    assert vae == dataclasses.replace(v_ade, flow=None, flow_from=0)
    assert av_gde == dataclasses.replace(av_ade, flow=None, flow_from=0)
    same = {"coverage": "all", "network": av_gde.network, "adversarial_weight": av_gde.adversarial_weight}
    assert dataclasses.replace(gan, **same) == av_gde
    assert (gan.coverage, gan.adversarial_weight) == ("encoder", None)
    assert gan.network == dataclasses.replace(av_gde.network, random="top")
    assert [preset.objective for preset in (gan, vae, av_ade)] == ["density ratio", "ELBO", "ELBO, density ratio"]


def test_the_preset_reaches_the_model():
    source = build.dataset(TINY)
    model = build.model(dataclasses.replace(TINY, adversarial_weight=3.0, gradient_penalty=2.0), source, 1)
    assert type(model) is DensityModel and model.flow.image_shape == (8, 8, 1)
    assert (model.adversarial_weight, model.gradient_penalty) == (3.0, 2.0)
    assert (model.flow_from, model.adversarial_from, model.coverage) == (7, 3, "all")
    assert model.discriminator_optimizer.get_config()["beta_1"] == 0.5
    gan = build.model(GAN, source, 1)
    assert (gan.coverage, gan.flow, gan.hierarchy.latent_shapes) == ("encoder", None, [(2, 2, 2)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flow": RealNvp(scales=5, width=2)}, "image_shape must have sides that are multiples of 16, for 5 scales"),
        ({"network": Hierarchy(planes=(2,), latent_planes=(1,), blocks=(1,), stem=(3, 3))}, "image_size must be a"),
        ({"coverage": "encoder"}, "flow must be None for a GAN"),
        ({"discriminator": None}, "adversarial_weight must be None of a model without a discriminator and"),
        ({"discriminator": None, "adversarial_weight": None}, "gradient_penalty must be None of a model without a"),
        ({**NEITHER, "adversarial_from": 0}, "discriminator_optimizer must be None"),
        ({**NEITHER, "discriminator_optimizer": None}, "adversarial_from must be 0 of a model without a"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    preset = dataclasses.replace(TINY, **changes)
    with pytest.raises(ValueError, match=message):
        build.model(preset, build.dataset(preset), 1)


def test_a_weight_of_what_is_not_there_is_an_error_and_writes_nothing(capsys, tmp_path):
    for name in ("v-ade", "gan"):
        with pytest.raises(SystemExit):
            path = tmp_path / name
            cli.main(["train", f"{name}-ade-digits", "--adversarial-weight", "5", "--run-dir", str(path)])
        assert "adversarial_weight must be None of a model without a discriminator and" in capsys.readouterr().err
        assert not path.exists()


def test_evaluate_tells_which_bound_its_bits_are(ade_run):
    model, held_out = load_model(ade_run), data.take(build.dataset(TINY, "test"))
    row = measure([ade_run], 65, "digits-cnn", verbose=0, references=65, importance_samples=3)[0]
    assert row.bits_of == f"{model.bits_of}, IWAE of 3 samples"
    assert row.bits_per_dim == pytest.approx(model.bits_per_dim(held_out, 3).mean(), rel=1e-6)
    assert row.bits_per_dim < model.bits_per_dim(held_out).mean()


@pytest.mark.long
def test_it_goes_on_as_if_never_stopped(ade_run, tmp_path):
    assert_run_goes_on(ade_run, tmp_path)
    logged = {"loss", "d_loss", "adversarial_loss", "bits_per_dim", "kl"}
    assert logged <= set(next(record for record in ade_run.records() if "kl" in record))


@pytest.mark.long
def test_an_encoder_around_a_gan_is_a_second_stage(shared_run, tmp_path):
    alone = dataclasses.replace(GAN, coverage="none", encoder_optimizer=None)
    first = shared_run("gan-ade-digits", alone)
    around = dataclasses.replace(GAN, start_from=str(first.path), frozen=("decoder", "discriminator"))
    model = load_model(train("gan-ade-digits", around, seed=2, run_dir=tmp_path / "around", verbose=0))
    before = load_model(first)
    np.testing.assert_array_equal(model.sample(4, seed=1), before.sample(4, seed=1))
    assert np.isfinite(model.bits_per_dim(data.take(build.dataset(GAN, "test"), 4))).all()
    with pytest.raises(ValueError, match="Train one around the generator"):
        before.bits_per_dim(data.take(build.dataset(GAN, "test"), 4))


@pytest.mark.long
def test_every_verb(ade_run, tmp_path, done):
    for way in ("gaussian", "mean"):
        done("sample", ade_run.path, "--n", 3, "--way", way, "--output", tmp_path / f"{way}.npy")
        np.testing.assert_array_equal(np.load(tmp_path / f"{way}.npy"), load_model(ade_run).sample(3, way=way))
    done("sample", ade_run.path, "--n", 2, "--draws", 3, "--output", tmp_path / "rows.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), load_model(ade_run).draws(2, 3))
    told = done("reconstruct", ade_run.path, "--images", 4, "--importance-samples", 2, "--output", tmp_path / "x.png")
    assert "ELBO" in told and told.splitlines()[-1] == str(tmp_path / "x-draws.png")
    shown = done("evaluate", ade_run.path, "--samples", 64, "--output", tmp_path / "evaluated")
    assert "(gaussian)" in shown and "(mean)" in shown and "bits/dim test" in shown
    done("plot", ade_run.path)
    cli.main(["export", str(ade_run.path), str(tmp_path / "served")])
    made = json.loads((tmp_path / "served/av-ade-ade-digits/1/assets.extra/qrkeras.json").read_text())
    assert {"sample", "sample_mean", "sample_png", "reconstruct", "score", "realism"} <= set(made["signatures"])


@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_flow_and_likelihood_are_float32(precision):
    preset = dataclasses.replace(TINY, precision=precision)
    source = build.dataset(preset)
    model = build.model(preset, source, 1)
    images = data.take(source, 8)
    model.initialize(images)
    y, log_det = model.flow(model.dequantized(images))
    outputs = model.infer(model.posterior(images), model.noise((8, *model.noise_shape), [1, 2]))[-1]
    kinds = {str(x.dtype) for x in (y, log_det, *outputs, model.judge(images), *model.trainable_variables)}
    assert {kind.rpartition("'")[0] or kind for kind in kinds} <= {"<dtype: 'float32", "float32"}
    layers = {layer.compute_dtype for layer in model.hierarchy._flatten_layers() if layer.weights}
    assert ("bfloat16" in layers) == (precision == "bfloat16")
    model.fit(images, batch_size=8, verbose=0)
    assert np.isfinite(model.bits_per_dim(images)).all()
