"""Runs that start from runs: what is handed on, what is refused, and that they resume like all others."""

import dataclasses
import re
import shutil

import keras
import numpy as np
import pytest

import qrkeras
from qrkeras import presets
from qrkeras.callbacks import checkpoints
from qrkeras.experiments import build, runs, stages, train
from qrkeras.machine import devices


def values(thing):
    return [np.array(keras.ops.convert_to_numpy(w)) for w in thing.weights]


def same(one, other):
    return [np.array_equal(a, b) for a, b in zip(values(one), values(other), strict=True)]


@pytest.fixture(scope="session")
def tiny_vae(tiny_latents):
    """vae-digits whose encoder and decoder are those of `tiny_latents`."""
    sizes = {field: getattr(tiny_latents, field) for field in ("network", "latent_dim")}
    short = {field.name: getattr(tiny_latents, field.name) for field in dataclasses.fields(presets.Preset)}
    del short["sources"]
    return dataclasses.replace(presets.get("vae-digits"), **sizes, **short)


@pytest.fixture(scope="session")
def vae_run(tiny_vae, shared_run):
    return shared_run("vae-digits", tiny_vae)


@pytest.fixture
def second(tiny_latents, vae_run):
    """The second of two stages: an AIQN over the codes of a VAE that is done."""
    return dataclasses.replace(tiny_latents, start_from=str(vae_run.path), frozen=("encoder", "decoder"))


def fresh(preset, seed=2):
    return build.model(preset, build.dataset(preset), seed)


def trained(preset, path, steps=10, verbose=0):
    return train.train("aiqnvae-digits", dataclasses.replace(preset, steps=steps), 2, path, verbose)


def test_parts_are_handed_on_exactly(second, vae_run):
    model, given = fresh(second), train.load_model(vae_run)
    untouched = values(model.aiqn)
    told = stages.start(model, str(vae_run.path))
    assert told == f"encoder, decoder, log_scale from {vae_run.path} at step 10"
    assert all(same(model.encoder, given.encoder)) and all(same(model.decoder, given.decoder))
    np.testing.assert_array_equal(model.log_scale, given.log_scale)
    assert all(np.array_equal(a, b) for a, b in zip(values(model.aiqn), untouched))
    assert model.step == 0 and int(keras.ops.convert_to_numpy(model.random_state)[0]) == 2, "its own noise"
    assert stages.start(model, None) is None


def test_a_scale_that_only_one_of_them_learns_is_no_hindrance(tiny_latents, vae_run):
    model = fresh(dataclasses.replace(tiny_latents, likelihood="squared_error"))
    assert stages.start(model, str(vae_run.path)).startswith("encoder, decoder from ")


def test_averages_go_with_their_parts(tiny_latents, latents_run, vae_run):
    given, model = train.load_model(latents_run), fresh(tiny_latents)
    assert not any(same(given.aiqn, given.average))
    stages.start(model, str(latents_run.path))
    assert all(same(model.aiqn, given.aiqn)) and all(same(model.average, given.average))


def test_an_average_that_the_run_did_not_keep_begins_with_the_weights(tiny_latents, latents_run, monkeypatch):
    given, model = train.load_model(latents_run), fresh(tiny_latents)
    given.AVERAGES = {}
    monkeypatch.setattr(stages, "_newest", lambda path: given)
    stages.start(model, "somewhere")
    assert all(same(model.average, given.aiqn))


def test_batch_statistics_are_handed_on(tiny_images, images_run):
    model, given = fresh(tiny_images), train.load_model(images_run)
    stages.start(model, str(images_run.path))
    moving = [w for w in given.generator.weights if "moving" in w.name]
    assert moving and np.abs(keras.ops.convert_to_numpy(moving[0])).max() > 0
    assert all(same(model.generator, given.generator)) and all(same(model.discriminator, given.discriminator))


def test_replicas_all_get_them(second, vae_run):
    with devices.strategy(devices.choose(2)).scope():
        model = fresh(dataclasses.replace(second, steps_per_execution=1))
    stages.start(model, second.start_from)
    given = train.load_model(vae_run)
    for weight, handed in zip(model.encoder.weights, given.encoder.weights, strict=True):
        copies = model.distribute_strategy.experimental_local_results(weight.value)
        assert len(copies) == 2
        for copy in copies:
            np.testing.assert_array_equal(copy.numpy(), keras.ops.convert_to_numpy(handed))


def test_two_stages(second, vae_run, tmp_path, capsys):
    run = trained(second, tmp_path / "run", verbose=1)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        f"{run.path}: aiqnvae-digits, seed 2, steps 1 to 10 on CPU:0; encoder, decoder, log_scale from {vae_run.path} "
        "at step 10; encoder, decoder frozen"
    )
    model, given = train.load_model(run), train.load_model(vae_run)
    assert all(same(model.encoder, given.encoder)) and all(same(model.decoder, given.decoder))
    assert not np.array_equal(model.log_scale, given.log_scale)
    start = fresh(second)
    assert not any(same(model.aiqn, start.aiqn)) and not any(same(model.average, start.average))
    assert runs.load(run.path).preset == dataclasses.replace(second, steps=10)


def left_alone(preset, folder):
    return train.load_model(trained(preset, folder / "whole"))


def assert_alike(one, other):
    pairs = list(zip([*one.weights, *one.optimizer.variables], [*other.weights, *other.optimizer.variables]))
    assert len(pairs) == len(other.weights) + len(other.optimizer.variables)
    for a, b in pairs:
        np.testing.assert_array_equal(a, b, err_msg=a.path)


