"""The command, mostly in this process; what must hold of a fresh one is tried in a fresh one."""

import contextlib
import io
import os
import pathlib
import resource
import subprocess
import sys

import pytest
import tensorflow as tf

from qrkeras import cli


def fresh(*arguments):
    """Runs the command in a process of its own, as a user does."""
    quiet = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-m", "qrkeras", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=quiet)


@pytest.mark.parametrize("arguments", [["presets"], ["presets", "qrgan-grid25"], ["--help"], ["train", "--help"]])
def test_quick_answers_need_no_tensorflow(arguments):
    script = (
        "import sys\nfrom qrkeras import cli\n"
        f"cli.main({arguments})\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'loaded'"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"qrkeras {' '.join(arguments)}: {seconds:.2f} s of one core")
    assert ran.returncode == 0, ran.stderr
    # Under half a second on an idle machine; the time of a core, since a test machine may be busy.
    assert seconds < 1.5


def test_docstrings_that_python_has_taken_away(done, capfd):
    script = "import sys\nfrom qrkeras import cli\ncli.main(sys.argv[1:])"
    for arguments in ([], ["train", "qrgan-ring8", "--help"], ["coverage", "--help"]):
        ran = subprocess.run([sys.executable, "-OO", "-c", script, *arguments], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        with contextlib.suppress(SystemExit):
            cli.main(arguments)
        assert ran.stdout.split() == capfd.readouterr().out.split()


def test_a_reader_that_has_enough(tmp_path):
    script = "import sys\nfrom qrkeras import cli\nfor _ in range(3000): cli.main(['--help'])\nopen(sys.argv[1], 'w')"
    writer = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "end"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "usage: qrkeras VERB ...\n"
    writer.stdout.close()
    assert writer.stderr.read() == "" and writer.wait() == 0
    assert (tmp_path / "end").exists(), "what there is to do is done"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "> /dev/full"])
def test_no_place_to_print(closed):
    ran = subprocess.run(f"{sys.executable} -m qrkeras presets {closed}", shell=True, capture_output=True, text=True)
    assert "Traceback" not in ran.stderr
    assert (ran.returncode, "No space left" in ran.stderr) == ((2, True) if "full" in closed else (0, False))


