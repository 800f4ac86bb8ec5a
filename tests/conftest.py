"""Tiny runs that tests share; a test that changes one copies it first."""

import dataclasses
import fcntl
import os
import pathlib
import shutil
import zlib

from qrkeras.machine import processes

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if (beside := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) > 1:  # processes of tests share the cores
    for variable in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, str(max(1, processes.cores() // beside)))

import keras
import pytest
import tensorflow as tf

from qrkeras import cli, presets
from qrkeras.experiments import runs
from qrkeras.families.preset import Data

# Two devices, for what replicas share; everything else runs on the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

SHORT = {
    "batch_size": 8,
    "steps": 10,
    "log_every": 5,
    "sample_every": 5,
    "checkpoint_every": 5,
    "evaluate_every": None,
    "steps_per_execution": 5,
}


def _tiny(preset, **changes):
    fields = {
        **SHORT,
        "batch_size": 16,
        "latent_dim": 4,
        "steps": 20,
        "sample_every": 10,
        "discriminator_steps": 1,
        "loss": dataclasses.replace(preset.loss, num_quantiles=4),
    }
    return dataclasses.replace(preset, **{**fields, **changes})


# What takes longest is begun first: else the end of it is waited for.
LONGEST = (
    "tests/models/test_gan.py", "tests/search/test_launch.py", "tests/search/test_trial.py", "tests/test_cli.py",
    "tests/experiments/test_train.py", "tests/experiments/test_build.py", "tests/models/", "tests/families/",
    "tests/networks/test_strided_sampler.py", "tests/evaluation/",
    "tests/tuning/", "tests/test_golden.py", "tests/verbs/test_demo.py", "tests/experiments/", "tests/verbs/",
    "tests/serving/", "tests/export/",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    missing = [name for name in LONGEST if not (pathlib.Path(__file__).parents[1] / name).exists()]
    assert not missing, f"LONGEST must name files and folders that there are. Received: {missing}"
    rank = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: min((i for name, i in rank.items() if item.nodeid.startswith(name)), default=len(rank)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Initial weights that a test leaves to Keras are the same in each run, whichever tests came before."""
    keras.utils.set_random_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    """Again, since fixtures that several tests share have drawn in the first of them alone."""
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def shared_run(tmp_path_factory):
    """`shared_run(preset's name, preset)`: one process of the session trains it, and each has a copy."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def run(preset_name, preset):
        from qrkeras.experiments.train import train

        name = f"{preset_name}-{zlib.crc32(presets.to_json(preset).encode()):08x}"  # one name, two presets: two runs
        made = common / f"trained-{name}"
        with open(common / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                train(preset_name, preset, seed=1, run_dir=common / f"training-{name}" / "run", verbose=0)
                (common / f"training-{name}").rename(made)
        return runs.load(shutil.copytree(made / "run", tmp_path_factory.mktemp(name) / "run"))

    return run


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Statistics of real images are kept here, not in the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("QRKERAS_CACHE", str(folder))
        yield folder


@pytest.fixture
def done(capfd):
    """Runs the command, which must succeed; returns what it printed."""

    def run(*arguments):
        cli.main([str(a) for a in arguments])
        return capfd.readouterr().out

    return run


@pytest.fixture
def refused(capfd, tmp_path, monkeypatch):
    """Runs the command, which must refuse with one message, on one line where it is ours, and leave nothing behind;
    returns the message."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        assert stopped.value.code == 2
        assert out == "" and err and "Traceback" not in err
        assert err.count("\n") == 1 or not err.startswith("qrkeras ")
        assert sorted(tmp_path.rglob("*")) == before
        return err

    return run


@pytest.fixture
def stands_in(monkeypatch):
    """`stands_in(script)`: what `qrkeras train` would be started for, a shell does in its place."""
    child = processes.child

    def use(script):
        def start(command, *rest):
            return child(["sh", "-c", script, *command], *rest)

        monkeypatch.setattr(processes, "child", start)
        return start

    return use


@pytest.fixture(scope="session")
def tiny_points():
    """qrgan-ring8 with 8 units, 20 steps."""
    preset = presets.get("qrgan-ring8")
    return _tiny(preset, network=dataclasses.replace(preset.network, width=8, hidden_layers=1))


@pytest.fixture(scope="session")
def tiny_images():
    """qrgan-cifar10 on 8 x 8 digits, 2 units, 10 steps."""
    preset = presets.get("qrgan-cifar10")
    network = dataclasses.replace(preset.network, width=2, hidden_layers=1)
    return _tiny(preset, data=Data("digits"), network=network, steps=10)


@pytest.fixture(scope="session")
def points_run(tiny_points, shared_run):
    return shared_run("qrgan-ring8", tiny_points)


@pytest.fixture(scope="session")
def images_run(tiny_images, shared_run):
    return shared_run("qrgan-cifar10", tiny_images)


@pytest.fixture(scope="session")
def tiny_pixels():
    """pixeliqn-digits with one block of 6 planes, 10 steps."""
    preset = presets.get("pixeliqn-digits")
    return dataclasses.replace(
        preset,
        network=dataclasses.replace(preset.network, blocks=1, kernel_size=3, planes=6, output_planes=6),
        **SHORT,
    )


@pytest.fixture(scope="session")
def pixels_run(tiny_pixels, shared_run):
    return shared_run("pixeliqn-digits", tiny_pixels)


@pytest.fixture(scope="session")
def served_models(points_run, images_run, pixels_run, latents_run):
    """A model of each kind that serves: points, grey images, PixelIQN, AIQN-VAE, and a PixelCNN of four classes in
    colour."""
    from qrkeras import models, networks
    from qrkeras.experiments import train

    sizes = {"blocks": 1, "kernel_size": 3, "planes": 6, "output_planes": 6}
    classes = models.PixelCNN(networks.pixelcnn(4, channels=3, **sizes, num_classes=4, seed=1), seed=1)
    runs = {"points": points_run, "images": images_run, "pixels": pixels_run, "latents": latents_run}
    served = {**{kind: train.load_model(run) for kind, run in runs.items()}, "classes": classes}
    # After ten steps all is grey still: contrasts, to compare.
    drawing = (served["images"].generator, 4), (served["pixels"].average, 10), (served["latents"].decoder, 10)
    for network, factor in drawing:
        for weight in network.weights:
            if "moving" not in weight.name:
                weight.assign(factor * weight)
    return served


@pytest.fixture(scope="session")
def served_folder(served_models, tmp_path_factory):
    """Version 1 of each of them."""
    from qrkeras.serving import export as serving

    base = tmp_path_factory.mktemp("served")
    for kind, model in served_models.items():
        assert serving.export_model(model, base / "made", kind) == base / "made" / kind / "1"
    return base / "made"


@pytest.fixture(scope="session")
def tiny_latents():
    """aiqnvae-digits with 4 latents and few units, 10 steps."""
    preset = presets.get("aiqnvae-digits")
    return dataclasses.replace(
        preset,
        network=dataclasses.replace(preset.network, width=4),
        aiqn=dataclasses.replace(preset.aiqn, width=8, hidden_layers=1),
        latent_dim=4,
        **SHORT,
    )


@pytest.fixture(scope="session")
def latents_run(tiny_latents, shared_run):
    return shared_run("aiqnvae-digits", tiny_latents)


@pytest.fixture(scope="session")
def vae_run(tiny_latents, shared_run):
    return shared_run("vae-digits", dataclasses.replace(tiny_latents, aiqn=None, steps=5))
