import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from qrkeras import cli, kinds
from qrkeras.callbacks import checkpoints
from qrkeras.experiments import build, runs, train
from qrkeras.experiments.train import TrainingFailed
from qrkeras.families.preset import Data
from qrkeras.families.vae.schema import Aiqn, ConvVae
from qrkeras.machine import processes
from qrkeras.models import GAN


def weights(run):
    model = train.load_model(run)
    return [np.asarray(v) for v in [*model.weights, *model.optimizer.variables]]


def assert_same_weights(one, other):
    pairs = list(zip(weights(one), weights(other), strict=True))
    assert len(pairs) > 10
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)


def reported(run, field):
    return [record["step"] for record in run.records() if field in record]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def begun(points_run, tmp_path):
    """A copy of the tiny run that may be changed."""
    shutil.copytree(points_run.path, tmp_path / "run")
    return dataclasses.replace(points_run, path=tmp_path / "run")


def go_on(run, **changes):
    return train.train(run.name, dataclasses.replace(run.preset, **changes), run.seed, run.path, verbose=0)


def test_run_directory(points_run):
    run = points_run
    assert names(run.path) == ["checkpoints", "config.json", "lock", "metrics.jsonl", "samples", "tensorboard"]
    assert names(run.checkpoints) == ["step-00000015.keras", "step-00000020.keras"]
    steps = ("00000000", "00000010", "00000020")
    assert names(run.samples) == [f"step-{step}.{kind}" for step in steps for kind in ("npy", "png")]
    assert reported(run, "d_loss") == [5, 10, 15, 20]
    assert reported(run, "fed") == [0, 10, 20]
    assert os.listdir(run.tensorboard)
    assert runs.load(run.path) == run
    final = np.load(run.samples / "step-00000020.npy")
    np.testing.assert_allclose(train.load_model(run).sample(10_000, seed=0), final, rtol=1e-5, atol=1e-6)


def test_images_report_grids(images_run):
    assert names(images_run.samples) == ["step-00000000.png", "step-00000010.png"]
    assert reported(images_run, "d_loss") == [5, 10]


def test_logged_losses_are_means_since_the_last_line(points_run, tiny_points, tmp_path):
    fine = dataclasses.replace(tiny_points, steps=5, log_every=1, steps_per_execution=1, sample_every=100)
    run = train.train("qrgan-ring8", fine, 1, tmp_path / "run", verbose=0)
    assert reported(run, "d_loss") == [1, 2, 3, 4, 5]
    for loss in ("d_loss", "g_loss"):
        coarse = next(record[loss] for record in points_run.records() if record["step"] == 5)
        singly = [record[loss] for record in run.records() if loss in record]
        assert np.mean(singly) == pytest.approx(coarse, rel=1e-4, abs=1e-6)


# 10 is a multiple of steps_per_execution, 7 ends within an execution of 5.
@pytest.mark.parametrize("first", [10, 7])
def test_resumed_equals_uninterrupted(points_run, tiny_points, tmp_path, first):
    for steps in (first, 20):
        preset = dataclasses.replace(tiny_points, steps=steps)
        run = train.train("qrgan-ring8", preset, 1, tmp_path / "run", verbose=0)
        assert reported(run, "d_loss")[-1] == steps
    assert_same_weights(run, points_run)
    for field in ("d_loss", "fed"):
        steps = reported(run, field)
        assert steps == sorted(set(steps)) and steps[-1] == 20


def test_resumed_images_equal_uninterrupted(images_run, tiny_images, tmp_path):
    for steps in (5, 10):
        preset = dataclasses.replace(tiny_images, steps=steps)
        run = train.train("qrgan-cifar10", preset, 1, tmp_path / "run", verbose=0)
    assert_same_weights(run, images_run)


def test_nothing_to_do(begun, capsys):
    before = weights(begun)
    train.train(begun.name, begun.preset, begun.seed, begun.path)
    assert "20 of 20 steps done, nothing to do; --steps trains longer" in capsys.readouterr().out
    for a, b in zip(weights(begun), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert reported(begun, "d_loss") == [5, 10, 15, 20]


def test_fewer_steps_than_an_execution(tiny_points, tmp_path, capsys):
    preset = dataclasses.replace(tiny_points, steps=2, steps_per_execution=100)
    run = train.train("qrgan-ring8", preset, 0, tmp_path / "run")
    assert reported(run, "d_loss") == [2]
    assert "100/2" not in capsys.readouterr().out, "the bar counts no more steps than there are"


def test_torn_newest_checkpoint(begun, points_run):
    newest = checkpoints(begun.checkpoints)[0]
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="step-00000020.keras cannot be read and is left out"):
        go_on(begun)
    assert_same_weights(begun, points_run)
    assert reported(begun, "d_loss") == [5, 10, 15, 20]
    assert reported(begun, "fed") == [0, 10, 20]


