"""Losses, layers and networks give the same numbers on TensorFlow, JAX and torch; `make backends` installs the two."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest


def run(backend, folder, *settings):
    """Results of `tests/support/on_any_backend.py`, name -> array."""
    path = folder / f"{backend}{''.join(settings)}.npz"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.on_any_backend", str(path), *settings],
        # Without them XLA compiles in a third of the time.
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{backend} ")
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def installed(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} IS NOT INSTALLED HERE, so nothing is proved for it: make backends")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return run("tensorflow", tmp_path_factory.mktemp("tensorflow"))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, expected, tmp_path):
    installed(backend)
    found = run(backend, tmp_path)
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_models_name_the_backend(backend):
    installed(backend)
    done = subprocess.run(
        [sys.executable, "-c", "import keras, qrkeras; qrkeras.models"],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert f"must be tensorflow for qrkeras.models. Received: {backend}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "settings", [("channels_first", "float64"), pytest.param(("float16",), marks=pytest.mark.long)]
)
def test_settings_of_keras_json_change_no_result(settings, expected, tmp_path):
    """Models refuse them; equations, layers and networks need not. In float16 layers compute what float16 can."""
    found = run("tensorflow", tmp_path, *settings)
    close = {"rtol": 0.05, "atol": 0.05} if "float16" in settings else {"rtol": 2e-4, "atol": 2e-5}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, **close, err_msg=name)
