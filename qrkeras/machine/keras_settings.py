"""What Keras must be set to for models that train; `keras.json` and KERAS_BACKEND may say otherwise."""

import json
import os
import pathlib
import sys


def check_keras():
    """Raises RuntimeError, naming the setting and where it comes from, where models could not train as they should.

    It is called before Keras is imported, too: a backend that is not installed would end in an error of its own.
    """
    keras = sys.modules.get("keras")
    backend = keras.backend.backend() if keras else os.environ.get("KERAS_BACKEND") or _file().get("backend")
    if (backend or "tensorflow") != "tensorflow":
        raise RuntimeError(
            f"Keras' backend must be tensorflow for qrkeras.models. Received: {backend}, "
            f"{_origin('backend', backend)}. Set KERAS_BACKEND=tensorflow before Keras is imported; qrkeras.losses, "
            "layers and networks run on every backend."
        )
    import keras

    found = {"floatx": keras.config.floatx(), "image_data_format": keras.config.image_data_format()}
    for setting, expected in (("floatx", "float32"), ("image_data_format", "channels_last")):
        if found[setting] != expected:
            raise RuntimeError(
                f"Keras' {setting} must be {expected} for qrkeras.models. Received: {found[setting]}, "
                f"{_origin(setting, found[setting])}. Change it there, or call keras.config.set_{setting}"
                f'("{expected}") before anything is built.'
            )


def _path():
    home = os.path.expanduser("~")
    home = os.environ.get("KERAS_HOME") or os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    return pathlib.Path(home, "keras.json").expanduser()


def _file():
    try:
        settings = json.loads(_path().read_text())
    except (OSError, ValueError):  # Keras goes on without it, too
        return {}
    return settings if isinstance(settings, dict) else {}


def _origin(setting, value):
    if setting == "backend" and os.environ.get("KERAS_BACKEND") == value:
        return "from the environment variable KERAS_BACKEND"
    return f"from {_path()}" if _file().get(setting) == value else "set by keras.config"
