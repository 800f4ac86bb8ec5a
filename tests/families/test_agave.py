"""AGAVE from preset to run: values, data that fit, and every verb that knows it."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from qrkeras import cli, data, presets
from qrkeras.experiments import build
from qrkeras.experiments.train import load_model, train
from qrkeras.families.agave.schema import Auxiliary
from qrkeras.families.optimizers import Adamax
from qrkeras.models import AGAVE
from tests.support import golden
from tests.support.going_on import assert_run_goes_on
from tests.support.weights import weights

TINY = golden.tiny("agave-digits")
NETWORK = dataclasses.replace(TINY.network, planes=3, resolutions=1, components=2)
TINY = dataclasses.replace(TINY, network=NETWORK, pretrain_steps=7, sample_every=None)


@pytest.fixture(scope="module")
def agave_run(shared_run):
    return shared_run("agave-digits", TINY)


def test_the_chapters_values():
    preset = presets.get("agave-cifar10")
    assert (preset.optimizer, preset.kl_weight, preset.auxiliary_weight, preset.detach) == (
        Adamax(0.002), 12.0, 1.0, False,
    )  # fmt: skip
    assert preset.network == presets.get("pixelcnnpp-cifar10").network
    assert preset.hierarchy == presets.get("iafvae-cifar10").network
    kinds = {name: presets.get(f"agave-cifar10-{name}").auxiliary for name in ("16x16", "8x8", "grey", "levels32")}
    assert kinds == {
        "16x16": Auxiliary(size=16), "8x8": Auxiliary(size=8), "grey": Auxiliary(levels=16, grey=True),
        "levels32": Auxiliary(levels=32),
    }  # fmt: skip


def test_control_and_plain_are_the_bound_of_the_image_alone():
    preset = presets.get("agave-digits")
    for name in ("agave-digits-plain", "agave-digits-control"):
        alone = presets.get(name)
        assert (alone.kl_weight, alone.auxiliary_weight) == (1.0, 0.0)
        assert alone == dataclasses.replace(preset, kl_weight=1.0, auxiliary_weight=0.0, start_from=alone.start_from)
    assert presets.get("agave-digits-control").start_from == "runs/agave-digits-0"


def test_levels_are_those_of_the_data():
    digits, patches = presets.get("agave-digits"), presets.get("agave-photo-patches")
    assert digits.network.levels == digits.auxiliary.levels == len(np.unique(data.take(data.load("digits")))) == 17
    assert patches.network.levels == patches.auxiliary.levels == 256


def test_the_preset_reaches_the_model():
    changed = dataclasses.replace(
        TINY, auxiliary=Auxiliary(levels=16, size=2), kl_weight=3.0, auxiliary_weight=0.5, detach=True
    )
    model = build.model(changed, build.dataset(changed), 1)
    assert type(model) is AGAVE and model.hierarchy.outputs_shape == model.network.condition_shape == (2, 2, 1)
    assert model.auxiliary.get_config() == {"levels": 16, "size": 2, "grey": False}
    assert (model.kl_weight, model.auxiliary_weight, model.detach, model.pretrain_steps) == (3.0, 0.5, True, 7)
    assert model.levels == 17


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"auxiliary": Auxiliary(size=3)}, "size must divide the image's side. Received: size=3 for images of 8 x 8"),
        ({"auxiliary": Auxiliary(grey=True)}, "grey must be False for images that have no red, green and blue"),
    ],
)
def test_auxiliary_images_that_the_data_do_not_have(changes, message):
    preset = dataclasses.replace(TINY, **changes)
    with pytest.raises(ValueError, match=message):
        build.model(preset, build.dataset(preset), 1)


@pytest.mark.long
def test_it_goes_on_as_if_never_stopped_over_the_end_of_pretraining(agave_run, tmp_path):
    assert_run_goes_on(agave_run, tmp_path)
    records = [record for record in agave_run.records() if "kl" in record]
    assert {"pixel_bits", "auxiliary_bits", "bits_per_dim"} <= set(records[-1])


@pytest.mark.long
def test_a_second_stage_takes_both_networks(agave_run, tmp_path):
    control = dataclasses.replace(TINY, kl_weight=1.0, auxiliary_weight=0.0, start_from=str(agave_run.path), steps=1)
    model = load_model(train("agave-digits-control", control, seed=1, run_dir=tmp_path / "control", verbose=0))
    first, then = load_model(agave_run), model
    for part in ("hierarchy", "network"):
        moved = [np.abs(a - b).max() for a, b in zip(weights(getattr(first, part)), weights(getattr(then, part)))]
        assert 0 < max(moved) < 0.02  # one step of Adamax from there


@pytest.mark.long
def test_sample_by_way_and_by_shared_latents(agave_run, tmp_path, done):
    for way in ("pixels", "auxiliary"):
        done("sample", agave_run.path, "--n", 3, "--way", way, "--output", tmp_path / f"{way}.npy")
        np.testing.assert_array_equal(np.load(tmp_path / f"{way}.npy"), load_model(agave_run).sample(3, way=way))
    done("sample", agave_run.path, "--n", 2, "--draws", 3, "--output", tmp_path / "rows.npy")
    rows = np.load(tmp_path / "rows.npy")
    assert rows.shape == (2, 4, 8, 8, 1)
    np.testing.assert_array_equal(rows[:, 0], np.load(tmp_path / "auxiliary.npy")[:2])
    done("sample", agave_run.path, "--n", 2, "--draws", 3, "--output", tmp_path / "rows.png")
    width, height = Image.open(tmp_path / "rows.png").size
    assert 1.9 < width / height < 2.1  # two rows of four


@pytest.mark.long
def test_reconstruct_shows_draws_that_share_a_code(agave_run, tmp_path, done):
    told = done("reconstruct", agave_run.path, "--n", 2, "--steps", 2, "--importance-samples", 1, "--images", 2,
                "--draws", 3, "--output", tmp_path / "x.png")  # fmt: skip
    assert told.splitlines()[-2:] == [str(tmp_path / "x.png"), str(tmp_path / "x-draws.png")]
    # Image, f(z), 3 draws; each 8 x 8 pixels and a line between, 8 times as large.
    shown = np.asarray(Image.open(tmp_path / "x-draws.png"))[::8, ::8]
    assert shown.shape == (2 * 9 + 1, 5 * 9 + 1)
    images = data.take(build.dataset(TINY, "test"), 2)
    rows = np.concatenate([images[:, None], load_model(agave_run).redraw(images, 3)], axis=1)
    for i, j in np.ndindex(2, 5):
        np.testing.assert_array_equal(shown[1 + 9 * i : 9 + 9 * i, 1 + 9 * j : 9 + 9 * j], rows[i, j, ..., 0])


def test_decompose(agave_run, tmp_path, done):
    shown = done("decompose", agave_run.path, "--images", 6, "--importance-samples", 3, "--output", tmp_path / "parts")
    assert (
        "x under another's f" in shown
        and "IWAE, 3" in shown
        and "Means of 6 held-out images; bits are of 17 levels." in shown
    )
    (row,) = csv.DictReader((tmp_path / "parts.csv").open())
    bound = float(row["pixel_bits"]) + float(row["kl"]) / 64 / np.log(2)
    assert float(row["elbo"]) == pytest.approx(bound, rel=1e-4)
    bits = load_model(agave_run).bits_per_dim(data.take(build.dataset(TINY, "test"), 6), 3)
    assert float(row["iwae"]) == pytest.approx(bits.mean(), rel=1e-5)
    assert float(row["lambda"]) == 2.0 and (tmp_path / "parts.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        ("decompose", ["--images", "1"], "images must be at least 2"),
        ("decompose", ["--importance-samples", "0"], "importance_samples must be at least 1. Received: 0"),
        ("reconstruct", ["--draws", "0"], "draws must be at least 1. Received: 0"),
        ("sample", ["--draws", "0"], "draws must be at least 1. Received: 0"),
        ("sample", ["--draws", "2", "--n", "0"], "n must be at least 1 sample. Received: 0"),
        ("sample", ["--draws", "2", "--way", "pixels"], "way must be left out where draws are given"),
        ("sample", ["--way", "prior"], 'way must be "pixels" or "auxiliary" for AGAVE. Received: \'prior\''),
        ("inpaint", [], "completes images of which a part is known"),
    ],
)
def test_refused(agave_run, refused, verb, options, message):
    assert message in refused(verb, agave_run.path, *options)


def test_a_run_of_another_family_is_refused_before_anything_is_measured(agave_run, pixels_run, refused, monkeypatch):
    monkeypatch.setattr(AGAVE, "decompose", lambda *_: pytest.fail("the other run cannot be measured"))
    for runs in ([pixels_run.path], [agave_run.path, pixels_run.path]):
        assert "tells what an autoregressive decoder takes from its latents: AGAVE" in refused("decompose", *runs)


def test_runs_of_one_name_have_a_row_each(agave_run, tmp_path, done, monkeypatch):
    parts = dict.fromkeys(("kl", "pixel_bits", "auxiliary_bits", "other_bits"), np.ones(3))
    monkeypatch.setattr(AGAVE, "decompose", lambda *_: parts)
    monkeypatch.setattr(AGAVE, "bits_per_dim", lambda *_: np.ones(3))
    shutil.copytree(agave_run.path, tmp_path / agave_run.path.name)
    runs = agave_run.path, tmp_path / agave_run.path.name
    done("decompose", *runs, "--images", 3, "--importance-samples", 1, "--output", tmp_path / "parts")
    assert [row["run"] for row in csv.DictReader((tmp_path / "parts.csv").open())] == [str(run) for run in runs]


def test_a_weight_must_be_finite():
    for weight in (np.inf, np.nan, -1.0):
        with pytest.raises(ValueError, match=f"kl_weight must be at least 0. Received: {weight}"):
            presets.check(dataclasses.replace(TINY, kl_weight=weight))


@pytest.mark.long
def test_export(agave_run, tmp_path):
    cli.main(["export", str(agave_run.path), str(tmp_path / "served")])
    assert json.loads((agave_run.path / "config.json").read_text())["preset"]["type"] == "AgavePreset"
    assert (tmp_path / "served" / "agave-digits" / "1" / "saved_model.pb").exists()