@pytest.mark.filterwarnings("ignore:.*cannot be read")
def test_no_checkpoint_can_be_read(begun):
    for path in checkpoints(begun.checkpoints):
        path.write_bytes(b"torn")
    records = begun.records()
    with pytest.raises(ValueError, match="checkpoints must hold a model that can be read.*none of 2 can"):
        go_on(begun, steps=25)
    assert begun.records() == records, "what was reported is not lost"


def test_killed_before_the_first_checkpoint(begun, points_run):
    for path in checkpoints(begun.checkpoints):
        path.unlink()
    go_on(begun)
    assert reported(begun, "d_loss") == [5, 10, 15, 20]
    assert reported(begun, "fed") == [0, 10, 20]
    assert_same_weights(begun, points_run)


def test_run_of_another_experiment_is_refused_before_training(begun, monkeypatch):
    monkeypatch.setattr(GAN, "fit", None)
    with pytest.raises(ValueError, match="latent_dim: 4 there, 5 now"):
        go_on(begun, latent_dim=5, steps=30)


def test_a_second_training_is_refused(begun, monkeypatch):
    records = begun.records()
    held, told = processes.alone(begun.path, "run_dir"), f"where process {os.getpid()} on "
    with held, pytest.raises(processes.Taken, match=told):
        go_on(begun, steps=25)
    assert begun.records() == records and runs.load(begun.path).preset.steps == 20


def test_checkpoints_of_another_family(begun, images_run):
    for path in checkpoints(begun.checkpoints):
        path.unlink()
    shutil.copy(checkpoints(images_run.checkpoints)[0], begun.checkpoints)
    records = begun.records()
    with pytest.raises(ValueError, match="run_dir must hold checkpoints of qrgan-ring8, GAN with .* values. Received"):
        go_on(begun)
    assert begun.records() == records


