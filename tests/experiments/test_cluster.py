"""`qrkeras train` on several workers, processes of their own on the loopback interface."""

import dataclasses
import json
import signal
import time

import numpy as np
import pytest
from PIL import Image

from qrkeras import cli, presets
from qrkeras.callbacks import checkpoints
from qrkeras.experiments import train
from qrkeras.experiments.runs import load
from tests.support.workers import Workers, tf_config


def values(run):
    model = train.load_model(run)
    return [np.asarray(v) for v in [*model.variables, *model.optimizer.variables]]


@pytest.fixture
def cluster(tiny_points, tmp_path):
    """Begins `qrkeras train` of the tiny mixture on workers; worker 0 writes tmp_path/run."""
    (tmp_path / "elsewhere").mkdir()

    def begin(count=2, steps=20, each=None, environment=(), **changes):
        preset = tmp_path / "qrgan-ring8.json"
        preset.write_text(presets.to_json(dataclasses.replace(tiny_points, steps=steps, **changes)))

        def words(i):
            # The others have no run directory to look at.
            folder = tmp_path / "run" if i == 0 else tmp_path / "elsewhere" / "run"
            options = ["--seed", 1, "--devices", "all", "--run-dir", folder]
            return ["qrkeras", "train", preset, *options, *(each(i) if each else ())]

        return Workers(words, tmp_path, count, environment)

    return begin


