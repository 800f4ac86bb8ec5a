"""Another backend, float or image layout in keras.json, or KERAS_BACKEND: one message from the models."""

import json
import os
import subprocess
import sys

import keras
import pytest

from qrkeras.machine import keras_settings
from qrkeras.models.base import GenerativeModel

GOOD = {"backend": "tensorflow", "floatx": "float32", "image_data_format": "channels_last", "epsilon": 1e-7}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Writes a keras.json, which KERAS_HOME names."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)

    def write(**changes):
        (tmp_path / "keras.json").write_text(json.dumps({**GOOD, **changes}))
        return tmp_path / "keras.json"

    return write


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_another_backend_is_named_before_keras_is_imported(home, monkeypatch, backend):
    monkeypatch.delitem(sys.modules, "keras")
    path = home(backend=backend)
    with pytest.raises(RuntimeError, match=f"must be tensorflow for qrkeras.models. Received: {backend}, from {path}"):
        keras_settings.check_keras()
    home()
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(RuntimeError, match=f"Received: {backend}, from the environment variable KERAS_BACKEND"):
        keras_settings.check_keras()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # wins over the file, as in Keras
    home(backend=backend)
    monkeypatch.setitem(sys.modules, "keras", keras)
    keras_settings.check_keras()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"backend": null}'])
def test_a_file_that_keras_passes_over(home, monkeypatch, text):
    home().write_text(text)
    keras_settings.check_keras()


@pytest.mark.parametrize(
    ("setting", "value"), [("floatx", "float16"), ("floatx", "float64"), ("image_data_format", "channels_first")]
)
def test_floats_and_layouts(home, setting, value):
    path = home(**{setting: value})
    before = getattr(keras.config, setting)()
    getattr(keras.config, f"set_{setting}")(value)
    try:
        with pytest.raises(RuntimeError, match=f"{setting} must be .* Received: {value}, from {path}. Change it"):
            keras_settings.check_keras()
        path.unlink()
        with pytest.raises(RuntimeError, match=f"Received: {value}, set by keras.config"):
            GenerativeModel()  # no model is made either
    finally:
        getattr(keras.config, f"set_{setting}")(before)


@pytest.mark.parametrize("call", [["-m", "qrkeras", "train", "qrgan-digits"], ["-c", "import qrkeras.models"]])
def test_the_message_reaches_the_user(home, call, tmp_path):
    path = home(backend="no_such_backend")
    done = subprocess.run([sys.executable, *call], capture_output=True, text=True, env=os.environ, cwd=tmp_path)
    last = done.stderr.splitlines()[-1]
    assert "Keras' backend must be tensorflow" in last and f"from {path}" in last
    if "-m" in call:
        assert done.returncode == 2 and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [path]