def test_no_home_and_a_user_without_a_name(tmp_path):
    """As in a container that is run with --user 4321; nothing is made in a folder called ~."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import pwd\npwd.getpwuid = {}.__getitem__")
    (tmp_path / "work").mkdir()
    known = (
        "HOME",
        "QRKERAS_CACHE",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "TFDS_DATA_DIR",
        "MPLCONFIGDIR",
        "KERAS_HOME",
    )
    env = {key: value for key, value in os.environ.items() if key not in known}
    path = [str(tmp_path / "site"), str(pathlib.Path(cli.__file__).parents[1])]
    command = [sys.executable, "-m", "qrkeras", "train", "qrgan-cifar10"]
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path / "work", env={**env, "PYTHONPATH": os.pathsep.join(path)}
    )
    assert ran.returncode == 2 and "data_dir must be given where there is no home folder" in ran.stderr
    assert list((tmp_path / "work").iterdir()) == []


def test_misspelt_option_in_a_fresh_process(tmp_path):
    script = (
        "import sys\nfrom qrkeras import cli\n"
        "try:\n    cli.main(sys.argv[1:])\nfinally:\n    print('tensorflow' in sys.modules)"
    )
    arguments = ["train", "qrgan-ring8", "--loss.penalty-wieght", "1", "--run-dir", str(tmp_path / "run")]
    ran = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "--loss.penalty-weight" in ran.stderr and "--loss.penalty-wieght" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == "False\n", "it is refused at once"
    assert not (tmp_path / "run").exists()


def test_bad_input_in_a_fresh_process(tmp_path):
    ran = fresh("sample", tmp_path)
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr.startswith("qrkeras sample: RUN must be a run directory") and ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "option, nearest",
    [
        ("--stepps", "--steps"),
        ("--los.penalty-weight", "--loss.penalty-weight"),
    ],
)
def test_misspelt_option(refused, option, nearest):
    assert nearest in refused("train", "qrgan-ring8", option, "1").replace(option, "")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["trian", "qrgan-ring8"], "Did you mean train?"),
        (["train"], "PRESET must come first"),
        (["train", "--steps", "3", "qrgan-ring8"], "PRESET must come first"),
        (["train", "qrgan-ring9"], 'Did you mean "qrgan-ring8"?'),
        (["presets", "nsgan-grid"], 'Did you mean "nsgan-grid25"?'),
        (["train", "qrgan-ring8", "--loss.penalty-weight", "much"], "could not convert string"),
        (["train", "qrgan-ring8", "--loss.penalty-weight", "-1"], "penalty_weight must be 0 or more. Received: -1.0"),
        (["train", "qrgan-ring8", "--loss.penalty", "l3"], "l1_square"),
        (["train", "qrgan-ring8", "--update", "both"], "'simultaneous', 'alternating'"),
        (["train", "qrgan-ring8", "--steps", "0"], "steps must be at least 1. Received: 0"),
        (["train", "qrgan-ring8", "--precision", "float16"], "float16 would need a loss scale for each network"),
        (["train", "qrgan-ring8", "--start-from", "nowhere"], "start_from must be a run directory with a checkpoint"),
        (["train", "qrgan-ring8", "--frozen", "encoder"], "frozen must name parts of GAN: generator, discriminator"),
        (["train", "qrgan-ring8", "--frozen", "generator", "discriminator"], "frozen must leave a part of GAN"),
        (["train", "qrgan-ring8", "--devices", "9"], 'devices must be "all" or a number from 1 to'),
        (["train", "qrgan-ring8", "--devices", "0"], 'devices must be "all" or a number from 1 to'),
        (["train", "qrgan-ring8", "--seed", "-1"], "eed must be"),
        (["train", "qrgan-ring8", "--network.activation", "reluu"], "reluu"),
        (["train", "qrgan-ring8", "--network.kernel-initializer", "zeros"], "kernel_initializer"),
        (["train", "qrgan-ring8", "--network.kernel-initializer", "nonsense"], "kernel_initializer"),
        (["train", "qrgan-ring8", "--generator-optimizer.learning-rate", "-1"], "learning_rate must be above 0"),
        (["train", "qrgan-ring8", "--data.name", "grid26"], "Did you mean 'grid25'?"),
        # Points for images, and images for points.
        (["train", "qrgan-cifar10", "--data.name", "ring8"], "image_size must be None for 'ring8'"),
        (
            ["train", "qrgan-cifar10", "--data.name", "ring8", "--data.image-size", "None"],
            "network must be Mlp for points",
        ),
        (["train", "qrgan-ring8", "--data.name", "digits"], "network must be Dcgan for images"),
        # 48 / 2**3 = 6 is neither 4 nor 8.
        (["train", "qrgan-cifar10", "--data.name", "digits", "--data.image-size", "48"], "image_size must be base"),
        (["train", "qrgan-cifar10", "--data.name", "digits", "--batch-size", "9999"], "batch_size must be at most"),
        (["train", "qrgan-cifar10", "--data.name", "folder:nowhere"], "must name an existing folder"),
        (["train", "qrgan-cats", "--data.directory", "."], "'cats' must lie in the folder"),
        (["train", "qrgan-cifar10", "--data.directory", "nowhere"], "must name an existing folder"),
        (["sample", "nowhere"], "RUN must be a run directory"),
        (["export", "nowhere", "models"], "RUN must be a run directory"),
        (["plot", "nowhere"], "RUN must be a run directory"),
        (["plot"], "RUN must name at least one run directory"),
        (["sample"], "Missing"),
        (["coverage", "qrgan-cifar10"], "presets must be of mixtures"),
        (["coverage", "qrgan-ring8", "--seeds", "0"], "seeds must be at least 1"),
        (["contours", "--data", "digits"], "data must be ring8 or grid25. Received: digits"),
        (["contours", "--steps", "0"], "steps must be at least 1"),
    ],
)
def test_bad_input(refused, arguments, message):
    told = refused(*arguments)
    assert message in " ".join(told.split())


def test_run_directory_below_a_file(refused, tmp_path):
    (tmp_path / "file").write_text("")
    told = refused("train", "qrgan-ring8", "--run-dir", tmp_path / "file" / "run")
    assert told.startswith("qrkeras train: run_dir must be a directory that can be written")
    assert told.count("\n") == 1


def test_run_directory_of_another_preset(refused, points_run):
    told = refused("train", "qrgan-grid25", "--run-dir", points_run.path)
    assert "data.name: ring8 there, grid25 now" in told and "a run of qrgan-ring8" in told


def test_missing_data_without_network(refused, tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def offline(self, **options):
        raise ConnectionError("Name or service not known\nand much more")

    monkeypatch.setattr("socket.create_connection", lambda *_, **__: io.BytesIO())
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", offline)
    (tmp_path / "data").mkdir()
    told = refused("train", "qrgan-cifar10", "--data.directory", tmp_path / "data")
    assert "'cifar10' is not in" in told and "could not be downloaded" in told and "TFDS_DATA_DIR" in told
    assert told.count("\n") == 1


def test_training_that_fails_has_one_message(points_run, capfd, tmp_path, monkeypatch):
    from qrkeras.models import GAN

    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GAN, "save", full)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "qrgan-ring8", "--steps", "1", "--run-dir", str(tmp_path / "run")])
    err = capfd.readouterr().err
    assert stopped.value.code == 2
    assert err.startswith("qrkeras train:") and "No space left on device" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "error, told",
    [
        (MemoryError("Unable to allocate 9 TiB"), "memory must hold all that this needs (Unable to allocate 9 TiB)."),
        (MemoryError(), "memory must hold all that this needs (it does not). Ask for less at a time."),
        (tf.errors.DataLossError(None, None, "{{node A}} corrupted record [Op:B] name: "), ": corrupted record\n"),
        (tf.errors.ResourceExhaustedError(None, None, "Graph:\n\nError: OOM\n at A"), ": Error: OOM\n"),
    ],
    ids=["much", "memory", "record", "graph"],
)
def test_what_fails_beneath_has_one_message(refused, monkeypatch, error, told):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(cli, "_called", fail)
    assert told in refused("latents", "run")