def assert_alike_models(run, other):
    for a, b in zip(values(run), values(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def assert_alike(run, other):
    """Two runs are the same but for rounding: weights, optimizers, random state, logged losses."""
    assert_alike_models(run, other)
    one, two = ([r for r in each.records() if "d_loss" in r] for each in (run, other))
    assert [r["step"] for r in two] == [r["step"] for r in one]
    for a, b in zip(one, two, strict=True):
        assert (b["d_loss"], b["g_loss"]) == pytest.approx((a["d_loss"], a["g_loss"]), rel=1e-4, abs=1e-5)


def test_two_workers_go_on_with_the_run_of_one_device(cluster, points_run, tiny_points, tmp_path):
    train.train("qrgan-ring8", dataclasses.replace(tiny_points, steps=10), 1, tmp_path / "run", verbose=0)
    workers = cluster(2)
    assert workers.ended() == [0, 0], workers.told(0) + workers.told(1)
    run = load(tmp_path / "run")
    assert_alike(run, points_run)
    assert run.preset == points_run.preset, "machines are no part of the experiment"
    assert "steps 11 to 20 on CPU:0 of each of 2 workers" in workers.told(0)
    assert not list((tmp_path / "elsewhere").iterdir()), "worker 0 alone writes"
    # One device goes on from their checkpoint.
    train.train("qrgan-ring8", dataclasses.replace(tiny_points, steps=25), 1, tmp_path / "run", verbose=0)
    assert train.load_model(run).step == 25


def test_a_batch_that_workers_cannot_share_is_refused_before_they_meet(refused, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(["a:1", "b:1", "c:1"], 0))
    said = refused("train", "qrgan-ring8", "--batch-size", "500", "--devices", "all")
    assert said.startswith("qrkeras train: devices must divide batch_size=500, of which each takes an equal part")
    assert "Received: 3." in said


@pytest.mark.long
def test_three_workers_from_the_first_step(cluster, points_run, tmp_path):
    workers = cluster(3, batch_size=24)
    assert workers.ended() == [0, 0, 0], workers.told(0)
    one = train.train(
        "qrgan-ring8", dataclasses.replace(points_run.preset, batch_size=24), 1, tmp_path / "one", verbose=0
    )
    assert_alike(load(tmp_path / "run"), one)


@pytest.mark.long
def test_evaluation_is_shared(tiny_images, tmp_path):
    changes = {"evaluate_every": 5, "evaluate_samples": 50, "evaluate_features": "digits-cnn"}
    preset = dataclasses.replace(tiny_images, **changes)
    file = tmp_path / "gan.json"
    file.write_text(presets.to_json(preset))
    options = ["--seed", 1, "--devices", "all", "--run-dir", tmp_path / "run"]
    workers = Workers(["qrkeras", "train", file, *options], tmp_path)
    assert workers.ended() == [0, 0], workers.told(0)
    one = train.train("gan", preset, 1, tmp_path / "one", verbose=0)
    (expected, found) = ([r for r in run.records() if "features" in r] for run in (one, load(tmp_path / "run")))
    assert len(found) == 2
    assert_measured_alike(found, expected)
    workers = Workers(["qrkeras", "evaluate", tmp_path / "run", "--devices", "all"], tmp_path)
    assert workers.ended() == [0, 0], workers.told(0)
    shared = json.loads((tmp_path / "run" / "evaluated.json").read_text())
    cli.main(["evaluate", str(tmp_path / "run")])
    assert_measured_alike(shared, json.loads((tmp_path / "run" / "evaluated.json").read_text()))
    assert "evaluated.json" in workers.told(0) and "evaluated.json" not in workers.told(1)


def assert_measured_alike(found, others):
    for one, other in zip(found, others, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"seconds"}:
            expected = other[name]
            if isinstance(expected, float):
                expected = pytest.approx(expected, rel=1e-3, abs=1e-4)
            assert one[name] == expected, name


@pytest.mark.long
def test_first_weights_from_data_are_worker_0s(tmp_path):
    """A model that starts from data, and dropout: the first worker starts it, and the others have its weights."""
    sizes = ["--network.planes", 3, "--network.blocks", 1, "--network.resolutions", 2, "--network.components", 2]
    few = ["--batch-size", 8, "--steps", 10, "--checkpoint-every", 5, "--log-every", 5, "--evaluate-every", "None"]
    command = ["train", "pixelcnnpp-digits", *sizes, *few, "--steps-per-execution", 1]
    workers = Workers(["qrkeras", *command, "--devices", "all", "--run-dir", tmp_path / "run"], tmp_path)
    cli.main([str(word) for word in [*command, "--run-dir", tmp_path / "one"]])
    assert workers.ended() == [0, 0], workers.told(0)
    assert_alike_models(load(tmp_path / "run"), load(tmp_path / "one"))


@pytest.mark.long
def test_a_signal_to_one_worker_ends_all_after_the_same_step(cluster, tmp_path, points_run):
    workers = cluster(2, steps=100_000, checkpoint_every=50, sample_every=1000, log_every=1000)
    wait_for(lambda: checkpoints(tmp_path / "run" / "checkpoints"), workers)
    workers.processes[1].send_signal(signal.SIGTERM)
    assert workers.ended() == [0, 0], workers.told(0)
    assert "a signal to another worker: saved at step" in workers.told(0)
    step = train.load_model(load(tmp_path / "run")).step
    # The same command goes on from there, on any number: here one device.
    preset = dataclasses.replace(
        points_run.preset, steps=step + 5, checkpoint_every=50, sample_every=1000, log_every=1000
    )
    assert train.load_model(train.train("qrgan-ring8", preset, 1, tmp_path / "run", verbose=0)).step == step + 5


@pytest.mark.long
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_worker_ends_the_others_and_all_go_on(cluster, tmp_path, points_run, lost):
    """Kill -9, and the end is that of a run left alone, to the last bit: see tests/support/cluster_kills.py."""
    workers = cluster(2, steps=100_000, checkpoint_every=50, sample_every=1000, log_every=1000)
    wait_for(lambda: checkpoints(tmp_path / "run" / "checkpoints"), workers)
    workers.processes[lost].kill()
    statuses = workers.ended(120)
    assert statuses[lost] == -signal.SIGKILL and statuses[1 - lost] == 138
    said = workers.told(1 - lost)
    assert f"qrkeras train: worker {1 - lost} of 2: another worker is gone" in said and "Traceback" not in said
    assert checkpoints(tmp_path / "run" / "checkpoints")


@pytest.mark.long
def test_a_worker_that_never_comes(cluster):
    workers = cluster(2, environment={"QRKERAS_CLUSTER_TIMEOUT": "30"})
    workers.processes[1].kill()
    assert workers.ended(120)[0] == 138
    assert f"none from worker 1 ({workers.workers[1]})" in workers.told(0) and "Traceback" not in workers.told(0)


@pytest.mark.long
def test_workers_of_other_presets_are_refused(cluster, tmp_path):
    workers = cluster(2, each=lambda i: ["--latent-dim", 4 + i])
    assert workers.ended(120) == [2, 2]
    for i in range(2):
        assert "Received from worker 1: latent_dim 5 there, 4 on worker 0" in workers.told(i)
        assert "Traceback" not in workers.told(i)
    assert not (tmp_path / "run").exists()


def wait_for(condition, workers):
    while not condition():
        assert all(process.poll() is None for process in workers.processes), workers.told(0) + workers.told(1)
        time.sleep(0.1)


@pytest.mark.long
def test_workers_of_other_data_are_refused(tiny_images, tmp_path):
    for i in range(2):
        (tmp_path / str(i) / "images").mkdir(parents=True)
        for k in range(40):
            image = np.full((8, 8), 6 * k + (i if k == 7 else 0), "uint8")
            Image.fromarray(image).save(tmp_path / str(i) / "images" / f"{k}.png")
    preset = tmp_path / "gan.json"
    preset.write_text(presets.to_json(tiny_images))
    data = ["--data.name", "folder:~/images", "--data.image-size", 8]
    command = ["qrkeras", "train", preset, *data, "--devices", "all", "--run-dir", tmp_path / "run"]
    workers = Workers(command, tmp_path, environment=lambda i: {"HOME": tmp_path / str(i)})
    assert workers.ended(300) == [2, 2], workers.told(0)
    for i in range(2):
        assert "Received: other files of 'folder:" in workers.told(i) and "worker 0's on worker 1." in workers.told(i)
    assert not (tmp_path / "run").exists()
