"""A new family is new files and at most three lines elsewhere, and every verb knows it."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import qrkeras
from qrkeras.serving.client import Client
from tests.support import servers, toy_family

# All verbs in one process: TensorFlow is loaded once.
VERBS = """
import json, pathlib, sys
import numpy as np
from qrkeras import cli

def run(*words):
    try:
        cli.main(list(words))
    except SystemExit as error:
        assert not error.code, (words, error.code)

assert cli.__file__.startswith(sys.argv[1]), cli.__file__
run("presets", "toy-digits")
run("train", "toy-digits", "--steps", "20", "--run-dir", "run")
run("train", "toy-digits", "--run-dir", "run")
run("train", "toy-digits", "--run-dir", "whole")
run("sample", "run", "--n", "4", "--output", "samples.npy")
run("sample", "run", "--n", "4", "--output", "samples.png")
run("evaluate", "run", "--output", "evaluated")
run("plot", "run")
run("export", "run", "served")
run("tune", "toy", "--miniature", "--trials", "2", "--workers", "1", "--directory", "sweep")

import qrkeras
import tensorflow as tf
resumed, whole = (qrkeras.from_run(name) for name in ("run", "whole"))
assert resumed.step == whole.step == 40
for a, b in zip(resumed.weights, whole.weights, strict=True):
    np.testing.assert_array_equal(a, b)
served = tf.saved_model.load("served/toy-digits/1").signatures["sample"]
images = served(seed=tf.constant([[0, i] for i in range(4)]))["images"].numpy()
np.testing.assert_array_equal(images, np.load("samples.npy"))
assert any("FID[digits-cnn] train" in line for line in pathlib.Path("run/metrics.jsonl").read_text().splitlines())
assert json.loads(pathlib.Path("sweep/best.json").read_text())["preset"]["type"] == "ToyPreset"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    package = pathlib.Path(qrkeras.__file__).parent
    shutil.copytree(package, folder / "qrkeras", ignore=shutil.ignore_patterns("__pycache__"))
    toy_family.added_to(folder / "qrkeras")
    return folder


def test_it_is_served(home, run_verbs):
    """By `qrkeras serve`'s application, of the package without the family: an export knows no qrkeras."""
    with servers.running(home / "served") as url, Client(url, "toy-digits") as client:
        drawn = client.sample(4)
    np.testing.assert_array_equal(drawn, np.load(home / "samples.npy"))


def test_what_a_family_costs():
    assert len(toy_family.EDITS) <= 3
    assert all("\n" not in line for edit in toy_family.EDITS.values() for line in edit)
    own = {name.rpartition("/")[2] for name in toy_family.FILES if name.startswith("families/")}
    assert own == {"__init__.py", "schema.py", "presets.py", "build.py", "spaces.py"}


@pytest.fixture(scope="module")
def run_verbs(home):
    script = home / "verbs.py"
    script.write_text(VERBS)
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(script), str(home)], cwd=home, env=environment, capture_output=True, text=True, timeout=900
    )
    return done


def test_every_verb_knows_the_new_family(home, run_verbs):
    assert run_verbs.returncode == 0, run_verbs.stdout[-2000:] + run_verbs.stderr[-4000:]
    for name in (
        "samples.npy",
        "samples.png",
        "evaluated.csv",
        "run/curves.png",
        "run/best.keras",
        "sweep/results.csv",
    ):
        assert (home / name).exists(), name
