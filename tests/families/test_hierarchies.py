"""Hierarchical VAEs from preset to run, and weights that start from data."""

import dataclasses
import json

import numpy as np
import pytest

import qrkeras
from qrkeras import data, presets
from qrkeras.experiments import build, stages
from qrkeras.experiments.train import load_model, train
from qrkeras.families.optimizers import Adam, Adamax
from qrkeras.models import HierarchicalVAE
from tests.support import golden
from tests.support.weights import assert_equal, weights

TINY = golden.tiny("iafvae-digits")


@pytest.fixture(scope="module")
def hierarchy_run(shared_run):
    return shared_run("iafvae-digits", TINY)


def fresh(preset=TINY, seed=1):
    return build.model(preset, build.dataset(preset), seed)


def started(preset=TINY, seed=1):
    model = fresh(preset, seed)
    stages.initialize(model, build.dataset(preset), seed)
    return weights(model)


def test_the_papers_values():
    # The README of the authors' code: depth=1,num_blocks=20,kl_min=0.1,learning_rate=0.002,batch_size=32 on 8 GPUs;
    # defaults of tf_train.py: z_size 32, h_size 160.
    preset = presets.get("iafvae-cifar10")
    sizes = dataclasses.astuple(preset.network)
    assert sizes == ((160,), (32,), (20,), (5, 2), True)
    assert (preset.free_nats, preset.optimizer, preset.batch_size) == (0.1, Adamax(0.002), 8 * 32)
    assert (preset.kl_weight, preset.levels) == (1.0, 256)
    other = presets.get("iafvae-imagenet32")
    assert dataclasses.replace(other, data=preset.data) == preset


def test_the_plain_hierarchy_differs_in_the_flow_alone():
    plain, preset = presets.get("hvae-digits"), presets.get("iafvae-digits")
    assert not plain.network.flow
    assert dataclasses.replace(plain, network=dataclasses.replace(plain.network, flow=True)) == preset


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("hvae-iwae-digits", {"importance_samples": 5, "free_nats": 0.0}),
        ("hvae-uniform-digits", {"likelihood": "dequantized_uniform"}),
        ("hvae-variational-digits", {"likelihood": "dequantized_variational"}),
    ],
)
def test_refinements_differ_from_the_plain_hierarchy_in_one_thing(name, changes):
    assert presets.get(name) == dataclasses.replace(presets.get("hvae-digits"), **changes)


def test_a_preset_has_the_levels_of_its_data():
    for name in ("iafvae-digits", "iafvae-photo-patches"):
        preset = presets.get(name)
        assert len(np.unique(data.take(build.dataset(preset)))) <= preset.levels, name
    assert presets.get("iafvae-digits").levels == len(np.unique(data.take(data.load("digits")))) == 17


def test_the_preset_reaches_the_model():
    network = dataclasses.replace(TINY.network, flow=False)
    changed = dataclasses.replace(TINY, network=network, kl_weight=0.5, free_nats=0.25, levels=5, optimizer=Adam(1e-3))
    changed = dataclasses.replace(changed, likelihood="dequantized_variational")
    model = fresh(changed)
    assert type(model) is HierarchicalVAE and not model.hierarchy.flow
    assert (model.kl_weight, model.free_nats, model.levels, model.seed) == (0.5, 0.25, 5, 1)
    assert model.likelihood == "dequantized_variational"


@pytest.mark.parametrize(
    "field, value", [("planes", ()), ("blocks", (0,)), ("latent_planes", (2, -1)), ("stem", (5, 0))]
)
def test_sizes_out_of_range(field, value):
    preset = dataclasses.replace(TINY, network=dataclasses.replace(TINY.network, **{field: value}))
    with pytest.raises(ValueError, match=f"network.{field} must be .*at least 1. Received"):
        presets.check(preset)


def test_first_weights_are_a_function_of_preset_and_seed():
    first, again, other = started(), started(), started(seed=2)
    assert_equal(first, again)
    # The stem's shifts are 0 where nothing started them; those of another seed saw other images and kernels.
    assert any(np.abs(a - b).max() > 0 for a, b in zip(first, weights(fresh())))
    assert any(np.abs(a - b).max() > 0 for a, b in zip(first, other))


def test_they_start_from_the_first_images_of_the_training_data():
    model, images = fresh(), next(iter(build.dataset(TINY).batches(128, 1))).numpy()
    model.initialize(images)
    assert_equal(weights(model), started())


def test_data_of_fewer_images_start_weights_too():
    source = data.from_arrays(data.take(build.dataset(TINY), 20), "twenty")
    model = fresh()
    stages.initialize(model, source, 1)
    assert any(np.abs(a - b).max() > 0 for a, b in zip(weights(model), weights(fresh())))


def test_python_gets_them_too_unless_it_brings_images_of_its_own(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(presets.to_json(TINY))
    assert_equal(weights(qrkeras.from_preset(str(path), seed=1)), started())
    assert_equal(weights(qrkeras.from_preset(str(path), seed=1, shape=(8, 8, 1))), weights(fresh()))


def test_a_run_leaves_its_reports(hierarchy_run):
    model = load_model(hierarchy_run)
    assert type(model) is HierarchicalVAE and model.step == 10
    records = [record for record in hierarchy_run.records() if "loss" in record]
    assert [record["step"] for record in records] == [5, 10]
    assert {"bits_per_dim", "kl"} <= set(records[0])
    assert json.loads((hierarchy_run.path / "config.json").read_text())["preset"]["network"]["type"] == "TopDown"


def test_what_goes_on_starts_nothing_anew(hierarchy_run, tmp_path, monkeypatch):
    whole = train("iafvae-digits", dataclasses.replace(TINY, steps=15), seed=1, run_dir=tmp_path / "whole", verbose=0)
    monkeypatch.setattr(HierarchicalVAE, "initialize", lambda *_: pytest.fail("weights were there"))
    train("iafvae-digits", dataclasses.replace(TINY, steps=15), seed=1, run_dir=hierarchy_run.path, verbose=0)
    assert_equal(weights(load_model(hierarchy_run)), weights(load_model(whole)))