@pytest.fixture
def images_folder(tmp_path):
    """Forty noisy images of one size, among other files."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for i in range(40):
        Image.fromarray(rng.integers(0, 256, (8, 8), "uint8")).save(tmp_path / "images" / f"{i:02}.bmp")
    for i in range(4):
        (tmp_path / "images" / f"{i}.tif").write_text("")
    return tmp_path / "images"


def test_images_that_moved_and_images_that_changed(images_folder, tiny_images, tmp_path, monkeypatch, capsys):
    def trained(name, steps, verbose=0):
        preset = dataclasses.replace(tiny_images, data=Data(f"folder:{name}"), steps=steps, sample_every=None)
        return train.train("x", preset, 0, tmp_path / "run", verbose)

    monkeypatch.chdir(tmp_path)
    trained("images", 1, verbose=1)
    assert "left out: 4, 0.tif, 1.tif, 2.tif ..." in capsys.readouterr().out
    images_folder.rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="must name an existing folder.*--data.name folder:PATH"):
        build.dataset(runs.load(tmp_path / "run").preset)
    run = trained("../moved", 2)
    assert reported(run, "d_loss") == [1, 2]
    monkeypatch.chdir(tmp_path)
    assert build.dataset(runs.load(run.path).preset).size
    one = bytearray((tmp_path / "moved" / "07.bmp").read_bytes())
    one[-1] ^= 1
    (tmp_path / "moved" / "07.bmp").write_bytes(one)
    with pytest.raises(ValueError, match="run_dir must hold a run of the same data.* 07.bmp changed; digest: "):
        trained("moved", 3)
    assert reported(run, "d_loss") == [1, 2]


@pytest.mark.parametrize(
    "preset, changes, message",
    [
        ("tiny_points", {"steps": 0}, "steps must be at least 1. Received: 0"),
        ("tiny_points", {"batch_size": -1}, "batch_size must be at least 1"),
        ("tiny_points", {"checkpoint_every": 0}, "checkpoint_every must be at least 1"),
        ("tiny_points", {"steps_per_execution": 0}, "steps_per_execution must be at least 1"),
        ("tiny_points", {"update": "simultaneous", "discriminator_steps": 2}, "discriminator_steps must be 1"),
        ("tiny_points", {"weight_clip": -1.0}, "weight_clip must be a positive number or None"),
        ("tiny_points", {"prior": "cauchy"}, "prior must be"),
        ("tiny_pixels", {"kappa": -1.0}, "kappa must be at least 0"),
        ("tiny_pixels", {"average_decay": 1.0}, "average_decay must be at least 0 and below 1"),
        ("tiny_pixels", {"batch_size": 0}, "batch_size must be at least 1"),
        ("tiny_pixels", {"data": Data("ring8")}, "data must be square images"),
        ("tiny_latents", {"kl_weight": -1.0}, "kl_weight must be at least 0. Received: -1.0"),
        ("tiny_latents", {"latent_variance": 0.0}, "latent_variance must be above 0. Received: 0.0"),
        ("tiny_latents", {"latent_dim": 0}, "latent_dim must be at least 1"),
        ("tiny_latents", {"latent_dim": 3}, "width must be a multiple of latent_dim=3"),
        ("tiny_latents", {"aiqn": Aiqn(kappa=-1.0)}, "aiqn.kappa must be at least 0"),
        ("tiny_latents", {"aiqn": Aiqn(average_decay=1.0)}, "aiqn.average_decay must be at least 0 and below 1"),
        ("tiny_latents", {"network": ConvVae(4, 2)}, "image_size must be base"),
        ("tiny_latents", {"data": Data("ring8")}, "data must be square images"),
    ],
)
def test_bad_values_leave_no_run(request, tmp_path, preset, changes, message):
    changed = dataclasses.replace(request.getfixturevalue(preset), **changes)
    with pytest.raises(ValueError, match=message):
        train.train("x", changed, 0, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "part, field, value",
    [
        ("generator_optimizer", "learning_rate", -1e-3),
        ("discriminator_optimizer", "learning_rate", float("nan")),
        ("generator_optimizer", "beta_1", 1.0),
        ("discriminator_optimizer", "beta_2", -0.1),
        ("network", "width", 0),
        ("network", "hidden_layers", -1),
    ],
)
def test_bad_values_of_parts(tiny_points, tmp_path, part, field, value):
    changed = dataclasses.replace(getattr(tiny_points, part), **{field: value})
    with pytest.raises(ValueError, match=f"{part}.{field} must be .*Received: {value}"):
        train.train("x", dataclasses.replace(tiny_points, **{part: changed}), 0, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_batch_larger_than_the_data_leaves_no_run(tiny_images, tmp_path):
    with pytest.raises(ValueError, match="batch_size must be at most the number of examples.*Received: 5000"):
        train.train("x", dataclasses.replace(tiny_images, batch_size=5000), 0, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def huge(adam):
    return dataclasses.replace(adam, learning_rate=1e38)


def test_a_loss_that_stops_being_finite(tiny_points, tmp_path):
    # The first update makes weights of 1e38, whose products overflow where the discriminator is next used: by the
    # generator in the same step (alternating), or in the second (simultaneous).
    preset = dataclasses.replace(tiny_points, discriminator_optimizer=huge(tiny_points.discriminator_optimizer))
    with pytest.raises(TrainingFailed, match=r"[dg]_loss became (nan|-?inf) at step [12]; no checkpoint had been sav"):
        train.train("x", preset, 0, tmp_path / "run", verbose=0)
    assert checkpoints(tmp_path / "run" / "checkpoints") == []
    assert re.fullmatch(r"[dg]_loss became (nan|-?inf) at step [12]", runs.load(tmp_path / "run").diverged)


def test_samples_that_stop_being_finite(tiny_points, tmp_path):
    adam = huge(tiny_points.generator_optimizer)
    preset = dataclasses.replace(tiny_points, generator_optimizer=adam, steps_per_execution=1, sample_every=1)
    with pytest.raises(TrainingFailed, match="the samples are not finite at step 1; no checkpoint"):
        train.train("x", preset, 0, tmp_path / "run", verbose=0)
    assert runs.load(tmp_path / "run").diverged == "the samples are not finite at step 1"


def test_weights_that_stop_being_finite(begun, monkeypatch):
    reports = build.reports

    class Poison(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.discriminator.layers[-1].kernel.assign(self.model.discriminator.layers[-1].kernel * np.nan)

    monkeypatch.setattr(build, "reports", lambda *a: [Poison(), *reports(*a)])
    with pytest.raises(TrainingFailed, match="the weights .*kernel are not finite at step 25; .*step-00000020.keras"):
        go_on(begun, steps=25)
    assert names(begun.checkpoints) == ["step-00000015.keras", "step-00000020.keras"]


def test_the_last_good_checkpoint_is_kept_and_named(begun, monkeypatch):
    dataset = build.dataset

    class Source:
        kind, shape, name, left_out = kinds.POINTS, (2,), "ring8", ()

        def __init__(self, source):
            self.centers, self.std, self._source = source.centers, source.std, source
            self.name, self.size = source.name, source.size

        def fingerprint(self):
            return None

        def batches(self, *which):
            batches = self._source.batches(*which).enumerate(which[2])
            return batches.map(lambda step, x: tf.where(step == 22, 1e30 * x, x))

    monkeypatch.setattr(build, "dataset", lambda preset, **options: Source(dataset(preset, **options)))
    before = weights(begun)
    # Batch 22 is that of step 23; outputs of 1e30 have an infinite square in the penalty.
    with pytest.raises(TrainingFailed, match="d_loss became inf at step 23; the last good .*step-00000020.keras"):
        go_on(begun, steps=30)
    for a, b in zip(weights(begun), before, strict=True):
        np.testing.assert_array_equal(a, b)
    # With sound data the same run goes on.
    monkeypatch.setattr(build, "dataset", dataset)
    go_on(begun, steps=25)
    assert reported(begun, "d_loss") == [5, 10, 15, 20, 25]


def test_image_that_is_damaged_while_training(tiny_images, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (8, 8), "uint8")).save(folder / f"{i}.png")
    monkeypatch.setattr("qrkeras.data.folder.fits_in_memory", lambda *size: False)
    dataset = build.dataset

    def build_and_tear(preset, **options):
        data = dataset(preset, **options)
        for file in folder.iterdir():
            file.write_bytes(file.read_bytes()[:60])
        return data

    monkeypatch.setattr(build, "dataset", build_and_tear)
    preset = dataclasses.replace(tiny_images, data=Data(f"folder:{folder}"))
    with pytest.raises(
        TrainingFailed, match=r"image file .*png cannot be read .*; no checkpoint had been saved"
    ) as told:
        train.train("x", preset, 0, tmp_path / "run", verbose=0)
    assert "\n" not in str(told.value)


def test_disk_that_fails_during_training(begun, monkeypatch):
    def full(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    handlers = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
    with monkeypatch.context() as patch:
        patch.setattr(GAN, "save", full)
        with pytest.raises(TrainingFailed, match="cannot be written .No space left on device.*step-00000020.keras"):
            go_on(begun, steps=25)
    assert names(begun.checkpoints) == ["step-00000015.keras", "step-00000020.keras"]
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_a_fit_that_never_begins_shows_its_own_error(begun, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise ValueError("refused")

    monkeypatch.setattr(GAN, "fit", refuse)
    with pytest.raises(ValueError, match="refused"):
        go_on(begun, steps=25)


def test_load_model_needs_a_checkpoint(begun):
    for path in checkpoints(begun.checkpoints):
        path.unlink()
    with pytest.raises(ValueError, match="RUN must hold a checkpoint"):
        train.load_model(begun)


def test_preempted_run_saves_and_goes_on(tmp_path, capsys):
    run_dir = tmp_path / "run"
    options = {
        "--network.width": 8, "--batch-size": 16, "--latent-dim": 4, "--loss.num-quantiles": 4, "--log-every": 5,
        "--sample-every": 10**6, "--checkpoint-every": 10**6, "--steps-per-execution": 5, "--run-dir": run_dir,
    }  # fmt: skip
    arguments = ["train", "qrgan-ring8", *(str(x) for option in options.items() for x in option), "--steps"]
    process = subprocess.Popen(
        [sys.executable, "-m", "qrkeras", *arguments, str(10**6)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 600
        while process.poll() is None and time.monotonic() < deadline:
            if (run_dir / "metrics.jsonl").exists() and "d_loss" in (run_dir / "metrics.jsonl").read_text():
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 0, err.decode()
    assert b"Traceback" not in err
    (saved,) = names(run_dir / "checkpoints")
    step = int(saved.removeprefix("step-").removesuffix(".keras"))
    assert f"SIGTERM: saved at step {step:,}; the same command goes on from there" in out.decode()

    cli.main([*arguments, str(step + 5)])
    assert f"steps {step + 1:,} to {step + 5:,}" in capsys.readouterr().out
    steps = reported(runs.load(run_dir), "d_loss")
    assert steps == sorted(set(steps)) and steps[-1] == step + 5