def test_resumed_equals_uninterrupted_and_needs_the_first_run_no_more(second, vae_run, tmp_path, capsys):
    whole = left_alone(second, tmp_path)
    shutil.copytree(vae_run.path, tmp_path / "vae")
    moved = dataclasses.replace(second, start_from=str(tmp_path / "vae"))
    trained(moved, tmp_path / "run", steps=5)
    shutil.rmtree(tmp_path / "vae")
    capsys.readouterr()
    run = trained(moved, tmp_path / "run", verbose=1)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"{run.path}: aiqnvae-digits, seed 2, steps 6 to 10 on CPU:0; encoder, decoder frozen"
    assert_alike(train.load_model(run), whole)


def test_killed_before_the_first_checkpoint(second, tmp_path):
    whole = left_alone(second, tmp_path)
    run = trained(second, tmp_path / "run", steps=5)
    for path in checkpoints(run.checkpoints):
        path.unlink()
    assert_alike(train.load_model(trained(second, run.path)), whole)


def test_a_frozen_player_resumes(tiny_images, tmp_path):
    preset = dataclasses.replace(tiny_images, frozen=("generator",))
    ends = []
    for name, lengths in (("whole", [10]), ("parts", [5, 10])):
        for steps in lengths:
            run = train.train("x", dataclasses.replace(preset, steps=steps), 2, tmp_path / name, verbose=0)
        ends.append(train.load_model(run))
    assert_alike(*ends)
    assert all(same(ends[0].generator, fresh(preset).generator))


def test_a_stage_is_part_of_the_experiment(second, tmp_path, monkeypatch, vae_run):
    monkeypatch.chdir(vae_run.path.parent)
    run = trained(dataclasses.replace(second, start_from="run"), tmp_path / "run", steps=1)
    assert runs.load(run.path).preset.start_from == str(vae_run.path)
    monkeypatch.chdir(tmp_path)
    for field, value in (("start_from", None), ("start_from", str(tmp_path)), ("frozen", ("encoder",))):
        with pytest.raises(ValueError, match=f"run_dir must be new or hold the same experiment.*{field}: "):
            trained(dataclasses.replace(second, **{field: value}), run.path)


def test_a_preset_in_a_file_starts_as_its_run_does(second, vae_run, tmp_path):
    (tmp_path / "second.json").write_text(presets.to_json(second))
    model = qrkeras.from_preset(str(tmp_path / "second.json"))
    assert all(same(model.encoder, train.load_model(vae_run).encoder))
    assert model.encoder.trainable_weights == [] != model.aiqn.trainable_weights


def refused(preset, folder, message):
    with pytest.raises(ValueError, match=message):
        trained(preset, folder / "run")
    assert not (folder / "run").exists()


def test_no_run_to_start_from(second, vae_run, tmp_path):
    told = "start_from must be a run directory with a checkpoint. Received: "
    refused(dataclasses.replace(second, start_from=str(tmp_path / "none")), tmp_path, f"{told}.*none")
    shutil.copytree(vae_run.path, tmp_path / "vae")
    for path in checkpoints(tmp_path / "vae" / "checkpoints"):
        path.write_bytes(b"torn")
    here = dataclasses.replace(second, start_from=str(tmp_path / "vae"))
    with pytest.warns(UserWarning, match="cannot be read"):
        refused(here, tmp_path, f"{told}.*none of 2 can")
    for path in checkpoints(tmp_path / "vae" / "checkpoints"):
        path.unlink()
    refused(here, tmp_path, f"{told}.*vae, which has none. Train it first")


def test_a_part_of_other_shapes_is_named(second, vae_run, tmp_path):
    # ConvAveragePool2D of 8 planes against 4.
    wider = dataclasses.replace(second, network=dataclasses.replace(second.network, width=8))
    message = (
        r"start_from must be a run whose encoder has the architecture of this encoder. Received: .*, where they first "
        r"differ in kernel \(3, 3, 1, 4\) there, kernel \(3, 3, 1, 8\) now. Give both the same options"
    )
    refused(wider, tmp_path, message)


def test_where_one_part_does_not_fit_none_is_handed_on(tiny_points, points_run):
    # The generators are alike; a quantile has an output of its own.
    model = fresh(dataclasses.replace(tiny_points, loss=dataclasses.replace(tiny_points.loss, num_quantiles=8)))
    before = values(model)
    message = r"whose discriminator has .* differ in kernel \(8, 4\) there, kernel \(8, 8\) now"
    with pytest.raises(ValueError, match=message):
        stages.start(model, str(points_run.path))
    assert all(np.array_equal(a, b) for a, b in zip(values(model), before))


def test_a_part_of_more_layers_is_named(tiny_points, points_run):
    deeper = dataclasses.replace(tiny_points, network=dataclasses.replace(tiny_points.network, hidden_layers=2))
    message = r"whose generator has .* differ in kernel \(8, 2\) there, kernel \(8, 8\) now"
    with pytest.raises(ValueError, match=message):
        stages.start(fresh(deeper), str(points_run.path))


def test_a_run_without_a_part_in_common(second, points_run, tmp_path):
    path = re.escape(str(points_run.path))
    message = f"one of the parts encoder, decoder, aiqn. Received: {path}, a GAN of generator, discriminator"
    refused(dataclasses.replace(second, start_from=str(points_run.path), frozen=()), tmp_path, message)


@pytest.mark.parametrize(
    "frozen, message",
    [
        (("flow",), "frozen must name parts of AIQNVAE: encoder, decoder, aiqn; .*'flow'"),
        (("encoder", "decoder", "aiqn"), "frozen must leave a part of AIQNVAE that trains"),
    ],
)
def test_what_cannot_be_frozen_leaves_no_run(tiny_latents, tmp_path, frozen, message):
    refused(dataclasses.replace(tiny_latents, frozen=frozen), tmp_path, message)
